"""How often a safety car followed in the races before."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from racetwin.calibration.tables import RaceTables
from racetwin.evaluation.climatology import BELIEF, before_each, safety_cars_before

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


def test_places_and_sets_are_counted_in_the_races_before() -> None:
    def grand_prix(race_id: str, swap: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Two cars, 40 laps, the second changes tyres on lap 20; the second wins where they swap."""
        cars = []
        for number in (1, 2):
            t = race(race_id, 40)
            t["driver_number"] = number
            t["race_time_s"] += number - (3 * number if swap else 0) * (t.lap > 30)
            stop = (number == 2) & (t.lap == 20)
            t["pit_in"], t["pit_in_time_s"] = stop, t.race_time_s.where(stop)
            t["compound_index"], t["age"] = 1, t.lap - np.where((number == 2) & (t.lap > 20), 20.0, 0.0)
            cars.append(t)
        final = [2, 1] if swap else [1, 2]
        return pd.concat(cars), pd.DataFrame(
            {"race_id": race_id, "driver_number": [1, 2], "grid": [1, 2], "position": final}
        )

    parts = [grand_prix("a", False), grand_prix("b", True), grand_prix("c", False)]
    laps, results = (pd.concat(p, ignore_index=True) for p in zip(*parts, strict=True))
    told = before_each(RaceTables(pd.DataFrame({"race_id": ["a", "b", "c"]}), laps, results))
    assert math.isnan(told["a"].place(0.0, 1, "win"))
    assert math.isnan(told["a"].stop(10.0))
    # A single race says so much; what is seen but once is drawn to the share over all places: half of these cars win.
    assert told["b"].place(0.5, 1, "win") == pytest.approx((1 + BELIEF / 2) / (1 + BELIEF))
    assert told["c"].place(0.5, 1, "win") == pytest.approx((1 + BELIEF / 2) / (2 + BELIEF))
    assert told["c"].place(0.9, 1, "win") > told["c"].place(0.5, 1, "win") > told["c"].place(0.5, 2, "win") - 1e-9
    assert told["c"].place(0.5, 1, "podium") == pytest.approx(1.0)
    # Sets of 15 to 19 laps are changed within five by one car in two, those of two laps by nobody.
    assert told["c"].stop(17.0) > 0.35 > 0.05 > told["c"].stop(30.0)
