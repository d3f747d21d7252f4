"""Pictures of every panel and layout in both themes, to be looked at: they land in ``screenshots/``, which is not committed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from racetwin.widgets import AdvicePanel, PlansPanel, RaceDayBoard, RaceTrace, TimingTower

pytestmark = pytest.mark.browser

THEMES = ("dark", "light")
LAYOUTS = {
    "laptop-13": (1280, 800, 1.0),
    "laptop-14": (1512, 982, 1.0),
    "screen-27": (2560, 1440, 1.0),
    "wall": (3840, 2160, 1.0),
}
PANELS = {
    "verdict": (1600, 130),
    "tower": (620, 760),
    "rejoin": (420, 340),
    "plans": (620, 380),
    "advice": (420, 560),
    "trace": (900, 480),
    "window": (900, 440),
    "rivals": (900, 560),
    "tyres": (900, 560),
    "scenario": (900, 480),
    "desk": (900, 320),
    "track": (460, 420),
    "status": (420, 300),
    "system": (900, 480),
    "clock": (1200, 40),
}
DRAWN_SHARE = 0.4
CAPITAL = """(query) => {
  const node = document.querySelector(query), s = getComputedStyle(node), g = new OffscreenCanvas(10, 10).getContext('2d');
  g.font = `${s.fontWeight} ${s.fontSize} ${s.fontFamily}`;
  return g.measureText('H').actualBoundingBoxAscent;
}"""
# Millimetres of a pixel (27 inches at 2560, 65 inches at 3840), and the least height of capitals.
MILLIMETRES = {
    "screen-27": (
        0.233,
        {".v-headline": 7.5, ".v-rejoin strong": 5.8, ".v-sure strong": 4.3, ".t-list .t-driver b": 2.9},
    ),
    "wall": (0.375, {".v-headline": 24, ".v-rejoin strong": 17, ".v-sure strong": 13, ".t-list .t-driver b": 8.7}),
}
VIEWS = {"window": "2", "scenario": "5", "tyres": "4", "desk": "6", "system": "7"}


@pytest.fixture
def make(
    race: ModuleType, stills: ModuleType, tmp_path: Path
) -> Callable[..., tuple[RaceDayBoard, Callable[..., str]]]:
    def make_board(theme: str) -> tuple[RaceDayBoard, Callable[..., str]]:
        board = RaceDayBoard(race.StillRace(race.snapshot(22)), "63", theme=theme)
        board.settle(10)
        board.try_plan(board.our_plan.stops, "sc@25")
        board.deliberate("team", "points")
        board.settle(10)

        def page(names: tuple[str, ...] | None = None) -> str:
            file = tmp_path / f"{theme}-{'-'.join(names or ('board',))}.html"
            panels = {n: p for n, p in board.panels.items() if names is None or n in names}
            file.write_text(stills.still_page(panels, board=names is None), encoding="utf-8")
            return file.as_uri()

        return board, page

    return make_board


# Share of a picture's tiles (below the line with the title) that hold something else than the ground.
FILLED = (Path(__file__).parent / "js" / "filled.js").read_text(encoding="utf-8")


def filled(page: Any, picture: bytes, head: int = 60) -> float:
    """How much of a picture has been drawn on, from 0 to 1; ``head`` pixels at its top (the title) do not count."""
    return float(page.evaluate(FILLED, [base64.b64encode(picture).decode("ascii"), head]))


def test_an_empty_panel_is_told_from_a_drawn_one(
    stills: ModuleType, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    for panel in (TimingTower(), PlansPanel(), RaceTrace(), AdvicePanel()):
        file = tmp_path / "empty.html"
        file.write_text(stills.still_page({"panel": panel}), encoding="utf-8")
        page = open_page(file.as_uri(), width=620, height=480, scale=2.0)
        page.wait_for_selector("body[data-ready]")
        assert filled(page, page.screenshot()) < DRAWN_SHARE


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", PANELS)
def test_each_panel_alone(make: Any, open_page: Callable[..., Any], screenshots: Path, name: str, theme: str) -> None:
    _, page = make(theme)
    width, height = PANELS[name]
    shown = open_page(page((name,)), width=width, height=height, scale=2.0)
    shown.wait_for_selector("body[data-ready]")
    shown.wait_for_timeout(300)
    picture = shown.screenshot(path=screenshots / f"panel-{name}-{theme}.png")
    assert filled(shown, picture, 0 if height < 150 else 60) >= DRAWN_SHARE
    assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout(make: Any, open_page: Callable[..., Any], screenshots: Path, layout: str, theme: str) -> None:
    _, page = make(theme)
    width, height, scale = LAYOUTS[layout]
    shown = open_page(page(), width=width, height=height, scale=scale)
    shown.wait_for_selector("body[data-ready]")
    shown.wait_for_timeout(400)
    assert filled(shown, shown.screenshot(path=screenshots / f"layout-{layout}-{theme}.png")) > 0.9
    if layout == "screen-27":
        for view, key in VIEWS.items():
            shown.keyboard.press(key)
            shown.wait_for_timeout(300)
            shown.screenshot(path=screenshots / f"layout-{layout}-{view}-{theme}.png")
    # How high a capital letter is, in millimetres: what is read at a distance, not the font's size, which counts the room above.
    # At two metres 2.9 mm is what an eye of full sight resolves (5 minutes of arc) and 5.8 mm what it reads at ease (10).
    if layout in MILLIMETRES:
        for name, least in MILLIMETRES[layout][1].items():
            assert shown.evaluate(CAPITAL, name) * MILLIMETRES[layout][0] >= least, name
    if layout == "wall":
        parts = shown.evaluate("[...document.querySelectorAll('.rt')].filter((e) => e.getClientRects().length).length")
        assert parts == 5  # the call, the order, where we come out, the plans and one view: fewer things than on a desk
