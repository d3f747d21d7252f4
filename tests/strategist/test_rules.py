"""What the rules advise, given what the desk and the twins say."""

from __future__ import annotations

import re

import pytest

from racetwin.schemas import (
    CarStatus,
    CarTwinState,
    Compound,
    DeskAnswer,
    Estimate,
    PlannedStop,
    Priority,
    RankedPlan,
    Receipt,
    Rejoin,
    TrackStatus,
    Tyre,
)
from racetwin.strategist import Situation, recommend

pytestmark = pytest.mark.unit


def estimate(mean: float, half: float = 1.0) -> Estimate:
    return Estimate(mean=mean, low=mean - half, high=mean + half)


def car(car_id: str, position: int, **changes: object) -> CarTwinState:
    values: dict[str, object] = {
        "car_id": car_id,
        "driver": f"D{car_id}",
        "team": "Team",
        "status": CarStatus.TRACK,
        "lap": 20,
        "position": position,
        "gap_s": 2.0 * position,
        "interval_s": 2.0,
        "tyre": Tyre(compound=Compound.MEDIUM, age=20),
        "stops": 0,
        "last_lap_s": 95.0,
        "best_lap_s": 94.0,
        "fuel_kg": estimate(60.0),
        "pace_s": estimate(0.0, 0.2),
        "wear_s_per_lap": estimate(0.05, 0.02),
    }
    return CarTwinState.model_validate(values | changes)


def plan(rank: int, lap: int | None, points: float, delta: float, se: float = 0.05) -> RankedPlan:
    stops = () if lap is None else (PlannedStop(lap=lap, compound=Compound.HARD),)
    return RankedPlan(
        plan="no stop" if lap is None else f"L{lap} HARD",
        stops=stops,
        rank=rank,
        expected_position=5.0,
        expected_points=points,
        p_win=0.1,
        p_podium=0.3,
        p_points=0.9,
        mean_race_time_s=5800.0,
        standard_error=0.05,
        delta_points=delta,
        delta_standard_error=0.0 if rank == 1 else se,
        too_close=rank > 1 and abs(delta) < 2 * se,
        n_races=2000,
        seed=1,
        position_probability=(0.1,) * 10,
    )


def answer(*plans: RankedPlan, box_now: Rejoin | None = None) -> DeskAnswer:
    return DeskAnswer(
        race_id="2024-12-great-britain",
        car_id="4",
        lap=20,
        time_s=1900.0,
        objective="points",
        plans=plans,
        box_now=box_now,
        receipt=Receipt(
            seed=1, n_races=2000, backend="numba", parameters_hash="p", state_hash="s", code_version="0.1.0"
        ),
    )


def rejoin(gap_ahead: float = 4.0) -> Rejoin:
    return Rejoin(
        car_id="4",
        lap=21,
        track_status=TrackStatus.GREEN,
        position=8,
        probability=0.7,
        position_probability={8: 0.7, 9: 0.3},
        car_ahead="11",
        gap_ahead_s=gap_ahead,
        car_behind="16",
        gap_behind_s=1.2,
        pit_loss_s=estimate(20.5),
    )


def situation(**changes: object) -> Situation:
    cars = {"4": car("4", 3), "16": car("16", 4, stop_probability_next_5=0.1), "11": car("11", 9)}
    values: dict[str, object] = {"cars": cars, "lap": 20, "total_laps": 52}
    return Situation(**(values | changes))  # type: ignore[arg-type]


def test_stop_that_cannot_wait_is_urgent() -> None:
    best, later = plan(1, 21, 15.0, 0.0), plan(2, 26, 14.2, -0.8)
    advice = recommend(answer(best, later), situation())[0]
    assert advice.priority is Priority.URGENT
    assert advice.title == "Box this lap for HARD"
    assert advice.execution_lap == 21
    assert advice.expected_benefit_points == pytest.approx(0.8)


def test_stop_whose_gain_is_within_noise_is_not_urgent() -> None:
    best, later = plan(1, 21, 15.0, 0.0), plan(2, 26, 14.95, -0.05)
    advice = recommend(answer(best, later), situation())[0]
    assert advice.priority is Priority.MODERATE
    assert "too close to call" in advice.expected_benefit


def test_distant_stop_is_optional_and_says_stay_out() -> None:
    advice = recommend(answer(plan(1, 35, 15.0, 0.0), plan(2, 30, 14.0, -1.0)), situation())[0]
    assert advice.priority is Priority.OPTIONAL
    assert advice.title.startswith("Stay out")


def test_retired_car_gets_no_advice() -> None:
    out = situation(cars={"4": car("4", 20, status=CarStatus.RETIRED)})
    assert recommend(answer(plan(1, 21, 0.0, 0.0)), out) == ()


def test_last_lap_gets_no_advice() -> None:
    assert recommend(answer(plan(1, None, 15.0, 0.0)), situation(lap=51)) == ()


def test_rejoin_in_traffic_is_warned_of() -> None:
    advice = recommend(answer(plan(1, 21, 15.0, 0.0), box_now=rejoin(gap_ahead=0.8)), situation())
    assert any(r.title == "Mind D11 at the rejoin" for r in advice)
    clear = recommend(answer(plan(1, 21, 15.0, 0.0), box_now=rejoin(gap_ahead=4.0)), situation())
    assert not any("rejoin" in r.title for r in clear)


def test_close_rival_about_to_stop_is_to_be_covered() -> None:
    near = situation(cars={"4": car("4", 3), "16": car("16", 4, interval_s=1.4, stop_probability_next_5=0.6)})
    advice = recommend(answer(plan(1, 24, 15.0, 0.0)), near)
    assert any(r.title == "Be ready to cover D16" for r in advice)
    under_sc = Situation(near.cars, near.lap, near.total_laps, TrackStatus.SC)
    assert not any("cover" in r.title for r in recommend(answer(plan(1, 24, 15.0, 0.0)), under_sc))


def test_set_that_will_not_last_is_warned_of() -> None:
    worn = situation(cars={"4": car("4", 3, tyre_life_laps=Estimate(mean=5, low=3, high=8))})
    advice = {r.id: r for r in recommend(answer(plan(1, 30, 15.0, 0.0)), worn)}
    assert advice["4-tyres"].priority is Priority.MODERATE


def test_most_urgent_comes_first() -> None:
    best, later = plan(1, 21, 15.0, 0.0), plan(2, 26, 14.2, -0.8)
    advice = recommend(answer(best, later, box_now=rejoin(gap_ahead=0.8)), situation())
    order = [list(Priority).index(r.priority) for r in advice]
    assert order == sorted(order)
    assert len(advice) > 1


def numbers(text: str) -> set[float]:
    return {float(n) for n in re.findall(r"(?<![A-Za-z\d])\d+(?:\.\d+)?", text)}


def test_every_number_in_the_wording_is_in_a_fact() -> None:
    best, later = plan(1, 21, 15.0, 0.0), plan(2, 26, 14.2, -0.8)
    for advice in recommend(answer(best, later, box_now=rejoin()), situation()):
        stated = numbers(" ".join(f.text for f in advice.facts))
        said = numbers(f"{advice.title} {advice.description} {advice.reasoning}")
        assert said <= stated, (advice.id, said - stated)
