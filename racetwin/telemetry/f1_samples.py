"""Car data and positions of Formula 1 live timing: the packed ``CarData.z`` and ``Position.z`` topics.

Each payload carries a second or so of samples, about four a second, each with its own time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from racetwin.telemetry.f1_values import inflate, integer, items, text

_CHANNELS = ("0", "2", "3", "4", "5", "45")
"""Engine speed, speed, gear, throttle, brake, DRS: the channels of a car, as the feed numbers them."""
_DRS_OPEN = (10, 12, 14)
"""Values of channel 45 that mean an open wing; 8 is "eligible". Null since 2026, which has no DRS."""


class CarSample(NamedTuple):
    """One car's channels at one instant, as sent: speed in km/h, throttle and brake in per cent, ``drs`` the raw code."""

    utc: str
    car_id: str
    rpm: int | None
    speed: int | None
    gear: int | None
    throttle: int | None
    brake: int | None
    drs: int | None


class PositionSample(NamedTuple):
    """One car's place at one instant, in tenths of a metre of the circuit's own frame."""

    utc: str
    car_id: str
    status: str | None
    x: int | None
    y: int | None
    z: int | None


def car_samples(payload: Any) -> Iterator[list[CarSample]]:
    """Yield the car-data samples of a ``CarData.z`` payload, instant by instant (about four a second)."""
    data = inflate(payload)
    for _, entry in items(data.get("Entries")) if isinstance(data, dict) else ():
        if not isinstance(entry, dict) or not isinstance(entry.get("Utc"), str):
            continue
        found = []
        for car, value in items(entry.get("Cars")):
            found_at = value.get("Channels") if isinstance(value, dict) else None
            if isinstance(found_at, dict):
                found.append(CarSample(entry["Utc"], car, *(integer(found_at.get(c)) for c in _CHANNELS)))
        yield found


def position_samples(payload: Any) -> Iterator[list[PositionSample]]:
    """Yield the position samples of a ``Position.z`` payload, instant by instant (about four a second)."""
    data = inflate(payload)
    for _, entry in items(data.get("Position")) if isinstance(data, dict) else ():
        if not isinstance(entry, dict) or not isinstance(entry.get("Timestamp"), str):
            continue
        yield [
            PositionSample(entry["Timestamp"], car, text(v.get("Status")), *(integer(v.get(k)) for k in "XYZ"))
            for car, v in items(entry.get("Entries"))
            if isinstance(v, dict)
        ]


def channels(sample: CarSample | PositionSample) -> dict[str, Any]:
    """Return a sample as fields of ``CarTelemetry``: metres, km/h, shares of one."""
    if isinstance(sample, PositionSample):
        named = {"x_m": sample.x, "y_m": sample.y, "z_m": sample.z}
        return {k: v / 10 for k, v in named.items() if v is not None}
    # 104 stands for "not measured" in throttle and brake; a channel that vanishes keeps its last value with its age.
    put: dict[str, Any] = {}
    if sample.rpm is not None:
        put["rpm"] = sample.rpm
    if sample.speed is not None:
        put["speed_kmh"] = sample.speed
    if sample.gear is not None:
        put["gear"] = sample.gear
    if sample.throttle is not None:
        put["throttle"] = sample.throttle / 100 if 0 <= sample.throttle <= 100 else None
    if sample.brake is not None:
        put["brake"] = sample.brake / 100 if 0 <= sample.brake <= 100 else None
    put["drs"] = None if sample.drs is None else sample.drs in _DRS_OPEN
    return put
