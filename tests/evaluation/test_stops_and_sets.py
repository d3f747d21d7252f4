"""Lives of sets are judged with those that were not seen to their end, and stationary times by what was told of the team."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from racetwin.evaluation.forecasts import RaceForecasts
from racetwin.evaluation.scores import interval, score
from racetwin.evaluation.stops_and_sets import concordance, life_cover

pytestmark = pytest.mark.unit


def _sets(age: np.ndarray, changed: np.ndarray, **told: float | np.ndarray) -> pd.DataFrame:
    races = np.arange(len(age)) % 8
    return pd.DataFrame({"race_id": [f"r{k}" for k in races], "age": age, "changed": changed.astype(int), **told})


def test_cover_is_right_although_most_sets_are_censored() -> None:
    rng = np.random.default_rng(1)
    n = 6000
    life, flag = rng.normal(30, 6, n), rng.uniform(12, 45, n)
    changed = life < flag
    low, high = 30 - 1.6449 * 6, 30 + 1.6449 * 6
    t = _sets(np.minimum(life, flag), changed, low=low, high=high, from_age=10.0)
    assert (~changed).mean() > 0.4
    assert life_cover(t) == pytest.approx(90.0, abs=2.0)
    # Among the sets that were changed alone those that last are missing: half of all live longer than 30 laps.
    later = t.assign(low=30.0, high=60.0)
    assert 100 * (t[changed].age >= 30).mean() < 42
    assert life_cover(later) == pytest.approx(50.0, abs=3.0)
    narrow = t.assign(low=30 - 3.0, high=30 + 3.0)
    assert life_cover(narrow) == pytest.approx(38.3, abs=3.0)
    got = interval(t, life_cover, seed=1)
    assert got[0] < life_cover(t) < got[1]


def test_a_set_told_of_within_its_interval_was_never_at_risk_before_it() -> None:
    age = np.array([20.0, 25.0, 30.0, 60.0])
    t = _sets(age, np.ones(4), low=10.0, high=40.0, from_age=10.0)
    assert life_cover(t) == pytest.approx(75.0)


def test_pairs_count_where_the_shorter_life_was_seen() -> None:
    t = pd.DataFrame(
        {"race_id": "r", "age": [10.0, 20.0, 30.0], "changed": [1, 0, 1], "told": [12.0, 35.0, 30.0], "usual": 25.0}
    )
    # 10 against 20 and 30 are known and told right; 20 was still on the car when its race ended, so it says nothing of 30.
    assert concordance("told")(t) == pytest.approx(100.0)
    assert concordance("usual")(t) == pytest.approx(50.0)
    assert concordance("told")(t.assign(told=[40.0, 35.0, 30.0])) == pytest.approx(0.0)


def test_teams_that_were_timed_often_have_their_own_row() -> None:
    races = []
    for k in range(4):
        team = np.repeat(["A", "B", "C"], [20, 20, 2])
        stood = np.concatenate([np.linspace(1.95, 3.05, 20), np.linspace(2.95, 4.05, 20), [2.5, 2.5]])
        t = pd.DataFrame({"team": team, "observed_s": stood, "low_s": 2.0, "high_s": 3.0, "race_id": f"r{k}"})
        races.append(RaceForecasts(f"r{k}", 2022, False, {"stood": t.assign(field_low_s=2.0, field_high_s=3.0)}))
    rows = {r.name: r for r in score(races)}
    assert rows["stationary time, cover of 90 % (A)"].n == 80
    assert rows["stationary time, cover of 90 % (A)"].value == pytest.approx(90.0)
    assert rows["stationary time, cover of 90 % (A)"].met is True
    assert rows["stationary time, cover of 90 % (B)"].value < 20
    assert "stationary time, cover of 90 % (C)" not in rows
    assert rows["stationary time, cover of 90 %"].n == 168
