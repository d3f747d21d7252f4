"""What the board says where a newcomer stumbled: which plan is called, whose error it is, what is old, live or over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from racetwin.runtime.snapshot import Alarm
from racetwin.schemas import CarStatus, Estimate, PlanChange
from racetwin.widgets.race_over import race_over

pytestmark = pytest.mark.browser

SIZES = [(1280, 800), (1440, 900), (1920, 1080)]
VIEWS = {"trace": "1", "window": "2", "rivals": "3", "tyres": "4", "scenario": "5", "desk": "6", "system": "7"}
CUT = (Path(__file__).parent / "js" / "cut.js").read_text(encoding="utf-8")
COLLIDED = (Path(__file__).parent / "js" / "collided.js").read_text(encoding="utf-8")


def changed_car(snapshot: Any, car_id: str, **changes: Any) -> Any:
    """The same instant with something else said of one car."""
    cars = tuple(c.model_copy(update=changes) if c.car_id == car_id else c for c in snapshot.frame.cars)
    return snapshot.model_copy(update={"frame": snapshot.frame.model_copy(update={"cars": cars})})


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_call_has_a_row_and_a_mark_where_another_plan_is_followed(
    show: Callable[..., Any], race: ModuleType, width: int, height: int
) -> None:
    plans = race.answer("63", 22).plans
    page = show(prepare=lambda board: board.follow_plan(plans[7].plan), width=width, height=height)
    called = page.locator('.p-row[data-called="true"]')
    assert called.get_attribute("data-plan") == plans[0].plan
    assert called.locator(".p-called").inner_text().strip() == "the call: BOX NOW"
    ours = page.locator('.p-row[data-current="true"]')
    assert ours.locator(".p-delta").inner_text().split("\n") == ["ours", "own ± 0.11"]
    assert called.locator(".p-delta").inner_text().split("\n") == ["+2.40", "± 0.06"]
    assert "difference" in called.locator(".p-delta small").get_attribute("title")
    assert "its own expected points" in ours.locator(".p-delta small").get_attribute("title")
    assert page.locator(".v-detail").inner_text().endswith("(the plan you follow; the call is BOX NOW, L23 HARD)")
    assert page.evaluate(CUT, "none") == []


@pytest.mark.parametrize(
    ("info", "clock", "feed"),
    [
        ({"replay": True, "speed": 20.0}, "REPLAY ×20", "replay ×20"),
        ({"replay": True, "speed": 1.0}, "REPLAY ×1", "replay ×1"),
        ({"replay": True, "speed": None}, "REPLAY AT FULL SPEED", "replay at full speed"),
        ({"replay": False, "simulated": True, "speed": 40.0}, "SIMULATION ×40", "simulation ×40"),
        ({"replay": False, "speed": 1.0}, "LIVE", "live"),
    ],
)
def test_live_is_said_of_a_race_that_goes_on_now_only(
    show: Callable[..., Any], race: ModuleType, info: dict[str, Any], clock: str, feed: str
) -> None:
    snapshot = race.snapshot(22)
    page = show(snapshot.model_copy(update={"info": snapshot.info.model_copy(update=info)}))
    assert page.locator(".l-live").inner_text() == clock
    assert page.locator(".v-feed").inner_text() == feed
    assert page.evaluate(CUT, "none") == []
    assert page.evaluate(COLLIDED) == []


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_at_the_flag_every_panel_says_what_stands(
    show: Callable[..., Any], race: ModuleType, width: int, height: int
) -> None:
    snapshot = changed_car(race.snapshot(51), "63", status=CarStatus.FINISHED, position=3, lap=52)
    over = race_over(snapshot, "63")
    assert over is not None
    page = show(snapshot, width=width, height=height)
    for panel in ("rejoin", "plans", "advice"):
        assert page.locator(f".rt-{panel} .rt-empty").inner_text() == over.words
    for view in ("window", "scenario", "desk"):
        page.keyboard.press(VIEWS[view])
        page.locator(f".rt-{view}", has_text=over.words).wait_for()
        assert page.evaluate(CUT, "none") == []
    assert page.locator(".v-headline").inner_text() == "FINISHED"
    assert page.locator(".v-detail").inner_text() == "P3 on the road, from P7 on the grid"
    assert page.locator(".v-outcome strong").inner_text() == "P3"
    assert page.locator(".v-outcome .v-more").inner_text() == f"our stops: {over.stops_made}"
    assert page.get_by_text("no answer yet").count() == 0
    running = sum(c.status is CarStatus.TRACK or c.status is CarStatus.PIT for c in snapshot.frame.cars)
    assert page.locator(".rt-tower .rt-note").inner_text().startswith(f"{running} running, 1 home, 1 out")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_alarms_of_the_machine_do_not_stand_among_race_controls_words(
    show: Callable[..., Any], race: ModuleType, width: int, height: int
) -> None:
    alarms = (
        Alarm(name="ingest_slow", text="frames take 25 ms (p99) from arrival to the twins", since=1.0),
        Alarm(
            name="feed_silent", level="critical", text="no frame for 9 s: what is shown is what was known", since=1.0
        ),
    )
    page = show(race.snapshot(22, alarms=alarms), width=width, height=height)
    told = page.locator(".rt-status .s-machine")
    assert told.inner_text() == "▲ Our system: no timing comes in +1 · System (7)"  # the worst first
    assert told.get_attribute("title").split("\n") == [alarms[1].text, alarms[0].text]
    assert "timing comes" not in page.locator(".s-feed").inner_text()
    assert page.locator(".s-feed .s-line").count() > 3
    assert page.locator(".s-feed").bounding_box()["height"] > 26
    page.keyboard.press("7")
    assert alarms[0].text in page.locator(".rt-system .h-alarms").inner_text()
    assert page.evaluate(CUT, "none") == []


def test_a_place_from_before_the_stop_is_not_shown_as_a_new_one(show: Callable[..., Any], race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    car = snapshot.car("63")
    line = snapshot.time_s - 40.0
    timed = {
        "last_line_time_s": line,
        "pit_in_time_s": line - 2,
        "pit_out_time_s": line + 19,
        "status": CarStatus.TRACK,
    }
    page = show(changed_car(snapshot, "63", **timed))
    position = page.locator('.t-row[data-car="63"] .t-position')
    assert position.get_attribute("data-old") == "yes"
    assert position.get_attribute("title") == f"P{car.position} at the line 40 s ago, before the stop"
    assert page.locator(".v-position").inner_text() == f"was P{car.position}, out lap"
    assert page.evaluate(CUT, "none") == []
    page = show(changed_car(snapshot, "63", **{**timed, "status": CarStatus.PIT}))
    assert page.locator(".v-position").inner_text() == f"was P{car.position}, in pit"
    page = show(snapshot, "44")
    assert page.locator('.t-row[data-car="44"] .t-position').get_attribute("data-old") is None
    assert page.locator(".v-position").inner_text() == f"P{snapshot.car('44').position}"


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_tyres_say_from_which_lap_a_new_set_is_quicker_and_what_is_not_known(
    show: Callable[..., Any], race: ModuleType, width: int, height: int
) -> None:
    snapshot = race.snapshot(22)
    twin = snapshot.cars["63"].model_copy(update={"tyre_life_laps": Estimate(mean=9, low=1, high=29)})
    page = show(snapshot.model_copy(update={"cars": {**snapshot.cars, "63": twin}}), width=width, height=height)
    page.keyboard.press("4")
    page.wait_for_selector(".rt-tyres tbody tr")
    row = page.locator(".rt-tyres tr", has=page.locator('button[data-car="63"]'))
    assert row.locator("td").nth(4).inner_text() == "not known yet (usually 28)"
    other = page.locator(".rt-tyres tr", has=page.locator('button[data-car="44"]'))
    assert other.locator("td").nth(4).inner_text() == "9 (4 to 15)"
    crossed = row.locator(".y-cross").all_inner_texts()
    assert [t.split()[1:] for t in crossed] == [["now,", "0.4", "s"] if width > 1280 else ["now"], ["L28"], ["later"]]
    assert "0.42 s a lap quicker now" in row.locator(".y-cross").first.get_attribute("title")
    assert "is quicker from lap 28 on" in row.locator(".y-cross").nth(1).get_attribute("title")
    assert page.evaluate(
        "document.querySelector('.y-facts').scrollWidth <= document.querySelector('.y-facts').clientWidth"
    )
    assert page.evaluate(CUT, "none") == []


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_second_piece_of_advice_is_not_cut_in_half(show: Callable[..., Any], width: int, height: int) -> None:
    """Where not all of it has room the later cards show their titles, whole; opened, they show the rest."""
    page = show(width=width, height=height)
    room = page.locator(".a-cards").bounding_box()
    cards = page.locator(".a-card")
    assert cards.count() == 3
    for k in range(2):
        card = cards.nth(k).bounding_box()
        assert card["y"] + card["height"] <= room["y"] + room["height"] + 1, k
    cards.nth(1).click()
    assert cards.nth(1).locator(".a-text").is_visible()
    assert cards.nth(1).locator("[data-action=accept]").is_visible()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_what_if_says_that_it_compares_two_plans(
    show: Callable[..., Any], race: ModuleType, width: int, height: int
) -> None:
    found = race.what_if("63", 22)
    ours = found.before.plans[0]
    then = ours.model_copy(update={"rank": 2, "delta_points": -0.9, "delta_standard_error": 0.07, "too_close": False})
    change = PlanChange(plan=ours.plan, before=11.0, after=10.2, change=-0.8, standard_error=0.1, races=1000)
    after = found.after.model_copy(update={"plans": (found.after.plans[0], then, *found.after.plans[1:])})

    def ask(board: Any) -> None:
        board._live.what_if = lambda car, lever: found.model_copy(update={"after": after, "changes": (change,)})
        board.ask("sc@25")

    page = show(race.snapshot(22, box=False), prepare=ask, width=width, height=height)
    page.keyboard.press("5")
    page.wait_for_selector(".c-card")
    cards = page.locator(".c-card")
    assert cards.locator(".c-title").all_inner_texts() == [
        "As it is: our plan",
        "With safety car in lap 23: the best plan then",
    ]
    assert page.locator(".c-other").inner_text() == (
        "The two cards are of different plans. Ours kept: 10.2 pts, −0.80 ± 0.10 by what happens. "
        "The new plan over ours then: +0.90 ± 0.07 pts."
    )
    assert page.evaluate(CUT, "none") == []
