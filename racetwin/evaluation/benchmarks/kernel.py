"""The race kernel: races per second by backend, mode and thread count, and the correctness the speed is worth nothing without.

Rates are full-specification races from the grid, 20 cars over 57 laps, per second of CPU time of the thread that ran them; best
of several repeats, since a neighbour's work can only slow a measurement down.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

import racetwin
from racetwin.evaluation.benchmarks import Figure
from racetwin.evaluation.benchmarks.gpu import gpu
from racetwin.simulation.backends import Backend, cupy_race, mojo_library, screener
from racetwin.simulation.backends.numba_backend import NumbaBackend
from racetwin.simulation.montecarlo import simulate
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.spec.pack import Packed, pack
from racetwin.simulation.state import RaceState

CARS, LAPS, CAR, SEED = 20, 57, "5", 1
OPERATIONS = 170
"""Vector operations a car-lap takes at least; ``kernels/README.md`` has the account."""
NONE = np.zeros(0, np.int32)
REPEATS = 5
NUMPY_BATCHES = (250, 1000, 2000)
"""Races side by side in the NumPy baseline: few stay in the cache, many spread the interpreter's overhead."""


def grid(lap: int = 0) -> RaceState:
    """Return the benchmark's race: ``CARS`` cars in order of pace, from the grid or under way."""
    car = np.arange(CARS)
    pace = np.linspace(-0.6, 0.9, CARS)
    return RaceState(
        race_id="benchmark",
        circuit_id="bahrain",
        season=2024,
        lap=lap,
        total_laps=LAPS,
        car_id=tuple(str(i + 1) for i in car),
        driver=tuple(f"D{i:02}" for i in car),
        team=tuple(f"T{i // 2}" for i in car),
        time_s=(car * 0.13 if lap == 0 else lap * 95 + car * 1.7).astype(np.float64),
        running=np.ones(CARS, bool),
        laps_completed=np.full(CARS, lap),
        grid=car + 1,
        compound=np.where(car % 3 == 0, 0, 1),
        tyre_age=np.full(CARS, float(lap)),
        stops=np.zeros(CARS, np.int64),
        compounds_used=np.where(car % 3 == 0, 1, 2),
        pace_mean=pace,
        pace_sd=np.full(CARS, 0.1),
        wear_mean=np.ones(CARS),
        wear_sd=np.full(CARS, 0.15),
        fuel_kg=np.full(CARS, 110 * (1 - lap / LAPS)),
    )


def packed_race(plans: int = 1, lap: int = 0) -> Packed:
    """Return the benchmark's race packed, with that many one-stop and two-stop plans."""
    state = grid(lap)
    return pack(state, load_parameters(state.circuit_id, state.season), candidate_plans(plans, lap), CAR, SEED)


def candidate_plans(count: int, lap: int) -> list[PitPlan]:
    """Return ``count`` different plans, spread over the rest of the race as a strategist's would be."""
    one = [PitPlan.of((at, c)) for at in range(lap + 2, LAPS - 6) for c in ("HARD", "MEDIUM")]
    two = [
        PitPlan.of((at, c), (then, d))
        for at in range(lap + 2, LAPS - 20, 2)
        for then in range(at + 10, LAPS - 6, 3)
        for c, d in (("HARD", "MEDIUM"), ("MEDIUM", "HARD"), ("HARD", "SOFT"))
    ]
    plans = one[: max(1, count // 2)]
    plans += two[:: max(1, len(two) // max(1, count - len(plans)))][: count - len(plans)]
    return (plans + one)[:count]


def cpu_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the least CPU time of this thread that ``work`` took."""
    best = float("inf")
    for _ in range(repeats):
        start = time.thread_time()
        work()
        best = min(best, time.thread_time() - start)
    return best


def rate(run: Backend, packed: Packed, races: int, shared: bool) -> float:
    """Return candidate races per second of one core."""
    run(packed, 0, min(races, 64), shared, NONE)
    return len(packed.plans) * races / cpu_seconds(lambda: run(packed, 0, races, shared, NONE))


def _screen_rate(packed: Packed) -> float:
    run, races = screener(), 256
    run.screen(packed, 0, 64, NONE)
    return len(packed.plans) * races / cpu_seconds(lambda: run.screen(packed, 0, races, NONE))


def _floor(races_per_second: float) -> list[Figure]:
    """Return how far the race is from what this core could do: vector operations of a car-lap at two a cycle."""
    hertz = _clock_hz()
    if hertz is None or not mojo_library.available():
        return []
    floor = 2 * hertz * mojo_library.target()[1] / (OPERATIONS * CARS * LAPS)
    return [
        Figure("floor: two vector operations a cycle", floor, "races/core-s"),
        Figure("... and how far we are from it", floor / races_per_second, "x", higher_is_better=False),
    ]


def _clock_hz() -> float | None:
    """Return the clock the kernel reports for this processor, None where it reports none."""
    try:
        lines = [x for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("cpu MHz")]
        return max(float(x.split(":")[1]) for x in lines) * 1e6
    except (OSError, ValueError):
        return None


def oracle() -> ModuleType | None:
    """Return the NumPy oracle of the tests, where this is a checkout that has it."""
    path = Path(racetwin.__file__).parents[1] / "tests" / "simulation" / "oracle.py"
    if not path.is_file():
        return None
    spec = importlib.util.spec_from_file_location("racetwin_oracle", path)
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def kernel() -> list[Figure]:
    """Measure the kernel on this machine."""
    numba = NumbaBackend()
    one, many = packed_race(), packed_race(256, lap=15)
    figures = []
    fast: Backend = numba
    if mojo_library.available():
        fast = mojo_library.backend()
        cpu, lanes = mojo_library.target()
        wide = cpu == "x86-64-v4"
        independent = rate(fast, one, 4096, shared=False)
        figures += [
            Figure(
                f"Mojo, {lanes} lanes ({cpu}), independent",
                independent,
                "races/core-s",
                *((150_000, 300_000) if wide else (None, None)),
            ),
            _agreement(fast, numba),
        ]
        if wide:
            narrow = mojo_library.backend("x86-64-v3", 8)
            figures.append(
                Figure("Mojo, 8 lanes (x86-64-v3), independent", rate(narrow, one, 4096, False), "races/core-s")
            )
    numba_rate = rate(numba, one, 512, shared=False)
    figures.append(Figure("Numba, independent", numba_rate, "races/core-s"))
    if fast is not numba:
        figures.append(Figure("Mojo against Numba", independent / numba_rate, "x"))
    alone, together = rate(fast, many, 64, shared=False), rate(fast, many, 256, shared=True)
    figures.append(Figure(f"{fast.name}, 256 plans mid-race, shared", together, "candidate races/core-s"))
    figures.append(Figure("shared against independent", together / alone, "x", 2, 4))
    figures.append(
        Figure(f"{fast.name}, 256 plans mid-race, own-car screen", _screen_rate(many), "candidate races/core-s")
    )
    figures += _floor(independent if fast is not numba else numba_rate)
    reference = oracle()
    if reference is not None:
        exact = _numpy_rate(reference)
        vars(reference)["fma"] = _plain_multiply_add
        numpy_rate = max(_numpy_rate(reference, races) for races in NUMPY_BATCHES)
        best = rate(fast, one, 4096, shared=False)
        figures.append(Figure("NumPy oracle, fused multiply-adds emulated in float64", exact, "races/core-s"))
        figures.append(Figure("NumPy, plain float32 (its best batch size)", numpy_rate, "races/core-s"))
        figures.append(Figure(f"{fast.name} against plain NumPy", best / numpy_rate, "x", 25, 50))
    if (os.cpu_count() or 1) >= 2:
        faster, dearer = _scaling()
        figures.append(Figure("2 threads over 1 (idle machine)", faster, "x", 1.8, 1.95))
        figures.append(Figure("CPU time of 2 threads over that of 1", dearer, "x", higher_is_better=False))
    if cupy_race.available():
        figures += [*gpu(packed_race), _agreement(cupy_race.backend(), NumbaBackend())]
    return figures


def _plain_multiply_add(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    # What NumPy does of itself: rounded twice, so not our races bit for bit, but the same work at NumPy's own speed.
    return np.asarray(a * b + c, np.float32)


def _numpy_rate(reference: ModuleType, races: int = 2000) -> float:
    one = packed_race()
    return races / cpu_seconds(lambda: reference.race(one, one.plans[0], 0, races), 2)


def _agreement(a: Backend, b: Backend) -> Figure:
    # Full finishing order, race by race.
    packed, everyone = packed_race(4, lap=15), np.arange(CARS, dtype=np.int32)
    x, y = (run(packed, 0, 2048, True, everyone).watched for run in (a, b))
    return Figure(
        f"{a.name} and {b.name}: same full order", 100 * float((x == y).all(axis=2).mean()), "% of races", 99.9, 100
    )


def _scaling() -> tuple[float, float]:
    """Return how much faster two threads are than one, and how much more CPU time they take between them.

    The first needs two idle cores; the second, which bounds it, does not.
    """
    state, plans = grid(15), candidate_plans(64, 15)

    def seconds(threads: int) -> tuple[float, float]:
        wall, cpu = float("inf"), float("inf")
        for _ in range(REPEATS):
            start, used = time.perf_counter(), time.process_time()
            simulate(state, plans, 1024, SEED, car_id=CAR, threads=threads)
            wall, cpu = min(wall, time.perf_counter() - start), min(cpu, time.process_time() - used)
        return wall, cpu

    (one, one_cpu), (two, two_cpu) = seconds(1), seconds(2)
    return one / two, two_cpu / one_cpu
