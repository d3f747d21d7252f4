"""Neutralisations and retirements."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from racetwin.calibration import incidents
from racetwin.calibration.tables import RaceTables
from racetwin.simulation.draw import draw_grand_prix
from racetwin.simulation.parameters import RaceParameters

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
    out = drawn.results.position.astype(str).eq("DNF")
    last = drawn.laps.groupby(["race_id", "driver_number"]).lap.max().rename("last").reset_index()
    driven = drawn.results.merge(last, on=["race_id", "driver_number"], how="left")["last"].fillna(0)
    first = out & (driven == 0).to_numpy()
    assert fit.retirement_lap1 == pytest.approx(first.mean(), abs=1e-9)
    assert fit.retirement_rate == pytest.approx(out[~first].mean(), abs=1e-9)
    assert fit.n_races == len(drawn.races)


def test_as_many_cars_retire_in_drawn_races_as_in_those_the_rates_were_fitted_on(truth: RaceParameters) -> None:
    often = truth.replace(retirement_rate=0.2, retirement_lap1=0.1)
    drawn = [draw_grand_prix("catalunya", 2024, seed=k, parameters=often) for k in range(1, 41)]
    results = pd.concat([r.results.assign(race_id=r.race_id) for r in drawn if r.results is not None])
    out = results.position.astype(str).eq("DNF").mean()
    assert out == pytest.approx(0.1 + 0.9 * 0.2, abs=0.03)
