"""Drives every panel of a board in a browser and compares what it shows with what the engine says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from racetwin.runtime.snapshot import RaceSnapshot
from racetwin.schemas import CarStatus, Estimate
from racetwin.widgets.our_plan import ours_of
from racetwin.widgets.trace import gaps_to_reference

PATIENCE_MS = 120_000


def view(page: Any, name: str) -> Any:
    """Choose a view by its tab and return its panel."""
    tab = page.locator(f'.d-tab[data-view="{name}"]')
    if tab.is_visible():
        tab.click()
    panel = page.locator(f".rt-{name}")
    panel.wait_for(state="visible", timeout=PATIENCE_MS)
    page.wait_for_timeout(300)
    return panel


def gap(seconds: float | None, laps_down: int = 0) -> str:
    if laps_down:
        return f"+{laps_down} L"
    return "–" if seconds is None else f"+{half_up(seconds, 1 if seconds >= 100 else 3)}"


def lap_time(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    ms = math.floor(seconds * 1000 + 0.5)
    rest = f"{ms % 60000 / 1000:.3f}"
    return f"{ms // 60000}:{rest.rjust(6, '0')}" if ms >= 60000 else rest


def half_up(value: float, digits: int) -> str:
    """As JavaScript's toFixed: the number itself decides, not its shortest decimal."""
    return f"{value:.{digits}f}"


def interval(e: Estimate | None, digits: int) -> str:
    return "–" if e is None else f"{e.mean:.{digits}f} ({e.low:.{digits}f} to {e.high:.{digits}f})"


def tower(page: Any, snapshot: RaceSnapshot, car_id: str) -> None:
    """Order, gaps, times, tyres, stops, net position; sorted, pinned and back."""
    virtual = snapshot.field["virtual_positions"]
    leader = snapshot.order[0].car_id
    for car in snapshot.order:
        if car.status is CarStatus.RETIRED:
            continue
        row = page.locator(f'.t-row[data-car="{car.car_id}"]')
        assert row.locator(".t-position").inner_text() == str(car.position), car.car_id
        assert row.locator(".t-last").inner_text() == lap_time(car.last_lap_s), car.car_id
        if car.car_id != leader:
            assert row.locator(".t-gap").inner_text() == gap(car.gap_s, car.laps_down or 0), car.car_id
        badge = row.locator(".rt-tyre").inner_text().split()
        assert badge[0] == (car.tyre.compound.letter if car.tyre.compound else "?"), car.car_id
        assert row.locator(".t-net").inner_text() == str(virtual[car.car_id]), car.car_id
    ids = (
        "() => [...document.querySelectorAll('.t-list .t-row')]"
        ".sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map((r) => r.dataset.car)"
    )
    race_order = page.evaluate(ids)
    page.locator(".t-header .t-driver").click()
    names = {c.car_id: c.driver or c.car_id for c in snapshot.order}
    assert [names[c] for c in page.evaluate(ids)] == sorted(names[c] for c in race_order)
    last = race_order[-1]
    page.locator(f'.t-row[data-car="{last}"]').hover()
    page.locator(f'.t-row[data-car="{last}"] button.t-pin').click()
    assert page.evaluate(ids)[0] == last
    page.locator(f'.t-row[data-car="{last}"] button.t-pin').click()
    page.locator(".t-header .t-driver").click()
    page.locator(".t-header .t-driver").click()
    assert page.evaluate(ids) == race_order
    assert page.locator('.t-row[aria-selected="true"]').get_attribute("data-car") == car_id


def trace(page: Any, snapshot: RaceSnapshot, car_id: str) -> None:
    """Our gap to the front half's pace and to another car, and the fan."""
    panel = view(page, "trace")
    names = {c.car_id: c.driver or c.car_id for c in snapshot.order}
    cars = [c.car_id for c in snapshot.order]
    own = cars.index(car_id)

    def ours(reference: str | None) -> str:
        gaps = gaps_to_reference(snapshot.laps, cars, reference)[:, own]
        value = np.float32(gaps[np.flatnonzero(np.isfinite(gaps))[-1]])
        text = f"{abs(float(value)):.1f}"
        return f"{names[car_id]} {'' if float(text) == 0 else '−' if value < 0 else '+'}{text} s"

    label = panel.locator("canvas")
    assert ours(None) in label.get_attribute("aria-label")
    page.wait_for_function(
        f"document.querySelector('.rt-trace').dataset.fan?.includes('{car_id}')", timeout=PATIENCE_MS
    )
    other = next(c for c in cars if c != car_id)
    panel.locator("select").first.select_option(other)
    assert ours(other) in label.get_attribute("aria-label")
    panel.locator("select").nth(1).select_option(other)
    assert f"; {names[other]} 0.0 s" in label.get_attribute("aria-label")
    panel.locator("select").first.select_option("")
    panel.locator("select").nth(1).select_option("")


def plans(page: Any, snapshot: RaceSnapshot, car_id: str) -> None:
    """Each plan with its points, the call that stands as ours; one is followed and let go of."""
    answer = snapshot.answers[car_id]
    rows = page.locator(".p-row[data-plan]")
    ours = ours_of(snapshot, car_id)
    assert page.locator('.p-row[data-current="true"]').get_attribute("data-plan") == ours.ranked.plan
    by_name = {p.plan: p for p in answer.plans}
    for k in range(rows.count()):
        plan = by_name[rows.nth(k).get_attribute("data-plan")]
        assert rows.nth(k).locator(".p-mean small").inner_text() == f"{plan.expected_points:.1f} pts"
    other = page.locator('.p-row[data-current="false"]').first
    wanted = other.get_attribute("data-plan")
    other.click()
    page.wait_for_selector(f'.p-row[data-plan="{wanted}"][data-current="true"]', timeout=PATIENCE_MS)
    page.locator(f'.p-row[data-plan="{wanted}"]').click()
    page.wait_for_selector(f'.p-row[data-plan="{wanted}"][data-current="false"]', timeout=PATIENCE_MS)


def rejoin(page: Any, snapshot: RaceSnapshot, car_id: str) -> None:
    """The place at the pit exit, and its probability."""
    box = snapshot.answers[car_id].box_now
    if box is not None:
        assert page.locator(".b-big strong").inner_text() == f"P{box.position}"
        assert page.locator(".v-rejoin strong").inner_text() == f"P{box.position}"


def advice(page: Any, snapshot: RaceSnapshot, car_id: str) -> None:
    """Every recommendation is there."""
    titles = page.locator(".a-card .a-title").all_inner_texts()
    assert sorted(titles) == sorted(r.title.removeprefix("Withdrawn: ") for r in snapshot.advice[car_id])


def tyres(page: Any, snapshot: RaceSnapshot, car_id: str) -> None:
    """Wear and life of our set as the twin has them; another car is put on the chart."""
    panel = view(page, "tyres")
    twin = snapshot.cars[car_id]
    row = panel.locator("tr", has=page.locator(f'button[data-car="{car_id}"]'))
    cells = row.locator("td").all_inner_texts()
    assert cells[2] == interval(twin.wear_s_per_lap, 3)
    assert cells[3] == interval(twin.tyre_life_laps, 0)
    button = panel.locator('button[aria-pressed="false"]').first
    car = button.get_attribute("data-car")
    button.click()
    page.wait_for_selector(f'.rt-tyres button[data-car="{car}"][aria-pressed="true"]')
    panel.locator(f'button[data-car="{car}"]').click()


def rivals(page: Any, snapshot: RaceSnapshot, car_id: str) -> None:
    """Threats and duels are the field twin's."""
    panel = view(page, "rivals")
    names = {c.car_id: c.driver or c.car_id for c in snapshot.order}
    threats = snapshot.field["threats"][car_id]
    assert panel.locator(".v-threat > b").all_inner_texts() == [names[t["rival_id"]] for t in threats]
    duels = [d for d in snapshot.field["duels"] if car_id in (d["car_id"], d["rival_id"])]
    assert panel.locator(".v-part table:not(.v-habits) tbody tr").count() == len(duels)
    assert panel.locator(".v-habits tbody tr").count() >= 3


def track(page: Any, snapshot: RaceSnapshot, car_id: str) -> None:
    """Every car that is on the track is on the map, and our ghost."""
    panel = view(page, "track")
    out = (CarStatus.RETIRED, CarStatus.FINISHED)
    cars = [c for c in snapshot.order if c.status not in out and c.lap is not None and c.lap_fraction is not None]
    assert panel.locator("canvas").get_attribute("aria-label").startswith(f"{len(cars)} cars on the track")


def system(page: Any, snapshot: RaceSnapshot, car_id: str) -> None:
    """The engine's stages, frames and backend."""
    panel = view(page, "system")
    text = panel.inner_text()
    assert "Frame in to twins" in text
    assert snapshot.answers[car_id].receipt.backend in text
    assert f"{snapshot.counters.frames_in:,}" in text


def scenario(page: Any) -> tuple[str, str]:
    """Pull a lever, then drag a stop (or add one); return the words of both answers."""
    panel = view(page, "scenario")
    panel.locator('button[data-flag="sc"]').click()
    after = panel.locator(".c-card[data-after='true']")
    after.wait_for(timeout=PATIENCE_MS)
    lever = after.inner_text()
    panel.locator(".c-reset").click()
    after.wait_for(state="detached", timeout=PATIENCE_MS)
    if not panel.locator(".c-stop").count():
        panel.get_by_role("button", name="+ stop").click()
        after.wait_for(timeout=PATIENCE_MS)
    handle = panel.locator(".c-stop").first
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=5)
    page.mouse.up()
    after.wait_for(timeout=PATIENCE_MS)
    page.wait_for_selector('.rt-scenario[data-busy="no"]', timeout=PATIENCE_MS)
    return lever, after.inner_text()


def desk(page: Any) -> str:
    """Ask for both cars and what would change the call; return the words of the last answer."""
    panel = view(page, "desk")
    for kind, table in (("team", "points"), ("sensitivity", "the best is")):
        panel.locator(f'button[data-kind="{kind}"]').click()
        panel.locator("th", has_text=table).first.wait_for(timeout=PATIENCE_MS)
    return str(panel.locator(".k-result").inner_text())


def clock(page: Any) -> None:
    """Pause, back a lap, to an early lap by the slider, and live again."""
    line = page.locator(".rt-timeline")
    line.locator(".l-pause").click()
    page.wait_for_selector('.rt-timeline[data-held="yes"]', timeout=PATIENCE_MS)
    held = int(page.locator(".v-lap strong").inner_text())
    line.locator('button[aria-label^="back a lap"]').click()
    page.wait_for_function(f"Number(document.querySelector('.v-lap strong').textContent) < {held}", timeout=PATIENCE_MS)
    slider = line.locator('input[type="range"]')
    slider.evaluate(
        "(n) => { n.value = 3; n.dispatchEvent(new Event('input')); n.dispatchEvent(new Event('change')); }"
    )
    page.wait_for_function("Number(document.querySelector('.v-lap strong').textContent) === 3", timeout=PATIENCE_MS)
    assert page.locator(".v-held").is_visible()
    line.locator(".l-live").click()
    page.wait_for_selector('.rt-timeline[data-held="no"]', timeout=PATIENCE_MS)
    assert not page.locator(".v-held").is_visible()


SHOWN = (tower, rejoin, plans, advice, trace, tyres, rivals, track, system)
"""Panels whose values are compared with a snapshot."""
