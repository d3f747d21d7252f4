"""Batches of races cut into shards and put together again, exactly.

A race is named by (seed, race number), never by who computed it, so a batch of races ``first .. first + n`` can be cut anywhere:
positions concatenate, histograms add, race times add as whole milliseconds. The merged result of any cut is bit-identical with
the result of the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from racetwin.errors import InputError
from racetwin.simulation.results import SimulationResult

Simulate = Callable[..., SimulationResult]
"""Whatever runs races: :func:`racetwin.simulation.montecarlo.simulate` itself, or something that sends them elsewhere."""


def shards(n_races: int, n_shards: int, first_race: int = 0, quantum: int = 16) -> tuple[tuple[int, int], ...]:
    """Cut ``n_races`` into at most ``n_shards`` nearly equal ``(first_race, n_races)`` pieces.

    Cuts fall on multiples of ``quantum`` races, so that a vector kernel's lanes stay full.

    Examples
    --------
    >>> shards(100, 3)
    ((0, 48), (48, 32), (80, 20))
    """
    if n_races < 1 or n_shards < 1:
        raise InputError(f"shards: {n_races} races in {n_shards} shards, expected at least 1 of each")
    blocks = -(-n_races // quantum)
    n_shards = min(n_shards, blocks)
    edges = [min(n_races, quantum * -(-blocks * k // n_shards)) for k in range(n_shards + 1)]
    return tuple((first_race + a, b - a) for a, b in pairwise(edges) if b > a)


def merge(parts: Iterable[SimulationResult]) -> SimulationResult:
    """Put shards of the same plans together; they may come in any order but must leave no gap."""
    ordered = sorted(parts, key=lambda r: r.first_race)
    if not ordered:
        raise InputError("merge: no shards, expected at least one")
    head = ordered[0]
    if len(ordered) == 1:
        return head
    at = head.first_race
    for part in ordered:
        if (part.seed, part.plans, part.cars, part.watched) != (head.seed, head.plans, head.cars, head.watched):
            raise InputError("merge: shards of different questions, expected the same seed, plans and cars")
        if part.first_race != at:
            raise InputError(f"merge: a shard begins with race {part.first_race}, expected race {at}")
        at += part.n_races
    finished = sum((p.finished for p in ordered), np.zeros(len(head.plans), dtype=np.int64))
    return replace(
        head,
        positions=np.concatenate([p.positions for p in ordered], axis=1),
        histogram=sum((p.histogram for p in ordered), np.zeros_like(head.histogram)),
        time_s=_mean_time(
            sum((_milliseconds(p) for p in ordered), np.zeros(len(head.plans), dtype=np.int64)), finished
        ),
        n_races=at - head.first_race,
        finished=finished,
        watched_positions=np.concatenate([p.watched_positions for p in ordered], axis=1),
        gaps_ms=np.concatenate([p.gaps_ms for p in ordered], axis=1),
    )


def select(result: SimulationResult, keep: Sequence[int]) -> SimulationResult:
    """Return the result of some of the plans, in the order given."""
    k = np.asarray(keep, dtype=np.int64)
    return replace(
        result,
        plans=tuple(result.plans[i] for i in keep),
        positions=result.positions[k],
        histogram=result.histogram[k],
        time_s=result.time_s[k],
        finished=result.finished[k],
        watched_positions=result.watched_positions[k],
        gaps_ms=result.gaps_ms[k] if len(result.gaps_ms) else result.gaps_ms,
    )


def _milliseconds(result: SimulationResult) -> np.ndarray[Any, np.dtype[np.int64]]:
    time = np.where(result.finished > 0, result.time_s, 0.0)  # no finisher, no mean
    return np.rint(1000.0 * time * result.finished).astype(np.int64)


def _mean_time(
    milliseconds: np.ndarray[Any, np.dtype[np.int64]], finished: np.ndarray[Any, np.dtype[np.int64]]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.where(finished > 0, milliseconds / 1000.0 / np.maximum(finished, 1), np.nan)
