"""Rubbish at every door of a live engine, from processes of their own: no crash, no leak, everything counted.

``RACETWIN_CHAOS_FUZZ`` says how many pieces (default 12,000; ``make fuzz`` throws a million).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
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

PIECES = int(os.environ.get("RACETWIN_CHAOS_FUZZ", "12000"))
SHARES = {"datagrams": 0.4, "game": 0.25, "messages": 0.15, "bodies": 0.08, "headers": 0.07, "viewers": 0.05}
ROUNDS = 10
ATTACKER = Path(__file__).with_name("attacker.py")


@pytest.fixture(scope="module")
def race() -> list[TelemetryFrame]:
    drawn = draw_grand_prix(circuit_id="monza", season=2024, seed=8, n_cars=6)
    record = RaceRecord.from_laps(
        drawn.laps, race_id=drawn.race_id, season=2024, circuit_id="monza", total_laps=drawn.total_laps, grid=drawn.grid
    )
    return list(frames(record, hz=None, to_lap=16))


async def attack(door: str, port: int, pieces: int, seed: int, good: bytes) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ATTACKER), door, str(port), str(pieces), str(seed)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate(good)
    assert process.returncode == 0, f"the attacker at {door} broke down: an answer was missing, or it is broken itself"
    return dict(json.loads(out))


def metric(text: str, name: str) -> float:
    """Return the sum of all samples of a metric."""
    lines = [line for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


@pytest.mark.skipif(not Path("/proc/net/udp").is_file(), reason="counts what the kernel drops in /proc/net/udp")
@pytest.mark.timeout(14400)
async def test_rubbish_at_every_door(race: list[TelemetryFrame], tmp_path: Path) -> None:
    settings = Settings(
        state=tmp_path, library=tmp_path, data=None, api_port=0, telemetry_port=0, udp_json_port=0, udp_game_port=0
    )
    session = open_session(settings, live=True)
    faults: list[str] = []
    async with serving(session, settings, report=lambda error: faults.append(repr(error))) as (url, runner):
        await asyncio.wait_for(runner.feed.opened.wait(), 10)
        feeds = runner.feed.feeds
        port = int(url.rsplit(":", 1)[1])
        doors = {
            "datagrams": feeds["udp-json"].address[1],
            "game": feeds["ea-udp"].address[1],
            "messages": feeds["websocket-server"].port,
            **dict.fromkeys(("bodies", "headers", "viewers"), port),
        }
        async with connect(f"ws://127.0.0.1:{doors['messages']}", proxy=None) as producer:
            for frame in race[:40]:
                await producer.send(frame.model_dump_json(exclude_none=True))
                assert json.loads(await producer.recv())["accepted"]
        good = b"\n".join(json.dumps(f.model_dump(mode="json", exclude_none=True)).encode() for f in race[40:60])
        thrown = dict.fromkeys(SHARES, 0)
        told: dict[str, dict[str, int]] = {door: {} for door in SHARES}
        memory: list[float] = []
        began = time.monotonic()
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
            for n in range(ROUNDS):
                some = {door: max(int(PIECES * share / ROUNDS), 1) for door, share in SHARES.items()}
                found = await asyncio.gather(*(attack(d, doors[d], k, n, good) for d, k in some.items()))
                for door, one in zip(some, found, strict=True):
                    thrown[door] += one["thrown"]
                    for what, count in one["told"].items():
                        told[door][what] = told[door].get(what, 0) + count
                memory.append(memory_mib() or 0.0)
                print(f"\n{sum(thrown.values())} pieces, {time.monotonic() - began:.0f} s, {memory[-1]:.0f} MiB")
            lost = {"datagrams": feeds["udp-json"].overflowed, "game": feeds["ea-udp"].overflowed}
            deadline = time.monotonic() + 60
            while feeds["udp-json"]._queue.qsize() + feeds["ea-udp"]._queue.qsize() and time.monotonic() < deadline:
                await asyncio.sleep(0.2)
            health = (await client.get("/api/v1/health")).json()
            metrics = (await client.get("/api/v1/metrics")).text
        # Counted: every datagram that the kernel let through, every message, every request, every connection.
        assert feeds["udp-json"].health.received + lost["datagrams"] == thrown["datagrams"]
        assert feeds["ea-udp"].health.received + lost["game"] == thrown["game"]
        assert feeds["websocket-server"].received - 40 == thrown["messages"] == sum(told["messages"].values())
        assert told["viewers"] == {"error": thrown["viewers"]}
        assert sum(told["bodies"].values()) == thrown["bodies"]
        posts = [line for line in metrics.splitlines() if line.startswith('racetwin_http_requests_total{method="POST"')]
        assert sum(float(p.rsplit(" ", 1)[1]) for p in posts) >= thrown["bodies"]
        assert metric(metrics, "racetwin_connections_total") >= thrown["headers"]
        assert sum(told["headers"].values()) == thrown["headers"]
        # Whole: the engine answers, keeps its books, and holds no more than before.
        assert not [
            status
            for door in ("bodies", "headers")
            for status in told[door]
            if status.startswith("5") and status != "503"
        ]
        assert health["frames_in"] == health["frames_processed"] + health["components"]["ingestor"]["waiting"]
        assert health["components"]["journal"]["status"] == "ok"
        assert faults == []
        print(
            f"{sum(thrown.values())} pieces {thrown}: {told}, dropped by the kernel {lost}, {health['frames_in']} frames in"
        )
        print(f"refused by kind: {runner.engine.ingestor.counters.rejected}")
        print(f"refused: {health['components']['ingestor']['rejected']}, memory by tenths {memory} MiB")
        assert memory[-1] < 1.1 * memory[ROUNDS // 2] + 20
        number = runner.ingest(race[60])
        assert number is not None
        await asyncio.wait_for(runner.acknowledged(number), 5)
