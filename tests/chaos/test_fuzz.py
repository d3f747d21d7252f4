"""Rubbish at every door of a live engine: no crash, no leak, everything counted.

``RACETWIN_CHAOS_FUZZ`` says how many pieces (default 4,000; the figure in the README is from a million).
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import os
import random
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from racetwin.api.serve import serving
from racetwin.config import Settings
from racetwin.runtime.monitor import memory_mib
from racetwin.runtime.session import open_session
from racetwin.schemas import TelemetryFrame
from racetwin.simulation.draw import draw_grand_prix
from racetwin.telemetry.laptable import frames
from racetwin.telemetry.records import RaceRecord

pytestmark = pytest.mark.chaos

PIECES = int(os.environ.get("RACETWIN_CHAOS_FUZZ", "4000"))
STRANGE: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, -1e308, 2**63, "", "NaN", "\u202e", "A" * 5000, [], {}, [[[[]]]], {"a": {"b": {}}}, float("inf"),
)  # fmt: skip


NONSENSE = ("[", "{}", '{"type":"follow"}', '{"type":"subscribe","rate_hz":1e9}', "\x00")


@pytest.fixture(scope="module")
def race() -> list[TelemetryFrame]:
    drawn = draw_grand_prix(circuit_id="monza", season=2024, seed=8)
    record = RaceRecord.from_laps(
        drawn.laps, race_id=drawn.race_id, season=2024, circuit_id="monza", total_laps=drawn.total_laps, grid=drawn.grid
    )
    return list(frames(record, hz=None, to_lap=6))


def spoiled(frame: dict[str, Any], draw: random.Random) -> bytes:
    """Return a frame with a few things in it that should not be there."""
    text = json.dumps(frame)
    spoilt: Any = json.loads(text)
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
    data = json.dumps(spoilt).encode()
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


def throw(port: int, data: bytes) -> None:
    """Send bytes, read a little, leave."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as sock:
        sock.settimeout(0.02)
        sock.sendall(data)
        sock.recv(256)


@pytest.mark.timeout(7200)
async def test_rubbish_at_every_door(race: list[TelemetryFrame], tmp_path: Path) -> None:
    draw = random.Random(1)
    settings = Settings(
        state=tmp_path, library=tmp_path, data=None, api_port=0, telemetry_port=0, udp_json_port=0, udp_game_port=0
    )
    session = open_session(settings, live=True)
    async with serving(session, settings) as (url, runner):
        await asyncio.wait_for(runner.feed.opened.wait(), 10)
        port = int(url.rsplit(":", 1)[1])
        door = runner.feed.server.port
        json_door, game_door = runner.feed.json.address[1], runner.feed.game.address[1]
        for frame in race[:40]:
            runner.ingest(frame)
        good = [f.model_dump(mode="json", exclude_none=True) for f in race[40:60]]
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sent = 0
        memory: list[float] = []
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
            while sent < PIECES:
                async with connect(f"ws://127.0.0.1:{port}/ws", proxy=None, max_size=None) as viewer:
                    await viewer.send('{"type":"subscribe","topics":["info"]}')
                    for _ in range(5):
                        await viewer.send(draw.choice(NONSENSE))
                        sent += 1
                async with connect(f"ws://127.0.0.1:{door}", proxy=None, max_size=None) as producer:
                    for _ in range(20):
                        await producer.send(spoiled(draw.choice(good), draw))
                        assert json.loads(await producer.recv())["type"] == "ack"
                        sent += 1
                for _ in range(10):
                    answer = await client.post("/api/v1/telemetry", content=spoiled(draw.choice(good), draw))
                    assert answer.status_code == 202
                    await asyncio.to_thread(throw, port, raw_request(draw))
                    udp.sendto(draw.randbytes(draw.randrange(1, 1400)), ("127.0.0.1", game_door))
                    udp.sendto(spoiled(draw.choice(good), draw)[:60_000], ("127.0.0.1", json_door))
                    sent += 4
                memory.append(memory_mib() or 0.0)
            await asyncio.sleep(0.5)
            health = (await client.get("/api/v1/health")).json()
        udp.close()
        assert health["frames_in"] == health["frames_processed"] + health["components"]["ingestor"]["waiting"]
        assert health["components"]["ingestor"]["rejected"] > 0
        assert health["components"]["journal"]["status"] == "ok"
        middle = len(memory) // 2
        print(
            f"\n{sent} pieces: {health['frames_in']} reached the ingestor, {memory[middle]:.0f} -> {memory[-1]:.0f} MiB"
        )
        assert memory[-1] < 1.25 * memory[middle] + 20
        begin = time.monotonic()
        number = runner.ingest(race[60])
        assert number is not None
        await runner.acknowledged(number)
        assert time.monotonic() - begin < 5
