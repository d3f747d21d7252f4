"""docs/operations.md, command by command, as a stranger would type them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from racetwin.config import Settings

pytestmark = pytest.mark.chaos

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    text = (ROOT / "docs" / "operations.md").read_text()
    return [line for block in BLOCK.findall(text) for line in block.splitlines() if line.strip()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of somebody who has just installed racetwin; whatever they start is ended."""
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "RACETWIN_STATE": str(tmp_path / "state"),
        "RACETWIN_LIBRARY": str(tmp_path / "races"),
        "RACETWIN_API_PORT": str(free_port()),
        "RACETWIN_RACES": "32",
        "STRANGER": str(tmp_path),
        "RACETWIN_CACHE": os.environ.get("RACETWIN_CACHE", str(Settings().cache)),
    }
    yield environment
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if f"STRANGER={tmp_path}".encode() in (folder / "environ").read_bytes():
                    os.kill(int(folder.name), signal.SIGKILL)
            except OSError:
                continue


def lap(url: str) -> int:
    try:
        return int(httpx.get(f"{url}/api/v1/environment", timeout=5, trust_env=False).json().get("lap", 0))
    except (httpx.HTTPError, ValueError):
        return 0


@pytest.mark.timeout(900)
@pytest.mark.skipif(not Path("/proc/self/environ").is_file(), reason="ends what it started by looking in /proc")
def test_every_command_on_the_page_works(stranger: dict[str, str], tmp_path: Path) -> None:
    lines = commands()
    assert len(lines) >= 15
    engine, standby, page = stranger["RACETWIN_API_PORT"], str(free_port()), str(free_port())
    for line in lines:
        command = line.replace("8080", engine).replace("8090", standby).replace("8866", page)
        if "--speed 5 " in command:
            command = command.replace("--speed 5 ", "--speed 60 ")  # nobody here has the patience of a spectator
        if "lsof" in command and shutil.which("lsof") is None:
            port = int(command.split("TCP:")[1].split()[0])
            command = f"kill -9 {listener(port, stranger['STRANGER'])}"
        if command.endswith("&"):
            subprocess.Popen(
                command.removesuffix("&"), shell=True, env=stranger, cwd=tmp_path, stdout=subprocess.DEVNULL
            )
            if "serve" in command:
                url = f"http://127.0.0.1:{standby if 'standby-of' in command else engine}"
                deadline = time.monotonic() + 120
                while lap(url) < 2:
                    assert time.monotonic() < deadline, command
                    time.sleep(0.2)
            continue
        done = subprocess.run(
            command, shell=True, env=stranger, cwd=tmp_path, capture_output=True, text=True, timeout=180
        )
        told = done.stdout + done.stderr
        assert "Traceback" not in told, told
        fine = (0, 1) if "validate" in command else (0,)  # a port of this machine may well be taken
        assert done.returncode in fine, f"{command}\n{told}"
        if command.startswith("curl"):
            assert '"status":50' not in told, told
            assert told, command
    assert list((tmp_path / "exported").glob("*-frames.parquet"))


def listener(port: int, mark: str) -> int:
    """Return the process of ours that listens on a port: the engine whose command was started first."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                mine = f"STRANGER={mark}".encode() in (folder / "environ").read_bytes()
                words = (folder / "cmdline").read_text().split("\0")
            except OSError:
                continue
            if mine and "serve" in words and "--standby-of" not in words and any("racetwin" in w for w in words):
                found.append(int(folder.name))
    assert found, f"nobody of ours listens on port {port}"
    return max(found)
