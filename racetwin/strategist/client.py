"""One client for every OpenAI-compatible server: MAX on a GPU or a CPU, a small local model, anything with the same API.

It asks for JSON to a schema where the server offers that, notices a server that does not (MAX on a CPU answers 400) and goes on
without; streams, so that an answer can be dropped as soon as the race has moved on; keeps a deadline; tries once more; and stops
asking a server that keeps failing until it has had time to recover.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx
import orjson

from racetwin.config import Settings
from racetwin.errors import RacetwinError

HEALTH_TIMEOUT_S = 2.0
BREAKER_FAILURES = 3
"""Failures in a row after which a server is left alone ..."""
BREAKER_REST_S = 30.0
"""... for this long."""
MAX_ANSWER_CHARS = 20_000
"""An answer longer than this is a server gone wrong, not advice."""


class ModelUnavailableError(RacetwinError):
    """The language model gave no usable answer in time; advice goes out in our own wording."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A completed answer: its text, the tokens the server counted (None where it did not), and seconds to first and last."""

    text: str
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    first_token_s: float | None
    elapsed_s: float


@dataclass(slots=True)
class Usage:
    """What the server has been asked so far."""

    requests: int = 0
    answers: int = 0
    failures: int = 0
    cancelled: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(slots=True)
class _Breaker:
    """Leaves a failing server alone for a while."""

    failures: int = 0
    open_until: float = 0.0

    def check(self, now: float) -> None:
        if now < self.open_until:
            raise ModelUnavailableError(f"the model server failed {self.failures} times in a row; trying again later")

    def failed(self, now: float) -> None:
        self.failures += 1
        if self.failures >= BREAKER_FAILURES:
            self.open_until = now + BREAKER_REST_S

    def worked(self) -> None:
        self.failures = 0
        self.open_until = 0.0


@dataclass(slots=True)
class ModelClient:
    """Asks one model on one server; an asynchronous context manager.

    Parameters
    ----------
    url
        Base URL with the version, e.g. ``http://127.0.0.1:8000/v1``.
    model
        Name as the server lists it.
    api_key
        Sent as a bearer token where given; never shown.
    transport
        For tests and special networks; None uses the network.
    clock
        Seconds, monotonic.
    """

    url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    transport: httpx.AsyncBaseTransport | None = field(default=None, repr=False)
    clock: Callable[[], float] = field(default=lambda: asyncio.get_running_loop().time(), repr=False)
    usage: Usage = field(default_factory=Usage)
    takes_schema: bool | None = None
    _breaker: _Breaker = field(default_factory=_Breaker, repr=False)
    _http: httpx.AsyncClient | None = field(default=None, repr=False)

    @classmethod
    def from_settings(cls, settings: Settings) -> ModelClient:
        """Build from ``llm_url``, ``llm_model`` and ``llm_api_key``."""
        key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else None
        return cls(settings.llm_url.rstrip("/"), settings.llm_model, key)

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        # Some small servers break streaming over a kept-alive connection; a new one costs nothing on loopback.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.AsyncClient(
            base_url=self.url, headers=headers, transport=self.transport, timeout=None, limits=limits
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def models(self) -> list[str]:
        """List the models the server offers; `ModelUnavailableError` says why it could not."""
        try:
            reply = await self._client.get("/models", timeout=HEALTH_TIMEOUT_S)
            reply.raise_for_status()
            return [str(m["id"]) for m in reply.json()["data"]]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise ModelUnavailableError(f"no model server answers at {self.url} ({type(error).__name__})") from error

    async def healthy(self) -> bool:
        """Whether the server answers and offers the model."""
        try:
            return self.model in await self.models()
        except ModelUnavailableError:
            return False

    async def ask(
        self,
        messages: list[dict[str, str]],
        *,
        deadline_s: float,
        schema: Mapping[str, Any] | None = None,
        max_tokens: int = 600,
        temperature: float = 0.0,
        seed: int | None = 1,
        on_text: Callable[[str], None] | None = None,
    ) -> Answer:
        """Ask and return the whole answer, within ``deadline_s`` seconds or not at all.

        A failure is tried once more if time is left. Cancelling the task that waits here closes the connection, and a server
        that watches for that stops generating.

        Raises
        ------
        ModelUnavailableError
            No answer: the deadline, the network, the server, or the circuit breaker; the message says which.
        """
        self._breaker.check(self.clock())
        try:
            async with asyncio.timeout(deadline_s):
                answer = await self._ask_twice(messages, schema, max_tokens, temperature, seed, on_text)
        except asyncio.CancelledError:
            self.usage.cancelled += 1
            raise
        except TimeoutError as error:
            self._fail()
            raise ModelUnavailableError(f"no answer within {deadline_s:g} s from {self.url}") from error
        except (httpx.HTTPError, ModelUnavailableError) as error:
            self._fail()
            if isinstance(error, ModelUnavailableError):
                raise
            raise ModelUnavailableError(f"{self.url}: {type(error).__name__} {error}".strip()) from error
        self._breaker.worked()
        self.usage.answers += 1
        self.usage.prompt_tokens += answer.prompt_tokens or 0
        self.usage.completion_tokens += answer.completion_tokens or 0
        return answer

    @property
    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            raise ModelUnavailableError("the model client is not open: use 'async with'")
        return self._http

    def _fail(self) -> None:
        self.usage.failures += 1
        self._breaker.failed(self.clock())

    async def _ask_twice(
        self,
        messages: list[dict[str, str]],
        schema: Mapping[str, Any] | None,
        max_tokens: int,
        temperature: float,
        seed: int | None,
        on_text: Callable[[str], None] | None,
    ) -> Answer:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": messages,
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stream": True,
        }
        if seed is not None:
            body["seed"] = seed
        for attempt in (1, 2):
            try:
                return await self._ask_in_the_form_it_takes(body, schema, on_text)
            except (httpx.TransportError, _ServerError) as error:
                if attempt == 2:
                    raise ModelUnavailableError(f"{self.url}: {type(error).__name__} {error}".strip()) from error
        raise AssertionError("unreachable: the loop returns or raises")

    async def _ask_in_the_form_it_takes(
        self, body: dict[str, Any], schema: Mapping[str, Any] | None, on_text: Callable[[str], None] | None
    ) -> Answer:
        if schema is not None and self.takes_schema is not False:
            form = {"type": "json_schema", "json_schema": {"name": "advice", "schema": schema, "strict": True}}
            try:
                answer = await self._stream(body | {"response_format": form}, on_text)
            except _BadRequestError as error:
                if "response_format" not in str(error) and "structured" not in str(error):
                    raise ModelUnavailableError(f"{self.url} refused the request: {error}") from error
                self.takes_schema = False
            else:
                self.takes_schema = True
                return answer
        try:
            return await self._stream(body, on_text)
        except _BadRequestError as error:
            raise ModelUnavailableError(f"{self.url} refused the request: {error}") from error

    async def _stream(self, body: dict[str, Any], on_text: Callable[[str], None] | None) -> Answer:
        self.usage.requests += 1
        begun = self.clock()
        first: float | None = None
        parts: list[str] = []
        length = 0
        usage: Mapping[str, Any] = {}
        async with self._client.stream("POST", "/chat/completions", json=body) as reply:
            if reply.status_code >= 400:
                text = (await reply.aread()).decode(errors="replace")[:500]
                raise (_BadRequestError if reply.status_code < 500 else _ServerError)(f"{reply.status_code} {text}")
            async for event in _events(reply):
                usage = event.get("usage") or usage
                piece = _delta(event)
                if not piece:
                    continue
                first = self.clock() - begun if first is None else first
                length += len(piece)
                if length > MAX_ANSWER_CHARS:
                    raise _ServerError(f"the answer went past {MAX_ANSWER_CHARS} characters")
                parts.append(piece)
                if on_text is not None:
                    on_text(piece)
        if not parts:
            raise _ServerError("the server ended the stream without an answer")
        return Answer(
            text="".join(parts),
            model=self.model,
            prompt_tokens=usage.get("prompt_tokens"),
            completion_tokens=usage.get("completion_tokens"),
            first_token_s=first,
            elapsed_s=self.clock() - begun,
        )


class _BadRequestError(Exception):
    """The server understood and refused."""


class _ServerError(Exception):
    """The server failed; asking again may help."""


async def _events(reply: httpx.Response) -> AsyncIterator[Mapping[str, Any]]:
    """Yield the JSON of each server-sent event until ``[DONE]``; a plain JSON reply counts as one event."""
    if "text/event-stream" not in reply.headers.get("content-type", ""):
        yield _parse(await reply.aread())
        return
    async for line in reply.aiter_lines():
        if not line.startswith("data:"):
            continue
        data = line[5:].strip()
        if data == "[DONE]":
            return
        yield _parse(data.encode())


def _parse(data: bytes) -> Mapping[str, Any]:
    try:
        event = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _ServerError(f"not JSON: {data[:80]!r}") from error
    if not isinstance(event, dict):
        raise _ServerError(f"not an object: {data[:80]!r}")
    return event


def _delta(event: Mapping[str, Any]) -> str:
    choices = event.get("choices") or []
    if not choices or not isinstance(choices[0], dict):
        return ""
    part = choices[0].get("delta") or choices[0].get("message") or {}
    return str(part.get("content") or "")
