"""What a batch of simulated races says: integer counts, so that shards add up exactly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from racetwin.simulation.plans import PitPlan

WATCHED_RACES = 500
"""Races of the best plan in which the desk watches every other car: a share of them is known to 2 %."""
NO_GAP = -(2**31)
"""In ``gaps_ms``: one of the two cars did not finish."""
POINTS = (25, 18, 15, 12, 10, 8, 6, 4, 2, 1)
"""Championship points of a Grand Prix by finishing position (no fastest-lap point, as since 2025)."""
SPRINT_POINTS = (8, 7, 6, 5, 4, 3, 2, 1)


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """Outcome of ``n_races`` races for each of ``p`` plans of one car, all plans on the same random draws.

    Parameters
    ----------
    car_id
        The car whose plans were varied, and ``cars`` all cars in array order.
    positions : (p, n_races) uint8
        Its finishing position, 1-based, race by race: paired across plans (common random numbers).
    histogram : (p, n, n) int64
        ``histogram[k, i, j]``: races under plan ``k`` in which car ``i`` finished in position ``j + 1``.
    time_s : (p,) float64
        Mean race time of the car over the races it finished.
    seed, backend
        For the receipt.
    first_race
        Number of the first race in the seed's sequence: race ``first_race + r`` is the same race in whatever batch it was
        computed, so shards and later rounds continue where earlier ones ended.
    finished : (p,) int64
        Races in which the car saw the flag: the weights of ``time_s``. ``rint(1000 * time_s * finished)`` is the exact sum of
        race times in milliseconds.
    watched, watched_positions : (p, n_races, len(watched)) uint8
        Finishing positions, race by race, of the other cars that were asked for.
    gaps_ms : (p, n_races, len(watched)) int32
        How far ahead of each of them our car finishes, in ms (negative: behind), race by race; -2**31 where one of the two does
        not finish. :meth:`gaps_s` is the same in seconds.
    """

    car_id: str
    cars: tuple[str, ...]
    plans: tuple[PitPlan, ...]
    positions: npt.NDArray[np.uint8]
    histogram: npt.NDArray[np.int64]
    time_s: npt.NDArray[np.float64]
    n_races: int
    seed: int
    backend: str
    first_race: int = 0
    finished: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    watched: tuple[str, ...] = ()
    watched_positions: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0, 0), dtype=np.uint8))
    gaps_ms: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 0, 0), dtype=np.int32))

    def probabilities(self, car_id: str | None = None) -> npt.NDArray[np.float64]:
        """Return ``(p, n)`` probabilities of each finishing position of a car (default: the car of the plans)."""
        i = self.cars.index(car_id or self.car_id)
        return self.histogram[:, i, :] / self.n_races

    def gaps_s(self, car_id: str) -> npt.NDArray[np.float64]:
        """Return ``(p, n_races)`` seconds by which our car finishes ahead of a watched one; NaN where either does not finish."""
        ms = self.gaps_ms[..., self.watched.index(car_id)]
        return np.where(ms == NO_GAP, np.nan, ms / 1000.0)

    def points(self, table: tuple[int, ...] = POINTS) -> npt.NDArray[np.float64]:
        """Return ``(p, n_races)`` points scored, race by race."""
        lookup = np.zeros(256)
        lookup[1 : len(table) + 1] = table
        return lookup[self.positions]
