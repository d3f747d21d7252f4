"""Live telemetry for an engine: any number of feeds at once, of one race, opened, looked after and named alike.

By default the doors are open: the telemetry WebSocket (acknowledged frame by frame), JSON datagrams and the EA game's datagrams.
Feeds that connect out (F1 live timing, OpenF1, another telemetry server) are named. Several feeds of one race are merged by the
ingestor, the first named being the preferred one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Callable, Sequence
from typing import Any, Protocol

import orjson

from racetwin.config import Settings
from racetwin.errors import ConfigurationError, RacetwinError
from racetwin.runtime.health import SILENT_S
from racetwin.runtime.snapshot import FeedAge
from racetwin.schemas import Rejection
from racetwin.telemetry.feed_opening import FeedSpec, feed_spec, open_feed
from racetwin.telemetry.feeds import feed
from racetwin.telemetry.one_race import OneRace, Session
from racetwin.telemetry.websocket_server import TelemetryServer, Verdict

DOORS = ("websocket-server", "udp-json", "ea-udp")
"""Feeds that are open where none is named: whoever has telemetry may send it."""
_DOORS = tuple(feed_spec(name) for name in DOORS)
NO_FRAME = Rejection(kind="frame", field="frame", value="", expected="a frame")
"""Why something was refused that nobody can tell more of."""
QUIET_S = 1.0
"""Frames of a merged race wait for other feeds, and for missing frames, no longer than this when nothing comes, s."""
BREATHE_EVERY = 20
"""Frames in a row after which the loop looks after everybody else, when a feed never waits."""


class Taker(Protocol):
    """Who takes the frames: the orchestrator."""

    def ingest(self, raw: Any) -> int | None:
        """Take a frame; returns its number, None if it was refused."""

    async def acknowledged(self, number: int) -> None:
        """Return when a frame is safe."""

    def release_waiting(self, quiet_s: float) -> None:
        """Let go the frames that wait for others, if none has come for ``quiet_s`` seconds."""

    def refused(self) -> tuple[Rejection, ...]:
        """Return what was refused of the frame before: why it was, or which of its parts were."""

    def note_refusal(self, rejection: Rejection) -> None:
        """Keep what a feed refused before it was a frame."""


class _Open:
    """One feed that is open, or was."""

    def __init__(self, rank: int, spec: FeedSpec, settings: Settings) -> None:
        self.rank, self.spec = rank, spec
        self.feed: Any = open_feed(spec.name, settings, **spec.options)
        self.frames = 0
        self.refused = 0
        self.heard_at: float | None = None
        self.ended: str | None = None

    @property
    def listens(self) -> bool:
        """Whether others come to it; one that cannot be opened is a fault of the setup."""
        return feed(self.spec.name).kind == "listens"

    @property
    def is_open(self) -> bool:
        """Whether it can be sent to; one that connects out always is."""
        at = self.feed.is_open if isinstance(self.feed, TelemetryServer) else getattr(self.feed, "address", True)
        return bool(at) or self.ended is not None

    def heard(self) -> None:
        """Note a frame."""
        self.frames += 1
        self.heard_at = time.monotonic()

    def age(self) -> FeedAge:
        """Return how long ago it last said anything."""
        age = None if self.heard_at is None else round(time.monotonic() - self.heard_at, 1)
        state = "waiting" if age is None else "silent" if age > SILENT_S else "ok"
        return FeedAge(
            name=self.spec.name, state=state if self.ended is None else "ended", age_s=age, frames=self.frames
        )

    def report(self) -> dict[str, Any]:
        """Return how it is doing; holds no secret."""
        told: dict[str, Any] = {"feed": self.spec.name, "source": self.spec.speaks_as, "frames": self.frames}
        health = getattr(self.feed, "health", None)
        told["state"] = "ended" if self.ended is not None else health.state.value if health is not None else "open"
        told["age_s"] = None if self.heard_at is None else round(time.monotonic() - self.heard_at, 1)
        told["refused"] = self.refused
        for name in ("dropped", "foreign", "missed", "overflowed"):
            if n := getattr(self.feed, name, 0):
                told[name] = n
        if isinstance(self.feed, TelemetryServer):
            told["clients"] = self.feed.report()["connected"]
        if health is not None and health.connections > 1:
            told["reconnected"] = health.connections - 1
        error = self.ended or (health.last_error if health is not None else None)
        if error:
            told["error"] = error
        return told


class LiveFeeds:
    """Opens feeds and drives an engine with what comes in; ends when all feeds have ended, or when it is cancelled.

    Parameters
    ----------
    settings
        Addresses, ports and tokens. Where a token is set, whoever sends needs one that allows ``ingest``; the game cannot send
        one: beyond loopback its door is open only to the addresses of ``game_senders``.
    specs
        Feeds, the most preferred first; see :mod:`racetwin.telemetry.feed_opening`. Default: :data:`DOORS`.
    race_id
        Name of the race, where the feeds' own is not wanted.
    goes_on
        The race that the engine was in before it was restarted.
    say
        Where the operator is told of a feed that ends.
    """

    def __init__(
        self,
        settings: Settings,
        specs: Sequence[FeedSpec | str] = DOORS,
        *,
        race_id: str | None = None,
        goes_on: Session | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.specs = tuple(feed_spec(s) if isinstance(s, str) else s for s in specs)
        self._open = [_Open(rank, spec, settings) for rank, spec in enumerate(self.specs)]
        self._one = OneRace(merge=self.specs != _DOORS and len(self.specs) > 1, goes_on=goes_on, race_id=race_id)
        self._say = say
        self.opened = asyncio.Event()
        self.waited_s = 0.0
        """How long the frame at hand waited between its arrival and its reading."""

    @property
    def feeds(self) -> dict[str, Any]:
        """The feeds by name (the last of those that share one)."""
        return {one.spec.name: one.feed for one in self._open}

    @staticmethod
    def priority(specs: Sequence[FeedSpec | str]) -> tuple[str, ...]:
        """Return the ``source`` names of the feeds in their order of preference, for the ingestor."""
        parsed = [feed_spec(s) if isinstance(s, str) else s for s in specs]
        return tuple(dict.fromkeys(s.speaks_as for s in parsed if s.speaks_as is not None))

    def report(self) -> list[dict[str, Any]]:
        """Return how each feed is doing."""
        return [one.report() for one in self._open]

    def ages(self) -> tuple[FeedAge, ...]:
        """Return how long ago each feed last said anything."""
        return tuple(one.age() for one in self._open)

    async def drive(self, taker: Taker) -> None:
        """Hand every frame to ``taker``; a WebSocket producer is answered once its frame is safe.

        Raises
        ------
        ConfigurationError
            When a port cannot be opened, or the last feed has been refused.
        """
        releasing: asyncio.Task[None] | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for one in self._open:
                    self._listen_to_refusals(one, taker)
                    serves = isinstance(one.feed, TelemetryServer)
                    group.create_task(self._serve(one, taker) if serves else self._run(one, taker))
                while not all(o.is_open for o in self._open):
                    await asyncio.sleep(0.005)
                self.opened.set()
                releasing = asyncio.create_task(self._release(taker))
        except BaseExceptionGroup as errors:
            ours = errors.subgroup(RacetwinError)
            if ours is None:
                raise
            raise ours.exceptions[0] from None
        finally:
            if releasing is not None:
                releasing.cancel()

    @staticmethod
    async def _release(taker: Taker) -> None:
        while True:
            await asyncio.sleep(QUIET_S / 4)
            taker.release_waiting(QUIET_S)

    def _listen_to_refusals(self, one: _Open, taker: Taker) -> None:
        def note(rejection: Rejection) -> None:
            one.refused += 1
            taker.note_refusal(rejection)

        one.feed.on_refusal = note

    async def _serve(self, one: _Open, taker: Taker) -> None:
        """Keep the WebSocket open: its producers are owed an answer to each frame."""

        async def sink(raw: dict[str, Any]) -> Verdict:
            named = self._named(one, raw, taker)
            if isinstance(named, Rejection):
                return named
            self.waited_s = 0.0
            number, refused = taker.ingest(named), taker.refused()
            if number is None:
                return refused[-1] if refused else NO_FRAME
            await taker.acknowledged(number)
            return refused

        server: TelemetryServer = one.feed
        server.hand_to(sink, relay=False)
        async with server:
            await asyncio.Event().wait()

    async def _run(self, one: _Open, taker: Taker) -> None:
        feed_: AsyncIterable[Any] = one.feed
        in_a_row = 0
        try:
            async for raw in feed_:
                named = self._named(one, raw, taker)
                if not isinstance(named, Rejection):
                    self.waited_s = getattr(one.feed, "waited_s", 0.0)
                    taker.ingest(named)
                in_a_row += 1
                if in_a_row >= BREATHE_EVERY:
                    in_a_row = 0
                    await asyncio.sleep(0)
            one.ended = "it has no more"
        except RacetwinError as error:
            one.ended = str(error)
            others = [o for o in self._open if o.ended is None]
            if one.listens or not others:
                raise ConfigurationError(f"feed {one.spec.name}: {error}") from None
            going_on = ", ".join(o.spec.name for o in others)
            self._say(f"racetwin: feed {one.spec.name} has ended: {error}; going on with {going_on}")

    def _named(self, one: _Open, raw: Any, taker: Taker) -> Any:
        """Return a frame under the race's name and the feed's, or why it is not of this race."""
        one.heard()
        if not isinstance(raw, dict) and not hasattr(raw, "race_id"):
            return raw
        if one.spec.source is not None:
            raw = (
                {**raw, "source": one.spec.source}
                if isinstance(raw, dict)
                else raw.model_copy(update={"source": one.spec.source})
            )
        named = self._one.name(raw, one.rank)
        if isinstance(named, Rejection):
            one.refused += 1
            taker.note_refusal(named)
        return named

    def name_received(self, raw: Any, taker: Taker) -> Any:
        """Return a frame that came in another way than through these feeds (JSON text) under the race's name, or a refusal."""
        try:
            frame = orjson.loads(raw)
        except ValueError:
            return raw  # the ingestor says what is wrong with it
        if not isinstance(frame, dict):
            return raw
        named = self._one.name(frame, len(self._open))
        if isinstance(named, Rejection):
            taker.note_refusal(named)
        return named
