"""The forecast fan of the race trace: where every car's gap goes from here, over simulated races to the flag."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from racetwin.config import settings
from racetwin.errors import InputError
from racetwin.schemas import RaceFan
from racetwin.simulation.backends import numba_batch
from racetwin.simulation.candidates import check_plan
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.parameters import RaceParameters
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.spec import layout as L
from racetwin.simulation.spec.pack import pack
from racetwin.simulation.state import RaceState

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
N_RACES = 160
"""Races behind a fan: its 90 % band then moves by about a tenth of its width from seed to seed."""
FRONT = 0.5
"""Share of the field, from the front, whose median lap is the reference, as in the race trace."""


def race_fan(
    state: RaceState,
    car_id: str,
    plan: PitPlan,
    *,
    reference: str | None = None,
    n_races: int = N_RACES,
    seed: int = 1,
    parameters: RaceParameters | None = None,
) -> RaceFan:
    """Run ``n_races`` races in which ``car_id`` follows ``plan`` and say how every car's gap changes from now on.

    Parameters
    ----------
    reference
        The car that gaps are taken to; None for the pace of the front half of the field.
    n_races, seed
        Which races: the first ones that :func:`racetwin.simulation.montecarlo.simulate` counts for this plan and seed.

    Returns
    -------
    RaceFan
        Quantiles of the change of each car's gap since ``state.lap``, by lap.

    Raises
    ------
    InputError
        For a plan that cannot be carried out, or a reference that is not in the race.
    """
    check_plan(state, car_id, plan)
    if reference is not None and reference not in state.car_id:
        raise InputError(f"reference: car {reference!r} is not in this race; cars: {', '.join(state.car_id)}")
    parameters = parameters or load_parameters(state.circuit_id, state.season, settings().parameters)
    times, running, pit, position = _races(state, car_id, plan, parameters, n_races, seed)
    since = times - state.time_s  # (races, laps, cars): race time from now to the end of each lap
    base = _front_pace(since, running, pit, position) if reference is None else since[:, :, state.index(reference)]
    change = since - base[:, :, None]
    there = np.isfinite(change).sum(axis=0)
    ordered = np.sort(change, axis=0)  # NaN, the races in which the car is out, come last
    at = np.rint(np.array(QUANTILES)[:, None, None] * (np.maximum(there, 1) - 1)).astype(np.intp)
    q = np.take_along_axis(ordered, at, axis=0)
    q[:, there < n_races / 2] = np.nan  # a car that is out in most races has no forecast
    rows = np.moveaxis(q, 0, -1).transpose(1, 0, 2)  # (cars, laps, quantiles)
    return RaceFan(
        car_id=car_id,
        lap=state.lap,
        plan=plan.label,
        reference=reference,
        cars=state.car_id,
        quantiles=QUANTILES,
        change_s=tuple(
            tuple(None if np.isnan(v[0]) else tuple(round(float(x), 2) for x in v) for v in car) for car in rows
        ),
        n_races=n_races,
        seed=seed,
    )


def _races(
    state: RaceState, car_id: str, plan: PitPlan, parameters: RaceParameters, n_races: int, seed: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.int32]]:
    """Return times at the line (NaN once out), who runs, who is at the pits, and the order; each ``(races, laps, cars)``."""
    packed = pack(state, parameters, [plan], car_id, seed)
    laps, n = packed.laps, packed.n
    status, wet, retire = np.zeros(laps, np.int32), np.zeros(laps, np.float32), np.zeros(L.CARS, np.int32)
    ticks = np.zeros((n_races, laps, n), np.int32)
    facts = np.zeros((n_races, laps, n, 5), np.int32)
    stationary = np.zeros((laps, n), np.float32)
    for r in range(n_races):
        numba_batch.trace(
            packed.f, packed.i, packed.plans[0], np.uint32(r), status, wet, retire, ticks[r], facts[r], stationary
        )
    running = facts[..., 4] != 0
    times = np.where(running, packed.start_ms / 1000 + ticks / L.TICKS, np.nan)
    stops = facts[..., 2] != 0
    pit = stops.copy()
    pit[:, 1:] |= stops[:, :-1]  # the lap in and the lap out
    return times, running, pit, facts[..., 3]


def _front_pace(
    since: npt.NDArray[np.float64],
    running: npt.NDArray[np.bool_],
    pit: npt.NDArray[np.bool_],
    position: npt.NDArray[np.int32],
) -> npt.NDArray[np.float64]:
    """Return the reference's time since now at the end of each lap, ``(races, laps)``: the median lap of the front half."""
    lap_s = np.diff(since, axis=1, prepend=0.0)
    front = position <= np.ceil(FRONT * running.sum(axis=2))[:, :, None]
    with np.errstate(invalid="ignore"):
        clean = np.where(front & running & ~pit, lap_s, np.nan)
        some = np.isfinite(clean).any(axis=2)
        clean[~some] = np.where(running, lap_s, np.nan)[~some]
        clean[~np.isfinite(clean).any(axis=2)] = 0.0  # nobody is left: the clock stands
        return np.asarray(np.cumsum(np.nanmedian(clean, axis=2), axis=1), dtype=np.float64)


__all__ = ["QUANTILES", "race_fan"]
