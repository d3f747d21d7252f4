"""Clients of the `api` suite, run in a process of their own so that they do not share the engine's interpreter.

``python -m racetwin.evaluation.benchmarks.api_clients subscribe URL N SECONDS`` (or ``ask URL RATE SECONDS``,
``idle URL N SECONDS``, ``watch URL N 0``) prints one line of JSON. Arrival times are CLOCK_MONOTONIC, which all processes of a
machine share.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import orjson
from websockets.asyncio.client import connect

SEQ = re.compile(r'"seq":(\d+)')
PATHS = ("car-twin", "telemetry", "environment", "field-twin", "cars")
"""What is asked for in turn: all answered from the cache while the state stands."""


async def subscribe(url: str, n: int, seconds: float) -> dict[str, Any]:
    """Hold ``n`` subscriptions; return when each frame arrived at each."""
    seen: list[tuple[int, float]] = []

    async def one() -> None:
        async with connect(f"{url.replace('http', 'ws')}/ws", compression=None, max_size=None, proxy=None) as socket:
            await socket.send('{"type":"subscribe","rate_hz":60,"topics":["frame"]}')
            while True:
                message = await socket.recv(decode=True)
                now = time.monotonic()
                found = SEQ.search(message if isinstance(message, str) else message.decode())
                if found:
                    seen.append((int(found[1]), now))

    tasks = [asyncio.create_task(one()) for _ in range(n)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {"seen": seen}


async def watch(url: str, n: int, seconds: float) -> dict[str, Any]:
    """Hold ``n`` subscriptions to everything for as long as standard input is open; return how many messages came."""
    messages = 0

    async def one() -> None:
        nonlocal messages
        async with connect(f"{url.replace('http', 'ws')}/ws", compression=None, max_size=None, proxy=None) as socket:
            await socket.send('{"type":"subscribe","rate_hz":5}')
            async for _ in socket:
                messages += 1

    tasks = [asyncio.create_task(one()) for _ in range(n)]
    await asyncio.to_thread(sys.stdin.buffer.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {"messages": messages}


async def ask(url: str, rate: float, seconds: float) -> dict[str, Any]:
    """Send ``rate`` requests a second over kept connections; return the seconds each took from when it was due."""
    parts = urlsplit(url)
    queue: asyncio.Queue[tuple[float, str]] = asyncio.Queue()
    took: list[float] = []
    failed = 0

    async def worker() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while True:
            due, path = await queue.get()
            writer.write(f"GET /api/v1/{path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            await reader.readexactly(int(length[1]) if length else 0)
            took.append(time.monotonic() - due)
            failed += not head.startswith(b"HTTP/1.1 200")

    workers = [asyncio.create_task(worker()) for _ in range(16)]
    began = time.monotonic()
    n = 0
    while (now := time.monotonic()) < began + seconds:
        while n < (now - began) * rate:
            queue.put_nowait((began + n / rate, PATHS[n % len(PATHS)]))
            n += 1
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.5)
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    return {"took": took, "failed": failed, "unanswered": n - len(took)}


async def idle(url: str, n: int, seconds: float) -> dict[str, Any]:
    """Subscribe ``n`` times and never read: what a viewer does whose laptop was closed."""
    parts = urlsplit(url)

    async def one() -> Any:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1024)
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        message = b'{"type":"subscribe"}'
        writer.write(bytes((0x81, 0x80 | len(message), 0, 0, 0, 0)) + message)  # a text message, masked with zeros
        assert isinstance(writer.transport, asyncio.Transport)
        writer.transport.pause_reading()
        return writer

    writers = await asyncio.gather(*(one() for _ in range(n)))
    await asyncio.sleep(seconds)
    return {"held": len(writers)}


def main() -> None:
    """Run one kind of client."""
    kind, url, n, seconds = sys.argv[1:5]
    what = {"subscribe": subscribe, "ask": ask, "idle": idle, "watch": watch}[kind]
    result = asyncio.run(what(url, int(n), float(seconds)))
    sys.stdout.buffer.write(orjson.dumps(result) + b"\n")


if __name__ == "__main__":
    main()
