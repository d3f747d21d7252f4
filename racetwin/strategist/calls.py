"""Which plan is called, given what was called before: a change needs evidence beyond its noise.

A *call* is what the pit wall does next: a plan's first stop (``'L24 HARD'``), or none. The desk ranks plans anew each lap, and
of plans that are equally good now one and now another comes out first; who calls whatever is first changes the call every lap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from racetwin.schemas import AdviceLife, DeskAnswer, RankedPlan

NOISE = 2.0
"""Differences below this many standard errors are not called differences."""
CLEAR_NOISE = 4.0
"""... and for one answer to change a call it takes this many. The standard error is that of the simulation; what the twins
believe moves, too: on quiet laps of real races the difference of two plans changed by more than 3.3 standard errors from one
answer to the next in a tenth of the cases."""
SLIGHT_POINTS = 0.05
"""A gain smaller than this is no reason to call something else, however certain it is."""
CLEAR_POINTS = 0.25
"""A gain of at least this many points, beyond noise, changes a near call at once, and makes a stop that cannot wait urgent."""

SOON_LAPS = 8
"""A call further away than this can wait for a second answer before it changes."""

Why = Literal[
    "first", "same", "noise", "slight", "once", "agreed", "pinned", "better", "passed", "impossible", "rejected"
]


@dataclass(frozen=True, slots=True)
class Choice:
    """What is called and how it came to that.

    ``best`` is what the desk alone would call, ``gain`` what it would bring over the old call (of what the desk was asked to
    maximise, with its standard error), ``points`` the same in expected points, ``was`` the old call where it is another than the
    new one.
    """

    plan: RankedPlan
    best: RankedPlan
    why: Why
    gain: float = 0.0
    gain_se: float = 0.0
    was: str | None = None
    points: tuple[float, float] = (0.0, 0.0)

    @property
    def changed(self) -> bool:
        """Whether something else is called than before."""
        return self.was is not None

    @property
    def beyond_noise(self) -> bool:
        """Whether the desk's best is better than the old call by more than noise."""
        return self.gain > NOISE * self.gain_se


def call_of(plan: RankedPlan) -> str:
    """Return the call of a plan: its first stop."""
    return f"L{plan.stops[0].lap} {plan.stops[0].compound.value}" if plan.stops else "no stop"


def lap_of(call: str) -> int | None:
    """Return the lap of a call, None if it is not to stop."""
    return int(call[1:].split()[0]) if call.startswith("L") else None


def first_lap(plan: RankedPlan) -> int | None:
    """Return the lap of a plan's first stop."""
    return plan.stops[0].lap if plan.stops else None


def difference(a: RankedPlan, b: RankedPlan, objective: str = "points") -> tuple[float, float]:
    """Return what ``a`` brings over ``b`` with a standard error: points, or the objective where that is another.

    Paired where one of them is the best plan; else the root of both squares, which is too wide if anything, since both were
    raced on the same draws.
    """

    def against_best(p: RankedPlan) -> tuple[float, float]:
        if objective == "points":
            return p.delta_points, p.delta_standard_error
        return p.delta_utility, p.delta_utility_standard_error

    if a.rank == 1 or b.rank == 1:
        gap, error = against_best(b if a.rank == 1 else a)
        return (-gap if a.rank == 1 else gap), error
    (gap_a, error_a), (gap_b, error_b) = against_best(a), against_best(b)
    return gap_a - gap_b, math.hypot(error_a, error_b)


def choose(answer: DeskAnswer, lap: int, before: AdviceLife | None, *, news: bool = False) -> Choice | None:
    """Choose what to call.

    Parameters
    ----------
    answer
        Of the desk.
    lap
        Laps that the car has completed.
    before
        Life of the call that stands; None if there is none.
    news
        Another track status than when the call was made, or rain: then one answer is enough, and what was turned down may be
        called again.

    Returns
    -------
    Choice or None
        None if every call has been turned down.
    """
    rejected = set(before.rejected) if before is not None and not news else set()
    if before is not None and before.handling == "rejected":
        rejected.add(before.call)
    allowed = [p for p in answer.plans if call_of(p) not in rejected]
    if not allowed:
        return None
    best = allowed[0]
    if before is None:
        return Choice(best, best, "first")
    if before.handling == "rejected":
        return Choice(best, best, "rejected", was=before.call)
    old_lap = lap_of(before.call)
    stands = next((p for p in allowed if call_of(p) == before.call), None)
    if stands is None:
        passed = old_lap is not None and old_lap <= lap
        return Choice(best, best, "passed" if passed else "impossible", was=before.call)
    if call_of(best) == before.call:
        return Choice(best, best, "same")
    gain, gain_se = difference(best, stands, answer.objective)
    worth = difference(best, stands)
    if before.pinned:
        return Choice(stands, best, "pinned", gain, gain_se, points=worth)
    if gain <= NOISE * gain_se:
        return Choice(stands, best, "noise", gain, gain_se, points=worth)
    in_points = answer.objective == "points"  # of another objective nobody said how much of it is much
    sure = gain > CLEAR_NOISE * gain_se
    clear = sure and (gain >= CLEAR_POINTS or not in_points)
    if before.handling == "accepted" and not clear:
        return Choice(stands, best, "agreed", gain, gain_se, points=worth)
    if in_points and gain < SLIGHT_POINTS:
        return Choice(stands, best, "slight", gain, gain_se, points=worth)
    now = (old_lap == lap + 1) is not (first_lap(best) == lap + 1)  # it is this lap that they differ on
    again = before.contender is not None and before.contender_lap is not None and before.contender_lap < answer.lap
    near = any(at is not None and at <= lap + SOON_LAPS for at in (old_lap, first_lap(best)))
    if again or news or (sure and now) or (clear and near):
        return Choice(best, best, "better", gain, gain_se, before.call, worth)
    return Choice(stands, best, "once", gain, gain_se, points=worth)
