"""Errors in the facts' own words: what could still be false in the wording of a model that says nothing in words of its own.

A batch (:mod:`racetwin.evaluation.batches`) shows what is made of other people's words. A model that keeps to the facts' can
still take a number from the wrong fact, turn a comparison round, deny, leave out how likely a thing is or on what it hangs, or
put us where a rival is. Each fact, and each sentence of ours, is told with one such error, whatever may be looked for.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from racetwin.evaluation.planted import NOBODY
from racetwin.schemas import Recommendation
from racetwin.strategist.checker import Checker
from racetwin.strategist.claims import PLAN
from racetwin.strategist.plain_words import PlainWords
from racetwin.strategist.wording import own_texts

_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")
_DRIVER = re.compile(r"\b(?!SOFT|HARD)[A-Z]{3}\b(?=(?: is| stops|\.|,| boxes| works))")
_TURNED = (
    ("more than", "less than"),
    ("better than", "worse than"),
    ("finishes ahead of", "finishes behind"),
    (" s ahead", " s behind"),
    ("ahead in", "behind in"),
    ("further back than", "further up than"),
    ("ends outside the points", "ends in the points"),
    ("It loses", "It gains"),
    ("laps left", "laps used"),
)
_LEFT_OUT = (
    r" with a probability of \d+%",
    r" in \d+% of races",
    r"^In \d+% of cases ",
    r"^\d+% of ",
    r"^If a safety car comes on laps \d+ to \d+, ",
)


@dataclass(slots=True)
class Retold:
    """Errors told by kind, and how many of them the checker catches, the words alone, and both together."""

    told: Counter[str] = field(default_factory=Counter)
    by_checker: Counter[str] = field(default_factory=Counter)
    by_words: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)
    missed: list[tuple[str, str]] = field(default_factory=list)

    def share(self, of: Counter[str]) -> float:
        """Share of all errors told."""
        return of.total() / max(1, self.told.total())


def retold(r: Recommendation, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield each sentence about a recommendation with an error in it, and the kind of the error."""
    texts = dict.fromkeys([*(f.text for f in r.facts), *(s.text for s in r.sentences if s.part != "alternatives")])
    plans = sorted({str(f.value) for f in r.facts if f.name.endswith(".plan")})
    drivers = sorted({m[0] for text in texts for m in _DRIVER.finditer(text)})
    numbers = [m[0] for text in texts for m in _NUMBER.finditer(PLAN.sub("", text))]
    for text in texts:
        for kind, false in _errors(text, numbers, plans, drivers, rng):
            if false not in texts:
                yield kind, false


def _errors(
    text: str, numbers: Sequence[str], plans: Sequence[str], drivers: Sequence[str], rng: random.Random
) -> Iterator[tuple[str, str]]:
    named = [m.span() for m in PLAN.finditer(text)]
    for m in _NUMBER.finditer(text):
        others = [n for n in numbers if ("." in n) == ("." in m[0]) and float(n) != float(m[0])]
        if others and not any(a <= m.start() < b for a, b in named):
            yield "number of another fact", text[: m.start()] + rng.choice(others) + text[m.end() :]
    for pair in _TURNED:
        for one, other in (pair, pair[::-1]):
            if one in text:
                yield "turned round", text.replace(one, other, 1)
    for m in re.finditer(r"\b(?:is|are)\b", text):
        yield "denied", f"{text[: m.end()]} not{text[m.end() :]}"
    for m in re.finditer(r"\b(?:is|are|scores|finishes|rejoins|stops|works)\b", text):
        yield "certain", f"{text[: m.start()]}certainly {text[m.start() :]}"
    for pattern in _LEFT_OUT:
        if re.search(pattern, text):
            yield "left out", re.sub(pattern, "", text)
    if text.count("'") == 4:  # two plans compared, each with the other's name
        first, second = re.findall(r"'([^']+)'", text)
        yield (
            "plans exchanged",
            f"'{second}'".join(p.replace(f"'{second}'", f"'{first}'") for p in text.split(f"'{first}'")),
        )
    for driver in drivers:
        if driver in text:
            yield "us for a driver", text.replace(f"{driver} is", "We are").replace(driver, "us")
            yield from (("driver", text.replace(driver, d)) for d in drivers if d != driver)


def measure_retold(moments: Iterable[tuple[Recommendation, Sequence[str]]], seed: int = 1) -> Retold:
    """Tell the facts of moments, each with the drivers who were out of the race, with an error, and count what is caught."""
    rng = random.Random(seed)
    out = Retold()
    for r, retired in moments:
        checker, words = Checker(r.facts, (*retired, NOBODY)), PlainWords(r.facts, own_texts(r))
        for kind, text in retold(r, rng):
            refused, in_other_words = not checker.check(text).passed, bool(words.objections(text))
            out.told[kind] += 1
            out.by_checker[kind] += refused
            out.by_words[kind] += in_other_words
            out.caught[kind] += refused or in_other_words
            if not (refused or in_other_words):
                out.missed.append((kind, text))
    return out
