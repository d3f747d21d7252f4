"""Scores that are right where the answer is known."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from racetwin.cli.backtest import scoreboard
from racetwin.evaluation import measures, scores
from racetwin.evaluation.forecasts import RaceForecasts
from racetwin.evaluation.measure_words import MEANINGS, meanings

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]


def _chances(p: np.ndarray, happened: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"p": p, "happened": happened.astype(int), "race_id": "r"})


def test_probabilities_that_come_true_as_often_as_they_say_have_no_calibration_error() -> None:
    rng = np.random.default_rng(1)
    p = rng.random(40000)
    honest = _chances(p, rng.random(40000) < p)
    bold = _chances(np.clip(2 * p - 0.5, 0, 1), honest.happened.to_numpy() > 0)
    assert measures.calibration_error()(honest) < 0.01
    assert measures.calibration_error()(bold) > 0.08


def test_the_error_that_chance_makes_is_that_of_probabilities_that_are_right() -> None:
    """Drawn again and again, cars of a race sharing its luck, honest probabilities show the error that is told from one draw."""
    rng = np.random.default_rng(2)
    race = np.repeat(np.arange(25), 40)
    p = rng.random(len(race))

    def drawn() -> pd.DataFrame:
        luck = rng.random(25)[race]  # of each race one number decides all its cars
        return _chances(p, luck < p).assign(race_id=race.astype(str))

    shown = [measures.calibration_error()(drawn()) for _ in range(200)]
    told = np.array([measures.calibrated_error(drawn(), draws=200) for _ in range(20)])
    assert told[:, 0].mean() == pytest.approx(float(np.mean(shown)), rel=0.12)
    assert told[:, 1].mean() == pytest.approx(float(np.quantile(shown, 0.95)), rel=0.2)
    apart = _chances(p, rng.random(len(p)) < p).assign(race_id=race.astype(str))
    assert measures.calibrated_error(apart)[1] < 0.6 * measures.calibrated_error(drawn())[1]
    assert np.isnan(measures.calibrated_error(apart[apart.race_id.isin(["1", "2"])])[0])


def test_climatology_gains_nothing_on_itself() -> None:
    happened = np.arange(100) % 5 == 0
    t = _chances(np.full(100, 0.2), happened)
    assert measures.lower_log_loss()(t) == pytest.approx(0.0, abs=1e-9)
    assert measures.brier()(t) == pytest.approx(measures.climatology_brier()(t))
    assert measures.lower_log_loss()(_chances(np.where(happened, 0.9, 0.1), happened)) > 50


def test_rank_correlation_is_of_each_race_by_itself() -> None:
    t = pd.DataFrame(
        {"race_id": ["a"] * 3 + ["b"] * 3, "forecast": [1, 2, 3, 30, 20, 10], "actual": [1, 2, 3, 1, 2, 3]}
    )
    assert measures.rank_correlation()(t) == pytest.approx(0.0)


def test_intervals_resample_races_not_rows() -> None:
    t = pd.DataFrame({"race_id": np.repeat([f"r{k}" for k in range(10)], 200), "x": np.repeat(np.arange(10.0), 200)})
    mean = measures.mean_of(lambda d: d.x)
    low, high = scores.interval(t, mean, seed=1)
    assert high - low > 2.0  # rows alone would give 0.2
    assert low < 4.5 < high
    assert scores.interval(t, mean, seed=1) == (low, high)


def test_a_race_drawn_twice_counts_twice() -> None:
    # Three races, ranked right, right and wrong. A draw of the wrong one twice and a right one is -1/3; once each of two, 0.
    order, n = [1.0, 2.0, 3.0], 3
    t = pd.DataFrame(
        {"race_id": np.repeat(["a", "b", "c"], n), "forecast": order * 2 + order[::-1], "actual": order * 3}
    )
    found = measures.rank_correlation().resampled(t, 400, seed=1)
    assert found is not None
    seen = set(np.round(found, 6))
    assert seen == {-1.0, -0.333333, 0.333333, 1.0}


def test_sums_by_race_give_what_the_rows_give() -> None:
    rng = np.random.default_rng(2)
    t = pd.DataFrame({"race_id": rng.choice(["a", "b", "c", "d"], 500), "p": rng.random(500)})
    t["happened"] = (rng.random(500) < t.p).astype(int)
    assert measures.brier()(t) == pytest.approx(float(((t.p - t.happened) ** 2).mean()))
    k = np.minimum((t.p * 10).astype(int), 9)
    gaps = (t.p - t.happened).groupby(k).sum().abs().sum() / len(t)
    assert measures.calibration_error()(t) == pytest.approx(gaps)
    curve = measures.reliability(t)
    assert float((curve.n * (curve.forecast - curve.frequency).abs()).sum() / curve.n.sum()) == pytest.approx(gaps)


def test_the_last_laps_mean_covers_nine_in_ten_of_the_laps_its_spread_is_of() -> None:
    rng = np.random.default_rng(3)
    n = 4000
    t = pd.DataFrame({"ahead": rng.integers(1, 11, n), "mean_s": rng.normal(90, 1, n)})
    t["observed_s"] = t.mean_s + rng.normal(0, 0.1 * t.ahead)
    t["race_id"] = "r"
    assert measures.usual_cover(t) == pytest.approx(90.0, abs=0.5)
    expected = float((0.1 * t.ahead).mean()) / np.sqrt(np.pi)  # CRPS of a normal forecast that is right: sd / sqrt(pi)
    assert measures.usual_crps(t) == pytest.approx(expected, rel=0.03)


def _race(k: int, wet: bool = False) -> RaceForecasts:
    rows = [(0.0, str(c), float(c), c, c if c != 3 else 4) for c in range(1, 6)]
    order = pd.DataFrame(rows, columns=["share", "car_id", "forecast", "held", "actual"])
    race = RaceForecasts(f"race-{k}", 2023, wet)
    race.tables = {"order": order.assign(race_id=race.race_id)}
    return race


def test_rows_have_what_the_json_promises_dry_and_wet_apart() -> None:
    rows = scores.score([_race(1), _race(2), _race(3, wet=True)])
    assert [r.name for r in rows] == [
        "finishing position from the grid, MAE",
        "finishing position from the grid, MAE (dry)",
        "finishing position from the grid, MAE (wet)",
    ]
    row = rows[0].as_dict()
    assert list(row) == ["name", "value", "low", "high", "n", "baseline", "must", "aim", "met"]
    assert row["value"] == row["baseline"] == pytest.approx(0.2)
    assert row["n"] == 15
    assert row["met"] is True


def test_every_measure_is_explained_where_its_rows_stand() -> None:
    for line in scores.LINES:
        told = meanings([line.name])
        # a share of forecasts that were right says what it is
        assert told or line.name.endswith("exact %") or "within" in line.name or "% of pairs" in line.name, line.name
    assert meanings(["rejoin position, exact %"]) == []
    assert [m.partition(":")[0] for m in meanings(["safety car within 10 laps, Brier", "next green lap, MAE s"])] == [
        "MAE",
        "Brier",
    ]
    page = " ".join((ROOT / "docs" / "scoreboard.md").read_text(encoding="utf-8").split())
    for measure, said in MEANINGS.items():
        assert f"- {measure}: {said}" in page


def test_too_few_races_for_an_interval_are_told_so() -> None:
    def shown(n: int) -> str:
        page = StringIO()
        Console(width=140, file=page).print(scoreboard(scores.score([_race(k) for k in range(n)]), n))
        return page.getvalue()

    assert "nan" not in shown(2)
    assert "too few races" in shown(2)
    assert "too few races" not in shown(measures.LEAST_RACES)


def test_a_row_is_met_by_its_own_measure() -> None:
    higher = scores.Line("x", "t", lambda t: 0.0, None, 62.0, 70.0, higher=True)
    inside = scores.Line("x", "t", lambda t: 0.0, None, [88.0, 92.0], [89.0, 91.0])
    beat = scores.Line("x", "t", lambda t: 0.0, None, None, None)
    assert scores.met(63.0, higher, None)
    assert not scores.met(61.0, higher, None)
    assert scores.met(90.0, inside, None)
    assert not scores.met(93.0, inside, None)
    assert scores.met(0.05, beat, 0.06)
    assert not scores.met(0.07, beat, 0.06)
    assert scores.met(0.07, beat, None) is None
