"""What the rules advise, given what the desk and the twins say."""

from __future__ import annotations

import pytest
from builders.advice import answer, car, duel, field, many_recommendations, plan, rejoin, situation

from racetwin.schemas import AdviceLife, CarStatus, Estimate, Priority, RankedPlan, Recommendation, TrackStatus
from racetwin.strategist import Situation, recommend
from racetwin.strategist.checker import Checker
from racetwin.strategist.draft import Draft
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
    near = close_behind(works=0.6)
    asked = answer(plan(1, 24, 15.0, 0.0), plan(2, 22, 14.8, -0.2))
    cover = next(r for r in recommend(asked, near) if r.kind == "cover")
    assert cover.title == "Be ready to cover D16"
    assert cover.description == "D16 is 1.4 s behind at the end of lap 20. If D16 boxes, the cover is 'L22 HARD'."
    assert cover.expected_benefit == "'L22 HARD' is worth 0.20 points less than 'L24 HARD' (± 0.05)."
    assert cover.reasoning.endswith("An undercut by D16 works with a probability of 60%.")
    for other in (
        close_behind(works=0.3),  # it would hardly work
        situation(cars=near.cars),  # nobody knows
        Situation(near.cars, near.lap, near.total_laps, TrackStatus.SC, field=near.field),
    ):
        assert not any(r.kind == "cover" for r in recommend(asked, other))
    assert not any(r.kind == "cover" for r in recommend(answer(plan(1, 21, 15.0, 0.0)), near)), "the call boxes first"


def test_an_answer_that_costs_more_than_the_place_is_not_advised() -> None:
    """Ready to cover for two and a half points, when the answer to "what if D16 boxes?" is that the call stays."""
    near = close_behind(works=0.6)

    def covers(cost: float, said: list[Recommendation] | None = None) -> list[Recommendation]:
        asked = answer(plan(1, 24, 15.0, 0.0), plan(2, 22, 15.0 - cost, -cost))
        return [
            r
            for r in recommend(asked, near, said or [])
            if r.kind == "cover" and r.life and r.life.state != "withdrawn"
        ]

    cheap = covers(0.2)
    assert cheap
    assert not covers(0.3)
    assert covers(0.3, cheap)  # what stands is given up later than it is raised
    assert not covers(2.6, cheap)


def close_behind(works: float) -> Situation:
    cars = {"4": car("4", 3), "16": car("16", 4, interval_s=1.4, stop_probability_next_5=0.6), "11": car("11", 2)}
    return situation(cars=cars, field=field(duel("16", "4", works)))


def test_undercut_that_is_open_and_costs_little_is_offered() -> None:
    cars = close_behind(0.0).cars
    asked = answer(plan(1, 24, 15.0, 0.0), plan(2, 21, 14.9, -0.1, se=0.08))
    found = recommend(asked, situation(cars=cars, field=field(duel("4", "11", 0.7))))
    (offered,) = (r for r in found if r.kind == "undercut")
    assert offered.title == "Undercut on D11 open"
    assert offered.description == "D11 is 1.4 s ahead. To undercut, box this lap: 'L21 HARD'."
    assert offered.reasoning == "An undercut on D11 works with a probability of 70%."
    assert offered.priority is Priority.MODERATE
    assert offered.expected_benefit_points == pytest.approx(-0.1)
    dear = answer(plan(1, 24, 15.0, 0.0), plan(2, 21, 14.0, -1.0))
    called = answer(plan(1, 21, 15.0, 0.0), plan(2, 24, 14.9, -0.1))
    for what, works in ((asked, 0.45), (dear, 0.7), (called, 0.7)):
        near = situation(cars=cars, field=field(duel("4", "11", works)))
        assert not any(r.kind == "undercut" for r in recommend(what, near))


def test_cheap_stop_that_the_call_leaves_is_named_with_its_price() -> None:
    asked = answer(plan(1, 30, 15.0, 0.0), plan(2, 21, 14.4, -0.6), box_now=rejoin(position=5))
    offer = [{"kind": "cheap_stop", "loss_s": 11.0, "saved_s": 9.0, "places_lost": 2}]
    under_sc = situation(track_status=TrackStatus.SC, field=field(offers=offer))
    (cheap,) = (r for r in recommend(asked, under_sc) if r.kind == "free_stop")
    assert cheap.title == "Cheap stop under the safety car"
    assert cheap.description.startswith(
        "A stop under the safety car costs 20.5 s. To take it, box this lap: 'L21 HARD'."
    )
    assert cheap.expected_benefit == "'L21 HARD' is worth 0.60 points less than 'L30 HARD' (± 0.05)."
    assert cheap.priority is Priority.OPTIONAL
    called = answer(plan(1, 21, 15.0, 0.0), plan(2, 30, 14.4, -0.6), box_now=rejoin(position=5))
    assert not any(r.kind == "free_stop" for r in recommend(called, under_sc)), "the call says so itself"


def test_free_stop_is_one_that_costs_no_place_and_hardly_a_point() -> None:
    green = situation(field=field(offers=[{"kind": "free_stop", "places_lost": 0}]))
    plans = (plan(1, 30, 15.0, 0.0), plan(2, 21, 14.9, -0.1))
    (free,) = (r for r in recommend(answer(*plans, box_now=rejoin(position=3)), green) if r.kind == "free_stop")
    assert free.description.startswith("A stop this lap is a free stop: it costs 0 places.")
    assert free.checked is not None
    assert free.checked.refused == 0
    for box in (rejoin(position=4), None):
        assert not any(r.kind == "free_stop" for r in recommend(answer(*plans, box_now=box), green))
    dear = (plan(1, 30, 15.0, 0.0), plan(2, 21, 14.0, -1.0))
    assert not any(r.kind == "free_stop" for r in recommend(answer(*dear, box_now=rejoin(position=3)), green))


def test_what_a_plan_does_in_the_same_race_is_told_of_every_alternative() -> None:
    best, other = plan(1, 24, 15.0, 0.0), plan(2, 27, 14.6, -0.4, p_ahead=0.12, p_behind=0.31)
    (named,) = recommend(answer(best, other), situation())[0].alternatives
    assert named.text == "'L27 HARD': 0.40 points less (± 0.05), ahead in 12% of races, behind in 31%."
    assert (named.probability_ahead, named.probability_behind) == (0.12, 0.31)
    assert named.probability_better == pytest.approx(0.405)
    close = plan(2, 27, 14.98, -0.02)
    (named,) = recommend(answer(best, close), situation())[0].alternatives
    assert named.text.startswith("'L27 HARD': too close to call, 0.02 points less")


def test_a_sentence_of_ours_that_the_facts_do_not_carry_is_left_out() -> None:
    draft = Draft("cover", "16")
    draft.sheet.add("behind.gap", 1.4, "D16 is 1.4 s behind.", source="test")
    draft.say("title", "D16 is 2.4 s behind", "behind.gap")
    draft.say("description", "D16 is 1.4 s behind. D16 is 3.1 s behind.", "behind.gap")
    draft.say("description", "D16 is 1.4 s behind.", "behind.gap")
    draft.alternative("no stop", "'no stop' is worth 3.00 points.", shares=(0.1, 0.2))
    checked = draft.check()
    said = draft.finish("4-cover-20", "4", 20, AdviceLife(call="16"), checked)
    assert said.title == "Car behind"
    assert said.description == "D16 is 1.4 s behind."
    assert said.alternatives == ()
    assert [s.part for s in said.sentences] == ["description"]
    assert said.checked is not None
    assert said.checked.refused >= 3
    assert said.checked.claims == said.checked.supported > 0


def test_set_that_will_not_last_is_warned_of() -> None:
    worn = situation(cars={"4": car("4", 3, tyre_life_laps=Estimate(mean=5, low=3, high=8))})
    advice = {r.kind: r for r in recommend(answer(plan(1, 30, 15.0, 0.0)), worn)}
    assert advice["tyres"].priority is Priority.MODERATE


def test_most_urgent_comes_first() -> None:
    best, later = plan(1, 21, 15.0, 0.0), plan(2, 26, 14.2, -0.8)
    worn = {"4": car("4", 3, tyre_life_laps=Estimate(mean=0.2, low=0, high=0.5))}
    best = plan(1, 22, 15.0, 0.0)
    advice = recommend(answer(best, later, box_now=rejoin(gap_ahead=0.8)), situation(cars=worn))
    order = [list(Priority).index(r.priority) for r in advice]
    assert order == sorted(order)
    assert len(advice) > 1


def test_every_word_and_number_of_our_own_wording_is_supported() -> None:
    for advice in (*many_recommendations(40), *many_recommendations(40, slowed=True)):
        checker = Checker(advice.facts)
        said = (advice.title, advice.description, advice.expected_benefit, advice.reasoning, *advice.risks)
        verdict = checker.check(*said, *(a.text for a in advice.alternatives))
        assert verdict.passed, (advice.id, verdict.objections)
        assert verdict.claims > 0
        assert advice.checked is not None
        assert advice.checked.refused == 0, advice.id


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
    assert "its life not known yet" in reasoning(0.0, 28.0)  # from the next lap to the flag: that tells nothing


def test_call_that_is_kept_against_a_better_plan_says_what_it_costs() -> None:
    first = recommend(answer(plan(1, 30, 15.0, 0.0), plan(2, 24, 14.9, -0.1)), situation())
    newest = answer(plan(1, 45, 15.0, 0.0), plan(2, 30, 14.5, -0.5, se=0.2), lap=21)
    later = situation(lap=21, cars={**situation().cars, "4": car("4", 3, lap=21)})
    stop = next(r for r in recommend(newest, later, first) if r.kind == "stop")
    assert stop.life is not None
    assert stop.life.call == "L30 HARD"
    assert stop.expected_benefit.startswith("'L30 HARD' is worth 0.50 points less than 'L45 HARD' (± 0.20).")
    assert Checker(stop.facts).check(stop.expected_benefit).passed


def test_an_undercut_by_a_rival_is_none_on_it() -> None:
    draft = Draft("cover", "16")
    text = "An undercut by LEC works with a probability of 62%."
    draft.sheet.add("behind.undercut_probability", 0.62, text, source="test")
    checker = Checker(draft.sheet.all())
    for true in (text, "If LEC undercuts us, that works with 62% probability."):
        assert checker.check(true).passed, true
    for false in (
        "An undercut on LEC works with a probability of 62%.",
        "We could undercut LEC, with a 62% chance.",
        "An undercut by LEC works with a probability of 63%.",
        "LEC stops within five laps with a probability of 62%.",
    ):
        assert not checker.check(false).passed, false


def test_a_clause_without_anything_to_check_is_no_claim() -> None:
    draft = Draft("cover", "16")
    draft.sheet.add("behind.gap", 1.4, "LEC is 1.4 s behind.", source="test")
    checker = Checker(draft.sheet.all())
    assert (checker.check("Keep an eye on it.").claims, checker.check("LEC is 1.4 s behind.").claims) == (0, 2)
    wrong = checker.check("It is guaranteed.")
    assert (wrong.claims, wrong.supported) == (1, 0)


def test_a_rejoin_place_that_is_one_of_several_is_told_as_such() -> None:
    open_ = rejoin(
        position=9,
        probability=0.2,
        position_probability={6: 0.1, 7: 0.15, 8: 0.15, 9: 0.2, 10: 0.19, 11: 0.11, 12: 0.1},
    )
    for box, told in (
        (open_, "Boxing now: any of several places, P9 the likeliest (20%), 4.0 s behind"),
        (rejoin(), "Boxing now: P8 (70%), 4.0 s behind"),
    ):
        (stop, *_) = recommend(answer(plan(1, 21, 15.0, 0.0), plan(2, 30, 14.0, -1.0), box_now=box), situation())
        assert told in stop.reasoning
        share, place = (40, 9) if box is open_ else (30, 8)
        assert f"In {share}% of cases it rejoins further back than P{place}." in " ".join(stop.risks)
        assert stop.checked.refused == 0
