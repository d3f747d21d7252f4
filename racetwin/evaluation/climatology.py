"""How often it happened in the races before: the rule for a safety car."""

from __future__ import annotations

import numpy as np
import pandas as pd

from racetwin.calibration.incidents import leader_laps
from racetwin.evaluation.forecasts import SAFETY_CAR_EVERY, SAFETY_CAR_LAPS


def safety_cars_before(laps: pd.DataFrame, races: list[str]) -> dict[str, float]:
    """Return by race the share of the moments asked about, in all races before it, that a safety car followed.

    Parameters
    ----------
    laps
        Lap tables as calibration has them.
    races
        Their ids in time order. The first one has nothing before it: NaN.

    Returns
    -------
    dict
        Share of every fifth lap under green that had one deployed within the next ten.
    """
    codes = {str(r): g.set_index("lap").code for r, g in leader_laps(laps).groupby("race_id", sort=False)}
    out, asked, followed = {}, 0, 0
    for race in races:
        out[race] = followed / asked if asked else float("nan")
        code = codes.get(race)
        if code is None:
            continue
        car = (code == "SC").to_numpy()
        deployed = code.index.to_numpy()[car & ~np.concatenate([[False], car[:-1]])]
        total = int(code.index.max())
        for lap in range(SAFETY_CAR_EVERY, total - SAFETY_CAR_LAPS + 1, SAFETY_CAR_EVERY):
            if code.get(lap, "G") == "G":
                asked += 1
                followed += bool(((deployed > lap) & (deployed <= lap + SAFETY_CAR_LAPS)).any())
    return out
