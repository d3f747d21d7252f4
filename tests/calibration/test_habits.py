"""Habits of teams and drivers: found, drawn to the field's, and told only from the seasons before."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from racetwin.calibration import habits, rivals
from racetwin.calibration.tables import RaceTables
from racetwin.simulation.form import Form, Habits
from racetwin.twins.profile import Profile

pytestmark = pytest.mark.unit


def _chances(early: float) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 12000
    c = pd.DataFrame({"race_id": "r", "season": np.repeat([2022, 2023], n // 2), "team": "T"})
    c["driver"] = rng.choice(["EAR", "USU", "LAT"], n)
    factor = c.driver.map({"EAR": early, "USU": 1.0, "LAT": 1 / early})
    for habit, usual in (("stop", 0.04), ("cover", 0.1), ("undercut", 1.0), ("defence", 1.0)):
        rate = usual if habit in ("stop", "cover") else 0.1
        c[f"{habit}_expected"] = usual
        c[f"{habit}_done"] = (rng.random(n) < rate * (factor if habit == "stop" else 1.0)).astype(float)
    return c


def test_who_stops_early_is_found_and_drawn_to_the_field() -> None:
    found = habits.block(_chances(1.8), 2024)["stop"]
    assert 1.2 < found["EAR"] < 1.8
    assert 0.55 < found["LAT"] < 0.9
    assert found["USU"] == pytest.approx(1.0, abs=0.25)


def test_a_season_tells_nothing_before_it() -> None:
    c = _chances(1.8)
    assert habits.block(c, 2022) == {}
    assert habits.block(c, 2023) == habits.block(c[c.season < 2023], 2023)


def test_chances_of_drawn_races_come_out_as_the_hazard_expects(drawn: RaceTables) -> None:
    fit = rivals.fit(drawn.laps, {}, 19.0, method="map")
    t = rivals.hazard_table(drawn.laps, fit.life, fit.circuit_life, {}, 19.0)
    c = habits.chances(drawn.laps, t, habits.hazards(t, fit.coefficients, fit.circuit_intercept))
    assert c.stop_done.sum() == pytest.approx(c.stop_expected.sum(), rel=0.15)
    assert (c.undercut_done <= c.undercut_expected).all()
    assert (c.defence_done <= c.defence_expected).all()
    assert 0.5 < c.defence_done.sum() / c.defence_expected.sum() < 1


def test_a_profile_starts_from_the_habits_of_before_and_moves() -> None:
    form = Form(habits={"stop": {"EAR": 1.2}, "defence": {"T": 1.05}, "field": {"defence": 0.8, "undercut": 0.02}})
    before = form.habits_of("T", "EAR")
    assert before == Habits(stop=1.2, cover=1.0, undercut=0.02, defence=pytest.approx(0.84))
    profile = Profile(before=before)
    assert profile.stop_bias == pytest.approx(np.log(1.2))
    assert profile.defence == pytest.approx(0.84)
    profile.stops_expected = 5.0  # five stops expected of it by now, and none made
    assert profile.stop_bias < np.log(1.2)
    assert "before" not in profile.snapshot()
    assert form.habits_of("Unheard of", "NEW") == Habits()
