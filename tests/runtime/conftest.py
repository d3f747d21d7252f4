"""A short simulated race for the runtime's tests: the same frames each time, no data needed."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

import pytest

from racetwin.config import Settings
from racetwin.runtime.engine import RaceEngine
from racetwin.schemas import TelemetryFrame
from racetwin.simulation.draw import draw_grand_prix
from racetwin.simulation.parameter_file import load_parameters
from racetwin.telemetry.laptable import frames
from racetwin.telemetry.records import RaceRecord

RACES = 32
"""Races a plan in tests: enough to rank, few enough to be quick."""


@lru_cache(maxsize=2)
def drawn_record(seed: int = 5, lane_s: float = 0.0) -> RaceRecord:
    """Return a Grand Prix drawn from the race model; ``lane_s``: how much more than usual its pit lane costs, seconds."""
    usual = load_parameters("monza", 2024)
    race = draw_grand_prix("monza", 2024, seed=seed, parameters=usual.replace(pit_loss_s=usual.pit_loss_s + lane_s))
    return RaceRecord.from_laps(
        race.laps,
        race_id=race.race_id,
        season=race.season,
        circuit_id=race.circuit_id,
        circuit=race.circuit,
        event=race.event,
        total_laps=race.total_laps,
        grid=race.grid,
        simulated=True,
        source="simulator",
    )


@pytest.fixture(scope="session")
def record() -> RaceRecord:
    return drawn_record()


@pytest.fixture(scope="session")
def slow_lane() -> RaceRecord:
    """Return another race, in which every stop costs four seconds more than the parameters say."""
    return drawn_record(lane_s=4.0)


@pytest.fixture(scope="session")
def race_frames(record: RaceRecord) -> list[TelemetryFrame]:
    """Return the first twelve laps, a frame an event."""
    return list(frames(record, hz=None, to_lap=12))


@pytest.fixture(scope="session")
def paced_frames(record: RaceRecord) -> list[TelemetryFrame]:
    """Return the first three laps at 10 Hz."""
    return list(frames(record, hz=10.0, to_lap=3))


@pytest.fixture
def engine() -> RaceEngine:
    return RaceEngine(races=RACES)


@pytest.fixture
def run_settings(tmp_path: Path) -> Settings:
    """Settings of a server of the test's own: any free port, its own folders."""
    return Settings(state=tmp_path / "state", library=tmp_path / "races", api_port=0, races=RACES, data=None)


def feed(engine: RaceEngine, frames_of_race: list[TelemetryFrame]) -> RaceEngine:
    """Give an engine all of these frames."""
    for frame in frames_of_race:
        engine.ingest(frame)
    return engine


@pytest.fixture
def certificates_loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whence certificates are loaded during a test, in turn: each time takes 50 ms of processor time."""
    loaded: list[str] = []
    load = ssl.SSLContext.load_verify_locations

    def counted(context: ssl.SSLContext, *files: object, **named: object) -> None:
        loaded.append(str(files or named))
        load(context, *files, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    return loaded
