"""The words advice may use: the pit wall's vocabulary in ``lexicon.txt``, general English around it in ``english.txt``.

The vocabulary is closed on purpose. A cause that no fact states ("graining", "engine", "team orders") needs a word that is not
in it, so it cannot pass unseen; what the race is made of is in it, and what is said of that is checked claim by claim. Words
stand in it in their base form or as they are: "waited", "waits" and "waiting" are known with "wait".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files


def _read(name: str) -> frozenset[str]:
    lines = files("racetwin.strategist").joinpath(name).read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


_ALL = _read("lexicon.txt") | _read("english.txt")
AS_THEY_ARE = frozenset(word[1:] for word in _ALL if word.startswith("="))
"""Known in this form only: "scrub lap 24" calls it off, a "scrubbed" set is a detail that no fact states."""
WORDS = (_ALL - {f"={word}" for word in AS_THEY_ARE}) | AS_THEY_ARE
_ADVERB = re.compile(r"[a-z]{3,}(?<!definite)(?<!certain)(?<!sure)(?<!precise)(?<!exact)ly")
"""How something is done or meant is no cause; words of certainty are looked at in :mod:`racetwin.strategist.assertions`."""
_CONTRACTED = re.compile(r"(?:n['’]t|['’](?:s|re|ll|ve|d|m)?)$")


@lru_cache(maxsize=8192)
def is_known(word: str) -> bool:
    """Whether a word (in lower case) is in the vocabulary, in any of its forms; a compound is known if its parts are.

    Examples
    --------
    >>> [is_known(w) for w in ("waited", "pitting", "that'll", "second-best", "graining", "wind")]
    [True, True, True, True, False, False]
    """
    if _ADVERB.fullmatch(word):
        return True
    if word in WORDS or any(form in WORDS and form not in AS_THEY_ARE for form in forms(word)):
        return True
    plain = _CONTRACTED.sub("", word)
    if plain != word:
        return not plain or is_known(plain)
    return "-" in word and all(is_known(part) for part in word.split("-"))


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
