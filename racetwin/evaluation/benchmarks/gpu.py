"""The race on a GPU: races a second through CuPy, and the PTX made from Mojo against the same race by hand in CUDA C++."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from racetwin.evaluation.benchmarks import Figure
from racetwin.simulation.backends import cupy_race, ptx
from racetwin.simulation.backends.cuda_source import OPTIONS, cuda_source
from racetwin.simulation.spec.pack import Packed

NONE = np.zeros(0, np.int32)
REPEATS = 5
REGISTERS = 4
"""CUDA's number for the attribute of a function that says how many it uses (``CU_FUNC_ATTRIBUTE_NUM_REGS``)."""
PackedRace = Callable[..., Packed]


def gpu(packed_race: PackedRace) -> list[Figure]:
    """Measure the GPU backend on the benchmark's race; every race is run whole, under one plan or under 256."""
    run = cupy_race.backend()

    def million_per_second(packed: Packed, races: int) -> float:
        run(packed, 0, races, True, NONE)
        best = float("inf")
        for _ in range(REPEATS):
            start = time.perf_counter()
            run(packed, 0, races, True, NONE)  # results on the host are part of the time
            best = min(best, time.perf_counter() - start)
        return len(packed.plans) * races / best / 1e6

    return [
        Figure("CuPy, from the grid, one plan", million_per_second(packed_race(), 1 << 22), "million races/s", 30, 100),
        Figure("CuPy, from the grid, 256 plans", million_per_second(packed_race(256), 1 << 14), "million races/s"),
        *_against_hand_written(run, packed_race),
    ]


def _against_hand_written(run: Any, packed_race: PackedRace) -> list[Figure]:
    """Time both kernels alone, on the same device buffers, and compare their final orders key by key."""
    import cupy as cp

    slots = ptx.SLOTS[0]
    defines = (f"-DSLOTS={slots}", f"-DTHREADS={ptx.THREADS}")
    by_hand = cp.RawModule(code=cuda_source(), options=(*OPTIONS, *defines)).get_function("race_by_hand")
    figures = []
    for plans, races in ((1, 1 << 20), (256, 1 << 12)):
        packed = packed_race(plans)
        took, keys = {}, {}
        for name, function in (("Mojo", run._race[slots]), ("by hand", by_hand)):
            took[name], keys[name] = _kernel_seconds(cp, function, packed, races)
        words = "one plan" if plans == 1 else f"{plans} plans"
        rates = {name: plans * races / seconds / 1e6 for name, seconds in took.items()}
        figures += [
            Figure(f"kernel alone, {words}: PTX from Mojo", rates["Mojo"], "million races/s"),
            Figure(f"kernel alone, {words}: CUDA C++ by hand", rates["by hand"], "million races/s"),
            Figure(
                f"by hand over Mojo, {words}", rates["by hand"] / rates["Mojo"], "x", must=1.5, higher_is_better=False
            ),
            Figure(
                f"the same final order, {words}", 100 * _same(keys["Mojo"], keys["by hand"]), "% of races", 99.9, 100
            ),
        ]
    registers = {
        "PTX from Mojo": cp.cuda.driver.funcGetAttribute(REGISTERS, run._race[slots].ptr),
        "CUDA C++ by hand": by_hand.num_regs,
    }
    return figures + [Figure(f"registers, {name}", float(n), "a thread") for name, n in registers.items()]


def _kernel_seconds(cp: Any, function: Any, packed: Packed, races: int) -> tuple[float, npt.NDArray[np.uint32]]:
    plans = len(packed.plans)
    f, i, rows = cp.asarray(packed.f), cp.asarray(packed.i), cp.asarray(packed.plans)
    keys = cp.empty(plans * packed.n * races, cp.uint32)
    grid = (-(-plans * races // ptx.THREADS),)
    arguments = (f, i, rows, np.int32(plans), np.uint32(0), np.int32(races), np.int32(1), keys)
    best = float("inf")
    for _ in range(REPEATS + 1):  # the first one warms up
        began, ended = cp.cuda.Event(), cp.cuda.Event()
        began.record()
        function(grid, (ptx.THREADS,), arguments)
        ended.record()
        ended.synchronize()
        best = min(best, cp.cuda.get_elapsed_time(began, ended) / 1000)
    return best, cp.asnumpy(keys).reshape(plans, packed.n, races)


def _same(a: npt.NDArray[np.uint32], b: npt.NDArray[np.uint32]) -> float:
    return float(((a & 31) == (b & 31)).all(axis=1).mean())
