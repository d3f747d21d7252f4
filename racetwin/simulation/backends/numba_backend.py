"""The Numba race behind the common face of backends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from racetwin.simulation.backends import numba_race
from racetwin.simulation.backends.totals import Totals
from racetwin.simulation.spec.pack import Packed


class NumbaBackend:
    """Scalar races, compiled on first use and cached; releases the interpreter lock."""

    name = "numba"
    threaded = True

    def __call__(self, packed: Packed, first: int, n_races: int, shared: bool, watch: npt.NDArray[np.int32]) -> Totals:
        """Run races ``first .. first + n_races`` of every plan."""
        out = Totals.empty(len(packed.plans), packed.n, n_races, len(watch))
        numba_race.batch(
            packed.f,
            packed.i,
            packed.plans,
            np.uint32(first),
            n_races,
            shared,
            out.positions,
            out.histogram,
            out.finished,
            out.time_ms,
            watch,
            out.watched,
        )
        return out
