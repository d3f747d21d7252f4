"""The checker of claims: what the facts say passes, in whatever words; what they do not say is refused, with the reason."""

from __future__ import annotations

import pytest
from builders.advice import many_recommendations

from racetwin.evaluation.batches import BATCHES
from racetwin.evaluation.groundedness import measure, measure_spoken
from racetwin.schemas import Fact
from racetwin.strategist.checker import Checker
from racetwin.strategist.lexicon import is_invention

pytestmark = pytest.mark.unit


def facts(**texts: tuple[object, str]) -> list[Fact]:
    return [
        Fact.model_validate({"id": i, "name": name.replace("__", "."), "value": value, "source": "test", "text": text})
        for i, (name, (value, text)) in enumerate(texts.items(), start=1)
    ]


FACTS = facts(
    best__plan=("L24 HARD", "Plan: L24 HARD."),
    best__expected_points=(15.12, "'L24 HARD' is worth 15.12 points on average (standard error 0.05)."),
    plan2__plan=("L27 MEDIUM", "Plan: L27 MEDIUM."),
    plan2__expected_points=(14.81, "'L27 MEDIUM' is worth 14.81 points on average (standard error 0.05)."),
    plan2__delta_points=(-0.31, "'L27 MEDIUM' is worth 0.31 points less than the best plan (standard error 0.04)."),
    compound=("SOFT", "It is on SOFT tyres."),
    rejoin__position=(8, "Boxing at the end of lap 24 it rejoins P8 (70% likely)."),
    rejoin__gap_ahead=(2.1, "NOR is then 2.1 s ahead."),
    rejoin__gap_behind=(0.9, "HAM is then 0.9 s behind."),
    tyre_life=(6, "The set has about 6 laps left in it (4 to 9)."),
)


@pytest.mark.parametrize(
    "text",
    [
        "Box on lap 24 for HARD tyres.",
        "We rejoin P8, 2.1 s behind NOR and 0.9 s ahead of HAM.",
        "NOR would be 2 s ahead at the rejoin.",
        "The plan is worth 15.1 points on average.",
        "Waiting for lap 27 costs 0.31 points.",
        "'L24 HARD' gains 0.31 points over 'L27 MEDIUM'.",
        "Box now because the set has 6 laps left in it.",
        "These SOFTs have 4 to 9 laps of life left.",
    ],
)
def test_text_that_says_what_the_facts_say_passes(text: str) -> None:
    verdict = Checker(FACTS).check(text)
    assert verdict.passed, verdict.objections
    assert verdict.share == 1.0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("We rejoin P9.", "number"),
        ("The plan is worth 15.13 points on average.", "number"),
        ("NOR would be 3 s ahead at the rejoin.", "number"),
        ("We rejoin 2.1 s behind HAM.", "another car|other side"),
        ("We rejoin 2.1 s ahead of NOR.", "ahead where|other side"),
        ("We rejoin 2.1 laps behind NOR.", "meaning"),
        ("Box on lap 25 for HARD tyres.", "number"),
        ("Box on lap 24 for MEDIUM tyres.", "no plan spoken of|no fact names"),
        ("We are on HARD tyres.", "not on it"),
        ("Waiting for lap 27 gains 0.31 points.", "other way"),
        ("'L27 MEDIUM' gains 0.31 points over 'L24 HARD'.", "other way"),
        ("Undercut VER on lap 24.", "no fact speaks of this car"),
        ("Box on lap 24 because the engine is hot.", "no fact is about this"),
        ("Box on lap 24 because the tyres are worn.", "cause"),
        ("The set is 6 laps old.", "meaning"),
        ("Waiting for lap 27 does not cost 0.31 points.", "denies"),
        ("We won't rejoin P8.", "denies"),
        ("'L27 MEDIUM' is better than 'L24 HARD'.", "other way round"),
        ("The race is under the safety car.", "another state"),
        ("The set has 6 minutes left in it.", "number"),
        ("These tyres have ten laps of life left.", "number"),
        ("NOR is quicker by 2.1 s.", "not in the facts|another|meaning"),
    ],
)
def test_text_that_says_anything_else_is_refused(text: str, why: str) -> None:
    verdict = Checker(FACTS).check(text)
    assert not verdict.passed
    assert verdict.share < 1.0
    import re

    assert any(re.search(why, o.why) for o in verdict.objections), verdict.objections


def test_car_that_has_retired_is_no_rival() -> None:
    text = "We rejoin 2.1 s behind NOR."
    assert Checker(FACTS).check(text).passed
    refused = Checker(FACTS, retired=["NOR"]).check(text)
    assert "out of the race" in refused.objections[0].why


def test_planted_errors_are_caught_and_correct_texts_are_not_refused() -> None:
    moments = [(r, ("BOT",)) for r in (*many_recommendations(16), *many_recommendations(12, slowed=True))]
    result = measure(moments, per_recommendation=20)
    assert result.planted.total() >= 3000
    assert result.recall >= 0.99, result.missed[:5]
    assert result.correct >= 500
    assert result.grounded == 1.0, result.unsupported[:5]
    assert result.false_refusals <= 0.02, result.refused[:5]


@pytest.mark.parametrize("batch", BATCHES)
def test_sentences_of_engineers_and_models_pass_and_false_ones_beside_them_do_not(batch: str) -> None:
    result = measure_spoken(batch, [(r, ("BOT",)) for r in many_recommendations(40)], seed=2)
    assert result.planted.total() >= 1000
    assert result.recall >= 0.99, result.missed[:5]
    assert result.false_refusals <= 0.02, result.refused[:5]
    assert result.recall_of_a_model >= 0.9999, "as a model's wording"
    assert result.in_other_words / result.planted.total() >= 0.98, "where the checker is not asked"


FREE = (
    "Chaps, the blankets come off on lap 24, hards.",
    "Dawdling until lap 27 would squander it: 0.31 points.",
    "Lap 24 trumps lap 27 to the tune of 0.31 points.",
    "The road spits us back out P8, with NOR 2.1 s ahead and HAM breathing down our necks 0.9 s behind.",
    "Champagne can wait, it is lap 24.",
    "My hunch, backed by the model, is 6 laps more before the set cries enough.",
    "You won't hear from us before lap 24.",
    "No problem, lap 24 for HARD.",
    "Box Window: Lap 24 For Hards",
)
FALSE = (
    "The car is porpoising badly.",
    "Our front left is going off.",
    "The driver has cramp in his leg.",
    "The stewards are looking at it.",
    "We are short on fuel.",
    "He is saving his tyres.",
    "The pit crew is slow today.",
    "There has been contact.",
    "We have more pace than them.",
    "Verstappen is out there somewhere.",
    "Tell Anna to box on lap 24.",
    "Points are sewn up.",
    "It's a done deal that we rejoin P8.",
    "Skip the stop on lap 24.",
    "Lap 24 would be a mistake.",
    "More than 15.12 points are expected.",
    "These tyres are good for 9 laps at least.",
    "We overtake NOR in the pits, 2.1 s.",
    "ALO has 2.1 s to find to catch us.",
    "Lap 27 trumps lap 24 to the tune of 0.31 points.",
    "Since the engine is tired, box on lap 24.",
)


PAIRS = (
    ("Fit HARD and come out behind NOR.", "Fit HARD and come out ahead of NOR."),
    ("Why not lap 27? It gives away 0.31 points.", "Why not lap 27? It picks up 0.31 points."),
    (
        "Do not wait for lap 27, because lap 24 is 0.31 points better.",
        "Do not go on lap 24, because lap 27 is 0.31 points better.",
    ),
    (
        "We stop on lap 24 rather than on lap 27, and that is worth 0.31 points.",
        "We stop on lap 27 rather than on lap 24, and that is worth 0.31 points.",
    ),
    (
        "Box on lap 24, as waiting until lap 27 is 0.31 points worse.",
        "Box on lap 24, as waiting until lap 27 is 0.31 points better.",
    ),
    ("No other plan scores more points than this one.", "No other plan scores fewer points than this one."),
    (
        "Lap 27 is not better, because it is 0.31 points worse than lap 24.",
        "Lap 24 is not better, because it is 0.31 points worse than lap 27.",
    ),
    (
        "The call gains 0.31 points over the other plan, and this is more than the noise.",
        "The call gains 0.31 points over the other plan, and this is less than the noise.",
    ),
    (
        "The call is worth 15.12 points, but the plan with lap 27 is worth only 14.81.",
        "The call is worth 14.81 points, but the plan with lap 27 is worth only 15.12.",
    ),
    ("Going later, on lap 27, costs 0.31 points.", "Going earlier, on lap 27, costs 0.31 points."),
    ("It is lap 24.", "We wait until lap 27."),
    ("Box on lap 24 instead of waiting for lap 27.", "Wait for lap 27 instead of boxing on lap 24."),
    (
        "At P8 it is more likely than not, with a probability of 70%.",
        "At P8 it is less likely than not, with a probability of 70%.",
    ),
    ("The remaining life ranges from 4 laps to 9 laps.", "The remaining life ranges from 4 laps to 8 laps."),
    ("The set has 6 laps left.", "The set has 6 sectors left."),
)


@pytest.mark.parametrize(("true", "false"), PAIRS)
def test_a_relation_is_bound_to_what_it_is_said_of(true: str, false: str) -> None:
    verdict = Checker(FACTS).check(true)
    assert verdict.passed, verdict.objections
    assert not Checker(FACTS).check(false).passed


@pytest.mark.parametrize("text", FREE)
def test_words_that_nobody_listed_refuse_nothing(text: str) -> None:
    verdict = Checker(FACTS).check(text)
    assert verdict.passed, verdict.objections


@pytest.mark.parametrize("text", FALSE)
def test_what_no_fact_is_about_is_refused(text: str) -> None:
    assert not Checker(FACTS).check(text).passed


def test_a_word_of_the_facts_is_no_invention() -> None:
    rain = FACTS[0].model_copy(update={"name": "rain", "value": True, "text": "It is raining."})
    assert is_invention("rain")
    assert not Checker(FACTS).check("It is raining.").passed
    assert Checker([*FACTS, rain]).check("It is raining, folks.").passed
