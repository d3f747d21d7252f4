"""How frames come into a running engine: from its feed and from the API, one after the other, on the event loop.

Each goes through the engine and into the journal, whatever it does there is counted, and a fault in one does not end the race.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Callable
from typing import Any, Protocol, runtime_checkable

from racetwin.runtime.advising import Advising
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.journal_writer import JournalWriter
from racetwin.runtime.monitor import SystemMonitor
from racetwin.runtime.publishing import Publishing
from racetwin.runtime.snapshot import RaceSnapshot
from racetwin.schemas import Rejection

Raw = Any
"""What a feed yields: a frame, or whatever the ingestor can read one from."""
BREATHE_EVERY = 20
"""Frames in a row after which the loop looks after everybody else, when the feed never waits."""


@runtime_checkable
class DrivingFeed(Protocol):
    """A feed that hands its frames over itself, because it owes its senders an answer."""

    async def drive(self, taker: FrameIntake) -> None:
        """Call ``taker.ingest`` with each frame until it is cancelled."""


class FrameIntake:
    """The door of an engine: the part of :class:`racetwin.runtime.orchestrator.MainOrchestrator` that frames go through."""

    engine: RaceEngine
    feed: AsyncIterable[Raw] | DrivingFeed
    journal: JournalWriter | None
    monitor: SystemMonitor
    advising: Advising
    publishing: Publishing
    in_step: bool
    publish: Callable[[], RaceSnapshot]
    _stopping: asyncio.Event
    _report: Callable[[Exception], None]

    def __init__(self, engine: RaceEngine) -> None:
        self._stage_began = 0.0
        self._heard_at = 0.0
        self._lap_published = -1
        engine.passed = self._passed

    async def pump(self, feed: AsyncIterable[Raw] | DrivingFeed) -> None:
        """Take everything that a feed has, until it ends or the engine is stopped."""
        if isinstance(feed, DrivingFeed):
            await feed.drive(self)
            return
        in_a_row = 0
        generation = getattr(feed, "generation", 0)
        async for raw in feed:
            if getattr(feed, "generation", 0) != generation:  # a replay that was sought backwards begins anew
                generation = getattr(feed, "generation", 0)
                self.engine.rewind()
            self.ingest(raw)
            in_a_row += 1
            if self.in_step or in_a_row >= BREATHE_EVERY:
                in_a_row = 0
                await asyncio.sleep(0)
            if self._stopping.is_set():
                return

    def ingest(self, raw: Raw) -> int | None:
        """Take one frame (on the event loop); returns its number in the journal, None if it was refused."""
        begin = self._stage_began = time.perf_counter()
        self._heard_at = time.monotonic()
        self.monitor.frame()
        engine = self.engine
        if not self.in_step:
            self.monitor.record("feed", getattr(self.feed, "waited_s", getattr(self.feed, "behind_s", 0.0)))
        refused, race = engine.ingestor.counters.rejected_frames, engine.twin
        try:
            ingested = engine.ingest(raw)
        except (
            Exception
        ) as error:  # a fault of ours in one frame must not end the race: it is told, and the next frame comes
            ingested = None
            self.monitor.fault()
            error.add_note(f"in frame {engine.frames_in}; the race goes on")
            self._report(error)
        number: int | None = None
        if engine.admitted is not None:
            number = engine.frames_in
            if self.journal is not None:  # also what is not believed: that, too, is remembered by the ingestor
                number = self.journal.frame(engine.admitted, ingested.events if ingested else ())
            if engine.ingestor.counters.rejected_frames != refused:
                number = None
            self.advising.keep()
        # The frame that a race begins with also builds its twins, and a replay that is sought gives all at once: neither is live.
        if engine.twin is race and not getattr(self.feed, "catching_up", False):
            self.monitor.record("ingest", time.perf_counter() - begin)
        if self.in_step:
            if len(engine.laps_archive) != self._lap_published:
                self._lap_published = len(engine.laps_archive)
                self._settle()
        else:
            if engine.waiting:
                self.advising.wake()
            self.publishing.frame_came(begin)
        return number

    def _passed(self, stage: str) -> None:
        """Note how long the frame at hand took through a stage of the engine."""
        now = time.perf_counter()
        self.monitor.record(stage, now - self._stage_began)
        self._stage_began = now

    def _settle(self) -> None:
        """Do the waiting desk work now, and publish the race with its answers."""
        self.engine.settle()
        self.advising.keep()
        self.engine.archive()
        self.publish()

    def receive(self, raw: Raw) -> int | None:
        """Take a frame that came in through the API; as :meth:`ingest`, but of the race that the engine's own feeds are of."""
        name = getattr(self.feed, "name_received", None)
        if name is not None:
            raw = name(raw, self)
        return None if isinstance(raw, Rejection) else self.ingest(raw)

    def release_waiting(self, quiet_s: float) -> None:
        """Let go the frames that wait for others, if none has come for ``quiet_s`` seconds."""
        if self.engine.ingestor.waiting and time.monotonic() - self._heard_at >= quiet_s:
            release = self.engine.ingestor.release()
            if release is not None:
                self.ingest(release)

    def refused(self) -> tuple[Rejection, ...]:
        """Return what was refused of the frame before: why it was, or which of its parts were."""
        return self.engine.ingestor.refused_of(self.engine.admitted)

    def note_refusal(self, rejection: Rejection) -> None:
        """Keep what a feed refused before it was a frame beside what the ingestor refuses."""
        self.engine.ingestor.note(rejection)
