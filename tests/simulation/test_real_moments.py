"""Real moments of real races: the desk sees what every strategist saw."""

from __future__ import annotations

import pytest

from racetwin.config import Settings
from racetwin.runtime.catch_up import twin_at
from racetwin.simulation.candidates import candidate_plans
from racetwin.simulation.desk import StrategyDesk
from racetwin.telemetry.library import RaceLibrary

pytestmark = [pytest.mark.integration, pytest.mark.data]


@pytest.fixture(scope="module")
def singapore(race_data):
    record = RaceLibrary(Settings(data=race_data)).load("2023-15-singapore")
    return twin_at(record, 20).race_state()


@pytest.fixture(scope="module")
def desk():
    return StrategyDesk(Settings(races=500, seed=1))


def test_those_who_have_not_stopped_box_under_the_safety_car(desk, singapore):
    """Singapore 2023, lap 20: all but the two on hards came in under the safety car."""
    for car in ("63", "4", "44"):
        answer = desk.evaluate(singapore, car)
        assert answer.plans[0].stops[0].lap == 21, car
        assert answer.waiting.difference < -answer.waiting.standard_error


def test_the_leader_who_has_just_stopped_runs_to_the_flag(desk, singapore):
    """Sainz had boxed at the end of lap 20 and won on that set of hards."""
    answer = desk.evaluate(singapore, "55")
    assert answer.plans[0].plan == "no stop"


def test_before_the_safety_car_nobody_wants_to_box(desk, race_data):
    record = RaceLibrary(Settings(data=race_data)).load("2023-15-singapore")
    answer = desk.evaluate(twin_at(record, 15).race_state(), "55")
    assert answer.waiting.difference > 0
    assert len(answer.plans) >= 60


def test_in_the_rain_slicks_wait_and_intermediates_are_at_hand(race_data):
    """Silverstone 2024, lap 30: everyone on intermediates, the track to dry some laps later."""
    record = RaceLibrary(Settings(data=race_data)).load("2024-12-great-britain")
    state = twin_at(record, 30).race_state()
    assert state.wetness > 0.15
    plans = candidate_plans(state, "44")
    assert any(p.stops and p.stops[-1].compound.is_slick for p in plans)
    assert all(s.lap > 31 for p in plans for s in p.stops if s.compound.is_slick)
