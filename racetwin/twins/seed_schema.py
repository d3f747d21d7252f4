"""The original system's CarTwin and FieldTwin documents, so that its dashboards go on working."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from racetwin.schemas import Estimate
    from racetwin.twins.car_twin import CarTwin

SCHEMA_VERSION = "1.0.0"
"""Version of the original documents, which keep their ``tire`` keys."""


def car_twin_document(twin: CarTwin) -> dict[str, Any]:
    """Return a CarTwin in the original schema.

    ``current_state`` is what was seen (speed in km/h, fuel in kg, laps), ``predictions`` what is expected (seconds, laps, with
    the ends of the 90 % intervals), ``strategy_metrics`` what the strategist asks for. What no source told is None.
    """
    state, seen = twin.state(), twin.telemetry
    tyre = seen.tyre if seen is not None and seen.tyre.compound is not None else state.tyre
    fuel = seen.fuel_kg if seen is not None and seen.fuel_kg is not None else state.fuel_kg.mean
    life = state.tyre_life_laps
    current = twin.current_lap()
    fuel_per_lap = twin.pace.model.fuel_start_kg / twin.pace.model.total_laps
    lap = (seen.lap if seen is not None else None) or (state.lap + 1)
    return {
        "schema_version": SCHEMA_VERSION,
        "car_id": state.car_id,
        "driver": state.driver,
        "team": state.team,
        "current_state": {
            "lap": lap,
            "position": seen.position if seen is not None and seen.position is not None else state.position,
            "status": state.status.value,
            "speed": seen.speed_kmh if seen is not None else None,
            "tire": {
                "compound": tyre.compound.value.lower() if tyre.compound is not None else None,
                "age": tyre.age,
                "wear_level": tyre.wear if tyre.wear is not None else _wear_level(tyre.age, life),
            },
            "fuel_level": fuel,
            "last_lap_time": state.last_lap_s
            if state.last_lap_s is not None
            else (seen.last_lap_s if seen is not None else None),
            "gap_to_leader": state.gap_s,
            "gap_ahead": state.interval_s,
            "stops": state.stops,
        },
        "predictions": {
            "tire_degradation_rate": state.wear_s_per_lap.mean,
            "tire_degradation_interval": _ends(state.wear_s_per_lap),
            "tire_life_laps": life.mean if life is not None else None,
            "tire_life_interval": _ends(life),
            "fuel_consumption_rate": fuel_per_lap,
            "current_lap_time": current.mean if current is not None else None,
            "current_lap_time_interval": _ends(current),
            "next_lap_times": [e.mean for e in state.next_laps_s],
            "next_lap_time_intervals": [_ends(e) for e in state.next_laps_s],
        },
        "strategy_metrics": {
            "optimal_pit_window": list(state.pit_window) if state.pit_window is not None else None,
            "performance_delta": state.performance_delta_s,
            "pace": state.pace_s.mean,
            "pace_interval": _ends(state.pace_s),
            "pit_probability_next_lap": state.stop_probability_next_lap,
            "pit_probability_next_5_laps": state.stop_probability_next_5,
        },
    }


def _ends(e: Estimate | None) -> list[float] | None:
    return [e.low, e.high] if e is not None else None


def _wear_level(age: float | None, life: Estimate | None) -> float | None:
    """Share of the set's life that is used, 0..1; None where either is unknown."""
    if age is None or life is None:
        return None
    return age / (age + life.mean) if age + life.mean > 0 else None
