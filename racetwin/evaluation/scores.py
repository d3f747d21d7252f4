"""Forecast tables to scoreboard rows: the score, its interval over races, the rule to beat, and what must be reached."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from racetwin.evaluation.forecasts import RaceForecasts
from racetwin.evaluation.measures import (
    Rule,
    Score,
    brier,
    calibration_error,
    climatology_brier,
    cover,
    known,
    lower_log_loss,
    mean_error,
    mean_of,
    points_given_grid,
    rank_correlation,
    reliability,
    share_within,
    usual_brier,
    usual_cover,
    usual_crps,
    usual_stand_cover,
)
from racetwin.evaluation.stops_and_sets import concordance, life_cover

BOOTSTRAP = 200
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
        """Return the row as JSON has it: what is not a finite number is null."""
        return {k: _plain(v) for k, v in asdict(self).items()}


def note_row(note: str) -> Row:
    """Return a row that scores nothing and whose name is a note, so that whoever reads the rows reads it too."""
    nothing = float("nan")
    return Row(note, nothing, nothing, nothing, 0, None, None, None, None)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return None if not math.isfinite(value) else round(value, 5)
    return value


@dataclass(frozen=True, slots=True)
class Line:
    """How one row is made from one table."""

    name: str
    table: str
    score: Score
    baseline: Rule | None
    must: float | list[float] | None
    aim: float | list[float] | None
    higher: bool = False
    select: Callable[[pd.DataFrame], pd.DataFrame] = lambda t: t
    only_dry: bool = False


def _at(share: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda t: t[t.share == share]


def _what(name: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda t: t[t.what == name]


def _next(t: pd.DataFrame) -> pd.DataFrame:
    return t[(t.ahead == 1) & (t.season >= 2022)]


STOOD = Line("stationary time, cover of 90 %", "stood", cover, usual_stand_cover, [88.0, 92.0], [89.0, 91.0])
USUAL_PLACES = known("usual", calibration_error("usual"))
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
        rank_correlation(),
        rank_correlation("grid"),
        0.804,
        0.84,
        higher=True,
    ),
    Line(
        "strategies given, Brier of P(points)",
        "given",
        mean_of(lambda t: (t.p_points - (t.actual <= 10)) ** 2),
        points_given_grid,
        0.120,
        0.105,
    ),
    Line(
        "P(win), calibration error",
        "places",
        calibration_error(),
        calibration_error("usual"),
        0.025,
        0.015,
        select=_what("win"),
    ),
    Line(
        "P(podium), calibration error",
        "places",
        calibration_error(),
        calibration_error("usual"),
        0.025,
        0.015,
        select=_what("podium"),
    ),
    Line(
        "P(points), calibration error",
        "places",
        calibration_error(),
        calibration_error("usual"),
        0.025,
        0.015,
        select=_what("points"),
    ),
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
        lower_log_loss(),
        known("by_age", lower_log_loss("by_age")),
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
    Line(
        "next green lap from 2022 against the last laps' mean, MAE s",
        "laps",
        mean_error("median_s", "observed_s"),
        mean_error("mean_s", "observed_s"),
        None,
        None,
        select=_next,
        only_dry=True,
    ),
    Line("laps 1-10 ahead, CRPS s", "laps", mean_of(lambda t: t.crps_s), usual_crps, 0.24, 0.20, only_dry=True),
    Line("laps 1-10 ahead, cover of 90 %", "laps", cover, usual_cover, [88.0, 92.0], [89.0, 91.0], only_dry=True),
    Line("safety car within 10 laps, Brier", "safety_car", brier(), usual_brier, None, None),
    Line(
        "which set lives longer, % of pairs", "life", concordance("told"), concordance("usual"), None, None, higher=True
    ),
    Line("tyre life, cover of 90 %", "life", life_cover, None, [85.0, 95.0], [88.0, 92.0]),
    STOOD,
    *(
        Line(
            f"finishing position {when}, MAE, had all stops been known",
            "oracle",
            ORDER,
            None,
            None,
            None,
            select=_at(k),
        )
        for when, k in (("from the grid", 0.0), ("at 25 %", 0.25), ("at 50 %", 0.5), ("at 75 %", 0.75))
    ),
)
TEAM_STOPS = 40
"""A team's stationary times are told apart where so many were timed."""


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
    return rows + _by_team(races, seed)


def _by_team(races: Sequence[RaceForecasts], seed: int) -> list[Row]:
    """Return the cover of stationary times for each team that was timed often enough."""
    t = pooled(races).get("stood")
    if t is None:
        return []
    often = [(str(team), g) for team, g in t.groupby("team") if team and len(g) >= TEAM_STOPS]
    return [_row(STOOD, f"{STOOD.name} ({team})", g, seed) for team, g in often]


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
        out.append(_row(line, line.name + suffix, t, seed))
    return out


def _row(line: Line, name: str, t: pd.DataFrame, seed: int) -> Row:
    value = line.score(t)
    baseline = line.baseline(t) if line.baseline else None
    if baseline is not None and not math.isfinite(baseline):
        baseline = None
    low, high = interval(t, line.score, seed)
    return Row(name, value, low, high, len(t), baseline, line.must, line.aim, met(value, line, baseline))


def interval(t: pd.DataFrame, score_of: Score, seed: int) -> tuple[float, float]:
    """Return the bootstrap interval of a score over whole races: laps of one race are not independent."""
    values = score_of.resampled(t, BOOTSTRAP, seed)
    if values is None:
        return float("nan"), float("nan")
    low, high = np.nanpercentile(values, [(100 - HELD) / 2, (100 + HELD) / 2])
    return float(low), float(high)


__all__ = ["LINES", "Line", "Row", "interval", "met", "note_row", "pooled", "reliability", "score"]
