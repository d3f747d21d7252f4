"""Many races from one state, for many plans of one car: the Monte Carlo behind every decision.

The same state, plans, parameters and seed give the same races on every backend, with any number of threads, and however the races
are cut into batches: race ``first_race + r`` of a seed is one and the same race everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from racetwin.config import settings
from racetwin.errors import InputError
from racetwin.simulation.backends import choose, screener
from racetwin.simulation.backends.totals import Totals
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.parameters import RaceParameters
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.results import SimulationResult
from racetwin.simulation.spec.pack import Packed, pack
from racetwin.simulation.state import RaceState

Mode = Literal["shared", "independent", "screen"]
QUANTUM = 16
"""Threads take whole multiples of this many races, so that vector lanes stay full."""


def simulate(
    state: RaceState,
    plans: Sequence[PitPlan],
    n_races: int,
    seed: int,
    backend: str = "auto",
    *,
    car_id: str,
    parameters: RaceParameters | None = None,
    threads: int | None = None,
    mode: Mode = "shared",
    first_race: int = 0,
    watch: Sequence[str] = (),
) -> SimulationResult:
    """Race each plan of ``car_id`` to the flag ``n_races`` times.

    Parameters
    ----------
    state
        Where the race stands.
    plans
        Candidate plans; their stops must lie after ``state.lap`` and before the flag, on compounds in hand.
    n_races, first_race, seed
        Which races: ``first_race .. first_race + n_races`` of this seed.
    backend
        ``auto`` (a GPU if there is one, else Mojo, else Numba), ``numba``, ``mojo`` or ``cupy``; the races are the same.
    parameters
        Numbers of the race model; by default those of the state's circuit and season.
    threads
        CPU threads; by default the setting ``threads``.
    mode
        ``shared``: all plans face the same draws (common random numbers), so differences between plans are sharp.
        ``independent``: every plan has draws of its own.
        ``screen``: the field is recorded once a race, and our car alone drives through it under each plan; some thirty times
        faster, biased (rivals do not answer), and meant for shortlisting only. The histogram then holds our car's places alone.
    watch
        Other cars whose finishing position, and our gap to them at the flag, are wanted race by race.

    Raises
    ------
    InputError
        For a plan, car or number that makes no sense.
    """
    if not plans:
        raise InputError("plans: none given, expected at least one")
    if n_races < 1 or first_race < 0 or first_race + n_races > 2**32:
        raise InputError(f"n_races: {n_races} from race {first_race}, expected 1 or more, below 2**32 altogether")
    if mode not in ("shared", "independent", "screen"):
        raise InputError(f"mode: {mode!r}, expected 'shared', 'independent' or 'screen'")
    unknown = [c for c in watch if c not in state.car_id]
    if unknown:
        raise InputError(f"watch: car {unknown[0]!r} is not in this race; cars: {', '.join(state.car_id)}")
    parameters = parameters or load_parameters(state.circuit_id, state.season, settings().parameters)
    packed = pack(state, parameters, plans, car_id, seed)
    watched = np.array([state.index(c) for c in watch], np.int32)
    name, threaded, work = _work(backend, mode, packed, len(plans) * n_races, watched)
    totals = _threaded(work, first_race, n_races, (threads or settings().threads) if threaded else 1)
    absolute = totals.time_ms + packed.start_ms * totals.finished
    with np.errstate(invalid="ignore"):
        mean = np.where(totals.finished > 0, absolute / 1000.0 / np.maximum(totals.finished, 1), np.nan)
    return SimulationResult(
        car_id=car_id,
        cars=state.car_id,
        plans=tuple(plans),
        positions=totals.positions,
        histogram=totals.histogram,
        time_s=mean,
        n_races=n_races,
        seed=seed,
        backend=name,
        first_race=first_race,
        finished=totals.finished,
        watched=tuple(watch),
        watched_positions=totals.watched,
        gaps_ms=totals.gaps,
    )


def _work(
    backend: str, mode: Mode, packed: Packed, size: int, watch: npt.NDArray[np.int32]
) -> tuple[str, bool, Callable[[int, int], Totals]]:
    """Return the backend's name, whether threads help it, and what runs ``(first race, races)``."""
    if mode == "screen":
        own_car = screener(backend)
        return own_car.name, own_car.threaded, lambda first, n: own_car.screen(packed, first, n, watch)
    run = choose(backend, size)
    return run.name, run.threaded, lambda first, n: run(packed, first, n, mode == "shared", watch)


def _threaded(work: Callable[[int, int], Totals], first: int, n_races: int, threads: int) -> Totals:
    # Threads share out the races, never the plans: a race's draws are made once for all plans.
    blocks = -(-n_races // QUANTUM)
    threads = max(1, min(threads, blocks))
    if threads == 1:
        return work(first, n_races)
    edges = [min(n_races, QUANTUM * (blocks * k // threads)) for k in range(threads)] + [n_races]
    parts = _pool(threads).map(lambda k: work(first + edges[k], edges[k + 1] - edges[k]), range(threads))
    return Totals.of(list(parts))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    # Kept, so that a question of a few milliseconds does not pay for new threads and their memory.
    return ThreadPoolExecutor(threads, thread_name_prefix="racetwin-races")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)


__all__ = ["Mode", "simulate"]
