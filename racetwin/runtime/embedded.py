"""A live race with an engine of its own: the orchestrator, run in the background thread."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from racetwin.config import Settings
from racetwin.errors import InputError, RacetwinError
from racetwin.runtime.channel import Link
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.follow_up import follow_up
from racetwin.runtime.live_feeds import LiveFeeds
from racetwin.runtime.orchestrator import MainOrchestrator
from racetwin.runtime.snapshot import RaceInfo, RaceSnapshot
from racetwin.runtime.sources import Source, library_race, simulated_race
from racetwin.schemas import TelemetryFrame
from racetwin.telemetry.feed_opening import FeedSpec, feed_spec
from racetwin.telemetry.replay import Replay

if TYPE_CHECKING:
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
    from racetwin.simulation.desk import StrategyDesk
    from racetwin.simulation.state import RaceState
    from racetwin.strategist import Situation
    from racetwin.strategist.life import Action

T = TypeVar("T")


class Unpaced:
    """Frames on the race's own clock: each as soon as the one before is through."""

    def __init__(self, frames: Iterable[TelemetryFrame]) -> None:
        self._frames = frames

    async def __aiter__(self) -> AsyncIterator[TelemetryFrame]:
        for frame in self._frames:
            yield frame


class Embedded:
    """Session of a :class:`racetwin.runtime.live.LiveRace` that embeds an engine.

    What can be known to be wrong before it runs (no such race) is raised where the race is asked for; the rest happens in the
    background thread.
    """

    def __init__(
        self,
        source: Source | tuple[FeedSpec, ...],
        *,
        settings: Settings,
        speed: float | None,
        rate_hz: float,
        races: int | None,
    ) -> None:
        specs = source if isinstance(source, tuple) else ()
        self._engine = RaceEngine(
            RaceInfo(race_id="", source="live") if isinstance(source, tuple) else source.info,
            parameters=settings.parameters,
            races=races or settings.races,
            seed=settings.seed,
            run_id=f"local-{uuid.uuid4().hex[:8]}",
            priority=LiveFeeds.priority(specs),
        )
        self._source = source
        self._speed = speed
        self._rate_hz = rate_hz
        self._stop = threading.Event()
        self._runner: MainOrchestrator | None = None
        self._wanted: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._publish: Callable[[RaceSnapshot], None] | None = None
        self._settings = settings if races is None else settings.model_copy(update={"races": races})
        self._desk: StrategyDesk | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_link: Callable[[Link], None] | None = None

    def run(self, publish: Callable[[RaceSnapshot], None], report: Callable[[Exception], None]) -> None:
        """Run the engine until the race has ended or :meth:`stop` was called."""
        if self.on_link is not None:
            self.on_link(Link("up", time.time()))
        asyncio.run(self._run(publish, report))

    async def _run(self, publish: Callable[[RaceSnapshot], None], report: Callable[[Exception], None]) -> None:
        feed = self._feed(report)
        with self._lock:
            runner = MainOrchestrator(
                self._engine,
                feed,
                rate_hz=self._rate_hz,
                in_step=self._speed is None,
                report=report,
                settings=self._settings,
            )
            runner.on_snapshot(publish)
            self._engine.follow(self._wanted)
            self._runner = runner
        if not self._stop.is_set():
            await runner.run()

    def _feed(self, report: Callable[[Exception], None]) -> Any:
        if isinstance(self._source, tuple):
            return LiveFeeds(self._settings, self._source, say=lambda line: report(RacetwinError(line)))
        frames = self._source.frames
        return Unpaced(frames) if self._speed is None else Replay(frames, self._speed, reopen=lambda: frames)

    def stop(self) -> None:
        """Make :meth:`run` return soon."""
        self._stop.set()
        if self._runner is not None:
            self._runner.stop()

    def follow(self, cars: tuple[str, ...]) -> None:
        """Keep plans of these cars from now on."""
        with self._lock:
            self._wanted = cars
            if self._runner is not None:
                self._runner.follow(cars)

    def at(self, lap: int | None, time_s: float | None) -> RaceSnapshot:
        """Return what was known when the leader had completed ``lap`` laps."""
        if self._runner is None:
            raise InputError("at: the race was not started; call start() first")
        return self._runner.remembered(lap, time_s)

    def control(self, action: str, value: float | None) -> None:
        """Pause, resume or hasten the replay."""
        if self._runner is None:
            raise InputError(f"{action}: the race was not started; call start() first")
        self._runner.control(action, value)

    def what_if(self, car_id: str, lever: str, objective: str) -> WhatIf:
        """Ask about the present race with one thing changed."""
        return self._own_desk().what_if(self._questioned(car_id), car_id, lever, objective)

    def deliberate(self, car_id: str, kind: Deliberation, objective: str) -> DeskReply:
        """Ask about the present race what takes longer than a ranking."""
        from racetwin.simulation.deliberation import deliberate

        return deliberate(self._own_desk(), self._questioned(car_id), car_id, kind, objective)

    def decide(self, advice_id: str, action: Action, by: str) -> Recommendation:
        """Note what a strategist does with a piece of advice."""
        runner = self._running()
        return self._on_loop(lambda: runner.decide(advice_id, action, by))

    def follow_up(self, car_id: str, question: str) -> FollowUp:
        """Answer a question about the call of a car."""
        engine = self._engine
        state = self._questioned(car_id)

        async def read() -> tuple[Situation | None, tuple[Recommendation, ...]]:
            return engine.situation(), engine.book.said(car_id)

        situation, said = self._on_loop(read)
        if situation is None:
            raise InputError(f"car_id: {car_id!r} has no laps left to plan")
        return follow_up(self._own_desk(), state, car_id, question, situation, said)

    def _own_desk(self) -> StrategyDesk:
        """A desk of our own: the engine's goes on answering for the race as it is. Kept: it remembers the unchanged race."""
        from racetwin.simulation.desk import StrategyDesk

        if self._desk is None:
            self._desk = StrategyDesk(self._settings)
        return self._desk

    def _running(self) -> MainOrchestrator:
        if self._runner is None:
            raise InputError("the race was not started; call start() first")
        return self._runner

    def _on_loop(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run something on the engine's event loop, between two frames, and wait for it; on one of its own after the race."""
        found: Future[T] = Future()

        async def finish() -> None:
            try:
                found.set_result(await work())
            except Exception as error:
                found.set_exception(error)

        def begin() -> None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                asyncio.run(finish())
            else:
                task = loop.create_task(finish())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        self._running().call(begin)
        try:
            return found.result(timeout=10)
        except TimeoutError:
            raise RacetwinError("the race is being stopped; there is nobody to ask") from None

    def pit_window(self, car_id: str, laps: int) -> tuple[Rejoin, ...]:
        """Return the rejoin for each of the coming laps under green, VSC and SC."""
        from racetwin.simulation.rejoin import rejoin_window

        return rejoin_window(self._present(car_id), car_id, laps, parameters=self._engine.parameters)

    def fan(self, car_id: str, stops: tuple[PlannedStop, ...], reference: str | None) -> RaceFan:
        """Return how every car's gap changes from here if the car makes these stops."""
        from racetwin.simulation.fan import race_fan
        from racetwin.simulation.plans import PitPlan

        state = self._questioned(car_id)
        return race_fan(state, car_id, PitPlan(stops), reference=reference, parameters=self._engine.parameters)

    def try_plan(
        self, car_id: str, stops: tuple[PlannedStop, ...], against: tuple[PlannedStop, ...], lever: str | None
    ) -> PlanTrial:
        """Race one plan beside another."""
        from racetwin.simulation.plans import PitPlan
        from racetwin.simulation.trial import try_plan

        plan, other = PitPlan(stops), PitPlan(against)
        state = self._questioned(car_id)
        return try_plan(
            state, car_id, plan, other, lever=lever, settings=self._settings, parameters=self._engine.parameters
        )

    def _present(self, car_id: str) -> RaceState:
        """Return the race as the twins see it now."""
        return self._read(self._engine.present_state, car_id)

    def _questioned(self, car_id: str) -> RaceState:
        """Return the race that a question about the plans on show starts from."""
        return self._read(self._engine.question_state, car_id)

    def _read(self, what: Callable[[str], RaceState], car_id: str) -> RaceState:
        """Read the engine on its own loop, between two frames."""
        runner = self._runner
        if runner is None:
            raise InputError("the race was not started; call start() first")
        found: Future[RaceState] = Future()

        def read() -> None:
            try:
                found.set_result(what(car_id))
            except Exception as error:
                found.set_exception(error)

        runner.call(read)
        try:
            return found.result(timeout=10)
        except TimeoutError:
            raise RacetwinError("the race is being stopped; there is nobody to ask") from None


def embed_replay(
    race_id: str,
    *,
    speed: float | None,
    hz: float | None,
    from_lap: int,
    to_lap: int | None,
    rate_hz: float,
    races: int | None,
    settings: Settings,
) -> Embedded:
    """Return a session that replays a race of the library."""
    source = library_race(race_id, settings, speed=speed, hz=hz, from_lap=from_lap, to_lap=to_lap)
    return Embedded(source, settings=settings, speed=speed, rate_hz=rate_hz, races=races)


def embed_feeds(specs: Iterable[str], *, rate_hz: float, races: int | None, settings: Settings) -> Embedded:
    """Return a session that follows live feeds, the most preferred first."""
    parsed = tuple(feed_spec(s) for s in specs)
    LiveFeeds(settings, parsed)  # what is missing for them (a token, a package) is an error now, and not in the thread
    return Embedded(parsed, settings=settings, speed=1.0, rate_hz=rate_hz, races=races)


def embed_simulation(
    *,
    circuit_id: str | None,
    season: int | None,
    seed: int,
    speed: float | None,
    hz: float | None,
    to_lap: int | None,
    rate_hz: float,
    races: int | None,
    settings: Settings,
) -> Embedded:
    """Return a session that runs a Grand Prix drawn from the race model."""
    source = simulated_race(
        settings, circuit_id=circuit_id, season=season, seed=seed, speed=speed, hz=hz, to_lap=to_lap
    )
    return Embedded(source, settings=settings, speed=speed, rate_hz=rate_hz, races=races)
