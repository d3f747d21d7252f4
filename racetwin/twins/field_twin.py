"""The field by itself: a twin of all rivals that keeps a race of its own, and takes telemetry as it comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from racetwin.telemetry.ingestor import TelemetryIngestor
from racetwin.twins.field import Field
from racetwin.twins.race_twin import RaceTwin

if TYPE_CHECKING:
    from racetwin.schemas import TelemetryFrame
    from racetwin.simulation.parameters import RaceParameters


class FieldTwin(Field):
    """Twin of the field.

    Parameters
    ----------
    parameters
        Race-model parameters; by default those of the first frame's circuit and season.

    Examples
    --------
    >>> FieldTwin().get_state()["cars"]
    {}
    """

    def __init__(self, *, parameters: RaceParameters | None = None) -> None:
        super().__init__(RaceTwin(parameters=parameters))
        self.race.field = self
        self._door = TelemetryIngestor()

    def update_state(self, telemetry: TelemetryFrame | Mapping[str, Any] | bytes | str) -> None:
        """Take one telemetry frame, ours or of the original schema, as it comes; refused input changes nothing."""
        ingested = self._door.process(telemetry)
        if ingested is not None:
            self.observe(ingested.frame, ingested.events)
