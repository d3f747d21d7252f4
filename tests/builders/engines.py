"""`racetwin serve` as a process of its own, for tests that do bad things to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

RACETWIN = str(Path(sys.executable).with_name("racetwin"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def engine(
    folder: Path,
    port: int,
    *options: str,
    within: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Run `racetwin serve` with its state in ``folder``; ``within`` is a command that runs a command somewhere else."""
    variables = {
        **os.environ,
        "RACETWIN_STATE": str(folder),
        "RACETWIN_LIBRARY": str(folder / "races"),
        "RACETWIN_API_PORT": str(port),
        "RACETWIN_RACES": "32",
        **(environment or {}),
    }
    process = subprocess.Popen(
        [*within, RACETWIN, "serve", *options],
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def health(port: int) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"http://127.0.0.1:{port}/api/v1/health", timeout=5, trust_env=False).json()
    return answer


def wait(until: Callable[[], Any], seconds: float, what: str) -> float:
    """Wait for something and return how long it took."""
    begin = time.monotonic()
    while True:
        try:
            if until():
                return time.monotonic() - begin
        except (httpx.HTTPError, OSError, ValueError, KeyError):
            pass
        assert time.monotonic() - begin < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)
