"""Where the pit lane begins, as a share of the lap: learnt from the cars that have gone in."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from racetwin.schemas import PitEntered, TrackStatus

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot

PACE_LAPS = 5
"""Laps before a stop from which a car's pace on its way in is taken."""
SHARES = (0.6, 1.0)
"""Shares of the lap at which a pit lane can begin; what lies outside was no lap at pace."""


class PitEntry:
    """Learns from each car that the feed times into the pit lane how much of its lap, in time, it had covered by then.

    Feeds tell when a car leaves the track for the pits, not where: its time since the line over its pace says that.
    """

    def __init__(self) -> None:
        self._run: str | None = None
        self._events: tuple[object, ...] = ()
        self._seen: dict[tuple[str, int], float | None] = {}

    def share(self, snapshot: RaceSnapshot) -> float | None:
        """Return the share of the lap at which the pit lane begins, as far as is known; None until a car went in at pace."""
        if snapshot.info.race_id != self._run:
            self._run, self._seen = snapshot.info.race_id, {}
        if snapshot.events is not self._events:
            self._events = snapshot.events
            for event in snapshot.events:
                if isinstance(event, PitEntered) and not event.inferred and (event.car_id, event.lap) not in self._seen:
                    self._seen[event.car_id, event.lap] = _share(event, snapshot)
        known = [share for share in self._seen.values() if share is not None]
        return median(known) if known else None


def _share(event: PitEntered, snapshot: RaceSnapshot) -> float | None:
    own = {row.lap: row for row in snapshot.laps if row.car_id == event.car_id}
    before, lap = own.get(event.lap - 1), own.get(event.lap)
    neutralised = lap.neutralised if lap is not None else snapshot.track_status is not TrackStatus.GREEN
    if before is None or neutralised:
        return None
    pace = [
        row.lap_time_s
        for row in own.values()
        if row.lap_time_s is not None and row.lap < event.lap and not row.pit and not row.neutralised
    ]
    if not pace:
        return None
    share = (event.time_s - before.line_time_s) / median(pace[-PACE_LAPS:])
    return share if SHARES[0] <= share <= SHARES[1] else None
