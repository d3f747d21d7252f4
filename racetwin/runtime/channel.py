"""From the thread that receives a race to the thread that draws it: one place, the newest snapshot wins.

Whoever receives (a subscription, an engine of our own) must never wait for a picture, and a picture that takes long must not
make the next one late. So between the two stands a channel that holds one snapshot: a newer one takes the place of one that was
not fetched yet, and is counted as skipped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot

EARLY = 0.8
"""Share of the interval after which the next snapshot may go on: a source that keeps the rate is not slowed down."""


@dataclass(frozen=True, slots=True)
class Link:
    """How a live race is connected to where it comes from.

    ``since`` is the UNIX time at which the state began, ``text`` what is wrong, in words; ``reconnects`` counts the times that
    a lost connection came back.
    """

    state: Literal["connecting", "up", "lost", "ended"] = "connecting"
    since: float = 0.0
    text: str = ""
    reconnects: int = 0


class Channel:
    """One place for the newest snapshot between a receiving and a drawing thread.

    Parameters
    ----------
    rate_hz
        Most snapshots a second that are handed on.
    clock
        Monotonic seconds; injected so that tests need not wait.

    Examples
    --------
    >>> channel = Channel()
    >>> channel.put("first"), channel.put("second")
    (None, None)
    >>> channel.take(timeout=0), channel.skipped
    ('second', 1)
    """

    def __init__(self, rate_hz: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate_hz = rate_hz
        self.skipped = 0
        self.closed = False
        self._clock = clock
        self._changed = threading.Condition()
        self._newest: RaceSnapshot | None = None
        self._taken_at = float("-inf")
        self._woken = False

    def put(self, snapshot: RaceSnapshot) -> None:
        """Hand a snapshot in; never waits."""
        with self._changed:
            self.skipped += self._newest is not None
            self._newest = snapshot
            self._changed.notify_all()

    def take(self, timeout: float | None = None) -> RaceSnapshot | None:
        """Return the newest snapshot, waiting for it; None when the time is over, at a :meth:`wake`, or once closed and empty."""
        deadline = None if timeout is None else self._clock() + timeout
        with self._changed:
            while True:
                now = self._clock()
                due = self._taken_at + EARLY / self.rate_hz
                if self._newest is not None and (self.closed or due <= now):
                    snapshot, self._newest = self._newest, None
                    self._taken_at = now
                    return snapshot
                if self.closed or self._woken or (deadline is not None and now >= deadline):
                    self._woken = False
                    return None
                until = [t for t in (due if self._newest is not None else None, deadline) if t is not None]
                self._changed.wait(max(0.0, min(until) - now) if until else None)

    def wake(self) -> None:
        """Make a waiting :meth:`take` return."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def close(self) -> None:
        """Take no more: the last snapshot is still handed out, then :meth:`take` returns None."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
