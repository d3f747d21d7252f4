"""The whole pipeline against real servers of a real model, SmolLM2-135M-Instruct: MAX, and llama.cpp of the extra [llm].

MAX is installed into an environment of its own on the first run and the model is rewritten for it; both stay in the user's cache.
A model this small often says what is not so, which is what the checker is for: nothing unsupported may be shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest
from builders.advice import answer, car, duel, field, plan, rejoin, situation

from racetwin.config import Settings
from racetwin.errors import ConfigurationError
from racetwin.schemas import Recommendation
from racetwin.servers import (
    SMALL_MODEL,
    MaxServer,
    fetch_small_model,
    find_max,
    install_max,
    small_model_server,
    small_serving,
)
from racetwin.servers.ports import free_port
from racetwin.strategist import recommend
from racetwin.strategist.checker import Checker
from racetwin.strategist.client import ModelClient, ModelUnavailableError
from racetwin.strategist.model_question import SCHEMA, messages
from racetwin.strategist.wording import texts_of, word

pytestmark = [pytest.mark.max, pytest.mark.timeout(1800)]

READY_WITHIN_S = 1500.0
"""Compiling the model takes four minutes of two cores when the cache is cold."""
DEADLINE_S = 900.0
"""Long enough for a machine that has a lot else to do: what is tested is what comes of an answer, not how fast it is."""
HELLO = [{"role": "user", "content": "Count from one to a hundred in words."}]


def missing(why: str) -> NoReturn:
    """Skip where a server cannot be had; fail where it must be (`.ci/run`): a stage in which nothing ran is not green."""
    if os.environ.get("RACETWIN_MUST_RUN"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="module")
def server_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return settings with the user's cache and a state folder of the test's own."""
    return Settings(state=tmp_path_factory.mktemp("state"), llm_enabled=True)


@pytest.fixture(scope="module")
def max_server(server_settings: Settings) -> Iterator[tuple[MaxServer, str]]:
    """Yield a running MAX server and its base URL."""
    try:
        program = find_max(server_settings) or install_max(server_settings, print)
        serving = small_serving(server_settings, program, port=free_port(), on_gpu=False, say=print)
    except ConfigurationError as error:
        missing(f"no MAX server here: {error}")
    server = MaxServer(server_settings)
    server.start(serving)
    try:
        status = server.wait(READY_WITHIN_S)
        assert status.state == "ready", f"{status}\n{server.log.read_text()[-2000:]}"
        yield server, serving.url
    finally:
        server.stop()


def need_small_model(settings: Settings) -> None:
    """Fetch the small model's file, or say why it and llama.cpp cannot be had here."""
    if find_spec("xllamacpp") is None:
        missing("the extra [llm] is not installed")
    try:
        fetch_small_model(settings)
    except ConfigurationError as error:
        missing(str(error))


@pytest.fixture(params=["MAX", "llama.cpp"])
async def client(request: pytest.FixtureRequest, server_settings: Settings) -> AsyncIterator[ModelClient]:
    """Yield an open client of each server in turn."""
    async with contextlib.AsyncExitStack() as stack:
        if request.param == "MAX":
            _, url = request.getfixturevalue("max_server")
        else:
            need_small_model(server_settings)
            url = await stack.enter_async_context(small_model_server(server_settings))
        yield await stack.enter_async_context(ModelClient(url))


def cover() -> Recommendation:
    """A short piece of advice: a rival to cover, with a handful of facts."""
    near = situation(
        cars={"4": car("4", 3), "16": car("16", 4, driver="LEC", interval_s=1.4, stop_probability_next_5=0.6)},
        field=field(duel("16", "4", 0.6)),
    )
    advice = recommend(answer(plan(1, 24, 15.0, 0.0), plan(2, 26, 14.9, -0.1), box_now=rejoin()), near)
    return next(r for r in advice if r.kind == "cover")


async def test_model_is_found_known_as_small_and_counted(client: ModelClient) -> None:
    assert await client.healthy()
    assert client.model == SMALL_MODEL
    assert client.small
    pieces: list[str] = []
    said = await client.ask(HELLO, deadline_s=DEADLINE_S, max_tokens=24, on_text=pieces.append)
    assert "".join(pieces) == said.text
    assert len(pieces) > 5, "it streams"
    assert said.completion_tokens == pytest.approx(24, abs=2)
    assert said.prompt_tokens
    assert said.first_token_s is not None
    assert said.first_token_s < said.elapsed_s


async def test_json_to_a_schema_where_offered_and_without_it_where_not(client: ModelClient) -> None:
    asked = messages(cover())
    await client.ask(asked, deadline_s=DEADLINE_S, schema=SCHEMA, max_tokens=30)
    requests = client.usage.requests
    on_max = client.takes_schema is False
    assert requests == (2 if on_max else 1), "MAX on a CPU answers 400 to response_format, and is asked again without"
    await client.ask(asked, deadline_s=DEADLINE_S, schema=SCHEMA, max_tokens=30)
    assert client.usage.requests == requests + 1, "which is remembered"


async def test_whatever_the_model_says_nothing_unsupported_is_shown(client: ModelClient) -> None:
    best, later = plan(1, 21, 15.0, 0.0), plan(2, 26, 14.2, -0.8)
    stop = recommend(answer(best, later, box_now=rejoin()), situation())[0]
    tight = recommend(answer(plan(1, 24, 15.0, 0.0), plan(2, 26, 14.9, -0.1), box_now=rejoin(0.8)), situation())
    advice = [cover(), stop, *tight[1:2]]
    states = []
    for r in advice:
        worded = await word(client, r, deadline_s=DEADLINE_S)
        report = worded.recommendation.worded
        assert report is not None
        assert worded.unavailable is None, worded.unavailable
        assert Checker(r.facts).check(*texts_of(worded.recommendation)).passed
        assert (report.model, report.small) == (SMALL_MODEL, True)
        assert report.attempts in (1, 2)
        states.append(report.state)
        if report.state == "shown":
            assert worded.recommendation.wording == "model"
            assert report.own is not None
        else:
            assert report.objections
            assert report.attempts == 2, "one regeneration with the objection"
            assert texts_of(worded.recommendation) == texts_of(r)
    assert set(states) <= {"shown", "refused"}


async def test_late_answer_leaves_ours(client: ModelClient) -> None:
    await client.healthy()
    worded = await word(client, cover(), deadline_s=0.05)
    assert worded.recommendation.wording == "rules"
    assert worded.unavailable is not None
    assert "no answer within" in worded.unavailable


async def test_cancelled_question_frees_the_server(client: ModelClient) -> None:
    await client.healthy()
    begun = asyncio.Event()
    task = asyncio.create_task(client.ask(HELLO, deadline_s=DEADLINE_S, max_tokens=1500, on_text=lambda _: begun.set()))
    await asyncio.wait_for(begun.wait(), DEADLINE_S)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert client.usage.cancelled == 1
    start = time.monotonic()
    await client.ask([{"role": "user", "content": "Say yes."}], deadline_s=DEADLINE_S, max_tokens=4)
    assert time.monotonic() - start < 60, "the cancelled answer of 1,500 tokens is not waited for"


async def test_overload_leaves_ours_and_passes(client: ModelClient) -> None:
    await client.healthy()
    asks = [client.ask(HELLO, deadline_s=20.0, max_tokens=200) for _ in range(12)]
    ended = await asyncio.gather(*asks, return_exceptions=True)
    refused = [e for e in ended if isinstance(e, ModelUnavailableError)]
    assert len(refused) == sum(isinstance(e, BaseException) for e in ended), ended
    assert {e.kind for e in refused} <= {"overloaded", "deadline", "resting"}
    fresh = ModelClient(client.url)
    async with fresh:
        said = await fresh.ask([{"role": "user", "content": "Say yes."}], deadline_s=DEADLINE_S, max_tokens=4)
    assert said.text


async def test_max_that_is_killed_in_an_answer_leaves_ours_and_comes_back(max_server: tuple[MaxServer, str]) -> None:
    server, url = max_server
    before = server.status()
    assert before.pid is not None
    async with ModelClient(url) as client:
        await client.healthy()
        begun = asyncio.Event()
        task = asyncio.create_task(word(client, cover(), deadline_s=DEADLINE_S, on_text=lambda _: begun.set()))
        await asyncio.wait_for(begun.wait(), DEADLINE_S)
        os.killpg(before.pid, signal.SIGKILL)
        worded = await task
        assert worded.recommendation.wording == "rules"
        assert worded.unavailable is not None
        assert texts_of(worded.recommendation) == texts_of(cover())
        for _ in range(50):
            if server.status().pid not in (None, before.pid):
                break
            await asyncio.sleep(0.2)
        after = await asyncio.to_thread(server.wait, READY_WITHIN_S)
        assert (after.state, after.restarts) == ("ready", before.restarts + 1)
        assert await client.healthy()
        said = await client.ask([{"role": "user", "content": "Say yes."}], deadline_s=DEADLINE_S, max_tokens=4)
        assert said.text


async def test_llama_cpp_that_is_killed_in_an_answer_leaves_ours(server_settings: Settings) -> None:
    need_small_model(server_settings)
    ours = Path(f"/proc/self/task/{threading.get_native_id()}/children")
    before = set(ours.read_text().split())
    async with small_model_server(server_settings) as url, ModelClient(url) as client:
        (pid,) = set(ours.read_text().split()) - before
        await client.healthy()
        begun = asyncio.Event()
        task = asyncio.create_task(word(client, cover(), deadline_s=DEADLINE_S, on_text=lambda _: begun.set()))
        await asyncio.wait_for(begun.wait(), DEADLINE_S)
        os.kill(int(pid), signal.SIGKILL)
        worded = await task
        assert worded.recommendation.wording == "rules"
        assert worded.unavailable is not None
        assert texts_of(worded.recommendation) == texts_of(cover())
        assert not await client.healthy()


def test_the_commands_walk_from_start_to_stop(tmp_path: Path, max_server: tuple[MaxServer, str]) -> None:
    port = free_port()
    around = {**os.environ, "RACETWIN_STATE": str(tmp_path), "RACETWIN_LLM_URL": f"http://127.0.0.1:{port}/v1"}

    def racetwin(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "racetwin", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=around, timeout=READY_WITHIN_S, check=False)

    assert racetwin("max", "status").returncode == 1
    started = racetwin("max", "start", "--small", "--cpu", "--port", str(port))
    try:
        assert started.returncode == 0, started.stderr
        assert f"MAX serves {SMALL_MODEL}" in started.stdout
        status = racetwin("max", "status", "--json")
        assert (status.returncode, json.loads(status.stdout)["state"]) == (0, "ready")
        tested = racetwin("max-test", "--json", "--deadline", str(DEADLINE_S))
        assert tested.returncode == 0, tested.stderr
        assert json.loads(tested.stdout)["advice"][0]["answers"]
    finally:
        stopped = racetwin("max", "stop")
    assert "MAX is stopped" in stopped.stdout
    assert racetwin("max", "status").returncode == 1
