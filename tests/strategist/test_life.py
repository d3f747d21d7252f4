"""Advice has an id and a life: it changes on evidence beyond its noise, and a strategist can accept, reject or pin it."""

from __future__ import annotations

import pytest
from builders.advice import answer, car, duel, field, plan, situation

from racetwin.errors import InputError
from racetwin.schemas import CarStatus, DeskAnswer, Priority, Recommendation, TrackStatus
from racetwin.strategist import Situation, recommend
from racetwin.strategist.life import boxed, decide, standing
from racetwin.strategist.wording import check_own

pytestmark = pytest.mark.unit


def at(lap: int, **changes: object) -> Situation:
    cars = {"4": car("4", 3, lap=lap), "16": car("16", 4, lap=lap), "11": car("11", 9, lap=lap)}
    return situation(lap=lap, cars=cars, **changes)


def two(lap: int, first: int, second: int, behind: float, se: float = 0.05) -> DeskAnswer:
    """The plan that stops on lap ``first`` is best, ``second`` is ``behind`` points behind it."""
    return answer(plan(1, first, 15.0, 0.0), plan(2, second, 15.0 - behind, -behind, se), lap=lap)


def stop(said: tuple[Recommendation, ...]) -> Recommendation:
    found = standing(said, "stop")
    assert found is not None
    assert found.life is not None
    return found


def life_of(said: tuple[Recommendation, ...]):  # type: ignore[no-untyped-def]
    return stop(said).life


def test_advice_is_new_and_then_confirmed_under_the_same_id() -> None:
    said = recommend(two(20, 26, 30, 0.5), at(20))
    assert life_of(said).state == "new"
    again = recommend(two(21, 26, 30, 0.5), at(21), said)
    assert stop(again).id == stop(said).id == "4-stop-20"
    assert life_of(again).state == "confirmed"
    assert life_of(again).since_lap == 20


def test_a_difference_within_noise_does_not_change_the_call() -> None:
    said = recommend(two(20, 26, 27, 0.5), at(20))
    for lap in range(21, 25):
        said = recommend(two(lap, 27, 26, 0.09), at(lap), said)
        assert life_of(said).call == "L26 HARD"
        assert "too close to call" in life_of(said).reason


def test_a_small_gain_needs_a_second_answer() -> None:
    said = recommend(two(20, 26, 27, 0.5), at(20))
    said = recommend(two(21, 27, 26, 0.15), at(21), said)
    assert life_of(said).call == "L26 HARD"
    assert life_of(said).contender == "L27 HARD"
    said = recommend(two(22, 27, 26, 0.15), at(22), said)
    assert life_of(said).call == "L27 HARD"
    assert (life_of(said).state, life_of(said).revision) == ("changed", 1)
    assert life_of(said).reason == "'L27 HARD' is now better than 'L26 HARD' by 0.15 points (± 0.05)."


def test_the_same_answer_twice_is_no_second_answer() -> None:
    said = recommend(two(20, 26, 27, 0.5), at(20))
    once = recommend(two(21, 27, 26, 0.15), at(21), said)
    twice = recommend(two(21, 27, 26, 0.15), at(21), once)
    assert life_of(twice).call == "L26 HARD"


def test_a_clear_gain_changes_a_near_call_at_once_and_a_far_one_on_the_second_answer() -> None:
    near = recommend(two(21, 27, 26, 0.8), at(21), recommend(two(20, 26, 27, 0.5), at(20)))
    assert life_of(near).call == "L27 HARD"
    far = recommend(two(21, 42, 40, 0.8), at(21), recommend(two(20, 40, 42, 0.5), at(20)))
    assert life_of(far).call == "L40 HARD"
    assert life_of(recommend(two(22, 42, 40, 0.8), at(22), far)).call == "L42 HARD"


def test_a_safety_car_is_news_one_answer_is_enough() -> None:
    said = recommend(two(20, 40, 42, 0.5), at(20))
    said = recommend(two(21, 22, 40, 0.3), at(21, track_status=TrackStatus.SC), said)
    assert life_of(said).call == "L22 HARD"
    assert stop(said).priority is Priority.URGENT


def test_calling_off_an_urgent_stop_is_urgent() -> None:
    said = recommend(two(20, 21, 30, 2.0), at(20))
    assert stop(said).priority is Priority.URGENT
    called_off = recommend(two(21, 35, 22, 2.0), at(21), recommend(two(21, 22, 30, 2.0), at(21), said))
    assert stop(called_off).title.startswith("Stay out")
    assert stop(called_off).priority is Priority.URGENT


def test_a_call_whose_lap_passes_without_a_stop_says_so() -> None:
    said = recommend(two(20, 21, 30, 2.0), at(20))
    said = recommend(two(21, 22, 30, 2.0), at(21), said)
    assert life_of(said).state == "changed"
    assert life_of(said).reason == "The lap of 'L21 HARD' has passed without a stop."


def test_the_lap_a_car_is_still_on_is_not_passed_because_the_leader_is_a_lap_on() -> None:
    said = recommend(two(20, 21, 30, 2.0), at(20))
    behind = situation(lap=21, cars={"4": car("4", 12, lap=20), "16": car("16", 13, lap=20)})
    assert recommend(two(21, 22, 30, 2.0), behind, said) == said


def test_boxing_as_called_is_done_and_everything_else_is_withdrawn() -> None:
    near = situation(
        cars={"4": car("4", 3), "16": car("16", 4, interval_s=1.4, stop_probability_next_5=0.6)},
        field=field(duel("16", "4", 0.6)),
    )
    said = recommend(answer(plan(1, 22, 15.0, 0.0), plan(2, 30, 13.0, -2.0)), near)
    assert {r.kind for r in said} == {"stop", "cover"}
    gone = boxed(said, 22)
    assert [r.life.reason for r in gone if r.life and r.kind == "stop"] == ["Done: the car boxes as called."]
    assert all(r.title.startswith("Withdrawn: ") and r.execution_lap is None for r in gone)
    assert standing(gone, "stop") is None


def test_withdrawn_advice_is_read_for_a_lap_and_then_gone() -> None:
    near = {"16": car("16", 4, interval_s=1.4, stop_probability_next_5=0.6)}
    seen = field(duel("16", "4", 0.6))
    said = recommend(two(20, 26, 30, 0.5), situation(cars={"4": car("4", 3), **near}, field=seen))
    said = recommend(two(21, 26, 30, 0.5), at(21), said)
    (gone,) = (r for r in said if r.kind == "cover")
    assert gone.life is not None
    assert (gone.life.state, gone.life.reason) == ("withdrawn", "D16 is less likely to stop soon.")
    said = recommend(two(22, 26, 30, 0.5), at(22), said)
    assert not [r for r in recommend(two(23, 26, 30, 0.5), at(23), said) if r.kind == "cover"]


def test_advice_that_a_safety_car_ends_rests_on_the_status_of_now() -> None:
    near = {"16": car("16", 4, interval_s=1.4, stop_probability_next_5=0.6)}
    seen = field(duel("16", "4", 0.6))
    said = recommend(two(20, 26, 30, 0.5), situation(cars={"4": car("4", 3), **near}, field=seen))
    said = recommend(two(21, 26, 30, 0.5), at(21, track_status=TrackStatus.SC), said)
    (gone,) = (r for r in said if r.kind == "cover")
    assert gone.description == "The track is neutralised."
    (status,) = (f for f in gone.facts if f.name == "track_status")
    assert (status.value, [f.id for f in gone.facts]) == ("SC", list(range(1, len(gone.facts) + 1)))
    assert [s.facts for s in gone.sentences if s.part == "description"] == [(status.id,)]
    assert check_own(gone).passed


def test_accepted_advice_needs_a_clear_reason_to_change() -> None:
    said = decide(recommend(two(20, 26, 27, 0.5), at(20)), "4-stop-20", "accept", "Anna")
    for lap in (21, 22, 23):
        said = recommend(two(lap, 27, 26, 0.2), at(lap), said)
    assert (life_of(said).call, life_of(said).handling, life_of(said).by) == ("L26 HARD", "accepted", "Anna")
    said = recommend(two(24, 27, 26, 0.9), at(24), said)
    assert (life_of(said).call, life_of(said).handling) == ("L27 HARD", "open")


def test_pinned_advice_stays_until_it_cannot_be_done() -> None:
    said = decide(recommend(two(20, 24, 30, 0.5), at(20)), "4-stop-20", "pin")
    for lap in (21, 22, 23):
        said = recommend(two(lap, 30, 24, 3.0), at(lap), said)
        assert life_of(said).call == "L24 HARD"
        assert "better by 3.00 points" in life_of(said).reason
    said = recommend(answer(plan(1, 30, 15.0, 0.0), lap=24), at(24), said)
    assert (life_of(said).call, life_of(said).pinned) == ("L30 HARD", False)


def test_a_rejected_call_makes_way_and_is_not_given_again_while_the_track_stays_as_it_is() -> None:
    desk = two(20, 26, 30, 0.5)
    said = recommend(desk, at(20), decide(recommend(desk, at(20)), "4-stop-20", "reject", "Anna"))
    assert (life_of(said).call, life_of(said).reason) == ("L30 HARD", "'L26 HARD' was rejected.")
    for lap in (21, 22, 23):
        said = recommend(two(lap, 26, 30, 0.5), at(lap), said)
        assert life_of(said).call == "L30 HARD"
    said = recommend(two(24, 26, 30, 0.5), at(24, track_status=TrackStatus.VSC), said)
    assert life_of(said).call == "L26 HARD"


def test_a_rejected_warning_is_no_longer_pressing() -> None:
    near = situation(
        cars={"4": car("4", 3), "16": car("16", 4, interval_s=1.4, stop_probability_next_5=0.6)},
        field=field(duel("16", "4", 0.6)),
    )
    desk = two(20, 26, 30, 0.5)
    said = recommend(desk, near)
    said = recommend(desk, near, decide(said, "4-cover-20", "reject"))
    (cover,) = (r for r in said if r.kind == "cover")
    assert cover.priority is Priority.OPTIONAL
    assert said[-1] is cover


@pytest.mark.parametrize(
    ("advice_id", "action", "message"),
    [
        ("4-stop-3", "accept", "is not given now"),
        ("4-stop-20", "shrug", "expected one of accept, reject"),
        ("4-cover-19", "pin", "was withdrawn"),
    ],
)
def test_a_decision_about_nothing_is_refused(advice_id: str, action: str, message: str) -> None:
    near = situation(
        lap=19,
        cars={"4": car("4", 3), "16": car("16", 4, interval_s=1.4, stop_probability_next_5=0.6)},
        field=field(duel("16", "4", 0.6)),
    )
    said = recommend(two(20, 26, 30, 0.5), at(20), recommend(two(19, 26, 30, 0.5), near))
    with pytest.raises(InputError, match=message):
        decide(said, advice_id, action)  # type: ignore[arg-type]


def test_calling_off_a_stop_within_noise_is_not_urgent_and_points_are_points() -> None:
    later = plan(1, 35, 5.0, 0.0, utility=0.5)
    old = plan(2, 22, 5.2, 0.2, 0.15, delta_utility=-0.3, delta_utility_standard_error=0.01)
    asked = answer(later, old, lap=21).model_copy(update={"objective": "top3"})
    said = recommend(asked, at(21), recommend(two(20, 22, 30, 2.0), at(20)))
    assert stop(said).title.startswith("Stay out")
    assert stop(said).priority is Priority.MODERATE, "0.3 of a podium is no 0.3 points"
    assert life_of(said).reason == "The objective now favours 'L35 HARD'."
    assert life_of(said).reason in stop(said).reasoning


def test_a_car_that_is_out_gets_no_advice_whatever_was_said() -> None:
    said = recommend(two(20, 26, 30, 0.5), at(20))
    out = situation(lap=21, cars={"4": car("4", 20, status=CarStatus.RETIRED)})
    assert recommend(two(21, 26, 30, 0.5), out, said) == ()


def test_rain_is_named() -> None:
    wet = situation(rainfall=True)
    said = recommend(two(20, 26, 30, 0.5), wet)
    assert any(r.kind == "rain" and "raining" in r.description for r in said)
    assert "It is raining." in stop(said).reasoning


def test_a_gap_is_said_with_the_lap_it_was_timed_on() -> None:
    cars = {"4": car("4", 3), "16": car("16", 4, lap=19, interval_s=1.4, stop_probability_next_5=0.6)}
    seen = situation(cars=cars, field=field(duel("16", "4", 0.6)))
    (cover,) = (r for r in recommend(two(20, 26, 30, 0.5), seen) if r.kind == "cover")
    assert "1.4 s behind at the end of lap 19" in cover.description


def test_every_sentence_names_facts_it_rests_on_and_passes_the_checker_through_its_life() -> None:
    said: tuple[Recommendation, ...] = ()
    for lap, first, second, gap in ((20, 26, 27, 0.5), (21, 27, 26, 0.15), (22, 27, 26, 0.15), (23, 24, 27, 1.0)):
        said = recommend(two(lap, first, second, gap), at(lap), said)
        for r in said:
            assert check_own(r).passed, check_own(r).objections
            assert r.checked is None or not r.checked.refused, "a sentence of ours was left out"
            known = {f.id for f in r.facts}
            for sentence in r.sentences:
                assert set(sentence.facts) <= known
                assert sentence.facts or (r.life and r.life.state == "withdrawn"), sentence
