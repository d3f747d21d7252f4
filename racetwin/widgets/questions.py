"""What a board asks of the race beyond its snapshots: the pit window, the forecast fan, what-if, plans of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from racetwin.widgets.asking import Asker

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot
    from racetwin.schemas import Deliberation, DeskReply, PlannedStop, PlanTrial, RaceFan, Rejoin, WhatIf

Failed = Callable[[Exception], None]


class Desk(Protocol):
    """Whom a board asks; :class:`racetwin.runtime.live.LiveRace` answers. Each may take a while."""

    def pit_window(self, car_id: str) -> tuple[Rejoin, ...]:
        """Return the rejoin for a stop on each of the coming laps under green, VSC and SC."""

    def fan(self, car_id: str, stops: Sequence[PlannedStop], *, reference: str | None) -> RaceFan:
        """Return where all gaps go from here."""

    def what_if(self, car_id: str, lever: str) -> WhatIf:
        """Ask what would be best if something were different."""

    def try_plan(
        self, car_id: str, stops: Sequence[PlannedStop], against: Sequence[PlannedStop], *, lever: str | None
    ) -> PlanTrial:
        """Race one plan beside another."""

    def deliberate(self, car_id: str, kind: Deliberation, objective: str) -> DeskReply:
        """Ask what takes longer than a ranking."""


class BoardQuestions:
    """Asks when something has changed, keeps the answers, and forgets those that are no longer about what is shown.

    Parameters
    ----------
    changed
        Called after each answer, in the asking thread.
    failed
        Told of every question that could not be answered.
    """

    def __init__(self, desk: Desk, asker: Asker, changed: Callable[[], None], failed: Failed) -> None:
        self._desk = desk
        self._asker = asker
        self._changed = changed
        self._failed = failed
        self._window_key: tuple[object, ...] | None = None
        self._fan_key: tuple[object, ...] | None = None
        self._window: tuple[Rejoin, ...] = ()
        self._fan: RaceFan | None = None

    def window(self, snapshot: RaceSnapshot, car_id: str) -> tuple[Rejoin, ...]:
        """Return the pit window from the coming lap on, empty until it is known; asked anew on every lap."""
        answer = snapshot.answers.get(car_id)
        if answer is None:
            self._window_key, self._window = None, ()
            return ()
        key = (car_id, snapshot.lap, answer.lap)
        if key != self._window_key:
            if self._window_key is None or self._window_key[0] != car_id:
                self._window = ()
            self._window_key = key

            def keep(found: tuple[Rejoin, ...]) -> None:
                if self._window_key == key:
                    self._window = found
                    self._changed()

            self._asker.ask("window", lambda: self._desk.pit_window(car_id), keep, self._failed)
        car = snapshot.car(car_id)
        lap = car.lap if car and car.lap else snapshot.lap
        return tuple(r for r in self._window if r.lap >= lap)

    def fan(
        self, snapshot: RaceSnapshot, car_id: str, stops: Sequence[PlannedStop] | None, reference: str | None
    ) -> RaceFan | None:
        """Return the forecast fan of a plan, None until it is known; asked anew with each answer, plan and reference."""
        answer = snapshot.answers.get(car_id)
        if answer is None or stops is None:
            self._fan_key = self._fan = None
            return None
        key = (car_id, answer.lap, tuple(stops), reference)
        if key != self._fan_key:
            if self._fan_key is None or (self._fan_key[0], self._fan_key[3]) != (car_id, reference):
                self._fan = None
            self._fan_key = key

            def keep(found: RaceFan) -> None:
                if self._fan_key == key:
                    self._fan = found
                    self._changed()

            self._asker.ask("fan", lambda: self._desk.fan(car_id, stops, reference=reference), keep, self._failed)
        return self._fan
