"""The board: one instant on all panels, and another car makes all of them follow."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from types import ModuleType
from typing import Any

import pytest

from racetwin.runtime.channel import Link
from racetwin.runtime.snapshot import Alarm, JournalStatus, SystemHealth
from racetwin.widgets import RaceDayBoard
from racetwin.widgets.asking import Asker
from racetwin.widgets.page import asked_car
from racetwin.widgets.tower import tower_rows

pytestmark = pytest.mark.unit

OF_OUR_CAR = ("verdict", "tower", "rejoin", "plans", "advice", "trace", "rivals", "tyres", "scenario", "desk", "track")


def test_all_panels_show_the_chosen_car(race: ModuleType, still: Any) -> None:
    board = RaceDayBoard(still(race.snapshot(22)), "63")
    assert {name: board.panels[name].shown()["car"] for name in OF_OUR_CAR} == dict.fromkeys(OF_OUR_CAR, "63")


def test_choosing_another_car_asks_for_its_plans_and_all_follow(race: ModuleType, still: Any) -> None:
    live = still(race.snapshot(22))
    board = RaceDayBoard(live, "63")
    board.tower._hear(board.tower, {"choose": "44"}, [])
    assert board.car_id == "44"
    assert live.followed == ["63", "44"]
    assert {board.panels[n].shown()["car"] for n in OF_OUR_CAR} == {"44"}
    assert board.plans.shown()["plans"] == []  # nobody has asked for them before
    live.publish(race.snapshot(22, car_id="44"))
    assert board.plans.shown()["plans"]


def test_without_a_car_the_leader_is_ours(race: ModuleType, still: Any) -> None:
    live = still()
    board = RaceDayBoard(live)
    assert board.car_id is None
    snapshot = race.snapshot(22)
    live.publish(snapshot)
    assert board.car_id == snapshot.order[0].car_id
    assert live.followed == [board.car_id]


def test_keys_step_through_the_running_order_and_stop_at_its_ends(race: ModuleType, still: Any) -> None:
    snapshot = race.snapshot(22)
    board = RaceDayBoard(still(snapshot), snapshot.order[0].car_id)
    board.verdict._hear(board.verdict, {"step": -1}, [])
    assert board.car_id == snapshot.order[0].car_id
    board.verdict._hear(board.verdict, {"step": 2}, [])
    assert board.car_id == snapshot.order[2].car_id
    board.step(100)
    assert board.car_id == snapshot.order[18].car_id  # the 20th is out of the race


def test_a_viewers_sign_of_life_is_passed_on(race: ModuleType, still: Any) -> None:
    live = still(race.snapshot(22))
    board = RaceDayBoard(live, "63")
    board.verdict._hear(board.verdict, {"here": True}, [])
    assert live.touched == 1


def test_theme_turns_all_panels(race: ModuleType, still: Any) -> None:
    board = RaceDayBoard(still(race.snapshot(22)), "63", theme="light")
    assert {p.theme for p in board.panels.values()} == {"light"}
    board._act({"toggle": "theme"})
    assert {p.theme for p in board.panels.values()} == {"dark"}


def test_an_error_while_drawing_is_kept_and_raised(
    race: ModuleType, still: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = still(race.snapshot(22))
    board = RaceDayBoard(live, "63")

    def fail(*_: object) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr(board.plans, "show", fail)
    with pytest.raises(RuntimeError, match="no ink"):
        live.publish(race.snapshot(23))
    board.settle(10)
    assert {str(e) for e in board.errors} == {"no ink"}
    assert len({id(e) for e in board.errors}) == len(board.errors)  # each is kept once


def test_feed_and_viewer_at_once_leave_one_instant_on_the_screen(race: ModuleType, still: Any) -> None:
    live = still(race.snapshot(20))
    board = RaceDayBoard(live, "63")
    snapshots = [race.snapshot(n) for n in (20, 21, 22)]
    cars = [c.car_id for c in snapshots[0].order[:6]]
    feed = threading.Thread(target=lambda: [live.publish(s) for _ in range(30) for s in snapshots])
    feed.start()
    for k in range(120):
        board.choose(cars[k % 6])
    feed.join()
    live.publish(snapshots[-1])
    assert board.errors == []
    assert {board.panels[n].shown()["car"] for n in OF_OUR_CAR} == {board.car_id}
    assert board.verdict.shown()["lap"] == snapshots[-1].lap


def test_a_picture_that_comes_while_another_is_drawn_waits_its_turn(
    race: ModuleType, still: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The feed's thread makes a picture the newest before it waits for the board: none of it may be on the one being drawn."""
    live = still(race.snapshot(20))
    board = RaceDayBoard(live, "63")
    board.settle(10)
    newer = race.snapshot(20, time_s=live.snapshot.time_s + 1.7)
    show, show_clock = board.tower.show, board.clock.show
    at_first: list[float] = []
    at_last: list[float] = []

    def comes_while_drawing(snapshot: Any, *args: Any) -> None:
        at_first.append(snapshot.time_s)
        show(snapshot, *args)
        live.snapshot = newer

    def draws_last(snapshot: Any, *args: Any, **more: Any) -> None:
        at_last.append(snapshot.time_s)
        show_clock(snapshot, *args, **more)

    monkeypatch.setattr(board.tower, "show", comes_while_drawing)
    monkeypatch.setattr(board.clock, "show", draws_last)
    board.refer_to("44")  # a viewer's wish draws anew, in another thread than the feed's
    board.settle(10)
    assert at_first[0] != newer.time_s
    assert at_last == at_first


def test_a_lost_connection_is_told_with_all_panels_at_one_moment(race: ModuleType, still: Any) -> None:
    live = still(race.snapshot(20))
    board = RaceDayBoard(live, "63")
    board.settle(10)
    live.snapshot = race.snapshot(20, time_s=live.snapshot.time_s + 1.7)
    live.lose(Link("lost", 1000.0, "nobody answers"))
    assert board.verdict.shown()["link"]
    assert len({panel.shown()["time"] for panel in board.panels.values() if "time" in panel.shown()}) == 1


def test_closing_ends_the_subscription(race: ModuleType, still: Any) -> None:
    live = still(race.snapshot(22))
    board = RaceDayBoard(live, "63")
    board.close()
    assert live.callbacks == []


def test_a_subscription_does_not_keep_a_board_alive(race: ModuleType, still: Any) -> None:
    live = still(race.snapshot(22))
    board = RaceDayBoard(live, "63")
    callbacks = [*live.callbacks, *live.link_callbacks]
    held = weakref.ref(board)
    board.settle(10)
    board.close()
    del board
    gc.collect()
    assert held() is None
    assert len(callbacks) == 2
    callbacks[0](race.snapshot(22))  # a late frame for a board that is gone does no harm


def test_the_pages_address_can_name_the_car(race: ModuleType, still: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUERY_STRING", "car=44&x=1")
    assert RaceDayBoard(still(race.snapshot(22))).car_id == "44"
    assert RaceDayBoard(still(race.snapshot(22)), "63").car_id == "63"
    monkeypatch.setenv("QUERY_STRING", "car=999")  # not in this race: the leader
    assert RaceDayBoard(still(race.snapshot(22))).car_id == race.snapshot(22).order[0].car_id


def test_the_pages_address_can_name_the_theme(race: ModuleType, still: Any) -> None:
    board = RaceDayBoard(still(race.snapshot(22)), "63")
    board._act({"page": "?theme=neon"})
    assert board.theme == "dark"
    other = RaceDayBoard(still(race.snapshot(22)), "63")
    other._act({"page": "?car=44&theme=light&view=rivals"})
    assert (other.theme, other.car_id) == ("light", "44")
    other._act({"toggle": "theme"})
    other._act({"page": "?car=63&theme=light"})  # a page that reconnects does not undo what its viewer chose
    assert (other.theme, other.car_id) == ("dark", "44")


@pytest.mark.parametrize("query", ["", "car=", "car=<b>", "car=1234", "cars=44"])
def test_an_address_that_names_no_car_is_no_error(query: str) -> None:
    assert asked_car({"QUERY_STRING": query}) is None


# --- questions --------------------------------------------------------------------------------------------------------


def test_the_pit_window_is_asked_for_once_an_answer(race: ModuleType, still: Any) -> None:
    live = still(race.snapshot(22))
    asked: list[str] = []
    answer = live.pit_window
    live.pit_window = lambda car, laps: (asked.append(car), answer(car, laps))[1]
    board = RaceDayBoard(live, "63")
    board.settle(10)
    shown = board.window.shown()
    assert shown["car"] == "63"
    assert len(shown["cells"]) == 24
    assert shown["cells"][0]["ahead"] == "STR"
    live.publish(live.snapshot.model_copy(update={"time_s": 1.0}))
    board.settle(10)
    assert asked == ["63"]
    live.publish(race.snapshot(23))
    board.settle(10)
    assert asked == ["63", "63"]


def test_window_and_fan_are_asked_for_anew_with_an_answer_within_the_lap_and_no_oftener(
    race: ModuleType, still: Any
) -> None:
    """A rival boxes or a safety car comes: the desk answers from another state, and what stood for the lap's start is old."""
    first = race.snapshot(22)
    live = still(first)
    board = RaceDayBoard(live, "63")
    board.settle(10)
    answer = first.answers["63"]
    other = answer.model_copy(update={"receipt": answer.receipt.model_copy(update={"state_hash": "a rival boxed"})})
    for k, answers in enumerate(({"63": answer}, {"63": other}, {"63": other}, {"63": other}), start=1):
        live.publish(first.model_copy(update={"answers": answers, "time_s": first.time_s + k}))
        board.settle(10)
    assert [a[0] for a in live.asked].count("window") == 2
    assert [a[0] for a in live.asked].count("fan") == 2
    assert board.window.shown()["cells"]


def test_the_window_reaches_to_the_lap_that_our_plan_stops_on(race: ModuleType, still: Any) -> None:
    snapshot = race.snapshot(22)
    late = race.ranked(((36, "HARD"),), 1, 3.4, 0.0)
    answer = snapshot.answers["63"].model_copy(update={"plans": (late, *snapshot.answers["63"].plans[1:])})
    live = still(snapshot.model_copy(update={"answers": {"63": answer}}))
    board = RaceDayBoard(live, "63")
    board.settle(10)
    assert ("window", "63", "14") in live.asked  # laps 23 to 36
    board.follow_plan(race.answer("63", 22).plans[1].plan)
    board.settle(10)
    assert [a[2] for a in live.asked if a[0] == "window"] == ["14", "8"]


def test_the_window_of_another_car_is_put_away_at_once(race: ModuleType, still: Any) -> None:
    board = RaceDayBoard(still(race.snapshot(22)), "63")
    board.settle(10)
    board.choose("44")  # no answer of it yet
    assert board.window.shown()["cells"] == []


def test_a_lever_is_asked_and_answered_side_by_side(race: ModuleType, still: Any) -> None:
    board = RaceDayBoard(still(race.snapshot(22)), "63")
    board.scenario._hear(board.scenario, {"lever": "sc@23"}, [])
    board.settle(10)
    shown = board.scenario.shown()
    assert shown["asked"] is None
    assert shown["answer"]["lever"] == "safety car in lap 23"
    assert shown["answer"]["before"]["first"] == 27
    assert shown["answer"]["after"]["first"] == 23
    board.draw(race.snapshot(23))
    assert board.scenario.shown()["answer"]  # it stays until another car is chosen
    board.choose("44")
    assert not board.scenario.shown()["answer"]


def test_a_lever_that_makes_no_sense_says_so_and_breaks_nothing(race: ModuleType, still: Any) -> None:
    board = RaceDayBoard(still(race.snapshot(22)), "63")
    board.ask("nonsense")
    board.settle(10)
    assert "expected sc@31" in board.scenario.shown()["error"]
    assert board.errors == []


@pytest.mark.parametrize("kind", ["plans", "sensitivity", "team", "responses"])
def test_the_desk_is_asked_longer_questions_and_all_it_says_is_shown(race: ModuleType, still: Any, kind: str) -> None:
    live = still(race.snapshot(22))
    board = RaceDayBoard(live, "63")
    board.desk._hear(board.desk, {"ask": kind, "aim": "beat:1"}, [])
    board.settle(10)
    assert (kind, "63", "beat:1") in live.asked
    said, shown = race.desk_reply(kind, "63", 22), board.desk.shown()
    told = shown["answer"]
    assert (shown["asked"], told["kind"]) == (None, kind)
    if said.team is not None:
        assert [(r["points"], tuple(r["plans"]), r["stacked"]) for r in told["rows"]] == [
            (p.expected_points, p.plans, p.double_stack) for p in said.team.plans
        ]
        assert told["drivers"] == ["RUS", "HAM"]
        return
    answer = said.responses.answer if said.responses else said.answer
    assert [(r["plan"], r["points"]) for r in told["rows"]] == [
        (p.plan, p.expected_points) for p in answer.plans[: len(told["rows"])]
    ]
    assert [lever["changes"] for lever in told.get("levers", [])] == [s.changes_best for s in answer.sensitivity]
    if said.responses:
        assert told["rounds"][0]["rivals"] == [["VER", said.responses.rounds[0].rivals["1"]]]
    board.choose("44")
    assert board.desk.shown()["answer"] is None


def test_an_aim_that_makes_no_sense_says_so(race: ModuleType, still: Any) -> None:
    board = RaceDayBoard(still(race.snapshot(22)), "63")
    board.deliberate("plans", "nonsense")
    board.settle(10)
    assert "expected points" in board.desk.shown()["error"]
    assert board.errors == []


def test_a_question_that_fails_for_no_good_reason_is_kept(race: ModuleType, still: Any) -> None:
    live = still(race.snapshot(22))
    live.pit_window = lambda car, laps: 1 / 0
    board = RaceDayBoard(live, "63")
    board.settle(10)
    assert [type(e) for e in board.errors] == [ZeroDivisionError]


def test_newest_question_of_a_kind_wins_and_the_thread_ends() -> None:
    asker, begun, gate, got = Asker(), threading.Event(), threading.Event(), []
    asker.ask("x", lambda: (begun.set(), gate.wait()), lambda _: got.append("first"), got.append)
    begun.wait(10)
    for k in range(5):
        asker.ask("x", lambda k=k: k, got.append, got.append)
    gate.set()
    asker.join(10)
    assert got == ["first", 4]
    assert asker._thread is None


# --- standing still ---------------------------------------------------------------------------------------------------


def test_a_held_screen_stands_still_and_says_so_while_the_race_goes_on(race: ModuleType, still: Any) -> None:
    live = still(race.snapshot(20))
    board = RaceDayBoard(live, "63")
    board._act({"hold": True})
    live.publish(race.snapshot(22))
    assert board.held == 21
    assert board.verdict.shown()["held"] == 21
    assert board.verdict.shown()["lap"] == 21
    board._act({"live": True})
    assert board.held is None
    assert board.verdict.shown()["lap"] == 23
    assert board.verdict.shown()["held"] is None


def test_a_screen_in_the_past_tells_of_the_machine_as_it_is_now(race: ModuleType, still: Any) -> None:
    """What was known on an earlier lap is rebuilt without journal and alarms: that is not how the machine does."""
    alarm = Alarm(name="overloaded", text="short of time: the desk is asked less (level 2 of 3)", since=1.0)
    live = still(race.snapshot(22, alarms=(alarm,)))
    live.at = lambda lap: race.snapshot(lap, journal=JournalStatus(), health=SystemHealth())
    board = RaceDayBoard(live, "63")
    board._act({"lap": 15})
    board.settle(10)
    assert board.held == 16
    status, system = board.status.shown(), board.system.shown()
    assert (status["health"]["journal"], system["journal"]["state"]) == ("ok", "ok")
    assert status["health"]["backend"] == system["backend"] == "mojo"
    assert [a["text"] for a in status["alarms"]] == [a["text"] for a in system["alarms"]] == [alarm.text]


def test_history_is_stepped_by_lap_and_ends_in_the_race(race: ModuleType, still: Any) -> None:
    board = RaceDayBoard(still(race.snapshot(22)), "63")
    board._act({"laps": -1})
    board.settle(10)
    assert board.held == 22  # known when 21 laps were complete: the leader was on its 22nd
    board._act({"laps": -2})
    board.settle(10)
    assert board.held == 20
    then = race.snapshot(19)
    rows = json.loads(json.dumps(tower_rows(then, then.answers["63"].box_now, "63")))
    assert board.tower.shown()["rows"] == rows
    board._act({"laps": 9})
    assert board.held is None


def test_another_car_can_be_chosen_on_a_held_screen(race: ModuleType, still: Any) -> None:
    live = still(race.snapshot(20))
    board = RaceDayBoard(live, "63")
    board.hold()
    live.publish(race.snapshot(22))
    board.choose("44")
    assert board.tower.shown()["car"] == "44"
    assert board.verdict.shown()["lap"] == 21


def test_a_lap_that_is_not_there_leaves_the_screen_as_it_is(race: ModuleType, still: Any) -> None:
    board = RaceDayBoard(still(race.snapshot(20)), "63")
    board.hold(45)
    board.settle(10)
    assert board.held is None
    assert board.errors == []


def test_a_page_that_asks_for_it_gets_the_pictures_of_an_instant_together(race: ModuleType) -> None:
    board = RaceDayBoard(race.StillRace(race.snapshot(22)), "63")
    board.settle(10)
    apart: list[str] = []
    together: list[tuple[dict[str, Any], list[bytes]]] = []
    for name, panel in board.panels.items():
        panel.observe(lambda _, name=name: apart.append(name), "data")
    board.send = lambda content, buffers=None: together.append((content, buffers))
    board.draw(race.snapshot(21))
    assert len(apart) > 5
    assert not together  # nobody has asked: as in a notebook, each panel sends its own

    for act in board._msg_callbacks.callbacks:
        act(board, {"bundles": True}, [])
    apart.clear()
    board.draw(race.snapshot(20))
    board.settle(10)
    by_id = {panel.model_id: panel for panel in board.panels.values()}
    newest: dict[str, bytes] = {}
    for content, buffers in together:
        newest |= dict(zip(content["pictures"], buffers, strict=True))
    assert {by_id[i] for i in newest} == {board.panels[name] for name in apart}
    assert all(by_id[i].data == data for i, data in newest.items())
    assert len(together[0][1]) > 5
    assert all(panel.outbox is None for panel in board.panels.values())
