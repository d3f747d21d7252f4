"""What rivals will do with their stops, and where everyone will be once all have made them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from racetwin.schemas import COMPOUNDS, CarStatus, TrackStatus
from racetwin.simulation.stops_together import owes
from racetwin.twins.hazard import by_lap, laps_at_risk, next_stop_lap, stop_chances, within_each
from racetwin.twins.losses import net_loss_s
from racetwin.twins.synchronous import likely_next

if TYPE_CHECKING:
    from racetwin.twins.car_twin import CarTwin
    from racetwin.twins.race_twin import RaceTwin

FloatArray = npt.NDArray[np.float64]

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
                str(lap): round(v, 4) for lap, v in enumerate(self.by_lap, start=self.first_lap) if v >= 5e-4
            },
            "predicted_strategy": [{"lap": lap, "compound": compound} for lap, compound in self.strategy],
        }


NO_STOP = Outlook(0.0, 0.0, 1, (), ())
"""Of a car that is out of the race or has finished."""


def outlooks(race: RaceTwin) -> dict[str, Outlook]:
    """Expect every car's further stops from the hazard of the race model, its habits and its surroundings."""
    total, wetness = race.total_laps, race.wetness
    running = [c for c in race.cars.values() if c.running]
    asked = [c for c in running if c.status is not CarStatus.FINISHED and c.laps < total]
    contexts = [c.context() for c in asked]
    left = max((total - c.laps for c in asked), default=0)
    hazards = stop_chances(race.parameters, contexts, left)
    found = {c: replace(NO_STOP, first_lap=car.laps + 1) for c, car in race.cars.items()}
    next_lap, next_5 = within_each(hazards, 1).tolist(), within_each(hazards, 5).tolist()
    for i, (car, ctx, chance) in enumerate(zip(asked, contexts, by_lap(hazards), strict=True)):
        coming = chance[: laps_at_risk(ctx, total - car.laps)]
        strategy = _strategy(race, car, coming, wetness)
        found[car.car_id] = Outlook(next_lap[i], next_5[i], car.laps + 1, tuple(coming.tolist()), strategy)
    return found


def _strategy(race: RaceTwin, car: CarTwin, chance: FloatArray, wetness: float) -> tuple[tuple[int, str], ...]:
    """Return the likeliest further stops, lap and compound; ``chance`` is that of the next stop by coming lap."""
    total, p = race.total_laps, race.parameters
    strategy: list[tuple[int, str]] = []
    expected = float(chance.sum())
    owed = owes(p, car.stops, car.compounds_used)
    if len(chance) and (owed or expected > 0.5):
        lap = next_stop_lap(chance, car.laps + 1)
        compound = likely_next(p, car, total - lap, wetness, race.stops_today.popular)
        strategy.append((lap, COMPOUNDS[compound].value))
        while compound < 3 and total - lap > LONG_STINT * p.life_laps[compound] and len(strategy) < 3:
            lap += round((total - lap) / 2)
            compound = min(range(3), key=lambda c: abs(p.life_laps[c] - (total - lap)))
            strategy.append((lap, COMPOUNDS[compound].value))
    return tuple(strategy)


def virtual_times(race: RaceTwin, outlooks: dict[str, Outlook], time_s: dict[str, float]) -> dict[str, float]:
    """Race time of each car with the cost of its stops to come added, in seconds, at the present lap."""
    now = net_loss_s(race.parameters, race.track_status)
    green = net_loss_s(race.parameters, TrackStatus.GREEN)
    neutralised = race.track_status.is_neutralised
    cost = {}
    for car_id, t in time_s.items():
        n = outlooks[car_id].stops_to_come
        soon = n > 0 and neutralised and outlooks[car_id].next_lap > 0.5
        cost[car_id] = t + n * green - ((green - now) if soon else 0.0)
    return cost


def ranking(race: RaceTwin, time_s: dict[str, float]) -> dict[str, int]:
    """Positions by time; cars out of the race come last, those that got furthest first."""
    cars = race.cars
    order = sorted(
        time_s, key=lambda c: (not cars[c].running, -cars[c].laps if not cars[c].running else 0, time_s[c], c)
    )
    return {car_id: k for k, car_id in enumerate(order, start=1)}
