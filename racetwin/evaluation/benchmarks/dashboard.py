"""How fast the pit wall is, measured where it counts: on the pixels of a page in headless Chromium.

A simulated race with 22 cars runs in real time at 10 frames a second, served as on race day (engine and Voila as processes of
their own). The page notes the wall-clock time of each drawing; a second subscriber in this process notes when the same frame
left the engine. Both clocks are this machine's.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

from racetwin.errors import ConfigurationError
from racetwin.evaluation.benchmarks import Figure
from racetwin.runtime import LiveRace, RaceSnapshot

WATCH_S = 30.0
START_S = 90.0
_CHROMIUM = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Notes each frame when the picture with it has been made: the animation frame after the one that changed the page.
_NOTE = """() => {
  const node = document.querySelector('.rt-verdict');
  window.drawn = [];
  let last = node.dataset.seq;
  const look = () => {
    if (node.dataset.seq !== last) window.drawn.push([Number((last = node.dataset.seq)), Date.now()]);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""
_MEMORY = "() => performance.memory ? performance.memory.usedJSHeapSize : 0"


def dashboard() -> list[Figure]:
    """Measure latency, rate, opening time and memory of the race-day page."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise ConfigurationError("bench dashboard: no Chromium on this machine; install the package 'chromium'")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise ConfigurationError("bench dashboard: Playwright is missing; run: pip install 'racetwin[test]'") from None
    with _race_day() as (url, engine), sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=_CHROMIUM)
        first = _open(browser, url)
        page, opening_s = _open(browser, url)
        first[0].close()
        delays, rate, growth = _watch(page, engine)
        browser.close()
    p50, p95 = quantiles(delays, n=100)[49], quantiles(delays, n=100)[94]
    return [
        Figure("publish_to_pixels_p50", round(p50, 1), "ms", None, None, higher_is_better=False),
        Figure("publish_to_pixels_p95", round(p95, 1), "ms", 250, 100, higher_is_better=False),
        Figure("update_rate_all_panels", round(rate, 2), "Hz", 9.5, 20),
        Figure("second_screen_opens", round(opening_s, 2), "s", 5, 2, higher_is_better=False),
        Figure("browser_memory_growth", round(growth, 2), "MiB a minute", None, None, higher_is_better=False),
    ]


def _open(browser: Any, url: str) -> tuple[Any, float]:
    """Open a screen; returns the page and the seconds until its first car stood on it."""
    page = browser.new_page(viewport={"width": 1920, "height": 1080})
    began = time.monotonic()
    page.goto(url)
    page.wait_for_selector(".t-list .t-row", timeout=60_000)
    return page, time.monotonic() - began


def _watch(page: Any, engine: str) -> tuple[list[float], float, float]:
    """Return delays in ms from our receipt of a frame to its picture, pictures a second, and heap growth in MiB a minute."""
    came: dict[int, float] = {}

    def note(snapshot: RaceSnapshot) -> None:
        if snapshot.frame is not None:
            came.setdefault(snapshot.frame.seq, 1000 * time.time())

    with LiveRace.connect(engine, rate_hz=60) as live:
        live.subscribe(note)
        page.evaluate(_NOTE)
        before = page.evaluate(_MEMORY)
        began = time.monotonic()
        page.wait_for_timeout(1000 * WATCH_S)
        lasted = time.monotonic() - began
        after = page.evaluate(_MEMORY)
        drawn = page.evaluate("() => window.drawn")
    delays = [at - came[int(number)] for number, at in drawn if int(number) in came]
    if len(delays) < 20:
        raise ConfigurationError(
            f"bench dashboard: only {len(delays)} pictures in {lasted:.0f} s; is the machine overloaded?"
        )
    return delays, len(drawn) / lasted, (after - before) / 2**20 / (lasted / 60)


@contextmanager
def _race_day() -> Iterator[tuple[str, str]]:
    """Serve a simulated race on free ports; yields the page's and the engine's address."""
    with tempfile.TemporaryDirectory() as folder:
        ports = {
            name: _free_port()
            for name in ("API_PORT", "VOILA_PORT", "TELEMETRY_PORT", "UDP_JSON_PORT", "UDP_GAME_PORT")
        }
        environment = {k: v for k, v in os.environ.items() if k not in ("RACETWIN_ENGINE", "RACETWIN_REHEARSE_LAPS")}
        environment |= {f"RACETWIN_{k}": str(v) for k, v in ports.items()} | {"RACETWIN_STATE": folder}
        log = Path(folder) / "log"
        command = [
            sys.executable,
            "-c",
            "from racetwin.cli import main; main()",
            "race-day",
            "--simulated",
            "--speed",
            "1",
        ]
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
        try:
            yield _address(process, log), f"http://127.0.0.1:{ports['API_PORT']}"
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"is live: (http://\S+)", log.read_text(errors="replace"))
        if found:
            return found.group(1)
        time.sleep(0.1)
    lines = log.read_text(errors="replace").splitlines()[-1:] or ["it did not come up in time"]
    raise ConfigurationError(f"bench dashboard: race-day did not start: {lines[0]}")


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
