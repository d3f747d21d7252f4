"""Ingestion as race day has it: an engine in a process of its own, a journal, and a WebSocket on which 24 cars come at 100 Hz."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import subprocess
import sys
import tempfile
import time
from functools import partial
from urllib.request import urlopen

import numpy as np

from racetwin.config import Settings
from racetwin.errors import RacetwinError
from racetwin.schemas import MAX_CARS, TelemetryFrame
from racetwin.servers.ports import free_port
from racetwin.telemetry import TelemetrySimulator
from racetwin.telemetry.websocket_sender import TelemetrySender

HZ = 100.0
SECONDS = 20.0
STARTS_WITHIN_S = 60.0
_CPU = re.compile(r"^racetwin_processor_seconds_total ([0-9.e+-]+)$", re.MULTILINE)


def over_a_socket() -> tuple[float, float, float]:
    """Send :data:`SECONDS` of frames at :data:`HZ` to an engine with a journal.

    Returns
    -------
    share, wait_ms, core
        Share of the frames acknowledged (0..1), p99 of the time from when a frame was due to its acknowledgement (ms), and the
        engine's processor time as a share of one core.
    """
    simulator = TelemetrySimulator("silverstone", 2026, seed=1, hz=HZ, from_lap=10, settings=Settings(data=None))
    frames = [with_cars(f, MAX_CARS) for f in itertools.islice(iter(simulator), int(HZ * SECONDS))]
    frames = [f.model_copy(update={"seq": n}) for n, f in enumerate(frames)]
    with tempfile.TemporaryDirectory(prefix="racetwin-bench-") as folder:
        api, door = free_port(), free_port()
        places = {"RACETWIN_API_PORT": api, "RACETWIN_TELEMETRY_PORT": door, "RACETWIN_STATE": folder}
        engine = subprocess.Popen(
            [sys.executable, "-m", "racetwin", "serve", "--feed", "websocket-server"],
            env={**os.environ, **{name: str(value) for name, value in places.items()}},
            stdout=subprocess.DEVNULL,
        )
        try:
            metrics = f"http://127.0.0.1:{api}/api/v1/metrics"
            _until_it_answers(engine, metrics)
            return asyncio.run(_send(frames, f"ws://127.0.0.1:{door}", metrics))
        finally:
            engine.terminate()
            engine.wait()


def _until_it_answers(engine: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            _processor_s(url)
        except OSError:
            if engine.poll() is not None or time.monotonic() > deadline:
                raise RacetwinError("the engine to be measured does not start; its message is above") from None
            time.sleep(0.1)
        else:
            return


def _processor_s(url: str) -> float:
    with urlopen(url, timeout=5) as answer:
        found = _CPU.search(answer.read().decode())
    if found is None:
        raise RacetwinError("the engine does not tell its processor time")
    return float(found[1])


async def _send(frames: list[TelemetryFrame], url: str, metrics: str) -> tuple[float, float, float]:
    waits: list[float] = []
    accepted = 0

    def answered(due: float, _: object) -> None:
        waits.append(time.monotonic() - due)

    async with TelemetrySender(url) as sender:
        before = await asyncio.to_thread(_processor_s, metrics)
        begin = time.monotonic()
        answers = []
        for n, frame in enumerate(frames):
            due = begin + n / HZ
            await asyncio.sleep(max(due - time.monotonic(), 0.0))
            answer = await sender.post(frame)
            answer.add_done_callback(partial(answered, due))
            answers.append(answer)
        accepted = sum(a.accepted for a in await asyncio.gather(*answers))
        took = time.monotonic() - begin
        spent = await asyncio.to_thread(_processor_s, metrics) - before
    return accepted / len(frames), 1000.0 * float(np.quantile(waits, 0.99)), spent / took


def with_cars(frame: TelemetryFrame, n: int) -> TelemetryFrame:
    """Fill a frame up to ``n`` cars with copies of its last ones."""
    more = [
        c.model_copy(update={"car_id": str(900 + i), "position": len(frame.cars) + 1 + i})
        for i, c in enumerate(frame.cars[: n - len(frame.cars)])
    ]
    return frame.model_copy(update={"cars": (*frame.cars, *more)})
