"""A fact as the checker reads it: its claims, the plan it belongs to and the plans that it names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from racetwin.schemas import Fact
from racetwin.strategist.claims import PLAN, Claim, claims_in, plan_claims
from racetwin.strategist.differences import Difference, difference_in
from racetwin.strategist.lexicon import forms

WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")


@dataclass(frozen=True, slots=True)
class Known:
    """A fact as it is read: ``key`` is the plan it belongs to, if it belongs to one, ``about`` the plans that it names."""

    fact: Fact
    key: str
    claims: tuple[Claim, ...]
    about: frozenset[str]
    difference: Difference | None
    stops: frozenset[tuple[int, str]]


def read(fact: Fact) -> Known:
    """Read a fact."""
    plan = str(fact.value) if fact.name.endswith(".plan") else None
    return Known(
        fact=fact,
        key=fact.name.partition(".")[0],
        claims=claims_in(fact.text) if plan is None else plan_claims(plan),
        about=frozenset(PLAN.findall(fact.text)),
        difference=difference_in(fact.name, fact.text),
        stops=frozenset() if plan is None else frozenset((int(n), c) for n, c in re.findall(r"L(\d+) ([A-Z]+)", plan)),
    )


def expected_points(known: Sequence[Known]) -> list[Claim]:
    """Return what plans are worth, by the facts."""
    return [c for k in known if k.fact.name.endswith(".expected_points") for c in k.claims if c.kind == "points"]


@lru_cache(maxsize=4096)
def words_of(text: str) -> frozenset[str]:
    """Return the words of a fact, and what they may be forms of."""
    words = {w.lower() for w in WORD.findall(text)}
    return frozenset(words).union(*(forms(w) for w in words))
