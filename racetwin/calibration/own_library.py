"""Races of the user's own library as the tables that fits read, so that ``racetwin calibrate`` takes them too.

A library keeps a race as it came (:class:`racetwin.telemetry.records.RaceRecord`); a data folder has columns more, all of which
follow from the same laps. What a record does not tell stays missing, and one that lacks what a fit needs is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from racetwin.calibration.tables import RaceTables, derive, in_time_order
from racetwin.errors import DataError
from racetwin.schemas import COMPOUNDS, RaceControlMessage
from racetwin.telemetry.library import RaceLibrary
from racetwin.telemetry.records import RaceRecord

WET_SHARE = 0.01
"""From this share of laps on intermediates or wets a race is wet: of the races at hand 119 have none and 19 at least 2.8 %."""
NOT_CLASSIFIED = {"R": "DNF", "W": "DNS", "F": "DNS", "D": "DSQ", "E": "DSQ", "N": "NC"}
"""FastF1's letters for cars without a place, in the words of results tables."""
STARTED_NOT = ("did not start", "withdrew", "did not qualify", "did not prequalify")
"""FastF1's status of cars that were entered and did not start."""


class OwnRace(NamedTuple):
    """One race in the form of the tables: its row of facts, its laps and its results."""

    race: dict[str, Any]
    laps: pd.DataFrame
    results: pd.DataFrame


def with_own_races(tables: RaceTables, library: RaceLibrary) -> tuple[RaceTables, dict[str, str]]:
    """Return the tables with the races of a user's own library that they do not have, and why others are left out, by race id.

    A race is the same where its id is, or season, round and session; the folder's then stays.
    """
    known = set(tables.races.race_id)
    rounds = set(zip(tables.races.season, tables.races["round"], tables.races.session, strict=True))
    taken: list[OwnRace] = []
    left_out: dict[str, str] = {}
    found = library.list()
    found = found[found.source == "own library"]
    for race_id, season, number, session in zip(
        found.race_id, found.season, found["round"], found.session, strict=True
    ):
        if race_id in known or (number and (season, number, session) in rounds):
            continue
        try:
            record = library.load(str(race_id))
            why = lacking(record)
            own = table_rows(record)
        except DataError as error:
            left_out[str(race_id)] = str(error)
            continue
        if why is None and not derive(own.laps, pd.DataFrame([own.race])).clean.any() and not own.race["wet"]:
            why = "no lap on slicks under green with a known tyre age"
        if why is None:
            taken.append(own)
        else:
            left_out[str(race_id)] = why
    return (_joined(tables, taken) if taken else tables), left_out


def lacking(record: RaceRecord) -> str | None:
    """Say what a record lacks that fits need; None where they can use it."""
    laps = record.laps
    if record.simulated:
        return "it is simulated: a race model learns nothing from races drawn from it"
    if record.chequered_lap is None:
        return "it is not over"
    if record.season <= 0 or record.session not in ("R", "S"):
        return (
            f"season {record.season}, session {record.session!r}: neither a Grand Prix (R) nor a sprint (S) of a season"
        )
    if record.circuit_id in ("", "unknown"):
        return "its circuit is not known"
    for column, what in (
        ("driver", "drivers"),
        ("team", "teams"),
        ("compound", "tyres"),
        ("track_status", "track status"),
    ):
        if laps[column].isna().all():
            return f"no lap tells its {what}"
    return None


def table_rows(record: RaceRecord) -> OwnRace:
    """Return a finished race in the form of the tables of a data folder (their columns, before anything is derived)."""
    laps = _laps(record)
    on_wets = laps.compound.isin([c.value for c in COMPOUNDS if not c.is_slick])
    race = {
        "race_id": record.race_id,
        "season": record.season,
        "round": record.round,
        "session": record.session,
        "event": record.event,
        "date": _day(record),
        "circuit_id": record.circuit_id,
        "circuit": record.circuit,
        "lap_length_km": record.lap_length_km,
        "laps_scheduled": float(record.total_laps),
        "laps_run": record.chequered_lap if record.chequered_lap is not None else int(laps.lap.max()),
        "wet": bool(on_wets.mean() >= WET_SHARE),
        "wet_lap_share": round(float(on_wets.mean()), 3),
    }
    return OwnRace(race, laps, _results(record, laps))


def _laps(record: RaceRecord) -> pd.DataFrame:
    d = record.laps[record.laps.race_time_s.notna()].reset_index(drop=True)  # laps only begun are no laps here
    d = d.assign(race_id=record.race_id, season=record.season, round=record.round, session=record.session)
    d["driver_number"] = d.driver_number.astype(int)
    follows = d.driver_number.eq(d.driver_number.shift(1)) & d.lap.eq(d.lap.shift(1) + 1)
    took = d.race_time_s - d.race_time_s.shift(1).where(follows)
    took = took.where(d.lap > 1, d.race_time_s)
    filled = d.lap_time_filled.fillna(False).astype(bool) if "lap_time_filled" in d else d.lap_time_s.isna()
    d["lap_time_filled"] = filled | d.lap_time_s.isna()
    d["lap_time_s"] = d.lap_time_s.fillna(took)
    seen = d.track_status.fillna("").astype(str)
    d["is_yellow"], d["is_sc"] = seen.str.contains("2"), seen.str.contains("4")
    d["is_red"], d["is_vsc"] = seen.str.contains("5"), seen.str.contains("[67]")
    d["pit_in"], d["pit_out"] = d.pit_in_time_s.notna(), d.pit_out_time_s.notna()
    d["pit_stop"] = d.pit_stop.astype(bool) | d.pit_in
    under = np.select([d.is_red, d.is_sc, d.is_vsc], ["RED", "SC", "VSC"], default="GREEN")
    d["stop_under"] = pd.Series(under, d.index, dtype=object).where(d.pit_stop, "")
    first = d.groupby("lap").race_time_s.min().cummax()
    done = first.index.to_numpy()[np.searchsorted(first.to_numpy(), d.race_time_s.to_numpy(), side="right") - 1]
    d["laps_down"] = done - d.lap
    return d


def _results(record: RaceRecord, laps: pd.DataFrame) -> pd.DataFrame:
    """Return grid and places: the official ones, else the entries' grid and who retired, as the laps tell, without places."""
    done = laps.groupby("driver_number").lap.max()
    own = record.results
    if own is None or own.empty or "position" not in own or not {"driver_number", "car_id"} & set(own.columns):
        out = laps.drop_duplicates("driver_number", keep="last").set_index("driver_number").last_lap_before_retirement
        numbers = [int(e.car_id) for e in record.entries]
        places = ["DNF" if not (n in out.index and not out[n]) else "" for n in numbers]
        slots = [None if e.pit_lane_start else e.grid for e in record.entries]
        drivers = [e.driver for e in record.entries]
        r = pd.DataFrame({"driver": drivers, "driver_number": numbers, "grid": slots, "position": places})
    else:
        number = own["driver_number"] if "driver_number" in own else own["car_id"]
        r = pd.DataFrame({"driver_number": pd.to_numeric(number, errors="coerce"), "position": _places(own)})
        r["driver"] = own.get("driver")
        grid = pd.to_numeric(own["grid"], errors="coerce") if "grid" in own else np.nan
        r["grid"] = pd.Series(grid, own.index, dtype=float).where(lambda slot: slot >= 1)  # 0: from the pit lane
        r = r[r.driver_number.notna()]
    r["laps"] = r.driver_number.map(done).fillna(0.0)
    return r.assign(race_id=record.race_id, season=record.season, round=record.round, session=record.session)


def _places(results: pd.DataFrame) -> pd.Series[str]:
    """Return places as results tables write them: a number, or DNF, DNS, DSQ, NC."""
    place = results.position.astype(str).str.removesuffix(".0").replace(NOT_CLASSIFIED)
    if "status" in results:
        place = place.mask(results.status.astype(str).str.lower().isin(STARTED_NOT), "DNS")
    return place


def _day(record: RaceRecord) -> str | None:
    """Return the day a race was run on, as its race-control messages are stamped; None where it has none."""
    stamps = (x.what.utc for x in record.told if isinstance(x.what, RaceControlMessage))
    first = next((s for s in stamps if s), None)
    return None if first is None else str(first)[:10]


def _joined(tables: RaceTables, own: list[OwnRace]) -> RaceTables:
    facts = pd.DataFrame([o.race for o in own])
    races = in_time_order(_beside(tables.races, facts))
    laps = derive(_like(pd.concat([o.laps for o in own], ignore_index=True), tables.laps), facts)
    laps = _beside(tables.laps, laps)
    laps = laps.sort_values(["race_id", "driver_number", "lap"], kind="stable").reset_index(drop=True)
    results = _beside(tables.results, pd.concat([o.results for o in own], ignore_index=True))
    return replace(tables, races=races, laps=laps, results=results, own=tuple(sorted(facts.race_id)))


def _beside(table: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    """Return a table with rows more, which miss what it has and they do not."""
    told = _like(more, table).dropna(axis=1, how="all")
    return pd.concat([table, told], ignore_index=True)[list(table.columns)]


def _like(table: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the columns of another and numbers as exact as its: beside these, the other's stay what they are."""
    out = table.reindex(columns=list(other.columns))
    kinds: Mapping[str, Any] = {
        str(c): kind
        for c, kind in other.dtypes.items()
        if isinstance(kind, pd.CategoricalDtype) or str(kind).startswith(("float", "Int"))
    }
    return out.astype(dict(kinds))
