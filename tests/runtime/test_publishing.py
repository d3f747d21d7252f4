"""When the race is published: at most so often, and never late because of what is no frame."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.monitor import SystemMonitor
from racetwin.runtime.orchestrator import MainOrchestrator
from racetwin.runtime.overload import Overload
from racetwin.runtime.publishing import Publishing
from racetwin.runtime.snapshot import RaceSnapshot
from racetwin.schemas import TelemetryFrame
from racetwin.telemetry.laptable import frames
from racetwin.telemetry.records import RaceRecord

pytestmark = pytest.mark.integration

INTERVAL_S = 2.0


async def test_advice_that_was_just_published_does_not_hold_up_the_next_frame(record: RaceRecord) -> None:
    first, second, third = list(frames(record, hz=None, to_lap=2))[:3]
    shown: dict[int, float] = {}
    given: dict[int, float] = {}

    async def feed() -> AsyncIterator[TelemetryFrame]:
        yield first
        await asyncio.sleep(INTERVAL_S + 0.1)
        runner.publish()  # as advice is
        for frame in (second, third):
            given[frame.seq] = time.monotonic()
            yield frame
        await asyncio.sleep(INTERVAL_S + 1.0)

    def note(snapshot: RaceSnapshot) -> None:
        if snapshot.frame is not None:
            shown.setdefault(snapshot.frame.seq, time.monotonic())

    runner = MainOrchestrator(RaceEngine(races=32), feed(), rate_hz=1 / INTERVAL_S)
    runner.on_snapshot(note)
    await runner.run()
    waited = [at - given[second.seq] for seq, at in shown.items() if seq in given]
    assert waited[0] < INTERVAL_S / 2, "the next frame after advice"
    assert shown[third.seq] - given[third.seq] < 2 * INTERVAL_S
    assert len([at for at in shown.values() if at >= given[second.seq]]) <= 2, "no more often than the rate says"


async def test_an_engine_that_is_stopped_as_a_frame_comes_in_ends(record: RaceRecord) -> None:
    first, second = list(frames(record, hz=None, to_lap=2))[:2]

    async def feed() -> AsyncIterator[TelemetryFrame]:
        yield first
        await asyncio.sleep(0.5)  # the publisher waits for its next turn, or for a frame
        runner.stop()  # both in one turn of the loop
        yield second
        await asyncio.sleep(60)

    runner = MainOrchestrator(RaceEngine(races=32), feed(), rate_hz=0.1)
    async with asyncio.timeout(20):
        await runner.run()


async def test_a_publisher_that_is_cancelled_as_a_frame_comes_in_ends() -> None:
    publishing = Publishing(
        RaceEngine().snapshot, rate_hz=0.1, monitor=SystemMonitor(), overload=Overload(), report=lambda _: None
    )
    for turns in range(4):  # in whichever turn of the loop the two meet
        publishing.frame_came(time.perf_counter())
        publishing.publish()
        publishing.changed()
        publisher = asyncio.create_task(publishing.run())
        await asyncio.sleep(0.05)
        publishing.frame_came(time.perf_counter())
        for _ in range(turns):
            await asyncio.sleep(0)
        publisher.cancel()
        done, _ = await asyncio.wait({publisher}, timeout=1.0)
        assert done, f"it goes on after a cancellation {turns} turns after a frame"
