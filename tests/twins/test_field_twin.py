from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from racetwin.schemas import TrackStatus
from racetwin.simulation.parameters import RaceParameters
from racetwin.twins import RaceTwin
from racetwin.twins.duels import duel, points_between
from racetwin.twins.hazard import by_lap, next_stop_lap, stop_chance
from racetwin.twins.profile import Profile
from racetwin.twins.rivals import outlooks
from racetwin.twins.threats import Raced

pytestmark = pytest.mark.integration

Drive = Callable[..., RaceTwin]


def test_the_view_is_plain_json_and_names_every_car(toy: Any, drive: Drive) -> None:
    view = drive(toy(stops={1: {9: "HARD"}}), to_lap=12).field.get_state()
    assert json.loads(json.dumps(view)) == view
    assert set(view["cars"]) == {str(k) for k in range(1, 7)}
    for car in view["cars"].values():
        assert 0 <= car["stop_probability_next_lap"] <= car["stop_probability_next_5"] <= 1
        assert sum(car["stop_probability_by_lap"].values()) <= 1.001


def test_positions_are_those_at_the_line(toy: Any, drive: Drive) -> None:
    assert drive(toy(), to_lap=12).field.positions() == {str(k): k for k in range(1, 7)}


def test_who_has_still_to_stop_is_virtually_behind_who_has(toy: Any, drive: Drive) -> None:
    """Car 2 has stopped and lies last on the road; once the others have stopped too it is about where it was."""
    twin = drive(toy(stops={2: {10: "HARD"}}), to_lap=13)
    assert twin.field.positions()["2"] >= 5
    assert twin.field.virtual_positions()["2"] <= 2


def test_older_tyres_stop_sooner(toy: Any, drive: Drive) -> None:
    view = drive(toy(stops={3: {10: "MEDIUM"}}), to_lap=14).field.get_state()["cars"]
    assert view["1"]["stop_probability_next_5"] > view["3"]["stop_probability_next_5"]


def test_the_next_stop_is_named_as_the_scoreboard_has_it(toy: Any, drive: Drive) -> None:
    twin = drive(toy(), to_lap=8)
    told = outlooks(twin)
    for car in twin.cars.values():
        context, n = twin.stop_context(car), twin.total_laps - car.laps
        chance = by_lap(stop_chance(twin.parameters, context, n))
        lap = told[car.car_id].strategy[0][0]
        assert lap == next_stop_lap(chance, car.laps + 1)
        half = chance.sum() / 2
        wide = next(w for w in range(1, n + 1) if np.convolve(chance, np.ones(w), "valid").max() >= half - 1e-9)
        around = chance[lap - car.laps - 1 - (wide - 1) // 2 :][:wide]
        assert around.sum() >= half - 1e-9


def test_a_predicted_strategy_pays_the_compound_that_is_owed(toy: Any, drive: Drive) -> None:
    for car in drive(toy(), to_lap=10).field.get_state()["cars"].values():
        assert car["predicted_strategy"][0]["compound"] in ("SOFT", "HARD")
        assert 10 < car["predicted_strategy"][0]["lap"] < 30


def test_the_nearer_the_likelier_the_undercut(toy: Any, drive: Drive) -> None:
    twin = drive(toy(), to_lap=15)
    chances = [duel(twin, twin.cars["2"], twin.cars["1"], g, twin.wetness) for g in (0.5, 1.5, 3.0, 5.0)]
    found = [d.undercut for d in chances if d is not None]
    assert len(found) == 4
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


def test_more_wear_makes_the_undercut_stronger(toy: Any, drive: Drive) -> None:
    def gain(wear: float) -> float:
        twin = drive(toy(wear_s={"SOFT": wear, "MEDIUM": wear, "HARD": wear}), to_lap=16)
        d = duel(twin, twin.cars["2"], twin.cars["1"], 1.5, twin.wetness)
        assert d is not None
        return d.undercut_gain_s

    assert gain(0.12) > gain(0.03)


def test_no_duel_far_apart_or_under_a_safety_car(toy: Any, drive: Drive) -> None:
    twin = drive(toy(), to_lap=15)
    assert duel(twin, twin.cars["2"], twin.cars["1"], 20.0, twin.wetness) is None
    sc = drive(toy(neutralised=range(12, 20)), to_lap=15)
    assert sc.track_status is TrackStatus.SC
    assert duel(sc, sc.cars["2"], sc.cars["1"], 1.5, sc.wetness) is None


def test_points_between_places() -> None:
    assert points_between(2) == 7
    assert points_between(11) == 1
    assert points_between(15) == 0
    assert points_between(1) == 0
    assert points_between(9, sprint=True) == 1


def test_a_faster_car_close_behind_is_a_threat_by_pace(toy: Any, drive: Drive) -> None:
    twin = drive(toy(pace_s={3: 0.15, 4: -0.15}, laps=40, noise_s=0.02), to_lap=4)
    found = {t.rival_id: t for t in twin.field.threats("3")}
    assert "4" in found
    assert found["4"].probability > 0.5
    assert found["4"].level == "high"


def test_threats_come_from_the_simulation_where_there_is_one(toy: Any, drive: Drive) -> None:
    twin = drive(toy(), to_lap=10)
    found = {t.rival_id: t for t in twin.field.threats("3", Raced({"4": 0.37, "5": 0.001, "1": 0.9}, "40 races"))}
    assert set(found) == {"4"}  # car 1 is ahead already, car 5 as good as never comes by
    assert (found["4"].probability, found["4"].level, found["4"].source) == (0.37, "medium", "40 races")


def test_any_car_ahead_can_be_weighed_not_only_the_next(toy: Any, drive: Drive) -> None:
    field = drive(toy(pace_s=dict.fromkeys(range(1, 7), 0.0)), to_lap=16).field
    one, two = field.duel("2", "1"), field.duel("3", "1")
    assert one is not None
    assert two is not None
    assert one == field.duel_of("2")
    assert one.gap_s < two.gap_s
    assert one.undercut > two.undercut
    assert field.duel("1", "3") is None  # the other way round there is nothing to undercut


def test_a_gap_larger_than_the_pit_loss_is_a_free_stop(toy: Any, drive: Drive) -> None:
    twin = drive(toy(pace_s=dict.fromkeys(range(2, 7), 3.0)), to_lap=14)
    kinds = {o["kind"] for o in twin.field.opportunities("1")}
    assert "free_stop" in kinds


def test_a_safety_car_makes_a_stop_cheap(toy: Any, drive: Drive) -> None:
    twin = drive(toy(neutralised=range(12, 18)), to_lap=13)
    found = [
        o for c in twin.cars for o in twin.field.opportunities(c) if o["kind"] in ("cheap_stop", "cheap_free_stop")
    ]
    assert found
    assert all(o["loss_s"] < twin.parameters.pit_loss_s for o in found)


def test_a_car_that_stops_early_gets_an_early_habit_and_one_that_waits_a_late_one(toy: Any, drive: Drive) -> None:
    twin = drive(toy(laps=40, stops={1: {5: "HARD"}, 2: {36: "HARD"}}), to_lap=36)
    assert twin.field.profile("1").stop_bias > 0 > twin.field.profile("2").stop_bias


def test_a_habit_without_evidence_is_the_fields() -> None:
    p = Profile()
    assert p.stop_bias == 0.0
    assert p.cover_bias == 0.0
    assert p.undercut_tendency == pytest.approx(0.02)
    assert p.defence == pytest.approx(0.8)


def test_retired_cars_threaten_nobody(toy: Any, drive: Drive) -> None:
    twin = drive(toy(retire={4: 8}), to_lap=14)
    assert all(t.rival_id != "4" for c in ("1", "2", "3") for t in twin.field.threats(c))
    assert twin.field.threats("4") == ()
    assert twin.field.opportunities("4") == ()
    assert "4" not in twin.field.get_state()["virtual_positions"]


def test_a_field_twin_by_itself_follows_frames(toy: Any, replay: Any, parameters: RaceParameters) -> None:
    from racetwin import FieldTwin

    field = FieldTwin(parameters=parameters)
    for ingested in replay(toy(laps=6).record()):
        field.observe(ingested.frame, ingested.events)
    assert field.race.leader_laps == 6
    assert len(field.get_state()["cars"]) == 6


def test_habits_do_not_confirm_themselves(toy: Any, replay: Any, parameters: RaceParameters) -> None:
    """What the race model expects of a car's laps counts without the habits learnt."""
    fresh, set_in_its_ways = RaceTwin("toy", parameters), RaceTwin("toy", parameters)
    for ingested in replay(toy(laps=40, stops={1: {20: "HARD"}}).record(), to_lap=30):
        fresh.update(ingested)
        set_in_its_ways.update(ingested)
        set_in_its_ways.field.profile("2").stops = 20
    a, b = fresh.field.profile("2"), set_in_its_ways.field.profile("2")
    assert b.stop_bias > a.stop_bias + 0.4
    assert a.stops_expected > 0.0
    assert b.stops_expected == a.stops_expected


def test_the_lap_a_car_stops_on_was_a_lap_it_could_have_stopped_on(toy: Any, drive: Drive) -> None:
    race = toy(laps=40, stops={1: {20: "HARD"}}, pace_s=dict.fromkeys(range(2, 7), 0.5))
    before, after = (drive(race, to_lap=n).field.profile("1") for n in (19, 20))
    assert (before.stops, after.stops) == (0, 1)
    assert after.stops_expected > before.stops_expected > 0.0


def test_a_place_is_defended_if_the_car_within_a_second_at_the_line_is_still_behind_a_lap_later(
    toy: Any, drive: Drive
) -> None:
    """As the habits of the parameter file are counted: from lap two, by who was next on the same lap, each lap once."""
    race = toy(laps=14, pace_s={3: -0.21, 5: -0.47, 6: 0.3}, stops={2: {9: "HARD"}}, noise_s=0.0)
    twin = drive(race)
    line = race.table().pivot(index="lap", columns="driver_number", values="race_time_s")
    in_lane = {(2, 9), (2, 10)}
    seen = {}
    for car in line.columns:
        kept, attacked = 0, 0
        for lap in range(2, 15):
            behind = line.loc[lap - 1] - line.loc[lap - 1, car]
            behind = behind[behind > 0]
            if len(behind) and behind.min() < 1.0 and (car, lap) not in in_lane:
                attacked += 1
                kept += int(line.loc[lap, behind.idxmin()] > line.loc[lap, car])
        seen[str(car)] = (kept, attacked)
    counted = {c: (twin.field.profile(c).defended, twin.field.profile(c).attacked) for c in seen}
    assert counted == seen
    assert 0 < sum(kept for kept, _ in seen.values()) < sum(attacked for _, attacked in seen.values())
