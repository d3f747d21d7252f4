"""The strategy desk: one question about one car, one answer with its uncertainty.

``evaluate`` ranks the car's plans; ``what_if`` asks again with something changed; ``sensitivity`` says what would change the
ranking; ``team`` plans both cars together; ``best_response`` lets rivals answer our plan. All on common random numbers, so
that differences are between plans and not between strokes of luck; the same question has the same answer, byte for byte.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from racetwin.config import Settings
from racetwin.config import settings as process_settings
from racetwin.errors import InputError
from racetwin.schemas import BestResponse, DeskAnswer, Rejoin, Sensitivity, TeamAnswer, WhatIf
from racetwin.simulation.answers import Evaluation, beaten_by, ranked_plans, receipt, waiting
from racetwin.simulation.candidates import candidate_plans, check_car, check_plan
from racetwin.simulation.joint import best_response, team_plans
from racetwin.simulation.levers import Lever
from racetwin.simulation.montecarlo import simulate
from racetwin.simulation.objectives import Objective, parse_objective
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.parameters import RaceParameters, for_race
from racetwin.simulation.placement import BatchRunner
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.rejoin import box_now
from racetwin.simulation.scenarios import sensitivity, what_if
from racetwin.simulation.search import Question, search
from racetwin.simulation.sharding import Simulate
from racetwin.simulation.shortlist import SHORTLIST, shortlist
from racetwin.simulation.state import RaceState

REMEMBERED = 8
"""Evaluations kept for the what-if questions that follow an answer."""
FINAL_PLANS = 6
"""Plans that get the full number of races when the search is not exhaustive, beside the best of each decision still open."""

Clock = Callable[[], float]


class StrategyDesk:
    """Ranks pit plans by simulation.

    Parameters
    ----------
    settings
        Races per plan, seed, backend, threads and parameter file; by default the process's settings.
    run
        What runs the races; by default :func:`racetwin.simulation.montecarlo.simulate` in this process, or an
        :class:`racetwin.simulation.placement.BatchRunner` where the settings name a cluster.
    screen
        What shortlists the candidates: by default the own-car screen, in this process; None: every candidate is raced in full.
    clock
        Seconds that run; used for deadlines and ``elapsed_s`` only, never for the answer.

    Examples
    --------
    >>> desk = StrategyDesk()
    >>> answer = desk.evaluate(state, "55")  # doctest: +SKIP
    >>> answer.plans[0].plan  # doctest: +SKIP
    'L24 HARD'
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        run: Simulate | None = None,
        screen: Simulate | None = simulate,
        clock: Clock = time.perf_counter,
    ) -> None:
        self.settings = settings or process_settings()
        self.run: Simulate = run or _runner(self.settings)
        self.screen = screen
        self.clock = clock
        self._recent: OrderedDict[tuple[object, ...], Evaluation] = OrderedDict()

    def evaluate(
        self,
        state: RaceState,
        car_id: str,
        objective: str = "points",
        n_races: int | None = None,
        seed: int | None = None,
        deadline_s: float | None = None,
        *,
        plans: Sequence[PitPlan] | None = None,
        exhaustive: bool = False,
        standard_error: float | None = None,
        rivals: Sequence[str] = (),
        parameters: RaceParameters | None = None,
        with_sensitivity: bool = False,
        kept: Sequence[str] = (),
    ) -> DeskAnswer:
        """Rank the pit plans of a car.

        Parameters
        ----------
        state
            The race at one moment.
        car_id
            A car that is still racing.
        objective
            What to maximise, as :func:`racetwin.simulation.objectives.parse_objective` reads it: ``"points"``, ``"win"``,
            ``"beat:16"``, ``"0.7*points + 0.3*top10"``, ...
        n_races
            Races the best plans get; by default ``settings.races``.
        seed
            By default ``settings.seed``.
        deadline_s
            Seconds after which the search stops and answers with what it has, marked ``partial``.
        plans
            Candidates; by default all sensible ones.
        exhaustive
            Give every plan all the races instead of screening and halving the field.
        standard_error
            Wanted of the differences between the best few, in units of the objective; they get up to 8 times the races for it.
        rivals
            Cars to which the gap at the flag is wanted: ``plans[k].gaps``.
        parameters
            Race-model numbers; by default those of the state's circuit and season.
        with_sensitivity
            Also say what would change the ranking, see :meth:`sensitivity`.
        kept
            Calls (``'L24 HARD'``, ``'no stop'``) or plans by label: the best plan of each gets all the races, in any case.

        Raises
        ------
        InputError
            For a car that is not racing, a plan it cannot carry out, an objective that cannot be read, a deadline that is over.
        """
        began = self.clock()
        found = self.explain(
            state,
            car_id,
            objective,
            n_races,
            seed,
            deadline_s,
            plans=plans,
            exhaustive=exhaustive,
            standard_error=standard_error,
            rivals=rivals,
            parameters=parameters,
            kept=kept,
        )
        more: dict[str, Any] = {}
        if plans is None and not found.answer.partial:
            more["beaten_by"] = beaten_by(
                found.question, found.ranking.scored[0].plan, self.settings.races if n_races is None else n_races
            )
            more["elapsed_s"] = self.clock() - began
        if with_sensitivity:
            more["sensitivity"] = self.sensitivity(state, car_id, objective, base=found)
        return found.answer.model_copy(update=more)

    def explain(
        self,
        state: RaceState,
        car_id: str,
        objective: str = "points",
        n_races: int | None = None,
        seed: int | None = None,
        deadline_s: float | None = None,
        *,
        plans: Sequence[PitPlan] | None = None,
        exhaustive: bool = False,
        standard_error: float | None = None,
        rivals: Sequence[str] = (),
        parameters: RaceParameters | None = None,
        final_plans: int = FINAL_PLANS,
        keep: int = SHORTLIST,
        always: Sequence[PitPlan] = (),
        kept: Sequence[str] = (),
    ) -> Evaluation:
        """Do as :meth:`evaluate`, and return the races behind the answer too.

        ``keep`` plans are raced, those in ``always`` among them; ``final_plans`` get all the races.
        """
        began = self.clock()
        check_car(state, car_id)
        if deadline_s is not None and not deadline_s > 0:
            raise InputError(f"deadline: {deadline_s} s, expected more than 0")
        n_races = self.settings.races if n_races is None else n_races
        seed = self.settings.seed if seed is None else seed
        if n_races < 2:
            raise InputError(f"races: {n_races}, expected at least 2")
        p = parameters or self.parameters(state)
        goal = parse_objective(objective, state, car_id).watching(rivals, state, car_id)
        ours = plans is None
        plans = candidate_plans(state, car_id, p) if plans is None else tuple(dict.fromkeys(plans))
        for plan in () if ours else plans:
            check_plan(state, car_id, plan)
        question = self.question(state, car_id, goal, seed, p)
        candidates = tuple(plans)
        if self.screen is not None and not exhaustive:
            plans = shortlist(question, plans, self.screen, keep, always, kept)
        ranking = search(
            question,
            plans,
            n_races,
            final_plans=len(plans) if exhaustive else final_plans,
            standard_error=standard_error,
            out_of_time=lambda: deadline_s is not None and self.clock() - began > deadline_s,
            kept=kept,
        )
        answer = DeskAnswer(
            race_id=state.race_id,
            car_id=car_id,
            lap=state.lap,
            time_s=float(state.time_s[state.order()[0]]),
            objective=goal.name,
            plans=ranked_plans(ranking.scored, goal, question.seed, rivals),
            box_now=self._box_now(state, car_id, p),
            receipt=receipt(state, p, ranking, question.seed),
            waiting=waiting(ranking.scored, state.lap + 1, goal),
            candidate_races=ranking.candidate_races,
            screened_out=len(candidates) - len(plans),
            partial=ranking.partial,
            elapsed_s=self.clock() - began,
        )
        found = Evaluation(answer, ranking, question, p, candidates if ours else ())
        if ours and not ranking.partial:
            self._recent[
                answer.receipt.state_hash, car_id, goal.name, n_races, seed, answer.receipt.parameters_hash
            ] = found
            while len(self._recent) > REMEMBERED:
                self._recent.popitem(last=False)
        return found

    def base(
        self, state: RaceState, car_id: str, objective: str = "points", deadline_s: float | None = None
    ) -> Evaluation:
        """Return the evaluation of a state that what-if questions start from; one that was just made is not made again."""
        goal = parse_objective(objective, state, car_id).name
        key = (state.hash(), car_id, goal, self.settings.races, self.settings.seed, self.parameters(state).hash())
        return self._recent.get(key) or self.explain(state, car_id, objective, deadline_s=deadline_s)

    def what_if(
        self,
        state: RaceState,
        car_id: str,
        lever: Lever | str,
        objective: str = "points",
        *,
        base: Evaluation | None = None,
        deadline_s: float | None = None,
    ) -> WhatIf:
        """Ask the same question of a race with one thing changed.

        Parameters
        ----------
        lever
            A lever or its short word: ``"sc@31"``, ``"rain@40:0.6"``, ``"stop:16@25:HARD"``, ``"wear:55x1.3"``, ``"slow:55+4"``.
        base
            The evaluation of the unchanged race, where it is at hand: saves running it again.
        deadline_s
            Seconds after which the search of the changed race stops and answers with what it has, marked ``partial``.
        """
        return what_if(self, state, car_id, lever, objective, base, deadline_s)

    def sensitivity(
        self,
        state: RaceState,
        car_id: str,
        objective: str = "points",
        *,
        base: Evaluation | None = None,
        levers: Sequence[Lever] | None = None,
    ) -> tuple[Sensitivity, ...]:
        """Say what would change the ranking: the best plan under each of several levers (by default the usual ones)."""
        return sensitivity(self, state, car_id, objective, base, levers)

    def team(
        self, state: RaceState, car_id: str, *, n_races: int | None = None, seed: int | None = None, each: int = 6
    ) -> TeamAnswer:
        """Plan both cars of a team together: pairs of the ``each`` best plans of either, by the points of both."""
        return team_plans(self, state, car_id, n_races, seed, each)

    def best_response(
        self,
        state: RaceState,
        car_id: str,
        objective: str = "points",
        *,
        rivals: Sequence[str] | None = None,
        rounds: int = 3,
        n_races: int | None = None,
        seed: int | None = None,
    ) -> BestResponse:
        """Let rivals (by default the nearest ahead and behind) answer our plan, and answer theirs, until nothing changes."""
        return best_response(self, state, car_id, objective, rivals, rounds, n_races, seed)

    def parameters(self, state: RaceState) -> RaceParameters:
        """Return the race model's numbers for a state under its race's rules, from the settings' file where one is named."""
        return for_race(load_parameters(state.circuit_id, state.season, self.settings.parameters), state.race_id)

    def question(
        self, state: RaceState, car_id: str, goal: Objective, seed: int, parameters: RaceParameters | None = None
    ) -> Question:
        """Return what stays the same through a search for a car."""
        p = parameters or self.parameters(state)
        options = {"parameters": p, "backend": self.settings.backend, "threads": self.settings.threads}
        return Question(state, car_id, goal, seed, self.run, options, group=_decision(state.lap + 1))

    def _box_now(self, state: RaceState, car_id: str, p: RaceParameters) -> Rejoin | None:
        return box_now(state, car_id, parameters=p) if state.lap + 1 < state.total_laps else None


@lru_cache(maxsize=4)
def _runner(settings: Settings) -> Simulate:
    """Return what runs races: this process, or a batch runner where a cluster is set, one for all desks."""
    if settings.cluster is None:
        return simulate
    return BatchRunner(settings).run


def _decision(lap: int) -> Callable[[PitPlan], object]:
    """Sort plans by what they mean for the coming lap: box for this compound, or stay out with so many stops to come."""

    def group(plan: PitPlan) -> object:
        if plan.stops and plan.stops[0].lap == lap:
            return ("now", plan.stops[0].compound)
        return ("later", len(plan.stops), plan.sc_window is not None)

    return group
