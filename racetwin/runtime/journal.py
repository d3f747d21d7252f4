"""The journal: an SQLite file (WAL) that holds every accepted frame, the events, twin snapshots, advice and an audit log.

Frames come in batches of about 100 ms, one transaction and one compressed row a batch, because a replay at sixty times real time
brings 600 frames a second. A batch carries a checksum of its contents, and so does a snapshot: what does not match is reported
and passed over, never half believed.

One process writes (a lock file makes sure of that); any number may read.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
import zlib
from pathlib import Path
from typing import Any

from racetwin.errors import ConfigurationError
from racetwin.runtime import journal_schema
from racetwin.runtime.journal_lock import JournalLock
from racetwin.runtime.journal_reader import JournalReader
from racetwin.runtime.journal_records import Batch, StoredSnapshot

SNAPSHOTS_KEPT = 12
"""Newest snapshots of a run that are kept whole; of older ones the last of each lap remains."""


class Journal(JournalReader):
    """One journal file. Open it for writing (the engine) or reading (everybody else).

    Parameters
    ----------
    path
        The SQLite file; made, with its folder, when opened for writing.
    write
        Whether to take the writer's lock and bring the schema up to date.
    """

    def __init__(self, path: Path, *, write: bool = False) -> None:
        self._lock: JournalLock | None = None
        if not write:
            super().__init__(path)
            return
        self.path = Path(path)
        self.problems = []
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = JournalLock(self.path)
            self._lock.acquire()
        except OSError as error:
            raise ConfigurationError(f"journal: cannot write {self.path} ({error.strerror or error})") from None
        try:
            self._db = self._connect("rwc")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")  # an acknowledged frame survives a power cut, too
            self._db.execute("PRAGMA wal_autocheckpoint=2000")
            journal_schema.migrate(self._db)
        except sqlite3.DatabaseError as error:
            self._lock.release()
            raise self.damaged(error) from None
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Close the file and give the lock back."""
        super().close()
        if self._lock:
            self._lock.release()

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
            self._delete(run.run_id)
        self._db.execute("VACUUM")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return [r.run_id for r in old]

    def retain(self, *, keep_runs: int, max_bytes: int) -> list[str]:
        """Delete the oldest runs until at most ``keep_runs`` and ``max_bytes`` are left, never the newest; returns their ids.

        The space is left in the file for the runs to come: giving it back takes long, and that is not for the start of a race.
        """
        gone: list[str] = []
        runs = self.runs()
        while len(runs) > 1 and (len(runs) > keep_runs or self.used > max_bytes):
            self._delete(runs[-1].run_id)
            gone.append(runs.pop().run_id)
        return gone

    @property
    def used(self) -> int:
        """Bytes of the file that hold something."""
        pages, free, size = (
            int(self._db.execute(f"PRAGMA {what}").fetchone()[0])
            for what in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def _delete(self, run_id: str) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        for table in ("batches", "events", "snapshots", "advice", "runs"):
            self._db.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))
        self._db.execute("COMMIT")
