"""How lap times grow with the age of a set: the one fit that the tyre panel and the report's figures draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

FUEL_S_PER_LAP = 0.055
"""By how much a lap gets quicker with each lap's fuel burnt, s, where the load is not known: 1.8 kg a lap."""
LEAST_LAPS = 4
"""Laps that make a line."""
SLOW_S = 2.5
"""A lap further from the stint's median says nothing about wear."""
POINTS = 12
"""Points of the line."""


@dataclass(frozen=True)
class WearFit:
    """A straight line through the laps of one set.

    Parameters
    ----------
    slope, low, high : s a lap
        Extra time that each further lap costs, with its central 90 % interval.
    line
        ``(n, 4)``: age in laps, then low, middle, high of the lap time there, s.
    """

    slope: float
    low: float
    high: float
    line: FloatArray


def fit_wear(age: Sequence[float] | FloatArray, time_s: Sequence[float] | FloatArray) -> WearFit | None:
    """Fit a line to lap times by tyre age: least squares, intervals by Student's t; None where fewer than four laps are left.

    The laps should have their fuel taken out: within a stint age and fuel burn run together, and a line through laps as timed
    slopes by wear less burn. Laps more than :data:`SLOW_S` off the stint's median (rain, mistakes, traffic) are left out.
    """
    x, y = np.asarray(age, dtype=np.float64), np.asarray(time_s, dtype=np.float64)
    if len(x):
        kept = np.abs(y - np.median(y)) <= SLOW_S
        x, y = x[kept], y[kept]
    n = len(x)
    if n < LEAST_LAPS or np.ptp(x) == 0:
        return None
    middle = x.mean()
    square = ((x - middle) ** 2).sum()
    slope = float(((x - middle) * (y - y.mean())).sum() / square)
    rest = y - y.mean() - slope * (x - middle)
    reach = t90(n - 2) * np.sqrt((rest**2).sum() / (n - 2))
    at = np.linspace(x.min(), x.max(), POINTS)
    line = y.mean() + slope * (at - middle)
    half = reach * np.sqrt(1 / n + (at - middle) ** 2 / square)
    spread = float(reach / np.sqrt(square))
    return WearFit(slope, slope - spread, slope + spread, np.column_stack([at, line - half, line, line + half]))


def t90(freedom: int) -> float:
    """Student's t that leaves 5 % on either side, by its expansion in ``1/freedom``: within 1.3 % from two degrees on."""
    z, f = 1.6448536, float(freedom)
    first = (z**2 + 1) / (4 * f)
    second = (5 * z**4 + 16 * z**2 + 3) / (96 * f**2)
    third = (3 * z**6 + 19 * z**4 + 17 * z**2 - 15) / (384 * f**3)
    return z * (1 + first + second + third)
