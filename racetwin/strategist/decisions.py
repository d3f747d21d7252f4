"""What a sentence says of the decision itself: how many stops are left, in which order, and whether the next one is now."""

from __future__ import annotations

import re

from racetwin.strategist.denials import denied_before

_COUNTS = {"no": 0, "one": 1, "a single": 1, "two": 2, "three": 3, "four": 4} | {str(n): n for n in range(6)}
_NUMBER = "|".join(_COUNTS)
_STOPS = re.compile(
    rf"\b(?P<n>{_NUMBER}) (?:(?:more|further|other|pit|extra|additional) ){{0,3}}(?:stops?|visits?)\b(?! (?:behind"
    rf"|would|by|within))"
    rf"|\b(?P<m>{_NUMBER})[- ]stop(?:per)?s?\b",
    re.IGNORECASE,
)
_NO_STOP = re.compile(
    r"\bnot stopping(?: again)?\b|(?:\b(?:not|never|without)|n['’]t)(?: [\w'’]+){0,3}? (?:stop|box|pit|com(?:e"
    r"|ing) in)\w* again\b|\bno (?:need to|reason to) stop\b|\bwithout (?:another|any"
    r"|one more)(?: further)? (?:tyre change|stop)s?\b"
    r"|\b(?:this|the|that) set (?:goes|runs|lasts|is good|has to go) (?:all the way |through )?to the (?:end|flag)\b"
    r"|\bone set to the (?:end|flag|finish)\b|\b(?:straight|right|all the way|run|stay out|carry on"
    r"|go) (?:through |on )?to the (?:end|finish"
    r"|(?:chequered )?flag)\b",
    re.IGNORECASE,
)
_WE_STOP = re.compile(
    r"\b(?:we|you)(?:(?:['’](?:re|ll)| are| will| must| should)(?: going to| to)?)? (?:box|boxing|pit|pitting|stop|stopping"
    r"|come in|coming in)\b"
    r"|\b(?:the|our) (?:car|driver)(?:(?: is| will| must| should)(?: going to| to)?)? (?:box(?:es|ing)?|pits?|pitting|stops?"
    r"|stopping|com(?:e|es|ing) in) (?:for|on|in|at|again|once|twice|before|now|this|next|to)\b"
    r"|\b(?:a|one|another|the next) (?:pit )?stop (?:is|comes) (?:planned|due|scheduled|called|on|before)\b"
    r"|^\W*(?:now )?(?:box|pit|come in) (?:now|this|next|on|at|in|for|to)\b"
    r"|\b(?:need|have) to (?:stop|box|pit|come in)\b|\b(?:recommended|advised|advisable) to (?:stop|box|pit"
    r"|come in)\b|\b(?:stop|box|pit)\w* again\b|\b(?:another|additional|further"
    r"|extra) (?:pit )?(?:stop|tyre change)s?\b"
    r"|^\W*(?:now )?(?:chang|swap|replac)(?:e|ing)? (?:the|our|this|these) (?:\w+ )?(?:set|tyres?)\b",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\?|(?:^\W*|[,;] (?:and |but )?)should\b|\b(?:com|box|pitt|stopp)ing (?:in )?(?:now|this lap)\b[^,;]*"
    r"\b(?:means?|brings?|gives?|leaves?|puts?|drops?|takes?|loses?)\b"
    r"|^\W*(?i:box|pit|stop)\b[^,;]*\band (?:we|you|it|(?-i:[A-Z]{3})\b)|\b(?:if|would|were|could"
    r"|when|unless|whether|had|costs?|rejoins?|comes? out)\b|\bP\d",
    re.IGNORECASE,
)
_NOW = r"(?:(?:right )?now|(?:on |in |at the end of )?this lap|right away|straight away|immediately|at once)"
_AT_ONCE = re.compile(
    rf"(?<!\ba )(?<!\bthe )(?<!\bour )\b(?:box|pit|stop|come in|in|(?:are|['’]re) (?:boxing|pitting|stopping"
    rf"|coming in)|end (?:the|this|our)(?: current)? stint) {_NOW}\b|\bstop(?:['’]s| is) {_NOW}\b"
    rf"|\bcom(?:es|ing) in(?:to the pits)? {_NOW}|\b(?:boxes|pits|stops) {_NOW}|\bbring(?:s"
    rf"|ing)? (?:the car|him|us|it) in {_NOW}"
    rf"|\bthis is (?:the|our) in-lap\b|\bbox,? box\b(?![^.]*\blap \d)|(?<!\bno )\bimmediate (?:pit )?stop\b",
    re.IGNORECASE,
)
_NOT_AT_ONCE = re.compile(
    rf"\bno (?:immediate|urgent) (?:pit )?stop\b"
    rf"|\bstay(?:s|ing)? out\b|\b(?:keep|keeps|leave|leaves) (?:the car|him|her|it) out\b|\bnot (?:the|our) in-lap\b"
    rf"|\b(?:push|press|carry|run) on\b(?! with)|\banother lap\b|\bnot (?:yet|(?:\w+ ){{0,4}}?{_NOW}"
    rf"|(?:\w+ ){{0,4}}?at the end of (?:this"
    rf"|the current) lap)\b|\b(?:extend|keep going|carry on"
    rf"|run this set) (?:to|until|for)\b",
    re.IGNORECASE,
)
_NEXT_LAP = re.compile(
    r"\b(?:box|pit|stop|come in|in|(?:are|['’]re) (?:boxing|pitting|stopping|coming in)) (?:(?:on"
    r"|at the end of) )?(?:the )?"
    r"(?:next lap|(?P<then>lap after next))\b",
    re.IGNORECASE,
)
_URGENT = re.compile(r"(?<!not )(?<!less )\burgent(?:ly)?\b", re.IGNORECASE)
_SOON = 2
"""Laps within which a stop is urgent."""
_DECIDES = re.compile(
    r"^(?!.*\b(?:would|could|might|finish|score|better|worse)\b).*\b(?:box|pit|stop|com(?:e|ing) in"
    r"|fit|go|going|call|plan"
    r"|it)\w*\b",
    re.IGNORECASE,
)
_BEFORE_LAP = re.compile(
    r"(?P<does>\b(?:box|pit|stop|come in|chang\w+ (?:the |our )?tyres) (?:the car )?(?:before"
    r"|prior to) lap) (?P<lap>\d+)",
    re.IGNORECASE,
)
"""A stop at the end of a lap does not come before it."""
_ORDINAL = re.compile(
    r"\b(?P<which>first|opening|next|second|last|final) (?:(?:of the|pit|tyre) )*(?:stop|change"
    r"|visit)\b(?: of (?:the|our) (?:plan|call|race))?"
    r"(?: is| comes| follows| falls| to be made| due| will be| should be| planned|,|:)* (?:on "
    r"|at the end of |for )?(?:lap |L)(?P<lap>\d+)\b",
    re.IGNORECASE,
)
_WHICH = {"first": 0, "opening": 0, "next": 0, "second": 1, "last": -1, "final": -1}
_ORDERED = re.compile(r"\b(?:then|first|before|followed by|after that|again on)\b", re.IGNORECASE)
_FOLLOWS = re.compile(r"\b(?:then|after (?:that|it|this)|follow(?:s|ed|ing)?)\b", re.IGNORECASE)
_LAP = re.compile(r"\b(?:lap |L)(\d+)\b", re.IGNORECASE)


def wrong_stops(clause: str, plan: str) -> str | None:
    """Return what a clause says wrongly of the stops that a plan ("L24 HARD, L41 SOFT", "no stop") has left, None if nothing.

    Examples
    --------
    >>> wrong_stops("It's a two-stopper from here", "L24 HARD")
    'two-stopper'
    >>> wrong_stops("No more stops, this set goes to the end", "no stop") is None
    True
    """
    laps = [int(n) for n in re.findall(r"L(\d+) ", plan)]
    for found in _STOPS.finditer(clause):
        if _COUNTS[(found["n"] or found["m"]).lower()] != len(laps):
            return found[0]
    for found in _ORDINAL.finditer(clause):
        at = _WHICH[found["which"].lower()]
        if int(found["lap"]) in laps and at < len(laps) and int(found["lap"]) != laps[at]:
            return found[0]
    if _SUPPOSED.search(clause):
        return None
    before = _BEFORE_LAP.search(clause)
    if before is not None and int(before["lap"]) in laps and not denied_before(clause, before.start()):
        return before["does"]
    through = _NO_STOP.search(clause)
    if through is not None and laps:
        return through[0]
    stops = _WE_STOP.search(clause)
    if (
        stops is not None
        and not laps
        and not re.search(r"\b(?:not|no|without)\b|n['’]t\b", clause[: stops.end()], re.IGNORECASE)
    ):
        return stops[0]
    said = [n for n in map(int, _LAP.findall(clause)) if n in laps]
    ordered = _ORDERED.search(clause)
    return ordered[0] if ordered is not None and said != sorted(said) else None


def wrong_sequence(before: str, clause: str, plan: str) -> str | None:
    """Return the word by which a clause puts a stop of a plan after one of the clause before, where it comes earlier.

    Examples
    --------
    >>> wrong_sequence("We take SOFT on lap 41", "the stop after that is lap 24", "L24 HARD, L41 SOFT")
    'after that'
    """
    laps = [int(n) for n in re.findall(r"L(\d+) ", plan)]
    follows = _FOLLOWS.search(clause)
    if follows is None or len(laps) < 2:
        return None
    said = [n for n in map(int, _LAP.findall(f"{before}, {clause}")) if n in laps]
    return follows[0] if said != sorted(said) else None


def wrong_moment(clause: str, plan: str, lap: int) -> str | None:
    """Return what a clause says wrongly of when the next stop is, None if nothing; ``lap`` is the last that the leader completed.

    Examples
    --------
    >>> wrong_moment("Stay out", "L24 HARD", 23)
    'Stay out'
    >>> wrong_moment("Box now", "L24 HARD", 20)
    'Box now'
    """
    if _SUPPOSED.search(clause):
        return None
    first = re.match(r"L(\d+) ", plan)
    urgent = _URGENT.search(clause)
    if urgent is not None and first is not None and int(first[1]) > lap + _SOON:
        return urgent[0]
    at_once, later = _AT_ONCE.search(clause), _NOT_AT_ONCE.search(clause)
    if at_once is not None and later is None and (first is None or int(first[1]) > lap + 1):
        return at_once[0]
    if later is not None and first is not None and int(first[1]) <= lap + 1:
        return later[0]
    following = _NEXT_LAP.search(clause)
    if following is not None and (first is None or int(first[1]) != lap + 2 + (following["then"] is not None)):
        return following[0]
    return None


def decides(clause: str) -> bool:
    """Whether a clause says what we do, which may be certain, and not what comes of it, which never is."""
    return _DECIDES.search(clause) is not None
