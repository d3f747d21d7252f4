"""A model may say things only in the words of the moment: what that refuses, what it lets through, and where it is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from builders.advice import answer, many_recommendations, plan, rejoin, situation
from builders.model_server import MODEL, Server, running

from racetwin import AIStrategist
from racetwin.evaluation.groundedness import measure_spoken
from racetwin.evaluation.retold import measure_retold
from racetwin.schemas import AdviceTexts, Fact, Recommendation
from racetwin.strategist import recommend
from racetwin.strategist.checker import Checker
from racetwin.strategist.client import ModelClient
from racetwin.strategist.model_question import messages, parse
from racetwin.strategist.plain_words import PlainWords
from racetwin.strategist.wording import carried, own_texts

MANY = (*many_recommendations(40), *many_recommendations(20, slowed=True))


@pytest.fixture
def advice() -> Recommendation:
    best, later = plan(1, 21, 15.0, 0.0), plan(2, 26, 14.2, -0.8)
    told = recommend(answer(best, later, box_now=rejoin()), situation())[0].model_dump_json()
    return Recommendation.model_validate_json(told.replace("D11", "NOR").replace("D16", "HAM"))


def words_of(r: Recommendation) -> PlainWords:
    return PlainWords(r.facts, own_texts(r))


def test_facts_and_our_own_wording_are_told_in_their_words() -> None:
    for r in MANY:
        own = own_texts(r)
        ours = (own.title, own.description, own.expected_benefit, own.reasoning, *own.risks)
        assert words_of(r).objections(*ours, *(f.text for f in r.facts)) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Box this lap for HARD tyres",
        "Box at the end of lap twenty-one and fit HARD tyres.",
        "The plan is worth 15.00 points on average.",
        "The plan scores points in 90 per cent of races, and it ends on the podium in 30%.",
        "We are on MEDIUM tyres, and the set is 20 laps old.",
        "Our car is on MEDIUM tyres.",
        "Our stop costs 20.5 s.",
        "Boxing now, we are P8, 4.0 s behind NOR and 1.2 s ahead of HAM.",
        "NOR is then 4.0 s ahead of us.",
        "L26 HARD is worth 0.80 points less than L21 HARD.",
    ],
)
def test_a_fact_with_words_left_out_passes(advice: Recommendation, text: str) -> None:
    assert words_of(advice).objections(text) == ()
    assert Checker(advice.facts).check(text).passed


@pytest.mark.parametrize(
    ("text", "claim", "why"),
    [
        ("NOR then leads us by 4.0 s.", "leads", "no word of the facts"),
        ("The set is not 20 laps old.", "not", "no word of the facts"),
        ("The car will finish P5.0 on average.", "will", "no word of the facts"),
        ("The plan is bound to score points.", "bound", "no word of the facts"),
        # Words of several facts, put together to say what none says.
        ("The set has 32 laps left.", "The set has 32 laps left", "no single fact"),
        ("A stop costs 0.80 points.", "A stop costs 0.80 points", "no single fact"),
        # The same words in another order.
        ("L21 HARD is worth 0.80 points less than L26 HARD.", None, "no single fact"),
        ("The leader has 20 laps completed of lap 52.", None, "no single fact"),
        # What must not be left out: who, how likely, which way, and on what supposition.
        ("We are then 4.0 s ahead.", "NOR", "do not leave it out"),
        ("The plan scores points.", "percent", "do not leave it out"),
        ("L26 HARD is worth 0.80 points.", "less, than", "do not leave it out"),
        ("We are 4.0 s behind NOR.", "boxing", "do not leave it out"),
        # "Boxing ... it rejoins" supposes; it commands nothing.
        ("Box it at the end of lap 26.", None, "no single fact"),
    ],
)
def test_other_words_other_order_and_what_is_left_out_are_objected_to(
    advice: Recommendation, text: str, claim: str | None, why: str
) -> None:
    found = words_of(advice).objections(text)
    assert found
    assert found[0].sentence == text
    assert claim is None or found[0].claim == claim
    assert why in found[0].why


def test_what_is_supposed_in_a_sentence_holds_for_all_of_it() -> None:
    told = "If a safety car comes on laps 22 to 30, 'L31 HARD (or SC)' boxes then."
    facts = (Fact(id=1, name="best.window", text=told, value="22-30", source="desk"),)
    own = AdviceTexts(
        title="Stay out", description="If a safety car comes, box then.", expected_benefit="", reasoning=""
    )
    words = PlainWords(facts, own)
    assert words.objections("If a safety car comes on laps 22 to 30, the plan boxes then.") == ()
    assert words.objections("The plan boxes then.")
    assert words.objections("Box then.")
    assert words.objections("If a safety car comes, stay out.")


def test_a_driver_is_no_conjunction() -> None:
    facts = (Fact(id=1, name="behind.gap", text="NOR is 1.4 s behind.", value=1.4, source="twin"),)
    words = PlainWords(facts, AdviceTexts(title="", description="", expected_benefit="", reasoning=""))
    assert words.objections("NOR's 1.4 s behind.") == ()
    assert words.objections("It is 1.4 s behind, nor is it behind NOR.")[-1].claim == "nor"


def test_the_question_shows_how_and_its_examples_keep_to_it(advice: Recommendation) -> None:
    asked = messages(advice)
    assert "Use only the words of the facts and of the decision" in asked[0]["content"]
    pairs = list(zip(asked[1:-1:2], asked[2:-1:2], strict=True))
    assert len(pairs) == 2
    for question, reply in pairs:
        told = question["content"]
        facts = tuple(
            Fact(
                id=int(number),
                name="best.plan" if text.startswith("Plan: ") else f"best.fact{number}",
                text=text,
                value=text.removeprefix("Plan: ").rstrip("."),
                source="desk",
            )
            for number, text in re.findall(r"^(\d+)\. (.*)$", told, flags=re.MULTILINE)
        )
        decided = re.match(r"Decision: (.*?)\. (.*)", told)
        assert decided is not None
        own = AdviceTexts(title=decided[1], description=decided[2], expected_benefit="", reasoning="")
        texts = parse(reply["content"]).texts()
        assert PlainWords(facts, own).objections(*texts) == ()
        assert Checker(facts).check(*texts).passed


def test_errors_of_a_small_model_are_caught_and_most_of_what_it_says_rightly_passes() -> None:
    found = measure_spoken("model", [(r, ("BOT",)) for r in MANY[:40]], seed=2)
    assert found.planted.total() >= 1000
    assert found.recall_of_a_model >= 0.9999
    assert found.in_other_words / found.planted.total() >= 0.99, "without the checker, too"
    assert found.refused_of_a_model <= 0.3 * found.correct


def test_errors_in_the_facts_own_words_are_caught_though_the_checker_alone_misses_many() -> None:
    found = measure_retold([(r, ("BOT",)) for r in MANY[:16]])
    assert found.told.total() >= 1000
    assert min(found.told.values()) >= 20, "of every kind"
    assert found.share(found.caught) >= 0.999, found.missed[:5]
    assert found.share(found.by_words) >= 0.95
    assert found.share(found.by_checker) < 0.99, "else the words need not be asked for"


# --- where it is asked ------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[tuple[Server, str]]:
    with running() as served:
        yield served


def said(reason: str) -> list[str]:
    return [
        json.dumps(
            {
                "title": "Box this lap for HARD",
                "description": [{"text": "Box at the end of lap 21 and fit HARD tyres.", "facts": [11]}],
                "expected_benefit": [{"text": "The plan is worth 15.00 points on average.", "facts": [12]}],
                "reasoning": [{"text": reason, "facts": [20]}],
                "risks": [],
            }
        )
    ]


@pytest.mark.integration
async def test_other_words_are_objected_to_once_and_then_ours_stands(
    server: tuple[Server, str], advice: Recommendation
) -> None:
    text = "After the stop NOR would lead us by 4.0 s."
    assert Checker(advice.facts).check(text).passed, "the checker knows the turn; the words are not the facts'"
    server[0].words = said(text)
    async with AIStrategist(client=ModelClient(server[1], MODEL)) as strategist:
        worded = await strategist.word(advice)
    assert worded.recommendation.wording == "rules"
    assert worded.recommendation.worded is not None
    assert worded.recommendation.worded.state == "refused"
    assert "no word of the facts" in worded.recommendation.worded.detail
    assert any("no word of the facts" in o for o in worded.recommendation.worded.objections)
    assert "no word of the facts" in json.dumps(server[0].bodies[1])


@pytest.mark.integration
async def test_words_of_then_that_are_none_of_now_go(server: tuple[Server, str], advice: Recommendation) -> None:
    server[0].words = said("NOR is then 4.0 s ahead.")
    async with AIStrategist(client=ModelClient(server[1], MODEL)) as strategist:
        shown = (await strategist.word(advice)).recommendation
    assert shown.wording == "model"
    assert carried(shown, advice) is not None
    told = {"rejoin.gap_ahead": "NOR is then 4.0 s up the road."}
    facts = tuple(f.model_copy(update={"text": told.get(f.name, f.text)}) for f in advice.facts)
    now = advice.model_copy(update={"facts": facts, "reasoning": ""})
    assert Checker(facts).check(*(s.text for s in shown.sentences if s.part != "alternatives")).passed
    assert carried(shown, now) is None
