"""Pit losses and stationary times."""

from __future__ import annotations

import numpy as np
import pytest

from racetwin.calibration import pace, stops
from racetwin.calibration.tables import RaceTables
from racetwin.simulation.parameters import RaceParameters

pytestmark = pytest.mark.unit


def test_a_nominal_90_per_cent_interval_of_stationary_times_covers_it_on_unseen_stops() -> None:
    rng = np.random.default_rng(4)
    times = stops.stationary_quantile(rng.random(6000), 2.1, 0.8, 2.0, 4.0)
    fitted = stops.fit_stationary(times[:3000])
    low, high = stops.stationary_quantile([0.05, 0.95], *fitted)
    inside = np.mean((times[3000:] >= low) & (times[3000:] <= high))
    assert 0.88 <= inside <= 0.92


def test_stationary_quantiles_rise() -> None:
    q = stops.stationary_quantile(np.linspace(0, 0.99, 50), 2.1, 0.8, 2.0, 4.0)
    assert (np.diff(q) > 0).all()


def test_the_lane_s_loss_comes_back_from_drawn_races(drawn: RaceTables, truth: RaceParameters) -> None:
    singles = [f for _, g in drawn.laps.groupby("race_id") if (f := pace.fit_race(g)) is not None]
    s = stops.losses(drawn.laps, pace.expected(drawn.laps, singles))
    green = s[s.under == "GREEN"]
    assert len(green) > 60
    usual = truth.stationary_s + np.log(2) * truth.stationary_body_s
    assert green.loss.median() == pytest.approx(truth.pit_loss_s + truth.cold_tyre_s + usual, abs=1.2)
