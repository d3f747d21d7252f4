"""The Mojo race on an NVIDIA GPU, launched by CuPy: one thread runs one race under one plan."""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from racetwin.errors import ConfigurationError
from racetwin.simulation.backends import ptx
from racetwin.simulation.backends.totals import Totals
from racetwin.simulation.results import NO_GAP
from racetwin.simulation.spec import layout as L
from racetwin.simulation.spec.check import check
from racetwin.simulation.spec.pack import Packed

KEY_BYTES = 1 << 29
"""Most device memory for final orders at a time; larger batches are cut."""
COUNT_RACES = 16_384
"""Races of one plan and place that a block adds up."""
WORTHWHILE = 2_000
"""Candidate races below which a CPU has answered before a launch and its copies are done."""


@cache
def available() -> bool:
    """Whether CuPy is installed and sees a GPU that the shipped PTX is for."""
    if importlib.util.find_spec("cupy") is None:
        return False
    try:
        import cupy

        if cupy.cuda.runtime.getDeviceCount() < 1:
            return False
        return int(cupy.cuda.Device().compute_capability) >= int(ptx.ARCHITECTURE.removeprefix("sm_"))
    except Exception:  # a driver that is missing, too old or broken: whatever CuPy raises, there is no GPU to use
        return False


class CupyBackend:
    """Races on the GPU; one batch at a time."""

    name = "cupy"
    threaded = False

    def __init__(self) -> None:
        if not available():
            raise ConfigurationError(
                "backend cupy: no CUDA device that CuPy can use; install racetwin[gpu] or use another"
            )
        import cupy

        self._cupy = cupy
        self._race = {n: self._function(f"race-{n}.ptx", "racetwin_race") for n in ptx.SLOTS}
        self._count = self._function("count.ptx", "racetwin_count")

    def _function(self, file: str, name: str) -> Any:
        module = self._cupy.cuda.function.Module()
        module.load(ptx.load(file).encode())
        return module.get_function(name)

    def __call__(self, packed: Packed, first: int, n_races: int, shared: bool, watch: npt.NDArray[np.int32]) -> Totals:
        """Run races ``first .. first + n_races`` of every plan."""
        check(packed, first, n_races, watch)
        chunk = max(1, min(n_races, KEY_BYTES // (4 * packed.n * len(packed.plans))))
        parts = [
            self._batch(packed, first + start, min(chunk, n_races - start), shared, watch)
            for start in range(0, n_races, chunk)
        ]
        return parts[0] if len(parts) == 1 else Totals.of(parts)

    def _batch(self, packed: Packed, first: int, races: int, shared: bool, watch: npt.NDArray[np.int32]) -> Totals:
        cp = self._cupy
        plans, n, w = len(packed.plans), packed.n, len(watch)
        slots = next(s for s in ptx.SLOTS if n <= s)
        threads = ptx.THREADS
        f, i, rows = cp.asarray(packed.f), cp.asarray(packed.i), cp.asarray(packed.plans)
        watching = cp.asarray(watch if w else np.zeros(1, np.int32))
        keys = cp.empty(plans * n * races, cp.uint32)
        positions = cp.zeros((plans, races), cp.uint8)
        watched = cp.zeros((plans, races, w), cp.uint8)
        gaps = cp.full((plans, races, w), NO_GAP, cp.int32)
        # One block of whole numbers, so that one copy brings them home.
        sums = cp.zeros(plans * (n * n + 2), cp.int64)
        histogram, finished, time_ms = sums[: plans * n * n], sums[-2 * plans : -plans], sums[-plans:]
        numbers = np.int32(plans), np.uint32(first), np.int32(races), np.int32(shared)
        self._race[slots]((-(-plans * races // threads),), (threads,), (f, i, rows, *numbers, keys))
        own = np.int32(packed.i[L.I_INDEX["I_OWN"]])
        outputs = positions, histogram, finished, time_ms, watching, np.int32(w), watched, gaps
        blocks = plans * n * -(-races // COUNT_RACES)
        sizes = np.int32(n), own, np.int32(races), np.int32(COUNT_RACES)
        self._count((blocks,), (ptx.COUNT_THREADS,), (keys, *sizes, *outputs))
        home = cp.asnumpy(sums)
        return Totals(
            cp.asnumpy(positions),
            home[: plans * n * n].reshape(plans, n, n),
            home[-2 * plans : -plans],
            home[-plans:],
            cp.asnumpy(watched),
            cp.asnumpy(gaps),
        )


@cache
def backend() -> CupyBackend:
    """Return the backend, its modules loaded once per process."""
    return CupyBackend()
