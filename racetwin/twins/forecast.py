"""The next laps of a car, with intervals that are right as often as they say."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from racetwin.schemas import Estimate
from racetwin.twins.pace_filter import PaceFilter

FloatArray = npt.NDArray[np.float64]

LOW_90, HIGH_90 = 1.30, 2.0
"""Ends of the central 90 % interval in standard deviations: laps go wrong more often than they go better."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What drives in front of a car at the line.

    Parameters
    ----------
    gap_s : s
        To the car ahead on the road; infinite where free.
    lap_s
        Its expected next laps in seconds; None where not known.
    """

    gap_s: float = math.inf
    lap_s: FloatArray | None = None

    def snapshot(self) -> list[float] | None:
        """Return it as JSON-able values: gap, then laps; None where free."""
        if not math.isfinite(self.gap_s):
            return None
        return [self.gap_s, *(map(float, self.lap_s) if self.lap_s is not None else ())]

    @classmethod
    def restore(cls, saved: list[float] | None) -> Traffic:
        """Return what :meth:`snapshot` was taken of."""
        if saved is None:
            return cls()
        return cls(saved[0], np.array(saved[1:]) if len(saved) > 1 else None)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Lap times to come if the car stays out and the track is green: medians and spreads by lap, seconds."""

    median_s: FloatArray
    sd_s: FloatArray

    def interval(self) -> tuple[FloatArray, FloatArray]:
        """Ends of the central 90 % interval."""
        return self.median_s - LOW_90 * self.sd_s, self.median_s + HIGH_90 * self.sd_s

    def estimates(self, n: int) -> tuple[Estimate, ...]:
        """Return the first ``n`` laps as estimates with their 90 % intervals."""
        low, high = self.interval()
        return tuple(
            Estimate.model_construct(mean=float(m), low=float(a), high=float(b))
            for m, a, b in zip(self.median_s[:n], low[:n], high[:n], strict=True)
        )


def forecast(
    pace: PaceFilter, car: int, lap: int, compound: int, age: float, n: int, traffic: Traffic | None = None
) -> Forecast:
    """Forecast ``n`` laps after ``lap`` of a car on a set ``age`` laps old."""
    m = pace.model
    mean, variance = pace.ahead(car, lap, compound, age, n)
    variance = variance + m.noise_s**2 * max(1.0, pace.unrest)
    if traffic is not None and traffic.gap_s < m.dirty_air_range_s:
        mean = mean + pace.dirty_air_s(traffic.gap_s) * 0.8 ** np.arange(n)
    return Forecast(mean, np.sqrt(variance))
