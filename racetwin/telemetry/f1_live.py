"""Formula 1 live timing over SignalR Core.

The hub speaks JSON records, each ended by the byte 0x1E (ASP.NET Core SignalR hub protocol): after a handshake the client invokes
``Subscribe`` with the topics it wants, gets their whole state as the result, and then ``feed`` calls with the changes. After a
break it subscribes anew and gets the state again, so what was missed between is a gap and nothing more.

Since August 2025 car data and positions, and since October 2026 all downloads, need an F1TV token. The user supplies it (setting
``RACETWIN_F1TV_TOKEN`` or the argument); it is sent to the hub and shown nowhere.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import httpx
import orjson
import websockets
from pydantic import SecretStr

from racetwin.config import settings
from racetwin.errors import ConfigurationError
from racetwin.telemetry.connection import WIRE, Backoff, FeedHealth, FeedLostError, flushing, reconnecting, secret
from racetwin.telemetry.f1_messages import HubReader
from racetwin.telemetry.f1_topics import TOPICS, F1Session, TopicMessage
from racetwin.telemetry.frame_builder import RawFrame
from racetwin.telemetry.refusals import OnRefusal, unreadable

URL = "wss://livetiming.formula1.com/signalrcore"
END = "\x1e"
"""Ends each record of the hub protocol."""
MAX_BUFFER = 16 * 1024 * 1024
"""Most characters of an unfinished record; a whole session's state has a few hundred thousand."""
PING_S = 15.0
"""How often the client shows that it is there; hubs drop one that is silent for 30 s."""


class HubRecords:
    """Cuts what arrives from a hub into records, however the network cut it."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, data: str | bytes) -> Iterator[dict[str, Any]]:
        """Yield the records completed by ``data``; one that is no JSON object raises :class:`FeedLostError`."""
        self._rest += data.decode("utf-8", "replace") if isinstance(data, bytes) else data
        *whole, self._rest = self._rest.split(END)
        if len(self._rest) > MAX_BUFFER:
            self._rest = ""
            raise FeedLostError("a record without an end")
        for part in whole:
            try:
                record = orjson.loads(part or b"{}")
            except ValueError:
                raise FeedLostError("a record that is no JSON") from None
            if isinstance(record, dict):
                yield record


def record(message: dict[str, Any]) -> str:
    """Return a message as a record of the hub protocol."""
    return orjson.dumps(message).decode() + END


class F1LiveFeed:
    """Frames of the session now running: ``async for frame in F1LiveFeed(token=...)``.

    Parameters
    ----------
    token
        F1TV subscription token; by default the setting ``f1tv_token``. Without one only the public topics come.
    hz
        Most frames a second; ``None`` for one with every change.
    topics
        Topics to subscribe to.
    url
        The hub, ``wss://`` or ``ws://``.
    backoff, attempts
        Waits between attempts, and how many failures in a row end the feed (``None``: none does).
    stale_s
        Silence after which the connection is taken for dead, seconds.

    Attributes
    ----------
    health
        State, counters and gaps of the connection.
    on_refusal
        Called with each message of the hub that cannot be read.
    """

    name = "f1-live"

    def __init__(
        self,
        token: str | SecretStr | None = None,
        *,
        hz: float | None = 10.0,
        topics: Iterable[str] = TOPICS,
        url: str = URL,
        backoff: Backoff | None = None,
        attempts: int | None = None,
        stale_s: float = 40.0,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss") or not parts.netloc:
            raise ConfigurationError(f"url: {url!r} is no ws:// or wss:// address of a timing hub")
        self._parts = parts
        self._token = secret(token if token is not None else settings().f1tv_token)
        if self._token is not None and parts.scheme == "ws" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ConfigurationError(f"url: {url!r} would carry the token unencrypted: use wss://")
        self.topics = tuple(topics)
        self.session = F1Session(hz=hz)
        self.health = FeedHealth(stale_s=stale_s)
        self._backoff = backoff or Backoff()
        self._attempts = attempts
        self._reader = HubReader()
        self.on_refusal: OnRefusal | None = None

    def __repr__(self) -> str:
        return f"F1LiveFeed({self._parts.netloc}, {self.health.state.value}, token={'set' if self._token else 'none'})"

    def messages(self) -> AsyncGenerator[TopicMessage, None]:
        """Yield topic messages as they arrive, for recording or for another reader of topics."""
        return reconnecting(
            self._connection, self.health, self._backoff, secrets=(self._token,), attempts=self._attempts
        )

    def __aiter__(self) -> AsyncIterator[RawFrame]:
        """Yield frames as they become due."""
        self.session.builder.on_refusal = self.on_refusal
        return flushing(self.messages(), self.session.feed, self.session.flush)

    async def _connection(self) -> AsyncIterator[TopicMessage]:
        headers = {"Authorization": f"Bearer {self._token.get_secret_value()}"} if self._token else {}
        address, cookies = await self._negotiate(headers)
        if cookies:
            headers["Cookie"] = cookies
        async with websockets.connect(
            address,
            additional_headers=headers,
            max_size=MAX_BUFFER,
            open_timeout=10,
            close_timeout=1,
            ping_interval=None,
            logger=WIRE,
        ) as socket:
            await socket.send(record({"protocol": "json", "version": 1}))
            records = HubRecords()
            backlog = await self._handshake(socket, records)
            await socket.send(
                record({"type": 1, "invocationId": "1", "target": "Subscribe", "arguments": [list(self.topics)]})
            )
            self.health.connected()
            pinging = asyncio.create_task(self._ping(socket))
            try:
                while True:
                    for message in backlog:
                        for found in self._topic_messages(message):
                            yield found
                    try:
                        async with asyncio.timeout(self.health.stale_s):
                            data = await socket.recv()
                    except TimeoutError:
                        raise FeedLostError(f"no sign of life for {self.health.stale_s:g} s") from None
                    self.health.alive()
                    backlog = list(records.feed(data))
            finally:
                pinging.cancel()
                await asyncio.gather(pinging, return_exceptions=True)

    async def _negotiate(self, headers: dict[str, str]) -> tuple[str, str]:
        """Ask where to connect; the cookie keeps a load balancer on the same server."""
        web = self._parts._replace(
            scheme="https" if self._parts.scheme == "wss" else "http", path=f"{self._parts.path.rstrip('/')}/negotiate"
        )
        async with httpx.AsyncClient(timeout=10, headers=headers) as client:
            with contextlib.suppress(httpx.HTTPError):
                await client.options(urlunsplit(web))
            answer = await client.post(urlunsplit(web), params={"negotiateVersion": "1"})
            answer.raise_for_status()
            try:
                told = orjson.loads(answer.content)
            except ValueError:
                raise FeedLostError("the hub's answer to negotiate is no JSON") from None
            cookies = "; ".join(f"{k}={v}" for k, v in client.cookies.items())
        key = (told.get("connectionToken") or told.get("connectionId")) if isinstance(told, dict) else None
        query = f"id={quote(key, safe='')}" if isinstance(key, str) else ""
        return urlunsplit(self._parts._replace(query=query)), cookies

    async def _handshake(self, socket: websockets.ClientConnection, records: HubRecords) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while not found:
            async with asyncio.timeout(10):
                found = list(records.feed(await socket.recv()))
        if found[0].get("error"):
            raise FeedLostError("the hub refused the handshake")
        return found[1:]

    async def _ping(self, socket: websockets.ClientConnection) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await asyncio.sleep(PING_S)
                await socket.send(record({"type": 6}))

    def _topic_messages(self, message: dict[str, Any]) -> Iterator[TopicMessage]:
        kind = message.get("type")
        if kind == 7:
            raise FeedLostError("the hub closed the connection")
        if kind == 3 and message.get("error"):
            raise FeedLostError("the hub refused the subscription")
        if kind in (1, 3):
            before = self._reader.skipped.copy()
            yield from self._reader.read(message)
            if self.on_refusal is not None and self._reader.skipped != before:
                for reason in self._reader.skipped - before:
                    self.on_refusal(unreadable("f1", reason, message, "[topic, payload, UTC] of a known topic"))
