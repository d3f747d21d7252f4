"""Worlds in which the race model is a little wrong: parameters and beliefs drawn anew, so that it does not judge itself.

A plan chosen with the model's numbers looks best under those very numbers. Judged in worlds whose numbers were drawn from what is
not known about them, a plan is worth what it is worth over the range in which the truth may lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from racetwin.simulation.parameter_file import load_errors
from racetwin.simulation.parameters import RaceParameters
from racetwin.simulation.state import RaceState

RELATIVE_SD: dict[str, float] = {
    "lap_noise_s": 0.15,
    "wear_s": 0.15,
    "cliff_s": 0.4,
    "dirty_air_s": 0.25,
    "dirty_air_range_s": 0.2,
    "follow_gap_s": 0.15,
    "pass_slope": 0.15,
    "pit_loss_sc_s": 0.12,
    "pit_loss_vsc_s": 0.12,
    "stationary_body_s": 0.15,
    "life_laps": 0.1,
    "sc_rate": 0.3,
    "vsc_rate": 0.3,
    "sc_retirement": 0.3,
    "vsc_retirement": 0.3,
    "retirement_rate": 0.25,
}
"""Spread, as a share of the value, of numbers whose standard error the parameter file does not tell."""
ABSOLUTE_SD: dict[str, float] = {
    "compound_offset_s": 0.08,
    "pit_loss_s": 0.5,
    "pass_circuit": 0.3,
    "stop_intercept": 0.3,
}
"""The same in the field's own unit; ``pit_loss_s`` is how far the loss of a race strays from its circuit's (quartiles, s)."""
_BELOW_ZERO = frozenset({"compound_offset_s", "track_evolution_s", "pass_circuit", "pass_intercept", "stop_intercept"})
_SHARES = frozenset({"sc_laps", "vsc_laps"})


def worlds(
    p: RaceParameters, state: RaceState, n: int, seed: int, path: Path | str | None = None
) -> Iterator[tuple[RaceParameters, RaceState]]:
    """Yield ``n`` worlds: parameters drawn from their standard errors, and each car's pace and wear from its twin's belief.

    Parameters
    ----------
    p, state
        The numbers and the race as believed.
    n, seed
        Of the worlds; the same seed gives the same worlds.
    path
        Parameter file that tells the standard errors; by default the one shipped.

    Notes
    -----
    Each number is drawn from a normal distribution around what is believed, cut at three standard errors; a number that cannot
    be negative is kept at zero or above. Pace and wear are drawn once a world and not once a race: what the twins have got wrong
    they have got wrong in every race that is simulated from their state.
    """
    told = load_errors(p.circuit_id, p.season, path)
    draw = np.random.Generator(np.random.Philox(key=seed))
    for _ in range(n):
        changes = {f.name: value for f in fields(p) if (value := _drawn(p, f.name, told, draw)) is not None}
        pace = state.pace_mean + state.pace_sd * draw.standard_normal(state.n_cars)
        wear = np.maximum(0.1, state.wear_mean + state.wear_sd * draw.standard_normal(state.n_cars))
        yield p.replace(**changes), state.replace(pace_mean=pace, wear_mean=wear)


def _drawn(p: RaceParameters, name: str, told: dict[str, Any], draw: np.random.Generator) -> Any:
    value = getattr(p, name)
    if not isinstance(value, float | tuple):
        return None
    believed = np.atleast_1d(np.asarray(value, dtype=float))
    sd = np.zeros(len(believed))
    if name in told and np.size(told[name]) in (1, len(believed)):
        sd = sd + np.asarray(told[name], dtype=float)
    sd = np.maximum(sd, RELATIVE_SD.get(name, 0.0) * np.abs(believed) + ABSOLUTE_SD.get(name, 0.0))
    if not sd.any():
        return None
    drawn = believed + sd * np.clip(draw.standard_normal(len(believed)), -3, 3)
    if name not in _BELOW_ZERO:
        drawn = np.where(believed < 0.0, drawn, np.maximum(drawn, 0.05 * believed))
    if name in _SHARES:
        drawn = drawn / drawn.sum()
    if name == "compound_offset_s":
        drawn[1] = believed[1]  # mediums are what the others are measured on
    return tuple(map(float, drawn)) if isinstance(value, tuple) else float(drawn[0])
