"""Form: how fast each car and driver has been of late, as what is known of a race before its first lap.

Race pace (seconds a lap against the field's median car, traffic and tyres taken out) is followed from race to race by exponential
forgetting, for the team and for the driver within it; the grid adds what the weekend itself says. Each part's weight is a
regression over past races, so that the forecast is as good as it has shown itself to be.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from racetwin.calibration import standing
from racetwin.calibration.pace import RaceFit
from racetwin.calibration.tables import RaceTables
from racetwin.simulation.form import features

TEAM_MEMORY = 0.75
"""Weight that a team's form of before keeps at each new race."""
DRIVER_MEMORY = 0.9
PRIOR_RACES = 2.0
"""Races that 'no better than the field' weighs as in a new team's or driver's form."""
RIDGE = 3.0
WEIGHTS = ("one", "team", "driver", "grid")


def race_pace(single: RaceFit) -> pd.Series:
    """Return pace by racing number, seconds a lap against the race's median car."""
    return pd.Series(single.intercepts - np.median(single.intercepts), index=single.cars)


def follow_all(tables: RaceTables, singles: list[RaceFit]) -> pd.DataFrame:
    """Return one row per car and session: form before it (``team``, ``driver``), ``grid`` and the ``pace`` it then showed."""
    by_race = {f.race_id: f for f in singles}
    entries = tables.laps.drop_duplicates(["race_id", "driver_number"])[["race_id", "driver_number", "driver", "team"]]
    grid = tables.results[["race_id", "driver_number", "grid"]].copy()
    grid["grid"] = pd.to_numeric(grid.grid, errors="coerce")
    entries = entries.merge(grid, on=["race_id", "driver_number"], how="left")
    cars = {str(k): v for k, v in entries.groupby("race_id")}
    team: dict[str, tuple[float, float]] = {}
    driver: dict[str, tuple[float, float]] = {}
    rows = []
    of_season = -1
    races = zip(tables.races.race_id, tables.races.season, tables.races.session, strict=True)
    for race_id, season, session in races:
        if int(season) != of_season:
            # Winter: cars change more than drivers do.
            team = {k: (v[0] * 0.7, v[1] * 0.5) for k, v in team.items()}
            of_season = int(season)
        e = cars[str(race_id)].copy()
        e["team_form"] = [team.get(t, (0.0, 0.0))[0] for t in e.team]
        e["driver_form"] = [driver.get(d, (0.0, 0.0))[0] for d in e.driver]
        single = by_race.get(str(race_id))
        e["session"] = str(session)
        e["pace"] = e.driver_number.map(race_pace(single)).to_numpy(dtype=float) if single else np.nan
        e["season"] = of_season
        rows.append(e)
        if single is None:
            continue
        seen = e[e.pace.between(-4, 4)]
        for t, g in seen.groupby("team"):
            team[str(t)] = _update(team.get(str(t), (0.0, 0.0)), float(g.pace.mean()), TEAM_MEMORY)
        against_mate = seen.pace - seen.groupby("team").pace.transform("mean")
        for d, difference in zip(seen.driver, against_mate, strict=True):
            driver[str(d)] = _update(driver.get(str(d), (0.0, 0.0)), float(difference), DRIVER_MEMORY)
    out = pd.concat(rows, ignore_index=True)
    out.attrs["team"] = team
    out.attrs["driver"] = driver
    return out


def _update(old: tuple[float, float], value: float, memory: float) -> tuple[float, float]:
    """Return form and its weight (in races) after one more race; form is shrunk to the field by ``PRIOR_RACES``."""
    form, weight = old
    total = form * (weight + PRIOR_RACES) if weight else 0.0
    weight = memory * weight + 1.0
    total = memory * total + value
    return total / (weight + PRIOR_RACES), weight


def fit(tables: RaceTables, singles: list[RaceFit]) -> dict[str, Any]:
    """Return the file's ``form`` block: weights, residual spread and the present form of every team and driver.

    ``races`` has how many races each form rests on, those of before counting less and less.
    """
    rows = follow_all(tables, singles)
    known = rows[rows.pace.between(-4, 4) & (rows.season > rows.season.min())]
    if len(known) < 100:
        known = rows[rows.pace.between(-4, 4)]
    parts = [features(g.team_form, g.driver_form, g.grid) for _, g in known.groupby("race_id", sort=False)]
    x = np.vstack(parts)
    y = np.concatenate([g.pace.to_numpy(dtype=float) for _, g in known.groupby("race_id", sort=False)])
    weight = np.ones(len(y))
    for _ in range(10):
        a = (x * weight[:, None]).T @ x + np.diag([0.1, RIDGE, RIDGE, 0.1])
        b = np.linalg.solve(a, (x * weight[:, None]).T @ y + np.array([0, RIDGE * 0.5, RIDGE * 0.5, 0]))
        left = y - x @ b
        scale = 1.4826 * float(np.median(np.abs(left)))
        weight = 5.0 / (4.0 + (left / scale) ** 2)
    weights_sd = np.sqrt(np.diag(np.linalg.inv(a))) * scale
    stops = standing.timed_stops(tables.laps)
    stood = standing.follow(tables.races, stops)
    return {
        "weights": {k: round(float(v), 5) for k, v in zip(WEIGHTS, b, strict=True)},
        "sd_s": round(scale * 1.1, 5),
        "source": "fit",
        "weights_sd": {k: round(float(v), 5) for k, v in zip(WEIGHTS, weights_sd, strict=True)},
        "n": len(y),
        "history": {
            str(race): {
                "teams": {str(t): round(float(f), 3) for t, f in zip(g.team, g.team_form, strict=True) if f},
                "drivers": {str(d): round(float(f), 3) for d, f in zip(g.driver, g.driver_form, strict=True) if f},
                "standing": stood[str(race)],
            }
            for race, g in rows.groupby("race_id", sort=False)
        },
        "teams": {k: round(v[0], 4) for k, v in sorted(rows.attrs["team"].items())},
        "drivers": {k: round(v[0], 4) for k, v in sorted(rows.attrs["driver"].items())},
        "standing": standing.shifts(stops, int(tables.races.season.max())),
        "races": {k: round(v[1], 2) for k, v in sorted({**rows.attrs["team"], **rows.attrs["driver"]}.items())},
    }
