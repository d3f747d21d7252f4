"""A model words the advice: what the checker passes is shown, what it refuses is asked for again, then ours stands."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from builders.advice import answer, plan, rejoin, situation
from builders.model_server import MODEL, Server, running

from racetwin import AIStrategist
from racetwin.schemas import Recommendation
from racetwin.strategist import recommend
from racetwin.strategist.checker import Checker
from racetwin.strategist.client import ModelClient
from racetwin.strategist.model_question import SCHEMA, messages, parse
from racetwin.strategist.wording import carried, texts_of

pytestmark = pytest.mark.integration

REASON = "Boxing at the end of lap 21 it rejoins P8, and D11 is then 4.0 s ahead."


@pytest.fixture
def server() -> Iterator[tuple[Server, str]]:
    with running() as served:
        yield served


@pytest.fixture
def advice() -> Recommendation:
    best, later = plan(1, 21, 15.0, 0.0), plan(2, 26, 14.2, -0.8)
    return recommend(answer(best, later, box_now=rejoin()), situation())[0]


def said(description: str) -> list[str]:
    """What a model would say, in pieces."""
    text = json.dumps(
        {
            "title": "Box this lap for HARD",
            "description": [{"text": description, "facts": [8]}],
            "expected_benefit": [{"text": "The plan is worth 15.00 points on average.", "facts": [9]}],
            "reasoning": [{"text": REASON, "facts": [10]}],
            "risks": [],
        }
    )
    return [text[i : i + 20] for i in range(0, len(text), 20)]


async def test_wording_that_the_facts_support_is_shown(server: tuple[Server, str], advice: Recommendation) -> None:
    server[0].words = said("Box at the end of lap 21 and fit HARD tyres.")
    async with AIStrategist(client=ModelClient(server[1], MODEL)) as strategist:
        worded = await strategist.word(advice)
    shown = worded.recommendation
    assert shown.wording == "model"
    assert shown.description == "Box at the end of lap 21 and fit HARD tyres."
    assert (shown.priority, shown.execution_lap, shown.facts) == (advice.priority, advice.execution_lap, advice.facts)
    assert worded.verdict.passed


async def test_wrong_wording_is_asked_for_once_more_with_the_objection_then_ours_stands(
    server: tuple[Server, str], advice: Recommendation
) -> None:
    server[0].words = said("Box on lap 22 for HARD tyres.")
    async with AIStrategist(client=ModelClient(server[1], MODEL)) as strategist:
        worded = await strategist.word(advice)
    assert texts_of(worded.recommendation) == texts_of(advice)
    assert worded.recommendation.worded.state == "refused"
    assert worded.verdict.passed
    assert len(worded.answers) == 2
    assert any("lap 22" in o.sentence for o in worded.refused)
    assert "lap 22" in json.dumps(server[0].bodies[1])


async def test_answer_in_no_form_at_all_leaves_ours(server: tuple[Server, str], advice: Recommendation) -> None:
    server[0].words = ["Well, I would say that", " boxing is good."]
    async with AIStrategist(client=ModelClient(server[1], MODEL)) as strategist:
        worded = await strategist.word(advice)
    assert worded.recommendation.wording == "rules"


async def test_no_server_leaves_ours_and_says_why(advice: Recommendation) -> None:
    async with AIStrategist(client=ModelClient("http://127.0.0.1:9/v1", MODEL)) as strategist:
        worded = await strategist.word(advice)
    assert texts_of(worded.recommendation) == texts_of(advice)
    assert worded.recommendation.worded.state == "unavailable"
    assert worded.unavailable is not None


def test_the_part_that_never_changes_comes_first(advice: Recommendation) -> None:
    other = advice.model_copy(update={"title": "Stay out"})
    assert messages(advice)[:-1] == messages(other)[:-1]
    assert messages(advice)[-1] != messages(other)[-1]


def test_the_schema_is_one_that_strict_servers_take() -> None:
    def look(part: object) -> None:
        if isinstance(part, list):
            for one in part:
                look(one)
        if not isinstance(part, dict):
            return
        if part.get("type") == "object":
            assert part["additionalProperties"] is False
            assert part["required"] == list(part["properties"])
        assert not {"default", "minLength", "maxLength"} & set(part)
        for one in part.values():
            look(one)

    look(SCHEMA)
    assert set(SCHEMA["properties"]) == {"title", "description", "expected_benefit", "reasoning", "risks"}


async def test_the_facts_shown_behind_a_sentence_are_the_checkers_not_the_models(
    server: tuple[Server, str], advice: Recommendation
) -> None:
    server[0].words = said(
        "Box at the end of lap 21 and fit HARD tyres."
    )  # it cites fact 8 for this, and 10 for the rejoin
    async with AIStrategist(client=ModelClient(server[1], MODEL)) as strategist:
        shown = (await strategist.word(advice)).recommendation
    checker = Checker(advice.facts)
    for s in shown.sentences:
        assert s.facts == checker.evidence(s.text)
    rejoins = next(s for s in shown.sentences if "D11" in s.text)
    names = {f.name for f in advice.facts if f.id in rejoins.facts}
    assert {"rejoin.position", "rejoin.gap_ahead"} <= names


async def test_words_stay_while_the_facts_of_the_next_lap_carry_them_and_no_longer(
    server: tuple[Server, str], advice: Recommendation
) -> None:
    server[0].words = said("Box at the end of lap 21 and fit HARD tyres.")
    async with AIStrategist(client=ModelClient(server[1], MODEL)) as strategist:
        shown = (await strategist.word(advice)).recommendation

    def later(**changes: str) -> Recommendation:
        facts = tuple(
            f.model_copy(update={"text": changes[f.name.replace(".", "_")]})
            if f.name.replace(".", "_") in changes
            else f
            for f in advice.facts
        )
        return advice.model_copy(update={"facts": facts, "reasoning": "Our own of now."})

    kept = carried(shown, later(laps_left="30 laps are left."))
    assert kept is not None
    assert (kept.description, kept.wording) == (shown.description, "model")
    assert kept.facts != shown.facts
    assert kept.worded is not None
    assert kept.worded.own is not None
    assert kept.worded.own.reasoning == "Our own of now."
    assert kept.risks == advice.risks, "the model named none, so they are ours of now"
    assert carried(shown, later(rejoin_gap_ahead="D11 is then 5.0 s ahead.")) is None
    assert carried(shown, advice.model_copy(update={"title": "Stay out; box on lap 30 for HARD"})) is None


def test_words_around_the_object_are_let_through() -> None:
    text = "".join(said("Box at the end of lap 21 and fit HARD tyres."))
    assert parse(f"Sure!\n```json\n{text}\n```").title == "Box this lap for HARD"
    with pytest.raises(ValueError, match="no JSON"):
        parse("Box now.")


@pytest.mark.parametrize(
    ("title", "description"),
    [
        ("Stay out", "Box at the end of lap 21 and fit HARD tyres."),
        ("Box this lap for HARD", "Stay out for now."),
        ("L21 HARD", "Box on lap 21."),
    ],
)
async def test_wording_that_decides_something_else_is_refused(
    server: tuple[Server, str], advice: Recommendation, title: str, description: str
) -> None:
    server[0].words = ["".join(said(description)).replace("Box this lap for HARD", title)]
    async with AIStrategist(client=ModelClient(server[1], MODEL)) as strategist:
        worded = await strategist.word(advice)
    assert worded.recommendation.wording == "rules"
    assert any("the decision is" in o.why for o in worded.refused)


async def test_wording_that_says_the_same_twice_is_refused(server: tuple[Server, str], advice: Recommendation) -> None:
    server[0].words = said(REASON)
    async with AIStrategist(client=ModelClient(server[1], MODEL)) as strategist:
        worded = await strategist.word(advice)
    assert any(o.claim == "repeated" for o in worded.refused)
