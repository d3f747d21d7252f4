"""What the rules look at beside the desk's answer: the race at that moment."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from racetwin.schemas import CarStatus, CarTwinState, Compound, TrackStatus

RACING = (CarStatus.TRACK, CarStatus.PIT)


def call_sign(car_id: str, cars: Mapping[str, CarTwinState]) -> str:
    """Return how a car is named on the pit wall: its driver's code, or its number where the code is unknown."""
    car = cars.get(car_id)
    return car.driver if car is not None and car.driver else f"car {car_id}"


@dataclass(frozen=True, slots=True)
class Situation:
    """The race at the moment of the desk's answer.

    ``cars`` holds the twin state of every car by id, ``lap`` the laps completed by the leader. ``rainfall`` is what the feed's
    weather says, None where it says nothing. ``field`` is the field twin's view (:meth:`racetwin.twins.field.Field.get_state`):
    duels and opportunities; empty where nobody looks at the field.
    """

    cars: Mapping[str, CarTwinState]
    lap: int
    total_laps: int
    track_status: TrackStatus = TrackStatus.GREEN
    rainfall: bool | None = None
    field: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def name(self, car_id: str) -> str:
        """Return how a car is named on the pit wall."""
        return call_sign(car_id, self.cars)

    def laps_done(self, car_id: str) -> int:
        """Laps that the car itself has completed: what its own pit laps are counted from."""
        car = self.cars.get(car_id)
        return car.lap if car is not None and car.lap else self.lap

    def behind(self, car_id: str) -> CarTwinState | None:
        """Return the car that runs one place behind, None if there is none."""
        car = self.cars.get(car_id)
        if car is None or car.position is None:
            return None
        place = car.position + 1
        return next((c for c in self.cars.values() if c.position == place and c.status in RACING), None)

    def duel(self, car_id: str) -> Mapping[str, Any] | None:
        """Return what a car can do to the car ahead of it with its next stop, None where that cannot be told."""
        return next((d for d in self.field.get("duels", ()) if d["car_id"] == car_id), None)

    def opportunities(self, car_id: str) -> Sequence[Mapping[str, Any]]:
        """Return what the field offers a car now."""
        found: Sequence[Mapping[str, Any]] = self.field.get("opportunities", {}).get(car_id, ())
        return found

    def retired(self) -> tuple[str, ...]:
        """Return how the cars are named that are out of the race."""
        return tuple(self.name(c.car_id) for c in self.cars.values() if c.status is CarStatus.RETIRED)

    def on_wet_tyres(self) -> tuple[int, int]:
        """Return how many cars are on intermediates or wets, and how many run."""
        running = [c for c in self.cars.values() if c.status in RACING]
        wet = (Compound.INTERMEDIATE, Compound.WET)
        return sum(c.tyre.compound in wet for c in running), len(running)
