"""Pictures beside the scoreboard: how reliable probabilities were, what was tried for each row, a stint as it was believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from racetwin.evaluation.forecasts import RaceForecasts
from racetwin.evaluation.measures import ECE_BINS, calibrated_error, calibration_error, reliability
from racetwin.evaluation.scores import HELD, pooled
from racetwin.evaluation.stints import Stint
from racetwin.plots import INK, LINE_COLOURS, Theme, dressed

ASKED = (
    ("P(win)", "places", "win", 10),
    ("P(podium)", "places", "podium", 10),
    ("P(points)", "places", "points", 10),
    ("stop within 5 laps", "stop_within", None, 10),
    ("undercut succeeds", "undercut", None, 10),
    ("safety car within 10 laps", "safety_car", None, 50),
)
"""Probabilities by their table, what of it, and bins of equal width from 0 to 1: more where all of them are small."""
FEW = 5
"""A bin with fewer forecasts shows nothing."""
DRAWS = 200
COLUMNS = 3
KINDS = {"rule": "plain rule", "tried": "tried", "floor": "floor: with what nobody knows beforehand"}
"""What a step in the table of what was tried is."""


def reliability_plot(races: Sequence[RaceForecasts], *, theme: Theme = "dark", seed: int = 1) -> go.Figure:
    """Return forecast against frequency of each kind of probability, with 90 % of samples of whole races.

    Points on the diagonal: it happened as often as it was said. Points' areas are by how often it was said. Above each its
    expected calibration error, and what chance alone would make of it on as many races.
    """
    tables = {name: _asked(pooled(races), table, what) for name, table, what, _ in ASKED}
    titles = [name + _error(tables[name], seed) for name, *_ in ASKED]
    figure = make_subplots(2, COLUMNS, subplot_titles=titles, vertical_spacing=0.2)
    ink = INK[theme]
    for k, (name, _, _, bins) in enumerate(ASKED):
        at = {"row": 1 + k // COLUMNS, "col": 1 + k % COLUMNS}
        line = {"color": ink["faint"], "dash": "dot", "width": 1}
        figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=line, hoverinfo="skip", **at)
        t = tables[name]
        if t is None:
            continue
        curve = reliability(t, bins)
        curve = curve.assign(**dict(zip(("low", "high"), _between(t, bins, seed), strict=True)))[curve.n >= FEW]
        figure.add_scatter(
            x=curve.forecast,
            y=curve.frequency,
            customdata=np.column_stack([curve.n, curve.low, curve.high]),
            mode="markers+lines",
            marker={"size": 5 + 12 * np.sqrt(curve.n / curve.n.max()), "color": LINE_COLOURS[theme][0]},
            line={"color": LINE_COLOURS[theme][0], "width": 1.5},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": (curve.high - curve.frequency).clip(lower=0),
                "arrayminus": (curve.frequency - curve.low).clip(lower=0),
                "color": ink["faint"],
                "thickness": 1,
            },
            hovertemplate=(
                f"{name}<br>said %{{x:.0%}}, happened %{{y:.0%}} "
                "(%{customdata[1]:.0%} to %{customdata[2]:.0%}), %{customdata[0]} times<extra></extra>"
            ),
            **at,
        )
        top = 1.0 if len(curve) == 0 or bins == 10 else 1.2 * float(max(curve.forecast.max(), curve.high.max()))
        figure.update_xaxes(range=[-0.03 * top, 1.03 * top], tickformat=".0%", title="said", zeroline=False, **at)
        figure.update_yaxes(range=[-0.03 * top, 1.03 * top], tickformat=".0%", title="happened", zeroline=False, **at)
    title = f"How often it happened when it was said: {len(races)} race{'s' * (len(races) != 1)}"
    return dressed(figure, theme, title).update_layout(showlegend=False, width=1200, height=830, margin={"t": 110})


def _asked(tables: Mapping[str, pd.DataFrame], name: str, what: str | None) -> pd.DataFrame | None:
    t = tables.get(name)
    return t if t is None or what is None else t[t.what == what]


def _error(t: pd.DataFrame | None, seed: int) -> str:
    """Second line of a title: the calibration error, beside that of probabilities that are right; nothing of too few races."""
    if t is None:
        return ""
    mean, high = calibrated_error(t, seed=seed)
    if not np.isfinite(mean):
        return ""
    told = f"off by {calibration_error(bins=ECE_BINS)(t):.3f}; chance alone {mean:.3f}, to {high:.3f}"
    return f"<br><span style='font-size:11px'>{told}</span>"


def _between(t: pd.DataFrame, n_bins: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the interval of each bin's frequency over samples of whole races, for the bins there are."""
    bins = np.minimum((t.p.to_numpy(dtype=float) * n_bins).astype(int), n_bins - 1)
    race, ids = pd.factorize(t.race_id, sort=True)
    happened, asked = np.zeros((len(ids), n_bins)), np.zeros((len(ids), n_bins))
    np.add.at(happened, (race, bins), t.happened.to_numpy(dtype=float))
    np.add.at(asked, (race, bins), 1.0)
    rng = np.random.default_rng(seed)
    times = np.stack([np.bincount(rng.integers(0, len(ids), len(ids)), minlength=len(ids)) for _ in range(DRAWS)])
    with np.errstate(invalid="ignore"):
        share = (times @ happened) / (times @ asked)
    there = asked.sum(axis=0) > 0
    low, high = np.nanpercentile(share[:, there], [(100 - HELD) / 2, (100 + HELD) / 2], axis=0)
    return low, high


@cache
def tried() -> pd.DataFrame:
    """Return what was tried for each row that is not met: race set, number of forecasts, step, kind and score."""
    return pd.read_csv(str(files("racetwin") / "data" / "tried.csv"))


def tried_plot(table: pd.DataFrame | None = None, *, theme: Theme = "dark") -> go.Figure:
    """Return a curve for each row that is not met: what was tried, in the order told, beside rule, must and floor."""
    t = tried() if table is None else table
    rows = list(dict.fromkeys(t.row))
    ink = INK[theme]
    titles = []
    for row in rows:
        g = t[t.row == row].iloc[0]
        n = "" if pd.isna(g.n) else f", n = {int(g.n):,}"
        titles.append(f"{row}<br><span style='font-size:11px'>{g.races}{n}; {g.better} is better</span>")
    deep = -(-len(rows) // 2)
    figure = make_subplots(
        deep, 2, subplot_titles=titles, horizontal_spacing=0.26, vertical_spacing=0.38 / deep, column_widths=[0.5, 0.5]
    )
    looks = {
        "rule": {"color": ink["faint"], "symbol": "diamond"},
        "tried": {"color": LINE_COLOURS[theme][0], "symbol": "circle"},
        "floor": {"color": LINE_COLOURS[theme][3], "symbol": "star"},
    }
    named: set[str] = set()
    for k, row in enumerate(rows):
        at = {"row": 1 + k // 2, "col": 1 + k % 2}
        g = t[t.row == row]
        for kind, look in looks.items():
            of = g[g.kind == kind]
            if len(of):
                mode = "lines+markers" if kind == "tried" else "markers"
                figure.add_scatter(
                    x=of.score,
                    y=of.step,
                    mode=mode,
                    name=KINDS[kind],
                    legendgroup=kind,
                    showlegend=kind not in named,
                    marker={**look, "size": 10},
                    line={"color": look["color"], "width": 1},
                    hovertemplate="%{y}: %{x}<extra></extra>",
                    **at,
                )
                named.add(kind)
        for kind, dash in (("rule", "dash"), ("floor", "dot")):
            of = g[g.kind == kind]
            if len(of):
                best = of.score.max() if g.better.iloc[0] == "higher" else of.score.min()
                figure.add_vline(x=float(best), line={"color": looks[kind]["color"], "width": 1, "dash": dash}, **at)
        must = float(g.must.iloc[0])
        if np.isfinite(must):
            line = {"color": LINE_COLOURS[theme][1], "width": 1.5}
            figure.add_vline(
                x=must, line=line, annotation_text="must", annotation_font_color=LINE_COLOURS[theme][1], **at
            )
        seen = [*g.score, *([must] if np.isfinite(must) else [])]
        pad = 0.06 * (max(seen) - min(seen))
        figure.update_xaxes(range=[min(seen) - pad, max(seen) + pad], zeroline=False, **at)
        figure.update_yaxes(categoryorder="array", categoryarray=list(g.step)[::-1], dtick=1, **at)
    figure = dressed(figure, theme, "What was tried where a row is not met")
    return figure.update_layout(width=1300, height=290 * deep, legend={"y": 1.03}, margin={"l": 260, "t": 110})


def stint_plot(stint: Stint, title: str, *, theme: Theme = "dark") -> go.Figure:
    """Return the wear believed lap by lap beside what the whole stint then showed, and by how much the laps told were missed."""
    b, ink = stint.beliefs, INK[theme]
    slope, error = stint.trend()
    names = ["wear (s a lap of age): believed, and shown by the whole stint", "driven less told five laps before (s)"]
    figure = make_subplots(1, 2, subplot_titles=names, horizontal_spacing=0.09)
    band = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
    blue = LINE_COLOURS[theme][0]
    fill = {"fill": "tonexty", "fillcolor": "rgba(76,201,240,.22)"}
    figure.add_scatter(x=b.lap, y=b.wear_high_s, row=1, col=1, **band)
    figure.add_scatter(x=b.lap, y=b.wear_low_s, row=1, col=1, **fill, **band)
    figure.add_scatter(x=b.lap, y=b.wear_s, name="believed, with 90 %", line={"color": blue}, row=1, col=1)
    figure.add_hline(slope, line={"color": LINE_COLOURS[theme][1], "dash": "dash"}, row=1, col=1)
    figure.add_hrect(
        slope - error, slope + error, fillcolor=LINE_COLOURS[theme][1], opacity=0.2, line_width=0, row=1, col=1
    )
    racing = set(b.lap[b.racing])
    told = stint.forecasts[(stint.forecasts.target - stint.forecasts.lap == 5) & stint.forecasts.target.isin(racing)]
    figure.add_scatter(x=told.target, y=told.high_s - told.median_s, row=1, col=2, **band)
    figure.add_scatter(x=told.target, y=told.low_s - told.median_s, row=1, col=2, **fill, **band)
    figure.add_hline(0.0, line={"color": ink["faint"], "width": 1}, row=1, col=2)
    marks = {"color": LINE_COLOURS[theme][1], "size": 7}
    figure.add_scatter(
        x=told.target, y=told.driven_s - told.median_s, mode="markers", name="as driven", marker=marks, row=1, col=2
    )
    figure.update_xaxes(title="lap")
    return dressed(figure, theme, title).update_layout(width=1200, height=430, margin={"t": 90}, legend={"y": 1.1})
