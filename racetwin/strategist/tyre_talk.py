"""What a sentence says of tyres: which compound a stop fits on which lap, and which one the car is on."""

from __future__ import annotations

import re
from collections.abc import Collection

_FITTED = re.compile(
    r"\b(?:for|fit|fits|fitting|fitted with|onto|to|take|takes|then|new|fresh|L\d+)\s+(?:(?:a|the|new|fresh|set|of|used)\s+)*"
    r"(SOFT|MEDIUM|HARD|INTERMEDIATE|WET)S?\b",
    re.IGNORECASE,
)
_IS_FITTED = re.compile(
    r"\b(SOFT|MEDIUM|HARD|INTERMEDIATE|WET)S?(?: tyres?| set)? (?:(?:is|are|will|would) (?:to )?be (?:fitted|bolted on|put on)"
    r"|(?:has|have) been chosen)\b",
    re.IGNORECASE,
)
_ON_THE_CAR = re.compile(
    r"(?:\b(?:we|you|it|car)(?:['’](?:re|s)| are| is)(?: still| currently| now)? on(?: the| a set of)?"
    r"|\b(?:these|current|present|this)"
    r"|\b(?:the|our)(?= \w+ (?:sets? |tyres? )?(?:is|are|has|have) (?:\w+ ){0,2}(?:\d|done|run|old|worn|completed)))"
    r"\s+(?:set of\s+)?(SOFT|MEDIUM|HARD|INTERMEDIATE|WET)(?:S\b|(?= (?:set|tyres?|rubber)\b))",
    re.IGNORECASE,
)
_TO_FIT = re.compile(
    r"\b(?:box|boxes|boxing|pit|pits|stop|stops|stopping|fit|fits|be fitted|take|takes|switch|onto|next|lap(?= \d)"
    r"|want|target|call|then|going|goes|choice|bolt\w*|send|answer|recommend\w*|chang\w*|"
    r"prefer|plan|waits?|waiting|com(?:e|ing) in|is the (?:tyre|one)|(?:tyre|compound) (?:will|should"
    r"|would|is to) be|(?:that|it)['’]ll be|get|this time"
    r"|(?:soft|medium|hard|intermediate"
    r"|wet) tyre)\b(?! (?:age|life|wear))",
    re.IGNORECASE,
)
"""A clause without any of these speaks of the tyres that are on the car."""
_STOP_PAIR = re.compile(
    r"\b(?:lap |L)(\d+)\b(?! of \d)"
    r"(?:(?!\blaps? \d|\bL\d|\b(?:and|then) (?:SOFT|MEDIUM|HARD|INTERMEDIATE|WET))[^.;]){0,24}?\b(SOFT|MEDIUM"
    r"|HARD|INTERMEDIATE|WET)S?\b",
    re.IGNORECASE,
)
_PAIR_STOP = re.compile(
    r"(?<!current )(?<!present )(?<!existing )\b(SOFT|MEDIUM|HARD|INTERMEDIATE|WET)S?\b"
    r"(?:(?!SOFT|MEDIUM|HARD|INTERMEDIATE|WET|until|till)[^.;]){0,40}?\b(?:lap "
    r"|L)(\d+)\b",
    re.IGNORECASE,
)
_HAS_RUN = re.compile(
    r"\b(?:for|of|with|after|under|at|another) (?:\w+ ){0,2}\d+ laps?\b|\b\d+(?:[- ]laps?| more)\b", re.IGNORECASE
)
"""How far a set has run or can run is said of one that is on the car."""
_ON_IT = re.compile(
    r"(?<!bolt )(?<!going )(?<!go )(?<!put )(?<!out )(?<!strap )"
    r"\b(?:on|keeps?|keeping) (?:the |a set of |our |its |his |these |this )?(?:SOFT|MEDIUM|HARD|INTERMEDIATE|WET)"
    r"|\b(?:current|present|these|running|run|started|still|(?<!be )fitted|are)\b"
    r"|^(?:tyres|set):|\bon (?:the car|it|them)\b|\blaps old\b|\b(?:lasts?|life|wear|worn|remaining|age|done)\b"
    r"|\b(?:set|tyres?|softs|mediums|hards) (?:is |are )?los(?:e|es|ing)\b",
    re.IGNORECASE,
)
"""What speaks of the tyres that are on the car."""


def wrong_tyres(
    clause: str,
    said: Collection[str],
    stops: Collection[tuple[int, str]],
    present: Collection[str],
    elsewhere: Collection[str],
) -> list[tuple[str, str]]:
    """Return what a clause says wrongly of compounds, each with the reason.

    Parameters
    ----------
    said
        Compounds that it names.
    stops
        Laps and compounds of the plans that it may speak of.
    present, elsewhere
        What the car is on, and what the facts say that others are on.
    """
    found = []
    pairs = _STOP_PAIR.findall(clause)
    told = {lap for lap, _ in pairs}
    pairs += [(lap, compound) for compound, lap in _PAIR_STOP.findall(clause) if lap not in told]
    for lap, compound in pairs:
        if stops and (int(lap), compound.upper()) not in stops:
            found.append((f"lap {lap} {compound}", "no plan spoken of fits that on that lap"))
    on_it = _ON_THE_CAR.findall(clause)
    found += [(c, "the car is not on it") for c in on_it if present and c.upper() not in present]
    fitted = {compound for _, compound in stops}
    to_fit = _FITTED.findall(clause) + _IS_FITTED.findall(clause)
    found += [(c, "no plan spoken of fits it") for c in to_fit if fitted and c.upper() not in {*fitted, *elsewhere}]
    on_the_car = _ON_IT.search(clause) is not None or _HAS_RUN.search(clause) is not None
    if present and on_the_car and not _TO_FIT.search(clause):
        return found + [(c, "the car is not on it") for c in said if c not in present and c not in elsewhere]
    alone = len(said) == 1 and not on_the_car and _TO_FIT.search(clause)
    allowed = {*fitted, *elsewhere} if alone and fitted else {*fitted, *elsewhere, *present}
    return found + [(c, "no plan spoken of fits it") for c in said if (present or fitted) and c not in allowed]
