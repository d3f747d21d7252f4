"""When a new set would be quicker than the one on the car: the crossover, lap time against lap time, stops not counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from racetwin.schemas import COMPOUNDS

if TYPE_CHECKING:
    from racetwin.twins.car_twin import CarTwin
    from racetwin.twins.race_twin import RaceTwin

HORIZON = 10
"""Coming laps that are looked at; wear is taken as even over them."""
WET = 0.1
"""Wetness from which intermediates and wets are looked at, too."""
WARM_AGE = 1.0
"""Age of a new set, in laps, at which it is compared: past its cold out-lap."""


def crossovers(race: RaceTwin, car: CarTwin) -> list[dict[str, Any]]:
    """Return for each compound what a new set gains a lap now (s, negative: it is slower) and from which lap it is quicker.

    ``lap`` is None where that is not within :data:`HORIZON` laps. Traffic is left out of both.
    """
    left = race.total_laps - car.laps
    if not car.running or left < 2 or car.laps < 1:
        return []
    ahead = car.forecast()
    n = min(HORIZON, left, len(ahead.median_s))
    if n < 2:
        return []
    clean = ahead.median_s - ahead.traffic_s
    last = n - 1
    found = []
    for c in range(5 if race.wetness >= WET else 3):
        gains = [float(clean[k]) - race.pace.expect(car.index, car.laps + 1 + k, c, WARM_AGE)[0] for k in (0, last)]
        lap = None
        if gains[0] >= 0:
            lap = car.laps + 1
        elif gains[1] > 0:
            lap = car.laps + 2 + int(-gains[0] / (gains[1] - gains[0]) * last)
        found.append({"compound": COMPOUNDS[c].value, "gain_s": round(gains[0], 3), "lap": lap})
    return found
