"""Who is ahead of whom: where a sentence puts a rival, seen from our car.

A sentence places cars by *relations*: "ahead of", "behind", "leads", "in our mirrors". Each has a subject, which is ahead or
behind, and an object, which it is ahead of or behind. Either may be a rival or us ("we", "you", "the car"); what is not said is
us. So a rival is where the relation says if it is the subject, and on the other side if it is the object, in whatever words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Side = Literal["ahead", "behind", "both"]
_OTHER: dict[str, Side] = {"ahead": "behind", "behind": "ahead"}

_CAR = r"(?:\b(?!(?:VSC|DRS|THE|AND|NOT|BOX|NOW|OUT|PIT|LAP|RED|WET)\b)[A-Z]{3}\b|car \d{1,3}\b)"
_ENTITY = re.compile(
    rf"(?P<car>{_CAR})|\b(?P<us>(?:we|us|you|(?:the|our) car(?! (?:ahead|behind|in front|in our|we|that|to)\b))\b)"
)
_UNIT = r"(?<=\d )(?:s|secs?|seconds?) |(?<=\d)s "
_GAP = re.compile(
    rf"\bgap (?P<side>ahead|in front|behind)(?: to| is|:)* (?P<car>{_CAR})|\bgap to (?P<named>{_CAR}) (?P<where>ahead"
    rf"|in front|behind)"
)
"""'The gap behind to NOR' is that to the car behind."""
_AHEAD_LABEL = re.compile(rf"\b(?:ahead|front):? (?={_CAR})")
_LABEL = re.compile(rf"\b(?P<side>ahead|front|behind):? (?P<car>{_CAR})(?P<named>)(?P<where>)")
"""In notes ("ahead NOR, 1.2 s, behind HAM, 0.8 s") the word before a car is where that car is."""
_RELATIONS: tuple[tuple[str, Side], ...] = (
    # said of the subject; an object may follow
    (r"\b(?:ahead|in front|clear)(?: of)?(?= )(?! (?:out-lap|call|air))|\b(?:ahead|in front)\b", "ahead"),
    (rf"(?:{_UNIT})clear\b", "ahead"),
    (r"\b(?:up the (?:road|track)|further up|in the lead|comes? past|goes? past|gets? past)\b", "ahead"),
    (r"\b(?:in hand over|up on)\b", "ahead"),
    # who resists is ahead of whom it resists, who gets by is then ahead
    (
        rf"\b(?:hold|fend|head|held)(?:s|ing)? off(?= (?:{_CAR}|us\b|you\b))|\bdefend\w* (?:from"
        rf"|against)\b|\bresist\w*\b",
        "ahead",
    ),
    (
        r"\b(?:keep|hold|kept|held)(?:s|ing)? (?:us|you) (?:at bay|off|up|back)\b|\bblock(?:s|ing)? (?:us|you)\b",
        "ahead",
    ),
    (r"\b(?:gets?|getting|got|has|have) the (?:better|jump) (?:of|on)\b|\boutrun(?:s|ning)?\b", "ahead"),
    (r"\b(?:gain\w*|tak\w+|steal\w*) (?:the |a |our |their )?(?:places?|positions?) (?:from|off)\b", "ahead"),
    (rf"\b(?:over|before)(?= (?:{_CAR}|us\b|you\b))", "ahead"),
    (r"\bon(?= (?:us|you)\b)", "ahead"),
    (
        r"\bbehind\b|\bin (?:our|the|your) (?:mirrors?|wake)\b|\bdown the (?:road|track)\b|\badrift(?: of)?\b"
        r"|\bin tow\b",
        "behind",
    ),
    (rf"\bafter(?= (?:{_CAR}|us\b|you\b))|\bshort of\b|\boff (?:our|your) (?:gearbox|tail)\b", "behind"),
    (rf"(?:{_UNIT})(?:back|down|off)\b(?! the\b)(?! to {_CAR})", "behind"),
    (r"\bto (?:make up|find|gain|catch up)(?: on)?\b|\bdown on\b", "behind"),
    (
        r"\b(?:los\w+|giv\w+ up|conced\w+) (?:track position|(?:an? |the |our )?(?:places?|positions?)"
        r"|out) to\b",
        "behind",
    ),
    # transitive verbs
    (rf"\b(?:leads?|leading|heads?|beats?)\b|\b(?:clears?|pass(?:es)?|jumps?|overtakes?)(?= {_CAR})", "ahead"),
    (
        rf"\b(?:passed|passing|overt(?:ook|aken|aking)|leapfrog\w*|jump(?:ed|ing)|cleared)(?= (?:{_CAR}|us\b|you\b))",
        "ahead",
    ),
    (r"\b(?:clears?|pass(?:es)?|jumps?|overtakes?)(?= (?:us|you)\b)", "ahead"),
    (r"\b(?:trail|chas|follow|hunt|shadow|pursu)(?:s|es?|ing|ed)?\b", "behind"),
    (rf"\b(?:attack|harass|pressur|threaten|catch|hound)(?:s|es|e|ing|ed)?(?= (?:{_CAR}|us\b|you\b))", "behind"),
    (r"\b(?:giv\w+ way|yield\w*|conced\w*|los\w+ out|lost out|los\w+ the place|succumb\w*) to\b", "behind"),
    (r"\b(?:held up|blocked|baulked|stuck|passed|overtaken|jumped|beaten|leapfrogged|cleared) by\b", "behind"),
)
_COMPILED = tuple((re.compile(pattern), side) for pattern, side in _RELATIONS)
_POSSESSIVE = re.compile(
    rf"(?P<car>{_CAR})['’]s? (?:(?:dirty|own) )?(?:air|gearbox|tail|wake|mirrors|slipstream)\b"
    rf"|\b(?:(?:mirrors?|wake) (?:for|of)|back to|pressure from|threat from) (?P<seen>{_CAR})"
    rf"|\b[Mm]ind (?P<minded>{_CAR})"
    rf"|\b(?:keep|hold|kept|held)(?:s|ing)? (?P<kept>{_CAR}) (?:at bay|off|back|up)\b"
    rf"|(?P<held>{_CAR}) (?:we|you)(?:['’]d| would|['’]ll| will) be (?:holding|keeping|fending)\b"
    rf"|(?P<rear>{_CAR})(?: is|['’]s)? (?:in (?:our|the|your) rear|\((?:back|behind|rear)\))"
    rf"|(?P<fore>{_CAR})(?: is|['’]s)? (?:(?:our|your|the) (?:next )?target\b|\((?:front|ahead)\))"
    rf"|(?P<sighted>{_CAR}) in (?:our|your) sights\b|\bsights on (?P<sights>{_CAR})"
)
_EITHER_WAY = re.compile(r"\bdown the (?:road|track)\b")
"""Some say it of a car behind, others of one far ahead: by itself it tells neither."""
_BEHIND = re.compile(r"\bbehind\b|\bback\b|\bmirrors\b|\bin (?:our|your) wake\b")
_TO_OBJECT = re.compile(r"^(?: (?:of|to|by|on|over|from|the|a|at))*(?: [\d.]+ ?(?:s|seconds?)(?: of| to)?)? ?$")
"""What may stand between a relation and its object."""


@dataclass(frozen=True, slots=True)
class _Entity:
    start: int
    end: int
    car: str | None
    """None for us."""


def side_of(clause: str, car: str) -> Side | None:
    """Return where a car is, seen from ours: ``ahead``, ``behind``, ``both`` for a clause that contradicts itself, or None.

    Examples
    --------
    >>> side_of("We rejoin 2.1 s behind NOR", "NOR")
    'ahead'
    >>> side_of("NOR is 2.1 s behind", "NOR")
    'behind'
    >>> side_of("NOR is the car we would be chasing", "NOR")
    'ahead'
    """
    found = {side for name, side in _sides(clause) if name == car}
    if found and _EITHER_WAY.search(clause) and not _BEHIND.search(clause):
        return "both"
    return "both" if len(found) > 1 else next(iter(found), None)


@lru_cache(maxsize=2048)
def _sides(clause: str) -> tuple[tuple[str, Side], ...]:
    if not _ENTITY.match(clause):
        clause = clause[:1].lower() + clause[1:]
    entities = [_Entity(*m.span(), m["car"]) for m in _ENTITY.finditer(clause)]
    if not any(e.car for e in entities):
        return ()
    found: list[tuple[str, Side]] = [
        (m[m.lastgroup or ""], "behind" if m.lastgroup in ("seen", "kept", "rear", "held") else "ahead")
        for m in _POSSESSIVE.finditer(clause)
    ]
    gaps = [*(_LABEL if _AHEAD_LABEL.search(clause) else _GAP).finditer(clause)]
    found += [(m["car"] or m["named"], "behind" if "behind" in m.group("side", "where") else "ahead") for m in gaps]
    objects: set[_Entity] = set()
    for start, end, side in _relations(clause):
        if any(m.start() <= start < m.end() for m in gaps):
            continue
        placed = _placed(clause, start, end, side, entities, objects)
        if placed is not None:
            found.append(placed)
    return tuple(found)


def _relations(clause: str) -> list[tuple[int, int, Side]]:
    """Every relation in order; where two overlap, the one that begins first, then the longer, counts."""
    every = sorted((m.start(), -m.end(), side) for pattern, side in _COMPILED for m in pattern.finditer(clause))
    out: list[tuple[int, int, Side]] = []
    for start, end, side in every:
        if not out or start >= out[-1][1]:
            out.append((start, -end, side))
    return out


def _placed(
    clause: str, start: int, end: int, side: Side, entities: list[_Entity], objects: set[_Entity]
) -> tuple[str, Side] | None:
    """Return the rival that one relation places, and where; rivals among themselves are placed nowhere."""
    after = next((e for e in entities if e.start >= end), None)
    obj = after if after is not None and _TO_OBJECT.match(clause[end : after.start].rstrip() or " ") else None
    if obj is None and after is not None and not clause[end : after.start].strip():
        obj = after
    # "We are chasing NOR, 2 s behind": after a comma, what has no object of its own is said of the car just named, too.
    before = [
        e for e in entities if e.end <= start and (e not in objects or (obj is None and "," in clause[e.end : start]))
    ]
    if obj is not None:
        objects.add(obj)
    subject = _subject(clause, start, before)
    if obj is not None and obj.car is not None:
        return None if subject is not None and subject.car is not None else (obj.car, _OTHER[side])
    if obj is None and subject is not None and subject.car is None:
        # "NOR is the car we would be chasing": the object stands before its verb.
        cars = [e for e in before if e.car is not None]
        return (cars[-1].car or "", _OTHER[side]) if cars else None
    if subject is not None and subject.car is not None:
        return subject.car, side
    later = next((e for e in entities if e.start >= end and e.car is not None and e is not obj), None)
    if later is not None and not re.search(r"[,;]", clause[end : later.start]):
        return later.car or "", side  # "behind us is NOR", "the car ahead is NOR"
    return None


def _subject(clause: str, start: int, before: list[_Entity]) -> _Entity | None:
    """The nearest of the cars named before a relation; us only where we are nearer than any of them."""
    for e in reversed(before):
        between = clause[e.end : start]
        if re.search(r"[;]", between):
            return None
        if e.car is None and clause[e.start : e.end] == "us":
            continue  # we are not what is said of "us"
        if e.car is not None or re.fullmatch(r"(?:['’]\w+)?(?: [\w.]+){0,5} ?", between):
            return e
    return None
