"""A standby goes on from what the first engine advised, and from what a strategist decided there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.orchestrator import MainOrchestrator
from racetwin.runtime.standby import StandbyFeed
from racetwin.schemas import Recommendation, TelemetryFrame
from racetwin.strategist.life import standing

pytestmark = pytest.mark.integration
RACES = 32
WITHIN_S = 60.0


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():
            await asyncio.sleep(0.02)


async def silence() -> AsyncIterator[TelemetryFrame]:
    """A feed that has nothing to say."""
    await asyncio.Event().wait()
    yield


def decided(said: tuple[Recommendation, ...]) -> tuple[Any, ...] | None:
    """What a strategist would miss after a take-over: the call, its identity, how old it is and what was decided on it."""
    stop = standing(said, "stop")
    if stop is None or stop.life is None:
        return None
    life = stop.life
    return stop.id, life.call, life.since_lap, life.handling, life.pinned, life.by


async def test_call_that_was_accepted_and_pinned_is_so_on_the_standby(
    race: list[TelemetryFrame], serve_frames: Callable[..., AbstractContextManager[Any]], tmp_path: Path
) -> None:
    car = race[0].cars[2].car_id
    with serve_frames(race, tmp_path, journal=True, follow=(car,)) as first:

        def said() -> tuple[Recommendation, ...]:
            return first.call(lambda: first.runner.engine.book.said(car))

        def at_rest() -> bool:
            engine = first.runner.engine
            return engine.waiting == 0 and engine.desk_status().state == "idle"

        # While the desk still works on what it was fed, its next answer may change the call that is decided on.
        await until(lambda: decided(said()) and first.call(at_rest))
        stop = standing(said(), "stop")
        assert stop is not None
        for action in ("accept", "pin"):
            reply = await asyncio.to_thread(
                first.post, f"strategy/advice/{stop.id}", json={"action": action, "by": "Anna"}
            )
            assert reply.status_code == 200, reply.text
        there = decided(said())
        assert there is not None
        assert there[3:] == ("accepted", True, "Anna")

        engine = RaceEngine(races=RACES)
        feed = StandbyFeed(first.url, lambda _at: silence(), take_over_after_s=0.5)
        runner = MainOrchestrator(engine, feed)  # it drives the engine itself
        task = asyncio.create_task(runner.run())
        await until(lambda: decided(engine.book.said(car)) == there)
        await asyncio.to_thread(first.post, f"strategy/advice/{stop.id}", json={"action": "unpin", "by": "Ben"})
        after = decided(said())
        assert after is not None
        assert after[3:] == ("accepted", False, "Ben")
        await until(lambda: decided(engine.book.said(car)) == after)  # and what is decided while it follows
    await until(lambda: not feed.following)
    assert decided(engine.book.said(car)) == after
    runner.stop()
    await task
