"""One client for every OpenAI-compatible server: MAX on a GPU or a CPU, a small local model, anything with the same API.

It asks for JSON to a schema, a token count and the same answer to the same question, notices what a server refuses (MAX on a CPU
answers 400 to a schema) and goes on without; streams, so that an answer can be dropped as soon as the race has moved on; keeps a
deadline; tries once more; and stops asking a server that keeps failing until it has had time to recover.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from racetwin.config import Settings
from racetwin.errors import RacetwinError
from racetwin.strategist.model_stream import (
    BadRequestError,
    OverloadedError,
    ServerError,
    events,
    raise_for_status,
    text_of,
)
from racetwin.strategist.request_form import in_form, refused_field

LOG = logging.getLogger(__name__)
HEALTH_TIMEOUT_S = 2.0
BREAKER_FAILURES = 3
"""Failures in a row after which a server is left alone ..."""
BREAKER_REST_S = 30.0
"""... for this long."""
OVERLOADED_PAUSE_S = 0.25
"""Before asking again a server that has too much to do."""
MAX_ANSWER_CHARS = 20_000
"""An answer longer than this is a server gone wrong, not advice."""
SMALL_BELOW = 3e9
"""Models of fewer parameters are marked as small: they write well-formed answers, and often untrue ones."""

Failure = Literal["absent", "deadline", "network", "server", "overloaded", "refused", "resting"]


class ModelUnavailableError(RacetwinError):
    """The language model gave no usable answer in time; advice goes out in our own wording.

    ``kind`` says which way: no server or not the model (``absent``), no answer in time (``deadline``), the connection
    (``network``), the server (``server``), too many questions (``overloaded``), the question itself (``refused``), or the
    circuit breaker (``resting``).
    """

    def __init__(self, message: str, kind: Failure = "server") -> None:
        super().__init__(message)
        self.kind: Failure = kind


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its text, the tokens the server counted (None where it did not), and seconds to first and last.

    ``cut_short`` says why the rest was not waited for; None: the answer is whole.
    """

    text: str
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    first_token_s: float | None
    elapsed_s: float
    cut_short: str | None = None


@dataclass(slots=True)
class Usage:
    """What the server has been asked so far."""

    requests: int = 0
    answers: int = 0
    failures: int = 0
    cancelled: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who looks at an answer while it comes."""

    on_text: Callable[[str], None] | None
    past_help: Callable[[str], str | None] | None

    def read(self, piece: str, parts: list[str]) -> str | None:
        """Hand on what has just come; returns why the rest is not worth waiting for."""
        if self.on_text is not None:
            self.on_text(piece)
        return None if self.past_help is None else self.past_help("".join(parts))


@dataclass(slots=True)
class _Breaker:
    """Leaves a failing server alone for a while; then one question shows whether it has recovered."""

    failures: int = 0
    open_until: float = 0.0

    def check(self, now: float) -> None:
        if now < self.open_until:
            raise ModelUnavailableError(
                f"the model server failed {self.failures} times in a row; trying again later", "resting"
            )

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
        Name as the server lists it; empty: the first that it lists.
    api_key
        Sent as a bearer token where given; never shown.
    transport
        For tests and special networks; None uses the network.
    clock
        Seconds, monotonic.

    Attributes
    ----------
    given_up
        Fields of a question that this server refuses and answers without, each with what it said.
    takes_schema
        Whether it has taken a JSON schema; None: not known yet.
    """

    url: str
    model: str = ""
    api_key: str | None = field(default=None, repr=False)
    transport: httpx.AsyncBaseTransport | None = field(default=None, repr=False)
    clock: Callable[[], float] = field(default=lambda: asyncio.get_running_loop().time(), repr=False)
    usage: Usage = field(default_factory=Usage)
    takes_schema: bool | None = None
    given_up: dict[str, str] = field(default_factory=dict)
    parameters: float | None = None
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
        # Certificates are loaded where there is something to check: it takes 40 ms, in which nothing else goes on.
        verify = self.url.startswith("https:")
        self._http = httpx.AsyncClient(
            base_url=self.url, headers=headers, transport=self.transport, timeout=None, limits=limits, verify=verify
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    @property
    def rests_s(self) -> float:
        """Seconds for which the server, having failed too often, is still left alone."""
        return max(0.0, self._breaker.open_until - self.clock())

    @property
    def small(self) -> bool:
        """Whether the model is a small one, by the server's word or by its name ("SmolLM2-135M", "Llama-3.1-8B")."""
        size = self.parameters if self.parameters is not None else parameters_in(self.model)
        return size is not None and size < SMALL_BELOW

    def forget(self, model: str = "") -> None:
        """Know nothing of the server any more but how often it failed: it may be another one by now, and serve another model."""
        self.model, self.takes_schema, self.parameters = model, None, None
        self.given_up.clear()

    async def models(self) -> list[str]:
        """List the models the server offers; `ModelUnavailableError` says why it could not."""
        return list(await self._listing())

    async def healthy(self) -> bool:
        """Whether the server answers and offers the model; a model not named yet becomes the first it lists."""
        try:
            await self._find()
        except ModelUnavailableError:
            return False
        return True

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
        past_help: Callable[[str], str | None] | None = None,
    ) -> Answer:
        """Ask and return the whole answer, within ``deadline_s`` seconds or not at all.

        ``on_text`` is given each piece as it comes. ``past_help`` is asked with all that has come whether, and why, no answer can
        become of it: then the connection is closed and what there is is returned.

        A failure is tried once more if time is left. Cancelling the task that waits here closes the connection, and a server
        that watches for that stops generating.

        Raises
        ------
        ModelUnavailableError
            No answer: the deadline, the network, the server, or the circuit breaker; the message and ``kind`` say which.
        """
        self._breaker.check(self.clock())
        try:
            async with asyncio.timeout(deadline_s):
                if not self.model:
                    await self._find()
                question: dict[str, Any] = {
                    "model": self.model,
                    "messages": messages,
                    "max_tokens": max_tokens,
                    "temperature": temperature,
                    "stream": True,
                    "stream_options": {"include_usage": True},
                }
                if seed is not None:
                    question["seed"] = seed
                if schema is not None:
                    form = {"name": "advice", "schema": schema, "strict": True}
                    question["response_format"] = {"type": "json_schema", "json_schema": form}
                answer = await self._ask_twice(question, _Reader(on_text, past_help))
        except asyncio.CancelledError:
            self.usage.cancelled += 1
            raise
        except TimeoutError as error:
            raise self._failed(f"no answer within {deadline_s:g} s from {self.url}", "deadline") from error
        except ModelUnavailableError as error:
            raise self._failed(str(error), error.kind) from error
        self._breaker.worked()
        self.usage.answers += 1
        self.usage.prompt_tokens += answer.prompt_tokens or 0
        self.usage.completion_tokens += answer.completion_tokens or 0
        return answer

    @property
    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            raise ModelUnavailableError("the model client is not open: use 'async with'", "absent")
        return self._http

    def _failed(self, message: str, kind: Failure) -> ModelUnavailableError:
        self.usage.failures += 1
        self.usage.by_kind[kind] = self.usage.by_kind.get(kind, 0) + 1
        self._breaker.failed(self.clock())
        return ModelUnavailableError(message, kind)

    async def _listing(self) -> dict[str, float | None]:
        """Return the models the server lists, each with its number of parameters where it says so."""
        try:
            reply = await self._client.get("/models", timeout=HEALTH_TIMEOUT_S)
            reply.raise_for_status()
            listed = reply.json()["data"]
            return {str(m["id"]): (m.get("meta") or {}).get("n_params") for m in listed}
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelUnavailableError(
                f"no model server answers at {self.url} ({type(error).__name__})", "absent"
            ) from error

    async def _find(self) -> None:
        listed = await self._listing()
        if not self.model and listed:
            self.model = next(iter(listed))
        if self.model not in listed:
            offered = ", ".join(listed) or "none"
            raise ModelUnavailableError(f"{self.url} does not offer {self.model!r}; it offers {offered}", "absent")
        self.parameters = listed[self.model]

    async def _ask_twice(self, question: Mapping[str, Any], reader: _Reader) -> Answer:
        kind: Failure = "server"
        why = ""
        for _ in range(2):
            try:
                return await self._ask_in_the_form_it_takes(question, reader)
            except BadRequestError as error:
                raise ModelUnavailableError(f"{self.url} refused the request: {error}", "refused") from error
            except OverloadedError as error:
                kind, why = "overloaded", str(error)
                await asyncio.sleep(OVERLOADED_PAUSE_S)
            except ServerError as error:
                kind, why = "server", str(error)
            except httpx.HTTPError as error:
                kind, why = "network", f"{type(error).__name__} {error}".strip()
        raise ModelUnavailableError(f"{self.url}: {why}", kind)

    async def _ask_in_the_form_it_takes(self, question: Mapping[str, Any], reader: _Reader) -> Answer:
        """Ask, and again without each field that the server refuses, which leaves a handful of tries."""
        given_up = dict(self.given_up)
        while True:
            body = in_form(question, given_up)
            try:
                return await self._stream(body, given_up, reader)
            except BadRequestError as error:
                refused = refused_field(body, error.said) if error.status in (400, 422) else None
                if refused is None:
                    raise
                given_up[refused] = str(error)

    def _taken(self, body: Mapping[str, Any], given_up: Mapping[str, str]) -> None:
        """Remember the form that the server takes: only now is it known that what it refused was these fields."""
        if "response_format" in body:
            self.takes_schema = True
        elif "response_format" in given_up:
            self.takes_schema = False
        for name, said in given_up.items():
            if name not in self.given_up:
                self.given_up[name] = said
                LOG.warning("%s does not take %r and is asked without: %s", self.url, name, said)

    async def _stream(self, body: Mapping[str, Any], given_up: Mapping[str, str], reader: _Reader) -> Answer:
        self.usage.requests += 1
        begun = self.clock()
        first: float | None = None
        parts: list[str] = []
        length = 0
        cut_short: str | None = None
        usage: Mapping[str, Any] = {}
        async with self._client.stream("POST", "/chat/completions", json=body) as reply:
            await raise_for_status(reply)
            self._taken(body, given_up)
            async with aclosing(events(reply)) as coming:
                async for event in coming:
                    usage = event.get("usage") or usage
                    piece = text_of(event)
                    if not piece:
                        continue
                    first = self.clock() - begun if first is None else first
                    length += len(piece)
                    if length > MAX_ANSWER_CHARS:
                        raise ServerError(f"the answer went past {MAX_ANSWER_CHARS} characters")
                    parts.append(piece)
                    cut_short = reader.read(piece, parts)
                    if cut_short is not None:
                        break
        if not parts:
            raise ServerError("the server ended the stream without an answer")
        return Answer(
            text="".join(parts),
            model=self.model,
            prompt_tokens=usage.get("prompt_tokens"),
            completion_tokens=usage.get("completion_tokens"),
            first_token_s=first,
            elapsed_s=self.clock() - begun,
            cut_short=cut_short,
        )


def parameters_in(name: str) -> float | None:
    """Return the number of parameters that a model's name tells, None where it tells none.

    Examples
    --------
    >>> parameters_in("modularai/Llama-3.1-8B-Instruct-GGUF")
    8000000000.0
    >>> parameters_in("SmolLM2-135M-Instruct")
    135000000.0
    """
    found = re.search(r"(?<![A-Za-z\d.])(\d+(?:\.\d+)?)([MB])(?![A-Za-z\d])", name, re.IGNORECASE)
    return None if found is None else float(found[1]) * (1e9 if found[2].upper() == "B" else 1e6)
