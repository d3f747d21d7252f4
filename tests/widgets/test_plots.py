"""Figures show the laps they were given, in either naming of the columns."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from racetwin import plots
from racetwin.errors import InputError

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def laps(race: ModuleType) -> pd.DataFrame:
    return race.snapshot(40).lap_table()


def line(figure: object, name: str) -> object:
    return next(t for t in figure.data if t.name == name and t.mode == "lines")


def test_race_trace_against_a_car_shows_true_gaps(laps: pd.DataFrame) -> None:
    figure = plots.race_trace(laps, reference="44", highlight=["1"])
    times = laps.pivot_table(index="lap", columns="car_id", values="line_time_s")
    trace = line(figure, "1")
    np.testing.assert_allclose(trace.y, (times["1"] - times["44"]).to_numpy())
    assert set(line(figure, "44").y) == {0.0}


def test_race_trace_agrees_with_the_pit_walls(laps: pd.DataFrame, race: ModuleType) -> None:
    from racetwin.widgets.trace import reference_times

    np.testing.assert_allclose(plots.reference_pace(laps), reference_times(race.lap_rows(40)), atol=1e-6)


def test_columns_of_a_race_record_are_understood(laps: pd.DataFrame) -> None:
    record = laps.rename(columns={"car_id": "driver_number", "line_time_s": "race_time_s", "pit_in": "pit_stop"}).drop(
        columns=["pit_out"]
    )
    one, two = plots.race_trace(laps), plots.race_trace(record)
    np.testing.assert_allclose(one.data[0].y, two.data[0].y)


def test_stints_cover_every_lap_once(laps: pd.DataFrame, race: ModuleType) -> None:
    figure = plots.stints(laps)
    assert {t.name for t in figure.data} == {"medium", "hard"}
    assert sum(float(np.sum(t.x)) for t in figure.data) == len(laps)


def test_gap_is_positive_where_the_first_car_is_behind(laps: pd.DataFrame) -> None:
    one, two = plots.gap(laps, "44", "1").data[0].y, plots.gap(laps, "1", "44").data[0].y
    np.testing.assert_allclose(one, -np.asarray(two))


def test_lap_times_leave_out_stops_and_the_safety_car(laps: pd.DataFrame) -> None:
    trace = plots.lap_times(laps, ["44"]).data[0]
    assert not set(trace.x) & {11, 12, 13, 17, 18}
    assert max(trace.y) < 100


def test_wear_is_what_the_laps_were_made_with(laps: pd.DataFrame) -> None:
    figure = plots.tyre_wear(laps, "44", fuel_s_per_lap=0.03)
    slopes = [(t.y[-1] - t.y[0]) / (t.x[-1] - t.x[0]) for t in figure.data if t.mode == "lines" and t.line.color]
    assert slopes == pytest.approx([0.05, 0.05], abs=0.03)


def test_finishing_positions_are_the_answers(race: ModuleType) -> None:
    answer = race.answer("63", 22)
    figure = plots.finishing_positions(answer, top=3)
    assert tuple(figure.data[0].y) == answer.plans[0].position_probability
    assert figure.data[1].name == "L24 HARD (too close to call)"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: plots.race_trace(d, reference="99"), "reference: car '99' is not in these laps"),
        (lambda d: plots.gap(d, "44", "99"), "car: '99' is not in these laps"),
        (lambda d: plots.tyre_wear(d, "99"), "car: '99' is not in these laps"),
        (lambda d: plots.stints(d.drop(columns="compound")), "laps: no column compound"),
    ],
)
def test_errors_name_what_is_wrong(laps: pd.DataFrame, call: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(laps)
