"""Short of time, the desk is thinned first, then viewers, and never what comes in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

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
    a, b = (c.car_id for c in engine.frame.cars[:2])  # type: ignore[union-attr]
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


class LateFeed:
    """A replay that hands its frames over as it should, and says how late it is."""

    def __init__(self, frames: list[TelemetryFrame], behind_s: float) -> None:
        self._frames, self.behind_s = frames, behind_s

    async def __aiter__(self) -> AsyncIterator[TelemetryFrame]:
        for frame in self._frames:
            yield frame
            await asyncio.sleep(0.002)


class CountingQueue(DeskQueue):
    """Answers nothing, but counts what it is asked."""

    asked = 0

    def work(self, request: DeskRequest, deadline_s: float | None = None) -> Advised:
        CountingQueue.asked += 1
        raise RuntimeError("no answer is needed here")


async def run(frames: list[TelemetryFrame], behind_s: float) -> tuple[int, int, int]:
    """Return how often the desk was asked, how many snapshots were published, and how many frames were accepted."""
    engine = RaceEngine(races=16)
    engine.queue = CountingQueue()
    CountingQueue.asked = 0
    published = 0

    def count(_: object) -> None:
        nonlocal published
        published += 1

    runner = MainOrchestrator(engine, LateFeed(frames, behind_s), rate_hz=50.0)
    runner.worker.queue = engine.queue
    runner.overload.watch(behind_s, time.monotonic())
    runner.on_snapshot(count)
    engine.follow([c.car_id for c in frames[0].cars[:3]])
    await asyncio.wait_for(_until_fed(runner), 60)
    return CountingQueue.asked, published, engine.frames_accepted


async def _until_fed(runner: MainOrchestrator) -> None:
    task = asyncio.create_task(runner.run(linger=True))
    while not runner.feed_ended and not task.done():
        await asyncio.sleep(0.01)
    runner.stop()
    await task


async def test_an_engine_that_is_late_loses_no_frame_and_asks_less(race_frames: list[TelemetryFrame]) -> None:
    frames = race_frames[:150]
    asked, published, accepted = await run(frames, 0.0)
    asked_1, _, accepted_1 = await run(frames, LEVELS_S[0])
    asked_3, published_3, accepted_3 = await run(frames, 2 * LEVELS_S[2])
    assert accepted == accepted_1 == accepted_3 == len(frames)
    assert asked_1 < asked
    assert asked_3 <= asked_1
    assert published_3 < 0.75 * published
