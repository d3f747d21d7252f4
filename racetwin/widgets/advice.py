"""Recommendations, most urgent first, each with its reasons and risks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from racetwin.schemas import Priority, Recommendation
from racetwin.widgets._panel import Panel, pack, script, style

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot


class AdvicePanel(Panel):
    """Urgent, moderate and optional advice for one car: what to do, what it brings, why, and what speaks against it.

    >>> panel = AdvicePanel()
    >>> panel.show_advice(recommendations, lap=23)  # doctest: +SKIP
    """

    _esm = script("advice")
    _css = style("advice")

    def show(self, snapshot: RaceSnapshot, car_id: str) -> None:
        """Draw the newest advice for ``car_id``."""
        car = snapshot.car(car_id)
        lap = car.lap if car and car.lap else snapshot.lap
        self.show_advice(snapshot.advice.get(car_id, ()), lap=lap, car_id=car_id)

    def show_advice(self, advice: Sequence[Recommendation], *, lap: int, car_id: str | None = None) -> None:
        """Draw these recommendations; ``lap`` is the lap being driven, from which laps to go are counted."""
        order = list(Priority)
        self.data = pack(
            {
                "car": car_id,
                "lap": lap,
                "advice": [
                    {
                        "id": r.id,
                        "lap": r.lap,
                        "priority": r.priority.value,
                        "title": r.title,
                        "description": r.description,
                        "benefit": r.expected_benefit,
                        "reasoning": r.reasoning,
                        "execution_lap": r.execution_lap,
                        "risks": r.risks,
                        "alternatives": [a.text for a in r.alternatives],
                        "facts": [f.text for f in r.facts],
                        "wording": r.wording,
                    }
                    for r in sorted(advice, key=lambda r: order.index(r.priority))
                ],
            }
        )
