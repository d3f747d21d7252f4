"""What is shown, held back: a television picture is seconds late, and a screen beside it should not be ahead of it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from racetwin.errors import InputError

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot

MAX_DELAY_S = 300.0


class ShownLater:
    """Passes snapshots on, each ``delay_s`` seconds of race time after it came.

    Without a delay they are passed on at once, in the caller's thread; with one, in a thread of its own that ends when nothing
    is held any more. Either way they keep their order and are passed on one at a time. A replay at speed ``s`` holds them for
    ``delay_s / s`` seconds; one on its own clock has no picture to wait for.

    Parameters
    ----------
    show
        Takes the snapshots; must not raise.

    Attributes
    ----------
    newest
        The last snapshot that came, shown or not: where the race is.
    """

    def __init__(self, show: Callable[[RaceSnapshot], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._show = show
        self._clock = clock
        self._held: deque[tuple[float, RaceSnapshot]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._delay_s = 0.0
        self._over = False
        self.newest: RaceSnapshot | None = None

    @property
    def delay_s(self) -> float:
        """How late the race is shown, s of race time; may be set at any time, from any thread.

        A longer delay holds the picture until it is old enough, a shorter one lets go at once of what is overdue.
        """
        return self._delay_s

    @delay_s.setter
    def delay_s(self, seconds: float) -> None:
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= MAX_DELAY_S:
            raise InputError(f"delay_s: {seconds!r}, expected 0 to {MAX_DELAY_S:g} seconds")
        with self._changed:
            self._delay_s = float(seconds)
            self._changed.notify_all()

    @property
    def held(self) -> int:
        """Snapshots held at present."""
        return len(self._held)

    def put(self, snapshot: RaceSnapshot) -> None:
        """Take a snapshot in its order."""
        self.newest = snapshot
        with self._changed:
            at_once = self._thread is None and self._hold_s(snapshot) == 0
            if not at_once:
                self._held.append((self._clock(), snapshot))
                if self._thread is None:
                    self._thread = threading.Thread(target=self._release, name="racetwin: delayed", daemon=True)
                    self._thread.start()
                self._changed.notify_all()
        if at_once:
            self._show(snapshot)

    def drop(self) -> None:
        """Show nothing more of what is held, and hold nothing any more: the race was stopped."""
        with self._changed:
            self._over = True
            self._held.clear()
            self._changed.notify_all()

    def wait(self) -> None:
        """Return when all that is held has been shown: the race has ended."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _hold_s(self, snapshot: RaceSnapshot) -> float:
        speed = snapshot.info.speed
        return self._delay_s / speed if speed and not self._over else 0.0

    def _release(self) -> None:
        while True:
            with self._changed:
                while self._held:
                    came, snapshot = self._held[0]
                    wait = came + self._hold_s(snapshot) - self._clock()
                    if wait <= 0:
                        break
                    self._changed.wait(wait)
                if not self._held:
                    self._thread = None  # from here on, what comes is shown at once or starts another thread
                    return
                snapshot = self._held.popleft()[1]
            self._show(snapshot)
