"""Race day as a strategist sees it: `racetwin race-day` on a real race (simulated without data), driven in a browser."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from racetwin.runtime import LiveRace, RaceSnapshot
from racetwin.schemas import RankedPlan
from racetwin.widgets.our_plan import ours_of
from racetwin.widgets.plans import plan_families
from racetwin.widgets.scenario import as_it_is, under_the_lever

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

RACE, PICTURE_LAP = "2024-13-hungary", 17
START_S, PATIENCE_S = 120, 60


@dataclass
class Served:
    """A running race day."""

    url: str
    engine: str
    real: bool


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture(scope="module")
def served(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    named = os.environ.get("RACETWIN_DATA")
    real = bool(named) and (Path(str(named)) / "laps.parquet").is_file()
    folder = tmp_path_factory.mktemp("race-day")
    ports = {
        name: str(free_port())
        for name in ("API_PORT", "VOILA_PORT", "TELEMETRY_PORT", "UDP_JSON_PORT", "UDP_GAME_PORT")
    }
    environment = {k: v for k, v in os.environ.items() if k not in ("RACETWIN_ENGINE", "RACETWIN_REHEARSE_LAPS")}
    environment |= {f"RACETWIN_{name}": port for name, port in ports.items()} | {"RACETWIN_STATE": str(folder)}
    which = ["--race", RACE] if real else ["--simulated"]
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", "from racetwin.cli import main; main()", "race-day", *which, "--speed", "40"],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    try:
        deadline = time.monotonic() + START_S
        url = None
        while url is None:
            text = log.read_text(errors="replace")
            found = re.search(r"is live: (http://\S+)", text)
            url = found.group(1) if found else None
            assert process.poll() is None, f"race-day ended:\n{text}"
            assert time.monotonic() < deadline, f"race-day did not come up within {START_S} s:\n{text}"
            time.sleep(0.2)
        yield Served(url, f"http://127.0.0.1:{ports['API_PORT']}", real)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def until(condition: Callable[[], Any], what: str, patience: float = PATIENCE_S) -> Any:
    """Wait for something to become true and return it."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {patience:.0f} s: {what}"
        time.sleep(0.1)


def lap(page: Any) -> int:
    return int(page.locator(".v-lap strong").inner_text())


def plans(page: Any) -> list[str]:
    return [str(p) for p in page.locator(".p-row[data-plan]").evaluate_all("rows => rows.map((r) => r.dataset.plan)")]


def choose(page: Any, car: str) -> str:
    """Choose a car in the tower and wait until rejoin, plans and advice are its own; returns its driver."""
    row = page.locator(f'.t-row[data-car="{car}"]')
    driver = str(row.locator(".t-driver b").inner_text())
    row.click()
    until(lambda: row.get_attribute("aria-selected") == "true", f"{driver} in the tower")
    until(lambda: page.locator(".v-who select").input_value() == car, f"{driver} in the strip")

    def all_follow() -> bool:
        ours = page.locator(".b-car.ours b")
        advice = page.locator(".a-card").evaluate_all("cards => cards.map((c) => c.dataset.id)")
        mine = bool(advice) and all(str(i).startswith(f"{car}-") for i in advice)
        return mine and bool(plans(page)) and ours.count() == 1 and ours.inner_text() == driver

    until(all_follow, f"rejoin, plans and advice of {driver}", 90)
    return driver


@pytest.fixture
def page(served: Served, open_page: Callable[..., Any]) -> Any:
    found = open_page(served.url, width=1920, height=1080)
    found.wait_for_selector(".t-list .t-row", timeout=PATIENCE_S * 1000)
    return found


def test_the_page_shows_a_race_with_plans_and_advice(page: Any, served: Served, images: Path, tmp_path: Path) -> None:
    rows = page.locator(".t-list .t-row")
    assert until(lambda: rows.count() >= 20, "20 cars in the tower")
    first = lap(page)
    until(lambda: plans(page), "ranked plans")
    until(lambda: page.locator(".a-card").count(), "recommendations")
    assert page.locator(".v-headline").inner_text() in ("BOX NOW", "STAY OUT")
    assert re.fullmatch(r"P\d+", page.locator(".v-rejoin strong").inner_text())
    assert page.get_by_text("SIMULATED", exact=True).is_visible() is not served.real
    until(lambda: lap(page) > first, "the next lap")
    until(lambda: lap(page) >= PICTURE_LAP, "laps enough for a picture", 150)
    with LiveRace.connect(served.engine) as live:  # from here on slower: the questions below are about one lap
        live.set_speed(10)
    choose(
        page, page.locator('.t-row[aria-rowindex="5"]').get_attribute("data-car")
    )  # fourth: somebody to beat and to fear
    page.mouse.move(5, 5)
    page.wait_for_timeout(700)
    name, images = "race-day", images if served.real else tmp_path  # only a real race goes into the documentation
    page.screenshot(path=images / f"{name}-1920.png")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.wait_for_timeout(700)
    page.screenshot(path=images / f"{name}-1280.png")
    assert page.evaluate(
        "document.documentElement.scrollHeight <= innerHeight && document.documentElement.scrollWidth <= innerWidth"
    )
    for size, width, height in (("wall", 3840, 2160), ("2560", 2560, 1440)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(700)
        page.screenshot(path=images / f"{name}-{size}.png")
    page.set_viewport_size({"width": 1920, "height": 1080})
    for view in ("tyres", "system"):
        page.locator(f'.d-tab[data-view="{view}"]').click()
        page.wait_for_timeout(500)
        page.locator(f".rt-{view}").screenshot(path=images / f"{name}-{view}.png")
    page.locator(".rt-track").screenshot(path=images / f"{name}-track.png")
    page.locator('.d-tab[data-view="trace"]').click()


ONE_MOMENT = """() => {
  const drawn = [...document.querySelectorAll('.rt[data-time]')].filter((e) => e.getClientRects().length);
  return new Set(drawn.map((e) => e.dataset.time)).size === 1 ? drawn.length : 0;
}"""
AT_ONE_MOMENT = """() => new Promise((done) => {
  const seen = [], until = performance.now() + 3000;
  const look = () => {
    const drawn = [...document.querySelectorAll('.rt[data-time]')].filter((e) => e.getClientRects().length);
    seen.push([drawn.length, [...new Set(drawn.map((e) => e.dataset.time))]]);
    performance.now() < until ? requestAnimationFrame(look) : done(seen);
  };
  requestAnimationFrame(look);
})"""


def test_no_picture_of_the_page_mixes_two_moments(page: Any) -> None:
    """Panels that move with the clock come in one message: in every animation frame they have drawn one and the same moment."""

    # A page that has just been opened gets its panels one by one, each with the moment at which it was asked for.
    def whole() -> bool:
        counts = []
        for _ in range(10):
            counts.append(page.evaluate(ONE_MOMENT))
            page.wait_for_timeout(200)
        return min(counts) >= 5 and len(set(counts)) == 1

    until(whole, "a page with all its panels on it", 60)
    seen = page.evaluate(AT_ONE_MOMENT)
    assert len({moments[0] for _, moments in seen}) > 5  # the race went on
    assert min(count for count, _ in seen) >= 5
    assert [moments for _, moments in seen if len(moments) > 1] == []


def test_the_pit_window_and_a_safety_car_are_answered(page: Any, served: Served, images: Path, tmp_path: Path) -> None:
    name, images = "race-day", images if served.real else tmp_path  # only a real race goes into the documentation
    choose(page, page.locator('.t-row[aria-rowindex="5"]').get_attribute("data-car"))
    page.keyboard.press("2")
    until(lambda: page.locator(".w-table td").count() >= 12, "the pit window")
    page.locator(".rt-window").screenshot(path=images / f"{name}-pit-window.png")
    page.keyboard.press("5")
    page.locator('.rt-scenario button[data-flag="sc"]').click()
    until(lambda: page.locator(".c-card[data-after='true']").count(), "the answer to a safety car", 120)
    page.mouse.move(5, 5)
    page.wait_for_timeout(500)
    page.screenshot(path=images / f"{name}-what-if.png")
    page.keyboard.press("3")
    until(lambda: page.locator(".v-strip").count(), "the rivals")
    page.keyboard.press("t")
    page.wait_for_selector('.rt-rivals[data-theme="light"]')
    page.wait_for_timeout(500)
    page.screenshot(path=images / f"{name}-light.png")
    page.keyboard.press("1")


def test_a_screen_can_stand_still_and_go_back_a_lap(page: Any) -> None:
    page.keyboard.press("ArrowLeft")
    until(lambda: page.locator(".v-held").is_visible(), "the held screen")
    held = lap(page)
    assert f"HELD AT LAP {held}" in page.locator(".v-held").inner_text()
    page.wait_for_timeout(1500)
    assert lap(page) == held
    page.keyboard.press("Escape")
    until(lambda: not page.locator(".v-held").is_visible() and lap(page) >= held, "the race again")


def test_another_car_makes_everything_follow(page: Any) -> None:
    until(lambda: plans(page), "ranked plans")
    before = page.locator('.t-row[aria-selected="true"]').get_attribute("data-car")
    other = page.locator('.t-row[aria-selected="false"]:not([data-status="RETIRED"])').nth(8)
    car, driver = other.get_attribute("data-car"), other.locator(".t-driver b").inner_text()
    assert car != before
    assert choose(page, car) == driver
    page.keyboard.press("ArrowUp")
    until(lambda: page.locator('.t-row[aria-selected="true"]').get_attribute("data-car") != car, "the next car by key")


def test_values_on_the_page_are_the_engines(page: Any, served: Served) -> None:
    car = until(lambda: page.locator(".v-who select").input_value(), "a car")
    with LiveRace.connect(served.engine, follow=car) as live:
        live.wait_for(lambda s: car in s.answers, PATIENCE_S)

        def same() -> bool:
            note = page.locator(".rt-plans .rt-note").inner_text()
            snapshot = live.snapshot
            answer = snapshot.answers.get(car) if snapshot else None
            if (
                answer is None
                or not note.endswith(f"{answer.receipt.backend}")
                or f"after lap {answer.lap} " not in note + " "
            ):
                return False
            shown = plans(page)
            if not shown or shown[0] != first_plan(snapshot, car).plan:
                return False
            rejoin = answer.box_now
            return rejoin is None or page.locator(".b-big strong").inner_text() == f"P{rejoin.position}"

        until(same, "the page shows the engine's answer")
        assert not live.errors


def test_every_panel_shows_the_engines_values_and_does_what_it_is_told(page: Any, served: Served, drive: Any) -> None:
    car = until(lambda: page.locator(".v-who select").input_value(), "a car")
    with LiveRace.connect(served.engine, follow=car) as live:
        live.wait_for(lambda s: car in s.answers and s.lap > 4, PATIENCE_S)
        live.pause()  # the race stands still for a moment, so that both sides look at one instant
        try:
            until(lambda: live.snapshot.desk.state == "idle", "the desk to be done", 90)
            until(lambda: page.locator(".v-lap strong").inner_text() == str(live.snapshot.lap), "the same lap")
            points = page.locator(".p-row[data-plan] .p-mean small").first
            until(
                lambda: points.inner_text() == f"{first_plan(live.snapshot, car).expected_points:.1f} pts",
                "the newest plans on the page",
            )
            page.wait_for_timeout(2500)
            for check in drive.SHOWN:
                check(page, live.snapshot, car)
            drive.alarms(page, live.snapshot)
            # The page asks for its window with each answer, and chances of stops go on between them. To another car and
            # back: it is asked for again, of the race that stands still now.
            for key, chosen in (("ArrowDown", False), ("ArrowUp", True)):
                page.keyboard.press(key)
                row = f'.t-row[data-car="{car}"][aria-selected="{str(chosen).lower()}"]'
                page.wait_for_selector(row, timeout=1000 * PATIENCE_S)
            drive.view(page, "window").locator(".w-p").first.wait_for(timeout=1000 * PATIENCE_S)
            drive.window(page, live.pit_window(car), live.snapshot)
            lever, dragged = drive.scenario(page)
            found = live.what_if(car, lever_of(page, lever))
            # Our plan stays where it is as good as the best.
            then = under_the_lever(found.after, as_it_is(found.before, ours_of(live.snapshot, car)))
            assert re.sub(r" \(sooner under SC [^)]*\)", " (or SC)", then.plan) in lever
            # On the level of the race as it is: a plan that was raced in both carries it over.
            raced = {p.plan: p.expected_points for p in found.after.plans}
            carried = next((c for c in found.changes if c.plan == then.plan), None)
            carried = carried or next((c for c in found.changes if c.plan in raced), None)
            lift = carried.after - raced[carried.plan] if carried is not None else 0.0
            assert f"{then.expected_points + lift:.1f} ± {then.standard_error:.2f} pts" in lever
            assert "pts" in dragged
            said = drive.desk(page)
            assert all(s.lever in said for s in live.deliberate(car, "sensitivity").answer.sensitivity)
            drive.clock(page)
            live.raise_errors()
        finally:
            live.resume()


def first_plan(snapshot: RaceSnapshot, car: str) -> RankedPlan:
    """The plan that the panel has first: the best, or ours where it is as good and fits the same compounds."""
    ours = ours_of(snapshot, car)
    return plan_families(snapshot.answers[car].plans, ours=ours.ranked if ours else None)[0][0]


def lever_of(page: Any, words: str) -> str:
    """The lever that the bench's words describe: ``With safety car in lap 23``."""
    found = re.search(r"safety car in lap (\d+)", words)
    assert found, words
    return f"sc@{found[1]}"


def test_nothing_is_fetched_from_elsewhere(served: Served, chromium: Any) -> None:
    asked: list[str] = []
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    page.on("request", lambda r: asked.append(r.url))
    page.goto(served.url)
    page.wait_for_selector(".t-list .t-row", timeout=PATIENCE_S * 1000)
    page.wait_for_timeout(1000)
    page.close()
    own = tuple(served.url.split("?")[0].rstrip("/").split("/")[0:3])
    elsewhere = [u for u in asked if not u.startswith(("data:", "blob:" + "/".join(own), "/".join(own)))]
    assert asked
    assert not elsewhere


def test_every_frame_that_came_in_was_processed(page: Any, served: Served) -> None:
    frames = page.locator(".l-frames")
    until(
        lambda: (
            frames.get_attribute("data-in")
            and frames.get_attribute("data-in") == frames.get_attribute("data-processed")
        ),
        "in = processed",
    )
    first = int(frames.get_attribute("data-in"))
    until(lambda: int(frames.get_attribute("data-in")) > first + 50, "more frames")


def test_a_second_screen_shows_the_same_race(page: Any, served: Served, open_page: Callable[..., Any]) -> None:
    car = page.locator(".t-list .t-row").nth(3).get_attribute("data-car")
    second = open_page(f"{served.url.split('?')[0]}?car={car}", width=1280, height=800)
    second.wait_for_selector(".t-list .t-row", timeout=PATIENCE_S * 1000)
    until(lambda: second.locator(".v-who select").input_value() == car, "the car that the address asks for")
    until(lambda: abs(lap(second) - lap(page)) <= 1, "the same lap")
