"""Who is ahead of whom: where a sentence puts a rival, seen from our car, in the many ways that is said."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

Side = Literal["ahead", "behind", "both"]

_CAR = r"(?:[A-Z]{3}\b|car \d{1,3}\b)"
_ANY_CAR = re.compile(_CAR)
_SIGNS: tuple[tuple[str, Side], ...] = (
    (r"\b(?:ahead|clear|in front) of {car}", "behind"),
    (r"\bclear {car}", "behind"),
    (r"\b(?:behind|after|short of) {car}", "ahead"),
    (r"\b(?:we|us) (?:lead|leads) {car}|\bleads? {car}", "behind"),
    (r"\b(?:trail|trails|trailing|chasing|chase|follow|following) {car}", "ahead"),
    (r"{car}[^,;:]*?\bleads us\b", "ahead"),
    (r"{car}[^,;:]*?\b(?:comes|goes) past\b", "ahead"),
    (r"{car}[^,;]*?\bup the road\b", "ahead"),
    (r"{car}[^,;:]*?\b(?:follows|trails|chases)\b", "behind"),
    (r"{car}[^,;:]*?\boff our gearbox\b", "behind"),
    (r"{car}[^;]*?\bin (?:the|our) mirrors\b", "behind"),
    (r"{car}[^,;:]*?\b[\d.]+ (?:s|seconds?) back\b|\bback to {car}", "behind"),
    (r"\bmind {car}", "ahead"),
    (r"\bcar (?:ahead|in front)\b[^;]*?{car}", "ahead"),
    (r"\bcar behind\b[^;]*?{car}", "behind"),
    (r"{car}[^;]*?\b(?:ahead|in front)\b(?! of (?!us\b))", "ahead"),
    (r"{car}[^;]*?\bbehind\b(?! {any})", "behind"),
)


@lru_cache(maxsize=256)
def _signs_of(car: str) -> tuple[tuple[re.Pattern[str], Side], ...]:
    """The signs of one car, compiled: a field has more of them than the library's own cache holds."""
    own = re.escape(car) + r"\b"
    return tuple(
        (
            re.compile(
                pattern.replace("{car}", own).replace("{any}", _CAR),
                re.IGNORECASE if pattern.startswith(r"\bmind") else 0,
            ),
            side,
        )
        for pattern, side in _SIGNS
    )


def side_of(clause: str, car: str) -> Side | None:
    """Return where a car is, seen from ours: ``ahead``, ``behind``, ``both`` for a clause that contradicts itself, or None.

    Examples
    --------
    >>> side_of("We rejoin 2.1 s behind NOR", "NOR")
    'ahead'
    >>> side_of("NOR is 2.1 s behind", "NOR")
    'behind'
    """
    found: set[Side] = set()
    for pattern, side in _signs_of(car):
        for match in pattern.finditer(clause):
            between = match[0].replace(car, "")
            if not any(o != car and o not in ("VSC", "DRS") for o in _ANY_CAR.findall(between)):
                found.add(side)
    if len(found) > 1:
        return "both"
    return next(iter(found), None)
