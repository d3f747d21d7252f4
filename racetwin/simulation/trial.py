"""A plan of one's own, raced against the one at hand: what the scenario bench asks while a stop is being dragged."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from racetwin.config import Settings
from racetwin.config import settings as process_settings
from racetwin.schemas import Comparison, PlanTrial, Receipt, TriedPlan
from racetwin.simulation.candidates import check_plan, legal
from racetwin.simulation.levers import parse_lever
from racetwin.simulation.montecarlo import simulate
from racetwin.simulation.objectives import is_sprint
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.parameters import RaceParameters, for_race
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.results import POINTS, SPRINT_POINTS, SimulationResult
from racetwin.simulation.search import CLOSE, difference
from racetwin.simulation.state import RaceState


def try_plan(
    state: RaceState,
    car_id: str,
    plan: PitPlan,
    against: PitPlan,
    *,
    lever: str | None = None,
    n_races: int | None = None,
    seed: int | None = None,
    settings: Settings | None = None,
    parameters: RaceParameters | None = None,
) -> PlanTrial:
    """Race a plan beside another on the same random draws.

    Parameters
    ----------
    plan
        The plan that is tried; with ``lever``, in the race as that lever makes it.
    against
        The plan it is held against, in the race as it is.
    lever
        One or more levers as :func:`racetwin.simulation.levers.parse_lever` reads them.
    n_races, seed
        By default those of the settings: the races that the desk's own answer counted.
    parameters
        Race-model numbers; by default those of the settings' file.

    Raises
    ------
    InputError
        For a plan that the car cannot carry out, or a lever that makes no sense.
    """
    chosen = settings or process_settings()
    n = chosen.races if n_races is None else n_races
    seed = chosen.seed if seed is None else seed
    changed = state if lever is None else parse_lever(lever).apply(state)
    check_plan(state, car_id, against)
    check_plan(changed, car_id, plan)
    p = parameters or for_race(load_parameters(state.circuit_id, state.season, chosen.parameters), state.race_id)
    table = SPRINT_POINTS if is_sprint(state) else POINTS

    def race(where: RaceState, one: PitPlan) -> SimulationResult:
        return simulate(
            where, [one], n, seed, chosen.backend, car_id=car_id, parameters=p, threads=chosen.threads, mode="shared"
        )

    def tried(where: RaceState, one: PitPlan, result: SimulationResult) -> TriedPlan:
        fits = legal(where, car_id, [s.compound for s in one.stops], p)
        return _outcome(one, result, table, meets_the_rules=fits)

    before, after = race(state, against), race(changed, plan)
    gain, error = difference(after.points(table)[0], before.points(table)[0])
    return PlanTrial(
        car_id=car_id,
        lap=state.lap,
        lever=None if lever is None else parse_lever(lever).label,
        now=tried(state, against, before),
        tried=tried(changed, plan, after),
        gain=Comparison(
            a=plan.label,
            b=against.label,
            difference=gain,
            standard_error=error,
            too_close=abs(gain) <= CLOSE * error,
        ),
        receipt=Receipt(
            seed=seed,
            n_races=n,
            backend=after.backend,
            parameters_hash=p.hash(),
            state_hash=state.hash(),
            code_version=version("racetwin"),
        ),
    )


def _outcome(plan: PitPlan, result: SimulationResult, table: tuple[int, ...], *, meets_the_rules: bool) -> TriedPlan:
    chance: npt.NDArray[np.float64] = result.probabilities()[0]
    points = result.points(table)[0]
    return TriedPlan(
        plan=plan.label,
        stops=plan.stops,
        expected_points=float(points.mean()),
        standard_error=float(points.std(ddof=1) / np.sqrt(result.n_races)),
        expected_position=float(chance @ np.arange(1, len(chance) + 1)),
        p_podium=float(chance[:3].sum()),
        p_points=float(chance[: len(table)].sum()),
        position_probability=tuple(chance.tolist()),
        legal=meets_the_rules,
    )


__all__ = ["try_plan"]
