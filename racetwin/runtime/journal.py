"""The journal: an SQLite file (WAL) that holds every accepted frame, the events, twin snapshots, advice and an audit log.

Frames come in batches of about 100 ms, one transaction and one compressed row a batch, because a replay at sixty times real time
brings 600 frames a second. A batch carries a checksum of its contents, and so does a snapshot: what does not match is reported
and passed over, never half believed.

One process writes (a lock file makes sure of that); any number may read.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

from racetwin.errors import ConfigurationError, DataError
from racetwin.runtime import journal_schema

SNAPSHOTS_KEPT = 12
"""Newest snapshots of a run that are kept whole; of older ones the last of each lap remains."""


class JournalDamagedError(DataError):
    """The file is damaged beyond what can be passed over."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run of an engine: a race from its first frame to its orderly or sudden end."""

    run_id: str
    race_id: str
    info: dict[str, Any]
    started: float
    closed: float | None
    frames: int = 0


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A dump of the engine after frame ``n``; ``state_hash`` is the hash the twins had."""

    run_id: str
    n: int
    time_s: float
    lap: int
    state_hash: str
    code_version: str
    blob: bytes


@dataclass(slots=True)
class Batch:
    """What one transaction writes. ``first`` is the number of its first frame, counted from 1 within the run."""

    run_id: str
    first: int
    frames: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    laps: list[int] = field(default_factory=list)
    events: list[tuple[int, float, str, str | None, int | None, str]] = field(default_factory=list)
    advice: list[tuple[int, float, int, str, str]] = field(default_factory=list)
    snapshot: StoredSnapshot | None = None

    @property
    def last(self) -> int:
        """Number of its last frame."""
        return self.first + len(self.frames) - 1

    def __bool__(self) -> bool:
        return bool(self.frames or self.events or self.advice or self.snapshot)


class JournalLock:
    """Makes one process the only writer of a journal; the lock goes with the process, however that ends."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + ".lock")
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock or raise :class:`ConfigurationError`."""
        file = self.path.open("a+", encoding="utf-8")
        try:
            _lock(file)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise ConfigurationError(
                f"journal: {self.path.with_suffix('')} is in use by another engine (process {holder}); "
                "stop that one or name another journal"
            ) from None
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _lock(file: IO[str]) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Journal:
    """One journal file. Open it for writing (the engine) or reading (everybody else).

    Parameters
    ----------
    path
        The SQLite file; made, with its folder, when opened for writing.
    write
        Whether to take the writer's lock and bring the schema up to date.
    """

    def __init__(self, path: Path, *, write: bool = False) -> None:
        self.path = Path(path)
        self.problems: list[str] = []
        self._lock: JournalLock | None = None
        if write:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._lock = JournalLock(self.path)
                self._lock.acquire()
            except OSError as error:
                raise ConfigurationError(f"journal: cannot write {self.path} ({error.strerror or error})") from None
        elif not self.path.is_file():
            raise DataError(f"journal: {self.path} does not exist")
        try:
            self._db = self._open(write)
        except sqlite3.DatabaseError as error:
            if self._lock:
                self._lock.release()
            raise self.damaged(error) from None
        except BaseException:
            if self._lock:
                self._lock.release()
            raise

    def _open(self, write: bool) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?mode={'rwc' if write else 'ro'}"
        # The writer's connection is used by one executor thread after it was opened by another: never by two at once.
        db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0)
        if write:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")  # an acknowledged frame survives a power cut, too
            db.execute("PRAGMA wal_autocheckpoint=2000")
            journal_schema.migrate(db)
        else:
            journal_schema.check(db)
        return db

    def damaged(self, error: sqlite3.DatabaseError) -> JournalDamagedError:
        """Return the error that says in one line that this file cannot be read."""
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        return JournalDamagedError(f"journal: {self.path} cannot be read ({why}); move it away to start a new one")

    def close(self) -> None:
        """Close the file and give the lock back."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        if self._lock:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- writing ----------------------------------------------------------------------------------------------------

    def begin_run(self, run_id: str, race_id: str, info: dict[str, Any]) -> None:
        """Open a run."""
        self._db.execute(
            "INSERT INTO runs (run_id, race_id, info, started) VALUES (?, ?, ?, ?)",
            (run_id, race_id, json.dumps(info), time.time()),
        )

    def resume_run(self, run_id: str) -> None:
        """Go on with a run that had ended, in whatever way."""
        self._db.execute("UPDATE runs SET closed = NULL WHERE run_id = ?", (run_id,))

    def close_run(self, run_id: str) -> None:
        """Note that a run ended in order, and fold the write-ahead log into the file."""
        self._db.execute("UPDATE runs SET closed = ? WHERE run_id = ?", (time.time(), run_id))
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def audit(self, action: str, detail: str = "", actor: str = "engine") -> None:
        """Add a line to the audit log."""
        self._db.execute(
            "INSERT INTO audit (at, actor, action, detail) VALUES (?, ?, ?, ?)", (time.time(), actor, action, detail)
        )

    def write(self, batch: Batch) -> None:
        """Commit a batch, whole or not at all; raises ``sqlite3.Error`` or ``OSError`` when the disk refuses."""
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            if batch.frames:
                packed = zlib.compress(b"\n".join(batch.frames), 1)
                db.execute(
                    "INSERT INTO batches (run_id, first, last, time_first, time_last, lap_last, crc, frames)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        batch.run_id,
                        batch.first,
                        batch.last,
                        batch.times[0],
                        batch.times[-1],
                        batch.laps[-1],
                        zlib.crc32(packed),
                        packed,
                    ),
                )
            db.executemany(
                "INSERT INTO events (run_id, n, time_s, kind, car_id, lap, event) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(batch.run_id, *e) for e in batch.events],
            )
            db.executemany(
                "INSERT INTO advice (run_id, n, time_s, lap, car_id, advised) VALUES (?, ?, ?, ?, ?, ?)",
                [(batch.run_id, *a) for a in batch.advice],
            )
            if batch.snapshot is not None:
                self._write_snapshot(batch.snapshot)
            db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise

    def _write_snapshot(self, s: StoredSnapshot) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO snapshots (run_id, n, time_s, lap, state_hash, code_version, crc, blob)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (s.run_id, s.n, s.time_s, s.lap, s.state_hash, s.code_version, zlib.crc32(s.blob), s.blob),
        )
        # Older snapshots only serve time travel, for which one a lap is near enough.
        self._db.execute(
            "DELETE FROM snapshots WHERE run_id = ?1 AND n NOT IN"
            " (SELECT n FROM snapshots WHERE run_id = ?1 ORDER BY n DESC LIMIT ?2) AND n NOT IN"
            " (SELECT max(n) FROM snapshots WHERE run_id = ?1 GROUP BY lap)",
            (s.run_id, SNAPSHOTS_KEPT),
        )

    def compact(self, *, keep_runs: int = 10, older_than_s: float | None = None) -> list[str]:
        """Delete all but the newest runs (and all older than that), give the space back; returns the deleted run ids."""
        runs = self.runs()
        limit = None if older_than_s is None else time.time() - older_than_s
        old = [r for i, r in enumerate(runs) if i >= keep_runs or (limit is not None and r.started < limit)]
        for run in old:
            self._db.execute("BEGIN IMMEDIATE")
            for table in ("batches", "events", "snapshots", "advice", "runs"):
                self._db.execute(f"DELETE FROM {table} WHERE run_id = ?", (run.run_id,))
            self._db.execute("COMMIT")
        self._db.execute("VACUUM")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return [r.run_id for r in old]

    # --- reading ----------------------------------------------------------------------------------------------------

    def runs(self, race_id: str | None = None) -> list[RunInfo]:
        """Return the runs, newest first."""
        rows = self._db.execute(
            "SELECT r.run_id, r.race_id, r.info, r.started, r.closed,"
            " coalesce((SELECT max(last) FROM batches b WHERE b.run_id = r.run_id), 0)"
            " FROM runs r WHERE ?1 IS NULL OR r.race_id = ?1 ORDER BY r.started DESC, r.rowid DESC",
            (race_id,),
        )
        return [RunInfo(r[0], r[1], json.loads(r[2]), r[3], r[4], r[5]) for r in rows]

    def run(self, run_id: str | None = None) -> RunInfo:
        """Return a run (default: the newest); :class:`DataError` if there is none such."""
        found = self.runs()
        if not found:
            raise DataError(f"journal: {self.path} holds no run yet")
        if run_id is None:
            return found[0]
        for run in found:
            if run.run_id == run_id:
                return run
        raise DataError(f"journal: no run {run_id!r}; runs: {', '.join(r.run_id for r in found[:5])}")

    def frames(self, run_id: str, *, after: int = 0, upto: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield ``(n, frame as JSON)`` of the frames after number ``after``, in order.

        Stops at the first batch that is damaged or missing and notes it in :attr:`problems`: what follows a hole cannot be
        applied to a state.
        """
        expected = after + 1
        rows = self._db.execute(
            "SELECT first, last, crc, frames FROM batches WHERE run_id = ? AND last > ? ORDER BY first", (run_id, after)
        )
        while True:
            try:
                row = rows.fetchone()
            except sqlite3.DatabaseError as error:
                self.problems.append(f"frames after {expected - 1} cannot be read ({error})")
                return
            if row is None:
                return
            first, last, crc, packed = row
            if first > expected:
                self.problems.append(f"frames {expected} to {first - 1} are missing")
                return
            if zlib.crc32(packed) != crc:
                self.problems.append(f"frames {first} to {last} are damaged (checksum)")
                return
            for n, frame in enumerate(zlib.decompress(packed).split(b"\n"), first):
                if n <= after:
                    continue
                if upto is not None and n > upto:
                    return
                yield n, frame
            expected = last + 1

    def batches(self, run_id: str, *, after: int, limit: int = 50) -> list[tuple[int, int, bytes]]:
        """Return up to ``limit`` batches ``(first, last, packed frames)`` that hold frames after number ``after``."""
        rows = self._db.execute(
            "SELECT first, last, frames FROM batches WHERE run_id = ? AND last > ? ORDER BY first LIMIT ?",
            (run_id, after, limit),
        )
        return [(int(first), int(last), packed) for first, last, packed in rows]

    def last_frame(self, run_id: str) -> int:
        """Return the number of the last frame of a run, 0 if there is none."""
        return int(
            self._db.execute("SELECT coalesce(max(last), 0) FROM batches WHERE run_id = ?", (run_id,)).fetchone()[0]
        )

    def snapshots(self, run_id: str, *, upto: int | None = None) -> Iterator[StoredSnapshot]:
        """Yield good snapshots, newest first; damaged ones are passed over and noted in :attr:`problems`."""
        numbers = self._db.execute(
            "SELECT n FROM snapshots WHERE run_id = ?1 AND (?2 IS NULL OR n <= ?2) ORDER BY n DESC", (run_id, upto)
        ).fetchall()
        for (n,) in numbers:
            try:
                row = self._db.execute(
                    "SELECT time_s, lap, state_hash, code_version, crc, blob FROM snapshots WHERE run_id = ? AND n = ?",
                    (run_id, n),
                ).fetchone()
            except sqlite3.DatabaseError as error:
                self.problems.append(f"snapshot after frame {n} cannot be read ({error})")
                continue
            if row is None or zlib.crc32(row[5]) != row[4]:
                self.problems.append(f"snapshot after frame {n} is damaged (checksum)")
                continue
            yield StoredSnapshot(run_id, n, row[0], row[1], row[2], row[3], row[5])

    def events(
        self, run_id: str, *, kind: str | None = None, car_id: str | None = None, upto: int | None = None
    ) -> Iterator[str]:
        """Yield events as JSON, oldest first."""
        rows = self._db.execute(
            "SELECT event FROM events WHERE run_id = ?1 AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR car_id = ?3)"
            " AND (?4 IS NULL OR n <= ?4) ORDER BY rowid",
            (run_id, kind, car_id, upto),
        )
        for (event,) in rows:
            yield event

    def advice(
        self, run_id: str, *, car_id: str | None = None, upto: int | None = None
    ) -> Iterator[tuple[int, float, int, str, str]]:
        """Yield ``(n, time_s, lap, car_id, JSON)`` of the advice given, oldest first."""
        yield from self._db.execute(
            "SELECT n, time_s, lap, car_id, advised FROM advice WHERE run_id = ?1 AND (?2 IS NULL OR car_id = ?2)"
            " AND (?3 IS NULL OR n <= ?3) ORDER BY rowid",
            (run_id, car_id, upto),
        )

    def lap_frame(self, run_id: str, lap: int) -> int | None:
        """Return the number of the frame in which the leader completed ``lap``, None if none did."""
        row = self._db.execute(
            "SELECT min(n) FROM events WHERE run_id = ? AND kind = 'lap_completed' AND lap = ?", (run_id, lap)
        ).fetchone()
        return None if row[0] is None else int(row[0])

    def time_frame(self, run_id: str, time_s: float) -> int | None:
        """Return the number of the last frame not later than ``time_s``, None if all are."""
        row = self._db.execute(
            "SELECT first, frames, last, time_last FROM batches WHERE run_id = ? AND time_first <= ? ORDER BY first DESC LIMIT 1",
            (run_id, time_s),
        ).fetchone()
        if row is None:
            return None
        first, packed, last, time_last = row
        if time_last <= time_s:
            return int(last)
        times = [json.loads(frame)["time_s"] for frame in zlib.decompress(packed).split(b"\n")]
        return int(first) + max(i for i, t in enumerate(times) if t <= time_s)

    def audit_log(self, limit: int = 200) -> list[tuple[float, str, str, str]]:
        """Return the newest lines ``(UNIX time, actor, action, detail)`` of the audit log, newest first."""
        return list(
            self._db.execute("SELECT at, actor, action, detail FROM audit ORDER BY rowid DESC LIMIT ?", (limit,))
        )

    def check(self) -> list[str]:
        """Return what SQLite finds wrong with the file, nothing if it is sound."""
        try:
            rows = [r[0] for r in self._db.execute("PRAGMA quick_check(20)")]
        except sqlite3.DatabaseError as error:
            return [str(error)]
        return [] if rows == ["ok"] else rows

    @property
    def size(self) -> int:
        """Bytes on disk, the write-ahead log included."""
        total = 0
        for suffix in ("", "-wal"):
            with contextlib.suppress(OSError):
                total += self.path.with_name(self.path.name + suffix).stat().st_size
        return total


def events_of(n: int, events: Sequence[Any]) -> list[tuple[int, float, str, str | None, int | None, str]]:
    """Turn the events of frame ``n`` into journal rows."""
    return [
        (n, e.time_s, e.kind, getattr(e, "car_id", None), getattr(e, "lap", None), e.model_dump_json()) for e in events
    ]
