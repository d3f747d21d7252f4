"""Where a car comes out of a stop: who is still in the lane, who stops too, and what stops have lost today."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from racetwin.evaluation.forecasts import run_race
from racetwin.schemas import Compound, LapCompleted, Tyre
from racetwin.simulation.form import Form
from racetwin.simulation.occasion import for_state
from racetwin.simulation.parameters import RaceParameters, load_parameters
from racetwin.simulation.plans import PitPlan
from racetwin.twins import RaceTwin
from racetwin.twins.after_stop import LineNote, line_note, place_after_stop
from racetwin.twins.duels import undercut_worked_chance
from racetwin.twins.hazard import StopContext, modelled_chances, stop_hazard
from racetwin.twins.losses import StopLosses
from racetwin.twins.stops_together import Intent, stop_too

pytestmark = pytest.mark.unit

Drive = Callable[..., RaceTwin]


def _note(time_s: float, *, ahead_s: float = 180.0, hazard: tuple[float, float] = (0.0, 0.0)) -> LineNote:
    return LineNote(time_s, ahead_s, 179.0, Intent(hazard), (22.0, 6.0), (0.9, 2.2, 5.0))


def test_a_stop_costs_the_places_within_its_loss() -> None:
    notes = {str(k): _note(1000.0 + 8.0 * k) for k in range(6)}
    chance = place_after_stop(notes, "1", notes)
    assert chance.sum() == pytest.approx(1.0)
    assert chance.argmax() + 1 == 4  # from second: behind cars 0, 2 and 3, about 21 s further on


def test_rivals_that_may_stop_too_make_the_place_better_and_less_sure() -> None:
    stay = {str(k): _note(1000.0 + 8.0 * k) for k in range(6)}
    may = {c: n if c == "1" else _note(n.time_s, hazard=(0.3, 0.1)) for c, n in stay.items()}
    places = np.arange(1, 7)
    a, b = place_after_stop(stay, "1", stay), place_after_stop(may, "1", may)
    assert a @ places > b @ places + 0.5
    assert a.max() > b.max() + 0.2


def test_a_car_that_is_still_in_the_lane_has_the_rest_of_its_stop_to_pay() -> None:
    out = {"1": _note(1000.0), "2": _note(1004.0)}
    lane = {"1": _note(1000.0), "2": _note(1004.0, ahead_s=180.0 + 20.0)}
    assert place_after_stop(out, "1", out).argmax() == 1
    assert place_after_stop(lane, "1", lane).argmax() == 0


def test_losses_of_today_move_what_is_expected_more_the_more_of_them_there_are() -> None:
    p = load_parameters("monza", 2024)
    today = StopLosses()
    usual, in_lap = today.expected_s(p)
    assert 0 < in_lap < usual
    expected = []
    for _ in range(12):
        today.note(5.0, usual - 2.0)
        expected.append(today.expected_s(p)[0])
    assert expected == sorted(expected)
    assert usual + 0.5 < expected[0] < expected[-1] < usual + 3.0
    today.note(5.0, 120.0)  # wheeled into the garage and out again
    assert today.expected_s(p)[0] == expected[-1]
    assert StopLosses.restore(json.loads(json.dumps(today.snapshot()))) == today
    assert StopLosses.restore(None) == StopLosses()


def test_a_race_notes_its_green_stops(toy: Any, drive: Drive) -> None:
    twin = drive(toy(n_cars=8, stops={k: {8 + k: "HARD"} for k in range(1, 6)}), to_lap=18)
    assert len(twin.stop_losses.total_s) == 5
    assert float(np.median(twin.stop_losses.total_s)) == pytest.approx(22.0, abs=2.5)
    assert float(np.median(twin.stop_losses.in_lap_s)) == pytest.approx(0.3 * 22.0, abs=2.0)


def test_a_safety_car_that_may_come_makes_a_stop_likelier_but_none_certain() -> None:
    p = load_parameters("monza", 2024)
    ctx = StopContext(lap=15, total_laps=53, compound=1, age=15.0, stops=0, compounds_used=2)
    green, chance = stop_hazard(p, ctx, 20), modelled_chances(p, [ctx], 20)[0]
    assert (chance >= green).all()
    assert 0.001 < float((chance - green).mean()) < 0.15
    calm = p.replace(sc_rate=0.0, vsc_rate=0.0, sc_retirement=0.0, vsc_retirement=0.0)
    without = modelled_chances(calm, [ctx], 20)[0]
    assert without == pytest.approx(green)
    assert (chance[1:] > without[1:]).all()


def test_the_nearer_the_likelier_an_undercut(parameters: RaceParameters) -> None:
    chances = [undercut_worked_chance(parameters, g) for g in (0.5, 1.0, 2.0, 3.0, 5.0)]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] > 0.5 > chances[-1]


def test_on_a_wet_track_the_gap_tells_nothing_of_an_undercut(parameters: RaceParameters) -> None:
    near, far = (undercut_worked_chance(parameters, g, wetness=0.3) for g in (0.5, 3.0))
    assert near == far == 0.5


def test_what_stops_lose_today_is_in_the_race_state(toy: Any, drive: Drive) -> None:
    twin = drive(toy(n_cars=8), to_lap=8)
    before = twin.race_state()
    assert before.lane_extra_s == 0.0
    loss = StopLosses().expected_s(twin.parameters)[0]
    for _ in range(9):
        twin.stop_losses.note(6.0, loss + 2.0 - 6.0)
    after = twin.race_state()
    assert after.lane_extra_s == pytest.approx(2.0 * 9 / 12)  # three stops' worth of belief in the circuit
    usual, today = (for_state(twin.parameters, s) for s in (before, after))
    assert today.pit_loss_s - usual.pit_loss_s == pytest.approx(after.lane_extra_s)
    assert today.pit_loss_sc_s / usual.pit_loss_sc_s == pytest.approx(today.pit_loss_s / usual.pit_loss_s)
    assert (
        after.replace(lane_extra_s=0.0).hash() == before.hash()
    )  # nothing else has changed, and a stop is what costs more
    places = [
        run_race(s, twin.parameters, seed=3, n=400, plan=("2", PitPlan.of((20, "HARD"))))[:, 1].mean()
        for s in (before, after)
    ]
    assert places[0] < places[1]


def test_a_quick_crew_stands_for_less_in_simulated_races(toy: Any, drive: Drive) -> None:
    twin = drive(toy(n_cars=8), to_lap=8)
    team = twin.cars["1"].team
    twin.form = Form(standing={str(team): -0.4})
    state = twin.race_state()
    assert {c: s for c, s in zip(state.car_id, state.crew_s, strict=True) if s} == {
        c: -0.4 for c, car in twin.cars.items() if car.team == team
    }
    quick, usual = (
        run_race(s, twin.parameters, seed=3, n=400)[:, 0].mean()
        for s in (state, state.replace(crew_s=np.zeros(state.n_cars)))
    )
    assert quick < usual


def test_a_damp_track_calls_the_others_in_too(toy: Any, drive: Drive) -> None:
    twin = drive(toy(n_cars=8), to_lap=12)
    car = twin.cars["2"]
    lap = LapCompleted(
        time_s=1000.0,
        car_id="2",
        lap=car.laps,
        lap_time_s=90.0,
        line_time_s=1000.0,
        position=2,
        gap_s=1.0,
        interval_s=1.0,
        tyre=car.tyre,
    )
    dry = line_note(twin, car, lap).intent
    twin.cars["8"].tyre = Tyre(compound=Compound.INTERMEDIATE)
    damp = line_note(twin, car, lap).intent
    assert (dry.damp, damp.damp) == (False, True)
    here, there = (stop_too(i, replace(i, hazard=(0.03, 0.03)), -10.0) for i in (dry, damp))
    assert there[0] > 3 * here[0] > 0
    assert there[1] > 3 * here[1] > 0


def test_who_runs_just_ahead_of_a_stop_answers_it_on_the_lap_after() -> None:
    usual = Intent((0.04, 0.04), age=15.0)
    near, far, behind = (stop_too(usual, usual, gap) for gap in (-1.0, -30.0, 1.0))
    assert near[1] > 1.5 * near[0]
    assert near[1] > 2.0 * far[1]
    assert near[1] > behind[1] > far[1]


def test_who_has_stopped_more_often_or_is_on_a_younger_set_stops_less_likely_too() -> None:
    car = Intent((0.2, 0.2), age=15.0)
    usual = stop_too(car, Intent((0.04, 0.04), age=15.0), 5.0)[0]
    assert stop_too(car, Intent((0.04, 0.04), age=15.0, stops=1), 5.0)[0] < 0.7 * usual
    assert stop_too(car, Intent((0.04, 0.04), age=5.0), 5.0)[0] < 0.7 * usual
    assert stop_too(car, Intent((0.0, 0.0), age=15.0), 5.0) == (0.0, 0.0)  # in the lane already
