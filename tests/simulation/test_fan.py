"""The forecast fan says what the simulated races do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from racetwin.errors import InputError
from racetwin.simulation.fan import QUANTILES, race_fan
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.trace import trace_race

pytestmark = pytest.mark.unit

N = 24


def test_fan_to_a_car_is_the_quantiles_of_the_races_run_one_by_one(make_state: Any) -> None:
    state = make_state()
    car, other = "5", next(c for c in state.car_id if c != "5")
    plan = PitPlan.of((state.lap + 4, "HARD"))
    fan = race_fan(state, car, plan, reference=other, n_races=N, seed=3)
    i, j = state.index(car), state.index(other)
    change = []
    for r in range(N):
        time = trace_race(state, 3, plans={car: plan}, race=r).time_s
        change.append((time[:, i] - state.time_s[i]) - (time[:, j] - state.time_s[j]))
    rows = np.array(change)
    for lap in range(rows.shape[1]):
        there = np.sort(rows[:, lap][np.isfinite(rows[:, lap])])
        if len(there) < N / 2:
            assert fan.change_s[i][lap] is None
        else:
            wanted = there[np.rint(np.array(QUANTILES) * (len(there) - 1)).astype(int)]
            np.testing.assert_allclose(fan.change_s[i][lap], wanted, atol=0.006)
    assert all(v == (0.0,) * 5 for v in fan.change_s[j] if v is not None)  # a car to itself


def test_quantiles_are_in_order_and_a_stop_shows_as_the_time_it_costs(make_state: Any) -> None:
    state = make_state()
    lap = state.lap + 6
    fan = race_fan(state, "5", PitPlan.of((lap, "HARD")), n_races=60, seed=1)
    rows = [np.array(v) for v in fan.change_s[state.index("5")] if v is not None]
    assert all((np.diff(v) >= 0).all() for v in rows)
    median = np.array([v[2] for v in rows])
    at = lap - state.lap - 1
    assert 12 < median[at + 1] - median[at - 1] < 40
    assert len(rows[0]) == len(QUANTILES)


def test_what_makes_no_sense_is_refused_by_name(make_state: Any) -> None:
    state = make_state()
    with pytest.raises(InputError, match="reference: car '999'"):
        race_fan(state, "5", PitPlan(), reference="999")
    with pytest.raises(InputError, match="a stop on lap"):
        race_fan(state, "5", PitPlan.of((state.lap, "HARD")))
