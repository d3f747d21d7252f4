"""A recommendation as it is put together: facts first, then sentences, each with the facts it rests on."""

from __future__ import annotations

from typing import Literal

from racetwin.schemas import AdviceLife, Alternative, Priority, Recommendation, Sentence
from racetwin.strategist.facts import FactSheet

Part = Literal["title", "description", "expected_benefit", "reasoning", "risks", "alternatives"]


class Draft:
    """One piece of advice in the making; :meth:`finish` makes the recommendation of it."""

    def __init__(self, kind: str, call: str = "") -> None:
        self.kind = kind
        self.call = call
        self.sheet = FactSheet()
        self.priority = Priority.OPTIONAL
        self.execution_lap: int | None = None
        self.benefit: tuple[float, float] | None = None
        self.reason = ""
        self._sentences: list[Sentence] = []
        self._alternatives: list[Alternative] = []

    def say(self, part: Part, text: str, *facts: str) -> None:
        """Add a sentence and name the facts that it rests on."""
        self._sentences.append(Sentence(part=part, text=text, facts=self.sheet.ids(*facts) if facts else ()))

    def alternative(self, plan: str, text: str, *facts: str, probability_better: float) -> None:
        """Name another plan that could be followed."""
        self.say("alternatives", text, *facts)
        self._alternatives.append(Alternative(plan=plan, text=text, probability_better=round(probability_better, 3)))

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """What was said so far, in order."""
        return tuple(self._sentences)

    def texts(self, part: Part) -> tuple[str, ...]:
        """The sentences of one part."""
        return tuple(s.text for s in self._sentences if s.part == part)

    def finish(self, identity: str, car_id: str, lap: int, life: AdviceLife) -> Recommendation:
        """Return it as a recommendation."""
        benefit, error = self.benefit or (None, None)
        return Recommendation(
            id=identity,
            car_id=car_id,
            lap=lap,
            priority=Priority.OPTIONAL if life.handling == "rejected" else self.priority,
            title=" ".join(self.texts("title")),
            description=" ".join(self.texts("description")),
            expected_benefit=" ".join(self.texts("expected_benefit")),
            reasoning=" ".join(self.texts("reasoning")),
            execution_lap=self.execution_lap,
            risks=self.texts("risks"),
            alternatives=tuple(self._alternatives),
            facts=self.sheet.all(),
            expected_benefit_points=benefit,
            expected_benefit_standard_error=error,
            kind=self.kind,
            sentences=tuple(self._sentences),
            life=life,
        )
