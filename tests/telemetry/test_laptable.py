from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from racetwin.config import Settings
from racetwin.errors import DataError, InputError
from racetwin.schemas import CarStatus, Compound, LapCompleted, TelemetryFrame, TrackStatus
from racetwin.telemetry import RaceLibrary, RaceRecord, TelemetryIngestor, frames
from racetwin.telemetry.laptable import known_at, lap_share

pytestmark = pytest.mark.unit


def events_of(record: RaceRecord, hz: float | None) -> list[LapCompleted]:
    ingestor = TelemetryIngestor()
    found = [e for f in frames(record, hz=hz) for e in getattr(ingestor.process(f), "events", ())]
    return [e for e in found if isinstance(e, LapCompleted)]


def by_lap(events: list[LapCompleted]) -> list[LapCompleted]:
    return sorted(events, key=lambda e: (e.lap, e.car_id))


def car(frame: TelemetryFrame, number: str) -> object:
    return next(c for c in frame.cars if c.car_id == number)


def test_cars_stand_on_the_grid_before_lights_out(record: RaceRecord) -> None:
    first = next(frames(record))
    assert first.time_s == -5.0
    assert first.lap == 1
    assert [(c.car_id, c.position, c.status) for c in first.cars] == [(str(i), i, CarStatus.GRID) for i in (1, 2, 3, 4)]
    assert all(c.last_lap_s is None and c.gap_s is None for c in first.cars)


def test_ten_frames_a_second_numbered_without_gaps(record: RaceRecord) -> None:
    shown = list(frames(record, to_lap=2))
    assert [f.seq for f in shown] == list(range(len(shown)))
    steps = {round(b.time_s - a.time_s, 6) for a, b in itertools.pairwise(shown)}
    assert steps == {0.1}
    assert shown[-1].lap == 3


def test_every_frame_would_pass_validation(record: RaceRecord) -> None:
    for frame in frames(record, hz=None):
        assert TelemetryFrame.model_validate(frame.model_dump()) == frame


@pytest.mark.parametrize("hz", [None, 10.0, 3.0])
def test_lap_level_facts_do_not_depend_on_the_frame_rate(record: RaceRecord, hz: float | None) -> None:
    assert by_lap(events_of(record, hz)) == by_lap(events_of(record, 25.0))


def test_laps_come_out_as_they_went_in(record: RaceRecord) -> None:
    table = {(int(r["lap"]), str(r["car_id"])): r for r in record.laps.to_dict(orient="records")}
    events = events_of(record, None)
    assert len(events) == len(table) - 0 - sum(1 for r in table.values() if math.isnan(r["race_time_s"]))
    for e in events:
        row = table[e.lap, e.car_id]
        assert e.line_time_s == row["race_time_s"]
        assert e.lap_time_s == row["lap_time_s"]
        assert e.tyre.compound == Compound(row["compound"])
        assert e.tyre.age == row["tyre_age"]
        assert e.pit_in == (not math.isnan(row["pit_in_time_s"]))
        assert e.pit_out == (not math.isnan(row["pit_out_time_s"]))


def test_the_stop_shows_in_the_lane_and_on_the_tyre(record: RaceRecord) -> None:
    shown = list(frames(record))
    in_lane = [f for f in shown if car(f, "2").status is CarStatus.PIT]
    rows = record.laps[record.laps["car_id"] == "2"]
    entry, exit_ = rows["pit_in_time_s"].dropna().item(), rows["pit_out_time_s"].dropna().item()
    assert entry <= in_lane[0].time_s < entry + 0.1
    assert exit_ - 0.1 <= in_lane[-1].time_s < exit_
    assert all(car(f, "2").tyre.compound is Compound.MEDIUM for f in in_lane)
    after = next(f for f in shown if f.time_s >= exit_)
    assert (car(after, "2").tyre.compound, car(after, "2").tyre.age, car(after, "2").stops) == (Compound.HARD, 0.0, 1)
    assert car(after, "2").pit_lane_s == pytest.approx(exit_ - entry)


def test_the_retired_car_goes_and_the_lapped_car_sees_the_flag(record: RaceRecord) -> None:
    last = list(frames(record, hz=None))[-1]
    assert {c.car_id: c.status for c in last.cars} == {
        "1": CarStatus.FINISHED, "2": CarStatus.FINISHED, "4": CarStatus.FINISHED, "3": CarStatus.RETIRED,
    }  # fmt: skip
    assert [c.car_id for c in last.cars] == ["1", "2", "4", "3"]
    assert car(last, "4").laps_down == 1
    assert last.lap == 8


def test_gap_interval_and_best_lap_are_those_at_the_line(record: RaceRecord) -> None:
    laps = record.laps.set_index(["car_id", "lap"])["race_time_s"]
    at = laps["2", 2]
    frame = next(f for f in frames(record, hz=None) if f.time_s == at)
    assert car(frame, "2").gap_s == pytest.approx(at - laps["1", 2], abs=1e-3)
    assert car(frame, "2").interval_s == pytest.approx(at - laps["1", 2], abs=1e-3)
    assert car(frame, "2").best_lap_s == 90.5


def test_safety_car_comes_after_the_last_car_without_it_and_goes_at_the_line(record: RaceRecord) -> None:
    sc = [c for c in record.status if c.status is TrackStatus.SC]
    assert len(sc) == 1
    rows = record.laps
    lap5 = rows[(rows["lap"] == 5)]
    assert rows[rows["lap"] == 4]["race_time_s"].max() - 1 <= sc[0].time_s + 90
    assert sc[0].time_s <= lap5["race_time_s"].min()
    end = record.status[record.status.index(sc[0]) + 1]
    assert end.status is TrackStatus.GREEN
    assert end.time_s <= rows[(rows["lap"] == 6) & (rows["car_id"] == "1")]["race_time_s"].item()


def cut(frame: TelemetryFrame) -> dict[str, Any]:
    return frame.model_dump()


@settings(max_examples=10, deadline=None)
@given(share=st.floats(0.0, 1.0), hz=st.sampled_from([None, 2.0]))
def test_nothing_is_shown_before_its_time(record: RaceRecord, share: float, hz: float | None) -> None:
    whole = record
    t = round(share * float(whole.laps["race_time_s"].max()), 1)
    then = known_at(whole, t)
    seen = [cut(f) for f in frames(whole, hz=hz) if f.time_s <= t]
    known = [cut(f) for f in frames(then, hz=hz) if f.time_s <= t]
    assert known == seen[: len(known)]
    assert hz is not None or len(known) == len(seen)


def test_what_was_known_holds_no_later_time(record: RaceRecord) -> None:
    then = known_at(record, 300.0)
    for column in ("race_time_s", "pit_in_time_s", "pit_out_time_s"):
        assert not (then.laps[column] > 300.0).any()
    assert then.chequered_lap is None
    assert all(c.time_s <= 300.0 for c in then.status)


@given(x=st.floats(0, 50))
def test_a_car_never_gets_round_before_it_crosses_the_line(x: float) -> None:
    assert 0 <= lap_share(x) < 1


def test_from_lap_and_to_lap(record: RaceRecord) -> None:
    shown = list(frames(record, hz=None, from_lap=3, to_lap=5))
    assert shown[0].seq == 0
    assert shown[0].lap == 3
    assert shown[-1].lap == 6
    with pytest.raises(InputError, match="from_lap: 9, expected 1 to 8"):
        frames(record, from_lap=9)
    with pytest.raises(InputError, match="hz: 0"):
        frames(record, hz=0)


def test_a_bare_table_of_lap_times_will_do() -> None:
    laps = pd.DataFrame({"driver_number": [1, 1, 44, 44], "lap": [1, 2, 1, 2], "lap_time_s": [95.0, 91.5, 96.0, 91.0]})
    last = list(frames(RaceRecord.from_laps(laps, race_id="bare"), hz=None))[-1]
    assert [(c.car_id, c.position, c.last_line_time_s) for c in last.cars] == [("1", 1, 186.5), ("44", 2, 187.0)]


def test_what_cannot_be_replayed_is_refused_in_one_line() -> None:
    with pytest.raises(DataError, match="no column lap, race_time_s or lap_time_s; it has driver_number"):
        RaceRecord.from_laps(pd.DataFrame({"driver_number": [1]}), race_id="x")
    with pytest.raises(DataError, match="is empty"):
        RaceRecord.from_laps(pd.DataFrame({"driver_number": [], "lap": [], "lap_time_s": []}), race_id="x")
    with pytest.raises(DataError, match="no lap of the lap table has a time"):
        RaceRecord.from_laps(pd.DataFrame({"driver_number": [1], "lap": [1], "lap_time_s": [None]}), race_id="x")


def test_a_lap_only_begun_is_not_completed() -> None:
    laps = pd.DataFrame(
        {
            "driver_number": [1, 1, 1, 2, 2], "lap": [1, 2, 3, 1, 2], "lap_time_s": [95.0, 91.5, 91.0, 96.0, 150.0],
            "position": [1, 1, 1, 2, None], "compound": "SOFT", "tyre_age": [1, 2, 3, 1, 2],
            "lap_time_filled": [False, False, False, False, True],
            "last_lap_before_retirement": [False, False, False, False, True],
        }
    )  # fmt: skip
    record = RaceRecord.from_laps(laps, race_id="x")
    assert [(e.car_id, e.lap) for e in events_of(record, None)] == [("1", 1), ("2", 1), ("1", 2), ("1", 3)]
    last = list(frames(record, hz=None))[-1]
    assert car(last, "2").status is CarStatus.RETIRED
    assert "never completed" in record.notes[0]


def test_a_car_that_completes_no_lap_is_on_the_grid_and_retires(record: RaceRecord) -> None:
    laps = pd.DataFrame({"driver_number": [1, 1], "lap": [1, 2], "lap_time_s": [95.0, 91.5]})
    race = RaceRecord.from_laps(laps, race_id="x", grid={"1": 1, "9": 2})
    shown = list(frames(race, hz=None))
    assert [c.car_id for c in shown[0].cars] == ["1", "9"]
    assert car(shown[-1], "9").status is CarStatus.RETIRED
    assert car(shown[1], "9").status is CarStatus.TRACK


@pytest.mark.data
@pytest.mark.integration
@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.backtest)])
def test_stored_races_go_through(race_data: Path, tmp_path: Path, every: int) -> None:
    library = RaceLibrary(Settings(data=race_data, library=tmp_path))
    races = library.list()
    assert len(races) >= 138
    total = exact = 0
    for race_id in races["race_id"][::every]:
        race = library.load(race_id)
        ingestor = TelemetryIngestor()
        laps = []
        frame = None
        for frame in frames(race, hz=None):
            ingested = ingestor.process(frame)
            laps += [e for e in ingested.events if isinstance(e, LapCompleted)]
        assert frame is not None
        assert ingestor.counters.accepted == ingestor.counters.received, race_id
        assert all(c.status in (CarStatus.FINISHED, CarStatus.RETIRED) for c in frame.cars), race_id
        assert any(c.status is CarStatus.FINISHED for c in frame.cars), race_id
        assert not any(e.inferred for e in laps), race_id
        table = {(r["car_id"], r["lap"]): r for r in race.laps.to_dict(orient="records")}
        total += len(laps)
        for e in laps:
            row = table[e.car_id, e.lap]
            same_time = e.lap_time_s == row["lap_time_s"] or math.isnan(row["lap_time_s"])
            exact += bool(same_time and e.line_time_s == row["race_time_s"])
    assert exact == total


RED_FLAGS_LANE_STARTS_AND_OTHERS = [
    "2023-15-singapore", "2020-08-italy", "2021-12-belgium", "2024-08-monaco", "2026-02-china-sprint",
]  # fmt: skip


@pytest.mark.data
@pytest.mark.integration
@pytest.mark.parametrize("race_id", RED_FLAGS_LANE_STARTS_AND_OTHERS)
def test_real_races_show_nothing_early(race_data: Path, tmp_path: Path, race_id: str) -> None:
    race = RaceLibrary(Settings(data=race_data, library=tmp_path)).load(race_id)
    whole = [cut(f) for f in frames(race, hz=None)]
    end = float(race.laps["race_time_s"].max())
    for share in (0.003, 0.2, 0.5, 0.9):
        t = round(share * end, 1)
        seen = [f for f in whole if f["time_s"] <= t]
        assert [cut(f) for f in frames(known_at(race, t), hz=None) if f.time_s <= t] == seen


@pytest.mark.data
@pytest.mark.integration
@pytest.mark.parametrize("race_id", ["2021-12-belgium", "2026-02-china-sprint"])
def test_real_races_say_the_same_at_any_frame_rate(race_data: Path, tmp_path: Path, race_id: str) -> None:
    race = RaceLibrary(Settings(data=race_data, library=tmp_path)).load(race_id)
    assert by_lap(events_of(race, None)) == by_lap(events_of(race, 10.0))


@pytest.mark.data
@pytest.mark.integration
def test_classification_follows_the_road(race_data: Path, tmp_path: Path) -> None:
    """Finishing order at the flag is the official one wherever no penalty was added after the race."""
    library = RaceLibrary(Settings(data=race_data, library=tmp_path))
    for race_id in ("2024-12-great-britain", "2018-01-australia", "2021-04-spain", "2026-02-china"):
        race = library.load(race_id)
        last = list(frames(race, hz=None))[-1]
        road = [c.driver for c in last.cars if c.status is CarStatus.FINISHED]
        assert race.results is not None
        official = [
            d for d, p in zip(race.results["driver"], race.results["position"], strict=True) if str(p).isdigit()
        ]
        assert road == official[: len(road)], race_id
