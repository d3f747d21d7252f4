"""Spreads found are those that laps and stops were drawn with."""

from __future__ import annotations

from itertools import product
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from racetwin.evaluation import spreads
from racetwin.twins.forecast import LEVELS

pytestmark = pytest.mark.unit


def test_the_shape_of_laps_is_told_in_spreads_of_their_forecast() -> None:
    rng = np.random.default_rng(1)
    n = 40_000
    sd = rng.uniform(0.2, 0.8, n)
    z = rng.standard_normal(n)
    z = np.where(z > 0, 2.0 * z, z)  # twice as far when slow
    races = np.repeat([f"r{k}" for k in range(20)], n // 20)
    laps = pd.DataFrame({"race_id": races, "observed_s": 90.0 + sd * z, "median_s": 90.0, "sd_s": sd})
    found = spreads.lap_shape(laps)
    exact = [NormalDist().inv_cdf(q) * (2.0 if q > 0.5 else 1.0) for q in LEVELS]
    assert found["quantiles"]["value"] == pytest.approx(exact, abs=0.08)
    assert found["low"]["value"] == pytest.approx(1.645, abs=0.04)
    assert found["high"]["value"] == pytest.approx(2 * 1.645, abs=0.08)
    assert found["quantiles"]["n"] == n
    assert 0.0 < min(found["quantiles"]["sd"]) < max(found["quantiles"]["sd"]) < 0.1


def test_the_spread_of_a_stop_is_the_one_that_tells_its_places_best_given_that_of_laps() -> None:
    rng, rows = np.random.default_rng(2), []
    for race, stop in product(range(12), range(5)):
        off = rng.normal(0.0, 0.02)
        for execution, other in product(spreads.EXECUTION_S, spreads.LAP_S):
            loss = 1.0 + 0.3 * (execution + other - 2.6 - off) ** 2  # less of one does for more of the other
            rows.append((f"r{race}", "1", stop, execution, other, np.exp(-loss)))
    laps = pd.DataFrame(
        [(f"r{race}", "1", lap, ahead, 90.0) for race, lap, ahead in product(range(12), range(200), (1, 2))],
        columns=["race_id", "car_id", "lap", "ahead", "median_s"],
    )
    laps["observed_s"] = laps.median_s + rng.normal(0.0, 0.7, len(laps))
    found = spreads.stop_spread(laps, pd.DataFrame(rows, columns=list(spreads.COLUMNS)))
    assert found["lap_s"]["value"] == pytest.approx(0.7, abs=0.04)
    assert found["execution_s"]["value"] == pytest.approx(2.6 - found["lap_s"]["value"], abs=0.03)
    assert (found["execution_s"]["n"], found["lap_s"]["n"]) == (60, 2400)
    assert all(0.0 < e["sd"] < 0.05 for e in found.values())
