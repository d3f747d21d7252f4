"""How often it happened in the races before: plain rules that know no model, and of a race only what anybody can count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from racetwin.calibration.incidents import leader_laps
from racetwin.calibration.tables import RaceTables

FloatArray = npt.NDArray[np.float64]

SAFETY_CAR_EVERY = 5
SAFETY_CAR_LAPS = 10
STOP_LAPS = 5
PROBABILITY_SHARES = tuple(k / 10 for k in range(10))
PLACES_ASKED = (("win", 1), ("podium", 3), ("points", 10))
LAST_PLACE = 24
OLDEST = 60
BELIEF = 5.0
"""Moments that the share over all ages, or all places, weighs as at a single one."""


def _unknown() -> FloatArray:
    return np.full(0, np.nan)


@dataclass(frozen=True, slots=True)
class Climatology:
    """What the races before one say; nothing before any.

    Parameters
    ----------
    safety_car
        Share of every fifth lap under green that had a safety car deployed within the next ten; NaN where not known.
    places : (10, 24, 3)
        Share of cars in a place at a tenth of the distance that won, came on the podium, in the points.
    stop_within : (60,)
        Share of cars on slicks of an age that stopped within the next five laps.
    """

    safety_car: float = float("nan")
    places: FloatArray = field(default_factory=_unknown)
    stop_within: FloatArray = field(default_factory=_unknown)

    def place(self, share: float, place: int, what: str) -> float:
        """Return how often a car in that place at that share of the distance got there."""
        if not self.places.size:
            return float("nan")
        k = [name for name, _ in PLACES_ASKED].index(what)
        return float(self.places[round(10 * share), min(place, LAST_PLACE) - 1, k])

    def stop(self, age: float) -> float:
        """Return how often a set of that age was changed within the next five laps."""
        return float(self.stop_within[int(min(max(age, 0), OLDEST - 1))]) if self.stop_within.size else float("nan")


def before_each(tables: RaceTables) -> dict[str, Climatology]:
    """Return by race what all the races before it say."""
    safety_cars = safety_cars_before(tables.laps, [str(r) for r in tables.races.race_id])
    final = pd.to_numeric(tables.results.position, errors="coerce").to_numpy()
    keys = zip(tables.results.race_id.astype(str), tables.results.driver_number, strict=True)
    finished = {(r, int(c)): int(f) if np.isfinite(f) else 99 for (r, c), f in zip(keys, final, strict=True)}
    grid = tables.results.assign(grid=pd.to_numeric(tables.results.grid, errors="coerce")).sort_values("grid")
    lined_up = {str(r): g.driver_number for r, g in grid.groupby("race_id", sort=False)}
    laps = {str(r): g for r, g in tables.laps.groupby("race_id", sort=False)}
    cars, got = np.zeros((10, LAST_PLACE)), np.zeros((10, LAST_PLACE, len(PLACES_ASKED)))
    asked, stopped = np.zeros(OLDEST), np.zeros(OLDEST)
    out = {}
    for race in (str(r) for r in tables.races.race_id):
        out[race] = Climatology(safety_cars[race], _shares(got, cars[..., None]), _by_age(stopped, asked))
        t = laps.get(race)
        if t is None:
            continue
        for tenth, place, best in _standings(t, lined_up.get(race, t.driver_number[:0]), race, finished):
            cars[tenth, place] += 1
            got[tenth, place] += [best <= last for _, last in PLACES_ASKED]
        ages, within = _sets(t)
        np.add.at(asked, ages, 1)
        np.add.at(stopped, ages, within)
    return out


def _shares(happened: FloatArray, asked: FloatArray) -> FloatArray:
    """Return shares, those of places seldom seen drawn to the share over all places."""
    if not asked.sum():
        return _unknown()
    usual = happened.sum(axis=1, keepdims=True) / np.maximum(asked.sum(axis=1, keepdims=True), 1)
    return np.asarray((happened + BELIEF * usual) / (asked + BELIEF))


def _by_age(stopped: FloatArray, asked: FloatArray) -> FloatArray:
    """Return the share by age, each with its neighbours'."""
    if not asked.sum():
        return _unknown()
    usual = stopped.sum() / asked.sum()
    near = np.ones(3)
    happened, seen = np.convolve(stopped, near, mode="same"), np.convolve(asked, near, mode="same")
    return np.asarray((happened + BELIEF * usual) / (seen + BELIEF))


def _standings(
    t: pd.DataFrame, grid: pd.Series[int], race: str, finished: dict[tuple[str, int], int]
) -> Iterator[tuple[int, int, int]]:
    """Yield tenth of the distance, place held (from 0) and place at the flag of every car still racing then."""
    total = int(t.lap.max())
    timed = t[t.race_time_s.notna()]
    for k, share in enumerate(PROBABILITY_SHARES):
        lap = round(share * total)
        order = timed[timed.lap == lap].sort_values("race_time_s").driver_number if lap else grid
        for place, car in enumerate(order[:LAST_PLACE]):
            yield k, place, finished.get((race, int(car)), 99)


def _sets(t: pd.DataFrame) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return the ages of slicks lap by lap, and whether they were changed within five laps, where that was to be seen."""
    last = t.groupby("driver_number").lap.transform("max")
    stop = (t.pit_in_time_s.notna() & ~t.is_red & (t.lap < last)).to_numpy()
    car, lap = t.driver_number.to_numpy(), t.lap.to_numpy()
    stops = set(zip(car[stop], lap[stop], strict=True))
    asked = t.compound_index.between(0, 2) & t.age.notna() & ~t.pit_in & (t.lap > 1)
    asked &= (t.lap + STOP_LAPS <= last) & (t.lap <= t.lap.max() - STOP_LAPS)
    where = np.flatnonzero(asked.to_numpy())
    within = [any((car[i], lap[i] + k) in stops for k in range(1, STOP_LAPS + 1)) for i in where]
    return np.clip(t.age.to_numpy()[where], 0, OLDEST - 1).astype(np.int64), np.array(within, dtype=bool)


def safety_cars_before(laps: pd.DataFrame, races: list[str]) -> dict[str, float]:
    """Return by race the share of the moments asked about, in all races before it, that a safety car followed.

    Parameters
    ----------
    laps
        Lap tables as calibration has them.
    races
        Their ids in time order. The first one has nothing before it: NaN.

    Returns
    -------
    dict
        Share of every fifth lap under green that had one deployed within the next ten.
    """
    codes = {str(r): g.set_index("lap").code for r, g in leader_laps(laps).groupby("race_id", sort=False)}
    out, asked, followed = {}, 0, 0
    for race in races:
        out[race] = followed / asked if asked else float("nan")
        code = codes.get(race)
        if code is None:
            continue
        car = (code == "SC").to_numpy()
        deployed = code.index.to_numpy()[car & ~np.concatenate([[False], car[:-1]])]
        total = int(code.index.max())
        for lap in range(SAFETY_CAR_EVERY, total - SAFETY_CAR_LAPS + 1, SAFETY_CAR_EVERY):
            if code.get(lap, "G") == "G":
                asked += 1
                followed += bool(((deployed > lap) & (deployed <= lap + SAFETY_CAR_LAPS)).any())
    return out
