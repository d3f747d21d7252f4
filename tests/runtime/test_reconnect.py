"""A live race whose engine goes away and comes back: it reconnects by itself and says so."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from racetwin.runtime.live import LiveRace
from racetwin.runtime.subscription import Subscription

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

PATIENCE_S = 90


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def serve(port: int, folder: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"RACETWIN_API_PORT": str(port), "RACETWIN_STATE": str(folder)}
    environment.pop("RACETWIN_ENGINE", None)
    command = [sys.executable, "-m", "racetwin.api.serve", "--simulated", "--speed", "20", "--resume", "no"]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(20)


def wait_for_link(live: LiveRace, state: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while live.link.state != state:
        assert time.monotonic() < deadline, live.link
        time.sleep(0.05)


def test_it_reconnects_by_itself_says_so_and_leaves_no_thread(tmp_path: Path) -> None:
    port = free_port()
    threads = set(threading.enumerate())
    told: list[str] = []
    engine = serve(port, tmp_path / "first")
    try:
        with LiveRace.connect(f"http://127.0.0.1:{port}") as live:
            live.on_link(lambda link: told.append(link.state))
            first = live.wait_for(lambda s: s.frame is not None, PATIENCE_S)
            wait_for_link(live, "up")
            end(engine)
            wait_for_link(live, "lost")
            assert live.link.text
            assert live.snapshot is not None  # what was last known stays on the screen
            engine = serve(port, tmp_path / "second")
            wait_for_link(live, "up")
            assert live.link.reconnects >= 1
            live.wait_for(lambda s: s.run_id != first.run_id, PATIENCE_S)
            assert any("trying again" in str(e) for e in live.errors)
    finally:
        end(engine)
    assert "lost" in told
    assert told.index("lost") < len(told) - 1
    deadline = time.monotonic() + 10
    while set(threading.enumerate()) - threads and time.monotonic() < deadline:
        time.sleep(0.05)
    assert set(threading.enumerate()) <= threads


def test_a_subscriber_asks_for_a_little_more_than_it_draws_so_that_it_can_catch_up() -> None:
    told: list[dict[str, Any]] = []

    class Connection:
        def send(self, text: str) -> None:
            told.append(json.loads(text))

    for rate_hz in (10.0, 60.0):
        Subscription("ws://127.0.0.1:1/ws", rate_hz=rate_hz)._subscribe(Connection())
    assert told[0]["rate_hz"] > 10.0
    assert told[1]["rate_hz"] == 60.0, "as many as a server gives"
