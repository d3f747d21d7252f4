"""Tables of the journal and how an older journal becomes a newer one."""

from __future__ import annotations

import sqlite3

from racetwin.errors import DataError

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE runs (run_id TEXT PRIMARY KEY, race_id TEXT NOT NULL, info TEXT NOT NULL, started REAL NOT NULL,"
        " closed REAL)",
        "CREATE TABLE batches (run_id TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, time_first REAL NOT NULL,"
        " time_last REAL NOT NULL, lap_last INTEGER NOT NULL, crc INTEGER NOT NULL, frames BLOB NOT NULL,"
        " PRIMARY KEY (run_id, first))",
        "CREATE INDEX batches_last ON batches (run_id, last)",
        "CREATE TABLE events (run_id TEXT NOT NULL, n INTEGER NOT NULL, time_s REAL NOT NULL, kind TEXT NOT NULL, car_id TEXT,"
        " lap INTEGER, event TEXT NOT NULL)",
        "CREATE INDEX events_n ON events (run_id, n)",
        "CREATE TABLE snapshots (run_id TEXT NOT NULL, n INTEGER NOT NULL, time_s REAL NOT NULL, lap INTEGER NOT NULL,"
        " state_hash TEXT NOT NULL, code_version TEXT NOT NULL, crc INTEGER NOT NULL, blob BLOB NOT NULL,"
        " PRIMARY KEY (run_id, n))",
        "CREATE TABLE advice (run_id TEXT NOT NULL, n INTEGER NOT NULL, time_s REAL NOT NULL, lap INTEGER NOT NULL,"
        " car_id TEXT NOT NULL, advised TEXT NOT NULL)",
        "CREATE INDEX advice_car ON advice (run_id, car_id)",
        "CREATE TABLE audit (at REAL NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, detail TEXT NOT NULL)",
    ),
    # Time travel looks for the frame in which the leader completed a lap, among the events of a whole race.
    ("CREATE INDEX events_kind ON events (run_id, kind, lap)",),
)
"""``MIGRATIONS[i]`` brings a journal from version ``i`` to ``i + 1``; a released step is never edited, only followed."""

VERSION = len(MIGRATIONS)
APPLICATION_ID = 0x52544A31
"""``RTJ1``: tells a journal from any other SQLite file."""


def version(db: sqlite3.Connection) -> int:
    """Return the schema version of a journal, 0 for an empty file."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: sqlite3.Connection) -> int:
    """Bring a journal to the present schema and return the version it had."""
    found = check(db, allow_older=True)
    for i in range(found, VERSION):
        db.execute("BEGIN IMMEDIATE")
        try:
            for statement in MIGRATIONS[i]:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {i + 1}")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute("COMMIT")
        except BaseException:  # whole or not at all: the journal stays readable for the version that wrote it
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
    return found


def check(db: sqlite3.Connection, *, allow_older: bool = False) -> int:
    """Return the schema version; :class:`DataError` for a file that is no journal, or one from a newer racetwin."""
    found = version(db)
    app = int(db.execute("PRAGMA application_id").fetchone()[0])
    empty = not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if not empty and app != APPLICATION_ID:
        raise DataError("journal: the file is an SQLite database, but not a racetwin journal")
    if found > VERSION:
        raise DataError(f"journal: schema version {found} is newer than this racetwin's {VERSION}; update racetwin")
    if found < VERSION and not allow_older:
        raise DataError(f"journal: schema version {found}, this racetwin needs {VERSION}; open it with the engine once")
    return found
