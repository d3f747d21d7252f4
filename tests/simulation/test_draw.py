"""A drawn Grand Prix: its lap table holds together like a real one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from racetwin.errors import InputError
from racetwin.schemas import TrackStatus
from racetwin.simulation.draw import classification, draw_grand_prix
from racetwin.simulation.entrants import ENTRANTS
from racetwin.simulation.parameter_file import load_parameters

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module", params=[("monza", 2024, 7), ("marina-bay", 2026, 3), (None, None, 11)], ids=str)
def race(request):
    circuit, season, seed = request.param
    return draw_grand_prix(circuit, season, seed)


@pytest.fixture(scope="module")
def red():
    """A race with a red flag."""
    p = load_parameters("monza", 2024).replace(red_rate=0.03, retirement_rate=0.3)
    for seed in range(50):
        race = draw_grand_prix("monza", 2024, seed, parameters=p)
        if any(status is TrackStatus.RED for _, status in race.status):
            return race
    raise AssertionError("no red flag in 50 races")


def test_same_seed_same_race_other_seed_other_race():
    a, b, c = (draw_grand_prix("monza", 2024, seed) for seed in (7, 7, 8))
    pd.testing.assert_frame_equal(a.laps, b.laps)
    assert not a.laps.race_time_s.equals(c.laps.race_time_s)


def test_it_says_that_it_is_simulated_and_names_nobody_real(race):
    assert race.simulated
    assert "simulated" in race.race_id
    assert "Simulated" in race.event
    assert set(race.laps.driver) <= {e.driver for e in ENTRANTS}


def test_made_up_drivers_have_unique_codes_and_numbers_two_to_a_team():
    assert len({e.driver for e in ENTRANTS}) == len({e.number for e in ENTRANTS}) == len(ENTRANTS)
    assert set(pd.Series([e.team for e in ENTRANTS]).value_counts()) == {2}


def test_twenty_cars_before_2026_and_twenty_two_since():
    assert len(draw_grand_prix("monza", 2024, 1).grid) == 20
    assert len(draw_grand_prix("monza", 2026, 1).grid) == 22


def test_positions_are_a_permutation_on_every_lap(race):
    for _, lap in race.laps.groupby("lap"):
        assert sorted(lap.position) == list(range(1, len(lap) + 1))


def test_gaps_agree_with_the_times_at_the_line(race):
    for _, lap in race.laps.groupby("lap"):
        lap = lap.sort_values("position")
        times = lap.race_time_s.to_numpy()
        assert (np.diff(times) >= 0).all()
        np.testing.assert_allclose(lap.gap_to_leader_s, times - times[0], atol=2e-3)
        np.testing.assert_allclose(lap.interval_s.to_numpy()[1:], np.diff(times), atol=2e-3)


def test_lap_times_add_up_to_race_time_and_every_lap_has_its_row(race):
    for _, car in race.laps.groupby("driver_number"):
        np.testing.assert_allclose(car.lap_time_s.cumsum(), car.race_time_s, atol=0.05)
        assert list(car.lap) == list(range(1, len(car) + 1))
        assert (car.lap_time_s > 60).all()


def test_a_retired_car_stops_and_is_marked_a_finisher_is_not(race):
    flag = race.laps.loc[race.laps.lap == race.total_laps, "race_time_s"].min()
    for _, car in race.laps.groupby("driver_number"):
        last = car.iloc[-1]
        assert not car.last_lap_before_retirement.iloc[:-1].any()
        assert last.last_lap_before_retirement == (last.race_time_s < flag)


def test_nobody_begins_a_lap_after_the_flag_and_lapped_cars_have_fewer_laps(race):
    flag = race.laps.loc[race.laps.lap == race.total_laps, "race_time_s"].min()
    assert ((race.laps.race_time_s - race.laps.lap_time_s) < flag + 1e-6).all()
    finished = race.laps.groupby("driver_number").tail(1).query("race_time_s >= @flag")
    assert (finished.laps_down == race.total_laps - finished.lap).all()


def test_lapped_cars_have_fewer_laps():
    p = load_parameters("monaco", 2024).replace(sc_rate=0.0, red_rate=0.0, sc_retirement=0.0, red_retirement=0.0)
    laps = draw_grand_prix("monaco", 2024, 4, parameters=p).laps
    final = laps.groupby("driver_number").tail(1).query("~last_lap_before_retirement")
    lapped = final[final.laps_down > 0]
    assert len(lapped) > 0
    assert (lapped.lap == p.total_laps - lapped.laps_down).all()


def test_a_stop_changes_the_set_and_takes_its_time_in_the_lane(race):
    laps = race.laps
    for number, car in laps.groupby("driver_number"):
        car = car.set_index("lap")
        for lap in car.index[car.pit_stop]:
            if lap + 1 not in car.index:
                continue
            assert car.stint[lap + 1] == car.stint[lap] + 1
            assert car.tyre_age[lap + 1] == 1
            assert (
                car.pit_in_time_s[lap] < car.race_time_s[lap] < car.pit_out_time_s[lap + 1] < car.race_time_s[lap + 1]
            )
            in_lane = car.pit_out_time_s[lap + 1] - car.pit_in_time_s[lap]
            assert in_lane == pytest.approx(car.pit_lane_s[lap], abs=0.01), number
        quiet = car.index[~car.pit_stop & (car.index < car.index[-1])]
        assert (car.stint[quiet + 1].to_numpy() == car.stint[quiet].to_numpy()).all()
        assert (car.tyre_age[quiet + 1].to_numpy() == car.tyre_age[quiet].to_numpy() + 1).all()


def test_track_status_digits_agree_with_the_changes(race):
    spans = zip(race.status, [*race.status[1:], (np.inf, None)], strict=True)
    sc = [(a, b) for (a, s), (b, _) in spans if s is TrackStatus.SC]
    start = race.laps.race_time_s - race.laps.lap_time_s
    expected = np.zeros(len(race.laps), dtype=bool)
    for a, b in sc:
        expected |= (start < b - 0.01) & (race.laps.race_time_s > a + 0.01)
    assert (race.laps.is_sc | ~expected).all()
    assert (race.laps.track_status.str.contains("4") == race.laps.is_sc).all()
    assert (race.laps.track_status != "").all()


def test_after_a_red_flag_everyone_is_on_another_set(red):
    laps = red.laps
    under_red = laps[laps.stop_under.eq("RED")]
    assert len(under_red) > 10
    for row in under_red.itertuples():
        after = laps[(laps.driver_number == row.driver_number) & (laps.lap == row.lap + 1)]
        assert (after.stint == row.stint + 1).all()
        assert (after.tyre_age == 1).all()


def test_the_compound_changes_only_with_the_stint(race, red):
    for laps in (race.laps, red.laps):
        assert (laps.groupby(["driver_number", "stint"]).compound.nunique() == 1).all()


def test_under_a_red_flag_everyone_is_in_the_lane_and_tyres_are_free(red):
    laps = red.laps[red.laps.is_red & red.laps.pit_in]
    assert len(laps) > 10
    assert (laps.pit_lane_s == 20.0).all()
    assert set(red.laps.loc[red.laps.pit_stop & red.laps.is_red & red.laps.stop_under.eq("RED"), "stop_under"]) <= {
        "RED"
    }
    for _, lap in red.laps.groupby("lap"):
        assert (np.diff(lap.sort_values("position").race_time_s) >= 0).all()


def test_classification_is_by_laps_and_time_with_the_retired_last(race):
    rows = classification(race)
    assert len(rows) == len(race.grid)
    finished = [r for r in rows if r["position"] != "DNF"]
    assert [r["position"] for r in finished] == [str(k) for k in range(1, len(finished) + 1)]
    assert [r["points"] for r in rows[:3]] == [25, 18, 15]
    keys = [(-r["laps"], r["race_time_s"]) for r in finished]
    assert keys == sorted(keys)
    assert all(r["race_time_s"] is None for r in rows[len(finished) :])


def test_clear_errors():
    with pytest.raises(InputError, match="n_cars: 30, expected 2 to 24"):
        draw_grand_prix("monza", 2024, 1, n_cars=30)
    with pytest.raises(InputError, match="seed: -1"):
        draw_grand_prix("monza", 2024, -1)
