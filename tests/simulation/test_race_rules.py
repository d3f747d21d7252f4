"""What the simulated race does, said as a race engineer would say it."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from racetwin.errors import ConfigurationError, InputError
from racetwin.schemas import TrackStatus
from racetwin.simulation import PitPlan
from racetwin.simulation.detail import plan_detail
from racetwin.simulation.montecarlo import simulate
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.trace import trace_race

pytestmark = pytest.mark.unit

_spec = importlib.util.spec_from_file_location("backends", Path(__file__).with_name("test_race_backends.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
field = _module.field
PROCESSION = {  # nobody stops and nobody's tyres give up: only pace and place differ
    "stop_bias": np.full(20, -50.0),
    "compounds_used": np.full(20, 3),
    "stops": np.ones(20, int),
    "compound": np.full(20, 2),
    "tyre_age": np.zeros(20),
    "wear_sd": np.zeros(20),
    "pace_sd": np.zeros(20),
}

CALM = {
    "sc_rate": 0.0,
    "vsc_rate": 0.0,
    "red_rate": 0.0,
    "sc_lap1": 0.0,
    "vsc_lap1": 0.0,
    "red_lap1": 0.0,
    "sc_retirement": 0.0,
    "vsc_retirement": 0.0,
    "red_retirement": 0.0,
    "rain_start": 0.0,
    "retirement_rate": 0.0,
    "retirement_lap1": 0.0,
}


def calm(**changes):
    return load_parameters("marina-bay", 2023).replace(**{**CALM, **changes})


def test_a_car_that_cannot_pass_follows():
    state = field(lap=20, pace_mean=np.linspace(0.9, -0.6, 20), **PROCESSION)
    t = trace_race(state, 1, parameters=calm(pass_intercept=-50.0))
    assert (t.position == np.arange(1, 21)).all()
    gaps = np.diff(t.time_s, axis=1)
    assert gaps[-1].min() >= calm().follow_gap_s - 1e-3
    assert np.median(gaps[-1]) < 1.5


def test_a_faster_car_gets_by_where_passing_is_easy():
    state = field(lap=20, pace_mean=np.linspace(0.9, -0.6, 20), **PROCESSION)
    t = trace_race(state, 1, parameters=calm(pass_intercept=20.0))
    assert t.position[-1, -1] < 8


def test_a_stop_costs_the_lane_and_the_time_at_the_box():
    p = calm(lap_noise_s=0.0, cold_tyre_s=0.0, stationary_body_s=0.0, stationary_tail_s=0.0, follow_gap_s=0.0)
    alone = field(1, lap=20, pace_sd=np.zeros(1), wear_sd=np.zeros(1), wear_mean=np.full(1, 1e-6))
    stop = trace_race(alone, 1, parameters=p, plans={"1": PitPlan.of((30, "SOFT", 10))})
    stay = trace_race(alone, 1, parameters=p, plans={"1": PitPlan.of((56, "MEDIUM"))})
    lost = stop.time_s[9, 0] - stay.time_s[9, 0]
    assert lost == pytest.approx(p.pit_loss_s + p.stationary_s, abs=0.01)
    assert stop.compound[9, 0] == 0
    assert stop.tyre_age[10, 0] == 11


def test_a_slow_lane_costs_at_every_stop_and_a_slow_stop_once():
    p = calm(lap_noise_s=0.0, stationary_body_s=0.0, stationary_tail_s=0.0)
    alone = field(1, lap=20, pace_sd=np.zeros(1), wear_sd=np.zeros(1))
    twice = PitPlan.of((30, "SOFT"), (42, "MEDIUM"))

    def costs(**changes):
        times = [
            trace_race(s, 1, parameters=p, plans={"1": twice}).time_s[-1, 0] for s in (alone.replace(**changes), alone)
        ]
        return times[0] - times[1]

    assert costs(lane_extra_s=1.5) == pytest.approx(3.0, abs=0.01)
    assert costs(stop_extra_s=np.full(1, 1.5)) == pytest.approx(1.5, abs=0.01)
    assert costs(crew_s=np.full(1, 0.4)) == pytest.approx(0.8, abs=0.01)


def test_old_tyres_are_slow_and_wear_turns_convex():
    p = calm(lap_noise_s=0.0, fuel_s_per_kg=0.0, track_evolution_s=0.0)
    alone = field(
        1,
        lap=1,
        pace_sd=np.zeros(1),
        wear_sd=np.zeros(1),
        compounds_used=np.full(1, 3),
        stops=np.ones(1, int),
        stop_bias=np.full(1, -50.0),
    )
    laps = np.diff(trace_race(alone, 1, parameters=p).time_s[:, 0])
    early, late = np.diff(laps)[5], np.diff(laps)[-1]
    assert early == pytest.approx(p.wear_s[0], abs=2e-3)
    assert late > 1.5 * early


def test_a_safety_car_closes_the_field_up():
    state = field(lap=20, time_s=20 * 95 + np.arange(20) * 4.0, **PROCESSION)
    state = state.replace(forced_status=TrackStatus.SC, forced_lap=25)
    t = trace_race(state, 1, parameters=calm(sc_laps=(0, 0, 0, 0, 0, 0, 1.0)))
    assert (t.track_status[4:12] == TrackStatus.SC).all()
    assert t.track_status[12] == TrackStatus.GREEN
    spread = t.time_s.max(axis=1) - t.time_s.min(axis=1)
    assert spread[3] > 60
    assert spread[11] < 20
    assert (t.position[4:12] == t.position[4]).all()


def test_a_stop_under_a_safety_car_is_cheap():
    def loss(status):
        state = field(lap=20, time_s=20 * 95 + np.arange(20) * 4.0, **PROCESSION)
        state = state.replace(forced_status=status, forced_lap=25 if status != TrackStatus.GREEN else 0)
        stop = trace_race(state, 1, parameters=calm(), plans={"5": PitPlan.of((25, "HARD"))})
        return stop.position[8, 4]

    assert loss(TrackStatus.SC) < loss(TrackStatus.VSC) <= loss(TrackStatus.GREEN)


def test_a_red_flag_gives_everyone_tyres_for_nothing():
    state = field(lap=20, forced_status=TrackStatus.RED, forced_lap=30, compounds_used=np.full(20, 3))
    t = trace_race(state, 1, parameters=calm(), plans={"5": PitPlan.of((35, "SOFT"))})
    assert (t.tyre_age[9] <= 1).all()
    assert not t.pit[9].any()
    assert t.compound[10, 4] == 0
    assert not t.pit[10:, 4].any(), "the planned stop has been taken under red"
    gaps = t.time_s[9][np.argsort(t.time_s[9])]
    assert np.diff(gaps).max() < 0.5


def test_every_car_meets_the_rules_on_compounds():
    t = trace_race(field(), 4, parameters=calm())
    for c in range(20):
        assert len(set(t.compound[:, c])) >= 2


def test_a_plan_that_breaks_the_rules_is_classified_last():
    r = simulate(field(lap=20), [PitPlan(), PitPlan.of((30, "HARD"))], 64, 1, "numba", car_id="1", parameters=calm())
    assert (r.positions[0] == 20).all()
    assert r.finished.tolist() == [0, 64]
    assert (r.positions[1] < 10).all()


def test_rain_brings_intermediates_and_a_dry_track_slicks_again():
    state = field(lap=10, rain_lap=15, rain_wetness=0.4)
    t = trace_race(state, 1, parameters=calm())
    assert (t.compound[12] == 3).mean() > 0.9
    drying = field(lap=10, wetness=0.3, compound=np.full(20, 3), compounds_used=np.full(20, 8))
    t = trace_race(drying, 1, parameters=calm(rain_stop=1.0, rain_dry=0.02))
    assert (t.compound[0] == 3).all()
    assert (t.compound[-1] < 3).all()


def test_team_mates_do_not_fit_one_box():
    p = calm(lap_noise_s=0.0, stationary_body_s=0.0, stationary_tail_s=0.0, double_stack_s=1.5)
    together = {c: PitPlan.of((21, "HARD")) for c in ("1", "2")}
    t = trace_race(field(lap=20, time_s=1900 + np.arange(20) * 1.0), 1, parameters=p, plans=together)
    second = int(np.argmax(t.stationary_s[0, :2]))
    assert t.stationary_s[0, 1 - second] == pytest.approx(p.stationary_s, abs=1e-3)
    assert t.stationary_s[0, second] > p.stationary_s + 1.0


def test_rivals_cover_a_stop_behind_them():
    def stops_next_lap(cover):
        p = calm(stop_cover=cover, stop_cover_gap_s=60.0)
        state = field(lap=24, tyre_age=np.full(20, 18.0))
        traces = [trace_race(state, 1, race=k, parameters=p, plans={"6": PitPlan.of((25, "HARD"))}) for k in range(40)]
        return np.mean([t.pit[1, :5].sum() for t in traces])

    assert stops_next_lap(2.5) > stops_next_lap(-5.0) + 0.3


def test_retired_cars_are_classified_by_how_far_they_came():
    running = np.arange(20) < 17
    done = np.where(running, 10, [0] * 17 + [3, 8, 5])
    state = field(lap=10, running=running, laps_completed=done)
    r = simulate(state, [PitPlan.of((30, "HARD"))], 32, 1, "numba", car_id="1", parameters=calm())
    assert r.histogram[0, 18].argmax() == 17
    assert r.histogram[0, 19].argmax() == 18
    assert r.histogram[0, 17].argmax() == 19


def test_a_plan_waits_for_its_safety_car():
    waiting = PitPlan(PitPlan.of((50, "HARD")).stops, sc_window=(25, 45))
    state = field(lap=20, forced_status=TrackStatus.SC, forced_lap=31)
    t = trace_race(state, 1, parameters=calm(), plans={"5": waiting})
    assert np.flatnonzero(t.pit[:, 4]).tolist() == [10]
    t = trace_race(field(lap=20), 1, parameters=calm(), plans={"5": waiting})
    assert np.flatnonzero(t.pit[:, 4]).tolist() == [29]


def test_retirements_and_safety_cars_come_as_often_as_asked():
    p = load_parameters(None, 2024).replace(total_laps=57, retirement_lap1=0.0)
    traces = [trace_race(field(), 2, race=k, parameters=p) for k in range(400)]
    retired = np.mean([(~t.running[-1]).mean() for t in traces])
    assert retired == pytest.approx(p.retirement_rate, abs=0.02)


def test_trace_is_the_race_that_simulate_counts():
    state, plan = field(lap=20), PitPlan.of((30, "HARD"))
    r = simulate(state, [plan], 40, 7, "numba", car_id="5")
    assert [trace_race(state, 7, plans={"5": plan}, race=k).position[-1, 4] for k in range(40)] == r.positions[
        0
    ].tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"plans": []}, "plans: none"),
        ({"plans": [PitPlan.of((10, "HARD"))]}, "stop on lap 10, expected 21 to 56"),
        ({"plans": [PitPlan.of((57, "HARD"))]}, "stop on lap 57"),
        ({"car_id": "99"}, "car_id: '99' is not in this race"),
        ({"n_races": 0}, "n_races: 0"),
        ({"mode": "both"}, "mode: 'both'"),
        ({"watch": ("77",)}, "watch: car '77'"),
        ({"state": field(lap=20, sets=np.tile([2, 1, 0, 1, 1], (20, 1)))}, "no set of HARD"),
        ({"state": field(lap=20, running=np.arange(20) != 4)}, "has retired"),
    ],
)
def test_what_makes_no_sense_is_named(call, message):
    arguments = {"state": field(lap=20), "plans": [PitPlan.of((30, "HARD"))], "n_races": 16, "car_id": "5"} | call
    state, plans, n = (arguments.pop(k) for k in ("state", "plans", "n_races"))
    with pytest.raises(InputError, match=message):
        simulate(state, plans, n, 1, "numba", **arguments)


def test_parameters_fall_back_level_by_level(tmp_path):
    assert load_parameters("monza", 2024).circuit_id == "monza"
    unknown = load_parameters("atlantis", 2024)
    assert unknown.pit_loss_s == load_parameters(None, 2024).pit_loss_s
    assert load_parameters(None, 2026).fuel_start_kg == 70
    assert load_parameters("monza", 2024).hash() == load_parameters("monza", 2024).hash()
    assert load_parameters("monza", 2024).hash() != load_parameters("monza", 2024).replace(pass_slope=1.0).hash()
    bad = tmp_path / "p.json"
    bad.write_text('{"format": "something else"}')
    with pytest.raises(ConfigurationError, match="format 'something else'"):
        load_parameters("monza", 2024, bad)


def test_parameters_that_cannot_be_are_refused():
    with pytest.raises(ConfigurationError, match="sc_laps"):
        calm(sc_laps=(0.5, 0.2))
    with pytest.raises(ConfigurationError, match="finite"):
        calm(pit_loss_s=float("nan"))


def test_laps_of_a_plan_add_up_to_its_result():
    state, plan = field(lap=20), PitPlan.of((30, "HARD"))
    r = simulate(state, [plan], 200, 7, "numba", car_id="5", watch=("6",))
    d = plan_detail(state, plan, 200, 7, car_id="5", rivals=("6",))
    assert d.positions[-1].tolist() == r.histogram[0, 4].tolist()
    assert (d.positions.sum(axis=1) == 200).all()
    both = ~np.isnan(d.gaps_s[:, 0])
    ahead = r.positions[0] < r.watched_positions[0, :, 0]
    assert ((d.gaps_s[:, 0] > 0) == ahead)[both].all()
    halves = [plan_detail(state, plan, 100, 7, car_id="5", first_race=k).positions for k in (0, 100)]
    assert np.array_equal(sum(halves), d.positions)


def test_a_stop_costs_places_and_quantiles_are_ordered():
    state, plan = field(lap=20), PitPlan.of((30, "HARD"))
    d = plan_detail(state, plan, 200, 7, car_id="5", parameters=calm())
    place = np.arange(1, 21)
    before = (d.positions[8] * place).sum() / 200
    assert (d.rejoins[0] * place).sum() / d.rejoins[0].sum() > before + 2
    assert (np.diff(d.position_quantiles(), axis=1) >= 0).all()
    assert np.nanmin(d.to_leader_s) >= 0


def test_a_rival_that_is_not_there_is_named():
    with pytest.raises(InputError, match="rivals: car '77'"):
        plan_detail(field(lap=20), PitPlan.of((30, "HARD")), 16, 1, car_id="5", rivals=("77",))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": 25}, "car_id: 25 cars, expected 1 to 24"),
        ({"n": 0}, "car_id: 0 cars, expected 1 to 24"),
        ({"time_s": np.r_[np.arange(19.0), np.nan]}, "time_s: not a finite number for car 20"),
        ({"pace_mean": np.r_[np.inf, np.zeros(19)]}, "pace_mean: not a finite number for car 1"),
        ({"lap": 57}, "lap: 57, expected 0 to 56 of 57"),
    ],
)
def test_a_state_that_cannot_be_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        field(**changes)
