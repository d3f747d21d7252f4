"""The doors for live telemetry: WebSocket (acknowledged frame by frame), JSON datagrams, and the EA game's datagrams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, Protocol

from racetwin.config import Settings
from racetwin.runtime.tokens import secret_for
from racetwin.schemas import Rejection
from racetwin.telemetry.datagrams import is_loopback
from racetwin.telemetry.ea_udp import EaUdpFeed
from racetwin.telemetry.udp_json import UdpJsonFeed
from racetwin.telemetry.websocket_server import TelemetryServer


class Taker(Protocol):
    """Who takes the frames: the orchestrator."""

    def ingest(self, raw: Any) -> int | None:
        """Take a frame; returns its number, None if it was refused."""

    async def acknowledged(self, number: int) -> None:
        """Return when a frame is safe."""

    def last_refusal(self) -> Rejection:
        """Return why the frame before was refused."""


class LiveFeeds:
    """Opens every door at once and drives the engine with what comes in; ends only when it is cancelled.

    Parameters
    ----------
    settings
        ``host`` and the three telemetry ports; where a token is set, whoever sends needs one that allows ``ingest``. The game
        cannot send a token: beyond loopback its door stays on loopback.
    """

    def __init__(self, settings: Settings) -> None:
        host, token = settings.host, secret_for(settings, "ingest")
        self.json = UdpJsonFeed(host, settings.udp_json_port, token=token)
        self.game = EaUdpFeed(host if is_loopback(host) else "127.0.0.1", settings.udp_game_port)
        self._host, self._port, self._token = host, settings.telemetry_port, token
        self.server: TelemetryServer | None = None
        self.opened = asyncio.Event()

    async def drive(self, taker: Taker) -> None:
        """Hand every frame to ``taker``; a WebSocket producer is answered once its frame is safe."""

        async def sink(raw: dict[str, Any]) -> Rejection | None:
            number = taker.ingest(raw)
            if number is None:
                return taker.last_refusal()
            await taker.acknowledged(number)
            return None

        async def pass_on(feed: AsyncIterable[Any]) -> None:
            async for raw in feed:
                taker.ingest(raw)

        server = TelemetryServer(sink, host=self._host, port=self._port, token=self._token, relay=False)
        self.server = server
        async with server, asyncio.TaskGroup() as group:
            group.create_task(pass_on(self.json))
            group.create_task(pass_on(self.game))
            self.opened.set()

    async def __aiter__(self) -> AsyncIterator[Any]:
        """Yield nothing: these feeds drive (see :meth:`drive`), as an answer is owed to who sends."""
        await asyncio.Event().wait()
        yield None
