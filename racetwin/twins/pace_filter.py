"""The filter behind every CarTwin: one Gaussian belief over the level of the day, its tyres and every car's pace and wear.

A lap of car *i* on compound *c*, ``a`` laps into the set and with ``m`` kg aboard, is

    y = level + offset[c] + wear[c] a + cliff(c, a) + fuel m + traffic
        + pace[i] + set_wear[i] a + mood[i] + noise

The first terms are common to the field and learnt from all cars, so that a circuit or a day the calibration got wrong is put
right within a few laps; the last belong to the car. ``mood`` is an autoregressive deviation (pushing, managing, following). The
belief is a Kalman filter over all of it at once: a rival's laps on hards tell what hards will do on ours. In a stint, fuel and
wear rise together; the fuel term is therefore known from the calibration and not estimated.

Outliers weigh less, as under a Student distribution (one reweighting step; Meinhold and Singpurwalla, "Robustification of Kalman
filter models", JASA 84, 1989), more so when slow than when fast, since mistakes and traffic only ever cost time.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from racetwin.twins.pace_model import PaceModel

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LEVEL, DRIFT, OFFSET, WEAR, COMMON = 0, 1, 2, 7, 12
"""Where things stand in the state vector: level, drift, five offsets, five wear rates; then three values a car."""
PACE, SET_WEAR, MOOD, PER_CAR = 0, 1, 2, 3
MEDIUM = 1
UNKNOWN_COMPOUND_SD_S = 0.5
"""What not knowing the compound adds to a lap's uncertainty, in seconds: the spread of the slicks' offsets."""


@dataclass(slots=True)
class LapInput:
    """What the filter needs to know of a lap besides its time.

    Parameters
    ----------
    lap : laps
        The lap it was, from 1.
    compound
        Index into ``schemas.COMPOUNDS``; -1 where unknown.
    age : laps
        Of the set, at the end of the lap.
    traffic_s : s
        Expected of it beyond a lap in free air: what following another car or letting one by costs.
    variance_factor
        Above 1 where the lap tells less: traffic, yellow flags, a restart.
    """

    lap: int
    compound: int
    age: float
    traffic_s: float = 0.0
    variance_factor: float = 1.0


@dataclass(slots=True)
class PaceFilter:
    """Joint belief over the field; see the module's text for the model.

    Examples
    --------
    >>> f = PaceFilter(PaceModel(reference_s=90.0))
    >>> f.add("44")
    0
    >>> for lap in range(2, 12):
    ...     _ = f.start_lap(lap)
    ...     residual = f.learn(0, 91.0 - 0.03 * lap, LapInput(lap, compound=1, age=lap))
    >>> abs(residual) < 0.5
    True
    """

    model: PaceModel
    cars: dict[str, int] = field(default_factory=dict)
    x: FloatArray = field(default_factory=lambda: np.zeros(COMMON))
    P: FloatArray = field(default_factory=lambda: np.zeros((COMMON, COMMON)))
    lap: int = 0
    unrest: float = 1.0
    wet: bool = False
    been_wet: bool = False
    fuel_share: float = 1.0
    """Fuel aboard against what would be if no lap had been slow: what slow laps spared is burnt over the laps left.

    Lap times are expected as of fuel that is burnt evenly whatever happens: with what slow laps spare in them, the laps after a
    safety car were forecast worse (docs/calibration.md).
    """

    def __post_init__(self) -> None:
        if self.P[LEVEL, LEVEL] == 0.0:
            self._begin()

    def _begin(self) -> None:
        m = self.model
        self.x[LEVEL], self.x[DRIFT] = m.reference_s, m.drift_s
        self.x[OFFSET : OFFSET + 5] = m.offset_s
        self.x[WEAR : WEAR + 5] = m.wear_s
        slick, wet = m.offset_sd_s**2, m.wet_offset_sd_s**2
        # Mediums are what the level is measured on, so their offset is zero by definition.
        variances = [m.reference_sd_s**2, m.drift_sd_s**2, slick, 0.0, slick, wet, wet, *[m.wear_sd_s**2] * 5]
        self.P[np.arange(COMMON), np.arange(COMMON)] = variances

    # --- the field moves on ------------------------------------------------------------------------------------------

    def add(self, car_id: str) -> int:
        """Take a car in (if it is new) and return its index."""
        found = self.cars.get(car_id)
        if found is not None:
            return found
        m, n = self.model, len(self.x)
        self.x = np.concatenate([self.x, np.zeros(PER_CAR)])
        grown = np.zeros((n + PER_CAR, n + PER_CAR))
        grown[:n, :n] = self.P
        grown[n + PACE, n + PACE] = m.pace_sd_s**2
        grown[n + SET_WEAR, n + SET_WEAR] = m.set_wear_sd_s**2
        grown[n + MOOD, n + MOOD] = m.mood_sd_s**2 / (1 - m.mood_persistence**2)
        self.P = grown
        self.cars[car_id] = len(self.cars)
        return self.cars[car_id]

    def expect_pace(self, car: int, mean_s: float, sd_s: float, wear_s: float = 0.0) -> None:
        """Set what is known of a car before its first lap: pace against the field (s a lap), and wear (s a lap per lap)."""
        self.x[COMMON + PER_CAR * car + SET_WEAR] = wear_s
        k = COMMON + PER_CAR * car + PACE
        self.x[k] = mean_s
        self.P[k, :] = 0.0
        self.P[:, k] = 0.0
        self.P[k, k] = sd_s**2

    def start_lap(self, lap: int) -> None:
        """Let the level of the day move, once for each lap the leader has begun."""
        m = self.model
        while self.lap < lap:
            self.lap += 1
            walk = (m.level_walk_wet_s if self.wet else m.level_walk_s) ** 2 * max(1.0, self.unrest)
            self.x[LEVEL] += self.x[DRIFT]
            self.P[LEVEL, :] += self.P[DRIFT, :]
            self.P[:, LEVEL] += self.P[:, DRIFT]
            self.P[LEVEL, LEVEL] += walk
            self.P[DRIFT, DRIFT] += m.drift_walk_s**2
            if self.wet:
                for k in (3, 4):
                    self.P[OFFSET + k, OFFSET + k] += m.level_walk_wet_s**2

    def slow_lap(self, lap: int, *, virtual: bool) -> None:
        """Burn less fuel on a lap that the leader did behind a safety car, or under a virtual one."""
        m = self.model
        left = m.total_laps - lap
        if left > 0:
            burnt = m.vsc_fuel if virtual else m.sc_fuel
            self.fuel_share *= (left + 1.0 - burnt) / left

    def car_lap(self, car: int) -> None:
        """Let a car's own pace move by one of its laps, whether the lap can be learnt from or not."""
        m, b = self.model, COMMON + PER_CAR * car
        k = b + MOOD
        self.x[k] *= m.mood_persistence
        self.P[k, :] *= m.mood_persistence
        self.P[:, k] *= m.mood_persistence
        self.P[k, k] += m.mood_sd_s**2
        self.P[b + PACE, b + PACE] += m.pace_walk_s**2

    def new_set(self, car: int, wear_s: float = 0.0) -> None:
        """Forget what belonged to the old set of tyres; the car's pace stays, a little less certain.

        ``wear_s`` is what the car is known to wear its sets beyond the field, in seconds a lap per lap.
        """
        m, b = self.model, COMMON + PER_CAR * car
        self.P[b + PACE, b + PACE] += m.set_pace_sd_s**2
        for k, variance in ((SET_WEAR, m.set_wear_sd_s**2), (MOOD, m.mood_sd_s**2 / (1 - m.mood_persistence**2))):
            self.x[b + k] = 0.0
            self.P[b + k, :] = 0.0
            self.P[:, b + k] = 0.0
            self.P[b + k, b + k] = variance
        self.x[b + SET_WEAR] = wear_s

    # --- a lap is learnt from ----------------------------------------------------------------------------------------

    def fuel_kg(self, laps_completed: float) -> float:
        """Fuel aboard after some laps, as far as the race has shown."""
        return self.model.fuel_kg(laps_completed) * self.fuel_share

    def known_s(self, lap: float, compound: int, age: float) -> float:
        """Part of a lap time that is not estimated: fuel at mid-lap, and the convex part of wear."""
        m = self.model
        return m.fuel_s_per_kg * m.fuel_kg(lap - 0.5) + m.cliff(compound if compound >= 0 else MEDIUM, age)

    def learn(self, car: int, lap_time_s: float, lap: LapInput) -> float:
        """Update the belief with a racing lap; return the lap time minus what was expected, in seconds."""
        m, x, P = self.model, self.x, self.P
        c = lap.compound if lap.compound >= 0 else MEDIUM
        b = COMMON + PER_CAR * car
        at = [LEVEL, OFFSET + c, WEAR + c, b + PACE, b + SET_WEAR, b + MOOD]
        h = np.array([1.0, 1.0, lap.age, 1.0, lap.age, 1.0])
        expected = float((x[at] * h).sum()) + self.known_s(lap.lap, c, lap.age) + lap.traffic_s
        Ph = (P[:, at] * h).sum(axis=1)
        prior = float((Ph[at] * h).sum())
        noise = m.noise_s**2 * lap.variance_factor
        if lap.compound < 0:
            noise += UNKNOWN_COMPOUND_SD_S**2
        residual = lap_time_s - expected
        z2 = residual * residual / (prior + noise)
        nu = m.nu_slow if residual > 0 else m.nu_fast
        noise *= min(m.cap, max(1.0, (nu + z2) / (nu + 1.0)))
        s = prior + noise
        x += Ph * (residual / s)
        P -= (Ph[:, None] * Ph[None, :]) / s  # written so that it stays symmetric to the last bit
        self.unrest += m.calm * (min(z2, 25.0) - self.unrest)
        return residual

    # --- what is believed --------------------------------------------------------------------------------------------

    def ahead(self, car: int, lap: int, compound: int, age: float, n: int) -> tuple[FloatArray, FloatArray]:
        """Expect the next ``n`` laps after ``lap`` in free air: means (s) and variances (s^2) without the lap noise."""
        m, b = self.model, COMMON + PER_CAR * car
        c = compound if compound >= 0 else MEDIUM
        k = np.arange(1.0, n + 1.0)
        H = np.empty((n, 7))
        H[:, 0] = H[:, 2] = H[:, 4] = 1.0
        H[:, 1] = k
        H[:, 3] = H[:, 5] = age + k
        H[:, 6] = m.mood_persistence**k
        at = np.array([LEVEL, DRIFT, OFFSET + c, WEAR + c, b + PACE, b + SET_WEAR, b + MOOD])
        mean = (H * self.x[at]).sum(axis=1)
        fuel = np.maximum(0.0, 1.0 - (lap + k - 0.5) / m.total_laps) * m.fuel_start_kg * m.fuel_s_per_kg
        over = np.maximum(0.0, age + k - m.cliff_age[c])
        mean += fuel + m.cliff_s[c] * over * over
        variance = (np.einsum("ij,jk->ik", H, self.P[at[:, None], at]) * H).sum(axis=1)
        walk = (m.level_walk_wet_s if self.wet else m.level_walk_s) ** 2 * max(1.0, self.unrest)
        phi2 = m.mood_persistence**2
        variance += k * (walk + m.pace_walk_s**2) + m.mood_sd_s**2 * (1 - phi2**k) / (1 - phi2)
        if compound < 0:
            variance += UNKNOWN_COMPOUND_SD_S**2
        return mean, variance

    def expect(self, car: int, lap: float, compound: int, age: float) -> tuple[float, float]:
        """Expect one lap of a car on another set: mean (s) and variance (s^2), without the lap noise."""
        c = compound if compound >= 0 else MEDIUM
        at = [LEVEL, OFFSET + c, WEAR + c, COMMON + PER_CAR * car + PACE]
        h = np.array([1.0, 1.0, age, 1.0])
        variance = float(((self.P[:, at] * h).sum(axis=1)[at] * h).sum()) + self.model.set_pace_sd_s**2
        return self.expect_s(car, lap, compound, age), variance

    def expect_s(self, car: int, lap: float, compound: int, age: float) -> float:
        """Return the mean of :meth:`expect` alone, s."""
        c, x = compound if compound >= 0 else MEDIUM, self.x
        today = x[LEVEL] + x[OFFSET + c] + x[WEAR + c] * age + x[COMMON + PER_CAR * car + PACE]
        return float(today) + self.known_s(lap, c, age)

    def fresh_s(self, cars: IntArray, laps: FloatArray, compounds: int, age: float) -> FloatArray:
        """Expect one lap of each of several cars on another set of each of the first compounds: ``(cars, compounds)``, s.

        Row by row what :meth:`expect_s` expects of ``laps[i]``, to the last bit.
        """
        m, x, c = self.model, self.x, np.arange(compounds)
        common = x[LEVEL] + x[OFFSET + c] + x[WEAR + c] * age
        fuel = m.fuel_s_per_kg * (m.fuel_start_kg * np.maximum(0.0, 1.0 - (laps - 0.5) / m.total_laps))
        cliff = np.array([m.cliff(int(k), age) for k in c])
        pace = x[COMMON + PER_CAR * cars + PACE]
        return np.asarray((common + pace[:, None]) + (fuel[:, None] + cliff))

    def set_wear(self, car: int) -> float:
        """Wear of a car's present set against its compound's, in seconds a lap per lap: negative is gentle."""
        return float(self.x[COMMON + PER_CAR * car + SET_WEAR])

    def pace(self, car: int) -> tuple[float, float]:
        """Mean and standard deviation of a car's pace against the field's level, in seconds a lap."""
        k = COMMON + PER_CAR * car + PACE
        return float(self.x[k]), math.sqrt(max(0.0, float(self.P[k, k])))

    def paces(self) -> tuple[FloatArray, FloatArray]:
        """Return :meth:`pace` of all cars, by their indices: means and standard deviations, in seconds a lap."""
        k = slice(COMMON + PACE, None, PER_CAR)
        return self.x[k], np.sqrt(np.maximum(0.0, np.diagonal(self.P)[k]))

    def mood(self, car: int) -> float:
        """Present deviation of a car from its own pace, in seconds."""
        return float(self.x[COMMON + PER_CAR * car + MOOD])

    def wear(self, car: int, compound: int) -> tuple[float, float]:
        """Mean and standard deviation of the linear wear of a car's present set, in seconds a lap per lap."""
        c = WEAR + (compound if compound >= 0 else MEDIUM)
        k = COMMON + PER_CAR * car + SET_WEAR
        P = self.P
        return float(self.x[c] + self.x[k]), math.sqrt(max(0.0, float(P[c, c] + P[k, k] + 2 * P[c, k])))

    def compounds(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Offsets (s) and linear wear (s per lap) of the five compounds, as believed now."""
        return tuple(map(float, self.x[OFFSET : OFFSET + 5])), tuple(map(float, self.x[WEAR : WEAR + 5]))

    # --- snapshot ----------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Everything learnt, as JSON-able values that restore to the last bit."""
        upper = self.P[np.triu_indices(len(self.x))]
        return {
            "cars": list(self.cars),
            "lap": self.lap,
            "unrest": self.unrest,
            "wet": self.wet,
            "been_wet": self.been_wet,
            "fuel_share": self.fuel_share,
            "x": _pack(self.x),
            "P": _pack(upper),
        }

    @classmethod
    def restore(cls, model: PaceModel, saved: dict[str, Any]) -> PaceFilter:
        """Take up a belief where :meth:`snapshot` left it."""
        x = _unpack(saved["x"])
        P = np.zeros((len(x), len(x)))
        rows, columns = np.triu_indices(len(x))
        P[rows, columns] = P[columns, rows] = _unpack(saved["P"])
        cars = {str(c): i for i, c in enumerate(saved["cars"])}
        wet, been_wet = bool(saved["wet"]), bool(saved["been_wet"])
        share = float(saved["fuel_share"])
        return cls(model, cars, x, P, int(saved["lap"]), float(saved["unrest"]), wet, been_wet, share)


def _pack(values: FloatArray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f8").tobytes()).decode("ascii")


def _unpack(text: str) -> FloatArray:
    return np.frombuffer(base64.b64decode(text), dtype="<f8").copy()
