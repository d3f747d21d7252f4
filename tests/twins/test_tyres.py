from __future__ import annotations

import pytest

from racetwin.simulation.parameters import RaceParameters
from racetwin.twins.tyres import SetBelief, life_left, pit_window

pytestmark = pytest.mark.unit

M, H = 0b010, 0b100


def belief(age: float = 10.0, wear: float = 0.048, sd: float = 0.01, compound: int = 1) -> SetBelief:
    return SetBelief(compound, age, wear, sd, (-0.45, 0.0, 0.4), (0.075, 0.048, 0.032))


def test_a_set_worn_as_usual_lives_as_long_as_usual(parameters: RaceParameters) -> None:
    p = parameters.replace(wear_s=(0.075, 0.048, 0.032, 0.05, 0.04), life_laps=(16.0, 23.0, 32.0, 25.0, 25.0))
    assert life_left(belief(age=10.0), p).mean == pytest.approx(13.0, abs=0.1)


def test_a_set_that_wears_more_has_less_left(parameters: RaceParameters) -> None:
    lives = [life_left(belief(wear=w), parameters).mean for w in (0.02, 0.048, 0.09)]
    assert lives == sorted(lives, reverse=True)


def test_life_left_is_never_negative_and_wider_when_less_is_known(parameters: RaceParameters) -> None:
    worn = life_left(belief(age=60.0), parameters)
    assert worn.low >= 0.0
    assert worn.mean == 0.0
    sure, unsure = life_left(belief(sd=0.005), parameters), life_left(belief(sd=0.03), parameters)
    assert unsure.high - unsure.low > sure.high - sure.low


def test_without_wear_life_still_ends(parameters: RaceParameters) -> None:
    assert life_left(belief(wear=-0.02), parameters).high <= 90


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
