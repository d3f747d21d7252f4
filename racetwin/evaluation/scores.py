"""Forecast tables to scoreboard rows: the score, its interval over races, the rule to beat, and what must be reached."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from racetwin.evaluation.forecasts import RaceForecasts

BOOTSTRAP = 200
ECE_BINS = 10
HELD = 90.0
"""Bootstrap intervals hold this many per cent of the resampled scores."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the scoreboard; ``low``/``high`` is the bootstrap interval over races, ``n`` the number of forecasts.

    ``must`` and ``aim`` are a number, or an interval as ``[low, high]``; None where there is none.
    """

    name: str
    value: float
    low: float
    high: float
    n: int
    baseline: float | None
    must: float | list[float] | None
    aim: float | list[float] | None
    met: bool | None

    def as_dict(self) -> dict[str, Any]:
        """Return the row as JSON has it."""
        return {k: _plain(v) for k, v in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return None if not math.isfinite(value) else round(value, 5)
    return value


Score = Callable[[pd.DataFrame], float]


def mean_error(a: str, b: str) -> Score:
    """Score: mean absolute difference of two columns."""
    return lambda t: float((t[a] - t[b]).abs().mean())


def share_within(a: str, b: str, places: int) -> Score:
    """Score: per cent of rows where two columns differ by at most ``places``."""
    return lambda t: 100.0 * float(((t[a] - t[b]).abs() <= places).mean())


def brier(p: str = "p", y: str = "happened") -> Score:
    """Score: mean squared error of a probability."""
    return lambda t: float(((t[p] - t[y]) ** 2).mean())


def climatology_brier(y: str = "happened") -> Score:
    """Score: Brier score of the share in which it happened in the rows themselves: generous to the rule."""
    return lambda t: float(t[y].mean() * (1 - t[y].mean()))


def usual_brier(t: pd.DataFrame) -> float:
    """Brier score of how often it happened in the races before; of the rows' own share where that is not known."""
    return brier("usual")(t) if t.usual.notna().all() else climatology_brier()(t)


def log_loss(t: pd.DataFrame) -> float:
    """Mean log loss of ``p`` against ``happened``, nats."""
    p = t.p.clip(1e-4, 1 - 1e-4)
    return float(-(t.happened * np.log(p) + (1 - t.happened) * np.log(1 - p)).mean())


def climatology_log_loss(t: pd.DataFrame) -> float:
    """Log loss of the share in which it happened."""
    q = min(max(float(t.happened.mean()), 1e-4), 1 - 1e-4)
    return float(-(q * np.log(q) + (1 - q) * np.log(1 - q)))


def lower_log_loss(t: pd.DataFrame) -> float:
    """Per cent by which log loss is below climatology's."""
    return 100.0 * (1 - log_loss(t) / climatology_log_loss(t))


def calibration_error(t: pd.DataFrame, bins: int = ECE_BINS) -> float:
    """Expected calibration error: mean gap between probability and frequency over equal-width bins, by their size."""
    k = np.minimum((t.p * bins).astype(int), bins - 1)
    g = t.groupby(k).agg(p=("p", "mean"), y=("happened", "mean"), n=("p", "size"))
    return float((g.n * (g.p - g.y).abs()).sum() / g.n.sum())


def reliability(t: pd.DataFrame, bins: int = ECE_BINS) -> pd.DataFrame:
    """Return forecast and frequency by bin of probability: what a reliability plot shows."""
    k = np.minimum((t.p * bins).astype(int), bins - 1)
    return (
        t.groupby(k).agg(forecast=("p", "mean"), frequency=("happened", "mean"), n=("p", "size")).reset_index(drop=True)
    )


def rank_correlation(t: pd.DataFrame, column: str = "forecast") -> float:
    """Mean over races of Spearman's rank correlation of a column with ``actual``."""
    rho = [g[column].rank().corr(g.actual.rank()) for _, g in t.groupby("race_id") if g[column].nunique() > 1]
    return float(np.mean(rho)) if rho else float("nan")


def points_given_grid(t: pd.DataFrame) -> float:
    """Brier score of P(points) from the grid place alone, fitted on the rows themselves: generous to the rule."""
    y = (t.actual <= 10).astype(float)
    p = y.groupby(t.grid).transform("mean")
    return float(((p - y) ** 2).mean())


@dataclass(frozen=True, slots=True)
class Line:
    """How one row is made from one table."""

    name: str
    table: str
    score: Score
    baseline: Score | None
    must: float | list[float] | None
    aim: float | list[float] | None
    higher: bool = False
    select: Callable[[pd.DataFrame], pd.DataFrame] = lambda t: t
    only_dry: bool = False


def _at(share: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda t: t[t.share == share]


def _what(name: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda t: t[t.what == name]


def _modern(t: pd.DataFrame) -> pd.DataFrame:
    return t[t.season >= 2022]


def _next(t: pd.DataFrame) -> pd.DataFrame:
    return t[(t.ahead == 1) & (t.season >= 2022)]


def cover(t: pd.DataFrame) -> float:
    """Per cent of observations inside the nominal 90 % interval."""
    return 100.0 * float(((t.observed_s >= t.low_s) & (t.observed_s <= t.high_s)).mean())


ORDER = mean_error("forecast", "actual")
HELD_ORDER = mean_error("held", "actual")
LINES: tuple[Line, ...] = (
    Line("finishing position from the grid, MAE", "order", ORDER, HELD_ORDER, 2.15, 1.9, select=_at(0.0)),
    Line("finishing position at 25 %, MAE", "order", ORDER, HELD_ORDER, 1.75, 1.5, select=_at(0.25)),
    Line("finishing position at 50 %, MAE", "order", ORDER, HELD_ORDER, 1.30, 1.1, select=_at(0.5)),
    Line("finishing position at 75 %, MAE", "order", ORDER, HELD_ORDER, 0.78, 0.65, select=_at(0.75)),
    Line("strategies given, MAE", "given", ORDER, mean_error("grid", "actual"), 2.47, 2.2),
    Line(
        "strategies given, rank correlation",
        "given",
        rank_correlation,
        lambda t: rank_correlation(t, "grid"),
        0.804,
        0.84,
        higher=True,
    ),
    Line(
        "strategies given, Brier of P(points)",
        "given",
        lambda t: float(((t.p_points - (t.actual <= 10)) ** 2).mean()),
        points_given_grid,
        0.120,
        0.105,
    ),
    Line("P(win), calibration error", "places", calibration_error, None, 0.025, 0.015, select=_what("win")),
    Line("P(podium), calibration error", "places", calibration_error, None, 0.025, 0.015, select=_what("podium")),
    Line("P(points), calibration error", "places", calibration_error, None, 0.025, 0.015, select=_what("points")),
    Line(
        "rejoin position, exact %",
        "rejoin",
        share_within("told", "actual", 0),
        share_within("simple", "actual", 0),
        62.0,
        70.0,
        higher=True,
    ),
    Line(
        "rejoin position, within one %",
        "rejoin",
        share_within("told", "actual", 1),
        share_within("simple", "actual", 1),
        88.0,
        92.0,
        higher=True,
    ),
    Line(
        "rejoin position where nobody else stops, exact %",
        "rejoin",
        share_within("told", "actual", 0),
        share_within("simple", "actual", 0),
        88.0,
        92.0,
        higher=True,
        select=lambda t: t[t.alone == 1],
    ),
    Line(
        "rejoin position where nobody else stops, within one %",
        "rejoin",
        share_within("told", "actual", 1),
        share_within("simple", "actual", 1),
        97.0,
        99.0,
        higher=True,
        select=lambda t: t[t.alone == 1],
    ),
    Line(
        "next green stop's lap within 2, %",
        "next_stop",
        share_within("told", "actual", 2),
        share_within("simple", "actual", 2),
        42.0,
        55.0,
        higher=True,
    ),
    Line(
        "stop within 5 laps, log loss below climatology %",
        "stop_within",
        lower_log_loss,
        lambda t: 0.0,
        25.0,
        40.0,
        True,
    ),
    Line("undercut succeeds, Brier", "undercut", brier(), climatology_brier(), 0.160, 0.145),
    Line(
        "next green lap from 2022, MAE s",
        "laps",
        mean_error("median_s", "observed_s"),
        mean_error("repeat_s", "observed_s"),
        0.36,
        0.31,
        select=_next,
        only_dry=True,
    ),
    Line("laps 1-10 ahead, CRPS s", "laps", lambda t: float(t.crps_s.mean()), None, 0.24, 0.20, only_dry=True),
    Line("laps 1-10 ahead, cover of 90 %", "laps", cover, None, [88.0, 92.0], [89.0, 91.0], only_dry=True),
    Line("safety car within 10 laps, Brier", "safety_car", brier(), usual_brier, None, None),
)


def met(value: float, line: Line, baseline: float | None) -> bool | None:
    """Whether a row reaches what it must; a row without a number of its own must beat its rule."""
    must: float | list[float] | None = line.must
    if must is None:
        if baseline is None:
            return None
        must = baseline
    if not math.isfinite(value):
        return None
    if isinstance(must, list):
        return must[0] <= value <= must[1]
    return value >= must if line.higher else value <= must


def score(races: Sequence[RaceForecasts], seed: int = 1) -> list[Row]:
    """Return all rows: over all races, then dry and wet apart."""
    rows = _rows(races, "", seed)
    for word, wet in (("dry", False), ("wet", True)):
        rows += _rows([r for r in races if r.wet is wet], f" ({word})", seed)
    return rows


def pooled(races: Sequence[RaceForecasts]) -> Mapping[str, pd.DataFrame]:
    """Return each table over all races, with ``season`` and ``wet``."""
    tables: dict[str, list[pd.DataFrame]] = {}
    for r in races:
        for name, t in r.tables.items():
            if len(t):
                tables.setdefault(name, []).append(t.assign(season=r.season, wet=r.wet))
    return {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}


def _rows(races: Sequence[RaceForecasts], suffix: str, seed: int) -> list[Row]:
    tables = pooled(races)
    out = []
    for line in LINES:
        t = tables.get(line.table)
        if t is None:
            continue
        if line.only_dry and not suffix:
            t = t[~t.wet]
        t = line.select(t)
        if not len(t):
            continue
        value = line.score(t)
        baseline = line.baseline(t) if line.baseline else None
        low, high = interval(t, line.score, seed)
        out.append(
            Row(line.name + suffix, value, low, high, len(t), baseline, line.must, line.aim, met(value, line, baseline))
        )
    return out


def interval(t: pd.DataFrame, score_of: Score, seed: int) -> tuple[float, float]:
    """Return the bootstrap interval of a score over whole races: laps of one race are not independent."""
    groups = t.groupby("race_id", sort=True).indices
    where = [np.asarray(v, dtype=np.intp) for v in groups.values()]
    if len(where) < 3:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    draws = BOOTSTRAP if len(t) < 20000 else BOOTSTRAP // 10
    values = [
        score_of(t.iloc[np.concatenate([where[k] for k in rng.integers(0, len(where), len(where))])])
        for _ in range(draws)
    ]
    low, high = np.nanpercentile(values, [(100 - HELD) / 2, (100 + HELD) / 2])
    return float(low), float(high)
