"""Answers a strategist's follow-up question: from the desk's answer where it knows, by simulation where it does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from racetwin.errors import InputError
from racetwin.schemas import DeskAnswer, FollowUp, PlannedStop, RankedPlan, Recommendation, Rejoin, Sentence
from racetwin.strategist import Situation
from racetwin.strategist.calls import call_of, first_lap
from racetwin.strategist.facts import window
from racetwin.strategist.life import standing
from racetwin.strategist.questions import Question, understand
from racetwin.strategist.replies import changed, compare, rejoin

if TYPE_CHECKING:
    from racetwin.simulation import PitPlan, RaceState, StrategyDesk

DEADLINE_S = 5.0
"""Longest that races are run for an answer; what is known by then is said, and that it is not all."""
RACED = 6
"""Plans of the kind asked about that are raced to the end beside the call; of more the best are found first."""
REJOIN_LAPS = 10
"""A rejoin further ahead than this is a guess."""


def follow_up(
    desk: StrategyDesk,
    state: RaceState,
    car_id: str,
    question: str,
    situation: Situation,
    said: Sequence[Recommendation] = (),
    *,
    deadline_s: float = DEADLINE_S,
    clock: Callable[[], float] = time.perf_counter,
) -> FollowUp:
    """Answer a question about the call of a car in a state.

    Parameters
    ----------
    desk
        Who ranks plans and races new ones.
    state, situation
        The race, for the desk and for the rules of advice.
    question
        In a strategist's words: ``"why not lap 27?"``.
    said
        The advice that stands; without it the call is the desk's best plan.
    deadline_s
        Seconds after which no more races are run: the answer is then marked ``partial``, and says so.

    Raises
    ------
    InputError
        If the question is not understood, or asks for what cannot be done.
    """
    began = clock()

    def left() -> float:
        return max(0.001, deadline_s - (clock() - began))

    base = desk.base(state, car_id, deadline_s=left())
    answer = base.answer
    partial = answer.partial
    call = _call(answer, said)
    asked = understand(question, situation, car_id, first_lap(call))
    if asked.kind == "lever":
        assert asked.lever is not None
        compared = desk.what_if(state, car_id, asked.lever, base=base, deadline_s=left())
        partial = partial or compared.after.partial
        found = changed(asked, question, compared, call, situation)
    elif asked.kind == "rejoin":
        laps = (state.lap + 1, first_lap(call))
        found = rejoin(asked, question, answer, call, _rejoins(desk, state, car_id, laps), situation)
    else:
        found, cut = _against_another(desk, state, car_id, asked, question, answer, call, situation, left)
        partial = partial or cut
    if partial:
        found = _cut_short(found)
    return found.model_copy(update={"elapsed_s": clock() - began})


def _cut_short(found: FollowUp) -> FollowUp:
    """Say in an answer that time ran out for it."""
    note = Sentence(part="description", text="Cut short by its deadline: it rests on fewer races than usual.")
    return found.model_copy(
        update={"partial": True, "text": f"{found.text} {note.text}", "sentences": (*found.sentences, note)}
    )


def _call(answer: DeskAnswer, said: Sequence[Recommendation]) -> RankedPlan:
    stop = standing(said, "stop")
    wanted = stop.life.call if stop is not None and stop.life is not None else None
    return next((p for p in answer.plans if call_of(p) == wanted), answer.plans[0])


def _against_another(
    desk: StrategyDesk,
    state: RaceState,
    car_id: str,
    asked: Question,
    text: str,
    answer: DeskAnswer,
    call: RankedPlan,
    situation: Situation,
    left: Callable[[], float],
) -> tuple[FollowUp, bool]:
    """Answer a question about another plan, raced where the desk has not weighed it to the end; and whether time ran out."""
    match = _matches(asked, call, state.lap)
    if match(call) and asked.kind == "compound":  # "why hard?": against the best of another compound
        match = _another_compound(asked)
    other = call if match(call) else next((p for p in answer.plans if match(p)), None)
    simulated = other is None
    if other is None:
        answer, call, other = _race(desk, state, car_id, asked, match, answer, call, left)
    fits = call.stops[0].compound if call.stops else None
    as_called = next((p for p in answer.plans if match(p) and p.stops and p.stops[0].compound is fits), None)
    laps = (first_lap(call), first_lap(other))
    rejoins = _rejoins(desk, state, car_id, laps)
    told = compare(asked, text, answer, call, other, situation, rejoins, as_called=as_called, simulated=simulated)
    return told, answer.partial


def _matches(asked: Question, call: RankedPlan, lap: int) -> Callable[[RankedPlan | PitPlan], bool]:
    def matches(p: RankedPlan | PitPlan) -> bool:
        first = p.stops[0] if p.stops else None
        if asked.kind == "lap":
            return first is not None and first.lap == asked.lap and asked.compound in (None, first.compound)
        if asked.kind == "compound":
            return first is not None and first.compound is asked.compound
        if asked.kind == "stops":
            return len(p.stops) == asked.stops
        if asked.kind == "flag":
            return first is None
        if asked.kind == "now":
            return first is not None and first.lap <= lap + 1
        later = first_lap(call) or lap + 1
        return first is None or first.lap > later

    return matches


def _another_compound(asked: Question) -> Callable[[RankedPlan | PitPlan], bool]:
    return lambda p: bool(p.stops) and p.stops[0].compound is not asked.compound


def _race(
    desk: StrategyDesk,
    state: RaceState,
    car_id: str,
    asked: Question,
    match: Callable[[RankedPlan | PitPlan], bool],
    answer: DeskAnswer,
    call: RankedPlan,
    left: Callable[[], float],
) -> tuple[DeskAnswer, RankedPlan, RankedPlan]:
    """Race what was asked about, which the desk did not weigh to the end, beside the call: of many such plans the best."""
    from racetwin.simulation import PitPlan

    plans = _on_lap(state, car_id, asked, answer, call) if asked.kind == "lap" else _such(desk, state, car_id, match)
    plans = [p for p in plans if p.stops != call.stops]
    if not plans:
        raise InputError(f"question: {asked.understood} cannot be done any more within the rules and the sets in hand")
    cut = False
    if len(plans) > RACED:
        screened = desk.evaluate(state, car_id, answer.objective, plans=plans, deadline_s=left())
        plans = [PitPlan(p.stops, window(p)) for p in screened.plans[:RACED]]
        cut = screened.partial
    own = PitPlan(call.stops, window(call))
    raced = desk.evaluate(state, car_id, answer.objective, plans=(own, *plans), exhaustive=True, deadline_s=left())
    ours = next(p for p in raced.plans if p.stops == call.stops)
    theirs = next(p for p in raced.plans if p.stops != call.stops)
    return raced.model_copy(update={"partial": raced.partial or cut}), ours, theirs


def _such(
    desk: StrategyDesk, state: RaceState, car_id: str, match: Callable[[RankedPlan | PitPlan], bool]
) -> list[PitPlan]:
    """All sensible plans of the kind that was asked about; those that box now are many, and looked for by themselves."""
    from racetwin.simulation.candidates import candidate_plans

    numbers = desk.parameters(state)
    now = candidate_plans(state, car_id, numbers, at_once=2)
    every = dict.fromkeys((*candidate_plans(state, car_id, numbers), *now))
    return [p for p in every if match(p)]


def _on_lap(state: RaceState, car_id: str, asked: Question, answer: DeskAnswer, call: RankedPlan) -> list[PitPlan]:
    """The call with its next stop on the lap that was asked about, on each compound that may be fitted then."""
    from racetwin.simulation import PitPlan
    from racetwin.simulation.candidates import check_plan

    lap = asked.lap
    assert lap is not None
    if not state.lap < lap < state.total_laps:
        raise InputError(f"question: a stop on lap {lap}, expected lap {state.lap + 1} to {state.total_laps - 1}")
    compounds = (
        [asked.compound]
        if asked.compound is not None
        else list(dict.fromkeys(s.compound for p in answer.plans for s in p.stops[:1]))
    )
    rest = tuple(s for s in call.stops[1:] if s.lap > lap)
    plans = []
    for compound in compounds:
        plan = PitPlan((PlannedStop(lap=lap, compound=compound), *rest))
        try:
            check_plan(state, car_id, plan)
        except InputError:
            continue
        plans.append(plan)
    return plans


def _rejoins(desk: StrategyDesk, state: RaceState, car_id: str, laps: Sequence[int | None]) -> tuple[Rejoin, ...]:
    from racetwin.simulation.rejoin import box_now

    last = min(state.lap + REJOIN_LAPS, state.total_laps - 1)
    wanted = sorted({lap for lap in laps if lap is not None and state.lap < lap <= last})
    p = desk.parameters(state)
    return tuple(box_now(state, car_id, lap=lap, parameters=p) for lap in wanted)
