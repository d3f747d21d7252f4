"""What every live connection needs: how long to wait, how it is doing, and what must never be shown.

A feed is *live* while data arrive; *quiet* while only signs of life arrive (pings, heartbeats): nothing happens on the track;
*stale* when nothing arrives at all: the connection is dead, whatever the operating system says.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from enum import StrEnum
from typing import TypeVar

import httpx
import websockets
from pydantic import SecretStr

from racetwin.errors import ConfigurationError

T = TypeVar("T")
F = TypeVar("F")

WIRE = logging.getLogger("racetwin.telemetry.wire")
"""Logger of the WebSocket library in our connections. At DEBUG it writes the headers, the token among them: never, then."""
WIRE.setLevel(logging.INFO)


class FeedState(StrEnum):
    """How a connection is doing."""

    IDLE = "idle"
    CONNECTING = "connecting"
    LIVE = "live"
    QUIET = "quiet"
    STALE = "stale"
    WAITING = "waiting to reconnect"
    CLOSED = "closed"


class FeedLostError(Exception):
    """The connection broke or went silent, and may be tried again."""


class Backoff:
    """Waiting times between attempts: doubling, capped, with full jitter so that clients do not return all at once.

    Parameters
    ----------
    first, most
        Bounds of the longest wait of the first attempt and of any, seconds.
    seed
        Makes the jitter repeatable.
    """

    def __init__(self, first: float = 0.5, most: float = 30.0, seed: int | None = None) -> None:
        self.first, self.most = first, most
        self._attempt = 0
        self._random = random.Random(seed)

    def next(self) -> float:
        """Return the next wait, seconds."""
        longest = min(self.most, self.first * 2.0 ** min(self._attempt, 60))
        self._attempt += 1
        # Never quite zero: a server that accepts and drops at once is not to be hammered.
        return longest * (0.1 + 0.9 * self._random.random())

    def reset(self) -> None:
        """Begin anew: data have arrived."""
        self._attempt = 0


class FeedHealth:
    """Counters and state of one live connection.

    Parameters
    ----------
    quiet_s, stale_s
        Without data for ``quiet_s`` seconds a feed is quiet; without any sign of life for ``stale_s`` it is stale.
    clock
        Seconds that never run backwards.
    """

    def __init__(
        self, quiet_s: float = 5.0, stale_s: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.quiet_s, self.stale_s = quiet_s, stale_s
        self._clock = clock
        self._state = FeedState.IDLE
        self._data_at = self._alive_at = clock()
        self.received = 0
        self.connections = 0
        self.errors: Counter[str] = Counter()
        self.last_error: str | None = None
        self.gaps: list[tuple[float, float]] = []

    @property
    def state(self) -> FeedState:
        """State at this moment."""
        if self._state is not FeedState.LIVE:
            return self._state
        now = self._clock()
        if now - self._alive_at >= self.stale_s:
            return FeedState.STALE
        return FeedState.QUIET if now - self._data_at >= self.quiet_s else FeedState.LIVE

    def connecting(self) -> None:
        """Note that a connection is being opened."""
        self._state = FeedState.CONNECTING

    def connected(self) -> None:
        """Note that a connection stands."""
        now = self._clock()
        if self.connections:
            self.gaps.append((self._data_at, now))
            del self.gaps[:-100]
        self.connections += 1
        self._state = FeedState.LIVE
        self._alive_at = now

    def alive(self) -> None:
        """Note a sign of life."""
        self._alive_at = self._clock()

    def data(self) -> None:
        """Note one item of data."""
        self.received += 1
        self._state = FeedState.LIVE
        self._data_at = self._alive_at = self._clock()

    def lost(self, kind: str, error: str) -> None:
        """Note a loss; ``error`` must hold no secret."""
        self._state = FeedState.WAITING
        self.errors[kind] += 1
        self.last_error = error

    def closed(self) -> None:
        """Note the end."""
        self._state = FeedState.CLOSED

    def report(self) -> dict[str, object]:
        """Return everything as a dictionary."""
        return {
            "state": self.state.value,
            "received": self.received,
            "connections": self.connections,
            "age_s": round(self._clock() - self._data_at, 3),
            "errors": dict(self.errors),
            "last_error": self.last_error,
        }


def secret(value: str | SecretStr | None) -> SecretStr | None:
    """Return a secret that neither prints nor logs itself; ``None`` for none or an empty one."""
    if isinstance(value, str):
        value = SecretStr(value)
    return value if value is not None and value.get_secret_value() else None


def redacted(error: object, *secrets: SecretStr | None) -> str:
    """Return an error's text, cut to a line, without any of the secrets."""
    line = " ".join(f"{type(error).__name__}: {error}".split())
    for hidden in secrets:
        if hidden is not None:
            line = line.replace(hidden.get_secret_value(), "***")
    return line[:300]


async def reconnecting(
    connect: Callable[[], AsyncIterator[T]],
    health: FeedHealth,
    backoff: Backoff,
    *,
    secrets: tuple[SecretStr | None, ...] = (),
    attempts: int | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncGenerator[T, None]:
    """Yield what ``connect()`` yields, connecting again whenever it breaks.

    Parameters
    ----------
    connect
        Opens one connection and yields its items; it calls ``health.connected()`` itself.
    attempts
        Give up after so many failures in a row; ``None`` never gives up.

    Raises
    ------
    ConfigurationError
        When the other side refuses the credentials, or the attempts are used up. Waiting would not help.
    """
    failed = 0
    try:
        while True:
            health.connecting()
            try:
                async for item in connect():
                    health.data()
                    backoff.reset()
                    failed = 0
                    yield item
                health.lost("closed", "the other side closed the connection")
            except (OSError, TimeoutError, httpx.HTTPError, websockets.WebSocketException, FeedLostError) as error:
                refused = _refused(error)
                if refused:
                    raise ConfigurationError(
                        f"the feed refused the connection (HTTP {refused}): check the token, or give one if the feed needs it"
                    ) from None
                health.lost(type(error).__name__, redacted(error, *secrets))
            failed += 1
            if attempts is not None and failed >= attempts:
                raise ConfigurationError(f"no connection after {failed} attempts: {health.last_error}")
            await sleep(backoff.next())
    finally:
        health.closed()


async def flushing(
    source: AsyncGenerator[T, None],
    take: Callable[[T], Iterable[F]],
    flush: Callable[[], Iterable[F]],
    idle_s: float = 0.25,
) -> AsyncIterator[F]:
    """Yield what ``take`` makes of each item, and what ``flush`` still holds whenever nothing came for ``idle_s`` seconds.

    A rate limit holds changes back until the next message; on a quiet feed that could be long.
    """
    pending: asyncio.Future[T] | None = None
    try:
        while True:
            if pending is None:
                pending = asyncio.ensure_future(anext(source))
            await asyncio.wait({pending}, timeout=idle_s)
            if not pending.done():
                for held in flush():
                    yield held
                continue
            got, pending = pending, None
            try:
                item = got.result()
            except StopAsyncIteration:
                for held in flush():
                    yield held
                return
            for made in take(item):
                yield made
    finally:
        if pending is not None:
            pending.cancel()
            await asyncio.gather(pending, return_exceptions=True)
        await source.aclose()


def _refused(error: BaseException) -> int | None:
    """Return the HTTP status if it says that these credentials will never do."""
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    return status if status in (401, 403) else None
