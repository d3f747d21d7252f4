"""Two machines and a cable between them that is cut, slow, or brings things twice: network namespaces, real processes."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from builders.engines import engine, free_port, health, wait
from builders.rooms import Rooms, two_rooms

from racetwin.runtime.journal import Journal
from racetwin.runtime.recovery import SystemRecoveryManager
from racetwin.schemas import TelemetryFrame
from racetwin.simulation.draw import draw_grand_prix
from racetwin.telemetry.laptable import frames
from racetwin.telemetry.records import RaceRecord

pytestmark = pytest.mark.chaos

TAKE_OVER_WITHIN_S = 2.0
TOKEN = "read:LOOK,ingest:SEND,control:ALL"
BUILDERS = Path(__file__).parent.parent / "builders"
API, DOOR = 8080, 8765


@pytest.fixture
def rooms() -> Iterator[Rooms]:
    with two_rooms() as made:
        yield made


@pytest.fixture(scope="module")
def race() -> list[TelemetryFrame]:
    drawn = draw_grand_prix(circuit_id="monza", season=2024, seed=8)
    record = RaceRecord.from_laps(
        drawn.laps, race_id=drawn.race_id, season=2024, circuit_id="monza", total_laps=drawn.total_laps, grid=drawn.grid
    )
    return list(frames(record, hz=None, to_lap=8))


def in_room(rooms: Rooms, room: str) -> dict[str, str]:
    return {"RACETWIN_HOST": rooms.address[room], "RACETWIN_TOKEN": TOKEN}


def _listen(process: subprocess.Popen[str], told: list[tuple[float, str]]) -> None:
    """Note when a process says what."""
    assert process.stdout is not None
    told.extend((time.monotonic(), line.strip()) for line in process.stdout)


def state_after(folder: Path, n: int) -> str:
    (path,) = (folder / "journals").glob("*.sqlite")
    with Journal(path) as journal:
        recovered, report = SystemRecoveryManager(journal).recover(upto=n)
        assert report.last_frame == n
        return recovered.hash()


@pytest.mark.timeout(600)
def test_standby_takes_over_when_the_cable_is_cut(rooms: Rooms, tmp_path: Path) -> None:
    a, b = (f"http://{rooms.address[room]}:{API}" for room in "ab")
    serve = ("--simulated", "--speed", "10")
    with (
        engine(tmp_path / "a", API, *serve, within=rooms.within("a"), environment=in_room(rooms, "a")),
        engine(
            tmp_path / "b", API, *serve, "--standby-of", a, within=rooms.within("b"), environment=in_room(rooms, "b")
        ) as second,
    ):

        def feed(room: str) -> str:
            told = rooms.ask(room, f"{a if room == 'a' else b}/api/v1/health", "LOOK")
            return str(told["components"]["feed"]["status"])

        def frames_of(room: str) -> int:
            return int(rooms.ask(room, f"{a if room == 'a' else b}/api/v1/health", "LOOK")["frames_in"])

        wait(lambda: frames_of("a") > 200, 240, "the first engine runs")
        wait(lambda: frames_of("b") > 200, 240, "the second follows")
        assert feed("b") == "standby"
        told: list[tuple[float, str]] = []
        listener = threading.Thread(target=_listen, args=(second, told), daemon=True)
        listener.start()
        cut = time.monotonic()
        rooms.cable(up=False)
        wait(lambda: any("takes over after frame" in line for _, line in told), 30, "the second takes over")
        at, line = next((at, line) for at, line in told if "takes over after frame" in line)
        took = at - cut
        assert feed("b") == "ok"
        print(f"\ncable cut: took over within {took:.2f} s")
        there = frames_of("b")
        wait(lambda: frames_of("b") > there + 50, 60, "the race goes on in the second")
        there = frames_of("a")
        wait(lambda: frames_of("a") > there + 50, 60, "and in the first, for its own screens")
        second.terminate()
        assert second.wait(20) == 0
    assert took < TAKE_OVER_WITHIN_S
    n = int(line.rsplit(" ", 1)[1])
    assert state_after(tmp_path / "a", n) == state_after(tmp_path / "b", n)


@pytest.mark.timeout(600)
def test_what_is_sent_over_a_cable_that_is_cut_comes_once(
    rooms: Rooms, race: list[TelemetryFrame], tmp_path: Path
) -> None:
    some = race[:400]
    lines = "\n".join(f.model_dump_json(exclude_none=True) for f in some)
    a = rooms.address["a"]
    with engine(tmp_path, API, "--live", within=rooms.within("a"), environment=in_room(rooms, "a")):
        wait(lambda: rooms.ask("a", f"http://{a}:{API}/api/v1/version"), 240, "the engine runs")
        producer = subprocess.Popen(
            [*rooms.within("b"), sys.executable, str(BUILDERS / "producer.py"), f"ws://{a}:{DOOR}", "SEND"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert producer.stdin is not None
        assert producer.stdout is not None
        producer.stdin.write(lines)
        producer.stdin.close()
        for line in producer.stdout:
            if line.strip() in ("40", "110"):
                rooms.cable(up=False)
                time.sleep(2.5)
                rooms.cable(up=True)
            last = line
        assert producer.wait(60) == 0
        told = rooms.ask("a", f"http://{a}:{API}/api/v1/health", "LOOK")
    tries = int(re.search(r'"tries": (\d+)', last)[1])
    print(f"\n{len(some)} frames in {tries} tries: {told['components']['ingestor']}")
    assert told["components"]["ingestor"]["accepted"] == len(some)
    assert told["frames_in"] >= len(some)


@pytest.mark.timeout(600)
def test_slow_cable_is_no_reason_to_take_over(tmp_path: Path) -> None:
    one, other, relay = free_port(), free_port(), free_port()
    serve = ("--simulated", "--speed", "10")
    cable = subprocess.Popen(
        [sys.executable, str(BUILDERS / "bad_cable.py"), "tcp", str(relay), "127.0.0.1", str(one), "0.3"]
    )
    try:
        with (
            engine(tmp_path / "a", one, *serve),
            engine(tmp_path / "b", other, *serve, "--standby-of", f"http://127.0.0.1:{relay}"),
        ):
            wait(lambda: health(one)["frames_in"] > 300, 240, "the first engine runs")
            wait(lambda: health(other)["frames_in"] > 300, 240, "the second follows")
            for _ in range(20):
                time.sleep(0.25)
                assert health(other)["components"]["feed"]["status"] == "standby"
            assert health(one)["frames_in"] - health(other)["frames_in"] < 300
    finally:
        cable.terminate()
        cable.wait(10)


@pytest.mark.timeout(600)
def test_datagrams_that_come_twice_count_once(race: list[TelemetryFrame], tmp_path: Path) -> None:
    port, door, relay = free_port(), free_port(), free_port()
    some = race[:300]
    ports = {"RACETWIN_UDP_JSON_PORT": str(door), "RACETWIN_UDP_GAME_PORT": "0", "RACETWIN_TELEMETRY_PORT": "0"}
    cable = subprocess.Popen(
        [sys.executable, str(BUILDERS / "bad_cable.py"), "udp", str(relay), "127.0.0.1", str(door), "0.02"]
    )
    try:
        with engine(tmp_path, port, "--live", environment=ports):
            wait(lambda: httpx.get(f"http://127.0.0.1:{port}/api/v1/version", trust_env=False), 240, "the engine runs")
            time.sleep(1)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                for frame in some:
                    udp.sendto(frame.model_dump_json(exclude_none=True).encode(), ("127.0.0.1", relay))
                    time.sleep(0.005)
            wait(
                lambda: health(port)["frames_in"] == len(some) + len(some) // 2, 20, "all have come, half of them twice"
            )
            counters = httpx.get(f"http://127.0.0.1:{port}/api/v1/health", trust_env=False).json()
    finally:
        cable.terminate()
        cable.wait(10)
    assert counters["components"]["ingestor"]["accepted"] == len(some)
    assert counters["frames_in"] == counters["frames_processed"]
