"""What facts say of a difference between two plans, in points."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_SAID = re.compile(
    r"'(?P<plan>[^']+)' is worth (?P<points>\d+\.\d+) points (?P<way>more|less) than (?:the best plan"
    r"|'(?P<than>[^']+)')"
)
_ERROR = re.compile(r"standard error (\d+\.\d+)")


@dataclass(frozen=True, slots=True)
class Difference:
    """What a fact says of two plans: ``other`` is worth ``value`` points more (below 0: less) than the better one."""

    other: str
    value: float
    text: str
    error: float = 0.0


@lru_cache(maxsize=1024)
def difference_in(name: str, text: str) -> Difference | None:
    """Return the difference that a fact of this name and text states, None if it states none."""
    said = _SAID.search(text)
    if said is None:
        return None
    value = float(said["points"]) * (1.0 if said["way"] == "more" else -1.0)
    error = _ERROR.search(text)
    se = float(error[1]) if error is not None else 0.0
    if value > 0 and not name.endswith(".delta_points"):
        return Difference(said["than"], -value, text, se)
    return Difference(said["plan"], value, text, se)
