"""How tyres differ between seasons and between harder and softer selections, beside the circuits' own: the block ``levels``.

Given the spreads of circuits and races and the fuel that :mod:`racetwin.calibration.pace` has found, everything is normal: the
effects of field, circuits, seasons and of a selection one step harder are solved for at once, and the spread of seasons by EM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from racetwin.calibration.pace import FUEL_SHARE, N_EFFECTS, SCALE, PaceFit, RaceFit, fuel_load_kg

FloatArray = npt.NDArray[np.float64]

NAMES = ("offset_soft_s", "offset_hard_s", "wear_soft_s", "wear_medium_s", "wear_hard_s")
"""Effects that seasons and selections have; in the effects of a race these are the second to the sixth."""
TYRES = slice(1, 6)
MIDDLE = 3
"""The C-code of mediums of a middle selection."""
STEP_SD = 0.3
"""Prior of what a step does, in the scale of the effects."""
FIELD_SD = 1.5
SPREAD_PRIOR = 0.05
"""Sum of squares that the spread of seasons has before any is seen, as of one season."""
ROUNDS = 40


@dataclass(frozen=True, slots=True)
class Levels:
    """Effects in the order of ``NAMES``, with standard errors.

    Parameters
    ----------
    seasons
        ``(effect, standard error, races)`` by season.
    spread, spread_sd
        Of seasons around none: what is not known of the tyres of a season that nobody has raced in.
    harder, harder_sd
        Of a selection whose compounds are all one step harder.
    n_selections
        Races whose selection is known.
    """

    seasons: Mapping[int, tuple[FloatArray, FloatArray, int]]
    spread: FloatArray
    spread_sd: FloatArray
    harder: FloatArray
    harder_sd: FloatArray
    n_selections: int


def selections(laps: pd.DataFrame) -> dict[str, float]:
    """Return by race how many steps softer than the middle its compounds are (C3 the medium: 0), where the C-codes are known."""
    code = laps.compound_pirelli.astype(str).str.extract(r"^C([0-6])$")[0].astype(float)
    known = laps.compound_index.between(0, 2) & code.notna()
    softer = (code + laps.compound_index - 1 - MIDDLE)[known]
    return {str(k): float(v) for k, v in softer.groupby(laps.race_id[known]).median().items()}


def fit(p: PaceFit, singles: Sequence[RaceFit], softer: Mapping[str, float]) -> Levels:
    """Fit the levels to the effects of single races."""
    circuits, seasons = sorted({f.circuit_id for f in singles}), sorted({f.season for f in singles})
    k, width = N_EFFECTS, len(NAMES)
    first_season = k * (1 + len(circuits))
    first_step = first_season + width * len(seasons)
    n = first_step + width
    tyres = np.arange(k)[TYRES]
    prior = np.full(n, 1.0 / STEP_SD**2)
    prior[:k] = 1.0 / FIELD_SD**2
    prior[k:first_season] = np.tile(1.0 / np.maximum(p.field_sd / SCALE, 0.01) ** 2, len(circuits))
    precision, pull = np.diag(prior), np.zeros(n)
    of_season = slice(first_season, first_step)
    precision[of_season, of_season] = 0.0
    for f in singles:
        effects = f.effects / SCALE
        effects[0] += p.fuel_s_per_kg * FUEL_SHARE * fuel_load_kg(f.season) / f.total_laps / SCALE[0]
        weight = np.linalg.inv(f.covariance / np.outer(SCALE, SCALE) + np.diag((p.race_sd / SCALE) ** 2))
        h = np.zeros((k, n))
        h[:, :k] = np.eye(k)
        at = k * (1 + circuits.index(f.circuit_id))
        h[:, at : at + k] = np.eye(k)
        h[tyres, first_season + width * seasons.index(f.season) + np.arange(width)] = 1.0
        h[tyres, first_step + np.arange(width)] = -softer.get(f.race_id, 0.0)
        precision += h.T @ weight @ h
        pull += h.T @ weight @ effects
    spread = np.full(width, 0.4)
    for _ in range(ROUNDS):
        own = precision.copy()
        where = np.arange(first_season, first_step)
        own[where, where] += np.tile(1.0 / spread**2, len(seasons))
        covariance = np.linalg.inv(own)
        found = covariance @ pull
        effect = found[of_season].reshape(-1, width)
        variance = np.diag(covariance)[of_season].reshape(-1, width)
        spread = np.sqrt(((effect**2 + variance).sum(axis=0) + SPREAD_PRIOR) / (len(seasons) + 1))
    scale = SCALE[TYRES]
    races = {s: sum(f.season == s for f in singles) for s in seasons}
    return Levels(
        {s: (effect[i] * scale, np.sqrt(variance[i]) * scale, races[s]) for i, s in enumerate(seasons)},
        spread * scale,
        spread * scale / np.sqrt(2.0 * (len(seasons) + 1)),
        found[first_step:] * scale,
        np.sqrt(np.diag(covariance)[first_step:]) * scale,
        sum(f.race_id in softer for f in singles),
    )
