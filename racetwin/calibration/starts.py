"""Start and lap 1: how much the field is shuffled, in the terms of the race model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from racetwin.calibration.evidence import Evidence, of_median

SLOT_S = 0.25
"""Time from slot to slot at the start: the slots are 0.13 s apart at speed [TUM], and the first corners string the field out.

With this and the spread fitted to it, simulated races move as many places on lap 1 (1.30 a car) and are as long after it (8.1 s
from the first car to the median one, real 8.4 s) as real ones.
"""


@dataclass(frozen=True, slots=True)
class StartFit:
    """Places a car moves on lap 1 (mean absolute value) and the spread of lap 1 that gives as many in the race model.

    ``standing_start_s`` is None where no leader's first lap can be compared with what it should have taken.
    """

    mean_places: float
    start_sd_s: float
    standing_start_s: float | None
    n_cars: int
    evidence: dict[str, Evidence]


def lap_one(laps: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Return one row per car that started from the grid and finished lap 1: ``grid_rank``, ``rank`` among those cars."""
    first = laps[(laps.lap == 1) & (laps.session == "R") & ~laps.is_red]
    grid = results[["race_id", "driver_number", "grid"]].copy()
    grid["grid"] = pd.to_numeric(grid.grid, errors="coerce")
    y = first.merge(grid, on=["race_id", "driver_number"])
    y = y[y.grid.notna() & ~y.pit_in]
    y["grid_rank"] = y.groupby("race_id").grid.rank()
    y["rank"] = y.groupby("race_id").race_time_s.rank()
    return y


def shuffle(spread_s: float, slot_s: float, pace_slope_s: float, n_cars: int = 20, n: int = 2000) -> float:
    """Return the mean absolute number of places moved when each car's lap 1 is its slot, its pace and a normal draw."""
    place = np.arange(n_cars)
    draw = np.random.default_rng(1).standard_normal((n, n_cars))
    time = (slot_s + pace_slope_s) * place + spread_s * draw
    rank: npt.NDArray[np.int64] = time.argsort(axis=1).argsort(axis=1)
    return float(np.abs(rank - place).mean())


def fit(
    laps: pd.DataFrame,
    results: pd.DataFrame,
    expected_s: npt.NDArray[np.float64],
    pace_slope_s: float = 0.08,
    pace_sd_s: float = 0.45,
) -> StartFit:
    """Find the spread of lap 1 by bisection; places lost by more than ten (damage, a stop) are put down to incidents.

    ``pace_slope_s`` is how much slower a lap each next car on the grid is (about 1.6 s over twenty places), ``pace_sd_s`` how far
    pace strays from the grid order; it shuffles the field too, so its part is taken out.
    """
    y = lap_one(laps, results)
    moved = (y["rank"] - y.grid_rank).abs()
    counted = moved <= 10
    places = float(moved[counted].mean())
    by_race = moved[counted].groupby(y.race_id[counted]).mean()
    error = float(by_race.std(ddof=1)) / len(by_race) ** 0.5 if len(by_race) > 1 else 0.1

    def spread(moves: float) -> float:
        low, high = 0.02, 3.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if shuffle(middle, SLOT_S, pace_slope_s) < moves else (low, middle)
        return float(np.sqrt(max(((low + high) / 2) ** 2 - pace_sd_s**2, 0.15**2)))

    e = pd.Series(expected_s, index=laps.index)
    leader = laps[(laps.lap == 1) & (laps.position == 1) & ~laps.neutral & (laps.session == "R")]
    lost = (leader.lap_time_s - e[leader.index]).dropna()
    found = spread(places)
    sd = max((spread(places + error) - spread(max(places - error, 0.0))) / 2, 1e-4)
    evidence = {"start_sd_s": Evidence(sd, int(counted.sum()))}
    if len(lost):
        evidence["standing_start_s"] = of_median(lost, leader.race_id[lost.index].to_numpy())
    return StartFit(places, found, float(lost.median()) if len(lost) else None, len(y), evidence)
