"""The telemetry WebSocket, port 8765: producers push frames and get an answer to each, subscribers follow and can resume.

Messages are JSON objects. What a client may send:

* a telemetry frame, ours (``"version": "racetwin/1"``) or of the original schema (no version). It is answered by
  ``{"type": "ack", "seq": <the frame's seq, or a count>, "accepted": true}`` once the sink has taken it, or by
  ``"accepted": false`` with ``"error": {"kind", "field", "value", "expected"}``; an accepted one may have ``"rejected"``, a list
  of such. Answers come in the order of the frames, of which :data:`IN_FLIGHT` may wait for theirs;
* ``{"type": "subscribe", "stream": <id>, "after": <n>}`` (both optional): accepted frames follow as
  ``{"type": "frame", "n": <number>, "frame": {...}}``, beginning after ``n`` if the server still is the one that numbered them
  and still has them, else after a ``{"type": "gap", "after", "before"}``. ``{"type": "heartbeat", "next"}`` comes every second;
* ``{"type": "ping"}``, answered by ``{"type": "pong"}``.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import inspect
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict
from http import HTTPStatus
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import orjson
import websockets
from pydantic import SecretStr
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from racetwin.errors import ConfigurationError, RacetwinError
from racetwin.schemas import Rejection, TelemetryFrame
from racetwin.telemetry.connection import WIRE, secret
from racetwin.telemetry.datagrams import is_loopback
from racetwin.telemetry.frame_stream import KEPT, FrameStream
from racetwin.telemetry.refusals import OnRefusal, unreadable
from racetwin.telemetry.served_client import ClientCounters, RateLimit

PORT = 8765
MAX_SIZE = 1024 * 1024
"""Longest message, bytes; a frame of 24 cars with everything in it has 25 kB."""
PATIENCE = 1000
"""Frames refused for their rate in a row before a client is sent away."""

IN_FLIGHT = 256
"""Frames of one client that may wait for their acknowledgement; then no more are read until one is answered."""
TOLD = 32
"""Most refused parts of an accepted frame that its acknowledgement names."""

Verdict = Rejection | Sequence[Rejection] | None
"""What became of a frame: a refusal; or accepted (and, where there is a journal, in it) without the parts that are listed."""
Sink = Callable[[dict[str, Any]], Awaitable[Verdict] | Verdict]
"""Takes a producer's frame."""
_Owed = asyncio.Queue["tuple[int, asyncio.Task[Verdict] | Verdict] | None"]


class TelemetryServer:
    """The WebSocket server; also an async iterator of what producers send.

    Parameters
    ----------
    sink
        Takes each frame and says why it is refused, if it is, or which parts of an accepted one are. Without one, iterate:
        ``async for raw in server`` gets the frames, and each is acknowledged when the next is asked for.
    host, port
        Where to listen; port 0 takes any free one, and :attr:`port` then tells which.
    token
        Needed of every client, as ``Authorization: Bearer ...``. Beyond loopback there must be one.
    rate, burst
        Frames a second that one producer may send on average, and at once.
    max_clients
        Connections at a time.
    tls
        Certificate and key to be served with over TLS (``wss://``).
    relay
        Whether accepted frames go on to subscribers; an engine that publishes its own says no.
    kept
        Frames kept for subscribers that come back.

    Attributes
    ----------
    clients
        Counters of the last hundred clients.
    received
        Messages of all clients so far.
    on_refusal
        Called with each message that is refused before it reaches the sink.

    Examples
    --------
    >>> async with TelemetryServer(port=8765) as server:  # doctest: +SKIP
    ...     async for raw in server:
    ...         ingestor.process(raw)
    """

    name = "websocket-server"

    def __init__(
        self,
        sink: Sink | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = PORT,
        token: str | SecretStr | None = None,
        rate: float = 120.0,
        burst: float = 240.0,
        max_clients: int = 64,
        max_size: int = MAX_SIZE,
        tls: ssl.SSLContext | None = None,
        relay: bool = True,
        kept: int = KEPT,
    ) -> None:
        self._token = secret(token)
        if not is_loopback(host) and self._token is None:
            raise ConfigurationError(f"host: {host!r} is reachable from outside: set a token (RACETWIN_TOKEN)")
        self.host, self.port = host, port
        self._stream = FrameStream(kept)
        self.clients: deque[ClientCounters] = deque(maxlen=100)
        self._sink = sink or self._hand_over
        self._rate, self._burst = rate, burst
        self._max_clients, self._max_size, self._relay = max_clients, max_size, relay
        self._tls = tls
        self._server: Server | None = None
        self.on_refusal: OnRefusal | None = None
        self._open = 0
        self.received = 0
        self._handed: asyncio.Queue[tuple[dict[str, Any], asyncio.Future[None]]] = asyncio.Queue(64)
        self._owed: set[asyncio.Future[None]] = set()

    def __repr__(self) -> str:
        return (
            f"TelemetryServer({self.host}:{self.port}, clients={self._open}, token={'set' if self._token else 'none'})"
        )

    # --- life -----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the port."""
        try:
            self._server = await serve(
                self._client,
                self.host,
                self.port,
                process_request=self._admit,
                max_size=self._max_size,
                compression=None,
                ssl=self._tls,
                logger=WIRE,
                server_header=None,
            )
        except OSError as error:
            raise ConfigurationError(
                f"port: cannot listen on {self.host}:{self.port} ({error.strerror or error}): choose another one"
            ) from None
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """Close the port and all connections."""
        if self._server is not None:
            self._server.close()
            for taken in self._owed:  # a frame that nobody has asked for would hold its connection open for ever
                if not taken.done():
                    taken.set_exception(ConfigurationError("the server has stopped: send this frame again"))
            await self._server.wait_closed()
            self._server = None

    async def __aenter__(self) -> TelemetryServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what producers send; asking for the next frame acknowledges the one before. Opens the port if it is not open."""
        if self._server is None:
            async with self:
                async for raw in self:
                    yield raw
        while True:
            raw, taken = await self._handed.get()
            if taken.done():
                continue  # refused when the server stopped
            yield raw
            if not taken.done():
                taken.set_result(None)

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        return self._server is not None

    def hand_to(self, sink: Sink, *, relay: bool) -> None:
        """Have frames go to ``sink`` from now on; ``relay`` as for the class."""
        self._sink, self._relay = sink, relay

    async def _hand_over(self, raw: dict[str, Any]) -> None:
        taken = asyncio.get_running_loop().create_future()
        self._owed.add(taken)
        try:
            await self._handed.put((raw, taken))
            await taken
        finally:
            self._owed.discard(taken)

    def publish(self, frame: TelemetryFrame | dict[str, Any]) -> int:
        """Send a frame to all subscribers; returns its number in the stream."""
        return self._stream.publish(frame)

    def report(self) -> dict[str, Any]:
        """Return the counters of all clients."""
        return {
            "stream": self._stream.id,
            "published": self._stream.next,
            "connected": self._open,
            "received": self.received,
            "clients": [asdict(c) for c in self.clients],
        }

    # --- one client -----------------------------------------------------------------------------------------------------

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse who may not enter, before the connection is upgraded."""
        if self._token is not None:
            given = request.headers.get("Authorization", "")
            wanted = f"Bearer {self._token.get_secret_value()}"
            if not hmac.compare_digest(given.encode(), wanted.encode()):
                return connection.respond(HTTPStatus.UNAUTHORIZED, "token missing or wrong\n")
        # A page of some site, open in a browser on this machine, could otherwise reach a server on loopback.
        origin = request.headers.get("Origin")
        if origin is not None:
            try:
                host = urlsplit(origin).hostname or ""
                own = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
            except ValueError:
                return connection.respond(HTTPStatus.FORBIDDEN, "origin not allowed\n")
            if not is_loopback(host) and host != own:
                return connection.respond(HTTPStatus.FORBIDDEN, "origin not allowed\n")
        if self._open >= self._max_clients:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "too many clients\n")
        return None

    async def _client(self, socket: ServerConnection) -> None:
        address = socket.remote_address
        counters = ClientCounters(f"{address[0]}:{address[1]}" if address else "unknown")
        self.clients.append(counters)
        self._open += 1
        limit = RateLimit(self._rate, self._burst)
        following: asyncio.Task[None] | None = None
        refused = 0
        # A journal commits many frames at once: the next frame is read while those before wait to be safe.
        owed: _Owed = asyncio.Queue(IN_FLIGHT)
        answering = asyncio.create_task(self._answering(socket, owed))
        try:
            async for message in socket:
                data = message.encode() if isinstance(message, str) else message
                counters.received += 1
                self.received += 1
                counters.bytes += len(data)
                if not limit.allows():
                    counters.rate_limited += 1
                    refused += 1
                    refusal = self._refused("rate", data, f"{self._rate:g} frames a second at most")
                    await owed.put((counters.received - 1, refusal))
                    if refused >= PATIENCE:
                        await socket.close(1008, "too many messages")
                        return
                    continue
                refused = 0
                try:
                    raw = orjson.loads(data)
                except ValueError:
                    raw = None
                if not isinstance(raw, dict):
                    counters.rejected += 1
                    refusal = self._refused("json", data, "one JSON object a message")
                    await owed.put((counters.received - 1, refusal))
                elif raw.get("type") == "subscribe":
                    if following is None or following.done():
                        following = asyncio.create_task(self._stream.follow(socket, raw, counters))
                elif raw.get("type") == "ping":
                    await socket.send('{"type":"pong"}')
                else:
                    seq = raw.get("seq")
                    number = seq if isinstance(seq, int) and not isinstance(seq, bool) else counters.received - 1
                    await owed.put((number, asyncio.create_task(self._take(raw, counters))))
        except websockets.ConnectionClosed:
            pass
        finally:
            self._open -= 1
            counters.connected = False
            if following is not None:
                following.cancel()
            try:
                await owed.put(None)
                await answering
            finally:
                answering.cancel()

    async def _answering(self, socket: ServerConnection, owed: _Owed) -> None:
        """Answer a client's frames in the order in which they came, also once it has gone: they are taken all the same."""
        while (entry := await owed.get()) is not None:
            number, verdict = entry
            told = await verdict if isinstance(verdict, asyncio.Task) else verdict
            with contextlib.suppress(websockets.ConnectionClosed):
                await self._answer(socket, number, told)

    async def _take(self, raw: dict[str, Any], counters: ClientCounters) -> Verdict:
        """Hand a frame to the sink; return what became of it."""
        verdict: Verdict
        try:
            result = self._sink(raw)
            verdict = await result if inspect.isawaitable(result) else result
        except RacetwinError as error:
            verdict = _refusal("sink.refused", "a frame that the engine takes", str(error)[:200])
        except Exception as error:  # a bug in the sink must neither end the connection nor pass for acceptance
            verdict = _refusal("sink.failed", "try again later", type(error).__name__)
        if isinstance(verdict, Rejection):
            counters.rejected += 1
        else:
            counters.accepted += 1
            if self._relay:
                self.publish(raw)
        return verdict

    def _refused(self, reason: str, data: bytes, expected: str) -> Rejection:
        """Return the refusal of a message that the sink does not see."""
        if self.on_refusal is not None:
            self.on_refusal(unreadable(self.name, reason, data, expected))
        return _refusal(reason, expected)

    @staticmethod
    async def _answer(socket: ServerConnection, seq: int, verdict: Verdict) -> None:
        answer: dict[str, Any] = {"type": "ack", "seq": seq, "accepted": not isinstance(verdict, Rejection)}
        if isinstance(verdict, Rejection):
            answer["error"] = verdict.model_dump(exclude_none=True)
        elif verdict:
            answer["rejected"] = [p.model_dump(exclude_none=True) for p in verdict[:TOLD]]
        await socket.send(orjson.dumps(answer).decode())


def _refusal(kind: str, expected: str, value: str = "") -> Rejection:
    return Rejection(kind=kind, field="message", value=value, expected=expected)
