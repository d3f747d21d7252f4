from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from racetwin.schemas import TrackStatus
from racetwin.simulation.parameters import RaceParameters
from racetwin.twins.hazard import (
    NEAR_LAPS,
    StopContext,
    by_lap,
    modelled_chances,
    stop_chance,
    stop_chances,
    stop_hazard,
    within,
)

pytestmark = pytest.mark.unit

MID = StopContext(lap=15, total_laps=57, compound=1, age=15.0, stops=0, compounds_used=0b010, gap_behind_s=5.0)


def test_the_first_lap_is_the_formula(parameters: RaceParameters) -> None:
    p = parameters
    use = 15.0 / p.life_laps[1]
    eta = p.stop_intercept + p.stop_age * use + p.stop_overdue * max(0.0, use - 1) + p.stop_owed * 16 / 57
    assert stop_hazard(p, MID, 5)[0] == pytest.approx(1 - math.exp(-math.exp(eta)))


def test_older_tyres_stop_sooner(parameters: RaceParameters) -> None:
    assert (np.diff(stop_hazard(parameters, MID, 20)) > 0).all()


@pytest.mark.parametrize(
    "change",
    [
        {"status": TrackStatus.SC},
        {"status": TrackStatus.VSC},
        {"ahead_stopped": 15},
        {"behind_stopped": 15},
        {"gap_behind_s": 40.0},
        {"bias": 0.5},
    ],
)
def test_what_makes_a_stop_likelier(parameters: RaceParameters, change: dict[str, object]) -> None:
    changed = replace(MID, **change)
    assert stop_hazard(parameters, changed, 1)[0] > stop_hazard(parameters, MID, 1)[0]


def test_a_safety_car_now_does_not_make_stops_likelier_for_ever(parameters: RaceParameters) -> None:
    green, sc = (stop_hazard(parameters, replace(MID, status=s), 6) for s in (TrackStatus.GREEN, TrackStatus.SC))
    assert sc[0] > green[0]
    assert sc[5] == green[5]


def test_being_held_up_counts_as_the_race_model_says(parameters: RaceParameters) -> None:
    free, held = (stop_hazard(parameters, replace(MID, gap_ahead_s=g), 2) for g in (9.0, 0.8))
    assert np.sign(held[0] - free[0]) == np.sign(parameters.stop_traffic)
    assert held[1] == free[1]


def test_a_rival_in_the_lane_now_moves_the_lap_after(parameters: RaceParameters) -> None:
    quiet, now = (stop_hazard(parameters, replace(MID, behind_stopped=lap), 3) for lap in (0, 16))
    assert now[0] == quiet[0]
    assert now[1] > quiet[1]
    assert now[2] == quiet[2]


def test_what_is_owed_is_paid_while_there_is_a_lap_left_to(parameters: RaceParameters) -> None:
    assert stop_hazard(parameters, replace(MID, lap=50), 20)[-1] == 1.0


def test_nobody_stops_on_the_last_lap(parameters: RaceParameters) -> None:
    assert len(stop_hazard(parameters, replace(MID, lap=56), 5)) == 0
    assert len(stop_hazard(parameters, replace(MID, lap=54), 5)) == 2


def test_a_late_stop_that_is_not_owed_is_unlikely(parameters: RaceParameters) -> None:
    late = replace(MID, lap=52, stops=1, compounds_used=0b110)
    owing = replace(MID, lap=52)
    assert stop_hazard(parameters, late, 1)[0] < stop_hazard(parameters, owing, 1)[0]


def test_probabilities_by_lap_add_up_to_that_of_a_stop(parameters: RaceParameters) -> None:
    hazard = stop_hazard(parameters, MID, 41)
    assert by_lap(hazard).sum() == pytest.approx(within(hazard, 41))
    assert 0 < within(hazard, 1) < within(hazard, 5) <= 1


def test_an_unknown_compound_still_has_a_hazard(parameters: RaceParameters) -> None:
    assert 0 < stop_hazard(parameters, replace(MID, compound=-1), 1)[0] < 1


def test_many_cars_at_once_are_each_as_by_itself(parameters: RaceParameters) -> None:
    """Rows of a field, near the flag and far from it, in all kinds of trouble, to the last bit."""
    field = [
        MID,
        replace(MID, lap=52, stops=1, compounds_used=0b110),
        replace(MID, status=TrackStatus.SC, status_laps=1),
        replace(MID, behind_stopped=15, gap_ahead_s=0.8),
        replace(MID, lap=56),
    ]
    together = stop_chances(parameters, field, 42)
    for ctx, row in zip(field, together, strict=True):
        alone = stop_chance(parameters, ctx, 42)
        assert row.tolist() == [*alone.tolist(), *[0.0] * (42 - len(alone) - 1)]


@pytest.mark.parametrize("change", [{"stopped_of_late": 0.4}, {"gap_ahead_s": 30.0}])
def test_what_others_do_now_bears_on_the_next_laps_only(parameters: RaceParameters, change: dict[str, float]) -> None:
    before, after = (stop_chance(parameters, c, 12) for c in (replace(MID, gap_ahead_s=0.8), replace(MID, **change)))
    if "stopped_of_late" in change:
        before = stop_chance(parameters, MID, 12)
    assert (after[:NEAR_LAPS] > before[:NEAR_LAPS]).all()
    assert after[NEAR_LAPS:].tolist() == before[NEAR_LAPS:].tolist()


def test_a_set_as_old_as_those_that_others_changed_today_is_changed_sooner(parameters: RaceParameters) -> None:
    young, old = (within(stop_chance(parameters, replace(MID, age_today=a), 5), 5) for a in (30.0, 17.0))
    assert old > 1.5 * young


def test_hards_are_kept(parameters: RaceParameters) -> None:
    alike = parameters.replace(life_laps=(20.0,) * 5)
    soft, medium, hard = (
        within(stop_chance(alike, replace(MID, compound=c, compounds_used=1 << c), 5), 5) for c in (0, 1, 2)
    )
    assert soft > medium > hard


@pytest.mark.parametrize("change", [{"compound": 3, "compounds_used": 0b1000}, {"lap": 50}])
def test_intermediates_and_stops_that_must_be_are_as_the_race_model_has_them(
    parameters: RaceParameters, change: dict[str, int]
) -> None:
    ctx = replace(MID, **change)
    told, model = stop_chances(parameters, [ctx], 20)[0], modelled_chances(parameters, [ctx], 20)[0]
    if "lap" in change:
        assert told[5] == model[5] == 1.0
    else:
        assert told.tolist() == model.tolist()


def test_a_sprint_is_as_the_race_model_has_it(parameters: RaceParameters) -> None:
    sprint = parameters.sprint()
    assert stop_chances(sprint, [MID], 9).tolist() == modelled_chances(sprint, [MID], 9).tolist()
