"""The board as a browser draws it, without a kernel: what is on it, that it fits, and what it sends back."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from racetwin.runtime.channel import Link
from racetwin.schemas import CarStatus, RaceControl, TrackStatus
from racetwin.widgets import RaceDayBoard, TimingTower, TrackMap
from racetwin.widgets.gaps import gaps_now
from racetwin.widgets.questions import WINDOW_LAPS

pytestmark = pytest.mark.browser

SIZES = [(1280, 800), (1440, 900), (1920, 1080), (2560, 1440)]
BOXES = """() => Object.fromEntries([...document.querySelectorAll('.rt')].map((e) => {
  const b = e.getBoundingClientRect();
  return [e.className.match(/rt-(\\w+)/)[1], [b.left, b.top, b.right, b.bottom]];
}))"""
# Text that cannot be read whole where it stands: wider than its element and cut there (with an ellipsis or without), or beyond
# its panel's edge with nothing to scroll. Lines that end in an ellipsis may do so only if they are named here and a title has the
# whole text.
SHORTENED: tuple[str, ...] = ()
CUT = (Path(__file__).parent / "js" / "cut.js").read_text(encoding="utf-8")
# Two texts of one panel that lie on each other.
COLLIDED = (Path(__file__).parent / "js" / "collided.js").read_text(encoding="utf-8")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_panel_is_on_the_screen_and_none_overlaps(show: Callable[..., Any], width: int, height: int) -> None:
    page = show(width=width, height=height)
    boxes = page.evaluate(BOXES)
    boxes = {name: box for name, box in boxes.items() if box[2] > box[0]}  # views that are not chosen have no size
    assert set(boxes) >= {"verdict", "tower", "rejoin", "plans", "advice", "trace", "status", "deck"}
    assert ("track" in boxes) is (width >= 1560)
    for name, (left, top, right, bottom) in boxes.items():
        assert 0 <= left < right <= width, name
        assert 0 <= top < bottom <= height, f"{name} ends at {bottom} of {height}"
    named = list(boxes.items())
    for i, (a, box) in enumerate(named):
        for b, other in named[i + 1 :]:
            apart = box[2] <= other[0] or other[2] <= box[0] or box[3] <= other[1] or other[3] <= box[1]
            assert apart, f"{a} and {b} overlap"


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_no_text_is_cut_off(show: Callable[..., Any], width: int, height: int) -> None:
    page = show(width=width, height=height)
    assert page.evaluate(CUT, ", ".join(SHORTENED) or "none") == []
    assert page.evaluate(COLLIDED) == []


def test_a_text_that_is_cut_off_is_found(show: Callable[..., Any]) -> None:
    page = show()
    page.add_style_tag(
        content=".t-driver { width: 1.5em; overflow: hidden; text-overflow: ellipsis } .v-detail { margin-left: -9em }"
    )
    found = page.evaluate(CUT, ", ".join(SHORTENED) or "none")
    assert any("HAM" in line for line in found)
    page.add_style_tag(content=".t-last { transform: translateX(-4em) }")
    assert any("on" in line for line in page.evaluate(COLLIDED))


# Cells of a grid whose content is wider than they are: it runs into the next one, or out of the panel.
WIDE = """() => [...document.querySelectorAll('.rt-plans .p-row > *, .rt-window td, .rt-window th')].filter((e) => {
  const range = document.createRange();
  range.selectNodeContents(e);
  const [inner, outer] = [range, e].map((r) => r.getBoundingClientRect().width);
  return !e.matches('.p-what, .p-hist') && outer && inner > outer + 1;
}).map((e) => `${e.className}: ${e.textContent}`)"""


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_no_cell_of_plans_and_window_is_too_narrow(
    show: Callable[..., Any], race: ModuleType, width: int, height: int
) -> None:
    rows = [("HARD", 0.0), ("MEDIUM", -0.12), ("SOFT", -12.05)]
    plans = tuple(
        race.ranked(((24, compound),), rank, 3.4, delta, delta_standard_error=0.33, n_races=2000 // rank)
        for rank, (compound, delta) in enumerate(rows, start=1)
    )
    snapshot = race.snapshot(22)
    answer = snapshot.answers["63"].model_copy(update={"plans": plans})
    page = show(snapshot.model_copy(update={"answers": {"63": answer}}), width=width, height=height)
    page.keyboard.press("2")
    page.wait_for_selector(".w-table thead th[scope=col]")
    deltas = page.locator(".p-row[data-plan] .p-delta").all_inner_texts()
    assert [d.split("\n") for d in deltas] == [["called", "own ± 0.11"], ["−0.12", "± 0.33"], ["−12.05", "± 0.33"]]
    close = page.locator(".p-row[data-plan]", has_text="too close").evaluate_all(
        "(rows) => rows.map((r) => r.dataset.plan)"
    )
    assert close == ["L24 MEDIUM"]
    assert page.locator('.p-hist[data-few="true"]').count() == 2
    assert " plans weighed, the best on 2,000 races" in page.locator(".rt-plans .rt-note").inner_text()
    assert page.evaluate(WIDE) == []


@pytest.mark.parametrize("width", [600, 900])
def test_a_narrow_cell_shows_the_panels_one_below_the_other(show: Callable[..., Any], width: int) -> None:
    boxes = show(width=width, height=800).evaluate(BOXES)
    seen = [box for box in boxes.values() if box[2] > box[0]]
    assert len(seen) >= 8
    assert all(0 <= box[0] < box[2] <= width for box in seen)


def test_tower_shows_the_engines_values(show: Callable[..., Any], race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    known = gaps_now(snapshot)
    assert {g.kind for g in known.values()} >= {"timed", "pit"}
    page = show(snapshot)
    rows = page.locator(".t-list .t-row")
    assert rows.count() == 20
    for car in snapshot.order[1:17]:
        if car.position is None:
            continue
        row = page.locator(f'.t-row[data-car="{car.car_id}"]')
        assert row.locator(".t-driver b").inner_text() == car.driver
        assert row.locator(".t-position").inner_text() == str(car.position)
        digits = 3 if known[car.car_id].kind == "timed" else 1  # to the thousandth only where it is still so
        assert row.locator(".t-gap span").inner_text() == f"+{car.gap_s:.{digits}f}"
        assert row.locator(".t-tyre").inner_text().split() == [car.tyre.compound.letter, f"{car.tyre.age:.0f}"]
    tops = page.evaluate(
        "() => [...document.querySelectorAll('.t-list .t-row')]"
        ".map((r) => [Number(r.ariaRowIndex), r.getBoundingClientRect().top])"
    )
    assert [t for _, t in sorted(tops)] == sorted(t for _, t in tops)


WATCHED = """(text) => new Promise((done) => {
  const seen = [], until = performance.now() + 700;
  const look = () => {
    const rows = [...document.querySelectorAll('.t-list .t-row')].map(
      (r) => [r.getBoundingClientRect().top, Number(r.querySelector('.t-position').textContent)]);
    seen.push(rows.filter(([, p]) => p).sort((a, b) => a[0] - b[0]).map(([, p]) => p));
    performance.now() < until ? requestAnimationFrame(look) : done(seen);
  };
  window.models.tower.set(text);
  requestAnimationFrame(look);
})"""


@pytest.mark.parametrize("sort", [None, ".t-position"])
def test_no_picture_shows_a_position_out_of_its_place(
    show: Callable[..., Any], race: ModuleType, stills: ModuleType, sort: str | None
) -> None:
    """The leader boxes and comes out fourth: from one picture to the next, without a moment at which P4 is read above P1."""
    before = race.snapshot(22)
    page = show(before)
    if sort is not None:
        page.locator(f".t-header {sort}").click()
    first, *others = (c.car_id for c in before.order[:4])
    place = {car: k for k, car in enumerate([*others, first], start=1)}
    cars = tuple(c.model_copy(update={"position": place.get(c.car_id, c.position)}) for c in before.frame.cars)
    after = TimingTower()
    after.show(before.model_copy(update={"frame": before.frame.model_copy(update={"cars": cars})}), "63")
    seen = page.evaluate(WATCHED, stills.encode(after))
    assert len(seen) > 5
    assert all(positions == sorted(positions) for positions in seen)
    top = page.locator('.t-list .t-row[aria-rowindex="2"]')
    assert (top.get_attribute("data-car"), top.locator(".t-position").inner_text()) == (others[0], "1")


def test_the_answer_can_be_read_in_words(show: Callable[..., Any], race: ModuleType) -> None:
    page = show(race.snapshot(22, box=False))
    assert page.locator(".v-headline").inner_text() == "STAY OUT"
    assert page.locator(".v-detail").inner_text() == "box on lap 27 (27–29 as good) for HARD"
    assert page.locator(".v-rejoin strong").inner_text() == "P8"
    where = (
        page.locator(".v-rejoin .v-more").inner_text().replace("\u00a0", " ")
    )  # a gap is not torn apart at a line's end
    assert "behind STR 1.2 s, ahead of ALO 3.9 s" in where
    assert "Clear call" in page.locator(".v-sure").inner_text()
    assert page.locator(".l-frames").inner_text() == "24,311 frames, all processed, 1 refused"


def test_places_after_a_stop_stand_side_by_side_without_a_gap(show: Callable[..., Any], race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    answer = snapshot.answers["63"]
    chances = {3: 0.006, 6: 0.02, 8: 0.41, 9: 0.3, 11: 0.264}
    box = answer.box_now.model_copy(update={"position_probability": chances})
    page = show(snapshot.model_copy(update={"answers": {"63": answer.model_copy(update={"box_now": box})}}))
    bars = page.locator(".b-bar")
    assert bars.locator("> span").all_inner_texts() == [f"P{n}" for n in range(4, 12)]
    assert bars.locator("small").all_inner_texts() == ["0 %", "0 %", "2 %", "0 %", "41 %", "30 %", "0 %", "26 %"]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_rejoin_of_an_earlier_lap_says_so(
    show: Callable[..., Any], race: ModuleType, width: int, height: int
) -> None:
    snapshot = race.snapshot(22)
    answer = snapshot.answers["63"]
    box = answer.box_now.model_copy(update={"lap": 21})
    page = show(
        snapshot.model_copy(update={"answers": {"63": answer.model_copy(update={"box_now": box})}}),
        width=width,
        height=height,
    )
    assert page.locator(".rt-rejoin .rt-note").inner_text() == "told for lap 21, 2 laps ago"
    assert page.locator('.rt-rejoin[data-old="yes"]').count() == 1
    assert page.evaluate(CUT, "none") == []


def test_simulated_is_said_and_only_of_simulated_races(show: Callable[..., Any], race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    assert not show(snapshot).get_by_text("SIMULATED", exact=True).is_visible()
    simulated = snapshot.model_copy(update={"info": snapshot.info.model_copy(update={"simulated": True})})
    assert show(simulated).get_by_text("SIMULATED", exact=True).is_visible()


def test_choosing_is_sent_by_click_list_and_keys(show: Callable[..., Any]) -> None:
    page = show()
    page.locator('.t-row[data-car="44"]').click()
    page.locator(".v-who select").select_option("14")
    page.locator(".rt-trace").click(position={"x": 5, "y": 5})
    page.keyboard.press("ArrowDown")
    page.keyboard.press("k")
    page.keyboard.press("t")
    page.keyboard.press(" ")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    page.locator('.p-row[data-plan="L24 MEDIUM"]').click()
    assert page.evaluate("window.sent.filter((m) => !m.here && m.page == null)") == [
        {"choose": "44"},
        {"choose": "14"},
        {"step": 1},
        {"step": -1},
        {"toggle": "theme"},
        {"hold": True},
        {"laps": -1},
        {"live": True},
        {"plan": "L24 MEDIUM"},
    ]


SENT = "window.sent.splice(0).filter((m) => !m.here && m.page == null)"


@pytest.mark.parametrize(
    "clicked",
    [
        '.d-tab[data-view="rivals"]',
        ".t-header .t-gap",
        '.t-row[data-car="44"]',
        '.t-row[data-car="44"] button.t-pin',
        '.a-card [data-action="accept"]',
        '.rt-timeline input[type="range"]',
        ".l-pause",
        ".p-row[data-plan]",
    ],
)
def test_keys_work_after_a_click(show: Callable[..., Any], clicked: str) -> None:
    page = show()
    page.locator(clicked).first.click(force=True)
    page.evaluate(SENT)
    for key in ("ArrowDown", "ArrowLeft", "ArrowRight", " ", "t", "Escape", "k"):
        page.keyboard.press(key)
    told = [{"step": 1}, {"laps": -1}, {"laps": 1}, {"hold": True}, {"toggle": "theme"}, {"live": True}, {"step": -1}]
    assert page.evaluate(SENT) == told
    page.keyboard.press("4")
    assert page.locator(".rt-tyres").is_visible()


def test_keys_belong_to_what_tab_has_come_to(show: Callable[..., Any]) -> None:
    page = show()
    page.evaluate(SENT)
    slider = page.locator('.rt-timeline input[type="range"]')
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert [set(m) for m in page.evaluate(SENT)] == [{"lap"}]  # the slider's own, not a lap back as well
    page.locator(".l-pause").focus()
    page.keyboard.press(" ")
    assert page.evaluate(SENT) == [{"hold": True}]  # once: the button's
    page.keyboard.press("t")
    page.locator(".v-who select").focus()
    page.keyboard.press("k")
    page.keyboard.press("Escape")
    page.locator(".l-delay input").focus()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.keyboard.press("t")
    told = [m for m in page.evaluate(SENT) if "choose" not in m]
    assert told == [{"toggle": "theme"}, {"live": True}, {"delay": 10}, {"toggle": "theme"}]


def test_the_towers_rows_are_one_stop_of_tab_and_the_arrows_go_through_them(
    show: Callable[..., Any], race: ModuleType
) -> None:
    page = show()
    order = [c.car_id for c in race.snapshot(22).order]
    at = order.index("63")
    assert page.locator('.t-list .t-row[tabindex="0"]').count() == 1
    page.evaluate(SENT)
    page.locator('.t-list .t-row[tabindex="0"]').focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.car") == order[at + 2]
    assert page.evaluate(SENT) == []
    page.keyboard.press("p")
    assert page.locator(f'.t-row[data-car="{order[at + 2]}"]').get_attribute("data-pinned") == "yes"
    page.keyboard.press("Enter")
    page.keyboard.press(" ")
    assert page.evaluate(SENT) == [{"choose": order[at + 2]}, {"hold": True}]


def test_new_data_are_drawn_without_a_reload(show: Callable[..., Any], stills: ModuleType, race: ModuleType) -> None:
    page = show(race.snapshot(22))
    later = race.snapshot(30)
    board = RaceDayBoard(race.StillRace(later), "63")
    for name, panel in board.panels.items():
        page.evaluate("([name, data]) => window.models[name].set(data)", [name, stills.encode(panel)])
    leader = next(c for c in later.order if c.position == 1)
    page.wait_for_function("document.querySelector('.v-lap strong').textContent === '31'")
    assert page.locator('.t-row[aria-rowindex="2"]').get_attribute("data-car") == leader.car_id


VIEWS = {"trace": "1", "window": "2", "rivals": "3", "tyres": "4", "scenario": "5", "desk": "6", "system": "7"}


@pytest.mark.parametrize("width", [1280, 1920])
def test_each_view_is_chosen_by_tab_and_by_key_and_fits(show: Callable[..., Any], width: int) -> None:
    page = show(width=width, height=int(width / 1.6))
    for name, key in VIEWS.items():
        page.keyboard.press(key)
        assert page.locator(f".rt-{name}").is_visible()
        assert [n for n in VIEWS if page.locator(f".rt-{n}").is_visible()] == [name]
        assert page.evaluate(CUT, ", ".join(SHORTENED) or "none") == [], name
        assert page.evaluate(COLLIDED) == [], name
    tabs = page.locator(".d-tabs")
    assert tabs.evaluate("(node) => node.scrollWidth <= node.clientWidth")
    assert tabs.locator(".d-tab:visible").count() == 8 - (width >= 1560)
    page.locator('.d-tab[data-view="rivals"]').click()
    assert page.locator(".rt-rivals").is_visible()
    assert page.locator('.d-tab[aria-selected="true"]').inner_text().endswith("Rivals")


def test_views_show_the_engines_values(show: Callable[..., Any], race: ModuleType) -> None:
    page = show(race.snapshot(22))
    page.keyboard.press("2")
    first = race.pit_window("63", 23)[0]
    cell = page.locator(".w-table td").first
    assert cell.locator("b").inner_text() == f"P{first.position}"
    assert "STR 0.8" in cell.inner_text()
    page.keyboard.press("3")
    assert page.locator(".v-threat").first.inner_text().split() == [
        "VER",
        "62",
        "%",
        "ends",
        "ahead",
        "of",
        "us,",
        "by",
        "undercut",
    ]
    page.keyboard.press("5")
    page.locator('.rt-scenario button[data-flag="sc"]').click()
    slow = page.locator('.rt-scenario input[aria-label="seconds lost at our next stop"]')
    slow.evaluate("(n) => { n.value = 6; n.dispatchEvent(new Event('input')); n.dispatchEvent(new Event('change')); }")
    assert page.evaluate("window.sent.filter((m) => m.lever)") == [{"lever": "sc@25"}, {"lever": "sc@25&slow:63+6"}]


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
def test_the_pit_window_shows_our_window_however_far_it_is(
    show: Callable[..., Any], race: ModuleType, width: int, height: int
) -> None:
    snapshot = race.snapshot(22)
    plans = [race.ranked(((36 + k, "HARD"),), 1 + k, 3.4, -0.02 * k) for k in range(3)]
    answer = snapshot.answers["63"].model_copy(update={"plans": tuple(plans)})
    page = show(snapshot.model_copy(update={"answers": {"63": answer}}), width=width, height=height)
    page.keyboard.press("2")
    page.wait_for_selector(".w-table thead th[scope=col]")
    laps = page.locator(".w-table thead th[scope=col]").all_inner_texts()
    assert laps[:3] == ["23", "24", "25"]
    assert page.locator('.w-table thead th[data-best="yes"]').all_inner_texts() == ["▸ 36", "37", "38"]
    assert laps[-1] == "38"
    assert page.locator(".w-table thead .w-gap").count() == 1
    assert page.evaluate(CUT) == []


def test_the_desk_is_asked_by_button_and_by_aim(show: Callable[..., Any]) -> None:
    page = show()
    page.keyboard.press("6")
    page.locator('.rt-desk button[data-kind="team"]').click()
    page.locator(".rt-desk select").select_option("win")
    assert page.evaluate("window.sent.filter((m) => m.ask)") == [
        {"ask": "team", "aim": "points"},
        {"ask": "plans", "aim": "win"},
    ]


def test_a_stop_is_dragged_and_moved_by_key_and_a_compound_is_changed(
    show: Callable[..., Any], race: ModuleType
) -> None:
    page = show(race.snapshot(22, box=False))
    page.keyboard.press("5")
    handle = page.locator(".rt-scenario .c-stop").first
    assert handle.get_attribute("aria-valuetext") == "lap 27"
    box, bar = handle.bounding_box(), page.locator(".rt-scenario .c-bar").bounding_box()
    lap = bar["width"] / (52 - 22)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 5 * lap, box["y"], steps=6)
    page.mouse.up()
    handle = page.locator(".rt-scenario .c-stop").first
    handle.focus()
    page.keyboard.press("ArrowLeft")
    page.locator(".rt-scenario button.rt-stint").first.click()
    tried = [m["try"]["stops"] for m in page.evaluate("window.sent.filter((m) => m.try)")]
    assert tried == [[[32, "HARD"]], [[31, "HARD"]], [[31, "SOFT"]]]


def test_the_clock_sends_what_it_is_told(show: Callable[..., Any]) -> None:
    page = show()
    page.locator(".l-pause").click()
    page.locator('.rt-timeline button[aria-label^="back a lap"]').click()
    page.locator('.rt-timeline input[type="range"]').evaluate(
        "(n) => { n.value = 9; n.dispatchEvent(new Event('input')); n.dispatchEvent(new Event('change')); }"
    )
    page.locator(".l-live").click()
    page.locator(".l-delay input").fill("12")
    page.locator(".l-delay input").press("Enter")
    told = page.evaluate("window.sent.filter((m) => !m.here && m.page == null)")
    assert told == [{"hold": True}, {"laps": -1}, {"lap": 8}, {"live": True}, {"delay": 12}]


def test_a_lost_connection_and_a_silent_kernel_are_said(
    show: Callable[..., Any], stills: ModuleType, race: ModuleType
) -> None:
    page = show()
    page.wait_for_function(
        "document.querySelector('.v-feed').textContent.startsWith('nothing from the kernel')", timeout=15_000
    )
    live = race.StillRace(race.snapshot(22))
    board = RaceDayBoard(live, "63")
    live.lose(Link("lost", time.time() - 12, "nobody answers"))
    page.evaluate("(data) => window.models.verdict.set(data)", stills.encode(board.verdict))
    page.wait_for_function("document.querySelector('.v-feed').textContent.startsWith('reconnecting, 1')")
    assert "nobody answers" in page.locator(".v-feed").inner_text()


def test_pointer_reads_off_a_gap(show: Callable[..., Any]) -> None:
    page = show()
    box = page.locator(".rt-trace canvas").bounding_box()
    found = set()
    for k in range(40):
        page.mouse.move(box["x"] + box["width"] * (0.1 + 0.008 * k), box["y"] + box["height"] * 0.3)
        if page.locator(".r-tip").is_visible():
            found.add(page.locator(".r-tip").inner_text())
    assert any("lap" in text and " s" in text for text in found), found


def test_a_race_that_has_not_begun_says_what_it_waits_for(show: Callable[..., Any], race: ModuleType) -> None:
    start = race.snapshot(1).model_copy(update={"laps": (), "answers": {}, "advice": {}, "events": ()})
    page = show(start, width=1280)
    for text in (
        "no ranked plans for this car yet",
        "no advice for this car yet",
        "the trace begins with the first completed lap",
    ):
        assert page.get_by_text(text).is_visible()


def test_screenshots_of_both_themes(show: Callable[..., Any], race: ModuleType, tmp_path: Path) -> None:
    dark, light = tmp_path / "dark.png", tmp_path / "light.png"
    show(race.snapshot(22), width=1280).screenshot(path=dark)
    show(race.snapshot(22), theme="light", width=1280).screenshot(path=light)
    assert min(dark.stat().st_size, light.stat().st_size) > 40_000  # an empty page has a tenth of that


# --- states of a car in the tower ---------------------------------------------------------------------------------------


def test_the_tower_says_who_is_in_the_pits_lapped_late_out_and_home(show: Callable[..., Any], race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    order = snapshot.frame.cars
    line = order[4].last_line_time_s
    changed = {
        order[2].car_id: {"status": CarStatus.PIT, "last_line_time_s": snapshot.time_s - 31.0},
        order[4].car_id: {"last_line_time_s": line, "pit_in_time_s": line - 2, "pit_out_time_s": line + 18},
        order[6].car_id: {"status": CarStatus.FINISHED},
        order[7].car_id: {"laps_down": 2},
    }
    cars = tuple(c.model_copy(update=changed.get(c.car_id, {})) for c in order)
    page = show(snapshot.model_copy(update={"frame": snapshot.frame.model_copy(update={"cars": cars})}))

    def row(car: Any) -> tuple[str, str, str]:
        cells = page.locator(f'.t-row[data-car="{car.car_id}"]')
        known = cells.locator(".t-gap").get_attribute("data-known")
        return cells.locator(".t-gap").inner_text(), cells.locator(".t-interval").inner_text(), str(known)

    gap, interval, known = row(order[2])
    assert (interval, known) == ("IN PIT", "pit")
    assert gap.split("\n")[0].startswith(f"+{order[2].gap_s:.1f}")
    assert "31 s" in gap  # as it was at the line, and how long ago that was
    assert row(order[4])[1:] == ("out lap", "pit")
    assert page.locator(f'.t-row[data-car="{order[6].car_id}"]').get_attribute("data-status") == "FINISHED"
    assert row(order[7])[0] == "+2 L"
    assert page.locator(f'.t-row[data-car="{order[7].car_id}"]').get_attribute("data-lapped") == "yes"
    out = page.locator('.t-row[data-car="11"]')
    assert (out.locator(".t-gap").inner_text(), out.locator(".t-position").inner_text()) == ("out L15", "")
    ended = tuple(c.model_copy(update={"status": CarStatus.FINISHED}) for c in order[:-1]) + order[-1:]
    home = show(
        snapshot.model_copy(update={"frame": snapshot.frame.model_copy(update={"cars": ended}), "finished": True})
    )
    assert home.locator('.t-row[aria-rowindex="2"] .t-gap').inner_text() == "winner"
    assert home.locator(".v-status").inner_text() == "CHEQUERED FLAG"


# --- the map ------------------------------------------------------------------------------------------------------------

DRAWN = "() => document.querySelector('.rt-track canvas').drawn"


def moved(snapshot: Any, laps: float, **frame: Any) -> Any:
    """The same race with every car on the track that much further."""
    cars = tuple(
        c if c.lap_fraction is None else c.model_copy(update={"lap_fraction": min(0.999, c.lap_fraction + laps)})
        for c in snapshot.frame.cars
    )
    return snapshot.model_copy(update={"frame": snapshot.frame.model_copy(update={"cars": cars, **frame})})


def test_cars_move_evenly_along_the_road_between_two_pictures(
    show: Callable[..., Any], stills: ModuleType, race: ModuleType
) -> None:
    before = race.snapshot(22)
    page = show(before, width=1920, height=1080)
    first = page.evaluate(DRAWN)
    on_track = [c.car_id for c in before.frame.cars if c.lap_fraction is not None]
    assert set(first["cars"]) == set(on_track)
    track = TrackMap()
    track.show(moved(before, 0.03), "63")
    page.wait_for_timeout(400)  # so long ago was the last picture: so long the way to this one takes
    seen = page.evaluate(
        """(text) => new Promise((done) => {
          const seen = [], node = document.querySelector('.rt-track canvas'), end = performance.now() + 1300;
          const look = () => { seen.push(node.drawn.cars['63']); performance.now() < end ? setTimeout(look, 25) : done(seen); };
          window.models.track.set(text);
          look();
        })""",
        stills.encode(track),
    )
    steps = [math.dist(a, b) for a, b in itertools.pairwise(seen)]
    way = math.dist(seen[0], seen[-1])
    assert way > 5
    assert sum(s > 0.05 for s in steps) >= 5  # not in one jump
    assert max(steps) < 0.5 * way
    at_rest = page.evaluate(DRAWN)
    assert at_rest["cars"]["63"] == pytest.approx(seen[-1], abs=0.5)
    road = at_rest["line"]
    for car in before.frame.cars:
        if car.lap_fraction is None or car.status is CarStatus.PIT:
            continue
        near = min(math.dist(at_rest["cars"][car.car_id], p) for p in road)
        assert near < 25, car.car_id  # on the road: points of it stand some 20 pixels apart


def test_the_map_shows_pit_lane_ghost_safety_car_and_yellow_sectors(show: Callable[..., Any], race: ModuleType) -> None:
    still = race.snapshot(22)
    drawn = show(still, width=1920, height=1080).evaluate(DRAWN)
    pitted = next(c.car_id for c in still.frame.cars if c.status is CarStatus.PIT)
    lane = drawn["pit"]
    assert min(math.dist(lane, p) for p in drawn["line"]) > 5  # beside the road
    assert math.dist(drawn["cars"][pitted], lane) < math.dist(drawn["cars"]["63"], lane)
    # The ghost is where our car was one pit loss ago: on the road, behind us.
    assert drawn["ghost"] is not None
    assert min(math.dist(drawn["ghost"], p) for p in drawn["line"]) < 25
    assert drawn["sc"] is None
    message = RaceControl(time_s=2040, message="DOUBLE YELLOW IN TRACK SECTOR 7", lap=22)
    track = still.frame.track.model_copy(update={"status": TrackStatus.SC})
    neutral = still.model_copy(
        update={"frame": still.frame.model_copy(update={"track": track}), "events": (*still.events, message)}
    )
    page = show(neutral, width=1920, height=1080)
    drawn = page.evaluate(DRAWN)
    leader = next(c.car_id for c in still.frame.cars if c.position == 1)
    assert math.dist(drawn["sc"], drawn["cars"][leader]) < 60  # just ahead of the leader
    assert drawn["yellow"] == [7]
    note = page.locator(".rt-track .rt-note").inner_text()
    assert "Safety car" in note
    assert "yellow in S7 (drawn about there)" in note


# --- who hears the screen -----------------------------------------------------------------------------------------------

# What a screen reader needs: names for everything that acts or pictures, rows in tables, tabs with panels, no name twice.
UNHEARD = (Path(__file__).parent / "js" / "unheard.js").read_text(encoding="utf-8")


def test_a_screen_reader_finds_names_tables_and_tabs(show: Callable[..., Any]) -> None:
    page = show()
    for key in VIEWS.values():
        page.keyboard.press(key)
        page.wait_for_timeout(100)
        assert page.evaluate(UNHEARD) == [], key


def test_tabs_are_walked_by_arrows(show: Callable[..., Any]) -> None:
    page = show()
    page.locator('.d-tab[aria-selected="true"]').focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".rt-window").is_visible()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.locator(".rt-track").is_visible()  # round the corner: the last of them
    assert page.evaluate("window.sent.filter((m) => m.laps || m.step)") == []


# --- what scrolls -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), SIZES[:3])
def test_all_advice_can_be_reached(show: Callable[..., Any], width: int, height: int) -> None:
    page = show(width=width, height=height)
    cards = page.locator(".a-cards")
    first = page.locator(".a-card").first
    box, room = first.bounding_box(), cards.bounding_box()
    assert (
        box["y"] + box["height"] <= room["y"] + room["height"]
    )  # the first card is seen whole, its risks and "Why" too
    last = page.locator(".a-card").last
    if cards.get_attribute("data-more"):
        last.scroll_into_view_if_needed()
        page.wait_for_function("!document.querySelector('.a-cards').dataset.more")
    box = last.bounding_box()
    assert box["y"] + box["height"] <= room["y"] + room["height"] + 1


# --- a wrong number in a script is caught -------------------------------------------------------------------------------

MUTANTS = {
    "verdict": ("`P${v.expected_position.toFixed(1)}`", "`P${(v.expected_position + 0.3).toFixed(1)}`"),
    "rejoin": ('"" : `${r.gap_ahead_s.toFixed(1)} s`)', '"" : `${(r.gap_ahead_s + 0.5).toFixed(1)} s`)'),
    "status": ("`${t.air_temperature_c.toFixed(0)} °C`", "`${(t.air_temperature_c + 5).toFixed(0)} °C`"),
    "rivals": ('h("td", {}, `${d.gap_s.toFixed(1)} s`)', 'h("td", {}, `${(2 * d.gap_s).toFixed(1)} s`)'),
    "window": (
        'h("span", { class: "w-p" }, percent(c.probability))',
        'h("span", { class: "w-p" }, percent(c.probability / 2))',
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_number_in_a_panels_script_is_caught(
    show: Callable[..., Any], race: ModuleType, drive: ModuleType, name: str
) -> None:
    """The comparisons that drive.py makes of a live board hold here, and fail once a number in the script is changed."""
    snapshot = race.snapshot(22)

    def check(page: Any) -> None:
        if name == "window":
            drive.window(page, race.pit_window("63", 23, WINDOW_LAPS), snapshot)
        else:
            getattr(drive, name)(page, snapshot, "63")

    check(show(snapshot, width=1920, height=1080))
    with pytest.raises(AssertionError):
        check(show(snapshot, width=1920, height=1080, changed=MUTANTS[name]))
