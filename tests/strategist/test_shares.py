"""A share of races belongs to two plans and to the way round of them."""

from __future__ import annotations

import re

import pytest

from racetwin.schemas import Fact
from racetwin.strategist.checker import Checker

pytestmark = pytest.mark.unit

TEXTS = {
    "best.plan": "Plan: L29 HARD (or SC).",
    "best.expected_points": "'L29 HARD (or SC)' is worth 9.10 points on average (standard error 0.40).",
    "best.p_ahead": "'L29 HARD (or SC)' finishes ahead of 'L31 HARD (or SC)' in 3% of races.",
    "best.p_behind": "'L29 HARD (or SC)' finishes behind 'L31 HARD (or SC)' in 6% of races.",
    "desk.plan": "Plan: L31 HARD (or SC).",
    "desk.expected_points": "'L31 HARD (or SC)' is worth 9.20 points on average (standard error 0.40).",
    "cover.plan": "Plan: L13 HARD.",
    "cover.expected_points": "'L13 HARD' is worth 6.00 points on average (standard error 0.40).",
    "cover.p_ahead": "'L13 HARD' finishes ahead of 'L31 HARD (or SC)' in 6% of races.",
    "cover.p_behind": "'L13 HARD' finishes behind 'L31 HARD (or SC)' in 50% of races.",
}
VALUE = re.compile(r"(?<=Plan: ).*(?=\.$)|\d+(?=%)|\d+\.\d+(?= points)")


def facts() -> list[Fact]:
    """The facts of a call that is not the desk's best plan, and of another that covers a rival."""
    found = {name: VALUE.search(text) for name, text in TEXTS.items()}
    return [
        Fact(id=n, name=name, text=TEXTS[name], value=m[0] if name.endswith(".plan") else float(m[0]), source="desk")
        for n, (name, m) in enumerate(found.items(), start=1)
        if m is not None
    ]


@pytest.mark.parametrize(
    "text",
    [
        "'L13 HARD' finishes ahead of the best plan in 6% of races.",
        "In 50% of the simulations 'L13 HARD' ends behind the best plan.",
        "'L29 HARD (or SC)' finishes behind 'L31 HARD (or SC)' in 6% of races.",
    ],
)
def test_a_share_of_these_two_so_passes(text: str) -> None:
    assert Checker(facts()).check(text).passed


@pytest.mark.parametrize(
    "text",
    [
        # 6 % behind is what the facts have of the call, and of this one 6 % ahead.
        "'L13 HARD' finishes behind the best plan in 6% of races.",
        "'L31 HARD (or SC)' finishes ahead of 'L13 HARD' in 6% of races.",
        "In 50% of the simulations 'L13 HARD' ends ahead of the best plan.",
        "'L13 HARD' comes home in front of 'L31 HARD' 50% of the time.",
    ],
)
def test_a_share_the_other_way_round_or_of_another_plan_is_refused(text: str) -> None:
    assert any("this share" in o.why for o in Checker(facts()).check(text).objections)
