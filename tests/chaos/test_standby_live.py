"""A live feed goes on while the engine that takes it is lost: its standby takes over, and no acknowledged frame is missing."""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from builders.engines import engine, free_port, health, wait

from racetwin.config import Settings
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.journal import Journal
from racetwin.runtime.recovery import SystemRecoveryManager
from racetwin.schemas import TelemetryFrame
from racetwin.telemetry import TelemetrySimulator
from racetwin.telemetry.websocket_sender import TelemetrySender

pytestmark = pytest.mark.chaos

FRAMES = 900
HZ = 60.0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_standby_takes_over_a_live_feed(tmp_path: Path, how: signal.Signals) -> None:
    simulator = TelemetrySimulator("silverstone", 2025, seed=3, hz=2.0, settings=Settings(data=None))
    frames = list(itertools.islice(iter(simulator), FRAMES))
    one, other, door, back_door = (free_port() for _ in range(4))
    feed = ("--feed", "websocket-server")
    with (
        engine(tmp_path / "a", one, *feed, environment={"RACETWIN_TELEMETRY_PORT": str(door)}) as first,
        engine(
            tmp_path / "b",
            other,
            *feed,
            "--standby-of",
            f"http://127.0.0.1:{one}",
            environment={"RACETWIN_TELEMETRY_PORT": str(back_door)},
        ) as second,
    ):
        wait(lambda: health(one)["components"]["standby"]["engines"] == 1, 120, "the second engine follows")
        urls = f"ws://127.0.0.1:{door},ws://127.0.0.1:{back_door}"
        answered = asyncio.run(_send(frames, urls, lambda: first.send_signal(how)))
        assert answered == FRAMES
        wait(lambda: health(other)["frames_in"] >= FRAMES, 20, "the second engine has them all")
        assert health(other)["components"]["feed"]["status"] == "ok"
        second.terminate()
        assert second.wait(20) == 0

    straight = RaceEngine()
    for frame in frames:
        straight.ingest(frame)
    (path,) = (tmp_path / "b" / "journals").glob("*.sqlite")
    with Journal(path) as journal:
        after, _ = SystemRecoveryManager(journal).recover()
    assert after.frame == straight.frame
    assert after.twin is not None
    assert straight.twin is not None
    assert after.twin.hash() == straight.twin.hash()
    assert after.ingestor.counters.missing == 0


async def _send(frames: list[TelemetryFrame], urls: str, break_it: Callable[[], None]) -> int:
    """Send the frames at their pace; a third of the way the first engine is lost. Returns how many were acknowledged."""
    async with asyncio.timeout(120), TelemetrySender(urls, timeout_s=2.0, attempts=40) as sender:
        answers = []
        for n, frame in enumerate(frames):
            if n == len(frames) // 3:
                break_it()
            answers.append(await sender.post(frame))
            await asyncio.sleep(1.0 / HZ)
        return len(await asyncio.gather(*answers))
