"""Real races that are not as usual: they go through, and where less is known intervals are wider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from racetwin.config import Settings
from racetwin.evaluation.outcome import Outcome
from racetwin.runtime.catch_up import twin_at
from racetwin.schemas import CarTwinState, Estimate
from racetwin.telemetry.library import RaceLibrary
from racetwin.twins import RaceTwin

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def library(race_data: Path) -> RaceLibrary:
    return RaceLibrary(Settings(data=race_data))


def states(twin: RaceTwin) -> Iterator[CarTwinState]:
    return (car.state() for car in twin.cars.values() if car.running and car.laps < twin.total_laps)


def width(e: Estimate) -> float:
    return e.high - e.low


def typical_width(twin: RaceTwin, ahead: int = 0) -> float:
    """Width of the forecast of one of the coming laps, in the middle of the field, in seconds."""
    return float(np.median([width(s.next_laps_s[ahead]) for s in states(twin) if len(s.next_laps_s) > ahead]))


@pytest.fixture(scope="module")
def usual(library: RaceLibrary) -> RaceTwin:
    """Return a dry race without a safety car, a third of it run."""
    return twin_at(library.load("2022-06-spain"), 22)


def test_a_race_restarted_under_red(library: RaceLibrary, usual: RaceTwin) -> None:
    record = library.load("2020-08-italy")
    after = twin_at(record, 28)
    assert all(car.set_laps <= 2 for car in after.cars.values() if car.running)  # all have fitted other sets
    assert after.race_state().running.sum() == len(list(states(after)))
    assert typical_width(after) > typical_width(usual)
    # What was fitted while the race stood still is no stop, and counts as another compound where it is one.
    made = {c: sum(lap <= car.laps - 1 for lap, _ in Outcome.of(record).stops[c]) for c, car in after.cars.items()}
    assert {c: car.stops for c, car in after.cars.items() if car.running} == {
        c: made[c] for c, car in after.cars.items() if car.running
    }
    assert any(car.stops <= 1 and car.compounds_used.bit_count() > 1 for car in after.cars.values())


def test_a_wet_race(library: RaceLibrary, usual: RaceTwin) -> None:
    wet = twin_at(library.load("2020-14-turkey"), 20)
    assert wet.wetness > 0.3
    assert typical_width(wet) > 2.0 * typical_width(usual)
    assert all(s.pit_window is None for s in states(wet))


def test_a_sprint(library: RaceLibrary) -> None:
    sprint = twin_at(library.load("2022-11-austria-sprint"), 8)
    assert sprint.is_sprint
    assert not sprint.parameters.prescribes_stop
    for car in sprint.field.get_state()["cars"].values():
        assert car["predicted_strategy"] == []
    assert all(len(s.next_laps_s) == min(10, sprint.total_laps - s.lap) for s in states(sprint))


def test_drivers_without_history(library: RaceLibrary) -> None:
    """Before the first race of a season some drivers are new to the form: their pace is less certain until they have driven."""
    record = library.load("2019-01-australia")
    twin = twin_at(record, 1)
    known = twin.form.drivers.keys()
    new = [s for s in states(twin) if s.driver not in known and (s.team or "") not in twin.form.teams]
    old = [s for s in states(twin) if s.driver in known]
    assert new
    assert old
    assert min(width(s.pace_s) for s in new) > max(width(s.pace_s) for s in old)
