"""The twenty-second answer says what the ranked plans say, no more."""

from __future__ import annotations

from types import ModuleType

import pytest

from racetwin.schemas import AdviceLife, CarStatus, CarTelemetry, Comparison, Priority, Recommendation
from racetwin.strategist.calls import call_of
from racetwin.widgets import VerdictStrip
from racetwin.widgets.our_plan import Followed, our_plan
from racetwin.widgets.verdict import nearly_as_likely, verdict

pytestmark = pytest.mark.unit


def car(lap: int, status: CarStatus = CarStatus.TRACK) -> CarTelemetry:
    return CarTelemetry(car_id="63", driver="RUS", lap=lap, status=status, position=3)


def test_best_plan_stops_this_lap_means_box(race: ModuleType) -> None:
    v = verdict(race.answer("63", 22, box=True), car(23))
    assert (v.call, v.headline, v.first_lap, v.compound) == ("box", "BOX NOW", 23, "HARD")
    assert v.detail == "fit HARD at the end of lap 23"


def test_best_plan_stops_later_means_stay_out_and_says_when(race: ModuleType) -> None:
    v = verdict(race.answer("63", 22, box=False), car(23))
    assert (v.call, v.detail) == ("stay", "box on lap 27 (27–29 as good) for HARD")


def test_a_later_lap_turns_the_same_answer_into_box(race: ModuleType) -> None:
    answer = race.answer("63", 22, box=False)
    assert verdict(answer, car(26)).call == "stay"
    late = verdict(answer, car(27))
    assert (late.call, late.age_laps) == ("box", 4)


def test_no_stop_in_the_best_plan_means_run_to_the_flag(race: ModuleType) -> None:
    answer = race.answer("63", 22)
    stay = answer.model_copy(update={"plans": (race.ranked((), 1, 3.0, 0.0), *answer.plans[:3])})
    v = verdict(stay, car(23))
    assert (v.call, v.detail, v.first_lap) == ("stay", "run to the flag on this set", None)


def test_advantage_is_over_the_best_plan_that_does_the_opposite_now(race: ModuleType) -> None:
    answer = race.answer("63", 22, box=True)
    v = verdict(answer, car(23))
    opposite = next(p for p in answer.plans if not p.stops or p.stops[0].lap > 23)
    assert v.advantage == -opposite.delta_points
    assert v.standard_error == opposite.delta_standard_error


@pytest.mark.parametrize(
    ("delta", "error", "too_close", "sure"),
    [
        (-1.0, 0.1, False, "clear"),
        (-0.2, 0.05, False, "slight"),
        (-0.2, 0.15, False, "open"),
        (-1.0, 0.1, True, "open"),
    ],
)
def test_sure_needs_more_than_noise_and_more_than_a_trifle(
    race: ModuleType, delta: float, error: float, too_close: bool, sure: str
) -> None:
    best = race.ranked(((23, "HARD"),), 1, 3.0, 0.0)
    other = race.ranked(((30, "HARD"),), 2, 3.2, delta, delta_standard_error=error, too_close=too_close)
    answer = race.answer("63", 22).model_copy(update={"plans": (best, other)})
    assert verdict(answer, car(23)).sure == sure


def test_nothing_to_compare_with_claims_no_certainty(race: ModuleType) -> None:
    answer = race.answer("63", 22).model_copy(update={"plans": (race.ranked(((23, "HARD"),), 1, 3.0, 0.0),)})
    v = verdict(answer, car(23))
    assert (v.call, v.sure, v.advantage) == ("box", "", None)


def test_without_an_answer_it_waits_and_when_out_it_says_so(race: ModuleType) -> None:
    assert verdict(None, car(23)).call == "wait"
    assert verdict(race.answer("63", 22), car(23, CarStatus.RETIRED)).headline == "RETIRED"
    assert verdict(race.answer("63", 22), car(53, CarStatus.FINISHED)).headline == "FINISHED"
    assert verdict(race.answer("63", 22), car(23), finished=True).call == "out"


def test_a_place_hardly_less_likely_is_named_beside_the_likeliest(race: ModuleType) -> None:
    rejoin = race.answer("63", 22).box_now
    for places, named in (
        ({5: 0.1, 6: 0.37, 7: 0.35, 8: 0.18}, (7, 0.35)),
        ({5: 0.4, 6: 0.6}, None),
        ({6: 1.0}, None),
    ):
        told = rejoin.model_copy(update={"position": 6, "probability": places[6], "position_probability": places})
        assert nearly_as_likely(told) == named


def test_the_strip_shows_the_engines_values(race: ModuleType) -> None:
    snapshot = race.snapshot(22, car_id="63")
    strip = VerdictStrip()
    strip.show(snapshot, "63")
    shown = strip.shown()
    rejoin = snapshot.answers["63"].box_now
    assert shown["rejoin"]["position"] == rejoin.position
    assert shown["rejoin"]["ahead"] == "STR"
    assert shown["frames_in"] == shown["frames_processed"] == snapshot.counters.frames_in
    assert (shown["lap"], shown["total_laps"], shown["status"]) == (23, 52, "GREEN")
    assert len(shown["cars"]) == 20
    assert shown["simulated"] is False


def test_a_simulated_race_is_labelled(race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    strip = VerdictStrip()
    strip.show(snapshot.model_copy(update={"info": snapshot.info.model_copy(update={"simulated": True})}), "63")
    assert strip.shown()["simulated"] is True


def test_the_desks_own_comparison_of_waiting_goes_first_while_it_is_fresh(race: ModuleType) -> None:
    waiting = Comparison(a="L24 HARD", b="L23 HARD", difference=-0.9, standard_error=0.1)
    answer = race.answer("63", 22, box=True).model_copy(update={"waiting": waiting})
    v = verdict(answer, car(23))
    assert (v.advantage, v.standard_error, v.sure) == (0.9, 0.1, "clear")
    assert verdict(answer, car(24)).advantage != 0.9  # it was about lap 23


def test_a_car_beyond_the_pit_entry_is_not_told_to_box_any_more(race: ModuleType) -> None:
    answer = race.answer("63", 22, box=True)
    before, beyond = (car(23).model_copy(update={"lap_fraction": share}) for share in (0.93, 0.97))
    assert verdict(answer, before, pit_entry=0.94).headline == "BOX NOW"
    assert verdict(answer, beyond).headline == "BOX NOW"  # nobody has shown yet where the lane begins
    past = verdict(answer, beyond, pit_entry=0.94)
    assert (past.call, past.headline) == ("wait", "PAST THE ENTRY")
    assert "lap 23" in past.detail
    stay = verdict(race.answer("63", 22, box=False), beyond, pit_entry=0.94)
    assert stay.headline == "STAY OUT"


def test_an_answer_from_before_a_stop_is_no_call_any_more(race: ModuleType) -> None:
    snapshot = race.snapshot(22, box=False)
    strip = VerdictStrip()
    strip.show(snapshot, "63")
    assert strip.shown()["verdict"]["call"] == "stay"
    assert strip.shown()["rejoin"] is not None
    row = next(r for r in snapshot.laps if r.car_id == "63")
    went_in = row.model_copy(update={"lap": 23, "pit_in": True})
    strip.show(snapshot.model_copy(update={"laps": (*snapshot.laps, went_in)}), "63")
    shown = strip.shown()
    assert (shown["verdict"]["headline"], shown["rejoin"]) == ("WORKING", None)


def test_car_in_the_pits_is_not_told_to_box() -> None:
    from racetwin.schemas import CarStatus, CarTelemetry
    from racetwin.widgets.verdict import verdict

    told = verdict(None, CarTelemetry(car_id="44", status=CarStatus.PIT, lap=21, stops=0))
    assert (told.call, told.headline) == ("wait", "IN THE PITS")
    after = verdict(None, CarTelemetry(car_id="44", status=CarStatus.TRACK, lap=22, stops=1))
    assert after.call == "wait"
    assert "end of this lap" in after.detail


@pytest.mark.parametrize(("box", "words"), [(True, "BOX NOW, L23 HARD"), (False, "L27 HARD")])
def test_the_call_beside_a_followed_plan_says_whether_it_is_to_box_now(race: ModuleType, box: bool, words: str) -> None:
    answer = race.answer("63", 22, box=box)
    ours = our_plan(answer, followed=Followed(answer.plans[5]))
    v = verdict(answer, car(23), ours=ours)
    assert v.headline == "STAY OUT"
    assert v.detail.endswith(f"(the plan you follow; the call is {words})")


def test_call_that_advice_keeps_is_shown_and_the_newest_answer_named(race: ModuleType) -> None:
    answer = race.answer("63", 22, box=True)
    kept = next(p for p in answer.plans if p.stops and p.stops[0].lap > 23)
    said = Recommendation(
        id="63-stop-20",
        car_id="63",
        lap=22,
        priority=Priority.MODERATE,
        title="",
        description="",
        expected_benefit="",
        reasoning="",
        execution_lap=kept.stops[0].lap,
        kind="stop",
        life=AdviceLife(call=call_of(kept)),
    )
    v = verdict(answer, car(23), (said,))
    assert (v.call, v.headline, v.plan, v.leans) == ("stay", "STAY OUT", kept.plan, "L23 HARD")
    assert v.detail.endswith("(newest numbers lean to L23 HARD)")
    assert v.advantage == pytest.approx(kept.delta_points)  # against boxing now, which the newest answer has first
    assert v.sure == "open"
    turned_down = said.model_copy(update={"life": AdviceLife(call=call_of(kept), handling="rejected")})
    assert verdict(answer, car(23), (turned_down,)).headline == "BOX NOW"
