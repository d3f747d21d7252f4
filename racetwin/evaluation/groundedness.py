"""How good is the checker of claims? Correct texts with errors planted in them, of every kind a language model makes.

The texts are our own wording and paraphrases of the facts behind it. A planted error changes one thing so that the text no
longer says what the facts say: a number by a rounding step, a driver for another, a direction, a lap, a compound, a unit; or adds
something no fact says: a rival that has retired, an invented cause.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from racetwin.schemas import COMPOUNDS, Fact, Recommendation
from racetwin.strategist.checker import Checker
from racetwin.strategist.claims import cars_in

CAUSES = (
    "because the engine is overheating",
    "due to graining on the front left",
    "because rain is coming in sector two",
    "since the driver reports vibrations",
    "thanks to the new front wing",
    "because the rival has a brake problem",
    "owing to a puncture risk",
    "because the team wants it",
    "since the medium tyre is always better",
    "because our rivals are slower",
)
RETIRED = "ZZT"
"""A driver that no race has, for the retired rival that a text must not race against."""

_PARAPHRASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"rejoin\.gap_ahead", ("We come out {v} s behind {who}.", "{who} would be {v} seconds ahead at the rejoin.")),
    (r"rejoin\.gap_behind", ("We rejoin {v} s ahead of {who}.", "At the rejoin {who} is {v} s behind.")),
    (r"rejoin\.position", ("We would rejoin in P{v}.", "A stop now comes out P{v}.")),
    (r"rejoin\.probability", ("That is {p}% likely.", "The probability of that is {p}%.")),
    (r"pit_loss", ("The stop costs about {v} s.", "Boxing costs {v} seconds.")),
    (r"tyre_age", ("These tyres have done {v} laps.", "The set is {v} laps old by now.")),
    (r"tyre_life", ("About {v} laps of life remain in the set.", "We expect {v} more laps from this set.")),
    (r"laps_left", ("There are {v} laps to go.", "{v} laps remain.")),
    (r"wear", ("Wear costs {w} s a lap.", "We lose {w} seconds per lap to wear.")),
    (r"best\.expected_points", ("It is worth {v2} points on average.", "We expect {v2} points from it.")),
    (r"best\.p_points", ("We score in {p}% of races.", "{p}% of simulated races end in the points.")),
    (r"best\.p_podium", ("The podium comes in {p}% of races.", "A podium is {p}% likely.")),
    (
        r"plan\d+\.delta_points",
        ("'{plan}' costs {d} points against the best plan.", "Choosing '{plan}' instead loses {d} points."),
    ),
    (r"behind\.gap", ("{who} is {v} s behind us.", "We are {v} s ahead of {who}.")),
    (r"behind\.stop_probability_5", ("{who} stops within five laps with {p}% probability.",)),
)


@dataclass(slots=True)
class Groundedness:
    """Counts of one measurement."""

    correct: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    planted: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)
    missed: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Share of planted errors that were caught."""
        return self.caught.total() / max(1, self.planted.total())

    @property
    def false_refusals(self) -> float:
        """Share of correct texts that were refused."""
        return len(self.refused) / max(1, self.correct)


def measure(advice: Iterable[Recommendation], seed: int = 1) -> Groundedness:
    """Check every correct text of the advice, then each with an error of each kind that can be planted in it."""
    rng = random.Random(seed)
    out = Groundedness()
    for recommendation in advice:
        checker = Checker(recommendation.facts, retired=(RETIRED,))
        for text in correct_texts(recommendation, rng):
            out.correct += 1
            verdict = checker.check(text)
            if not verdict.passed:
                out.refused.append((text, str(verdict.objections[0])))
                continue
            for kind, plant in PLANTS.items():
                wrong = plant(text, recommendation, rng)
                if wrong is None or wrong == text:
                    continue
                out.planted[kind] += 1
                if checker.check(wrong).passed:
                    out.missed.append((kind, text, wrong))
                else:
                    out.caught[kind] += 1
    return out


def correct_texts(recommendation: Recommendation, rng: random.Random) -> Iterator[str]:
    """Yield our own sentences and a paraphrase of each fact that has one."""
    r = recommendation
    own = [r.title, r.description, r.expected_benefit, r.reasoning, *r.risks, *(a.text for a in r.alternatives)]
    yield from (t for t in own if t)
    plans = {f.name.partition(".")[0]: str(f.value) for f in r.facts if f.name.endswith(".plan")}
    for fact in r.facts:
        for pattern, templates in _PARAPHRASES:
            if re.fullmatch(pattern, fact.name):
                yield _fill(rng.choice(templates), fact, plans)
    if r.execution_lap is not None and plans:
        compound = plans["best"].split(",")[0].split()[-1]
        yield rng.choice(
            [
                f"Box on lap {r.execution_lap} for {compound} tyres.",
                f"Pit at the end of lap {r.execution_lap} and fit the {compound}s.",
            ]
        )


def _fill(template: str, fact: Fact, plans: dict[str, str]) -> str:
    value = fact.value
    number = float(value) if isinstance(value, (int, float)) else 0.0
    return template.format(
        v=value,
        v2=f"{number:.2f}",
        w=f"{number:.2f}",
        p=f"{100 * number:.0f}",
        d=f"{abs(number):.2f}",
        who=next(iter(sorted(cars_in(fact.text))), ""),
        plan=plans.get(fact.name.partition(".")[0], ""),
    )


# --- planted errors ---------------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)(?=\s|%|\.|,|;|\)|$)")


def _number(text: str, r: Recommendation, rng: random.Random) -> str | None:
    """One step of the last digit, up or down, to a value that no fact has with that unit."""
    found = [m for m in _NUMBER.finditer(text) if not text[: m.start()].rstrip().lower().endswith(("car", "lap"))]
    if not found:
        return None
    match = rng.choice(found)
    digits = len(match[1].partition(".")[2])
    changed = f"{float(match[1]) + rng.choice((-1, 1)) * 10.0**-digits:.{digits}f}"
    unit = text[match.end() :].split()[:1]
    if changed.startswith("-") or any(f"{changed}{text[match.end() : match.end() + 3]}" in f.text for f in r.facts):
        return None
    if unit and any(re.search(rf"\b{re.escape(changed)} ?{re.escape(unit[0].rstrip('.,;'))}", f.text) for f in r.facts):
        return None
    return text[: match.start()] + changed + text[match.end() :]


def _driver(text: str, r: Recommendation, rng: random.Random) -> str | None:
    """Another driver of the same facts, or, where there is none, one that no fact names."""
    named = sorted(cars_in(text))
    if not named:
        return None
    one = rng.choice(named)
    others = sorted({c for f in r.facts for c in cars_in(f.text)} - set(named)) or ["QQQ"]
    return text.replace(one, rng.choice(others))


def _direction(text: str, r: Recommendation, rng: random.Random) -> str | None:
    """Ahead for behind, gain for loss."""
    if not cars_in(text) and not re.search(r"\bpoints\b", text):
        return None
    swaps = (
        (r"\bahead of\b", "behind"),
        (r"\bbehind(?= [A-Z]{3}\b)", "ahead of"),
        (r"\bahead\b", "behind"),
        (r"\bbehind\b", "ahead"),
        (r"\bless than\b", "more than"),
        (r"\bcosts\b(?= [\d.]+ points)", "gains"),
        (r"\bloses\b(?= [\d.]+ points)", "gains"),
        (r"(?<= )\+(?=\d)", "-"),
        (r"(?<= )-(?=\d)", "+"),
    )
    for pattern, other in swaps:
        if re.search(pattern, text):
            changed = re.sub(pattern, other, text, count=1)
            zero = re.search(r"[+-]0\.0+\b", changed) or re.search(r"\b0\.00? points", changed)
            return None if zero else changed
    return None


def _lap(text: str, r: Recommendation, rng: random.Random) -> str | None:
    """A lap that no fact names."""
    match = re.search(r"\b(lap |L)(\d+)\b", text)
    if match is None:
        return None
    laps = {int(n) for f in r.facts for n in re.findall(r"\b(?:lap |L)(\d+)\b", f.text)}
    wrong = int(match[2]) + rng.choice((-2, -1, 1, 2))
    if wrong in laps or wrong < 1:
        return None
    return text[: match.start(2)] + str(wrong) + text[match.end(2) :]


def _compound(text: str, r: Recommendation, rng: random.Random) -> str | None:
    """Another compound on the same lap."""
    match = re.search(r"\b(" + "|".join(c.value for c in COMPOUNDS) + r")", text)
    if match is None:
        return None
    said = {str(f.value) for f in r.facts if f.name.endswith(".plan")}
    other = rng.choice([c.value for c in COMPOUNDS if c.value != match[1]])
    changed = text[: match.start()] + other + text[match.end() :]
    lap = re.search(r"(?:lap |L)(\d+)", text)
    if lap and any(f"L{lap[1]} {other}" in plan for plan in said):
        return None
    if not lap and any(other in plan for plan in said):
        return None
    return changed


def _retired(text: str, r: Recommendation, rng: random.Random) -> str | None:
    """The rival spoken of is one that is out of the race."""
    named = sorted(cars_in(text))
    return text.replace(named[0], RETIRED) if named else f"{text} Undercut {RETIRED}."


def _cause(text: str, r: Recommendation, rng: random.Random) -> str | None:
    """A cause that nobody measured."""
    return f"{text.rstrip('. ')}, {rng.choice(CAUSES)}."


def _unit(text: str, r: Recommendation, rng: random.Random) -> str | None:
    """The number with another unit."""
    for pattern, others in (
        (r"(\d) s\b(?! a lap)", ("laps", "points", "%")),
        (r"(\d) seconds\b", ("laps", "points")),
        (r"(\d) points\b", ("s", "laps")),
        (r"(\d)%", (" s", " laps", " points")),
        (r"(\d) laps\b", ("s", "points")),
    ):
        match = re.search(pattern, text)
        if match:
            other = rng.choice(others)
            gap = "" if other.startswith(" ") else " "
            return text[: match.end(1)] + gap + other + text[match.end() :]
    return None


PLANTS: dict[str, Callable[[str, Recommendation, random.Random], str | None]] = {
    "number off by a rounding step": _number,
    "another driver": _driver,
    "direction reversed": _direction,
    "wrong lap": _lap,
    "wrong compound": _compound,
    "retired rival": _retired,
    "invented cause": _cause,
    "units mixed": _unit,
}
