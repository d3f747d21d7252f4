"""Sentences that are turned round: each true one passes, and its false twin (parts exchanged, a number moved) does not."""

from __future__ import annotations

import pytest

from racetwin.schemas import Fact
from racetwin.strategist.checker import Checker
from racetwin.strategist.turned import straight

pytestmark = pytest.mark.unit

ROWS: tuple[tuple[str, object, str], ...] = (
    ("lap", 18, "The leader has completed lap 18 of 52."),
    ("laps_left", 34, "34 laps are left."),
    ("track_status", "GREEN", "The track is under green."),
    ("position", 5, "The car runs P5."),
    ("compound", "MEDIUM", "It is on MEDIUM tyres."),
    ("tyre_age", 17, "The set is 17 laps old."),
    ("tyre_life", 9, "The set has about 9 laps left in it (4 to 13)."),
    ("rejoin.position", 11, "Boxing at the end of lap 19 it rejoins P11 (68% likely)."),
    ("rejoin.gap_ahead", 1.3, "NOR is then 1.3 s ahead."),
    ("rejoin.gap_behind", 2.7, "HAM is then 2.7 s behind."),
    ("pit_loss", 21.4, "A stop costs 21.4 s (19.8 to 24.6)."),
    ("best.plan", "L24 HARD", "Plan: L24 HARD."),
    ("best.expected_points", 15.12, "'L24 HARD' is worth 15.12 points on average (standard error 0.05)."),
    ("plan2.plan", "L27 MEDIUM", "Plan: L27 MEDIUM."),
    ("plan2.expected_points", 14.81, "'L27 MEDIUM' is worth 14.81 points on average (standard error 0.05)."),
    ("plan2.delta_points", -0.31, "'L27 MEDIUM' is worth 0.31 points less than 'L24 HARD' (standard error 0.04)."),
    ("behind.gap", 1.8, "RUS is 1.8 s behind at the end of lap 18."),
)
CHECKER = Checker(
    [
        Fact.model_validate({"id": i, "name": name, "value": value, "text": text, "source": "test"})
        for i, (name, value, text) in enumerate(ROWS, start=1)
    ]
)
PAIRS = (
    ("It is NOR who is 1.3 s ahead at the rejoin.", "It is HAM who is 1.3 s ahead at the rejoin."),
    ("It is RUS that sits 1.8 s behind us.", "It is RUS that sits 1.8 s in front of us."),
    ("It's HAM we would be holding off, by 2.7 s.", "It's HAM we would be chasing, by 2.7 s."),
    ("It is on lap 24 that we stop.", "It is on lap 25 that we stop."),
    ("It is HARD tyres that are fitted on lap 24.", "It is SOFT tyres that are fitted on lap 24."),
    ("It is lap 24 that is worth 15.12 points, not lap 27.", "It is lap 27 that is worth 15.12 points, not lap 24."),
    ("What a stop costs us is 21.4 seconds.", "What a stop gains us is 21.4 seconds."),
    ("What costs us 0.31 points is waiting for lap 27.", "What gains us 0.31 points is waiting for lap 27."),
    ("What is left in the set is 9 laps.", "What is left in the set is 17 laps."),
    ("Where we would come out is P11.", "Where we would come out is P5."),
    ("Who we come out behind is NOR, 1.3 s up the road.", "Who we come out behind is HAM, 1.3 s up the road."),
    ("Better than lap 27 is lap 24.", "Better than lap 24 is lap 27."),
    ("Worse by 0.31 points than the call is lap 27.", "Better by 0.31 points than the call is lap 27."),
    ("Later than our lap 24 is lap 27.", "Earlier than our lap 24 is lap 27."),
    ("Recommended is a stop on lap 24 for HARD.", "Recommended is a stop on lap 27 for MEDIUM."),
    ("Fitted on lap 24 is the HARD tyre.", "Fitted on lap 24 is the MEDIUM tyre."),
    ("Behind us, 1.8 s back, is RUS.", "Ahead of us, 1.8 s up the road, is RUS."),
    ("Close behind, at 1.8 s, sits RUS.", "Close ahead, at 1.8 s, sits RUS."),
    (
        "NOR, behind whom we would rejoin, would be 1.3 s up the road.",
        "NOR, ahead of whom we would rejoin, would be 1.3 s back.",
    ),
    ("HAM, who would be 2.7 s behind, is the next car.", "HAM, who would be 2.7 s ahead, is the next car."),
    ("NOR we'd be following, HAM we'd be fending off.", "HAM we'd be following, NOR we'd be fending off."),
    ("Not until lap 24 is the stop due.", "Not until lap 26 is the stop due."),
    ("In place of lap 27 we stop on lap 24.", "In place of lap 24 we stop on lap 27."),
    ("Lap 24 is when we come in, and HARD is what we take.", "Lap 24 is when we come in, and SOFT is what we take."),
    ("Lap 27 is beaten by lap 24, by 0.31 points.", "Lap 24 is beaten by lap 27, by 0.31 points."),
    ("By 0.31 points is lap 27 the worse of the two.", "By 0.31 points is lap 27 the better of the two."),
    ("The 21.4 s that a stop costs are lost once.", "The 21.4 s that a stop saves are won once."),
    (
        "Led by us at the rejoin would be HAM, with 2.7 s in hand.",
        "Led by us at the rejoin would be NOR, with 1.3 s in hand.",
    ),
    ("Of the 52 laps 34 are still to be run.", "Of the 52 laps 35 are still to be run."),
    ("Still in the set are about 9 laps.", "Still in the set are about 17 laps."),
    # a second lot, tried when the first passed
    ("The car that we would find 1.3 s ahead of us is NOR.", "The car that we would find 1.3 s ahead of us is HAM."),
    (
        "The man in our mirrors then, 2.7 s back, would be HAM.",
        "The man in our mirrors then, 2.7 s back, would be NOR.",
    ),
    (
        "There is RUS behind us, and 1.8 s is all we have on him.",
        "There is RUS ahead of us, and 1.8 s is all he has on us.",
    ),
    (
        "That lap 24 is preferred to lap 27 is a matter of 0.31 points.",
        "That lap 27 is preferred to lap 24 is a matter of 0.31 points.",
    ),
    ("HARD is what goes on the car on lap 24.", "MEDIUM is what goes on the car on lap 24."),
    ("On MEDIUM tyres is where we are now, 17 laps in.", "On HARD tyres is where we are now, 17 laps in."),
    ("With 34 laps to go, fifth is where we run.", "With 34 laps to go, sixth is where we run."),
    ("Of no use is waiting for lap 27: it costs 0.31 points.", "Of use is waiting for lap 27: it gains 0.31 points."),
    (
        "Had we boxed now, NOR would be 1.3 s ahead and HAM 2.7 s behind.",
        "Had we boxed now, HAM would be 1.3 s ahead and NOR 2.7 s behind.",
    ),
    ("Only by 0.31 points does lap 24 beat lap 27.", "Only by 0.31 points does lap 27 beat lap 24."),
    (
        "Rarely is a gap of 2.7 s to HAM enough, yet that is what we would have.",
        "A gap of 1.3 s to HAM is what we would have.",
    ),
    ("Nine laps the set still has in it.", "Seventeen laps the set still has in it."),
    ("21.4 seconds a stop takes.", "21.4 seconds a stop gives."),
    (
        "The leader, 18 laps of the race behind him, has 34 to go.",
        "The leader, 34 laps of the race behind him, has 18 to go.",
    ),
    (
        "Rejoining P11, as we would, leaves NOR 1.3 s up the road.",
        "Rejoining P12, as we would, leaves NOR 1.3 s up the road.",
    ),
    ("To wait for lap 27 is to lose 0.31 points.", "To wait for lap 27 is to win 0.31 points."),
    (
        "The plan to beat is lap 24, which none of the others does.",
        "The plan to beat is lap 27, which lap 24 does not.",
    ),
    ("Not lap 27 but lap 24 is the call.", "Not lap 24 but lap 27 is the call."),
    ("It is not lap 27 that we stop on but lap 24.", "It is not lap 24 that we stop on but lap 27."),
    ("Lap 24 it is that we stop on.", "Lap 23 it is that we stop on."),
    ("Who is chasing us? RUS, 1.8 s back.", "Who are we chasing? RUS, 1.8 s up."),
    ("Down comes the flag in 34 laps.", "Down comes the flag in 18 laps."),
    ("HARD, not SOFT, are the tyres that lap 24 brings.", "SOFT, not HARD, are the tyres that lap 24 brings."),
)


@pytest.mark.parametrize(("true", "false"), PAIRS)
def test_turned_round_a_sentence_says_the_same(true: str, false: str) -> None:
    verdict = CHECKER.check(true)
    assert verdict.passed, (straight(true), verdict.objections)
    assert not CHECKER.check(false).passed, straight(false)


@pytest.mark.parametrize(
    "text",
    [
        "It is clear that lap 24 is better.",
        "What are we waiting for?",
        "It is raining.",
        "Planned stops are two.",
        "Box on lap 24 for HARD.",
        "NOR, who is 1.3 s ahead, is on MEDIUM.",
    ],
)
def test_what_is_not_turned_round_stays(text: str) -> None:
    assert straight(text) == text
