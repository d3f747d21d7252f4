"""Any recording by its path: one of `racetwin record`, or of Formula 1 live timing; valid frames out, for a replay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from racetwin.errors import DataError
from racetwin.schemas import Rejection, TelemetryFrame
from racetwin.telemetry import f1_recordings, recorder
from racetwin.telemetry.inbound import validated
from racetwin.telemetry.recording_log import beside, is_log

PRELUDE_S = 60.0
"""How long before lights out a replay of live timing begins, s: recordings may hold an hour of nothing before it."""
_PARQUET = b"PAR1"


def recorded_frames(
    path: Path, *, hz: float | None = 10.0, from_lap: int = 1, to_lap: int | None = None
) -> Iterator[TelemetryFrame]:
    """Yield the frames of a recording.

    Parameters
    ----------
    hz
        Most frames a second of live timing; a recording of ours has its own.
    from_lap, to_lap
        First lap of the leader to show, and the lap after whose completion to stop.

    Raises
    ------
    DataError
        If there is no such file, or it cannot be read.
    """
    unfinished = path if path.exists() else beside(path)
    if not unfinished.exists():
        raise DataError(f"there is no recording {path}")
    if unfinished.is_file() and (is_log(unfinished) or _begins(unfinished) == _PARQUET):
        yield from recorder.Recording(path).frames(from_lap, to_lap)
        return
    for raw in f1_recordings.Recording(path).frames(hz):
        frame = raw
        if not isinstance(frame, TelemetryFrame):
            refused: list[Rejection] = []
            mended = validated(frame, refused)
            if mended is None:
                continue
            frame = mended
        if frame.time_s < -PRELUDE_S or (from_lap > 1 and frame.lap < from_lap):
            continue
        yield frame
        if to_lap is not None and frame.lap > to_lap:
            return


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)
