"""Where an engine's frames come from: a race of the library, or one drawn from the race model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from racetwin.config import Settings
from racetwin.errors import DataError, InputError
from racetwin.runtime.snapshot import RaceInfo
from racetwin.schemas import TelemetryFrame


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames that can be had again: each iteration begins at the first."""

    begin: Callable[[], Iterator[TelemetryFrame]]

    def __iter__(self) -> Iterator[TelemetryFrame]:
        return self.begin()


@dataclass(frozen=True, slots=True)
class Source:
    """A race about to be run: what it is, and its frames in time order, which may be asked for again."""

    info: RaceInfo
    frames: Iterable[TelemetryFrame]


def default_race(settings: Settings) -> str | None:
    """Return the newest Grand Prix at hand, None if there is no race at all."""
    from racetwin.telemetry.library import RaceLibrary

    races = RaceLibrary(settings).list()
    if races.empty:
        return None
    grands_prix = races[races["session"] == "R"]
    newest = (grands_prix if len(grands_prix) else races).sort_values(["season", "round"]).iloc[-1]
    return str(newest["race_id"])


def library_race(
    race_id: str,
    settings: Settings,
    *,
    speed: float | None,
    hz: float | None = 10.0,
    from_lap: int = 1,
    to_lap: int | None = None,
) -> Source:
    """Return a race of the library (or a recording, where ``race_id`` is a path), ready to be replayed."""
    if is_recording(race_id):
        return recorded_race(Path(race_id), speed=speed, hz=hz, from_lap=from_lap, to_lap=to_lap)
    from racetwin.telemetry.laptable import frames
    from racetwin.telemetry.library import RaceLibrary

    record = RaceLibrary(settings).load(race_id)
    for name, lap in (("from_lap", from_lap), ("to_lap", to_lap)):
        if lap is not None and not 1 <= lap <= record.total_laps:
            raise InputError(f"{name}: {lap}, expected 1 to {record.total_laps} in {race_id}")
    if to_lap is not None and to_lap < from_lap:
        raise InputError(f"to_lap: {to_lap}, expected at least from_lap ({from_lap})")
    info = RaceInfo(
        race_id=record.race_id,
        event=record.event,
        circuit_id=record.circuit_id,
        circuit=record.circuit,
        season=record.season,
        session_type="sprint" if record.session == "S" else "race",
        total_laps=record.total_laps,
        simulated=record.simulated,
        source="replay",
        speed=speed,
        replay=True,
    )
    return Source(info, Frames(lambda: frames(record, hz=hz, from_lap=from_lap, to_lap=to_lap)))


def is_recording(race: str) -> bool:
    """Whether a race is named by a file or folder and not by its id.

    Examples
    --------
    >>> is_recording("2024-12-great-britain"), is_recording("race.parquet"), is_recording("./live")
    (False, True, True)
    """
    return os.sep in race or bool(Path(race).suffix)


def recorded_race(
    path: Path,
    *,
    speed: float | None,
    hz: float | None = 10.0,
    from_lap: int = 1,
    to_lap: int | None = None,
) -> Source:
    """Return a recording, ready to be replayed: one of `racetwin record`, or of Formula 1 live timing of any kind.

    Raises
    ------
    DataError
        If there is none, or no frame can be read from it.
    """
    from racetwin.telemetry.recording import recorded_frames

    begin = Frames(lambda: recorded_frames(path, hz=hz, from_lap=from_lap, to_lap=to_lap))
    first = next(iter(begin), None)
    if first is None:
        raise DataError(f"{path}: no frame of lap {from_lap} or later can be read from it")
    info = RaceInfo(
        race_id=first.race_id,
        circuit_id=first.circuit_id,
        season=first.season,
        session_type=first.session_type,
        total_laps=first.total_laps,
        simulated=first.simulated,
        source="recording",
        speed=speed,
        replay=True,
    )
    return Source(info, begin)


def simulated_race(
    settings: Settings,
    *,
    circuit_id: str | None = None,
    season: int | None = None,
    seed: int | None = None,
    speed: float | None,
    hz: float | None = 10.0,
    to_lap: int | None = None,
) -> Source:
    """Return a Grand Prix drawn from the race model: the same seed, the same race."""
    from racetwin.telemetry import TelemetrySimulator

    chosen: dict[str, Any] = {"seed": settings.seed if seed is None else seed, "hz": hz}
    if circuit_id is not None:
        chosen["circuit_id"] = circuit_id
    if season is not None:
        chosen["season"] = season
    if to_lap is not None:
        chosen["to_lap"] = to_lap
    simulator = TelemetrySimulator(**chosen)
    record = simulator.record
    info = RaceInfo(
        race_id=record.race_id,
        event=record.event,
        circuit_id=record.circuit_id,
        circuit=record.circuit,
        season=record.season,
        total_laps=record.total_laps,
        simulated=True,
        source="simulator",
        speed=speed,
    )
    return Source(info, simulator)
