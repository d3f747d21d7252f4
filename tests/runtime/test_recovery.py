from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from racetwin import __version__
from racetwin.config import Settings
from racetwin.errors import ConfigurationError, DataError, InputError
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.journal import Journal
from racetwin.runtime.journal_writer import JournalWriter
from racetwin.runtime.orchestrator import MainOrchestrator
from racetwin.runtime.recovery import SystemRecoveryManager, pack, rebuild, unpack
from racetwin.runtime.session import EngineSession, open_session
from racetwin.runtime.snapshot import RaceInfo
from racetwin.runtime.sources import Source
from racetwin.runtime.state_handler import StateHandler
from racetwin.schemas import TelemetryFrame

pytestmark = pytest.mark.integration

RACES = 32


class Feed:
    """Frames as fast as they are taken."""

    def __init__(self, frames: list[TelemetryFrame]) -> None:
        self.frames = frames

    async def __aiter__(self) -> Any:
        for frame in self.frames:
            yield frame


async def keep(path: Path, frames: list[TelemetryFrame], snapshots_at: tuple[int, ...] = (), close: bool = True) -> str:
    """Run an engine with a journal over these frames; returns its hash."""
    journal = Journal(path, write=True)
    info = RaceInfo(race_id=frames[0].race_id)
    journal.begin_run("run", info.race_id, info.model_dump(mode="json"))
    engine = RaceEngine(info, races=RACES)
    writer = JournalWriter(journal, "run")
    runner = MainOrchestrator(engine, Feed([]), journal=writer)
    for i, frame in enumerate(frames, 1):
        runner.ingest(frame)
        if i % 25 == 0:
            await writer.flush()
        if i in snapshots_at:
            await runner.take_snapshot()
    await writer.close(finished=close)
    journal.close()
    return engine.hash()


def fresh(frames: list[TelemetryFrame]) -> RaceEngine:
    engine = RaceEngine(RaceInfo(race_id=frames[0].race_id), races=RACES)
    for frame in frames:
        engine.ingest(frame)
    return engine


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "race.sqlite"


@pytest.mark.parametrize("snapshots_at", [(), (1,), (60,), (60, 150)])
async def test_recovered_engine_is_the_one_that_was(
    path: Path, race_frames: list[TelemetryFrame], snapshots_at: tuple[int, ...]
) -> None:
    before = await keep(path, race_frames, snapshots_at)
    with Journal(path, write=True) as journal:
        engine, report = SystemRecoveryManager(journal).recover()
    assert engine.hash() == report.state_hash == before
    assert engine.snapshot().laps == fresh(race_frames).snapshot().laps
    assert report.problems == []
    assert report.snapshot_frame == max(snapshots_at, default=0)
    assert report.snapshot_frame + report.replayed == len(race_frames)


async def test_corrupt_snapshot_is_passed_over_and_reported(path: Path, race_frames: list[TelemetryFrame]) -> None:
    before = await keep(path, race_frames, (60, 150))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE snapshots SET blob = substr(blob, 1, length(blob) / 2) WHERE n = 150")
    with Journal(path) as journal:
        engine, report = SystemRecoveryManager(journal).recover()
    assert engine.hash() == before
    assert report.snapshot_frame == 60
    assert any("after frame 150 is damaged" in p for p in report.problems)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda dump: {**dump, "dump": 99}, "version 99"),
        (lambda dump: {k: v for k, v in dump.items() if k != "twin"}, "does not load"),
        (lambda dump: {**dump, "leader_laps": "many", "laps": [{}]}, "does not load"),
    ],
)
async def test_snapshot_that_makes_no_sense_is_passed_over(
    path: Path, race_frames: list[TelemetryFrame], spoil: Any, complaint: str
) -> None:
    before = await keep(path, race_frames, (60, 150))
    with Journal(path, write=True) as journal:
        newest = next(journal.snapshots("run"))
        from dataclasses import replace

        bad = replace(newest, blob=pack(spoil(unpack(newest.blob))))
        journal._write_snapshot(bad)
        engine, report = SystemRecoveryManager(journal).recover()
    assert engine.hash() == before
    assert report.snapshot_frame == 60
    assert complaint in " ".join(report.problems)


async def test_snapshot_with_a_wrong_hash_is_passed_over(path: Path, race_frames: list[TelemetryFrame]) -> None:
    before = await keep(path, race_frames, (60, 150))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE snapshots SET state_hash = 'something else' WHERE n = 150")
    with Journal(path) as journal:
        engine, report = SystemRecoveryManager(journal).recover()
    assert engine.hash() == before
    assert "expected something else" in report.problems[0]


async def test_torn_tail_is_recovered_up_to_the_tear(path: Path, race_frames: list[TelemetryFrame]) -> None:
    await keep(path, race_frames, (60,))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE batches SET frames = zeroblob(30) WHERE first = 101")
    with Journal(path) as journal:
        engine, report = SystemRecoveryManager(journal).recover()
    assert engine.hash() == fresh(race_frames[:100]).hash()
    assert report.last_frame == 100
    assert "damaged" in report.problems[0]


async def test_what_was_known_then_is_rebuilt(path: Path, race_frames: list[TelemetryFrame]) -> None:
    await keep(path, race_frames, (60, 150))
    whole = fresh(race_frames)
    for lap in (1, 4, 9):
        assert rebuild(path, "run", lap=lap).cars == whole.laps_archive[lap].cars
        assert rebuild(path, "run", lap=lap).laps == whole.laps_archive[lap].laps
    middle = race_frames[100].time_s
    assert rebuild(path, "run", time_s=middle).frame.time_s == middle
    with pytest.raises(DataError, match="lap 40 was not completed"):
        rebuild(path, "run", lap=40)


async def test_advice_comes_back_with_its_receipt(path: Path, race_frames: list[TelemetryFrame]) -> None:
    journal = Journal(path, write=True)
    journal.begin_run("run", race_frames[0].race_id, RaceInfo(race_id=race_frames[0].race_id).model_dump(mode="json"))
    car = race_frames[0].cars[2].car_id
    engine = RaceEngine(races=RACES, run_id="run")
    engine.follow(car)
    runner = MainOrchestrator(engine, Feed(race_frames[:90]), journal=JournalWriter(journal, "run"), in_step=True)
    await runner.run()
    told = engine.snapshot()
    journal.close()
    with Journal(path) as again:
        back, _ = SystemRecoveryManager(again).recover()
    assert back.followed == (car,)
    assert back.snapshot().answers[car].receipt == told.answers[car].receipt
    assert back.snapshot().advice == told.advice


def session(settings: Settings, frames: list[TelemetryFrame], **options: Any) -> EngineSession:
    """Open a session as `serve` does, over these frames."""
    import racetwin.runtime.session as module

    source = Source(RaceInfo(race_id=frames[0].race_id, source="test"), frames)
    original = module.simulated_race
    module.simulated_race = lambda *_, **__: source  # the drawn race of these tests
    try:
        return open_session(settings, simulated=True, speed=10_000.0, **options)
    finally:
        module.simulated_race = original


async def test_run_that_was_cut_off_is_gone_on_with(run_settings: Settings, race_frames: list[TelemetryFrame]) -> None:
    first = session(run_settings, race_frames)
    runner = first.build()
    for frame in race_frames[:97]:
        runner.ingest(frame)
    assert runner.journal is not None
    await runner.journal.flush()
    first.journal.close()  # the process is gone: nothing was closed in order

    second = session(run_settings, race_frames)
    assert second.report is not None
    assert second.engine.run_id == first.engine.run_id
    assert second.notes
    await second.build().run()
    second.close()
    assert second.engine.hash() == fresh(race_frames).hash()

    third = session(run_settings, race_frames)  # that one had been closed in order: a new run begins
    assert third.report is None
    assert third.engine.run_id != first.engine.run_id
    third.close()


async def test_second_engine_is_refused(run_settings: Settings, race_frames: list[TelemetryFrame]) -> None:
    first = session(run_settings, race_frames)
    with pytest.raises(ConfigurationError, match="in use by another engine"):
        session(run_settings, race_frames)
    first.close()


async def test_disk_that_fills_up_is_survived_and_caught_up_with(path: Path, race_frames: list[TelemetryFrame]) -> None:
    journal = Journal(path, write=True)
    info = RaceInfo(race_id=race_frames[0].race_id)
    journal.begin_run("run", info.race_id, info.model_dump(mode="json"))
    told: list[Exception] = []
    writer = JournalWriter(journal, "run", on_error=told.append)
    runner = MainOrchestrator(RaceEngine(info), Feed([]), journal=writer)
    for frame in race_frames[:40]:
        runner.ingest(frame)
    journal._db.execute("PRAGMA max_page_count = 1")
    assert not await writer.flush()
    assert writer.status.state == "degraded"
    assert "full" in (writer.error or "")
    for frame in race_frames[40:80]:
        runner.ingest(frame)
    assert not await writer.flush()
    assert len(told) == 1
    assert runner.health()["status"] == "degraded"
    waiting = asyncio.create_task(writer.committed(80))
    await asyncio.sleep(0.05)
    assert not waiting.done()  # nobody is told that a frame is safe that is not
    journal._db.execute("PRAGMA max_page_count = 1000000")
    assert await writer.flush()
    await asyncio.wait_for(waiting, 5)
    assert writer.status.state == "ok"
    await writer.close()
    assert [n for n, _ in journal.frames("run")] == list(range(1, 81))
    journal.close()


async def test_state_handler_lists_shows_and_exports(run_settings: Settings, race_frames: list[TelemetryFrame]) -> None:
    import pyarrow.parquet as pq

    one = session(run_settings, race_frames[:80])
    await one.build().run()
    one.close()
    race = race_frames[0].race_id
    state = StateHandler(run_settings)
    table = state.journals()
    assert list(table["race_id"]) == [race]
    assert list(table["frames"]) == [80]
    assert [f.seq for f in state.frames(race)] == [f.seq for f in race_frames[:80]]
    assert state.snapshot(race, lap=2).laps
    written = state.export(race, run_settings.state / "export")
    assert len(written) == 3
    frames_table = pq.read_table(written[0])
    assert frames_table.schema.metadata[b"racetwin"] == b"racetwin-journal/1"
    assert frames_table.num_rows == sum(len(f.cars) for f in race_frames[:80])
    with pytest.raises(InputError, match="cannot name a file"):
        state.path("../../etc/passwd")


async def test_dump_says_what_made_it(path: Path, race_frames: list[TelemetryFrame]) -> None:
    await keep(path, race_frames[:80], (60,))
    with Journal(path) as journal:
        (stored,) = journal.snapshots("run")
    assert stored.code_version == __version__
    assert stored.lap == race_frames[59].lap


async def test_journal_that_cannot_be_read_is_put_aside(
    run_settings: Settings, race_frames: list[TelemetryFrame]
) -> None:
    one = session(run_settings, race_frames[:40])
    await one.build().run()
    one.close()
    path = StateHandler(run_settings).path(race_frames[0].race_id)
    path.write_bytes(b"not what it was" * 1000)
    other = session(run_settings, race_frames[:40])
    assert "a new one begun" in other.notes[0]
    await other.build().run()
    other.close()
    assert len(list(path.parent.glob("*.damaged-*"))) == 1
    with Journal(path) as journal:
        assert journal.run().frames == 40


async def test_fault_of_our_own_does_not_end_the_race(
    path: Path, race_frames: list[TelemetryFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    from racetwin.twins import RaceTwin

    update = RaceTwin.update

    def faulty(self: RaceTwin, ingested: Any) -> None:
        if ingested.frame.seq == 30:
            raise ZeroDivisionError("a bug")
        update(self, ingested)

    monkeypatch.setattr(RaceTwin, "update", faulty)
    journal = Journal(path, write=True)
    info = RaceInfo(race_id=race_frames[0].race_id)
    journal.begin_run("run", info.race_id, info.model_dump(mode="json"))
    told: list[Exception] = []
    engine = RaceEngine(info, run_id="run")
    writer = JournalWriter(journal, "run")
    runner = MainOrchestrator(engine, Feed(race_frames[:60]), journal=writer, report=told.append, in_step=True)
    await runner.run()
    journal.close()
    assert [type(e) for e in told] == [ZeroDivisionError]
    assert engine.frame is not None
    assert engine.frame.seq == race_frames[59].seq
    assert "engine_fault" in [a.name for a in runner.monitor.watch(runner.monitor.readings(engine.snapshot()))]
    with Journal(path, write=True) as again:
        for snapshot in list(again.snapshots("run")):  # from the first frame, so that the fault is met again
            again._db.execute("DELETE FROM snapshots WHERE n = ?", (snapshot.n,))
        back, report = SystemRecoveryManager(again).recover()
    assert back.hash() == engine.hash()
    assert "ZeroDivisionError" in report.problems[0]
