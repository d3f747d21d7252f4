"""How good is the checker of claims, and does anything unsupported get shown? Measured on real moments of real races.

Correct texts are what is shown (our own wording), and phrasings of each fact as different engineers would put it; errors are
planted in them by meaning (see :mod:`racetwin.evaluation.planted`), without regard to how the checker reads.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from racetwin.evaluation.planted import KINDS, NOBODY, phrases, plant
from racetwin.evaluation.spoken import spoken_about
from racetwin.schemas import Fact, Recommendation
from racetwin.strategist.checker import Checker
from racetwin.strategist.facts import Z90
from racetwin.strategist.plain_words import PlainWords
from racetwin.strategist.wording import own_texts, texts_of

PER_RECOMMENDATION = 5
"""Phrasings tried per recommendation, drawn at random from all that fit its facts."""


@dataclass(slots=True)
class Groundedness:
    """Counts of one measurement.

    ``claims`` and ``supported`` are of the texts shown, ``left_out`` the objections to sentences of ours that are therefore not
    shown; ``beside`` and ``beside_caught`` are the errors planted in a text that passes without them, which can be caught for no
    other reason. A model's wording must be in the words of the moment, too: as such ``refused_of_a_model`` correct texts would be
    refused and ``caught_of_a_model`` errors caught, of which that alone catches ``in_other_words``. ``numbers`` are all in the
    texts shown, ``unvalued`` those that are no typed value of a fact, whatever the checker says.
    """

    recommendations: int = 0
    claims: int = 0
    supported: int = 0
    unsupported: list[tuple[str, str]] = field(default_factory=list)
    left_out: int = 0
    numbers: int = 0
    unvalued: list[tuple[str, str]] = field(default_factory=list)
    correct: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    planted: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)
    missed: list[tuple[str, str, str]] = field(default_factory=list)
    beside: int = 0
    beside_caught: int = 0
    refused_of_a_model: int = 0
    caught_of_a_model: int = 0
    in_other_words: int = 0

    @property
    def grounded(self) -> float:
        """Share of shown recommendations whose every claim is supported."""
        return 1.0 - len(self.unsupported) / max(1, self.recommendations)

    @property
    def recall(self) -> float:
        """Share of planted errors that were caught."""
        return self.caught.total() / max(1, self.planted.total())

    @property
    def false_refusals(self) -> float:
        """Share of correct texts that were refused."""
        return len(self.refused) / max(1, self.correct)

    @property
    def recall_beside(self) -> float:
        """Share of the errors in texts that pass without them that were caught."""
        return self.beside_caught / max(1, self.beside)

    @property
    def recall_of_a_model(self) -> float:
        """Share of the planted errors that would be caught in a model's wording."""
        return self.caught_of_a_model / max(1, self.planted.total())

    def recall_of(self, kind: str) -> float:
        """Share of the planted errors of one kind that were caught."""
        return self.caught[kind] / max(1, self.planted[kind])


_FIGURE = re.compile(r"(?<![\w.])[PL]?(\d+(?:\.\d+)?)")


def without_value(text: str, facts: Sequence[Fact]) -> tuple[str, ...]:
    """Return the numbers of a text that are no typed value, and no end of an interval, of any fact, as they were rounded.

    An oracle beside the checker: it reads no words, neither of the text nor of the facts, and shares nothing with it.
    """
    values: list[float] = []
    for f in facts:
        plain = re.findall(r"\d+(?:\.\d+)?", f.value) if isinstance(f.value, str) else [f.value]
        values += [abs(float(v)) for v in (*plain, f.low, f.high) if v is not None]
        if f.low is not None and f.high is not None:
            values.append((f.high - f.low) / 2 / Z90)  # a standard error is told by the interval that it gives
    values += [100 * v for v in values if v <= 1]
    names = "|".join(re.escape(n) for f in facts for n in re.findall(r"\bcar \d+\b", f.text))
    told = re.sub(names, "", text) if names else text
    return tuple(
        said
        for said in _FIGURE.findall(told)
        if not any(abs(float(said) - v) <= 0.5 * 10.0 ** -len(said.partition(".")[2]) + 1e-6 for v in values)
    )


def measure(
    moments: Iterable[tuple[Recommendation, Sequence[str]]], seed: int = 1, per_recommendation: int = PER_RECOMMENDATION
) -> Groundedness:
    """Check what is shown, then phrasings of its facts, then each phrasing with an error of each kind that has a place in it.

    Parameters
    ----------
    moments
        Recommendations, each with the drivers who were out of the race at that moment.
    """
    rng = random.Random(seed)
    out = Groundedness()
    for recommendation, retired in moments:
        checker = Checker(recommendation.facts, (*retired, NOBODY))
        out.recommendations += 1
        shown = checker.check(*texts_of(recommendation))
        out.claims += shown.claims
        out.supported += shown.supported
        out.left_out += recommendation.checked.refused if recommendation.checked is not None else 0
        said = " ".join(texts_of(recommendation))
        out.numbers += len(_FIGURE.findall(said))
        out.unvalued += [(recommendation.id, number) for number in without_value(said, recommendation.facts)]
        if not shown.passed:
            out.unsupported.append((recommendation.id, str(shown.objections[0])))
        fitting = list(phrases(recommendation))
        for fact, phrase in rng.sample(fitting, min(per_recommendation, len(fitting))):
            text = phrase.text()
            out.correct += 1
            verdict = checker.check(text)
            if not verdict.passed:
                out.refused.append((text, str(verdict.objections[0])))
                continue
            for kind in KINDS:
                wrong = plant(kind, fact, phrase, recommendation, tuple(retired), rng)
                if wrong is None or wrong == text:
                    continue
                out.planted[kind] += 1
                if checker.check(wrong).passed:
                    out.missed.append((kind, text, wrong))
                else:
                    out.caught[kind] += 1
    return out


def measure_spoken(batch: str, moments: Iterable[tuple[Recommendation, Sequence[str]]], seed: int = 1) -> Groundedness:
    """Check the sentences of a batch (:mod:`racetwin.evaluation.batches`), and all the false ones beside them.

    Each is judged as if we said it (by the checker), and as if a model did (by that, and by whose words it is in).
    A false sentence counts whether or not the true one beside it passes: what is refused for another reason is refused, too.
    """
    rng = random.Random(seed)
    out = Groundedness()
    for recommendation, retired in moments:
        checker = Checker(recommendation.facts, (*retired, NOBODY))
        words = PlainWords(recommendation.facts, own_texts(recommendation))
        out.recommendations += 1
        for case in spoken_about(batch, recommendation, retired[0] if retired else NOBODY, rng):
            out.correct += 1
            verdict = checker.check(case.right)
            if not verdict.passed:
                out.refused.append((case.right, str(verdict.objections[0])))
            out.refused_of_a_model += not verdict.passed or bool(words.objections(case.right))
            for kind, wrong in case.wrong:
                refused = not checker.check(wrong).passed
                in_other_words = bool(words.objections(wrong))
                out.in_other_words += in_other_words
                out.caught_of_a_model += refused or in_other_words
                out.planted[kind] += 1
                out.caught[kind] += refused
                if verdict.passed:
                    out.beside += 1
                    out.beside_caught += refused
                if not refused:
                    out.missed.append((kind, case.right, wrong))
    return out
