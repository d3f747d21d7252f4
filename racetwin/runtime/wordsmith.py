"""A language model words the advice on show, beside everything else: our own wording is there first and stays until it is better.

What the model says is an input from outside, like a frame of a feed: it changes texts and no decision, it is written to the
journal, and neither the twins nor the desk see it. One recommendation is worded at a time, the most urgent first. As soon as what
was decided has changed or is taken back, the question is dropped and the connection closed; if only the facts have moved on, the
answer is held against those of now. What a server that failed owes is asked for again when it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from racetwin.config import Settings
from racetwin.errors import ConfigurationError
from racetwin.runtime.snapshot import RaceSnapshot
from racetwin.schemas import ModelWording, Priority, Recommendation
from racetwin.strategist.client import ModelClient
from racetwin.strategist.wording import carried, content, decision, word

PROBE_EVERY_S = 5.0
"""How often a server that is not there is looked for."""
AGAIN_AFTER_S = 10.0
"""A question that a server that is there did not answer is asked again after so long, if the advice still stands."""
REMEMBERED = 256
"""Wordings remembered by what they word: advice that is confirmed unchanged is not worded again."""

State = Literal["off", "searching", "ready", "asking"]
Advice = Mapping[str, tuple[Recommendation, ...]]


@dataclass(slots=True)
class Wordings:
    """What came of it so far."""

    asked: int = 0
    shown: int = 0
    refused: int = 0
    unavailable: int = 0
    dropped: int = 0
    last_s: float | None = None
    error: str | None = None


class Wordsmith:
    """Finds a model server and has it word the advice on show; :meth:`run` is one task of the engine.

    Parameters
    ----------
    settings
        ``llm_enabled``: true to ask always, None to ask when a server is found healthy; ``llm_embedded`` serves the small model
        where no other server answers.
    advice
        Returns the advice on show; :meth:`shown` says when it may have changed.
    retired
        Returns who is out of the race: nothing may be said of them as if they raced.
    show
        Called with the car and the recommendation in its new wording; returns whether it was still on show.
    client
        A client to use instead of the settings'.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        advice: Callable[[], Advice],
        retired: Callable[[], tuple[str, ...]],
        show: Callable[[str, Recommendation], bool],
        client: ModelClient | None = None,
    ) -> None:
        self.state: State = "off" if settings.llm_enabled is False else "searching"
        self.counts = Wordings()
        self.client = client
        self._settings = settings
        self._given = client
        self._of_settings: ModelClient | None = None
        self._advice, self._retired, self._show = advice, retired, show
        self._moved = asyncio.Event()
        self._seen: Advice = {}
        self._known: OrderedDict[tuple[Any, ...], Recommendation] = OrderedDict()
        self._owed: dict[str, float] = {}

    def shown(self, snapshot: RaceSnapshot) -> None:
        """Take what is shown now: advice that has changed is looked at."""
        if snapshot.advice is not self._seen:
            self._seen = snapshot.advice
            self._moved.set()

    def status(self) -> Mapping[str, Any]:
        """Return how it stands, for the health check."""
        c, client = self.counts, self.client
        return {
            "status": self.state,
            "model": client.model if client is not None and client.model else None,
            "small": client.small if client is not None and client.model else None,
            "url": client.url if client is not None else None,
            "asked": c.asked,
            "shown": c.shown,
            "refused": c.refused,
            "unavailable": c.unavailable,
            "dropped": c.dropped,
            "last_s": c.last_s,
            "prompt_tokens": client.usage.prompt_tokens if client is not None else 0,
            "completion_tokens": client.usage.completion_tokens if client is not None else 0,
            "error": c.error,
        }

    async def run(self) -> None:
        """Word what is on show, for as long as the engine runs."""
        if self.state == "off":
            return
        while True:
            async with contextlib.AsyncExitStack() as stack:
                client = await self._find(stack)
                self.client = client
                await self._work(client)
            self.state = "searching"

    # --- the server ---------------------------------------------------------------------------------------------------

    async def _find(self, stack: contextlib.AsyncExitStack) -> ModelClient:
        """Return an open client of a server that answers, as soon as there is one."""
        # One client for the whole race: it knows how often the server failed, and making one takes longer than a frame may wait.
        self._of_settings = self._given or self._of_settings or ModelClient.from_settings(self._settings)
        if self._given is None:  # another model may be served by now
            self._of_settings.forget(self._settings.llm_model)
        client = self.client = await stack.enter_async_context(self._of_settings)
        while True:
            if client.rests_s:
                self.counts.error = f"{client.url} failed too often and is left alone for a while"
            elif await client.healthy():
                self.counts.error = None
                return client
            else:
                self.counts.error = f"no model server answers at {client.url}"
            if self._settings.llm_embedded and self._given is None:
                with contextlib.suppress(ConfigurationError):
                    return await self._embedded(stack)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PROBE_EVERY_S):
                    await self._without()

    async def _without(self) -> None:
        """Say of each piece of advice that there is no model, to those who asked for one."""
        while True:
            self._moved.clear()
            self._mark_unavailable()
            await self._moved.wait()

    async def _embedded(self, stack: contextlib.AsyncExitStack) -> ModelClient:
        from racetwin.servers import SMALL_MODEL, small_model_server

        try:
            url = await stack.enter_async_context(small_model_server(self._settings))
        except ConfigurationError as error:
            self.counts.error = str(error)
            raise
        client = await stack.enter_async_context(ModelClient(url, SMALL_MODEL))
        self.counts.error = None
        return client

    def _mark_unavailable(self) -> None:
        if not self._settings.llm_enabled:
            return
        missing = ModelWording(state="unavailable", model=self._settings.llm_model, detail=self.counts.error or "")
        for car_id, r in list(self._on_show()):
            if r.worded is None:
                self.counts.unavailable += 1
                self._show(car_id, r.model_copy(update={"worded": missing}))

    # --- wording ------------------------------------------------------------------------------------------------------

    async def _work(self, client: ModelClient) -> None:
        """Word what is on show until the server is lost; advice that went without a model while there was none is asked for."""
        self._owed = {r.id: 0.0 for _, r in self._on_show() if r.worded is not None and r.worded.state == "unavailable"}
        while True:
            self.state = "ready"
            self._moved.clear()
            chosen = self._next()
            if chosen is None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN_AFTER_S if self._owed else None):
                        await self._moved.wait()
                continue
            if not await self._word(client, *chosen):
                return

    def _on_show(self) -> Iterator[tuple[str, Recommendation]]:
        order = list(Priority)
        every = [(car_id, r) for car_id, of_one in self._advice().items() for r in of_one]
        yield from sorted(every, key=lambda pair: order.index(pair[1].priority))

    def _next(self) -> tuple[str, Recommendation] | None:
        """The most urgent advice on show that no model has worded yet; what is known of it already is shown at once."""
        for car_id, r in list(self._on_show()):
            if r.worded is not None and r.worded.state != "asked" and self._owed.get(r.id, math.inf) > time.monotonic():
                continue
            if r.life is not None and r.life.state == "withdrawn":
                continue
            known = self._known.get(content(r))
            if known is None:
                return car_id, r
            self._known.move_to_end(content(r))
            self._show(car_id, known)
        return None

    async def _word(self, client: ModelClient, car_id: str, r: Recommendation) -> bool:
        """Have one recommendation worded; False if the server is lost."""
        self._owed.pop(r.id, None)
        self.state = "asking"
        self.counts.asked += 1
        asked = ModelWording(state="asked", model=client.model, small=client.small)
        self._show(car_id, r.model_copy(update={"worded": asked}))
        self._moved.clear()
        work = asyncio.create_task(
            word(client, r, deadline_s=self._settings.llm_deadline_s, retired=self._retired()), name="wording"
        )
        try:
            while not work.done():
                moved = asyncio.create_task(self._moved.wait())
                await asyncio.wait({work, moved}, return_when=asyncio.FIRST_COMPLETED)
                moved.cancel()
                self._moved.clear()
                if not work.done() and self._overtaken(car_id, r):
                    self.counts.dropped += 1
                    return True
        finally:
            if not work.done():
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
        worded = work.result()
        shown = worded.recommendation
        report = shown.worded
        assert report is not None
        self.counts.last_s = report.elapsed_s
        if report.state == "unavailable":
            self.counts.unavailable += 1
            self.counts.error = worded.unavailable
            self._owed[r.id] = time.monotonic() + AGAIN_AFTER_S
            self._show(car_id, shown)
            return not client.rests_s and await client.healthy()
        self.counts.error = None
        setattr(self.counts, report.state, getattr(self.counts, report.state) + 1)
        self._known[content(r)] = shown
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        if not self._show(car_id, shown):
            # The facts have moved on meanwhile: the words may still hold. If not, it is asked for again.
            now = self._of_now(car_id, r)
            held = carried(shown, now, self._retired()) if now is not None else None
            if held is not None:
                self._show(car_id, held)
        return True

    def _of_now(self, car_id: str, r: Recommendation) -> Recommendation | None:
        """Return the advice on show that decides what ``r`` decides, None if there is none."""
        return next((now for now in self._advice().get(car_id, ()) if decision(now) == decision(r)), None)

    def _overtaken(self, car_id: str, r: Recommendation) -> bool:
        """Whether what is being worded is not the decision any more, or something more urgent has come up."""
        if self._of_now(car_id, r) is None:
            return True
        more_urgent = (other for _, other in self._on_show() if other.worded is None)
        return r.priority is not Priority.URGENT and any(other.priority is Priority.URGENT for other in more_urgent)
