"""Where a car comes out of the pits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from racetwin.errors import InputError
from racetwin.schemas import TrackStatus
from racetwin.simulation.live import StopSpread
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.rejoin import box_now, rejoin_window

pytestmark = pytest.mark.unit

GREEN, VSC, SC = TrackStatus.GREEN, TrackStatus.VSC, TrackStatus.SC


def test_the_leader_of_an_even_field_rejoins_where_its_loss_puts_it(make_state):
    p = load_parameters("bahrain", 2024)
    even = make_state(pace_mean=np.zeros(20), pace_sd=np.full(20, 1e-6), compound=np.ones(20, dtype=int))
    rejoin = box_now(even, "1", parameters=p)
    loss = p.pit_loss_s + p.stationary_s + 0.69 * p.stationary_body_s
    assert rejoin.position == 1 + int(loss / 2.2)
    assert rejoin.lap == 21
    assert rejoin.pit_loss_s.low < loss < rejoin.pit_loss_s.high
    assert rejoin.car_ahead == str(rejoin.position)
    assert rejoin.car_behind == str(rejoin.position + 1)
    assert 0 < rejoin.gap_ahead_s < 2.2
    assert 0 < rejoin.gap_behind_s < 2.2


def test_a_car_ahead_is_traffic_as_far_as_the_parameter_files_dirty_air_reaches(make_state):
    even = make_state(pace_mean=np.zeros(20), pace_sd=np.full(20, 1e-6), compound=np.ones(20, dtype=int))
    p = load_parameters("bahrain", 2024)
    gap = box_now(even, "1", parameters=p).gap_ahead_s
    told = [box_now(even, "1", parameters=p.replace(dirty_air_range_s=gap * k)).traffic for k in (0.9, 1.1)]
    assert told == [False, True]


def test_how_sure_the_place_is_hangs_on_the_spreads_that_the_parameter_file_has(make_state):
    p = load_parameters("bahrain", 2024)
    sure, unsure = (
        box_now(make_state(), "3", parameters=p.replace(live=replace(p.live, stop_spread=StopSpread(s, s))))
        for s in (0.2, 3.0)
    )
    assert sure.probability > unsure.probability + 0.1


def test_probabilities_add_up_and_the_position_is_the_likeliest(make_state):
    rejoin = box_now(make_state(), "3")
    assert sum(rejoin.position_probability.values()) == pytest.approx(1)
    assert rejoin.probability == max(rejoin.position_probability.values())
    assert rejoin.probability == rejoin.position_probability[rejoin.position]


def test_a_stop_costs_fewer_places_under_a_safety_car(make_state):
    state = make_state()
    told = {s: box_now(state, "1", track_status=s).position_probability for s in (GREEN, VSC, SC)}
    # In the mean: three places are about as likely under green, and any of them may be the likeliest.
    places = {s: sum(place * p for place, p in chances.items()) for s, chances in told.items()}
    assert places[SC] < places[GREEN] - 1
    assert places[VSC] < places[GREEN] - 1


def test_the_last_car_has_nobody_behind_and_the_only_car_nobody_at_all(make_state):
    assert box_now(make_state(), "20").car_behind is None
    alone = box_now(make_state(n=1), "1")
    assert (alone.position, alone.probability, alone.car_ahead, alone.car_behind) == (1, 1.0, None, None)


def test_retired_cars_are_not_met(make_state):
    running = np.ones(20, dtype=bool)
    running[1:] = False
    assert box_now(make_state(running=running), "1").position == 1


def test_a_rival_known_to_stop_too_does_not_pass(make_state):
    state = make_state(pace_mean=np.zeros(20), pace_sd=np.full(20, 1e-6))
    laps, compounds = np.zeros((20, 4), dtype=int), np.full((20, 4), -1)
    laps[2, 0], compounds[2, 0] = 21, 2
    planned = state.replace(planned_lap=laps, planned_compound=compounds)
    assert box_now(planned, "2").position == box_now(state, "2").position - 1


def test_same_question_same_answer(make_state):
    state = make_state()
    assert box_now(state, "4").model_dump_json() == box_now(state, "4").model_dump_json()


def test_window_holds_each_coming_lap_under_each_status(make_state):
    window = rejoin_window(make_state(lap=50), "4", 10)
    assert [(r.lap, r.track_status.value) for r in window[:4]] == [
        (51, "GREEN"),
        (51, "VSC"),
        (51, "SC"),
        (52, "GREEN"),
    ]
    assert window[-1].lap == 56
    assert window[0] == box_now(make_state(lap=50), "4", track_status=TrackStatus.GREEN)


def test_clear_errors(make_state):
    with pytest.raises(InputError, match="lap: 57, expected 21 to 56"):
        box_now(make_state(), "4", lap=57)
    with pytest.raises(InputError, match="not in this race"):
        box_now(make_state(), "99")


def test_a_lapped_car_boxes_at_the_end_of_the_lap_it_is_on(make_state):
    state = make_state()
    times, laps = state.time_s.copy(), state.laps_completed.copy()
    times[19] = times[0] + 1.2 * load_parameters(state.circuit_id, state.season).reference_lap_s
    laps[19] -= 1
    lapped = state.replace(time_s=times, laps_completed=laps)
    assert box_now(lapped, "20").lap == lapped.lap
    assert [r.lap for r in rejoin_window(lapped, "20", 2, statuses=[TrackStatus.SC])] == [lapped.lap, lapped.lap + 1]
    assert box_now(lapped, "1").lap == lapped.lap + 1
    late = times.copy()  # the leader has just crossed the line, and this car does so in a moment
    late[19] = times[0] + 30.0
    assert box_now(lapped.replace(time_s=late), "20").lap == lapped.lap + 1
    for status in TrackStatus:
        answer = box_now(lapped.replace(track_status=status), "20")
        assert sum(answer.position_probability.values()) == pytest.approx(1)


def test_no_car_is_named_both_ahead_and_behind(make_state):
    state = make_state(n=4, pace_mean=np.zeros(4), compound=np.ones(4, dtype=int))
    p = load_parameters("bahrain", 2024)
    back = state.time_s[0] + p.pit_loss_s + p.stationary_s + 0.69 * p.stationary_body_s
    # One car runs where we come out, the two others may be anywhere about it: and it is often just ahead, and often just behind.
    field = state.replace(time_s=np.array([state.time_s[0], back, back, back]), pace_sd=np.array([0.0, 0.0, 3.0, 3.0]))
    both = 0
    for early_s in np.linspace(0.0, 2.0, 20):
        times = field.time_s - np.array([0.0, early_s, 0.0, 0.0])
        answer = box_now(field.replace(time_s=times), "1", parameters=p)
        assert answer.car_ahead != answer.car_behind
        both += None not in (answer.car_ahead, answer.car_behind)
    assert both
