"""What the two background threads of a live race share: where snapshots come from, and who is told of them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from racetwin.runtime.channel import Channel, Link
from racetwin.runtime.delay import ShownLater
from racetwin.runtime.listeners import Listeners

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot
    from racetwin.schemas import (
        Deliberation,
        DeskReply,
        FollowUp,
        PlannedStop,
        PlanTrial,
        RaceFan,
        Recommendation,
        Rejoin,
        WhatIf,
    )
    from racetwin.strategist.life import Action

Callback = Callable[["RaceSnapshot"], None]
Stops = tuple["PlannedStop", ...]
LinkCallback = Callable[[Link], None]

ERRORS_KEPT = 100
LOOK_UP_S = 0.5
"""How long a change of the connection may wait to be told when nothing else happens; usually it is told at once."""


class Session(Protocol):
    """Where a live race comes from: something that runs in the background thread and publishes snapshots."""

    on_link: LinkCallback | None
    """Called with each change of the connection, where there is one."""

    def run(self, publish: Callback, report: Callable[[Exception], None]) -> None:
        """Block until the race has ended or :meth:`stop` was called, publishing each new snapshot."""

    def stop(self) -> None:
        """Make :meth:`run` return soon; may be called from any thread, more than once."""

    def follow(self, cars: tuple[str, ...]) -> None:
        """Ask for plans and advice of these cars from now on; may be called from any thread."""

    def at(self, lap: int | None, time_s: float | None) -> RaceSnapshot:
        """Return what was known when the leader had completed ``lap`` laps, or at race time ``time_s``."""

    def control(self, action: str, value: float | None) -> None:
        """Pause, resume, seek or change the speed of a replay."""

    def what_if(self, car_id: str, lever: str, objective: str) -> WhatIf:
        """Ask the desk about the present race with one thing changed; blocks until it has answered."""

    def deliberate(self, car_id: str, kind: Deliberation, objective: str) -> DeskReply:
        """Ask the desk a question that takes longer than a ranking; blocks until it has answered."""

    def decide(self, advice_id: str, action: Action, by: str) -> Recommendation:
        """Note what a strategist does with a piece of advice; returns it as it is then."""

    def follow_up(self, car_id: str, question: str) -> FollowUp:
        """Answer a question about the call of a car; blocks until it is known."""

    def pit_window(self, car_id: str, laps: int) -> tuple[Rejoin, ...]:
        """Return the rejoin for each of the coming laps under green, VSC and SC; blocks until it is known."""

    def fan(self, car_id: str, stops: Stops, reference: str | None) -> RaceFan:
        """Return how every car's gap changes from here if the car makes these stops; blocks until it is known."""

    def try_plan(self, car_id: str, stops: Stops, against: Stops, lever: str | None) -> PlanTrial:
        """Race one plan beside another; blocks until it is known."""


class SharedRace:
    """What the background threads and their LiveRace share; it must not hold the LiveRace, or that would never be collected."""

    def __init__(self, session: Session, channel: Channel | None) -> None:
        self.session = session
        self.channel = channel
        self.changed = threading.Condition()
        self.snapshot: RaceSnapshot | None = None
        self.link = Link()
        self.callbacks = Listeners["RaceSnapshot"]()
        self.link_callbacks = Listeners[Link]()
        self.errors: deque[Exception] = deque(maxlen=ERRORS_KEPT)
        self.ended = threading.Event()
        self.touched = time.monotonic()
        self.lease_s: float | None = None
        self.resting = False
        self._link_told: Link | None = None
        session.on_link = self.note_link
        self.later = ShownLater(self.hand_on if channel is None else channel.put)

    def publish(self, snapshot: RaceSnapshot) -> None:
        """Take a new snapshot, in the receiving thread."""
        self.later.put(snapshot)
        if self.lease_s is not None and not self.resting and time.monotonic() - self.touched > self.lease_s:
            self.stop()

    def stop(self) -> None:
        """End the race now: what was to be shown later is not shown."""
        self.session.stop()
        self.later.drop()

    def hand_on(self, snapshot: RaceSnapshot) -> None:
        """Make a snapshot the newest one and tell the subscribers."""
        with self.changed:
            self.snapshot = snapshot
            self.changed.notify_all()
        for callback in self.callbacks:
            self.call(callback, snapshot)

    def call(self, callback: Callable[..., None], value: object) -> None:
        """Call back; what it raises is kept."""
        try:
            callback(value)
        except Exception as error:
            self.errors.append(error)

    def note_link(self, link: Link) -> None:
        """Take a change of the connection; it is told where snapshots are handed on, so that there stays one writer."""
        self.link = link
        if self.channel is not None:
            self.channel.wake()

    def tell_link(self) -> None:
        """Tell of the newest change of the connection, once."""
        link = self.link
        if link is not self._link_told:
            self._link_told = link
            for callback in self.link_callbacks:
                self.call(callback, link)

    def run(self) -> None:
        """Body of the receiving thread."""
        try:
            self.session.run(self.publish, self.errors.append)
        except Exception as error:
            self.errors.append(error)
        finally:
            self.later.wait()
            self.note_link(replace(self.link, state="ended", since=time.time()))
            if self.channel is not None:
                self.channel.close()
            else:
                self.tell_link()
                self.end()

    def end(self) -> None:
        """Nothing comes any more."""
        self.ended.set()
        with self.changed:
            self.changed.notify_all()

    def draw(self) -> None:
        """Body of the handing-on thread."""
        channel = self.channel
        if channel is None:
            return
        while True:
            snapshot = channel.take(timeout=LOOK_UP_S)
            self.tell_link()
            if snapshot is not None:
                self.hand_on(snapshot)
            elif channel.closed:
                self.end()
                return
