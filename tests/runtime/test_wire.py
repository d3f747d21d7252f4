from __future__ import annotations

import json

import pytest

from racetwin.errors import InputError
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.snapshot import EVENTS_KEPT, RaceSnapshot
from racetwin.runtime.wire import Publisher, Reader
from racetwin.schemas import TelemetryFrame

pytestmark = pytest.mark.unit

PARTS = ("info", "frame", "cars", "field", "events", "laps", "followed", "answers", "advice")


def same(a: RaceSnapshot | None, b: RaceSnapshot | None) -> None:
    assert a is not None
    assert b is not None
    for part in PARTS:
        assert getattr(a, part) == getattr(b, part), part


@pytest.fixture
def busy(race_frames: list[TelemetryFrame]) -> RaceEngine:
    engine = RaceEngine(races=32)
    engine.follow([race_frames[0].cars[2].car_id])
    return engine


def test_reader_sees_what_was_published(busy: RaceEngine, race_frames: list[TelemetryFrame]) -> None:
    publisher, reader = Publisher(), Reader()
    version: int | None = None
    for i, frame in enumerate(race_frames):
        busy.ingest(frame)
        if i % 60 == 59:
            busy.settle()
        if i % 7 == 0:
            published = publisher.publish(busy.snapshot())
            got = reader.apply(publisher.message(version))
            version = got.version
            same(got, published)


def test_reader_that_was_away_catches_up(busy: RaceEngine, race_frames: list[TelemetryFrame]) -> None:
    publisher, reader = Publisher(), Reader()
    for i, frame in enumerate(race_frames):
        busy.ingest(frame)
        published = publisher.publish(busy.snapshot())
        if i in (3, 150, len(race_frames) - 1):
            known = reader.snapshot
            resumed = publisher.can_resume(known.run_id if known else None, known.version if known else None)
            assert resumed == (known is not None)
            same(reader.apply(publisher.message(known.version if known else None)), published)
    assert len(reader.snapshot.events) <= EVENTS_KEPT


def test_delta_is_small(race_frames: list[TelemetryFrame]) -> None:
    engine, publisher = RaceEngine(), Publisher()
    for frame in race_frames[:-1]:
        engine.ingest(frame)
    before = publisher.publish(engine.snapshot())
    engine.frame = race_frames[-1]  # another picture, and nothing happened
    publisher.publish(engine.snapshot())
    delta, full = publisher.message(before.version), publisher.message()
    assert set(json.loads(delta)) == {"type", "run_id", "version", "base", "time_s", "lap", "finished", "frame"}
    assert len(delta) < 9_000 < len(full)


def test_topics_and_cars_limit_what_travels(busy: RaceEngine, race_frames: list[TelemetryFrame]) -> None:
    publisher = Publisher()
    for frame in race_frames[:60]:
        busy.ingest(frame)
    busy.settle()
    publisher.publish(busy.snapshot())
    laps_only = json.loads(publisher.message(None, frozenset({"laps"})))
    assert "laps" in laps_only
    assert "frame" not in laps_only
    assert json.loads(publisher.message(None, None, frozenset({"999"})))["answers"] == {}


def test_delta_that_does_not_fit_is_refused(race_frames: list[TelemetryFrame]) -> None:
    engine, publisher = RaceEngine(), Publisher()
    for frame in race_frames[:5]:
        engine.ingest(frame)
        publisher.publish(engine.snapshot())
    with pytest.raises(InputError, match="the reader has nothing"):
        Reader().apply(publisher.message(3))
    reader = Reader()
    reader.apply(publisher.message())
    with pytest.raises(InputError, match="type"):
        reader.apply(b'{"type": "rubbish"}')


def test_readers_start_over_when_the_race_changes(race_frames: list[TelemetryFrame]) -> None:
    engine, publisher, reader = RaceEngine(), Publisher(), Reader()
    for frame in race_frames[:50]:
        engine.ingest(frame)
    version = reader.apply(publisher.message()).version if publisher.publish(engine.snapshot()) else 0
    for frame in race_frames[:10]:
        engine.ingest(frame.model_copy(update={"race_id": "next"}))
    published = publisher.publish(engine.snapshot())
    message = publisher.message(version)
    assert json.loads(message)["type"] == "full"
    same(reader.apply(message), published)


def test_messages_are_built_once_for_all(race_frames: list[TelemetryFrame]) -> None:
    engine, publisher = RaceEngine(), Publisher()
    for frame in race_frames[:5]:
        engine.ingest(frame)
        publisher.publish(engine.snapshot())
    assert publisher.message(2) is publisher.message(2)
    assert publisher.text(2) is publisher.text(2)
