"""A sprint prescribes no stop, and its simulation makes next to none."""

from __future__ import annotations

import pytest

from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.parameters import for_race
from racetwin.simulation.trace import trace_race
from racetwin.telemetry import TelemetrySimulator
from racetwin.twins import RaceTwin

pytestmark = pytest.mark.unit


def test_rules_of_a_sprint_are_put_on_once() -> None:
    grand_prix = load_parameters("spielberg", 2024)
    once = for_race(grand_prix, "2024-11-austria-sprint")
    assert once.two_compounds == once.min_stops == 0
    assert once.retirement_rate < grand_prix.retirement_rate
    assert once.sprint() is once
    assert for_race(grand_prix, "2024-11-austria") is grand_prix


def test_hardly_anybody_stops_in_a_simulated_sprint_without_a_safety_car() -> None:
    twin = RaceTwin("2024-11-austria-sprint")
    twin.observe(next(iter(TelemetrySimulator("spielberg", 2024, seed=2, hz=1))))
    state = twin.race_state().replace(total_laps=23)
    quiet = twin.parameters.replace(sc_lap1=0.0, vsc_lap1=0.0, red_lap1=0.0, sc_rate=0.0, vsc_rate=0.0, red_rate=0.0)
    calm = quiet.replace(sc_retirement=0.0, vsc_retirement=0.0, red_retirement=0.0, rain_start=0.0)
    assert sum(int(trace_race(state, seed, parameters=calm).pit.sum()) for seed in range(20)) <= 15
