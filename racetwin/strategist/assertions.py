"""What a sentence asserts beside its numbers: that something is not so, and what state the track is in."""

from __future__ import annotations

import re

_DENIAL = re.compile(
    r"\b(?:not|never|neither|(?-i:nor)|no|cannot|hardly|unlikely|least likely)\b|n['’]t\b",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"\bno (?:further |more |other |second )?stops?\b|\bno longer\b|\bno (?:more|less|fewer|later|earlier|sooner) than\b"
    r"|\bno more\b|\bno points?\b|\bno change\b|\bno need\b|\bnot (?:before|until|yet|clear|enough|separable|far|much|by much)\b"
    r"|\bnot (?:to )?(?:be )?separated?\b"
    r"|\b(?:cannot|can['’]t|could not|couldn['’]t) (?:be )?(?:separate|separated|split|told apart)\b"
    r"|\b(?:do|does) not differ\b|\bno (?:clear )?(?:difference|winner|reason)\b|\bnot (?:ever )?later than\b"
    r"|\bif\b[^,;:]*?(?:\bnot\b|\bcannot\b|n['’]t\b)",
    re.IGNORECASE,
)
"""Denials that are themselves a statement the claims carry, or that put a condition."""
_WITHOUT_POINTS = re.compile(r"\b(?:not|without|n['’]t)\s+(?:\w+\s+)?(?:scor\w+|points?)\b", re.IGNORECASE)
_UNDER = re.compile(
    r"\bunder (?:the |a |an )?(?P<status>green|yellow|red|safety[- ]car|virtual safety[- ]car|vsc|sc)\b", re.IGNORECASE
)
_STATUS = {
    "green": ("GREEN",),
    "yellow": ("YELLOW",),
    "red": ("RED",),
    "safety car": ("SC",),
    "sc": ("SC",),
    "virtual safety car": ("VSC", "VSC_ENDING"),
    "vsc": ("VSC", "VSC_ENDING"),
}


def denial_in(clause: str) -> str | None:
    """Return the word by which a clause denies what it says, None if it denies nothing.

    A denial turns a claim into its opposite, and no fact is a denial: "does not cost 0.31 points" has the fact's number and
    says the contrary.

    Examples
    --------
    >>> denial_in("Waiting does not cost 0.31 points")
    'not'
    >>> denial_in("Box no later than lap 24") is None
    True
    """
    rest = _WITHOUT_POINTS.sub(" ", _HARMLESS.sub(" ", clause))
    found = _DENIAL.search(rest)
    return found[0] if found is not None else None


def without_points(clause: str) -> bool:
    """Whether a clause speaks of scoring nothing."""
    return _WITHOUT_POINTS.search(clause) is not None


def other_status(clause: str, status: str | None) -> str | None:
    """Return the state of the track that a clause asserts if it is not the one known, else None."""
    for match in _UNDER.finditer(clause):
        said = match["status"].lower().replace("-", " ")
        if re.search(r"\b(?:if|should|would|were|in case)\b", clause, re.IGNORECASE):
            continue
        if status not in _STATUS[said]:
            return match[0]
    return None
