"""`racetwin max start`, `status` and `stop`: a MAX server that runs and is watched, whoever closes their terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

import httpx
import orjson

from racetwin.config import Settings
from racetwin.errors import ConfigurationError
from racetwin.servers.max_environment import Serving

State = Literal["stopped", "starting", "ready", "restarting", "failed"]
STOP_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Status:
    """What the watcher last wrote of its server."""

    state: State
    model: str = ""
    url: str = ""
    pid: int | None = None
    watcher: int | None = None
    restarts: int = 0
    since: float = 0.0
    log: str = ""
    detail: str = ""


class MaxServer:
    """The MAX server of this user on this machine; there is at most one.

    Parameters
    ----------
    settings
        The folder ``state`` keeps its status, its log and the lock that says that it runs.
    """

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.state / "max"
        self.log = self.folder / "max.log"
        self._status = self.folder / "status.json"
        self._lock = self.folder / "lock"

    def status(self) -> Status:
        """Return how it stands; a status file whose watcher is gone counts for nothing."""
        try:
            written = Status(**orjson.loads(self._status.read_bytes()))
        except (OSError, orjson.JSONDecodeError, TypeError):
            written = Status("stopped")
        if self.watched():
            return written if written.state != "stopped" else Status("starting", log=str(self.log))
        return written if written.state == "failed" else Status("stopped", log=str(self.log))

    def watched(self) -> bool:
        """Whether a watcher holds the lock: it is released with the process, however that one ends."""
        if not self._lock.exists():
            return False
        with self._lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return True
        return False

    def start(self, serving: Serving) -> None:
        """Start a watcher, detached from this terminal, that starts the server and keeps it up.

        Raises
        ------
        ConfigurationError
            If it runs already.
        """
        if self.watched():
            raise ConfigurationError(f"MAX runs already at {self.status().url}; stop it with: racetwin max stop")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._status.unlink(missing_ok=True)
        asked = orjson.dumps({"folder": str(self.folder), "serving": asdict(serving)}).decode()
        watcher = subprocess.Popen(
            [sys.executable, "-m", "racetwin.servers.max_watcher", asked],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(200):
            if self.watched():
                return
            if watcher.poll() is not None:
                break
            time.sleep(0.05)
        raise ConfigurationError(f"MAX cannot be watched: its watcher ended with status {watcher.poll()}")

    def wait(self, within_s: float, say: Callable[[Status], None] = lambda _: None) -> Status:
        """Wait until it answers or has failed; returns how it stands."""
        end = time.monotonic() + within_s
        while True:
            status = self.status()
            say(status)
            if status.state in ("ready", "failed", "stopped") or time.monotonic() > end:
                return status
            time.sleep(0.25)

    def stop(self) -> bool:
        """Stop watcher and server in order; False if none ran.

        Raises
        ------
        ConfigurationError
            If it does not stop.
        """
        if not self.watched():
            return False
        watcher = self.status().watcher
        if watcher is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(watcher, signal.SIGTERM)
        end = time.monotonic() + STOP_WITHIN_S
        while self.watched():
            if time.monotonic() > end:
                raise ConfigurationError(f"MAX does not stop; its log is {self.log}")
            time.sleep(0.05)
        return True


def answers(url: str, within_s: float = 5.0) -> bool:
    """Whether a server is ready: it answers the health probe of MAX and llama.cpp, ``/health`` beside ``/v1``."""
    try:
        return httpx.get(f"{url.removesuffix('/v1')}/health", timeout=within_s).status_code == 200
    except httpx.HTTPError:
        return False
