"""The scenario bench: change one thing about the race and see what would be best then, beside what is best now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from racetwin.schemas import COMPOUNDS, CarStatus, PlannedStop, PlanTrial, RankedPlan, TriedPlan, WhatIf
from racetwin.widgets._panel import Panel, pack, script, style

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot

NOISE = 2.0
"""Differences below this many standard errors are not called differences."""
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


def _gain(found: WhatIf) -> dict[str, Any]:
    """Return the best plan under the lever over the best without it; where the plans differ, the errors add up."""
    a, b = found.after.plans[0], found.before.plans[0]
    same = next((c for c in found.changes if c.plan == a.plan == b.plan), None)
    if same is not None:
        difference, error = same.change, same.standard_error
    else:
        difference = a.expected_points - b.expected_points
        error = (a.standard_error**2 + b.standard_error**2) ** 0.5
    return {"difference": difference, "error": error, "too_close": abs(difference) <= NOISE * error}


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

    def offer(self, snapshot: RaceSnapshot, car_id: str, followed: Sequence[PlannedStop] | None = None) -> None:
        """Take the laps and rivals that levers can name, and our plan: ``followed``, else the best one.

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
        stops = self.plan_now(snapshot, car_id, followed)
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
            "followed": followed is not None,
            "rivals": sorted(near, key=lambda r: r["position"] or 99),
        }
        if head != self._head or not self.data:
            self._head = head
            self.data = pack(self._head)

    @staticmethod
    def plan_now(
        snapshot: RaceSnapshot, car_id: str, followed: Sequence[PlannedStop] | None = None
    ) -> tuple[PlannedStop, ...] | None:
        """Return the stops to come of our plan: the followed one, else the best one; None before the first answer."""
        answer = snapshot.answers.get(car_id)
        if answer is None or not answer.plans:
            return None
        stops = answer.plans[0].stops if followed is None else followed
        return tuple(s for s in stops if s.lap > answer.lap)

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
        """Draw the answer beside the present one."""
        changes = [c.model_dump(mode="json") for c in found.changes[:CHANGES_SHOWN]]
        answer = {
            "lever": found.lever,
            "before": _outcome(found.before.plans[0], found.before.lap),
            "after": _outcome(found.after.plans[0], found.after.lap),
            "gain": _gain(found),
            "changes": changes,
            "races": found.after.receipt.n_races,
        }
        self._head = {**self._head, "asked": None, "answer": answer, "error": None}
        self.data = pack(self._head)

    def show_error(self, text: str) -> None:
        """Say why there is no answer."""
        self._head = {**self._head, "asked": None, "error": text}
        self.data = pack(self._head)
