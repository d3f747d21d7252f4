"""Real moments of races: what was advised, how long the advice took after the desk's answer, and who was out by then."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from racetwin.config import Settings
from racetwin.runtime.engine import RaceEngine
from racetwin.schemas import CarStatus, DeskAnswer, Recommendation
from racetwin.simulation import StrategyDesk
from racetwin.telemetry.laptable import frames
from racetwin.telemetry.records import RaceRecord

SEED = 7


@dataclass(frozen=True, slots=True)
class AdviceMoment:
    """The advice on one car near the end of a lap, as the engine gave it.

    ``seconds`` passed from the desk's answer until the engine had the advice in our own wording, checked and on show; ``cpu_s``
    is the processor's part of them.
    """

    race_id: str
    car_id: str
    lap: int
    advice: tuple[Recommendation, ...]
    retired: tuple[str, ...]
    seconds: float
    cpu_s: float


class _Stamped:
    """A desk that notes when it answered last."""

    def __init__(self) -> None:
        self._desk = StrategyDesk()
        self.answered = self.answered_cpu = 0.0

    def evaluate(self, *question: Any, **options: Any) -> DeskAnswer:
        """Rank the pit plans of a car in a state."""
        answer = self._desk.evaluate(*question, **options)
        self.answered, self.answered_cpu = time.perf_counter(), time.process_time()
        return answer


def record_of(settings: Settings, race_id: str | None) -> RaceRecord:
    """Return a race of the library, or a simulated Grand Prix where ``race_id`` is None."""
    from racetwin.telemetry import TelemetrySimulator
    from racetwin.telemetry.library import RaceLibrary

    if race_id is None:
        return TelemetrySimulator(seed=settings.seed).record
    return RaceLibrary(settings).load(race_id)


def moments(record: RaceRecord, *, cars: int, every: int, races: int) -> Iterator[AdviceMoment]:
    """Yield the advice on some cars of a race at the end of every few laps of the leader, as a live engine would have given it.

    Parameters
    ----------
    cars
        How many cars, drawn from the first sixteen on the grid.
    every
        Laps of the leader between moments.
    races
        Simulated races a plan.
    """
    desk = _Stamped()
    engine = RaceEngine(races=races, seed=SEED, desk=desk)
    rng = random.Random(record.race_id)
    done = 0
    for frame in frames(record, hz=None):
        engine.ingest(frame)
        if not engine.followed and frame.time_s >= 0:
            front = sorted((c.position or 99, c.car_id) for c in frame.cars)[:16]
            engine.follow(rng.sample([car_id for _, car_id in front], min(cars, len(front))))
        lap = frame.lap - 1
        if lap <= done or lap % every:
            continue
        done = lap
        while (request := engine.queue.take()) is not None:
            advised = engine.queue.work(request)
            if not engine.accept(advised):
                continue
            took, cpu = time.perf_counter() - desk.answered, time.process_time() - desk.answered_cpu
            situation = request.situation
            out = tuple(situation.name(c.car_id) for c in request.cars.values() if c.status is CarStatus.RETIRED)
            yield AdviceMoment(
                record.race_id, request.car_id, situation.lap, engine.book.said(request.car_id), out, took, cpu
            )
