"""When a running engine's race is published: so often at most, and to everybody who listens.

A frame waits no longer than the rate says since the last *frame* was shown: advice, which is published the moment it is there,
never holds up the next frame.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from racetwin.errors import InputError
from racetwin.runtime.listeners import Listeners
from racetwin.runtime.snapshot import RaceSnapshot
from racetwin.runtime.wire import Publisher

if TYPE_CHECKING:
    from racetwin.runtime.monitor import SystemMonitor
    from racetwin.runtime.overload import Overload


class Publishing:
    """Shows the race to whoever listens; all of it is for the engine's event loop.

    Parameters
    ----------
    look
        Returns the race as it is now.
    rate_hz
        Most snapshots a second that :meth:`run` publishes.
    monitor, overload
        Where it is noted how long publishing takes, and what says how much longer viewers wait when time is short.
    report
        Told of what goes wrong in a listener.
    """

    def __init__(
        self,
        look: Callable[[], RaceSnapshot],
        *,
        rate_hz: float,
        monitor: SystemMonitor,
        overload: Overload,
        report: Callable[[Exception], None],
    ) -> None:
        if not rate_hz > 0:
            raise InputError(f"rate_hz: {rate_hz!r}, expected a number above 0")
        self.publisher = Publisher()
        self.published_at = 0.0
        """When it was last published, in seconds of :func:`time.monotonic`."""
        self._look = look
        self._interval_s = 1.0 / rate_hz
        self._monitor, self._overload, self._report = monitor, overload, report
        self._listeners = Listeners[RaceSnapshot]()
        self._frame_shown_at = 0.0
        self._frame_since: float | None = None
        self._changed = asyncio.Event()
        self._frame_came = asyncio.Event()

    def on_snapshot(self, listener: Callable[[RaceSnapshot], None]) -> Callable[[], None]:
        """Call ``listener`` with each published snapshot; returns the function that ends that."""
        return self._listeners.add(listener)

    def frame_came(self, since: float) -> None:
        """Say that a frame waits to be shown, which arrived at ``since`` (:func:`time.perf_counter`)."""
        if self._frame_since is None:
            self._frame_since = since
        self._changed.set()
        self._frame_came.set()

    def changed(self) -> None:
        """Say that there is something new to show, which is no frame."""
        self._changed.set()

    def publish(self) -> RaceSnapshot:
        """Publish the race as it is now."""
        begin = time.perf_counter()
        self.published_at = time.monotonic()
        snapshot = self.publisher.publish(self._look())
        for listener in self._listeners:
            try:
                listener(snapshot)
            except Exception as error:
                self._report(error)
        now = time.perf_counter()
        self._monitor.record("publish", now - begin)
        if self._frame_since is not None:
            self._monitor.record("frame_to_publish", now - self._frame_since)
            self._frame_since = None
            self._frame_shown_at = self.published_at
        return snapshot

    async def run(self) -> None:
        """Publish what is new, as often as the rate and the machine allow, until cancelled."""
        while True:
            await self._changed.wait()
            while (wait := self._due_at() - time.monotonic()) > 0.001:
                self._frame_came.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._frame_came.wait()
            self._changed.clear()
            self.publish()

    def _due_at(self) -> float:
        """Return when to publish next: so long after the last frame was shown if a frame waits, else after anything was."""
        last = self.published_at if self._frame_since is None else self._frame_shown_at
        return last + self._interval_s * self._overload.patience
