"""How the application is served, and how that ends: in order, whoever is connected, and without a word.

Clients that read are told (WebSocket code 1012, a 503 to what is asked meanwhile) and waited for; one that takes nothing any
more, or a question that is still being worked on, is cut off after :data:`CLOSE_WITHIN_S`. Uvicorn by itself would cancel their
tasks then, and print what it did to each.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from racetwin.api.door import door
from racetwin.api.problems import problem
from racetwin.api.ws import MAX_CLIENT_MESSAGE
from racetwin.config import Settings
from racetwin.errors import ConfigurationError

CLOSE_WITHIN_S = 2.0
"""A client that has not let go so long after it was told is cut off."""
GIVE_UP_S = 5
"""What holds out even then is uvicorn's to end, and to tell of."""
PING_S = 20.0
"""How often a subscriber is asked for a sign of life, and how long it may take."""


class Server(uvicorn.Server):
    """Uvicorn without its own idea of signals: the engine shuts down in order, the server with it."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self._leaving = _Leaving(app)
        super().__init__(
            uvicorn.Config(
                self._leaving,
                http=door(app.state.metrics),
                log_level="error",  # a line for each malformed request would let a stranger fill the disk; they are counted
                access_log=False,
                ws=_Line,
                ws_max_size=4 * MAX_CLIENT_MESSAGE,
                ws_per_message_deflate=False,
                ws_ping_interval=PING_S,
                ws_ping_timeout=PING_S,
                timeout_graceful_shutdown=GIVE_UP_S,
                server_header=False,
                lifespan="off",
                **tls(settings),
            )
        )

    def leave(self) -> None:
        """Say that it is about to end: what is asked from now on is refused."""
        self._leaving.now = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the server."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close all connections; those that do not let go are cut off."""
        self.leave()
        late = asyncio.get_running_loop().call_later(CLOSE_WITHIN_S, self._cut_off)
        try:
            await super().shutdown(sockets)
        finally:
            late.cancel()

    def _cut_off(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()


class _Leaving:
    """The application of a server that may be about to end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.now = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            if not self.now:
                await self._app(scope, receive, watched)
                return
        except (Exception, asyncio.CancelledError):  # its desk has gone, or its client was cut off
            if not self.now:
                raise
        if not begun:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1012, "reason": "the engine is stopping"})
        else:
            await problem(503, "the engine is stopping", headers={"Retry-After": "1"})(scope, receive, send)


class _Line(WebSocketsSansIOProtocol):
    """A WebSocket connection; whoever gives no sign of life is gone, whatever was still to be sent."""

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()  # closed only, it would wait for ever for a client that does not read


def tls(settings: Settings) -> dict[str, Any]:
    """Return how a server is to be encrypted, if it is; :class:`ConfigurationError` where a file of it is missing."""
    if settings.tls_certificate is None:
        return {}
    for name, path in (("tls_certificate", settings.tls_certificate), ("tls_key", settings.tls_key)):
        if path is not None and not path.is_file():
            raise ConfigurationError(f"{name}: {path} is no file; name a PEM file or unset RACETWIN_{name.upper()}")
    key = settings.tls_key
    return {"ssl_certfile": str(settings.tls_certificate), "ssl_keyfile": None if key is None else str(key)}
