"""What stops lose and undercuts are worth: as the day has shown it, and in the race state that the desk asks of."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from racetwin.evaluation.forecasts import run_race
from racetwin.simulation.form import Form
from racetwin.simulation.occasion import for_state
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.parameters import RaceParameters
from racetwin.simulation.plans import PitPlan
from racetwin.twins import RaceTwin
from racetwin.twins.duels import undercut_worked_chance
from racetwin.twins.hazard import StopContext, modelled_chances, stop_chance, stop_hazard, within
from racetwin.twins.losses import StopLosses

pytestmark = pytest.mark.unit

Drive = Callable[..., RaceTwin]


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


def test_a_race_state_knows_who_may_stop_and_who_is_in_the_lane(toy: Any, drive: Drive) -> None:
    twin = drive(toy(n_cars=8, stops={3: {19: "HARD"}}), to_lap=20)
    state, lates = twin.race_state(), set()
    assert twin.cars["3"].on_in_lap
    for car in twin.cars.values():
        told, late = state.stop_chance[state.index(car.car_id)], state.lap - car.laps
        if car.car_id == "3":
            assert not told.any()
            continue
        lates.add(late)
        chance = stop_chance(twin.parameters, twin.stop_context(car), late + 3)
        assert told[0] == pytest.approx(within(chance, late))  # 0 where it has done the lap that the state is at
        assert told[1:4] == pytest.approx(chance[late:])
        assert told[1] > 0
    assert lates == {0, 1}
