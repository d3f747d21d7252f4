"""What in a race makes a new plan of a car worth asking for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from racetwin.schemas import (
    CarTwinState,
    LapCompleted,
    PitEntered,
    RaceEvent,
    Retired,
    TrackStatusChanged,
    TyreChanged,
    Weather,
)

NEAR_PLACES = 3
"""A rival this many places ahead or behind is near enough for its stop to change our plan at once."""
PLACES_BEHIND = 10
"""Those so many places behind may be met on coming out of a stop: when one of them comes in, it will not be there."""
MARGIN_S = 4.0
"""So much further behind than a stop loses is still where a car may come out, s."""


def reasons_for(car_id: str, events: tuple[RaceEvent, ...], position: Mapping[str, int | None]) -> tuple[str, ...]:
    """Say which of these events make a new plan of ``car_id`` worth asking for.

    ``position`` is each car's place before the events: a rival's stop counts when it ran near, or where we may come out.
    """
    own = position.get(car_id)

    def near(other: str, behind: int = NEAR_PLACES) -> bool:
        there = position.get(other)
        return own is not None and there is not None and -NEAR_PLACES <= there - own <= behind

    reasons: list[str] = []
    for event in events:
        match event:
            case LapCompleted(car_id=c) if c == car_id:
                reasons.append("lap completed")
            case TyreChanged(car_id=c) if c == car_id:
                reasons.append("tyres changed")
            case PitEntered(car_id=c) if c != car_id and near(c, PLACES_BEHIND):
                reasons.append(f"car {c} stops")
            case LapCompleted(car_id=c, pit_out=True) if c != car_id and near(c, PLACES_BEHIND):
                reasons.append(f"car {c} is back from its stop")
            case Retired(car_id=c) if c != car_id and near(c):
                reasons.append(f"car {c} is out")
            case TrackStatusChanged(new=new):
                reasons.append(f"track {new.value}")
            case Weather(track=track) if track.rainfall:
                reasons.append("rain")
            case _:
                pass
    return tuple(dict.fromkeys(reasons))


class PitWindows:
    """Remembers whose pit window is open, to notice when one opens."""

    def __init__(self) -> None:
        self._open: set[str] = set()

    def opens(self, state: CarTwinState) -> bool:
        """Whether the next stop has come within reach since this was last asked: the coming lap is the first sensible one."""
        was_open = state.car_id in self._open
        is_open = state.pit_window is not None and state.pit_window[0] <= state.lap + 1
        (self._open.add if is_open else self._open.discard)(state.car_id)
        return is_open and not was_open


class CarsBehind:
    """Notices when the cars among which a car would come out have crossed the line, once a lap.

    Until then it is not known which of them have come in, so where the car comes out is best told once more.
    """

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def is_known(self, car_id: str, events: Iterable[RaceEvent], loss_s: float) -> bool:
        """Take the events; whether the first car has now crossed that is further behind than a stop of ``car_id`` loses."""
        known = False
        for e in events:
            if not isinstance(e, LapCompleted):
                continue
            if e.car_id == car_id:
                self._due.pop(car_id, None)
                if not e.pit_in:
                    self._due[car_id] = e.line_time_s + loss_s + MARGIN_S
            elif e.line_time_s > self._due.get(car_id, math.inf):
                del self._due[car_id]
                known = True
        return known
