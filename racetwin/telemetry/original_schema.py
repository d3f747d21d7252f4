"""The original telemetry schema, as a JSON Schema: what :func:`racetwin.telemetry.inbound.from_original` reads."""

from __future__ import annotations

from typing import Any

_SECONDS = {"type": ["number", "string", "null"], "description": "seconds, or m:ss.sss; 0 or null: none"}

ORIGINAL_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Telemetry, original schema",
    "description": "One instant of a session. It has no version; a frame with one is of our own schema.",
    "type": "object",
    "required": ["timestamp", "lap", "session_type", "track_conditions", "cars"],
    "properties": {
        "timestamp": {"type": ["string", "number"], "description": "ISO 8601, or seconds"},
        "lap": {"type": "integer", "minimum": 0, "maximum": 200, "description": "the leader's lap"},
        "session_type": {"type": "string", "description": "race, sprint, qualifying, practice or test"},
        "track_conditions": {
            "type": "object",
            "properties": {
                "temperature": {"type": ["number", "null"], "description": "of the track, degrees Celsius"},
                "weather": {"type": ["string", "null"]},
                "track_status": {"type": "string", "description": "green, yellow, safety_car, vsc, red, ..."},
            },
        },
        "cars": {
            "type": "array",
            "minItems": 1,
            "maxItems": 24,
            "items": {
                "type": "object",
                "required": ["car_id"],
                "properties": {
                    "car_id": {"type": ["string", "integer"], "description": "racing number"},
                    "team": {"type": ["string", "null"]},
                    "driver": {"type": ["string", "null"]},
                    "position": {"type": ["integer", "null"], "minimum": 1, "maximum": 24},
                    "speed": {"type": ["number", "null"], "minimum": 0, "maximum": 450, "description": "km/h"},
                    "tire": {
                        "type": "object",
                        "properties": {
                            "compound": {
                                "type": ["string", "null"],
                                "description": "soft, medium, hard, intermediate, wet",
                            },
                            "age": {"type": ["number", "null"], "minimum": 0, "description": "laps"},
                            "wear_level": {
                                "type": ["number", "null"],
                                "minimum": 0,
                                "description": "0 to 1, or per cent",
                            },
                        },
                    },
                    "fuel_level": {"type": ["number", "null"], "minimum": 0, "maximum": 120, "description": "kg"},
                    "lap_time": _SECONDS,
                    "sector_times": {
                        "type": ["array", "object", "null"],
                        "items": _SECONDS,
                        "description": "three sectors",
                    },
                },
            },
        },
    },
}
