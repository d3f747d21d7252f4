"""Following a telemetry server.

:class:`LiveTelemetryClient` reconnects with growing, jittered waits, asks to go on after the last frame it has seen, and tells a
feed on which nothing happens (*quiet*: heartbeats or pongs still come) from a dead one (*stale*: nothing comes).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import orjson
import websockets
from pydantic import SecretStr

from racetwin.errors import ConfigurationError
from racetwin.telemetry.connection import WIRE, Backoff, FeedHealth, FeedLostError, reconnecting, secret
from racetwin.telemetry.datagrams import is_loopback
from racetwin.telemetry.refusals import OnRefusal, unreadable
from racetwin.telemetry.websocket_server import MAX_SIZE

URL = "ws://127.0.0.1:8765"


class LiveTelemetryClient:
    """Frames of a telemetry server: ``async for raw in LiveTelemetryClient("ws://127.0.0.1:8765")``.

    Servers that speak no more than bare frames are followed too; then frames already seen are recognised by their own ``source``
    and ``seq``.

    Parameters
    ----------
    url
        Address of the server, ``ws://`` or ``wss://``.
    token
        Sent as ``Authorization: Bearer ...``; shown nowhere.
    quiet_s, stale_s
        Without frames for ``quiet_s`` seconds the feed is quiet; without any sign of life for ``stale_s`` it is dead, and is
        connected anew.
    backoff, attempts
        Waits between attempts, and how many failures in a row end the feed (``None``: none does).

    Attributes
    ----------
    health
        State, counters and gaps of the connection.
    missed
        Frames that the server no longer had when this client came back.
    duplicates
        Frames left out because they had been seen.
    on_refusal
        Called with each message that is no JSON object.
    """

    name = "websocket-client"

    def __init__(
        self,
        url: str = URL,
        token: str | SecretStr | None = None,
        *,
        quiet_s: float = 3.0,
        stale_s: float = 10.0,
        backoff: Backoff | None = None,
        attempts: int | None = None,
    ) -> None:
        self._token = secret(token)
        self.url = checked(url, self._token)
        self.health = FeedHealth(quiet_s, stale_s)
        self.missed = 0
        self.duplicates = 0
        self.on_refusal: OnRefusal | None = None
        self._backoff = backoff or Backoff()
        self._attempts = attempts
        self._stream: str | None = None
        self._last = -1
        self._seen: dict[str, int] = {}
        self._alive_at = time.monotonic()

    def __repr__(self) -> str:
        return f"LiveTelemetryClient({self.url}, {self.health.state.value}, token={'set' if self._token else 'none'})"

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """Yield frames as dictionaries, in the server's order, each once."""
        frames = reconnecting(
            self._connection, self.health, self._backoff, secrets=(self._token,), attempts=self._attempts
        )
        async for frame in frames:
            yield frame

    async def _connection(self) -> AsyncIterator[dict[str, Any]]:
        async with connect(self.url, self._token) as socket:
            asked: dict[str, Any] = {"type": "subscribe"}
            if self._stream is not None:
                asked |= {"stream": self._stream, "after": self._last}
            await socket.send(orjson.dumps(asked).decode())
            self.health.connected()
            self._alive_at = time.monotonic()
            while True:
                for frame in self._read(await self._next(socket)):
                    yield frame

    async def _next(self, socket: websockets.ClientConnection) -> str | bytes:
        """Return the next message; ask for a sign of life while there is none, and give up when none comes."""
        wait = self.health.stale_s / 3
        while True:
            try:
                async with asyncio.timeout(wait):
                    message = await socket.recv()
            except TimeoutError:
                if time.monotonic() - self._alive_at >= self.health.stale_s:
                    raise FeedLostError(f"no sign of life for {self.health.stale_s:g} s") from None
                asyncio.ensure_future(await socket.ping()).add_done_callback(self._pong)
                continue
            self._alive()
            return message

    def _pong(self, answer: asyncio.Future[float]) -> None:
        if not answer.cancelled() and answer.exception() is None:
            self._alive()

    def _alive(self) -> None:
        self._alive_at = time.monotonic()
        self.health.alive()

    def _read(self, message: str | bytes) -> list[dict[str, Any]]:
        """Return the frames in a message: one, or none."""
        try:
            told = orjson.loads(message)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            self.health.errors["json"] += 1
            if self.on_refusal is not None:
                self.on_refusal(unreadable(self.name, "json", message, "one JSON object a message"))
            return []
        kind = told.get("type")
        number, frame = told.get("n"), told.get("frame")
        if kind == "frame" and isinstance(number, int) and isinstance(frame, dict):
            if number <= self._last:
                self.duplicates += 1
                return []
            self._last = number
            return [frame]
        if kind == "hello" and isinstance(told.get("next"), int):
            if told.get("resumed") is not True:
                # Another server, or one that began anew: its numbers start somewhere else.
                self._stream = told.get("stream") if isinstance(told.get("stream"), str) else None
                self._last = told["next"] - 1
        elif kind == "gap" and isinstance(told.get("before"), int):
            self.missed += max(0, told["before"] - self._last - 1)
            self._last = max(self._last, told["before"] - 1)
        elif "cars" in told:
            return [told] if self._new(told) else []
        return []

    def _new(self, frame: dict[str, Any]) -> bool:
        """Whether a bare frame has not been seen; one without a number always is new."""
        seq, source = frame.get("seq"), str(frame.get("source", ""))
        if not isinstance(seq, int) or isinstance(seq, bool):
            return True
        if seq == 0:  # the source began anew
            self._seen.pop(source, None)
        if seq <= self._seen.get(source, -1):
            self.duplicates += 1
            return False
        if source in self._seen or len(self._seen) < 100:
            self._seen[source] = seq
        return True


def connect(url: str, token: SecretStr | None, *, open_timeout_s: float = 10.0) -> websockets.connect:
    """Return the connection to a server, to be awaited or entered."""
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    return websockets.connect(
        url,
        additional_headers=headers,
        max_size=4 * MAX_SIZE,
        open_timeout=open_timeout_s,
        close_timeout=1,
        ping_interval=None,
        logger=WIRE,
    )


def checked(url: str, token: SecretStr | None) -> str:
    """Return the address if it is one, and if it would not carry a token unencrypted to another machine."""
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ConfigurationError(f"url: {url!r} is no ws:// or wss:// address")
    if parts.username or parts.password:
        raise ConfigurationError("url: holds a user name or password: give the token by itself")
    if token is not None and parts.scheme == "ws" and not is_loopback(parts.hostname):
        raise ConfigurationError(f"url: {url!r} would carry the token unencrypted: use wss://")
    return url
