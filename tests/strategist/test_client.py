"""The model client against real servers on loopback that behave as servers do: well, oddly, late, and not at all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import pytest
from builders.model_server import MODEL, Server, running

from racetwin.strategist.client import BREAKER_FAILURES, BREAKER_REST_S, ModelClient, ModelUnavailableError

pytestmark = pytest.mark.integration

HELLO = [{"role": "user", "content": "hello"}]
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}}


@pytest.fixture
def server() -> Iterator[tuple[Server, str]]:
    with running() as served:
        yield served


async def test_answer_arrives_in_pieces_and_whole(server: tuple[Server, str]) -> None:
    pieces: list[str] = []
    async with ModelClient(server[1], MODEL) as client:
        assert await client.healthy()
        answer = await client.ask(HELLO, deadline_s=5, on_text=pieces.append)
    assert answer.text == "Box this lap."
    assert pieces == server[0].words
    assert (answer.prompt_tokens, answer.completion_tokens) == (7, 3)
    assert client.usage.completion_tokens == 3


async def test_server_without_schemas_is_noticed_and_remembered(server: tuple[Server, str]) -> None:
    server[0].refuses_schema = True
    async with ModelClient(server[1], MODEL) as client:
        for _ in range(2):
            assert (await client.ask(HELLO, deadline_s=5, schema=SCHEMA)).text
    assert ["response_format" in b for b in server[0].bodies] == [True, False, False]


async def test_server_with_schemas_is_given_the_schema(server: tuple[Server, str]) -> None:
    async with ModelClient(server[1], MODEL) as client:
        await client.ask(HELLO, deadline_s=5, schema=SCHEMA)
        assert client.takes_schema is True
    assert server[0].bodies[0]["response_format"]["json_schema"]["schema"] == SCHEMA  # type: ignore[index]


async def test_one_failure_is_tried_again(server: tuple[Server, str]) -> None:
    server[0].fail_next = 1
    async with ModelClient(server[1], MODEL) as client:
        assert (await client.ask(HELLO, deadline_s=5)).text == "Box this lap."
    assert len(server[0].bodies) == 2


async def test_server_that_keeps_failing_is_left_alone(server: tuple[Server, str]) -> None:
    server[0].fail_next = 2 * BREAKER_FAILURES
    async with ModelClient(server[1], MODEL) as client:
        for _ in range(BREAKER_FAILURES):
            with pytest.raises(ModelUnavailableError, match="503"):
                await client.ask(HELLO, deadline_s=5)
        asked = len(server[0].bodies)
        with pytest.raises(ModelUnavailableError, match="in a row"):
            await client.ask(HELLO, deadline_s=5)
    assert len(server[0].bodies) == asked


async def test_server_that_was_left_alone_is_asked_again_once_and_is_trusted_when_it_answers(
    server: tuple[Server, str],
) -> None:
    now = [0.0]
    server[0].fail_next = 2 * BREAKER_FAILURES + 2
    async with ModelClient(server[1], MODEL, clock=lambda: now[0]) as client:
        for _ in range(BREAKER_FAILURES):
            with pytest.raises(ModelUnavailableError, match="503"):
                await client.ask(HELLO, deadline_s=5)
        assert client.rests_s == BREAKER_REST_S
        now[0] = BREAKER_REST_S + 1
        assert client.rests_s == 0
        with pytest.raises(ModelUnavailableError, match="503"):
            await client.ask(HELLO, deadline_s=5)  # it has not recovered: one question is enough to know
        assert client.rests_s == BREAKER_REST_S
        now[0] += BREAKER_REST_S + 1
        assert (await client.ask(HELLO, deadline_s=5)).text == "Box this lap."
        server[0].fail_next = 2
        with pytest.raises(ModelUnavailableError, match="503"):
            await client.ask(HELLO, deadline_s=5)
        assert client.rests_s == 0, "after an answer a failure is the first again"


async def test_late_answer_is_no_answer(server: tuple[Server, str]) -> None:
    server[0].pause_s = 5.0
    async with ModelClient(server[1], MODEL) as client:
        with pytest.raises(ModelUnavailableError, match=r"within 0\.2 s"):
            await client.ask(HELLO, deadline_s=0.2)


async def test_cancelled_question_closes_the_connection(server: tuple[Server, str]) -> None:
    server[0].pause_s = 0.05
    server[0].words = ["x"] * 200
    started = asyncio.Event()
    async with ModelClient(server[1], MODEL) as client:
        task = asyncio.create_task(client.ask(HELLO, deadline_s=30, on_text=lambda _: started.set()))
        await started.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        for _ in range(100):
            if server[0].disconnects:
                break
            await asyncio.sleep(0.05)
    assert server[0].disconnects == 1
    assert client.usage.cancelled == 1


async def test_no_server_is_said_in_one_line() -> None:
    async with ModelClient("http://127.0.0.1:9/v1", MODEL) as client:
        assert not await client.healthy()
        with pytest.raises(ModelUnavailableError) as caught:
            await client.ask(HELLO, deadline_s=5)
    assert "\n" not in str(caught.value)


async def test_key_is_sent_and_never_shown(server: tuple[Server, str]) -> None:
    async with ModelClient(server[1], MODEL, api_key="secret-key") as client:
        await client.ask(HELLO, deadline_s=5)
        assert "secret-key" not in repr(client)
    assert server[0].authorizations == ["Bearer secret-key"]
