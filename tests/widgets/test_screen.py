"""What a viewer does to a screen: plans followed and dragged, the clock moved, the race shown late, a connection lost."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from racetwin.runtime.channel import Link
from racetwin.widgets import RaceDayBoard

pytestmark = pytest.mark.unit


@pytest.fixture
def board(race: ModuleType, still: Any) -> RaceDayBoard:
    made = RaceDayBoard(still(race.snapshot(22)), "63")
    made.settle(10)
    return made


def test_a_click_on_a_plan_follows_it_and_a_second_one_lets_go(board: RaceDayBoard) -> None:
    plan = board.plans.shown()["plans"][1]["plan"]
    board.plans._hear(board.plans, {"plan": plan}, [])
    board.settle(10)
    assert [p["plan"] for p in board.plans.shown()["plans"] if p["current"]] == [plan]
    lap = board.followed_plan[0].lap
    assert board.trace.shown()["planned"][0][0] == lap
    assert board.scenario.shown()["plan"][0][0] == lap
    board.plans._hear(board.plans, {"plan": None}, [])
    assert board.followed_plan is None
    assert not any(p["current"] for p in board.plans.shown()["plans"])


def test_each_car_has_a_plan_of_its_own(board: RaceDayBoard) -> None:
    board.follow_plan(board.plans.shown()["plans"][1]["plan"])
    board.choose("44")
    assert board.followed_plan is None
    board.choose("63")
    assert board.followed_plan is not None


def test_the_fan_follows_the_plan_and_the_reference(board: RaceDayBoard) -> None:
    live: Any = board._live
    assert live.asked == [("fan", "63", "")]
    assert board.trace.shown()["fan_car"] == "63"
    board._act({"reference": "44"})
    assert "fan" not in board.trace.shown()  # that of another reference would mislead
    board.settle(10)
    assert board.trace.shown()["fan_reference"] == "44"
    assert live.asked == [("fan", "63", ""), ("fan", "63", "44")]


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
