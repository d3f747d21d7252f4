"""A headless Chromium for the browser tests, and pages that report whatever goes wrong on them."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
"""Where pictures go, to be looked at; not committed. `make pictures` copies those of the documentation from `docs/` in it."""


def load(path: Path) -> ModuleType:
    """Import a helper module that lies beside the tests (they are no package)."""
    name = f"racetwin_tests_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The system's Chromium, driven by Playwright."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium on this machine: install Debian's package 'chromium' to run the browser tests")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Open a page; at the end of the test, errors on its console and requests that failed make the test fail."""
    pages: list[tuple[Any, list[str]]] = []

    def open_one(url: str, *, width: int = 1280, height: int = 800, scale: float = 1.0) -> Any:
        page = chromium.new_page(viewport={"width": width, "height": height}, device_scale_factor=scale)
        wrong: list[str] = []
        page.on("console", lambda m: wrong.append(f"console: {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda e: wrong.append(f"error: {e}"))
        page.on("requestfailed", lambda r: wrong.append(f"failed: {r.url}"))
        pages.append((page, wrong))
        page.goto(url)
        return page

    yield open_one
    problems = [p for _, wrong in pages for p in wrong]
    for page, _ in pages:
        page.close()
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="session")
def images() -> Path:
    """Where pictures go that the documentation may show: tests never write into `docs/` itself."""
    folder = SCREENSHOTS / "docs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures of every panel and layout go, to be looked at; not committed."""
    SCREENSHOTS.mkdir(exist_ok=True)
    return SCREENSHOTS


@pytest.fixture(scope="session")
def drive() -> ModuleType:
    """Drives every panel of a board."""
    return load(Path(__file__).with_name("drive.py"))


@pytest.fixture(scope="session")
def race() -> ModuleType:
    """The hand-made race of the widgets' tests."""
    return load(Path(__file__).parents[1] / "widgets" / "snapshots.py")


@pytest.fixture(scope="session")
def stills() -> ModuleType:
    """Pages without a kernel."""
    return load(Path(__file__).with_name("still_page.py"))


@pytest.fixture
def show(open_page: Callable[..., Any], stills: ModuleType, race: ModuleType, tmp_path: Path) -> Callable[..., Any]:
    """Show the board of a snapshot without a kernel."""
    from racetwin.widgets import RaceDayBoard

    def show_board(
        snapshot: Any = None,
        car_id: str = "63",
        theme: str = "dark",
        changed: tuple[str, str] | None = None,
        prepare: Callable[[Any], None] = lambda board: None,
        **window: Any,
    ) -> Any:
        board = RaceDayBoard(race.StillRace(snapshot or race.snapshot(22, car_id=car_id)), car_id, theme=theme)
        board.settle(10)
        prepare(board)
        board.settle(10)
        file = tmp_path / "board.html"
        html = stills.still_page(board.panels, board=True)
        if changed is not None:  # another script than ours: the words as they stand in the page's JSON
            old, new = (json.dumps(text)[1:-1] for text in changed)
            assert html.count(old) == 1, f"{html.count(old)} times on the page: {changed[0]}"
            html = html.replace(old, new)
        file.write_text(html, encoding="utf-8")
        page = open_page(file.as_uri(), **window)
        page.wait_for_selector("body[data-ready]")
        return page

    return show_board
