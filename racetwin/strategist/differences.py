"""Which of two plans is worth more: what facts say of a difference in points, and what a sentence claims without a number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from racetwin.strategist.claims import PLAN

_SAID = re.compile(
    r"'(?P<plan>[^']+)' is worth (?P<points>\d+\.\d+) points (?P<way>more|less) than (?:the best plan|'(?P<than>[^']+)')"
)
_OVER = re.compile(r"\b(?:ahead of|better than|beats?|more than|above)\b")
_UNDER = re.compile(r"\b(?:behind|worse than|loses? to|less than|below)\b")
_NOTHING = 0.005


@dataclass(frozen=True, slots=True)
class Difference:
    """What a fact says of two plans: ``other`` is worth ``value`` points more (below 0: less) than the better one."""

    other: str
    value: float
    text: str

    def points(self, sign: int) -> bool:
        """Whether the difference has that sign; one of nothing has either."""
        return abs(self.value) < _NOTHING or (self.value > 0) == (sign > 0)


@lru_cache(maxsize=1024)
def difference_in(name: str, text: str) -> Difference | None:
    """Return the difference that a fact of this name and text states, None if it states none."""
    said = _SAID.search(text)
    if said is None:
        return None
    value = float(said["points"]) * (1.0 if said["way"] == "more" else -1.0)
    if value > 0 and not name.endswith(".delta_points"):
        return Difference(said["than"], -value, text)
    return Difference(said["plan"], value, text)


def wrong_order(clause: str, worth: Mapping[str, float]) -> str | None:
    """Return what a clause says of two named plans if it is the wrong way round, None if it is right or says nothing.

    ``worth`` is what each plan brings beside the best one, in points: 0, or below.
    """
    named = list(PLAN.finditer(clause))
    if len(named) != 2:
        return None
    first, second = (m[0] for m in named)
    between = clause[named[0].end() : named[1].start()]
    over, under = _OVER.search(between), _UNDER.search(between)
    if (over is None) == (under is None) or first not in worth or second not in worth:
        return None
    gain = worth[first] - worth[second]
    if abs(gain) < 2 * _NOTHING or (gain > 0) == (over is not None):
        return None
    said = over or under
    return said[0] if said is not None else None
