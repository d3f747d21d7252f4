from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from racetwin.config import Settings
from racetwin.errors import DataError
from racetwin.schemas import CarTelemetry, RaceControlMessage, TelemetryFrame, TyreSet
from racetwin.telemetry import RaceRecord, TelemetrySimulator, frames
from racetwin.telemetry.recorder import SCHEMA, Recorder, Recording
from racetwin.telemetry.recording import recorded_frames
from racetwin.telemetry.recording_log import FrameLog, beside, logged_frames

pytestmark = pytest.mark.unit


def test_the_file_has_a_column_for_every_field() -> None:
    names = set(SCHEMA.names)
    apart = {"sectors_s", "tyre"}
    assert {n for n in CarTelemetry.model_fields if n not in apart} <= names
    assert {n for n in TelemetryFrame.model_fields if n not in {"version", "lap", "track", "cars"}} <= names


def test_what_is_read_is_what_was_written(record: RaceRecord, tmp_path: Path) -> None:
    given = list(frames(record, hz=5))
    said = RaceControlMessage(message="TRACK LIMITS", car_id="1")
    first = (
        given[0].cars[0].model_copy(update={"sectors_s": (25.0, None, 31.0), "tyre_sets": (TyreSet(compound="SOFT"),)})
    )
    given[0] = given[0].model_copy(
        update={"messages": (said,), "utc": "2024-01-01T00:00:00Z", "cars": (first, *given[0].cars[1:])}
    )
    path = tmp_path / "deep" / "race.parquet"
    with Recorder(path) as recorder:
        assert all(recorder.write(f) for f in given)
    got = list(Recording(path))
    assert got == given
    assert len(Recording(path)) == len(given)
    assert [TelemetryFrame.model_validate(f.model_dump()) for f in got[::40]] == given[::40]


def test_it_is_a_plain_table_too_and_small(tmp_path: Path) -> None:
    simulator = TelemetrySimulator("monza", 2025, seed=3, settings=Settings(data=None))
    path = tmp_path / "race.parquet"
    with Recorder(path) as recorder:
        for f in itertools.islice(iter(simulator), 1200):
            recorder.write(f)
    table = pd.read_parquet(path)
    assert len(table) == 1200 * 20
    assert table["speed_kmh"].max() > 150
    assert path.stat().st_size < 1200 * 20 * 25  # less than 25 bytes per car and frame


def test_a_lap_can_be_sought(record: RaceRecord, tmp_path: Path) -> None:
    with Recorder(tmp_path / "r.parquet") as recorder:
        for f in frames(record, hz=5):
            recorder.write(f)
    shown = list(Recording(tmp_path / "r.parquet").frames(from_lap=4, to_lap=5))
    assert shown == list(frames(record, hz=5))[shown[0].seq : shown[-1].seq + 1]
    assert (shown[0].lap, shown[-1].lap) == (4, 6)


async def test_a_feed_that_dies_leaves_a_whole_file(record: RaceRecord, tmp_path: Path) -> None:
    from racetwin.telemetry.recorder import record as record_feed

    async def feed() -> AsyncIterator[Any]:
        for i, f in enumerate(frames(record, hz=2)):
            if i == 50:
                raise ConnectionError("gone")
            yield f

    with pytest.raises(ConnectionError):
        await record_feed(feed(), tmp_path / "r.parquet")
    assert len(Recording(tmp_path / "r.parquet")) == 50


async def test_raw_input_is_judged_and_the_lap_limit_holds(record: RaceRecord, tmp_path: Path) -> None:
    from racetwin.telemetry.recorder import record as record_feed

    async def feed() -> AsyncIterator[Any]:
        for f in frames(record, hz=2):
            yield f.model_dump(mode="json")

    n = await record_feed(feed(), tmp_path / "r.parquet", to_lap=2)
    assert n == sum(1 for _ in frames(record, hz=2, to_lap=2))
    with Recorder(tmp_path / "s.parquet") as recorder:
        assert not recorder.write("nonsense")
        assert recorder.rejected == {"frame.not_json": 1}
    assert list(Recording(tmp_path / "s.parquet")) == []


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no recording"):
        Recording(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("hello")
    with pytest.raises(DataError, match="cannot be read as a recording"):
        Recording(tmp_path / "text.parquet")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(DataError, match="is no recording of layout 1"):
        Recording(tmp_path / "other.parquet")


def test_an_unfinished_recording_is_read_and_gone_on_with(record: RaceRecord, tmp_path: Path) -> None:
    given, path = list(frames(record, hz=2)), tmp_path / "r.parquet"
    killed = Recorder(path)
    for f in given[:700]:
        killed.write(f)
    assert not path.exists()
    assert list(Recording(path)) == given[:700]
    assert len(Recording(path)) == 700
    assert not Recording(path).finished
    assert list(recorded_frames(path)) == list(recorded_frames(beside(path))) == given[:700]
    lap = given[650].lap
    assert list(Recording(path).frames(from_lap=lap)) == [f for f in given[:700] if f.lap >= lap]
    with pytest.raises(DataError, match="being written by another process"):
        Recorder(path)
    killed._log.close(remove=False)  # what the system does for a process that is killed
    log = beside(path).read_bytes()
    beside(path).write_bytes(log[:-5])  # a frame that was cut off by a power cut
    with Recorder(path) as recorder:
        assert recorder.resumed == 699
        for f in given[699:800]:
            recorder.write(f)
    assert Recording(path).finished
    assert list(Recording(path)) == given[:800]
    assert [p.name for p in tmp_path.iterdir()] == ["r.parquet"]


def test_what_is_not_ours_is_no_unfinished_recording(tmp_path: Path) -> None:
    beside(tmp_path / "r.parquet").write_text("something else that has nothing to do with us")
    with pytest.raises(DataError, match="no unfinished recording"), Recorder(tmp_path / "r.parquet") as recorder:
        recorder.write("{}")
    with pytest.raises(DataError):
        list(recorded_frames(tmp_path / "r.parquet"))


def test_the_disk_is_told_to_write_also_when_no_more_frames_come(record: RaceRecord, tmp_path: Path) -> None:
    log = FrameLog(tmp_path / "r.parquet.unfinished")
    for f in list(frames(record, hz=2))[:40]:
        log.write(f)
    assert log.unsynced > 0
    deadline = time.monotonic() + 30
    while log.unsynced:
        assert time.monotonic() < deadline, "the disk was not told"
        time.sleep(0.01)
    log.close(remove=False)
    assert len(list(logged_frames(log.path))) == 40
