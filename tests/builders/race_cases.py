"""Races of every kind that backends must agree on, packed and unpacked."""

from __future__ import annotations

import numpy as np

from racetwin.schemas import TrackStatus
from racetwin.simulation import PitPlan, RaceState
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.spec.pack import pack


def field(n=20, lap=0, total=57, **changes):
    """A made-up but plausible race: the fastest car in front, two cars a team, two compounds."""
    car = np.arange(n)
    pace = np.linspace(-0.6, 0.9, n)
    values = {
        "race_id": "test",
        "circuit_id": "marina-bay",
        "season": 2023,
        "lap": lap,
        "total_laps": total,
        "car_id": tuple(str(i + 1) for i in range(n)),
        "driver": tuple(f"D{i:02}" for i in range(n)),
        "team": tuple(f"T{i // 2}" for i in range(n)),
        "time_s": car * 0.13 if lap == 0 else lap * 95 + car * 1.7 + lap * pace * 0.5,
        "running": np.ones(n, bool),
        "laps_completed": np.full(n, lap),
        "grid": car + 1,
        "compound": np.where(car % 3 == 0, 0, 1),
        "tyre_age": np.full(n, float(lap)),
        "stops": np.zeros(n, int),
        "compounds_used": np.where(car % 3 == 0, 1, 2),
        "pace_mean": pace,
        "pace_sd": np.full(n, 0.1),
        "wear_mean": np.ones(n),
        "wear_sd": np.full(n, 0.15),
        "fuel_kg": np.full(n, 110 * (1 - lap / total)),
    }
    return RaceState(**{**values, **changes})


PLANS = [
    PitPlan.of((24, "HARD")),
    PitPlan.of((30, "MEDIUM"), (45, "SOFT", 3)),
    PitPlan(PitPlan.of((40, "HARD")).stops, sc_window=(21, 39)),
    PitPlan(),
]
WET = {"rain_start": 0.03}
CASES = {
    "from the grid": (field(), {}),
    "mid-race": (field(lap=20), {}),
    "24 cars": (field(24, lap=10), {}),
    "22 cars": (field(22, lap=10), {}),
    "2 cars": (field(2, lap=10), {}),
    "out of order and with retirements": (
        field(lap=10, time_s=np.random.default_rng(1).permutation(20) * 2.0 + 900, running=np.arange(20) % 5 != 3),
        {},
    ),
    "many showers": (field(lap=10, wetness=0.5), WET),
    "red flag now, more to come": (field(lap=10, track_status=TrackStatus.RED), {"red_rate": 0.02}),
    "safety car now, no unlapping": (
        field(lap=10, track_status=TrackStatus.SC, status_laps=2),
        {"sc_rate": 0.05, "unlap": 0},
    ),
    "many virtual safety cars": (field(lap=10, track_status=TrackStatus.VSC), {"vsc_rate": 0.05}),
    "asked for: safety car, then rain": (
        field(lap=10, forced_status=TrackStatus.SC, forced_lap=30, rain_lap=40, rain_wetness=0.6),
        {},
    ),
    "three stops prescribed": (field(lap=10), {"min_stops": 3}),
    "a rival with a plan and a slow stop": (
        field(
            lap=10,
            planned_lap=np.where(np.arange(20)[:, None] == 3, [[22, 41, 0, 0]], 0),
            planned_compound=np.where(np.arange(20)[:, None] == 3, [[2, 1, -1, -1]], -1),
            stop_extra_s=np.where(np.arange(20) == 3, 6.5, 0.0),
            crew_s=np.linspace(-0.4, 0.5, 20),
        ),
        {},
    ),
    "every car breaks down": (field(lap=10, retire_factor=np.full(20, 8.0)), {}),
}


def packed_case(name):
    state, changes = CASES[name]
    plans = [p for p in PLANS if all(s.lap > state.lap for s in p.stops)]
    parameters = load_parameters(state.circuit_id, state.season).replace(**changes)
    return pack(state, parameters, plans, "2", 5)


def same(a, b):
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("positions", "histogram", "finished", "time_ms", "watched", "gaps")
    )
