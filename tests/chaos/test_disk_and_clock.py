"""A disk that fills up, a clock that jumps, a process that is paused: the race goes on, and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.engines import engine, free_port, health, wait

from racetwin.runtime.journal import Journal
from racetwin.runtime.recovery import SystemRecoveryManager

pytestmark = pytest.mark.chaos

LIBFAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a tmpfs needs root")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], capture_output=True)
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


def _recovered(folder: Path) -> tuple[int, list[str], int]:
    """Return the frames of the newest run, what was wrong with them, and how many of them a recovery reaches."""
    (path,) = (folder / "journals").glob("*.sqlite")
    with Journal(path) as journal:
        _, report = SystemRecoveryManager(journal).recover()
        return journal.last_frame(journal.run().run_id), report.problems, report.last_frame


@pytest.mark.timeout(600)
def test_full_disk_raises_an_alarm_and_catches_up(small_disk: Path) -> None:
    port = free_port()
    with engine(small_disk, port, "--simulated", "--speed", "20") as process:
        wait(lambda: health(port)["frames_in"] > 100, 240, "the engine runs")
        ballast = small_disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        wait(lambda: health(port)["components"]["journal"]["status"] == "degraded", 90, "the disk refuses")
        wait(lambda: "journal_degraded" in [a["name"] for a in health(port)["alarms"]], 10, "an alarm says so")
        before = health(port)["frames_in"]
        wait(lambda: health(port)["frames_in"] > before + 100, 60, "the race goes on")
        ballast.unlink()
        wait(lambda: health(port)["components"]["journal"]["status"] == "ok", 60, "it catches up")
        wait(lambda: "journal_degraded" not in [a["name"] for a in health(port)["alarms"]], 10, "the alarm goes")
        wait(lambda: health(port)["components"]["journal"]["pending"] < 100, 60, "what waited is on disk")
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    kept, problems, reached = _recovered(small_disk)
    assert kept > before
    assert (problems, reached) == ([], kept)  # no hole where the disk was full


@pytest.mark.skipif(LIBFAKETIME is None, reason="libfaketime moves the clock (Debian: apt-get install faketime)")
@pytest.mark.timeout(600)
def test_clock_may_jump(tmp_path: Path) -> None:
    clock, state = tmp_path / "clock", tmp_path / "state"
    environment = {
        "LD_PRELOAD": str(LIBFAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    clock.write_text("+0")
    port = free_port()
    with engine(state, port, "--simulated", "--speed", "10", environment=environment) as process:
        wait(lambda: health(port)["frames_in"] > 100, 240, "the engine runs")
        for jump in ("+86400", "-86400", "+3600x1"):
            clock.write_text(jump)
            before = health(port)["frames_in"]
            wait(lambda: health(port)["frames_in"] > before + 50, 30, f"the race goes on after {jump}")  # noqa: B023 - asked now
            time.sleep(1)
            after = health(port)
            assert after["frames_in"] - after["frames_processed"] <= 1
            assert "feed_silent" not in [a["name"] for a in after["alarms"]], jump
            assert after["components"]["feed"]["age_s"] < 3
        time.sleep(6)  # a snapshot under the moved clock
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    kept, problems, reached = _recovered(state)
    assert (problems, reached) == ([], kept)
    clock.write_text("-864000")  # ten days back: the run it goes on with is the newest one all the same
    port = free_port()
    with engine(state, port, "--simulated", "--speed", "10", environment=environment) as process:
        wait(lambda: health(port)["frames_in"] > kept, 120, "it goes on where it was")
        process.terminate()
        assert process.wait(20) == 0
    (path,) = (state / "journals").glob("*.sqlite")
    with Journal(path) as journal:
        assert len(journal.runs()) == 1
        assert journal.run().frames > kept


@pytest.mark.timeout(600)
def test_paused_engine_catches_up_and_loses_nothing(tmp_path: Path) -> None:
    port = free_port()
    with engine(tmp_path, port, "--simulated", "--speed", "5") as process:
        wait(lambda: health(port)["frames_in"] > 100, 240, "the engine runs")
        process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        process.send_signal(signal.SIGCONT)
        wait(lambda: health(port)["components"]["feed"]["behind_s"] < 0.5, 60, "it has caught up")
        told = health(port)
        assert told["frames_in"] - told["frames_processed"] <= 1
        process.terminate()
        assert process.wait(20) == 0
    kept, problems, reached = _recovered(tmp_path)
    assert (problems, reached) == ([], kept)
