"""The numbered facts that advice rests on: typed values with unit, interval, source and receipt, each with its sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from racetwin.schemas import CarStatus, CarTwinState, DeskAnswer, Estimate, Fact, RankedPlan, Rejoin, TrackStatus
from racetwin.strategist.calls import difference
from racetwin.strategist.situation import Situation

STATUS_WORDS = {
    TrackStatus.GREEN: "green",
    TrackStatus.YELLOW: "yellow flags",
    TrackStatus.SC: "safety car",
    TrackStatus.VSC: "virtual safety car",
    TrackStatus.VSC_ENDING: "virtual safety car ending",
    TrackStatus.RED: "red flag",
}
TELEMETRY, TWIN, FIELD, DESK = "telemetry", "car twin", "field twin", "strategy desk"
_WINDOW = re.compile(r"sooner under SC L(\d+)-(\d+)")
Z90 = 1.645
"""Half the width of a central 90 % interval in standard errors."""
NO_LIFE_KNOWN_LAPS = 20.0
"""An interval of a set's life, in laps, wider than this and than twice its middle tells nothing of that set."""


class FactSheet:
    """Facts of one moment in the order they were stated; ids count from 1."""

    def __init__(self, known: Iterable[Fact] = ()) -> None:
        self._facts: dict[str, Fact] = {f.name: f for f in known}

    def add(
        self,
        name: str,
        value: float | int | str | bool,
        text: str,
        *,
        source: str,
        unit: str = "",
        interval: tuple[float, float] | Estimate | None = None,
        receipt: str = "",
    ) -> Fact:
        """State a fact; the same name twice is one fact, and the first statement stands."""
        known = self.get(name)
        if known is not None:
            return known
        low, high = (interval.low, interval.high) if isinstance(interval, Estimate) else interval or (None, None)
        number = len(self._facts) + 1
        fact = Fact(
            id=number, name=name, value=value, unit=unit, low=low, high=high, source=source, receipt=receipt, text=text
        )
        self._facts[name] = fact
        return fact

    def get(self, name: str) -> Fact | None:
        """Return the fact of that name, or None."""
        return self._facts.get(name)

    def ids(self, *names: str) -> tuple[int, ...]:
        """Return the numbers of the facts of these names, in order; a name that ends in a dot takes all that begin so."""
        whole, begin = frozenset(names), tuple(n for n in names if n[-1] == ".")
        return tuple(f.id for name, f in self._facts.items() if name in whole or (begin and name.startswith(begin)))

    def all(self) -> tuple[Fact, ...]:
        """Every fact, in order."""
        return tuple(self._facts.values())


def points(value: float) -> str:
    """Word a number of championship points: ``0.31 points``."""
    return f"{value:.2f} points"


def laps(count: int) -> str:
    """Word a number of laps: ``1 lap``, ``3 laps``."""
    return f"{count} {'lap' if count == 1 else 'laps'}"


def is_life_known(life: Estimate) -> bool:
    """Whether the laps left in a set are known well enough for an interval to tell anything: "1 to 54 laps" does not."""
    return life.high - life.low <= max(2 * life.mean, NO_LIFE_KNOWN_LAPS)


def life_left(life: Estimate) -> str:
    """Word the laps left in a set: ``about 6 laps``, or its interval where that is too wide for one number to tell anything."""
    if life.high - life.low > 2 * max(life.mean, 3.0):
        return f"{life.low:.0f} to {life.high:.0f} laps"
    return f"about {laps(round(life.mean))}"


def spoken(plan: RankedPlan) -> str:
    """Return a plan as its stops are spoken, ``L24 HARD, L41 MEDIUM``, ``no stop``, or ``L24 HARD (or SC)``.

    The last boxes on lap 24 or as soon as a safety car comes before: another plan than ``L24 HARD``.
    """
    stops = ", ".join(f"L{s.lap} {s.compound.value}" for s in plan.stops) or "no stop"
    return stops + (" (or SC)" if window(plan) is not None else "")


def window(plan: RankedPlan) -> tuple[int, int] | None:
    """Return the laps on which a plan takes its next stop at once if a safety car comes, None if it does not wait for one."""
    found = _WINDOW.search(plan.plan)
    return (int(found[1]), int(found[2])) if found else None


def receipt_of(answer: DeskAnswer) -> str:
    """Return what is needed to compute a number of this answer again, as one line."""
    r = answer.receipt
    return (
        f"seed {r.seed}, {r.n_races} races, {r.backend}, parameters {r.parameters_hash}, state {r.state_hash}, "
        f"racetwin {r.code_version}"
    )


def rejoin_receipt(answer: DeskAnswer) -> str:
    """Return what is needed to compute a rejoin forecast of this answer again, as one line."""
    r = answer.receipt
    return f"rejoin forecast, seed 1, parameters {r.parameters_hash}, state {r.state_hash}, racetwin {r.code_version}"


def state_difference(sheet: FactSheet, name: str, plan: RankedPlan, other: RankedPlan, answer: DeskAnswer) -> None:
    """State what one plan is worth over another, and how that was found: paired where one of them is the best plan."""
    gain, error = difference(plan, other)
    races = f"{min(plan.n_races, other.n_races)} simulated races"
    sheet.add(
        name,
        round(gain, 2),
        f"'{spoken(plan)}' is worth {points(abs(gain))} {'more' if gain >= 0 else 'less'} than '{spoken(other)}' "
        f"(standard error {error:.2f}).",
        unit="points",
        source=f"{races}, paired" if 1 in (plan.rank, other.rank) else f"{races}, each paired with the best plan",
        interval=(gain - Z90 * error, gain + Z90 * error),
        receipt=receipt_of(answer),
    )


def state_facts(sheet: FactSheet, car: CarTwinState, situation: Situation) -> None:
    """State where the car is: lap, position, tyre, track status, weather."""
    left = situation.total_laps - situation.lap
    done = situation.laps_done(car.car_id)
    leader = f"The leader has completed lap {situation.lap} of {situation.total_laps}."
    sheet.add("lap", situation.lap, leader, unit="laps", source=TELEMETRY)
    if done != situation.lap:
        sheet.add("car_lap", done, f"The car has completed lap {done}.", unit="laps", source=TELEMETRY)
    sheet.add("laps_left", left, f"{left} laps are left.", unit="laps", source=TELEMETRY)
    status_fact(sheet, situation)
    if car.position is not None:
        sheet.add("position", car.position, f"The car runs P{car.position}.", source=TELEMETRY)
    tyre = car.tyre
    if tyre.compound is not None:
        sheet.add("compound", tyre.compound.value, f"It is on {tyre.compound.value} tyres.", source=TELEMETRY)
    if tyre.age is not None:
        sheet.add("tyre_age", round(tyre.age), f"The set is {tyre.age:.0f} laps old.", unit="laps", source=TELEMETRY)
    life, wear = car.tyre_life_laps, car.wear_s_per_lap
    if life is not None:
        life = life.up_to(situation.total_laps - done)
        text = f"The set has about {life.mean:.0f} laps left in it ({life.low:.0f} to {life.high:.0f})."
        sheet.add("tyre_life", round(life.mean), text, unit="laps", source=TWIN, interval=life)
    text = f"It loses {wear.mean:.2f} s a lap to wear ({wear.low:.2f} to {wear.high:.2f})."
    sheet.add("wear", round(wear.mean, 3), text, unit="s/lap", source=TWIN, interval=wear)
    rain_facts(sheet, situation)


def status_fact(sheet: FactSheet, situation: Situation) -> Fact:
    """State what the track is under."""
    status = situation.track_status
    return sheet.add("track_status", status.value, f"The track is under {STATUS_WORDS[status]}.", source=TELEMETRY)


def rain_facts(sheet: FactSheet, situation: Situation) -> None:
    """State the rain, and what the field drives on in it; nothing on a dry day."""
    wet, running = situation.on_wet_tyres()
    if situation.rainfall:
        sheet.add("rain", True, "It is raining.", source=TELEMETRY)
    if situation.rainfall or wet:
        text = f"{wet} of the {running} cars run INTERMEDIATE or WET tyres."
        sheet.add("wet_tyres", wet, text, unit="cars", source=TELEMETRY)


def weighed(answer: DeskAnswer) -> int:
    """How many plans an answer rests on: those that were raced to the end, dropped on the way, or only screened."""
    return len(answer.plans) + answer.screened_out


def search_facts(sheet: FactSheet, answer: DeskAnswer) -> None:
    """State how much was weighed for an answer."""
    close = sum(1 for p in answer.plans[1:] if p.too_close)
    races = answer.plans[0].n_races
    sheet.add("plans", weighed(answer), f"{weighed(answer)} plans were weighed.", source=DESK)
    sheet.add("close_plans", close, f"{close} other plans are too close to call against the best.", source=DESK)
    sheet.add("races", races, f"The best of them ran through {races} simulated races.", source=DESK)


def plan_facts(sheet: FactSheet, key: str, plan: RankedPlan, answer: DeskAnswer) -> None:
    """State what the simulation says of one plan, under names that begin with ``key``."""
    source, receipt = f"{plan.n_races} simulated races, seed {answer.receipt.seed}", receipt_of(answer)
    name = f"'{spoken(plan)}'"

    def add(what: str, value: float | str, text: str, unit: str = "", se: float | None = None) -> None:
        interval = None if se is None else (float(value) - Z90 * se, float(value) + Z90 * se)
        shown = value if isinstance(value, str) else round(value, 1 if what == "expected_position" else 2)
        sheet.add(f"{key}.{what}", shown, text, unit=unit, source=source, interval=interval, receipt=receipt)

    add("plan", spoken(plan), f"Plan: {spoken(plan)}.")
    sooner = window(plan)
    if sooner is not None:
        text = f"If a safety car comes on laps {sooner[0]} to {sooner[1]}, {name} boxes then."
        add("window", f"{sooner[0]}-{sooner[1]}", text, "laps")
    worth, se = plan.expected_points, plan.standard_error
    text = f"{name} is worth {points(worth)} on average (standard error {se:.2f})."
    add("expected_points", worth, text, "points", se)
    add("expected_position", plan.expected_position, f"{name} finishes P{plan.expected_position:.1f} on average.")
    for what, share, does in (
        ("p_points", plan.p_points, "scores points"),
        ("p_no_points", 1 - plan.p_points, "ends outside the points"),
        ("p_podium", plan.p_podium, "ends on the podium"),
    ):
        add(what, share, f"{name} {does} in {share:.0%} of races.")
    if plan.rank > 1:
        delta, se = plan.delta_points, plan.delta_standard_error
        text = (
            f"{name} is worth {points(abs(delta))} {'more' if delta > 0 else 'less'} than "
            f"'{spoken(answer.plans[0])}' "
            f"(standard error {se:.2f})."
        )
        add("delta_points", delta, text, "points", se)
        best = f"'{spoken(answer.plans[0])}'"
        add("p_ahead", plan.p_ahead, f"{name} finishes ahead of {best} in {plan.p_ahead:.0%} of races.")
        add("p_behind", plan.p_behind, f"{name} finishes behind {best} in {plan.p_behind:.0%} of races.")
        if plan.too_close and se > 0:  # what more races might show, and not what one race will
            chance = 0.5 * math.erfc(-delta / se / math.sqrt(2.0))
            add(
                "p_better",
                chance,
                f"{name} is the better plan on average after all with a probability of {chance:.0%}.",
            )


def neighbours(rejoin: Rejoin, situation: Situation) -> dict[str, tuple[str, float]]:
    """Return who is ``ahead`` and ``behind`` at a rejoin, with the gap; not a car that has retired since it was forecast."""
    found = {}
    for side, car_id, gap in (
        ("ahead", rejoin.car_ahead, rejoin.gap_ahead_s),
        ("behind", rejoin.car_behind, rejoin.gap_behind_s),
    ):
        car = situation.cars.get(car_id or "")
        if car_id is not None and gap is not None and (car is None or car.status is not CarStatus.RETIRED):
            found[side] = situation.name(car_id), gap
    return found


OPEN_PLACE = 0.3
"""A rejoin place that is less likely than this is one of several, and told as such."""


def is_open(rejoin: Rejoin) -> bool:
    """Whether the likeliest place of a rejoin is only one of several that may well come about."""
    return rejoin.probability < OPEN_PLACE


def half_within(rejoin: Rejoin) -> tuple[int, int]:
    """Return the first and last of the fewest neighbouring places that hold half of a rejoin's probability, the likeliest such.

    Where rounding leaves less than half in all of them, they are all that there are.
    """
    chance = rejoin.position_probability
    first, last = min(chance), max(chance)
    for n in range(last - first + 1):
        held = {k: sum(chance.get(k + i, 0.0) for i in range(n + 1)) for k in range(first, last - n + 1)}
        k = max(held, key=lambda k: held[k])
        if held[k] >= 0.5:
            return k, k + n
    return first, last


def rejoin_facts(sheet: FactSheet, rejoin: Rejoin, situation: Situation, answer: DeskAnswer) -> None:
    """State where the car comes out if it boxes at the end of this lap."""
    source, receipt = "rejoin forecast", rejoin_receipt(answer)
    place = rejoin.position
    text = f"Boxing at the end of lap {rejoin.lap} it rejoins P{place} ({rejoin.probability:.0%} likely)."
    sheet.add("rejoin.position", place, text, source=source, receipt=receipt)
    text = f"That position has a probability of {rejoin.probability:.0%}."
    sheet.add("rejoin.probability", round(rejoin.probability, 2), text, source=source, receipt=receipt)
    lower = sum(p for k, p in rejoin.position_probability.items() if k > place)
    text = f"In {lower:.0%} of cases it rejoins further back than P{place}."
    sheet.add("rejoin.lower", round(lower, 2), text, source=source, receipt=receipt)
    for side, (name, gap) in neighbours(rejoin, situation).items():
        text = f"{name} is then {gap:.1f} s {side}."
        sheet.add(f"rejoin.gap_{side}", round(gap, 1), text, unit="s", source=source, receipt=receipt)
    loss = rejoin.pit_loss_s
    text = f"A stop costs {loss.mean:.1f} s ({loss.low:.1f} to {loss.high:.1f})."
    mean = round(loss.mean, 1)
    sheet.add("pit_loss", mean, text, unit="s", source="pit-loss model", interval=loss, receipt=receipt)
