"""Dirty air, passes, and the shuffle of lap 1."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from racetwin.calibration import pace, starts, traffic
from racetwin.calibration.bayes import sample
from racetwin.calibration.tables import RaceTables

pytestmark = pytest.mark.unit


def test_dirty_air_comes_back() -> None:
    rng = np.random.default_rng(2)
    gap = rng.uniform(0.4, 4.0, 20000)
    excess = 0.4 * np.maximum(0, 1 - gap / 1.8) + rng.normal(0, 0.3, gap.size)
    y = pd.DataFrame({"gap": gap, "excess": excess, "advantage": rng.uniform(-0.5, 0.1, gap.size), "passed": False})
    height, reach = traffic.fit_dirty_air(y)
    assert height == pytest.approx(0.4, abs=0.08)
    assert reach == pytest.approx(1.8, abs=0.4)


def test_faster_cars_pass_more_in_drawn_races(drawn: RaceTables) -> None:
    singles = [f for _, g in drawn.laps.groupby("race_id") if (f := pace.fit_race(g)) is not None]
    y = traffic.pairs(drawn.laps, pace.expected(drawn.laps, singles))
    near = y[y.gap < 1.2]
    assert near[near.advantage > 0.5].passed.mean() > near[near.advantage < 0].passed.mean()


def test_a_wider_start_shuffles_more() -> None:
    places = [starts.shuffle(s, 0.25, 0.08, n=300) for s in (0.1, 0.3, 0.9)]
    assert places[0] < places[1] < places[2]


def test_lap_one_ranks_the_grid_among_those_that_started() -> None:
    laps = pd.DataFrame(
        {"race_id": "r", "driver_number": [1, 2, 3], "lap": 1, "session": "R", "is_red": False, "pit_in": False}
    )
    laps["race_time_s"] = [95.0, 94.0, 97.0]
    results = pd.DataFrame({"race_id": "r", "driver_number": [1, 2, 3], "grid": ["2", "1", "PL"]})
    y = starts.lap_one(laps, results)
    assert y.grid_rank.tolist() == [2.0, 1.0]
    assert y["rank"].tolist() == [2.0, 1.0]


def test_the_pass_model_comes_back_with_its_drs_and_its_circuits() -> None:
    rng = np.random.default_rng(6)
    n, away = 24000, np.array([-0.8, 0.0, 0.8])
    circuit, advantage = rng.integers(0, 3, n), rng.normal(0.6, 0.5, n)
    drs = (rng.random(n) < 0.8).astype(float)
    logit = -2.2 + 1.4 * advantage + 0.5 * drs + away[circuit]
    passed = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(float)
    p = sample("overtaking", traffic._model, passed, advantage, drs, circuit, 3, method="laplace")
    assert p.mean("slope") == pytest.approx(1.4, abs=3.5 * float(p.sd("slope")))
    assert p.mean("drs") == pytest.approx(0.5, abs=3.5 * float(p.sd("drs")))
    found = p.mean("circuit")
    np.testing.assert_allclose(found - found.mean(), away, atol=0.2)
    assert float(p.sd("drs")) < 0.1


def test_drs_is_off_after_the_start_and_restarts_and_since_2026(drawn: RaceTables) -> None:
    singles = [f for _, g in drawn.laps.groupby("race_id") if (f := pace.fit_race(g)) is not None]
    expected = pace.expected(drawn.laps, singles)
    early = traffic.pairs(drawn.laps.assign(season=2023), expected)
    assert not early[early.lap <= 2].drs.any()
    calm = early.race_id.isin(drawn.laps.groupby("race_id").neutral.any().loc[lambda v: ~v].index)
    assert early[calm & (early.lap >= 3)].drs.all()
    assert not traffic.pairs(drawn.laps.assign(season=2026), expected).drs.any()


def test_being_lapped_costs_what_it_was_made_to_cost(drawn: RaceTables) -> None:
    laps = drawn.laps.copy()
    singles = [f for _, g in laps.groupby("race_id") if (f := pace.fit_race(g)) is not None]
    expected = pace.expected(laps, singles)
    rng = np.random.default_rng(1)
    slow = (laps.lap > 30) & (laps.position > 16) & laps.clean
    laps.loc[slow, "laps_down"] = 1
    lapped = slow & ~slow.groupby([laps.race_id, laps.driver_number]).shift(1, fill_value=False)
    laps.loc[slow, "lap_time_s"] = expected[slow] + rng.normal(0, 0.2, slow.sum())
    laps.loc[lapped, "lap_time_s"] += 1.7
    found = traffic.fit_lapped(laps, expected)
    assert lapped.sum() > traffic.LEAST_LAPPED
    assert found is not None
    assert found.values["cost_s"] == pytest.approx(1.7, abs=0.15)
