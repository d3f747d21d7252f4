"""How gentle on tyres teams and drivers are: levels of the wear factor, drawn to the field, beside those of seasons.

A car's wear factor in a race is the slope, within its sets, of what its laps in free air took beyond its own race's fit, on the
wear that is usual there; one is the field's. Given their spreads everything is normal: the effects of teams and of drivers are
solved for at once, and the spreads (and that of a car's race around both) by EM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from racetwin.calibration.pace import AUTOCORRELATION_INFLATION, FREE_AIR_S, RaceFit, design
from racetwin.simulation.parameters import RaceParameters

FloatArray = npt.NDArray[np.float64]

LEAST_LAPS = 10
"""Laps in free air that a car's factor in a race is told from, at least."""
LEAST_SET = 5
"""... of sets with at least so many of them."""
LARGEST_ERROR = 2.0
"""Factors with a larger standard error than this tell nothing of anybody."""
HALF_LIFE_SEASONS = 1.0
"""A race weighs half as much as one so many seasons later: cars change.

Told from the seasons before, 2020 to early 2023, squared errors of a car's factor are 3.3 % lower with both levels (2: 2.4 %, 8:
1.5 %), with teams' alone 3.6 % and with drivers' alone 0.6 %.
"""
SPREAD_PRIOR = 0.01
"""Sum of squares that a spread has before anything is seen, as of one team or driver: a spread of a tenth."""
ROUNDS = 60


@dataclass(frozen=True, slots=True)
class Level:
    """Effect on the wear factor with its standard error, and the races of a car behind it."""

    effect: float
    sd: float
    n: int


@dataclass(frozen=True, slots=True)
class CarWear:
    """Levels of the wear factor, against one.

    Parameters
    ----------
    teams, drivers
        By team name and by driver's code; a car's factor is one and both.
    spread
        Of teams, of drivers, and of a car's races around both.
    n
        Races of a car.
    """

    teams: Mapping[str, Level]
    drivers: Mapping[str, Level]
    spread: tuple[float, float, float]
    n: int


def factors(
    laps: pd.DataFrame, singles: Sequence[RaceFit], numbers: Mapping[tuple[str, int], RaceParameters]
) -> pd.DataFrame:
    """Return one row per car and dry race: ``race_id, season, team, driver, driver_number, factor`` (the field's: 0), ``sd``.

    Parameters
    ----------
    laps
        As :func:`racetwin.calibration.tables.derive` has them.
    singles
        Each race's own fit.
    numbers
        The race model's by circuit and season: the wear that is usual there.
    """
    by_race = {f.race_id: f for f in singles}
    out = []
    for race_id, g in laps[laps.clean].groupby("race_id", sort=False):
        single = by_race.get(str(race_id))
        p = numbers.get((str(g.circuit_id.iloc[0]), int(g.season.iloc[0])))
        if single is None or p is None:
            continue
        free = g[((g.road_gap_start_s > FREE_AIR_S) | (g.position == 1)) & g.driver_number.isin(single.cars)]
        own = free.driver_number.map(pd.Series(single.intercepts, index=single.cars)).to_numpy(dtype=float)
        left = free.lap_time_s.to_numpy(dtype=float) - own - design(free) @ single.effects
        rows = _slopes(free.assign(left=left, wear=_usual_wear(free, p)), single.noise_s)
        if len(rows):
            weight = 1.0 / (rows.sd.to_numpy() ** 2 + 0.1)
            out.append(rows.assign(factor=rows.factor - np.average(rows.factor, weights=weight)))
    columns = ["race_id", "season", "team", "driver", "driver_number", "factor", "sd"]
    return pd.concat(out, ignore_index=True) if out else pd.DataFrame(columns=columns)


def _usual_wear(laps: pd.DataFrame, p: RaceParameters) -> FloatArray:
    c, age = laps.compound_index.to_numpy(), laps.age.to_numpy(dtype=float)
    beyond = np.maximum(0.0, age - np.array(p.cliff_age)[c])
    return np.asarray(np.array(p.wear_s)[c] * age + np.array(p.cliff_s)[c] * beyond**2)


def _slopes(d: pd.DataFrame, noise_s: float) -> pd.DataFrame:
    """Return each car's slope of ``left`` on ``wear`` within its sets; laps far off count as at two spreads of the race."""
    sets = [d.driver_number, d.stint]
    d = d[d.groupby(sets).lap.transform("size") >= LEAST_SET]
    sets = [d.driver_number, d.stint]
    x = (d.wear - d.wear.groupby(sets).transform("mean")).to_numpy()
    y = (d.left - d.left.groupby(sets).transform("median")).clip(-2.0 * noise_s, 2.0 * noise_s)
    d = d.assign(xx=x * x, xy=x * (y - y.groupby(sets).transform("mean")).to_numpy())
    who = ["race_id", "season", "team", "driver", "driver_number"]
    sums = d.groupby(who, observed=True, sort=False).agg(xx=("xx", "sum"), xy=("xy", "sum"), n=("xx", "size"))
    sums = sums[(sums.n >= LEAST_LAPS) & (sums.xx > 0.0)].reset_index()
    sums["factor"] = sums.xy / sums.xx
    sums["sd"] = noise_s * AUTOCORRELATION_INFLATION**0.5 / np.sqrt(sums.xx)
    return sums.loc[sums.sd < LARGEST_ERROR, [*who, "factor", "sd"]]


def fit(rows: pd.DataFrame) -> CarWear:
    """Fit the levels to :func:`factors`."""
    if rows.empty:
        return CarWear({}, {}, (0.0, 0.0, 0.0), 0)
    teams, drivers = sorted(rows.team.astype(str).unique()), sorted(rows.driver.astype(str).unique())
    at_team = rows.team.astype(str).map({k: i for i, k in enumerate(teams)}).to_numpy()
    at_driver = rows.driver.astype(str).map({k: i for i, k in enumerate(drivers)}).to_numpy() + len(teams)
    h = np.zeros((len(rows), len(teams) + len(drivers)))
    h[np.arange(len(rows)), at_team] = 1.0
    h[np.arange(len(rows)), at_driver] = 1.0
    y, error = rows.factor.to_numpy(dtype=float), rows.sd.to_numpy(dtype=float) ** 2
    season = rows.season.to_numpy(dtype=float)
    fading = 0.5 ** ((season.max() - season) / HALF_LIFE_SEASONS)
    of_teams = slice(0, len(teams))
    of_drivers = slice(len(teams), None)
    spread = np.array([0.2, 0.2, 0.3])
    for _ in range(ROUNDS):
        weight = fading / (error + spread[2] ** 2)
        prior = np.r_[np.full(len(teams), spread[0] ** -2.0), np.full(len(drivers), spread[1] ** -2.0)]
        covariance = np.linalg.inv((h * weight[:, None]).T @ h + np.diag(prior))
        effect = covariance @ (h.T @ (weight * y))
        variance = np.diag(covariance)
        away = y - h @ effect
        unknown = np.einsum("ij,jk,ik->i", h, covariance, h)
        # A race's own deviation, given what was seen of it: drawn to nothing by the error of its factor.
        kept = spread[2] ** 2 / (spread[2] ** 2 + error)
        own = kept**2 * (away**2 + unknown) + kept * error
        spread = np.sqrt(
            [
                _spread(effect[of_teams], variance[of_teams]),
                _spread(effect[of_drivers], variance[of_drivers]),
                float(((fading * own).sum() + SPREAD_PRIOR) / (fading.sum() + 1.0)),
            ]
        )
    n = np.bincount(np.r_[at_team, at_driver], minlength=len(effect))
    told = [Level(float(e), float(v) ** 0.5, int(k)) for e, v, k in zip(effect, variance, n, strict=True)]
    names = [*teams, *drivers]
    return CarWear(
        dict(zip(names[of_teams], told[of_teams], strict=True)),
        dict(zip(names[of_drivers], told[of_drivers], strict=True)),
        (float(spread[0]), float(spread[1]), float(spread[2])),
        len(rows),
    )


def _spread(effect: FloatArray, variance: FloatArray) -> float:
    return float(((effect**2 + variance).sum() + SPREAD_PRIOR) / (len(effect) + 1))
