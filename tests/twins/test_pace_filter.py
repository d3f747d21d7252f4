from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from racetwin.simulation.parameters import RaceParameters
from racetwin.twins.forecast import forecast
from racetwin.twins.pace_filter import LapInput, PaceFilter
from racetwin.twins.pace_model import PaceModel

pytestmark = pytest.mark.unit

MODEL = PaceModel(reference_s=90.0, total_laps=50, wear_s=(0.06,) * 5, offset_s=(-0.4, 0.0, 0.4, 12.0, 16.0))


def lap_time(pace: float, wear: float, age: float, lap: int, offset: float = 0.0) -> float:
    return 90.0 + pace + offset + wear * age + MODEL.fuel_s_per_kg * MODEL.fuel_kg(lap - 0.5)


def taught(
    paces: list[float], wear: float = 0.06, laps: int = 25, noise: float = 0.1, level: float = 0.0
) -> PaceFilter:
    rng = np.random.default_rng(5)
    f = PaceFilter(MODEL)
    for i in range(len(paces)):
        f.add(str(i))
    for lap in range(1, laps + 1):
        f.start_lap(lap)
        for i, pace in enumerate(paces):
            f.car_lap(i)
            if lap > 1:
                y = lap_time(pace, wear, lap, lap) + level + noise * rng.standard_normal()
                f.learn(i, y, LapInput(lap, 1, float(lap)))
    return f


def test_differences_of_pace_are_found() -> None:
    f = taught([-0.5, 0.0, 0.4, 0.1])
    found = np.array([f.pace(i)[0] + f.mood(i) for i in range(4)])
    assert found - found.mean() == pytest.approx(np.array([-0.5, 0.0, 0.4, 0.1]), abs=0.15)


def test_a_reference_that_is_off_is_put_right_within_ten_laps() -> None:
    f = taught([0.0] * 6, laps=11, level=3.0)
    mean, _ = f.ahead(0, 11, 1, 11.0, 1)
    assert mean[0] == pytest.approx(lap_time(0.0, 0.06, 12, 12) + 3.0, abs=0.15)


def test_truth_lies_within_three_deviations_of_the_wear_believed() -> None:
    f = taught([0.0] * 10, wear=0.11, laps=30)
    mean, sd = f.wear(0, 1)
    assert abs(mean - 0.11) < 3 * sd
    assert mean > 0.07  # moved well off the prior of 0.06


def test_one_lost_lap_hardly_moves_the_forecast() -> None:
    f = taught([0.0] * 4)
    before, _ = f.ahead(0, 25, 1, 25.0, 1)
    f.start_lap(26)
    f.car_lap(0)
    f.learn(0, lap_time(0.0, 0.06, 26, 26) + 6.0, LapInput(26, 1, 26.0))
    after, _ = f.ahead(0, 26, 1, 26.0, 1)
    assert abs(after[0] - before[0]) < 0.6


def test_a_lap_in_traffic_tells_less() -> None:
    def moved(factor: float) -> float:
        f = taught([0.0] * 4)
        f.start_lap(26)
        f.car_lap(0)
        before, _ = f.ahead(0, 25, 1, 25.0, 1)
        f.learn(0, lap_time(0.0, 0.06, 26, 26) + 0.5, LapInput(26, 1, 26.0, variance_factor=factor))
        after, _ = f.ahead(0, 25, 1, 25.0, 1)
        return float(after[0] - before[0])

    assert 0 < moved(8.0) < moved(1.0)


def test_a_rivals_hards_tell_what_hards_will_do_on_our_car() -> None:
    f = taught([0.0, 0.0])
    before, sd_before = f.expect(0, 27, 2, 1.0)
    for lap in range(26, 32):
        f.start_lap(lap)
        f.car_lap(1)
        f.learn(1, lap_time(0.0, 0.06, lap - 25, lap, offset=0.9), LapInput(lap, 2, float(lap - 25)))
    after, sd_after = f.expect(0, 27, 2, 1.0)
    assert after > before
    assert sd_after < sd_before + 6 * MODEL.level_walk_s**2


def test_a_new_set_forgets_the_old_ones_wear_but_not_the_pace() -> None:
    f = taught([-0.5, 0.2, 0.2])
    pace, _ = f.pace(0)
    f.new_set(0)
    assert f.set_wear(0) == 0.0
    assert f.mood(0) == 0.0
    assert f.pace(0)[0] == pytest.approx(pace)


def test_an_unknown_compound_widens_the_forecast() -> None:
    f = taught([0.0] * 3)
    _, known = f.ahead(0, 25, 1, 10.0, 5)
    _, unknown = f.ahead(0, 25, -1, 10.0, 5)
    assert (unknown > known).all()


def test_uncertainty_grows_with_the_laps_ahead() -> None:
    _, variance = taught([0.0] * 3).ahead(1, 25, 1, 25.0, 10)
    assert (np.diff(variance) > 0).all()


def test_belief_stays_symmetric_to_the_last_bit_and_positive() -> None:
    f = taught([0.1 * k for k in range(22)], laps=40)
    assert (f.P == f.P.T).all()
    assert np.linalg.eigvalsh(f.P).min() > -1e-9


def test_snapshot_restores_the_very_same_belief() -> None:
    f = taught([0.3, -0.2])
    g = PaceFilter.restore(MODEL, json.loads(json.dumps(f.snapshot())))
    assert (g.x == f.x).all()
    assert (g.P == f.P).all()
    for h in (f, g):
        h.start_lap(26)
        h.learn(0, 93.0, LapInput(26, 1, 26.0))
    assert (g.x == f.x).all()


def test_once_the_track_has_been_wet_laps_on_slicks_are_less_sure_by_the_files_factor(
    parameters: RaceParameters,
) -> None:
    f = taught([0.0, 0.2])
    f.model = PaceModel.of(parameters)
    dry = forecast(f, 0, 25, 1, 25.0, 5)
    f.been_wet = True
    damp, on_wets = forecast(f, 0, 25, 1, 25.0, 5), forecast(f, 0, 25, 4, 25.0, 5)
    assert damp.sd_s == pytest.approx(parameters.live.damp_days.spread * dry.sd_s)
    assert (damp.median_s == dry.median_s).all()
    f.been_wet = False
    assert (forecast(f, 0, 25, 4, 25.0, 5).sd_s == on_wets.sd_s).all()
    assert PaceFilter.restore(f.model, json.loads(json.dumps(f.snapshot()))).been_wet is False


def test_fuel_spared_on_slow_laps_is_burnt_by_the_flag_and_is_in_no_lap_time() -> None:
    f = PaceFilter(replace(MODEL, sc_fuel=0.25, vsc_fuel=0.5))
    f.add("1")
    before, _ = f.ahead(0, 20, 1, 5.0, 3)
    burn = 110.0 / 50
    f.slow_lap(21, virtual=False)
    aboard = MODEL.fuel_kg(20) - 0.25 * burn
    assert f.fuel_kg(21) == pytest.approx(aboard)
    f.slow_lap(22, virtual=False)
    assert f.fuel_kg(22) == pytest.approx(aboard - 0.25 * aboard / 29)
    f.slow_lap(23, virtual=True)
    assert f.fuel_kg(50) == 0.0
    kept = f.fuel_kg(23)
    assert [f.fuel_kg(lap) for lap in (32, 41)] == pytest.approx([kept * 2 / 3, kept / 3])
    assert kept - MODEL.fuel_kg(23) == pytest.approx(2.0 * burn, rel=0.1)
    assert (f.ahead(0, 20, 1, 5.0, 3)[0] == before).all()
    assert PaceFilter.restore(f.model, json.loads(json.dumps(f.snapshot()))).fuel_kg(30) == f.fuel_kg(30)
