"""What can be maximised, and how it is written."""

from __future__ import annotations

import numpy as np
import pytest

from racetwin.errors import InputError
from racetwin.simulation.objectives import parse_objective

pytestmark = pytest.mark.unit

PLACES = np.array([[1, 2, 3, 10, 11, 20]], dtype=np.uint8)
NONE = np.zeros((1, 6, 0), dtype=np.uint8)


def utility(text, state, car="5", watched=NONE):
    return parse_objective(text, state, car).of_positions(PLACES, watched)[0].tolist()


def test_points_position_and_places(make_state):
    state = make_state()
    assert utility("points", state) == [25, 18, 15, 1, 0, 0]
    assert utility("position", state) == [-1, -2, -3, -10, -11, -20]
    assert utility("win", state) == [1, 0, 0, 0, 0, 0]
    assert utility("podium", state) == utility("top3", state) == [1, 1, 1, 0, 0, 0]
    assert utility("top10", state) == [1, 1, 1, 1, 0, 0]


def test_a_sprint_pays_its_own_points(make_state):
    assert utility("points", make_state(race_id="2024-05-china-sprint")) == [8, 7, 6, 0, 0, 0]


def test_beating_a_rival(make_state):
    watched = np.array([[[2], [1], [4], [9], [12], [19]]], dtype=np.uint8)
    goal = parse_objective("beat:16", make_state(), "5")
    assert goal.watch == ("16",)
    assert goal.of_positions(PLACES, watched)[0].tolist() == [1, 0, 1, 0, 1, 0]


def test_a_blend_is_the_weighted_sum(make_state):
    assert utility("0.5*points + 10*top10", make_state()) == [22.5, 19, 17.5, 10.5, 0, 0]


def test_risk_aversion_prefers_the_certain_place(make_state):
    state = make_state()
    safe, bold = (parse_objective(w, state, "5") for w in ("safe", "bold"))
    gamble = np.array([[1, 11]], dtype=np.uint8)  # 25 or 0 points
    certain = np.array([[4, 4]], dtype=np.uint8)  # 12 points
    none = np.zeros((1, 2, 0), dtype=np.uint8)
    assert safe.of_positions(gamble, none).mean() < safe.of_positions(certain, none).mean()
    assert bold.of_positions(gamble, none).mean() > bold.of_positions(certain, none).mean()


def test_team_adds_the_team_mate(make_state):
    goal = parse_objective("team", make_state(), "5")
    assert goal.watch == ("6",)
    watched = np.array([[[2], [1], [4], [9], [12], [19]]], dtype=np.uint8)
    assert goal.of_positions(PLACES, watched)[0].tolist() == [43, 43, 27, 3, 0, 0]


@pytest.mark.parametrize(
    "text", ["", "pointz", "top", "top0", "top99", "beat:5", "beat:77", "safe:0", "safe:nan", "2*"]
)
def test_what_cannot_be_read_is_refused(make_state, text):
    with pytest.raises(InputError, match="objective"):
        parse_objective(text, make_state(), "5")


def test_team_without_a_mate_is_refused(make_state):
    with pytest.raises(InputError, match="no team-mate"):
        parse_objective("team", make_state(n=1), "1")
