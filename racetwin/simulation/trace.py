"""One race, lap by lap: what the Monte Carlo sees of it, laid open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from racetwin.config import settings
from racetwin.schemas import TrackStatus
from racetwin.simulation.backends import numba_batch
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.parameters import RaceParameters
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.spec import layout as L
from racetwin.simulation.spec.pack import pack
from racetwin.simulation.state import RaceState

STATUS = np.array(
    [TrackStatus.GREEN, TrackStatus.SC, TrackStatus.VSC, TrackStatus.RED, TrackStatus.SC, TrackStatus.VSC], dtype=object
)


@dataclass(frozen=True, slots=True)
class RaceTrace:
    """One simulated race from a state to the flag; row ``k`` is lap ``first_lap + k``.

    Parameters
    ----------
    car_id : tuple of str, length n
        Cars in the order of the columns.
    first_lap
        Lap of the first row (``state.lap + 1``).
    time_s : (laps, n) seconds
        Race time at which the car completes the lap; NaN once retired. The race clock stands during a red flag.
    position : (laps, n) int
        Order after the lap, 1-based; retired cars last.
    compound : (laps, n) int
        Index into ``schemas.COMPOUNDS`` of the set the lap was driven on.
    tyre_age : (laps, n) laps
        Age of that set at the end of the lap.
    pit : (laps, n) bool
        Whether the car came in at the end of the lap for a new set.
    stationary_s : (laps, n) seconds
        Time standing at the box in that stop, waiting for a team-mate included; 0 without a stop.
    running : (laps, n) bool
        Whether the car completed the lap.
    track_status : (laps,) object
        ``schemas.TrackStatus`` of the lap: the worst it saw.
    wetness : (laps,)
        0 dry .. 1 soaked.
    simulated
        Always True: this race was drawn from a model.
    """

    car_id: tuple[str, ...]
    first_lap: int
    time_s: npt.NDArray[np.float64]
    position: npt.NDArray[np.int64]
    compound: npt.NDArray[np.int64]
    tyre_age: npt.NDArray[np.float64]
    pit: npt.NDArray[np.bool_]
    stationary_s: npt.NDArray[np.float64]
    running: npt.NDArray[np.bool_]
    track_status: npt.NDArray[np.object_]
    wetness: npt.NDArray[np.float64]
    simulated: bool = True


def trace_race(
    state: RaceState,
    seed: int,
    *,
    parameters: RaceParameters | None = None,
    plans: Mapping[str, PitPlan] | None = None,
    race: int = 0,
) -> RaceTrace:
    """Run race number ``race`` of ``seed`` from ``state`` and return all its laps.

    Cars in ``plans`` follow their plan, all others decide for themselves. With one car's plan, this is the very race that
    ``simulate(state, [plan], ..., seed, car_id=...)`` counts.
    """
    parameters = parameters or load_parameters(state.circuit_id, state.season, settings().parameters)
    plans = dict(plans or {})
    own = next(iter(plans), None)
    if len(plans) > 1:
        state = _planned(state, {c: p for c, p in plans.items() if c != own})
    packed = pack(state, parameters, [plans[own]] if own is not None else [], own, seed)
    laps, n = packed.laps, packed.n
    status = np.zeros(laps, np.int32)
    wet = np.zeros(laps, np.float32)
    retire = np.zeros(L.CARS, np.int32)
    time = np.zeros((laps, n), np.int32)
    facts = np.zeros((laps, n, 5), np.int32)
    stationary = np.zeros((laps, n), np.float32)
    numba_batch.trace(
        packed.f, packed.i, packed.plans[0], np.uint32(race), status, wet, retire, time, facts, stationary
    )
    running = facts[..., 4] != 0
    return RaceTrace(
        car_id=state.car_id,
        first_lap=state.lap + 1,
        time_s=np.where(running, packed.start_ms / 1000 + time / L.TICKS, np.nan),
        position=facts[..., 3].astype(np.int64),
        compound=facts[..., 0].astype(np.int64),
        tyre_age=facts[..., 1] / L.AGE_UNITS,
        pit=(facts[..., 2] != 0) & running,
        stationary_s=np.where(running, stationary, 0).astype(np.float64),
        running=running,
        track_status=STATUS[status & 7],
        wetness=wet.astype(np.float64),
    )


def _planned(state: RaceState, plans: Mapping[str, PitPlan]) -> RaceState:
    laps, compounds = state.planned_lap.copy(), state.planned_compound.copy()
    for car, plan in plans.items():
        i = state.index(car)
        laps[i], compounds[i] = 0, -1
        for s, stop in enumerate(plan.stops):
            laps[i, s], compounds[i, s] = stop.lap, stop.compound.index
    return state.replace(planned_lap=laps, planned_compound=compounds)


__all__ = ["RaceTrace", "trace_race"]
