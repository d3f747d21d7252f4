"""What a viewer does to a screen: plans followed and dragged, the clock moved, the race shown late, a connection lost."""

from __future__ import annotations

import threading
from statistics import median
from types import ModuleType
from typing import Any

import pytest

from racetwin.runtime.channel import Link
from racetwin.schemas import AdviceLife, Compound, PitEntered, PlanChange, PlannedStop, TrackStatus
from racetwin.strategist.calls import call_of
from racetwin.widgets import RaceDayBoard
from racetwin.widgets.our_plan import Followed, ours_of
from racetwin.widgets.pit_entry import PitEntry

pytestmark = pytest.mark.unit


@pytest.fixture
def board(race: ModuleType, still: Any) -> RaceDayBoard:
    made = RaceDayBoard(still(race.snapshot(22)), "63")
    made.settle(10)
    return made


def fans(live: Any) -> list[tuple[str, ...]]:
    return [a for a in live.asked if a[0] == "fan"]


def test_a_click_on_a_plan_follows_it_and_a_second_one_lets_go(board: RaceDayBoard) -> None:
    plan = board.plans.shown()["plans"][1]["plan"]
    board.plans._hear(board.plans, {"plan": plan}, [])
    board.settle(10)
    assert [p["plan"] for p in board.plans.shown()["plans"] if p["current"]] == [plan]
    lap = board.our_plan.stops[0].lap
    assert board.our_plan.followed
    assert board.trace.shown()["planned"][0][0] == lap
    assert board.scenario.shown()["plan"][0][0] == lap
    board.plans._hear(board.plans, {"plan": None}, [])
    assert not board.our_plan.followed
    assert [p["rank"] for p in board.plans.shown()["plans"] if p["current"]] == [1]  # the call that stands


@pytest.mark.parametrize(
    ("made", "lap", "left"),
    [
        (0, 22, [25, 40]),
        (0, 25, [40]),  # the line of the lap it is to stop on: the stop is being made, or is missed
        (0, 26, None),  # missed
        (1, 22, [40]),  # made before its lap
        (1, 30, [40]),
        (2, 30, []),
        (3, 30, None),  # one too many
    ],
)
def test_a_followed_plan_stands_until_the_race_leaves_it(
    race: ModuleType, made: int, lap: int, left: list[int] | None
) -> None:
    followed = Followed(race.ranked(((25, "HARD"), (40, "SOFT")), 1, 3.0, 0.0), stops_made=1)
    stops = followed.to_come(1 + made, lap)
    assert (None if stops is None else [s.lap for s in stops]) == left


def test_a_stop_for_another_compound_leaves_the_followed_plan(race: ModuleType) -> None:
    followed = Followed(race.ranked(((25, "HARD"), (40, "SOFT")), 1, 3.0, 0.0))
    assert followed.to_come(1, 25, Compound.HARD) is not None
    assert followed.to_come(1, 25, Compound.MEDIUM) is None
    assert followed.to_come(0, 22, Compound.MEDIUM) is not None  # what it is on before its stop says nothing


def test_a_stop_on_another_lap_is_the_followed_plans_stop(race: ModuleType, still: Any) -> None:
    snapshot = race.snapshot(22, box=False)
    board = RaceDayBoard(still(snapshot), "63")
    board.settle(10)
    plan = next(p for p in snapshot.answers["63"].plans if len(p.stops) == 1 and p.stops[0].lap > 24)
    board.follow_plan(plan.plan)
    twin = snapshot.cars["63"]
    tyre = twin.tyre.model_copy(update={"compound": plan.stops[0].compound, "age": 0.0})
    stopped = twin.model_copy(update={"stops": twin.stops + 1, "tyre": tyre})
    after = snapshot.model_copy(update={"cars": {**snapshot.cars, "63": stopped}})
    assert ours_of(snapshot, "63", board._followed["63"]).stops == plan.stops
    assert ours_of(after, "63", board._followed["63"]).stops == ()
    again = stopped.model_copy(update={"stops": stopped.stops + 1})
    left = ours_of(after.model_copy(update={"cars": {**after.cars, "63": again}}), "63", board._followed["63"])
    assert not left.followed


def called(race: ModuleType, rank: int) -> tuple[Any, Any]:
    """A race in which advice keeps the plan of that rank, which the newest answer does not have first, and that plan."""
    snapshot = race.snapshot(22, box=False)
    plan = snapshot.answers["63"].plans[rank - 1]
    said = snapshot.advice["63"][-1].model_copy(
        update={"kind": "stop", "execution_lap": plan.stops[0].lap, "life": AdviceLife(call=call_of(plan))}
    )
    return snapshot.model_copy(update={"advice": {"63": (said,)}}), plan


@pytest.mark.parametrize("rank", [2, 5])
@pytest.mark.parametrize("follow", [None, 4])
def test_all_panels_mean_one_plan_by_ours(race: ModuleType, still: Any, rank: int, follow: int | None) -> None:
    snapshot, plan = called(race, rank)
    board = RaceDayBoard(still(snapshot), "63")
    if follow is not None:
        plan = snapshot.answers["63"].plans[follow - 1]
        board.follow_plan(plan.plan)
    board.settle(10)
    shown = {name: panel.shown() for name, panel in board.panels.items()}
    stops = [[s.lap, s.compound.value] for s in plan.stops]
    said = shown["verdict"]["verdict"]
    assert (said["plan"], said["first_lap"], said["followed"]) == (plan.plan, stops[0][0], follow is not None)
    assert (said["expected_position"], said["p_points"]) == (plan.expected_position, plan.p_points)
    assert shown["trace"]["planned"] == shown["scenario"]["plan"] == stops
    first, last = shown["window"]["best"]
    assert first <= stops[0][0] <= last
    rows = shown["plans"]["plans"]
    ours = next(p for p in rows if p["current"])
    assert (ours["plan"], ours["delta"], ours["too_close"]) == (plan.plan, 0.0, False)
    assert [p["delta"] for p in rows if p["current"]] == [0.0]
    for row in rows:
        ranked = next(p for p in snapshot.answers["63"].plans if p.plan == row["plan"])
        assert row["delta"] == pytest.approx(ranked.delta_points - plan.delta_points)
    board.ask("sc@25")
    board.settle(10)
    answer = board.scenario.shown()["answer"]
    assert answer["before"]["plan"] == plan.plan
    other = "the plan you follow; the call is" if follow else "newest numbers lean to"
    assert other in said["detail"]  # said here, and nowhere else


def test_under_a_lever_our_plan_stands_where_it_is_as_good_as_the_best(race: ModuleType, still: Any) -> None:
    snapshot, plan = called(race, 2)
    live = still(snapshot)
    found = race.what_if("63", 22)
    live.what_if = lambda car, lever: found.model_copy(update={"after": found.before, "changes": ()})
    board = RaceDayBoard(live, "63")
    board.ask("slow:63+1")
    board.settle(10)
    answer = board.scenario.shown()["answer"]
    assert (answer["before"]["plan"], answer["after"]["plan"]) == (plan.plan, plan.plan)
    board.follow_plan(snapshot.answers["63"].plans[4].plan)  # clearly worse than the best
    board.ask("slow:63+1")
    board.settle(10)
    answer = board.scenario.shown()["answer"]
    assert answer["after"]["plan"] == found.before.plans[0].plan


@pytest.mark.parametrize("rank", [1, 2])
def test_the_advice_says_what_the_followed_plan_is_worth_beside_the_call(
    race: ModuleType, still: Any, rank: int
) -> None:
    snapshot, call = called(race, rank)
    board = RaceDayBoard(still(snapshot), "63")
    plans = snapshot.answers["63"].plans
    assert board.advice.shown()["following"] is None
    board.follow_plan(plans[4].plan)
    told = board.advice.shown()["following"]
    assert (told["plan"], told["call"]) == (plans[4].plan, call.plan)
    less = f"{call.delta_points - plans[4].delta_points:.2f} points less"
    assert f"'{plans[4].plan}' is worth {less} than '{call.plan}'" in told["sentences"][0]["text"]
    known = {f["id"] for f in told["facts"]}
    assert all(s["facts"] and set(s["facts"]) <= known for s in told["sentences"])
    board.follow_plan(call.plan)
    assert board.advice.shown()["following"] is None  # the advice is about it


def test_the_advice_says_that_a_followed_plan_was_not_weighed(race: ModuleType, still: Any) -> None:
    snapshot, call = called(race, 1)
    board = RaceDayBoard(still(snapshot), "63")
    answer = snapshot.answers["63"]
    plan = answer.plans[4]
    board.follow_plan(plan.plan)
    without = answer.model_copy(update={"plans": tuple(p for p in answer.plans if p is not plan)})
    board.draw(snapshot.model_copy(update={"answers": {"63": without}}))
    told = board.advice.shown()["following"]
    assert (told["plan"], told["call"], told["sentences"]) == (plan.plan, call.plan, [])


def test_the_benchs_table_leaves_out_plans_that_few_races_were_run_of(race: ModuleType, still: Any) -> None:
    live = still(race.snapshot(22, box=False))
    found = race.what_if("63", 22)
    few = found.changes[-1].model_copy(update={"after": 99.0, "races": 64})
    live.what_if = lambda car, lever: found.model_copy(update={"changes": (*found.changes[:-1], few)})
    board = RaceDayBoard(live, "63")
    board.ask("sc@25")
    board.settle(10)
    shown = board.scenario.shown()["answer"]["changes"]
    assert [c["plan"] for c in shown] == [c.plan for c in found.changes[:-1]][: len(shown)]
    assert few.plan not in {c["plan"] for c in shown}


def test_a_lever_tells_what_it_does_to_our_plan_from_what_another_plan_brings(race: ModuleType, still: Any) -> None:
    snapshot = race.snapshot(22, box=False)
    live = still(snapshot)
    found = race.what_if("63", 22)
    ours = found.before.plans[0]
    then = ours.model_copy(update={"rank": 2, "delta_points": -0.9, "delta_standard_error": 0.07, "too_close": False})
    change = PlanChange(plan=ours.plan, before=11.0, after=10.2, change=-0.8, standard_error=0.1, races=1000)
    after = found.after.model_copy(update={"plans": (found.after.plans[0], then, *found.after.plans[1:])})
    live.what_if = lambda car, lever: found.model_copy(update={"after": after, "changes": (change,)})
    board = RaceDayBoard(live, "63")
    board.ask("sc@25")
    board.settle(10)
    answer = board.scenario.shown()["answer"]
    assert answer["same"] is False
    assert answer["before"]["ours"] is True
    assert answer["kept"] == pytest.approx(
        {"points": 10.2, "change": -0.8, "error": 0.1, "switch": 0.9, "switch_error": 0.07}
    )
    live.what_if = lambda car, lever: found.model_copy(update={"after": found.before, "changes": (change,)})
    board.ask("slow:63+1")
    board.settle(10)
    answer = board.scenario.shown()["answer"]
    assert (answer["same"], answer["kept"]) == (True, None)
    board.follow_plan(found.before.plans[9].plan)
    live.what_if = lambda car, lever: found.model_copy(
        update={"before": found.before.model_copy(update={"plans": found.before.plans[:4]}), "changes": ()}
    )
    board.ask("sc@25")
    board.settle(10)
    assert board.scenario.shown()["answer"]["before"]["ours"] is False  # the best stands in its place, and says so


def test_each_car_has_a_plan_of_its_own(board: RaceDayBoard) -> None:
    board.follow_plan(board.plans.shown()["plans"][1]["plan"])
    board.choose("44")
    assert board.our_plan is None
    board.choose("63")
    assert board.our_plan.followed


def test_the_fan_follows_the_plan_and_the_reference(board: RaceDayBoard) -> None:
    live: Any = board._live
    assert fans(live) == [("fan", "63", "")]
    assert board.trace.shown()["fan_car"] == "63"
    board._act({"reference": "44"})
    assert "fan" not in board.trace.shown()  # that of another reference would mislead
    board.settle(10)
    assert board.trace.shown()["fan_reference"] == "44"
    assert fans(live) == [("fan", "63", ""), ("fan", "63", "44")]


def test_a_dragged_stop_is_raced_beside_the_plan_at_hand(board: RaceDayBoard) -> None:
    best = board.scenario.shown()["plan"]
    board.scenario._hear(board.scenario, {"try": {"stops": [[30, "HARD"]], "lever": "sc@25"}}, [])
    board.settle(10)
    answer = board.scenario.shown()["answer"]
    assert answer["before"]["plan"] == f"L{best[0][0]} {best[0][1]}"
    assert answer["after"]["plan"] == "L30 HARD"
    assert answer["lever"] == "sc@25"
    assert answer["gain"]["difference"] == pytest.approx(-0.4 * (30 - best[0][0]))
    board._act({"reset": True})
    assert board.scenario.shown()["answer"] is None


def test_scrubbing_goes_to_what_was_known_then_and_live_returns(board: RaceDayBoard) -> None:
    board._act({"lap": 15})
    board.settle(10)
    assert board.held == 16
    for panel in (board.verdict, board.clock):
        assert panel.shown()["lap"] == 16, panel
    assert max(r for r in board.trace.shown()["gaps"].shape[:1]) == 15
    assert board.clock.shown()["newest"] == 23
    assert board.window.shown()["why"]  # that of the race as it goes on is not of this moment
    board._act({"live": True})
    assert board.held is None
    assert board.clock.shown()["lap"] == 23


def test_the_past_asks_nothing_of_the_present(board: RaceDayBoard) -> None:
    live: Any = board._live
    board._act({"lap": 15})
    board.settle(10)
    before = list(live.asked)
    board._act({"lever": "sc@20"})
    board.settle(10)
    assert live.asked == before
    assert "return to it" in board.scenario.shown()["error"]


def test_a_past_lap_that_comes_too_late_is_not_shown(board: RaceDayBoard) -> None:
    """Back three laps and return to the race at once: the lap that was still on its way stays away, on any machine."""
    live: Any = board._live
    ready, at = threading.Event(), live.at
    live.at = lambda lap: (ready.wait(10), at(lap))[1]
    for _ in range(3):
        board._act({"laps": -1})
    board._act({"live": True})
    ready.set()
    board.settle(10)
    assert board.held is None
    ready.clear()
    for _ in range(3):
        board._act({"laps": -1})  # each press counts from the lap that is on its way
    ready.set()
    board.settle(10)
    assert board.held == live.snapshot.lap - 3


def test_an_answer_that_comes_after_the_bench_was_put_away_stays_away(board: RaceDayBoard) -> None:
    live: Any = board._live
    ready, what_if = threading.Event(), live.what_if
    live.what_if = lambda car, lever: (ready.wait(10), what_if(car, lever))[1]
    for lever in ("sc@31", "nonsense"):
        board._act({"lever": lever})
        board._act({"reset": True})
        ready.set()
        board.settle(10)
        shown = board.scenario.shown()
        assert (shown["answer"], shown["error"], shown["asked"]) == (None, None, None)
        ready.clear()


def test_a_lever_for_a_lap_that_is_over_is_asked_for_the_one_being_driven(board: RaceDayBoard) -> None:
    live: Any = board._live
    board._act({"lever": "sc@20 stop:44@31:HARD"})  # let go of as lap 20 ended, taken up three laps later
    board.settle(10)
    assert ("what if", "63", f"sc@{live.newest.lap} stop:44@31:HARD") in live.asked
    board._act({"try": {"stops": [[30, "HARD"]], "lever": "sc@20"}})
    board.settle(10)
    assert ("try", "63", f"sc@{live.newest.lap}") in live.asked


def test_the_clock_of_a_held_screen_goes_on(board: RaceDayBoard, race: ModuleType) -> None:
    live: Any = board._live
    board._act({"hold": True})
    live.publish(race.snapshot(25))
    assert board.verdict.shown()["lap"] == 23
    assert board.clock.shown()["newest"] == 26


def test_delay_is_set_from_the_screen_and_said_there(board: RaceDayBoard) -> None:
    board._act({"delay": 7})
    assert board._live.delay_s == 7
    assert board.clock.shown()["delay"] == 7
    assert board.verdict.shown()["delay"] == 7


def test_a_lost_connection_is_said_at_once_and_so_is_its_return(board: RaceDayBoard) -> None:
    live: Any = board._live
    live.lose(Link("lost", 1000.0, "nobody answers"))
    assert board.verdict.shown()["link"] == {
        "state": "lost",
        "since": 1000.0,
        "text": "nobody answers",
        "reconnects": 0,
    }
    assert board.system.shown()["link"]["state"] == "lost"
    live.lose(Link("up", 1010.0, "", 1))
    assert board.verdict.shown()["link"]["state"] == "up"
    assert board.system.shown()["link"]["reconnects"] == 1


def test_the_page_names_the_car_once_when_it_is_opened(board: RaceDayBoard) -> None:
    board._act({"page": "?car=44"})
    assert board.car_id == "44"
    board._act({"choose": "63"})
    board._act({"page": "?car=44"})  # a reload keeps what was chosen since
    assert board.car_id == "63"


def test_all_panels_show_one_instant_whatever_the_feed_does(race: ModuleType, still: Any) -> None:
    live = still(race.snapshot(20))
    board = RaceDayBoard(live, "63")
    for n in (21, 22, 23):
        live.publish(race.snapshot(n))
        laps = {board.verdict.shown()["lap"], board.clock.shown()["lap"], board.tyres.shown()["lap"]}
        assert laps == {n + 1}
        assert {r["lap"] for r in board.tower.shown()["rows"] if r["status"] == "TRACK"} == {n + 1}


# --- shown late -------------------------------------------------------------------------------------------------------


def at(race: ModuleType, lap: int, **changes: Any) -> Any:
    """The race after so many laps of 90 s."""
    return race.snapshot(lap, **({"time_s": 90.0 * lap} | changes))


def test_a_late_screen_shows_answers_no_earlier_than_the_race_they_are_about(race: ModuleType, still: Any) -> None:
    live = still(at(race, 20))
    board = RaceDayBoard(live, "63")
    board.settle(10)
    live.delay_s = 270.0
    for shown in range(20, 26):
        live.publish(at(race, shown), newest=at(race, shown + 3))
        board.settle(10)
        laps = [c["lap"] for c in board.window.shown()["cells"]]
        # What is asked while lap 22 is shown is about the race after 24 laps, and is to be seen when that is shown.
        assert (min(laps), max(laps)) == (shown + 1, 28 if shown < 24 else shown + 8)
        assert board.trace.shown()["fan_lap"] == (20 if shown < 24 else shown)
    assert ("fan", "63", "") in live.asked[1:]


def test_a_late_screen_asks_nothing_that_would_give_the_race_away(race: ModuleType, still: Any) -> None:
    live = still(at(race, 22))
    board = RaceDayBoard(live, "63")
    live.delay_s = 30.0
    live.publish(at(race, 22), newest=at(race, 22, time_s=2000.0))
    board.ask("sc@25")
    board.settle(10)
    assert board.scenario.shown()["answer"]  # nothing has happened since: the race it is asked about is the one on show
    safety_car = at(race, 22).frame
    later = safety_car.model_copy(update={"track": safety_car.track.model_copy(update={"status": TrackStatus.SC})})
    for newest in (at(race, 23), at(race, 22, frame=later), at(race, 22, answers={})):
        asked = len(live.asked)
        live.publish(at(race, 22), newest=newest)
        board.ask("sc@25")
        board.deliberate("plans", "points")
        board.try_plan([PlannedStop(lap=30, compound=Compound.HARD)])
        board.settle(10)
        assert [a for a in live.asked[asked:] if a[0] not in ("fan", "window")] == []
        assert "give it away" in board.scenario.shown()["error"]
        assert "give it away" in board.desk.shown()["error"]
    live.delay_s = 0.0
    live.publish(at(race, 23))
    board.ask("sc@25")
    board.settle(10)
    assert board.scenario.shown()["error"] is None


# --- the way into the pits --------------------------------------------------------------------------------------------


def test_where_the_pit_lane_begins_is_learnt_from_the_cars_that_went_in_at_pace(race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    rows = [r for r in snapshot.laps if r.car_id == "44"]
    line = {r.lap: r.line_time_s for r in rows}
    pace = median([r.lap_time_s for r in rows if r.lap < 22 and not r.pit and not r.neutralised][-5:])

    def entered(car: str, lap: int, share: float, *, inferred: bool = False) -> PitEntered:
        before = next(r for r in snapshot.laps if (r.car_id, r.lap) == (car, lap - 1))
        return PitEntered(time_s=before.line_time_s + share * pace, car_id=car, lap=lap, inferred=inferred)

    learn = PitEntry()
    assert learn.share(snapshot.model_copy(update={"events": ()})) is None
    guessed, crawling, neutralised = (
        entered("44", 21, 0.9, inferred=True),
        entered("44", 20, 1.4),
        entered("44", 12, 0.8),
    )
    assert learn.share(snapshot.model_copy(update={"events": (guessed, crawling, neutralised)})) is None
    told = PitEntered(time_s=line[21] + 0.95 * pace, car_id="44", lap=22)
    assert learn.share(snapshot.model_copy(update={"events": (told,)})) == pytest.approx(0.95, abs=0.005)
    assert learn.share(snapshot.model_copy(update={"events": ()})) == pytest.approx(0.95, abs=0.005)  # it is remembered
    board = RaceDayBoard(race.StillRace(snapshot.model_copy(update={"events": (told,)})), "63")
    shown = board.advice.shown()
    assert shown["entry"] == pytest.approx(0.95, abs=0.005)
    assert shown["lap_s"] == pytest.approx(snapshot.cars["63"].next_laps_s[0].mean)
