"""What a car twin concludes when the car crosses the line, and how that is told to others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from racetwin.schemas import CarStatus, CarTwinState, Estimate
from racetwin.twins.forecast import Forecast
from racetwin.twins.hazard import stop_chance, within
from racetwin.twins.tyres import Z90, SetBelief, life_left, pit_window

if TYPE_CHECKING:
    from racetwin.simulation.live import LapShape
    from racetwin.twins.car_twin import CarTwin

HORIZON = 10
"""Laps that are forecast."""
FUEL_SPREAD = 0.06
"""Half-width of the 90 % interval of fuel aboard, as a share: cars start light, and lift and coast."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What follows from all laps seen when a car crosses the line: pace (mean, standard deviation), tyres, laps to come."""

    pace: tuple[float, float]
    tyres: SetBelief
    forecast: Forecast

    def snapshot(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return {"pace": list(self.pace), "tyres": asdict(self.tyres), "forecast": self.forecast.snapshot()}

    @classmethod
    def restore(cls, saved: Mapping[str, Any], shape: LapShape) -> Belief:
        """Return what :meth:`snapshot` was taken of; ``shape`` is how laps fall around their forecast."""
        tyres: dict[str, Any] = {k: tuple(v) if isinstance(v, list | tuple) else v for k, v in saved["tyres"].items()}
        return cls((saved["pace"][0], saved["pace"][1]), SetBelief(**tyres), Forecast.restore(saved["forecast"], shape))


def normal(mean: float, sd: float) -> Estimate:
    """Central 90 % interval of a normal belief."""
    return Estimate(mean=mean, low=mean - Z90 * sd, high=mean + Z90 * sd)


def car_state(twin: CarTwin) -> CarTwinState:
    """Return what is known and believed of a car as of its last completed lap."""
    p, total = twin.parameters, twin.pace.model.total_laps
    racing = twin.status not in (CarStatus.RETIRED, CarStatus.FINISHED) and twin.laps < total
    belief = twin.belief
    hazard = stop_chance(p, twin.context(), 5) if racing else None
    fuel = twin.pace.fuel_kg(twin.laps)
    window = (
        pit_window(belief.tyres, p, lap=twin.laps, total_laps=total, compounds_used=twin.compounds_used)
        if racing
        else None
    )
    coming = belief.forecast.estimates(min(HORIZON, total - twin.laps)) if racing else ()
    return CarTwinState(
        car_id=twin.car_id,
        driver=twin.driver,
        team=twin.team,
        status=twin.status,
        lap=twin.laps,
        position=twin.position,
        gap_s=twin.gap_s,
        interval_s=twin.interval_s,
        laps_down=twin.laps_down,
        tyre=twin.tyre,
        stops=twin.stops,
        last_lap_s=twin.last_lap_s,
        best_lap_s=twin.best_lap_s,
        fuel_kg=Estimate(mean=fuel, low=fuel * (1 - FUEL_SPREAD), high=fuel * (1 + FUEL_SPREAD)),
        pace_s=normal(*belief.pace),
        wear_s_per_lap=normal(belief.tyres.wear_s, belief.tyres.wear_sd_s),
        next_laps_s=coming,
        current_lap_s=twin.current_lap(),
        tyre_life_laps=life_left(belief.tyres, p) if racing and twin.compound < 3 else None,
        usual_life_laps=p.life_laps[twin.compound] if racing and 0 <= twin.compound < 3 else None,
        pit_window=window,
        performance_delta_s=twin.performance_delta_s,
        stop_probability_next_lap=within(hazard, 1) if hazard is not None else None,
        stop_probability_next_5=within(hazard, 5) if hazard is not None else None,
    )
