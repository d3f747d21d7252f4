"""A recommendation as it is put together: facts first, then sentences, each with the facts it rests on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from racetwin.schemas import AdviceLife, Alternative, Checked, Priority, Recommendation, Sentence
from racetwin.strategist.checker import Checker
from racetwin.strategist.facts import FactSheet

PLAIN_TITLES = {
    "stop": "Pit stop",
    "cover": "Car behind",
    "undercut": "Car ahead",
    "free_stop": "Pit stop",
    "traffic": "Rejoin",
    "tyres": "Tyres",
    "rain": "Rain",
    "condition": "Safety car",
}
"""What advice of a kind is headed where its own title says what its facts do not."""

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

    def alternative(self, plan: str, text: str, *facts: str, shares: tuple[float, float] | None = None) -> None:
        """Name another plan that could be followed; ``shares`` of the races in which it finishes ahead, and behind."""
        self.say("alternatives", text, *facts)
        told: dict[str, float] = {}
        if shares is not None:
            ahead, behind = shares
            better = ahead + 0.5 * (1.0 - ahead - behind)
            told = {"probability_better": better, "probability_ahead": ahead, "probability_behind": behind}
        self._alternatives.append(Alternative(plan=plan, text=text, **{k: round(v, 3) for k, v in told.items()}))

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """What was said so far, in order."""
        return tuple(self._sentences)

    def texts(self, part: Part) -> tuple[str, ...]:
        """The sentences of one part."""
        return tuple(s.text for s in self._sentences if s.part == part)

    def check(self, retired: Iterable[str] = ()) -> Checked:
        """Leave out every sentence that the checker of claims does not pass; what stays is what is shown.

        ``retired`` are the drivers who are out of the race.
        """
        checker = Checker(self.sheet.all(), retired)
        said: list[Sentence] = []
        claims = refused = 0
        for part in dict.fromkeys(s.part for s in self._sentences):
            together = [s for s in self._sentences if s.part == part]
            # Sentences of a text are read in the order of the text; a risk and an alternative stand for themselves.
            texts = [s.text for s in together] if part in ("risks", "alternatives") else [" ".join(self.texts(part))]
            verdict = checker.check(*texts)
            if verdict.passed:
                claims += verdict.claims
                said += together
                continue
            for sentence in together:
                alone = checker.check(sentence.text)
                refused += len(alone.objections)
                if alone.passed:
                    claims += alone.claims
                    said.append(sentence)
        self._sentences = said
        if self.reason and not any(s.text == self.reason for s in said):
            self.reason = ""
        left = {s.text for s in said if s.part == "alternatives"}
        self._alternatives = [a for a in self._alternatives if a.text in left]
        return Checked(claims=claims, supported=claims, refused=refused)

    def finish(self, identity: str, car_id: str, lap: int, life: AdviceLife, checked: Checked) -> Recommendation:
        """Return it as a recommendation with the verdict of :meth:`check`."""
        benefit, error = self.benefit or (None, None)
        return Recommendation(
            id=identity,
            car_id=car_id,
            lap=lap,
            priority=Priority.OPTIONAL if life.handling == "rejected" else self.priority,
            title=" ".join(self.texts("title")) or PLAIN_TITLES.get(self.kind, "Advice"),
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
            checked=checked,
            life=life,
        )
