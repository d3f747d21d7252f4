"""Fuel and wear are told apart over the field; races drawn by the model give its numbers back."""

from __future__ import annotations

import numpy as np
import pytest

from racetwin.calibration import pace
from racetwin.calibration.tables import RaceTables
from racetwin.simulation.parameters import RaceParameters


@pytest.mark.unit
def test_wear_and_fuel_come_back_from_drawn_races(drawn: RaceTables, truth: RaceParameters) -> None:
    fits = [f for _, g in drawn.laps.groupby("race_id") if (f := pace.fit_race(g)) is not None]
    assert len(fits) >= 6
    effects = np.mean([f.effects for f in fits], axis=0)
    fuel = truth.fuel_s_per_kg * truth.fuel_start_kg / truth.total_laps
    assert effects[0] == pytest.approx(-fuel, abs=0.012)
    assert effects[4] == pytest.approx(truth.wear_s[1], abs=0.02)
    assert effects[5] == pytest.approx(truth.wear_s[2], abs=0.02)
    assert np.mean([f.noise_s for f in fits]) == pytest.approx(truth.lap_noise_s, abs=0.08)


@pytest.mark.unit
def test_an_outlier_hardly_moves_a_race(drawn: RaceTables) -> None:
    g = drawn.laps[drawn.laps.race_id == drawn.races.race_id[0]].copy()
    before = pace.fit_race(g)
    g.loc[g[g.clean].sample(15, random_state=1).index, "lap_time_s"] += 4.0
    after = pace.fit_race(g)
    assert before is not None
    assert after is not None
    assert abs(after.effects[4] - before.effects[4]) < 0.015


@pytest.mark.unit
def test_a_race_with_few_laps_is_no_race(drawn: RaceTables) -> None:
    g = drawn.laps[drawn.laps.race_id == drawn.races.race_id[0]]
    assert pace.fit_race(g[g.lap < 6]) is None


@pytest.mark.unit
def test_expected_is_unknown_for_races_without_a_fit(drawn: RaceTables) -> None:
    first = drawn.laps[drawn.laps.race_id == drawn.races.race_id[0]]
    single = pace.fit_race(first)
    assert single is not None
    expected = pace.expected(drawn.laps, [single])
    other = (drawn.laps.race_id != single.race_id).to_numpy()
    assert np.isnan(expected[other]).all()
    assert np.isfinite(expected[~other]).any()


@pytest.mark.integration
def test_the_hierarchical_fit_shrinks_to_the_field_and_keeps_the_fuel_prior(drawn: RaceTables) -> None:
    fit, singles = pace.fit(drawn.laps, method="map")
    assert fit.circuits == ("catalunya",)
    assert 0.02 < fit.fuel_s_per_kg < 0.045
    own = np.mean([s.effects for s in singles], axis=0)
    # Between what the races say and what a circuit not yet seen gets.
    assert min(own[4], fit.field[4]) - 0.01 <= fit.circuit[0, 4] <= max(own[4], fit.field[4]) + 0.01
