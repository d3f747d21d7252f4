"""Errors planted in correct sentences about real moments: each changes one thing so that the sentence is no longer true."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from racetwin.evaluation.phrasings import CAUSES, PHRASINGS
from racetwin.schemas import COMPOUNDS, Fact, Recommendation

_PLAN = re.compile(r"L(\d+) ([A-Z]+)")
_DRIVER = re.compile(r"\b[A-Z]{3}\b")
_NO_DRIVERS = frozenset({"WET", "THE", "VSC"})
_UNITS = {
    "s": ("laps", "points", "%"),
    "seconds": ("laps", "points"),
    "laps": ("s", "points", "seconds"),
    "points": ("s", "laps", "%"),
    "%": (" s", " laps", " points"),
    "s a lap": ("laps", "s", "points"),
    "s per lap": ("laps", "points"),
    "seconds per lap": ("laps per race", "points"),
    "s/lap": (" laps", " points"),
}
NOBODY = "ZZT"
"""A driver that no race has: the retired rival where nobody has retired yet."""
KINDS = (
    "number off by a rounding step",
    "another driver",
    "direction reversed",
    "wrong lap",
    "wrong compound",
    "retired rival",
    "invented cause",
    "units mixed",
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """One phrasing of one fact, with what stands in its places."""

    template: str
    values: dict[str, str]
    truths: dict[str, tuple[float, int]] = field(default_factory=dict)
    """The true value behind a numeric place, and the decimals it is written with."""

    def text(self, **changed: str) -> str:
        """Return the sentence, with other values or with ``direction="wrong"`` or ``unit="..."``."""
        wrong_way, unit = changed.pop("direction", ""), changed.pop("unit", "")
        out = re.sub(r"\[([^|\]]*)\|([^\]]*)\]", lambda m: m[2] if wrong_way else m[1], self.template)
        out = re.sub(r"<([^>]+)>", lambda m: unit or m[1], out)
        return out.format(**{**self.values, **changed})


def phrases(r: Recommendation) -> Iterator[tuple[Fact, Phrase]]:
    """Yield every phrasing that fits a fact of the recommendation."""
    plans = {f.name.partition(".")[0]: str(f.value) for f in r.facts if f.name.endswith(".plan")}
    for fact in r.facts:
        for pattern, templates in PHRASINGS.items():
            if not re.fullmatch(pattern, fact.name):
                continue
            values, truths = _values(fact, plans)
            if fact.name.endswith("delta_points") and isinstance(fact.value, float) and fact.value > 0:
                continue  # within noise, and not the way that these sentences say it
            for template in templates:
                places = set(re.findall(r"\{(\w+)\}", template))
                if places <= set(values):
                    yield fact, Phrase(template, values, {k: v for k, v in truths.items() if k in places})


def _values(fact: Fact, plans: dict[str, str]) -> tuple[dict[str, str], dict[str, tuple[float, int]]]:
    values: dict[str, str] = {}
    truths: dict[str, tuple[float, int]] = {}

    def number(name: str, value: float, decimals: int) -> None:
        values[name] = f"{value:.{decimals}f}"
        truths[name] = (value, decimals)
        if (
            name in ("v2", "p", "d") and values[name] not in fact.text
        ):  # rounded twice: another number than the fact shows
            del values[name], truths[name]

    plan = plans.get(fact.name.partition(".")[0])
    if plan is not None:
        values["plan"] = plan
        stop = _PLAN.match(plan)
        if stop is not None:
            values |= {"lap": stop[1], "C": stop[2], "c": stop[2].lower()}
    drivers = _drivers(fact)
    if len(drivers) == 1:
        values["who"] = drivers[0]
    if isinstance(fact.value, str):
        if fact.name == "compound":
            values |= {"C": fact.value, "c": fact.value.lower()}
        return values, truths
    value = float(fact.value)
    written = re.search(r"\d+\.(\d+)", f"{fact.value}")
    number(
        "v",
        value,
        len(written[1])
        if written and not float(fact.value).is_integer()
        else (1 if "gap" in fact.name or fact.name == "pit_loss" or fact.name.endswith("expected_position") else 0),
    )
    if fact.name == "lap":
        values["lapn"] = values["v"]
    number("v0", value, 0)
    number("v1", value, 1)
    number("v2", value, 2)
    number("d", abs(value), 2)
    if fact.name.partition(".")[2].startswith("p_") or "probability" in fact.name:
        number("p", 100 * value, 0)
    if fact.low is not None and fact.high is not None:
        number("lo", fact.low, 1)
        number("hi", fact.high, 1)
        number("lo0", fact.low, 0)
        number("hi0", fact.high, 0)
    error = re.search(r"standard error (\d+\.\d+)", fact.text)
    if error is not None:
        values["se"] = error[1]
        truths["se"] = (float(error[1]), 2)
    return values, truths


def _drivers(fact: Fact) -> list[str]:
    return [d for d in _DRIVER.findall(fact.text) if d not in _NO_DRIVERS]


def plant(
    kind: str, fact: Fact, phrase: Phrase, r: Recommendation, retired: tuple[str, ...], rng: random.Random
) -> str | None:
    """Return the sentence with an error of that kind; None where it has no place for one."""
    template, values = phrase.template, phrase.values
    match kind:
        case "number off by a rounding step":
            return _number(phrase, fact, r, rng)
        case "another driver":
            others = sorted({d for f in r.facts for d in _drivers(f)} - {values.get("who", "")})
            return phrase.text(who=rng.choice(others or [NOBODY])) if "{who}" in template else None
        case "direction reversed":
            if "[" not in template or values.get("d") == "0.00" or _as_often(fact, r):
                return None
            return phrase.text(direction="wrong")
        case "wrong lap":
            name = "lap" if "{lap}" in template else "lapn" if "{lapn}" in template else None
            if name is None:
                return None
            wrong = int(values[name]) + rng.choice((-3, -2, -1, 1, 2, 3))
            return phrase.text(**{name: str(max(1, wrong))}) if max(1, wrong) != int(values[name]) else None
        case "wrong compound":
            name = "C" if "{C}" in template else "c" if "{c}" in template else None
            if name is None:
                return None
            other = rng.choice([c.value for c in COMPOUNDS if c.value != values[name].upper()])
            return phrase.text(**{name: other if name == "C" else other.lower()})
        case "retired rival":
            out = rng.choice(retired) if retired else NOBODY
            return (
                phrase.text(who=out) if "{who}" in template else f"{phrase.text()} {rng.choice(_RACED).format(who=out)}"
            )
        case "invented cause":
            drivers = sorted({d for f in r.facts for d in _drivers(f)})
            cause = rng.choice(CAUSES).format(rival=rng.choice(drivers or ["he"]))
            return f"{phrase.text().rstrip('. ')}, {cause}."
        case "units mixed":
            unit = re.search(r"<([^>]+)>", template)
            return None if unit is None else phrase.text(unit=rng.choice(_UNITS[unit[1]]))
    raise ValueError(f"kind: {kind!r}, expected one of {', '.join(KINDS)}")


_RACED = (
    "Cover {who}.",
    "Undercut {who}.",
    "{who} is the car to beat.",
    "Mind {who} at the rejoin.",
    "That keeps us ahead of {who}.",
    "{who} is close behind.",
)


def _number(phrase: Phrase, fact: Fact, r: Recommendation, rng: random.Random) -> str | None:
    places = [(name, *truth) for name, truth in sorted(phrase.truths.items())]
    if not places:
        return None
    name, value, decimals = rng.choice(places)
    step = 10.0**-decimals
    wrong = round(float(phrase.values[name]) + rng.choice((-1, 1)) * step, decimals)
    if wrong < 0 or abs(wrong - value) <= 0.5 * step + 1e-9:
        return None
    written = f"{wrong:.{decimals}f}"
    same = [f for f in r.facts if f.id != fact.id and _label(f, r) == _label(fact, r) and _what(f) == _what(fact)]
    if any(re.search(rf"(?<![\d.]){re.escape(written)}(?!\d)", f.text) for f in same):
        return None  # two plans of one name: it is true of the other
    return phrase.text(**{name: written})


def _as_often(fact: Fact, r: Recommendation) -> bool:
    """Whether a plan finishes ahead as often as behind: then neither is the wrong way round."""
    key, _, what = fact.name.rpartition(".")
    other = {"p_ahead": "p_behind", "p_behind": "p_ahead"}.get(what)
    return any(
        f.name == f"{key}.{other}" and f"{100 * float(f.value):.0f}" == f"{100 * float(fact.value):.0f}"
        for f in r.facts
    )


def _what(fact: Fact) -> str:
    return fact.name.rpartition(".")[2]


def _label(fact: Fact, r: Recommendation) -> str:
    key = fact.name.partition(".")[0]
    return next((str(f.value) for f in r.facts if f.name == f"{key}.plan"), "")
