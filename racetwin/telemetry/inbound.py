"""Raw input to frames: decoding, the two schemas at the door, and what is refused of them.

Two schemas are read, told apart by the field ``version``: our own :class:`racetwin.schemas.TelemetryFrame`, and the original
telemetry schema (``timestamp, lap, session_type, track_conditions, cars[...]`` with ``tire`` in it), which has none. What is
refused is named by field, value and expectation. A field that does not matter to the timing is dropped alone; a car whose
identity, lap, position or status makes no sense is left out of the frame; the other cars stay.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from pydantic import ValidationError

from racetwin.schemas import MAX_CARS, Rejection, TelemetryFrame

MAX_BYTES = 1_048_576
"""Largest raw message read, bytes: a frame of 24 cars with every field set takes about 30 KiB."""
MAX_TEXT = 80
"""Characters of a refused value that are kept."""

ESSENTIAL = ("car_id", "position", "lap", "status")
"""A car without one of these making sense is left out of its frame."""

_REASONS = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "finite_number": "not_finite",
    "greater_than": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than": "out_of_range",
    "less_than_equal": "out_of_range",
    "too_short": "too_few",
    "too_long": "too_many",
    "enum": "unknown_value",
    "literal_error": "unknown_value",
    "string_pattern_mismatch": "bad_format",
}

COMPOUND_WORDS = {
    "S": "SOFT", "M": "MEDIUM", "H": "HARD", "I": "INTERMEDIATE", "W": "WET", "INTER": "INTERMEDIATE", "INTERS": "INTERMEDIATE",
    "INTERMEDIATES": "INTERMEDIATE", "WETS": "WET", "FULL_WET": "WET", "FULL WET": "WET", "SOFTS": "SOFT",
    "MEDIUMS": "MEDIUM", "HARDS": "HARD",
}  # fmt: skip
STATUS_WORDS = {
    "CLEAR": "GREEN", "ALL_CLEAR": "GREEN", "ALLCLEAR": "GREEN", "SAFETY_CAR": "SC", "SAFETYCAR": "SC", "SCDEPLOYED": "SC",
    "VIRTUAL_SAFETY_CAR": "VSC", "VIRTUALSAFETYCAR": "VSC", "VSCDEPLOYED": "VSC", "VSCENDING": "VSC_ENDING", "RED_FLAG": "RED",
    "REDFLAG": "RED", "YELLOW_FLAG": "YELLOW", "GREEN_FLAG": "GREEN", "DOUBLE_YELLOW": "YELLOW",
}  # fmt: skip
SESSION_WORDS = {
    "r": "race",
    "s": "sprint",
    "q": "qualifying",
    "grand_prix": "race",
    "sprint_race": "sprint",
    "testing": "test",
}

Refused = list[Rejection]


def read(raw: Mapping[str, Any] | bytes | bytearray | memoryview | str, refused: Refused) -> dict[str, Any] | None:
    """Decode raw input to a dictionary in our frame's shape, not validated yet; None (and why) if it cannot be read."""
    if isinstance(raw, bytes | bytearray | memoryview | str):
        size = len(raw)
        if size > MAX_BYTES:
            refused.append(_refusal("frame.too_large", "frame", f"{size} bytes", f"at most {MAX_BYTES} bytes"))
            return None
        try:
            raw = orjson.loads(raw)
        except (orjson.JSONDecodeError, RecursionError):
            refused.append(_refusal("frame.not_json", "frame", raw, "one JSON object"))
            return None
    if not isinstance(raw, Mapping):
        refused.append(_refusal("frame.not_an_object", "frame", raw, "a JSON object"))
        return None
    if "version" in raw:
        return dict(raw)
    if "cars" in raw and ("timestamp" in raw or "track_conditions" in raw):
        return from_original(raw, refused)
    if "cars" in raw and "time_s" in raw:
        return dict(raw)
    refused.append(
        _refusal(
            "frame.unknown_schema",
            "frame",
            ", ".join(map(str, list(raw)[:8])),
            "a racetwin/1 frame or the original schema",
        )
    )
    return None


def validated(values: dict[str, Any], refused: Refused) -> TelemetryFrame | None:
    """Validate a frame; refuse of it what makes no sense, and all of it (None) if the rest is no frame."""
    cars = values.get("cars")
    if isinstance(cars, list | tuple):
        values = {**values, "cars": _cars(cars, refused)}
    for _ in range(4):  # removing a field can bring up another, but not without end
        try:
            frame = TelemetryFrame.model_validate(values)
        except ValidationError as error:
            if not _mend(values, error, refused):
                return None
        else:
            return _without_twins(frame, refused)
    return None


def _cars(cars: list[Any] | tuple[Any, ...], refused: Refused) -> list[Any]:
    """Return copies that may be mended, with the common spellings of ids, compounds and statuses put right."""
    kept: list[Any] = []
    for car in cars[:MAX_CARS]:
        if not isinstance(car, Mapping):
            kept.append(car)
            continue
        mine = dict(car)
        number = mine.get("car_id")
        if isinstance(number, int) and not isinstance(number, bool):
            mine["car_id"] = str(number)
        if isinstance(mine.get("status"), str):
            mine["status"] = mine["status"].upper()
        tyre = mine.get("tyre")
        if isinstance(tyre, Mapping):
            mine["tyre"] = (
                {**tyre, "compound": compound_word(tyre.get("compound"))} if "compound" in tyre else dict(tyre)
            )
        kept.append(mine)
    for car in cars[MAX_CARS:]:
        number = car.get("car_id") if isinstance(car, Mapping) else car
        refused.append(_refusal("cars.too_many", "cars", number, f"at most {MAX_CARS} cars"))
    return kept


def compound_word(value: Any) -> Any:
    """Return the compound's name as the broadcast writes it; unknown words stay as they are, 'unknown' becomes None."""
    if not isinstance(value, str):
        return value
    word = value.strip().upper()
    return None if word in ("", "UNKNOWN", "NONE", "TEST_UNKNOWN", "TEST") else COMPOUND_WORDS.get(word, word)


def _mend(values: dict[str, Any], error: ValidationError, refused: Refused) -> bool:
    """Remove what an error names; whether a frame may be left."""
    drop: set[int] = set()
    unsaid: set[int] = set()
    whole = True
    errors = error.errors(include_url=False, include_context=True)
    of_cars = any(e["loc"][:1] == ("cars",) and len(e["loc"]) > 1 for e in errors)
    for e in errors:
        loc = e["loc"]
        if of_cars and loc == ("cars",):
            continue  # too few of them only because these were refused: to be seen once they are mended
        seq, source = values.get("seq"), values.get("source")
        about: dict[str, Any] = {
            "source": source if isinstance(source, str) else None,
            "seq": seq if isinstance(seq, int) and not isinstance(seq, bool) else None,
            "time_s": _finite(values.get("time_s")),
        }
        name = ".".join(str(p) for p in loc if not isinstance(p, int) and p != "function-after") or "frame"
        if loc[:1] == ("cars",) and len(loc) >= 2 and isinstance(loc[1], int):
            i = loc[1]
            car = values["cars"][i]
            about["car_id"] = str(car.get("car_id"))[:MAX_TEXT] if isinstance(car, dict) else None
            leaf = str(loc[2]) if len(loc) > 2 else "car"
            name = ".".join(str(p) for p in loc[2:] if isinstance(p, str)) or "car"
            if isinstance(car, dict) and leaf in car and leaf not in ESSENTIAL:
                _remove(car, loc[2:])
            else:
                drop.add(i)
        elif loc[:1] == ("messages",) and len(loc) >= 2 and isinstance(loc[1], int):
            unsaid.add(loc[1])
        elif loc[:1] in (("track",), ("messages",), ("utc",), ("circuit_id",), ("season",), ("total_laps",)):
            _remove(values, loc)
        elif e["type"] == "extra_forbidden":
            values.pop(str(loc[0]), None)
        else:
            whole = False
        reason = _REASONS.get(e["type"], "wrong_type")
        refused.append(_refusal(f"{name}.{reason}", name, e.get("input"), e["msg"], **about))
    if unsaid:
        values["messages"] = [m for i, m in enumerate(values["messages"]) if i not in unsaid]
    if drop:
        values["cars"] = [c for i, c in enumerate(values["cars"]) if i not in drop]
        whole = whole and bool(values["cars"])
    return whole


def _remove(where: Any, path: tuple[Any, ...]) -> None:
    """Remove the value at a path; the innermost mapping that has it loses it."""
    for i, key in enumerate(path):
        if not isinstance(where, dict) or key not in where:
            return
        inner = where[key]
        if i + 1 < len(path) and isinstance(inner, Mapping) and path[i + 1] in inner:
            where[key] = inner = dict(inner)
            where = inner
        else:
            del where[key]
            return


def _without_twins(frame: TelemetryFrame, refused: Refused) -> TelemetryFrame:
    """Leave out a car that is listed twice."""
    if len({c.car_id for c in frame.cars}) == len(frame.cars):
        return frame
    seen: dict[str, Any] = {}
    for car in frame.cars:
        if car.car_id in seen:
            refused.append(
                _refusal("car_id.twice", "car_id", car.car_id, "each car once in a frame", source=frame.source, seq=frame.seq,
                         car_id=car.car_id, time_s=frame.time_s)
            )  # fmt: skip
        seen.setdefault(car.car_id, car)
    return frame.model_copy(update={"cars": tuple(seen.values())})


def _refusal(kind: str, field: str, value: Any, expected: str, **about: Any) -> Rejection:
    text = value if isinstance(value, str) else repr(value)
    if isinstance(value, bytes | bytearray | memoryview):
        text = bytes(value[:MAX_TEXT]).decode("utf-8", "replace")
    return Rejection(
        kind=kind[:MAX_TEXT], field=field[:MAX_TEXT], value=text[:MAX_TEXT], expected=expected[:200], **about
    )


def refusal(
    kind: str, field: str, value: Any, expected: str, frame: TelemetryFrame, car_id: str | None = None
) -> Rejection:
    """Return a refusal of something in a valid frame that cannot be true."""
    return _refusal(
        kind, field, value, expected, source=frame.source, seq=frame.seq, time_s=frame.time_s, car_id=car_id
    )


def _finite(value: Any) -> float | None:
    ok = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    return float(value) if ok and math.isfinite(value) else None


# --- the original telemetry schema ------------------------------------------------------------------------------------


def from_original(raw: Mapping[str, Any], refused: Refused) -> dict[str, Any] | None:
    """Bring a message in the original schema into our frame's shape.

    ``timestamp`` is ISO 8601 or seconds; ``time_s`` of the result is still that clock (:class:`TelemetryIngestor` counts from its
    first message). ``tire.wear_level`` above 1 is read as per cent, ``lap_time`` as seconds or ``m:ss.sss``.
    """
    clock = seconds_of(raw.get("timestamp"))
    if clock is None:
        refused.append(_refusal("timestamp.bad_format", "timestamp", raw.get("timestamp"), "ISO 8601 or seconds"))
        return None
    lap = raw.get("lap", 0)
    conditions = raw.get("track_conditions")
    track: dict[str, Any] = {}
    if isinstance(conditions, Mapping):
        status = str(conditions.get("track_status", "green")).strip().upper().replace(" ", "_")
        track = {"status": STATUS_WORDS.get(status, status), "track_temperature_c": conditions.get("temperature")}
        weather = conditions.get("weather")
        if isinstance(weather, str):
            track["weather"] = weather
            track["rainfall"] = any(w in weather.lower() for w in ("rain", "wet", "storm"))
    session = str(raw.get("session_type", "race")).strip().lower()
    cars = raw.get("cars")
    return {
        "source": raw.get("source", "telemetry"),
        "time_s": clock,
        "race_id": raw.get("race_id", "telemetry"),
        "session_type": SESSION_WORDS.get(session, session),
        "lap": lap,
        "total_laps": raw.get("total_laps"),
        "track": track,
        "cars": [_original_car(c, lap) for c in cars] if isinstance(cars, list | tuple) else cars,
    }


def _original_car(car: Any, lap: Any) -> Any:
    if not isinstance(car, Mapping):
        return car
    tire = car.get("tire", car.get("tyre"))
    sectors = car.get("sector_times")
    if isinstance(sectors, Mapping):
        sectors = list(sectors.values())
    mine: dict[str, Any] = {
        "car_id": car.get("car_id"),
        "driver": car.get("driver"),
        "team": car.get("team"),
        "position": car.get("position"),
        "lap": car.get("lap", lap),
        "speed_kmh": car.get("speed"),
        "fuel_kg": car.get("fuel_level"),
        "last_lap_s": lap_seconds(car.get("lap_time")),
    }
    if isinstance(sectors, list | tuple) and len(sectors) == 3:
        mine["sectors_s"] = [lap_seconds(s) for s in sectors]
    if isinstance(tire, Mapping):
        wear = tire.get("wear_level")
        if isinstance(wear, int | float) and not isinstance(wear, bool) and 1 < wear <= 100:
            wear = wear / 100
        mine["tyre"] = {"compound": compound_word(tire.get("compound")), "age": tire.get("age"), "wear": wear}
    return mine


def seconds_of(value: Any) -> float | None:
    """Return a time stamp in seconds: a number as it is, ISO 8601 as seconds since 1970."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value.strip()).timestamp()
        except (ValueError, OverflowError, OSError):
            return None
    return _finite(value)


def lap_seconds(value: Any) -> Any:
    """Return a lap time in seconds from seconds or ``m:ss.sss``; 0 means none; anything else stays, to be refused by name."""
    if isinstance(value, str) and len(value) < 16:
        parts = value.strip().split(":")
        try:
            numbers = [float(p) for p in parts]
        except ValueError:
            return value
        return sum(n * 60**i for i, n in enumerate(reversed(numbers)))
    return None if value == 0 and not isinstance(value, bool) else value
