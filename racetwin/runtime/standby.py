"""A second engine that follows the first, frame by frame, and takes over when it is gone.

The first engine hands on what its journal has committed, in order and without a hole; the same frames make the same state. An
engine that has a standby answers its producers only when the standby has the frame too (or has been silent for half a second), so
whatever was acknowledged is known to whoever goes on.
"""

from __future__ import annotations

import asyncio
import math
import time
import zlib
from collections.abc import AsyncIterable, Callable
from typing import TYPE_CHECKING, Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from racetwin.runtime.subscription import endpoints
from racetwin.schemas import Recommendation

if TYPE_CHECKING:
    from racetwin.runtime.orchestrator import MainOrchestrator

TAKE_OVER_AFTER_S = 1.0
"""The first engine is gone when nothing was heard of it for so long; it says something every :data:`HEARTBEAT_S`."""
HEARTBEAT_S = 0.2
RETRY_S = 0.1
TELL_EVERY_S = 0.05


class StandbyFeed:
    """The feed of a standby: first another engine, then, once that is gone, its own.

    Parameters
    ----------
    url
        The first engine.
    then
        Makes the feed to go on with, from the race time that was reached.
    token
        For the first engine, where it asks for one.
    take_over_after_s
        Silence after which it is taken for gone.
    say
        Where the operator is told.
    """

    def __init__(
        self,
        url: str,
        then: Callable[[float | None], AsyncIterable[Any]],
        *,
        token: str | None = None,
        take_over_after_s: float = TAKE_OVER_AFTER_S,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        ws_url, _ = endpoints(url)
        self.url = ws_url.removesuffix("/ws") + "/ws/journal"
        self.following = True
        self.took_over_at: float | None = None
        self._then = then
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._after_s = take_over_after_s
        self._say = say
        self._heard: float | None = None
        self._have = 0
        self._active: Any = None
        self._said: list[tuple[int, dict[str, Any]]] = []

    @property
    def behind_s(self) -> float:
        """How late the feed at hand is by its own clock."""
        return float(getattr(self._active, "behind_s", 0.0))

    def report(self) -> Any:
        """How each live feed is doing, once this engine has taken over."""
        return getattr(self._active, "report", lambda: None)()

    def name_received(self, raw: Any, taker: Any) -> Any:
        """Return a frame that came in through the API under the race's name; see :class:`LiveFeeds`."""
        return getattr(self._active, "name_received", lambda raw, _: raw)(raw, taker)

    async def drive(self, taker: MainOrchestrator) -> None:
        """Follow, then go on."""
        while not self._is_gone():
            try:
                async with asyncio.timeout(self._after_s) as opening:
                    async with connect(
                        self.url,
                        additional_headers=self._headers,
                        max_size=None,
                        compression=None,
                        proxy=None,
                        close_timeout=0.1,  # one that hangs would not say goodbye either
                        ping_interval=None,
                    ) as socket:
                        opening.reschedule(None)
                        await self._follow(socket, taker)
            except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake):
                await asyncio.sleep(RETRY_S)
        self._take_advice(taker, math.inf)  # what was decided counts, even if the last frames before it never came
        self.following = False
        self.took_over_at = time.monotonic()
        frame = taker.engine.frame
        self._say(f"racetwin: {self.url} is gone; this engine takes over after frame {self._have}")
        self._active = self._then(None if frame is None else frame.time_s)
        await taker.pump(self._active)

    def _is_gone(self) -> bool:
        """Whether an engine that was heard of has been silent for too long; one that never was is waited for."""
        return self._heard is not None and time.monotonic() - self._heard > self._after_s

    async def _follow(self, socket: ClientConnection, taker: MainOrchestrator) -> None:
        await socket.send(orjson.dumps({"type": "replicate", "after": self._have}).decode())
        telling = asyncio.create_task(self._tell(socket, taker))
        try:
            await self._receive(socket, taker)
        finally:
            telling.cancel()

    async def _tell(self, socket: ClientConnection, taker: MainOrchestrator) -> None:
        """Say how far our own journal is: what the first engine's producers are waiting for."""
        told = -1
        while True:
            have = self._have if taker.journal is None else min(self._have, taker.journal.committed_upto)
            if have != told:
                await socket.send(orjson.dumps({"type": "have", "n": have}).decode())
                told = have
            await asyncio.sleep(TELL_EVERY_S)

    async def _receive(self, socket: ClientConnection, taker: MainOrchestrator) -> None:
        while True:
            async with asyncio.timeout(self._after_s):
                message = await socket.recv()
            self._heard = time.monotonic()
            if isinstance(message, str):
                self._listen(orjson.loads(message), taker)
                continue
            head, _, packed = message.partition(b"\n")
            about = orjson.loads(head)
            for n, frame in enumerate(zlib.decompress(packed).split(b"\n"), about["first"]):
                if n > self._have:
                    taker.ingest(frame)
                    self._have = n
                if n % 20 == 0:
                    await asyncio.sleep(0)
            self._take_advice(taker, self._have)

    def _listen(self, message: dict[str, Any], taker: MainOrchestrator) -> None:
        """Take what the first engine says beside the frames: the cars it plans for, and what it has said of them."""
        if "followed" in message and tuple(message["followed"]) != taker.engine.followed:
            taker.follow(message["followed"])
        if "said" in message:
            self._said.append((message["n"], message["said"]))
            self._take_advice(taker, self._have)

    def _take_advice(self, taker: MainOrchestrator, have: float) -> None:
        """Make advice of the first engine ours, with its life, once we have the frames that it was given after.

        Earlier, a stop among those frames would take back what was said after it.
        """
        while self._said and self._said[0][0] <= have:
            _, said = self._said.pop(0)
            for car_id, advice in said.items():
                taker.adopt(car_id, tuple(Recommendation.model_validate(r) for r in advice))
