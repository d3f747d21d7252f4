"""The running engine: feed, twins, desk, journal and viewers as supervised asyncio tasks.

Frames go through the twins on the event loop, one after the other; the desk's kernels and the journal's disk have
a thread each. Nothing that looks at the race can slow it: viewers take the newest snapshot when they are ready, the desk the
newest state. When the machine is short of time the desk is asked less often first, viewers get fewer updates next, and frames
are never dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar

from racetwin import __version__
from racetwin.config import Settings
from racetwin.runtime.advising import Advising
from racetwin.runtime.desk_queue import Advised, DeskRequest
from racetwin.runtime.desk_worker import DeskWorker
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.intake import DrivingFeed, FrameIntake, Raw
from racetwin.runtime.journal_writer import JournalWriter
from racetwin.runtime.monitor import SystemMonitor
from racetwin.runtime.overload import Overload
from racetwin.runtime.publishing import Publishing
from racetwin.runtime.recovery import pack
from racetwin.runtime.replay_control import change_of
from racetwin.runtime.replicas import Replicas
from racetwin.runtime.snapshot import RaceSnapshot
from racetwin.runtime.time_travel import known_at, remembered
from racetwin.runtime.vitals import Vitals
from racetwin.runtime.wordsmith import Wordsmith
from racetwin.schemas import CarStatus, FollowUp, Recommendation
from racetwin.strategist.life import Action

T = TypeVar("T")
SNAPSHOT_EVERY_S = 5.0
RESTART_AFTER_S = 1.0


class MainOrchestrator(FrameIntake):
    """Runs one engine.

    Parameters
    ----------
    engine
        The deterministic core.
    feed
        Asynchronously yields frames; a :class:`racetwin.telemetry.replay.Replay` can also be paused and hastened.
    journal
        Where accepted frames are kept; None for none.
    rate_hz
        Most snapshots a second that are published.
    in_step
        Do the desk's work between frames instead of beside them, and publish once a lap: a replay on its own clock.
    desk_deadline_s
        Most seconds an answer may take before the desk returns what it has.
    settings
        Which language model words the advice, if any; None: our own wording stands.
    monitor, overload
        Who measures, and who says what gives way when the machine is short of time; others than the usual for tests.

    Examples
    --------
    >>> runner = MainOrchestrator(RaceEngine(), feed)  # doctest: +SKIP
    >>> runner.on_snapshot(print)
    >>> await runner.run()
    """

    def __init__(
        self,
        engine: RaceEngine,
        feed: AsyncIterable[Raw] | DrivingFeed,
        *,
        journal: JournalWriter | None = None,
        rate_hz: float = 10.0,
        in_step: bool = False,
        desk_deadline_s: float | None = None,
        monitor: SystemMonitor | None = None,
        overload: Overload | None = None,
        report: Callable[[Exception], None] | None = None,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(engine)
        self.engine = engine
        self.feed = feed
        self.journal = journal
        self.monitor = monitor or SystemMonitor()
        self.overload = overload or Overload()
        self.worker = DeskWorker(engine.queue, desk_deadline_s)
        self.replicas = Replicas(journal)
        self.in_step = in_step
        self.subscribers = 0
        self.drops = 0
        self.feed_ended = False
        self._report = report or (lambda _: None)
        self.vitals = Vitals(self)
        self.publishing = Publishing(
            self.vitals.look, rate_hz=rate_hz, monitor=self.monitor, overload=self.overload, report=self._report
        )
        self.publisher = self.publishing.publisher
        self.advising = Advising(
            engine,
            self.worker,
            journal,
            monitor=self.monitor,
            overload=self.overload,
            publish=self.publish,
            changed=self.publishing.changed,
            report=self._report,
        )
        self.wordsmith: Wordsmith | None = None
        if settings is not None and not in_step:
            self.wordsmith = Wordsmith(
                settings, advice=lambda: engine.advice, retired=self._retired, show=self.advising.show_wording
            )
            self.on_snapshot(self.wordsmith.shown)
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    # --- life ---------------------------------------------------------------------------------------------------------

    async def run(self, *, linger: bool = False) -> None:
        """Run until the feed has ended (``linger``: until :meth:`stop`), then shut down in order."""
        self._loop = asyncio.get_running_loop()
        tasks: list[asyncio.Task[None]] = []
        writer: asyncio.Task[None] | None = None
        try:
            if self.journal is not None:
                writer = asyncio.create_task(self.journal.run(), name="journal")
                tasks.append(asyncio.create_task(self._supervised("snapshots", self._snapshots)))
            if not self.in_step:
                tasks.append(asyncio.create_task(self._supervised("desk", self.advising.run)))
                tasks.append(asyncio.create_task(self._supervised("publish", self.publishing.run)))
                if self.wordsmith is not None:
                    tasks.append(asyncio.create_task(self._supervised("wording", self.wordsmith.run)))
            tasks.append(asyncio.create_task(self._supervised("monitor", self.vitals.watch)))
            feed = asyncio.create_task(self._feed(), name="feed")
            stop = asyncio.create_task(self._stopping.wait(), name="stop")
            await asyncio.wait({feed, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not feed.done():
                feed.cancel()
                await asyncio.wait({feed})
            if not feed.cancelled():
                feed.result()  # a feed that failed says so
            self.feed_ended = self.monitor.ended = True
            if self.in_step and not self._stopping.is_set():
                self._settle()
            else:
                while not self._stopping.is_set() and not linger and self._desk_busy:
                    await asyncio.sleep(0.01)  # the last answers still belong to the race
            self.publish()
            if linger:
                await stop
            stop.cancel()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self.journal is not None:
                await self.take_snapshot()
                await self.journal.audit("stop", f"after frame {self.journal.last}")
                await self.journal.close()
                if writer is not None:
                    await writer
            self.worker.close()
            self.publish()

    @property
    def _desk_busy(self) -> bool:
        return self.engine.desk_status().state == "running" or self.engine.waiting > 0

    def stop(self) -> None:
        """End :meth:`run` in order; from any thread, more than once."""
        loop = self._loop
        if loop is None:
            self._stopping.set()
        elif not loop.is_closed():
            loop.call_soon_threadsafe(self._stopping.set)

    async def _supervised(self, name: str, task: Callable[[], Any]) -> None:
        """Run a task for as long as the engine runs; one that fails is reported and started again."""
        while True:
            try:
                await task()
                return
            except asyncio.CancelledError:
                raise
            except Exception as error:
                error.add_note(f"in the engine's task '{name}', started again")
                self._report(error)
                await asyncio.sleep(RESTART_AFTER_S)

    # --- frames in ----------------------------------------------------------------------------------------------------

    async def _feed(self) -> None:
        await self.pump(self.feed)

    async def acknowledged(self, number: int) -> None:
        """Return when a frame is safe: in the journal (at once where none is kept) and known to the standbys."""
        await self.replicas.acknowledged(number)

    def replicate(self, after: int) -> AsyncGenerator[tuple[int, int, bytes] | None, None]:
        """Yield ``(first, last, packed frames)`` as they are committed after frame ``after``; None as a sign of life."""
        return self.replicas.stream(self.engine.run_id, after)

    def confirm(self, replica: Hashable, n: int | None) -> None:
        """Note that a standby has everything up to frame ``n``; None: it has left."""
        self.replicas.confirm(replica, n)

    def last_journalled(self) -> int:
        """Return the number of the newest frame in the journal, committed or not; 0 without one."""
        return 0 if self.journal is None else self.journal.last

    # --- plans and advice ---------------------------------------------------------------------------------------------

    def _retired(self) -> tuple[str, ...]:
        snapshot = self.publisher.snapshot
        cars = snapshot.cars if snapshot is not None else {}
        return tuple(c.driver or f"car {c.car_id}" for c in cars.values() if c.status is CarStatus.RETIRED)

    async def decide(self, advice_id: str, action: Action, by: str = "strategist") -> Recommendation:
        """Note what a strategist does with a piece of advice: on every screen, in the journal and in its audit log."""
        decided = await self.advising.decide(advice_id, action, by)
        if self.in_step or self.feed_ended:
            self.publish()
        return decided

    def adopt(self, car_id: str, advice: tuple[Recommendation, ...]) -> None:
        """Go on from what another engine has said of a car, with its life; it is in our journal, too."""
        self.advising.adopt(car_id, advice)

    async def follow_up(self, car_id: str, question: str) -> FollowUp:
        """Answer a strategist's question about the call of a car, such as ``why not lap 27?``.

        Raises
        ------
        InputError
            If it is not understood, or the car has nothing left to plan.
        """
        return await self.advising.follow_up(car_id, question)

    def follow(self, cars: str | Iterable[str], *, viewer: Hashable = None) -> None:
        """Keep plans of these cars from now on, beside those that other viewers ask for; from any thread.

        ``viewer`` says who asks: a later call of the same viewer replaces what it asked for before.
        """
        wanted = (cars,) if isinstance(cars, str) else tuple(cars)
        self.call(lambda: self.advising.follow(wanted, viewer))

    def call(self, change: Callable[[], None]) -> None:
        """Make a change on the event loop; from any thread, also before it runs."""
        loop = self._loop
        if loop is None or loop.is_closed():
            change()
        else:
            loop.call_soon_threadsafe(change)

    async def plan(self, car_id: str) -> Advised | None:
        """Return the desk's answer for a car in the present state; None if there is nothing to plan for it."""
        request = self.engine.prepare(car_id, "asked")
        return None if request is None else await self.ask(request)

    async def compute(self, work: Callable[..., T], *args: Any) -> T:
        """Run kernel work in the desk's thread, after what is being worked on."""
        return await self.worker.compute(work, *args)

    async def answer(self, work: Callable[..., T], *args: Any) -> T:
        """Run a viewer's short question in a thread of its own: it must not wait for the plan that is being worked on."""
        return await self.worker.answer(work, *args)

    async def once(self, key: Hashable, work: Callable[[], T]) -> T:
        """Answer a viewer's question once for all who ask the same."""
        return await self.worker.once(key, work)

    async def ask(self, request: DeskRequest) -> Advised:
        """Return the desk's answer to a request: from memory where it is known, once for all who ask the same."""
        return await self.worker.ask(request)

    # --- snapshots out ------------------------------------------------------------------------------------------------

    def on_snapshot(self, listener: Callable[[RaceSnapshot], None]) -> Callable[[], None]:
        """Call ``listener`` on the event loop with each published snapshot; returns the function that ends that."""
        return self.publishing.on_snapshot(listener)

    @property
    def published_at(self) -> float:
        """When the race was last published, in seconds of :func:`time.monotonic`."""
        return self.publishing.published_at

    def publish(self) -> RaceSnapshot:
        """Publish the race as it is now."""
        return self.publishing.publish()

    # --- state on disk ------------------------------------------------------------------------------------------------

    async def _snapshots(self) -> None:
        while True:
            await asyncio.sleep(SNAPSHOT_EVERY_S)
            await self.take_snapshot()

    async def take_snapshot(self) -> None:
        """Queue a dump of the engine for the journal, if there is something new to dump."""
        writer, engine = self.journal, self.engine
        if writer is None or engine.frame is None or writer.error is not None:
            return
        n, frame = writer.last, engine.frame
        dump, state_hash = engine.dump(), engine.hash()
        blob = await asyncio.to_thread(pack, dump)
        writer.snapshot(n, frame.time_s, frame.lap, state_hash, __version__, blob)

    def remembered(self, lap: int | None = None, time_s: float | None = None) -> RaceSnapshot:
        """Return what was known at a moment, from memory; :class:`InputError` if the race has not come that far."""
        return remembered(self.engine.laps_archive, lap, time_s)

    async def at(self, lap: int | None = None, time_s: float | None = None) -> RaceSnapshot:
        """Return what was known when the leader had completed ``lap`` laps, or at race time ``time_s``."""
        return await known_at(self.engine.laps_archive, self.journal, lap, time_s, self.engine.parameter_file)

    # --- about itself -------------------------------------------------------------------------------------------------

    def control(self, action: str, value: float | None = None) -> None:
        """Pause, resume, hasten, seek or step a replay (see :mod:`racetwin.runtime.replay_control`); from any thread."""
        change = change_of(self.feed, action, value, only_forward=self.journal is not None)
        self.call(change)
        if action == "speed":
            self.call(lambda: self.engine.note_speed(value))

    def health(self) -> Mapping[str, Any]:
        """Return the state of each part, with ages; ``status`` is the worst of them."""
        return self.vitals.health()
