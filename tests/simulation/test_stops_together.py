"""Who else stops when a car stops."""

from __future__ import annotations

import numpy as np
import pytest

from racetwin.schemas import TrackStatus
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.rejoin import box_now
from racetwin.simulation.stops_together import owes, stop_too

pytestmark = pytest.mark.unit

P = load_parameters("bahrain", 2024)
CARS = 6
OURS = 2


@pytest.fixture
def usual(make_state):
    """Return six like cars, 4 s from one to the next."""
    n = CARS
    return make_state(
        n=n,
        time_s=2000.0 + 4.0 * np.arange(n),
        compound=np.ones(n, dtype=int),
        tyre_age=np.full(n, 15.0),
        stops=np.zeros(n, dtype=int),
        compounds_used=np.full(n, 2),
        pace_mean=np.zeros(n),
    )


def chances(state, hazard: float = 0.04, **more: bool) -> np.ndarray:
    return stop_too(state, OURS, np.full(CARS, hazard), P, **more)


def with_car(state, field: str, value: float):
    values = getattr(state, field).copy()
    values[OURS + 1] = value
    return state.replace(**{field: values})


def test_who_runs_just_ahead_of_a_stop_answers_it_on_the_lap_after(usual):
    close = usual.replace(time_s=2000.0 + 1.0 * np.arange(CARS))
    same, after = chances(close), chances(close, answering=True)
    assert after[OURS - 1] > 1.5 * same[OURS - 1]
    assert after[OURS + 1] == same[OURS + 1]
    assert same[OURS - 1] > same[OURS + 1] > chances(usual)[OURS + 1]


@pytest.mark.parametrize(("field", "value"), [("stops", 1), ("tyre_age", 5.0), ("compound", 2)])
def test_who_has_stopped_more_often_or_is_on_another_set_stops_less_likely_too(usual, field, value):
    assert chances(with_car(usual, field, value))[OURS + 1] < 0.8 * chances(usual)[OURS + 1]


def test_who_cannot_stop_does_not(usual):
    assert not chances(usual, hazard=0.0).any()


def test_a_damp_track_calls_the_others_in_too(usual):
    assert (chances(usual.replace(wetness=0.3)) > 2 * chances(usual)).all()


def test_what_a_dry_race_asks():
    assert owes(P, 0, 0b10)
    assert owes(P, 1, 0b10)
    assert not owes(P, 1, 0b110)
    assert not owes(P, 0, 0b1010)  # intermediates have been used


def test_rivals_that_may_stop_too_make_the_place_better_and_less_sure(usual):
    ours = usual.car_id[OURS]
    stays = box_now(usual, ours, parameters=P)
    may = box_now(usual.replace(stop_chance=np.tile([0.0, 0.3, 0.2], (CARS, 1))), ours, parameters=P)
    mean = [sum(k * p for k, p in r.position_probability.items()) for r in (stays, may)]
    assert mean[1] < mean[0] - 0.5
    assert may.probability < stays.probability


def test_who_stops_on_the_lap_after_has_only_paid_the_way_in(usual):
    two = usual.replace(running=np.arange(CARS) < 2, time_s=np.array([2000.0, 2016.0, 0, 0, 0, 0]))
    plans = np.zeros((CARS, 4), dtype=int)
    places = {}
    for lap in (two.lap + 1, two.lap + 2, two.total_laps):
        plans[1, 0] = lap
        at = box_now(two.replace(planned_lap=plans.copy()), "1", parameters=P)
        places[lap] = at.position_probability.get(1, 0.0)
    same, after, never = places.values()
    assert same > 0.95
    assert never < 0.2  # 16 s are less than a stop
    assert never + 0.2 < after < same


def test_under_a_safety_car_more_of_them_come_in_and_under_red_nobody_pays(make_state):
    field = make_state(tyre_age=np.full(20, 25.0), compound=np.ones(20, dtype=int))
    some = field.replace(stop_chance=np.tile([0.0, 0.05, 0.05], (20, 1)))

    def mean(state, status: TrackStatus) -> float:
        told = box_now(state, "1", parameters=P, track_status=status)
        return sum(k * p for k, p in told.position_probability.items())

    green, sc = (mean(field, s) - mean(some, s) for s in (TrackStatus.GREEN, TrackStatus.SC))
    assert sc > green > 0
    assert box_now(some, "5", parameters=P, track_status=TrackStatus.RED).position == 5
