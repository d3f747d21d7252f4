"""Gaps between two crossings of the line: worked out where that can be done, marked where not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from racetwin.runtime.snapshot import LapRow, RaceInfo, RaceSnapshot
from racetwin.schemas import CarStatus, CarTelemetry, TelemetryFrame, TrackConditions, TrackStatus, Tyre
from racetwin.widgets import VerdictStrip
from racetwin.widgets.gaps import gaps_now, place_age
from racetwin.widgets.tower import tower_rows

pytestmark = pytest.mark.unit

PACE = {"1": 90.0, "2": 91.0, "3": 90.5}


def at(time_s: float, status: TrackStatus = TrackStatus.GREEN, **changes: dict[str, Any]) -> RaceSnapshot:
    """Three cars that drive every lap in a time of their own, as a feed that times them at the line shows them."""
    rows: list[LapRow] = []
    cars = []
    for car_id, pace in PACE.items():
        done = int(time_s // pace)
        rows += [
            LapRow(lap=lap, car_id=car_id, lap_time_s=pace, line_time_s=lap * pace, gap_s=lap * (pace - 90.0))
            for lap in range(1, done + 1)
        ]
        cars.append(
            CarTelemetry(
                car_id=car_id,
                position=1,
                lap=done + 1,
                lap_fraction=(time_s - done * pace) / pace,
                gap_s=done * (pace - 90.0),
                interval_s=0.1,
                last_lap_s=pace,
                last_line_time_s=done * pace,
                tyre=Tyre(),
            ).model_copy(update=changes.get(car_id, {}))
        )
    cars.sort(key=lambda c: -((c.lap or 0) + (c.lap_fraction or 0)))
    placed = tuple(c.model_copy(update={"position": k}) for k, c in enumerate(cars, start=1))
    track = TrackConditions(status=status)
    lap = max(c.lap or 1 for c in cars)
    frame = TelemetryFrame(
        source="lines",
        seq=1,
        time_s=time_s,
        race_id="2024-01-here",
        season=2024,
        lap=lap,
        total_laps=50,
        track=track,
        cars=placed,
    )
    info = RaceInfo(race_id="2024-01-here", total_laps=50, source="lines")
    return RaceSnapshot(run_id="x", version=1, time_s=time_s, lap=lap, info=info, frame=frame, laps=tuple(rows))


@pytest.mark.parametrize("time_s", [990.0 + 5, 990.0 + 44, 990.0 + 80, 1080.0 + 6])
def test_between_two_lines_a_gap_is_the_time_since_the_leader_was_there(time_s: float) -> None:
    snapshot = at(time_s)
    gaps = gaps_now(snapshot)
    for car_id in ("2", "3"):
        place = time_s / PACE[car_id]  # laps driven, at an even pace
        assert gaps[car_id].kind == "between"
        assert gaps[car_id].gap_s == pytest.approx(time_s - 90.0 * place)
    assert gaps["2"].interval_s == pytest.approx(gaps["2"].gap_s - gaps["3"].gap_s)
    assert gaps["1"].kind == "timed"


def test_a_gap_of_the_feeds_own_is_left_as_it_is() -> None:
    gaps = gaps_now(at(1034.0, **{"2": {"gap_s": 9.876}}))
    assert (gaps["2"].gap_s, gaps["2"].kind, gaps["2"].age_s) == (9.876, "timed", None)


def test_a_car_that_has_been_in_the_pits_keeps_the_gap_of_its_line_with_its_age() -> None:
    line = 11 * 91.0
    for changes in (
        {"status": CarStatus.PIT},
        {"pit_in_time_s": line - 3.0, "pit_out_time_s": line + 18.0},
    ):
        gap = gaps_now(at(1034.0, **{"2": changes}))["2"]
        assert (gap.kind, gap.gap_s) == ("pit", 11.0)
        assert gap.age_s == pytest.approx(1034.0 - line)
    row = next(r for r in tower_rows(at(1034.0, **{"2": {"status": CarStatus.PIT}})) if r["id"] == "2")
    assert (row["gap"], row["known"], row["gap_age"]) == (11.0, "pit", 33)


def test_a_car_that_should_have_crossed_the_line_is_late() -> None:
    gap = gaps_now(at(1034.0, **{"2": {"last_line_time_s": 910.0, "lap": 11, "gap_s": 10.0}}))["2"]
    assert (gap.kind, gap.age_s) == ("late", pytest.approx(124.0))


@pytest.mark.parametrize("status", [TrackStatus.SC, TrackStatus.RED])
def test_nothing_is_worked_out_while_the_race_is_neutralised(status: TrackStatus) -> None:
    gaps = gaps_now(at(1034.0, status))
    assert {g.kind for g in gaps.values()} == {"timed"}
    assert gaps["2"].gap_s == 11.0


def test_nothing_is_worked_out_while_the_leader_stops() -> None:
    gaps = gaps_now(at(1034.0, **{"1": {"status": CarStatus.PIT}}))
    assert gaps["3"].kind == "timed"


def test_an_interval_is_never_negative() -> None:
    close = at(1034.0, **{"3": {"lap_fraction": 0.4, "gap_s": 5.5}, "2": {"lap_fraction": 0.41}})
    order = tuple(
        sorted(close.frame.cars, key=lambda c: c.car_id)
    )  # 1, 2, 3: the line has not said yet that 3 is past 2
    order = tuple(c.model_copy(update={"position": k}) for k, c in enumerate((order[0], order[2], order[1]), start=1))
    gaps = gaps_now(close.model_copy(update={"frame": close.frame.model_copy(update={"cars": order})}))
    assert np.all([g.interval_s >= 0 for g in gaps.values() if g.kind == "between"])


def test_a_place_from_before_a_stop_is_told_with_its_age_until_the_next_line() -> None:
    """A feed that times cars at the line keeps the place that a car had before it went in for a whole lap more."""
    last = 10 * PACE["2"]
    for changes in (
        {"status": CarStatus.PIT},
        {"pit_in_time_s": last - 2, "pit_out_time_s": last + 19},  # out again, on its out-lap
    ):
        stopped = at(last + 25, **{"2": changes})
        car = stopped.car("2")
        assert car is not None
        assert place_age(stopped, car) == pytest.approx(25)
        aged = {r["id"]: r["place_age"] for r in tower_rows(stopped)}
        assert aged == {"1": None, "2": 25, "3": None}
        strip = VerdictStrip()
        strip.show(stopped, "2")
        shown = strip.shown()
        assert (shown["place_age"], shown["in_pit"]) == (25, car.status is CarStatus.PIT)
        strip.show(stopped, "1")
        assert strip.shown()["place_age"] is None
    line = at(last + 25, **{"2": {"pit_in_time_s": last - 95, "pit_out_time_s": last - 74}})  # a lap before
    assert place_age(line, line.car("2")) is None
    by_sectors = at(last + 25, **{"2": {"status": CarStatus.PIT, "gap_s": 24.0}})  # the feed has moved it since
    assert place_age(by_sectors, by_sectors.car("2")) is None
