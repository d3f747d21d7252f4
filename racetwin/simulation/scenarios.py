"""The desk's what-if questions: the same race with one thing changed, on the same random numbers."""

from __future__ import annotations

from collections.abc import Sequence

from racetwin.errors import InputError
from racetwin.schemas import PlanChange, Sensitivity, TrackStatus, WhatIf
from racetwin.simulation.answers import Evaluation, compare
from racetwin.simulation.asking import Ranks
from racetwin.simulation.candidates import candidate_plans, same_candidates
from racetwin.simulation.levers import Lever, Neutralisation, RivalStops, SlowStop, Wear, parse_lever
from racetwin.simulation.objectives import is_sprint
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.search import Scored, difference
from racetwin.simulation.sharding import select
from racetwin.simulation.state import RaceState

NARROW = 24
"""Plans of the unchanged race that are asked again under a lever, beside those that act on the coming lap ..."""
AT_ONCE = 2
"""... in so many stops or fewer, ..."""
RACED = 16
"""... and how many of all these the screen leaves to be raced."""
SHOWN = 4
"""The best so far are raced whatever the screen says of them: how a lever changes today's plans is what is asked."""
FINAL = 4
"""Plans that get all the races under a lever, beside the best of each decision."""
SHARE = 2
"""A lever gets one race in so many of the unchanged question: on common random numbers a change is known far better than a level,
and it is asked while a finger is still on the slider."""
CONTENDERS = 6
"""Plans whose order a sensitivity looks at: the best, and the best of each other decision."""


def what_if(
    desk: Ranks,
    state: RaceState,
    car_id: str,
    lever: Lever | str,
    objective: str,
    base: Evaluation | None,
    deadline_s: float | None = None,
) -> WhatIf:
    """Rank the plans again under a lever; see :meth:`racetwin.simulation.desk.StrategyDesk.what_if`."""
    pulled = parse_lever(lever) if isinstance(lever, str) else lever
    changed = pulled.apply(state)
    before = base if base is not None else desk.base(state, car_id, objective)
    if before.answer.receipt.state_hash != state.hash() or before.answer.car_id != car_id:
        raise InputError("base: an evaluation of another car or moment, expected that of the state given")
    seed, n_races = before.question.seed, max(1, before.answer.receipt.n_races // SHARE)
    after = desk.explain(
        changed,
        car_id,
        before.question.objective.name,
        n_races,
        seed,
        deadline_s,
        plans=_plans_under(before, changed, car_id),
        parameters=before.parameters,
        final_plans=FINAL,
        keep=RACED,
        always=[s.plan for s in before.ranking.scored[:SHOWN]],
    )
    known = {s.plan: s for s in before.ranking.scored}
    today = {p.plan: p for p in before.answer.plans}
    changes = []
    for s in after.ranking.scored:
        if s.plan in known:
            change, error = difference(s.utility, known[s.plan].utility)
            level = today[s.plan.label].utility or 0.0
            changes.append(
                PlanChange(
                    plan=s.plan.label,
                    before=level,
                    after=level + change,
                    change=change,
                    standard_error=error,
                    races=min(len(s.utility), len(known[s.plan].utility)),
                )
            )
    return WhatIf(lever=pulled.label, before=before.answer, after=after.answer, changes=tuple(changes))


def _plans_under(before: Evaluation, changed: RaceState, car_id: str) -> tuple[PitPlan, ...]:
    """Return the plans worth asking under a lever: the best so far, all that act at once; all anew where the weather changes."""
    state = before.question.state
    best = [s.plan for s in before.ranking.scored[:NARROW]]
    if (changed.wetness, changed.rain_lap, changed.rain_wetness) != (state.wetness, state.rain_lap, state.rain_wetness):
        return tuple(dict.fromkeys([*best, *candidate_plans(changed, car_id, before.parameters)]))
    if before.candidates and same_candidates(state, changed):
        first = state.lap + 1
        at_once = [q for q in before.candidates if q.stops and q.stops[0].lap == first and len(q.stops) <= AT_ONCE]
    else:
        at_once = list(candidate_plans(changed, car_id, before.parameters, at_once=AT_ONCE))
    return tuple(dict.fromkeys([*best, *at_once]))


def usual_levers(state: RaceState, car_id: str) -> tuple[Lever, ...]:
    """Return what a strategist asks about: a safety car soon, the neighbours' stops, more or less wear, a slow stop."""
    levers: list[Lever] = [
        Neutralisation(TrackStatus.SC, lap) for lap in (state.lap + 3, state.lap + 8) if lap < state.total_laps - 1
    ]
    levers += [Wear(1.3, car_id), Wear(0.75, car_id)]
    if state.lap + 1 < state.total_laps and not is_sprint(state):
        levers += [RivalStops(rival) for rival in neighbours(state, car_id)]
    levers.append(SlowStop(car_id, 4.0))
    return tuple(levers)


def neighbours(state: RaceState, car_id: str, places: int = 1) -> tuple[str, ...]:
    """Return the running cars up to so many places ahead of and behind a car, in race order."""
    order = [int(i) for i in state.order() if state.running[i]]
    at = order.index(state.index(car_id))
    near = order[max(0, at - places) : at + places + 1]
    return tuple(state.car_id[i] for i in near if state.car_id[i] != car_id)


def sensitivity(
    desk: Ranks,
    state: RaceState,
    car_id: str,
    objective: str,
    base: Evaluation | None,
    levers: Sequence[Lever] | None,
) -> tuple[Sensitivity, ...]:
    """See :meth:`racetwin.simulation.desk.StrategyDesk.sensitivity`."""
    before = base if base is not None else desk.base(state, car_id, objective)
    question = before.question
    plans = _contenders(before)
    found = []
    for lever in usual_levers(state, car_id) if levers is None else levers:
        changed = question.under(lever.apply(state))
        result = changed.races(plans, before.answer.receipt.n_races)
        parts = [select(result, [k]) for k in range(len(plans))]
        scored = [Scored(q, part, changed.objective.utility(part)[0]) for q, part in zip(plans, parts, strict=True)]
        best = max(scored, key=lambda s: s.mean)
        gain = compare(best, scored[0], question.objective)
        changes = best.plan != plans[0] and not gain.too_close
        found.append(Sensitivity(lever=lever.label, best=best.plan.label, gain=gain, changes_best=changes))
    return tuple(found)


def _contenders(before: Evaluation) -> tuple[PitPlan, ...]:
    """Return the best plan and the best of each other decision, in order of rank."""
    chosen: list[PitPlan] = []
    seen: set[object] = set()
    for s in before.ranking.scored:
        group = before.question.group(s.plan)
        if group not in seen and len(chosen) < CONTENDERS:
            seen.add(group)
            chosen.append(s.plan)
    return tuple(chosen)
