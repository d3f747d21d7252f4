"""A plan of one's own beside the one at hand is what the desk says of the two."""

from __future__ import annotations

from typing import Any

import pytest

from racetwin.config import Settings
from racetwin.errors import InputError
from racetwin.simulation.desk import StrategyDesk
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.trial import try_plan

pytestmark = pytest.mark.unit

SETTINGS = Settings(races=256, seed=3, backend="numba")


def test_without_a_lever_it_is_the_desks_own_comparison(make_state: Any) -> None:
    state = make_state()
    ours, now = PitPlan.of((state.lap + 3, "HARD")), PitPlan.of((state.lap + 9, "HARD"))
    trial = try_plan(state, "5", ours, now, settings=SETTINGS)
    ranked = StrategyDesk(SETTINGS).evaluate(state, "5", plans=[ours, now], exhaustive=True)
    points = {p.plan: p.expected_points for p in ranked.plans}
    assert trial.tried.expected_points == pytest.approx(points[ours.label])
    assert trial.now.expected_points == pytest.approx(points[now.label])
    worse = ranked.plans[1]
    assert abs(trial.gain.difference) == pytest.approx(abs(worse.delta_points))
    assert trial.gain.standard_error == pytest.approx(worse.delta_standard_error)
    assert trial.receipt.n_races == 256


def test_a_lever_changes_the_race_of_the_tried_plan_only(make_state: Any) -> None:
    state = make_state()
    plan = PitPlan.of((state.lap + 5, "HARD"))
    slow = try_plan(state, "5", plan, plan, lever="slow:5+12", settings=SETTINGS)
    assert slow.lever == "car 5's next stop 12 s slower"
    assert slow.gain.difference < 0
    assert not slow.gain.too_close
    same = try_plan(state, "5", plan, plan, settings=SETTINGS)
    assert (same.gain.difference, same.gain.too_close) == (0.0, True)
    assert same.now == slow.now


def test_a_plan_that_cannot_be_carried_out_is_refused(make_state: Any) -> None:
    state = make_state()
    late = PitPlan.of((state.total_laps, "HARD"))
    with pytest.raises(InputError, match="a stop on lap"):
        try_plan(state, "5", late, PitPlan(), settings=SETTINGS)
