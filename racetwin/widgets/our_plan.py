"""Our plan, the one that every panel means: the plan that we follow, else the best plan of the call that stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from racetwin.schemas import Compound, DeskAnswer, PlannedStop, RankedPlan, Recommendation
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


@dataclass(frozen=True, slots=True)
class Followed:
    """A plan that a viewer has chosen to follow, as the answer of that moment ranked it, and the stops made by then."""

    plan: RankedPlan
    stops_made: int = 0

    def to_come(self, stops_made: int, lap: int, compound: Compound | None = None) -> tuple[PlannedStop, ...] | None:
        """Return its stops still to come after ``lap`` laps and so many stops of the car; None: the race has left it.

        Each stop that the car makes, on whatever lap, is the plan's next one. A lap that it was to stop on and has passed by
        leaves the plan, as do a stop too many and one for another ``compound`` (that on the car) than planned.
        """
        made = max(0, stops_made - self.stops_made)
        rest = self.plan.stops[made:]
        if made > len(self.plan.stops) or (rest and rest[0].lap < lap):
            return None
        if made and compound is not None and compound is not self.plan.stops[made - 1].compound:
            return None
        return remaining(rest, lap)


def our_plan(
    answer: DeskAnswer | None,
    advice: Sequence[Recommendation] = (),
    followed: Followed | None = None,
    stops_made: int = 0,
    compound: Compound | None = None,
) -> OurPlan | None:
    """Return our plan; None before the first answer.

    Parameters
    ----------
    advice
        What is said to the car: the call that stands there counts, even where the newest answer leans otherwise.
    followed
        The plan that a viewer has chosen to follow; it counts until the race leaves it.
    stops_made
        Stops that the car has made by now.
    compound
        What it is on.
    """
    if answer is None or not answer.plans:
        return None
    stops = followed.to_come(stops_made, answer.lap, compound) if followed is not None else None
    if followed is None or stops is None:
        called = called_plan(answer, advice)
        return OurPlan(remaining(called.stops, answer.lap), called, followed=False)
    return OurPlan(stops, find_plan(answer.plans, stops, answer.lap, followed.plan.plan), followed=True)


def ours_of(snapshot: RaceSnapshot, car_id: str, followed: Followed | None = None) -> OurPlan | None:
    """Return our plan for a car at the instant of a snapshot."""
    made, twin = stops_made(snapshot, car_id), snapshot.cars.get(car_id)
    compound = twin.tyre.compound if twin is not None else None
    return our_plan(snapshot.answers.get(car_id), snapshot.advice.get(car_id, ()), followed, made, compound)


def stops_made(snapshot: RaceSnapshot, car_id: str) -> int:
    """Return how many stops a car has made at the instant of a snapshot."""
    twin = snapshot.cars.get(car_id)
    return twin.stops if twin is not None else 0


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
