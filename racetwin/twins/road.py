"""Who drives around whom on the road, and the laps that have been driven."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from racetwin.schemas import LapCompleted
from racetwin.twins.forecast import Traffic

if TYPE_CHECKING:
    from racetwin.twins.race_twin import RaceTwin

LAPPING_S = 8.0
"""A car that will lap another is looked out for from this far behind, in seconds."""
NEAR_S = 3.0
"""A car further ahead than this does not hold up the one behind within a lap, in seconds."""


@dataclass(frozen=True, slots=True)
class LapNote:
    """One completed lap, as the race trace shows it; times in seconds, ``gap_s`` to the first car to complete that lap."""

    lap: int
    car_id: str
    time_s: float
    lap_time_s: float | None
    gap_s: float
    position: int | None
    compound: str | None
    tyre_age: float | None
    pit_in: bool
    pit_out: bool
    track_status: str
    neutralised: bool

    @classmethod
    def of(cls, e: LapCompleted, gap_s: float) -> LapNote:
        """Return the note of a completed lap."""
        return cls(
            lap=e.lap,
            car_id=e.car_id,
            time_s=e.line_time_s,
            lap_time_s=e.lap_time_s,
            gap_s=gap_s,
            position=e.position,
            compound=e.tyre.compound.value if e.tyre.compound is not None else None,
            tyre_age=e.tyre.age,
            pit_in=e.pit_in,
            pit_out=e.pit_out,
            track_status=e.track_status.value,
            neutralised=e.neutralised,
        )


def surroundings(race: RaceTwin, ahead: tuple[float, str] | None, gap_s: float, e: LapCompleted) -> Traffic:
    """What will surround a car in its next lap, as known when it crosses the line."""
    if e.pit_in or race.track_status.is_neutralised:
        return Traffic()
    other = race.cars.get(ahead[1]) if ahead is not None else None
    gap = math.inf
    laps: tuple[float, ...] = ()
    if other is not None and gap_s < NEAR_S and other.laps == e.lap and other.running:
        gap, laps = gap_s, tuple(map(float, other.forecast().median_s))
    lapping, closing = _lapping(race, e)
    return Traffic(gap, laps, lapping, closing)


def _lapping(race: RaceTwin, e: LapCompleted) -> tuple[float, float]:
    """How far behind a car at the line the next one is expected that is a lap or more ahead, and what it gains a lap."""
    nearest, closing = math.inf, 0.0
    own = None
    for other in race.cars.values():
        # A car that has done as many laps and has not crossed the line again is a lap up when it does.
        if other.laps < e.lap or other.car_id == e.car_id or other.line_time_s is None or not other.running:
            continue
        if other.line_time_s >= e.line_time_s or other.on_in_lap or other.in_pit_lap is not None:
            continue
        lap_s = other.last_lap_s if other.last_lap_s is not None else math.inf
        if other.line_time_s + 0.9 * lap_s - e.line_time_s > LAPPING_S:
            continue
        lap_s = float(other.forecast().median_s[0])
        behind = other.line_time_s + lap_s - e.line_time_s
        if -1.0 < behind < min(nearest, LAPPING_S):
            if own is None:
                own = float(race.cars[e.car_id].forecast().median_s[0])
            nearest, closing = behind, max(0.0, own - lap_s)
    return nearest, closing
