"""How fast the twins follow: the work of one lap event, and the field's view, early and late in a race of 22 cars.

Every frame in which a car completes a lap counts, those with a stop, a pass or another car's lap in them too: what they take is
divided by the laps completed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from racetwin.evaluation.benchmarks import Figure
from racetwin.schemas import LapCompleted
from racetwin.simulation.draw import draw_grand_prix
from racetwin.telemetry.ingestor import Ingested, TelemetryIngestor
from racetwin.telemetry.laptable import frames
from racetwin.telemetry.records import RaceRecord
from racetwin.twins import RaceTwin

LOOK_EVERY = 10
"""The field's view is timed after every so many events."""


def twins() -> list[Figure]:
    """Measure the twins on a Grand Prix drawn from the race model, one frame per happening."""
    stream = _stream()
    twin = RaceTwin()
    lap_s: list[tuple[int, float]] = []
    state_s: list[float] = []
    field_s: list[tuple[int, float]] = []
    for n, ingested in enumerate(stream):
        crossed = [e.car_id for e in ingested.events if isinstance(e, LapCompleted)]
        took = _timed(partial(twin.update, ingested))
        if crossed:
            lap_s.append((twin.leader_laps, took / len(crossed)))
            state_s.append(_timed(twin.cars[crossed[0]].state))
        if n % LOOK_EVERY == 0 and 0 < twin.leader_laps < twin.total_laps:
            twin.field.invalidate()
            field_s.append((twin.leader_laps, _timed(twin.field.get_state)))
    laps, views = [s for _, s in lap_s], [s for _, s in field_s]
    return [
        Figure("twin update a lap event, median", _ms(laps, 50), "ms", 1.0, 0.3, False),
        Figure("twin update a lap event, 95 %", _ms(laps, 95), "ms", 1.0, 0.3, False),
        Figure("CarTwinState, median", _ms(state_s, 50), "ms", 1.0, 0.3, False),
        Figure("CarTwinState, 95 %", _ms(state_s, 95), "ms", 1.0, 0.3, False),
        Figure("FieldTwin view, 22 cars, median", _ms(views, 50), "ms", 10.0, 5.0, False),
        Figure("FieldTwin view, 22 cars, 95 %", _ms(views, 95), "ms", 10.0, 5.0, False),
        Figure("lap event, last quarter over first", _late_over_early(lap_s), "x", 1.5, 1.1, False),
        Figure("FieldTwin view, last quarter over first", _late_over_early(field_s), "x", 1.5, 1.1, False),
    ]


def _stream() -> list[Ingested]:
    drawn = draw_grand_prix("silverstone", 2026, seed=1, n_cars=22)
    record = RaceRecord.from_laps(
        drawn.laps, race_id="drawn", season=2026, circuit_id="silverstone", total_laps=drawn.total_laps, simulated=True
    )
    ingestor = TelemetryIngestor()
    found = (ingestor.process(frame) for frame in frames(record, hz=None))
    return [i for i in found if i is not None]


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _ms(seconds: list[float], per_cent: float) -> float:
    return 1e3 * float(np.percentile(seconds, per_cent))


def _late_over_early(timed: list[tuple[int, float]]) -> float:
    last = max(lap for lap, _ in timed)
    early = [s for lap, s in timed if lap <= last / 4]
    late = [s for lap, s in timed if lap > 0.75 * last]
    return float(np.median(late) / np.median(early))
