"""Runtime and API: how long a frame takes to the twins, to a snapshot, to fifty screens, and how fast requests are answered.

The race is a simulated one of 22 cars at 10 frames a second, in real time. Clients run in a process of their own. What else the
machine does counts against the figures.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from racetwin.api.serve import serving
from racetwin.config import Settings
from racetwin.evaluation.benchmarks import Figure
from racetwin.evaluation.benchmarks.restart import restart_s
from racetwin.runtime.child import run_module
from racetwin.runtime.session import open_session

SECONDS = 30.0
"""How long each figure is measured."""
TURNS = 4
"""Times that ingestion is measured without and with silent subscribers, in turn; the frames of all turns are taken together,
as the 99th percentile of one turn is its third slowest frame."""
SUBSCRIBERS = 50
SILENT = 200
RATE = 500
CLIENTS = "racetwin.evaluation.benchmarks.api_clients"


def api() -> list[Figure]:
    """Measure the runtime and its API."""
    with tempfile.TemporaryDirectory(prefix="racetwin-bench-") as folder:
        settings = Settings(state=Path(folder), api_port=0, races=500)
        figures = asyncio.run(_measure(settings))
        took = restart_s(Path(folder) / "restart")
        figures.append(_figure("restart to serving, two hours into a race", took, "s", 5, 1))
        return figures


class _Stamped:
    """A feed that remembers when each frame was handed over."""

    def __init__(self, feed: Any, given: dict[int, float]) -> None:
        self._feed = feed
        self._given = given
        self.behind_s = 0.0

    async def __aiter__(self) -> Any:
        async for frame in self._feed:
            self.behind_s = self._feed.behind_s
            self._given[frame.seq] = time.monotonic()
            yield frame


async def _measure(settings: Settings) -> list[Figure]:
    session = open_session(settings, simulated=True, speed=1.0)
    given: dict[int, float] = {}
    figures: list[Figure] = []

    def stamped(feed: Any) -> _Stamped:
        return _Stamped(feed, given)

    async with serving(session, settings, follow=("1",), wrap=stamped) as (url, runner):
        while runner.publisher.snapshot is None or runner.publisher.snapshot.lap < 1:
            await asyncio.sleep(0.1)
        alone = await _window(runner, SECONDS)
        figures.append(_ms("frame in to state published, p99, 22 cars", alone["frame_to_publish"], 99, 20, 5))
        figures.append(_ms("frame in to twins updated, p99", alone["ingest"], 99, None, None))

        clients = asyncio.create_task(run_module(CLIENTS, "subscribe", url, SUBSCRIBERS, SECONDS))
        seen = orjson.loads(await clients)["seen"]
        delay = [1000 * (at - given[seq]) for seq, at in seen if seq in given and at > given[seq]]
        figures.append(
            _figure(f"frame in to visible, p99, {SUBSCRIBERS} subscribers", np.percentile(delay, 99), "ms", 100, 40)
        )

        asked = orjson.loads(await run_module(CLIENTS, "ask", url, RATE, SECONDS))
        took = 1000 * np.array(asked["took"])
        figures.append(_figure(f"API, cached, p99 at {RATE} requests/s", np.percentile(took, 99), "ms", 20, 8))
        figures.append(_figure("API, cached, median", np.percentile(took, 50), "ms", None, None))
        figures.append(_figure("API, failed or unanswered", asked["failed"] + asked["unanswered"], "requests", 0, 0))

        without: list[float] = []
        with_them: list[float] = []
        for _ in range(TURNS):
            without += (await _window(runner, SECONDS))["ingest"]
            silent = asyncio.create_task(run_module(CLIENTS, "idle", url, SILENT, SECONDS + 2))
            await asyncio.sleep(2.0)
            with_them += (await _window(runner, SECONDS))["ingest"]
            await silent
        ratio = np.percentile(with_them, 99) / np.percentile(without, 99)
        figures.append(_figure(f"{SILENT} silent subscribers: p99 of ingestion against none", ratio, "x", 1.10, 1.0))
        counters = runner.engine.counters()
        figures.append(
            _figure("frames in minus frames processed", counters.frames_in - counters.frames_processed, "frames", 0, 0)
        )
    return figures


async def _window(runner: Any, seconds: float) -> dict[str, list[float]]:
    """Return the latencies of a stretch of the race by stage, in seconds."""
    stages = ("ingest", "frame_to_publish")
    started = {s: runner.monitor.count(s) for s in stages}
    await asyncio.sleep(seconds)
    return {s: runner.monitor.newest(s, runner.monitor.count(s) - started[s]) for s in stages}


def _ms(name: str, seconds: list[float], q: float, must: float | None, aim: float | None) -> Figure:
    return _figure(name, 1000 * float(np.percentile(seconds, q)), "ms", must, aim)


def _figure(name: str, value: Any, unit: str, must: float | None, aim: float | None) -> Figure:
    return Figure(name, round(float(value), 3), unit, must, aim, higher_is_better=False)
