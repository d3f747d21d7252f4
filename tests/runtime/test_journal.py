from __future__ import annotations

import sqlite3
import zlib
from pathlib import Path

import pytest

from racetwin.errors import ConfigurationError, DataError
from racetwin.runtime import journal_schema
from racetwin.runtime.journal import SNAPSHOTS_KEPT, Journal
from racetwin.runtime.journal_records import Batch, StoredSnapshot

pytestmark = pytest.mark.unit


def batch(run: str, first: int, n: int) -> Batch:
    numbers = range(first, first + n)
    return Batch(
        run,
        first,
        frames=[b'{"n":%d,"time_s":%d.0}' % (i, i) for i in numbers],
        times=[float(i) for i in numbers],
        laps=[i // 100 + 1 for i in numbers],
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "race.sqlite"


def test_frames_come_back_as_they_went_in(path: Path) -> None:
    with Journal(path, write=True) as journal:
        journal.begin_run("a", "race", {"race_id": "race"})
        journal.write(batch("a", 1, 60))
        journal.write(batch("a", 61, 7))
        got = list(journal.frames("a", after=58, upto=63))
    assert [n for n, _ in got] == [59, 60, 61, 62, 63]
    assert got[0][1] == b'{"n":59,"time_s":59.0}'


def test_second_engine_on_the_same_journal_is_refused(path: Path) -> None:
    with Journal(path, write=True), pytest.raises(ConfigurationError, match="in use by another engine"):
        Journal(path, write=True)
    Journal(path, write=True).close()  # the lock went with the first


def test_readers_are_welcome_while_one_writes(path: Path) -> None:
    with Journal(path, write=True) as writer:
        writer.begin_run("a", "race", {})
        writer.write(batch("a", 1, 5))
        with Journal(path) as reader:
            assert reader.last_frame("a") == 5
            writer.write(batch("a", 6, 5))
            assert reader.last_frame("a") == 10


def test_batch_is_written_whole_or_not_at_all(path: Path) -> None:
    with Journal(path, write=True) as journal:
        journal.begin_run("a", "race", {})
        journal.write(batch("a", 1, 5))
        with pytest.raises(sqlite3.IntegrityError):
            journal.write(
                Batch("a", 1, frames=[b"{}"], times=[0.0], laps=[1], events=[(1, 0.0, "x", None, None, "{}")])
            )
        assert list(journal.events("a")) == []
        assert journal.last_frame("a") == 5


def test_damaged_batch_ends_the_replay_and_is_reported(path: Path) -> None:
    with Journal(path, write=True) as journal:
        journal.begin_run("a", "race", {})
        for first in (1, 6, 11):
            journal.write(batch("a", first, 5))
        journal._db.execute("UPDATE batches SET frames = zeroblob(20) WHERE first = 6")
        assert [n for n, _ in journal.frames("a")] == [1, 2, 3, 4, 5]
        assert journal.problems == ["frames 6 to 10 are damaged (checksum)"]
        assert [n for n, _ in journal.frames("a", after=10)] == [11, 12, 13, 14, 15]


def test_missing_batch_ends_the_replay_and_is_reported(path: Path) -> None:
    with Journal(path, write=True) as journal:
        journal.begin_run("a", "race", {})
        journal.write(batch("a", 1, 5))
        journal.write(batch("a", 11, 5))
        assert [n for n, _ in journal.frames("a")] == [1, 2, 3, 4, 5]
        assert journal.problems == ["frames 6 to 10 are missing"]


def test_old_snapshots_go_but_one_a_lap_stays(path: Path) -> None:
    with Journal(path, write=True) as journal:
        journal.begin_run("a", "race", {})
        for n in range(1, 101):
            lap = (n + 9) // 10
            journal.write(Batch("a", n, snapshot=StoredSnapshot("a", n, float(n), lap, "h", "v", b"%d" % n)))
        kept = [s.n for s in journal.snapshots("a")]
    assert kept[:SNAPSHOTS_KEPT] == list(range(100, 100 - SNAPSHOTS_KEPT, -1))
    assert kept[SNAPSHOTS_KEPT:] == [80, 70, 60, 50, 40, 30, 20, 10]


def test_damaged_snapshot_is_passed_over_and_reported(path: Path) -> None:
    with Journal(path, write=True) as journal:
        journal.begin_run("a", "race", {})
        for n in (1, 2):
            journal.write(Batch("a", n, snapshot=StoredSnapshot("a", n, float(n), 1, "h", "v", b"good")))
        journal._db.execute("UPDATE snapshots SET blob = x'00' WHERE n = 2")
        assert [s.n for s in journal.snapshots("a")] == [1]
        assert "snapshot after frame 2 is damaged" in journal.problems[0]


def test_time_and_lap_find_their_frame(path: Path) -> None:
    with Journal(path, write=True) as journal:
        journal.begin_run("a", "race", {})
        first = batch("a", 1, 50)
        first.events = [(30, 30.0, "lap_completed", "1", 1, "{}"), (33, 33.0, "lap_completed", "2", 1, "{}")]
        journal.write(first)
        assert journal.time_frame("a", 20.4) == 20
        assert journal.time_frame("a", 5000.0) == 50
        assert journal.time_frame("a", 0.5) is None
        assert journal.lap_frame("a", 1) == 30
        assert journal.lap_frame("a", 2) is None


def test_newer_and_foreign_files_are_refused_in_one_line(path: Path, tmp_path: Path) -> None:
    Journal(path, write=True).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {journal_schema.VERSION + 1}")
    with pytest.raises(DataError, match="newer than this racetwin"):
        Journal(path)
    foreign = tmp_path / "other.sqlite"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE t (x)")
    with pytest.raises(DataError, match="not a racetwin journal"):
        Journal(foreign, write=True)
    text = tmp_path / "text.sqlite"
    text.write_text("no database, but long enough to be looked at as one" * 20)
    with pytest.raises(DataError, match="cannot be read"):
        Journal(text, write=True)


def test_every_older_version_can_be_brought_up_to_date(tmp_path: Path) -> None:
    for version in range(journal_schema.VERSION):
        path = tmp_path / f"v{version}.sqlite"
        with sqlite3.connect(path, isolation_level=None) as db:
            for i in range(version):
                for statement in journal_schema.MIGRATIONS[i]:
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {version}")
            if version:
                db.execute(f"PRAGMA application_id = {journal_schema.APPLICATION_ID}")
        with Journal(path, write=True) as journal:
            journal.begin_run("a", "race", {})
            journal.write(batch("a", 1, 3))
            assert journal.last_frame("a") == 3


def test_compact_keeps_the_newest_runs_and_gives_space_back(path: Path) -> None:
    with Journal(path, write=True) as journal:
        for i in range(6):
            journal.begin_run(f"r{i}", "race", {})
            journal.write(batch(f"r{i}", 1, 500))
            journal.close_run(f"r{i}")
        before = journal.size
        gone = journal.compact(keep_runs=2)
        assert gone == ["r3", "r2", "r1", "r0"]
        assert [r.run_id for r in journal.runs()] == ["r5", "r4"]
        assert journal.size < before
        assert journal.check() == []


def test_missing_journal_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        Journal(tmp_path / "none.sqlite")


def test_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot write"):
        Journal(tmp_path / "file" / "race.sqlite", write=True)


def test_journal_of_version_1_is_read_and_written_as_before(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path, isolation_level=None) as db:
        for statement in journal_schema.MIGRATIONS[0]:
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {journal_schema.APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")
        db.execute("INSERT INTO runs (run_id, race_id, info, started) VALUES ('a', 'race', '{}', 1.0)")
        packed = zlib.compress(b'{"time_s":1.0}\n{"time_s":2.0}')
        db.execute("INSERT INTO batches VALUES ('a', 1, 2, 1.0, 2.0, 1, ?, ?)", (zlib.crc32(packed), packed))
    with pytest.raises(DataError, match="schema version 1"):
        Journal(path)
    with Journal(path, write=True) as journal:
        assert [frame for _, frame in journal.frames("a")] == [b'{"time_s":1.0}', b'{"time_s":2.0}']
        journal.write(batch("a", 3, 2))
        assert journal.last_frame("a") == 4
    with Journal(path) as journal:  # who only reads finds it up to date now
        assert journal.run().run_id == "a"


def test_newest_run_is_the_one_begun_last_wherever_the_clock_stands(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal(path, write=True) as journal:
        for run_id, now in (("first", 2e9), ("second", 1e9), ("third", 1.5e9)):
            monkeypatch.setattr("racetwin.runtime.journal.time.time", lambda now=now: now)
            journal.begin_run(run_id, "race", {})
        assert [r.run_id for r in journal.runs()] == ["third", "second", "first"]


def test_old_runs_go_when_there_are_too_many_or_they_are_too_large(path: Path) -> None:
    with Journal(path, write=True) as journal:
        for i in range(5):
            journal.begin_run(f"r{i}", "race", {})
            journal.write(batch(f"r{i}", 1, 500))
        assert journal.retain(keep_runs=4, max_bytes=2**30) == ["r0"]
        used = journal.used
        gone = journal.retain(keep_runs=4, max_bytes=used - 1)
        assert gone == ["r1"]
        assert journal.used < used
        assert journal.retain(keep_runs=4, max_bytes=0) == ["r2", "r3"]  # the newest stays, whatever it holds
        assert [r.run_id for r in journal.runs()] == ["r4"]
        assert journal.check() == []
