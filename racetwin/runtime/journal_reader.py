"""What anybody may ask of a journal: runs, frames, snapshots, events, advice, the audit log."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from racetwin.errors import DataError
from racetwin.runtime import journal_schema
from racetwin.runtime.journal_records import JournalDamagedError, RunInfo, StoredSnapshot


class JournalReader:
    """A journal file, opened for reading; any number of processes may, while one writes.

    Parameters
    ----------
    path
        The SQLite file; :class:`racetwin.errors.DataError` if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.problems: list[str] = []
        if not self.path.is_file():
            raise DataError(f"journal: {self.path} does not exist")
        try:
            self._db = self._connect("ro")
            journal_schema.check(self._db)
        except sqlite3.DatabaseError as error:
            raise self.damaged(error) from None

    def _connect(self, mode: str) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        # A connection may be opened by one thread and used by another: never by two at once.
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0)

    def damaged(self, error: sqlite3.DatabaseError) -> JournalDamagedError:
        """Return the error that says in one line that this file cannot be read."""
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        return JournalDamagedError(f"journal: {self.path} cannot be read ({why}); move it away to start a new one")

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def runs(self, race_id: str | None = None) -> list[RunInfo]:
        """Return the runs, newest first."""
        rows = self._db.execute(
            "SELECT r.run_id, r.race_id, r.info, r.started, r.closed,"
            " coalesce((SELECT max(last) FROM batches b WHERE b.run_id = r.run_id), 0)"
            " FROM runs r WHERE ?1 IS NULL OR r.race_id = ?1 ORDER BY r.rowid DESC",
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
