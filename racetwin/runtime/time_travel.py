"""What was known at another moment of the race: from memory at the end of a lap, else rebuilt from the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from racetwin.errors import DataError, InputError
from racetwin.runtime.journal_writer import JournalWriter
from racetwin.runtime.recovery import rebuild
from racetwin.runtime.snapshot import RaceSnapshot


def remembered(
    archive: Mapping[int, RaceSnapshot], lap: int | None = None, time_s: float | None = None
) -> RaceSnapshot:
    """Return what was known at a moment, from memory: exactly so at the end of a lap, else as of the lap's end before.

    Raises
    ------
    InputError
        If the race has not come that far.
    """
    laps = dict(archive)
    if lap is not None and lap in laps:
        return laps[lap]
    if time_s is not None:
        known = [s for s in laps.values() if s.time_s <= time_s]
        if known:
            return max(known, key=lambda s: s.time_s)
    have = f"laps {min(laps)} to {max(laps)}" if laps else "no lap yet"
    asked = f"lap {lap}" if lap is not None else f"{time_s} s"
    raise InputError(f"at: {asked} is not known; this engine has {have}")


async def known_at(
    archive: Mapping[int, RaceSnapshot],
    journal: JournalWriter | None,
    lap: int | None = None,
    time_s: float | None = None,
    parameters: Path | None = None,
) -> RaceSnapshot:
    """Return what was known when the leader had completed ``lap`` laps, or at race time ``time_s``.

    ``parameters`` is the file that the engine goes by.
    """
    if journal is None or (lap is not None and lap in archive):
        return remembered(archive, lap, time_s)
    await journal.flush()
    try:
        return await asyncio.to_thread(
            rebuild, journal.journal.path, journal.run_id, lap=lap, time_s=time_s, parameters=parameters
        )
    except DataError as error:
        raise InputError(str(error)) from None
