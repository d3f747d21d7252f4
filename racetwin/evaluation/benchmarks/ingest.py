"""How fast frames get in: the ingestor alone, from JSON, with bad cars in it, on into the twins, and over a socket."""

from __future__ import annotations

import gc
import itertools
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from racetwin.config import Settings
from racetwin.evaluation.benchmarks import Figure
from racetwin.evaluation.benchmarks.ingest_socket import over_a_socket, with_cars
from racetwin.schemas import MAX_CARS, TelemetryFrame
from racetwin.telemetry import TelemetryIngestor, TelemetrySimulator
from racetwin.twins import RaceTwin

FRAMES = 4000


def ingest() -> list[Figure]:
    """Measure ingestion on a simulated race of 22 cars at 10 Hz (24 cars where it says so)."""
    simulator = TelemetrySimulator("silverstone", 2026, seed=1, settings=Settings(data=None))
    frames = list(itertools.islice(iter(simulator), FRAMES))
    full = [with_cars(f, MAX_CARS) for f in frames]
    gc.collect()
    plain = _each(TelemetryIngestor().process, full)
    lines = [f.model_dump_json().encode() for f in full[:1000]]
    parsed = _each(TelemetryIngestor().process, lines)
    spoilt = [_spoil(f) for f in full[:1000]]
    mended = _each(TelemetryIngestor().process, spoilt)
    race_s, n_race, grown = _whole_race(simulator)
    share, wait_ms, core = over_a_socket()
    return [
        Figure("frames/s, 24 cars, valid frames", 1.0 / float(plain.mean()), "frames/s", must=100.0, aim=10_000.0),
        Figure("p50 per frame, 24 cars", 1e6 * float(np.median(plain)), "us", aim=100.0, higher_is_better=False),
        Figure(
            "p99 per frame, 24 cars", 1e6 * float(np.quantile(plain, 0.99)), "us", aim=1000.0, higher_is_better=False
        ),
        Figure("frames/s, 24 cars, JSON", 1.0 / float(parsed.mean()), "frames/s", must=100.0, aim=1000.0),
        Figure(
            "p99 per frame, 24 cars, JSON",
            1e6 * float(np.quantile(parsed, 0.99)),
            "us",
            aim=5000.0,
            higher_is_better=False,
        ),
        Figure(
            "frames/s, 24 cars, JSON with a bad car in each",
            1.0 / float(mended.mean()),
            "frames/s",
            must=100.0,
            aim=500.0,
        ),
        Figure(
            "22 cars at 10 Hz through ingestor and twins, times real time",
            n_race / 10.0 / race_s,
            "x",
            must=100.0,
            aim=200.0,
        ),
        Figure("24 cars at 100 Hz, WebSocket and journal: acknowledged", 100.0 * share, "%", must=100.0, aim=100.0),
        Figure("the same: due to acknowledged, p99", wait_ms, "ms", must=1000.0, aim=250.0, higher_is_better=False),
        Figure(
            "the same: the engine's share of a core", 100.0 * core, "%", must=100.0, aim=50.0, higher_is_better=False
        ),
        Figure(
            "memory grown in the second half of a race",
            grown / 2**20,
            "MiB",
            must=16.0,
            aim=4.0,
            higher_is_better=False,
        ),
    ]


def _each(take: Callable[[Any], object], inputs: Iterable[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Seconds of this thread's processor time that each input took: what else the machine does is left out."""
    took = []
    for raw in inputs:
        begin = time.thread_time()
        take(raw)
        took.append(time.thread_time() - begin)
    return np.array(took)


def _spoil(frame: TelemetryFrame) -> dict[str, Any]:
    raw = frame.model_dump(mode="json")
    raw["cars"][frame.seq % len(raw["cars"])]["position"] = 99
    return raw


def _whole_race(simulator: TelemetrySimulator) -> tuple[float, int, float]:
    """Run a whole race through ingestor and twins: seconds of work (without making frames), frames, bytes grown.

    The growth, over the second half, is measured in a second pass at one frame a second, as tracing memory slows everything down.
    """
    ingestor, twin = TelemetryIngestor(), RaceTwin(race_id=simulator.record.race_id)
    spent, n = 0.0, 0
    for chunk in _chunks(iter(simulator), 500):
        begin = time.thread_time()
        for frame in chunk:
            ingested = ingestor.process(frame)
            if ingested is not None:
                twin.update(ingested)
        spent += time.thread_time() - begin
        n += len(chunk)
    return spent, n, _growth(simulator)


def _growth(simulator: TelemetrySimulator) -> float:
    ingestor = TelemetryIngestor()
    total = simulator.record.total_laps
    tracemalloc.start()
    try:
        half = None
        for frame in TelemetrySimulator("silverstone", 2026, seed=1, hz=1.0, settings=Settings(data=None)):
            ingestor.process(frame)
            if half is None and frame.lap > total // 2:
                gc.collect()
                half = tracemalloc.get_traced_memory()[0]
        gc.collect()
        return float(max(tracemalloc.get_traced_memory()[0] - (half or 0), 0))
    finally:
        tracemalloc.stop()


def _chunks(frames: Iterator[TelemetryFrame], n: int) -> Iterator[list[TelemetryFrame]]:
    while chunk := list(itertools.islice(frames, n)):
        yield chunk
