"""The scenario bench: change one thing about the race and see what would be best then, beside what is best now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from racetwin.schemas import CarStatus, DeskAnswer, RankedPlan, WhatIf
from racetwin.widgets._panel import Panel, pack, script, style

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot

CHANGES_SHOWN = 7
"""Plans in the table of changes."""


def _best(answer: DeskAnswer) -> dict[str, Any]:
    plan: RankedPlan = answer.plans[0]
    return {
        "plan": plan.plan,
        "points": plan.expected_points,
        "error": plan.standard_error,
        "position": plan.expected_position,
        "p_podium": plan.p_podium,
        "p_points": plan.p_points,
        "first": plan.stops[0].lap if plan.stops else None,
        "lap": answer.lap + 1,
        "probability": plan.position_probability,
    }


class ScenarioBench(Panel):
    """Levers on the left, the answer on the right, side by side with now, on the same simulated races.

    What a viewer asks for comes as ``{"lever": "sc@31"}``; whoever answers calls :meth:`show_answer`.

    >>> bench = ScenarioBench()
    >>> bench.offer(live.snapshot, "44")  # doctest: +SKIP
    >>> bench.show_answer(live.what_if("44", "sc@31"))  # doctest: +SKIP
    """

    _esm = script("scenario")
    _css = style("scenario")

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._head: dict[str, Any] = {}

    def offer(self, snapshot: RaceSnapshot, car_id: str) -> None:
        """Take the laps and rivals that levers can name; an answer about another car is put away."""
        car = snapshot.car(car_id)
        rivals: list[dict[str, Any]] = [
            {"id": c.car_id, "driver": c.driver or c.car_id, "position": c.position}
            for c in snapshot.order
            if c.car_id != car_id and c.status in (CarStatus.TRACK, CarStatus.PIT)
        ]
        near = sorted(rivals, key=lambda r: abs((r["position"] or 99) - ((car.position if car else None) or 0)))[:4]
        kept = self._head if self._head.get("car") == car_id else {}
        self._head = {
            **{k: kept.get(k) for k in ("asked", "answer", "error")},
            "car": car_id,
            "driver": (car.driver if car else None) or car_id,
            "lap": snapshot.lap,
            "total_laps": snapshot.info.total_laps,
            "rivals": sorted(near, key=lambda r: r["position"] or 99),
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
            "before": _best(found.before),
            "after": _best(found.after),
            "changes": changes,
            "races": found.after.receipt.n_races,
        }
        self._head = {**self._head, "asked": None, "answer": answer, "error": None}
        self.data = pack(self._head)

    def show_error(self, text: str) -> None:
        """Say why there is no answer."""
        self._head = {**self._head, "asked": None, "error": text}
        self.data = pack(self._head)
