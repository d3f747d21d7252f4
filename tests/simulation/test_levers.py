"""What-if levers change the state and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from racetwin.errors import InputError
from racetwin.schemas import Compound, TrackStatus
from racetwin.simulation.levers import parse_lever, with_plan
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.trace import trace_race

pytestmark = pytest.mark.unit


def test_safety_car_now_and_later(make_state):
    state = make_state()
    now = parse_lever("sc").apply(state)
    assert (now.track_status, now.status_laps, now.forced_lap) == (TrackStatus.SC, 0, 0)
    later = parse_lever("vsc@31").apply(state)
    assert (later.track_status, later.forced_status, later.forced_lap) == (TrackStatus.GREEN, TrackStatus.VSC, 31)


def test_rain(make_state):
    state = parse_lever("rain@40:0.6").apply(make_state())
    assert (state.rain_lap, state.rain_wetness, state.wetness) == (40, 0.6, 0.0)


def test_a_rivals_stop_is_put_into_its_plan(make_state):
    state = parse_lever("stop:16@25:soft").apply(make_state())
    i = state.index("16")
    assert state.planned_lap[i].tolist() == [25, 0, 0, 0]
    assert state.planned_compound[i].tolist() == [Compound.SOFT.index, -1, -1, -1]


def test_a_rival_takes_a_compound_it_is_not_on(make_state):
    state = parse_lever("stop:1").apply(make_state())
    assert int(make_state().compound[0]) == Compound.HARD.index
    assert state.planned_compound[0, 0] == Compound.MEDIUM.index
    assert state.planned_lap[0, 0] == 21


def test_wear_pace_and_a_slow_stop(make_state):
    state = make_state()
    assert parse_lever("wear:5x1.3").apply(state).wear_mean[4] == pytest.approx(1.3)
    assert np.allclose(parse_lever("wear:x1.2").apply(state).wear_mean, 1.2)
    assert parse_lever("pace:5-0.2").apply(state).pace_mean[4] == pytest.approx(state.pace_mean[4] - 0.2)
    assert parse_lever("slow:5+4").apply(state).stop_extra_s[4] == 4.0


def test_several_at_once(make_state):
    both = parse_lever("sc@31 & slow:5+4")
    state = both.apply(make_state())
    assert (state.forced_lap, state.stop_extra_s[4]) == (31, 4.0)
    assert both.label == "safety car in lap 31 and car 5's next stop 4 s slower"


def test_a_known_plan_replaces_the_one_before(make_state):
    state = with_plan(make_state(), "5", PitPlan.of((25, "HARD"), (40, "SOFT")))
    state = with_plan(state, "5", PitPlan.of((30, "SOFT")))
    assert state.planned_lap[4].tolist() == [30, 0, 0, 0]


def test_a_plan_without_stops_is_a_plan_too(make_state):
    state = make_state(lap=50, stops=np.ones(20, dtype=int), compounds_used=np.full(20, 6))
    bold = state.replace(stop_bias=np.where(np.arange(20) == 4, 20.0, 0.0))
    assert trace_race(bold, 1).pit[:, 4].any()
    assert not trace_race(with_plan(bold, "5", PitPlan()), 1).pit[:, 4].any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sc@20", "lap 20, expected 21 to 57"),
        ("sc@58", "lap 58"),
        ("rain@40:1.5", "wetness"),
        ("stop:99", "not in this race"),
        ("stop:16@57", "before the flag"),
        ("stop:16@30:banana", "compound 'banana'"),
        ("wear:5x9", "wear factor"),
        ("snow", "expected for instance"),
    ],
)
def test_levers_that_make_no_sense(make_state, text, message):
    with pytest.raises(InputError, match=message):
        parse_lever(text).apply(make_state())
