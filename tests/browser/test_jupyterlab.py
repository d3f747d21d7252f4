"""The same board in JupyterLab: as a strategist works before the race, in a notebook of their own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from racetwin.runtime import LiveRace

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_race_day.ipynb"
CELLS = """() => [...document.querySelectorAll('.jp-NotebookPanel .jp-Cell')].map(
  (cell) => cell.className.match(/jp-(Code|Markdown)Cell/)[0])"""
START_S, PATIENCE_MS = 90, 120_000


@pytest.fixture(scope="module")
def lab(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a JupyterLab with a copy of the race-day notebook, which rehearses six laps of a simulated race."""
    folder, state = (
        tmp_path_factory.mktemp("lab"),
        tmp_path_factory.mktemp("lab-state"),
    )  # what Lab keeps is not shown in it
    shutil.copy(NOTEBOOK, folder / NOTEBOOK.name)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    gone = ("RACETWIN_ENGINE", "RACETWIN_DATA")
    environment = {k: v for k, v in os.environ.items() if k not in gone} | {"RACETWIN_REHEARSE_LAPS": "6"}
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        environment[name] = str(state / name.lower())
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        f"--notebook-dir={folder}",
    ]
    options = [
        "--IdentityProvider.token=",
        "--ServerApp.password=",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with (state / "log").open("wb") as out:
        process = subprocess.Popen([*command, *options], stdout=out, stderr=subprocess.STDOUT, env=environment)
    root = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + START_S
    try:
        while True:
            assert process.poll() is None, (state / "log").read_text(errors="replace")[-2000:]
            assert time.monotonic() < deadline, "JupyterLab did not come up"
            try:
                urllib.request.urlopen(f"{root}/api", timeout=2).close()
                break
            except OSError:
                time.sleep(0.3)
        yield root
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def test_board_in_a_notebook_shows_the_race_and_does_what_it_is_told(
    lab: str, chromium: Any, images: Path, drive: Any
) -> None:
    from playwright.sync_api import TimeoutError

    # Not the fixture that fails on any console error: JupyterLab itself logs some (a settings file that is not there yet).
    page = chromium.new_page(viewport={"width": 1600, "height": 1200})
    wrong: list[str] = []
    page.on("pageerror", lambda e: wrong.append(str(e)))
    page.goto(f"{lab}/lab/tree/{NOTEBOOK.name}", timeout=PATIENCE_MS)
    page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for(timeout=PATIENCE_MS)
    for _ in range(4):  # a notebook whose kernel is not connected yet forgets what it was told to run
        page.wait_for_timeout(3000)
        asked = page.locator(".jp-Dialog button.jp-mod-accept")  # which kernel; whether to wait for one that is slow
        if asked.count():
            asked.first.click()
        page.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
        page.get_by_text("Run All Cells", exact=True).click()
        try:
            page.wait_for_selector(".t-list .t-row", timeout=90_000)
            break
        except TimeoutError:
            continue
    page.wait_for_function("document.querySelectorAll('.p-row[data-plan]').length > 0", timeout=PATIENCE_MS)
    rows = page.locator(".t-list .t-row")
    assert rows.count() >= 20
    assert page.get_by_text("SIMULATED", exact=True).is_visible()
    page.get_by_text("No", exact=True).first.click()  # JupyterLab asks whether it may send news
    page.locator(".rt-board").scroll_into_view_if_needed()
    assert page.locator(".rt-board").bounding_box()["width"] > 700
    page.wait_for_function("Number(document.querySelector('.v-lap strong').textContent) >= 6", timeout=PATIENCE_MS)
    page.wait_for_timeout(1000)
    page.screenshot(path=images / "jupyterlab.png")
    # The same rehearsal here: on its own clock, so it shows the same values.
    car = page.locator('.t-row[aria-selected="true"]').get_attribute("data-car")
    with LiveRace.simulate(speed=None, to_lap=6, follow=car, rate_hz=10) as live:
        live.join()
        live.raise_errors()
    assert live.snapshot is not None
    for check in drive.SHOWN:
        check(page, live.snapshot, car)
    drive.scenario(page)
    drive.desk(page)
    drive.clock(page)
    other = page.locator('.t-row[aria-rowindex="8"]')
    chosen = other.get_attribute("data-car")
    other.click()
    page.wait_for_selector(f'.t-row[data-car="{chosen}"][aria-selected="true"]', timeout=PATIENCE_MS)
    # Keys pressed on the board are the board's, and not also JupyterLab's, for which 1 makes a heading and x cuts the cell.
    cells = page.evaluate(CELLS)
    for key, view in (("3", "rivals"), ("1", "trace"), ("4", "tyres")):
        page.keyboard.press(key)
        page.locator(f".rt-{view}").wait_for(state="visible", timeout=PATIENCE_MS)
    page.keyboard.press("ArrowDown")
    page.wait_for_selector(f'.t-row[data-car="{chosen}"][aria-selected="false"]', timeout=PATIENCE_MS)
    theme = page.locator(".rt-tower").get_attribute("data-theme")
    page.keyboard.press("t")
    page.wait_for_selector(f'.rt-tower:not([data-theme="{theme}"])', timeout=PATIENCE_MS)
    page.keyboard.press("x")
    page.keyboard.press("a")
    page.wait_for_timeout(500)
    assert page.evaluate(CELLS) == cells
    page.close()
    assert not wrong
