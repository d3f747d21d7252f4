"""What to keep an eye on beside the call: a rival about to undercut, traffic at the rejoin, a set that will not last, rain.

A warning that stands is given up later than it is raised, so that a value at its threshold does not make it come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from racetwin.schemas import CarTwinState, DeskAnswer, Priority, RankedPlan, Recommendation
from racetwin.strategist.calls import NOISE, first_lap
from racetwin.strategist.draft import Draft
from racetwin.strategist.facts import (
    TELEMETRY,
    laps,
    life_left,
    neighbours,
    plan_facts,
    points,
    rain_facts,
    rejoin_facts,
    spoken,
    state_facts,
    window,
)
from racetwin.strategist.life import standing
from racetwin.strategist.situation import Situation

UNDERCUT_S = (3.0, 3.5)
"""A car this close behind can come out ahead by stopping a lap earlier (a fresh set gains 1-3 s on its out-lap)."""
UNDERCUT_CHANCE = (0.3, 0.2)
"""... if it stops within five laps with at least this probability."""
TRAFFIC_S = 1.5
"""A rejoin this close behind another car is in its dirty air."""
TRAFFIC_GONE_S = 2.0
TRAFFIC_LAPS = 5
"""A rejoin now tells something of a stop that is at most this many laps away."""
TYRES_SOON = 12
"""What a set has to last for longer than this is no matter of the coming laps."""
LIFE_LAPS = (0, 2)
"""A set is expected to last if it has this many laps more in it than the plan asks."""

READY_POINTS = 0.25
"""A plan that waits for a safety car is worth being ready for if it is at most this much worse than the best."""

Rule = Callable[[DeskAnswer, Situation, CarTwinState, RankedPlan, Sequence[Recommendation]], Draft | None]


def cover(
    answer: DeskAnswer, situation: Situation, car: CarTwinState, plan: RankedPlan, said: Sequence[Recommendation]
) -> Draft | None:
    """The car behind is close enough to undercut, and likely to try."""
    behind = situation.behind(car.car_id)
    if behind is None or situation.track_status.is_neutralised or first_lap(plan) is None:
        return None
    known = standing(said, "cover", behind.car_id) is not None
    gap, chance = behind.interval_s, behind.stop_probability_next_5
    if gap is None or gap > UNDERCUT_S[known] or chance is None or chance < UNDERCUT_CHANCE[known]:
        return None
    out = Draft("cover", behind.car_id)
    name = situation.name(behind.car_id)
    # Timed at the line, so of the lap that the other car has completed, and said to be so.
    text = f"{name} is {gap:.1f} s behind at the end of lap {behind.lap}."
    out.sheet.add("behind.gap", round(gap, 1), text, unit="s", source=f"{TELEMETRY}, line of lap {behind.lap}")
    out.sheet.add(
        "behind.stop_probability_5",
        round(chance, 2),
        f"{name} stops within five laps with a probability of {chance:.0%}.",
        source="field twin",
    )
    plan_facts(out.sheet, "best", plan, answer)
    out.priority = Priority.MODERATE
    out.say("title", f"Be ready to cover {name}", "behind.gap", "behind.stop_probability_5")
    out.say("description", text, "behind.gap")
    out.say("description", f"If {name} boxes, look at boxing on the next lap.", "behind.gap")
    out.say("expected_benefit", f"Holds off an undercut by {name}.", "behind.gap")
    text = f"{name} stops within five laps with a probability of {chance:.0%}."
    out.say("reasoning", text, "behind.stop_probability_5")
    return out


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
    rejoin_facts(out.sheet, rejoin, situation)
    out.say("title", f"Mind {name} at the rejoin", "rejoin.gap_ahead")
    out.say("description", f"A stop this lap rejoins {gap:.1f} s behind {name}.", "rejoin.gap_ahead")
    out.say("expected_benefit", f"A larger gap to {name} before the stop gives a clear out-lap.", "rejoin.gap_ahead")
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
    soon = until <= TYRES_SOON
    out.priority = Priority.MODERATE if soon and life.high < until else Priority.OPTIONAL
    out.say("title", f"Manage the tyres to {'the stop' if first is not None else 'the flag'}", "laps_to_go_on_set")
    if round(life.mean) > 0:
        text = f"The set has {life_left(life)} left in it and the plan asks {until} of it."
    else:
        text = f"The set is worn, and the plan asks {laps(until)} more of it."
    out.say("description", text, "tyre_life", "laps_to_go_on_set")
    out.say("expected_benefit", f"Keeps '{spoken(plan)}' open.", "best.plan")
    if round(life.high) > 0 and "about" in life_left(life):
        text = f"The set has {life.low:.0f} to {life.high:.0f} laps left in it."
        out.say("reasoning", text, "tyre_life")
    return out


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
    text = f"Expect {points(waits.expected_points)} and P{waits.expected_position:.1f} on average."
    out.say("expected_benefit", text, "best.expected_points", "best.expected_position")
    return out


WARNINGS: tuple[Rule, ...] = (rain, cover, traffic, tyres, safety_car)


def why_gone(old: Recommendation, situation: Situation) -> str:
    """Say why a warning that stood does not stand any more."""
    car = situation.cars[old.car_id]
    call = old.life.call if old.life is not None else ""
    if situation.track_status.is_neutralised and old.kind in ("cover", "tyres"):
        return "The track is neutralised."
    if old.kind == "cover":
        name = situation.name(call)
        behind = situation.behind(car.car_id)
        if behind is None or behind.car_id != call:
            return f"{name} is no longer the car behind."
        far = behind.interval_s is None or behind.interval_s > UNDERCUT_S[1]
        return f"{name} is out of range of an undercut." if far else f"{name} is less likely to stop soon."
    if old.kind == "traffic":
        return f"A stop no longer rejoins close behind {situation.name(call)}, or is not near."
    if old.kind == "tyres":
        return "The set is expected to last now."
    if old.kind == "stop":
        return "No call is left that was not rejected."
    if old.kind == "condition":
        return (
            "The track is neutralised."
            if situation.track_status.is_neutralised
            else "No plan near the best waits for it."
        )
    if old.kind == "rain":
        return "It rains no more." if not situation.rainfall else "The plan goes to wet tyres now."
    return "It does not hold any more."
