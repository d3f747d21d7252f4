"""What a board asks of the race beyond its snapshots: the pit window, the forecast fan, what-if, plans of one's own."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from racetwin.widgets.asking import Asker

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot
    from racetwin.schemas import Deliberation, DeskReply, PlannedStop, PlanTrial, RaceFan, Rejoin, WhatIf

Failed = Callable[[Exception], None]
T = TypeVar("T")
WINDOW_LAPS = 8
FURTHEST_LAPS = 20
KEPT = 60
"""Answers kept of a question that is asked with every answer of the desk, several a lap: the longest delay is five minutes."""


class Desk(Protocol):
    """Whom a board asks; :class:`racetwin.runtime.live.LiveRace` answers. Each may take a while."""

    def pit_window(self, car_id: str, laps: int) -> tuple[Rejoin, ...]:
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


class Kept(Generic[T]):
    """Answers, each of which may be shown from a certain race time on."""

    def __init__(self) -> None:
        self._answers: deque[tuple[float, T]] = deque(maxlen=KEPT)

    def add(self, from_s: float, answer: T) -> None:
        """Keep the newest answer."""
        self._answers.append((from_s, answer))

    def at(self, time_s: float) -> T | None:
        """Return the newest answer that may be shown at a race time."""
        return next((answer for from_s, answer in reversed(self._answers) if from_s <= time_s), None)


class BoardQuestions:
    """Asks when something has changed, keeps the answers, and forgets those that are no longer about what is shown.

    Parameters
    ----------
    changed
        Called after each answer, in the asking thread.
    failed
        Told of every question that could not be answered.
    known_at
        Says from which race time on an answer that comes now may be shown: a delayed screen must not learn from it what its
        viewer has not seen yet.
    """

    def __init__(
        self,
        desk: Desk,
        asker: Asker,
        changed: Callable[[], None],
        failed: Failed,
        known_at: Callable[[], float] = lambda: -math.inf,
    ) -> None:
        self._desk = desk
        self._asker = asker
        self._changed = changed
        self._failed = failed
        self._known_at = known_at
        self._window_key: tuple[object, ...] | None = None
        self._fan_key: tuple[object, ...] | None = None
        self._window: Kept[tuple[Rejoin, ...]] = Kept()
        self._fan: Kept[RaceFan] = Kept()

    def window(self, snapshot: RaceSnapshot, car_id: str, until: int | None = None) -> tuple[Rejoin, ...]:
        """Return the pit window from the coming lap on, empty until it is known; asked anew on every lap and with each answer.

        A rival's stop or a safety car within a lap brings a new answer, and changes where we come out as much as what is best.

        It reaches to lap ``until`` where that is further than the laps it has anyhow, and not too far for the desk.
        """
        answer = snapshot.answers.get(car_id)
        if answer is None:
            self._window_key, self._window = None, Kept()
            return ()
        laps = min(max(WINDOW_LAPS, (until or 0) - answer.lap), FURTHEST_LAPS)
        key = (car_id, snapshot.lap, answer.receipt.state_hash, laps)
        if key != self._window_key:
            if self._window_key is None or self._window_key[0] != car_id:
                self._window = Kept()
            self._window_key, kept = key, self._window

            def keep(found: tuple[Rejoin, ...]) -> None:
                kept.add(self._known_at(), found)
                self._changed()

            self._asker.ask("window", lambda: self._desk.pit_window(car_id, laps), keep, self._failed)
        car = snapshot.car(car_id)
        lap = car.lap if car and car.lap else snapshot.lap
        return tuple(r for r in self._window.at(snapshot.time_s) or () if r.lap >= lap)

    def fan(
        self, snapshot: RaceSnapshot, car_id: str, stops: Sequence[PlannedStop] | None, reference: str | None
    ) -> RaceFan | None:
        """Return the forecast fan of a plan, None until it is known; asked anew with each answer, plan and reference."""
        answer = snapshot.answers.get(car_id)
        if answer is None or stops is None:
            self._fan_key, self._fan = None, Kept()
            return None
        key = (car_id, reference, answer.receipt.state_hash, tuple(stops))
        if key != self._fan_key:
            if self._fan_key is None or self._fan_key[:2] != (car_id, reference):
                self._fan = Kept()
            self._fan_key, kept = key, self._fan

            def keep(found: RaceFan) -> None:
                kept.add(self._known_at(), found)
                self._changed()

            self._asker.ask("fan", lambda: self._desk.fan(car_id, stops, reference=reference), keep, self._failed)
        return self._fan.at(snapshot.time_s)
