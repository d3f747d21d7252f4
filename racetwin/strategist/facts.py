"""The numbered facts that advice rests on: typed values with unit, interval and source, each with its sentence."""

from __future__ import annotations

from collections.abc import Mapping

from racetwin.schemas import CarTwinState, DeskAnswer, Fact, RankedPlan, Rejoin, TrackStatus

STATUS_WORDS = {
    TrackStatus.GREEN: "green",
    TrackStatus.YELLOW: "yellow flags",
    TrackStatus.SC: "safety car",
    TrackStatus.VSC: "virtual safety car",
    TrackStatus.VSC_ENDING: "virtual safety car ending",
    TrackStatus.RED: "red flag",
}


class FactSheet:
    """Facts of one moment in the order they were stated; ids count from 1."""

    def __init__(self) -> None:
        self._facts: list[Fact] = []

    def add(
        self,
        name: str,
        value: float | int | str | bool,
        text: str,
        *,
        unit: str = "",
        source: str,
        low: float | None = None,
        high: float | None = None,
    ) -> Fact:
        """State a fact; the same name twice is one fact, and the first statement stands."""
        known = self.get(name)
        if known is not None:
            return known
        fact = Fact(
            id=len(self._facts) + 1, name=name, value=value, unit=unit, low=low, high=high, source=source, text=text
        )
        self._facts.append(fact)
        return fact

    def get(self, name: str) -> Fact | None:
        """Return the fact of that name, or None."""
        return next((f for f in self._facts if f.name == name), None)

    def all(self) -> tuple[Fact, ...]:
        """Every fact, in order."""
        return tuple(self._facts)


def call_sign(car_id: str, cars: Mapping[str, CarTwinState]) -> str:
    """Return how a car is named on the pit wall: its driver's code, or its number where the code is unknown."""
    car = cars.get(car_id)
    return car.driver if car is not None and car.driver else f"car {car_id}"


def points(value: float) -> str:
    """Word a number of championship points: ``0.31 points``."""
    return f"{value:.2f} points"


def state_facts(sheet: FactSheet, car: CarTwinState, lap: int, total_laps: int, status: TrackStatus) -> None:
    """State where the car is: lap, position, tyre, gaps, track status."""
    sheet.add("lap", lap, f"The leader has completed lap {lap} of {total_laps}.", unit="laps", source="telemetry")
    sheet.add("laps_left", total_laps - lap, f"{total_laps - lap} laps are left.", unit="laps", source="telemetry")
    sheet.add("track_status", status.value, f"The track is under {STATUS_WORDS[status]}.", source="telemetry")
    if car.position is not None:
        sheet.add("position", car.position, f"The car runs P{car.position}.", source="telemetry")
    if car.tyre.compound is not None:
        sheet.add("compound", car.tyre.compound.value, f"It is on {car.tyre.compound.value} tyres.", source="telemetry")
    if car.tyre.age is not None:
        sheet.add(
            "tyre_age",
            round(car.tyre.age),
            f"The set is {car.tyre.age:.0f} laps old.",
            unit="laps",
            source="telemetry",
        )
    life = car.tyre_life_laps
    if life is not None:
        sheet.add(
            "tyre_life",
            round(life.mean),
            f"The set has about {life.mean:.0f} laps left in it ({life.low:.0f} to {life.high:.0f}).",
            unit="laps",
            source="car twin",
            low=life.low,
            high=life.high,
        )
    wear = car.wear_s_per_lap
    sheet.add(
        "wear",
        round(wear.mean, 3),
        f"It loses {wear.mean:.2f} s a lap to wear ({wear.low:.2f} to {wear.high:.2f}).",
        unit="s/lap",
        source="car twin",
        low=wear.low,
        high=wear.high,
    )


def plan_facts(sheet: FactSheet, key: str, plan: RankedPlan, answer: DeskAnswer) -> None:
    """State what the simulation says of one plan, under names that begin with ``key``."""
    source = f"{plan.n_races} simulated races, seed {answer.receipt.seed}"
    sheet.add(f"{key}.plan", plan.plan, f"Plan: {plan.plan}.", source=source)
    sheet.add(
        f"{key}.expected_points",
        round(plan.expected_points, 2),
        f"'{plan.plan}' is worth {points(plan.expected_points)} on average (standard error {plan.standard_error:.2f}).",
        unit="points",
        source=source,
        low=plan.expected_points - 1.645 * plan.standard_error,
        high=plan.expected_points + 1.645 * plan.standard_error,
    )
    sheet.add(
        f"{key}.expected_position",
        round(plan.expected_position, 1),
        f"'{plan.plan}' finishes P{plan.expected_position:.1f} on average.",
        source=source,
    )
    sheet.add(
        f"{key}.p_points",
        round(plan.p_points, 2),
        f"'{plan.plan}' scores points in {plan.p_points:.0%} of races.",
        source=source,
    )
    sheet.add(
        f"{key}.p_no_points",
        round(1 - plan.p_points, 2),
        f"'{plan.plan}' ends outside the points in {1 - plan.p_points:.0%} of races.",
        source=source,
    )
    sheet.add(
        f"{key}.p_podium",
        round(plan.p_podium, 2),
        f"'{plan.plan}' ends on the podium in {plan.p_podium:.0%} of races.",
        source=source,
    )
    if plan.rank > 1:
        sheet.add(
            f"{key}.delta_points",
            round(plan.delta_points, 2),
            f"'{plan.plan}' is worth {points(-plan.delta_points)} less than the best plan "
            f"(standard error {plan.delta_standard_error:.2f}).",
            unit="points",
            source=source,
            low=plan.delta_points - 1.645 * plan.delta_standard_error,
            high=plan.delta_points + 1.645 * plan.delta_standard_error,
        )


def rejoin_facts(sheet: FactSheet, rejoin: Rejoin, cars: Mapping[str, CarTwinState]) -> None:
    """State where the car comes out if it boxes at the end of this lap."""
    source = "rejoin forecast"
    sheet.add(
        "rejoin.position",
        rejoin.position,
        f"Boxing at the end of lap {rejoin.lap} it rejoins P{rejoin.position} ({rejoin.probability:.0%} likely).",
        source=source,
    )
    sheet.add(
        "rejoin.probability",
        round(rejoin.probability, 2),
        f"That position has a probability of {rejoin.probability:.0%}.",
        source=source,
    )
    for side, car_id, gap in (
        ("ahead", rejoin.car_ahead, rejoin.gap_ahead_s),
        ("behind", rejoin.car_behind, rejoin.gap_behind_s),
    ):
        if car_id is not None and gap is not None:
            sheet.add(
                f"rejoin.gap_{side}",
                round(gap, 1),
                f"{call_sign(car_id, cars)} is then {gap:.1f} s {side}.",
                unit="s",
                source=source,
            )
    loss = rejoin.pit_loss_s
    sheet.add(
        "pit_loss",
        round(loss.mean, 1),
        f"A stop costs {loss.mean:.1f} s ({loss.low:.1f} to {loss.high:.1f}).",
        unit="s",
        source="pit-loss model",
        low=loss.low,
        high=loss.high,
    )
