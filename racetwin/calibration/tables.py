"""Lap tables in, rows fit for learning out: which laps show a car's own pace, and which a car in traffic.

The road gap of a lap is the time since any other car crossed the line just before it: what the driver follows, lapped cars too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from racetwin.errors import DataError, InputError
from racetwin.schemas import COMPOUNDS
from racetwin.telemetry.library import misfiled

SLOWEST_CLEAN = 1.07
"""A clean lap is at most this many times the car's median green lap (the 107 % rule of the sport)."""
ROAD_GAP_CAP_S = 60.0
"""Road gaps are capped here: beyond it nobody is ahead in any sense that matters."""


@dataclass(frozen=True, slots=True)
class RaceTables:
    """The races of a data folder in time order.

    Parameters
    ----------
    races : DataFrame
        One row per session, ordered by date, sprint before Grand Prix; index 0..n-1.
    laps : DataFrame
        One row per car and lap with the derived columns of :func:`derive`.
    results : DataFrame
        Official classification: ``grid``, ``position``, ``laps``, ``reason_retired``.
    left_out : dict
        By race id, why a session of the folder is not among them.
    own : tuple of str
        Those that are not of the folder but of the user's own library, by race id.
    """

    races: pd.DataFrame
    laps: pd.DataFrame
    results: pd.DataFrame
    left_out: dict[str, str] = field(default_factory=dict)
    own: tuple[str, ...] = ()

    def before(self, race_id: str | None) -> RaceTables:
        """Return only the races that came before ``race_id`` (all of them for None)."""
        if race_id is None:
            return self
        at = np.flatnonzero(self.races.race_id == race_id)
        if not len(at):
            raise InputError(f"until: race {race_id!r} is not among the {len(self.races)} races that were read")
        return self.select(list(self.races.race_id[: int(at[0])]))

    def select(self, race_ids: list[str]) -> RaceTables:
        """Return only the named races, still in time order."""
        keep = self.races[self.races.race_id.isin(race_ids)].reset_index(drop=True)
        return RaceTables(
            keep,
            self.laps[self.laps.race_id.isin(race_ids)].reset_index(drop=True),
            self.results[self.results.race_id.isin(race_ids)].reset_index(drop=True),
            own=tuple(r for r in self.own if r in set(race_ids)),
        )


def load(data: Path) -> RaceTables:
    """Read ``laps.parquet``, ``races.csv`` and ``results.csv`` of a data folder, sessions that are another event's left out."""
    for name in ("laps.parquet", "races.csv", "results.csv"):
        if not (data / name).is_file():
            raise DataError(f"data: {data / name} is not there; name a folder of race data (setting RACETWIN_DATA)")
    races = pd.read_csv(data / "races.csv")
    races = in_time_order(races)
    results = pd.read_csv(data / "results.csv")
    laps = pd.read_parquet(data / "laps.parquet")
    left_out = misfiled(races)
    races = races[races.race_id.isin(set(laps.race_id) - set(left_out))].reset_index(drop=True)
    known = set(races.race_id)
    laps, results = laps[laps.race_id.isin(known)], results[results.race_id.isin(known)].reset_index(drop=True)
    return RaceTables(races, derive(laps, races), results, left_out)


def in_time_order(races: pd.DataFrame) -> pd.DataFrame:
    """Return the races by date, a sprint before the Grand Prix of its day.

    One without a date comes after all dated ones of earlier rounds, and of its own.
    """
    if races.date.notna().all():
        return races.sort_values(["date", "session"], ascending=[True, False], kind="stable").reset_index(drop=True)
    when = list(zip(races.season, races["round"], strict=True))
    dated = [(at, str(d)) for at, d in zip(when, races.date, strict=True) if pd.notna(d)]
    day = [
        str(d) if pd.notna(d) else max((known for at, known in dated if at <= own), default="")
        for own, d in zip(when, races.date, strict=True)
    ]
    keys = races.assign(day=day, undated=races.date.isna(), sprint=races.session == "S")
    order = keys.sort_values(
        ["day", "undated", "season", "round", "sprint"], ascending=[True, True, True, True, False], kind="stable"
    ).index
    return races.loc[order].reset_index(drop=True)


def derive(laps: pd.DataFrame, races: pd.DataFrame) -> pd.DataFrame:
    """Add what the fits need.

    ``compound_index`` (-1 unknown), ``circuit_id``, ``total_laps``, ``wet`` (race), ``green`` (no neutralisation in the lap),
    ``restart`` (the lap before was neutralised), ``road_gap_s`` at the end of the lap and ``road_gap_start_s`` at its start,
    ``gap_ahead_s`` and ``ahead`` (car next in race order at the start of the lap), ``clean`` (green, slick, no stop, not a
    restart, not an outlier).
    """
    d = laps.sort_values(["race_id", "driver_number", "lap"], kind="stable").reset_index(drop=True)
    facts = races.set_index("race_id")
    total = facts.laps_run.fillna(facts.laps_scheduled)
    d["circuit_id"] = d.race_id.map(facts.circuit_id)
    d["total_laps"] = d.race_id.map(total).astype(int)
    d["race_wet"] = d.race_id.map(facts.wet).astype(bool)
    names = {c.value: c.index for c in COMPOUNDS}
    d["compound_index"] = d.compound.astype(str).map(names).fillna(-1).astype(int)
    d["age"] = d.tyre_age.astype("Float64").astype(float).to_numpy(dtype=float, na_value=np.nan)
    d["neutral"] = d.is_sc | d.is_vsc | d.is_red
    car = d.groupby(["race_id", "driver_number"], sort=False)
    d["restart"] = car.neutral.shift(1, fill_value=False).astype(bool)
    d["green"] = ~d.neutral & (d.lap > 1)
    racing = d.green & ~d.restart & ~d.pit_in & ~d.pit_out & (d.lap_time_s > 30)
    median = d.lap_time_s.where(racing).groupby([d.race_id, d.driver_number]).transform("median")
    fastest = d.lap_time_s.where(racing).groupby(d.race_id).transform("median")
    d["clean"] = (
        racing
        & d.compound_index.between(0, 2)
        & ~d.lap_time_filled
        & ~d.last_lap_before_retirement
        & (d.lap_time_s < SLOWEST_CLEAN * np.minimum(median, fastest * 1.05))
        & np.isfinite(d.age)
    )
    return _gaps(d)


def _gaps(d: pd.DataFrame) -> pd.DataFrame:
    """Road gap and gap to the car next in race order, from the times at the line."""
    order = d.sort_values(["race_id", "race_time_s"], kind="stable")
    gap = order.race_time_s.diff().where(order.race_id.eq(order.race_id.shift(1)))
    d["road_gap_s"] = gap.clip(0, ROAD_GAP_CAP_S).reindex(d.index).fillna(ROAD_GAP_CAP_S)
    by_lap = d.sort_values(["race_id", "lap", "race_time_s"], kind="stable")
    same = by_lap.race_id.eq(by_lap.race_id.shift(1)) & by_lap.lap.eq(by_lap.lap.shift(1))
    by_lap["gap_ahead_end_s"] = by_lap.race_time_s.diff().where(same)
    by_lap["ahead_end"] = by_lap.driver_number.shift(1).where(same)
    d["gap_ahead_end_s"] = by_lap.gap_ahead_end_s.reindex(d.index)
    d["ahead_end"] = by_lap.ahead_end.reindex(d.index)
    car = d.groupby(["race_id", "driver_number"], sort=False)
    d["road_gap_start_s"] = car.road_gap_s.shift(1)
    d["gap_ahead_s"] = car.gap_ahead_end_s.shift(1)
    d["ahead"] = car.ahead_end.shift(1)
    return d
