"""What page and desk know of a stop that is known to have come: the race state each time they answer anew during its in-lap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from racetwin.evaluation.outcome import Outcome
from racetwin.runtime.triggers import CarsBehind, reasons_for
from racetwin.schemas import LapCompleted, RaceEvent
from racetwin.twins.race_twin import RaceTwin

if TYPE_CHECKING:
    from racetwin.simulation.state import RaceState
    from racetwin.telemetry.ingestor import Ingested

ASKED_S = 40.0
"""The last answer that counts is given so long after the car has begun its in-lap, s.

By then it is known which of the cars behind, among which it may come out, have come in a lap before it; the pit entry is later.
"""


class InLaps:
    """Follows a race as the desk does: asked when a car begins its in-lap, and again at whatever makes it answer anew."""

    def __init__(self, twin: RaceTwin, outcome: Outcome) -> None:
        self.twin, self.outcome = twin, outcome
        self._places: dict[str, int | None] = {}
        self._behind = CarsBehind()
        self._under_way: dict[str, tuple[int, float, int]] = {}

    def states(self, ingested: Ingested) -> Iterator[tuple[str, int, RaceState]]:
        """Yield car, lap at whose end it stops, and the race state, for each stop the desk is asked about now.

        The twin must have taken the frame and its events.
        """
        for e in ingested.events:
            if isinstance(e, LapCompleted) and (e.car_id, e.lap + 1) in self.outcome.green_stops:
                self._under_way[e.car_id] = e.lap + 1, e.line_time_s, self.twin.leader_laps
        for car_id, (lap, since_s, leader_laps) in list(self._under_way.items()):
            if ingested.frame.time_s > since_s + ASKED_S or self.twin.leader_laps != leader_laps:
                del self._under_way[car_id]
            elif self._asked(car_id, ingested.events) and self._can_tell(car_id):
                yield car_id, lap, self.twin.race_state()
        self._places = {c.car_id: c.position for c in ingested.frame.cars}

    def _asked(self, car_id: str, events: tuple[RaceEvent, ...]) -> bool:
        loss_s, _ = self.twin.stop_losses.expected_s(self.twin.parameters)
        known = self._behind.is_known(car_id, events, loss_s)
        return known or bool(reasons_for(car_id, events, self._places))

    def _can_tell(self, car_id: str) -> bool:
        """Whether there is an out-lap left, and the twin has the car in the race (some feeds take one for out that goes on)."""
        return self.twin.leader_laps + 1 < self.twin.total_laps and self.twin.cars[car_id].running
