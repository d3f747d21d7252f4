from __future__ import annotations

import numpy as np
import pytest

from racetwin.simulation.live import SET_LIFE_EDGES
from racetwin.simulation.parameters import RaceParameters
from racetwin.twins.tyres import SetBelief, life_left, pit_window

pytestmark = pytest.mark.unit

M, H = 0b010, 0b100


def belief(age: float = 10.0, wear: float = 0.048, sd: float = 0.01, compound: int = 1) -> SetBelief:
    return SetBelief(compound, age, wear, sd, (-0.45, 0.0, 0.4), (0.075, 0.048, 0.032))


@pytest.mark.parametrize("age", [0.0, 10.0, 40.0, 60.0])
@pytest.mark.parametrize("compound", [0, 1, 2])
def test_of_sets_that_reach_an_age_half_are_changed_by_the_middle_and_90_per_cent_between_the_ends(
    parameters: RaceParameters, age: float, compound: int
) -> None:
    p = parameters.replace(life_laps=(16.0, 23.0, 32.0, 25.0, 25.0))
    rates = np.array(p.live.set_life.rates(compound))
    # Lap by lap, and not from the rates' integral, as the function has it.
    laps = np.arange(0.0, 400.0, 0.01)
    rate = (
        rates[np.searchsorted(SET_LIFE_EDGES, laps / p.life_laps[compound], side="right") - 1] / p.life_laps[compound]
    )
    there = np.exp(-np.cumsum(np.where(laps >= age, rate, 0.0)) * 0.01)
    life = life_left(belief(age=age, compound=compound), p)
    for share, told in ((0.05, life.low), (0.5, life.mean), (0.95, life.high)):
        assert told == pytest.approx(min(float(laps[np.argmax(there <= 1.0 - share)]) - age, 90.0), abs=0.05)


def test_a_set_that_is_still_driven_has_laps_left(parameters: RaceParameters) -> None:
    lives = [life_left(belief(age=float(age)), parameters) for age in range(0, 90, 5)]
    assert all(0.0 < life.low < life.mean < life.high <= 90.0 for life in lives)


def test_usual_lives_rank_sets_and_their_own_wear_does_not(parameters: RaceParameters) -> None:
    p = parameters.replace(life_laps=(16.0, 23.0, 32.0, 25.0, 25.0))
    lives = [life_left(belief(compound=c), p).mean for c in range(3)]
    assert lives == sorted(lives)
    assert life_left(belief(wear=0.02), p) == life_left(belief(wear=0.09), p)


def test_one_stop_owed_falls_near_the_middle(parameters: RaceParameters) -> None:
    window = pit_window(belief(age=5.0), parameters, lap=5, total_laps=57, compounds_used=M)
    assert window is not None
    first, last = window
    assert 5 < first <= last < 57
    assert first <= 30 <= last + 8


def test_more_wear_opens_the_window_sooner(parameters: RaceParameters) -> None:
    usual = pit_window(belief(age=5.0), parameters, lap=5, total_laps=57, compounds_used=M)
    high = pit_window(belief(age=5.0, wear=0.15), parameters, lap=5, total_laps=57, compounds_used=M)
    assert usual is not None
    assert high is not None
    assert high[0] < usual[0]


def test_nothing_owed_and_nothing_to_gain_is_no_window(parameters: RaceParameters) -> None:
    assert pit_window(belief(age=3.0), parameters, lap=50, total_laps=57, compounds_used=M | H) is None


def test_a_compound_owed_keeps_the_window_open_to_the_end(parameters: RaceParameters) -> None:
    window = pit_window(belief(age=3.0), parameters, lap=54, total_laps=57, compounds_used=M)
    assert window is not None
    assert window[1] <= 56


def test_no_window_on_wet_tyres(parameters: RaceParameters) -> None:
    assert pit_window(belief(compound=3), parameters, lap=10, total_laps=57, compounds_used=8) is None
