"""A finished session's records of OpenF1 in the order in which they could be known.

A finished lap, a stop and a stint are each one record that says afterwards what happened: here they are put where they could
first be known, so that a replay of a history shows nothing before its time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from racetwin.telemetry.f1_values import integer, number, utc_seconds

STARTED = "SESSION STARTED"
"""Race control's words at lights out."""


class Record(NamedTuple):
    """One record: its collection, its fields, and when it could first be known (seconds since 1970)."""

    collection: str
    data: dict[str, Any]
    time: float


def timeline(collections: Mapping[str, Iterable[Any]]) -> list[Record]:
    """Return a history's records in the order in which they could be known.

    A lap stands at its beginning without, and at its end with its time; a stop at pit entry and at pit exit; a stint at the
    beginning of its first lap; a result at the end.
    """
    out: list[Record] = []
    begins: dict[tuple[int | None, int | None], float] = {}
    for lap in _dicts(collections.get("laps")):
        began = utc_seconds(lap.get("date_start"))
        if began is None:
            continue
        begins[integer(lap.get("driver_number")), integer(lap.get("lap_number"))] = began
        out.append(Record("laps", lap | {"lap_duration": None}, began))
        took = number(lap.get("lap_duration"))
        if took is not None and took > 0:
            out.append(Record("laps", lap, began + took))
    for stop in _dicts(collections.get("pit")):
        at = utc_seconds(stop.get("date"))
        if at is not None:
            lane = number(stop.get("lane_duration", stop.get("pit_duration")))
            if lane is not None and 0 < lane < 3600:
                out.append(Record("pit", stop | {"_phase": "in"}, at - lane))
            out.append(Record("pit", stop, at))
    for name in ("position", "intervals", "race_control", "weather", "car_data", "location"):
        for item in _dicts(collections.get(name)):
            at = utc_seconds(item.get("date"))
            if at is not None:
                out.append(Record(name, item, at))
    first = min((r.time for r in out), default=0.0)
    last = max((r.time for r in out), default=0.0)
    for stint in _dicts(collections.get("stints")):
        key = integer(stint.get("driver_number")), integer(stint.get("lap_start"))
        opening = integer(stint.get("lap_start")) in (None, 0, 1)
        at = begins.get(key, first if opening else None)
        if at is not None:
            out.append(Record("stints", stint, at))
    head = [
        Record(name, item, first)
        for name in ("meetings", "sessions", "drivers", "starting_grid")
        for item in _dicts(collections.get(name))
    ]
    tail = [Record("session_result", item, last) for item in _dicts(collections.get("session_result"))]
    # Equal times: a lap ends on the tyres it was driven on; sorting is stable.
    order = {"laps": 0, "stints": 2}
    out.sort(key=lambda r: (r.time, order.get(r.collection, 1)))
    return head + out + tail


def lights_out(records: Iterable[Record]) -> float | None:
    """Return when a history's session started, seconds since 1970: its clock need not wait for the record that says so."""
    first: float | None = None
    for record in records:
        if record.collection == "race_control" and STARTED in str(record.data.get("message", "")).upper():
            return record.time
        if record.collection == "laps" and record.data.get("lap_number") == 1 and record.data.get("date_start"):
            first = record.time if first is None else min(first, record.time)
    return first


def _dicts(value: Iterable[Any] | None) -> Iterator[dict[str, Any]]:
    return (item for item in value or () if isinstance(item, dict))
