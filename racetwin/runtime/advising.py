"""Plans and advice of a running engine: when the desk works, and what becomes of its answers.

What is said of a car goes to the screens and to the journal, with what a strategist does about it and with the words of a
language model where there is one.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import orjson

from racetwin.errors import InputError
from racetwin.runtime.follow_up import follow_up
from racetwin.schemas import MAX_CARS, FollowUp, Recommendation
from racetwin.strategist.life import Action

if TYPE_CHECKING:
    from racetwin.runtime.desk_worker import DeskWorker
    from racetwin.runtime.engine import RaceEngine
    from racetwin.runtime.journal_writer import JournalWriter
    from racetwin.runtime.monitor import SystemMonitor
    from racetwin.runtime.overload import Overload


class Advising:
    """The desk's side of an engine; all of it is for the engine's event loop.

    Parameters
    ----------
    engine, worker, journal
        Who knows what is worth asking, who answers, and where it is kept (None: nowhere).
    monitor, overload
        Where it is noted how long answers take, and what says how long the desk has to rest between two.
    publish, changed
        Show the race now; say that there is something new to show.
    report
        Told of what goes wrong.
    """

    def __init__(
        self,
        engine: RaceEngine,
        worker: DeskWorker,
        journal: JournalWriter | None,
        *,
        monitor: SystemMonitor,
        overload: Overload,
        publish: Callable[[], object],
        changed: Callable[[], None],
        report: Callable[[Exception], None],
    ) -> None:
        self.engine = engine
        self._worker, self._journal = worker, journal
        self._monitor, self._overload = monitor, overload
        self._publish, self._changed, self._report = publish, changed, report
        self._wanted = asyncio.Event()
        self._followers: dict[Hashable, tuple[str, ...]] = {None: engine.followed} if engine.followed else {}

    def wake(self) -> None:
        """Say that something waits for the desk."""
        self._wanted.set()

    def follow(self, cars: tuple[str, ...], viewer: Hashable) -> None:
        """Keep plans of these cars, beside those that other viewers ask for."""
        self._followers.pop(viewer, None)
        if cars:
            self._followers[viewer] = cars
        every = dict.fromkeys(car for of_one in self._followers.values() for car in of_one)
        self.engine.follow(tuple(every)[:MAX_CARS])
        self.wake()
        self._changed()

    async def run(self) -> None:
        """Answer what is worth asking, the most urgent first, until cancelled."""
        engine = self.engine
        rested = -math.inf
        while True:
            await self._wanted.wait()
            while time.monotonic() - rested < self._overload.desk_rest_s and not engine.queue.urgent:
                await asyncio.sleep(0.05)
            request = engine.queue.take()
            if request is None:
                self._wanted.clear()
                continue
            advised = engine.queue.known(request)
            begin = time.perf_counter()
            try:
                if advised is None:
                    engine.book.working_on(request.car_id)
                    advised = await self._worker.ask(request)
                    took = time.perf_counter() - begin
                    self._monitor.record("desk", min(advised.answer.elapsed_s or took, took))
            except Exception as error:
                error.add_note(f"planning for car {request.car_id}")
                self._report(error)
                engine.book.failed(error)
                rested = time.monotonic()
                continue
            rested = time.monotonic()
            if engine.accept(advised):
                self.keep()
                self._publish()  # advice does not wait for the next picture
                since = max(begin, advised.answered_at)  # an answer from memory is there when it is asked for
                self._monitor.record("advice", time.perf_counter() - since)
            self._changed()

    def keep(self) -> None:
        """Write the advice that has changed to the journal: the whole of what is said of a car, with its life."""
        engine, changes = self.engine, self.engine.book.take_changes()
        if self._journal is None or engine.frame is None:
            return
        for car_id, reasons in changes.items():
            answer = engine.answers.get(car_id)
            data = orjson.dumps(
                {
                    "answer": None if answer is None else answer.model_dump(mode="json", exclude={"elapsed_s"}),
                    "advice": [r.model_dump(mode="json") for r in engine.book.said(car_id)],
                    "reasons": reasons,
                },
                option=orjson.OPT_NON_STR_KEYS,
            ).decode()
            time_s, lap = (engine.frame.time_s, engine.frame.lap) if answer is None else (answer.time_s, answer.lap)
            self._journal.advice(time_s, lap, car_id, data)

    async def decide(self, advice_id: str, action: Action, by: str = "strategist") -> Recommendation:
        """Note what a strategist does with a piece of advice: on every screen, in the journal and in its audit log."""
        decided = self.engine.decide(advice_id, action, by)
        self.keep()
        self._changed()
        if self._journal is not None:
            await self._journal.audit(f"advice {action}", f"{advice_id}: {decided.title}", by)
        return decided

    def adopt(self, car_id: str, advice: tuple[Recommendation, ...]) -> None:
        """Go on from what another engine has said of a car, with its life; it is in our journal, too."""
        self.engine.book.adopt(car_id, advice)
        self.keep()
        self._changed()

    async def follow_up(self, car_id: str, question: str) -> FollowUp:
        """Answer a strategist's question about the call of a car, such as ``why not lap 27?``.

        Raises
        ------
        InputError
            If it is not understood, or the car has nothing left to plan.
        """
        engine = self.engine
        situation = engine.situation()
        if engine.twin is None or situation is None or not engine.can_plan(car_id):
            raise InputError(f"car_id: {car_id!r} has no laps left to plan, or is not in this race")
        desk: Any = engine.queue.desk
        state, said = engine.question_state(car_id), engine.book.said(car_id)
        return await self._worker.answer(follow_up, desk, state, car_id, question, situation, said)

    def show_wording(self, car_id: str, worded: Recommendation) -> bool:
        """Show advice in a model's words, and note in the journal what became of them."""
        if not self.engine.book.reword(car_id, worded):
            return False
        report, frame = worded.worded, self.engine.frame
        if self._journal is not None and frame is not None and report is not None and report.state != "asked":
            data = orjson.dumps({"wording": worded.model_dump(mode="json")}).decode()
            self._journal.advice(frame.time_s, worded.lap, car_id, data)
        self._changed()
        return True
