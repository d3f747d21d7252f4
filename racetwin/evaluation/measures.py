"""Scores of forecast tables, as sums race by race.

So a race drawn twice in a bootstrap counts twice, and a draw costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from racetwin.evaluation.lap_times import crps
from racetwin.twins.forecast import LEVELS

FloatArray = npt.NDArray[np.float64]
Rule = Callable[[pd.DataFrame], float]

ECE_BINS = 10
LEAST_RACES = 3
"""Of fewer races there is no bootstrap over races, and so no interval."""
ENDS: FloatArray = np.array([0.05, 0.95])
LEAST_P = 1e-4
"""Probabilities are kept this far from 0 and 1 in a log loss."""


@dataclass(frozen=True, slots=True)
class Score:
    """A score of a table.

    Parameters
    ----------
    by_race
        Table to ``(races, k)`` sums, races in the order of their ids.
    of
        What the sums over the races make: the score.
    """

    by_race: Callable[[pd.DataFrame], FloatArray]
    of: Callable[[FloatArray], float]

    def __call__(self, t: pd.DataFrame) -> float:
        """Return the score of a table."""
        return float(self.of(self.by_race(t).sum(axis=0)))

    def resampled(self, t: pd.DataFrame, draws: int, seed: int) -> FloatArray | None:
        """Return the score of so many draws of whole races, with repetition; None of fewer than ``LEAST_RACES``."""
        sums = self.by_race(t)
        n = len(sums)
        if n < LEAST_RACES:
            return None
        rng = np.random.default_rng(seed)
        times = np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(draws)])
        return np.array([self.of(s) for s in times @ sums])


def per_row(values: Callable[[pd.DataFrame], FloatArray], of: Callable[[FloatArray], float]) -> Score:
    """Score made of ``(rows, k)`` values that are summed over the rows."""

    def by_race(t: pd.DataFrame) -> FloatArray:
        code, ids = pd.factorize(t.race_id, sort=True)
        return np.stack([np.bincount(code, weights=v, minlength=len(ids)) for v in values(t).T], axis=1)

    return Score(by_race, of)


def _ratio(s: FloatArray) -> float:
    return float(s[0] / s[1]) if s[1] else float("nan")


def mean_of(value: Callable[[pd.DataFrame], pd.Series[float]], scale: float = 1.0) -> Score:
    """Score: mean of a value over the rows that have it, times ``scale``."""

    def values(t: pd.DataFrame) -> FloatArray:
        v = np.asarray(value(t), dtype=float)
        there = np.isfinite(v)
        return np.column_stack([np.where(there, v, 0.0), there.astype(float)])

    return per_row(values, lambda s: scale * _ratio(s))


def mean_error(a: str, b: str) -> Score:
    """Score: mean absolute difference of two columns."""
    return mean_of(lambda t: (t[a] - t[b]).abs())


def share_within(a: str, b: str, places: int) -> Score:
    """Score: per cent of rows where two columns differ by at most ``places``."""
    return mean_of(lambda t: ((t[a] - t[b]).abs() <= places).astype(float), 100.0)


def brier(p: str = "p", y: str = "happened") -> Score:
    """Score: mean squared error of a probability."""
    return mean_of(lambda t: (t[p] - t[y]) ** 2)


def known(column: str, rule: Rule) -> Rule:
    """Rule where a column is known of all rows; NaN elsewhere, as of races without others before them."""
    return lambda t: rule(t) if t[column].notna().all() else float("nan")


def climatology_brier(y: str = "happened") -> Rule:
    """Rule: Brier score of the share in which it happened in the rows themselves, which is generous to the rule."""
    return lambda t: float(t[y].mean() * (1 - t[y].mean()))


def usual_brier(t: pd.DataFrame) -> float:
    """Brier score of how often it happened in the races before; of the rows' own share where that is not known."""
    before = known("usual", brier("usual"))(t)
    return before if np.isfinite(before) else climatology_brier()(t)


def _log_loss(p: FloatArray, y: FloatArray) -> FloatArray:
    p = np.clip(p, LEAST_P, 1 - LEAST_P)
    return np.asarray(-(y * np.log(p) + (1 - y) * np.log(1 - p)))


def lower_log_loss(p: str = "p") -> Score:
    """Score: per cent by which the log loss of a probability is below that of the share in which it happened in these rows."""

    def values(t: pd.DataFrame) -> FloatArray:
        y = t.happened.to_numpy(dtype=float)
        return np.column_stack([_log_loss(t[p].to_numpy(dtype=float), y), y, np.ones(len(t))])

    def of(s: FloatArray) -> float:
        share = np.array([s[1] / s[2]])
        usual = float(share[0] * _log_loss(share, np.ones(1))[0] + (1 - share[0]) * _log_loss(share, np.zeros(1))[0])
        return 100.0 * (1 - float(s[0] / s[2]) / usual)

    return per_row(values, of)


def calibration_error(p: str = "p", bins: int = ECE_BINS) -> Score:
    """Score: expected calibration error, the mean gap between probability and frequency over equal-width bins by their size."""
    return per_row(lambda t: _gaps(t, p, bins)[0], lambda s: float(np.abs(s[:bins]).sum() / s[bins]))


def _gaps(t: pd.DataFrame, p: str, bins: int) -> tuple[FloatArray, FloatArray]:
    """Return by row the gap of probability and outcome in the column of its bin, with a column of ones, and which bin that is."""
    said = t[p].to_numpy(dtype=float)
    # Compared as floats: a rule that says nothing (NaN) is in no bin, and its error is NaN.
    inside = (np.minimum(np.floor(said * bins), bins - 1)[:, None] == np.arange(bins)).astype(float)
    gap = said - t.happened.to_numpy(dtype=float)
    return np.column_stack([inside * gap[:, None], np.ones(len(t))]), inside


def calibrated_error(t: pd.DataFrame, draws: int = 1000, seed: int = 1) -> tuple[float, float]:
    """Return the calibration error that probabilities which are right would show on as many races: mean and 95th percentile.

    An error is never below zero, so chance alone makes one, the more so as the cars of a race share its luck. What each race adds
    to each bin, the bins' own means taken out, is given one random sign a race (the wild bootstrap for clusters of Cameron,
    Gelbach and Miller, 2008, with Rademacher signs). NaN of fewer than ``LEAST_RACES``.
    """
    race, ids = pd.factorize(t.race_id, sort=True)
    if len(ids) < LEAST_RACES:
        return float("nan"), float("nan")
    gap, inside = _gaps(t, "p", ECE_BINS)
    gap = gap[:, :ECE_BINS]
    usual = gap.sum(axis=0) / np.maximum(inside.sum(axis=0), 1)
    by_race = np.zeros((len(ids), ECE_BINS))
    np.add.at(by_race, race, gap - inside * usual)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(draws, len(ids)))
    errors = np.abs(signs @ by_race).sum(axis=1) / len(t)
    return float(errors.mean()), float(np.quantile(errors, 0.95))


def reliability(t: pd.DataFrame, bins: int = ECE_BINS) -> pd.DataFrame:
    """Return forecast and frequency by bin of probability: what a reliability plot shows."""
    k = np.minimum((t.p * bins).astype(int), bins - 1)
    return (
        t.groupby(k).agg(forecast=("p", "mean"), frequency=("happened", "mean"), n=("p", "size")).reset_index(drop=True)
    )


def rank_correlation(column: str = "forecast") -> Score:
    """Score: mean over races of Spearman's rank correlation of a column with ``actual``."""

    def by_race(t: pd.DataFrame) -> FloatArray:
        rho = [
            float(g[column].rank().corr(g.actual.rank())) if g[column].nunique() > 1 else np.nan
            for _, g in t.groupby("race_id", sort=True)
        ]
        return np.column_stack([np.nan_to_num(rho), np.isfinite(rho).astype(float)])

    return Score(by_race, _ratio)


def points_given_grid(t: pd.DataFrame) -> float:
    """Brier score of P(points) from the grid place alone, fitted on the rows themselves, which is generous to the rule."""
    y = (t.actual <= 10).astype(float)
    p = y.groupby(t.grid).transform("mean")
    return float(((p - y) ** 2).mean())


cover = mean_of(lambda t: ((t.observed_s >= t.low_s) & (t.observed_s <= t.high_s)).astype(float), 100.0)
"""Score: per cent of observations inside the nominal 90 % interval."""


def _usual_quantiles(t: pd.DataFrame, levels: FloatArray) -> FloatArray:
    """Return ``(rows, levels)`` quantiles of lap times: the last laps' mean with its errors so many laps ahead in these rows.

    That the spread is that of the very laps scored is generous to the rule.
    """
    out = np.zeros((len(t), len(levels)))
    error = (t.observed_s - t.mean_s).to_numpy(dtype=float)
    ahead = t.ahead.to_numpy()
    for k in np.unique(ahead):
        out[ahead == k] = np.quantile(error[ahead == k], levels)
    return np.asarray(out + t.mean_s.to_numpy(dtype=float)[:, None])


def usual_crps(t: pd.DataFrame) -> float:
    """CRPS of the last laps' mean with the spread of its own errors."""
    return float(crps(t.observed_s.to_numpy(dtype=float), _usual_quantiles(t, LEVELS), LEVELS).mean())


def usual_cover(t: pd.DataFrame) -> float:
    """Cover of 90 % of what the last laps' mean misses by: right over all laps ahead by construction, if not in each race."""
    low, high = _usual_quantiles(t, ENDS).T
    return cover(t.assign(low_s=low, high_s=high))


def usual_stand_cover(t: pd.DataFrame) -> float:
    """Cover of one interval for all teams: that of the stops told, without the teams' shifts."""
    return cover(t.assign(low_s=t.field_low_s, high_s=t.field_high_s))
