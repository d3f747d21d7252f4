"""Examples for the API's documentation."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

_ESTIMATE = {"mean": 0.061, "low": 0.034, "high": 0.088}

CAR_TWIN: dict[str, Any] = {
    "car_id": "44",
    "driver": "HAM",
    "team": "Mercedes",
    "status": "TRACK",
    "lap": 22,
    "position": 3,
    "gap_s": 8.412,
    "interval_s": 2.105,
    "laps_down": 0,
    "tyre": {"compound": "MEDIUM", "age": 22.0, "fresh": True, "pirelli": "C3", "wear": None},
    "stops": 0,
    "last_lap_s": 91.804,
    "best_lap_s": 91.2,
    "fuel_kg": {"mean": 64.2, "low": 61.0, "high": 67.5},
    "pace_s": {"mean": -0.21, "low": -0.34, "high": -0.08},
    "wear_s_per_lap": _ESTIMATE,
    "next_laps_s": [{"mean": 91.9, "low": 91.5, "high": 92.4}],
    "tyre_life_laps": {"mean": 9.0, "low": 5.0, "high": 14.0},
    "pit_window": [24, 31],
    "performance_delta_s": 0.12,
    "stop_probability_next_lap": 0.07,
    "stop_probability_next_5": 0.46,
}

ENVIRONMENT: dict[str, Any] = {
    "race_id": "2024-12-great-britain",
    "event": "British Grand Prix",
    "circuit_id": "silverstone",
    "circuit": "Silverstone",
    "simulated": False,
    "time_s": 2012.4,
    "lap": 23,
    "total_laps": 52,
    "track_status": "GREEN",
    "track": {
        "status": "GREEN",
        "weather": None,
        "rainfall": None,
        "air_temperature_c": None,
        "track_temperature_c": None,
        "wind_speed_ms": None,
        "wind_direction_deg": None,
        "humidity_pct": None,
    },
    "cars_running": 20,
}

KNOWN: dict[str, Any] = {
    "lap": {"value": 23, "source": "f1", "time_s": 2012.4, "age_s": 0.0},
    "fuel_kg": {"value": 61.2, "source": "garage", "time_s": 2010.1, "age_s": 2.3},
}

FRAME: dict[str, Any] = {
    "version": "racetwin/1",
    "source": "garage",
    "seq": 0,
    "time_s": 12.4,
    "race_id": "2024-12-great-britain",
    "circuit_id": "silverstone",
    "season": 2024,
    "lap": 1,
    "total_laps": 52,
    "cars": [{"car_id": "44", "driver": "HAM", "position": 1, "lap": 1, "tyre": {"compound": "MEDIUM", "age": 0}}],
}


@lru_cache(maxsize=1)
def recorded() -> dict[str, dict[str, Any]]:
    """Return what was asked of a simulated race and what it answered, by operation (``"GET /api/v1/laps"``), cut short."""
    found: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("examples.json").read_text(encoding="utf-8"))
    return found


def illustrate(operation: dict[str, Any], name: str) -> None:
    """Put the recorded question and answer into the description of an operation, where it has none of its own."""
    question, answer = recorded()["questions"].get(name, {}), recorded()["answers"].get(name)
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if "body" in question:
            content.setdefault("example", question["body"])
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in question.get("path", {}):
            parameter.setdefault("example", question["path"][parameter["name"]])
    for status, response in operation["responses"].items():
        for content in response.get("content", {}).values() if status.startswith("2") and answer is not None else ():
            content.setdefault("example", answer)
