"""Real moments of races: what was advised, how long the advice took after the desk's answer, and who was out by then."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from racetwin.config import Settings
from racetwin.runtime.engine import RaceEngine
from racetwin.schemas import CarStatus, Recommendation
from racetwin.strategist import Situation, recommend
from racetwin.telemetry.laptable import frames
from racetwin.telemetry.records import RaceRecord

SEED = 7


@dataclass(frozen=True, slots=True)
class AdviceMoment:
    """The advice on one car at the end of a lap; ``seconds`` from the desk's answer to the advice in our own wording."""

    race_id: str
    car_id: str
    lap: int
    advice: tuple[Recommendation, ...]
    retired: tuple[str, ...]
    seconds: float


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
    engine = RaceEngine(races=races, seed=SEED)
    rng = random.Random(record.race_id)
    chosen: list[str] = []
    said: dict[str, tuple[Recommendation, ...]] = {}
    done = 0
    for frame in frames(record, hz=None):
        engine.ingest(frame)
        if not chosen and frame.time_s >= 0:
            front = sorted((c.position or 99, c.car_id) for c in frame.cars)[:16]
            chosen = rng.sample([car_id for _, car_id in front], min(cars, len(front)))
        lap = frame.lap - 1
        if lap <= done or lap % every:
            continue
        done = lap
        for car_id in chosen:
            request = engine.prepare(car_id)
            if request is None:
                continue
            answer = engine.queue.desk.evaluate(request.state, car_id, n_races=races, seed=SEED)
            state = request.state
            begun = time.perf_counter()
            situation = Situation(request.cars, state.lap, state.total_laps, state.track_status)
            advice = recommend(answer, situation, said.get(car_id, ()))
            took = time.perf_counter() - begun
            said[car_id] = advice
            out = tuple(situation.name(c.car_id) for c in request.cars.values() if c.status is CarStatus.RETIRED)
            yield AdviceMoment(record.race_id, car_id, lap, advice, out, took)
