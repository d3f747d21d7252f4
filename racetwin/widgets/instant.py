"""Which instant a screen shows: the race as it goes on, or one at which the screen is held."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from racetwin.widgets.asking import Asker

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot


class History(Protocol):
    """What is needed of a live race to look back."""

    @property
    def snapshot(self) -> RaceSnapshot | None:
        """The newest snapshot."""

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
        """Whether it shows another lap than the race is on: what is asked of the desk now is not about this instant."""
        newest = self._live.snapshot
        return self._held is not None and newest is not None and self._held.lap != newest.lap

    def hold(self, lap: int | None = None) -> None:
        """Stand still: at what is shown, or at what was known when the leader had completed ``lap`` laps."""
        if lap is None:
            self._held = self._held or self._live.snapshot
            self._changed()
            return
        wanted = max(1, lap)

        def show(found: RaceSnapshot) -> None:
            self._held = found
            self._changed()

        self._asker.ask("history", lambda: self._live.at(wanted), show, self._failed)

    def release(self) -> None:
        """Follow the race again."""
        self._held = None
        self._changed()

    def toggle(self) -> None:
        """Hold, or go on."""
        self.hold() if self._held is None else self.release()

    def step(self, laps: int) -> None:
        """Go back or forth from the last lap that the instant knows to be complete; past the newest, to the race."""
        shown, newest = self.snapshot, self._live.snapshot
        if shown is None or newest is None:
            return
        wanted = shown.lap - 1 + laps
        if self._held is not None and wanted >= newest.lap - 1:
            self.release()
        else:
            self.hold(wanted)
