"""What the rules look at beside the desk's answer: the race at that moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    weather says, None where it says nothing.
    """

    cars: Mapping[str, CarTwinState]
    lap: int
    total_laps: int
    track_status: TrackStatus = TrackStatus.GREEN
    rainfall: bool | None = None

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

    def on_wet_tyres(self) -> tuple[int, int]:
        """Return how many cars are on intermediates or wets, and how many run."""
        running = [c for c in self.cars.values() if c.status in RACING]
        wet = (Compound.INTERMEDIATE, Compound.WET)
        return sum(c.tyre.compound in wet for c in running), len(running)
