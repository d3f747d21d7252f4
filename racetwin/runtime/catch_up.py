"""A race brought up to a lap, without clocks or threads: what a one-shot question, a notebook or a backtest starts from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from racetwin.errors import InputError
from racetwin.telemetry.ingestor import TelemetryIngestor
from racetwin.telemetry.laptable import frames
from racetwin.twins import RaceTwin

if TYPE_CHECKING:
    from racetwin.telemetry.records import RaceRecord


def twin_at(record: RaceRecord, lap: int, parameters: Path | None = None) -> RaceTwin:
    """Replay a race until its leader has completed ``lap`` laps (0: the grid) and return its twin at that moment.

    The twin has seen what a live one would have seen by then, through the same ingestor, and nothing of what came after. It goes
    by the file of ``parameters``, by default the one in use.

    Raises
    ------
    InputError
        If the race has no such lap left to decide anything in.
    """
    if not 0 <= lap < record.total_laps:
        raise InputError(f"lap: {lap}, expected 0 to {record.total_laps - 1} in {record.race_id}")
    ingestor = TelemetryIngestor()
    twin = RaceTwin(race_id=record.race_id, file=parameters)
    for frame in frames(record, hz=None):
        ingested = ingestor.process(frame)
        if ingested is not None:
            twin.update(ingested)
        if frame.lap > lap and frame.time_s >= 0:
            break
    return twin
