"""The words of the pit wall (``lexicon.txt``), and those that bring up what no fact is about (``inventions.txt``).

English is open, and most of its words say nothing of a race by themselves. So a word that nobody listed refuses nothing; what is
refused is a word for something that a sentence could make up and no fact could ever bear out: a part of a car, a fault, weather,
an incident, a penalty, somebody's wish, a name. A capital within a sentence makes any word a name, unless the pit wall has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files


def _read(name: str) -> frozenset[str]:
    lines = files("racetwin.strategist").joinpath(name).read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


WORDS = _read("lexicon.txt")
_INVENTIONS = _read("inventions.txt")
_AS_THEY_ARE = frozenset(word[1:] for word in _INVENTIONS if word.startswith("="))
_CONTRACTED = re.compile(r"(?:n['’]t|['’](?:s|re|ll|ve|d|m)?)$")
IDIOMS = re.compile(
    r"\b(?:on|off|under|up|to|up to|all over) (?:our|your|his|her|their|the|[A-Z]{3}['’]s?) gearbox\b"
    r"|\bin practice\b|\bplain English\b|\bbe a problem\b|\bdead[- ]heat\b|\bhot on\b|\bhot pursuit\b"
    r"|\brear[- ]view\b"
    r"|\bwarm[- ]up\b|\b(?:no|not an?"
    r"|without(?: a)?) (?:problem|trouble|issue)s?\b"
    r"|\bwheel[- ]to[- ]wheel\b|\btread(?:ing)? water\b|\bunder fire\b|\bin the dust\b|\bcan(?:no|['’])t complain\b",
    re.IGNORECASE,
)
"""Turns of speech that bring up nothing of what their words name."""


@lru_cache(maxsize=8192)
def is_invention(word: str) -> bool:
    """Whether a word (in lower case), or a part of a compound, names something that no fact is about.

    Examples
    --------
    >>> [is_invention(w) for w in ("graining", "front-wing", "engine's", "waited", "grinder")]
    [True, True, True, False, False]
    """
    plain = _CONTRACTED.sub("", word)
    if plain in _AS_THEY_ARE or plain in _INVENTIONS or any(form in _INVENTIONS for form in forms(plain)):
        return True
    return "-" in plain and any(is_invention(part) for part in plain.split("-") if part)


@lru_cache(maxsize=8192)
def is_known(word: str) -> bool:
    """Whether a word (in lower case) is one of the pit wall's, in any of its forms; a compound is if its parts are.

    Examples
    --------
    >>> [is_known(w) for w in ("waited", "pitting", "that'll", "second-best", "Anna")]
    [True, True, True, True, False]
    """
    plain = _CONTRACTED.sub("", word)
    if word in WORDS or not plain or plain in WORDS or any(form in WORDS for form in forms(plain)):
        return True
    return "-" in plain and all(is_known(part) for part in plain.split("-"))


def forms(word: str) -> Iterator[str]:
    """What a word may be a form of."""
    for end, put in (
        ("ies", "y"),
        ("ied", "y"),
        ("ier", "y"),
        ("iest", "y"),
        ("ily", "y"),
        ("ally", "al"),
        ("ably", "able"),
        ("ment", ""),
        ("able", ""),
        ("able", "e"),
    ):
        if word.endswith(end):
            yield word.removesuffix(end) + put
    for end in ("s", "es", "ed", "ing", "er", "est", "ly"):
        stem = word.removesuffix(end)
        if stem != word and len(stem) > 2:
            yield stem
            if end not in ("s", "ly"):
                yield stem + "e"
                if len(stem) > 3 and stem[-1] == stem[-2]:
                    yield stem[:-1]
