"""Pictures of every panel and layout in both themes, to be looked at: they land in ``screenshots/``, which is not committed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from racetwin.widgets import RaceDayBoard

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
    "desk": (900, 480),
    "track": (460, 420),
    "status": (420, 300),
    "system": (900, 480),
    "clock": (1200, 40),
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


COLOURS = """async (text) => {
  const picture = await createImageBitmap(await (await fetch('data:image/png;base64,' + text)).blob());
  const surface = new OffscreenCanvas(picture.width, picture.height), g = surface.getContext('2d');
  g.drawImage(picture, 0, 0);
  const pixels = g.getImageData(0, 0, picture.width, picture.height).data, seen = new Set();
  for (let i = 0; i < pixels.length; i += 4) seen.add((pixels[i] >> 4) * 256 + (pixels[i + 1] >> 4) * 16 + (pixels[i + 2] >> 4));
  return seen.size;
}"""


def looks_drawn(page: Any, picture: bytes) -> bool:
    """Whether a picture holds more than its ground and a word: a good many colours."""
    return bool(page.evaluate(COLOURS, base64.b64encode(picture).decode("ascii")) > 8)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", PANELS)
def test_each_panel_alone(make: Any, open_page: Callable[..., Any], screenshots: Path, name: str, theme: str) -> None:
    _, page = make(theme)
    width, height = PANELS[name]
    shown = open_page(page((name,)), width=width, height=height, scale=2.0)
    shown.wait_for_selector("body[data-ready]")
    shown.wait_for_timeout(300)
    picture = shown.screenshot(path=screenshots / f"panel-{name}-{theme}.png")
    assert looks_drawn(shown, picture)
    assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout(make: Any, open_page: Callable[..., Any], screenshots: Path, layout: str, theme: str) -> None:
    _, page = make(theme)
    width, height, scale = LAYOUTS[layout]
    shown = open_page(page(), width=width, height=height, scale=scale)
    shown.wait_for_selector("body[data-ready]")
    shown.wait_for_timeout(400)
    assert looks_drawn(shown, shown.screenshot(path=screenshots / f"layout-{layout}-{theme}.png"))
    if layout == "screen-27":
        for view, key in VIEWS.items():
            shown.keyboard.press(key)
            shown.wait_for_timeout(300)
            shown.screenshot(path=screenshots / f"layout-{layout}-{view}-{theme}.png")
    if layout in ("screen-27", "wall"):
        # Readable from two metres: 9 mm for the call, 4 mm for a name, on 27 inches at 0.233 mm a pixel (a wall's are larger).
        size = "(q) => parseFloat(getComputedStyle(document.querySelector(q)).fontSize) * 0.233"
        assert shown.evaluate(size, ".v-headline") >= 9
        assert shown.evaluate(size, ".v-rejoin strong") >= 6
        assert shown.evaluate(size, ".t-list .t-driver b") >= 4
