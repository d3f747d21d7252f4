"""``/ws/journal``: what the journal has committed, for an engine that stands by.

The follower says ``{"type": "replicate", "after": n}`` and, after each message, ``{"type": "have", "n": n}``. It gets binary
messages (a line of JSON with ``first`` and ``last``, then the frames, one JSON a line, packed with zlib), and a text message
every 0.2 s that says who is there: ``{"type": "here", "run_id", "frames", "followed"}``.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated, Literal

import orjson
from fastapi import FastAPI
from pydantic import Field, TypeAdapter, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from racetwin.errors import RacetwinError
from racetwin.runtime.face import EngineFace
from racetwin.schemas import Model

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
                    async for batch in batches:
                        if listening.done():
                            break
                        async with asyncio.timeout(SEND_WITHIN_S):
                            await _send(socket, face, batch)
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


async def _send(socket: WebSocket, face: EngineFace, batch: tuple[int, int, bytes] | None) -> None:
    if batch is None:
        engine = face.engine
        here = {"type": "here", "run_id": engine.run_id, "frames": engine.frames_in, "followed": engine.followed}
        await socket.send_text(orjson.dumps(here).decode())
    else:
        first, last, packed = batch
        await socket.send_bytes(b'{"first":%d,"last":%d}\n' % (first, last) + packed)


async def _listen(socket: WebSocket, face: EngineFace) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError, ValidationError, KeyError):
        while True:
            face.confirm(socket, _HAVE.validate_json(await socket.receive_text()).n)
