"""Servers that know less of the API than others are asked in the form that they take, over real connections on loopback."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from builders.model_server import MODEL, Server, running

from racetwin.strategist.client import ModelClient, ModelUnavailableError
from racetwin.strategist.request_form import HIDDEN_TOKENS, in_form, refused_field

HELLO = [{"role": "user", "content": "hello"}]
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}}
EVERY = {"model", "messages", "max_tokens", "temperature", "seed", "stream", "stream_options", "response_format"}


def openai(message: str, param: str | None = None) -> dict[str, object]:
    """Word a refusal as OpenAI does, and most others after it."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": None}}


def pydantic(name: str) -> dict[str, object]:
    """Word a refusal as servers do that check the question with pydantic."""
    return {"detail": [{"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted"}]}


MAX_TOKENS = openai(
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    "max_tokens",
)
TEMPERATURE = openai(
    "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
    "temperature",
)
REFUSALS = [
    ("max_tokens", 400, MAX_TOKENS),
    ("temperature", 400, TEMPERATURE),
    ("seed", 422, pydantic("seed")),
    ("seed", 400, openai("property 'seed' is unsupported, did you mean 'stream'?")),
    ("stream_options", 400, openai("Unrecognized request argument supplied: stream_options")),
    ("stream", 400, openai("Your organization must be verified to stream this model.", "stream")),
    ("response_format", 400, "response_format requires --enable-structured-output"),
    ("response_format", 400, openai("json_schema is not supported by this model")),
    ("response_format", 400, openai("This model does not support response format `json_schema`.")),
    ("response_format", 400, openai("failed to parse grammar")),
]


@pytest.fixture
def server() -> Iterator[tuple[Server, str]]:
    with running() as served:
        yield served


@pytest.mark.integration
@pytest.mark.parametrize(("field", "status", "said"), REFUSALS)
async def test_refused_field_is_left_out_remembered_and_said_once(
    server: tuple[Server, str], field: str, status: int, said: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server[0].refuses = lambda body: (status, said) if field in body else None
    with caplog.at_level(logging.WARNING, "racetwin.strategist.client"):
        async with ModelClient(server[1], MODEL) as client:
            for _ in range(2):
                answer = await client.ask(HELLO, deadline_s=5, schema=SCHEMA, max_tokens=600)
                assert answer.text == "Box this lap."
    first, *others = server[0].bodies
    assert set(first) == EVERY
    assert len(others) == 2, "one more try, and the next question is asked right at once"
    for body in others:
        kept = EVERY - {field} - ({"stream_options"} if field == "stream" else set())
        assert set(body) - {"max_completion_tokens"} == kept
        assert body.get("max_completion_tokens") == (600 + HIDDEN_TOKENS if field == "max_tokens" else None)
    assert list(client.given_up) == [field]
    assert client.given_up[field].startswith(str(status))
    assert client.takes_schema is (field != "response_format")
    assert [r.getMessage().count(f"does not take '{field}'") for r in caplog.records] == [1]


@pytest.mark.integration
async def test_server_that_refuses_all_that_can_be_given_up_one_after_the_other_answers(
    server: tuple[Server, str],
) -> None:
    def refuses(body: dict[str, object]) -> tuple[int, object] | None:
        for name in ("seed", "max_tokens", "response_format", "temperature", "stream_options", "stream"):
            if name in body:
                return 422, pydantic(name)
        return None

    server[0].refuses = refuses
    async with ModelClient(server[1], MODEL) as client:
        assert (await client.ask(HELLO, deadline_s=5, schema=SCHEMA)).text == "Box this lap."
        assert client.usage.requests == 7
        assert set(server[0].bodies[-1]) == {"model", "messages", "max_completion_tokens"}
        client.forget(MODEL)
        await client.ask(HELLO, deadline_s=5, schema=SCHEMA)
    assert set(server[0].bodies[7]) == EVERY, "the server may be another one by now"


@pytest.mark.integration
async def test_refusal_that_no_field_is_to_blame_for_is_final_and_nothing_is_given_up(
    server: tuple[Server, str],
) -> None:
    server[0].refuses = lambda _: (400, openai("The model is not ready for such things."))
    async with ModelClient(server[1], MODEL) as client:
        with pytest.raises(ModelUnavailableError, match="not ready for such things") as caught:
            await client.ask(HELLO, deadline_s=5, schema=SCHEMA)
        assert caught.value.kind == "refused"
        assert [("response_format" in body) for body in server[0].bodies] == [True, False], (
            "tried once without a schema"
        )
        assert client.given_up == {}
        assert client.takes_schema is None


@pytest.mark.integration
async def test_refused_key_is_no_refused_field(server: tuple[Server, str]) -> None:
    server[0].refuses = lambda _: (401, openai("You have no access to structured answers with a seed."))
    async with ModelClient(server[1], MODEL) as client:
        with pytest.raises(ModelUnavailableError, match="401"):
            await client.ask(HELLO, deadline_s=5, schema=SCHEMA)
    assert len(server[0].bodies) == 1


@pytest.mark.integration
async def test_tries_are_made_within_the_deadline(server: tuple[Server, str]) -> None:
    server[0].refuses = lambda body: (400, MAX_TOKENS) if "max_tokens" in body else None
    server[0].pause_s = 5.0
    async with ModelClient(server[1], MODEL) as client:
        with pytest.raises(ModelUnavailableError, match=r"within 0\.5 s"):
            await client.ask(HELLO, deadline_s=0.5)
        assert list(client.given_up) == ["max_tokens"], "the server had begun to answer, so that much is known"


def test_question_that_is_too_long_is_no_fault_of_a_field() -> None:
    said = (
        "'max_tokens' or 'max_completion_tokens' is too large: 600. This model's maximum context length is 2048 tokens "
        "and your request has 1900 input tokens."
    )
    assert refused_field(dict.fromkeys(EVERY, 1), said) is None


def test_field_that_a_server_names_outright_counts_before_those_it_mentions() -> None:
    said = '{"error": {"message": "With a seed only one temperature is allowed", "param": "temperature"}}'
    assert refused_field({"seed": 1, "temperature": 0}, said) == "temperature"
    assert refused_field({"seed": 1}, said) == "seed"


def test_fields_that_an_answer_needs_are_never_given_up() -> None:
    assert refused_field({"model": "x", "messages": []}, "model: unknown; messages: too many") is None
    question = {"model": "x", "messages": [], "seed": 1}
    assert in_form(question, ()) == question
