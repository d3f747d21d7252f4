"""Rates at which sets are changed come back that were put in, from sets that were seen to the end and such that were not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from racetwin.calibration import set_life
from racetwin.calibration.tables import RaceTables
from racetwin.simulation.live import SET_LIFE_EDGES, SetLife

pytestmark = pytest.mark.unit

LIFE = (15.0, 22.0, 30.0)


def drawn_sets(truth: SetLife, n: int, seed: int) -> pd.DataFrame:
    """Sets that are changed at these rates, unless the flag falls first."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        k = int(rng.integers(0, 3))
        rates, life = truth.rates(k), LIFE[k]
        fitted = float(rng.choice([0.0, 0.0, 3.0]))
        age, flag = fitted, fitted + float(rng.integers(5, 60))
        changed = False
        while age < flag and not changed:
            rate = rates[np.searchsorted(SET_LIFE_EDGES, age / life, side="right") - 1]
            changed = bool(rng.random() < -np.expm1(-rate * 0.25 / life))
            age += 0.25
        rows.append(("catalunya", k, fitted, age, changed))
    return pd.DataFrame(rows, columns=["circuit_id", "compound_index", "fitted", "age", "changed"])


def test_rates_and_factors_come_back_with_their_errors() -> None:
    truth = SetLife(0.2, 0.6, 1.0, 1.5, 2.0, 1.2, 0.8, soft=0.4, hard=-0.6)
    found = set_life.regress(drawn_sets(truth, 4000, 3), {}, LIFE)
    for name in SetLife.__slots__:
        sd = float(found.evidence[name].sd)
        assert abs(found.values[name] - getattr(truth, name)) < 4 * sd, name
        assert sd < 0.35, name


def test_sets_that_go_to_the_flag_make_lives_longer() -> None:
    s = drawn_sets(SetLife(), 600, 4)
    seen_only = set_life.regress(s[s.changed], {}, LIFE)
    all_of_them = set_life.regress(s, {}, LIFE)
    assert all(all_of_them.values[name] < seen_only.values[name] for name in set_life.RATES[:4])


def test_a_set_of_a_drawn_race_ages_from_when_it_was_fitted_to_its_change(drawn: RaceTables) -> None:
    s = set_life.sets(drawn.laps)
    assert len(s) > 300
    assert (s.age > s.fitted).all()
    green = drawn.laps[drawn.laps.pit_stop & (drawn.laps.stop_under == "GREEN")]
    assert s.changed.sum() == len(green)
