"""Answers about another plan say which one they are about, and what it is worth beside the call."""

from __future__ import annotations

import pytest
from builders.advice import answer, plan, rejoin, situation

from racetwin.schemas import Compound, PlannedStop, RankedPlan, WhatIf
from racetwin.strategist.facts import half_within
from racetwin.strategist.questions import understand
from racetwin.strategist.replies import beside_the_call, changed, compare
from racetwin.strategist.replies import rejoin as where

pytestmark = pytest.mark.unit


def for_medium(rank: int, lap: int, points: float, delta: float) -> RankedPlan:
    stops = (PlannedStop(lap=lap, compound=Compound.MEDIUM),)
    return plan(rank, lap, points, delta, plan=f"L{lap} MEDIUM", stops=stops)


CALL, MEDIUM, HARD = plan(1, 24, 15.0, 0.0), for_medium(2, 27, 14.5, -0.5), plan(3, 27, 14.3, -0.7)
DESK = answer(CALL, MEDIUM, HARD)


@pytest.mark.parametrize(
    ("question", "other", "says"),
    [
        ("why not lap 27?", MEDIUM, True),
        ("can we wait?", MEDIUM, True),
        ("why not lap 27 for MEDIUM?", MEDIUM, False),  # that is what was asked
        ("why not lap 27?", HARD, False),  # that is what the call fits, too
    ],
)
def test_an_answer_for_another_compound_than_the_calls_says_so(question: str, other: RankedPlan, says: bool) -> None:
    asked = understand(question, situation(), "4", 24)
    told = compare(asked, question, DESK, CALL, other, situation(), as_called=HARD)
    assert told.checked.refused == 0, told.text
    assert ("answered for MEDIUM" in told.text) is says
    assert ("'L27 HARD' is worth 0.70 points less than 'L24 HARD'" in told.text) is (says or other is HARD)
    assert f"{-other.delta_points:.2f} points less than 'L24 HARD'" in told.text


@pytest.mark.parametrize(("followed", "call"), [(MEDIUM, CALL), (HARD, CALL), (CALL, MEDIUM), (HARD, MEDIUM)])
def test_a_followed_plan_is_told_beside_the_call(followed: RankedPlan, call: RankedPlan) -> None:
    sentences, facts = beside_the_call(followed, call, DESK)
    gain = followed.delta_points - call.delta_points
    word = "more" if gain > 0 else "less"
    assert [s.text.split(" (±")[0] for s in sentences] == [
        f"'{followed.plan}' is worth {abs(gain):.2f} points {word} than '{call.plan}'",
        f"'{followed.plan}' scores points in 90% of races and finishes P5.0 on average.",
    ]
    receipts = {f.id: f.receipt for f in facts}
    assert all(receipts[n].startswith("seed 1, 2000 races") for s in sentences for n in s.facts)


OPEN = rejoin(
    position=9, probability=0.2, position_probability={6: 0.1, 7: 0.15, 8: 0.15, 9: 0.2, 10: 0.18, 11: 0.12, 13: 0.1}
)
SURE = rejoin()


def test_a_place_that_is_one_of_several_is_told_as_such() -> None:
    desk = answer(CALL, MEDIUM, box_now=OPEN)
    asked = understand("where do we come out?", situation(), "4", 24)
    told = where(asked, "where do we come out?", desk, CALL, [OPEN], situation())
    assert told.text.startswith("Boxing on lap 21 rejoins in one of several places, P9 the likeliest (20%)"), told.text
    assert told.checked.refused == 0
    told = where(asked, "where do we come out?", desk, CALL, [SURE], situation())
    assert told.text.startswith("Boxing on lap 21 rejoins P8 (70% likely)")


def test_the_fewest_places_that_hold_half_are_named() -> None:
    assert half_within(OPEN) == (8, 10)
    assert half_within(SURE) == (8, 8)
    assert half_within(rejoin(position_probability={4: 0.3, 6: 0.3, 7: 0.1, 9: 0.3})) == (4, 6)


BEFORE = plan(1, 24, 15.0, 0.0)
UNDER_SC = plan(1, 34, 15.5, 0.0, plan="L34 HARD (sooner under SC L21-30)")


@pytest.mark.parametrize(
    ("question", "best", "first"),
    [
        ("what if a safety car comes?", UNDER_SC, "Box for it at once, and fit HARD."),
        ("what if a safety car comes in lap 30?", UNDER_SC, "Box for it at once, and fit HARD."),
        ("what if a safety car comes in lap 32?", UNDER_SC, "Stay out when it comes, and box on lap 34."),
        ("what if a safety car comes?", plan(1, 21, 15.5, 0.0), "Box for it at once, and fit HARD."),
        ("what if a virtual safety car comes?", plan(1, 28, 15.5, 0.0), "Stay out when it comes, and box on lap 28."),
        ("what if a safety car comes?", plan(1, None, 15.5, 0.0), "Stay out when it comes."),
        ("what if a safety car comes in lap 36?", UNDER_SC, "'L34 HARD (or SC)' is then best."),
        ("what if it rains?", UNDER_SC, "'L34 HARD (or SC)' is then best."),
    ],
)
def test_what_is_done_under_a_safety_car_is_said_first(question: str, best: RankedPlan, first: str) -> None:
    asked = understand(question, situation(), "4", 24)
    found = WhatIf(lever=asked.lever or "", before=answer(BEFORE), after=answer(best), changes=())
    told = changed(asked, question, found, BEFORE, situation())
    said = [s.text for s in told.sentences if not s.text.startswith("What if")]
    assert said[0] == first
