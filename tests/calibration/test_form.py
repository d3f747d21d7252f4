"""Form before a race knows the races before it and none after."""

from __future__ import annotations

import numpy as np
import pytest

from racetwin.calibration import form, pace
from racetwin.calibration.tables import RaceTables
from racetwin.simulation.form import Form

pytestmark = pytest.mark.unit


def test_form_before_a_race_does_not_know_it(drawn: RaceTables) -> None:
    singles = [f for _, g in drawn.laps.groupby("race_id", sort=False) if (f := pace.fit_race(g)) is not None]
    whole = form.follow_all(drawn, singles)
    part = form.follow_all(drawn, singles[:4])
    ids = list(drawn.races.race_id[:5])
    columns = ["team_form", "driver_form"]
    a, b = whole[whole.race_id.isin(ids)], part[part.race_id.isin(ids)]
    np.testing.assert_array_equal(a[columns].to_numpy(), b[columns].to_numpy())
    assert (whole[whole.race_id == ids[0]][columns] == 0).all().all()


def test_an_unknown_team_counts_as_the_field_and_is_less_certain() -> None:
    known = Form((0.0, 1.0, 1.0, 0.0), 0.4, {"A": -0.5}, {})
    pace_s = known.pace(["A", "B", "C"], ["X", "Y", "Z"], [1, 2, 3])
    assert pace_s[0] < pace_s[1] == pace_s[2]
    assert known.spread(["A", "B"], ["X", "Y"]).tolist() == [0.4, 0.6]


def test_a_race_of_before_gets_what_was_known_then() -> None:
    block = {
        "weights": {"one": 0, "team": 1, "driver": 1, "grid": 0},
        "sd_s": 0.4,
        "teams": {"A": -1.0},
        "drivers": {},
        "history": {"2023-01-x": {"teams": {"A": 0.3}, "drivers": {}}, "2024-01-x": {"teams": {}, "drivers": {}}},
    }
    assert Form.of(block, "2023-07-y").teams == {"A": 0.3}
    assert Form.of(block, "2026-01-z").teams == {"A": -1.0}
    assert Form.of(block, "2019-01-z").teams == {}
    assert Form.of(block).teams == {"A": -1.0}
