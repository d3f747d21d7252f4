"""What a compiled backend takes on trust, looked at before it does: sizes, counts and indices it will use as addresses.

:func:`racetwin.simulation.spec.pack.pack` makes nothing that fails here; buffers that were changed by hand would be
read beyond their ends.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from racetwin.errors import InputError
from racetwin.simulation.spec import layout as L
from racetwin.simulation.spec.pack import Packed

COMPOUNDS = 5
MOST_STOPS = 4


def check(packed: Packed, first: int, n_races: int, watch: npt.NDArray[np.int32]) -> None:
    """Raise ``InputError`` where packed input contradicts itself or points outside its buffers."""
    f, i, plans = packed.f, packed.i, packed.plans
    for name, buffer, shape, kind in (
        ("f", f, (L.F_SIZE,), np.float32),
        ("i", i, (L.I_SIZE,), np.int32),
        ("plans", plans, (len(plans), L.PLAN), np.int32),
    ):
        if buffer.shape != shape or buffer.dtype != kind or not buffer.flags.c_contiguous:
            raise InputError(
                f"packed race: {name} is {buffer.dtype} {buffer.shape}, expected contiguous {np.dtype(kind)} {shape}"
            )
    if watch.dtype != np.int32 or not watch.flags.c_contiguous:
        raise InputError(f"watch: {watch.dtype}, expected contiguous int32")
    n, laps, lap0, total, own = (int(i[at]) for at in (L.I_N, L.I_LAPS, L.I_LAP0, L.I_TOTAL, L.I_OWN))
    _expect("cars", n, 1, L.CARS)
    if (packed.n, packed.laps) != (n, laps):
        raise InputError(
            f"packed race: {packed.n} cars and {packed.laps} laps beside buffers of {n} and {laps}; "
            "to call a race off early use Packed.cut"
        )
    _expect("first lap", lap0, 0, L.LAPS)
    _expect("laps", laps, 1, min(L.LAPS, total - lap0))
    _expect("our car's index", own, -1, n - 1)
    _expect("race", first, 0, 2**32 - 1)
    _expect("n_races", n_races, 1, 2**32 - first)
    if not len(plans):
        raise InputError("plans: none given, expected at least one")
    rows = np.concatenate([plans, i[L.I_PLANS : L.I_PLANS + n * L.PLAN].reshape(n, L.PLAN)])
    for name, values, low, high in (
        ("stops of a plan", rows[:, 0], 0, MOST_STOPS),
        ("compound of a planned stop", rows[:, L.PLAN_COMPOUND : L.PLAN_COMPOUND + MOST_STOPS], 0, COMPOUNDS - 1),
        ("compound", i[L.I_COMPOUND : L.I_COMPOUND + n], 0, COMPOUNDS - 1),
        ("team-mate's index", i[L.I_MATE : L.I_MATE + n], -1, n - 1),
        ("time in ticks", i[L.I_TIME : L.I_TIME + n], 0, L.TIME_MAX),
        ("laps completed", i[L.I_DONE : L.I_DONE + n], 0, 1023),
        ("watched car's index", watch, 0, n - 1),
    ):
        if values.size and (values.min() < low or values.max() > high):
            bad = int(values.max() if values.max() > high else values.min())
            raise InputError(f"packed race: {name} {bad}, expected {low} to {high}")


def _expect(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InputError(f"packed race: {name} {value}, expected {low} to {high}")
