"""What a live race shows of stops beyond the race model: nothing, where the race model drew them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from racetwin.calibration import live_stops
from racetwin.calibration.tables import RaceTables
from racetwin.simulation.parameters import RaceParameters

pytestmark = pytest.mark.unit


def test_a_line_knows_nothing_of_the_laps_after_it(drawn: RaceTables) -> None:
    race = drawn.laps[drawn.laps.race_id == drawn.races.race_id[0]].reset_index(drop=True)
    later = race.copy()
    later.loc[later.lap > 25, "race_time_s"] += 0.4 * np.arange((later.lap > 25).sum())
    later.loc[later.lap > 25, ["pit_in", "pit_stop"]] = False
    known = ["racing_age", "stops", "used", "ahead_stopped", "behind_stopped", "status_laps", "of_late", "age_today"]
    upto = race.lap <= 25
    a, b = (live_stops.crossings(t).loc[upto, known].astype(float) for t in (race, later))
    pd.testing.assert_frame_equal(a, b)


def test_factors_come_back_that_were_put_in() -> None:
    rng = np.random.default_rng(5)
    n = 60000
    t = pd.DataFrame({name: rng.normal(0.0, 0.5, n) for name in live_stops.TERMS})
    true = dict(zip(live_stops.TERMS, rng.normal(0.0, 0.4, len(live_stops.TERMS)), strict=True))
    t["log_hazard"] = -3.0
    hazard = np.exp(t.log_hazard + sum(t[k] * v for k, v in true.items()))
    t["stop"] = (rng.random(n) < -np.expm1(-hazard)).astype(float)
    t["race_id"], t["season"] = rng.integers(0, 60, n).astype(str), 2024
    found = live_stops.regress(t)
    for name, value in true.items():
        assert abs(found.values[name] - value) < 4 * float(found.evidence[name].sd), name
        assert float(found.evidence[name].sd) < 0.2


@pytest.mark.integration
def test_where_the_race_model_drew_the_stops_little_is_left_to_tell(drawn: RaceTables, truth: RaceParameters) -> None:
    t = live_stops.table(drawn.laps, {("catalunya", 2024): truth})
    found = live_stops.regress(t)
    told = t[list(live_stops.TERMS)].to_numpy() @ np.array(list(found.values.values()))
    expected = -np.expm1(-np.exp(t.log_hazard + told))
    assert expected.sum() == pytest.approx(t.stop.sum(), rel=0.1)
    assert abs(found.values["hard"]) < 0.8
    assert abs(found.values["held_up"]) < 0.8
