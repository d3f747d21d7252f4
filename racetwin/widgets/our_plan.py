"""Our plan, the one that every panel means: the plan that we follow, else the best plan of the call that stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from racetwin.schemas import DeskAnswer, PlannedStop, RankedPlan, Recommendation
from racetwin.strategist.calls import call_of
from racetwin.strategist.life import standing

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot


@dataclass(frozen=True, slots=True)
class OurPlan:
    """The stops of our plan that are still to come, and what the newest answer says of it.

    ``ranked`` is None where the newest answer did not weigh the plan that we follow.
    """

    stops: tuple[PlannedStop, ...]
    ranked: RankedPlan | None
    followed: bool


def our_plan(
    answer: DeskAnswer | None, advice: Sequence[Recommendation] = (), followed: RankedPlan | None = None
) -> OurPlan | None:
    """Return our plan; None before the first answer.

    Parameters
    ----------
    advice
        What is said to the car: the call that stands there counts, even where the newest answer leans otherwise.
    followed
        The plan that a viewer has chosen to follow, as some earlier answer ranked it.
    """
    if answer is None or not answer.plans:
        return None
    if followed is None:
        called = called_plan(answer, advice)
        return OurPlan(remaining(called.stops, answer.lap), called, followed=False)
    found = find_plan(answer.plans, followed.stops, answer.lap, followed.plan)
    return OurPlan(remaining(followed.stops, answer.lap), found, followed=True)


def ours_of(snapshot: RaceSnapshot, car_id: str, followed: RankedPlan | None = None) -> OurPlan | None:
    """Return our plan for a car at the instant of a snapshot."""
    return our_plan(snapshot.answers.get(car_id), snapshot.advice.get(car_id, ()), followed)


def called_plan(answer: DeskAnswer, advice: Sequence[Recommendation]) -> RankedPlan:
    """Return the best plan of the call that stands in the advice; the desk's best where there is none, or it was rejected."""
    stop = standing(advice, "stop")
    if stop is None or stop.life is None or stop.life.handling == "rejected":
        return answer.plans[0]
    return next((p for p in answer.plans if call_of(p) == stop.life.call), answer.plans[0])


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


def words(stops: Sequence[PlannedStop]) -> str:
    """Name a plan by its stops."""
    return ", ".join(f"L{s.lap} {s.compound.value}" for s in stops) or "no stop"
