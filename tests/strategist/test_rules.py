"""What the rules advise, given what the desk and the twins say."""

from __future__ import annotations

import pytest
from builders.advice import answer, car, many_recommendations, plan, rejoin, situation

from racetwin.schemas import CarStatus, Estimate, Priority, RankedPlan, TrackStatus
from racetwin.strategist import Situation, recommend
from racetwin.strategist.checker import Checker
from racetwin.strategist.wording import texts_of

pytestmark = pytest.mark.unit


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
    assert advice.expected_benefit.startswith("Level with")


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
    advice = recommend(answer(plan(1, 24, 15.0, 0.0), box_now=rejoin(gap_ahead=0.8)), situation())
    assert any(r.title == "Mind D11 at the rejoin" for r in advice)
    clear = recommend(answer(plan(1, 24, 15.0, 0.0), box_now=rejoin(gap_ahead=4.0)), situation())
    assert not any("rejoin" in r.title for r in clear)


def test_rejoin_names_no_car_that_has_retired_since_it_was_forecast() -> None:
    cars = {"4": car("4", 3), "16": car("16", 4), "11": car("11", 9)}
    asked = answer(plan(1, 21, 15.0, 0.0), plan(2, 30, 14.0, -1.0), box_now=rejoin(gap_ahead=0.8))
    racing = " ".join(text for r in recommend(asked, situation(cars=cars)) for text in texts_of(r))
    assert "0.8 s behind D11" in racing
    assert "1.2 s ahead of D16" in racing
    out = cars | {"11": car("11", 9, status=CarStatus.RETIRED)}
    advice = recommend(asked, situation(cars=out))
    said = " ".join(text for r in advice for text in texts_of(r))
    assert "D11" not in said
    assert "1.2 s ahead of D16" in said
    assert not any("D11" in f.text for r in advice for f in r.facts)


def test_close_rival_about_to_stop_is_to_be_covered() -> None:
    near = situation(cars={"4": car("4", 3), "16": car("16", 4, interval_s=1.4, stop_probability_next_5=0.6)})
    advice = recommend(answer(plan(1, 24, 15.0, 0.0)), near)
    assert any(r.title == "Be ready to cover D16" for r in advice)
    under_sc = Situation(near.cars, near.lap, near.total_laps, TrackStatus.SC)
    assert not any("cover" in r.title for r in recommend(answer(plan(1, 24, 15.0, 0.0)), under_sc))


def test_set_that_will_not_last_is_warned_of() -> None:
    worn = situation(cars={"4": car("4", 3, tyre_life_laps=Estimate(mean=5, low=3, high=8))})
    advice = {r.kind: r for r in recommend(answer(plan(1, 30, 15.0, 0.0)), worn)}
    assert advice["tyres"].priority is Priority.MODERATE


def test_most_urgent_comes_first() -> None:
    best, later = plan(1, 21, 15.0, 0.0), plan(2, 26, 14.2, -0.8)
    near = situation(cars={"4": car("4", 3), "16": car("16", 4, interval_s=1.4, stop_probability_next_5=0.6)})
    advice = recommend(answer(best, later, box_now=rejoin(gap_ahead=0.8)), near)
    order = [list(Priority).index(r.priority) for r in advice]
    assert order == sorted(order)
    assert len(advice) > 1


def test_every_word_and_number_of_our_own_wording_is_supported() -> None:
    for advice in many_recommendations(60):
        checker = Checker(advice.facts)
        said = (advice.title, advice.description, advice.expected_benefit, advice.reasoning, *advice.risks)
        verdict = checker.check(*said, *(a.text for a in advice.alternatives))
        assert verdict.passed, (advice.id, verdict.objections)
        assert verdict.claims > 0


def waiting_for_a_safety_car(*worth: float) -> tuple[RankedPlan, ...]:
    """Three plans: the best without a condition, one that boxes sooner under a safety car, and the same without that."""
    condition = {"plan": "L34 HARD (sooner under SC L21-33)"}
    return (
        plan(1, 30, worth[0], 0.0),
        plan(2, 34, worth[1], worth[1] - worth[0], **condition),
        plan(3, 34, worth[2], worth[2] - worth[0]),
    )


def test_stop_under_a_safety_car_is_announced_while_the_track_is_green() -> None:
    plans = waiting_for_a_safety_car(15.0, 14.9, 14.7)
    advice = next(r for r in recommend(answer(*plans), situation()) if r.kind == "condition")
    assert advice.title == "If a safety car comes, box for HARD"
    assert advice.description == "If a safety car comes on laps 21 to 33, box then and fit HARD."
    verdict = Checker(advice.facts).check(advice.title, advice.description, advice.expected_benefit)
    assert verdict.passed, verdict.objections


@pytest.mark.parametrize(
    ("worth", "status"),
    [
        ((15.0, 14.9, 14.95), TrackStatus.GREEN),  # better without waiting for one
        ((15.0, 14.0, 13.0), TrackStatus.GREEN),  # far from the best
        ((15.0, 14.9, 14.7), TrackStatus.SC),  # it is there
    ],
)
def test_stop_under_a_safety_car_is_not_announced_where_it_helps_nothing(
    worth: tuple[float, ...], status: TrackStatus
) -> None:
    plans = waiting_for_a_safety_car(*worth)
    advice = recommend(answer(*plans), situation(track_status=status))
    assert not any(r.kind == "condition" for r in advice)


def test_life_of_a_set_that_nobody_knows_is_given_as_an_interval() -> None:
    def reasoning(low: float, high: float) -> str:
        ours = car("4", 3, tyre_life_laps=Estimate(mean=2.0, low=low, high=high))
        cars = {**situation().cars, "4": ours}
        return recommend(answer(plan(1, 22, 15.0, 0.0), plan(2, 23, 14.0, -1.0)), situation(cars=cars))[0].reasoning

    assert "with about 2 laps left in the set" in reasoning(1.0, 4.0)
    assert "with 0 to 20 laps left in the set" in reasoning(0.0, 20.0)


def test_call_that_is_kept_against_a_better_plan_says_what_it_costs() -> None:
    first = recommend(answer(plan(1, 30, 15.0, 0.0), plan(2, 24, 14.9, -0.1)), situation())
    newest = answer(plan(1, 45, 15.0, 0.0), plan(2, 30, 14.5, -0.5, se=0.2), lap=21)
    later = situation(lap=21, cars={**situation().cars, "4": car("4", 3, lap=21)})
    stop = next(r for r in recommend(newest, later, first) if r.kind == "stop")
    assert stop.life is not None
    assert stop.life.call == "L30 HARD"
    assert stop.expected_benefit.startswith("'L30 HARD' is worth 0.50 points less than 'L45 HARD' (± 0.20).")
    assert Checker(stop.facts).check(stop.expected_benefit).passed
