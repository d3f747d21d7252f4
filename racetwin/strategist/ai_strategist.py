"""The co-strategist's front door, with the call and the answer of the original system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from racetwin.errors import InputError
from racetwin.schemas import DeskAnswer, Recommendation
from racetwin.strategist.rules import Situation, recommend
from racetwin.strategist.simple_results import recommend_from_results


class AIStrategist:
    """Turns simulation results and twin states into recommendations; an asynchronous context manager.

    Examples
    --------
    >>> import asyncio
    >>> from racetwin import AIStrategist
    >>> async def ask():
    ...     async with AIStrategist() as strategist:
    ...         return await strategist.generate_recommendations({
    ...             "simulation_results": [{"pit_lap": 24, "final_position": 3, "success_probability": 0.85}],
    ...             "race_context": {"lap": 22, "session_type": "race"},
    ...         })
    >>> asyncio.run(ask())[0]["execution_lap"]
    24
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def recommend(self, answer: DeskAnswer, situation: Situation) -> tuple[Recommendation, ...]:
        """Advise on a desk answer: the typed way in."""
        return recommend(answer, situation)

    async def generate_recommendations(self, data: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Advise on plain data: the original system's way in.

        Parameters
        ----------
        data
            ``simulation_results``: a list of ``{"pit_lap", "final_position", "total_time", "success_probability"}``;
            ``race_context``: ``{"lap", "session_type"}``; ``car_twin`` and ``field_twin`` may be given or None.

        Returns
        -------
        list of dict
            Each with ``priority, title, description, expected_benefit, reasoning, execution_lap, risks, alternatives``.

        Raises
        ------
        InputError
            If a field is missing or does not make sense.
        """
        results = data.get("simulation_results")
        if not isinstance(results, Sequence) or isinstance(results, str):
            raise InputError(f"simulation_results: {results!r}, expected a list of simulated pit laps")
        context = data.get("race_context") or {}
        if not isinstance(context, Mapping):
            raise InputError(f"race_context: {context!r}, expected a mapping with 'lap'")
        advice = recommend_from_results(results, context, data.get("car_twin"))
        return [r.model_dump(mode="json") for r in advice]
