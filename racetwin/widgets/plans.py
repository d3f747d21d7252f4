"""Ranked pit plans: the stints, the distribution of finishing positions, and what tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from racetwin.schemas import RankedPlan
from racetwin.strategist.calls import NOISE, difference
from racetwin.strategist.facts import weighed
from racetwin.widgets._panel import Panel, pack, script, style
from racetwin.widgets.our_plan import OurPlan, called_plan, ours_of, words
from racetwin.widgets.race_over import words_if_over

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import LapRow, RaceSnapshot

SHOWN = 8
"""Families of plans on the panel: more than a strategist weighs in one lap."""


def plan_families(
    plans: Sequence[RankedPlan],
    limit: int = SHOWN,
    ours: RankedPlan | None = None,
    called: RankedPlan | None = None,
) -> list[tuple[RankedPlan, tuple[int, int] | None, int]]:
    """Group plans that fit the same compounds in the same order, best family first.

    Of sixty plans the first ten are often one idea on ten laps; a list of ideas with their windows says more.

    Parameters
    ----------
    ours
        Our plan: it stands for its family unless another member is better beyond noise. It is among the families whatever
        its rank, by itself where it does not stand for one.
    called
        The plan of the call that stands, where we follow another: shown in the same way, after ours.

    Returns
    -------
    list of (plan, (first, last) lap of the next stop that is not worse beyond noise, number of plans)
        The window is None for a plan without a stop.
    """
    families: dict[tuple[str, ...], list[RankedPlan]] = {}
    for plan in plans:
        families.setdefault(tuple(s.compound.value for s in plan.stops), []).append(plan)
    out: list[tuple[RankedPlan, tuple[int, int] | None, int]] = []
    for members in families.values():
        first = best = min(members, key=lambda p: (p.rank > 1, -p.delta_points, -p.n_races))
        for own in (p for marked in ((ours,) if called is ours else (ours, called)) for p in members if p is marked):
            if own is best:
                continue
            if best is first and as_good(own, best):
                best = own
            else:
                out.append((own, stop_window(own, members), 1))
        out.append((best, stop_window(best, members), len(members)))
    out.sort(key=lambda family: (family[0].rank > 1, -family[0].delta_points))
    kept = out[:limit]
    return kept + [family for family in out[limit:] if family[0] is ours or family[0] is called]


def as_good(plan: RankedPlan, other: RankedPlan) -> bool:
    """Whether a plan is not worse than another beyond noise."""
    return other.delta_points - plan.delta_points <= NOISE * max(plan.delta_standard_error, other.delta_standard_error)


def stop_window(plan: RankedPlan, plans: Sequence[RankedPlan]) -> tuple[int, int] | None:
    """Return the run of laps around a plan's next stop on which plans of the same compounds are not worse beyond noise."""
    if not plan.stops:
        return None
    compounds = [s.compound for s in plan.stops]
    good: dict[int, bool] = {}
    for p in plans:
        if [s.compound for s in p.stops] == compounds:
            lap = p.stops[0].lap
            good[lap] = good.get(lap, False) or as_good(p, plan)
    laps = sorted(good)
    first = last = laps.index(plan.stops[0].lap)
    while first > 0 and good[laps[first - 1]]:
        first -= 1
    while last + 1 < len(laps) and good[laps[last + 1]]:
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


class PlansPanel(Panel):
    """The best plans as stint bars, each with its window, finishing positions, and expected points with their error.

    A click on a plan sends ``{'plan': 'L24 HARD'}`` to the functions registered with ``on_choice``: whoever draws follows it
    from then on by passing it as ``ours``, and every plan is shown against that one.

    >>> panel = PlansPanel()
    >>> panel.show(live.snapshot, "44")  # doctest: +SKIP
    """

    _esm = script("plans")
    _css = style("plans")

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._key: tuple[object, ...] = ()

    def show(self, snapshot: RaceSnapshot, car_id: str, ours: OurPlan | None = None) -> None:
        """Draw the plans of ``car_id`` as its newest answer ranks them, each against our plan.

        ``ours`` is by default the call that stands.
        """
        answer = snapshot.answers.get(car_id)
        car = snapshot.car(car_id)
        lap = car.lap if car and car.lap else snapshot.lap
        ours = ours or ours_of(snapshot, car_id)
        over = words_if_over(snapshot, car_id)
        called = called_plan(answer, snapshot.advice.get(car_id, ())) if answer and ours and ours.followed else None
        key = (answer, car_id, lap, car.tyre.compound if car else None, ours, called.plan if called else None, over)
        if len(self._key) == len(key) and self._key[0] is answer and self._key[1:] == key[1:]:
            return
        self._key = key
        current = ours.ranked if ours else None
        plans = answer.plans if answer is not None and over is None else ()
        rows = [(plan, window) for plan, window, _ in plan_families(plans, ours=current, called=called)]
        deltas = [
            difference(plan, current)
            if current is not None and plan is not current
            else (plan.delta_points if current is None else 0.0, plan.delta_standard_error if current is None else 0.0)
            for plan, _ in rows
        ]
        self.data = pack(
            {
                "car": car_id,
                "lap": lap,
                "total_laps": snapshot.info.total_laps,
                "compound": car.tyre.compound.value if car and car.tyre.compound else None,
                "past": past_stints(snapshot.laps, car_id),
                "answer_lap": answer.lap if answer else None,
                "count": weighed(answer) if answer else 0,
                "races": answer.receipt.n_races if answer else None,
                "objective": answer.objective if answer else None,
                "elapsed": answer.elapsed_s if answer else None,
                "backend": answer.receipt.backend if answer else None,
                "over": over,
                "ours": None
                if ours is None
                else {"plan": words(ours.stops), "followed": ours.followed, "weighed": current is not None},
                "plans": [
                    {
                        "plan": plan.plan,
                        "rank": plan.rank,
                        "stops": [[s.lap, s.compound.value] for s in plan.stops],
                        "window": window,
                        "current": plan is current,
                        "called": plan is called,
                        "position": plan.expected_position,
                        "points": plan.expected_points,
                        "error": plan.standard_error,
                        "races": plan.n_races,
                        "delta": delta,
                        "delta_error": error,
                        "too_close": plan is not current and abs(delta) <= NOISE * error
                        if current is not None
                        else plan.too_close,
                        "better": current is not None and delta > NOISE * error,
                        "p_win": plan.p_win,
                        "p_podium": plan.p_podium,
                        "p_points": plan.p_points,
                    }
                    for (plan, window), (delta, error) in zip(rows, deltas, strict=True)
                ],
            },
            positions=[plan.position_probability for plan, _ in rows],
        )
