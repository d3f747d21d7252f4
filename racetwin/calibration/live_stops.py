"""When cars stop, as a live race tells it: the log factors of :class:`racetwin.simulation.live.LiveStops`, from lap tables.

At each line crossing the twin's own question is put together from the table (what it would know at that line and nothing later),
the race model, its hazard fitted on the seasons before, answers it for five laps, and what then happened says by what it was off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize

from racetwin.calibration.choices import ChoiceFit
from racetwin.calibration.evidence import Evidence
from racetwin.calibration.rivals import COVER_GAP_S
from racetwin.schemas import TrackStatus
from racetwin.simulation.live import LiveStops
from racetwin.simulation.parameters import RaceParameters
from racetwin.twins.hazard import NEAR_LAPS, StopContext, live_terms, modelled_chances
from racetwin.twins.stops_today import LATE_LAPS, LEAST_STOPS

FloatArray = npt.NDArray[np.float64]

TERMS = tuple(LiveStops.__slots__)
PRIOR_SD = 1.0
"""Of each log factor: what a race shows moves a hazard by such factors and not by hundreds."""
HALF_LIFE_SEASONS = 4.0
"""Stops of a season weigh half as much as those of one so many seasons later."""


def racing_age(laps: pd.DataFrame) -> pd.Series:
    """Return the age of each lap's set as the twin counts it: laps behind a safety car count for less than one."""
    ageing = pd.Series(np.where(laps.is_sc, 0.25, np.where(laps.is_vsc, 0.5, 1.0)), index=laps.index)
    within = [laps.race_id, laps.driver_number, laps.stint.astype("Float64").fillna(-1.0)]
    begin = laps.age.groupby(within, sort=False).transform("first")
    return begin - 1.0 + ageing.groupby(within, sort=False).cumsum()


def crossings(laps: pd.DataFrame) -> pd.DataFrame:
    """Return one row per car and lap with what its twin knows at the line, and ``next_stop`` (nan: none seen)."""
    d = laps.copy()
    keys = [d.race_id, d.driver_number]
    car = d.groupby(["race_id", "driver_number"], sort=False)
    d["racing_age"] = racing_age(d)
    d["stops"] = car.pit_stop.cumsum()
    compound = d.compound_index.to_numpy()
    bit = np.where(compound >= 0, 1 << np.maximum(compound, 0), 0)
    d["used"] = pd.Series(bit, index=d.index).groupby(keys, sort=False).transform(lambda v: np.bitwise_or.accumulate(v))
    line = d.sort_values(["race_id", "race_time_s"], kind="stable")
    same = line.race_id.eq(line.race_id.shift(-1))
    d["behind_s"] = (-line.race_time_s.diff(-1)).where(same).reindex(d.index)
    order = d.sort_values(["race_id", "lap", "race_time_s"], kind="stable")
    lap = [order.race_id, order.lap]
    d["number_ahead"] = order.driver_number.groupby(lap, sort=False).shift(1).reindex(d.index)
    d["number_behind"] = order.driver_number.groupby(lap, sort=False).shift(-1).reindex(d.index)
    d["near_ahead"] = order.race_time_s.groupby(lap, sort=False).diff().reindex(d.index) < COVER_GAP_S
    d["near_behind"] = (-order.race_time_s.groupby(lap, sort=False).diff(-1)).reindex(d.index) < COVER_GAP_S
    stopped = pd.Series(
        d.pit_stop.to_numpy(dtype=float), index=pd.MultiIndex.from_arrays([d.race_id, d.lap, d.driver_number])
    )
    by = d.groupby(["race_id", "driver_number"], sort=False)
    for side in ("ahead", "behind"):
        who = pd.MultiIndex.from_arrays([d.race_id, d.lap, by[f"number_{side}"].shift(1)])
        near = by[f"near_{side}"].shift(1, fill_value=False).astype(bool).to_numpy()
        d[f"{side}_stopped"] = np.where((stopped.reindex(who).fillna(0.0).to_numpy() > 0) & near, d.lap, 0)
    run = (d.neutral & ~by.neutral.shift(1, fill_value=False).astype(bool)).groupby(keys, sort=False).cumsum()
    d["status_laps"] = d.neutral.astype(int).groupby([*keys, run], sort=False).cumsum().where(d.neutral, 0)
    d["damp"] = d.compound_index.gt(2).groupby([d.race_id, d.lap]).transform("any")
    in_lap = d.lap.where(d.pit_stop)
    d["next_stop"] = in_lap.groupby(keys, sort=False).transform(lambda v: v.shift(-1).bfill())
    d["last_lap"] = by.lap.transform("max")
    return _today(d)


def _today(d: pd.DataFrame) -> pd.DataFrame:
    """Add the share of cars that stopped of late, and the age at which others changed the compound today under green."""
    d["of_late"], d["age_today"] = 0.0, 0.0
    for _, g in d.groupby("race_id", sort=False):
        s = g[g.pit_in]
        running = g.groupby("lap").size()
        lap, number = g.lap.to_numpy(), g.driver_number.to_numpy()
        at, who = s.lap.to_numpy(), s.driver_number.to_numpy()
        seen = (at[None, :] <= lap[:, None]) & (who[None, :] != number[:, None])
        late = (seen & (at[None, :] > lap[:, None] - LATE_LAPS)).sum(axis=1)
        d.loc[g.index, "of_late"] = late / running.reindex(lap).to_numpy()
        counted = s.age.notna().to_numpy() & ~s.neutral.to_numpy()
        alike = seen & counted[None, :] & (s.compound_index.to_numpy()[None, :] == g.compound_index.to_numpy()[:, None])
        ages = np.where(alike, s.age.to_numpy(dtype=float)[None, :], np.nan)
        enough = alike.sum(axis=1) >= LEAST_STOPS
        median = np.zeros(len(g))
        if enough.any():
            median[enough] = np.nanmedian(ages[enough], axis=1)
        d.loc[g.index, "age_today"] = median
    return d


def contexts(d: pd.DataFrame) -> list[StopContext]:
    """Return the twin's question of each row."""
    status = [
        TrackStatus.SC if sc else TrackStatus.VSC if vsc else TrackStatus.GREEN
        for sc, vsc in zip(d.is_sc, d.is_vsc, strict=True)
    ]
    known = (d.lap, d.total_laps, d.compound_index, d.racing_age.astype(float), d.stops, d.used, d.road_gap_s)
    more = (d.behind_s.fillna(np.inf), d.ahead_stopped, d.behind_stopped, d.status_laps, d.of_late, d.age_today)
    return [
        StopContext(
            lap,
            total,
            compound,
            age,
            stops,
            used,
            gap_ahead_s=ahead_s,
            gap_behind_s=behind_s,
            ahead_stopped=ahead,
            behind_stopped=behind,
            status=s,
            status_laps=n,
            stopped_of_late=late,
            age_today=today,
        )
        for s, lap, total, compound, age, stops, used, ahead_s, behind_s, ahead, behind, n, late, today in zip(
            status, *(c.tolist() for c in (*known, *more)), strict=True
        )
    ]


def table(laps: pd.DataFrame, parameters: Mapping[tuple[str, int], RaceParameters]) -> pd.DataFrame:
    """Return one row per line crossing on slicks and coming lap: ``stop``, the race model's ``log_hazard`` and the ``TERMS``.

    Laps on which anybody is on intermediates or wets are left out: there the track decides. ``parameters`` are by circuit and
    season; others are left out.
    """
    d = crossings(laps)
    asked = d[
        d.compound_index.between(0, 2)
        & ~d.pit_in
        & d.lap.between(2, d.total_laps - 5)
        & np.isfinite(d.racing_age)
        & (d.last_lap >= d.lap + NEAR_LAPS)
        & ~d.is_red
        & ~d.damp
    ]
    parts = []
    for key, g in asked.groupby(["circuit_id", "season"], sort=False):
        p = parameters.get((str(key[0]), int(key[1])))
        if p is None:
            continue
        known = contexts(g)
        chance = modelled_chances(p, known, NEAR_LAPS)
        k = np.arange(1, chance.shape[1] + 1)
        to_stop = (g.next_stop - g.lap).fillna(99).to_numpy()
        open_ = (k[None, :] <= to_stop[:, None]) & (chance > 0.0) & (chance < 1.0)
        log_hazard, terms = live_terms(p, known, chance)
        part = {name: np.broadcast_to(v, chance.shape)[open_] for name, v in zip(TERMS, terms, strict=True)}
        part["log_hazard"] = log_hazard[open_]
        part["stop"] = (k[None, :] == to_stop[:, None])[open_].astype(float)
        part["race_id"] = np.broadcast_to(g.race_id.to_numpy()[:, None], chance.shape)[open_]
        part["season"] = np.full(len(part["stop"]), int(key[1]))
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def fit(laps: pd.DataFrame, parameters: Mapping[tuple[str, int], RaceParameters]) -> ChoiceFit:
    """Fit the log factors by the mode of a normal prior around none; errors count races as what is independent."""
    t = table(laps, parameters)
    return regress(t)


def regress(t: pd.DataFrame) -> ChoiceFit:
    """Fit the log factors to a :func:`table`."""
    x, y = t[list(TERMS)].to_numpy(dtype=float), t.stop.to_numpy()
    offset = t.log_hazard.to_numpy()
    # Five questions are asked of every stop; each counts a fifth.
    weight = 0.5 ** ((t.season.max() - t.season.to_numpy(dtype=float)) / HALF_LIFE_SEASONS) / NEAR_LAPS

    def parts(b: FloatArray) -> tuple[FloatArray, FloatArray]:
        hazard = np.exp(np.clip(offset + x @ b, -20.0, 3.0))
        loss = np.where(y > 0, -np.log(-np.expm1(-hazard)), hazard)
        slope = np.where(y > 0, -hazard / np.expm1(hazard), hazard)
        return loss, slope

    def cost(b: FloatArray) -> tuple[float, Any]:
        loss, slope = parts(b)
        return float(weight @ loss + 0.5 * (b @ b) / PRIOR_SD**2), x.T @ (weight * slope) + b / PRIOR_SD**2

    found = minimize(cost, np.zeros(len(TERMS)), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    b = np.asarray(found.x, dtype=float)
    _, slope = parts(b)
    hazard = np.exp(np.clip(offset + x @ b, -20.0, 3.0))
    bread = np.linalg.inv((x * (weight * hazard)[:, None]).T @ x + np.eye(len(b)) / PRIOR_SD**2)
    score = pd.DataFrame(x * (weight * slope)[:, None]).groupby(t.race_id.to_numpy()).sum().to_numpy()
    sd = np.sqrt(np.diag(bread @ (score.T @ score + np.eye(len(b)) / PRIOR_SD**2) @ bread))
    n = len(t)
    return ChoiceFit(
        dict(zip(TERMS, map(float, b), strict=True)),
        {name: Evidence(float(v), n) for name, v in zip(TERMS, sd, strict=True)},
    )
