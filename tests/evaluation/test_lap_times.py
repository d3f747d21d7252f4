from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from racetwin.config import Settings
from racetwin.errors import InputError
from racetwin.evaluation.lap_times import crps, score_race, summarise
from racetwin.evaluation.stints import follow_stint, longest_stint
from racetwin.telemetry.library import RaceLibrary
from racetwin.telemetry.records import RaceRecord

pytestmark = pytest.mark.unit

LEVELS = (np.arange(200) + 0.5) / 200
FUEL_S = 3.41 * 24 / 58
"""What the fuel of a race of 24 laps costs at its start, of 58 being usual (110 kg at 0.031 s/kg)."""


def quantiles(mean: float, sd: float) -> np.ndarray:
    draws = np.sort(mean + sd * np.random.default_rng(3).standard_normal(400_000))
    return np.quantile(draws, LEVELS)[None, :]


def race(laps: int = 24, stop: int | None = 12, slow: int | None = None) -> RaceRecord:
    rows = []
    for car in (1, 2, 3):
        age, compound = 0, "MEDIUM"
        for lap in range(1, laps + 1):
            age += 1
            time = 90.0 + 0.2 * car + 0.05 * age + FUEL_S * (1 - (lap - 0.5) / laps) + (4.0 if lap == 1 else 0.0)
            out = stop is not None and lap == stop + 1
            if lap == slow and car == 2:
                time += 15.0
            rows.append(
                {
                    "driver_number": car,
                    "lap": lap,
                    "lap_time_s": time + (15.0 if out else 0.0) + (5.0 if lap == stop else 0.0),
                    "compound": compound,
                    "tyre_age": age,
                    "pit_stop": lap == stop,
                }
            )
            if lap == stop:
                compound, age = "HARD", 0
    table = pd.DataFrame(rows)
    table["race_time_s"] = table.groupby("driver_number").lap_time_s.cumsum()
    table["pit_in_time_s"] = table.race_time_s.where(table.pit_stop) - 5.0
    before = table.groupby("driver_number")[["race_time_s", "pit_stop"]].shift(1)
    table["pit_out_time_s"] = before.race_time_s.where(before.pit_stop.eq(True)) + 15.0
    return RaceRecord.from_laps(table, race_id="toy", season=2024, grid={"1": 1, "2": 2, "3": 3})


def test_crps_of_a_normal_forecast_is_the_closed_form() -> None:
    z = 0.7
    exact = z * math.erf(z / math.sqrt(2)) + 2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi) - 1 / math.sqrt(math.pi)
    assert crps(np.array([90.0 + 0.4 * z]), quantiles(90.0, 0.4), LEVELS)[0] == pytest.approx(0.4 * exact, rel=0.01)


def test_crps_of_a_point_is_the_absolute_error() -> None:
    assert crps(np.array([91.0]), np.full((1, 200), 90.5), LEVELS)[0] == pytest.approx(0.5)


def test_only_racing_laps_of_the_same_set_are_scored() -> None:
    table = score_race(race())
    first, second = table[table.lap < 12], table[table.lap > 12]
    assert (first.lap + first.ahead < 12).all()
    assert (second.lap > 13).all()
    assert table.lap.min() == 2
    assert set(table.car_id) == {"1", "2", "3"}


def test_a_lap_in_trouble_is_not_scored() -> None:
    table = score_race(race(slow=8))
    two = table[table.car_id == "2"]
    assert not two.lap.eq(8).any()
    assert not (two.lap + two.ahead).eq(8).any()
    assert (two.lap + two.ahead).eq(9).any()


def test_repeating_the_last_lap_is_beside_it() -> None:
    table = score_race(race())
    row = table[(table.car_id == "1") & (table.lap == 5) & (table.ahead == 1)].iloc[0]
    assert row.observed_s - row.repeat_s == pytest.approx(0.05 - FUEL_S / 24, abs=2e-3)


def test_a_steady_race_is_forecast_well() -> None:
    scores = summarise(score_race(race(laps=30, stop=None)))
    assert scores["mae_next"] < 0.15
    assert scores["cover"] > 0.9


def test_a_race_without_a_racing_lap_has_no_rows() -> None:
    assert len(score_race(race(laps=2, stop=None)).query("ahead > 1")) == 0


def test_a_stint_is_followed_lap_by_lap() -> None:
    record = race()
    car, first, last = longest_stint(record)
    stint = follow_stint(record, car, first, last)
    assert stint.beliefs["lap"].tolist() == list(range(first, last + 1))
    assert (stint.beliefs["wear_low_s"] < stint.beliefs["wear_high_s"]).all()
    assert (stint.forecasts["target"] > stint.forecasts["lap"]).all()
    assert stint.trend()[0] == pytest.approx(0.05, abs=0.01)


def test_a_stint_that_was_not_driven_is_refused() -> None:
    with pytest.raises(InputError, match="completes no lap"):
        follow_stint(race(), "99", 1, 5)


@pytest.mark.data
def test_real_laps_are_forecast_better_than_by_repeating_the_last(race_data: Path) -> None:
    library = RaceLibrary(Settings(data=race_data))
    scores = summarise(score_race(library.load("2024-06-miami")))
    assert scores["n_next"] > 700
    assert scores["mae_next"] < 0.9 * scores["mae_repeat"]
    assert 0.8 < scores["cover"] < 0.99
