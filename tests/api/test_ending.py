"""Ctrl-C on an engine with clients of every kind: each is told, none holds it up, and nothing is printed about them."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from builders.engines import engine, free_port, health, wait
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from racetwin.api import server as module
from racetwin.schemas import TelemetryFrame

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

SUBSCRIBE = orjson.dumps({"type": "subscribe", "rate_hz": 60}).decode()


@contextmanager
def subscriber(port: int) -> Iterator[ClientConnection]:
    with connect(f"ws://127.0.0.1:{port}/ws", proxy=None, max_size=None) as client:
        client.send(SUBSCRIBE)
        yield client


def closed_with(client: ClientConnection) -> int | None:
    """Read until the connection is closed; returns the code with which it was."""
    try:
        while True:
            client.recv(20)
    except ConnectionClosed as closed:
        return None if closed.rcvd is None else closed.rcvd.code


@contextmanager
def deaf_subscriber(port: int) -> Iterator[None]:
    """Ask for everything, again and again, and read nothing of it, until the engine has no room left to write to."""
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.connect(("127.0.0.1", port))
        with connect(
            "ws://127.0.0.1/ws", sock=plain, proxy=None, max_size=None, max_queue=1, close_timeout=0
        ) as client:
            for _ in range(200):
                client.send(SUBSCRIBE)
                time.sleep(0.01)
            yield


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_an_engine_with_clients_ends_without_a_word(tmp_path: Path, end: signal.Signals) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/api/v1"
    answers: list[httpx.Response] = []
    with engine(tmp_path, port, "--simulated", "--speed", "60") as process:
        assert process.stdout is not None
        assert "WebSocket" in process.stdout.readline()
        wait(lambda: health(port)["frames_in"] > 1000, 120, "it runs")
        car = httpx.get(f"{url}/telemetry", trust_env=False).json()["cars"][0]["car_id"]

        def ask() -> None:
            plans = [[{"lap": lap, "compound": c}] for lap in range(11, 43) for c in ("HARD", "MEDIUM")]
            question = {"car_id": car, "plans": plans, "n_races": 3000}
            with suppress(httpx.HTTPError):  # what the desk is in the middle of is cut off
                answers.append(httpx.post(f"{url}/simulate", json=question, timeout=30, trust_env=False))

        asking = [threading.Thread(target=ask) for _ in range(4)]
        with deaf_subscriber(port), subscriber(port) as listening, socket.create_connection(("127.0.0.1", port)):
            assert orjson.loads(listening.recv(10))["type"] == "full"
            for thread in asking:
                thread.start()
            time.sleep(0.3)
            process.send_signal(end)
            assert closed_with(listening) == 1012
            assert process.wait(30) == 0
            for thread in asking:
                thread.join(30)
        assert 503 in {answer.status_code for answer in answers} <= {200, 503}, [a.text[:200] for a in answers]
        assert process.stdout.read() == ""


def test_a_subscriber_without_a_sign_of_life_is_cut_off(
    race: list[TelemetryFrame], tmp_path: Path, serve_frames: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PING_S", 3.0)
    with serve_frames(race, tmp_path) as server:
        port = httpx.URL(server.url).port
        assert port is not None
        with deaf_subscriber(port):
            deadline = time.monotonic() + 20
            while server.call(lambda: server.runner.subscribers):
                assert time.monotonic() < deadline, "it is still there"
                time.sleep(0.05)
