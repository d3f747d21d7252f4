"""Two engines as two processes: the second follows the first, and goes on with the same state when that is gone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.journal import Journal
from racetwin.runtime.live import LiveRace
from racetwin.runtime.recovery import SystemRecoveryManager

pytestmark = pytest.mark.chaos

TAKE_OVER_WITHIN_S = 2.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def engine(folder: Path, port: int, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run `racetwin serve` on a simulated race."""
    environment = {
        **os.environ,
        "RACETWIN_STATE": str(folder),
        "RACETWIN_LIBRARY": str(folder / "races"),
        "RACETWIN_API_PORT": str(port),
        "RACETWIN_RACES": "32",
    }
    command = [str(Path(sys.executable).with_name("racetwin")), "serve", "--simulated", "--speed", "10", *options]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(20)


def health(port: int) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"http://127.0.0.1:{port}/api/v1/health", timeout=5, trust_env=False).json()
    return answer


def wait(until: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for something and return how long it took."""
    begin = time.monotonic()
    while True:
        try:
            if until():
                return time.monotonic() - begin
        except httpx.HTTPError:
            pass
        assert time.monotonic() - begin < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


def state_after(folder: Path, n: int) -> str:
    """Return the hash of the engine after frame ``n`` of a journal."""
    (path,) = (folder / "journals").glob("*.sqlite")
    with Journal(path) as journal:
        recovered, report = SystemRecoveryManager(journal).recover(upto=n)
        assert report.last_frame == n
        return recovered.hash()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
def test_standby_takes_over_with_the_same_state(tmp_path: Path, how: signal.Signals) -> None:
    one, other = free_port(), free_port()
    a, b = tmp_path / "a", tmp_path / "b"
    with engine(a, one) as first, engine(b, other, "--standby-of", f"http://127.0.0.1:{one}") as second:
        wait(lambda: health(one)["frames_in"] > 200, 120, "the first engine runs")
        wait(lambda: health(other)["frames_in"] > 200, 120, "the second follows")
        assert health(other)["components"]["feed"]["status"] == "standby"
        assert health(one)["components"]["standby"]["engines"] == 1
        assert health(one)["frames_in"] - health(other)["frames_in"] < 200  # 2 s of race at ten times its pace
        with LiveRace.connect(f"http://127.0.0.1:{one},http://127.0.0.1:{other}") as viewer:
            before = viewer.wait_for(lambda s: s.frame is not None, 20)
            first.send_signal(how)
            took = wait(lambda: health(other)["components"]["feed"]["status"] == "ok", 10, "the second takes over")
            there = health(other)["frames_in"]
            wait(lambda: health(other)["frames_in"] > there + 50, 10, "the race goes on")
            after = viewer.wait_for(lambda s: s.time_s > before.time_s + 20, 30)
            assert after.info.race_id == before.info.race_id
        print(f"\n{how.name}: took over within {took:.2f} s")
        assert took < TAKE_OVER_WITHIN_S
        second.terminate()
        assert second.wait(20) == 0
        assert second.stdout is not None
        told = next(line for line in second.stdout if "takes over after frame" in line)
        n = int(told.rsplit(" ", 1)[1])
    if how is signal.SIGKILL:  # its journal is as the kill left it; look at a copy, as nobody may write to it
        shutil.copytree(a, tmp_path / "copy")
        a = tmp_path / "copy"
    assert state_after(a, n) == state_after(b, n)


def test_standby_that_comes_late_catches_up(tmp_path: Path) -> None:
    one, other = free_port(), free_port()
    with engine(tmp_path / "a", one):
        wait(lambda: health(one)["frames_in"] > 600, 120, "the first engine runs")
        with engine(tmp_path / "b", other, "--standby-of", f"ws://127.0.0.1:{one}/ws"):
            wait(lambda: health(one)["frames_in"] - health(other)["frames_in"] < 100, 120, "the second catches up")


def test_standby_without_a_first_engine_waits(tmp_path: Path) -> None:
    port = free_port()
    with engine(tmp_path / "b", port, "--standby-of", f"http://127.0.0.1:{free_port()}"):
        wait(lambda: health(port)["components"]["feed"]["status"] == "standby", 30, "it stands by")
        time.sleep(2.5)
        assert health(port)["components"]["feed"]["status"] == "standby"
        assert health(port)["frames_in"] == 0


def test_second_engine_on_the_same_journal_is_refused(tmp_path: Path) -> None:
    port = free_port()
    with engine(tmp_path, port) as first:
        wait(lambda: health(port)["frames_in"] > 0, 120, "the first engine runs")
        with engine(tmp_path, free_port()) as second:
            assert second.wait(30) == 2
            assert second.stdout is not None
            told = second.stdout.read()
            assert told.count("\n") == 1
            assert "in use by another engine" in told
        assert first.poll() is None


def test_terminated_engine_closes_its_journal_in_order(tmp_path: Path) -> None:
    port = free_port()
    with engine(tmp_path, port) as process:
        wait(lambda: health(port)["frames_in"] > 300, 120, "the engine runs")
        process.terminate()
        assert process.wait(20) == 0
    (path,) = (tmp_path / "journals").glob("*.sqlite")
    with Journal(path) as journal:
        run = journal.run()
        assert run.closed is not None
        assert run.frames >= 300
        newest = next(journal.snapshots(run.run_id))
        assert newest.n == run.frames  # nothing is left to be replayed
        recovered, report = SystemRecoveryManager(journal).recover()
    assert report.replayed == 0
    assert isinstance(recovered, RaceEngine)
