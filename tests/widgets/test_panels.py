"""Each panel draws the snapshot's own values."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from racetwin.runtime.channel import Link
from racetwin.runtime.monitor import RULES
from racetwin.runtime.snapshot import Alarm
from racetwin.schemas import CarStatus, Compound, Estimate, LapCompleted, Overtake, RaceControl, TrackStatus, Tyre
from racetwin.simulation.parameter_file import load_parameters
from racetwin.wear import fit_wear, t90
from racetwin.widgets import (
    AdvicePanel,
    PitWindow,
    PlansPanel,
    RaceDayBoard,
    RaceTrace,
    RejoinPanel,
    RivalsPanel,
    StatusPanel,
    SystemPanel,
    Timeline,
    TimingTower,
    TrackMap,
    TyrePanel,
)
from racetwin.widgets._panel import unpack
from racetwin.widgets.our_plan import Followed, OurPlan, our_plan, ours_of
from racetwin.widgets.plans import past_stints, plan_families
from racetwin.widgets.status import MACHINE, messages
from racetwin.widgets.tower import tower_rows
from racetwin.widgets.trace import gaps_to_reference, line_times, reference_times, status_spans
from racetwin.widgets.track import yellow_sectors
from racetwin.widgets.tyres import clean_stint, fuel_per_lap_s

pytestmark = pytest.mark.unit


# --- tower ------------------------------------------------------------------------------------------------------------


def test_tower_has_every_car_in_order_and_the_retired_last(race: ModuleType) -> None:
    rows = tower_rows(race.snapshot(22))
    assert len(rows) == 20
    assert [r["position"] for r in rows[:19]] == list(range(1, 20))
    assert (rows[-1]["driver"], rows[-1]["position"], rows[-1]["net"]) == ("PER", None, None)


def test_rows_are_in_the_order_that_they_state_also_where_a_feed_says_too_little(race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    unknown = {"1", snapshot.order[7].car_id}
    cars = tuple(c.model_copy(update={"position": None}) if c.car_id in unknown else c for c in snapshot.frame.cars)
    frame = snapshot.frame.model_copy(update={"cars": cars})
    stated = [r["position"] for r in tower_rows(snapshot.model_copy(update={"frame": frame})) if r["position"]]
    assert len(stated) == 19
    assert stated == sorted(stated)


def test_tower_values_are_the_frames(race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    for row in tower_rows(snapshot)[:19]:
        car = snapshot.car(row["id"])
        assert row["gap"] == car.gap_s
        assert row["last"] == car.last_lap_s
        assert row["compound"] == car.tyre.compound
        assert row["age"] == car.tyre.age
        assert row["change"] == car.grid_position - car.position
        assert row["stop_soon"] == snapshot.cars[row["id"]].stop_probability_next_5


def test_tower_marks_the_cars_a_stop_would_put_us_between(race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    roles = {r["id"]: r["role"] for r in tower_rows(snapshot, snapshot.answers["63"].box_now)}
    assert roles["18"] == "ahead"
    assert roles["14"] == "behind"
    assert [r for r in roles.values() if r] == ["behind", "ahead"] or sorted(filter(None, roles.values())) == [
        "ahead",
        "behind",
    ]


def test_only_one_lap_is_the_fastest_of_the_race(race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    best = min(c.best_lap_s for c in snapshot.order if c.best_lap_s)
    assert all(r["last"] == best for r in tower_rows(snapshot) if r["fastest"])


def test_tower_without_twins_or_field_still_shows_the_frame(race: ModuleType) -> None:
    rows = tower_rows(race.snapshot(22, cars={}, field={}))
    assert len(rows) == 20
    assert {r["net"] for r in rows} == {None}


def test_tower_panel_sends_what_the_rows_say(race: ModuleType) -> None:
    panel = TimingTower()
    panel.show(race.snapshot(22), "63")
    assert panel.shown()["car"] == "63"
    assert [r["id"] for r in panel.shown()["rows"]] == [r["id"] for r in tower_rows(race.snapshot(22))]


# --- race trace -------------------------------------------------------------------------------------------------------


def test_line_times_are_the_laps(race: ModuleType) -> None:
    rows = race.lap_rows(10)
    cars = [d[0] for d in race.DRIVERS]
    times = line_times(rows, cars)
    assert times.shape == (10, 20)
    for row in rows:
        assert times[row.lap - 1, cars.index(row.car_id)] == row.line_time_s


def test_against_a_car_its_own_gap_is_zero_and_others_are_true_gaps(race: ModuleType) -> None:
    rows = race.lap_rows(12)
    cars = [d[0] for d in race.DRIVERS]
    gaps = gaps_to_reference(rows, cars, "44")
    assert np.all(gaps[:, 0] == 0)
    by = {(r.lap, r.car_id): r.line_time_s for r in rows}
    assert gaps[11, 3] == pytest.approx(by[12, "81"] - by[12, "44"])


def test_the_reference_is_not_slowed_by_stops(race: ModuleType) -> None:
    rows = race.lap_rows(30)
    pace = np.diff(reference_times(rows))
    green = [p for lap, p in enumerate(pace, start=2) if not 11 <= lap <= 13]
    assert max(green) - min(green) < 2.0
    assert pace[10] > 110  # under the safety car it is as slow as the field


def test_a_car_that_retired_has_no_gaps_afterwards(race: ModuleType) -> None:
    gaps = gaps_to_reference(race.lap_rows(20), [d[0] for d in race.DRIVERS])
    assert np.isfinite(gaps[13, 19])
    assert np.isnan(gaps[14:, 19]).all()


def test_safety_car_is_one_span(race: ModuleType) -> None:
    assert status_spans(race.lap_rows(20)) == [(11, 13, "SC")]


def test_vsc_ending_belongs_to_the_vsc(race: ModuleType) -> None:
    rows = [r.model_copy(update={"track_status": TrackStatus.GREEN}) for r in race.lap_rows(6)]
    change = {3: TrackStatus.VSC, 4: TrackStatus.VSC_ENDING}
    rows = [r.model_copy(update={"track_status": change.get(r.lap, r.track_status)}) for r in rows]
    assert status_spans(rows) == [(3, 4, "VSC")]


def test_trace_panel_draws_again_only_when_something_changed(race: ModuleType) -> None:
    panel = RaceTrace()
    first = race.snapshot(22)
    panel.show(first, "63")
    data = panel.data
    panel.show(first.model_copy(update={"time_s": 1.0}), "63")
    assert panel.data is data
    panel.show(first, "44")
    assert panel.shown()["car"] == "44"


def test_trace_before_the_first_lap_is_empty(race: ModuleType) -> None:
    panel = RaceTrace()
    panel.show(race.snapshot(22, laps=()), "63")
    assert panel.shown()["gaps"].shape == (0, 20)


# --- plans ------------------------------------------------------------------------------------------------------------


def test_plans_of_one_idea_are_one_family_with_its_window(race: ModuleType) -> None:
    families = plan_families(race.answer("63", 22, box=True).plans)
    best, window, members = families[0]
    assert best.plan == "L23 HARD"
    assert window == (23, 25)  # lap 26 is worse beyond noise
    assert members == 4
    assert [f[0].rank for f in families] == sorted(f[0].rank for f in families)


def test_a_plan_without_a_stop_has_no_window(race: ModuleType) -> None:
    families = plan_families(race.answer("63", 22).plans, limit=50)
    assert [w for p, w, _ in families if not p.stops] == [None]


def test_every_plan_is_in_exactly_one_family(race: ModuleType) -> None:
    plans = race.answer("63", 22).plans
    assert sum(n for _, _, n in plan_families(plans, limit=100)) == len(plans)


def test_past_stints_follow_the_stops(race: ModuleType) -> None:
    stop = race.stop_lap(0)
    assert past_stints(race.lap_rows(30), "44") == [
        {"from": 1, "to": stop, "compound": "MEDIUM"},
        {"from": stop + 1, "to": 30, "compound": "HARD"},
    ]


def test_plans_panel_sends_distributions_that_add_up(race: ModuleType) -> None:
    panel = PlansPanel()
    panel.show(race.snapshot(22), "63")
    shown = panel.shown()
    np.testing.assert_allclose(shown["positions"].sum(axis=1), 1, atol=1e-5)
    assert len(shown["plans"]) == len(shown["positions"])
    assert (shown["count"], shown["races"]) == (12, 2000)


def test_plans_panel_of_a_car_without_answer_is_empty(race: ModuleType) -> None:
    panel = PlansPanel()
    panel.show(race.snapshot(22), "1")
    assert panel.shown()["plans"] == []


# --- rejoin, advice, status -------------------------------------------------------------------------------------------


def test_rejoin_shows_the_forecast_and_warns_of_traffic(race: ModuleType) -> None:
    panel = RejoinPanel()
    panel.show(race.snapshot(22), "63")
    shown = panel.shown()["rejoin"]
    assert (shown["position"], shown["probability"], shown["ahead"], shown["behind"]) == (8, 0.41, "STR", "ALO")
    assert shown["traffic"] is True
    assert shown["places"] == [[5, 0.04], [6, 0.17], [7, 0.22], [8, 0.41], [9, 0.12], [10, 0.04]]


def test_rejoin_without_a_forecast_is_empty(race: ModuleType) -> None:
    panel = RejoinPanel()
    panel.show(race.snapshot(22), "1")
    assert panel.shown()["rejoin"] is None


def test_advice_comes_most_urgent_first(race: ModuleType) -> None:
    panel = AdvicePanel()
    panel.show(race.snapshot(22), "63")
    assert [a["priority"] for a in panel.shown()["advice"]] == ["urgent", "moderate", "optional"]
    assert panel.shown()["advice"][0]["risks"]


def test_race_feed_is_newest_first_and_leaves_out_laps_and_passes(race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    noise = (
        LapCompleted(
            time_s=2011, car_id="1", lap=22, lap_time_s=90.0, line_time_s=2011, position=1, gap_s=0, interval_s=None
        ),
        Overtake(time_s=2012, car_id="1", passed_car_id="44", position=1, lap=22),
    )
    feed = messages((*snapshot.events, *noise), {"63": "RUS", "11": "PER"})
    assert [m["text"] for m in feed] == [
        "RUS on hard (new)",
        "CAR 18 (STR) TIME 1:31.402 DELETED - TRACK LIMITS AT TURN 9",
        "Track clear",
        "PER is out",
        "Safety car deployed",
    ]


def test_each_alarm_of_the_machine_has_words_for_a_strategist(race: ModuleType) -> None:
    assert set(MACHINE) == {rule.name for rule in RULES}
    alarm = Alarm(name="ingest_slow", text="frames take 25 ms (p99) from arrival to the twins", since=1.0)
    panel = StatusPanel()
    panel.show(race.snapshot(22, alarms=(alarm,)), "63")
    assert panel.shown()["alarms"] == [{"level": "warning", "text": alarm.text, "means": "timing comes through late"}]


def test_status_panel_carries_weather_and_health(race: ModuleType) -> None:
    panel = StatusPanel()
    panel.show(race.snapshot(22), "63")
    shown = panel.shown()
    assert shown["track"]["track_temperature_c"] == 28.4
    assert shown["health"]["journal"] == "ok"
    assert shown["health"]["rejected"] == 1


def test_panels_survive_a_frame_that_knows_almost_nothing(race: ModuleType) -> None:
    snapshot = race.snapshot(22, cars={}, field={}, events=(), laps=(), answers={}, advice={})
    bare = tuple(
        c.model_copy(
            update={
                "gap_s": None,
                "last_lap_s": None,
                "position": None,
                "status": CarStatus.GRID,
                "lap": 0,
                "driver": None,
            }
        )
        for c in snapshot.frame.cars
    )
    snapshot = snapshot.model_copy(update={"frame": snapshot.frame.model_copy(update={"cars": bare})})
    for panel in (TimingTower(), RaceTrace(), RejoinPanel(), PlansPanel(), AdvicePanel(), StatusPanel()):
        panel.show(snapshot, "63")
        assert panel.shown()


# --- track map --------------------------------------------------------------------------------------------------------


def test_map_places_every_car_that_is_on_the_track(race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    panel = TrackMap()
    panel.show(snapshot, "63")
    shown = panel.shown()
    assert [c["id"] for c in shown["cars"]] == [c.car_id for c in snapshot.order if c.status is not CarStatus.RETIRED]
    for car, at in zip(shown["cars"], shown["at"], strict=True):
        frame = snapshot.car(car["id"])
        assert at == pytest.approx(frame.lap + frame.lap_fraction, abs=1e-4)


def test_ghost_is_the_pit_loss_behind_us(race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    panel = TrackMap()
    panel.show(snapshot, "63")
    answer = snapshot.answers["63"]
    assert panel.shown()["ghost"] == pytest.approx(answer.box_now.pit_loss_s.mean / snapshot.car("63").last_lap_s)
    panel.show(snapshot, "1")  # no forecast for that car
    assert panel.shown()["ghost"] is None


def test_an_outline_is_sent_once_and_a_missing_one_is_a_ring(race: ModuleType) -> None:
    panel = TrackMap()
    panel.draw_outline(np.array([[0.0, 0], [1, 0], [1, 1]]))
    assert panel.outline
    panel.draw_outline(None)
    assert panel.outline == b""


@pytest.mark.data
def test_the_boards_map_is_the_real_circuit(race: ModuleType, race_data: Path, still: Any) -> None:
    board = RaceDayBoard(still(race.snapshot(22)), "63")
    line = unpack(board.track.outline)["line"]
    length = np.hypot(*np.diff(np.vstack([line, line[:1]]), axis=0).T).sum()
    assert length == pytest.approx(5891, rel=0.03)


# --- tyres, rivals, pit window ----------------------------------------------------------------------------------------


def test_clean_stint_is_the_present_set_at_racing_speed(race: ModuleType) -> None:
    snapshot = race.snapshot(30)
    stop = race.stop_lap(0)
    stint = clean_stint(snapshot, "44")
    assert [age for _, age, _ in stint] == [float(lap - stop) for lap in range(stop + 2, 31)]
    times = {r.tyre_age: r.lap_time_s for r in snapshot.laps if r.car_id == "44" and r.lap > stop + 1}
    assert all(times[age] == t for _, age, t in stint)


def test_a_set_fitted_since_the_line_has_none_of_the_old_ones_laps(race: ModuleType) -> None:
    snapshot = race.snapshot(race.stop_lap(6))  # RUS is in the pits at the end of this lap
    assert len(clean_stint(snapshot, "63")) > 4
    fitted = [
        c.model_copy(update={"tyre": Tyre(compound=Compound.HARD, age=5)}) if c.car_id == "63" else c
        for c in snapshot.frame.cars
    ]
    frame = snapshot.frame.model_copy(update={"cars": tuple(fitted)})
    assert clean_stint(snapshot.model_copy(update={"frame": frame}), "63") == []


def test_tyre_panel_sets_us_beside_our_neighbours(race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    order = [c.car_id for c in snapshot.order if c.position]
    here = order.index("63")
    panel = TyrePanel()
    panel.show(snapshot, "63")
    shown = panel.shown()
    assert {c["role"]: c["id"] for c in shown["cars"] if c["role"]} == {
        "ours": "63",
        "ahead": order[here - 1],
        "behind": order[here + 1],
    }
    assert [c["id"] for c in shown["cars"]] == order  # all others can be switched on
    k = order.index("63")
    # Laps and forecast are shown as with the fuel of lap 22: 60 kg for 30 laps, each at what the race model has.
    info = snapshot.info
    assert info.season is not None
    burn = load_parameters(info.circuit_id, info.season).fuel_s_per_kg * 60 / (race.TOTAL - 22)
    assert fuel_per_lap_s(snapshot, snapshot.cars["63"]) == pytest.approx(burn)
    coming = [e.mean + burn * n for n, e in enumerate(snapshot.cars["63"].next_laps_s, start=1)]
    np.testing.assert_allclose(shown[f"next{k}"][:, 0], coming, rtol=1e-6)
    j = order.index("1")  # on its first set, so with laps enough for a line
    stint = [(age, time - burn * (22 - lap)) for lap, age, time in clean_stint(snapshot, "1")]
    np.testing.assert_allclose(shown[f"laps{j}"], stint, rtol=1e-6)
    fit = fit_wear(*np.array(stint).T)
    np.testing.assert_allclose(shown[f"fit{j}"], fit.line, rtol=1e-6)
    assert shown["cars"][j]["slope"] == pytest.approx({"mean": fit.slope, "low": fit.low, "high": fit.high})


@pytest.mark.parametrize(("low", "high", "known"), [(4, 15, True), (1, 29, False)])
def test_a_life_between_the_next_lap_and_the_flag_is_not_called_known(
    race: ModuleType, low: float, high: float, known: bool
) -> None:
    snapshot = race.snapshot(22)
    twin = snapshot.cars["63"].model_copy(update={"tyre_life_laps": Estimate(mean=9, low=low, high=high)})
    panel = TyrePanel()
    panel.show(snapshot.model_copy(update={"cars": {**snapshot.cars, "63": twin}}), "63")
    ours = next(c for c in panel.shown()["cars"] if c["id"] == "63")
    assert (ours["life_known"], ours["usual_life"]) == (known, 27.6)


def test_wear_is_the_least_squares_line_with_students_interval() -> None:
    rng = np.random.default_rng(3)
    slopes, covered, held = [], 0, 0
    for _ in range(800):
        age = np.arange(2.0, 8.0)  # six laps: four degrees of freedom, where the normal's 1.645 would cover 82 %
        fit = fit_wear(age, 90.0 + 0.07 * age + rng.normal(0, 0.3, len(age)))
        at, low, _, high = fit.line[6]
        slopes.append(fit.slope)
        covered += low <= 90.0 + 0.07 * at <= high
        held += fit.low <= 0.07 <= fit.high
    assert np.mean(slopes) == pytest.approx(0.07, abs=0.01)
    assert 0.87 < covered / 800 < 0.93  # a 90 % interval
    assert 0.87 < held / 800 < 0.93


def test_wear_leaves_out_a_lap_lost_and_needs_four() -> None:
    age = np.arange(2.0, 12.0)
    time = 90.0 + 0.05 * age + 0.1 * np.sin(age)
    fit, spoilt = fit_wear(age, time), fit_wear([*age, 12.0], [*time, 121.0])
    np.testing.assert_allclose(spoilt.line, fit.line)
    assert fit_wear(age[:3], time[:3]) is None


@pytest.mark.parametrize(("freedom", "value"), [(2, 2.9200), (3, 2.3534), (5, 2.0150), (10, 1.8125), (30, 1.6973)])
def test_students_t_is_the_tables(freedom: int, value: float) -> None:
    assert t90(freedom) == pytest.approx(value, rel=0.013)


def test_trace_carries_the_fan_in_the_order_of_its_cars(race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    fan = race.fan("63", 22)
    panel = RaceTrace()
    panel.show(snapshot, "63", fan=fan)
    shown = panel.shown()
    assert (shown["fan_car"], shown["fan_lap"], shown["fan_reference"]) == ("63", 22, None)
    for i, car in enumerate(shown["cars"]):
        rows = fan.change_s[fan.cars.index(car)]
        if rows[0] is None:
            assert np.isnan(shown["fan"][i]).all()
        else:
            np.testing.assert_allclose(shown["fan"][i], np.array(rows), rtol=1e-5)


def test_plans_are_shown_against_the_one_we_follow(race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    plans = snapshot.answers["63"].plans
    ours = plans[3]
    panel = PlansPanel()
    panel.show(snapshot, "63", our_plan(snapshot.answers["63"], followed=Followed(ours)))
    shown = panel.shown()["plans"]
    assert [p["plan"] for p in shown if p["current"]] == [ours.plan]
    best = next(p for p in shown if p["rank"] == 1)
    assert best["delta"] == pytest.approx(plans[0].delta_points - ours.delta_points)
    assert best["delta_error"] == pytest.approx(np.hypot(plans[0].delta_standard_error, ours.delta_standard_error))


@pytest.mark.parametrize(("followed", "rows_of_the_family"), [(1, 2), (3, 2), (4, 1), (0, 1)])
def test_the_plan_that_is_called_has_a_row_where_another_is_followed(
    race: ModuleType, followed: int, rows_of_the_family: int
) -> None:
    """One as good as the call, one worse of the same idea, one of another idea, and the call itself."""
    snapshot = race.snapshot(22)
    plans = snapshot.answers["63"].plans
    panel = PlansPanel()
    panel.show(snapshot, "63", our_plan(snapshot.answers["63"], followed=Followed(plans[followed])))
    shown = panel.shown()["plans"]
    assert [p["plan"] for p in shown if p["called"]] == [plans[0].plan]
    assert [p["plan"] for p in shown if p["current"]] == [plans[followed].plan]
    assert len({p["plan"] for p in shown}) == len(shown)
    assert sum([c for _, c in p["stops"]] == ["HARD"] for p in shown) == rows_of_the_family
    panel.show(snapshot, "63")
    assert not any(p["called"] for p in panel.shown()["plans"])  # the call is ours then, and marked as such


def test_a_plan_that_beats_the_call_beyond_noise_is_said_to(race: ModuleType) -> None:
    """A call changes once a second answer agrees: until then the better plan stands out, and is not called close."""
    snapshot = race.snapshot(22)
    answer = snapshot.answers["63"]
    panel = PlansPanel()
    panel.show(snapshot, "63", OurPlan(answer.plans[3].stops, answer.plans[3], followed=False))
    rows = {p["rank"]: p for p in panel.shown()["plans"]}
    assert (rows[1]["better"], rows[1]["too_close"]) == (True, False)
    assert not any(p["better"] for p in rows.values() if p["delta"] <= 0)


def test_a_plan_that_was_not_weighed_is_said_to_be_followed_all_the_same(race: ModuleType) -> None:
    panel = PlansPanel()
    snapshot = race.snapshot(22)
    panel.show(
        snapshot, "63", our_plan(snapshot.answers["63"], followed=Followed(race.ranked(((50, "SOFT"),), 1, 3.0, 0.0)))
    )
    shown = panel.shown()
    assert shown["ours"] == {"plan": "L50 SOFT", "followed": True, "weighed": False}
    assert not any(p["current"] for p in shown["plans"])


def test_tower_says_who_threatens_us(race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    rows = {r["id"]: r for r in tower_rows(snapshot, None, "63")}
    threats = {t["rival_id"]: (t["level"], t["probability"]) for t in snapshot.field["threats"]["63"]}
    assert {c: r["threat"] for c, r in rows.items() if r["threat"]} == threats
    assert not any(r["threat"] for r in tower_rows(snapshot))


def test_yellow_sectors_are_what_race_control_last_said() -> None:
    said = [
        "YELLOW IN TRACK SECTOR 7",
        "DOUBLE YELLOW IN TRACK SECTOR 12",
        "YELLOW IN TRACK SECTOR 23",
        "CLEAR IN TRACK SECTOR 7",
    ]
    events = [RaceControl(time_s=k, message=m) for k, m in enumerate(said)]
    assert yellow_sectors(events) == ({12: 2, 23: 1}, 23)
    assert yellow_sectors([*events, RaceControl(time_s=9, message="TRACK CLEAR")]) == ({}, 23)
    assert yellow_sectors([]) == ({}, 20)


def test_system_page_shows_the_engines_gauges(race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    panel = SystemPanel()
    panel.show(snapshot, Link("lost", 5.0, "nobody answers", 2), skipped=4)
    shown = panel.shown()
    assert [(s["name"], s["p99_ms"]) for s in shown["stages"]] == [
        ("Frame in to twins", 12.9),
        ("Plans of one car", 512.0),
    ]
    assert shown["queues"]["pictures skipped here"] == 4
    assert shown["refused"] == snapshot.health.refused
    assert shown["backend"] == "mojo"
    assert shown["link"]["text"] == "nobody answers"


def test_timeline_knows_the_race_the_moment_and_our_stops(race: ModuleType) -> None:
    line = Timeline()
    snapshot = race.snapshot(30)
    line.show(snapshot, "44", newest=40, held=31, delay_s=5.0)
    shown = line.shown()
    assert (shown["lap"], shown["newest"], shown["total_laps"], shown["held"], shown["delay"]) == (31, 40, 52, 31, 5.0)
    assert shown["stops"] == [race.stop_lap(0)]
    assert shown["spans"] == [[11, 13, "SC"]]


def test_rivals_are_the_field_twins_view(race: ModuleType) -> None:
    snapshot = race.snapshot(22)
    panel = RivalsPanel()
    panel.show(snapshot, "63")
    shown = panel.shown()
    assert [(t["rival"], t["probability"]) for t in shown["threats"]] == [("VER", 0.62), ("ALO", 0.23)]
    assert len(shown["duels"]) == 2
    assert {d["attacker"] for d in shown["duels"]} | {d["target"] for d in shown["duels"]} >= {"RUS"}
    assert "63" in [s["car"] for s in shown["stops"]]
    assert len(shown["stops"]) == 7


def test_rivals_does_not_say_otherwise_what_the_desk_says(race: ModuleType) -> None:
    """Our own row names our plan, not what rivals expect of us; where we come out is told by the race of that stop alone."""
    snapshot = race.snapshot(22)
    gap = {"kind": "gap_to_drop_into", "places_lost": 2, "gap_ahead_s": 3.5, "gap_behind_s": 5.0}
    field = {**snapshot.field, "opportunities": {"63": [gap]}}
    panel = RivalsPanel()
    panel.show(snapshot.model_copy(update={"field": field}), "63")
    shown = panel.shown()
    ours = ours_of(snapshot, "63")
    row = next(s for s in shown["stops"] if s["car"] == "63")
    assert row["next"] == [{"lap": s.lap, "compound": s.compound.value} for s in ours.stops]
    assert shown["chances"] == []
    panel.show(snapshot.model_copy(update={"field": field, "answers": {}}), "63")
    assert [c["kind"] for c in panel.shown()["chances"]] == ["gap_to_drop_into"]


def test_pit_window_keeps_every_forecast(race: ModuleType) -> None:
    panel = PitWindow()
    window = race.pit_window("63", 23)
    panel.show_window(window, {"18": "STR"}, position=9, best=(24, 26))
    cells = panel.shown()["cells"]
    assert [(c["lap"], c["status"], c["position"]) for c in cells] == [
        (r.lap, r.track_status, r.position) for r in window
    ]
    assert {c["ahead"] for c in cells} == {"STR"}
    assert {c["behind"] for c in cells} == {"14"}
    assert {c["lap"] for c in cells if c["traffic"]} == {23, 24, 25}
