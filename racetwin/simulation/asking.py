"""What questions that build on a ranking need of whoever ranks: a desk, seen from below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from racetwin.config import Settings
from racetwin.schemas import DeskAnswer
from racetwin.simulation.answers import Evaluation
from racetwin.simulation.objectives import Objective
from racetwin.simulation.parameters import RaceParameters
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.search import Question
from racetwin.simulation.state import RaceState


class Ranks(Protocol):
    """Ranks a car's plans; :class:`racetwin.simulation.desk.StrategyDesk` does."""

    settings: Settings

    def evaluate(
        self, state: RaceState, car_id: str, objective: str = ..., n_races: int | None = ..., seed: int | None = ..., /
    ) -> DeskAnswer:
        """Return the ranking."""

    def explain(
        self,
        state: RaceState,
        car_id: str,
        objective: str = ...,
        n_races: int | None = ...,
        seed: int | None = ...,
        deadline_s: float | None = ...,
        *,
        plans: Sequence[PitPlan] | None = ...,
        parameters: RaceParameters | None = ...,
        final_plans: int = ...,
        keep: int = ...,
        always: Sequence[PitPlan] = ...,
        kept: Sequence[str] = ...,
    ) -> Evaluation:
        """Return the ranking and the races behind it."""

    def base(self, state: RaceState, car_id: str, objective: str = ..., deadline_s: float | None = ...) -> Evaluation:
        """Return the ranking of a state that other questions start from."""

    def question(self, state: RaceState, car_id: str, goal: Objective, seed: int, /) -> Question:
        """Return what stays the same through a search."""
