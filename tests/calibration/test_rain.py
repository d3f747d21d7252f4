"""Wet-weather tyres: their level is found, and a race without them tells nothing."""

from __future__ import annotations

import numpy as np
import pytest

from racetwin.calibration import rain
from racetwin.calibration.tables import RaceTables
from racetwin.simulation.live import LiveNumbers, WetLaps
from racetwin.simulation.parameter_file import load_parameters
from racetwin.twins.pace_model import PaceModel

pytestmark = pytest.mark.unit

REFERENCE = {("catalunya", 2024): 80.0}


def test_dry_races_tell_nothing_of_rain(drawn: RaceTables) -> None:
    assert rain.fit(drawn.laps, REFERENCE) is None


def test_the_level_of_intermediates_comes_back(drawn: RaceTables) -> None:
    races = list(drawn.races.race_id[:6])
    laps = drawn.laps[drawn.laps.race_id.isin(races)].copy()
    level = dict(zip(races, (8.0, 10.0, 12.0, 14.0, 16.0, 18.0), strict=True))
    rng = np.random.default_rng(2)
    laps["compound_index"] = 3
    laps["lap_time_s"] = 80.0 + laps.race_id.map(level) + rng.normal(0, 0.5, len(laps))
    found = rain.fit(laps, REFERENCE)
    assert found is not None
    assert found.values["intermediate_s"] == pytest.approx((78.0 + 2 * 12.0) / 8, abs=0.3)
    assert found.values["spread_s"] == pytest.approx(np.std(list(level.values())), abs=0.3)
    assert "wet_s" not in found.values
    assert abs(found.values["intermediate_s"] - 13.0) < 2 * float(found.evidence["intermediate_s"].sd)


def test_the_twin_starts_from_what_the_file_says() -> None:
    p = load_parameters("monza", 2024)
    model = PaceModel.of(p.replace(live=LiveNumbers(wet=WetLaps(11.0, 19.0, 8.0))))
    assert model.offset_s[3:] == (11.0, 19.0)
    assert model.wet_offset_sd_s == 8.0
