"""How long a team waits for an engine that was killed two hours into a live race."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx

from racetwin.config import Settings
from racetwin.errors import RacetwinError
from racetwin.runtime.session import open_session
from racetwin.servers.ports import free_port
from racetwin.telemetry import TelemetrySimulator

FRAMES = 72_000
"""Two hours at 10 Hz."""
HZ = 13.5
"""Frames a second of the race that is drawn: it lasts an hour and three quarters."""
FEED = "websocket-server"
SNAPSHOT_EVERY = 6000
"""Frames between the snapshots of the journal that is made (ten minutes; an engine keeps one every five seconds)."""
SINCE_SNAPSHOT = 50
"""Frames after the last snapshot: an engine takes one every five seconds."""
GIVE_UP_S = 120.0


def restart_s(folder: Path) -> float:
    """Return the seconds from the start of `racetwin serve` to an answer with the state it was killed in."""
    settings = Settings(state=folder, api_port=0, telemetry_port=0)
    frames = asyncio.run(_leave_journal(settings))
    api, door = free_port(), free_port()
    places = {"RACETWIN_API_PORT": api, "RACETWIN_TELEMETRY_PORT": door, "RACETWIN_STATE": folder}
    # An engine that ran before has left Python's compiled files, wherever this process is told to leave none.
    places["PYTHONPYCACHEPREFIX"] = folder / "compiled"
    environment = {**os.environ, **{name: str(value) for name, value in places.items()}}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run([sys.executable, "-c", "import racetwin.api.serve, racetwin.cli"], env=environment, check=True)
    begin = time.perf_counter()
    engine = subprocess.Popen(
        [sys.executable, "-m", "racetwin", "serve", "--feed", FEED],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{api}", trust_env=False) as client:
            while not _has_state(client, frames):
                if engine.poll() is not None or time.perf_counter() - begin > GIVE_UP_S:
                    raise RacetwinError("the engine does not come back; its message is above")
                time.sleep(0.01)
        return time.perf_counter() - begin
    finally:
        engine.kill()
        engine.wait()


def _has_state(client: httpx.Client, frames: int) -> bool:
    try:
        health = client.get("/api/v1/health").json()
        return bool(health["frames_in"] >= frames) and client.get("/api/v1/car-twin").is_success
    except httpx.TransportError:
        return False


async def _leave_journal(settings: Settings) -> int:
    """Leave a journal as an engine leaves it that is killed; returns how many frames it has."""
    simulator = TelemetrySimulator("singapore", 2025, seed=1, hz=HZ, settings=Settings(data=None))
    session = open_session(settings, feeds=(FEED,))
    runner = session.build()
    assert runner.journal is not None
    snapshots = {*range(0, FRAMES, SNAPSHOT_EVERY), FRAMES - SINCE_SNAPSHOT}
    for frame in itertools.islice(iter(simulator), FRAMES):
        runner.ingest(frame)
        if runner.engine.frames_in in snapshots:
            await runner.take_snapshot()
            await runner.journal.flush()
    await runner.journal.flush()
    session.close()  # not closed in order: its run has no end
    if runner.engine.frames_in != FRAMES:
        raise RacetwinError(f"the race drawn has {runner.engine.frames_in} frames, {FRAMES} are wanted")
    return FRAMES
