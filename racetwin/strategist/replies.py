"""What another plan than the call is worth, and what a change of the race does: answers from facts, in our own words."""

from __future__ import annotations

from collections.abc import Sequence

from racetwin.schemas import Checked, DeskAnswer, Fact, FollowUp, RankedPlan, Rejoin, Sentence, WhatIf
from racetwin.strategist.calls import NOISE, SLIGHT_POINTS, call_of, difference
from racetwin.strategist.checker import Checker
from racetwin.strategist.draft import Draft
from racetwin.strategist.facts import (
    is_open,
    neighbours,
    plan_facts,
    points,
    rejoin_receipt,
    spoken,
    state_difference,
    weighed,
    window,
)
from racetwin.strategist.questions import Question
from racetwin.strategist.situation import Situation


def compare(
    question: Question,
    text: str,
    answer: DeskAnswer,
    call: RankedPlan,
    other: RankedPlan | None,
    situation: Situation,
    rejoins: Sequence[Rejoin] = (),
    *,
    as_called: RankedPlan | None = None,
    simulated: bool = False,
) -> FollowUp:
    """Answer why the call is what it is and not ``other`` (None: there is no such plan).

    ``as_called`` is the best plan of that kind on the compound of the call, where ``other`` fits another that was not asked for.
    """
    out = Draft("answer", call_of(call))
    plan_facts(out.sheet, "best", call, answer)
    if other is None:
        plans = weighed(answer)
        out.sheet.add("plans", plans, f"{plans} plans were weighed.", source="strategy desk")
        out.say("description", f"None of the {plans} plans weighed is such a plan.", "plans")
        return _finish(out, question, text, answer, situation, simulated)
    if spoken(other) == spoken(
        call
    ):  # one call, though the laps may differ on which a safety car would bring it forward
        out.say("description", f"That is the call: '{spoken(call)}'.", "best.plan")
        _outcome(out, call, "best")
        _rejoins(out, rejoins, situation, answer)
        return _finish(out, question, text, answer, situation, simulated)
    _against(out, other, call, answer, "other", "benefit")
    if _fits_unasked(question, other, call):
        fits, called = other.stops[0].compound.value, call.stops[0].compound.value
        text_ = f"It is answered for {fits} ('{spoken(other)}'), while the call is for {called}."
        out.say("description", text_, "other.plan", "best.plan")
        if as_called is not None:
            _against(out, as_called, call, answer, "as_called", "as_called.benefit")
    _outcome(out, other, "other")
    _outcome(out, call, "best")
    _rejoins(out, rejoins, situation, answer)
    return _finish(out, question, text, answer, situation, simulated)


def _fits_unasked(question: Question, other: RankedPlan, call: RankedPlan) -> bool:
    """Whether a plan was asked for by its lap alone, and fits another compound than the call, which was not asked about."""
    by_lap = question.kind in ("lap", "now", "later") and question.compound is None
    return by_lap and bool(other.stops and call.stops) and other.stops[0].compound is not call.stops[0].compound


def _against(out: Draft, other: RankedPlan, call: RankedPlan, answer: DeskAnswer, key: str, benefit: str) -> None:
    """Say what another plan is worth beside the call."""
    plan_facts(out.sheet, key, other, answer)
    gain, error = difference(call, other)
    state_difference(out.sheet, benefit, call, other, answer)
    rests = (benefit, "best.plan", f"{key}.plan")
    if abs(gain) <= NOISE * error or abs(gain) < SLIGHT_POINTS:
        apart = f"{points(abs(gain))} apart (± {error:.2f})"
        out.say("description", f"'{spoken(other)}' is too close to call against '{spoken(call)}': {apart}.", *rests)
    else:
        what = "less" if gain > 0 else "more"
        text = f"'{spoken(other)}' is worth {points(abs(gain))} {what} than '{spoken(call)}' (± {error:.2f})."
        out.say("description", text, *rests)


def changed(question: Question, text: str, found: WhatIf, call: RankedPlan, situation: Situation) -> FollowUp:
    """Answer what a change of the race does to the call."""
    before, after = found.before, found.after
    best = after.plans[0]
    kept = next((p for p in after.plans if call_of(p) == call_of(call)), None)
    out = Draft("answer", call_of(call))
    out.sheet.add("lever", question.lever or "", f"What if: {question.understood}.", source="question")
    plan_facts(out.sheet, "best", best, after)
    out.say("description", f"What if {question.understood}?", "lever")
    if (question.lever or "").startswith(("sc", "vsc")):
        _under_it(out, best, question.lap if question.lap is not None else after.lap + 1)
    if kept is not None and call_of(kept) == call_of(best):
        out.say("description", f"The call then stays '{spoken(best)}'.", "best.plan")
    elif kept is None:
        out.say("description", f"'{spoken(best)}' is then best.", "best.plan")
    else:
        plan_facts(out.sheet, "other", kept, after)
        gain, error = difference(best, kept)
        state_difference(out.sheet, "benefit", best, kept, after)
        rests = ("benefit", "best.plan", "other.plan")
        if gain <= NOISE * error or gain < SLIGHT_POINTS:
            apart = f"{points(abs(gain))} apart (± {error:.2f})"
            text_ = f"'{spoken(kept)}' is then too close to call against '{spoken(best)}': {apart}."
            out.say("description", text_, *rests)
        else:
            text_ = f"'{spoken(kept)}' is then worth {points(gain)} less than '{spoken(best)}' (± {error:.2f})."
            out.say("description", text_, *rests)
    _outcome(out, best, "best", then=True)
    plan_facts(out.sheet, "today", call, before)
    _outcome(out, call, "today", then=None)
    return _finish(out, question, text, after, situation, True)


def _under_it(out: Draft, best: RankedPlan, lap: int) -> None:
    """Say what to do on the lap on which a safety car comes: a plan is named by the lap on which it would stop without one."""
    sooner = window(best)
    if not best.stops:
        text = "Stay out when it comes."
    elif best.stops[0].lap == lap or (sooner is not None and sooner[0] <= lap <= sooner[1]):
        text = f"Box for it at once, and fit {best.stops[0].compound.value}."
    elif best.stops[0].lap > lap:
        text = f"Stay out when it comes, and box on lap {best.stops[0].lap}."
    else:
        return  # the stop comes before it
    out.say("description", text, "best.plan", *(["best.window"] if sooner is not None else []))


def rejoin(
    question: Question, text: str, answer: DeskAnswer, call: RankedPlan, rejoins: Sequence[Rejoin], situation: Situation
) -> FollowUp:
    """Answer where the car comes out."""
    out = Draft("answer", call_of(call))
    plan_facts(out.sheet, "best", call, answer)
    _rejoins(out, rejoins, situation, answer)
    return _finish(out, question, text, answer, situation, False)


def beside_the_call(
    plan: RankedPlan, call: RankedPlan, answer: DeskAnswer
) -> tuple[tuple[Sentence, ...], tuple[Fact, ...]]:
    """Return what one answer says of a plan that somebody follows beside the call, and the facts behind it."""
    out = Draft("followed", call_of(call))
    plan_facts(out.sheet, "best", call, answer)
    _against(out, plan, call, answer, "other", "benefit")
    _outcome(out, plan, "other")
    out.check()
    return out.sentences, out.sheet.all()


def _outcome(out: Draft, plan: RankedPlan, key: str, then: bool | None = False) -> None:
    name = f"'{spoken(plan)}'"
    place = f"P{plan.expected_position:.1f}"
    rests = (f"{key}.expected_points", f"{key}.expected_position", f"{key}.p_points", f"{key}.plan")
    if then is None:
        text = f"As it stands, {name} is worth {points(plan.expected_points)} and finishes {place} on average."
    elif then:
        text = f"{name} is then worth {points(plan.expected_points)} and finishes {place} on average."
    else:
        scores = f"scores points in {plan.p_points:.0%} of races"
        text = f"{name} {scores} and finishes {place} on average."
    out.say("description", text, *rests)


def _rejoins(out: Draft, rejoins: Sequence[Rejoin], situation: Situation, answer: DeskAnswer) -> None:
    source, receipt = "rejoin forecast", rejoin_receipt(answer)
    for r in rejoins:
        key = f"rejoin{r.lap}"
        text = f"Boxing on lap {r.lap} rejoins P{r.position} ({r.probability:.0%} likely)"
        if is_open(r):
            text = f"Boxing on lap {r.lap} rejoins in one of several places, P{r.position} the likeliest ({r.probability:.0%})"
        stated = f"Boxing at the end of lap {r.lap} it rejoins P{r.position} ({r.probability:.0%} likely)."
        out.sheet.add(f"{key}.position", r.position, stated, source=source, receipt=receipt)
        ids = [f"{key}.position"]
        ahead = neighbours(r, situation).get("ahead")
        if ahead is not None:
            name, gap = ahead
            stated = f"Boxing on lap {r.lap} {name} is then {gap:.1f} s ahead."
            out.sheet.add(f"{key}.gap_ahead", round(gap, 1), stated, unit="s", source=source, receipt=receipt)
            text += f", {gap:.1f} s behind {name}"
            ids.append(f"{key}.gap_ahead")
        out.say("description", f"{text}.", *ids)


def _finish(
    out: Draft, question: Question, text: str, answer: DeskAnswer, situation: Situation, simulated: bool
) -> FollowUp:
    """Keep what the checker passes; a sentence that it does not is not said."""
    checker = Checker(out.sheet.all(), situation.retired())
    said, claims, refused = [], 0, 0
    for sentence in out.sentences:
        verdict = checker.check(sentence.text)
        if verdict.passed:
            said.append(sentence)
            claims += verdict.claims
        else:
            refused += len(verdict.objections)
    return FollowUp(
        car_id=answer.car_id,
        lap=answer.lap,
        question=text,
        understood=question.understood,
        call=out.call,
        text=" ".join(s.text for s in said) or "Nothing can be said of it that the numbers carry.",
        sentences=tuple(said),
        facts=out.sheet.all(),
        checked=Checked(claims=claims, supported=claims, refused=refused),
        simulated=simulated,
    )
