"""What the cars are believed to be."""

from __future__ import annotations

from pydantic import Field

from racetwin.schemas.telemetry import Tyre
from racetwin.schemas.words import CarId, CarStatus, LapNumber, Model


class Estimate(Model):
    """A number with its uncertainty: mean and the ends of the central 90 % interval."""

    mean: float
    low: float
    high: float

    def up_to(self, most: float) -> Estimate:
        """Return it where something else ends it at ``most`` at the latest, as the flag ends a set of tyres."""
        return Estimate(mean=min(self.mean, most), low=min(self.low, most), high=min(self.high, most))


class CarTwinState(Model):
    """What is known and believed of one car after its last completed lap.

    ``pace_s`` is lap time on fresh mediums with no fuel aboard, minus the field's reference; ``wear_s_per_lap`` the extra time
    each further lap on this set costs; ``next_laps_s`` the forecast of the coming laps if the car stays out.
    """

    car_id: CarId
    driver: str | None
    team: str | None
    status: CarStatus
    lap: LapNumber = Field(description="laps completed")
    position: int | None
    gap_s: float | None
    interval_s: float | None
    laps_down: int = 0
    tyre: Tyre
    stops: int
    last_lap_s: float | None
    best_lap_s: float | None
    fuel_kg: Estimate
    pace_s: Estimate
    wear_s_per_lap: Estimate
    next_laps_s: tuple[Estimate, ...] = ()
    current_lap_s: Estimate | None = Field(
        default=None, description="the lap being driven, from its sectors so far; None before the first of them"
    )
    tyre_life_laps: Estimate | None = Field(
        default=None,
        description="laps until sets like this one, that have reached its age, are changed: half of them are by the mean, and "
        "90 % between low and high; the flag may come first",
    )
    usual_life_laps: float | None = Field(
        default=None, description="how long sets of this compound are usually kept on at this circuit"
    )
    pit_window: tuple[int, int] | None = Field(default=None, description="first and last sensible lap of the next stop")
    performance_delta_s: float | None = Field(default=None, description="last lap minus what was expected of it")
    stop_probability_next_lap: float | None = None
    stop_probability_next_5: float | None = None
