"""What rivals will do with their stops, and where everyone will be once all have made them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from racetwin.schemas import COMPOUNDS, CarStatus
from racetwin.twins.hazard import by_lap, owes, stop_chance, within
from racetwin.twins.synchronous import likely_next, net_loss_s

if TYPE_CHECKING:
    from racetwin.twins.car_twin import CarTwin
    from racetwin.twins.race_twin import RaceTwin

LONG_STINT = 1.2
"""A set is expected to be changed again if what is left is longer than this times its usual life."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a car is expected to do with its stops.

    Parameters
    ----------
    next_lap, next_5
        Probability of a stop at the end of the next lap, and within five.
    first_lap
        Lap that ``by_lap[0]`` stands for.
    by_lap
        Probability that the next stop falls on each of the coming laps; what is missing to 1 is no further stop.
    strategy
        Likeliest further stops: lap and compound.
    """

    next_lap: float
    next_5: float
    first_lap: int
    by_lap: tuple[float, ...]
    strategy: tuple[tuple[int, str], ...]

    @property
    def stops_to_come(self) -> int:
        """Number of stops the likeliest strategy still holds."""
        return len(self.strategy)

    def view(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "stop_probability_next_lap": self.next_lap,
            "stop_probability_next_5": self.next_5,
            "stop_probability_by_lap": {
                str(self.first_lap + k): round(v, 4) for k, v in enumerate(self.by_lap) if v >= 5e-4
            },
            "predicted_strategy": [{"lap": lap, "compound": compound} for lap, compound in self.strategy],
        }


def outlook(race: RaceTwin, car: CarTwin) -> Outlook:
    """Expect a car's further stops from the hazard of the race model, its habits and its surroundings."""
    total, p = race.total_laps, race.parameters
    if not car.running or car.status is CarStatus.FINISHED or car.laps >= total:
        return Outlook(0.0, 0.0, car.laps + 1, (), ())
    running = sum(c.running for c in race.cars.values())
    hazard = stop_chance(p, car.context(), total - car.laps, running)
    chance = by_lap(hazard)
    strategy: list[tuple[int, str]] = []
    expected = float(chance.sum())
    owed = owes(p, car.stops, car.compounds_used)
    if len(chance) and (owed or expected > 0.5):
        # The median of the stop's lap, given that there is one: less jumpy from lap to lap than the likeliest one.
        lap = car.laps + 1 + int(np.searchsorted(np.cumsum(chance), 0.5 * expected))
        lap = min(lap, total - 1)
        compound = likely_next(p, car, total - lap, race.wetness)
        strategy.append((lap, COMPOUNDS[compound].value))
        while compound < 3 and total - lap > LONG_STINT * p.life_laps[compound] and len(strategy) < 3:
            lap += round((total - lap) / 2)
            compound = int(np.argmin([abs(p.life_laps[c] - (total - lap)) for c in range(3)]))
            strategy.append((lap, COMPOUNDS[compound].value))
    return Outlook(within(hazard, 1), within(hazard, 5), car.laps + 1, tuple(map(float, chance)), tuple(strategy))


def virtual_times(race: RaceTwin, outlooks: dict[str, Outlook], time_s: dict[str, float]) -> dict[str, float]:
    """Race time of each car with the cost of its stops to come added, in seconds, at the present lap."""
    now = net_loss_s(race.parameters, race.track_status)
    green = net_loss_s(race.parameters, type(race.track_status).GREEN)
    cost = {}
    for car_id, t in time_s.items():
        n = outlooks[car_id].stops_to_come
        soon = n > 0 and race.track_status.is_neutralised and outlooks[car_id].next_lap > 0.5
        cost[car_id] = t + n * green - ((green - now) if soon else 0.0)
    return cost


def ranking(race: RaceTwin, time_s: dict[str, float]) -> dict[str, int]:
    """Positions by time; cars out of the race come last, those that got furthest first."""
    cars = race.cars
    order = sorted(
        time_s, key=lambda c: (not cars[c].running, -cars[c].laps if not cars[c].running else 0, time_s[c], c)
    )
    return {car_id: k for k, car_id in enumerate(order, start=1)}
