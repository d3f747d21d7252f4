"""Live feeds into one recording: what `racetwin record` does."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from racetwin.config import Settings
from racetwin.runtime.live_feeds import LiveFeeds
from racetwin.schemas import Rejection
from racetwin.telemetry.feed_opening import FeedSpec
from racetwin.telemetry.frame_builder import value_of
from racetwin.telemetry.recorder import Recorder


class _Writing:
    """Takes the frames of live feeds into a recorder."""

    def __init__(
        self, recorder: Recorder, to_lap: int | None, tell: Callable[[int], None], stop: Callable[[], object]
    ) -> None:
        self._recorder, self._to_lap, self._tell, self._stop = recorder, to_lap, tell, stop
        self._refused: tuple[Rejection, ...] = ()

    def ingest(self, raw: Any) -> int | None:
        """Write a frame; returns its number, None if it was refused."""
        refused: list[Rejection] = []
        written = self._recorder.write(raw, refused)
        self._refused = tuple(refused)
        if not written:
            return None
        self._tell(self._recorder.frames)
        lap = value_of(raw, "lap") if not isinstance(raw, bytes | str) else None
        if self._to_lap is not None and isinstance(lap, int) and lap > self._to_lap:
            self._stop()
        return self._recorder.frames - 1

    async def acknowledged(self, number: int) -> None:
        """Return at once: what is written stays, even if this process is killed."""

    def release_waiting(self, quiet_s: float) -> None:
        """Do nothing: frames are written as they come."""

    def refused(self) -> tuple[Rejection, ...]:
        """Return what was refused of the frame before: why it was, or which of its parts were."""
        return self._refused

    def note_refusal(self, rejection: Rejection) -> None:
        """Count what a feed refused before it was a frame."""
        self._recorder.count(rejection)


async def record_feeds(
    settings: Settings,
    specs: Sequence[FeedSpec | str],
    path: Path,
    *,
    to_lap: int | None = None,
    say: Callable[[str], None] = lambda _: None,
    tell: Callable[[int], None] = lambda _: None,
) -> Recorder:
    """Record live feeds until they end, SIGTERM comes, the leader has completed ``to_lap`` or the task is cancelled.

    Parameters
    ----------
    specs
        Feeds, the most preferred first; frames are written as they come, each with its ``source``, under one race's name.
    say, tell
        Where the operator is told of a feed that ends, and the number of frames so far.

    Returns
    -------
    Recorder
        Closed; it has the counts. Whatever ends the recording, the file is whole.
    """
    feeds = LiveFeeds(settings, specs, say=say)
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    with Recorder(path) as recorder:
        if recorder.resumed:
            say(
                f"racetwin: going on after {recorder.resumed:,} frames of a recording of this name that was not finished"
            )
        with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows, or not the main thread
            loop.add_signal_handler(signal.SIGTERM, task.cancel)
        try:
            await feeds.drive(_Writing(recorder, to_lap, tell, task.cancel))
        except asyncio.CancelledError:
            pass
        finally:
            with contextlib.suppress(NotImplementedError, RuntimeError):
                loop.remove_signal_handler(signal.SIGTERM)
    return recorder
