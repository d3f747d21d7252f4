"""Deterministic advice: which recommendations there are, how urgent each is, and our own wording of it."""

from __future__ import annotations

from collections.abc import Sequence

from racetwin.schemas import (
    TRAFFIC_S,
    CarStatus,
    CarTwinState,
    DeskAnswer,
    Priority,
    RankedPlan,
    Recommendation,
    TrackStatus,
)
from racetwin.strategist.calls import (
    CLEAR_POINTS,
    NOISE,
    Choice,
    call_of,
    choose,
    difference,
    first_lap,
)
from racetwin.strategist.draft import Draft
from racetwin.strategist.facts import (
    STATUS_WORDS,
    is_life_known,
    is_open,
    laps,
    life_left,
    neighbours,
    plan_facts,
    points,
    rejoin_facts,
    search_facts,
    spoken,
    state_difference,
    state_facts,
    weighed,
    window,
)
from racetwin.strategist.life import in_order, settle, standing, withdraw
from racetwin.strategist.situation import Situation
from racetwin.strategist.warnings import WARNINGS, cover, why_gone

URGENT_LAPS = 2
"""A call is urgent only if it must be acted on within this many laps ..."""
URGENT_POINTS = CLEAR_POINTS
"""... and waiting longer than that costs at least this many expected points, beyond noise."""
MODERATE_LAPS = 8
"""A stop this near is worth preparing for."""
ALTERNATIVES = 3
"""How many other plans a call names."""


def recommend(
    answer: DeskAnswer, situation: Situation, said: Sequence[Recommendation] = ()
) -> tuple[Recommendation, ...]:
    """Turn one desk answer into recommendations, most urgent first.

    Nothing is recommended to a car that is out of the race or has no laps left to act in.

    Parameters
    ----------
    answer, situation
        What the desk says, and the race at that moment.
    said
        What this returned last for the same car: with it a call changes only on evidence beyond its noise, what the strategist
        accepted, rejected or pinned is respected, and what no longer holds is shown as withdrawn.
    """
    car = situation.cars.get(answer.car_id)
    if car is None or car.status in (CarStatus.RETIRED, CarStatus.FINISHED) or not answer.plans:
        return ()
    if situation.lap >= situation.total_laps - 1:
        return withdraw(said, situation.lap, "The race is in its last lap.")
    before = standing(said, "stop")
    done = situation.laps_done(car.car_id)
    if before is not None and before.execution_lap is not None and done < before.execution_lap <= answer.lap:
        return tuple(said)  # the leader is a lap on: this answer knows nothing of the lap that the car is on
    news = before is not None and _is_news(before, situation)
    choice = choose(answer, done, before.life if before is not None else None, news=news)
    drafts = []
    if choice is not None:
        drafts.append(_stop_call(answer, situation, car, choice, before))
        for rule in WARNINGS:
            extra = rule(answer, situation, car, choice.plan, said)
            if extra is not None:
                drafts.append(extra)
    out = situation.retired()
    return settle(drafts, said, answer, situation.lap, choice, lambda old: why_gone(old, situation), out)


def refresh(answer: DeskAnswer, situation: Situation, said: Sequence[Recommendation]) -> tuple[Recommendation, ...]:
    """Look at a warning that hangs on a gap again, between two answers: when the other car has crossed the line, too."""
    stop = standing(said, "stop")
    plan = next((p for p in answer.plans if stop and stop.life and call_of(p) == stop.life.call), None)
    car = situation.cars.get(answer.car_id)
    if plan is None or car is None or car.status is not CarStatus.TRACK:
        return tuple(said)
    draft = cover(answer, situation, car, plan, said)
    others = [r for r in said if r.kind != "cover"]
    covers = [r for r in said if r.kind == "cover"]
    drafts = [draft] if draft is not None else []
    out = situation.retired()
    fresh = settle(drafts, covers, answer, situation.lap, None, lambda old: why_gone(old, situation), out)
    return in_order([*others, *fresh])


def _is_news(before: Recommendation, situation: Situation) -> bool:
    """Whether the track is in another state than when the call was made: one answer is then enough to change it."""
    then = {f.name: f.value for f in before.facts}
    was = then.get("track_status", situation.track_status.value)
    return was != situation.track_status.value or bool(situation.rainfall) is not bool(then.get("rain", False))


def _stop_call(
    answer: DeskAnswer, situation: Situation, car: CarTwinState, choice: Choice, before: Recommendation | None
) -> Draft:
    """The main call: box, prepare to box, or stay out, as the chosen plan has it."""
    plan = choice.plan
    out = Draft("stop", call_of(plan))
    _state(out, answer, situation, car, choice)
    first = out.execution_lap = first_lap(plan)
    to_go = None if first is None else first - situation.laps_done(car.car_id)
    near = to_go is not None and to_go <= URGENT_LAPS
    waits = _best_that_waits(answer, plan, situation.laps_done(car.car_id) + URGENT_LAPS) if near else None
    other = waits or next((p for p in answer.plans if call_of(p) != call_of(plan)), None)
    if other is not None:
        out.benefit = difference(plan, other)
        _compare(out, plan, other, answer)
    sure = out.benefit is not None and out.benefit[0] > NOISE * out.benefit[1] and out.benefit[0] >= URGENT_POINTS
    if near:
        out.priority = Priority.URGENT if waits is not None and sure else Priority.MODERATE
    elif to_go is not None and to_go <= MODERATE_LAPS:
        out.priority = Priority.MODERATE
    if _calls_off(choice, before, situation.laps_done(car.car_id)):
        gain, error = choice.points
        out.priority = Priority.URGENT if gain >= URGENT_POINTS and gain > NOISE * error else Priority.MODERATE
    _say_what(out, plan, to_go, situation)
    _say_benefit(out, plan, other, waits is not None)
    _say_why(out, answer, situation, car, choice, to_go)
    _say_risks(out, answer, situation, plan, to_go)
    _say_alternatives(out, answer, plan)
    return out


def _calls_off(choice: Choice, before: Recommendation | None, lap: int) -> bool:
    """Whether a stop that was called for this lap or the next is called off: as pressing as a call to stop."""
    if before is None or before.execution_lap is None or not choice.changed or choice.why == "rejected":
        return False
    first = first_lap(choice.plan)
    return lap < before.execution_lap <= lap + URGENT_LAPS and (first is None or first > lap + URGENT_LAPS)


def _best_that_waits(answer: DeskAnswer, plan: RankedPlan, lap: int) -> RankedPlan | None:
    """The best-ranked plan with no stop up to and including ``lap``."""
    return next((p for p in answer.plans if p is not plan and (first_lap(p) or 10**6) > lap), None)


# --- facts ----------------------------------------------------------------------------------------------------------


def _state(out: Draft, answer: DeskAnswer, situation: Situation, car: CarTwinState, choice: Choice) -> None:
    sheet = out.sheet
    state_facts(sheet, car, situation)
    search_facts(sheet, answer)
    plan_facts(sheet, "best", choice.plan, answer)
    if call_of(choice.best) != call_of(choice.plan):
        plan_facts(sheet, "desk", choice.best, answer)
    if choice.was is not None:
        old = next((p for p in answer.plans if call_of(p) == choice.was), None)
        if old is not None:
            plan_facts(sheet, "before", old, answer)
        else:
            sheet.add("before.plan", choice.was, f"Plan: {choice.was}.", source="advice given before")
    if answer.box_now is not None:
        rejoin_facts(sheet, answer.box_now, situation, answer)
    for i, other in enumerate(_other_calls(answer, choice.plan), start=2):
        plan_facts(sheet, f"plan{i}", other, answer)


def _other_calls(answer: DeskAnswer, plan: RankedPlan) -> tuple[RankedPlan, ...]:
    """The best plan of each other call, best first."""
    found: dict[str, RankedPlan] = {}
    for p in answer.plans:
        if call_of(p) != call_of(plan):
            found.setdefault(call_of(p), p)
            if len(found) == ALTERNATIVES:
                break
    return tuple(found.values())


def _compare(out: Draft, plan: RankedPlan, other: RankedPlan, answer: DeskAnswer) -> None:
    plan_facts(out.sheet, "other", other, answer)
    state_difference(out.sheet, "benefit", plan, other, answer)


# --- sentences ------------------------------------------------------------------------------------------------------


def _say_what(out: Draft, plan: RankedPlan, to_go: int | None, situation: Situation) -> None:
    if to_go is None:
        out.say("title", "Stay out to the flag", "best.plan")
        out.say("description", "No further stop: run to the flag on this set.", "best.plan")
    else:
        stop = plan.stops[0]
        lap, tyre = stop.lap, stop.compound.value
        red = situation.track_status is TrackStatus.RED and to_go <= 1
        if red:
            out.say("title", f"Fit {tyre} under the red flag", "best.plan", "track_status")
            out.say("description", f"Change to {tyre} in the pit lane, before the restart.", "best.plan")
        elif to_go <= URGENT_LAPS:
            out.say("title", f"Box {'this' if to_go <= 1 else 'next'} lap for {tyre}", "best.plan", "lap")
            out.say("description", f"Box at the end of lap {lap} and fit {tyre}.", "best.plan")
        else:
            out.say("title", f"Stay out; box on lap {lap} for {tyre}", "best.plan")
            out.say("description", f"Stay out now. Box at the end of lap {lap} and fit {tyre}.", "best.plan")
    if plan.stops[1:]:
        later = " and ".join(f"lap {s.lap} for {s.compound.value}" for s in plan.stops[1:])
        out.say("description", f"Then {later}.", "best.plan")
    sooner = window(plan)
    if sooner is not None and to_go is not None and to_go > 1:
        text = f"If a safety car comes on laps {sooner[0]} to {sooner[1]}, box then."
        out.say("description", text, "best.plan", "best.window")


def _say_benefit(out: Draft, plan: RankedPlan, other: RankedPlan | None, waits: bool) -> None:
    if other is not None and out.benefit is not None:
        gain, error = out.benefit
        rests = ("benefit", "best.plan", "other.plan")
        what = f"waiting for '{spoken(other)}'" if waits and other.stops else f"'{spoken(other)}'"
        if gain > NOISE * error:
            out.say("expected_benefit", f"{points(gain)} (± {error:.2f}) better than {what}.", *rests)
        elif gain < -NOISE * error:  # a call that is kept for now
            text = f"'{spoken(plan)}' is worth {points(-gain)} less than {what} (± {error:.2f})."
            out.say("expected_benefit", text, *rests)
        else:
            text = f"Level with {what}: {points(abs(gain))} apart (± {error:.2f})."
            out.say("expected_benefit", text, *rests)
    text = f"Expect {points(plan.expected_points)} and P{plan.expected_position:.1f} on average."
    out.say("expected_benefit", text, "best.expected_points", "best.expected_position")


def _say_why(
    out: Draft, answer: DeskAnswer, situation: Situation, car: CarTwinState, choice: Choice, to_go: int | None
) -> None:
    _say_change(out, choice, answer.objective == "points")
    status = situation.track_status
    if status.is_neutralised and answer.box_now is not None and status is not TrackStatus.RED:
        loss = answer.box_now.pit_loss_s.mean
        out.say("reasoning", f"Under the {STATUS_WORDS[status]} a stop costs {loss:.1f} s.", "pit_loss", "track_status")
    if out.sheet.get("wet_tyres") is not None:
        wet, running = situation.on_wet_tyres()
        if situation.rainfall:
            out.say("reasoning", "It is raining.", "rain")
        out.say("reasoning", f"{wet} of the {running} cars run INTERMEDIATE or WET tyres.", "wet_tyres")
    rejoin = answer.box_now
    if rejoin is not None and to_go is not None and to_go <= MODERATE_LAPS and status is not TrackStatus.RED:
        several = "any of several places, " if is_open(rejoin) else ""
        likeliest = " the likeliest" if several else ""
        text = f"Boxing now: {several}P{rejoin.position}{likeliest} ({rejoin.probability:.0%})"
        for side, (name, gap) in neighbours(rejoin, situation).items():
            text += f", {gap:.1f} s {'behind' if side == 'ahead' else 'ahead of'} {name}"
        out.say("reasoning", f"{text}.", "rejoin.position", "rejoin.gap_ahead", "rejoin.gap_behind")
    tyre, life = car.tyre, car.tyre_life_laps
    if tyre.compound is not None and tyre.age is not None and tyre.compound.is_slick:
        text = f"On {tyre.compound.value} tyres, {laps(round(tyre.age))} old"
        if life is not None and round(life.mean) > 0:
            left = life.up_to(situation.total_laps - situation.laps_done(car.car_id))
            text += f", with {life_left(left)} left in the set" if is_life_known(left) else ", its life not known yet"
        out.say("reasoning", f"{text}.", "compound", "tyre_age", "tyre_life")
    plan = choice.plan
    text = (
        f"Of {weighed(answer)} plans, the best of them run through {answer.plans[0].n_races} simulated races, '{spoken(plan)}' "
        f"{'scores most' if plan.rank == 1 and answer.objective == 'points' else 'is called'}: "
        f"points in {plan.p_points:.0%}, podium in {plan.p_podium:.0%}."
    )
    out.say("reasoning", text, "plans", "races", "best.plan", "best.p_points", "best.p_podium")


def _say_change(out: Draft, choice: Choice, in_points: bool) -> None:
    """Say why the call changed, or why it stays although another plan came out first.

    What is said in points is a difference of points; where the desk was asked for something else it only says which plan that is.
    """
    better = f"'{spoken(choice.best)}'"
    gain, error = choice.points
    by = f"{better} is better by {points(gain)} (± {error:.2f})" if in_points else f"the objective favours {better}"
    rests = ("before.", "desk.plan", "best.plan", "best.delta_points", "desk.delta_points")
    if choice.why == "better" and in_points:
        out.reason = f"{better} is now better than '{_old_plan(out)}' by {points(gain)} (± {error:.2f})."
    elif choice.why == "better":
        out.reason = f"The objective now favours {better}."
    elif choice.why == "passed":
        out.reason = f"The lap of '{choice.was}' has passed without a stop."
    elif choice.why == "impossible":
        out.reason = f"'{choice.was}' is no longer among the plans weighed."
    elif choice.why == "rejected":
        out.reason = f"'{choice.was}' was rejected."
    elif choice.why == "noise" and choice.gain > 0:
        out.reason = f"The call stays: {better} is too close to call against it."
    elif choice.why in ("slight", "agreed", "once"):
        also = {"slight": "which is too little", "agreed": "too little for what was accepted", "once": "so far once"}
        out.reason = f"The call stays: {by}, {also[choice.why]}."
    elif choice.why == "pinned":
        if call_of(choice.best) == out.call:
            return
        out.reason = (
            f"The call is pinned: {by if choice.beyond_noise else f'{better} is too close to call against it'}."
        )
    if out.reason:
        out.say("reasoning", out.reason, *rests)


def _old_plan(out: Draft) -> str:
    fact = out.sheet.get("before.plan")
    return str(fact.value) if fact is not None else ""


def _say_risks(out: Draft, answer: DeskAnswer, situation: Situation, plan: RankedPlan, to_go: int | None) -> None:
    rejoin = answer.box_now
    if rejoin is not None and to_go is not None and to_go <= URGENT_LAPS:
        ahead = neighbours(rejoin, situation).get("ahead")
        if ahead is not None and ahead[1] < TRAFFIC_S:
            out.say("risks", f"Traffic: boxing now rejoins {ahead[1]:.1f} s behind {ahead[0]}.", "rejoin.gap_ahead")
        lower = sum(p for k, p in rejoin.position_probability.items() if k > rejoin.position)
        if lower >= 0.05:
            out.say(
                "risks", f"In {lower:.0%} of cases it rejoins further back than P{rejoin.position}.", "rejoin.lower"
            )
    no_points = 1.0 - plan.p_points
    if 0.05 <= no_points <= 0.95:
        out.say("risks", f"{no_points:.0%} of races end outside the points.", "best.p_no_points")
    close = sum(1 for p in answer.plans[1:] if p.too_close)
    if close:
        are = "plan is" if close == 1 else "plans are"
        out.say("risks", f"{close} other {are} too close to call against the best.", "close_plans")


def _say_alternatives(out: Draft, answer: DeskAnswer, plan: RankedPlan) -> None:
    for i, p in enumerate(_other_calls(answer, plan), start=2):
        name, key = f"'{spoken(p)}'", f"plan{i}"
        if p.rank == 1:  # the call is another: how it fares against this plan, seen from here
            ahead, behind = plan.p_behind, plan.p_ahead
            for what, share in (("ahead", ahead), ("behind", behind)):
                text = f"{name} finishes {what} of '{spoken(plan)}' in {share:.0%} of races.".replace(
                    "behind of", "behind"
                )
                out.sheet.add(
                    f"{key}.p_{what}", round(share, 2), text, source=f"{plan.n_races} simulated races, paired"
                )
            text = f"{name}: {points(p.expected_points)}, the desk's best"
        else:
            ahead, behind = p.p_ahead, p.p_behind
            gap = f"{points(abs(p.delta_points))} {'more' if p.delta_points > 0 else 'less'}"
            close = "too close to call, " if p.too_close and plan.rank == 1 else ""
            than = "" if plan.rank == 1 else f" than '{spoken(answer.plans[0])}'"
            text = f"{name}: {close}{gap}{than} (± {p.delta_standard_error:.2f})"
        text += f", ahead in {ahead:.0%} of races, behind in {behind:.0%}."
        out.alternative(p.plan, text, f"{key}.", "desk.plan", shares=(ahead, behind))
