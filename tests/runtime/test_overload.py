"""Short of time, the desk is thinned first, then viewers, and never what comes in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from racetwin.runtime.desk_queue import Advised, DeskQueue, DeskRequest
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.orchestrator import MainOrchestrator
from racetwin.runtime.overload import DESK_REST_S, LEVELS_S, PATIENCE, Overload, urgent
from racetwin.schemas import TelemetryFrame

pytestmark = pytest.mark.unit


def test_desk_gives_way_before_viewers_do() -> None:
    overload = Overload()
    assert overload.watch(LEVELS_S[0], 0.0) == 1
    assert overload.desk_rest_s > 0
    assert overload.patience == 1.0
    overload.watch(LEVELS_S[1], 1.0)
    assert overload.patience > 1.0
    assert list(DESK_REST_S) == sorted(DESK_REST_S)
    assert list(PATIENCE) == sorted(PATIENCE)


def test_level_does_not_flicker() -> None:
    overload = Overload()
    overload.watch(LEVELS_S[1], 0.0)
    assert overload.watch(0.9 * LEVELS_S[1], 10.0) == 2  # not half of it yet
    assert overload.watch(0.0, 11.0) == 2  # not calm for long enough
    assert overload.watch(0.0, 12.5) == 1
    assert overload.watch(0.0, 12.6) == 1
    assert overload.watch(0.0, 14.0) == 0


def test_what_cannot_wait_goes_first(engine: RaceEngine, race_frames: list[TelemetryFrame]) -> None:
    for frame in race_frames:
        engine.ingest(frame)
    a, b = (c.car_id for c in engine.frame.cars[:2])
    queue = DeskQueue()
    for car, reason in ((a, "lap completed"), (b, "track SC")):
        request = engine.prepare(car, reason)
        assert request is not None
        queue.put(request)
    assert queue.urgent
    first = queue.take()
    assert first is not None
    assert first.car_id == b
    assert not queue.urgent


def test_reasons_that_cannot_wait() -> None:
    assert all(urgent((r,)) for r in ("track SC", "rain", "pit window opens", "asked", "tyres changed"))
    assert not urgent(("lap completed", "car 44 stops"))


class Pinned(Overload):
    """Stays at its level, whatever else this machine has to do."""

    def watch(self, late_s: float, now: float) -> int:
        return self.level


class CountingQueue(DeskQueue):
    """Answers nothing, but counts what it is asked."""

    asked = 0

    def work(self, request: DeskRequest, deadline_s: float | None = None) -> Advised:
        self.asked += 1
        raise RuntimeError("no answer is needed here")


class Feed:
    """A replay that waits, where nothing is thinned, until the desk has heard every question: so all of them are asked."""

    def __init__(self, frames: list[TelemetryFrame], level: int) -> None:
        self.frames, self.level = frames, level
        self.engine: RaceEngine | None = None

    async def __aiter__(self) -> AsyncIterator[TelemetryFrame]:
        assert self.engine is not None
        for frame in self.frames:
            yield frame
            await asyncio.sleep(0.002)
            while self.level == 0 and self.engine.waiting:
                await asyncio.sleep(0.001)


RATE_HZ = 50.0


async def run(frames: list[TelemetryFrame], level: int) -> tuple[int, float, int]:
    """Return how often the desk was asked, the shortest time between two snapshots, and how many frames were accepted."""
    engine = RaceEngine(races=16)
    engine.queue = queue = CountingQueue()
    feed = Feed(frames, level)
    feed.engine = engine
    runner = MainOrchestrator(engine, feed, rate_hz=RATE_HZ, overload=Pinned(level=level))
    published: list[float] = []

    def note(_: object) -> None:
        if not runner.feed_ended:
            published.append(runner.published_at)

    runner.on_snapshot(note)
    engine.follow([c.car_id for c in frames[0].cars[:3]])
    await asyncio.wait_for(_until_fed(runner), 60)
    return queue.asked, min(b - a for a, b in pairwise(published)), engine.frames_accepted


async def _until_fed(runner: MainOrchestrator) -> None:
    task = asyncio.create_task(runner.run(linger=True))
    while not runner.feed_ended and not task.done():
        await asyncio.sleep(0.01)
    runner.stop()
    await task


async def test_an_engine_that_is_late_loses_no_frame_asks_less_and_shows_less(
    race_frames: list[TelemetryFrame],
) -> None:
    frames = race_frames[:150]
    asked, gap_s, accepted = await run(frames, 0)
    asked_1, _, accepted_1 = await run(frames, 1)
    _, gap_3_s, accepted_3 = await run(frames, 3)
    assert accepted == accepted_1 == accepted_3 == len(frames)
    assert asked_1 < asked
    assert gap_3_s > 0.95 * PATIENCE[3] / RATE_HZ > gap_s
