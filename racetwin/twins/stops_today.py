"""What the stops that others have made today tell of those to come."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import TYPE_CHECKING

from racetwin.schemas import COMPOUNDS

if TYPE_CHECKING:
    from racetwin.twins.road import LapNote

LATE_LAPS = 4
"""Stops of this many laps are of late."""
LEAST_STOPS = 3
"""Ages at stops tell nothing of the day before so many of a compound have been seen."""


class StopsToday:
    """The in-laps of a race so far.

    Parameters
    ----------
    laps
        Completed laps; those that ended in the pit lane are kept.

    Examples
    --------
    >>> StopsToday().usual_age("44", 1)
    0.0
    """

    def __init__(self, laps: Iterable[LapNote] = ()) -> None:
        self._in_laps: list[LapNote] = []
        for lap in laps:
            self.note(lap)

    def note(self, lap: LapNote) -> None:
        """Take a completed lap."""
        if lap.pit_in:
            self._in_laps.append(lap)

    def of_late(self, car_id: str, lap: int) -> int:
        """Return how many stops others have made since a car began the fourth lap before the one that it begins now."""
        return sum(n.lap > lap - LATE_LAPS and n.car_id != car_id for n in self._in_laps)

    def usual_age(self, car_id: str, compound: int) -> float:
        """Return the median age (laps) at which others changed a compound under green, 0 where too few have."""
        if compound < 0:
            return 0.0
        name = COMPOUNDS[compound].value
        ages = [
            n.tyre_age
            for n in self._in_laps
            if n.compound == name and n.tyre_age is not None and not n.neutralised and n.car_id != car_id
        ]
        return float(statistics.median(ages)) if len(ages) >= LEAST_STOPS else 0.0
