"""A language model words a recommendation; the checker decides whether that wording is shown.

What is recommended, how urgent it is and when to act are ours and stay as they are. The model gets the numbered facts, picks some
and says them in their words. What fails the checker or is told in other words (:mod:`racetwin.strategist.plain_words`)
is asked for once more with the objection, and then our own wording stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from racetwin.schemas import AdviceTexts, Checked, ModelWording, Recommendation
from racetwin.schemas import Sentence as ShownSentence
from racetwin.strategist.checker import Checker
from racetwin.strategist.client import Answer, ModelClient, ModelUnavailableError
from racetwin.strategist.model_faults import other_faults
from racetwin.strategist.model_question import SCHEMA, Sentence, Wording, messages, parse
from racetwin.strategist.past_help import past_help
from racetwin.strategist.plain_words import PlainWords
from racetwin.strategist.verdict import Objection, Verdict

TEXTS = (
    "title",
    "description",
    "expected_benefit",
    "reasoning",
    "risks",
    "wording",
    "sentences",
    "checked",
    "worded",
)
"""The fields of a recommendation that a wording changes."""


@dataclass(frozen=True, slots=True)
class Worded:
    """A recommendation as it is shown, and how its wording came about.

    ``verdict`` is the checker's on what is shown; ``refused`` the objections to what was not; ``answers`` what the model said.
    The recommendation carries the same in its field ``worded``, for those who only see that.
    """

    recommendation: Recommendation
    verdict: Verdict
    refused: tuple[Objection, ...] = ()
    answers: tuple[Answer, ...] = ()
    unavailable: str | None = None


def texts_of(r: Recommendation) -> tuple[str, ...]:
    """Every text of a recommendation that is shown."""
    return (r.title, r.description, r.expected_benefit, r.reasoning, *r.risks, *(a.text for a in r.alternatives))


def content(r: Recommendation) -> tuple[Any, ...]:
    """Return what a wording of a recommendation depends on: two with the same content may have the same wording."""
    texts = own_texts(r)
    alternatives = tuple(a.text for a in r.alternatives)
    return (r.id, r.priority, r.execution_lap, texts, alternatives, r.facts)


def decision(r: Recommendation) -> tuple[Any, ...]:
    """Return what was decided: as long as it stays so, a model's words for it may stay, if the facts of today carry them."""
    own = r.worded.own if r.worded is not None else None
    call = r.life.call if r.life is not None else ""
    return (r.id, r.priority, r.execution_lap, own.title if own is not None else r.title, call)


def reworded(shown: Recommendation, worded: Recommendation) -> Recommendation:
    """Return advice on show with the words of ``worded``, which has the same content; everything else of it stays."""
    fields = TEXTS if worded.wording == "model" else ("worded",)
    return shown.model_copy(update={name: getattr(worded, name) for name in fields})


def carried(old: Recommendation, fresh: Recommendation, retired: tuple[str, ...] = ()) -> Recommendation | None:
    """Return ``fresh`` in the model's words of ``old``: None if there are none, or if they do not hold any more.

    The facts move with every lap, the words need not: they stay while the decision is the same and the checker passes them on the
    facts of now. Without that a model that takes half a lap to answer would be thrown away each lap.
    """
    if old.wording != "model" or old.worded is None or fresh.wording == "model" or decision(old) != decision(fresh):
        return None
    if fresh.life is not None and fresh.life.state in ("changed", "withdrawn"):
        return None  # what has changed must be said
    told = [s for s in old.sentences if s.part != "alternatives"]
    if old.worded.own is not None and old.risks == old.worded.own.risks:  # the risks were ours, and are those of now
        told = [s for s in told if s.part != "risks"]
    checker = Checker(fresh.facts, retired)
    texts = [s.text for s in told]
    verdict = checker.check(*texts)
    if not verdict.passed or PlainWords(fresh.facts, own_texts(fresh)).objections(*texts):
        return None

    def of(part: str) -> tuple[Sentence, ...]:
        return tuple(Sentence(text=s.text) for s in told if s.part == part)

    wording = Wording.model_construct(
        title=old.title,
        description=of("description"),
        expected_benefit=of("expected_benefit"),
        reasoning=of("reasoning"),
        risks=of("risks"),
    )
    report = old.worded.model_copy(update={"own": own_texts(fresh)})
    return _apply(fresh, wording, checker, verdict, report)


def check_own(recommendation: Recommendation, retired: tuple[str, ...] = ()) -> Verdict:
    """Check a recommendation's present wording against its facts."""
    return Checker(recommendation.facts, retired).check(*texts_of(recommendation))


async def word(
    client: ModelClient,
    recommendation: Recommendation,
    *,
    deadline_s: float,
    retired: tuple[str, ...] = (),
    on_text: Callable[[str], None] | None = None,
) -> Worded:
    """Have the model word a recommendation, within the deadline; our own wording stands if it cannot or must not be shown.

    ``on_text`` is given what the model says as it comes, a blank line between its two answers.
    """
    checker = Checker(recommendation.facts, retired)
    plain = PlainWords(recommendation.facts, own_texts(recommendation))
    refused: tuple[Objection, ...] = ()
    answers: list[Answer] = []
    verdict = Verdict(0, 0)
    unavailable: str | None = None
    left = deadline_s
    for _ in range(2):
        if answers and on_text is not None:
            on_text("\n\n")
        try:
            answer = await client.ask(
                messages(recommendation, refused),
                deadline_s=left,
                schema=SCHEMA,
                on_text=on_text,
                past_help=past_help,
            )
        except ModelUnavailableError as error:
            unavailable = str(error)
            break
        answers.append(answer)
        left -= answer.elapsed_s
        try:
            wording = parse(answer.text)
        except ValueError as error:
            refused, verdict = (Objection(answer.text[:80], "form", answer.cut_short or str(error)),), Verdict(0, 0)
        else:
            verdict = checker.check(*wording.texts())
            others = plain.objections(*wording.texts()) + other_faults(wording, recommendation)
            if verdict.passed and not others:
                report = _report(client, "shown", answers, verdict, refused, own=own_texts(recommendation))
                return Worded(
                    _apply(recommendation, wording, checker, verdict, report), verdict, refused, tuple(answers)
                )
            refused = verdict.objections + others
        if left <= 0:
            break
    state: Literal["refused", "unavailable"] = "unavailable" if unavailable is not None and not refused else "refused"
    detail = unavailable or (f"{refused[0].sentence!r}: {refused[0].claim}: {refused[0].why}" if refused else "")
    report = _report(client, state, answers, verdict, refused, detail=detail)
    stands = recommendation.model_copy(update={"worded": report})
    return Worded(stands, check_own(recommendation, retired), refused, tuple(answers), unavailable)


def own_texts(r: Recommendation) -> AdviceTexts:
    """Return our own wording of a recommendation, whoever's is shown."""
    if r.worded is not None and r.worded.own is not None:
        return r.worded.own
    return AdviceTexts(
        title=r.title,
        description=r.description,
        expected_benefit=r.expected_benefit,
        reasoning=r.reasoning,
        risks=r.risks,
    )


def _report(
    client: ModelClient,
    state: Literal["shown", "refused", "unavailable"],
    answers: list[Answer],
    verdict: Verdict,
    refused: tuple[Objection, ...],
    *,
    detail: str = "",
    own: AdviceTexts | None = None,
) -> ModelWording:
    def total(counts: list[int | None]) -> int | None:
        known = [n for n in counts if n is not None]
        return sum(known) if known else None

    return ModelWording(
        state=state,
        model=client.model,
        small=client.small,
        detail=detail[:300],
        objections=tuple(f"{o.sentence[:120]}: {o.claim[:40]}: {o.why}" for o in refused[:8]),
        claims=verdict.claims,
        supported=verdict.supported,
        attempts=len(answers),
        first_token_s=_rounded(answers[0].first_token_s) if answers else None,
        elapsed_s=_rounded(sum(a.elapsed_s for a in answers)) if answers else None,
        prompt_tokens=total([a.prompt_tokens for a in answers]),
        completion_tokens=total([a.completion_tokens for a in answers]),
        own=own,
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _apply(
    recommendation: Recommendation, wording: Wording, checker: Checker, verdict: Verdict, report: ModelWording
) -> Recommendation:
    """Put the model's texts in the place of ours; each sentence with the facts that the checker found behind it."""

    def joined(sentences: tuple[Sentence, ...]) -> str:
        return " ".join(s.text for s in sentences)

    def shown(part: Any, *said: Sentence) -> list[ShownSentence]:
        return [ShownSentence(part=part, text=s.text, facts=checker.evidence(s.text)) for s in said]

    def ours(*texts: str) -> tuple[Sentence, ...]:
        return tuple(Sentence(text=text) for text in texts)

    kept_risks = tuple(s.text for s in wording.risks) or recommendation.risks
    sentences = [
        *shown("title", *ours(wording.title)),
        *shown("description", *wording.description),
        *shown("expected_benefit", *wording.expected_benefit),
        *shown("reasoning", *wording.reasoning),
        *shown("risks", *(wording.risks or ours(*recommendation.risks))),
        *shown("alternatives", *ours(*(a.text for a in recommendation.alternatives))),
    ]
    return recommendation.model_copy(
        update={
            "title": wording.title,
            "description": joined(wording.description),
            "expected_benefit": joined(wording.expected_benefit),
            "reasoning": joined(wording.reasoning),
            "risks": kept_risks,
            "wording": "model",
            "sentences": tuple(sentences),
            "checked": Checked(claims=verdict.claims, supported=verdict.supported),
            "worded": report,
        }
    )
