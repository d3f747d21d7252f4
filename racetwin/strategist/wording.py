"""A language model words a recommendation; the checker decides whether that wording is shown.

What is recommended, how urgent it is and when to act are ours and stay as they are. The model gets the numbered facts and says it
in its own words. What fails the checker is asked for once more with the objection, and then our own wording stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from racetwin.schemas import AdviceTexts, Checked, Fact, ModelWording, Recommendation
from racetwin.schemas import Sentence as ShownSentence
from racetwin.strategist.checker import Checker
from racetwin.strategist.client import Answer, ModelClient, ModelUnavailableError
from racetwin.strategist.verdict import Objection, Verdict


class Sentence(BaseModel):
    """One sentence and the numbers of the facts it rests on."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    text: str = Field(min_length=1, max_length=300)
    facts: tuple[int, ...] = ()


class Wording(BaseModel):
    """What the model is asked for."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    title: str = Field(min_length=1, max_length=80)
    description: tuple[Sentence, ...] = Field(min_length=1, max_length=3)
    expected_benefit: tuple[Sentence, ...] = Field(min_length=1, max_length=2)
    reasoning: tuple[Sentence, ...] = Field(min_length=1, max_length=4)
    risks: tuple[Sentence, ...] = Field(default=(), max_length=3)

    def texts(self) -> tuple[str, ...]:
        """Every text of it, title first."""
        parts = (*self.description, *self.expected_benefit, *self.reasoning, *self.risks)
        return (self.title, *(s.text for s in parts))


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


def strict_schema(schema: Any) -> Any:
    """Return a JSON schema as strict servers take it: every field required and no other allowed, no defaults, no text lengths.

    OpenAI answers 400 to anything else. What a field may be is looked at again when the answer is read.
    """
    if isinstance(schema, list):
        return [strict_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    dropped = ("default", "minLength", "maxLength")
    out = {k: v if k == "required" else strict_schema(v) for k, v in schema.items() if k not in dropped}
    if out.get("type") == "object":
        out |= {"required": list(out["properties"]), "additionalProperties": False}
    return out


SCHEMA: dict[str, Any] = strict_schema(Wording.model_json_schema())

_RULES = """You word pit-wall advice for a Formula 1 race engineer.
You are given a decision that has been made and numbered facts.
Say why, in short plain sentences, for someone who has twenty seconds.
Rules:
- Use only the facts. Every number, driver, lap and tyre must be in a fact, with its unit, as written there.
- Never give a cause or an effect that is not a fact. Never mention a car that no fact mentions.
- Choose the facts that speak for the decision; leave out what the engineer sees anyway.
- After each sentence give the numbers of the facts it rests on.
Answer with one JSON object and nothing else, in exactly this form:
{"title": "...", "description": [{"text": "...", "facts": [1]}], "expected_benefit": [{"text": "...", "facts": [2]}],
 "reasoning": [{"text": "...", "facts": [3]}], "risks": [{"text": "...", "facts": [4]}]}"""

_EXAMPLES = (
    (
        """Decision: Box this lap for HARD. Pit at the end of lap 24 and fit HARD tyres.
Priority: urgent. Facts:
12. Plan: L24 HARD.
13. 'L24 HARD' is worth 15.10 points on average (standard error 0.05).
18. Boxing at the end of lap 24 it rejoins P8 (70% likely).
20. NOR is then 0.9 s ahead.
22. A stop costs 20.5 s (19.1 to 26.0).""",
        """{"title": "Box this lap for HARD", "description": [{"text": "Box on lap 24 for HARD tyres.", "facts": [12]}], \
"expected_benefit": [{"text": "The plan is worth 15.10 points on average.", "facts": [13]}], \
"reasoning": [{"text": "We rejoin P8 with a probability of 70%.", "facts": [18]}, {"text": "A stop costs 20.5 s.", \
"facts": [22]}], "risks": [{"text": "We rejoin 0.9 s behind NOR.", "facts": [20]}]}""",
    ),
    (
        """Decision: Be ready to cover HAM. HAM is 1.4 s behind, in range of an undercut.
Priority: moderate. Facts:
1. HAM is 1.4 s behind.
2. HAM stops within five laps with a probability of 63%.
3. Plan: L26 MEDIUM.
4. 'L26 MEDIUM' finishes P6.2 on average.""",
        """{"title": "Be ready to cover HAM", "description": [{"text": "Be ready: HAM is 1.4 s behind.", "facts": [1]}], \
"expected_benefit": [{"text": "The plan finishes P6.2 on average.", "facts": [4]}], \
"reasoning": [{"text": "HAM boxes within five laps in 63% of cases.", "facts": [2]}], "risks": []}""",
    ),
)
"""A question and its answer, twice: what servers without JSON schemas, and small models, learn the form from."""
FACTS_ASKED = 24
"""Facts put to the model at most: a small model loses its way in more, and a CPU reads slowly."""


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


def messages(recommendation: Recommendation, objections: tuple[Objection, ...] = ()) -> list[dict[str, str]]:
    """Lay out the question: the part that never changes first, so that a server can keep its work on it."""
    r = recommendation
    facts = "\n".join(f"{f.id}. {f.text}" for f in _facts_asked(r))
    question = f"Decision: {r.title}. {r.description}\nPriority: {r.priority.value}. Facts:\n{facts}"
    if objections:
        said = "\n".join(f"- {o.sentence[:120]!r}: {o.claim[:40]}: {o.why}" for o in objections[:4])
        question += f"\nYour last answer was refused:\n{said}\nSay only what the facts say, as one JSON object."
    turns = [{"role": "system", "content": _RULES}]
    for asked, answered in _EXAMPLES:
        turns += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return [*turns, {"role": "user", "content": question}]


def _facts_asked(r: Recommendation) -> list[Fact]:
    """The facts that our own sentences rest on, then the others in order, without those of the lesser alternatives."""
    ours = {n for s in r.sentences if s.part != "alternatives" for n in s.facts}
    lesser = re.compile(r"plan([3-9]|\d\d)\.")
    fitting = [f for f in r.facts if f.id in ours or not lesser.match(f.name)]
    chosen = {f.id for f in sorted(fitting, key=lambda f: (f.id not in ours, f.id))[:FACTS_ASKED]}
    return [f for f in fitting if f.id in chosen]


def parse(text: str) -> Wording:
    """Read the model's answer; small models put words or fences around the JSON.

    Raises
    ------
    ValueError
        If there is no such object in it.
    """
    found = re.search(r"\{.*\}", text, flags=re.DOTALL)
    if found is None:
        raise ValueError("the answer holds no JSON object")
    try:
        return Wording.model_validate(orjson.loads(found[0]))
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise ValueError(f"the answer is not in the form asked for: {str(error).splitlines()[0]}") from error


def texts_of(r: Recommendation) -> tuple[str, ...]:
    """Every text of a recommendation that is shown."""
    return (r.title, r.description, r.expected_benefit, r.reasoning, *r.risks, *(a.text for a in r.alternatives))


def content(r: Recommendation) -> tuple[Any, ...]:
    """Return what a wording of a recommendation depends on: two with the same content may have the same wording."""
    own = r.worded.own if r.worded is not None else None
    texts = own or _own_texts(r)
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
    verdict = checker.check(*(s.text for s in told))
    if not verdict.passed:
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
    report = old.worded.model_copy(update={"own": _own_texts(fresh)})
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
                messages(recommendation, refused), deadline_s=left, schema=SCHEMA, on_text=on_text
            )
        except ModelUnavailableError as error:
            unavailable = str(error)
            break
        answers.append(answer)
        left -= answer.elapsed_s
        try:
            wording = parse(answer.text)
        except ValueError as error:
            refused, verdict = (Objection(answer.text[:80], "form", str(error)),), Verdict(0, 0)
        else:
            verdict = checker.check(*wording.texts())
            others = (
                *_unknown_facts(wording, recommendation),
                *_another_decision(wording, recommendation),
                *_said_twice(wording),
            )
            if verdict.passed and not others:
                report = _report(client, "shown", answers, verdict, refused, own=_own_texts(recommendation))
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


def _unknown_facts(wording: Wording, recommendation: Recommendation) -> tuple[Objection, ...]:
    """Object to sentences that name facts which are not there."""
    known = {fact.id for fact in recommendation.facts}
    sentences = (*wording.description, *wording.expected_benefit, *wording.reasoning, *wording.risks)
    return tuple(
        Objection(s.text, f"fact {number}", "there is no fact with this number")
        for s in sentences
        for number in s.facts
        if number not in known
    )


_DECISIONS = (
    ("stay out", re.compile(r"\bstay(?:s|ing)? out\b|\bno stop\b|\bstop (?:plan )?(?:is )?withdrawn\b", re.IGNORECASE)),
    ("box", re.compile(r"\bbox\b|\bpit\b|\bstop\b|\bcome in\b", re.IGNORECASE)),
    ("cover", re.compile(r"\bcover\b", re.IGNORECASE)),
    ("manage", re.compile(r"\bmanag", re.IGNORECASE)),
    ("mind", re.compile(r"\bmind\b", re.IGNORECASE)),
)
_AT_ONCE = re.compile(r"\b(?:box|pit|come in|stop) (?:now|this lap|immediately)\b", re.IGNORECASE)


def _decision(title: str) -> str | None:
    """What a title decides: the first decision that it names."""
    found = [(m.start(), name) for name, pattern in _DECISIONS if (m := pattern.search(title))]
    return min(found)[1] if found else None


def _another_decision(wording: Wording, r: Recommendation) -> tuple[Objection, ...]:
    """Object to a wording that decides something else than what was decided, or leaves it out of the title."""
    ours = _decision(r.title)
    out = []
    if ours is not None and _decision(wording.title) != ours:
        out.append(Objection(wording.title, "title", f"the decision is {r.title!r}"))
    now, stays = bool(_AT_ONCE.search(r.title)), ours == "stay out"
    out += [
        Objection(sentence.text, "decision", f"the decision is {r.title!r}")
        for sentence in wording.description
        if (_AT_ONCE.search(sentence.text) and not now) or (not stays and _decision(sentence.text) == "stay out")
    ]
    return tuple(out)


def _said_twice(wording: Wording) -> tuple[Objection, ...]:
    """Object to the same sentence in two places: it fills the form and says nothing."""
    sentences = [s.text for s in (*wording.description, *wording.expected_benefit, *wording.reasoning, *wording.risks)]
    return tuple(
        Objection(text, "repeated", "this sentence was said before")
        for i, text in enumerate(sentences)
        if text in sentences[:i]
    )


def _own_texts(r: Recommendation) -> AdviceTexts:
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
