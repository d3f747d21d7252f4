"""The engines that stand by: what they are sent, how far they are, and how long an acknowledgement waits for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Hashable

from racetwin.errors import InputError
from racetwin.runtime.journal import Journal
from racetwin.runtime.journal_writer import JournalWriter
from racetwin.runtime.standby import HEARTBEAT_S

WITHIN_S = 0.5
"""How long an acknowledgement waits for a standby to have the frame, too."""


class Replicas:
    """Keeps the standbys of one engine; used on its event loop."""

    def __init__(self, journal: JournalWriter | None) -> None:
        self._journal = journal
        self._have: dict[Hashable, int] = {}
        self._changed = asyncio.Condition()
        self._telling: set[asyncio.Future[None]] = set()

    def __len__(self) -> int:
        return len(self._have)

    async def acknowledged(self, number: int) -> None:
        """Return when a frame is safe: on disk here, and known to every standby that answers in time."""
        if self._journal is None:
            return
        await self._journal.committed(number)
        if self._have:
            with contextlib.suppress(TimeoutError):  # a standby that hangs must not hold up the race
                async with asyncio.timeout(WITHIN_S), self._changed:
                    await self._changed.wait_for(lambda: min(self._have.values(), default=number) >= number)

    async def stream(self, run_id: str, after: int) -> AsyncGenerator[tuple[int, int, bytes] | None, None]:
        """Yield ``(first, last, packed frames)`` as they are committed after frame ``after``; None as a sign of life."""
        if self._journal is None:
            raise InputError("replicate: this engine keeps no journal")
        reader = await asyncio.to_thread(Journal, self._journal.journal.path)
        try:
            yield None
            while True:
                batches = await asyncio.to_thread(reader.batches, run_id, after=after)
                for batch in batches:
                    yield batch
                    after = batch[1]
                if not batches:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(HEARTBEAT_S):
                            await self._journal.committed(after + 1)
                            continue
                    yield None
        finally:
            reader.close()

    def confirm(self, replica: Hashable, n: int | None) -> None:
        """Note that a standby has everything up to frame ``n``; None: it has left."""
        if n is None:
            self._have.pop(replica, None)
        else:
            self._have[replica] = n

        async def tell() -> None:
            async with self._changed:
                self._changed.notify_all()

        task = asyncio.ensure_future(tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
