"""How long each team's car stands: found, shrunk, and told only from the races before."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from racetwin.calibration import standing
from racetwin.calibration.stops import fit_stationary, stationary_quantile

pytestmark = pytest.mark.unit

TRUE_S = {"Quick": -0.5, "Usual": 0.0, "Slow": 0.7}


def _stops(n: int, seed: int, race_id: str = "2023-01", season: int = 2023) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    team = np.repeat(list(TRUE_S), n)
    drawn = stationary_quantile(rng.random(len(team)), 2.2, 0.8, 2.2, 4.0)
    stand = drawn + np.array([TRUE_S[t] for t in team])
    return pd.DataFrame({"race_id": race_id, "season": season, "team": team, "stand_s": stand})


def test_shifts_are_found_and_leave_an_interval_that_covers_each_team() -> None:
    known = _stops(400, seed=1)
    found = standing.shifts(known, 2023)
    assert found["Quick"] < -0.3 < found["Usual"] < 0.3 < found["Slow"]
    fitted = fit_stationary((known.stand_s - known.team.map(found)).to_numpy())
    low, high = stationary_quantile([0.05, 0.95], *fitted)
    unseen = _stops(1500, seed=2)
    away = unseen.stand_s - unseen.team.map(found)
    cover = away.between(low, high).groupby(unseen.team).mean()
    assert cover.between(0.85, 0.95).all(), cover
    assert 0.88 < away.between(low, high).mean() < 0.92


def test_a_team_of_few_stops_is_nearly_the_field() -> None:
    few = pd.concat([_stops(400, seed=1), _stops(4, seed=3).query("team == 'Slow'").assign(team="New")])
    assert abs(standing.crews(few, 2023)["New"]) < TRUE_S["Slow"] / 2


def test_the_field_is_followed_as_it_gets_quicker() -> None:
    before = [_stops(30, seed=k, race_id=f"2022-{k:02}", season=2022) for k in range(1, 21)]
    after = [_stops(30, seed=k, race_id=f"2023-{k:02}") for k in range(1, 11)]
    quicker = [s.assign(stand_s=s.stand_s - 0.3) for s in after]
    assert abs(standing.move(pd.concat([*before, *after]), 2023)) < 0.05
    told = standing.move(pd.concat([*before, *quicker]), 2023)
    assert -0.3 < told < -0.05  # the shape knows a third of it already
    both = pd.concat([*before, *quicker])
    assert standing.shifts(both, 2023)["Usual"] == pytest.approx(standing.crews(both, 2023)["Usual"] + told, abs=1e-3)


def test_waits_in_the_box_do_not_make_a_crew_slow() -> None:
    known = _stops(200, seed=1)
    wait = (known.team == "Usual") & (np.arange(len(known)) % 3 == 0)  # a third of its stops wait for something
    held = known.assign(stand_s=known.stand_s + np.where(wait, 6.0, 0.0))
    assert standing.crews(held, 2023)["Usual"] < standing.crews(known, 2023)["Usual"] + 0.3


def test_a_crew_that_has_changed_is_known_by_its_latest_races() -> None:
    before = [_stops(10, seed=k, race_id=f"2022-{k:02}", season=2022) for k in range(1, 21)]
    after = [_stops(10, seed=k, race_id=f"2023-{k:02}") for k in range(1, 11)]
    slow = [s.assign(stand_s=s.stand_s + np.where(s.team == "Quick", 1.0, 0.0)) for s in after]
    assert standing.crews(pd.concat([*before, *slow]), 2023)["Quick"] > -0.25  # with all stops alike it is -0.5


def test_one_stuck_wheel_nut_says_nothing_of_a_crew() -> None:
    stuck = pd.DataFrame({"race_id": ["2023-01"], "season": [2023], "team": ["New"], "stand_s": [16.2]})
    assert 0.0 <= standing.crews(pd.concat([_stops(400, seed=1), stuck]), 2023)["New"] < 0.2


def test_only_the_races_before_count_and_old_seasons_do_not() -> None:
    races = pd.DataFrame({"race_id": ["2019-01", "2023-01", "2023-02"], "season": [2019, 2023, 2023]})
    stops = pd.concat([_stops(100, 1, "2019-01", 2019), _stops(100, 2, "2023-01"), _stops(100, 3, "2023-02")])
    known = standing.follow(races, stops)
    assert known["2019-01"] == known["2023-01"] == {}
    assert known["2023-02"] == standing.shifts(stops[stops.race_id == "2023-01"], 2023) != {}
