"""What a board needs of a live race."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from racetwin.widgets.instant import History
from racetwin.widgets.questions import Desk

if TYPE_CHECKING:
    from racetwin.runtime.channel import Link
    from racetwin.runtime.snapshot import RaceSnapshot
    from racetwin.schemas import FollowUp, Recommendation
    from racetwin.strategist.life import Action


class Live(History, Desk, Protocol):
    """What the board needs of a live race; :class:`racetwin.runtime.live.LiveRace` has it."""

    @property
    def link(self) -> Link:
        """How it is connected."""

    @property
    def skipped(self) -> int:
        """Snapshots that gave way to newer ones."""

    def subscribe(self, callback: Callable[[RaceSnapshot], None]) -> Callable[[], None]:
        """Call back with each new snapshot, from one background thread."""

    def on_link(self, callback: Callable[[Link], None]) -> Callable[[], None]:
        """Call back when the connection is lost or comes back, from that thread."""

    def follow(self, car_id: str) -> None:
        """Ask for plans and advice of this car from now on."""

    def touch(self) -> None:
        """Say that somebody is looking."""

    def decide(self, advice_id: str, action: Action, by: str = "strategist") -> Recommendation:
        """Accept, reject, pin, unpin or reopen a piece of advice."""

    def ask(self, car_id: str, question: str) -> FollowUp:
        """Ask a follow-up about the call of a car; may take a while."""
