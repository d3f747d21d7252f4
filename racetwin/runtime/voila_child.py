"""Voila as a child of race day: the same server, ending when whoever started it does."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading


def _end_with_parent() -> None:
    """Wait for the end of standard input, which is the end of the parent, however that came."""
    with contextlib.suppress(OSError, ValueError):
        while sys.stdin.buffer.read(4096):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run Voila with the arguments of the command line."""
    from voila.app import main as voila_main  # type: ignore[import-untyped]

    threading.Thread(target=_end_with_parent, daemon=True).start()
    voila_main()


if __name__ == "__main__":
    main()
