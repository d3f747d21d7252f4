"""Writes the journal beside the event loop: small batches, one thread, and a memory for when the disk refuses."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from racetwin.runtime.journal import Journal
from racetwin.runtime.journal_records import Batch, StoredSnapshot, events_of
from racetwin.runtime.snapshot import JournalStatus
from racetwin.schemas import TelemetryFrame

FLUSH_EVERY_S = 0.1
MAX_BATCH = 256
"""Frames in one row at most: what a damaged row can cost."""
RETRY_S = 1.0
PENDING_LIMIT_BYTES = 256 * 2**20
"""Memory for frames that the disk refuses; beyond it the oldest go, with an alarm (about an hour and a half at 10 Hz)."""


class JournalWriter:
    """Queues what belongs in the journal and commits it every 100 ms in a thread of its own.

    :meth:`frame` returns the frame's number; ``await committed(n)`` returns when it is safe on disk: acknowledge a sender then.
    While the disk refuses, frames wait in memory, :attr:`status` says ``degraded``, and the writer tries again each second.
    """

    def __init__(
        self,
        journal: Journal,
        run_id: str,
        *,
        first: int = 1,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self.journal = journal
        self.run_id = run_id
        self.last = first - 1
        self.committed_upto = first - 1
        self.lost = 0
        self.error: str | None = None
        self.snapshots = 0
        self.commit_ms: deque[float] = deque(maxlen=256)
        self._batch = Batch(run_id, first)
        self._waiting: deque[Batch] = deque()
        self._waiting_bytes = 0
        self._on_error = on_error
        self._wake = asyncio.Event()
        self._done = asyncio.Condition()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="racetwin: journal")
        self._flushing = asyncio.Lock()
        self._closing = False
        self._size = journal.size

    # --- what goes in (event loop) ------------------------------------------------------------------------------------

    def frame(self, frame: TelemetryFrame, events: Sequence[Any] = (), encoded: bytes | None = None) -> int:
        """Queue an accepted frame with the events derived from it; returns its number."""
        if len(self._batch.frames) >= MAX_BATCH:
            self._cut()
        self.last += 1
        data = encoded or frame.__pydantic_serializer__.to_json(frame, exclude_none=True)
        self._batch.frames.append(data)
        self._batch.times.append(frame.time_s)
        self._batch.laps.append(frame.lap)
        self._waiting_bytes += len(data)
        if events:
            self._batch.events.extend(events_of(self.last, events))
        return self.last

    def advice(self, time_s: float, lap: int, car_id: str, advised_json: str) -> None:
        """Queue an answer of the desk with its advice and receipt."""
        self._batch.advice.append((self.last, time_s, lap, car_id, advised_json))

    def snapshot(self, n: int, time_s: float, lap: int, state_hash: str, code_version: str, blob: bytes) -> None:
        """Queue a dump of the engine as it was after frame ``n``."""
        self._batch.snapshot = StoredSnapshot(self.run_id, n, time_s, lap, state_hash, code_version, blob)

    def _cut(self) -> None:
        if self._batch:
            self._waiting.append(self._batch)
            self._batch = Batch(self.run_id, self.last + 1)
        while self._waiting_bytes > PENDING_LIMIT_BYTES and len(self._waiting) > 1:
            gone = self._waiting.popleft()
            self._waiting_bytes -= sum(map(len, gone.frames))
            self.lost += len(gone.frames)

    async def committed(self, n: int) -> None:
        """Return when frame ``n`` is on disk."""
        async with self._done:
            await self._done.wait_for(lambda: self.committed_upto >= n)

    # --- what it does with it -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Commit until cancelled or closed; errors of the disk do not end it."""
        while not self._closing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_EVERY_S if self.error is None else RETRY_S):
                    await self._wake.wait()
            self._wake.clear()
            await self.flush()

    async def flush(self) -> bool:
        """Write everything queued; False if the disk refused."""
        async with self._flushing:
            return await self._flush()

    async def _flush(self) -> bool:
        self._cut()
        while self._waiting:
            batch = self._waiting[0]
            begin = time.perf_counter()
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self.journal.write, batch)
            except (sqlite3.Error, OSError) as error:
                if self.error is None and self._on_error is not None:
                    self._on_error(error)
                self.error = f"{type(error).__name__}: {error}"
                return False
            self.commit_ms.append(1000 * (time.perf_counter() - begin))
            if self._waiting and self._waiting[0] is batch:
                self._waiting.popleft()
                self._waiting_bytes -= sum(map(len, batch.frames))
            self.snapshots += batch.snapshot is not None
            self.error = None
            async with self._done:
                self.committed_upto = max(self.committed_upto, batch.last)
                self._done.notify_all()
        self._size = self.journal.size
        return True

    async def close(self, *, finished: bool = True) -> bool:
        """Write what is left and end; the run counts as closed in order if ``finished``."""
        self._closing = True
        self._wake.set()
        ok = await self.flush()
        if finished and ok:
            await asyncio.get_running_loop().run_in_executor(self._thread, self.journal.close_run, self.run_id)
        self._thread.shutdown(wait=True)
        return ok

    async def audit(self, action: str, detail: str = "", actor: str = "engine") -> None:
        """Add a line to the audit log; a disk that refuses it is no reason to stop."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self.journal.audit, action, detail, actor)
        except (sqlite3.Error, OSError) as error:
            self.error = f"{type(error).__name__}: {error}"

    @property
    def pending(self) -> int:
        """Accepted frames that are not on disk yet."""
        return self.last - self.committed_upto

    @property
    def status(self) -> JournalStatus:
        """What viewers and the health check are told."""
        return JournalStatus(
            state="ok" if self.error is None else "degraded",
            frames=self.last,
            pending=self.pending,
            bytes=self._size,
            snapshots=self.snapshots,
            error=self.error,
        )
