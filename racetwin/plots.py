"""Plotly figures for analysis notebooks and reports, from the same laps and answers and in the same colours as the pit wall.

Every function takes a lap table (of a :class:`~racetwin.telemetry.records.RaceRecord` or of
:meth:`~racetwin.runtime.snapshot.RaceSnapshot.lap_table`) or an answer of the strategy desk, and returns a figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from racetwin.errors import InputError
from racetwin.schemas import DeskAnswer
from racetwin.wear import FUEL_S_PER_LAP, fit_wear

if TYPE_CHECKING:
    from racetwin.evaluation.review_findings import RaceReview

Theme = Literal["dark", "light"]

COMPOUND_COLOURS = {
    "dark": {
        "SOFT": "#ff5a5f",
        "MEDIUM": "#ffd23f",
        "HARD": "#eef2f6",
        "INTERMEDIATE": "#3fbf6f",
        "WET": "#3f8cff",
    },
    "light": {
        "SOFT": "#d9343b",
        "MEDIUM": "#c89a00",
        "HARD": "#6d7a8a",
        "INTERMEDIATE": "#1f8f4c",
        "WET": "#1f63d6",
    },
}
"""The pit wall's colours of the compounds by theme, always shown together with the compound's name or letter."""
LINE_COLOURS = {
    "dark": ("#4cc9f0", "#f2b134", "#b98aff", "#6fd08c", "#f08a5d", "#a9b6c5"),
    "light": ("#0b76a8", "#a86400", "#7645c4", "#0c7f5c", "#a32a3c", "#465467"),
}
"""The pit wall's ours, ahead, behind, good, bad and soft by theme: apart for all kinds of colour vision; by dash beyond six."""
_UNKNOWN = "#76869a"
INK = {
    "dark": {"paper": "#121820", "text": "#e8eef5", "faint": "#76869a", "line": "#26303d"},
    "light": {"paper": "#ffffff", "text": "#121a24", "faint": "#66748a", "line": "#d4dbe4"},
}
"""Paper, text, faint text and lines by theme."""
_COLUMNS = {"driver_number": "car_id", "race_time_s": "line_time_s"}
FRONT = 0.5
"""Share of the field whose pace is the reference of a race trace."""


def _table(laps: pd.DataFrame, *needed: str) -> pd.DataFrame:
    """Bring a lap table to common column names; `InputError` names what is missing."""
    known = {old: new for old, new in _COLUMNS.items() if old in laps and new not in laps}
    table = laps.rename(columns=known)
    missing = [c for c in ("car_id", "lap", *needed) if c not in table]
    if missing:
        raise InputError(f"laps: no column {', '.join(missing)}; columns: {', '.join(map(str, laps.columns))}")
    table = table.assign(car_id=table["car_id"].astype(str))
    if "driver" not in table:
        table = table.assign(driver=table["car_id"])
    if "pit_in" not in table:
        table = table.assign(pit_in=table.get("pit_stop", False))
    if "pit_out" not in table:
        previous = table.sort_values("lap").groupby("car_id")["pit_in"].shift(1)
        table = table.assign(pit_out=previous.eq(True))
    return table.sort_values(["car_id", "lap"])


def _line_colour(theme: Theme, k: int) -> str:
    return LINE_COLOURS[theme][k % len(LINE_COLOURS[theme])]


def _faded(colour: str, alpha: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def band(
    figure: go.Figure,
    x: Sequence[float] | np.ndarray,
    low: Sequence[float] | np.ndarray,
    high: Sequence[float] | np.ndarray,
    *,
    colour: str | None = None,
    name: str | None = None,
    theme: Theme = "dark",
) -> None:
    """Add a band between ``low`` and ``high`` to a figure, such as a 90 % interval; in our car's colour unless told otherwise."""
    x, low, high = (np.asarray(v, dtype=np.float64) for v in (x, low, high))
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        fill="toself",
        mode="lines",
        line={"width": 0},
        fillcolor=_faded(colour or _line_colour(theme, 0), 0.18),
        name=name,
        showlegend=name is not None,
        hoverinfo="skip",
    )


def dressed(figure: go.Figure, theme: Theme, title: str) -> go.Figure:
    """Give a figure the pit wall's colours and a title."""
    ink = INK[theme]
    axis = {"gridcolor": ink["line"], "zerolinecolor": ink["faint"], "linecolor": ink["line"]}
    figure.update_xaxes(axis)
    figure.update_yaxes(axis)
    return figure.update_layout(
        title={"text": title, "x": 0, "xref": "paper"},
        paper_bgcolor=ink["paper"],
        plot_bgcolor=ink["paper"],
        font={"color": ink["text"], "family": "Inter, Helvetica Neue, Segoe UI, Arial, sans-serif", "size": 13},
        margin={"l": 60, "r": 60, "t": 50, "b": 50},
        hoverlabel={"bgcolor": ink["paper"]},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
    )


def new_figure(theme: Theme, title: str, x: str, y: str) -> go.Figure:
    """Return an empty figure in the pit wall's look, with the titles of its axes."""
    figure = go.Figure(layout={"xaxis": {"title": x}, "yaxis": {"title": y}})
    return dressed(figure, theme, title)


def _neutralised(table: pd.DataFrame) -> pd.Series:
    """Whether each row's lap saw SC, VSC or red, in either notation of track status."""
    if "neutralised" in table:
        return table["neutralised"].astype(bool)
    if "track_status" not in table:
        return pd.Series(False, index=table.index)
    return table["track_status"].astype(str).str.contains(r"[4567]|SC|RED")


def reference_pace(laps: pd.DataFrame) -> pd.Series:
    """Return race time of the reference at each lap's end, s: the median lap of the front half, cars at the pits left out."""
    table = _table(laps, "lap_time_s")
    if "position" in table:
        by_lap = table[table["lap_time_s"].notna()].groupby("lap")["position"]
        table = table[
            by_lap.rank(method="first").reindex(table.index)
            <= np.ceil(FRONT * by_lap.transform("count").reindex(table.index))
        ]
    clean = table[~(table["pit_in"].astype(bool) | table["pit_out"].astype(bool)) & table["lap_time_s"].notna()]
    pace = clean.groupby("lap")["lap_time_s"].median()
    every = pd.RangeIndex(1, int(laps["lap"].max()) + 1, name="lap")
    return pace.reindex(every).interpolate(limit_direction="both").cumsum()


def race_trace(
    laps: pd.DataFrame, *, reference: str | None = None, highlight: Iterable[str] = (), theme: Theme = "dark"
) -> go.Figure:
    """Gaps by lap of the whole field to the pace of its front half, or to the car ``reference``; stops are marked.

    Parameters
    ----------
    highlight
        Cars to draw in colour; the others are grey.
    """
    table = _table(laps, "line_time_s", *(() if reference else ("lap_time_s",)))
    if reference is None:
        base, word = reference_pace(table), "the pace of the front half"
    else:
        rows = table[table["car_id"] == reference]
        if rows.empty:
            raise InputError(f"reference: car {reference!r} is not in these laps")
        base, word = rows.set_index("lap")["line_time_s"], str(rows["driver"].iloc[0])
    chosen = list(highlight)
    figure = new_figure(theme, "Race trace", "lap", f"seconds behind {word}")
    figure.update_yaxes(autorange="reversed")
    for car in sorted(table["car_id"].unique(), key=lambda c: (c in chosen, c)):
        rows = table[table["car_id"] == car]
        gap = rows["line_time_s"] - rows["lap"].map(base)
        ours = car in chosen
        colour = _line_colour(theme, chosen.index(car)) if ours else INK[theme]["faint"]
        figure.add_scatter(
            x=rows["lap"],
            y=gap,
            name=str(rows["driver"].iloc[0]),
            mode="lines",
            showlegend=ours,
            line={"color": colour, "width": 2.5 if ours else 1},
            opacity=1 if ours else 0.55,
            hovertemplate="%{fullData.name} lap %{x}: %{y:+.1f} s<extra></extra>",
        )
        stops = rows["pit_in"].astype(bool)
        if stops.any():
            figure.add_scatter(
                x=rows.loc[stops, "lap"],
                y=gap[stops],
                mode="markers",
                showlegend=False,
                hoverinfo="skip",
                marker={
                    "color": INK[theme]["paper"],
                    "line": {"color": colour, "width": 1.5},
                    "size": 7 if ours else 5,
                },
            )
    return figure


def stints(laps: pd.DataFrame, *, order: Sequence[str] | None = None, theme: Theme = "dark") -> go.Figure:
    """Show who drove which compound for how long: one bar a stint, one line a car, in finishing order unless told otherwise."""
    table = _table(laps, "compound")
    if order is None:
        last = table.groupby("car_id").tail(1)
        keys = ["lap", "line_time_s"] if "line_time_s" in last else ["lap"]
        order = list(last.sort_values(keys, ascending=[False, True][: len(keys)])["car_id"])
    new = table["pit_out"].astype(bool) | (table["compound"] != table.groupby("car_id")["compound"].shift())
    table = table.assign(number=new.groupby(table["car_id"]).cumsum())
    parts = table.groupby(["car_id", "number"]).agg(
        first=("lap", "min"), last=("lap", "max"), compound=("compound", "first"), driver=("driver", "first")
    )
    figure = new_figure(theme, "Stints", "lap", "")
    names = table.groupby("car_id")["driver"].first()
    for compound, rows in parts.groupby("compound", dropna=False):
        cars = rows.index.get_level_values("car_id")
        figure.add_bar(
            x=rows["last"] - rows["first"] + 1,
            base=rows["first"] - 1,
            y=[names[c] for c in cars],
            orientation="h",
            name=str(compound).lower(),
            marker={
                "color": COMPOUND_COLOURS[theme].get(str(compound), _UNKNOWN),
                "line": {"color": INK[theme]["paper"], "width": 2},
            },
            text=[str(compound)[:1]] * len(rows),
            textposition="inside",
            insidetextfont={"color": "#10151b"},
            customdata=np.stack([rows["first"], rows["last"]], axis=1),
            hovertemplate="%{y}: laps %{customdata[0]} to %{customdata[1]}<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(barmode="overlay", bargap=0.25)
    figure.update_yaxes(categoryorder="array", categoryarray=[names[c] for c in reversed(order)])
    return figure


def lap_times(laps: pd.DataFrame, cars: Iterable[str], *, theme: Theme = "dark") -> go.Figure:
    """Lap times of some cars; laps in or out of the pits and neutralised laps are left out, they hide the pace."""
    table = _table(laps, "lap_time_s")
    clean = table[
        ~(table["pit_in"].astype(bool) | table["pit_out"].astype(bool) | _neutralised(table)) & (table["lap"] > 1)
    ]
    figure = new_figure(theme, "Lap times", "lap", "seconds")
    for k, car in enumerate(cars):
        rows = clean[clean["car_id"] == car]
        figure.add_scatter(
            x=rows["lap"],
            y=rows["lap_time_s"],
            name=str(rows["driver"].iloc[0]) if len(rows) else car,
            mode="lines+markers",
            line={
                "color": _line_colour(theme, k),
                "dash": ("solid", "dot", "dash")[k // len(LINE_COLOURS[theme]) % 3],
            },
            marker={"size": 5},
            connectgaps=False,
            hovertemplate="lap %{x}: %{y:.3f} s<extra>%{fullData.name}</extra>",
        )
    return figure


def gap(laps: pd.DataFrame, car: str, other: str, *, theme: Theme = "dark") -> go.Figure:
    """Show the gap between two cars at each line, s: positive where ``car`` is behind ``other``."""
    table = _table(laps, "line_time_s")
    times = table.pivot_table(index="lap", columns="car_id", values="line_time_s")
    for name in (car, other):
        if name not in times:
            raise InputError(f"car: {name!r} is not in these laps; cars: {', '.join(times.columns)}")
    names = table.groupby("car_id")["driver"].first()
    difference = (times[car] - times[other]).dropna()
    figure = new_figure(theme, f"{names[car]} behind {names[other]}", "lap", "seconds")
    figure.add_scatter(
        x=difference.index,
        y=difference,
        mode="lines+markers",
        name="gap",
        line={"color": _line_colour(theme, 0)},
        marker={"size": 5},
    )
    figure.add_hline(y=0, line_color=INK[theme]["faint"], line_width=1)
    return figure


def tyre_wear(
    laps: pd.DataFrame, car: str, *, fuel_s_per_lap: float = FUEL_S_PER_LAP, theme: Theme = "dark"
) -> go.Figure:
    """Lap time by tyre age, one cloud and line a stint, fuel burn taken out.

    The line is least squares through the stint's clean laps with its 90 % interval. Within one stint, age and fuel burn
    cannot be told apart: ``fuel_s_per_lap`` (s a lap gets quicker as fuel burns; 1.8 kg a lap at 0.031 s/kg, the prior of the
    race model) is what separates them, and an error in it tilts every line.
    """
    table = _table(laps, "lap_time_s", "tyre_age", "compound")
    rows = table[table["car_id"] == car]
    if rows.empty:
        raise InputError(f"car: {car!r} is not in these laps; cars: {', '.join(sorted(set(table['car_id'])))}")
    stint = rows["pit_out"].astype(bool).cumsum()
    keep = ~(rows["pit_in"].astype(bool) | rows["pit_out"].astype(bool) | _neutralised(rows)) & (rows["lap"] > 1)
    rows = rows.assign(stint=stint, corrected=rows["lap_time_s"] + fuel_s_per_lap * (rows["lap"] - 1))[keep]
    rows = rows.dropna(subset=["corrected", "tyre_age"])
    figure = new_figure(
        theme,
        f"Tyre wear, {rows['driver'].iloc[0] if len(rows) else car}",
        "tyre age, laps",
        "lap time without fuel burn, s",
    )
    for k, (_, part) in enumerate(rows.groupby("stint")):
        compound = str(part["compound"].iloc[0])
        colour = COMPOUND_COLOURS[theme].get(compound, _UNKNOWN)
        name = f"{compound.lower()}, laps {part['lap'].min()} to {part['lap'].max()}"
        figure.add_scatter(
            x=part["tyre_age"],
            y=part["corrected"],
            mode="markers",
            name=name,
            legendgroup=str(k),
            marker={"color": colour, "size": 6, "symbol": ("circle", "diamond", "square", "x")[k % 4]},
        )
        fit = fit_wear(part["tyre_age"].to_numpy(float), part["corrected"].to_numpy(float))
        if fit is None:
            continue
        x, low, mid, high = fit.line.T
        band(figure, x, low, high, colour=colour, theme=theme)
        figure.add_scatter(
            x=x,
            y=mid,
            mode="lines",
            line={"color": colour},
            showlegend=False,
            legendgroup=str(k),
            hovertemplate=f"{fit.slope:+.3f} s a lap (90 %: {fit.low:+.3f} to {fit.high:+.3f})<extra>{name}</extra>",
        )
    return figure


def finishing_positions(answer: DeskAnswer, *, top: int = 4, theme: Theme = "dark") -> go.Figure:
    """Probability of each finishing position under the best plans of an answer; plans too close to call say so."""
    figure = new_figure(
        theme, f"Car {answer.car_id} after lap {answer.lap}: finishing position", "position", "probability"
    )
    for k, plan in enumerate(answer.plans[:top]):
        note = "" if k == 0 else " (too close to call)" if plan.too_close else f" ({plan.delta_points:+.1f} points)"
        figure.add_bar(
            x=np.arange(1, len(plan.position_probability) + 1),
            y=plan.position_probability,
            name=plan.plan + note,
            marker={"color": _line_colour(theme, k)},
            hovertemplate="P%{x}: %{y:.1%}<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(barmode="group", bargap=0.15, legend={"orientation": "v", "y": 1, "yanchor": "top"})
    figure.update_yaxes(tickformat=".0%")
    figure.update_xaxes(dtick=1)
    return figure


def review_calls(review: RaceReview, *, theme: Theme = "dark") -> go.Figure:
    """Points by which boxing at the end of each lap beat staying out, as racetwin saw it then; real stops are marked."""
    ink = INK[theme]
    who = review.driver or f"car {review.car_id}"
    figure = new_figure(
        theme, f"{who}, {review.race_id}: box or stay out?", "lap", "points gained by boxing at its end"
    )
    calls = [c for c in review.calls if c.margin is not None]
    x = np.array([c.lap for c in calls])
    y = np.array([c.margin for c in calls], dtype=float)
    error = 2 * np.array([c.margin_error or 0.0 for c in calls])
    band(figure, x, y - error, y + error, name="two standard errors", theme=theme)
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        name="boxing over staying out",
        line={"color": _line_colour(theme, 0), "width": 2.5},
        customdata=[c.plan for c in calls],
        hovertemplate="lap %{x}: %{y:+.2f} points, best plan %{customdata}<extra></extra>",
    )
    box = np.array([c.box for c in calls], dtype=bool)
    figure.add_scatter(
        x=x[box],
        y=y[box],
        mode="markers",
        name="called in",
        marker={"color": _line_colour(theme, 1), "size": 8},
        hoverinfo="skip",
    )
    for k, stop in enumerate(review.stops):
        word = f"L{stop.lap} {stop.fitted or ''}".strip()
        figure.add_vline(x=stop.lap, line={"color": ink["text"], "width": 1, "dash": "dash"})
        figure.add_annotation(
            x=stop.lap, y=1.0 - 0.07 * (k % 2), yref="paper", text=f"stopped {word}", showarrow=False, xanchor="left"
        )
    figure.add_hline(y=0, line={"color": ink["faint"], "width": 1})
    figure.update_layout(legend={"y": -0.2, "yanchor": "top", "x": 0, "xanchor": "left"}, margin={"b": 90})
    return figure


def review_choices(review: RaceReview, *, theme: Theme = "dark") -> go.Figure:
    """What each choice at each stop judged was worth against what was done: means and 90 % of the worlds it was judged in.

    Stops for rain are not judged and not drawn.
    """
    who = review.driver or f"car {review.car_id}"
    figure = new_figure(
        theme, f"{who}, {review.race_id}: what else could have been done", "points against what was done", ""
    )
    names: list[str] = []
    for k, stop in enumerate(s for s in review.stops if s.judged):
        rows = [c for c in stop.choices if c.name != "as driven"]
        if stop.early is not None:
            rows.insert(0, stop.early)
        labels = [f"stop on L{stop.lap} · {c.name} ({c.plan})" for c in rows]
        names += labels
        colour = _line_colour(theme, k)
        figure.add_scatter(
            x=[c.gain for c in rows],
            y=labels,
            mode="markers",
            showlegend=False,
            marker={"color": colour, "size": 11},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [c.gain_high - c.gain for c in rows],
                "arrayminus": [c.gain - c.gain_low for c in rows],
                "color": colour,
                "thickness": 2,
            },
            customdata=[[c.better_in, c.place] for c in rows],
            hovertemplate="%{y}: %{x:+.2f} points, better in %{customdata[0]:.0%} of the worlds, "
            "expected place %{customdata[1]:.1f}<extra></extra>",
        )
    figure.add_vline(x=0, line={"color": INK[theme]["text"], "width": 1})
    figure.update_yaxes(categoryorder="array", categoryarray=names[::-1], automargin=True)
    figure.update_layout(height=max(320, 110 + 34 * len(names)))
    return figure
