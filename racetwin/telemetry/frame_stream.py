"""The numbered stream of frames that subscribers of a telemetry server follow, and go on with after a break."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any
from uuid import uuid4

import orjson
import websockets
from websockets.asyncio.server import ServerConnection

from racetwin.schemas import TelemetryFrame
from racetwin.telemetry.served_client import ClientCounters

KEPT = 3000
"""Frames kept for subscribers that come back: five minutes at 10 Hz."""


class FrameStream:
    """Frames by number, the newest ``kept`` of them.

    Attributes
    ----------
    id
        Tells this stream from that of a server started anew, whose numbers begin again.
    next
        Number of the next frame.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self.id = uuid4().hex[:12]
        self.next = 0
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=kept)
        self._news = asyncio.Event()

    def publish(self, frame: TelemetryFrame | dict[str, Any]) -> int:
        """Add a frame; returns its number."""
        body = frame.model_dump_json().encode() if isinstance(frame, TelemetryFrame) else orjson.dumps(frame)
        number = self.next
        self.next += 1
        self._kept.append((number, b'{"type":"frame","n":%d,"frame":%b}' % (number, body)))
        news, self._news = self._news, asyncio.Event()
        news.set()
        return number

    async def follow(self, socket: ServerConnection, asked: dict[str, Any], counters: ClientCounters) -> None:
        """Send frames from where the subscriber left off; one that is too slow loses the oldest, and is told so."""
        after = asked.get("after")
        resumes = asked.get("stream") == self.id and isinstance(after, int) and -1 <= after < self.next
        cursor = after + 1 if resumes and isinstance(after, int) else self.next
        try:
            await socket.send(
                orjson.dumps({"type": "hello", "stream": self.id, "next": cursor, "resumed": resumes}).decode()
            )
            while True:
                news = self._news
                first = self._kept[0][0] if self._kept else self.next
                if cursor < first:
                    counters.gaps += 1
                    await socket.send(orjson.dumps({"type": "gap", "after": cursor - 1, "before": first}).decode())
                    cursor = first
                if cursor < self.next:
                    number, message = self._kept[cursor - first]
                    await socket.send(message.decode())
                    counters.sent += 1
                    cursor = number + 1
                    continue
                try:
                    async with asyncio.timeout(1.0):
                        await news.wait()
                except TimeoutError:
                    await socket.send(f'{{"type":"heartbeat","next":{self.next}}}')
        except websockets.ConnectionClosed:
            pass
