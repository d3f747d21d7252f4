"""Drives every panel of a board in a browser and compares what it shows with what the engine says."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np

from racetwin.runtime.snapshot import RaceSnapshot
from racetwin.schemas import CarStatus, Estimate, Rejoin
from racetwin.strategist.facts import is_life_known
from racetwin.wear import fit_wear
from racetwin.widgets.gaps import gaps_now
from racetwin.widgets.our_plan import ours_of
from racetwin.widgets.status import messages
from racetwin.widgets.trace import gaps_to_reference
from racetwin.widgets.tyres import clean_stint, fuel_per_lap_s
from racetwin.widgets.verdict import verdict as tell

PATIENCE_MS = 120_000


def view(page: Any, name: str) -> Any:
    """Choose a view by its tab and return its panel."""
    tab = page.locator(f'.d-tab[data-view="{name}"]')
    panel = page.locator(f".rt-{name}")
    if tab.is_visible() and tab.get_attribute("aria-selected") != "true":
        drawn = panel.get_attribute("data-drawn")
        tab.click()
        # A view that is not chosen is not drawn: what it shows is of its last time until it is drawn anew.
        page.wait_for_function(f"document.querySelector('.rt-{name}').dataset.drawn !== '{drawn}'", timeout=PATIENCE_MS)
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
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def percent(p: float | None) -> str:
    if p is None:
        return "–"
    if 0 < p < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 < p < 1 else f"{math.floor(100 * p + 0.5)} %"


def signed(value: float, digits: int) -> str:
    text = half_up(abs(value), digits)
    return text if float(text) == 0 else ("−" if value < 0 else "+") + text


def interval(e: Estimate | None, digits: int) -> str:
    return "–" if e is None else f"{e.mean:.{digits}f} ({e.low:.{digits}f} to {e.high:.{digits}f})"


def tower(page: Any, snapshot: RaceSnapshot, car_id: str) -> None:
    """Order, gaps, intervals, times, tyres, stops, net position, stop soon, threat, pit state; sorted, pinned and back."""
    virtual = snapshot.field["virtual_positions"]
    leader = snapshot.order[0].car_id
    gaps = gaps_now(snapshot)
    threats = {t["rival_id"]: t for t in snapshot.field["threats"].get(car_id, [])}
    for car in snapshot.order:
        if car.status is CarStatus.RETIRED:
            continue
        row = page.locator(f'.t-row[data-car="{car.car_id}"]')
        assert row.locator(".t-position").inner_text() == str(car.position), car.car_id
        assert row.locator(".t-last").inner_text() == lap_time(car.last_lap_s), car.car_id
        assert row.locator(".t-best").text_content() == lap_time(car.best_lap_s), car.car_id
        if car.car_id != leader:
            now = gaps[car.car_id]
            between = now.kind == "between" and now.gap_s is not None
            rough = now.kind != "timed" and now.gap_s is not None  # moved on, or old
            said = f"+{half_up(now.gap_s, 1)}" if rough and not car.laps_down else gap(now.gap_s, car.laps_down or 0)
            assert row.locator(".t-gap span").inner_text() == said, car.car_id
            if car.status is CarStatus.PIT:
                assert row.locator(".t-interval").inner_text() == "IN PIT", car.car_id
            elif now.kind in ("timed", "between"):
                apart = (
                    f"+{half_up(now.interval_s, 1)}" if between and now.interval_s is not None else gap(now.interval_s)
                )
                assert row.locator(".t-interval").inner_text() == apart, car.car_id
        twin = snapshot.cars[car.car_id]
        stops = car.stops if car.stops is not None else twin.stops
        assert row.locator(".t-stops").inner_text() == str(stops), car.car_id
        assert row.locator(".t-soon").text_content() == percent(twin.stop_probability_next_5), car.car_id
        sign = {"high": "▲▲", "medium": "▲", "low": "△"}[threats[car.car_id]["level"]] if car.car_id in threats else ""
        assert row.locator(".t-threat").inner_text() == sign, car.car_id
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
        value = float(np.float32(gaps[np.flatnonzero(np.isfinite(gaps))[-1]]))
        text = half_up(abs(value), 1)
        return f"{names[car_id]} {'' if float(text) == 0 else '−' if value < 0 else '+'}{text} s"

    label = panel.locator("canvas")

    def says(words: str) -> None:
        """Wait for the words: a view that was hidden gets its values when it is opened, a round trip later."""
        end = time.monotonic() + PATIENCE_MS / 1000
        while words not in (label.get_attribute("aria-label") or ""):
            assert time.monotonic() < end, (words, label.get_attribute("aria-label"))
            page.wait_for_timeout(100)

    says(ours(None))
    page.wait_for_function(
        f"document.querySelector('.rt-trace').dataset.fan?.includes('{car_id}')", timeout=PATIENCE_MS
    )
    other = next(c for c in cars if c != car_id)
    panel.locator("select").first.select_option(other)
    says(ours(other))
    panel.locator("select").nth(1).select_option(other)
    says(f"; {names[other]} 0.0 s")
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
    """The place at the pit exit, its probability, and who is ahead and behind by how much."""
    box = snapshot.answers[car_id].box_now
    if box is None:
        return
    names = {c.car_id: c.driver or c.car_id for c in snapshot.order}
    for place in (".b-big strong", ".v-rejoin strong"):
        assert page.locator(place).inner_text() == f"P{box.position}"
    assert page.locator(".b-big span").inner_text() == f"{percent(box.probability)} likely"
    assert page.locator(".v-rejoin .v-more").inner_text().startswith(f"{percent(box.probability)} likely")
    assert f"pit loss {box.pit_loss_s.mean:.1f} s" in page.locator(".rt-rejoin .rt-note").inner_text()
    for side, car, seconds in (("ahead", box.car_ahead, box.gap_ahead_s), ("behind", box.car_behind, box.gap_behind_s)):
        if car is not None and seconds is not None:
            assert page.locator(f".b-car.{side} b").inner_text() == names[car]
            assert page.locator(f".b-car.{side} span").inner_text() == f"{seconds:.1f} s"


def verdict(page: Any, snapshot: RaceSnapshot, car_id: str) -> None:
    """Box or stay out, what our plan brings, and the call's advantage with its error."""
    car, answer = snapshot.car(car_id), snapshot.answers[car_id]
    ours = ours_of(snapshot, car_id)
    told = tell(answer, car, snapshot.advice.get(car_id, ()), finished=snapshot.finished, ours=ours)
    assert page.locator(".v-headline").inner_text() == told.headline
    assert page.locator(".v-detail").inner_text() == told.detail
    box = bool(ours.stops) and ours.stops[0].lap <= (car.lap or answer.lap + 1)
    if told.call in ("box", "stay"):
        assert told.headline == ("BOX NOW" if box else "STAY OUT")
        assert page.locator(".v-outcome strong").inner_text() == f"P{ours.ranked.expected_position:.1f}"
        assert (
            page.locator(".v-outcome .v-more").inner_text().startswith(f"{percent(ours.ranked.p_points)} in the points")
        )
        if told.advantage is not None:
            error = f"{signed(told.advantage, 2)} ± {told.standard_error:.2f} pts"
            assert page.locator(".v-sure .v-more").inner_text().startswith(error)


def alarms(page: Any, snapshot: RaceSnapshot) -> None:
    """What is wrong with the system; by the clock, so only the engine that the page shows knows it."""
    assert int(page.locator(".rt-status .s-machine").get_attribute("data-count") or 0) == len(snapshot.alarms)


def status(page: Any, snapshot: RaceSnapshot, car_id: str) -> None:
    """Newest words of race control, weather as measured, and what the numbers rest on."""
    panel = page.locator(".rt-status")
    names = {c.car_id: c.driver or c.car_id for c in snapshot.order}
    said = [m["text"] for m in messages(snapshot.events, names)]
    assert panel.locator(".s-line > span:last-child").all_text_contents() == said
    track = snapshot.frame.track
    weather = panel.locator(".s-weather").inner_text()
    for reading, unit in (
        (track.air_temperature_c, "°C"),
        (track.track_temperature_c, "°C"),
        (track.humidity_pct, "%"),
    ):
        if reading is not None:
            assert f"{reading:.0f} {unit}" in weather
    if track.wind_speed_ms is not None:
        assert f"{track.wind_speed_ms:.1f} m/s" in weather
    health = panel.locator(".s-health").inner_text()
    assert ("no journal" if snapshot.journal.state == "off" else f"journal {snapshot.journal.state}") in health
    assert f"desk {snapshot.desk.state}" in health


def window(page: Any, cells: Sequence[Rejoin], snapshot: RaceSnapshot) -> None:
    """Every lap and status that the engine has worked out: place, probability, neighbours and gaps."""
    panel = view(page, "window")
    names = {c.car_id: c.driver or c.car_id for c in snapshot.order}
    laps = panel.locator(".w-table thead th").all_inner_texts()[1:]
    kinds = {"GREEN": "Green", "VSC": "VSC", "SC": "Safety car"}
    rows = {r.locator("th").inner_text().split("\n")[0]: r for r in panel.locator(".w-table tbody tr").all()}
    for cell in cells:
        if str(cell.lap) not in laps:
            continue
        said = rows[kinds[cell.track_status.value]].locator("td:not(.w-gap)").nth(laps.index(str(cell.lap)))
        assert said.locator("b").inner_text() == f"P{cell.position}", (cell.lap, cell.track_status)
        assert said.locator(".w-p").inner_text() == percent(cell.probability), (cell.lap, cell.track_status)
        for side, car, seconds in (
            ("ahead", cell.car_ahead, cell.gap_ahead_s),
            ("behind", cell.car_behind, cell.gap_behind_s),
        ):
            if car is not None and seconds is not None:
                assert said.locator(f".w-{side}").inner_text() == f"{names[car]} {seconds:.1f}", (
                    cell.lap,
                    cell.track_status,
                )


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
    assert cells[2] == interval(twin.wear_s_per_lap, 2)
    burn = fuel_per_lap_s(snapshot, twin)
    stint = clean_stint(snapshot, car_id)
    fit = fit_wear([age for _, age, _ in stint], [time + burn * lap for lap, _, time in stint])
    assert cells[3] == ("–" if fit is None else f"{fit.slope:.2f} ({fit.low:.2f} to {fit.high:.2f})")
    life = twin.tyre_life_laps.up_to(snapshot.info.total_laps - twin.lap) if twin.tyre_life_laps else None
    usual = twin.usual_life_laps
    if life is None or is_life_known(life):
        assert cells[4] == interval(life, 0)
    else:
        assert cells[4] == "not known yet" + ("" if usual is None else f" (usually {math.floor(usual + 0.5)})")
    button = panel.locator('button[aria-pressed="false"]').first
    car = button.get_attribute("data-car")
    button.click()
    page.wait_for_selector(f'.rt-tyres button[data-car="{car}"][aria-pressed="true"]')
    panel.locator(f'button[data-car="{car}"]').click()


def rivals(page: Any, snapshot: RaceSnapshot, car_id: str) -> None:
    """Threats, duels, stops by lap and habits are the field twin's, number by number."""
    panel = view(page, "rivals")
    names = {c.car_id: c.driver or c.car_id for c in snapshot.order}
    threats = snapshot.field["threats"][car_id]
    assert panel.locator(".v-threat > b").all_inner_texts() == [names[t["rival_id"]] for t in threats]
    duels = [d for d in snapshot.field["duels"] if car_id in (d["car_id"], d["rival_id"])]
    assert panel.locator(".v-threat .v-bar").all_inner_texts() == [percent(t["probability"]) for t in threats]
    rows = panel.locator(".v-part table:not(.v-habits) tbody tr")
    assert rows.count() == len(duels)
    for k, duel in enumerate(duels):
        told = [f"{duel['gap_s']:.1f} s"]
        for move in ("undercut", "overcut"):
            told += [percent(duel[f"{move}_probability"]), f"{signed(duel[f'{move}_gain_s'], 1)} s"]
            told.append(f"{duel[f'{move}_points']:.1f} pts")
        assert rows.nth(k).locator("td").all_inner_texts() == told
    if any(c.get("profile") for c in snapshot.field["cars"].values()):
        assert panel.locator(".v-habits tbody tr").count() >= 3
    outlook = snapshot.field["cars"][car_id]["stop_probability_by_lap"]
    for square in panel.locator(f'.v-strip i[title^="{names[car_id]} stops"]').all():
        lap = square.get_attribute("data-lap")
        assert square.get_attribute("title").endswith(f"lap {lap}: {percent(outlook.get(lap, 0.0))}")


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


SHOWN = (verdict, tower, rejoin, status, plans, advice, trace, tyres, rivals, track, system)
"""Panels whose values are compared with a snapshot."""
