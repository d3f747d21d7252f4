"""The front door: connections are counted, bounded, and not held for ever."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import uvicorn

from racetwin.api.core import APIMetrics
from racetwin.api.door import door

pytestmark = pytest.mark.integration


async def hello(scope, receive, send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@contextlib.asynccontextmanager
async def serving(metrics: APIMetrics, **limits: float) -> AsyncIterator[int]:
    config = uvicorn.Config(hello, port=0, http=door(metrics, **limits), lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def throw(port: int, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    return reader, writer


def counted(metrics: APIMetrics, outcome: str) -> float:
    return metrics.connections.labels(outcome)._value.get()


REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def test_what_is_no_request_is_counted() -> None:
    metrics = APIMetrics()
    async with serving(metrics) as port:
        for data in (b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n"):
            reader, writer = await throw(port, data)
            assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 400")
            writer.close()
        reader, writer = await throw(port, b"GET / HT")
        writer.close()
        reader, _ = await throw(port, REQUEST)
        assert (await asyncio.wait_for(reader.read(), 10)).endswith(b"ok")
        for _ in range(100):
            if counted(metrics, "incomplete") == 1:
                break
            await asyncio.sleep(0.02)
    assert [counted(metrics, o) for o in ("malformed", "incomplete", "request")] == [2, 1, 1]


async def test_dawdler_is_shown_the_door() -> None:
    metrics = APIMetrics()
    async with serving(metrics, request_within_s=0.5) as port:
        reader, writer = await throw(port, b"GET / HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionResetError):
            for _ in range(200):  # a header every now and then keeps no place
                writer.write(b"X: y\r\n")
                await writer.drain()
                if reader.at_eof() or metrics.refused.labels("slow")._value.get():
                    break
                await asyncio.sleep(0.05)
        assert counted(metrics, "slow") == 1
        reader, _ = await throw(port, REQUEST)
        assert (await asyncio.wait_for(reader.read(), 10)).endswith(b"ok")


async def test_more_connections_than_there_may_be_are_shut() -> None:
    metrics = APIMetrics()
    async with serving(metrics, max_connections=3) as port:
        held = [await throw(port, b"GET / HT") for _ in range(3)]
        await asyncio.sleep(0.2)
        reader, _ = await throw(port, REQUEST)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 10) == b""
        assert counted(metrics, "too many") == 1
        for _, writer in held:
            writer.close()
        for _ in range(100):
            if counted(metrics, "incomplete") == 3:
                break
            await asyncio.sleep(0.02)
        reader, _ = await throw(port, REQUEST)
        assert (await asyncio.wait_for(reader.read(), 10)).endswith(b"ok")
