"""What to keep an eye on beside the call: undercuts by a rival and of one, a cheap stop, traffic, tyres, rain.

A warning that stands is given up later than it is raised, so that a value at its threshold does not make it come and go.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from racetwin.schemas import (
    TRAFFIC_S,
    CarStatus,
    CarTwinState,
    DeskAnswer,
    Estimate,
    Priority,
    RankedPlan,
    Recommendation,
    TrackStatus,
)
from racetwin.strategist.calls import NOISE, call_of, difference, first_lap
from racetwin.strategist.draft import Draft, Part
from racetwin.strategist.facts import (
    FIELD,
    STATUS_WORDS,
    TELEMETRY,
    TWIN,
    FactSheet,
    is_life_known,
    laps,
    life_left,
    neighbours,
    plan_facts,
    points,
    rain_facts,
    rejoin_facts,
    spoken,
    state_difference,
    state_facts,
    status_fact,
    window,
)
from racetwin.strategist.life import Gone, standing
from racetwin.strategist.situation import Situation

STOP_CHANCE = (0.3, 0.2)
"""A car behind that stops within five laps with at least this probability may try an undercut ..."""
THREAT = (0.4, 0.3)
"""... that is worth covering if it works with at least this probability."""
OPEN = (0.5, 0.4)
"""An undercut of ours is open if it works with at least this probability."""
TRAFFIC_GONE_S = 2.0
"""A rejoin that was in traffic is out of it from this gap on, so that the warning does not come and go, s."""
TRAFFIC_LAPS = 5
"""A rejoin now tells something of a stop that is at most this many laps away."""
TYRES_SOON = 12
"""What a set has to last for longer than this is no matter of the coming laps."""
LIFE_LAPS = (0, 2)
"""A set is expected to last if it has this many laps more in it than the plan asks."""

READY_POINTS = 0.25
"""A plan that waits for a safety car, or takes a chance at once, is worth a word if at most this much worse than the call."""
COVER_POINTS = (READY_POINTS, 0.4)
"""An answer to an undercut is worth it if it costs at most so many points beside the call."""
NOTHING = 0.005
"""Points that are worded as 0.00."""

Rule = Callable[[DeskAnswer, Situation, CarTwinState, RankedPlan, Sequence[Recommendation]], Draft | None]


def cover(
    answer: DeskAnswer, situation: Situation, car: CarTwinState, plan: RankedPlan, said: Sequence[Recommendation]
) -> Draft | None:
    """The car behind is likely to stop soon, would be likely to come out ahead by it, and an answer costs little."""
    behind, done = situation.behind(car.car_id), situation.laps_done(car.car_id)
    if behind is None or situation.track_status.is_neutralised or first_lap(plan) in (None, done + 1):
        return None
    known = standing(said, "cover", behind.car_id) is not None
    gap, chance, duel = behind.interval_s, behind.stop_probability_next_5, situation.duel(behind.car_id)
    if gap is None or chance is None or duel is None or duel["rival_id"] != car.car_id:
        return None
    works = duel["undercut_probability"]
    if chance < STOP_CHANCE[known] or works < THREAT[known]:
        return None
    answering = next((p for p in answer.plans if first_lap(p) in (done + 1, done + 2)), None)
    if answering is not None and _price(answering, plan) > COVER_POINTS[known]:
        return None  # the place is the cheaper thing to lose
    out = Draft("cover", behind.car_id)
    name = situation.name(behind.car_id)
    # Timed at the line, so of the lap that the other car has completed, and said to be so.
    text = f"{name} is {gap:.1f} s behind at the end of lap {behind.lap}."
    out.sheet.add("behind.gap", round(gap, 1), text, unit="s", source=f"{TELEMETRY}, line of lap {behind.lap}")
    stops = f"{name} stops within five laps with a probability of {chance:.0%}."
    out.sheet.add("behind.stop_probability_5", round(chance, 2), stops, source=FIELD)
    undercut = f"An undercut by {name} works with a probability of {works:.0%}."
    out.sheet.add("behind.undercut_probability", round(works, 2), undercut, source=FIELD)
    plan_facts(out.sheet, "best", plan, answer)
    out.priority = Priority.MODERATE
    out.say("title", f"Be ready to cover {name}", "behind.gap", "behind.stop_probability_5")
    out.say("description", text, "behind.gap")
    if answering is not None:
        plan_facts(out.sheet, "cover", answering, answer)
        out.say("description", f"If {name} boxes, the cover is '{spoken(answering)}'.", "behind.gap", "cover.plan")
    if answering is not None and call_of(answering) != call_of(plan):
        _say_price(out, "expected_benefit", answering, plan, answer)
    else:
        _say_expected(out, plan)
    out.say("reasoning", stops, "behind.stop_probability_5")
    out.say("reasoning", undercut, "behind.undercut_probability")
    return out


def _price(other: RankedPlan, plan: RankedPlan) -> float:
    """Expected points that another plan costs beside the call; none where the two are level."""
    gain, error = difference(other, plan)
    return 0.0 if abs(gain) <= NOISE * error else -gain


def undercut(
    answer: DeskAnswer, situation: Situation, car: CarTwinState, plan: RankedPlan, said: Sequence[Recommendation]
) -> Draft | None:
    """Stopping this lap would be likely to bring us out ahead of the car in front, and costs little or nothing."""
    duel, now = situation.duel(car.car_id), _box_at_once(answer, situation, car, plan)
    rival = situation.cars.get(duel["rival_id"]) if duel is not None else None
    if duel is None or rival is None or now is None or rival.status is not CarStatus.TRACK:
        return None
    works, known = duel["undercut_probability"], standing(said, "undercut", rival.car_id) is not None
    gain, error = difference(now, plan)
    if situation.track_status.is_neutralised or works < OPEN[known] or gain < -READY_POINTS:
        return None
    out = Draft("undercut", rival.car_id)
    name, gap = situation.name(rival.car_id), duel["gap_s"]
    ahead = f"{name} is {gap:.1f} s ahead."
    out.sheet.add("duel.gap", round(gap, 1), ahead, unit="s", source=FIELD)
    chance = f"An undercut on {name} works with a probability of {works:.0%}."
    out.sheet.add("duel.undercut_probability", round(works, 2), chance, source=FIELD)
    plan_facts(out.sheet, "best", plan, answer)
    plan_facts(out.sheet, "now", now, answer)
    out.benefit = (gain, error)
    out.priority = Priority.MODERATE if gain > -NOISE * error else Priority.OPTIONAL
    out.say("title", f"Undercut on {name} open", "duel.undercut_probability")
    out.say("description", f"{ahead} To undercut, box this lap: '{spoken(now)}'.", "duel.gap", "now.plan")
    _say_price(out, "expected_benefit", now, plan, answer)
    out.say("reasoning", chance, "duel.undercut_probability")
    return out


def free_stop(
    answer: DeskAnswer, situation: Situation, car: CarTwinState, plan: RankedPlan, said: Sequence[Recommendation]
) -> Draft | None:
    """A stop this lap would cost no place, or little time while the field is slowed, and the call waits."""
    kinds = ("free_stop", "cheap_free_stop", "cheap_stop")
    offer = next((o for o in situation.opportunities(car.car_id) if o["kind"] in kinds), None)
    now, rejoin, status = _box_at_once(answer, situation, car, plan), answer.box_now, situation.track_status
    if offer is None or now is None or rejoin is None or status is TrackStatus.RED or car.position is None:
        return None
    slowed, gain = status.is_neutralised, difference(now, plan)
    free = offer["kind"] != "cheap_stop" and rejoin.position <= car.position
    if not (slowed or (free and gain[0] >= -READY_POINTS)):
        return None
    out = Draft("free_stop")
    rejoin_facts(out.sheet, rejoin, situation, answer)
    plan_facts(out.sheet, "best", plan, answer)
    plan_facts(out.sheet, "now", now, answer)
    out.benefit = gain
    out.priority = Priority.MODERATE if gain[0] > -NOISE * gain[1] else Priority.OPTIONAL
    costs = f"A stop costs {rejoin.pit_loss_s.mean:.1f} s."
    if slowed:
        under = f"under the {STATUS_WORDS[status]}"
        out.sheet.add("track_status", status.value, f"The track is {under}.", source=TELEMETRY)
        costs = f"A stop {under} costs {rejoin.pit_loss_s.mean:.1f} s."
        out.say("title", f"Cheap stop {under}", "track_status", "pit_loss")
    else:
        text = "A stop this lap is a free stop: it costs 0 places."
        out.sheet.add("free.places", 0, text, unit="places", source=FIELD)
        out.say("title", "Free stop open", "free.places")
        out.say("description", text, "free.places")
    out.say("description", costs, "pit_loss", "track_status")
    out.say("description", f"To take it, box this lap: '{spoken(now)}'.", "now.plan")
    _say_price(out, "expected_benefit", now, plan, answer)
    text = f"It rejoins P{rejoin.position} with a probability of {rejoin.probability:.0%}."
    out.say("reasoning", text, "rejoin.position", "rejoin.probability")
    return out


def _box_at_once(answer: DeskAnswer, situation: Situation, car: CarTwinState, plan: RankedPlan) -> RankedPlan | None:
    """The best plan that boxes this lap; None where the call does, no such plan was weighed, or nothing hangs on it."""
    lap = situation.laps_done(car.car_id) + 1
    now = next((p for p in answer.plans if first_lap(p) == lap), None)
    if now is None or first_lap(plan) == lap:
        return None
    gain, error = difference(now, plan)
    return now if max(abs(gain), error) >= NOTHING else None


def _say_price(out: Draft, part: Part, other: RankedPlan, plan: RankedPlan, answer: DeskAnswer) -> None:
    """Say what another plan is worth beside the call."""
    plan_facts(out.sheet, "other", other, answer)
    state_difference(out.sheet, "benefit", other, plan, answer)
    gain, error = difference(other, plan)
    name, call, rests = f"'{spoken(other)}'", f"'{spoken(plan)}'", ("benefit", "best.plan", "other.plan")
    if abs(gain) <= NOISE * error:
        out.say(part, f"{name} is level with {call}: {points(abs(gain))} apart (± {error:.2f}).", *rests)
    else:
        what = "more" if gain > 0 else "less"
        out.say(part, f"{name} is worth {points(abs(gain))} {what} than {call} (± {error:.2f}).", *rests)


def _say_expected(out: Draft, plan: RankedPlan) -> None:
    text = f"Expect {points(plan.expected_points)} and P{plan.expected_position:.1f} on average."
    out.say("expected_benefit", text, "best.expected_points", "best.expected_position")


def traffic(
    answer: DeskAnswer, situation: Situation, car: CarTwinState, plan: RankedPlan, said: Sequence[Recommendation]
) -> Draft | None:
    """Boxing now would drop the car just behind another one."""
    rejoin, first = answer.box_now, first_lap(plan)
    ahead = neighbours(rejoin, situation).get("ahead") if rejoin is not None else None
    if rejoin is None or rejoin.car_ahead is None or ahead is None or first is None:
        return None
    name, gap = ahead
    known = standing(said, "traffic", rejoin.car_ahead) is not None
    if gap >= (TRAFFIC_GONE_S if known else TRAFFIC_S):
        return None
    to_go = first - situation.laps_done(car.car_id)
    if not 2 < to_go <= TRAFFIC_LAPS:  # a stop this lap or the next names its traffic itself
        return None
    out = Draft("traffic", rejoin.car_ahead)
    rejoin_facts(out.sheet, rejoin, situation, answer)
    plan_facts(out.sheet, "best", plan, answer)
    out.say("title", f"Mind {name} at the rejoin", "rejoin.gap_ahead")
    out.say("description", f"A stop this lap rejoins {gap:.1f} s behind {name}.", "rejoin.gap_ahead")
    now = _box_at_once(answer, situation, car, plan)
    if now is not None:
        _say_price(out, "expected_benefit", now, plan, answer)
    else:
        _say_expected(out, plan)
    text = f"It rejoins P{rejoin.position} with a probability of {rejoin.probability:.0%}."
    out.say("reasoning", text, "rejoin.position", "rejoin.probability")
    return out


def tyres(
    answer: DeskAnswer, situation: Situation, car: CarTwinState, plan: RankedPlan, said: Sequence[Recommendation]
) -> Draft | None:
    """The set is expected to be worn out before the planned stop."""
    life, first = car.tyre_life_laps, first_lap(plan)
    done = situation.laps_done(car.car_id)
    until = (first if first is not None else situation.total_laps) - done
    spare = LIFE_LAPS[standing(said, "tyres") is not None]
    if life is None or life.mean >= until + spare or until <= 1 or situation.track_status.is_neutralised:
        return None
    out = Draft("tyres")
    state_facts(out.sheet, car, situation)
    text = f"The plan asks {laps(until)} more of it."
    out.sheet.add("laps_to_go_on_set", until, text, unit="laps", source=f"plan {spoken(plan)}")
    plan_facts(out.sheet, "best", plan, answer)
    told = life.up_to(situation.total_laps - done)
    soon = until <= TYRES_SOON
    out.priority = Priority.MODERATE if soon and life.high < until else Priority.OPTIONAL
    out.say("title", f"Manage the tyres to {'the stop' if first is not None else 'the flag'}", "laps_to_go_on_set")
    if round(life.mean) <= 0:
        text = f"The set is worn, and the plan asks {laps(until)} more of it."
    elif is_life_known(told):
        text = f"The set has {life_left(told)} left in it and the plan asks {until} of it."
    else:
        text = f"The life of the set is not known yet, and the plan asks {laps(until)} more of it."
    out.say("description", text, "tyre_life", "laps_to_go_on_set")
    _say_expected(out, plan)
    if round(told.high) > 0 and "about" in life_left(told):
        text = f"The set has {told.low:.0f} to {told.high:.0f} laps left in it."
        out.say("reasoning", text, "tyre_life")
    wear = car.wear_s_per_lap
    out.say("reasoning", f"It loses {wear.mean:.2f} s a lap to wear.", "wear")
    short = _short_of(life, until)
    text = f"The set falls short of that with a probability of {short:.0%}."
    out.sheet.add("tyre_short_probability", round(short, 2), text, source=TWIN)
    out.say("risks", text, "tyre_short_probability")
    return out


def _short_of(life: Estimate, laps_asked: int) -> float:
    """Probability that a set is changed before so many laps: changes come evenly between the ends and the middle of its life."""
    at = (0.0, *(max(v, 1e-6 * k) for k, v in enumerate((life.low, life.mean, life.high), start=1)))
    changed = (0.0, *(-math.log(s) for s in (0.95, 0.5, 0.05)))
    k = next((k for k in (1, 2) if laps_asked <= at[k]), 3)
    rate = (changed[k] - changed[k - 1]) / max(at[k] - at[k - 1], 1e-6)
    return -math.expm1(-changed[k - 1] - rate * (laps_asked - at[k - 1]))


def rain(
    answer: DeskAnswer, situation: Situation, car: CarTwinState, plan: RankedPlan, said: Sequence[Recommendation]
) -> Draft | None:
    """It rains, and the plan does not go to wet tyres at once."""
    compound = car.tyre.compound
    if not situation.rainfall or compound is None or not compound.is_slick:
        return None
    first = plan.stops[0] if plan.stops else None
    if first is not None and not first.compound.is_slick and first.lap <= situation.laps_done(car.car_id) + 2:
        return None
    out = Draft("rain")
    rain_facts(out.sheet, situation)
    plan_facts(out.sheet, "best", plan, answer)
    wet = next((p for p in answer.plans if p.stops and not p.stops[0].compound.is_slick), None)
    out.sheet.add("compound", compound.value, f"It is on {compound.value} tyres.", source=TELEMETRY)
    out.priority = Priority.MODERATE
    on_wet, running = situation.on_wet_tyres()
    out.say("title", "Raining: watch the track", "rain")
    out.say("description", f"It is raining and the plan stays on {compound.value}.", "rain", "compound")
    if wet is not None:
        plan_facts(out.sheet, "wet", wet, answer)
        cost = points(-wet.delta_points)
        text = f"'{spoken(wet)}' costs {cost} against the best plan (± {wet.delta_standard_error:.2f})."
        out.say("expected_benefit", text, "wet.plan", "wet.delta_points")
        out.say("description", f"Have {wet.stops[0].compound.value} ready.", "wet.plan")
    text = f"{on_wet} of the {running} cars run INTERMEDIATE or WET tyres."
    out.say("reasoning", text, "wet_tyres")
    return out


def safety_car(
    answer: DeskAnswer, situation: Situation, car: CarTwinState, plan: RankedPlan, said: Sequence[Recommendation]
) -> Draft | None:
    """A safety car on the coming laps would be a reason to box at once, and the call itself does not say so.

    Whoever is called only when the safety car is out has less than a lap; a condition given before costs nothing.
    """
    lap = situation.laps_done(car.car_id) + 1
    if situation.track_status.is_neutralised or window(plan) is not None or first_lap(plan) == lap:
        return None
    waits = next((p for p in answer.plans if (w := window(p)) is not None and w[0] <= lap + 1 and lap <= w[1]), None)
    if waits is None or waits.delta_points < -max(READY_POINTS, NOISE * waits.delta_standard_error):
        return None
    same = next((p for p in answer.plans if p.stops == waits.stops and window(p) is None), None)
    if same is not None and same.expected_points > waits.expected_points:
        return None  # the condition makes that plan no better
    first, last = window(waits) or (lap, lap)
    compound = waits.stops[0].compound.value
    out = Draft("condition", compound)
    plan_facts(out.sheet, "best", waits, answer)
    out.say("title", f"If a safety car comes, box for {compound}", "best.window", "best.plan")
    text = f"If a safety car comes on laps {first} to {last}, box then and fit {compound}."
    out.say("description", text, "best.window", "best.plan")
    _say_expected(out, waits)
    text = f"'{spoken(waits)}' scores points in {waits.p_points:.0%} of races."
    out.say("reasoning", text, "best.p_points", "best.plan")
    return out


WARNINGS: tuple[Rule, ...] = (rain, cover, undercut, free_stop, traffic, tyres, safety_car)


def why_gone(old: Recommendation, situation: Situation) -> Gone:
    """Tell why a warning that stood does not stand any more."""
    car = situation.cars[old.car_id]
    call = old.life.call if old.life is not None else ""
    if situation.track_status.is_neutralised and old.kind in ("cover", "tyres", "undercut", "condition"):
        return Gone("The track is neutralised.", status_fact(FactSheet(), situation))
    if old.kind == "cover":
        name = situation.name(call)
        behind = situation.behind(car.car_id)
        if behind is None or behind.car_id != call:
            return Gone(f"{name} is no longer the car behind.")
        duel = situation.duel(call)
        far = duel is None or duel["rival_id"] != car.car_id or duel["undercut_probability"] < THREAT[1]
        chance = behind.stop_probability_next_5
        unlikely = chance is None or chance < STOP_CHANCE[1]
        if unlikely:
            return Gone(f"{name} is less likely to stop soon.")
        if far:
            return Gone(f"An undercut by {name} is less likely to work.")
        return Gone(f"Covering {name} costs too much now, or the call is to box before it.")
    if old.kind == "undercut":
        return Gone(f"The undercut on {situation.name(call)} is not open any more, or is the call.")
    if old.kind == "free_stop":
        return Gone("A stop is no longer cheap, or is the call.")
    if old.kind == "traffic":
        return Gone(f"A stop no longer rejoins close behind {situation.name(call)}, or is not near.")
    if old.kind == "tyres":
        return Gone("The set is expected to last now.")
    if old.kind == "stop":
        return Gone("No call is left that was not rejected.")
    if old.kind == "condition":
        return Gone("No plan near the best waits for it.")
    if old.kind == "rain":
        return Gone("It rains no more." if not situation.rainfall else "The plan goes to wet tyres now.")
    return Gone("It does not hold any more.")
