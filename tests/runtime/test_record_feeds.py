"""Live feeds into a recording, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from racetwin.config import Settings
from racetwin.runtime.record_feeds import record_feeds
from racetwin.telemetry.recorder import Recording
from racetwin.telemetry.recording import recorded_frames
from racetwin.telemetry.websocket_sender import TelemetrySender
from racetwin.telemetry.websocket_server import TelemetryServer

pytestmark = pytest.mark.integration


def frame(seq: int, lap: int = 1, **more: Any) -> dict[str, Any]:
    cars = [{"car_id": "44", "position": 1, "lap": lap, "speed_kmh": 280.5}]
    return {
        "version": "racetwin/1", "source": "garage", "seq": seq, "time_s": seq / 10, "race_id": "x", "lap": lap, "cars": cars,
        **more,
    }  # fmt: skip


async def test_two_feeds_are_recorded_under_one_race_until_the_lap_is_over(tmp_path: Path) -> None:
    out = tmp_path / "race.parquet"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with TelemetryServer(port=0) as server:
        specs = [f"websocket-client:ws://127.0.0.1:{server.port}", f"udp-json:{port},source=box"]
        task = asyncio.create_task(record_feeds(Settings(), specs, out, to_lap=3))
        async with asyncio.timeout(10):
            while not server.report()["connected"]:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            server.publish(frame(0))
            await asyncio.sleep(0.1)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.sendto(json.dumps(frame(0, race_id="y")).encode(), ("127.0.0.1", port))
                udp.sendto(b"junk", ("127.0.0.1", port))
            await asyncio.sleep(0.1)
            server.publish(frame(1, cars=5))
            server.publish(frame(2, lap=3))
            server.publish(frame(3, lap=4))
            recorder = await task
    frames = list(Recording(out))
    assert [(f.source, f.seq, f.race_id) for f in frames] == [
        ("garage", 0, "x"), ("box", 0, "x"), ("garage", 2, "x"), ("garage", 3, "x"),
    ]  # fmt: skip
    assert frames[0].cars[0].speed_kmh == 280.5
    assert recorder.rejected == {"udp-json.json": 1, "cars.wrong_type": 1}


async def test_the_command_records_what_producers_push_and_ends_whole_on_sigterm(tmp_path: Path) -> None:
    out = tmp_path / "race.parquet"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "racetwin", "record", f"websocket-server:{port}", "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ})
    try:
        async with asyncio.timeout(60), TelemetrySender(f"ws://127.0.0.1:{port}", attempts=100) as sender:
            for seq in range(25):
                assert (await sender.send(frame(seq))).accepted
            assert not (await sender.send({"cars": []})).accepted
            partly = await sender.send(frame(25, cars=[{"car_id": "44", "lap": 1}, {"car_id": "4", "lap": -1}]))
            assert (partly.accepted, [r["car_id"] for r in partly.rejected]) == (True, ["4"])
        process.send_signal(signal.SIGTERM)
        said = (await asyncio.to_thread(process.communicate, timeout=20))[0]
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert len(Recording(out)) == 26
    assert "26 frames" in said
    assert "frame.unknown_schema: 1" in said


async def test_a_recorder_that_is_killed_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    out = tmp_path / "race.parquet"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "racetwin", "record", f"websocket-server:{port}", "--out", str(out)]

    async def start_and_send(seqs: range, end: signal.Signals) -> str:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            async with asyncio.timeout(60), TelemetrySender(f"ws://127.0.0.1:{port}", attempts=100) as sender:
                for seq in seqs:
                    assert (await sender.send(frame(seq))).accepted
                process.send_signal(end)
            return (await asyncio.to_thread(process.communicate, timeout=20))[0]
        finally:
            process.kill()
            process.wait()

    await start_and_send(range(40), signal.SIGKILL)
    assert not out.exists()
    assert [f.seq for f in Recording(out)] == list(range(40))
    assert [f.seq for f in recorded_frames(out)] == list(range(40)), "a replay takes it by the same name"
    said = await start_and_send(range(40, 60), signal.SIGTERM)
    assert "going on after 40 frames" in " ".join(said.split())
    assert Recording(out).finished
    assert [f.seq for f in Recording(out)] == list(range(60))
