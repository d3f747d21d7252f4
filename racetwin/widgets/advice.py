"""Recommendations, most urgent first, each with its life, its reasons and risks, and the facts behind each sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from racetwin.schemas import DeskAnswer, Fact, FollowUp, Priority, RankedPlan, Recommendation, Sentence
from racetwin.strategist.calls import NOISE
from racetwin.strategist.checker import Checker
from racetwin.strategist.facts import spoken
from racetwin.strategist.replies import beside_the_call
from racetwin.widgets._panel import Panel, pack, script, style
from racetwin.widgets.our_plan import OurPlan, called_plan, words
from racetwin.widgets.race_over import words_if_over

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot


class AdvicePanel(Panel):
    """Urgent, moderate and optional advice for one car: what to do, what it brings, why, and what speaks against it.

    Hover or click a sentence for the facts behind it. Accept, reject and pin send ``{"advice": id, "action": ...}``, the
    follow-up box ``{"question": ...}``, to the functions registered with :meth:`on_choice`.

    >>> panel = AdvicePanel()
    >>> panel.show_advice(recommendations, lap=23)  # doctest: +SKIP
    """

    _esm = script("advice")
    _css = style("advice")

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._head: dict[str, Any] = {}
        self._reply: dict[str, Any] | None = None
        self._compared: tuple[DeskAnswer, RankedPlan, RankedPlan, dict[str, Any]] | None = None

    def show(
        self, snapshot: RaceSnapshot, car_id: str, pit_entry: float | None = None, ours: OurPlan | None = None
    ) -> None:
        """Draw the newest advice for ``car_id``.

        Parameters
        ----------
        pit_entry
            Share of the lap at which the pit lane begins, where it is known.
        ours
            Our plan: where a viewer follows another than the call, which all advice is about, the panel says so and what
            the one is worth beside the other.
        """
        car, twin = snapshot.car(car_id), snapshot.cars.get(car_id)
        lap = car.lap if car and car.lap else snapshot.lap
        over = words_if_over(snapshot, car_id)
        self.show_advice(
            snapshot.advice.get(car_id, ()) if over is None else (),
            lap=lap,
            car_id=car_id,
            lap_fraction=car.lap_fraction if car else None,
            lap_time_s=twin.next_laps_s[0].mean if twin and twin.next_laps_s else car.last_lap_s if car else None,
            pit_entry=pit_entry,
            following=self._following(snapshot, car_id, ours) if over is None else None,
            why=over,
        )

    def _following(self, snapshot: RaceSnapshot, car_id: str, ours: OurPlan | None) -> dict[str, Any] | None:
        """Compare the plan that the viewer follows with the call, both of the newest answer; None where they are one."""
        answer, advice = snapshot.answers.get(car_id), snapshot.advice.get(car_id, ())
        if ours is None or not ours.followed or answer is None or not answer.plans:
            return None
        call, plan = called_plan(answer, advice), ours.ranked
        if plan is None:  # the newest answer did not weigh it
            return {"plan": words(ours.stops), "call": spoken(call), "sentences": (), "facts": ()}
        if spoken(plan) == spoken(call):
            return None
        known = self._compared
        if known is not None and known[0] is answer and known[1] is plan and known[2] is call:
            return known[3]
        sentences, facts = beside_the_call(plan, call, answer)
        told = {
            "plan": spoken(plan),
            "call": spoken(call),
            "sentences": [_sentence(s) for s in sentences],
            "facts": [_fact(f) for f in facts],
        }
        self._compared = (answer, plan, call, told)
        return told

    def show_advice(
        self,
        advice: Sequence[Recommendation],
        *,
        lap: int,
        car_id: str | None = None,
        lap_fraction: float | None = None,
        lap_time_s: float | None = None,
        pit_entry: float | None = None,
        following: dict[str, Any] | None = None,
        why: str | None = None,
    ) -> None:
        """Draw these recommendations.

        Parameters
        ----------
        advice
            In any order; what was withdrawn comes last.
        lap
            The lap being driven, from which laps to go are counted.
        car_id
            Whose they are.
        lap_fraction, lap_time_s
            Share of the lap covered, and the time in seconds that this lap is expected to take: for the countdown.
        pit_entry
            Share of the lap at which the pit lane begins; None: not known, and the countdown goes to the line.
        following
            A plan that is followed, the call, and what the one is worth beside the other, as the panel draws it.
        why
            Why there are none.
        """
        if car_id != self._head.get("car"):
            self._reply = None
        self._head = {
            "car": car_id,
            "lap": lap,
            "fraction": None if lap_fraction is None else round(lap_fraction, 3),
            "lap_s": None if lap_time_s is None else round(lap_time_s, 2),
            "entry": None if pit_entry is None else round(pit_entry, 3),
            "advice": [_card(r) for r in sorted(advice, key=_order)],
            "following": following,
            "why": why,
        }
        self._draw()

    def show_asked(self, question: str) -> None:
        """Say that a question is being worked on."""
        self._reply = {"question": question, "state": "asked"}
        self._draw()

    def show_reply(self, reply: FollowUp) -> None:
        """Draw the answer to a follow-up question."""
        self._reply = {
            "state": "answered",
            "question": reply.question,
            "understood": reply.understood,
            "call": reply.call,
            "lap": reply.lap,
            "sentences": [_sentence(s) for s in reply.sentences],
            "text": reply.text,
            "facts": [_fact(f) for f in reply.facts],
            "claims": reply.checked.claims,
            "supported": reply.checked.supported,
            "simulated": reply.simulated,
            "elapsed_s": reply.elapsed_s,
        }
        self._draw()

    def show_error(self, text: str) -> None:
        """Say why there is no answer to the question that was asked last."""
        self.show_refusal(str((self._reply or {}).get("question", "")), text)

    def show_refusal(self, question: str, why: str) -> None:
        """Say why there is no answer to a question, or why a decision was not taken."""
        self._reply = {"state": "refused", "question": question, "text": why}
        self._draw()

    def _draw(self) -> None:
        if self._head:
            self.data = pack({**self._head, "reply": self._reply})


def _order(r: Recommendation) -> tuple[bool, bool, int]:
    life = r.life
    gone = life is not None and life.state == "withdrawn"
    return gone, life is not None and life.handling == "rejected", list(Priority).index(r.priority)


def _sentence(s: Sentence) -> dict[str, Any]:
    return {"part": s.part, "text": s.text, "facts": s.facts}


def _fact(f: Fact) -> dict[str, Any]:
    return f.model_dump(mode="json", exclude={"name"})


def _sentences(r: Recommendation) -> list[dict[str, Any]]:
    """The sentences with their facts; of advice that came without, the texts as they are."""
    if r.sentences:
        return [_sentence(s) for s in r.sentences if s.part != "title"]
    parts = (("description", r.description), ("expected_benefit", r.expected_benefit), ("reasoning", r.reasoning))
    every = [(part, text) for part, text in parts if text]
    every += [("risks", text) for text in r.risks] + [("alternatives", a.text) for a in r.alternatives]
    return [{"part": part, "text": text, "facts": ()} for part, text in every]


def _behind(r: Recommendation, text: str) -> tuple[int, ...]:
    """Return the numbers of the facts behind a text of a recommendation: as they were named, else as the checker finds them."""
    named = next((s.facts for s in r.sentences if s.text == text), ())
    return named or (Checker(r.facts).evidence(text) if r.facts else ())


def _gain(r: Recommendation) -> int | None:
    """Return whether the call is worth more (1) or less (-1) than what it is set against, or as much within noise (0)."""
    if r.expected_benefit_points is None or r.expected_benefit_standard_error is None:
        return None
    gain = r.expected_benefit_points
    return 0 if abs(gain) <= NOISE * r.expected_benefit_standard_error else 1 if gain > 0 else -1


def _card(r: Recommendation) -> dict[str, Any]:
    life, checked, worded = r.life, r.checked, r.worded
    return {
        "id": r.id,
        "lap": r.lap,
        "priority": r.priority.value,
        "title": r.title.removeprefix("Withdrawn: "),
        "title_facts": _behind(r, r.title),
        "sentences": _sentences(r),
        "facts": [_fact(f) for f in r.facts],
        "gain": _gain(r),
        "risks": r.risks,
        "execution_lap": r.execution_lap,
        "wording": r.wording,
        "worded": worded.state if worded is not None else None,
        "detail": worded.detail if worded is not None else "",
        "objections": worded.objections if worded is not None and worded.state == "refused" else (),
        "model": worded.model if worded is not None and r.wording == "model" else None,
        "small": worded.small if worded is not None else False,
        "claims": checked.claims if checked is not None else None,
        "supported": checked.supported if checked is not None else None,
        "state": life.state if life is not None else "new",
        "reason": life.reason if life is not None else "",
        "reason_facts": _behind(r, life.reason) if life is not None and life.state == "changed" else (),
        "since": life.since_lap if life is not None else r.lap,
        "handling": life.handling if life is not None else "open",
        "pinned": life.pinned if life is not None else False,
        "by": life.by if life is not None else None,
    }
