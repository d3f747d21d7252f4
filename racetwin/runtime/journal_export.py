"""A journalled run as Parquet tables, for whoever has no racetwin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from racetwin.errors import DataError
from racetwin.runtime.journal import Journal
from racetwin.runtime.journal_records import RunInfo


def export_run(journal: Journal, run: RunInfo, folder: Path, version: str) -> list[Path]:
    """Write ``frames``, ``events`` and ``advice`` of a run, one Parquet file each; returns the files.

    ``frames`` has a row a frame and car, ``events`` a row an event (with the whole event as JSON), ``advice`` a row an answer of
    the desk (with the answer, its receipt and the advice as JSON).
    """
    folder.mkdir(parents=True, exist_ok=True)
    meta = {b"racetwin": version.encode(), b"run": run.run_id.encode(), b"info": orjson.dumps(run.info)}
    tables = {"frames": _frames(journal, run), "events": _events(journal, run), "advice": _advice(journal, run)}
    written = []
    for name, rows in tables.items():
        table = pa.Table.from_pylist(rows) if rows else pa.table({})
        path = folder / f"{run.race_id}-{run.run_id}-{name}.parquet"
        pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), **meta}), path)
        written.append(path)
    if journal.problems:
        raise DataError(f"journal: exported what is readable to {folder}; {'; '.join(journal.problems)}")
    return written


def _frames(journal: Journal, run: RunInfo) -> list[dict[str, Any]]:
    rows = []
    for n, data in journal.frames(run.run_id):
        frame = orjson.loads(data)
        head = {"n": n, "time_s": frame["time_s"], "lap": frame["lap"], "track_status": frame["track"]["status"]}
        for car in frame["cars"]:
            tyre = car.pop("tyre", {})
            flat = {k: v for k, v in car.items() if not isinstance(v, list | dict)}
            rows.append({**head, **flat, "compound": tyre.get("compound"), "tyre_age": tyre.get("age")})
    columns = list(dict.fromkeys(k for row in rows for k in row))
    return [{c: row.get(c) for c in columns} for row in rows]


def _events(journal: Journal, run: RunInfo) -> list[dict[str, Any]]:
    rows = []
    for text in journal.events(run.run_id):
        event = orjson.loads(text)
        rows.append(
            {
                "time_s": event["time_s"],
                "kind": event["kind"],
                "car_id": event.get("car_id"),
                "lap": event.get("lap"),
                "event": text,
            }
        )
    return rows


def _advice(journal: Journal, run: RunInfo) -> list[dict[str, Any]]:
    return [
        {"n": n, "time_s": time_s, "lap": lap, "car_id": car_id, "advised": text}
        for n, time_s, lap, car_id, text in journal.advice(run.run_id)
    ]
