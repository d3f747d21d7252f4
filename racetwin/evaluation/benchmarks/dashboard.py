"""How fast the pit wall is, measured where it counts: on the pixels of a page in headless Chromium.

A simulated race with 22 cars runs in real time at 10 frames a second (memory: ten times as fast), served as on race day (engine
and Voila as processes of their own). The page notes the wall-clock time of each drawing of its visible panels (the views behind
the other tabs are not drawn); a second subscriber in this process notes when the same frame reached it. Both clocks are this
machine's. What lies between publishing and handing on to a subscriber is the engine's own figure (p95): it stands beside and is
added to every delay.
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
from statistics import median, quantiles
from typing import Any

import httpx

from racetwin.errors import ConfigurationError
from racetwin.evaluation.benchmarks import Figure
from racetwin.runtime import LiveRace, RaceSnapshot

MINUTES = 1.0
"""How long the page is watched unless told otherwise: enough for CI; 30 for the figures of record."""
LEVERS = {
    "slow stop": ('input[aria-label="seconds lost at our next stop"]', ("3", "7")),
    "wear": ('input[aria-label="our tyre wear"]', ("1.2", "0.85")),
    "rain": ('input[aria-label="wetness of rain from that lap on"]', ("0.4", "0.7")),
    "rival boxes": ('select[aria-label="rival that boxes"]', ("1", "2")),
    "safety car": ('button[data-flag="sc"]', ("", "")),
    "dragged stop": (".c-stop", ("25", "60")),
}
"""What-if questions that are timed: what is let go of, and where, twice each; a rival by its place in the list."""
SCREENS = 4
LOAD_TURNS = 3
"""Laps over which ingestion is measured without the screens, and as many with them, in turn."""
LOWEST = 19
"""Nice value of the browsers while ingestion is measured."""
SETTLE_S = 5.0
"""Until the kernels that replace those of new screens have started, which is not what is measured."""
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
# Waits for the answer to what was just let go of: the bench writes how long it took when it draws it.
_ANSWERED = """() => new Promise((done) => {
  const node = document.querySelector('.rt-scenario');
  const drawn = () => requestAnimationFrame(() => done(Number(node.dataset.answered)));
  const seen = new MutationObserver(() => { seen.disconnect(); drawn(); });
  node.removeAttribute('data-answered');
  seen.observe(node, { attributes: true, attributeFilter: ['data-answered'] });
  setTimeout(() => done(NaN), 20000);
})"""


def dashboard(minutes: float = MINUTES) -> list[Figure]:
    """Measure latency, rate, lag, what-if, opening time, memory, and what four screens cost the engine.

    Parameters
    ----------
    minutes
        How long the page is watched in real time at 10 Hz, and (at ten times that pace) how long its memory is, which ends with
        the race (about nine minutes).
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise ConfigurationError("bench dashboard: no Chromium on this machine; install the package 'chromium'")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise ConfigurationError("bench dashboard: Playwright is missing; run: pip install 'racetwin[test]'") from None
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=[*_CHROMIUM, "--js-flags=--expose-gc"])
        with _race_day(speed=1) as (url, engine):
            figures = _live(browser, url, engine, minutes)
        with _race_day(speed=10) as (url, engine):
            figures.append(_memory(browser, url, minutes))
        with _race_day(speed=1) as (url, engine):
            figures.append(_added_load(browser, url, engine))
        browser.close()
    return figures


def _live(browser: Any, url: str, engine: str, minutes: float) -> list[Figure]:
    """Watch one screen at race pace: latency, rate, lag, what-if; and open a second one."""
    first, _ = _open(browser, url)
    second, opening_s = _open(browser, url)
    second.close()
    delays, rate = _watch(first, engine, 60 * minutes)
    by_lever = _what_if(first)
    answers = [took for times in by_lever.values() for took in times]
    stages = httpx.get(f"{engine}/api/v1/system/performance", timeout=10, trust_env=False).json()
    first.close()
    handed_on = stages["viewer"]["p95_ms"]
    cuts = quantiles([handed_on + d for _, d in delays], n=100)
    # Lag that grows would show as a slope; the median of each tenth keeps single hiccups out of it.
    tenth = max(1, len(delays) // 10)
    start, end = (median(d for _, d in part) for part in (delays[:tenth], delays[-tenth:]))
    return [
        Figure("publish_to_pixels_p50", round(cuts[49], 1), "ms", None, None, higher_is_better=False),
        Figure("publish_to_pixels_p95", round(cuts[94], 1), "ms", 250, 100, higher_is_better=False),
        Figure("update_rate_all_panels", round(rate, 1), "Hz", 10, 20),
        Figure("watched", round(minutes, 1), "minutes"),
        Figure("lag_grown_while_watched", round(end - start, 1), "ms", 100, 20, higher_is_better=False),
        Figure("second_screen_opens", round(opening_s, 2), "s", 5, 2, higher_is_better=False),
        Figure("published_to_handed_on_p95", round(handed_on, 1), "ms", None, None, higher_is_better=False),
        Figure("what_if_release_to_redraw_p50", round(median(answers), 1), "ms", 150, None, higher_is_better=False),
        Figure("what_if_release_to_redraw_max", round(max(answers), 1), "ms", None, None, higher_is_better=False),
        *(
            Figure(
                f"what_if_{kind.replace(' ', '_')}_max", round(max(times), 1), "ms", None, None, higher_is_better=False
            )
            for kind, times in by_lever.items()
        ),
    ]


def _open(browser: Any, url: str) -> tuple[Any, float]:
    """Open a screen; returns the page and the seconds until its first car stood on it."""
    page = browser.new_page(viewport={"width": 1920, "height": 1080})
    began = time.monotonic()
    page.goto(url, wait_until="commit")
    page.wait_for_selector(".t-list .t-row", timeout=120_000)
    return page, time.monotonic() - began


def _watch(page: Any, engine: str, seconds: float) -> tuple[list[tuple[float, float]], float]:
    """Return (time, delay) in ms from our receipt of each frame to its picture, and pictures a second."""
    came: dict[int, float] = {}

    def note(snapshot: RaceSnapshot) -> None:
        if snapshot.frame is not None:
            came.setdefault(snapshot.frame.seq, 1000 * time.time())

    with LiveRace.connect(engine, rate_hz=60) as live:
        live.subscribe(note)
        page.evaluate(_NOTE)
        began = time.monotonic()
        page.wait_for_timeout(1000 * seconds)
        lasted = time.monotonic() - began
        drawn = page.evaluate("() => window.drawn")
    delays = [(at, at - came[int(number)]) for number, at in drawn if int(number) in came]
    if len(delays) < 20:
        raise ConfigurationError(
            f"bench dashboard: only {len(delays)} pictures in {lasted:.0f} s; is the machine overloaded?"
        )
    return delays, len(drawn) / lasted


def _what_if(page: Any) -> dict[str, list[float]]:
    """Return milliseconds from letting go of each lever or a dragged stop to the picture of its answer."""
    page.wait_for_selector(".p-row[data-plan]", timeout=120_000)
    page.locator('.d-tab[data-view="scenario"]').click()
    page.wait_for_selector(".rt-scenario .c-stop", timeout=60_000)
    times: dict[str, list[float]] = {}
    for kind, (where, values) in LEVERS.items():
        for value in values:
            page.locator(".rt-scenario .c-reset").click()
            page.wait_for_timeout(300)
            page.evaluate_handle(f"() => {{ window.answer = ({_ANSWERED})(); }}")
            _let_go(page, page.locator(f".rt-scenario {where}").first, kind, value)
            took = page.evaluate("() => window.answer")
            if took is None or took != took:
                raise ConfigurationError(f"bench dashboard: a what-if question ({kind}) was not answered within 20 s")
            times.setdefault(kind, []).append(float(took))
    return times


def _let_go(page: Any, node: Any, kind: str, value: str) -> None:
    """Pull a lever to a value, or drag a stop by so many pixels, and let go of it."""
    if kind == "safety car":
        node.click()
    elif kind == "dragged stop":
        box = node.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + float(value), y, steps=4)
        page.mouse.up()
    else:
        put = "node.selectedIndex" if kind == "rival boxes" else "node.value"
        node.evaluate(f"(node) => {{ {put} = {value}; node.dispatchEvent(new Event('change')); }}")


def _memory(browser: Any, url: str, minutes: float) -> Figure:
    """Return by how much the page's heap grows over the race at ten times its pace, after the garbage is collected."""
    page, _ = _open(browser, url)
    tools = page.context.new_cdp_session(page)

    def heap() -> float:
        for _ in range(3):
            tools.send("HeapProfiler.collectGarbage")
        return float(tools.send("Runtime.getHeapUsage")["usedSize"])

    page.wait_for_timeout(8000)  # first answers, fonts, caches
    before = heap()
    deadline = time.monotonic() + 60 * minutes
    while time.monotonic() < deadline:
        page.wait_for_timeout(1000)
        if page.locator(".v-feed").inner_text() == "ended":
            break
    after = heap()
    page.close()
    return Figure(
        "browser_memory_growth_at_10x", round(100 * (after / before - 1), 2), "%", 20, 5, higher_is_better=False
    )


def _added_load(browser: Any, url: str, engine: str) -> Figure:
    """Return what four screens add to ingestion's p99: measured without and with them in turn, medians compared.

    A turn takes as long as a lap, since frames in which cars cross the line cost more than others and come once a lap. The
    browsers stand for other machines, so they yield to the engine. Voila and the screens' kernels, which would be on the engine's
    machine, run as they do on race day.
    """
    lap_s = _lap_s(engine)
    without, with_them = [], []
    for _ in range(LOAD_TURNS):
        without.append(_ingest_p99(engine, lap_s))
        pages = [_open(browser, url)[0] for _ in range(SCREENS)]
        _step_aside()
        time.sleep(SETTLE_S)
        with_them.append(_ingest_p99(engine, lap_s))
        for page in pages:
            page.close()
        time.sleep(SETTLE_S)
    added = 100 * (median(with_them) / median(without) - 1)
    return Figure("four_screens_added_to_ingest_p99", round(added, 1), "%", 10, 0, higher_is_better=False)


def _lap_s(engine: str) -> float:
    """Return how long the race takes for a lap, once its first has been driven."""
    with LiveRace.connect(engine) as live:
        first = live.wait_for(lambda s: s.lap >= 1, timeout=300).lap
        began = time.monotonic()
        live.wait_for(lambda s: s.lap > first, timeout=300)
        return time.monotonic() - began


def _ingest_p99(engine: str, seconds: float) -> float:
    """Return ingestion's p99 over the frames of the next ``seconds``, in ms."""

    def read(newest: int | None = None) -> dict[str, Any]:
        url = f"{engine}/api/v1/system/performance" + (f"?newest={newest}" if newest else "")
        found: dict[str, Any] = httpx.get(url, timeout=10, trust_env=False).json()["ingest"]
        return found

    before = int(read()["count"])
    time.sleep(seconds)
    return float(read(max(100, int(read()["count"]) - before))["p99_ms"])


def _step_aside() -> None:
    """Give the browsers that this process has started, directly or not, the lowest priority."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if _is_ours(int(folder.name)) and b"chrom" in (folder / "cmdline").read_bytes():
                for thread in (folder / "task").iterdir():  # each has a priority of its own
                    os.setpriority(os.PRIO_PROCESS, int(thread.name), LOWEST)
                (folder / "autogroup").write_text(str(LOWEST), encoding="ascii")  # which Linux looks at before that
        except (OSError, ValueError):
            continue  # it has ended, or is not ours to change


def _is_ours(pid: int) -> bool:
    """Whether a process descends from this one."""
    while pid > 1:
        if pid == os.getpid():
            return True
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
        pid = int(stat.rpartition(")")[2].split()[1])
    return False


@contextmanager
def _race_day(speed: int) -> Iterator[tuple[str, str]]:
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
            str(speed),
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
