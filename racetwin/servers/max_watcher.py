"""The process that keeps a MAX server up: starts it, probes it, starts it again when it dies or hangs, stops it when told to."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import orjson

from racetwin.servers.local_max import State, Status, answers
from racetwin.servers.max_environment import Serving

PROBE_EVERY_S = 2.0
SILENT_PROBES = 5
"""So many failed probes in a row of a server that was ready mean that it hangs."""
READY_WITHIN_S = 3600.0
"""Eight billion parameters are downloaded and compiled the first time."""
RESTARTS = 3
"""A server that ends by itself is started again so many times within :data:`RESTART_WINDOW_S`, then it is given up."""
RESTART_WINDOW_S = 300.0
LOG_BYTES = 5_000_000
"""A longer log is begun anew at the next start; one older one is kept."""


class Watcher:
    """Runs one server until :meth:`stop`."""

    def __init__(self, folder: Path, serving: Serving) -> None:
        self.folder, self.serving = folder, serving
        self.log = folder / "max.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._starts: list[float] = []
        self._restarts = 0

    def run(self) -> None:
        """Keep the server up until told to stop, or until it cannot be kept up."""
        while not self._stopping:
            self._start()
            why = self._watch()
            self._end()
            if self._stopping:
                break
            recent = [s for s in self._starts if time.monotonic() - s < RESTART_WINDOW_S]
            if len(recent) > RESTARTS:
                self._tell("failed", f"{why}; given up after {RESTARTS} restarts. {self._last_line()}")
                return
            self._restarts += 1
            self._tell("restarting", why)
        self._tell("stopped", "")

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """End :meth:`run`."""
        self._stopping = True

    def _start(self) -> None:
        self._starts.append(time.monotonic())
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            log.write(f"--- {' '.join(self.serving.command)}\n".encode())
            log.flush()
            try:
                self._process = subprocess.Popen(
                    self.serving.command,
                    env={**os.environ, **self.serving.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                log.write(f"{error}\n".encode())
                self._process = None
        self._tell("starting", "")

    def _watch(self) -> str:
        """Return why the server has to be started again."""
        begun, ready, silent = time.monotonic(), False, 0
        while not self._stopping:
            process = self._process
            if process is None:
                return "it cannot be started"
            if process.poll() is not None:
                return f"it ended with status {process.returncode}"
            if answers(self.serving.url):
                silent = 0
                if not ready:
                    ready = True
                    self._tell("ready", "")
            elif ready:
                silent += 1
                if silent >= SILENT_PROBES:
                    return f"it has not answered {SILENT_PROBES} health probes"
            elif time.monotonic() - begun > READY_WITHIN_S:
                return f"it was not ready within {READY_WITHIN_S:g} s"
            self._sleep(PROBE_EVERY_S if ready else 0.5)
        return "told to stop"

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < end:
            if self._process is not None and self._process.poll() is not None:
                return
            time.sleep(0.05)

    def _end(self) -> None:
        """End the server and the workers it has started: they are one process group."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(8)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._process = None

    def _last_line(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else ""

    def _tell(self, state: State, detail: str) -> None:
        status = Status(
            state,
            model=self.serving.model,
            url=self.serving.url,
            pid=self._process.pid if self._process else None,
            watcher=os.getpid(),
            restarts=self._restarts,
            since=time.time(),
            log=str(self.log),
            detail=detail,
        )
        part = self.folder / "status.json.part"
        part.write_bytes(orjson.dumps(asdict(status)))
        part.replace(self.folder / "status.json")


def main(asked: str) -> None:
    """Watch what ``asked`` (JSON) describes, if nobody does so already."""
    given = orjson.loads(asked)
    folder = Path(given["folder"])
    with (folder / "lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(3)
        watcher = Watcher(folder, Serving(**{**given["serving"], "command": tuple(given["serving"]["command"])}))
        signal.signal(signal.SIGTERM, watcher.stop)
        signal.signal(signal.SIGINT, watcher.stop)
        watcher.run()


if __name__ == "__main__":
    main(sys.argv[1])
