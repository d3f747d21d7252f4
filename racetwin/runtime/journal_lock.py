"""One process writes a journal: a lock file makes sure of that."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from racetwin.errors import ConfigurationError


class JournalLock:
    """Makes one process the only writer of a journal; the lock goes with the process, however that ends."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + ".lock")
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock or raise :class:`ConfigurationError`."""
        file = self.path.open("a+", encoding="utf-8")
        try:
            _lock(file)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise ConfigurationError(
                f"journal: {self.path.with_suffix('')} is in use by another engine (process {holder}); "
                "stop that one or name another journal"
            ) from None
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _lock(file: IO[str]) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # there is none elsewhere
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
