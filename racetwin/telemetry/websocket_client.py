"""Following a telemetry server, and sending to one.

:class:`LiveTelemetryClient` follows: it reconnects with growing, jittered waits, asks to go on after the last frame it has seen,
and tells a feed on which nothing happens (*quiet*: heartbeats or pongs still come) from a dead one (*stale*: nothing comes).
:class:`TelemetrySender` pushes frames and returns the server's answer to each.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
import websockets
from pydantic import SecretStr

from racetwin.errors import ConfigurationError, InputError
from racetwin.schemas import TelemetryFrame
from racetwin.telemetry.connection import WIRE, Backoff, FeedHealth, FeedLostError, reconnecting, redacted, secret
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
        self.url = _checked(url, self._token)
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
        async with _connect(self.url, self._token) as socket:
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
                message = await asyncio.wait_for(socket.recv(), wait)
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


class Ack(NamedTuple):
    """The server's answer to a frame: its number, whether it was accepted, why not, and what of an accepted one was refused."""

    seq: int
    accepted: bool
    error: dict[str, Any] | None
    rejected: tuple[dict[str, Any], ...] = ()


class TelemetrySender:
    """Pushes frames to a telemetry server and gets an answer to each.

    A frame that was not answered when the connection broke is sent again after reconnecting; the server's ingestor knows doubles.

    Parameters
    ----------
    url, token
        Address of the server, and what it asks for.
    timeout_s
        How long to wait for an answer.
    attempts
        Failures in a row after which :meth:`send` gives up.

    Examples
    --------
    >>> async with TelemetrySender() as sender:  # doctest: +SKIP
    ...     answer = await sender.send(frame)
    """

    def __init__(
        self,
        url: str = URL,
        token: str | SecretStr | None = None,
        *,
        timeout_s: float = 5.0,
        attempts: int = 8,
        backoff: Backoff | None = None,
    ) -> None:
        self._token = secret(token)
        self.url = _checked(url, self._token)
        self.timeout_s, self.attempts = timeout_s, attempts
        self._backoff = backoff or Backoff(first=0.1, most=2.0)
        self._socket: websockets.ClientConnection | None = None

    def __repr__(self) -> str:
        return f"TelemetrySender({self.url}, token={'set' if self._token else 'none'})"

    async def __aenter__(self) -> TelemetrySender:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            socket, self._socket = self._socket, None
            with contextlib.suppress(websockets.WebSocketException, OSError):
                await socket.close()

    async def send(self, frame: TelemetryFrame | dict[str, Any]) -> Ack:
        """Send one frame; return the server's answer.

        Raises
        ------
        ConfigurationError
            When the server refuses the token, or does not answer after all attempts.
        InputError
            When the frame cannot be written as JSON.
        """
        try:
            text = frame.model_dump_json() if isinstance(frame, TelemetryFrame) else orjson.dumps(frame).decode()
        except TypeError as error:
            raise InputError(f"frame: cannot be written as JSON ({error})") from None
        last: str = ""
        for _ in range(self.attempts):
            try:
                answer = await self._exchange(text)
            except websockets.InvalidStatus as error:
                if error.response.status_code in (401, 403):
                    raise ConfigurationError(
                        f"{self.url} refused the connection (HTTP {error.response.status_code}): check the token"
                    ) from None
                last = redacted(error, self._token)
            except (OSError, TimeoutError, ValueError, websockets.WebSocketException) as error:
                last = redacted(error, self._token)
            else:
                self._backoff.reset()
                return answer
            await self.close()
            await asyncio.sleep(self._backoff.next())
        raise ConfigurationError(f"{self.url} did not answer after {self.attempts} attempts: {last}")

    async def _exchange(self, text: str) -> Ack:
        if self._socket is None:
            self._socket = await _connect(self.url, self._token)
        await self._socket.send(text)
        async with asyncio.timeout(self.timeout_s):
            while True:
                told = orjson.loads(await self._socket.recv())
                if isinstance(told, dict) and told.get("type") == "ack":
                    parts = tuple(told.get("rejected") or ())
                    return Ack(told.get("seq", -1), told.get("accepted") is True, told.get("error"), parts)


def _connect(url: str, token: SecretStr | None) -> websockets.connect:
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    return websockets.connect(
        url,
        additional_headers=headers,
        max_size=4 * MAX_SIZE,
        open_timeout=10,
        close_timeout=1,
        ping_interval=None,
        logger=WIRE,
    )


def _checked(url: str, token: SecretStr | None) -> str:
    """Return the address if it is one, and if it would not carry a token unencrypted to another machine."""
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ConfigurationError(f"url: {url!r} is no ws:// or wss:// address")
    if parts.username or parts.password:
        raise ConfigurationError("url: holds a user name or password: give the token by itself")
    if token is not None and parts.scheme == "ws" and not is_loopback(parts.hostname):
        raise ConfigurationError(f"url: {url!r} would carry the token unencrypted: use wss://")
    return url
