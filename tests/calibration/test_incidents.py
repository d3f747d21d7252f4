"""Neutralisations and retirements."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from racetwin.calibration import incidents
from racetwin.calibration.tables import RaceTables

pytestmark = pytest.mark.unit


def test_lengths_are_a_distribution_that_follows_what_was_seen() -> None:
    pmf = incidents.length_distribution(np.array([3] * 40), 3.0)
    assert sum(pmf) == pytest.approx(1.0, abs=1e-9)
    assert min(pmf) >= 0
    assert np.argmax(pmf) == 2


def test_nothing_seen_gives_the_prior_shape() -> None:
    pmf = incidents.length_distribution(np.array([], dtype=np.int64), 3.2)
    mean = sum((k + 1) * p for k, p in enumerate(pmf))
    assert mean == pytest.approx(3.2, abs=0.1)


def test_a_circuit_with_more_safety_cars_has_a_factor_above_one_but_below_its_own_rate() -> None:
    rows = []
    for race in range(20):
        circuit = "wild" if race < 5 else "calm"
        for lap in range(1, 31):
            sc = circuit == "wild" and lap in (10, 11, 12)
            rows.append((f"r{race:02d}", circuit, lap, 90.0 * lap, sc))
    laps = pd.DataFrame(rows, columns=["race_id", "circuit_id", "lap", "race_time_s", "is_sc"])
    laps["driver_number"], laps["session"], laps["season"] = 1, "R", 2024
    laps["is_vsc"] = laps["is_red"] = laps["pit_in"] = laps["pit_out"] = False
    laps["clean"], laps["lap_time_s"], laps["gap_ahead_s"] = ~laps.is_sc, 90.0, np.nan
    laps["gap_ahead_end_s"], laps["laps_down"] = np.nan, 0
    laps["track_status"] = np.where(laps.is_sc, "4", "1")
    results = pd.DataFrame({"race_id": laps.race_id.unique(), "driver_number": 1, "session": "R", "position": "1"})
    fit = incidents.fit(laps, results.assign(season=2024))
    assert 1.0 < fit.circuit_factor["SC"]["wild"] < 4.0
    assert fit.circuit_factor["SC"]["calm"] < 1.0
    assert fit.retirement_rate == 0.0
    assert fit.lap1["SC"] < 0.05


def test_retirements_come_back_from_drawn_races(drawn: RaceTables) -> None:
    fit = incidents.fit(drawn.laps, drawn.results)
    starters = len(drawn.results)
    out = drawn.results.position.astype(str).eq("DNF").sum()
    assert fit.retirement_rate == pytest.approx(out / starters, abs=0.01)
    assert fit.n_races == len(drawn.races)
