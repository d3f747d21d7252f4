"""Faults on demand: what feeds do on bad days, seeded, for tests and rehearsals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from racetwin.errors import InputError
from racetwin.schemas import TelemetryFrame

Raw = TelemetryFrame | dict[str, Any]


@dataclass(frozen=True, slots=True)
class Faults:
    """How often each fault happens, as a probability per frame (per car and frame where it says so).

    Parameters
    ----------
    drop, duplicate
        The frame is lost, or comes twice.
    reorder
        The frame comes ``1..8`` frames late.
    silence
        The feed falls silent for ``silence_s`` seconds of race time.
    nan
        Per car: a channel holds NaN.
    jump
        Per car: position or lap jumps to a value that cannot be.
    seed
        Same seed, same faults.
    """

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    silence: float = 0.0
    silence_s: float = 30.0
    nan: float = 0.0
    jump: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("drop", "duplicate", "reorder", "silence", "nan", "jump"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name}: {getattr(self, name)}, expected a probability from 0 to 1")


_CHANNELS = ("speed_kmh", "x_m", "throttle", "gap_s", "last_lap_s")


def with_faults(frames: Iterable[TelemetryFrame], faults: Faults) -> Iterator[Raw]:
    """Yield frames as a failing feed would deliver them; a frame with a bad car comes as a dictionary, not validated."""
    draw = np.random.Generator(np.random.Philox(key=[faults.seed, 911]))
    late: list[tuple[int, Raw]] = []
    silent_until = -float("inf")
    for n, frame in enumerate(frames):
        u = draw.random(4)
        if u[0] < faults.silence:
            silent_until = frame.time_s + faults.silence_s
        item = _spoilt(frame, faults, draw)
        if frame.time_s >= silent_until and u[1] >= faults.drop:
            if u[2] < faults.reorder:
                late.append((n + int(draw.integers(1, 9)), item))
            else:
                yield item
                if u[3] < faults.duplicate:
                    yield item
        for due in [x for x in late if x[0] <= n]:
            late.remove(due)
            yield due[1]
    for _, item in late:
        yield item


def _spoilt(frame: TelemetryFrame, faults: Faults, draw: np.random.Generator) -> Raw:
    if faults.nan == 0 and faults.jump == 0:
        return frame
    u = draw.random((len(frame.cars), 3))
    bad = (u[:, 0] < faults.nan) | (u[:, 1] < faults.jump)
    if not bad.any():
        return frame
    raw = frame.model_dump(mode="json")
    for i in np.flatnonzero(bad):
        car = raw["cars"][i]
        if u[i, 0] < faults.nan:
            car[_CHANNELS[int(u[i, 2] * len(_CHANNELS))]] = float("nan")
        if u[i, 1] < faults.jump:
            name, value = [("position", 99), ("lap", (car["lap"] or 0) + 40), ("lap", 0), ("speed_kmh", 5000.0)][
                int(u[i, 2] * 4)
            ]
            car[name] = value
    return raw
