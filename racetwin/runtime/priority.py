"""Who waits when the processors are wanted by all: what shows the race yields to what follows it."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

SHOWING = 5
"""Nice value of Voila and its kernels: the engine then gets three times what they do, and none of them is starved."""
TRIES = 5


def yield_to_engine() -> None:
    """Lower the priority of this process and of those it will start; for processes that show a race on the engine's machine.

    Linux shares the processors between sessions first where it groups them (``sched_autogroup``), and a nice value counts only
    within one: a process that has begun a session calls this again.
    """
    if sys.platform == "win32":
        return
    os.setpriority(os.PRIO_PROCESS, 0, max(SHOWING, os.getpriority(os.PRIO_PROCESS, 0)))
    group = Path("/proc/self/autogroup")
    with contextlib.suppress(OSError):  # no Linux, or not grouped
        for _ in range(TRIES):
            try:
                group.write_text(str(SHOWING), encoding="ascii")
                return
            except BlockingIOError:  # Linux takes ten a second from all processes together
                time.sleep(0.1)
