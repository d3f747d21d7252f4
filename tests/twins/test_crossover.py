"""The crossover: lap time against lap time, from the twin's own expectations."""

from __future__ import annotations

from typing import Any

import pytest

from racetwin.schemas import COMPOUNDS
from racetwin.twins.crossover import WARM_AGE, crossovers

pytestmark = pytest.mark.unit


def test_gain_is_the_forecast_lap_over_one_on_a_new_set(toy: Any, drive: Any) -> None:
    race = drive(toy(), to_lap=12)
    car = next(c for c in race.cars.values() if c.running)
    found = crossovers(race)[car.car_id]
    assert [f["compound"] for f in found] == [c.value for c in COMPOUNDS[:3]]
    ahead = car.forecast()
    clean = ahead.median_s - ahead.traffic_s
    for k, row in enumerate(found):
        expected, _ = race.pace.expect(car.index, car.laps + 1, k, WARM_AGE)
        assert row["gain_s"] == pytest.approx(clean[0] - expected, abs=1e-3)
        if row["gain_s"] > 0:
            assert row["lap"] == car.laps + 1
        elif row["lap"] is not None:
            assert row["lap"] > car.laps + 1


def test_before_the_first_lap_there_is_none(toy: Any, drive: Any) -> None:
    race = drive(toy(), to_lap=2)
    car = next(iter(race.cars.values()))
    car.laps = 0
    assert crossovers(race)[car.car_id] == []
