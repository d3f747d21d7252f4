"""Ranked pit plans: the stints, the distribution of finishing positions, and what tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from racetwin.schemas import PlannedStop, RankedPlan
from racetwin.widgets._panel import Panel, pack, script, style

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import LapRow, RaceSnapshot

NOISE = 2.0
"""Differences below this many standard errors are not called differences."""
SHOWN = 8
"""Families of plans on the panel: more than a strategist weighs in one lap."""


def plan_families(
    plans: Sequence[RankedPlan], limit: int = SHOWN
) -> list[tuple[RankedPlan, tuple[int, int] | None, int]]:
    """Group plans that fit the same compounds in the same order, best family first.

    Of sixty plans the first ten are often one idea on ten laps; a list of ideas with their windows says more.

    Returns
    -------
    list of (best plan, (first, last) lap of the next stop that is not worse beyond noise, number of plans)
        The window is None for a plan without a stop.
    """
    families: dict[tuple[str, ...], list[RankedPlan]] = {}
    for plan in plans:
        families.setdefault(tuple(s.compound.value for s in plan.stops), []).append(plan)
    out: list[tuple[RankedPlan, tuple[int, int] | None, int]] = []
    for members in families.values():
        best = min(members, key=lambda p: (p.rank > 1, -p.delta_points, -p.n_races))
        out.append((best, _window(best, members), len(members)))
    out.sort(key=lambda family: (family[0].rank > 1, -family[0].delta_points))
    return out[:limit]


def _window(best: RankedPlan, members: Sequence[RankedPlan]) -> tuple[int, int] | None:
    """Return the run of laps around the best one on which the next stop is not worse beyond noise."""
    if not best.stops:
        return None
    as_good: dict[int, bool] = {}
    for p in members:
        close = best.delta_points - p.delta_points <= NOISE * max(p.delta_standard_error, best.delta_standard_error)
        lap = p.stops[0].lap
        as_good[lap] = as_good.get(lap, False) or close
    laps = sorted(as_good)
    first = last = laps.index(best.stops[0].lap)
    while first > 0 and as_good[laps[first - 1]]:
        first -= 1
    while last + 1 < len(laps) and as_good[laps[last + 1]]:
        last += 1
    return laps[first], laps[last]


def past_stints(laps: Sequence[LapRow], car_id: str) -> list[dict[str, Any]]:
    """Return the stints a car has completed or is on: first and last lap driven, and compound."""
    stints: list[dict[str, Any]] = []
    new_set = True
    for row in sorted((r for r in laps if r.car_id == car_id), key=lambda r: r.lap):
        compound = row.compound.value if row.compound else None
        if new_set or row.pit_out or stints[-1]["compound"] != compound:
            stints.append({"from": row.lap, "to": row.lap, "compound": compound})
        stints[-1]["to"] = row.lap
        new_set = False
    return stints


def remaining(stops: Sequence[PlannedStop], lap: int) -> tuple[PlannedStop, ...]:
    """Return the stops of a plan that are still to come after ``lap`` laps."""
    return tuple(s for s in stops if s.lap > lap)


def find_plan(
    plans: Sequence[RankedPlan], stops: Sequence[PlannedStop], lap: int, name: str | None = None
) -> RankedPlan | None:
    """Return the ranked plan of this name, else the first with these stops (those to come after ``lap`` laps), else None."""
    wanted = [(s.lap, s.compound) for s in remaining(stops, lap)]
    same = [p for p in plans if [(s.lap, s.compound) for s in p.stops] == wanted]
    return next((p for p in same if p.plan == name), same[0] if same else None)


def over_current(plan: RankedPlan, current: RankedPlan) -> tuple[float, float]:
    """Return expected points of a plan over the current one, and the standard error at most.

    Both differences to the best plan are of the same races, so the error of theirs is smaller than if they were independent.
    """
    error = (plan.delta_standard_error**2 + current.delta_standard_error**2) ** 0.5
    return plan.delta_points - current.delta_points, error


class PlansPanel(Panel):
    """The best plans as stint bars, each with its window, finishing positions, and expected points with their error.

    A click on a plan sends ``{'plan': 'L24 HARD'}`` to the functions registered with ``on_choice``: whoever draws follows it
    from then on by passing its stops as ``followed``, and every plan is shown against that one.

    >>> panel = PlansPanel()
    >>> panel.show(live.snapshot, "44")  # doctest: +SKIP
    """

    _esm = script("plans")
    _css = style("plans")

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._key: tuple[object, ...] = ()

    def show(
        self,
        snapshot: RaceSnapshot,
        car_id: str,
        followed: Sequence[PlannedStop] | None = None,
        name: str | None = None,
    ) -> None:
        """Draw the plans of ``car_id`` as its newest answer ranks them.

        ``followed`` are the stops of our current plan and ``name`` is what it was called: plans with the same stops may differ
        in what they do under a safety car.
        """
        answer = snapshot.answers.get(car_id)
        car = snapshot.car(car_id)
        lap = car.lap if car and car.lap else snapshot.lap
        followed = None if followed is None else tuple(followed)
        key = (answer, car_id, lap, car.tyre.compound if car else None, followed, name)
        if len(self._key) == len(key) and self._key[0] is answer and self._key[1:] == key[1:]:
            return
        self._key = key
        families = plan_families(answer.plans) if answer else []
        current = find_plan(answer.plans, followed, answer.lap, name) if answer and followed is not None else None
        rows = [(best, window) for best, window, _ in families]
        if current is not None and all(best is not current for best, _ in rows):
            rows.append((current, None))
        deltas = [
            over_current(best, current) if current else (best.delta_points, best.delta_standard_error)
            for best, _ in rows
        ]
        self.data = pack(
            {
                "car": car_id,
                "lap": lap,
                "total_laps": snapshot.info.total_laps,
                "compound": car.tyre.compound.value if car and car.tyre.compound else None,
                "past": past_stints(snapshot.laps, car_id),
                "answer_lap": answer.lap if answer else None,
                "count": len(answer.plans) if answer else 0,
                "races": answer.receipt.n_races if answer else None,
                "objective": answer.objective if answer else None,
                "elapsed": answer.elapsed_s if answer else None,
                "backend": answer.receipt.backend if answer else None,
                "followed": None
                if followed is None
                else {
                    "plan": ", ".join(
                        f"L{s.lap} {s.compound.value}" for s in remaining(followed, answer.lap if answer else lap)
                    )
                    or "no stop",
                    "weighed": current is not None,
                },
                "plans": [
                    {
                        "plan": best.plan,
                        "rank": best.rank,
                        "stops": [[s.lap, s.compound.value] for s in best.stops],
                        "window": window,
                        "current": best is current,
                        "position": best.expected_position,
                        "points": best.expected_points,
                        "error": best.standard_error,
                        "delta": delta,
                        "delta_error": error,
                        "too_close": abs(delta) <= NOISE * error if current else best.too_close,
                        "p_win": best.p_win,
                        "p_podium": best.p_podium,
                        "p_points": best.p_points,
                    }
                    for (best, window), (delta, error) in zip(rows, deltas, strict=True)
                ],
            },
            positions=[best.position_probability for best, _ in rows],
        )
