"""Deterministic advice: which recommendations there are, how urgent each is, and our own wording of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from racetwin.schemas import (
    Alternative,
    CarStatus,
    CarTwinState,
    DeskAnswer,
    Fact,
    Priority,
    RankedPlan,
    Recommendation,
    Rejoin,
    TrackStatus,
)
from racetwin.strategist.facts import STATUS_WORDS, FactSheet, call_sign, plan_facts, points, rejoin_facts, state_facts

URGENT_LAPS = 2
"""A call is urgent only if it must be acted on within this many laps ..."""
URGENT_POINTS = 0.25
"""... and waiting longer than that costs at least this many expected points, beyond noise."""
MODERATE_LAPS = 8
"""A stop this near is worth preparing for."""
UNDERCUT_RANGE_S = 3.0
"""A car this close behind can come out ahead by stopping a lap earlier (a fresh set gains 1-3 s on its out-lap)."""
ALTERNATIVES = 3
"""How many other plans a call names."""
NOISE = 2.0
"""Differences below this many standard errors are not called differences."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules look at: the race at the moment of the desk's answer.

    ``cars`` holds the twin state of every car by id, ``lap`` the laps completed by the leader.
    """

    cars: Mapping[str, CarTwinState]
    lap: int
    total_laps: int
    track_status: TrackStatus = TrackStatus.GREEN


def recommend(answer: DeskAnswer, situation: Situation) -> tuple[Recommendation, ...]:
    """Turn one desk answer into recommendations, most urgent first.

    Nothing is recommended to a car that is out of the race or has no laps left to act in.
    """
    car = situation.cars.get(answer.car_id)
    if car is None or car.status in (CarStatus.RETIRED, CarStatus.FINISHED) or not answer.plans:
        return ()
    if situation.lap >= situation.total_laps - 1:
        return ()
    advice = [_stop_call(answer, situation, car)]
    for rule in (_traffic_warning, _undercut_threat, _tyre_warning):
        extra = rule(answer, situation, car)
        if extra is not None:
            advice.append(extra)
    order = list(Priority)
    return tuple(sorted(advice, key=lambda r: order.index(r.priority)))


def _first_lap(plan: RankedPlan) -> int | None:
    return plan.stops[0].lap if plan.stops else None


def _best_that_waits(answer: DeskAnswer, before_lap: int) -> RankedPlan | None:
    """The best-ranked plan with no stop up to and including ``before_lap``."""
    return next((p for p in answer.plans if (_first_lap(p) or 10**6) > before_lap), None)


def _beyond_noise(plan: RankedPlan) -> bool:
    return abs(plan.delta_points) > NOISE * plan.delta_standard_error


def _make(
    answer: DeskAnswer,
    situation: Situation,
    *,
    kind: str,
    priority: Priority,
    title: str,
    description: str,
    expected_benefit: str,
    reasoning: str,
    execution_lap: int | None,
    facts: tuple[Fact, ...],
    risks: tuple[str, ...] = (),
    alternatives: tuple[Alternative, ...] = (),
    benefit: float | None = None,
    benefit_se: float | None = None,
) -> Recommendation:
    return Recommendation(
        id=f"{answer.car_id}-{kind}",
        car_id=answer.car_id,
        lap=situation.lap,
        priority=priority,
        title=title,
        description=description,
        expected_benefit=expected_benefit,
        reasoning=reasoning,
        execution_lap=execution_lap,
        risks=risks,
        alternatives=alternatives,
        facts=facts,
        expected_benefit_points=benefit,
        expected_benefit_standard_error=benefit_se,
    )


def _stop_call(answer: DeskAnswer, situation: Situation, car: CarTwinState) -> Recommendation:
    """The main call: box, prepare to box, or stay out, as the best plan has it."""
    sheet = FactSheet()
    state_facts(sheet, car, situation.lap, situation.total_laps, situation.track_status)
    best = answer.plans[0]
    _search_facts(sheet, answer, best)
    plan_facts(sheet, "best", best, answer)
    if answer.box_now is not None:
        rejoin_facts(sheet, answer.box_now, situation.cars)
    first = _first_lap(best)
    laps_to_go = None if first is None else first - situation.lap
    waits = _best_that_waits(answer, situation.lap + URGENT_LAPS)
    rival_plan = next((p for p in answer.plans[1:] if _first_lap(p) != first), None)
    for i, other in enumerate(answer.plans[1 : 1 + ALTERNATIVES], start=2):
        plan_facts(sheet, f"plan{i}", other, answer)
    if rival_plan is not None:
        plan_facts(sheet, "other", rival_plan, answer)

    benefit, benefit_se = None, None
    if laps_to_go is not None and laps_to_go <= URGENT_LAPS and waits is not None:
        benefit, benefit_se = -waits.delta_points, waits.delta_standard_error
        plan_facts(sheet, "waiting", waits, answer)
    elif rival_plan is not None:
        benefit, benefit_se = -rival_plan.delta_points, rival_plan.delta_standard_error

    if first is None or laps_to_go is None:
        priority, title = Priority.OPTIONAL, "Stay out to the flag"
        description = "No further stop is planned: run to the flag on this set."
    elif laps_to_go <= URGENT_LAPS:
        sure = waits is not None and _beyond_noise(waits) and -waits.delta_points >= URGENT_POINTS
        priority = Priority.URGENT if sure else Priority.MODERATE
        when = "this lap" if laps_to_go <= 1 else f"on lap {first}"
        title = f"Box {when} for {best.stops[0].compound.value}"
        description = f"Pit at the end of lap {first} and fit {best.stops[0].compound.value} tyres."
    else:
        priority = Priority.MODERATE if laps_to_go <= MODERATE_LAPS else Priority.OPTIONAL
        title = f"Stay out; box on lap {first} for {best.stops[0].compound.value}"
        description = (
            f"Stay out for now. The best plan stops at the end of lap {first} for {best.stops[0].compound.value}."
        )

    if best.stops[1:]:
        description += " Then " + ", ".join(f"lap {s.lap} for {s.compound.value}" for s in best.stops[1:]) + "."
    return _make(
        answer,
        situation,
        kind="stop",
        priority=priority,
        title=title,
        description=description,
        expected_benefit=_benefit_text(best, benefit, benefit_se, waits if priority is Priority.URGENT else rival_plan),
        reasoning=_why(answer, situation, best),
        execution_lap=first,
        facts=sheet.all(),
        risks=_risks(answer, situation, best),
        alternatives=_alternatives(answer),
        benefit=benefit,
        benefit_se=benefit_se,
    )


def _search_facts(sheet: FactSheet, answer: DeskAnswer, best: RankedPlan) -> None:
    sheet.add("plans", len(answer.plans), f"{len(answer.plans)} plans were weighed.", source="strategy desk")
    close = sum(1 for p in answer.plans[1:] if p.too_close)
    sheet.add(
        "close_plans", close, f"{close} other plans are too close to call against the best.", source="strategy desk"
    )
    sheet.add("races", best.n_races, f"Each ran through {best.n_races} simulated races.", source="strategy desk")


def _benefit_text(best: RankedPlan, benefit: float | None, se: float | None, other: RankedPlan | None) -> str:
    outcome = f"{points(best.expected_points)} and P{best.expected_position:.1f} on average"
    if benefit is None or se is None or other is None:
        return f"{outcome}."
    if benefit <= NOISE * se:
        return f"{outcome}; too close to call against '{other.plan}' ({benefit:+.2f} ± {se:.2f} points)."
    return f"{outcome}; {benefit:+.2f} ± {se:.2f} points over '{other.plan}'."


def _why(answer: DeskAnswer, situation: Situation, best: RankedPlan) -> str:
    parts = [
        f"Of {len(answer.plans)} plans, each run through {best.n_races} simulated races, '{best.plan}' scores most: "
        f"points in {best.p_points:.0%}, podium in {best.p_podium:.0%}."
    ]
    if situation.track_status.is_neutralised and answer.box_now is not None:
        loss = answer.box_now.pit_loss_s.mean
        parts.append(f"Under the {STATUS_WORDS[situation.track_status]} a stop costs {loss:.1f} s.")
    rejoin = answer.box_now
    if rejoin is not None:
        parts.append(f"Boxing now: P{rejoin.position} ({rejoin.probability:.0%}){_between(rejoin, situation)}.")
    return " ".join(parts)


def _between(rejoin: Rejoin, situation: Situation) -> str:
    text = ""
    if rejoin.car_ahead is not None and rejoin.gap_ahead_s is not None:
        text += f", {rejoin.gap_ahead_s:.1f} s behind {call_sign(rejoin.car_ahead, situation.cars)}"
    if rejoin.car_behind is not None and rejoin.gap_behind_s is not None:
        text += f", {rejoin.gap_behind_s:.1f} s ahead of {call_sign(rejoin.car_behind, situation.cars)}"
    return text


def _risks(answer: DeskAnswer, situation: Situation, best: RankedPlan) -> tuple[str, ...]:
    risks = []
    no_points = 1.0 - best.p_points
    if 0.05 <= no_points <= 0.95:
        risks.append(f"{no_points:.0%} of races end outside the points.")
    rejoin = answer.box_now
    if rejoin is not None and rejoin.gap_ahead_s is not None and rejoin.gap_ahead_s < 1.5 and rejoin.car_ahead:
        risks.append(
            f"Boxing now rejoins {rejoin.gap_ahead_s:.1f} s behind "
            f"{call_sign(rejoin.car_ahead, situation.cars)}, in traffic."
        )
    close = sum(1 for p in answer.plans[1:] if p.too_close)
    if close:
        risks.append(f"{close} other {'plan is' if close == 1 else 'plans are'} too close to call against this one.")
    return tuple(risks)


def _alternatives(answer: DeskAnswer) -> tuple[Alternative, ...]:
    return tuple(
        Alternative(
            plan=p.plan,
            text=f"'{p.plan}': {points(p.expected_points)}, {p.delta_points:+.2f} ± {p.delta_standard_error:.2f}.",
        )
        for p in answer.plans[1 : 1 + ALTERNATIVES]
    )


def _traffic_warning(answer: DeskAnswer, situation: Situation, car: CarTwinState) -> Recommendation | None:
    """Boxing now would drop the car just behind another one."""
    rejoin = answer.box_now
    first = _first_lap(answer.plans[0])
    if rejoin is None or rejoin.car_ahead is None or rejoin.gap_ahead_s is None or rejoin.gap_ahead_s >= 1.5:
        return None
    if first is None or first - situation.lap > MODERATE_LAPS:
        return None
    sheet = FactSheet()
    rejoin_facts(sheet, rejoin, situation.cars)
    ahead = call_sign(rejoin.car_ahead, situation.cars)
    return _make(
        answer,
        situation,
        kind="traffic",
        priority=Priority.OPTIONAL,
        title=f"Mind {ahead} at the rejoin",
        description=f"A stop this lap comes out {rejoin.gap_ahead_s:.1f} s behind {ahead}.",
        expected_benefit="Clear air on the out-lap if the gap grows before the stop.",
        reasoning=f"The rejoin forecast has the car P{rejoin.position} with a probability of {rejoin.probability:.0%}.",
        execution_lap=rejoin.lap,
        facts=sheet.all(),
    )


def _undercut_threat(answer: DeskAnswer, situation: Situation, car: CarTwinState) -> Recommendation | None:
    """The car behind is close enough to undercut, and likely to try."""
    if car.position is None or situation.track_status.is_neutralised:
        return None
    behind = next(
        (
            c
            for c in situation.cars.values()
            if c.position == car.position + 1 and c.status in (CarStatus.TRACK, CarStatus.PIT)
        ),
        None,
    )
    if behind is None or behind.interval_s is None or behind.interval_s > UNDERCUT_RANGE_S:
        return None
    chance = behind.stop_probability_next_5
    first = _first_lap(answer.plans[0])
    if chance is None or chance < 0.3 or first is None:
        return None
    sheet = FactSheet()
    name = call_sign(behind.car_id, situation.cars)
    sheet.add(
        "behind.gap",
        round(behind.interval_s, 1),
        f"{name} is {behind.interval_s:.1f} s behind.",
        unit="s",
        source="telemetry",
    )
    sheet.add(
        "behind.stop_probability_5",
        round(chance, 2),
        f"{name} stops within five laps with a probability of {chance:.0%}.",
        source="field twin",
    )
    return _make(
        answer,
        situation,
        kind="cover",
        priority=Priority.MODERATE,
        title=f"Be ready to cover {name}",
        description=f"{name} is {behind.interval_s:.1f} s behind, in range of an undercut.",
        expected_benefit="Keeps the place if they stop first.",
        reasoning=f"{name} stops within five laps with a probability of {chance:.0%}.",
        execution_lap=None,
        facts=sheet.all(),
    )


def _tyre_warning(answer: DeskAnswer, situation: Situation, car: CarTwinState) -> Recommendation | None:
    """The set is expected to be worn out before the planned stop."""
    life = car.tyre_life_laps
    first = _first_lap(answer.plans[0])
    until = (first if first is not None else situation.total_laps) - situation.lap
    if life is None or life.mean >= until or situation.track_status.is_neutralised:
        return None
    sheet = FactSheet()
    state_facts(sheet, car, situation.lap, situation.total_laps, situation.track_status)
    sheet.add("laps_to_go_on_set", until, f"The plan asks {until} more laps of it.", unit="laps", source="best plan")
    return _make(
        answer,
        situation,
        kind="tyres",
        priority=Priority.MODERATE if life.high < until else Priority.OPTIONAL,
        title="Manage the tyres to the stop" if first is not None else "Manage the tyres to the flag",
        description=f"The set has about {life.mean:.0f} laps left and the plan asks {until} of it.",
        expected_benefit="Keeps the planned stop lap open.",
        reasoning=f"The car twin gives the set {life.low:.0f} to {life.high:.0f} more laps.",
        execution_lap=None,
        facts=sheet.all(),
    )
