"""The front door: how many connections there may be, how long one may dawdle, and what came of each.

A request that is no HTTP, or never becomes a whole one, does not reach the application; so it is counted here.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from racetwin.api.core import APIMetrics

MAX_CONNECTIONS = 1024
"""Open connections at a time, WebSockets included; beyond, a new one is shut at once."""
REQUEST_WITHIN_S = 10.0
"""A request must be whole so long after it began: a client that sends a byte a second would hold its place for ever."""


def door(
    metrics: APIMetrics, *, max_connections: int = MAX_CONNECTIONS, request_within_s: float = REQUEST_WITHIN_S
) -> type[H11Protocol]:
    """Return the protocol class of a server that counts into ``metrics``."""

    class Door(H11Protocol):
        """One connection."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.outcome: str | None = None
            self._patience: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > max_connections:
                self._note("too many")
                metrics.refused.labels("connections").inc()
                transport.abort()
                return
            self._wait()

        def data_received(self, data: bytes) -> None:
            try:
                super().data_received(data)
            except Exception:  # what the parser cannot even refuse
                self._note("malformed")
                metrics.refused.labels("malformed").inc()
                self.transport.abort()
                return
            if self.transport.get_protocol() is not self:
                self._note("upgrade")
            elif self.cycle is not None:
                self._note("request")
            if self.transport.get_protocol() is self and self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
                self._wait()
            else:
                self._hurry_no_more()

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
            self._note("slow")
            metrics.refused.labels("slow").inc()
            self.transport.abort()

    return Door
