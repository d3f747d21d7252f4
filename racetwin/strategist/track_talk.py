"""What a sentence says of the state of the track, and what it supposes of a safety car."""

from __future__ import annotations

import re
from collections.abc import Collection

_IS_OUT = re.compile(
    r"^(?:(?!\b(?:if|should|once|when|until"
    r"|unless)\b).)*(?<!under a )(?<!under any )\b(?:safety[- ]car|(?-i:SC)|vsc) (?:is|was|has)\b",
    re.IGNORECASE,
)
_NO_STOP_THEN = re.compile(
    r"\b(?:not|never|n['’]t)\b[^,;]*\b(?:box|pit|stop|in)\b|n['’]t (?:\w+ )?(?:box|pit|stop|duck|dive|come)\b"
    r"|\bstop\b[^,;]*(?:\b(?:not|never)|n['’]t)\b|\bwait(?:ing)?\b[^,;]* (?:rather than|instead of)\b"
    r"|\b(?:forget|ignore)\b|\bchang\w* nothing\b|\bno difference\b"
    r"|\b(?:carry|run|press|push) on\b|\bcontinue\b"
    r"|\bas (?:scheduled|planned)\b|\bput off\b|\bgoes ahead\b|\bstay(?:s|ing)? out\b|\blater\b|\bdelay\w*|\bpostpon\w*"
    r"|\b(?:push\w*|put\w*|mov\w+) [^,;]*\bback\b"
    r"|\bkeep going\b|\bhold (?:the|our|off|on)\b",
    re.IGNORECASE,
)
_UNLESS = re.compile(r"\b(?:unless|until|if no|no|without)\b[^,;]*\b(?:safety[- ]car|(?-i:SC)|vsc)\b", re.IGNORECASE)
_AS_IT_IS = re.compile(
    r"\bunder (?:the )?(?:current|present|prevailing)\b|\bcurrently\b|\bno longer\b"
    r"|\bout (?:right )?now\b|\bthat is out\b",
    re.IGNORECASE,
)
_NOT_BEFORE = re.compile(r"\b(?:not|never|no longer|isn['’]t)\b(?: [\w-]+){0,3} $", re.IGNORECASE)
_NOT_AFTER = re.compile(
    r"(?: is| was| has been)(?: not| no longer|n['’]t)\b|(?: is| has gone| has come) (?:in|over" r"|away)\b",
    re.IGNORECASE,
)
_STATUS = re.compile(
    r"\b(?P<status>virtual[- ]safety[- ]car|vsc|safety[- ]car|(?-i:SC)|red[- ]flag\w*|yellow[- ]flags?"
    r"|yellows?|green[- ]flag"
    r"|(?<=under )(?:green|red)|(?<=is )(?:green|red)|green(?= conditions))\b",
    re.IGNORECASE,
)
_STATES = {
    "virtual": ("VSC", "VSC_ENDING"), "vsc": ("VSC", "VSC_ENDING"), "safety": ("SC",), "sc": ("SC",), "red": ("RED",),
    "yellow": ("YELLOW",), "green": ("GREEN",),
}  # fmt: skip
_CARS = frozenset({"SC", "VSC", "VSC_ENDING"})
_SLOW = frozenset({"SC", "VSC", "VSC_ENDING", "RED"})
_NEUTRALISED = re.compile(r"\b(?P<not>(?:not|never|no longer|n['’]t) (?:\w+ )?)?neutrali[sz]ed\b", re.IGNORECASE)
SUPPOSED = re.compile(
    r"\b(?:if|should|in case|whenever|when|any|were|would|could|might|may|contingency|scenario|in the event"
    r"|unless|until|chance"
    r"|risk|possible|ready|option|applies|shows up|up to|anywhere|between|from (?:lap |L)?\d+|on laps?|on L\d+"
    r"|any lap|before|throws?|for a|brings?|window"
    r"|in the event|forget|ignore)\b|\bSC L\d",
    re.IGNORECASE,
)
"""A clause with one of these speaks of what may come."""


def supposes_safety_car(clause: str) -> bool:
    """Whether a clause speaks of a safety car that may come."""
    return bool(SUPPOSED.search(clause) and _CARS & states_in(clause) and _AS_IT_IS.search(clause) is None)


def without_safety_car(clause: str) -> bool:
    """Whether a clause speaks of what is done if no safety car comes."""
    return _UNLESS.search(clause) is not None


def ignores_safety_car(clause: str) -> bool:
    """Whether a clause supposes a safety car and does not stop at once then."""
    return supposes_safety_car(clause) and _NO_STOP_THEN.search(clause) is not None and _UNLESS.search(clause) is None


def states_in(text: str) -> frozenset[str]:
    """Return the states of the track that a text speaks of."""
    return frozenset(state for m in _STATUS.finditer(text) for state in _states(m["status"]))


def other_status(clause: str, status: str | None, spoken_of: Collection[str]) -> str | None:
    """Return the state of the track that a clause asserts or supposes without a fact for it, else None.

    Parameters
    ----------
    status
        The state that the track is in, None if that is not known.
    spoken_of
        States that the facts speak of: what may be supposed.
    """
    as_it_is = _IS_OUT.search(clause) or _AS_IT_IS.search(clause)
    supposed = SUPPOSED.search(clause) is not None and as_it_is is None
    slowed = _NEUTRALISED.search(clause)
    if slowed is not None and status is not None and not supposed and (slowed["not"] is None) != (status in _SLOW):
        return slowed[0]
    for match in _STATUS.finditer(clause):
        said = _states(match["status"])
        if not supposed and (_NOT_BEFORE.search(clause[: match.start()]) or _NOT_AFTER.match(clause, match.end())):
            if status in said:
                return match[0]
            continue
        if not any(state in said for state in (*(spoken_of if supposed else ()), status)):
            return match[0]
    return None


def _states(word: str) -> tuple[str, ...]:
    return _STATES[
        re.split(r"[- ]", word.lower())[0].removesuffix("s") if not word.lower().startswith("yellow") else "yellow"
    ]
