"""The state is of the leader's line: whoever has not crossed it yet comes behind who has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from racetwin.evaluation.forecasts import run_race
from racetwin.runtime.catch_up import twin_at
from racetwin.simulation.candidates import candidate_plans
from racetwin.simulation.parameters import for_race
from racetwin.telemetry.simulator import TelemetrySimulator
from racetwin.twins import RaceTwin

pytestmark = pytest.mark.integration

Drive = Callable[..., RaceTwin]


@pytest.mark.parametrize("lap", [1, 2, 3, 4])
def test_nobody_is_ahead_of_who_crossed_the_line_first(lap: int) -> None:
    record = TelemetrySimulator("monaco", 2024, seed=4).record
    state = twin_at(record, lap).race_state()
    crossed = record.laps[record.laps.lap == lap].sort_values("race_time_s")
    leader = str(int(crossed.iloc[0].driver_number))
    order = state.order()
    assert state.car_id[order[0]] == leader
    first = state.time_s[state.index(leader)]
    others = np.array([c != leader for c in state.car_id]) & state.running
    assert (state.time_s[others] > first).all()


def test_who_leads_the_first_lap_where_nobody_passes_is_likely_to_win() -> None:
    record = TelemetrySimulator("monaco", 2024, seed=4).record
    twin = twin_at(record, 1)
    state = twin.race_state()
    leader = int(state.order()[0])
    places = run_race(state, for_race(twin.parameters, record.race_id), seed=1, n=400)
    won = (places == 1).mean(axis=0)
    assert won[leader] == won.max() > 0.25


def test_a_quicker_car_close_behind_is_still_behind_at_the_line(toy: Any, drive: Drive) -> None:
    """Car 3 gains half a second a lap on car 2 and has less than that to go: whether it passes is for the race model to say."""
    twin = drive(toy(n_cars=5, pace_s={3: -0.5}, noise_s=0.0), to_lap=3)
    behind, ahead = twin.cars["3"], twin.cars["2"]
    assert (ahead.laps, behind.laps, ahead.position, behind.position) == (2, 2, 2, 3)
    assert 0 < (behind.line_time_s or 0.0) - (ahead.line_time_s or 0.0) < 0.5
    state = twin.race_state()
    gap = state.time_s[state.index("3")] - state.time_s[state.index("2")]
    assert 0 < gap < 0.3
    assert [state.car_id[i] for i in state.order()] == ["1", "2", "3", "4", "5"]


def test_a_car_on_its_out_lap_is_passed_on_the_way_to_the_line(toy: Any, drive: Drive) -> None:
    twin = drive(toy(n_cars=5, stops={2: {8: "HARD"}}), to_lap=9)
    state = twin.race_state()
    assert state.car_id[state.order()[-1]] == "2"


def test_who_has_yet_to_cross_the_line_can_stop_on_its_last_lap_but_one_as_the_leader_can(
    toy: Any, drive: Drive
) -> None:
    twin = drive(toy(n_cars=5, laps=20), to_lap=18)
    assert twin.cars["4"].laps == 17
    state = twin.race_state()
    assert state.laps_completed.tolist() == [18] * 5
    for car in ("1", "4"):
        last = max(s.lap for plan in candidate_plans(state, car, parameters=twin.parameters) for s in plan.stops)
        assert last == 19
