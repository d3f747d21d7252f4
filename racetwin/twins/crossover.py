"""When a new set would be quicker than the one on the car: the crossover, lap time against lap time, stops not counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from racetwin.schemas import COMPOUNDS

if TYPE_CHECKING:
    from racetwin.twins.race_twin import RaceTwin

HORIZON = 10
"""Coming laps that are looked at; wear is taken as even over them."""
WET = 0.1
"""Wetness from which intermediates and wets are looked at, too."""
WARM_AGE = 1.0
"""Age of a new set, in laps, at which it is compared: past its cold out-lap."""


def crossovers(race: RaceTwin) -> dict[str, list[dict[str, Any]]]:
    """Return by car what each compound would gain a lap now (s, negative: it is slower), and from which lap it is quicker.

    ``lap`` is None where that is not within :data:`HORIZON` laps. Traffic is left out of both. Cars out of the race, before
    their first lap or on their last have none.
    """
    found: dict[str, list[dict[str, Any]]] = {car_id: [] for car_id in race.cars}
    asked = [c for c in race.cars.values() if c.running and c.laps >= 1 and race.total_laps - c.laps >= 2]
    if not asked:
        return found
    clean, last = np.empty((len(asked), 2)), np.empty(len(asked), dtype=np.int64)
    for i, car in enumerate(asked):
        ahead = car.forecast()
        last[i] = min(HORIZON, race.total_laps - car.laps, len(ahead.median_s)) - 1
        at = [0, last[i]]
        clean[i] = ahead.median_s[at] - ahead.traffic_s[at]
    index = np.array([car.index for car in asked])
    first = np.array([car.laps + 1.0 for car in asked])
    n = 5 if race.wetness >= WET else 3
    now = clean[:, :1] - race.pace.fresh_s(index, first, n, WARM_AGE)
    later = clean[:, 1:] - race.pace.fresh_s(index, first + last, n, WARM_AGE)
    for car, k, gains_now, gains_later in zip(asked, last.tolist(), now.tolist(), later.tolist(), strict=True):
        for c, (gain, then) in enumerate(zip(gains_now, gains_later, strict=True)):
            lap = None
            if gain >= 0:
                lap = car.laps + 1
            elif then > 0:
                lap = car.laps + 2 + int(-gain / (then - gain) * k)
            found[car.car_id].append({"compound": COMPOUNDS[c].value, "gain_s": round(gain, 3), "lap": lap})
    return found
