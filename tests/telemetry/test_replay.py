from __future__ import annotations

import asyncio

import pytest

from racetwin.errors import InputError
from racetwin.schemas import TelemetryFrame
from racetwin.telemetry import RaceRecord, Replay, frames

pytestmark = pytest.mark.unit


class Time:
    """A clock that only moves when someone sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def replay(record: RaceRecord, speed: float | None, time: Time, **how: object) -> Replay:
    return Replay.of(record, speed, hz=2, clock=time.clock, sleep=time.sleep, **how)


async def test_frames_come_at_the_pace_of_the_race(record: RaceRecord) -> None:
    time = Time()
    seen = [(time.now, f.time_s) async for f in replay(record, 20.0, time, to_lap=2)]
    assert all((now - 1000.0) * 20.0 == pytest.approx(t + 5.0, abs=1e-6) for now, t in seen)


async def test_without_a_speed_nothing_waits(record: RaceRecord) -> None:
    time = Time()
    seen = [f async for f in replay(record, None, time)]
    assert time.now == 1000.0
    assert seen == list(frames(record, hz=2))


async def test_a_slow_consumer_loses_nothing_and_catches_up(record: RaceRecord) -> None:
    time = Time()
    it = replay(record, 1.0, time, to_lap=1)
    seen: list[TelemetryFrame] = []
    async for f in it:
        seen.append(f)
        if len(seen) == 10:
            time.now += 30.0
    assert [f.seq for f in seen] == list(range(len(seen)))
    assert it.behind_s == pytest.approx(0.0)
    assert time.now - 1000.0 == pytest.approx(seen[-1].time_s + 5.0)


async def test_pause_step_and_resume(record: RaceRecord) -> None:
    time = Time()
    it = replay(record, 10.0, time)
    stream = aiter(it)
    first = await anext(stream)
    it.pause()
    waiting = asyncio.ensure_future(anext(stream))
    for _ in range(20):
        await asyncio.sleep(0)
    assert it.paused
    assert not waiting.done()
    it.step()
    second = await waiting
    assert second.seq == first.seq + 1
    it.resume()
    before = time.now
    third = await anext(stream)
    fourth = await anext(stream)
    assert (third.seq, fourth.seq) == (2, 3)
    assert time.now - before == pytest.approx(0.05)


async def test_seek_forward_shows_everything_at_once(record: RaceRecord) -> None:
    time = Time()
    it = replay(record, 1.0, time, to_lap=5)
    seen = []
    async for f in it:
        if f.seq == 0:
            it.seek(4)
        seen.append((f, time.now))
    assert [f.seq for f, _ in seen] == list(range(len(seen)))
    arrival = next(now for f, now in seen if f.lap == 4)
    assert arrival == 1000.0
    assert time.now > 1000.0


async def test_seek_backward_begins_anew(record: RaceRecord) -> None:
    time = Time()
    it = replay(record, None, time, to_lap=4)
    laps = []
    async for f in it:
        laps.append(f.lap)
        if f.lap == 4 and it.generation == 0:
            it.seek(2)
    assert it.generation == 1
    assert laps.count(1) == 2 * sum(1 for f in frames(record, hz=2) if f.lap == 1)


async def test_seek_backward_in_frames_that_are_gone_is_refused(record: RaceRecord) -> None:
    it = Replay(iter(list(frames(record, hz=None))), None)
    async for f in it:
        if f.lap == 3:
            with pytest.raises(InputError, match="lap: 2 has passed"):
                it.seek(2)
            break


def test_a_speed_that_is_none_is_refused(record: RaceRecord) -> None:
    with pytest.raises(InputError, match="speed: 0"):
        Replay([], 0.0)
    it = Replay([], 1.0)
    with pytest.raises(InputError, match="speed: -2"):
        it.set_speed(-2.0)
