"""What a batch of races adds up to, on any backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from racetwin.simulation.results import NO_GAP


@dataclass(frozen=True, slots=True)
class Totals:
    """What a batch of races adds up to: integers, so that batches add up exactly.

    ``positions`` (p, n_races), ``histogram`` (p, n, n), ``finished`` (p,), ``time_ms`` (p,) counted from the state's start,
    ``watched`` (p, n_races, w) places of the watched cars and ``gaps`` (p, n_races, w) how many ms ours finishes ahead of them
    (``NO_GAP`` where either does not finish).
    """

    positions: npt.NDArray[np.uint8]
    histogram: npt.NDArray[np.int64]
    finished: npt.NDArray[np.int64]
    time_ms: npt.NDArray[np.int64]
    watched: npt.NDArray[np.uint8]
    gaps: npt.NDArray[np.int32]

    @classmethod
    def empty(cls, plans: int, cars: int, races: int, watched: int) -> Totals:
        """Return zeros of the right shapes."""
        return cls(
            np.zeros((plans, races), np.uint8),
            np.zeros((plans, cars, cars), np.int64),
            np.zeros(plans, np.int64),
            np.zeros(plans, np.int64),
            np.zeros((plans, races, watched), np.uint8),
            np.full((plans, races, watched), NO_GAP, np.int32),
        )

    @classmethod
    def of(cls, parts: Sequence[Totals]) -> Totals:
        """Put consecutive batches together."""
        return cls(
            np.concatenate([t.positions for t in parts], axis=1),
            np.sum([t.histogram for t in parts], axis=0),
            np.sum([t.finished for t in parts], axis=0),
            np.sum([t.time_ms for t in parts], axis=0),
            np.concatenate([t.watched for t in parts], axis=1),
            np.concatenate([t.gaps for t in parts], axis=1),
        )
