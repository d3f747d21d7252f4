"""How often a safety car followed in the races before."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from racetwin.evaluation.climatology import safety_cars_before

pytestmark = pytest.mark.unit


def race(race_id: str, total: int, sc: range = range(0)) -> pd.DataFrame:
    """Return the laps of a lone car, with a safety car on some of them."""
    laps = pd.DataFrame({"race_id": race_id, "lap": range(1, total + 1)})
    laps["race_time_s"] = 90.0 * laps.lap
    laps["is_sc"] = laps.lap.isin(list(sc))
    laps["is_vsc"] = laps["is_red"] = False
    return laps


def test_only_races_before_count_and_only_moments_under_green() -> None:
    # Asked on laps 5, 10, 15 and 20 of 30; with a car out on laps 12 to 15 not on 15, and it follows 5 and 10.
    laps = pd.concat([race("a", 30), race("b", 30, range(12, 16)), race("c", 30)])
    told = safety_cars_before(laps, ["a", "b", "c", "d"])
    assert math.isnan(told["a"])
    assert told["b"] == 0.0
    assert told["c"] == pytest.approx(2 / 7)
    assert told["d"] == pytest.approx(2 / 11)
