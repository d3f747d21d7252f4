"""Pictures show the numbers they are of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from racetwin.evaluation.forecasts import RaceForecasts
from racetwin.evaluation.measures import calibrated_error, calibration_error, reliability
from racetwin.evaluation.scoreboard_plots import ASKED, reliability_plot, stint_plot, tried, tried_plot
from racetwin.evaluation.scores import LINES
from racetwin.evaluation.stints import follow_stint, longest_stint
from racetwin.telemetry.simulator import TelemetrySimulator

pytestmark = pytest.mark.unit


def _races(n: int) -> list[RaceForecasts]:
    rng = np.random.default_rng(1)
    out = []
    for k in range(n):
        p = rng.random(300)
        places = pd.DataFrame({"what": np.repeat(["win", "podium", "points"], 100), "p": p})
        places = places.assign(happened=(rng.random(300) < p).astype(int), race_id=f"r{k}")
        tables = {"places": places, "stop_within": places.drop(columns="what"), "safety_car": places[:20]}
        out.append(RaceForecasts(f"r{k}", 2022, False, tables))
    return out


def test_reliability_has_a_panel_a_probability_and_an_interval_a_point() -> None:
    races = _races(8)
    figure = reliability_plot(races)
    titles = [str(a.text).split("<br>") for a in figure.layout.annotations]
    assert [t[0] for t in titles] == [name for name, *_ in ASKED]
    places = pd.concat([r.tables["places"] for r in races])
    won = places[places.what == "win"]
    mean, high = calibrated_error(won)
    assert f"off by {calibration_error()(won):.3f}; chance alone {mean:.3f}, to {high:.3f}" in titles[0][1]
    assert len(titles[4]) == 1  # nobody was asked about an undercut
    curves = [t for t in figure.data if t.mode == "markers+lines"]
    assert len(curves) == 5
    wins = pd.concat([r.tables["places"] for r in races])
    expected = reliability(wins[wins.what == "win"])
    assert list(curves[0].x) == pytest.approx(list(expected.forecast))
    assert list(curves[0].y) == pytest.approx(list(expected.frequency))
    assert (np.array(curves[0].error_y.array) > 0).any()
    outside = np.abs(np.array(curves[0].y) - np.array(curves[0].x)) > np.maximum(
        curves[0].error_y.array, curves[0].error_y.arrayminus
    )
    assert outside.mean() < 0.5  # they came true as often as they said


def test_what_was_tried_is_told_for_rows_of_the_scoreboard_with_what_they_must_reach() -> None:
    t = tried()
    known = {line.name: line for line in LINES}
    for row, g in t.groupby("row", sort=False):
        line = known[str(row).removesuffix(" (dry)")]
        assert g.must.dropna().eq(line.must if line.must is not None else -1).all(), row
        assert g.better.eq("higher" if line.higher else "lower").all(), row
        assert g.kind.isin(["rule", "tried", "floor"]).all()
        assert g.races.nunique() == 1
        assert not g.step.duplicated().any(), row
    figure = tried_plot()
    shown = sorted((str(y), float(x)) for trace in figure.data for x, y in zip(trace.x, trace.y, strict=True))
    assert shown == sorted(zip(t.step.astype(str), t.score.astype(float), strict=True))


def test_a_stint_shows_each_belief_and_each_lap_told() -> None:
    record = TelemetrySimulator("monza", 2024, seed=2).record
    stint = follow_stint(record, *longest_stint(record))
    figure = stint_plot(stint, "a stint")
    believed = next(t for t in figure.data if t.name == "believed, with 90 %")
    assert list(believed.y) == pytest.approx(list(stint.beliefs.wear_s))
    driven = next(t for t in figure.data if t.name == "as driven")
    assert set(driven.x) <= set(stint.beliefs.lap[stint.beliefs.racing])
    assert len(driven.x) > 5
