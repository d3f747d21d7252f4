"""Who stops together is found again from rivals that stop as a known regression has it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from racetwin.evaluation.together import fit, rows_of
from racetwin.simulation.live import Together
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.state import RaceState
from racetwin.simulation.stops_together import MAX_LOG_HAZARD, TERMS, stop_too, terms

pytestmark = pytest.mark.unit

State = Callable[..., RaceState]


def test_the_log_factors_that_rivals_were_drawn_with_come_back() -> None:
    rng, n = np.random.default_rng(3), 60_000
    usual = Together()
    b = np.array([getattr(usual, name) for name in TERMS])
    damp, above = rng.random(n) < 0.3, rng.normal(0.0, 1.0, n)
    age, near = rng.normal(0.0, 1.0, n), rng.random(n)
    ahead = near * (rng.random(n) < 0.5)
    flags = (rng.random((n, 3)) < 0.5).astype(float)
    x = np.column_stack([
        np.ones(n), above, damp, damp * above, flags[:, 0], age, np.maximum(0, age), flags[:, 1], flags[:, 2],
        near, ahead, ahead * (rng.random(n) < 0.5),
    ])  # fmt: skip
    stopped = rng.random(n) < 1.0 - np.exp(-np.exp(np.minimum(x @ b, MAX_LOG_HAZARD)))
    t = pd.DataFrame(x, columns=list(TERMS)).assign(stopped=stopped, race_id=np.arange(n) % 40)
    found = fit(t)
    assert list(found) == list(TERMS)
    off = [(found[name]["value"] - value) / found[name]["sd"] for name, value in zip(TERMS, b, strict=True)]
    assert np.abs(off).max() < 3.5
    assert all(e["n"] == n and 0.0 < e["sd"] < 0.2 for e in found.values())


def test_rivals_are_asked_about_the_lap_of_the_stop_and_if_they_stay_out_the_next(make_state: State) -> None:
    p = load_parameters("monza", 2024)
    state = make_state(lap=20)
    chance = np.full((state.n_cars, 3), 0.1)
    chance[4] = 0.0  # one that has just been in
    state = state.replace(stop_chance=chance)
    car, also, answers = state.car_id[5], state.car_id[6], state.car_id[3]
    rows = list(rows_of(state, car, 21, {(also, 21), (answers, 22), (state.car_id[4], 21)}, p))
    rivals = state.n_cars - 2
    assert len(rows) == rivals + (rivals - 1)
    assert sum(bool(did) for _, did in rows) == 2
    asked = rows[0][0] @ np.array([getattr(p.live.together, name) for name in TERMS])
    told = stop_too(state, 5, chance[:, 1], p)
    assert 1.0 - np.exp(-np.exp(asked)) == pytest.approx(told[0])
    assert (terms(state, 5, chance[:, 1], p)[:, -1] == 0).all()
