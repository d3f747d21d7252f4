from __future__ import annotations

import json
from dataclasses import replace

import pytest

from racetwin.config import Settings
from racetwin.errors import InputError
from racetwin.runtime.advice_book import AdviceBook
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.recovery import pack, unpack
from racetwin.runtime.triggers import MARGIN_S, CarsBehind, reasons_for
from racetwin.schemas import (
    LapCompleted,
    PitEntered,
    Retired,
    TelemetryFrame,
    TrackStatus,
    TrackStatusChanged,
)
from racetwin.simulation import StrategyDesk
from racetwin.simulation.rejoin import box_now
from racetwin.strategist.calls import call_of
from racetwin.telemetry.laptable import frames
from racetwin.telemetry.records import RaceRecord

pytestmark = pytest.mark.unit

RACES = 32


def fed(frames: list[TelemetryFrame], **options: object) -> RaceEngine:
    engine = RaceEngine(races=RACES, **options)
    for frame in frames:
        engine.ingest(frame)
    return engine


def test_same_frames_make_the_same_engine(race_frames: list[TelemetryFrame]) -> None:
    one, other = fed(race_frames), fed(race_frames)
    assert one.hash() == other.hash()
    assert one.snapshot().cars == other.snapshot().cars


def test_another_frame_makes_another_hash(race_frames: list[TelemetryFrame]) -> None:
    assert fed(race_frames[:-1]).hash() != fed(race_frames).hash()


def test_what_has_passed_the_wire_makes_the_same_engine(race_frames: list[TelemetryFrame]) -> None:
    told = [frame.model_dump_json(exclude_none=True).encode() for frame in race_frames]
    engine = RaceEngine()
    for text in told:
        engine.ingest(text)
    assert engine.hash() == fed(race_frames).hash()


@pytest.mark.parametrize("cut", [1, 40, 150])
def test_restored_engine_goes_on_as_if_nothing_had_happened(race_frames: list[TelemetryFrame], cut: int) -> None:
    whole = fed(race_frames)
    half = fed(race_frames[:cut])
    again = RaceEngine()
    again.restore(unpack(pack(half.dump())))
    assert again.hash() == half.hash()
    assert again.snapshot().laps == half.snapshot().laps
    for frame in race_frames[cut:]:
        again.ingest(frame)
    assert again.hash() == whole.hash()
    assert again.snapshot().laps == whole.snapshot().laps
    assert again.snapshot().events == whole.snapshot().events


def test_counters_add_up_whatever_comes(race_frames: list[TelemetryFrame]) -> None:
    engine = fed(race_frames[:30])
    for bad in (b"\xff\xfe", "not telemetry", "[]", {}, {"version": "racetwin/1"}, b"{" * 1000):
        assert engine.ingest(bad) is None
    engine.ingest(race_frames[29])  # a duplicate
    counters = engine.counters()
    assert counters.frames_in == counters.frames_processed == 37
    assert counters.frames_rejected == 6
    assert sum(counters.rejected_by_kind.values()) >= 6
    assert counters.duplicates == 1


def test_refused_input_is_no_part_of_the_state(race_frames: list[TelemetryFrame]) -> None:
    engine = fed(race_frames[:30])
    before = engine.hash()
    engine.ingest("rubbish")
    assert engine.hash() == before


def test_desk_answers_followed_cars_only(race_frames: list[TelemetryFrame]) -> None:
    engine = RaceEngine(races=RACES)
    car = race_frames[0].cars[3].car_id
    engine.follow(car)
    for frame in race_frames[:120]:
        engine.ingest(frame)
    engine.settle()
    snapshot = engine.snapshot()
    assert set(snapshot.answers) == {car}
    assert snapshot.answers[car].plans
    assert set(snapshot.advice) == {car}
    engine.follow(())
    assert not engine.snapshot().answers


def test_the_desk_reckons_with_what_stops_have_lost_today(slow_lane: RaceRecord) -> None:
    engine = fed(list(frames(slow_lane, hz=None, to_lap=36)))
    twin = engine.twin
    assert twin is not None
    assert len(twin.stop_losses.total_s) >= 6
    car = min((c for c in twin.cars.values() if c.running and c.position), key=lambda c: c.position or 99)
    request = engine.prepare(car.car_id)
    assert request is not None
    learnt = request.state.lane_extra_s
    assert 1.5 < learnt < 4.5
    told = engine.queue.work(request).answer.box_now
    usual = box_now(request.state.replace(lane_extra_s=0.0), car.car_id)
    assert told is not None
    assert told.pit_loss_s.mean - usual.pit_loss_s.mean == pytest.approx(learnt)
    assert told.position >= usual.position


def test_newest_state_wins_at_the_desk(race_frames: list[TelemetryFrame]) -> None:
    engine = RaceEngine(races=RACES)
    car = race_frames[0].cars[0].car_id
    engine.follow(car)
    for frame in race_frames:
        engine.ingest(frame)
    assert engine.waiting == 1
    (advised,) = engine.settle()
    assert advised.answer.lap >= 11  # the car ahead has just begun lap 13
    assert engine.desk_status().superseded > 3


def test_equal_states_are_answered_from_memory(race_frames: list[TelemetryFrame]) -> None:
    engine = fed(race_frames[:100])
    car = race_frames[0].cars[0].car_id
    engine.follow(car)
    first = engine.settle()
    engine.request(car)
    second = engine.settle()
    assert second[0].answer is first[0].answer
    assert engine.desk_status().cached == 1


def test_the_call_that_stands_is_known_as_well_as_the_best(race_frames: list[TelemetryFrame]) -> None:
    engine = RaceEngine(races=300)
    for frame in race_frames[:100]:
        engine.ingest(frame)
    car = race_frames[0].cars[0].car_id
    engine.follow(car)
    (first,) = engine.settle()
    races = first.answer.plans[0].n_races
    asked = engine.prepare(car)
    assert asked is not None
    assert asked.kept == (call_of(first.answer.plans[0]),)
    raced = {call_of(p) for p in first.answer.plans if p.n_races == races}
    other = next(call_of(p) for p in first.answer.plans if call_of(p) not in raced)
    asked = replace(asked, kept=(other,))
    assert engine.queue.known(asked) is None, "that answer does not know this call well"
    again = engine.queue.work(asked)
    assert max(p.n_races for p in again.answer.plans if call_of(p) == other) == races
    engine.queue.remember(again)
    assert engine.queue.known(asked) is again


def test_finished_car_is_not_planned_for(engine: RaceEngine, record: object) -> None:
    from racetwin.telemetry.laptable import frames

    for frame in frames(record, hz=None):
        engine.ingest(frame)
    assert engine.finished
    assert not engine.request(engine.frame.cars[0].car_id)


def test_next_session_starts_afresh(race_frames: list[TelemetryFrame]) -> None:
    engine = fed(race_frames[:80])
    other = [f.model_copy(update={"race_id": "another-race"}) for f in race_frames[:20]]
    for frame in other:
        engine.ingest(frame)
    alone = fed(other)
    assert engine.info.race_id == "another-race"
    assert engine.snapshot().laps == alone.snapshot().laps
    assert engine.snapshot().cars == alone.snapshot().cars


def test_time_travel_gives_what_was_known(race_frames: list[TelemetryFrame]) -> None:
    engine = fed(race_frames)
    then = engine.laps_archive[5]
    assert max(r.lap for r in then.laps) == 5
    assert then.time_s < engine.snapshot().time_s
    short = next(i for i, f in enumerate(race_frames) if f.time_s > then.time_s)
    assert fed(race_frames[:short]).snapshot().cars == then.cars


def test_dump_is_plain_json(race_frames: list[TelemetryFrame]) -> None:
    dump = fed(race_frames[:60]).dump()
    assert json.loads(json.dumps(dump)) == json.loads(json.dumps(unpack(pack(dump))))


PLACES = {"1": 1, "2": 2, "3": 3, "9": 9, "20": 13}


def lap(car: str) -> LapCompleted:
    return LapCompleted(
        time_s=1, car_id=car, lap=3, lap_time_s=90.0, line_time_s=1, position=1, gap_s=0.0, interval_s=None
    )


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (lap("2"), "lap completed"),
        (lap("1"), None),
        (lap("9").model_copy(update={"pit_out": True}), "car 9 is back from its stop"),
        (lap("20").model_copy(update={"pit_out": True}), None),
        (PitEntered(time_s=1, car_id="1", lap=3), "car 1 stops"),
        (PitEntered(time_s=1, car_id="9", lap=3), "car 9 stops"),
        (PitEntered(time_s=1, car_id="20", lap=3), None),
        (PitEntered(time_s=1, car_id="2", lap=3), None),
        (Retired(time_s=1, car_id="3", lap=3), "car 3 is out"),
        (Retired(time_s=1, car_id="9", lap=3), None),
        (TrackStatusChanged(time_s=1, old=TrackStatus.GREEN, new=TrackStatus.SC, lap=3), "track SC"),
    ],
)
def test_what_makes_a_new_plan_worth_asking_for(event: object, why: str | None) -> None:
    assert reasons_for("2", (event,), PLACES) == ((why,) if why else ())


def crossing(car_id: str, at_s: float, **more: bool) -> LapCompleted:
    return lap(car_id).model_copy(update={"time_s": at_s, "line_time_s": at_s, **more})


def test_once_a_lap_the_cars_among_which_it_comes_out_have_crossed_the_line() -> None:
    behind, loss = CarsBehind(), 22.0
    assert not behind.is_known("2", (crossing("7", 990.0),), loss)  # before its own line nothing is waited for
    assert not behind.is_known("2", (crossing("2", 1000.0),), loss)
    assert not behind.is_known("2", (crossing("3", 1000.0 + loss),), loss)  # it may still come out beside this one
    assert behind.is_known("2", (crossing("4", 1000.0 + loss + MARGIN_S + 0.1),), loss)
    assert not behind.is_known("2", (crossing("5", 1040.0),), loss)
    assert not behind.is_known("2", (crossing("2", 1090.0, pit_in=True),), loss)  # it has boxed
    assert not behind.is_known("2", (crossing("4", 1150.0),), loss)


def test_an_engine_asks_again_once_they_have(race_frames: list[TelemetryFrame]) -> None:
    engine = RaceEngine(races=RACES)
    reasons: list[str] = []
    engine.request = lambda _car, *why: reasons.extend(why) or True  # type: ignore[method-assign]
    for i, frame in enumerate(race_frames):
        engine.ingest(frame)
        if i == 0:
            engine.follow(frame.cars[0].car_id)
    laps = reasons.count("lap completed")
    assert laps > 5
    assert 0.5 * laps < reasons.count("cars behind have crossed the line") <= laps


def test_looking_changes_nothing(race_frames: list[TelemetryFrame]) -> None:
    looked_at = RaceEngine()
    for frame in race_frames[:150]:
        looked_at.ingest(frame)
        looked_at.snapshot()
    assert looked_at.hash() == fed(race_frames[:150]).hash()


def first_stop(happenings: list[TelemetryFrame]) -> tuple[int, str]:
    """Which frame brings the race's first green-flag stop after lap 5, and whose it is."""
    probe = RaceEngine(races=RACES)
    for i, frame in enumerate(happenings):
        ingested = probe.ingest(frame)
        for event in ingested.events if ingested else ():
            if isinstance(event, PitEntered) and event.lap > 5:
                return i, event.car_id
    raise AssertionError("the race holds no stop")


def test_states_are_worked_out_when_the_car_behind_crosses_and_not_for_each_of_the_field(
    record: RaceRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    race_frames = list(frames(record, hz=None, to_lap=9))
    engine = fed(race_frames[: len(race_frames) // 2])
    car_id = race_frames[0].cars[3].car_id
    engine.follow(car_id)
    engine.settle()
    looked: list[str] = []
    refresh, situation = AdviceBook.refresh, RaceEngine.situation
    monkeypatch.setattr(AdviceBook, "refresh", lambda book, *a: (looked.append("refresh"), refresh(book, *a))[1])
    monkeypatch.setattr(RaceEngine, "situation", lambda engine: (looked.append("situation"), situation(engine))[1])
    behind = crossings = 0
    for frame in race_frames[len(race_frames) // 2 :]:
        ingested = engine.ingest(frame)
        crossed = {e.car_id for e in (ingested.events if ingested else ()) if isinstance(e, LapCompleted)}
        now = situation(engine)
        rival = now.behind(car_id) if now is not None else None
        behind += rival is not None and rival.car_id in crossed
        crossings += len(crossed)
    assert behind >= 3
    assert looked == ["situation", "refresh"] * behind
    assert crossings > 10 * behind


def test_what_was_said_to_a_car_is_withdrawn_when_it_boxes(record: RaceRecord) -> None:
    race_frames = list(frames(record, hz=None, to_lap=40))
    at, car_id = first_stop(race_frames)
    engine = fed(race_frames[:at])
    engine.follow(car_id)
    engine.settle()
    assert car_id in engine.snapshot().answers
    asked_before = engine.prepare(car_id)
    assert asked_before is not None
    engine.ingest(race_frames[at])
    assert car_id not in engine.snapshot().answers
    taken_back = engine.snapshot().advice[car_id]
    assert taken_back
    assert all(r.life and r.life.state == "withdrawn" and r.execution_lap is None for r in taken_back)
    assert not engine.accept(engine.queue.work(asked_before)), "an answer asked for before the stop comes too late"


def test_a_question_about_plans_starts_from_the_race_that_the_plans_on_show_are_of(
    race_frames: list[TelemetryFrame],
) -> None:
    engine = fed(race_frames[:100])
    car = engine.snapshot().order[3].car_id
    assert engine.question_state(car).hash() == engine.present_state(car).hash()  # no plans yet
    engine.follow((car,))
    request = engine.queue.take()
    assert request is not None
    assert engine.accept(engine.queue.work(request))
    moved = later = 0
    for frame in race_frames[100:]:
        engine.ingest(frame)
        now, asked = engine.present_state(car), engine.question_state(car)
        if now.lap == request.state.lap:
            assert asked is request.state
            moved += now.hash() != request.state_hash
        else:
            assert asked.hash() == now.hash()
            later += 1
    assert moved, "the race went on within the lap"
    assert later
    with pytest.raises(InputError, match="no laps left to plan"):
        engine.question_state("999")


def test_threats_come_from_the_desks_races_once_it_has_answered(race_frames: list[TelemetryFrame]) -> None:
    engine = fed(race_frames[:150])
    twin = engine.twin
    assert twin is not None
    car = next(c for c, one in twin.cars.items() if one.position == 5 and one.running)
    by_pace = engine.snapshot().field["threats"][car]
    assert {t["source"] for t in by_pace} <= {"pace and stops to come"}
    engine.follow(car)
    engine.settle()
    answer = engine.answers[car]
    assert set(answer.beaten_by) == {c for c, one in twin.cars.items() if one.running and c != car}
    snapshot = engine.snapshot()
    raced = snapshot.field["threats"][car]
    assert raced
    for threat in raced:
        assert threat["probability"] == answer.beaten_by[threat["rival_id"]]
        assert threat["source"] == f"{RACES} simulated races on our best plan, seed {answer.receipt.seed}"
    other = next(c for c in snapshot.field["threats"] if c != car)
    assert snapshot.field["threats"][other] == twin.field.get_state()["threats"][other]
    assert engine.snapshot().field is snapshot.field  # nothing is worked out anew until something changes
    # An answer that is laps old says nothing of now any more.
    engine.book.answers = {car: answer.model_copy(update={"lap": answer.lap - 2})}
    assert engine.snapshot().field["threats"][car] == twin.field.get_state()["threats"][car]


def test_the_share_of_races_in_which_each_rival_is_ahead_adds_up_to_our_place(
    race_frames: list[TelemetryFrame],
) -> None:
    engine = fed(race_frames)
    assert engine.twin is not None
    state = engine.twin.race_state()
    car = state.car_id[int(state.order()[4])]
    answer = StrategyDesk(Settings(races=300, seed=1)).evaluate(state, car)
    assert 1.0 + sum(answer.beaten_by.values()) == pytest.approx(answer.plans[0].expected_position, abs=1e-6)
