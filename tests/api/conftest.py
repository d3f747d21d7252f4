"""An engine with its API on a port of its own, in a thread: fed a short simulated race, then left as it is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from racetwin.api.serve import serving
from racetwin.config import Settings
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.journal import Journal
from racetwin.runtime.orchestrator import MainOrchestrator
from racetwin.runtime.session import EngineSession
from racetwin.runtime.snapshot import RaceInfo
from racetwin.runtime.sources import Source
from racetwin.schemas import TelemetryFrame
from racetwin.simulation.draw import draw_grand_prix
from racetwin.telemetry.laptable import frames
from racetwin.telemetry.records import RaceRecord

RACES = 32


class Served:
    """A running server: its address, and the engine behind it (to be touched through :meth:`call` only)."""

    def __init__(self, url: str, runner: MainOrchestrator, loop: asyncio.AbstractEventLoop) -> None:
        self.url = url
        self.runner = runner
        self.loop = loop
        self.client = httpx.Client(base_url=url, timeout=30.0, trust_env=False)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.client.get(f"/api/v1/{path}", **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.client.post(f"/api/v1/{path}", **more)

    def call(self, what: Callable[[], Any]) -> Any:
        """Do something on the engine's loop and return what it returns."""

        async def do() -> Any:
            return what()

        return asyncio.run_coroutine_threadsafe(do(), self.loop).result(30)


@contextmanager
def _serve_frames(
    race: Iterable[TelemetryFrame],
    folder: Path,
    *,
    token: str | None = None,
    journal: bool = False,
    follow: tuple[str, ...] = (),
    speed: float | None = None,
) -> Iterator[Served]:
    """Serve these frames."""
    settings = Settings(
        state=folder, api_port=0, races=RACES, token=SecretStr(token) if token else None, data=None, library=folder
    )
    started: list[Served] = []
    ready = threading.Event()
    failed: list[BaseException] = []
    stop: list[asyncio.Event] = []

    async def main() -> None:
        info = RaceInfo(race_id="", source="test", speed=None)
        engine = RaceEngine(info, races=RACES, only_race=next((f.race_id for f in race), None))
        kept = None
        if journal:
            kept = Journal(folder / "journal.sqlite", write=True)
            kept.begin_run(engine.run_id, "test", info.model_dump(mode="json"))
        session = EngineSession(settings, engine, kept, Source(info, race), speed, "test")
        stop.append(asyncio.Event())
        async with serving(session, settings, follow=follow) as (url, runner):
            while speed is None and not runner.feed_ended:
                await asyncio.sleep(0.01)
            started.append(Served(url, runner, asyncio.get_running_loop()))
            ready.set()
            await stop[0].wait()

    def body() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    assert ready.wait(60)
    if failed:
        raise failed[0]
    served = started[0]
    try:
        yield served
    finally:
        served.client.close()
        served.loop.call_soon_threadsafe(stop[0].set)
        thread.join(30)
        assert not thread.is_alive()
        if failed:
            raise failed[0]


@pytest.fixture(scope="session")
def race() -> list[TelemetryFrame]:
    """Return the first eight laps of a simulated race, a frame an event."""
    drawn = draw_grand_prix(circuit_id="monza", season=2024, seed=5)
    record = RaceRecord.from_laps(
        drawn.laps,
        race_id=drawn.race_id,
        season=drawn.season,
        circuit_id=drawn.circuit_id,
        circuit=drawn.circuit,
        event=drawn.event,
        total_laps=drawn.total_laps,
        grid=drawn.grid,
        simulated=True,
        source="simulator",
    )
    return list(frames(record, hz=None, to_lap=8))


@pytest.fixture(scope="session")
def served(race: list[TelemetryFrame], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a server that all tests share; they must leave it as it is."""
    with _serve_frames(race, tmp_path_factory.mktemp("served"), journal=True) as server:
        yield server


@pytest.fixture
def serve_frames() -> Callable[..., AbstractContextManager[Served]]:
    """Return what serves frames of a test's own."""
    return _serve_frames


@pytest.fixture(scope="module")
def serve_guarded() -> Callable[..., AbstractContextManager[Served]]:
    """Return what serves frames to a whole module."""
    return _serve_frames


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Served]:
    """Return a server that has not seen a frame."""
    with _serve_frames([], tmp_path) as server:
        yield server
