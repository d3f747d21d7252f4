"""What the topics of a race add up to, on a made-up race of four laps with everything in it."""

from __future__ import annotations

import copy
import random

import pytest
from builders.f1_race import INFO, T0, messages

from racetwin.schemas import CarStatus, Compound, TelemetryFrame, TrackStatus
from racetwin.telemetry.f1_topics import F1Session, TopicMessage, session_frames
from racetwin.telemetry.f1_values import merge
from racetwin.telemetry.ingestor import TelemetryIngestor

pytestmark = pytest.mark.unit


def frames(**settings):
    return list(session_frames(messages(), F1Session(**settings)))


def car(frame, car_id):
    return next(c for c in frame.cars if c.car_id == car_id)


def events(some_frames):
    ingestor, found = TelemetryIngestor(), []
    for frame in some_frames:
        if (out := ingestor.process(frame)) is not None:
            found += out.events
    return found


def test_time_counts_from_lights_out_and_never_back():
    got = frames()
    assert all(isinstance(f, TelemetryFrame) for f in got)
    times = [f.time_s for f in got]
    assert times == sorted(times)
    assert times[0] < -3000
    assert got[-1].utc.startswith("2026-07-05T14:")
    assert (got[-1].race_id, got[-1].circuit_id) == ("2026-11-great-britain", "silverstone")


def test_on_a_session_clock_it_is_the_same_race():
    timed = list(session_frames(messages(shift=3600.0), F1Session()))
    assert [f.time_s for f in timed if f.time_s >= 0] == [f.time_s for f in frames() if f.time_s >= 0]
    assert timed[-1].cars == frames()[-1].cars


def test_every_lap_comes_with_its_own_time():
    laps = {(e.car_id, e.lap): e.lap_time_s for e in events(frames()) if e.kind == "lap_completed"}
    assert laps == {
        ("1", 1): None, ("1", 2): 92.0, ("1", 3): 91.0, ("1", 4): 91.0,
        ("2", 1): None, ("2", 2): 94.0, ("2", 3): 110.0, ("2", 4): 91.5,
        ("3", 1): None, ("3", 2): 93.0,
        ("4", 1): None, ("4", 2): 125.0, ("4", 3): 120.0,
    }  # fmt: skip


def test_a_lap_counted_before_its_time_is_dated_at_the_line():
    lap = next(e for e in events(frames()) if e.kind == "lap_completed" and (e.car_id, e.lap) == ("1", 2))
    assert lap.line_time_s == 187.0


def test_the_stop_the_retirement_and_the_flag():
    found = events(frames())
    assert [(e.car_id, e.lap, e.time_s) for e in found if e.kind == "pit_entered"] == [("2", 2, 183.0)]
    assert [(e.car_id, e.pit_lane_s) for e in found if e.kind == "pit_exited"] == [("2", 24.0)]
    assert [(e.car_id, e.old.compound, e.new.compound, e.new.age) for e in found if e.kind == "tyre_changed"] == [
        ("2", Compound.MEDIUM, Compound.HARD, 3.0)
    ]
    assert [(e.car_id, e.lap) for e in found if e.kind == "retired"] == [("3", 3)]
    assert [(e.car_id, e.lap) for e in found if e.kind == "finished"] == [("1", 4), ("4", 3), ("2", 4)]
    last = frames()[-1]
    assert {c.car_id: c.status for c in last.cars} == {
        "1": CarStatus.FINISHED, "2": CarStatus.FINISHED, "3": CarStatus.RETIRED, "4": CarStatus.FINISHED,
    }  # fmt: skip
    assert (car(last, "2").pit_lane_s, car(last, "2").pit_stationary_s, car(last, "2").stops) == (24.1, 2.4, 1)
    assert car(last, "4").laps_down == 1


def test_track_status_and_messages():
    found = events(frames())
    assert [e.new for e in found if e.kind == "track_status_changed"] == [
        TrackStatus.SC, TrackStatus.GREEN, TrackStatus.RED, TrackStatus.GREEN,
    ]  # fmt: skip
    assert [e.message for e in found if e.kind == "race_control"] == ["SAFETY CAR DEPLOYED"]


def test_track_status_is_known_without_its_topic():
    names = {"4": "SCDeployed", "1": "AllClear", "5": "Red"}
    told = [
        TopicMessage(
            "SessionData", {"StatusSeries": {str(i): {"Utc": "x", "TrackStatus": names[m.payload["Status"]]}}}, m.time
        )
        if m.topic == "TrackStatus"
        else m
        for i, m in enumerate(messages())
    ]
    found = events(session_frames(told, F1Session()))
    assert [e.new for e in found if e.kind == "track_status_changed"] == ["SC", "GREEN", "RED", "GREEN"]


def test_a_restart_after_a_red_flag_does_not_set_the_clock_back():
    assert frames()[-1].time_s == 391.5


def test_starting_from_the_pit_lane_is_no_stop():
    assert car(frames()[-1], "4").stops == 0
    assert not [f for f in frames() if f.time_s < 8 and car(f, "4").status is CarStatus.PIT]


def test_tyres_age_a_lap_at_the_line_and_never_step_back():
    ages = {}
    for frame in frames():
        for c in frame.cars:
            if c.tyre.age is not None:
                assert c.tyre.age >= ages.get((c.car_id, c.tyre.compound), 0)
                ages[c.car_id, c.tyre.compound] = c.tyre.age
    assert ages["1", Compound.MEDIUM] == 4
    assert ages["2", Compound.HARD] == 5


def test_joining_under_way_and_joining_again_end_in_the_same_race():
    """A joined state is all that was said so far, merged; a second one after a break repeats it."""
    everything = messages()
    for cut in (12, 20, 30):
        state: dict = {}
        for message in everything[:cut]:
            state[message.topic] = merge(state.get(message.topic), copy.deepcopy(message.payload))
        state["SessionData"] = {"StatusSeries": [{"Utc": "2026-07-05T14:03:00Z", "SessionStatus": "Started"}]}
        order = ["SessionInfo", "SessionData", *[t for t in state if t not in ("SessionInfo", "SessionData")]]
        joined = [TopicMessage(t, state[t], everything[cut - 1].time) for t in order]
        whole = list(session_frames(everything, F1Session()))[-1]
        late = list(session_frames([*joined, *everything[cut:]], F1Session()))[-1]
        again = list(session_frames([*everything[:cut], *copy.deepcopy(joined), *everything[cut:]], F1Session()))[-1]
        assert again.cars == whole.cars
        for mine, other in zip(late.cars, whole.cars, strict=True):
            for name in ("driver", "status", "position", "lap", "last_lap_s", "stops", "grid_position", "laps_down"):
                assert getattr(mine, name) == getattr(other, name), (cut, mine.car_id, name)


def test_joined_under_way_without_a_start_the_session_clock_tells_it():
    clock = {"Utc": "2026-07-05T14:33:00Z", "Remaining": "01:30:00", "Extrapolating": True}
    session = F1Session()
    for topic, payload in (("SessionInfo", INFO), ("ExtrapolatedClock", clock), ("DriverList", {"1": {"Tla": "AAA"}})):
        list(session.feed(TopicMessage(topic, payload, T0 + 1800)))
    assert session.race_time(T0 + 1800) == pytest.approx(1800, abs=1)


def test_another_session_on_the_same_subscription_begins_anew():
    session = F1Session()
    for message in messages():
        list(session.feed(message))
    other = INFO | {"Key": 78, "Name": "Qualifying", "Type": "Qualifying"}
    list(session.feed(TopicMessage("SessionInfo", other, T0 + 90_000)))
    got = list(session.feed(TopicMessage("DriverList", {"9": {"Tla": "III"}}, T0 + 90_001)))
    assert [c.car_id for c in got[-1].cars] == ["9"]
    assert got[-1].session_type == "qualifying"


def test_one_bad_car_costs_itself_only():
    session, ingestor = F1Session(), TelemetryIngestor()
    for message in messages()[:12]:
        for frame in session.feed(message):
            ingestor.process(frame)
    bad = {
        "Entries": [
            {
                "Utc": "2026-07-05T14:05:00Z",
                "Cars": {
                    "1": {"Channels": {"0": 11000, "2": 9999, "3": 8}},
                    "2": {"Channels": {"0": 11000, "2": 300, "3": 8}},
                },
            }
        ]
    }
    got = list(session.feed(TopicMessage("CarData.z", bad, T0 + 120)))
    assert isinstance(got[-1], dict)
    out = ingestor.process(got[-1])
    assert {c.car_id for c in out.frame.cars} >= {"2", "3", "4"}
    assert car(out.frame, "2").speed_kmh == 300
    assert [(r.car_id, r.value) for r in ingestor.rejected] == [("1", "9999")]


def test_more_cars_than_a_race_can_have_grow_nothing():
    session = F1Session()
    for n in range(999):
        list(session.feed(TopicMessage("TimingData", {"Lines": {str(n): {"Position": "1"}}}, T0)))
    assert len(session.builder.cars) == 24


@pytest.mark.parametrize("seed", range(5))
def test_topics_that_vanish_leave_the_others_standing(seed):
    rng = random.Random(seed)
    gone = rng.choice(
        ["TimingAppData", "DriverList", "LapCount", "TrackStatus", "PitStopSeries", "RaceControlMessages"]
    )
    got = list(session_frames([m for m in messages() if m.topic != gone], F1Session()))
    assert {c.car_id: c.position for c in got[-1].cars} == {"1": 1, "2": 3, "3": 2, "4": 4}
    if gone == "TimingAppData":
        assert all(c.tyre.compound is None for c in got[-1].cars)
