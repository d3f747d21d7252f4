"""An OpenAI-compatible server on loopback whose manners the test sets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

MODEL = "small"


def honest(question: str) -> str:
    """Answer as a model that repeats the facts it was given, and nothing else."""
    facts = dict(re.findall(r"^(\d+)\. (.*)$", question, flags=re.MULTILINE))
    title = re.search(r"Decision: (.*?)\. ", question + ". ")
    said = [{"text": text, "facts": [int(number)]} for number, text in list(facts.items())[:3]]
    assert title is not None
    return json.dumps(
        {"title": title[1], "description": said[:1], "expected_benefit": said[1:2], "reasoning": said[2:]}
    )


class Server:
    """An OpenAI-compatible server whose manners the test sets."""

    def __init__(self) -> None:
        self.refuses_schema = False
        self.refuses: Callable[[dict[str, object]], tuple[int, object] | None] = lambda _: None
        """Returns the status and the words with which a question is refused, None if it is not."""
        self.fail_next = 0
        self.words = ["Box", " this", " lap."]
        self.reply: Callable[[str], str] | None = None
        """What is answered to a question, in place of ``words``."""
        self.pause_s = 0.0
        self.bodies: list[dict[str, object]] = []
        self.authorizations: list[str | None] = []
        self.disconnects = 0
        self.app = FastAPI()
        self.absent = False
        self.app.get("/v1/models")(lambda: {"data": [] if self.absent else [{"id": MODEL}]})
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
        refused = self.refuses(body)
        if refused is not None:
            return JSONResponse(refused[1], status_code=refused[0])
        if "stream" not in body:
            return JSONResponse({"choices": [{"message": {"content": "".join(self.words)}}]})
        if self.reply is not None:
            text = self.reply(body["messages"][-1]["content"])
            self.words = [text[i : i + 40] for i in range(0, len(text), 40)]
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


@contextlib.contextmanager
def running() -> Iterator[tuple[Server, str]]:
    """Run one on a free port; yields it and its base URL."""
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
