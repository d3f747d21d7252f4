"""Plans that depend on each other: both cars of a team, and rivals that answer ours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from racetwin.errors import InputError
from racetwin.schemas import BestResponse, ResponseRound, TeamAnswer, TeamPlan
from racetwin.simulation.answers import Evaluation, receipt
from racetwin.simulation.asking import Ranks
from racetwin.simulation.candidates import check_car
from racetwin.simulation.levers import with_plan
from racetwin.simulation.objectives import parse_objective, team_mate
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.scenarios import neighbours
from racetwin.simulation.search import CLOSE, Ranking, Scored, difference
from racetwin.simulation.sharding import select
from racetwin.simulation.state import RaceState

SETTLING_RACES = 500
"""Races per plan while plans answer each other; the last answer gets all."""


def team_plans(
    desk: Ranks, state: RaceState, car_id: str, n_races: int | None, seed: int | None, each: int
) -> TeamAnswer:
    """Rank pairs of plans; see :meth:`racetwin.simulation.desk.StrategyDesk.team`.

    First either car's plans alone, then all pairs of the best of both, the mate's plan known to the race while ours varies.
    """
    i = check_car(state, car_id)
    mate = team_mate(state, car_id)
    if mate is None or not state.running[state.index(mate)]:
        raise InputError(f"team: car {car_id} has no team-mate in the race; ask for the car alone")
    if each < 1:
        raise InputError(f"each: {each} plans, expected at least 1")
    ours = _shortlist(desk.explain(state, car_id, "points", n_races, seed), each)
    # The mate's plan is part of the state, which holds stops but no "sooner under a safety car".
    theirs = _shortlist(desk.explain(state, mate, "points", n_races, seed), each, reactive=False)
    goal = parse_objective("team", state, car_id)
    n_races = desk.settings.races if n_races is None else n_races
    question = desk.question(state, car_id, goal, desk.settings.seed if seed is None else seed)
    pairs = []
    for b in theirs:
        result = question.under(with_plan(state, mate, b)).races(ours, n_races)
        both = goal.utility(result)
        own = result.points(goal.table)
        for k, a in enumerate(ours):
            pairs.append(((a, b), both[k], float(own[k].mean()), select(result, [k])))
    order = sorted(range(len(pairs)), key=lambda k: -float(pairs[k][1].mean()))
    best = pairs[order[0]][1]
    rows = []
    for rank, k in enumerate(order, start=1):
        (a, b), both, own_points, _ = pairs[k]
        delta, error = difference(both, best) if rank > 1 else (0.0, 0.0)
        rows.append(
            TeamPlan(
                rank=rank,
                plans=(a.label, b.label),
                stops=(a.stops, b.stops),
                expected_points=float(both.mean()),
                standard_error=float(both.std(ddof=1) / np.sqrt(len(both))),
                each=(own_points, float(both.mean()) - own_points),
                delta_points=delta,
                delta_standard_error=error,
                too_close=rank > 1 and abs(delta) <= CLOSE * error,
                double_stack=bool({s.lap for s in a.stops} & {s.lap for s in b.stops}),
            )
        )
    (a, _), both, _, result = pairs[order[0]]
    ranking = Ranking((Scored(a, result, both),), partial=False, candidate_races=len(pairs) * n_races)
    return TeamAnswer(
        race_id=state.race_id,
        car_ids=(car_id, mate),
        team=state.team[i],
        lap=state.lap,
        plans=tuple(rows),
        receipt=receipt(state, question.options["parameters"], ranking, question.seed),
    )


def _shortlist(evaluation: Evaluation, each: int, *, reactive: bool = True) -> tuple[PitPlan, ...]:
    """Return the best plans, and among them the best of boxing now and of staying out: pairs often differ in just that."""
    lap = evaluation.question.state.lap + 1
    plans = [s.plan for s in evaluation.ranking.scored if reactive or s.plan.sc_window is None]
    now = next((q for q in plans if q.stops and q.stops[0].lap == lap), None)
    later = next((q for q in plans if not (q.stops and q.stops[0].lap == lap)), None)
    must = [q for q in (now, later) if q is not None]
    return tuple(list(dict.fromkeys([*must, *plans]))[: max(each, len(must))])


def best_response(
    desk: Ranks,
    state: RaceState,
    car_id: str,
    objective: str,
    rivals: Sequence[str] | None,
    rounds: int,
    n_races: int | None,
    seed: int | None,
) -> BestResponse:
    """Answer each other's plans; see :meth:`racetwin.simulation.desk.StrategyDesk.best_response`."""
    check_car(state, car_id)
    if rounds < 1:
        raise InputError(f"rounds: {rounds}, expected at least 1")
    answering = tuple(neighbours(state, car_id) if rivals is None else dict.fromkeys(rivals))
    for rival in answering:
        check_car(state, rival)
        if rival == car_id:
            raise InputError(f"rivals: car {car_id} cannot answer itself")
    quick = min(SETTLING_RACES, desk.settings.races if n_races is None else n_races)
    told: list[ResponseRound] = []
    plans: dict[str, PitPlan] = {}
    known, ours, settled = state, None, False
    for _ in range(rounds):
        mine = desk.evaluate(known, car_id, objective, quick, seed).plans[0]
        own = PitPlan(mine.stops)
        answers = {}
        for rival in answering:
            seen = with_plan(state, car_id, own)
            for other, plan in plans.items():
                if other != rival:
                    seen = with_plan(seen, other, plan)
            answers[rival] = PitPlan(desk.evaluate(seen, rival, "points", quick, seed).plans[0].stops)
        told.append(
            ResponseRound(
                plan=own.label,
                expected_points=mine.expected_points,
                rivals={rival: plan.label for rival, plan in answers.items()},
            )
        )
        settled = own == ours and answers == plans
        ours, plans = own, answers
        known = state
        for rival, plan in plans.items():
            known = with_plan(known, rival, plan)
        if settled:
            break
    return BestResponse(
        answer=desk.evaluate(known, car_id, objective, n_races, seed), rounds=tuple(told), settled=settled
    )
