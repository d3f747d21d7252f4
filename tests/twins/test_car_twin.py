from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from racetwin import CarTwin, FieldTwin
from racetwin.schemas import CarStatus, CarTwinState
from racetwin.simulation.form import Form
from racetwin.simulation.parameters import RaceParameters
from racetwin.twins import RaceTwin

pytestmark = pytest.mark.integration

Drive = Callable[..., RaceTwin]

ORIGINAL: dict[str, Any] = {
    "timestamp": 1700000000.0,
    "lap": 22,
    "session_type": "race",
    "track_conditions": {"temperature": 35.0, "weather": "dry", "track_status": "green"},
    "cars": [
        {
            "car_id": "44",
            "team": "Mercedes",
            "driver": "HAM",
            "position": 2,
            "speed": 287.0,
            "tire": {"compound": "medium", "age": 12, "wear_level": 0.4},
            "fuel_level": 62.0,
            "lap_time": 91.2,
            "sector_times": [30.0, 31.0, 30.2],
        },
        {
            "car_id": "1",
            "team": "Red Bull",
            "driver": "VER",
            "position": 1,
            "speed": 290.0,
            "tire": {"compound": "hard", "age": 5, "wear_level": 0.1},
            "fuel_level": 61.0,
            "lap_time": 90.8,
        },
    ],
}


def original(laps_later: int = 0) -> dict[str, Any]:
    frame = copy.deepcopy(ORIGINAL)
    frame["timestamp"] += 91.0 * laps_later
    frame["lap"] += laps_later
    for car in frame["cars"]:
        car["tire"]["age"] += laps_later
        car["lap_time"] += 0.05 * laps_later
    return frame


def test_the_original_example_works_as_it_did() -> None:
    car_twin, field_twin = CarTwin(car_id="44"), FieldTwin()
    car_twin.update_state(original())
    field_twin.update_state(original())
    document = car_twin.get_state()
    assert {"current_state", "predictions", "strategy_metrics"} <= set(document)
    now = document["current_state"]
    assert (now["lap"], now["position"], now["speed"], now["fuel_level"]) == (22, 2, 287.0, 62.0)
    assert now["tire"] == {"compound": "medium", "age": 12.0, "wear_level": 0.4}
    assert set(field_twin.get_state()["cars"]) == {"44", "1"}


def test_laps_of_the_original_schema_are_learnt_from() -> None:
    twin = CarTwin(car_id="44")
    for k in range(6):
        twin.update_state(original(k))
    document = twin.get_state()
    assert twin.laps == 26
    assert document["predictions"]["next_lap_times"][0] == pytest.approx(91.5, abs=0.6)
    assert document["strategy_metrics"]["performance_delta"] is not None


def test_refused_telemetry_changes_nothing() -> None:
    twin = CarTwin(car_id="44")
    twin.update_state(original())
    before = twin.get_state()
    twin.update_state({"cars": "none"})
    assert twin.get_state() == before


def test_state_is_complete_after_some_laps(toy: Any, drive: Drive) -> None:
    state = drive(toy(), to_lap=12).cars["3"].state()
    assert isinstance(state, CarTwinState)
    assert state.lap in (11, 12)
    assert len(state.next_laps_s) == 10
    for lap in state.next_laps_s:
        assert lap.low < lap.mean < lap.high
    assert state.tyre_life_laps is not None
    assert state.pit_window is not None
    assert state.performance_delta_s is not None
    assert state.stop_probability_next_lap is not None
    assert state.stop_probability_next_5 is not None
    assert state.stop_probability_next_lap <= state.stop_probability_next_5
    assert CarTwinState.model_validate(state.model_dump()) == state


def test_forecast_is_right_on_a_race_without_surprises(toy: Any, drive: Drive) -> None:
    race = toy(laps=40)
    table = race.table().set_index(["driver_number", "lap"]).lap_time_s
    car = drive(race, to_lap=25).cars["2"]
    error = [e.mean - table[2, car.laps + k] for k, e in enumerate(car.state().next_laps_s, start=1)]
    assert np.abs(error).mean() < 0.35


def test_intervals_widen_with_the_laps_ahead(toy: Any, drive: Drive) -> None:
    laps = drive(toy(), to_lap=12).cars["3"].state().next_laps_s
    widths = [e.high - e.low for e in laps]
    assert widths == sorted(widths)


def test_fewer_laps_are_forecast_near_the_flag(toy: Any, drive: Drive) -> None:
    car = drive(toy(), to_lap=27).cars["1"]
    assert len(car.state().next_laps_s) == 30 - car.laps


def test_laps_in_the_pits_and_behind_the_safety_car_teach_no_pace(toy: Any, drive: Drive) -> None:
    quiet = drive(toy(), to_lap=20)
    busy = drive(toy(neutralised=range(12, 16), stops={2: {8: "MEDIUM"}}), to_lap=20)
    for car in ("1", "2"):
        assert busy.cars[car].belief.pace[0] == pytest.approx(quiet.cars[car].belief.pace[0], abs=0.3)


def test_a_stop_resets_the_set(toy: Any, drive: Drive) -> None:
    car = drive(toy(stops={1: {10: "HARD"}}), to_lap=13).cars["1"]
    assert car.stops == 1
    assert car.tyre.compound is not None
    assert car.tyre.compound.value == "HARD"
    assert car.age == car.laps - 10
    assert abs(car.pace.set_wear(car.index)) < 0.02


def test_missing_tyres_widen_intervals_instead_of_failing(toy: Any, drive: Drive) -> None:
    race = toy()
    table = race.table()
    known = drive(race.record(table), to_lap=12).cars["1"].state()
    bare = table.drop(columns=["compound", "tyre_age", "fresh_tyre"])
    blind = drive(race.record(bare), to_lap=12).cars["1"].state()
    assert blind.tyre.compound is None
    for k in range(10):
        a, b = blind.next_laps_s[k], known.next_laps_s[k]
        assert a.high - a.low > b.high - b.low


def test_a_driver_without_history_is_less_certain_than_one_with(
    toy: Any, replay: Any, parameters: RaceParameters
) -> None:
    known = {f"T{k}": 0.1 * k for k in (1, 3)}  # cars 3 and 4 are of a team that nobody has seen
    form = Form(weights=(0.0, 1.0, 1.0, 0.0), sd_s=0.2, teams=known)
    twin = RaceTwin("toy", parameters, form)
    for ingested in replay(toy().record()):
        twin.update(ingested)
        if twin.leader_laps >= 2:
            break
    width = {c: s.pace_s.high - s.pace_s.low for c, s in ((c, car.state()) for c, car in twin.cars.items())}
    assert min(width["3"], width["4"]) > 1.3 * max(width[c] for c in ("1", "2", "5", "6"))
    nexts = {c: car.state().next_laps_s[0] for c, car in twin.cars.items()}
    assert nexts["4"].high - nexts["4"].low > nexts["5"].high - nexts["5"].low


def test_a_wet_race_goes_through_with_wider_intervals(toy: Any, drive: Drive) -> None:
    dry = drive(toy(), to_lap=18)
    race = toy(start=dict.fromkeys(range(1, 7), "INTERMEDIATE"), noise_s=1.2, stops={1: {10: "SOFT"}})
    wet = drive(race, to_lap=18)
    assert wet.wetness > 0.2
    assert dry.wetness == 0.0
    a, b = wet.cars["2"].state(), dry.cars["2"].state()
    assert a.pit_window is None
    assert a.next_laps_s[0].high - a.next_laps_s[0].low > b.next_laps_s[0].high - b.next_laps_s[0].low
    assert wet.race_state().wetness == wet.wetness


def test_a_set_fitted_under_red_is_no_stop_and_less_certain(toy: Any, drive: Drive) -> None:
    race = toy(neutralised=range(10, 12), digit="5")
    table = race.table()
    changed = table.lap > 10
    table.loc[changed, "compound"] = "HARD"
    table.loc[changed, "tyre_age"] = table.lap[changed] - 10
    restarted, quiet = (drive(r, to_lap=13) for r in (race.record(table), toy()))
    car = restarted.cars["1"]
    assert car.tyre.compound is not None
    assert car.tyre.compound.value == "HARD"
    assert car.compounds_used == 0b110
    assert car.stops == car.state().stops == 0
    assert restarted.race_state().stops.tolist() == [0] * 6
    assert restarted.race_state().running.all()
    after, usual = car.state().next_laps_s[0], quiet.cars["1"].state().next_laps_s[0]
    assert after.high - after.low > usual.high - usual.low


def test_a_set_fitted_as_the_race_goes_on_after_red_is_free_but_a_stop_before_it_is_not(toy: Any, drive: Drive) -> None:
    race = toy(neutralised=range(10, 12), digit="5", stops={1: {11: "HARD"}, 2: {9: "HARD"}, 3: {15: "HARD"}})
    cars = drive(race, to_lap=18).cars
    assert [cars[c].stops for c in "1234"] == [0, 1, 1, 0]
    assert [cars[c].compounds_used for c in "1234"] == [0b110, 0b110, 0b110, 0b10]


def test_a_sprint_expects_no_stop(toy: Any, replay: Any, parameters: RaceParameters) -> None:
    sprint, race = RaceTwin("toy-sprint", parameters), RaceTwin("toy", parameters)
    for twin, session in ((sprint, "S"), (race, "R")):
        for ingested in replay(toy(laps=17, session=session).record()):
            twin.update(ingested)
            if twin.leader_laps >= 9:
                break
    assert sprint.is_sprint
    assert not race.is_sprint
    for car in sprint.field.get_state()["cars"].values():
        assert car["predicted_strategy"] == []
        assert car["stop_probability_next_5"] < 0.1
    assert all(car["predicted_strategy"] for car in race.field.get_state()["cars"].values())
    assert all(len(car.state().next_laps_s) == 17 - car.laps for car in sprint.cars.values())


def test_22_cars_go_through(toy: Any, drive: Drive) -> None:
    twin = drive(toy(n_cars=22, laps=12), to_lap=10)
    assert twin.race_state().n_cars == 22
    assert sorted(twin.field.get_state()["virtual_positions"].values()) == list(range(1, 23))
    for car in twin.cars.values():
        assert car.state().next_laps_s
        for lap in car.state().next_laps_s:
            assert 0.3 < lap.high - lap.low < 10.0


def test_a_retired_car_is_not_forecast(toy: Any, drive: Drive) -> None:
    state = drive(toy(retire={2: 6}), to_lap=12).cars["2"].state()
    assert state.status is CarStatus.RETIRED
    assert state.next_laps_s == ()
    assert state.pit_window is None
    assert state.stop_probability_next_lap is None
