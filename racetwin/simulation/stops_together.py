"""Who else stops when a car stops: a rival's chance on the same lap and on the next, given the stop.

Teams see the same tyres, windows and gaps, so stops come in bunches; whoever runs just ahead of a car that stops answers on the
lap after it, and a damp track calls in the whole field.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from racetwin.simulation.parameters import RaceParameters
from racetwin.simulation.state import RaceState

FloatArray = npt.NDArray[np.float64]

USUAL = -3.3
"""Log hazard against which ``hazard`` counts."""
NEAR_S = 3.0
"""Gap over which ``near`` fades to a third, s."""
HAZARD_RANGE = (1e-4, 0.98)
AGE_RANGE = (-3.0, 3.0)
"""Limits of the difference in age, in ten laps."""
MAX_LOG_HAZARD = 1.5
"""Ceiling of the log hazard: above it a stop is as good as certain (99 % a lap)."""


def owes(p: RaceParameters, stops: int, compounds_used: int) -> bool:
    """Whether a dry race still asks a stop of a car; ``compounds_used`` is a bit mask over compound indices."""
    wet_run = bool(compounds_used >> 3)
    slicks = (compounds_used & 0b111).bit_count()
    return not wet_run and (stops < p.min_stops or (bool(p.two_compounds) and slicks < 2))


def stop_too(
    state: RaceState, car: int, hazard: FloatArray, p: RaceParameters, *, answering: bool = False
) -> FloatArray:
    """Return the chance of every car to stop at the end of the lap at which ``car`` does, given none before it.

    Parameters
    ----------
    state, car
        The race, and the index of the car that stops.
    hazard : (n,)
        Chance of a stop of each car at the end of that lap by itself; where it is nothing, it stays so.
    answering
        The lap is the one after the car's stop.
    """
    w = p.live.together
    eta = terms(state, car, hazard, p, answering=answering) @ np.array([getattr(w, name) for name in TERMS])
    return np.where(hazard > 0.0, chance(eta), 0.0)


TERMS = (
    "one", "hazard", "damp", "damp_hazard", "same", "age", "older", "more_stops", "owes", "near", "near_ahead", "answers",
)  # fmt: skip
"""The log factors, by their names in the parameter file."""


def terms(state: RaceState, car: int, hazard: FloatArray, p: RaceParameters, *, answering: bool = False) -> FloatArray:
    """Return ``(n, 12)`` what the log factors :data:`TERMS` are of, as :func:`stop_too` takes its arguments."""
    damp = np.full(state.n_cars, float(state.wetness > 0.0))
    gap_s = state.time_s - state.time_s[car]
    older = np.clip((state.tyre_age - state.tyre_age[car]) / 10.0, *AGE_RANGE)
    owing = np.array([owes(p, int(n), int(used)) for n, used in zip(state.stops, state.compounds_used, strict=True)])
    near = np.exp(-np.abs(gap_s) / NEAR_S)
    ahead = near * (gap_s < 0)
    above_usual = log_hazard(hazard) - USUAL
    return np.column_stack(
        [
            np.ones(state.n_cars),
            above_usual,
            damp,
            damp * above_usual,
            state.compound == state.compound[car],
            older,
            np.maximum(0.0, older),
            state.stops > state.stops[car],
            owing,
            near,
            ahead,
            ahead if answering else np.zeros(state.n_cars),
        ]
    )


def log_hazard(chance: FloatArray) -> FloatArray:
    """Return the complementary log-log of chances, within ``HAZARD_RANGE``."""
    return np.asarray(np.log(-np.log1p(-np.clip(chance, *HAZARD_RANGE))))


def chance(log_hazard: FloatArray) -> FloatArray:
    """Return the chances of log hazards."""
    return np.asarray(1.0 - np.exp(-np.exp(np.minimum(log_hazard, MAX_LOG_HAZARD))))
