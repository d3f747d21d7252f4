"""Stops that others have made today: how many of late, and how old the sets were."""

from __future__ import annotations

import json
from typing import Any

import pytest

from racetwin.twins import RaceTwin
from racetwin.twins.road import LapNote
from racetwin.twins.stops_today import StopsToday

pytestmark = pytest.mark.unit


def note(car_id: str, lap: int, age: float | None, compound: str = "MEDIUM", **changed: Any) -> LapNote:
    """Return an in-lap under green."""
    values: dict[str, Any] = {
        "time_s": 90.0 * lap,
        "lap_time_s": 93.0,
        "gap_s": 0.0,
        "position": 1,
        "pit_in": True,
        "pit_out": False,
        "track_status": "GREEN",
        "neutralised": False,
    }
    return LapNote(lap=lap, car_id=car_id, compound=compound, tyre_age=age, **{**values, **changed})


def test_stops_of_the_last_four_laps_count_but_our_own() -> None:
    today = StopsToday([note("1", 10, 10), note("4", 13, 13), note("44", 14, 14), note("63", 12, 12, pit_in=False)])
    assert today.of_late("44", 13) == 2
    assert today.of_late("16", 14) == 2
    assert today.of_late("16", 18) == 0


def test_the_age_at_stops_of_others_on_the_same_compound_under_green() -> None:
    laps = [note(str(k), 10 + k, 10.0 + k) for k in range(3)]
    assert StopsToday(laps[:2]).usual_age("44", 1) == 0.0
    odd = [note("8", 12, 40, "HARD"), note("9", 12, 2, neutralised=True), note("44", 30, 30), note("7", 12, None)]
    today = StopsToday(laps + odd)
    assert today.usual_age("44", 1) == 11.0
    assert today.usual_age("44", 2) == 0.0
    assert today.usual_age("44", -1) == 0.0


def test_a_restored_twin_knows_the_stops_of_the_day(toy: Any, drive: Any) -> None:
    twin = drive(toy(stops={1: {10: "HARD"}, 2: {11: "HARD"}, 3: {12: "HARD"}, 4: {13: "HARD"}}), to_lap=14)
    other = RaceTwin.restore(json.loads(json.dumps(twin.snapshot())), twin.parameters)
    contexts = [twin.stop_context(c) for c in twin.cars.values()]
    assert contexts == [other.stop_context(c) for c in other.cars.values()]
    assert [c.stopped_of_late for c in contexts[3:]] == pytest.approx(
        [3 / 6, 3 / 6, 4 / 6]
    )  # car 5 is a lap further than car 6
    assert contexts[5].age_today == pytest.approx(11.5)
