"""What a journal holds: runs, batches of frames, snapshots, and the error that says that it cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from racetwin.errors import DataError


class JournalDamagedError(DataError):
    """The file is damaged beyond what can be passed over."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run of an engine: a race from its first frame to its orderly or sudden end."""

    run_id: str
    race_id: str
    info: dict[str, Any]
    started: float
    closed: float | None
    frames: int = 0


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A dump of the engine after frame ``n``; ``state_hash`` is the hash the twins had."""

    run_id: str
    n: int
    time_s: float
    lap: int
    state_hash: str
    code_version: str
    blob: bytes


@dataclass(slots=True)
class Batch:
    """What one transaction writes. ``first`` is the number of its first frame, counted from 1 within the run."""

    run_id: str
    first: int
    frames: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    laps: list[int] = field(default_factory=list)
    events: list[tuple[int, float, str, str | None, int | None, str]] = field(default_factory=list)
    advice: list[tuple[int, float, int, str, str]] = field(default_factory=list)
    snapshot: StoredSnapshot | None = None

    @property
    def last(self) -> int:
        """Number of its last frame."""
        return self.first + len(self.frames) - 1

    def __bool__(self) -> bool:
        return bool(self.frames or self.events or self.advice or self.snapshot)


def events_of(n: int, events: Sequence[Any]) -> list[tuple[int, float, str, str | None, int | None, str]]:
    """Turn the events of frame ``n`` into journal rows."""
    return [
        (n, e.time_s, e.kind, getattr(e, "car_id", None), getattr(e, "lap", None), e.model_dump_json()) for e in events
    ]
