"""The co-strategist's front door, with the call and the answer of the original system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from racetwin.config import Settings
from racetwin.config import settings as process_settings
from racetwin.errors import InputError
from racetwin.schemas import DeskAnswer, Recommendation
from racetwin.strategist.client import ModelClient
from racetwin.strategist.rules import recommend
from racetwin.strategist.simple_results import recommend_from_results
from racetwin.strategist.situation import Situation
from racetwin.strategist.wording import Worded, check_own, word


class AIStrategist:
    """Turns simulation results and twin states into recommendations; an asynchronous context manager.

    What is advised is decided by rules; a language model words it where the setting ``llm_enabled`` says so, or, where that is
    not set, a model server is found healthy. Only wording that the checker of claims passes is shown.

    Parameters
    ----------
    settings
        Which model server, if any; default: the process's settings.
    client
        A model client to use instead of the settings'.

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

    def __init__(self, settings: Settings | None = None, *, client: ModelClient | None = None) -> None:
        chosen = settings or process_settings()
        self._client = client or (None if chosen.llm_enabled is False else ModelClient.from_settings(chosen))
        self._only_if_healthy = client is None and chosen.llm_enabled is None
        self._deadline_s = chosen.llm_deadline_s

    async def __aenter__(self) -> Self:
        if self._client is not None:
            await self._client.__aenter__()
            if self._only_if_healthy and not await self._client.healthy():
                await self._client.__aexit__(None, None, None)
                self._client = None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.__aexit__(kind, error, trace)

    async def word(self, recommendation: Recommendation, retired: tuple[str, ...] = ()) -> Worded:
        """Have the model word a recommendation; without a model, or when it may not be shown, our own wording stands."""
        if self._client is None:
            return Worded(recommendation, check_own(recommendation, retired))
        return await word(self._client, recommendation, deadline_s=self._deadline_s, retired=retired)

    async def recommend(self, answer: DeskAnswer, situation: Situation) -> tuple[Recommendation, ...]:
        """Advise on a desk answer: the typed way in. Our own wording, at once; :meth:`word` asks the model."""
        return recommend(answer, situation)

    async def generate_recommendations(self, data: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Advise on plain data: the original system's way in.

        Parameters
        ----------
        data
            ``simulation_results``: a list of ``{"pit_lap", "final_position", "total_time", "success_probability"}``;
            ``race_context``: ``{"lap", "session_type"}``; ``car_twin`` and ``field_twin``: twins, what their ``get_state``
            returns, or None.

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
        advice = recommend_from_results(results, context, data.get("car_twin"), data.get("field_twin"))
        return [(await self.word(r)).recommendation.model_dump(mode="json") for r in advice]
