from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from builders.engines import RACETWIN, engine, health, wait

from racetwin.config import Settings
from racetwin.errors import ConfigurationError, DataError
from racetwin.runtime.race_day import Child, _await_answers, notebook_path, run_race_day

pytestmark = pytest.mark.integration


@contextmanager
def held_port() -> Iterator[int]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


def free_port() -> int:
    with held_port() as port:
        return port


@pytest.mark.parametrize("name", ["api_port", "voila_port"])
def test_taken_port_is_one_clear_line(tmp_path: Path, name: str) -> None:
    with held_port() as port:
        ports = {"api_port": free_port(), "voila_port": free_port(), name: port}
        settings = Settings(state=tmp_path, library=tmp_path, data=None, **ports)
        with pytest.raises(ConfigurationError, match=f"port {port} .*RACETWIN_{name.upper()}"):
            run_race_day(settings=settings, say=lambda _: None)


def test_missing_race_is_told_before_anything_is_started(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, library=tmp_path, data=None, api_port=free_port(), voila_port=free_port())
    with pytest.raises(DataError, match="1999-01-nowhere"):
        run_race_day(race="1999-01-nowhere", settings=settings, say=lambda _: None)


def test_waiting_for_the_children_loads_no_certificates(certificates_loaded: list[str], tmp_path: Path) -> None:
    port = free_port()
    server = [
        sys.executable,
        "-c",
        f"import time; time.sleep(1); import http.server as h; h.test(h.SimpleHTTPRequestHandler, port={port}, bind='127.0.0.1')",
    ]
    child = Child("server", server, os.environ.copy(), f"http://127.0.0.1:{port}/", tmp_path / "log")
    child.start()
    try:
        _await_answers([child])
    finally:
        child.stop()
    assert certificates_loaded == []


def test_notebook_is_at_hand() -> None:
    assert notebook_path().name == "01_race_day.ipynb"
    with pytest.raises(ConfigurationError, match="install racetwin again"):
        notebook_path("99_nothing.ipynb")


@pytest.mark.live
@pytest.mark.skipif(not Path("/proc/self/environ").is_file(), reason="looks for left-over processes in /proc")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_one_command_serves_the_page_and_leaves_nothing_behind(tmp_path: Path, end: signal.Signals) -> None:
    api, page = free_port(), free_port()
    mark = f"{os.getpid()}-{end.name}"
    environment = {
        **os.environ,
        "RACETWIN_STATE": str(tmp_path / "state"),
        "RACETWIN_LIBRARY": str(tmp_path / "races"),
        "RACETWIN_API_PORT": str(api),
        "RACETWIN_VOILA_PORT": str(page),
        "RACETWIN_RACES": "32",
        "RACE_DAY_TEST": mark,
    }
    command = [str(Path(sys.executable).with_name("racetwin")), "race-day", "--simulated", "--speed", "20"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "is live" in line:
                break
        assert lines, "it said nothing"
        assert f"http://127.0.0.1:{page}/" in lines[-1], lines
        assert sum("http://" in line for line in lines) == 1  # one URL
        health = httpx.get(f"http://127.0.0.1:{api}/api/v1/health", trust_env=False).json()
        assert health["frames_in"] == health["frames_processed"]
        if end is not signal.SIGKILL:
            assert httpx.get(f"http://127.0.0.1:{page}/", timeout=60, trust_env=False).status_code == 200
        process.send_signal(end)
        process.wait(30)
        if end is not signal.SIGKILL:
            assert process.returncode == 0
            assert process.stdout.read() == "racetwin: stopping ...\n"
        deadline = time.monotonic() + 20
        while left := _left(mark):
            assert time.monotonic() < deadline, left
            time.sleep(0.2)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


@pytest.mark.live
def test_the_page_of_an_engine_that_runs_already_starts_no_other(tmp_path: Path) -> None:
    api, page, unused = free_port(), free_port(), free_port()
    with engine(tmp_path / "engine", api, "--simulated", "--speed", "5") as running:
        wait(lambda: health(api)["frames_in"] > 0, 120, "the engine runs")
        environment = {
            **os.environ,
            "RACETWIN_STATE": str(tmp_path / "page"),
            "RACETWIN_API_PORT": str(unused),
            "RACETWIN_VOILA_PORT": str(page),
        }
        command = [RACETWIN, "race-day", "--engine", f"http://127.0.0.1:{api}"]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            assert process.stdout is not None
            told = next(line for line in process.stdout if "is live" in line)
            assert f"http://127.0.0.1:{page}/" in told
            metrics = f"http://127.0.0.1:{api}/api/v1/metrics"
            shown = re.compile(r"^racetwin_subscribers [1-9]", re.MULTILINE)
            wait(lambda: shown.search(httpx.get(metrics, trust_env=False).text), 60, "the page follows that engine")
            assert httpx.get(f"http://127.0.0.1:{page}/", timeout=60, trust_env=False).status_code == 200
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", unused)) != 0, "another engine was started"
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)
        assert running.poll() is None, "the engine is not the page's to stop"
        assert health(api)["frames_in"] > 0


def _left(mark: str) -> list[str]:
    """Return the command lines of processes that carry a mark in their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if f"RACE_DAY_TEST={mark}".encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
    return found
