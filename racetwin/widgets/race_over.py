"""How a car's race ended: what panels say once there is nothing left to decide."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from racetwin.schemas import CarStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from racetwin.runtime.snapshot import LapRow, RaceSnapshot


@dataclass(frozen=True, slots=True)
class RaceOver:
    """What stands of a car whose race is over: its place on the road, its grid slot, and the stops that it made.

    ``lap`` is the last one that it drove, ``stops`` the laps at whose end it took new tyres and which. Time penalties that the
    stewards add later are not in ``position``.
    """

    retired: bool
    position: int | None
    grid: int | None
    lap: int | None
    stops: tuple[tuple[int, str], ...]

    @property
    def place(self) -> str:
        """Where it ended: ``P3 on the road, from P7 on the grid``."""
        if self.retired:
            return "out of the race" if self.lap is None else f"out of the race on lap {self.lap}"
        if self.position is None:
            return "place not known"
        start = "" if self.grid is None else f", from P{self.grid} on the grid"
        return f"P{self.position} on the road{start}"

    @property
    def stops_made(self) -> str:
        """The stops: ``L17 HARD, L38 SOFT``."""
        return ", ".join(f"L{lap} {compound}" for lap, compound in self.stops) or "no stop"

    @property
    def words(self) -> str:
        """All of it, for a panel that has nothing else to show."""
        head = "Out of the race" if self.retired else "The race is over"
        place = f" on lap {self.lap}" if self.retired and self.lap is not None else ""
        return f"{head}{place if self.retired else f': {self.place}'}. Our stops: {self.stops_made}."

    def told(self) -> dict[str, Any]:
        """Return it as a panel takes it."""
        return {
            "retired": self.retired,
            "position": self.position,
            "lap": self.lap,
            "place": self.place,
            "stops": self.stops_made,
            "n_stops": len(self.stops),
        }


def race_over(snapshot: RaceSnapshot, car_id: str) -> RaceOver | None:
    """Return how the race of a car ended; None while it goes on."""
    car = snapshot.car(car_id)
    if car is None or not (snapshot.finished or car.status in (CarStatus.RETIRED, CarStatus.FINISHED)):
        return None
    return RaceOver(
        retired=car.status is CarStatus.RETIRED,
        position=car.position,
        grid=car.grid_position,
        lap=car.lap,
        stops=stops_of(snapshot.laps, car_id),
    )


def stops_of(laps: Sequence[LapRow], car_id: str) -> tuple[tuple[int, str], ...]:
    """Return the laps at whose end a car took another set, and its compound; a drive-through is none."""
    own = sorted((r for r in laps if r.car_id == car_id), key=lambda r: r.lap)
    stops = []
    for before, row in pairwise(own):
        changed = row.compound is not None and before.compound is not None and row.compound is not before.compound
        younger = row.tyre_age is None or before.tyre_age is None or row.tyre_age <= before.tyre_age
        if changed or (row.pit_out and younger):
            stops.append((before.lap, row.compound.value if row.compound else "unknown tyres"))
    return tuple(stops)


def words_if_over(snapshot: RaceSnapshot, car_id: str) -> str | None:
    """Return what a panel says in place of forecasts once a car's race is over, None while it goes on."""
    over = race_over(snapshot, car_id)
    return None if over is None else over.words
