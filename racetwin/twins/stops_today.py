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
POPULAR_STRENGTH = 3.0
"""Stops that an even choice weighs as in the share of today's that fitted a compound."""
_SLICKS = {c.value: c.index for c in COMPOUNDS if c.is_slick}


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
        self._fitted = [0, 0, 0]
        for lap in laps:
            self.note(lap)

    def note(self, lap: LapNote) -> None:
        """Take a completed lap."""
        if lap.pit_in:
            self._in_laps.append(lap)
        if lap.pit_out and lap.compound in _SLICKS:
            self._fitted[_SLICKS[lap.compound]] += 1

    @property
    def popular(self) -> tuple[float, float, float]:
        """Share of today's stops that fitted each slick compound, drawn to an even choice."""
        total = sum(self._fitted) + POPULAR_STRENGTH
        soft, medium, hard = ((n + POPULAR_STRENGTH / 3) / total for n in self._fitted)
        return soft, medium, hard

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
