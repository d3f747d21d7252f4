"""At the flag every panel says that the race is over and what stands, instead of waiting for an answer that never comes."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from racetwin.runtime.snapshot import RaceSnapshot
from racetwin.schemas import CarStatus
from racetwin.widgets import RaceDayBoard
from racetwin.widgets.race_over import race_over, stops_of

pytestmark = pytest.mark.unit


def home(race: ModuleType, status: CarStatus = CarStatus.FINISHED, car_id: str = "63") -> RaceSnapshot:
    """The race with one car home (or out), the others still driving."""
    snapshot: RaceSnapshot = race.snapshot(51)
    assert snapshot.frame is not None
    cars = tuple(
        c.model_copy(update={"status": status, "position": 3, "lap": 52}) if c.car_id == car_id else c
        for c in snapshot.frame.cars
    )
    return snapshot.model_copy(update={"frame": snapshot.frame.model_copy(update={"cars": cars})})


def test_a_race_that_goes_on_is_not_over(race: ModuleType) -> None:
    assert race_over(race.snapshot(22), "63") is None
    assert race_over(home(race), "44") is None


def test_what_stands_at_the_flag_is_the_place_and_the_stops(race: ModuleType) -> None:
    over = race_over(home(race), "63")
    assert over is not None
    stop = race.stop_lap(6)
    assert over.words == f"The race is over: P3 on the road, from P7 on the grid. Our stops: L{stop} HARD."
    out = race_over(home(race, CarStatus.RETIRED), "63")
    assert out is not None
    assert out.words == f"Out of the race on lap 52. Our stops: L{stop} HARD."


def test_a_drive_through_is_no_stop_for_tyres(race: ModuleType) -> None:
    stop = race.stop_lap(0)
    rows = [
        r.model_copy(update={"pit_in": True}) if (r.car_id, r.lap) == ("44", 30) else r for r in race.snapshot(40).laps
    ]
    rows = [r.model_copy(update={"pit_out": True}) if (r.car_id, r.lap) == ("44", 31) else r for r in rows]
    assert stops_of(rows, "44") == ((stop, "HARD"),)
    again = [  # the same compound, but a younger set
        r.model_copy(update={"tyre_age": float(r.lap - 30)}) if r.car_id == "44" and r.lap > 30 else r for r in rows
    ]
    assert stops_of(again, "44") == ((stop, "HARD"), (30, "HARD"))


def test_at_the_flag_no_panel_waits_for_an_answer(race: ModuleType, still: Any) -> None:
    snapshot = home(race)
    assert snapshot.answers["63"].plans  # the last answer still stands in the snapshot: it decides nothing any more
    board = RaceDayBoard(still(snapshot), "63")
    board.settle(10)
    over = race_over(snapshot, "63")
    assert over is not None
    shown = {name: panel.shown() for name, panel in board.panels.items()}
    assert (shown["plans"]["over"], shown["plans"]["plans"]) == (over.words, [])
    assert (shown["rejoin"]["why"], shown["rejoin"]["rejoin"]) == (over.words, None)
    assert (shown["advice"]["why"], shown["advice"]["advice"]) == (over.words, [])
    assert (shown["window"]["why"], shown["window"]["cells"]) == (over.words, [])
    assert shown["scenario"]["over"] == shown["desk"]["over"] == over.words
    assert (shown["verdict"]["verdict"]["headline"], shown["verdict"]["verdict"]["detail"]) == ("FINISHED", over.place)
    assert shown["verdict"]["over"]["stops"] == over.stops_made
    board.choose("44")
    assert board.plans.shown()["over"] is None
