"""The desk's longer questions on the screen: other aims, what would change the call, both cars together, rivals that answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from racetwin.schemas import CarStatus, Deliberation, DeskReply, PlannedStop, RankedPlan
from racetwin.widgets._panel import Panel, pack, script, style
from racetwin.widgets.race_over import words_if_over

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot

ROWS = 6
"""Plans, pairs or levers in the answer: what can be read at a glance."""
AIMS = {
    "points": "Expected points",
    "position": "Expected position",
    "win": "Win",
    "podium": "Podium",
    "top10": "Top ten",
    "safe:0.1": "Points, safely",
}
"""Aims that are always offered; the cars around ours are offered beside them, to be beaten."""
KINDS: dict[Deliberation, str] = {
    "plans": "Best plans for this aim",
    "sensitivity": "What would change the call?",
    "team": "Both our cars together",
    "responses": "If rivals answer us",
}


class DeskPanel(Panel):
    """Ask the desk what a ranking alone does not say.

    A question comes as ``{"ask": "team", "aim": "points"}``; whoever answers it calls :meth:`show_answer`.

    >>> panel = DeskPanel()
    >>> panel.offer(live.snapshot, "44")  # doctest: +SKIP
    >>> panel.show_answer(live.deliberate("44", "team"), live.snapshot)  # doctest: +SKIP
    """

    _esm = script("desk")
    _css = style("desk")

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._head: dict[str, Any] = {}

    def offer(self, snapshot: RaceSnapshot, car_id: str) -> None:
        """Offer the questions about a car; an answer about another car is put away."""
        order = [c for c in snapshot.order if c.status is not CarStatus.RETIRED]
        here = next((i for i, c in enumerate(order) if c.car_id == car_id), None)
        near = [] if here is None else [c for c in order[max(0, here - 2) : here + 3] if c.car_id != car_id]
        kept = self._head if self._head.get("car") == car_id else {}
        head = {
            **{k: kept.get(k) for k in ("asked", "answer", "error")},
            "car": car_id,
            "driver": next((c.driver or car_id for c in order if c.car_id == car_id), car_id),
            "lap": snapshot.lap,
            "aims": [
                *([name, title] for name, title in AIMS.items()),
                *([f"beat:{c.car_id}", f"Beat {c.driver or c.car_id}"] for c in near),
            ],
            "kinds": list(KINDS.items()),
            "over": words_if_over(snapshot, car_id),
        }
        if head != self._head or not self.data:
            self._head = head
            self.data = pack(head)

    def show_asked(self, kind: str) -> None:
        """Say that the answer is being worked out."""
        self._set(asked=kind, error=None)

    def show_error(self, text: str) -> None:
        """Say why there is no answer."""
        self._set(asked=None, error=text)

    def show_answer(self, found: DeskReply, snapshot: RaceSnapshot) -> None:
        """Draw an answer; ``snapshot`` names the drivers."""
        names = {c.car_id: c.driver or c.car_id for c in snapshot.order}
        self._set(asked=None, error=None, answer=_told(found, names))

    def _set(self, **changes: Any) -> None:
        self._head = {**self._head, **changes}
        self.data = pack(self._head)


def _told(found: DeskReply, names: dict[str, str]) -> dict[str, Any]:
    """Return the rows of an answer."""
    told: dict[str, Any] = {"kind": found.kind, "title": KINDS[found.kind]}
    if found.team is not None:
        team = found.team
        rows = [
            {
                "plans": list(p.plans),
                "points": p.expected_points,
                "error": p.standard_error,
                "each": list(p.each),
                "delta": p.delta_points,
                "delta_error": p.delta_standard_error,
                "too_close": p.too_close,
                "stacked": p.double_stack,
            }
            for p in team.plans[:ROWS]
        ]
        drivers = [names.get(c, c) for c in team.car_ids]
        return told | {"lap": team.lap, "drivers": drivers, "races": team.receipt.n_races, "rows": rows}
    answer = found.responses.answer if found.responses is not None else found.answer
    if answer is None:
        return told
    told |= {"lap": answer.lap, "objective": answer.objective, "races": answer.receipt.n_races}
    told["rows"] = [_ranked(p, answer.lap) for p in answer.plans[:ROWS]]
    if found.kind == "sensitivity":
        told["levers"] = [
            {
                "lever": s.lever,
                "best": s.best,
                "changes": s.changes_best,
                "gain": s.gain.difference,
                "error": s.gain.standard_error,
                "unit": s.gain.unit,
            }
            for s in answer.sensitivity
        ]
    if found.responses is not None:
        told["settled"] = found.responses.settled
        told["rounds"] = [
            {"plan": r.plan, "points": r.expected_points, "rivals": [[names.get(c, c), p] for c, p in r.rivals.items()]}
            for r in found.responses.rounds
        ]
    return told


def _ranked(plan: RankedPlan, lap: int) -> dict[str, Any]:
    return {
        "plan": plan.plan,
        "now": _acts_now(plan.stops, lap),
        "position": plan.expected_position,
        "points": plan.expected_points,
        "utility": plan.utility,
        "win": plan.p_win,
        "podium": plan.p_podium,
        "delta": plan.delta_utility,
        "delta_error": plan.delta_utility_standard_error,
        "too_close": plan.too_close,
        "best": plan.rank == 1,
    }


def _acts_now(stops: tuple[PlannedStop, ...], lap: int) -> bool:
    return bool(stops) and stops[0].lap == lap + 1
