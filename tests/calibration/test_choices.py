"""Compounds and undercuts: known choices come back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from racetwin.calibration import choices, rivals
from racetwin.calibration.tables import RaceTables
from racetwin.simulation.live import NextCompound

pytestmark = pytest.mark.unit

TRUE = {"soft": -0.3, "hard": 0.2, "too_short": -2.5, "too_long": -5.0, "same": -0.6, "used": -1.5, "popular": 2.0}


def _stops(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    s = pd.DataFrame({"race_id": rng.integers(0, 40, n).astype(str), "season": 2024})
    s["compound_index"] = rng.integers(0, 3, n)
    other = (1 << rng.integers(0, 3, n)) * (rng.random(n) < 0.6)
    s["used"] = (1 << s.compound_index.to_numpy()) | other
    s["owed"] = rng.random(n) < 0.7
    s["laps_left"] = rng.integers(5, 50, n)
    for k, life in enumerate((16.0, 22.0, 30.0)):
        s[f"life_{k}"] = life * np.exp(rng.normal(0.0, 0.3, n))  # circuits differ by compound
        s[f"popular_{k}"] = 1 / 3
    share = rng.dirichlet((2, 2, 2), n)
    s[["popular_0", "popular_1", "popular_2"]] = share
    utility = choices.compound_terms(s) @ np.array([TRUE[k] for k in choices.COMPOUND_TERMS])
    s["chosen"] = (utility + rng.gumbel(size=utility.shape)).argmax(axis=1)
    return s


def test_the_choice_of_compound_comes_back_with_errors_that_cover_it() -> None:
    found = choices.fit_compound(_stops(6000, seed=1))
    for name, true in TRUE.items():
        assert abs(found.values[name] - true) < 4 * float(found.evidence[name].sd), name
        assert float(found.evidence[name].sd) < 0.5


def test_what_the_twin_computes_is_what_was_fitted() -> None:
    s = _stops(50, seed=2)
    fitted = choices.compound_terms(s) @ np.array([TRUE[k] for k in choices.COMPOUND_TERMS])
    model = NextCompound(**TRUE)
    for row, utility in zip(s.itertuples(), fitted, strict=True):
        popular = (row.popular_0, row.popular_1, row.popular_2)
        life = (row.life_0, row.life_1, row.life_2)
        told = model.utilities(life, row.laps_left, row.compound_index, row.used, row.owed, popular)
        np.testing.assert_allclose(told, utility)


def test_a_stop_s_choice_is_told_from_what_came_before_it(drawn: RaceTables) -> None:
    life, circuits = rivals.usual_life(drawn.laps)
    s = choices.stops_with_choice(drawn.laps, circuits, life)
    assert len(s) > 100
    first = s.groupby("race_id").lap.transform("min") == s.lap
    np.testing.assert_allclose(s.loc[first, ["popular_0", "popular_1", "popular_2"]], 1 / 3)
    assert (s.laps_left + s.lap == s.total_laps).all()


def test_an_undercut_from_further_back_works_less_often(drawn: RaceTables) -> None:
    seen = choices.undercuts(drawn.laps)
    assert seen.gap_s.between(0, choices.UNDERCUT_GAP_S).all()
    found = choices.fit_undercut(drawn.laps)
    assert found is None or found.values["per_s"] < 0
