"""The model client against real servers on loopback that behave as servers do: well, oddly, late, and not at all."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from racetwin.strategist.client import BREAKER_FAILURES, ModelClient, ModelUnavailableError

pytestmark = pytest.mark.integration

MODEL = "small"
HELLO = [{"role": "user", "content": "hello"}]
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}}


class Server:
    """An OpenAI-compatible server whose manners the test sets."""

    def __init__(self) -> None:
        self.refuses_schema = False
        self.fail_next = 0
        self.words = ["Box", " this", " lap."]
        self.pause_s = 0.0
        self.bodies: list[dict[str, object]] = []
        self.authorizations: list[str | None] = []
        self.disconnects = 0
        self.app = FastAPI()
        self.app.get("/v1/models")(lambda: {"data": [{"id": MODEL}]})
        self.app.post("/v1/chat/completions")(self.chat)

    async def chat(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.bodies.append(body)
        self.authorizations.append(request.headers.get("authorization"))
        if self.fail_next:
            self.fail_next -= 1
            return JSONResponse({"error": "overloaded"}, status_code=503)
        if self.refuses_schema and "response_format" in body:
            return JSONResponse({"detail": "response_format requires --enable-structured-output"}, status_code=400)
        return StreamingResponse(self.stream(request), media_type="text/event-stream")

    async def stream(self, request: Request) -> AsyncIterator[str]:
        try:
            for word in self.words:
                await asyncio.sleep(self.pause_s)
                yield f"data: {json.dumps({'choices': [{'delta': {'content': word}}]})}\n\n"
            yield f"data: {json.dumps({'choices': [], 'usage': {'prompt_tokens': 7, 'completion_tokens': 3}})}\n\n"
            yield "data: [DONE]\n\n"
        except asyncio.CancelledError:
            self.disconnects += 1
            raise


@pytest.fixture
def server() -> Iterator[tuple[Server, str]]:
    served = Server()
    config = uvicorn.Config(served.app, port=0, log_level="error")
    runner = uvicorn.Server(config)
    thread = threading.Thread(target=runner.run, daemon=True)
    thread.start()
    while not runner.started:
        thread.join(0.01)
    port = runner.servers[0].sockets[0].getsockname()[1]
    yield served, f"http://127.0.0.1:{port}/v1"
    runner.should_exit = True
    thread.join(5)


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
