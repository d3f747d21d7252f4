"""One attacker, a process of its own: ``python attacker.py DOOR PORT PIECES SEED < frames`` throws rubbish.

It prints one line of JSON: pieces thrown, and what it was answered by kind.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import random
import re
import socket
import sys
from collections import Counter
from pathlib import Path
from typing import Any

STRANGE: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, -1e308, 2**63, "", "NaN", "\u202e", "A" * 5000, [], {}, [[[[]]]], {"a": {"b": {}}}, float("inf"),
)  # fmt: skip
NONSENSE = (
    "[",
    "{}",
    '{"type":"follow"}',
    '{"type":"subscribe","rate_hz":1e9}',
    "\x00",
    '{"type":"subscribe","topics":["x"]}',
)
BATCH = 50


VALUE = re.compile(rb'"\w+": ("[^"]*"|[-+.\w]+)[,}]')
STRANGE_BYTES = tuple(json.dumps(value).encode() for value in STRANGE)


def spoiled(frames: list[bytes], draw: random.Random) -> bytes:
    """Return a frame with a few things in it that should not be there."""
    if draw.random() < 0.1:
        return broken(replanted(frames, draw), draw)
    data = draw.choice(frames)
    for _ in range(draw.randint(1, 3)):
        found = VALUE.search(data, draw.randrange(len(data)))
        if found:
            data = data[: found.start(1)] + draw.choice(STRANGE_BYTES) + data[found.end(1) :]
    return broken(data, draw)


def replanted(frames: list[bytes], draw: random.Random) -> bytes:
    """Return a frame with whole branches of it replaced."""
    spoilt: Any = json.loads(draw.choice(frames))
    for _ in range(draw.randint(1, 3)):
        place = spoilt
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw.choice(keys)
            if isinstance(place[key], dict | list) and place[key] and draw.random() < 0.7:
                place = place[key]
                continue
            place[key] = copy.deepcopy(draw.choice(STRANGE))  # spoilt again later, and never inside itself
            break
    return json.dumps(spoilt).encode()


def broken(data: bytes, draw: random.Random) -> bytes:
    """Return the bytes, sometimes cut off or overwritten."""
    match draw.randrange(6):
        case 0:
            return data[: draw.randrange(len(data))]
        case 1:
            at = draw.randrange(len(data))
            return data[:at] + draw.randbytes(4) + data[at + 4 :]
        case _:
            return data


def raw_request(draw: random.Random) -> bytes:
    """Return what might have been an HTTP request."""
    lines = [
        b"GET /api/v1/telemetry HTTP/1.1", b"POST /api/v1/telemetry HTTP/1.1", b"GET /ws HTTP/1.1", b"\x16\x03\x01\x02\x00",
        b"GET " + b"/" * 3000 + b" HTTP/1.1", b"BREW /pot HTTP/1.1", b"GET /%ff%00 HTTP/1.1", draw.randbytes(40),
    ]  # fmt: skip
    headers = [
        b"Host: localhost", b"Host: [", b"Content-Length: -5", b"Content-Length: 99999999999", b"Transfer-Encoding: chunked",
        b"Origin: " + draw.randbytes(8), b"Authorization: Bearer \xff", b"X: " + b"y" * draw.randrange(9000),
        b"Upgrade: websocket",
        b"Connection: Upgrade", b"Sec-WebSocket-Key: x", b"If-None-Match: ,,,\"", draw.randbytes(20),
    ]  # fmt: skip
    chosen = draw.sample(headers, draw.randrange(4))
    return b"\r\n".join([draw.choice(lines), *chosen, b"", draw.randbytes(draw.randrange(50))])


async def headers(port: int, pieces: int, draw: random.Random, frames: list[bytes], told: Counter[str]) -> None:
    """Open connections, send what is no request, leave."""

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(OSError):
            writer.write(raw_request(draw))
            writer.write_eof()
            head = await asyncio.wait_for(reader.read(64), 20)
            told[head[9:12].decode("latin-1") if head.startswith(b"HTTP/1.1 ") else "nothing"] += 1
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    for start in range(0, pieces, BATCH):
        await asyncio.gather(*(one() for _ in range(min(BATCH, pieces - start))))


async def bodies(port: int, pieces: int, draw: random.Random, frames: list[bytes], told: Counter[str]) -> None:
    """Post broken bodies over connections that are kept, several on their way at once."""
    paths = ("telemetry", "telemetry", "telemetry", "strategy/what-if", "simulate", "control")

    async def one(n: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(n):
            body = spoiled(frames, draw)
            path = draw.choice(paths)
            head = f"POST /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)).lower()
            told[answer[9:12].decode()] += 1
            length = answer.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or b"0"))
        writer.close()

    each = [pieces // 8 + (i < pieces % 8) for i in range(8)]
    await asyncio.gather(*(one(n) for n in each if n))


async def messages(port: int, pieces: int, draw: random.Random, frames: list[bytes], told: Counter[str]) -> None:
    """Be a producer of broken frames; each is answered."""
    from websockets.asyncio.client import connect

    async def one(n: int) -> None:
        for start in range(0, n, 200):  # a connection has so much patience, and so many frames a second
            count = min(200, n - start)
            async with connect(f"ws://127.0.0.1:{port}", proxy=None, max_size=None) as producer:
                for _ in range(count):
                    await producer.send(spoiled(frames, draw))
                for _ in range(count):
                    answer = json.loads(await asyncio.wait_for(producer.recv(), 60))
                    told["accepted" if answer.get("accepted") else answer["type"]] += 1

    await asyncio.gather(*(one(pieces // 4 + (i < pieces % 4)) for i in range(4)))


async def viewers(port: int, pieces: int, draw: random.Random, frames: list[bytes], told: Counter[str]) -> None:
    """Be a viewer that talks nonsense; each piece is answered with what is wrong with it."""
    from websockets.asyncio.client import connect

    for start in range(0, pieces, 200):
        async with connect(f"ws://127.0.0.1:{port}/ws", proxy=None, max_size=None) as viewer:
            await viewer.send('{"type":"subscribe","topics":["info"]}')
            count = min(200, pieces - start)
            for _ in range(count):
                await viewer.send(broken(draw.choice(NONSENSE).encode() or b"x", draw) or b"x")
            errors = 0
            while errors < count:
                answer = json.loads(await asyncio.wait_for(viewer.recv(), 60))
                if answer["type"] == "error":
                    errors += 1
            told["error"] += errors


def waiting(port: int) -> int:
    """Return the bytes that wait to be read from a UDP port."""
    for row in Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:]:
        words = row.split()
        if int(words[1].rsplit(":", 1)[1], 16) == port:
            return int(words[4].rsplit(":", 1)[1], 16)
    return 0


async def datagrams(port: int, pieces: int, draw: random.Random, frames: list[bytes], told: Counter[str]) -> None:
    """Send broken datagrams, not faster than they are taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for n in range(pieces):
            udp.sendto((spoiled(frames, draw) or b"x")[:60_000], ("127.0.0.1", port))
            if n % 8 == 7:
                while waiting(port) > 65_536:
                    await asyncio.sleep(0.002)


async def game(port: int, pieces: int, draw: random.Random, frames: list[bytes], told: Counter[str]) -> None:
    """Send what might have come from the game."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for n in range(pieces):
            head = draw.choice((b"", (2019 + draw.randrange(8)).to_bytes(2, "little")))
            udp.sendto(head + draw.randbytes(draw.randrange(1, 1400)), ("127.0.0.1", port))
            if n % 8 == 7:
                while waiting(port) > 65_536:
                    await asyncio.sleep(0.002)


def main() -> None:
    door, port, pieces, seed = sys.argv[1:5]
    told: Counter[str] = Counter()
    frames = sys.stdin.buffer.read().splitlines()
    attack = {f.__name__: f for f in (headers, bodies, messages, viewers, datagrams, game)}[door]
    asyncio.run(attack(int(port), int(pieces), random.Random(seed), frames, told))
    print(json.dumps({"thrown": int(pieces), "told": told}))


if __name__ == "__main__":
    main()
