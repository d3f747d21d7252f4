"""An answer that can be none any more is not waited for, and one that still can is."""

from __future__ import annotations

import json

import pytest
from builders.advice import answer, plan, rejoin, situation
from builders.model_server import MODEL, honest, running
from hypothesis import given, settings
from hypothesis import strategies as st

from racetwin.strategist import recommend
from racetwin.strategist.client import ModelClient
from racetwin.strategist.model_question import SCHEMA, messages, parse
from racetwin.strategist.past_help import past_help
from racetwin.strategist.wording import word

AGAIN = "The plan is worth 15.00 points on average. "


def sentences(most: int, least: int = 1) -> st.SearchStrategy[list[dict[str, object]]]:
    text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)
    one = st.fixed_dictionaries({"text": text, "facts": st.lists(st.integers(0, 99), max_size=3)})
    return st.lists(one, min_size=least, max_size=most)


WORDINGS = st.fixed_dictionaries(
    {
        "title": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80),
        "description": sentences(3),
        "expected_benefit": sentences(2),
        "reasoning": sentences(4),
        "risks": sentences(3, 0),
    },
    optional={"notes": st.text(max_size=400)},
)


@settings(max_examples=20, deadline=None)
@given(WORDINGS, st.booleans(), st.sampled_from([("", ""), ("Sure!\n```json\n", "\n```"), ("", "\nThat is all.")]))
def test_what_can_still_be_an_answer_is_waited_for(
    said: dict[str, object], ascii_only: bool, around: tuple[str, str]
) -> None:
    text = around[0] + json.dumps(said, ensure_ascii=ascii_only) + around[1]
    parse(text)
    assert [past_help(text[:n]) for n in range(len(text) + 1)] == [None] * (len(text) + 1)


def of(**changed: object) -> str:
    """Return an answer, whole and in the form but for what is changed."""
    one = [{"text": "Box.", "facts": [1]}]
    said = {"title": "Box", "description": one, "expected_benefit": one, "reasoning": one, "risks": []}
    return json.dumps({**said, **changed})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (of(title="Box! " * 100), "title: String should have at most 80 characters"),
        (of(description=[{"text": AGAIN * 20}]), "description.0.text: String should have at most 300 characters"),
        (of(risks=[{"text": "Box."}, {"text": "\u00e9\n" * 400}]), "risks.1.text: String should have at most 300 char"),
        (of(reasoning=[{"text": "Box."}] * 200), "reasoning: Tuple should have at most 4 items"),
        (of(description=AGAIN * 20), "description: Input should be a valid tuple"),
        (of(description=[AGAIN] * 20), "description.0: Input should be a valid dictionary"),
    ],
)
def test_what_cannot_be_an_answer_is_known_long_before_its_end(text: str, why: str) -> None:
    known = next(n for n in range(len(text)) if past_help(text[:n]))
    assert why in (past_help(text[:known]) or "")
    assert all(past_help(text[:n]) for n in range(known, len(text)))
    assert len(text) - known > 300
    with pytest.raises(ValueError, match="form asked for"):
        parse(text)


def test_a_text_is_too_long_with_the_first_character_beyond() -> None:
    begun = '{"title": "Box", "description": [{"text": "'
    assert past_help(begun + "x" * 300) is None
    assert past_help(begun + "x" * 301) is not None


@pytest.mark.integration
async def test_model_that_repeats_itself_is_cut_short_and_asked_again_at_once() -> None:
    advice = recommend(answer(plan(1, 21, 15.0, 0.0), plan(2, 26, 14.2, -0.8), box_now=rejoin()), situation())[0]
    runaway = of(expected_benefit=[{"text": AGAIN * 300, "facts": [9]}])
    with running() as (server, url):
        server.reply = lambda question: honest(question) if "was refused" in question else runaway
        server.pause_s = 0.01
        async with ModelClient(url, MODEL) as client:
            worded = await word(client, advice, deadline_s=30)
            assert (client.usage.answers, client.usage.failures) == (2, 0), "an answer in no form is an answer"
        assert server.disconnects == 1, "the server is told to stop"
    first, second = worded.answers
    assert first.cut_short == "expected_benefit.0.text: String should have at most 300 characters"
    assert len(first.text) < 600 < len(runaway)
    assert second.cut_short is None
    asked = json.dumps(server.bodies[1]["messages"])
    assert "form: expected_benefit.0.text: String should have at most 300 characters" in asked, "and says what is wrong"
    assert worded.recommendation.wording == "model", worded.refused
    assert worded.unavailable is None


@pytest.mark.integration
async def test_without_a_judge_an_answer_comes_whole() -> None:
    advice = recommend(answer(plan(1, 21, 15.0, 0.0), plan(2, 26, 14.2, -0.8), box_now=rejoin()), situation())[0]
    with running() as (server, url):
        server.words = [of(title="Box! " * 100)]
        async with ModelClient(url, MODEL) as client:
            said = await client.ask(messages(advice), deadline_s=30, schema=SCHEMA)
    assert (said.text, said.cut_short) == (server.words[0], None)
