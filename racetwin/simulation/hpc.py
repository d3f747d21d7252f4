"""The orchestrator of race-day computing: it says when a race calls for a new look, and has it done wherever that is faster."""

from __future__ import annotations

from typing import Any

from racetwin.schemas import DeskAnswer
from racetwin.simulation.desk import StrategyDesk
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.placement import BatchRunner
from racetwin.simulation.state import RaceState
from racetwin.simulation.triggers import Trigger, triggers


class HPCOrchestrator(BatchRunner):
    """Says when a race calls for a batch of races, and runs it at the edge or in the cloud.

    Parameters as of :class:`racetwin.simulation.placement.BatchRunner`; ``run`` is where batches go, ``placement`` says where the
    last one ran and why.

    Examples
    --------
    >>> with HPCOrchestrator() as hpc:  # doctest: +SKIP
    ...     for trigger in hpc.triggers(state, "55"):
    ...         print(trigger.reason)
    ...     answer = hpc.evaluate(state, "55")
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._seen: dict[str, RaceState] = {}

    def triggers(self, state: RaceState, car_id: str) -> tuple[Trigger, ...]:
        """Return what has happened since this car was last looked at that calls for a new look at its plans."""
        p = load_parameters(state.circuit_id, state.season, self.settings.parameters)
        found = triggers(state, car_id, self._seen.get(car_id), p)
        self._seen[car_id] = state
        return found

    def evaluate(self, state: RaceState, car_id: str, **options: Any) -> DeskAnswer:
        """Rank a car's plans, races run wherever it is faster; options as of ``StrategyDesk.evaluate``."""
        return StrategyDesk(self.settings, run=self.run).evaluate(state, car_id, **options)
