"""Which instant a screen shows: the race as it goes on, or one at which the screen is held."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from racetwin.widgets.asking import Asker

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot


class History(Protocol):
    """What is needed of a live race to look back."""

    delay_s: float
    """How late the race is shown, in seconds."""

    @property
    def snapshot(self) -> RaceSnapshot | None:
        """The newest snapshot that may be shown."""

    @property
    def newest(self) -> RaceSnapshot | None:
        """The last snapshot that came: the desk answers from there; with a delay it is later in the race than ``snapshot``."""

    def at(self, lap: int) -> RaceSnapshot:
        """Return what was known when the leader had completed that many laps; may take a while."""


class ShownInstant:
    """The instant of one screen.

    Parameters
    ----------
    changed
        Called after each change of the instant, in whatever thread made it.
    failed
        Told why a past instant cannot be shown.
    """

    def __init__(
        self, live: History, asker: Asker, changed: Callable[[], None], failed: Callable[[Exception], None]
    ) -> None:
        self._live = live
        self._asker = asker
        self._changed = changed
        self._failed = failed
        self._held: RaceSnapshot | None = None
        self._lock = threading.Lock()
        self._turn = 0
        """How often the viewer has moved: what was asked for before the last time comes too late."""
        self._wanted: int | None = None
        """Lap that is on its way."""

    @property
    def snapshot(self) -> RaceSnapshot | None:
        """What the screen shows."""
        return self._held or self._live.snapshot

    @property
    def held(self) -> int | None:
        """Lap at which the screen stands still, None while it follows the race."""
        return None if self._held is None else self._held.lap

    @property
    def past(self) -> bool:
        """Whether the screen was held on another lap than the race is on."""
        newest = self._live.snapshot
        return self._held is not None and newest is not None and self._held.lap != newest.lap

    def known_at(self) -> float:
        """Return the race time from which an answer that the desk gives now may be shown: with a delay, once that is shown."""
        newest = self._live.newest
        return newest.time_s if newest is not None and self._live.delay_s > 0 else -math.inf

    def why_not_now(self, car_id: str) -> str | None:
        """Say why the desk, which answers from the race as it is, must not be asked about a car at this instant; None: it may.

        A screen that is shown late may ask while nothing has come since that its viewer has not seen: no other lap, track
        status or answer.
        """
        if self.past:
            return "Questions are about the race as it goes on: return to it to ask."
        shown, newest = self.snapshot, self._live.newest
        if self._live.delay_s == 0 or shown is None or newest is None:
            return None
        if (shown.lap, shown.track_status) == (newest.lap, newest.track_status):
            answers = (shown.answers.get(car_id), newest.answers.get(car_id))
            if len({a.receipt.state_hash if a else None for a in answers}) == 1:
                return None
        return (
            "The race is further on than this delayed screen, and an answer would give it away: "
            "ask again later in the lap, or take the delay off."
        )

    def hold(self, lap: int | None = None) -> None:
        """Stand still: at what is shown, or at what was known when the leader had completed ``lap`` laps."""
        if lap is None:
            self._move(self._held or self._live.snapshot)
            return
        wanted = max(1, lap)
        with self._lock:
            self._turn, self._wanted = self._turn + 1, wanted
            turn = self._turn

        def show(found: RaceSnapshot) -> None:
            with self._lock:
                if turn != self._turn:
                    return
                self._held, self._wanted = found, None
            self._changed()

        def fail(error: Exception) -> None:
            with self._lock:
                if turn != self._turn:
                    return
                self._wanted = None
            self._failed(error)

        self._asker.ask("history", lambda: self._live.at(wanted), show, fail)

    def release(self) -> None:
        """Follow the race again."""
        self._move(None)

    def _move(self, to: RaceSnapshot | None) -> None:
        with self._lock:
            self._turn, self._wanted, self._held = self._turn + 1, None, to
        self._changed()

    def toggle(self) -> None:
        """Hold, or go on."""
        self.hold() if self._held is None and self._wanted is None else self.release()

    def step(self, laps: int) -> None:
        """Go back or forth from the last lap that the instant knows to be complete; past the newest, to the race."""
        shown, newest = self.snapshot, self._live.snapshot
        if shown is None or newest is None:
            return
        wanted = (shown.lap - 1 if self._wanted is None else self._wanted) + laps
        if (self._held is not None or self._wanted is not None) and wanted >= newest.lap - 1:
            self.release()
        else:
            self.hold(wanted)
