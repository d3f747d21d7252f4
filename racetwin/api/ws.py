"""The WebSocket ``/ws``: the whole state first, then what changes, by topic and rate, resumable.

A client's first message subscribes; every field may be left out::

    {"type": "subscribe", "topics": ["frame", "laps"], "rate_hz": 10, "follow": ["44"],
     "resume": {"run_id": "...", "version": 1234}}

Later ones change that (``{"type": "follow", "cars": ["16"]}``, another ``subscribe``) or ask for a sign of life
(``{"type": "ping"}``).
The server sends ``full`` and ``delta`` messages (see :mod:`racetwin.runtime.wire`), ``pong``, and ``error`` with a ``detail``.

Nobody waits for a slow client: it has at most one message on its way, and gets the newest state next.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from typing import Annotated, Any, Literal

import orjson
from fastapi import FastAPI
from pydantic import Field, TypeAdapter, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from racetwin.api.core import APIMetrics
from racetwin.runtime.face import EngineFace
from racetwin.runtime.snapshot import RaceSnapshot
from racetwin.runtime.wire import MAX_RATE_HZ, TOPICS
from racetwin.schemas import MAX_CARS, CarId, Model

MAX_SUBSCRIBERS = 512
SENDS_PER_S = 1000.0
"""Messages a second to all subscribers together: with more of them each gets fewer, so that viewers never starve the engine."""
HELLO_WITHIN_S = 10.0
SEND_WITHIN_S = 30.0
"""A client that has not taken a message for so long is gone."""
MAX_CLIENT_MESSAGE = 16_384
TRY_AGAIN_LATER, POLICY_VIOLATION, TOO_BIG = 1013, 1008, 1009


class Resume(Model):
    """The last version a client has."""

    run_id: Annotated[str, Field(max_length=100)]
    version: Annotated[int, Field(ge=0)]


class Subscribe(Model):
    """What a client wants to be sent."""

    type: Literal["subscribe"] = "subscribe"
    topics: Annotated[list[str], Field(max_length=len(TOPICS))] | None = None
    rate_hz: Annotated[float, Field(gt=0, le=MAX_RATE_HZ)] = 10.0
    follow: Annotated[tuple[CarId, ...], Field(max_length=MAX_CARS)] = ()
    resume: Resume | None = None


class Follow(Model):
    """The cars whose plans a client wants from now on."""

    type: Literal["follow"]
    cars: Annotated[tuple[CarId, ...], Field(max_length=MAX_CARS)]


class Ping(Model):
    """A client's question whether anybody is there."""

    type: Literal["ping"]


_MESSAGE: TypeAdapter[Subscribe | Follow | Ping] = TypeAdapter(
    Annotated[Subscribe | Follow | Ping, Field(discriminator="type")]
)


class Subscriber:
    """One client: what it wants and what it has."""

    def __init__(self, hub: Hub, socket: WebSocket) -> None:
        self.hub = hub
        self.face = hub.face
        self.socket = socket
        self.fresh = asyncio.Event()
        self.topics: frozenset[str] | None = None
        self.cars: frozenset[str] | None = None
        self.interval = 0.1
        self.version: int | None = None
        self.run_id: str | None = None
        self.seen = 0

    def hear(self, message: Subscribe | Follow | Ping) -> dict[str, Any] | None:
        """Take a client's message; returns what to answer at once, if anything."""
        match message:
            case Subscribe():
                unknown = sorted(set(message.topics or ()) - set(TOPICS))
                if unknown:
                    return {"type": "error", "detail": f"topics: {', '.join(unknown)}, expected of {', '.join(TOPICS)}"}
                self.topics = None if message.topics is None else frozenset(message.topics)
                self.interval = 1.0 / message.rate_hz
                resume = message.resume
                self.version = self.run_id = None
                if resume is not None and self.face.publisher.can_resume(resume.run_id, resume.version):
                    self.version, self.run_id = resume.version, resume.run_id
                self._follow(message.follow)
            case Follow():
                self._follow(message.cars)
            case Ping():
                return {"type": "pong"}
        return None

    def _follow(self, cars: tuple[str, ...]) -> None:
        wanted = frozenset(cars)
        if wanted != self.cars:
            self.face.follow(cars, viewer=self)
            if self.cars is not None and not wanted <= self.cars:
                self.version = None  # answers of other cars were left out so far: start over
            self.cars = wanted if cars else None
        self.fresh.set()

    async def send_loop(self) -> None:
        """Send the newest state whenever there is one, at most at the client's rate."""
        loop = asyncio.get_running_loop()
        next_at = 0.0
        while True:
            await self.fresh.wait()
            wait = next_at - loop.time()
            if wait > 0.001:
                await asyncio.sleep(wait)
            self.fresh.clear()
            publisher = self.face.publisher
            snapshot = publisher.snapshot
            if snapshot is None or (snapshot.run_id == self.run_id and snapshot.version == self.version):
                continue
            after = self.version if publisher.can_resume(self.run_id, self.version) else None
            text = publisher.text(after, self.topics, self.cars)
            version = snapshot.version
            interval = max(self.interval, self.hub.share_s)
            next_at = max(next_at + interval, loop.time() - interval)
            began, published = loop.time(), self.face.published_at
            async with asyncio.timeout(SEND_WITHIN_S):
                await self.socket.send_text(text)
            if loop.time() - began > 2 * self.interval:  # it kept us waiting: what came meanwhile is skipped
                self.face.drops += max(publisher.version - version - 1, 0)
            self.version, self.run_id = version, snapshot.run_id
            self.face.monitor.record("viewer", time.monotonic() - published)

    async def receive_loop(self) -> None:
        """Listen to the client until it leaves."""
        while True:
            data = await self.socket.receive()
            if data["type"] == "websocket.disconnect":
                return
            answer = self.understand(data.get("text") or data.get("bytes") or b"")
            if answer is not None:
                await self.socket.send_text(orjson.dumps(answer).decode())

    def understand(self, data: str | bytes) -> dict[str, Any] | None:
        """Take a client's message as it came."""
        if len(data) > MAX_CLIENT_MESSAGE:
            return {"type": "error", "detail": f"message: longer than {MAX_CLIENT_MESSAGE} bytes"}
        try:
            return self.hear(_MESSAGE.validate_python(orjson.loads(data)))
        except (orjson.JSONDecodeError, UnicodeError):
            return {"type": "error", "detail": "message: not JSON"}
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "message"
            return {"type": "error", "detail": f"{re.sub('[^ -~]', '?', where)[:80]}: {first['msg']}"}


class Hub:
    """All subscribers of one engine."""

    def __init__(self, face: EngineFace, metrics: APIMetrics, limit: int = MAX_SUBSCRIBERS) -> None:
        self.face = face
        self.metrics = metrics
        self.limit = limit
        self.subscribers: set[Subscriber] = set()
        face.on_snapshot(self._wake)

    @property
    def share_s(self) -> float:
        """Seconds between two messages to one subscriber that leave every other its share."""
        return len(self.subscribers) / SENDS_PER_S

    def _wake(self, _: RaceSnapshot) -> None:
        for subscriber in self.subscribers:
            subscriber.fresh.set()

    async def serve(self, socket: WebSocket) -> None:
        """Serve one client until it leaves."""
        if len(self.subscribers) >= self.limit:
            self.metrics.refused.labels("connections").inc()
            await socket.close(TRY_AGAIN_LATER, "too many subscribers")
            return
        await socket.accept()
        subscriber = Subscriber(self, socket)
        self.subscribers.add(subscriber)
        self.face.subscribers = len(self.subscribers)
        try:
            await self._converse(subscriber)
        except (WebSocketDisconnect, RuntimeError, TimeoutError, OSError):
            pass  # it has left, or takes nothing any more
        finally:
            self.subscribers.discard(subscriber)
            self.face.subscribers = len(self.subscribers)
            self.face.follow((), viewer=subscriber)
            with contextlib.suppress(Exception):
                await socket.close()

    async def _converse(self, subscriber: Subscriber) -> None:
        async with asyncio.timeout(HELLO_WITHIN_S):
            hello = await subscriber.socket.receive()
        if hello["type"] == "websocket.disconnect":
            return
        answer = subscriber.understand(hello.get("text") or hello.get("bytes") or b"")
        if answer is not None:
            await subscriber.socket.send_text(orjson.dumps(answer).decode())
            if answer["type"] == "error":
                await subscriber.socket.close(POLICY_VIOLATION)
                return
        tasks = {asyncio.create_task(subscriber.send_loop()), asyncio.create_task(subscriber.receive_loop())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def install(app: FastAPI, face: EngineFace, metrics: APIMetrics) -> Hub:
    """Add ``/ws`` to an application."""
    hub = Hub(face, metrics)
    app.state.hub = hub

    @app.websocket("/ws")
    async def subscribe(socket: WebSocket) -> None:
        await hub.serve(socket)

    return hub
