from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from racetwin.schemas import (
    CarTelemetry,
    Compound,
    FeedGap,
    LapCompleted,
    Overtake,
    PitEntered,
    PitExited,
    RaceControl,
    RaceControlMessage,
    TelemetryFrame,
    TrackConditions,
    TrackStatus,
    TrackStatusChanged,
    Tyre,
    TyreChanged,
    Weather,
)
from racetwin.telemetry import Ingested, RaceRecord, TelemetryIngestor, frames
from racetwin.telemetry.faults import Faults, with_faults

pytestmark = pytest.mark.unit


def frame(seq: int, t: float, *cars: CarTelemetry, source: str = "a", lap: int = 1, **more: Any) -> TelemetryFrame:
    return TelemetryFrame(source=source, seq=seq, time_s=t, race_id="test", lap=lap, cars=cars, **more)


def car(number: str = "44", **values: Any) -> CarTelemetry:
    return CarTelemetry(car_id=number, **{"lap": 1, "position": 1, **values})


def original(**changes: Any) -> dict[str, Any]:
    message = {
        "timestamp": "2024-07-07T14:03:10.500Z",
        "lap": 12,
        "session_type": "race",
        "track_conditions": {"temperature": 31.5, "weather": "dry", "track_status": "green"},
        "cars": [
            {
                "car_id": "44", "team": "Mercedes", "driver": "HAM", "position": 1, "speed": 287.5,
                "tire": {"compound": "medium", "age": 11, "wear_level": 0.23}, "fuel_level": 78.2, "lap_time": 89.1,
                "sector_times": [28.1, 35.9, 25.1],
            },
            {
                "car_id": "4", "team": "McLaren", "driver": "NOR", "position": 2, "speed": 285.0,
                "tire": {"compound": "HARD", "age": 3, "wear_level": 4.0}, "fuel_level": 79.0, "lap_time": "1:29.400",
            },
        ],
    }  # fmt: skip
    return {**message, **changes}


def run(given_: list[Any], **how: Any) -> tuple[TelemetryIngestor, list[Any]]:
    ingestor = TelemetryIngestor(**how)
    events: list[Any] = []
    for raw in given_:
        ingested = ingestor.process(raw)
        events += ingested.events if ingested is not None else ()
    last = ingestor.flush()
    return ingestor, events + list(last.events if last is not None else ())


# --- at the door --------------------------------------------------------------------------------------------------------


def test_the_original_schema_is_read() -> None:
    ingestor = TelemetryIngestor()
    for raw in (original(), json.dumps(original(timestamp="2024-07-07T14:03:10.600Z")).encode()):
        ingested = ingestor.process(raw)
        assert isinstance(ingested, Ingested)
    got = ingested.frame
    assert (got.time_s, got.seq, got.lap, got.session_type, got.source) == (
        pytest.approx(0.1),
        1,
        12,
        "race",
        "telemetry",
    )
    assert got.track == TrackConditions(
        status=TrackStatus.GREEN, weather="dry", rainfall=False, track_temperature_c=31.5
    )
    ham, nor = got.cars
    assert ham.tyre == Tyre(compound=Compound.MEDIUM, age=11, wear=0.23)
    assert (ham.fuel_kg, ham.speed_kmh, ham.last_lap_s, ham.sectors_s) == (78.2, 287.5, 89.1, (28.1, 35.9, 25.1))
    assert nor.tyre.wear == 0.04
    assert nor.last_lap_s == pytest.approx(89.4)
    assert ingestor.counters.rejected_frames == 0


def test_the_original_schema_gives_laps_and_stops() -> None:
    stream = []
    for i in range(60):
        lap = 12 + i // 30
        cars = [{**c, "lap_time": 89.1 if lap == 12 else 90.2} for c in original()["cars"]]
        if i >= 45:
            cars[1]["tire"] = {"compound": "soft", "age": 0, "wear_level": 0.0}
        stream.append(original(timestamp=100.0 + 3 * i, lap=lap, cars=cars))
    _, events = run(stream)
    laps = [(e.car_id, e.lap, e.lap_time_s) for e in events if isinstance(e, LapCompleted)]
    assert laps == [("44", 12, 90.2), ("4", 12, 90.2)]
    changes = [e for e in events if isinstance(e, TyreChanged)]
    assert [(e.car_id, e.old.compound, e.new.compound) for e in changes] == [("4", Compound.HARD, Compound.SOFT)]


def test_our_own_frame_goes_in_as_json_and_as_a_mapping() -> None:
    sent = frame(0, 1.0, car("44", tyre=Tyre(compound=Compound.HARD, age=3.0)))
    for raw in (sent.model_dump_json(), sent.model_dump(mode="json"), sent.model_dump_json().encode(), sent):
        ingested = TelemetryIngestor().process(raw)
        assert ingested is not None
        assert ingested.frame == sent


def test_one_bad_car_does_not_lose_the_other_nineteen() -> None:
    good = frame(0, 1.0, *(car(str(n), position=n) for n in range(1, 21)))
    raw = frame(1, 1.1, *(car(str(n), position=n) for n in range(1, 21))).model_dump(mode="json")
    raw["cars"][6]["position"] = 99
    ingestor, _ = run([good, raw])
    assert ingestor.frame is not None
    assert {c.car_id for c in ingestor.frame.cars} == {str(n) for n in range(1, 21)}
    assert ingestor.counters.accepted == 2
    assert ingestor.counters.rejected_cars == 1
    refused = ingestor.rejected[0]
    assert (refused.kind, refused.field, refused.value, refused.car_id, refused.seq) == (
        "position.out_of_range", "position", "99", "7", 1,
    )  # fmt: skip
    assert "24" in refused.expected


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("speed_kmh", float("nan"), "speed_kmh.not_finite"),
        ("speed_kmh", 900, "speed_kmh.out_of_range"),
        ("gear", "fast", "gear.wrong_type"),
        ("sparkle", 1, "sparkle.unknown_field"),
        ("tyre", {"compound": "PURPLE"}, "tyre.compound.unknown_value"),
        ("last_lap_s", -1.0, "last_lap_s.out_of_range"),
        ("stops", 2**63, "stops.out_of_range"),
        ("laps_down", 2**63, "laps_down.out_of_range"),
        ("last_line_time_s", -1e21, "last_line_time_s.out_of_range"),
    ],
)
def test_a_bad_channel_is_dropped_alone(field: str, value: object, kind: str) -> None:
    raw = frame(0, 1.0, car("44"), car("4", position=2)).model_dump()
    raw["cars"][0][field] = value
    ingestor, _ = run([raw])
    assert ingestor.frame is not None
    assert [c.car_id for c in ingestor.frame.cars] == ["44", "4"]
    assert dict(ingestor.counters.rejected) == {kind: 1}


def test_every_number_of_a_frame_is_bounded_on_both_sides() -> None:
    """One that fits no machine word breaks whoever counts with it, far from where it came in."""

    def loose(part: Any, path: str = "frame") -> list[str]:
        if isinstance(part, list):
            return [x for i, p in enumerate(part) for x in loose(p, f"{path}.{i}")]
        if not isinstance(part, dict):
            return []
        upper = {"maximum", "exclusiveMaximum"} & part.keys()
        lower = {"minimum", "exclusiveMinimum"} & part.keys()
        own = [path] if part.get("type") in ("integer", "number") and not (upper and lower) else []
        return own + [x for key, p in part.items() for x in loose(p, f"{path}.{key}")]

    assert loose(TelemetryFrame.model_json_schema()) == []


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"\xff\xfe", "frame.not_json"),
        ("[1, 2]", "frame.not_an_object"),
        ("{}", "frame.unknown_schema"),
        ({"version": "racetwin/1"}, "source.missing"),
        (frame(0, 0.0, car()).model_dump() | {"version": "racetwin/9"}, "version.unknown_value"),
        (original(timestamp="yesterday"), "timestamp.bad_format"),
        (original(cars=[]), "cars.too_few"),
        (original(cars=7), "cars.wrong_type"),
        ("x" * 2_000_000, "frame.too_large"),
        ("[" * 100_000, "frame.not_json"),
    ],
)  # fmt: skip
def test_what_is_no_frame_is_refused_and_named(raw: Any, kind: str) -> None:
    ingestor, events = run([raw])
    assert events == []
    assert ingestor.counters.rejected_frames == 1
    assert kind in ingestor.counters.rejected
    assert all(len(r.value) <= 80 for r in ingestor.rejected)


def test_the_quarantine_and_its_kinds_are_bounded() -> None:
    ingestor = TelemetryIngestor()
    for i in range(600):
        raw = frame(0, 1.0, car("44")).model_dump()
        raw["cars"][0][f"field{i}"] = 1
        ingestor.process(raw)
    assert len(ingestor.rejected) == 256
    assert len(ingestor.counters.rejected) <= 201
    assert sum(ingestor.counters.rejected.values()) == 600


def test_a_car_listed_twice_counts_once() -> None:
    raw = frame(0, 1.0, car("44"), car("4", position=2)).model_dump(mode="json")
    raw["cars"].append(dict(raw["cars"][0]))
    ingestor, _ = run([raw])
    assert ingestor.frame is not None
    assert len(ingestor.frame.cars) == 2
    assert dict(ingestor.counters.rejected) == {"car_id.twice": 1}


def test_a_lap_that_cannot_be_is_not_believed_until_it_persists() -> None:
    start = [frame(i, 10 + 0.1 * i, car("44", lap=10)) for i in range(5)]
    wild = frame(5, 10.5, car("44", lap=48))
    ingestor, events = run([*start, wild])
    assert events == []
    assert dict(ingestor.counters.rejected) == {"lap.jump": 1}
    stubborn = [frame(i, 10 + 0.1 * i, car("44", lap=48), car("4", position=2)) for i in range(5, 100)]
    ingestor, _ = run([*start, *stubborn])
    assert ingestor.frame is not None
    assert next(c.lap for c in ingestor.frame.cars if c.car_id == "44") == 48
    assert ingestor.counters.rejected["lap.jump"] == 50


@pytest.mark.parametrize(
    ("t", "kind"), [(1e308, "time_s.out_of_range"), (-2e6, "time_s.out_of_range"), (99_000.0, "time_s.jump")]
)
def test_a_time_that_cannot_be_does_not_put_the_rest_in_the_past(t: float, kind: str) -> None:
    good = [frame(i, 10 + 0.1 * i, car("44", speed_kmh=100.0 + i)) for i in range(40)]
    ingestor, _ = run([*good[:20], good[20].model_copy(update={"time_s": t}), *good[21:]])
    assert dict(ingestor.counters.rejected) == {kind: 1}
    assert ingestor.frame == good[-1]
    assert ingestor.counters.late == 0


def test_feeds_without_end_are_refused() -> None:
    ingestor, _ = run([frame(0, 1.0, car("44"), source=f"feed {i}") for i in range(40)])
    assert ingestor.counters.rejected == {"source.too_many": 24}


def test_a_frame_never_holds_more_cars_than_there_can_be() -> None:
    ingestor, _ = run([frame(i, i / 10, *(car(str(n + 24 * i)) for n in range(24))) for i in range(3)])
    assert ingestor.frame is not None
    assert [c.car_id for c in ingestor.frame.cars] == [str(n) for n in range(48, 72)]


# --- events ---------------------------------------------------------------------------------------------------------------


def test_a_lap_is_completed_at_its_exact_time_on_its_own_tyre(record: RaceRecord) -> None:
    _, events = run(list(frames(record, hz=10)))
    in_lap = next(e for e in events if isinstance(e, LapCompleted) and e.car_id == "2" and e.lap == 3)
    row = record.laps[(record.laps["car_id"] == "2") & (record.laps["lap"] == 3)].iloc[0]
    assert in_lap.line_time_s == row["race_time_s"]
    assert in_lap.tyre == Tyre(compound=Compound.MEDIUM, age=3.0, fresh=True)
    assert (in_lap.pit_in, in_lap.pit_out, in_lap.neutralised, in_lap.inferred) == (True, False, False, False)
    out_lap = next(e for e in events if isinstance(e, LapCompleted) and e.car_id == "2" and e.lap == 4)
    assert out_lap.tyre == Tyre(compound=Compound.HARD, age=1.0, fresh=True)
    assert (out_lap.pit_in, out_lap.pit_out) == (False, True)


def test_the_stop_is_told_once_with_exact_times(record: RaceRecord) -> None:
    rows = record.laps[record.laps["car_id"] == "2"]
    entry, exit_ = rows["pit_in_time_s"].dropna().item(), rows["pit_out_time_s"].dropna().item()
    for hz in (None, 10.0):
        _, events = run(list(frames(record, hz=hz)))
        told = [e for e in events if isinstance(e, PitEntered | PitExited | TyreChanged)]
        assert [(e.kind, e.time_s, e.lap, e.inferred) for e in told] == [
            ("pit_entered", entry, 3, False),
            ("pit_exited", exit_, 4, False),
            ("tyre_changed", exit_, 4, False),
        ]


def test_laps_under_the_safety_car_are_marked(record: RaceRecord) -> None:
    _, events = run(list(frames(record, hz=10)))
    changes = [e for e in events if isinstance(e, TrackStatusChanged)]
    assert [(e.old, e.new) for e in changes] == [
        (TrackStatus.GREEN, TrackStatus.SC),
        (TrackStatus.SC, TrackStatus.GREEN),
    ]
    marked = {(e.car_id, e.lap) for e in events if isinstance(e, LapCompleted) and e.neutralised}
    assert {("1", 5), ("1", 6), ("2", 5), ("2", 6), ("3", 5)} <= marked
    assert not {lap for _, lap in marked} & {1, 2, 3, 8}


def test_who_passes_whom() -> None:
    before = frame(0, 10.0, car("1", position=1), car("2", position=2), car("3", position=3))
    after = frame(1, 10.1, car("1", position=2), car("2", position=3), car("3", position=1))
    _, events = run([before, after])
    assert [(e.car_id, e.passed_car_id, e.position, e.on_track) for e in events if isinstance(e, Overtake)] == [
        ("3", "1", 1, True),
        ("3", "2", 1, True),
    ]


def test_a_place_won_by_a_stop_was_not_won_on_track(record: RaceRecord) -> None:
    _, events = run(list(frames(record, hz=10)))
    passes = [(e.car_id, e.passed_car_id, e.on_track) for e in events if isinstance(e, Overtake)]
    assert ("3", "2", False) in passes


def test_laps_missed_in_a_gap_are_concluded_and_the_gap_is_marked() -> None:
    steady = [frame(i, 100 + 0.1 * i, car("44", lap=3, last_line_time_s=95.0)) for i in range(50)]
    later = frame(2000, 300.0, car("44", lap=5, last_line_time_s=280.0, last_lap_s=92.0))
    ingestor, events = run([*steady, later])
    gap = next(e for e in events if isinstance(e, FeedGap))
    assert (gap.since_s, gap.time_s, gap.source) == (pytest.approx(104.9), 300.0, "a")
    laps = [e for e in events if isinstance(e, LapCompleted)]
    assert [(e.lap, e.lap_time_s, e.inferred) for e in laps] == [(3, None, True), (4, 92.0, False)]
    assert laps[1].line_time_s == 280.0
    assert ingestor.counters.gaps == 1


def test_a_stop_that_only_shows_in_the_count_is_inferred() -> None:
    _, events = run([frame(0, 10.0, car("44", stops=0)), frame(1, 80.0, car("44", stops=1))])
    assert [(e.kind, e.inferred) for e in events] == [("pit_entered", True), ("pit_exited", True)]


def test_a_set_that_grew_younger_was_changed_and_that_is_inferred() -> None:
    old, new = Tyre(compound=Compound.HARD, age=20.0), Tyre(compound=Compound.HARD, age=0.0)
    _, events = run([frame(0, 10.0, car("44", tyre=old)), frame(1, 11.0, car("44", tyre=new))])
    assert [(e.old, e.new, e.inferred) for e in events if isinstance(e, TyreChanged)] == [(old, new, True)]


def test_weather_and_race_control_become_events() -> None:
    dry, wet = TrackConditions(rainfall=False), TrackConditions(rainfall=True)
    said = RaceControlMessage(message="RISK OF RAIN", category="Other")
    _, events = run([frame(0, 1.0, car(), track=dry), frame(1, 2.0, car(), track=wet, messages=(said,))])
    assert [type(e) for e in events] == [RaceControl, Weather]
    assert events[0].message == "RISK OF RAIN"
    assert events[1].track.rainfall is True


def test_a_car_whose_laps_are_first_told_late_is_joined_under_way() -> None:
    told = [frame(i, 3000.0 + i, car("44", lap=None, position=3)) for i in range(3)]
    told += [frame(3 + i, 3003.0 + i, car("44", lap=20 + i // 2)) for i in range(4)]
    ingestor, events = run(told)
    assert not ingestor.counters.rejected
    assert [e.lap for e in events if isinstance(e, LapCompleted)] == [20]


# --- order --------------------------------------------------------------------------------------------------------------


def test_frames_that_wait_are_let_go_by_an_input_of_their_own() -> None:
    """The ingestor has no clock: who has one gives it a frame that says so, and what was given again leads to the same state."""
    given_ = [
        frame(0, 9.0, car(), source="a"),
        frame(0, 9.8, car(speed_kmh=200.0), source="b"),  # further ahead of the other feed than one waits for
        frame(3, 9.9, car(speed_kmh=210.0), source="b"),  # and two of its own are missing
    ]

    def fed(inputs: list[Any]) -> TelemetryIngestor:
        made = TelemetryIngestor()
        for one in inputs:
            made.process(one)
        return made

    ingestor = fed(given_)
    assert ingestor.waiting == 2
    release = ingestor.release()
    assert release is not None
    assert release.source not in ("a", "b")
    admitted = [*given_, release, frame(1, 9.5, car(fuel_kg=60.0), source="a"), frame(4, 12.0, car(), source="b")]
    for f in admitted[3:]:
        ingestor.process(f)
        assert ingestor.waiting == (f.time_s == 12.0)
    assert ingestor.known("44")["speed_kmh"].value == 210.0
    assert ingestor.known("44")["fuel_kg"].value == 60.0, "the newest word of the other feed, late as it is"
    assert (ingestor.counters.missing, ingestor.counters.late) == (2, 1)
    assert TelemetryIngestor().release() is None
    again = fed([f.model_dump_json() for f in admitted])
    assert again.snapshot() == ingestor.snapshot()
    restored = TelemetryIngestor.restore(fed(given_).snapshot())
    assert restored.release() == release


def test_doubled_and_swapped_frames_change_nothing(record: RaceRecord) -> None:
    straight = list(frames(record, hz=2))
    swapped = [f for pair in zip(straight[1::2], straight[::2], strict=False) for f in (*pair, *pair)]
    plain, events = run(straight[: 2 * (len(straight) // 2)])
    mixed, again = run([straight[0], *swapped])
    assert again == events
    assert mixed.frame == plain.frame
    assert mixed.counters.duplicates == len(swapped) // 2 + 1
    assert mixed.counters.missing == 0


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_interleaving_with_doubles_ends_in_the_same_state(record: RaceRecord, data: st.DataObject) -> None:
    straight = list(frames(record, hz=None))
    delays = data.draw(st.lists(st.integers(0, 7), min_size=len(straight), max_size=len(straight)))
    doubled = data.draw(st.lists(st.booleans(), min_size=len(straight), max_size=len(straight)))
    order = sorted(range(1, len(straight)), key=lambda i: (i + delays[i], i))
    arrived = [straight[0]] + [straight[i] for i in order for _ in range(1 + doubled[i])]
    plain, events = run(straight)
    mixed, again = run(arrived)
    assert again == events
    assert mixed.frame == plain.frame
    assert mixed.counters.accepted == plain.counters.accepted


@settings(max_examples=12, deadline=None)
@given(lost=st.sets(st.integers(1, 400)), seed=st.integers(0, 1000))
def test_loss_costs_detail_but_no_lap(record: RaceRecord, lost: set[int], seed: int) -> None:
    straight = list(frames(record, hz=0.5))
    kept = [f for i, f in enumerate(straight) if i not in lost or i == len(straight) - 1]
    plain, events = run(straight)
    with_loss, fewer = run(kept)
    laps = {(e.car_id, e.lap) for e in events if isinstance(e, LapCompleted)}
    assert {(e.car_id, e.lap) for e in fewer if isinstance(e, LapCompleted)} == laps
    assert with_loss.frame == plain.frame
    assert [e.time_s for e in fewer] == sorted(e.time_s for e in fewer)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), at=st.integers(0, 300))
def test_a_restored_ingestor_goes_on_as_if_nothing_had_been(record: RaceRecord, seed: int, at: int) -> None:
    faults = Faults(drop=0.05, duplicate=0.05, reorder=0.1, nan=0.02, jump=0.01, silence=0.01, seed=seed)
    feed = list(with_faults(frames(record, hz=0.5), faults))
    whole, events = run(feed)
    first = TelemetryIngestor()
    before = [e for raw in feed[:at] for e in getattr(first.process(raw), "events", ())]
    second = TelemetryIngestor.restore(json.loads(json.dumps(first.snapshot())))
    after = [e for raw in feed[at:] for e in getattr(second.process(raw), "events", ())]
    last = second.flush()
    assert before + after + list(last.events if last else ()) == events
    assert second.snapshot() == whole.snapshot()


# --- several feeds --------------------------------------------------------------------------------------------------------


def two_feeds(record: RaceRecord) -> tuple[list[TelemetryFrame], list[TelemetryFrame]]:
    timing = [f.model_copy(update={"source": "timing"}) for f in frames(record, hz=1)]
    tyreless = [c.model_copy(update={"tyre": Tyre()}) for f in timing for c in f.cars]
    n = iter(tyreless)
    timing = [f.model_copy(update={"cars": tuple(next(n) for _ in f.cars)}) for f in timing]
    other = [
        f.model_copy(
            update={
                "source": "tyres",
                "cars": tuple(
                    CarTelemetry(car_id=c.car_id, status=c.status, tyre=c.tyre, speed_kmh=200.0) for c in f.cars
                ),
            }
        )
        for f in frames(record, hz=0.5)
    ]
    return timing, other


def test_two_feeds_make_one_state_with_source_and_age(record: RaceRecord) -> None:
    timing, other = two_feeds(record)
    feed = sorted([*timing, *other], key=lambda f: (f.time_s, f.source))
    ingestor, events = run(feed, priority=("timing",))
    known = ingestor.known("2")
    assert known["tyre.compound"].source == "tyres"
    assert known["tyre.compound"].value is Compound.HARD
    assert known["last_lap_s"].source == "timing"
    assert known["speed_kmh"].age_s(known["speed_kmh"].time_s + 3.0) == 3.0
    assert "fuel_kg" not in known
    _, alone = run(list(frames(record, hz=1)))
    assert [(e.car_id, e.lap, e.lap_time_s, e.tyre.compound) for e in events if isinstance(e, LapCompleted)] == [
        (e.car_id, e.lap, e.lap_time_s, e.tyre.compound) for e in alone if isinstance(e, LapCompleted)
    ]
    assert ingestor.frame is not None
    assert ingestor.frame.source == "timing+tyres"


@settings(max_examples=5, deadline=None)
@given(seed=st.randoms(use_true_random=False))
def test_two_feeds_in_any_order_of_arrival_end_in_the_same_state(record: RaceRecord, seed: Any) -> None:
    timing, other = two_feeds(record)
    feed = sorted([*timing, *other], key=lambda f: (f.time_s, f.source))
    late = sorted(range(2, len(feed)), key=lambda i: i + seed.randint(0, 3))
    plain, _ = run(feed)
    mixed, _ = run(feed[:2] + [feed[i] for i in late])
    assert mixed.frame == plain.frame
    for number in ("1", "2", "3", "4"):
        assert mixed.known(number) == plain.known(number)


def test_the_preferred_feed_wins_while_fresh_and_yields_when_silent() -> None:
    a = [frame(i, float(i), car("44", speed_kmh=100.0), source="a") for i in range(10)]
    b = [frame(i, float(i), car("44", speed_kmh=200.0), source="b") for i in range(20)]
    feed = sorted([*a, *b], key=lambda f: (f.time_s, f.source))
    ingestor = TelemetryIngestor(priority=("a",))
    speeds = {}
    for f in feed:
        ingested = ingestor.process(f)
        for released in ingested.frames if ingested is not None else ():
            speeds[released.time_s] = released.cars[0].speed_kmh
    assert speeds[8.0] == 100.0
    assert speeds[15.0] == 200.0


def test_what_a_feed_stops_saying_is_carried_on_with_its_age() -> None:
    told = car("44", driver="HAM", tyre=Tyre(compound=Compound.HARD, age=3.0), speed_kmh=300.0)
    silent = car("44")
    ingestor, events = run([frame(0, 10.0, told), frame(1, 15.0, silent)])
    assert events == []
    assert ingestor.frame is not None
    got = ingestor.frame.cars[0]
    assert (got.driver, got.tyre.compound, got.speed_kmh) == ("HAM", Compound.HARD, None)
    assert ingestor.known("44")["tyre.compound"].age_s(15.0) == 5.0


def test_another_race_starts_afresh() -> None:
    first = frame(5, 500.0, car("44", lap=7))
    second = frame(0, -5.0, car("4", lap=1)).model_copy(update={"race_id": "next"})
    ingestor, _ = run([first, second])
    assert ingestor.frame is not None
    assert [c.car_id for c in ingestor.frame.cars] == ["4"]
    assert ingestor.counters.late == 0
