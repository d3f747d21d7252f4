"""What race control says reaches the event and the state exactly once, however late the feed that brings it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from racetwin.schemas import CarTelemetry, RaceControl, RaceControlMessage, TelemetryFrame, TrackConditions, TrackStatus
from racetwin.telemetry import Ingested, TelemetryIngestor

pytestmark = pytest.mark.unit


def frame(source: str, seq: int, t: float, *said: str, **more: Any) -> TelemetryFrame:
    told = tuple(RaceControlMessage(message=m) for m in said)
    car = CarTelemetry(car_id="44", lap=3, position=1)
    return TelemetryFrame(
        **{
            "source": source,
            "seq": seq,
            "time_s": t,
            "race_id": "x",
            "lap": 3,
            "cars": (car,),
            "messages": told,
            **more,
        }
    )


class Kept:
    """What came out of an ingestor."""

    def __init__(self, ingestor: TelemetryIngestor | None = None) -> None:
        self.ingestor = ingestor or TelemetryIngestor()
        self.events: list[RaceControl] = []
        self.in_state: list[str] = []

    def give(self, raw: Any) -> None:
        self.keep(self.ingestor.process(raw))

    def keep(self, ingested: Ingested | None) -> None:
        if ingested is not None:
            self.events += [e for e in ingested.events if isinstance(e, RaceControl)]
            self.in_state += [m.message for f in ingested.frames for m in f.messages]


SAID = ((), (), ("YELLOW",), ("CLEAR",), ("YELLOW", "RAIN"))
FEED = st.lists(
    st.tuples(st.sampled_from(SAID), st.sampled_from((1, 1, 1, 2, 0)), st.integers(0, 8)), min_size=2, max_size=24
)


@settings(max_examples=60, deadline=None)
@given(feeds=st.tuples(FEED, FEED), share=st.floats(0, 1))
def test_every_message_of_any_interleaving_comes_out_exactly_once(
    feeds: tuple[list[Any], list[Any]], share: float
) -> None:
    """The second feed is 3 s behind the first; both double, swap and lose frames, and say some things twice."""
    sent: list[tuple[float, TelemetryFrame]] = []
    for source, behind, feed in (("websocket", 0.0, feeds[0]), ("f1", 3.0, feeds[1])):
        for seq, (said, copies, late) in enumerate(feed):
            made = frame(source, seq, seq / 4, *said)
            sent += [(seq / 4 + behind + late / 4 * (n + 1), made) for n in range(max(copies, seq == 0))]
    sent.sort(key=lambda pair: pair[0])
    cut = int(share * len(sent))
    kept = Kept()
    for _, f in sent[:cut]:
        kept.give(f)
    state = json.loads(json.dumps(kept.ingestor.snapshot()))
    kept.ingestor = TelemetryIngestor.restore(state)
    for _, f in sent[cut:]:
        kept.give(f)
    kept.keep(kept.ingestor.flush())

    arrived = {(f.source, f.seq): f for _, f in sent}.values()
    of_feed = {s: Counter(m.message for f in arrived if f.source == s for m in f.messages) for s in ("websocket", "f1")}
    assert Counter(e.message for e in kept.events) == of_feed["websocket"] | of_feed["f1"]
    assert Counter(kept.in_state) == Counter(e.message for e in kept.events)
    told_at = {(m.message, f.time_s) for f in arrived for m in f.messages}
    assert {(e.message, e.time_s) for e in kept.events} <= told_at


def test_a_late_message_comes_with_the_next_frame_at_its_own_time_and_marked() -> None:
    kept = Kept()
    for seq in range(100):
        kept.give(frame("websocket", seq, 10.0 + seq / 10))
    kept.give(frame("f1", 0, 16.9, "SAFETY CAR DEPLOYED"))
    kept.give(frame("websocket", 100, 20.0, "DRS DISABLED"))
    kept.keep(kept.ingestor.flush())
    assert [(e.message, e.time_s, e.late) for e in kept.events] == [
        ("SAFETY CAR DEPLOYED", 16.9, True),
        ("DRS DISABLED", 20.0, False),
    ]


def test_a_late_message_does_not_wait_for_ever_for_a_frame() -> None:
    kept = Kept()
    for seq in range(20):
        kept.give(frame("websocket", seq, 10.0 + seq / 10))
    kept.give(frame("f1", 0, 9.0, "RED FLAG"))
    assert (kept.events, kept.ingestor.waiting) == ([], 1)
    release = kept.ingestor.release()
    assert release is not None
    kept.give(release.model_dump_json())
    assert [(e.message, e.time_s, e.late) for e in kept.events] == [("RED FLAG", 9.0, True)]
    assert (kept.in_state, kept.ingestor.waiting, kept.ingestor.release()) == (["RED FLAG"], 0, None)


def test_what_the_last_frame_said_is_not_said_again_with_a_late_message() -> None:
    kept = Kept()
    for seq in range(20):
        kept.give(frame("websocket", seq, 10.0 + seq / 10, *(["TRACK CLEAR"] if seq == 19 else [])))
    kept.give(frame("f1", 0, 9.0, "RED FLAG"))
    kept.keep(kept.ingestor.flush())
    assert [e.message for e in kept.events] == ["TRACK CLEAR", "RED FLAG"]
    assert kept.in_state == ["TRACK CLEAR", "RED FLAG"]


def test_a_message_survives_a_frame_none_of_whose_cars_is_believed() -> None:
    kept = Kept()
    for seq in range(5):
        kept.give(frame("a", seq, 10.0 + seq / 10))
    wild = CarTelemetry(car_id="44", lap=40, position=1)
    kept.give(frame("a", 5, 10.5, "CHEQUERED FLAG", cars=(wild,)))
    kept.give(frame("a", 6, 10.6))
    assert kept.ingestor.counters.rejected == {"lap.jump": 1}
    assert [(e.message, e.time_s) for e in kept.events] == [("CHEQUERED FLAG", 10.5)]


def test_one_bad_message_does_not_lose_the_others() -> None:
    kept = Kept()
    raw = frame("a", 0, 10.0, "ONE", "TWO", "THREE").model_dump(mode="json")
    raw["messages"][1]["lap"] = "soon"
    kept.give(raw)
    assert kept.in_state == ["ONE", "THREE"]
    assert [(r.field, r.value) for r in kept.ingestor.rejected] == [("messages.lap", "soon")]


def test_the_safety_car_of_a_feed_that_is_seconds_behind_is_seen() -> None:
    """A garage's own feed knows no track status, which reads as green, and is always newer; readings come from both."""
    warm = TrackConditions(track_temperature_c=41.0)
    ingestor = TelemetryIngestor(priority=("garage", "f1"))
    statuses = []
    for n in range(100):
        t = 10.0 + n / 10
        ingestor.process(frame("garage", n, t, track=warm))
        safety_car = TrackConditions(status=TrackStatus.SC, status_since_s=8.0, air_temperature_c=25.0)
        ingestor.process(frame("f1", n, t - 3.0, track=safety_car if t - 3.0 >= 8.0 else TrackConditions()))
        assert ingestor.frame is not None
        statuses.append(ingestor.frame.track.status)
    assert statuses[:5] == [TrackStatus.GREEN] * 5
    assert statuses[-50:] == [TrackStatus.SC] * 50
    assert ingestor.frame is not None
    assert (ingestor.frame.track.track_temperature_c, ingestor.frame.track.air_temperature_c) == (41.0, 25.0)
    assert ingestor.frame.track.status_since_s == 8.0
    assert TelemetryIngestor.restore(ingestor.snapshot()).snapshot() == ingestor.snapshot()
