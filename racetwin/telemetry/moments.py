"""A lap table as one ordered list of moments: who crossed which line when."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any, NamedTuple

from racetwin.schemas import Compound, RaceControlMessage, TrackConditions, Tyre
from racetwin.telemetry.records import Entry, RaceRecord
from racetwin.telemetry.status import StatusChange

Sectors = tuple[float | None, float | None, float | None]


class Kind(IntEnum):
    """What happens at a moment; at the same time, in this order."""

    START = 0
    STATUS = 1
    PIT_OUT = 2
    LINE = 3
    TYRE = 4
    PIT_IN = 5
    RETIRED = 6
    FINISHED = 7
    TOLD = 8


class Moment(NamedTuple):
    """One thing that happens at ``time_s``; what the fields after ``car_id`` hold depends on ``kind``."""

    time_s: float
    kind: Kind
    rank: int = 0
    car_id: str = ""
    lap: int = 0
    lap_time_s: float | None = None
    sectors_s: Sectors | None = None
    tyre: Tyre | None = None
    pit_s: float | None = None
    pit_lane_s: float | None = None
    stationary_s: float | None = None
    pit_in_lap: bool = False
    stopped: bool = False
    change: StatusChange | None = None
    told: TrackConditions | RaceControlMessage | None = None


class _Row(NamedTuple):
    lap: int
    race_time_s: float
    lap_time_s: float
    position: float
    stint: float
    compound: str | None
    compound_pirelli: str | None
    tyre_age: float
    fresh_tyre: bool
    pit_in_time_s: float
    pit_out_time_s: float
    pit_stop: bool
    pit_lane_s: float
    pit_stationary_s: float
    last_lap_before_retirement: bool
    sector1_s: float
    sector2_s: float
    sector3_s: float


def moments(record: RaceRecord) -> list[Moment]:
    """Return everything that happens in a race, in order."""
    found = [Moment(0.0, Kind.START)]
    found += [Moment(c.time_s, Kind.STATUS, change=c) for c in record.status]
    found += [Moment(t.time_s, Kind.TOLD, told=t.what) for t in record.told]
    by_car: dict[str, list[_Row]] = {e.car_id: [] for e in record.entries}
    columns = [record.laps[name].tolist() for name in _Row._fields]
    for car, *cells in zip(record.laps["car_id"].tolist(), *columns, strict=True):
        by_car.setdefault(car, []).append(_Row(*cells))
    flag_s = _flag_time(record, by_car)
    for entry in record.entries:
        rows = by_car[entry.car_id]
        found += _of_car(record, entry, rows, flag_s)
        if entry.pit_lane_start:
            found.append(Moment(0.0, Kind.PIT_IN, car_id=entry.car_id))
    found.sort(key=lambda m: (m.time_s, m.kind, m.rank, m.lap, m.car_id))
    return found


def _flag_time(record: RaceRecord, by_car: dict[str, list[_Row]]) -> float:
    """Return when the leader takes the chequered flag; infinite while the race is on."""
    last = record.chequered_lap
    if last is None:
        return math.inf
    return min((r.race_time_s for rows in by_car.values() for r in rows if r.lap == last), default=math.inf)


def _of_car(record: RaceRecord, entry: Entry, rows: list[_Row], flag_s: float) -> list[Moment]:
    """Moments of one car: its laps up to the flag, its pit visits, its end."""
    found: list[Moment] = []
    car_id = entry.car_id
    usual = record.nominal_lap_s
    line = latest = 0.0
    in_pit: float | None = 0.0 if entry.pit_lane_start else None
    stops_due = False
    tyre = first_set(entry, rows[0]) if rows else None
    seen_flag = False
    for i, row in enumerate(rows):
        before = rows[i - 1] if i else None
        new_set = before is not None and _another_set(before, row)
        goes_in, comes_out = row.pit_in_time_s, row.pit_out_time_s
        entry_seen = Moment(goes_in, Kind.PIT_IN, car_id=car_id, lap=row.lap, pit_s=goes_in)
        if goes_in < comes_out:  # in and out on the same lap, as when a lap is stopped by a red flag
            in_pit, stops_due = goes_in, row.pit_stop
            found.append(entry_seen)
        if not math.isnan(comes_out):
            found.append(_leaving(car_id, row, before, tyre, new_set, in_pit, stops_due))
            tyre = _fitted(row) if new_set or tyre is None else tyre
            in_pit, new_set, stops_due = None, False, False
            latest = max(latest, comes_out)
        elif new_set and in_pit is None:
            tyre = _fitted(row)  # changed where no pit times exist: under a red flag, or the source missed the visit
            found.append(Moment(line, Kind.TYRE, car_id=car_id, tyre=tyre))
            new_set = False
        if not math.isnan(goes_in):
            latest = max(latest, goes_in)
            if not goes_in < comes_out:
                in_pit, stops_due = goes_in, row.pit_stop
                found.append(entry_seen)
        if math.isnan(row.race_time_s):
            break
        if in_pit is not None and math.isnan(goes_in):
            # In the lane since an earlier lap and no exit was timed: the next crossing shows it to be back.
            found.append(_leaving(car_id, row, before, tyre, new_set, in_pit, stops_due, at=row.race_time_s))
            tyre = _fitted(row) if new_set else tyre
            in_pit, stops_due = None, False
        line = latest = row.race_time_s
        lap_s = row.lap_time_s if row.lap_time_s > 0 else None
        aged = _aged(tyre, row)
        found.append(
            Moment(
                line, Kind.LINE, rank=int(row.position) if not math.isnan(row.position) else 99, car_id=car_id,
                lap=row.lap, lap_time_s=lap_s, sectors_s=_sectors(row), tyre=aged,
                pit_in_lap=not math.isnan(row.pit_in_time_s),
            )
        )  # fmt: skip
        tyre = aged
        if lap_s is not None and row.lap > 1 and lap_s < 1.6 * usual:
            usual = lap_s
        if line >= flag_s:
            seen_flag = True
            break
    if seen_flag:
        return found
    if entry.no_lap or any(r.last_lap_before_retirement for r in rows):
        found.append(Moment(round(latest + usual, 3), Kind.RETIRED, car_id=car_id))
    elif flag_s < math.inf:  # classified without another crossing, as when a race is called at a red flag
        found.append(Moment(round(max(flag_s, latest) + usual, 3), Kind.FINISHED, car_id=car_id))
    return found


def _leaving(
    car_id: str,
    row: _Row,
    before: _Row | None,
    tyre: Tyre | None,
    new_set: bool,
    in_pit: float | None,
    stop_marked: bool,
    at: float | None = None,
) -> Moment:
    """Exit from the pit lane; ``at`` is when it was noticed, where it was not timed."""
    t = row.pit_out_time_s if at is None else at
    lane = None
    if in_pit and at is None:
        marked = before.pit_lane_s if before is not None else math.nan
        lane = round(marked, 3) if marked > 0 else round(t - in_pit, 3)
    fitted = _fitted(row) if new_set or tyre is None else None
    return Moment(
        t, Kind.PIT_OUT, car_id=car_id, lap=row.lap, tyre=fitted, pit_s=t if at is None else None, pit_lane_s=lane,
        stationary_s=round(before.pit_stationary_s, 3) if before is not None and before.pit_stationary_s > 0 else None,
        stopped=(stop_marked or new_set) and in_pit is not None,
    )  # fmt: skip


def _another_set(before: _Row, row: _Row) -> bool:
    """Whether the car is on another set than on the lap before."""
    if row.compound is not None and before.compound is not None and row.compound != before.compound:
        return True
    if row.stint > before.stint:
        return True
    return row.tyre_age <= before.tyre_age


def _fitted(row: _Row) -> Tyre:
    """Return the set that a lap begins on."""
    compound = _compound(row)
    age = max(row.tyre_age - 1.0, 0.0) if not math.isnan(row.tyre_age) else None
    return Tyre(
        compound=compound,
        age=age,
        fresh=row.fresh_tyre if compound is not None else None,
        pirelli=row.compound_pirelli if isinstance(row.compound_pirelli, str) else None,
    )


def _aged(tyre: Tyre | None, row: _Row) -> Tyre | None:
    """Return the set at the end of a lap."""
    if tyre is None:
        return None
    age = row.tyre_age if not math.isnan(row.tyre_age) else (None if tyre.age is None else tyre.age + 1.0)
    values: dict[str, Any] = {**tyre.__dict__, "age": age}
    if tyre.compound is None:
        values["compound"] = _compound(row)
    return Tyre.model_construct(**values)


def _compound(row: _Row) -> Compound | None:
    return Compound(row.compound) if row.compound is not None and row.compound in Compound.__members__ else None


def first_set(entry: Entry, row: _Row) -> Tyre | None:
    """Return the set that a car starts on; None if it may have left the pits on another one in its first lap."""
    return None if row.pit_out_time_s > 0 and not entry.pit_lane_start else _fitted(row)


def first_sets(record: RaceRecord) -> dict[str, Tyre]:
    """Return the sets that the cars start on, by car, where known."""
    laps = record.laps[record.laps["lap"] == 1]
    columns = [laps[name].tolist() for name in _Row._fields]
    rows = {car: _Row(*cells) for car, *cells in zip(laps["car_id"].tolist(), *columns, strict=True)}
    fitted = {e.car_id: first_set(e, rows[e.car_id]) for e in record.entries if e.car_id in rows}
    return {car: tyre for car, tyre in fitted.items() if tyre is not None}


def _sectors(row: _Row) -> Sectors | None:
    s = [v if v > 0 else None for v in (row.sector1_s, row.sector2_s, row.sector3_s)]
    return (s[0], s[1], s[2]) if any(v is not None for v in s) else None
