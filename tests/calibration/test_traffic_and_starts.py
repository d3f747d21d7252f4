"""Dirty air, passes, and the shuffle of lap 1."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from racetwin.calibration import pace, starts, traffic
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
