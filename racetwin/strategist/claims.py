"""What a sentence claims: its numbers with their meaning, the cars it speaks of, tyres, and who is ahead of whom.

Facts and wording are read by the same reader. A sentence is then supported exactly if each of its claims is a claim of the
facts it rests on, whatever words it uses around them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from racetwin.schemas import COMPOUNDS

Kind = Literal[
    "lap",
    "laps",
    "position",
    "percent",
    "seconds",
    "seconds_a_lap",
    "points",
    "error",
    "count",
    "number",
    "compound",
    "car",
]

_NUMBER = r"(?P<sign>[+\-−])?(?P<value>\d+(?:\.\d+)?)"
# Tried in order at each number: the first pattern that fits says what the number means.
_SOURCES: tuple[tuple[Kind, str], ...] = (
    ("position", rf"\b(?:P|position |place ){_NUMBER}\b"),
    ("lap", rf"\b(?:lap |laps |L){_NUMBER}\b(?! of the)"),
    ("error", rf"(?:±|standard error (?:of )?){_NUMBER}".replace("±", r"±\s?")),
    ("percent", rf"{_NUMBER}\s?(?:%|per ?cent)"),
    ("seconds_a_lap", rf"{_NUMBER}\s?(?:s|sec|seconds?)(?: (?:a|per|each|every) lap|/lap)"),
    ("seconds", rf"{_NUMBER}\s?(?:s|sec|seconds?)\b"),
    ("laps", rf"{_NUMBER}(?: more| further| remaining)? laps?\b"),
    ("points", rf"{_NUMBER}(?: expected| championship)? points?\b"),
    ("count", rf"{_NUMBER}(?: other| simulated)? (?:plans?|races?|stops?)\b"),
    ("number", rf"(?<![A-Za-z\d.]){_NUMBER}"),
)
_PATTERNS = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _SOURCES)
_RANGE = re.compile(r"\d(?: to |-|–)(?=\d)")
_CODE = re.compile(r"\b[A-Z]{3}\b")
_CAR_NUMBER = re.compile(r"\bcar (\d{1,3})\b", re.IGNORECASE)
_COMPOUND = re.compile(r"\b(" + "|".join(c.value for c in COMPOUNDS) + r")S?\b", re.IGNORECASE)
_NOT_DRIVERS = frozenset({"VSC", "DRS", "AND", "THE", "NOT", "WET", "OUT", "BOX", "NOW", "PIT", "LAP", "RED"})
_AHEAD_OF = re.compile(r"\b(?:ahead|clear) of (?P<who>[A-Z]{3}\b|car \d{1,3})", re.IGNORECASE)
_BEHIND = re.compile(r"\b(?:behind|after) (?P<who>[A-Z]{3}\b|car \d{1,3})", re.IGNORECASE)
_MIND = re.compile(r"\bMind (?P<who>[A-Z]{3}\b|car \d{1,3})")
_TOPICS = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("podium", r"\bpodiums?\b"),
        ("win", r"\bwins?\b"),
        ("outside", r"\boutside\b"),
        ("points", r"\bpoints\b|\bscores?\b"),
        ("rejoin", r"\brejoins?\b|\bboxing\b|\bcomes? out\b|\bthat position\b"),
        ("stop", r"\bstops? within\b"),
        ("age", r"\bold\b|\bdone\b|\bage\b"),
        ("life", r"\blife\b|\bset has\b|\bleft in\b|\bgives the set\b|\bfrom this set\b"),
        ("ask", r"\basks?\b"),
        ("to go", r"\bto go\b|\blaps are left\b|\blaps remain\b"),
        ("loss", r"\bcosts?\b|\bloss\b"),
        ("pace", r"\bquicker\b|\bfaster\b|\bslower\b|\bpace\b"),
        ("gap", r"\bahead\b|\bbehind\b"),
    )
)
LOOSE_TOPICS = frozenset({"points", "rejoin", "stop", "loss"})
"""Topics that a fact may leave unsaid; any other that a sentence names must be the fact's too."""
_SUBJECT_SIDE = re.compile(
    r"(?P<who>\b[A-Z]{3}\b|\bcar \d{1,3}\b)(?P<between>[^,;:]*?)\b(?P<side>ahead|in front|behind)\b(?! of)(?! [A-Z]{3}\b)",
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing a clause says.

    ``value`` is the number, upper-case compound or car; ``decimals`` how many digits after the point were written, so that
    rounding can be judged; ``cars`` the cars of the same clause; ``side`` whether the rival spoken of is ``ahead`` or
    ``behind`` of our car, where the clause says so; ``topic`` what the number is of ("podium", "tyre life"), where words near it
    tell.
    """

    kind: Kind
    value: float | str
    decimals: int = 0
    signed: bool = False
    cars: frozenset[str] = frozenset()
    side: str | None = None
    topic: frozenset[str] = frozenset()
    text: str = ""


def clauses(text: str) -> list[str]:
    """Split a text into sentences, and those into clauses where a comma or semicolon starts another statement."""
    parts = []
    for sentence in re.split(r"(?<=[.!?;])\s+", text.strip()):
        parts += re.split(
            r"(?:,\s+(?:and\s+)?|\s+and\s+)(?=[\d.]+ s (?:ahead|behind)\b)|,\s+(?:and|but|while|with)\s+|;\s*", sentence
        )
    return [p.strip() for p in parts if p and p.strip(" .")]


def cars_in(clause: str) -> frozenset[str]:
    """Return the drivers' codes and ``car N`` that a clause names."""
    codes = {c for c in _CODE.findall(clause) if c not in _NOT_DRIVERS}
    return frozenset(codes | {f"car {n}" for n in _CAR_NUMBER.findall(clause)})


def side_of(clause: str) -> str | None:
    """Return where the rival of a clause is, seen from our car: ``ahead``, ``behind``, or None if it does not say.

    "2.1 s behind NOR" and "NOR is 2.1 s ahead" say the same.
    """
    sides = set()
    for match in _AHEAD_OF.finditer(clause):
        if _is_car(match["who"]):
            sides.add("behind")
    for match in _BEHIND.finditer(clause):
        if _is_car(match["who"]):
            sides.add("ahead")
    mind = _MIND.search(clause)
    if mind and _is_car(mind["who"]):
        sides.add("ahead")
    if not sides:
        subject = _SUBJECT_SIDE.search(clause)
        if subject and _is_car(subject["who"]):
            sides.add("behind" if subject["side"] == "behind" else "ahead")
    return sides.pop() if len(sides) == 1 else ("both" if sides else None)


def _is_car(text: str) -> bool:
    return text.lower().startswith("car ") or text.isupper()


def claims_in(text: str) -> list[Claim]:
    """Read every claim of a text, clause by clause."""
    found: list[Claim] = []
    for clause in clauses(text):
        cars, side = cars_in(clause), side_of(clause)
        found += _numbers(clause, cars, side)
        found += [
            Claim("compound", m[1].upper(), cars=frozenset(), text=clause) for m in _COMPOUND.finditer(clause) if m[1]
        ]
        found += [Claim("car", c, side=side, text=clause) for c in sorted(cars)]
    return found


def _numbers(clause: str, cars: frozenset[str], side: str | None) -> list[Claim]:
    found: list[tuple[int, Claim]] = []
    taken: list[tuple[int, int]] = [m.span() for m in _CAR_NUMBER.finditer(clause)]
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(clause):
            span = match.span("value")
            if any(a < span[1] and span[0] < b for a, b in taken):
                continue
            taken.append(span)
            digits = match["value"]
            sign = -1.0 if match["sign"] in ("-", "−") else 1.0
            topic = _topic(clause, span[0])
            value, decimals = sign * float(digits), len(digits.partition(".")[2])
            found.append(
                (span[0], Claim(kind, value, decimals, match["sign"] is not None, cars, side, topic, clause)),
            )
    return _ranges(clause, [claim for _, claim in sorted(found, key=lambda f: f[0])])


def _topic(clause: str, at: int) -> frozenset[str]:
    """What a number is of: the topic words of its own part of the clause, up to the commas around it."""
    begin = max(clause.rfind(c, 0, at) for c in ",:(") + 1
    end = min((i for i in (clause.find(",", at), clause.find(";", at)) if i >= 0), default=len(clause))
    for part in (clause[begin:end], clause[:end]):
        topic = {name for name, pattern in _TOPICS if pattern.search(part)}
        if topic:
            return frozenset(topic - {"points"} if "outside" in topic else topic)
    return frozenset()


def _ranges(clause: str, claims: list[Claim]) -> list[Claim]:
    """In "about 5 laps (3 to 8)" and "3 to 8 laps" the bare ends mean what the number beside them means."""
    if not _RANGE.search(clause):
        return claims
    out = list(claims)
    for i, claim in enumerate(claims):
        if claim.kind != "number":
            continue
        near = [c for c in (*claims[i + 1 : i + 2], *reversed(out[:i])) if c.kind not in ("number", "error")]
        if near:
            out[i] = replace(claim, kind=near[0].kind, topic=near[0].topic)
    return out
