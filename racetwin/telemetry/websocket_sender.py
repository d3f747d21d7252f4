"""Pushing frames to a telemetry server: many on their way at a time, each answered, none lost when the connection breaks."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple

import orjson
import websockets
from pydantic import SecretStr

from racetwin.errors import ConfigurationError, InputError
from racetwin.schemas import TelemetryFrame
from racetwin.telemetry.connection import Backoff, redacted, secret
from racetwin.telemetry.websocket_client import URL, checked, connect

WINDOW = 64
"""Frames on their way to the server that it has not answered yet; a journal commits many at once."""

Sent = TelemetryFrame | dict[str, Any]
_BROKEN = (OSError, TimeoutError, ValueError, websockets.WebSocketException)


class Ack(NamedTuple):
    """The server's answer to a frame: its number, whether it was accepted, why not, and what of an accepted one was refused."""

    seq: int
    accepted: bool
    error: dict[str, Any] | None
    rejected: tuple[dict[str, Any], ...] = ()


@dataclass(slots=True)
class _Owed:
    """A frame that the server owes an answer; ``place`` is its number among the messages of this connection."""

    text: str
    seq: int | None
    answer: asyncio.Future[Ack]
    place: int = -1


class TelemetrySender:
    """Pushes frames to a telemetry server and gets an answer to each.

    Frames not answered when the connection broke are sent again, in their order, after reconnecting; the server's ingestor knows
    doubles. All methods must be called from one event loop.

    Parameters
    ----------
    url, token
        Address of the server, and what it asks for. Several addresses, separated by commas, are tried in turn: that of an engine
        and that of its standby, which listens once it has taken over.
    window
        Frames that may be without an answer; :meth:`post` waits while there are as many.
    timeout_s
        How long to wait for the next answer before the connection is taken for dead.
    attempts
        Failures in a row, no answer in between, after which all frames that are owed one are given up.

    Examples
    --------
    >>> async with TelemetrySender() as sender:  # doctest: +SKIP
    ...     answer = await sender.send(frame)  # one, and its answer
    ...     async for answer in sender.send_all(frames):  # many, without waiting for each
    ...         print(answer.accepted)
    """

    def __init__(
        self,
        url: str = URL,
        token: str | SecretStr | None = None,
        *,
        window: int = WINDOW,
        timeout_s: float = 5.0,
        attempts: int = 8,
        backoff: Backoff | None = None,
    ) -> None:
        self._token = secret(token)
        self.url = url
        self._urls = [checked(one.strip(), self._token) for one in url.split(",")]
        self.window, self.timeout_s, self.attempts = window, timeout_s, attempts
        self._backoff = backoff or Backoff(first=0.1, most=2.0)
        self._owed: deque[_Owed] = deque()
        self._unsent: deque[_Owed] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._answers = 0
        self._waiting_since = 0.0

    def __repr__(self) -> str:
        return f"TelemetrySender({self.url}, token={'set' if self._token else 'none'})"

    async def __aenter__(self) -> TelemetrySender:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                answers = await asyncio.gather(*(one.answer for one in self._owed), return_exceptions=True)
                for failure in (a for a in answers if isinstance(a, ConfigurationError)):
                    raise failure
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the connection; who still waits for an answer gets none."""
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        for one in self._owed:
            one.answer.cancel()
        self._owed.clear()

    async def send(self, frame: Sent) -> Ack:
        """Send one frame; return the server's answer.

        Raises
        ------
        ConfigurationError
            When the server refuses the token, or does not answer after all attempts.
        InputError
            When the frame cannot be written as JSON.
        """
        return await (await self.post(frame))

    async def post(self, frame: Sent) -> asyncio.Future[Ack]:
        """Send one frame without waiting for the answer; return what to await for it, as soon as there is room for the frame.

        Raises
        ------
        InputError
            When the frame cannot be written as JSON.
        """
        try:
            text = frame.model_dump_json() if isinstance(frame, TelemetryFrame) else orjson.dumps(frame).decode()
        except TypeError as error:
            raise InputError(f"frame: cannot be written as JSON ({error})") from None
        seq = frame.seq if isinstance(frame, TelemetryFrame) else frame.get("seq")
        async with self._room:
            await self._room.wait_for(lambda: len(self._owed) < self.window)
            number = seq if isinstance(seq, int) and not isinstance(seq, bool) else None
            one = _Owed(text, number, asyncio.get_running_loop().create_future())
            if not self._owed:
                self._waiting_since = time.monotonic()
            self._owed.append(one)
            self._unsent.append(one)
        self._news.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep_connected())
        return one.answer

    async def send_all(self, frames: Iterable[Sent] | AsyncIterable[Sent]) -> AsyncIterator[Ack]:
        """Send frames as fast as the server answers them; yield the answers in the order of the frames.

        Raises
        ------
        ConfigurationError, InputError
            As :meth:`send`.
        """
        answers: deque[asyncio.Future[Ack]] = deque()
        async for frame in _asynchronous(frames):
            while answers and (len(answers) >= self.window or answers[0].done()):
                yield await answers.popleft()
            answers.append(await self.post(frame))
        while answers:
            yield await answers.popleft()

    # --- the connection -----------------------------------------------------------------------------------------------

    async def _keep_connected(self) -> None:
        """Connect, send what is owed an answer, hear the answers; again whenever it breaks, until too much has failed."""
        failed, last = 0, ""
        while failed < self.attempts:
            before = self._answers
            try:
                async with connect(self._urls[0], self._token, open_timeout_s=self.timeout_s) as socket:
                    for one in self._owed:
                        one.place = -1
                    self._waiting_since = time.monotonic()
                    self._unsent = deque(self._owed)
                    await self._converse(socket)
            except websockets.InvalidStatus as error:
                if error.response.status_code in (401, 403):
                    why = f"{self._urls[0]} refused the connection (HTTP {error.response.status_code}): check the token"
                    await self._give_up(why)
                    return
                last = redacted(error, self._token)
            except _BROKEN as error:
                last = redacted(error, self._token)
            failed = 1 if self._answers > before else failed + 1
            if not self._owed:
                return  # nothing is lost; the next frame connects anew
            self._urls.append(self._urls.pop(0))
            await asyncio.sleep(self._backoff.next())
        await self._give_up(f"{self.url} did not answer after {self.attempts} attempts: {last}")

    async def _converse(self, socket: websockets.ClientConnection) -> None:
        """Send and hear at the same time; returns never, raises when the connection breaks."""
        sending = asyncio.create_task(self._send_owed(socket))
        hearing = asyncio.create_task(self._hear(socket))
        try:
            done, _ = await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            sending.cancel()
            hearing.cancel()
            await asyncio.gather(sending, hearing, return_exceptions=True)

    async def _send_owed(self, socket: websockets.ClientConnection) -> None:
        place = 0
        while True:
            while self._unsent:
                one = self._unsent.popleft()
                one.place = place
                place += 1
                await socket.send(one.text)
            self._news.clear()
            await self._news.wait()

    async def _hear(self, socket: websockets.ClientConnection) -> None:
        while True:
            waited_s = time.monotonic() - self._waiting_since if self._owed else 0.0
            try:
                async with asyncio.timeout(max(self.timeout_s - waited_s, 0.001)):
                    told = orjson.loads(await socket.recv())
            except TimeoutError:
                if self._owed and time.monotonic() - self._waiting_since >= self.timeout_s:
                    raise
                continue
            if isinstance(told, dict) and told.get("type") == "ack":
                await self._answered(told)

    async def _answered(self, told: dict[str, Any]) -> None:
        """Match an answer with its frame: by its number, or its place among the messages where it has none or was not read."""
        number = told.get("seq")
        one = next((o for o in self._owed if number in (o.seq, o.place) and o.place >= 0), None)
        if one is None:
            return
        self._backoff.reset()
        self._answers += 1
        self._waiting_since = time.monotonic()
        async with self._room:
            self._owed.remove(one)
            self._room.notify_all()
        if not one.answer.done():
            parts = tuple(told.get("rejected") or ())
            one.answer.set_result(Ack(told.get("seq", -1), told.get("accepted") is True, told.get("error"), parts))

    async def _give_up(self, why: str) -> None:
        """Tell everybody who waits for an answer that there will be none."""
        async with self._room:
            for one in self._owed:
                if not one.answer.done():
                    one.answer.set_exception(ConfigurationError(why))
            self._owed.clear()
            self._unsent.clear()
            self._room.notify_all()


async def _asynchronous(frames: Iterable[Sent] | AsyncIterable[Sent]) -> AsyncIterator[Sent]:
    if isinstance(frames, AsyncIterable):
        async for frame in frames:
            yield frame
        return
    for frame in frames:
        yield frame
