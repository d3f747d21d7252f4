"""Follow-up questions are understood by their words, and one that is not says which are."""

from __future__ import annotations

import pytest
from builders.advice import car, situation

from racetwin.errors import InputError
from racetwin.schemas import Compound
from racetwin.strategist.questions import EXAMPLES, understand

pytestmark = pytest.mark.unit

RACE = situation(
    cars={
        "4": car("4", 3, driver="NOR", interval_s=2.5),
        "16": car("16", 4, driver="LEC", interval_s=1.1),
        "11": car("11", 2, driver="PER"),
    }
)


@pytest.mark.parametrize(
    ("text", "kind", "lever"),
    [
        ("why not lap 27?", "lap", None),
        ("What about L27 on softs", "lap", None),
        ("why hard?", "compound", None),
        ("why not now?", "now", None),
        ("can we wait?", "later", None),
        ("why not two stops?", "stops", None),
        ("can we undercut Perez?", "now", None),
        ("undercut on PER?", "now", None),
        ("box now or stay out?", "now", None),
        ("why not box if a safety car comes?", "lever", "sc"),
        ("why don't we stop if it rains?", "lever", "rain"),
        ("should we stay out if it rains?", "lever", "rain"),
        ("what if they undercut us?", "lever", "stop:16@21"),
        ("no stop?", "flag", None),
        ("where do we rejoin?", "rejoin", None),
        ("and with a safety car?", "lever", "sc"),
        ("what if a safety car comes on lap 31?", "lever", "sc@31"),
        ("a VSC on lap 30", "lever", "vsc@30"),
        ("what if it rains from lap 40?", "lever", "rain@40"),
        ("what if they cover?", "lever", "stop:16@25"),
        ("what if PER boxes on lap 22?", "lever", "stop:11@22"),
        ("what if the car ahead stops?", "lever", "stop:11@21"),
        ("and if car 16 boxes?", "lever", "stop:16@21"),
        ("what if our stop is a slow stop of 6 s?", "lever", "slow:4+6"),
        ("what if the wear is higher?", "lever", "wear:4x1.3"),
    ],
)
def test_questions_are_understood(text: str, kind: str, lever: str | None) -> None:
    asked = understand(text, RACE, "4", 24)
    assert (asked.kind, asked.lever) == (kind, lever)


@pytest.mark.parametrize(
    ("text", "lever"),
    [
        ("What if Red Bull box?", "stop:11@21"),
        ("what if ferrari box?", "stop:16@21"),
        ("what if Norris boxes?", "stop:4@21"),
        ("and if hadjar boxes on lap 25?", "stop:6@25"),
        ("what if they had boxed?", "stop:11@21"),
        ("what if there is a red flag?", "red"),
        ("and on red?", "red"),
    ],
)
def test_rivals_are_known_by_team_and_surname(text: str, lever: str) -> None:
    race = situation(
        cars={
            "81": car("81", 4, driver="PIA", interval_s=1.1),
            "4": car("4", 8, driver="NOR"),
            "6": car("6", 9, driver="HAD", team="RB"),
            "16": car("16", 7, driver="LEC", team="Ferrari"),
            "11": car("11", 3, driver="PER", team="Red Bull Racing"),
        }
    )
    assert understand(text, race, "81", 24).lever == lever


def test_lap_and_compound_are_read() -> None:
    asked = understand("why not lap 27 for MEDIUM?", RACE, "4", 24)
    assert (asked.lap, asked.compound) == (27, Compound.MEDIUM)


@pytest.mark.parametrize("text", ["", "what is the weather like", "hello there"])
def test_what_is_not_understood_names_what_is(text: str) -> None:
    with pytest.raises(InputError, match="why not lap 27"):
        understand(text, RACE, "4", 24)


@pytest.mark.parametrize(
    "text",
    [
        "what if Perez does not stop?",
        "what if the safety car doesn't come?",
        "and if there is no safety car?",
        "what if it does not rain?",
        "what if LEC never boxes?",
        "what if it stays green after the safety car?",
    ],
)
def test_what_does_not_happen_is_not_taken_for_what_does(text: str) -> None:
    with pytest.raises(InputError, match="does not happen"):
        understand(text, RACE, "4", 24)


def test_a_lapped_car_is_asked_of_in_laps_of_the_leader() -> None:
    lapped = situation(
        lap=33, cars={"63": car("63", 8, driver="RUS", lap=32, interval_s=1.0), "1": car("1", 9, driver="VER", lap=32)}
    )
    assert understand("what if they cover?", lapped, "63", 33).lever == "stop:1@34"


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_question_that_is_offered_is_understood(text: str) -> None:
    assert understand(text, RACE, "4", 24).understood
