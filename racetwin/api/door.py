"""The front door: how many connections there may be, how long one may dawdle, and what came of each.

A request that is no HTTP, or never becomes a whole one, does not reach the application; so it is counted here.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from racetwin.api.core import APIMetrics

MAX_CONNECTIONS = 1024
"""Open connections at a time, WebSockets included; beyond, a new one is shut at once."""
REQUEST_WITHIN_S = 10.0
"""A request must be whole so long after it began: a client that sends a byte a second would hold its place for ever."""
MAX_HEAD = 64 * 1024
"""Most bytes of a request line and its headers: the parser itself would collect them without end."""


def door(
    metrics: APIMetrics, *, max_connections: int = MAX_CONNECTIONS, request_within_s: float = REQUEST_WITHIN_S
) -> type[HttpToolsProtocol]:
    """Return the protocol class of a server that counts into ``metrics``."""

    class Door(HttpToolsProtocol):
        """One connection."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.outcome: str | None = None
            self._patience: asyncio.TimerHandle | None = None
            self._head = 0
            self._in_head = True
            self._whole = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
            super().connection_made(transport)
            if len(self.connections) > max_connections:
                self._note("too many")
                metrics.refused.labels("connections").inc()
                transport.abort()
                return
            self._wait()

        def on_message_begin(self) -> None:
            self._head, self._in_head, self._whole = 0, True, False
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._in_head = False
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._whole = True
            super().on_message_complete()

        def data_received(self, data: bytes) -> None:
            try:
                super().data_received(data)
            except Exception:  # what the parser cannot even refuse
                self._refuse("malformed")
                return
            if self.transport.get_protocol() is not self:
                self._note("upgrade")
                self._hurry_no_more()
                return
            if self.cycle is not None:
                self._note("request")
            if self._in_head:
                self._head += len(data)
                if self._head > MAX_HEAD:
                    self._refuse("malformed")
                    return
            if self._whole:
                self._hurry_no_more()
            else:
                self._wait()

        def send_400_response(self, msg: str) -> None:
            self._note("malformed")
            metrics.refused.labels("malformed").inc()
            super().send_400_response(msg)

        def connection_lost(self, exc: Exception | None) -> None:
            self._note("incomplete")
            self._hurry_no_more()
            super().connection_lost(exc)

        def _note(self, outcome: str) -> None:
            """Count what came of this connection, once: its first word decides."""
            if self.outcome is None:
                self.outcome = outcome
                metrics.connections.labels(outcome).inc()

        def _wait(self) -> None:
            if self._patience is None:
                self._patience = self.loop.call_later(request_within_s, self._too_slow)

        def _hurry_no_more(self) -> None:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None

        def _too_slow(self) -> None:
            self._refuse("slow")

        def _refuse(self, reason: str) -> None:
            self._note(reason)
            metrics.refused.labels(reason).inc()
            self._hurry_no_more()
            self.transport.abort()

    return Door
