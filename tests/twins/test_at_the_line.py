"""The state is of the leader's line: whoever has not crossed it yet comes behind who has."""

from __future__ import annotations

import numpy as np
import pytest

from racetwin.evaluation.forecasts import run_race
from racetwin.runtime.catch_up import twin_at
from racetwin.simulation.parameters import for_race
from racetwin.telemetry.simulator import TelemetrySimulator

pytestmark = pytest.mark.integration


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
