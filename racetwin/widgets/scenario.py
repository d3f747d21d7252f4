"""The scenario bench: change one thing about the race and see what would be best then, beside what is best now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from racetwin.schemas import COMPOUNDS, CarStatus, DeskAnswer, PlanTrial, RankedPlan, TriedPlan, WhatIf
from racetwin.strategist.calls import NOISE, difference
from racetwin.widgets._panel import Panel, pack, script, style
from racetwin.widgets.our_plan import OurPlan, find_plan, ours_of
from racetwin.widgets.race_over import words_if_over

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot

CHANGES_SHOWN = 7
"""Plans in the table of changes."""


def _outcome(plan: RankedPlan | TriedPlan, lap: int) -> dict[str, Any]:
    """Return what a card of the bench says of one plan in a race of which ``lap`` laps are complete."""
    return {
        "plan": plan.plan,
        "points": plan.expected_points,
        "error": plan.standard_error,
        "position": plan.expected_position,
        "p_podium": plan.p_podium,
        "p_points": plan.p_points,
        "first": plan.stops[0].lap if plan.stops else None,
        "lap": lap + 1,
        "probability": plan.position_probability,
        "legal": getattr(plan, "legal", True),
    }


def _lifted(found: WhatIf, then: RankedPlan) -> float:
    """Return the expected points of a plan under the lever on the level of the race as it is.

    Both races have their own draws of luck; a plan raced in both says what the lever does to it, and the level follows.
    """
    change = next((c for c in found.changes if c.plan == then.plan), None)
    if change is not None:
        return change.after
    known = {p.plan: p for p in found.after.plans}
    shared = next((c for c in found.changes if c.plan in known), None)
    return then.expected_points + (shared.after - known[shared.plan].expected_points if shared is not None else 0.0)


def _gain(found: WhatIf, now: RankedPlan, then: RankedPlan) -> dict[str, Any]:
    """Return a plan under the lever over one without it; where the plans differ, the errors add up."""
    same = next((c for c in found.changes if c.plan == now.plan == then.plan), None)
    if same is not None:
        gain, error = same.change, same.standard_error
    else:
        gain = _lifted(found, then) - now.expected_points
        error = (now.standard_error**2 + then.standard_error**2) ** 0.5
    return {"difference": gain, "error": error, "too_close": abs(gain) <= NOISE * error}


def _kept(found: WhatIf, now: RankedPlan, then: RankedPlan) -> dict[str, Any] | None:
    """Return what the lever does to our plan where another is best under it, and what changing to that brings over it then.

    None where our plan was not raced under the lever, or is the one.
    """
    kept = find_plan(found.after.plans, now.stops, found.after.lap, now.plan)
    if kept is None or kept is then:
        return None
    switch, error = difference(then, kept)
    change = next((c for c in found.changes if c.plan == kept.plan), None)
    return {
        "points": change.after if change else None,
        "change": change.change if change else None,
        "error": change.standard_error if change else None,
        "switch": switch,
        "switch_error": error,
    }


def _is_ours(plan: RankedPlan, answer: DeskAnswer, ours: OurPlan | None) -> bool:
    """Whether a plan of an answer is ours, and not the best in its place."""
    return ours is None or find_plan((plan,), ours.stops, answer.lap) is plan


def as_it_is(answer: DeskAnswer, ours: OurPlan | None) -> RankedPlan:
    """Return our plan as an answer ranks it, its best where it does not."""
    found = find_plan(answer.plans, ours.stops, answer.lap, ours.ranked.plan if ours.ranked else None) if ours else None
    return found or answer.plans[0]


def under_the_lever(answer: DeskAnswer, ours: RankedPlan) -> RankedPlan:
    """Return the best plan under a lever: ours, where that is as good beyond noise."""
    best = answer.plans[0]
    kept = find_plan(answer.plans, ours.stops, answer.lap, ours.plan)
    if kept is None:
        return best
    gain, error = difference(best, kept, answer.objective)
    return kept if gain <= NOISE * error else best


class ScenarioBench(Panel):
    """Levers on the left, our plan above, the answer beside the race as it is, on the same simulated races.

    A lever that is let go of comes as ``{"lever": "sc@31&wear:44x1.2"}``, a stop that was dragged as
    ``{"try": {"stops": [[24, "HARD"]], "lever": None}}``, going back as ``{"reset": True}``; whoever answers calls
    :meth:`show_answer` or :meth:`show_trial`.

    >>> bench = ScenarioBench()
    >>> bench.offer(live.snapshot, "44")  # doctest: +SKIP
    >>> bench.show_answer(live.what_if("44", "sc@31"))  # doctest: +SKIP
    """

    _esm = script("scenario")
    _css = style("scenario")

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._head: dict[str, Any] = {}
        self._ours: OurPlan | None = None

    def offer(self, snapshot: RaceSnapshot, car_id: str, ours: OurPlan | None = None) -> None:
        """Take the laps and rivals that levers can name, and our plan: by default that of the call that stands.

        An answer about another car is put away.
        """
        car = snapshot.car(car_id)
        rivals: list[dict[str, Any]] = [
            {"id": c.car_id, "driver": c.driver or c.car_id, "position": c.position}
            for c in snapshot.order
            if c.car_id != car_id and c.status in (CarStatus.TRACK, CarStatus.PIT)
        ]
        near = sorted(rivals, key=lambda r: abs((r["position"] or 99) - ((car.position if car else None) or 0)))[:6]
        kept = self._head if self._head.get("car") == car_id else {}
        answer = snapshot.answers.get(car_id)
        self._ours = ours = ours or ours_of(snapshot, car_id)
        stops = ours.stops if ours else None
        wet = bool(snapshot.field.get("wetness", 0.0)) or any(not s.compound.is_slick for s in stops or ())
        compounds = COMPOUNDS if wet else COMPOUNDS[:3]
        head = {
            **{k: kept.get(k) for k in ("asked", "answer", "error")},
            "car": car_id,
            "driver": (car.driver if car else None) or car_id,
            "lap": (answer.lap + 1) if answer else snapshot.lap,
            "total_laps": snapshot.info.total_laps,
            "compound": car.tyre.compound.value if car and car.tyre.compound else None,
            "compounds": [c.value for c in compounds],
            "plan": None if stops is None else [[s.lap, s.compound.value] for s in stops],
            "followed": ours is not None and ours.followed,
            "over": words_if_over(snapshot, car_id),
            "rivals": sorted(near, key=lambda r: r["position"] or 99),
        }
        if head != self._head or not self.data:
            self._head = head
            self.data = pack(self._head)

    def reset(self) -> None:
        """Put the answer away."""
        self._head = {**self._head, "asked": None, "answer": None, "error": None}
        self.data = pack(self._head)

    def show_trial(self, found: PlanTrial) -> None:
        """Draw a plan of the viewer's own beside the one at hand."""
        gain = found.gain
        self._head = {
            **self._head,
            "asked": None,
            "error": None,
            "answer": {
                "lever": found.lever,
                "before": _outcome(found.now, found.lap),
                "after": _outcome(found.tried, found.lap),
                "gain": {
                    "difference": gain.difference,
                    "error": gain.standard_error,
                    "too_close": gain.too_close,
                },
                "changes": [],
                "races": found.receipt.n_races,
            },
        }
        self.data = pack(self._head)

    def show_asked(self, lever: str) -> None:
        """Say that the answer is being worked out."""
        self._head = {**self._head, "asked": lever, "error": None}
        self.data = pack(self._head)

    def show_answer(self, found: WhatIf) -> None:
        """Draw the answer beside our plan as it is."""
        now = as_it_is(found.before, self._ours)
        then = under_the_lever(found.after, now)
        # In the order of the ranking, and without plans of few races: the best of many uncertain ones looks too good.
        most = max((c.races for c in found.changes), default=0)
        rows = [c for c in found.changes if c.races == most][:CHANGES_SHOWN]
        changes = [c.model_dump(mode="json") for c in rows]
        answer = {
            "lever": found.lever,
            "before": _outcome(now, found.before.lap) | {"ours": _is_ours(now, found.before, self._ours)},
            "after": _outcome(then, found.after.lap) | {"points": _lifted(found, then)},
            "gain": _gain(found, now, then),
            "same": [(s.lap, s.compound) for s in then.stops] == [(s.lap, s.compound) for s in now.stops],
            "kept": _kept(found, now, then),
            "changes": changes,
            "races": found.after.receipt.n_races,
        }
        self._head = {**self._head, "asked": None, "answer": answer, "error": None}
        self.data = pack(self._head)

    def show_error(self, text: str) -> None:
        """Say why there is no answer."""
        self._head = {**self._head, "asked": None, "error": text}
        self.data = pack(self._head)
