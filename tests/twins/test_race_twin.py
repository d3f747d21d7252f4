from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from racetwin.errors import InputError
from racetwin.schemas import CarStatus, TrackStatus
from racetwin.simulation.parameters import RaceParameters
from racetwin.telemetry.ingestor import Ingested
from racetwin.twins import RaceTwin

pytestmark = pytest.mark.integration

Drive = Callable[..., RaceTwin]
Replay = Callable[..., Iterator[Ingested]]


def busy(toy: Any) -> Any:
    """Stops, a safety car and a retirement."""
    return toy(
        n_cars=5,
        laps=14,
        stops={1: {7: "HARD"}, 2: {6: "HARD"}, 3: {9: "SOFT"}, 4: {9: "HARD"}, 5: {3: "HARD"}},
        neutralised=range(9, 11),
        retire={5: 11},
    )


def test_beliefs_do_not_depend_on_the_frame_rate(toy: Any, drive: Drive) -> None:
    race = busy(toy)
    by_happening, at_10_hz = drive(race), drive(race, hz=10.0)
    assert by_happening.hash() == at_10_hz.hash()


def test_looking_changes_nothing(toy: Any, replay: Replay, parameters: RaceParameters) -> None:
    unseen, watched = RaceTwin("toy", parameters), RaceTwin("toy", parameters)
    for k, ingested in enumerate(replay(busy(toy).record())):
        unseen.update(ingested)
        watched.update(ingested)
        if k % 3 == 0 and watched.leader_laps < 14:
            watched.field.get_state()
            watched.race_state()
            for car in watched.cars.values():
                car.state()
    assert unseen.hash() == watched.hash()


@pytest.mark.parametrize("at", [0, 9, 25, 47])
def test_a_restored_twin_goes_on_as_the_one_it_was_taken_of(
    toy: Any, replay: Replay, parameters: RaceParameters, at: int
) -> None:
    stream = list(replay(busy(toy).record()))
    twin = RaceTwin("toy", parameters)
    for ingested in stream[: at + 1]:
        twin.update(ingested)
    other = RaceTwin.restore(json.loads(json.dumps(twin.snapshot())), parameters)
    assert other.hash() == twin.hash()
    assert other.field.get_state() == twin.field.get_state()
    assert {k: c.state() for k, c in other.cars.items()} == {k: c.state() for k, c in twin.cars.items()}
    for ingested in stream[at + 1 :]:
        twin.update(ingested)
        other.update(ingested)
    assert other.hash() == twin.hash()
    assert other.snapshot() == twin.snapshot()


def test_the_same_frames_give_the_same_bytes(toy: Any, drive: Drive) -> None:
    one, two = (json.dumps(drive(busy(toy)).snapshot(), sort_keys=True) for _ in range(2))
    assert one == two


def test_before_the_first_frame_there_is_no_race_state(parameters: RaceParameters) -> None:
    with pytest.raises(InputError, match="no frame"):
        RaceTwin("toy", parameters).race_state()


def test_on_the_grid_cars_stand_in_grid_order(toy: Any, replay: Replay, parameters: RaceParameters) -> None:
    twin = RaceTwin("toy", parameters)
    twin.update(next(replay(toy().record())))
    state = twin.race_state()
    assert state.lap == 0
    assert [state.car_id[i] for i in state.order()] == [str(k) for k in range(1, 7)]
    assert (np.diff(np.sort(state.time_s)) == pytest.approx(parameters.grid_slot_s)) is True


def test_cars_that_have_crossed_stand_at_their_line_time(toy: Any, drive: Drive) -> None:
    race = toy()
    twin = drive(race, to_lap=11)  # ends as the leader completes lap 11
    state = twin.race_state()
    table = race.table()
    leader = table[table.lap == 11].sort_values("race_time_s").iloc[0]
    assert state.lap == 11
    assert state.time_s[state.index(str(leader.driver_number))] == pytest.approx(leader.race_time_s, abs=1e-3)


def test_cars_not_yet_across_are_carried_there_by_their_forecast(toy: Any, drive: Drive) -> None:
    race = toy()
    state = drive(race, to_lap=15).race_state()
    table = race.table().set_index(["driver_number", "lap"]).race_time_s
    for car in range(2, 7):
        assert state.time_s[state.index(str(car))] == pytest.approx(table[car, 15], abs=0.6)


def test_a_lapped_car_is_more_than_a_lap_late(toy: Any, drive: Drive) -> None:
    state = drive(toy(pace_s={6: 9.0}, laps=20), to_lap=15).race_state()
    i = state.index("6")
    assert state.laps_completed[i] == 14
    assert state.time_s[i] - state.time_s.min() > 90.0


def test_a_retired_car_does_not_run(toy: Any, drive: Drive) -> None:
    twin = drive(toy(retire={3: 8}), to_lap=14)
    assert twin.cars["3"].status is CarStatus.RETIRED
    state = twin.race_state()
    assert not state.running[state.index("3")]
    assert state.running.sum() == 5


def test_a_stop_under_way_is_completed_once(toy: Any, replay: Replay, parameters: RaceParameters) -> None:
    """Told at the line of the in-lap, the state has the whole stop in it: two laps later the car is where it said."""
    race = toy(stops={1: {12: "HARD"}})
    twin, seen = RaceTwin("toy", parameters), None
    for ingested in replay(race.record()):
        twin.update(ingested)
        if seen is None and twin.cars["1"].laps == 12:
            seen = twin.race_state()
    assert seen is not None
    i = seen.index("1")
    assert seen.stops[i] == 1
    assert seen.tyre_age[i] <= 1
    table = race.table().set_index(["driver_number", "lap"]).race_time_s
    lost = table[1, 13] - table[2, 13] - (table[1, 11] - table[2, 11])
    told = seen.time_s[i] - seen.time_s[seen.index("2")] - (table[1, 11] - table[2, 11])
    assert told == pytest.approx(lost, abs=3.5)  # give or take what the circuit's usual loss is off


def test_a_car_in_the_lane_for_the_lap_to_come_has_its_stop_planned(
    toy: Any, replay: Replay, parameters: RaceParameters
) -> None:
    twin = RaceTwin("toy", parameters)
    for ingested in replay(toy(stops={6: {12: "HARD"}}).record()):
        twin.update(ingested)
        if twin.cars["6"].status is CarStatus.PIT and twin.leader_laps == 11:
            state = twin.race_state()
            assert state.planned_lap[state.index("6")].tolist() == [12, 0, 0, 0]
            return
        if twin.cars["6"].status is CarStatus.PIT and twin.leader_laps == 12:
            state = twin.race_state()
            assert state.stops[state.index("6")] == 1
            return
    pytest.fail("car 6 was never seen in the lane")


def test_stops_and_compounds_are_counted(toy: Any, drive: Drive) -> None:
    state = drive(toy(stops={1: {8: "HARD", 18: "SOFT"}}), to_lap=22).race_state()
    i = state.index("1")
    assert state.stops[i] == 2
    assert state.compounds_used[i] == 0b111
    assert state.compound[i] == 0
    assert state.tyre_age[i] == 4


def test_laps_behind_the_safety_car_age_tyres_less(toy: Any, drive: Drive, parameters: RaceParameters) -> None:
    twin = drive(toy(neutralised=range(8, 12)), to_lap=15)
    assert twin.cars["1"].age == pytest.approx(15 - 4 * (1 - parameters.age_factor_sc))


def test_a_team_known_to_be_hard_on_its_tyres_begins_every_set_so(
    toy: Any, replay: Any, parameters: RaceParameters
) -> None:
    known = parameters.replace(live=replace(parameters.live, team_wear=(("T1", 0.5),)))
    twin = RaceTwin("toy", known)
    seen: dict[tuple[str, int], float] = {}
    for ingested in replay(toy(stops={1: {9: "HARD"}, 3: {9: "HARD"}}).record()):
        twin.update(ingested)
        for car in twin.cars.values():
            seen.setdefault((car.car_id, car.stops), twin.pace.set_wear(car.index))
    more = 0.5 * known.wear_s[1]
    assert [seen[k] for k in (("1", 0), ("1", 1), ("3", 0), ("3", 1))] == pytest.approx([more, more, 0.0, 0.0])


def test_laps_behind_the_safety_car_burn_less_fuel(toy: Any, drive: Drive) -> None:
    green, slow = drive(toy(), to_lap=15), drive(toy(neutralised=range(8, 12)), to_lap=15)
    even, spared = (twin.cars["1"].state().fuel_kg.mean for twin in (green, slow))
    assert 1.1 * even < spared < 1.2 * even


def test_behind_a_safety_car_nobody_is_carried_away_from_the_leader(toy: Any, drive: Drive) -> None:
    race = toy(neutralised=range(10, 13))
    state = drive(race, to_lap=11).race_state()
    table = race.table().set_index(["driver_number", "lap"]).race_time_s
    assert state.track_status is TrackStatus.SC
    for car in range(2, 7):
        assert state.time_s[state.index(str(car))] == pytest.approx(table[car, 11], abs=3.0)


def test_history_has_every_lap_once_with_its_gap(toy: Any, drive: Drive) -> None:
    race = toy()
    twin = drive(race)
    assert len(twin.history) == 6 * 30
    assert len({(n.car_id, n.lap) for n in twin.history}) == 6 * 30
    for lap in (2, 17, 30):
        gaps = [n.gap_s for n in twin.history if n.lap == lap]
        assert min(gaps) == 0.0
        assert all(g >= 0 for g in gaps)


def test_joining_under_way_starts_from_what_the_frame_says(
    toy: Any, drive: Drive, replay: Replay, parameters: RaceParameters
) -> None:
    stream = [i for i in replay(toy().record()) if i.frame.lap > 12]
    twin = RaceTwin("toy", parameters)
    twin.observe(stream[0].frame)
    assert twin.leader_laps == 12
    for ingested in stream[1:]:
        twin.update(ingested)
    assert twin.leader_laps == 30
    assert twin.cars["1"].laps == 30


def test_at_the_flag_there_is_still_a_state(toy: Any, drive: Drive) -> None:
    twin = drive(toy(laps=8))
    state = twin.race_state()
    assert state.lap == 7
    assert all(c.status is CarStatus.FINISHED for c in twin.cars.values())
