"""What a plan's races look like lap by lap: where the car runs, where it rejoins, how far ahead of whom it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from racetwin.config import settings
from racetwin.errors import InputError
from racetwin.simulation.backends import numba_batch
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.parameters import RaceParameters
from racetwin.simulation.plans import MAX_STOPS, PitPlan
from racetwin.simulation.spec.pack import pack
from racetwin.simulation.state import RaceState


@dataclass(frozen=True, slots=True)
class PlanDetail:
    """One plan of one car over ``n_races`` races; counts are whole numbers, so batches add up exactly.

    Parameters
    ----------
    car_id, plan, rivals, n_races, seed
        What was run.
    first_lap
        Lap of the first row of ``positions``.
    positions : (laps, n) int64
        ``positions[l, j]``: races in which the car was in position ``j + 1`` after the lap.
    rejoins : (stops, n) int64
        ``rejoins[s, j]``: races in which it was in position ``j + 1`` at the end of the lap of its stop ``s + 1`` from now.
    gaps_s : (n_races, rivals) seconds
        How far ahead of each rival it finished (negative: behind); NaN where either did not finish.
    to_leader_s : (n_races, laps) seconds
        Gap to the leader after each lap; NaN once retired.
    """

    car_id: str
    plan: PitPlan
    rivals: tuple[str, ...]
    n_races: int
    seed: int
    first_lap: int
    positions: npt.NDArray[np.int64]
    rejoins: npt.NDArray[np.int64]
    gaps_s: npt.NDArray[np.float32]
    to_leader_s: npt.NDArray[np.float32]

    def position_quantiles(self, q: Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95)) -> npt.NDArray[np.int64]:
        """Return ``(laps, len(q))``: the position below or at which the car runs in a share ``q`` of races."""
        share = np.cumsum(self.positions, axis=1) / self.n_races
        return np.stack([(share < x - 1e-12).sum(axis=1) + 1 for x in q], axis=1)


def plan_detail(
    state: RaceState,
    plan: PitPlan,
    n_races: int,
    seed: int,
    *,
    car_id: str,
    rivals: Sequence[str] = (),
    parameters: RaceParameters | None = None,
    first_race: int = 0,
) -> PlanDetail:
    """Run the races that ``simulate`` counts for this plan and keep their laps.

    Parameters
    ----------
    rivals
        Cars the gap at the flag is wanted to.

    Raises
    ------
    InputError
        For a car, plan or number that makes no sense.
    """
    if n_races < 1:
        raise InputError(f"n_races: {n_races}, expected 1 or more")
    unknown = [c for c in rivals if c not in state.car_id]
    if unknown:
        raise InputError(f"rivals: car {unknown[0]!r} is not in this race; cars: {', '.join(state.car_id)}")
    parameters = parameters or load_parameters(state.circuit_id, state.season, settings().parameters)
    packed = pack(state, parameters, [plan], car_id, seed)
    laps, n = packed.laps, packed.n
    positions = np.zeros((laps, n), np.int64)
    rejoins = np.zeros((MAX_STOPS, n), np.int64)
    gaps = np.full((n_races, len(rivals)), np.nan, np.float32)
    to_leader = np.full((n_races, laps), np.nan, np.float32)
    who = np.array([state.index(c) for c in rivals], np.int32)
    numba_batch.detail(
        packed.f, packed.i, packed.plans[0], np.uint32(first_race), n_races, who, positions, rejoins, gaps, to_leader
    )
    return PlanDetail(car_id, plan, tuple(rivals), n_races, seed, state.lap + 1, positions, rejoins, gaps, to_leader)


__all__ = ["PlanDetail", "plan_detail"]
