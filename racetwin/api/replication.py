"""``/ws/journal``: what the journal has committed, for an engine that stands by.

The follower says ``{"type": "replicate", "after": n}`` and, after each message, ``{"type": "have", "n": n}``. It gets binary
messages (a line of JSON with ``first`` and ``last``, then the frames, one JSON a line, packed with zlib), and a text message
every 0.2 s that says who is there: ``{"type": "here", "run_id", "frames", "followed"}``, and with each change of the advice
``{"type": "advice", "n", "said"}``: what is said of each car that changed, with its life, as of frame ``n``.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from typing import Annotated, Literal

import orjson
from fastapi import FastAPI
from pydantic import Field, TypeAdapter, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from racetwin.errors import RacetwinError
from racetwin.runtime.face import EngineFace
from racetwin.runtime.standby import HEARTBEAT_S
from racetwin.schemas import Model, Recommendation

POLICY_VIOLATION = 1008
HELLO_WITHIN_S = 10.0
SEND_WITHIN_S = 10.0


class Replicate(Model):
    """From where a follower wants the frames."""

    type: Literal["replicate"]
    after: Annotated[int, Field(ge=0)]


class Have(Model):
    """How far a follower is."""

    type: Literal["have"]
    n: Annotated[int, Field(ge=0)]


_HELLO = TypeAdapter(Replicate)
_HAVE = TypeAdapter(Have)


def install(app: FastAPI, face: EngineFace) -> None:
    """Add ``/ws/journal`` to an application."""

    @app.websocket("/ws/journal")
    async def replicate(socket: WebSocket) -> None:
        await socket.accept()
        try:
            async with asyncio.timeout(HELLO_WITHIN_S):
                hello = _HELLO.validate_json(await socket.receive_text())
            listening = asyncio.create_task(_listen(socket, face))
            try:
                async with contextlib.aclosing(face.replicate(hello.after)) as batches:
                    told = _Told(socket, face)
                    async for batch in batches:
                        if listening.done():
                            break
                        async with asyncio.timeout(SEND_WITHIN_S):
                            await told.send(batch)
            finally:
                listening.cancel()
                face.confirm(socket, None)
        except (ValidationError, RacetwinError, KeyError):
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(
                    POLICY_VIOLATION, "expected {type: replicate, after: n}, and an engine with a journal"
                )
        except (WebSocketDisconnect, RuntimeError, TimeoutError, OSError):
            pass  # the follower has left; it comes back and says how far it is


class _Told:
    """What one follower has been told."""

    def __init__(self, socket: WebSocket, face: EngineFace) -> None:
        self._socket, self._face = socket, face
        self._said: dict[str, tuple[Recommendation, ...]] = {}
        self._here_at = -math.inf

    async def send(self, batch: tuple[int, int, bytes] | None) -> None:
        """Send committed frames, if there are any; who is there, when that was not said for a while; and new advice."""
        if batch is not None:
            first, last, packed = batch
            await self._socket.send_bytes(b'{"first":%d,"last":%d}\n' % (first, last) + packed)
        if batch is None or time.monotonic() - self._here_at >= HEARTBEAT_S:
            engine = self._face.engine
            here = {"type": "here", "run_id": engine.run_id, "frames": engine.frames_in, "followed": engine.followed}
            await self._socket.send_text(orjson.dumps(here).decode())
            self._here_at = time.monotonic()
        said = self._face.engine.book.everything()
        new = {car_id: advice for car_id, advice in said.items() if self._said.get(car_id) is not advice}
        if new:
            about = {c: [r.model_dump(mode="json") for r in advice] for c, advice in new.items()}
            message = {"type": "advice", "n": self._face.last_journalled(), "said": about}
            await self._socket.send_text(orjson.dumps(message, option=orjson.OPT_NON_STR_KEYS).decode())
            self._said |= new


async def _listen(socket: WebSocket, face: EngineFace) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError, ValidationError, KeyError):
        while True:
            face.confirm(socket, _HAVE.validate_json(await socket.receive_text()).n)
