"""A recording, or any race, played back: held, stepped, sought forwards and backwards, at any pace."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from builders.f1_race import messages
from typer.testing import CliRunner

from racetwin.cli.app import app
from racetwin.config import Settings
from racetwin.errors import DataError, InputError
from racetwin.runtime.live import LiveRace
from racetwin.runtime.replay_control import change_of
from racetwin.runtime.session import open_session
from racetwin.runtime.sources import is_recording, recorded_race
from racetwin.telemetry import TelemetrySimulator
from racetwin.telemetry.recorder import Recorder
from racetwin.telemetry.replay import Replay

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "race.parquet"
    with Recorder(path) as recorder:
        for frame in TelemetrySimulator("monza", 2024, seed=5, hz=2.0, to_lap=6):
            recorder.write(frame)
    return path


@pytest.fixture
def live_timing(tmp_path: Path) -> Path:
    path = tmp_path / "live.txt"
    from datetime import UTC, datetime

    def utc(t: float) -> str:
        return datetime.fromtimestamp(t, UTC).isoformat().replace("+00:00", "Z")

    path.write_text("\n".join(json.dumps([m.topic, m.payload, utc(m.time)]) for m in messages()))
    return path


def test_a_recording_is_held_stepped_sought_and_rewound(recorded: Path) -> None:
    with LiveRace.replay(str(recorded), speed=5.0, races=32) as live:
        live.wait_for(lambda s: s.time_s > 1)
        live.pause()
        time.sleep(0.3)
        live.seek(5)
        ahead = live.wait_for(lambda s: s.lap >= 5, 60)
        assert max(r.lap for r in ahead.laps) >= 4, "what lies between was taken in"
        time.sleep(0.3)
        held = live.snapshot.time_s
        live.step(4)
        live.wait_for(lambda s: s.time_s >= held + 1.5)
        time.sleep(0.3)
        assert live.snapshot.time_s == pytest.approx(held + 2.0, abs=0.6)
        live.seek(2)
        back = live.wait_for(lambda s: s.lap == 2, 60)
        assert max(r.lap for r in back.laps) == 1, "the race began anew"
        live.set_speed(400)
        live.resume()
        end = live.wait_for(lambda s: s.lap >= 6, 60)
        assert end.info.speed == 400
        assert end.counters.duplicates == 0
        live.raise_errors()


def test_it_is_the_race_that_was_recorded(recorded: Path) -> None:
    with LiveRace.replay(str(recorded), speed=None, races=32) as live:
        assert live.join(120)
        one = live.snapshot
    with LiveRace.simulate("monza", 2024, seed=5, speed=None, hz=2.0, to_lap=6, races=32) as live:
        assert live.join(120)
        other = live.snapshot
    assert one is not None
    assert other is not None
    assert one.laps == other.laps
    assert one.events == other.events
    assert one.frame == other.frame
    assert one.info.simulated, "a recording of a simulated race stays a simulated one"


def test_live_timing_is_replayed_by_its_path(live_timing: Path) -> None:
    source = recorded_race(live_timing, speed=None, hz=None)
    assert (source.info.race_id, source.info.circuit_id) == ("2026-11-great-britain", "silverstone")
    with LiveRace.replay(str(live_timing), speed=None, hz=None, races=32) as live:
        assert live.join(120)
        live.raise_errors()
        assert live.snapshot is not None
        assert live.snapshot.finished
        assert live.snapshot.order[0].car_id == "1"
    told = CliRunner().invoke(app, ["replay", str(live_timing), "--json"])
    lines = [json.loads(line) for line in told.output.splitlines()]
    assert lines[-1]["cars"][0]["status"] == "FINISHED"


def test_a_session_with_a_journal_takes_a_recording_too(recorded: Path, tmp_path: Path) -> None:
    session = open_session(Settings(state=tmp_path, library=tmp_path), race=str(recorded), speed=100.0)
    try:
        assert session.engine.info.source == "recording"
        assert session.journal is not None
        assert session.journal.path.name.startswith("recording-")
    finally:
        session.close()


def test_what_cannot_be_asked_of_a_replay_is_one_clear_line() -> None:
    replay = Replay([], 1.0)
    replay.lap = 7
    for action, value, message in (
        ("jump", None, "expected one of pause, resume, speed, seek, step"),
        ("seek", 0, "seek: 0, expected a lap, 1 or more"),
        ("seek", 2.5, "seek: 2.5, expected a lap"),
        ("step", None, "step: None, expected a number of frames"),
        ("seek", 3, r"lap 3 has passed \(now lap 7\).*LiveRace.at\(2\)"),
    ):
        with pytest.raises(InputError, match=message):
            change_of(replay, action, value, only_forward=True)
    with pytest.raises(InputError, match="live and goes at its own pace"):
        change_of(object(), "pause", None, only_forward=True)


def test_paths_and_ids_are_told_apart(tmp_path: Path) -> None:
    assert not is_recording("2024-12-great-britain")
    assert is_recording(str(tmp_path))
    assert is_recording("race.parquet")
    with pytest.raises(DataError, match="there is no recording"):
        LiveRace.replay("nowhere.parquet")
    (tmp_path / "empty.txt").write_text("nothing of this can be read\n")
    with pytest.raises(DataError, match="no frame"):
        LiveRace.replay(str(tmp_path / "empty.txt"))
