"""The Numba race behind the common face of backends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from racetwin.simulation.backends import numba_batch, numba_screen
from racetwin.simulation.backends.totals import Totals
from racetwin.simulation.spec.check import check
from racetwin.simulation.spec.pack import Packed


class NumbaBackend:
    """Scalar races, compiled on first use and cached; releases the interpreter lock."""

    name = "numba"
    threaded = True

    def __call__(self, packed: Packed, first: int, n_races: int, shared: bool, watch: npt.NDArray[np.int32]) -> Totals:
        """Run races ``first .. first + n_races`` of every plan."""
        check(packed, first, n_races, watch)
        out = Totals.empty(len(packed.plans), packed.n, n_races, len(watch))
        numba_batch.batch(
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
            out.gaps,
        )
        return out

    def screen(self, packed: Packed, first: int, n_races: int, watch: npt.NDArray[np.int32]) -> Totals:
        """Drive our car through the recorded field of races ``first .. first + n_races`` under every plan."""
        check(packed, first, n_races, watch)
        out = Totals.empty(len(packed.plans), packed.n, n_races, len(watch))
        numba_screen.screen(
            packed.f,
            packed.i,
            packed.field(),
            packed.plans,
            np.uint32(first),
            n_races,
            out.positions,
            out.histogram,
            out.finished,
            out.time_ms,
            watch,
            out.watched,
        )
        return out
