"""The next laps of a car, with intervals that are right as often as they say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from racetwin.schemas import Estimate
from racetwin.simulation.live import LapShape
from racetwin.twins.pace_filter import PaceFilter
from racetwin.twins.pace_model import PaceModel

FloatArray = npt.NDArray[np.float64]

SLICKS = 2
"""Indices of compounds up to this one are slicks, or not known."""
LEVELS: FloatArray = np.asarray((np.arange(20) + 0.5) / 20.0, dtype=np.float64)
"""Levels at which the shape of a forecast is known: the middles of twenty equal shares of probability."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What surrounds a car on the road when it crosses the line.

    Parameters
    ----------
    gap_s : s
        To the car ahead, if that runs for itself (on the same lap); infinite where free.
    lap_s : s
        Expected lap times of that car; empty where not known.
    lapping_s : s
        How far behind at the line a car is expected that is about to lap this one; infinite where none is.
    closing_s : s per lap
        What that car gains a lap.
    """

    gap_s: float = math.inf
    lap_s: tuple[float, ...] = ()
    lapping_s: float = math.inf
    closing_s: float = 0.0

    def snapshot(self) -> list[Any]:
        """Return it as JSON-able values; None stands for infinite."""
        gap, lapping = (v if math.isfinite(v) else None for v in (self.gap_s, self.lapping_s))
        return [gap, list(self.lap_s), lapping, self.closing_s]

    @classmethod
    def restore(cls, saved: list[Any]) -> Traffic:
        """Return what :meth:`snapshot` was taken of."""
        gap, laps, lapping, closing = saved
        return cls(math.inf if gap is None else gap, tuple(laps), math.inf if lapping is None else lapping, closing)

    @property
    def is_free(self) -> bool:
        """Whether nothing is near."""
        return not (math.isfinite(self.gap_s) or math.isfinite(self.lapping_s))


def traffic_s(m: PaceModel, mean: FloatArray, traffic: Traffic) -> tuple[FloatArray, FloatArray]:
    """Return what traffic is expected to add to each of the coming laps (s), and the variance it brings (s^2)."""
    n = len(mean)
    loss, variance = np.zeros(n), np.zeros(n)
    k = np.arange(n)
    if math.isfinite(traffic.gap_s):
        near = math.exp(-((traffic.gap_s / m.follow_range_s) ** 2)) * m.follow_memory**k
        air = max(0.0, 1.0 - traffic.gap_s / m.dirty_air_range_s) * m.follow_memory**k
        loss += m.dirty_air_s * air
        known = min(n, len(traffic.lap_s))
        loss[:known] += m.follow_share * near[:known] * (np.array(traffic.lap_s[:known]) - mean[:known])
        variance += m.follow_sd_s**2 * near
    if math.isfinite(traffic.lapping_s):
        width = m.blue_width_s * (1.0 + 0.5 * k)  # the later the lap, the less sure it is that it is this one
        off = (traffic.lapping_s - k * traffic.closing_s - m.blue_gap_s) / width
        share = np.exp(-(off**2)) / (1.0 + 0.5 * k)
        loss += m.blue_s * share
        variance += m.blue_sd_s**2 * share
    return loss, variance


@dataclass(frozen=True, slots=True)
class Forecast:
    """Lap times to come if the car stays out and the track is green: medians and spreads by lap, seconds.

    ``traffic_s`` is the part of the median that traffic adds; ``shape`` is how laps fall around it.
    """

    median_s: FloatArray
    sd_s: FloatArray
    traffic_s: FloatArray
    shape: LapShape

    def snapshot(self) -> list[list[float]]:
        """Return it as JSON-able values."""
        return [self.median_s.tolist(), self.sd_s.tolist(), self.traffic_s.tolist()]

    @classmethod
    def restore(cls, saved: list[list[float]], shape: LapShape) -> Forecast:
        """Return what :meth:`snapshot` was taken of; the shape is the parameter file's."""
        median, sd, traffic = (np.array(values) for values in saved)
        return cls(median, sd, traffic, shape)

    def interval(self) -> tuple[FloatArray, FloatArray]:
        """Ends of the central 90 % interval."""
        return self.median_s - self.shape.low * self.sd_s, self.median_s + self.shape.high * self.sd_s

    @staticmethod
    def quantiles_of(median_s: FloatArray, sd_s: FloatArray, shape: LapShape) -> FloatArray:
        """Return ``(n, 20)`` quantiles at ``LEVELS`` of forecasts with these medians, spreads and shape."""
        return np.asarray(median_s[:, None] + sd_s[:, None] * np.array(shape.quantiles))

    def estimates(self, n: int) -> tuple[Estimate, ...]:
        """Return the first ``n`` laps as estimates with their 90 % intervals."""
        low, high = self.interval()
        return tuple(
            Estimate(mean=m, low=a, high=b)
            for m, a, b in zip(self.median_s[:n].tolist(), low[:n].tolist(), high[:n].tolist(), strict=True)
        )


def forecast(
    pace: PaceFilter, car: int, lap: int, compound: int, age: float, n: int, traffic: Traffic | None = None
) -> Forecast:
    """Forecast ``n`` laps after ``lap`` of a car on a set ``age`` laps old."""
    m = pace.model
    mean, variance = pace.ahead(car, lap, compound, age, n)
    variance = variance + m.noise_s**2
    wider = m.damp_day_spread if pace.been_wet and compound <= SLICKS else 1.0
    if traffic is None or traffic.is_free:
        return Forecast(mean, wider * np.sqrt(variance), np.zeros(n), m.shape)
    loss, more = traffic_s(m, mean, traffic)
    return Forecast(mean + loss, wider * np.sqrt(variance + more), loss, m.shape)
