"""What a number is of: words beside it that tell a gap from a pit loss, a podium from points, laps done from laps left.

A kind of number has a few topics; the first whose words stand in the number's own part of the clause is its topic. Facts and
wording are read with the same table, so a number said of one thing cannot rest on a fact about another.
"""

from __future__ import annotations

import re

_TOPICS: dict[str, tuple[tuple[str, str], ...]] = {
    "seconds": (
        (
            "gap",
            r"\bahead\b|\bbehind\b|\bfront\b|\bgap\b|\bclears?\b|\btrail|\bleads?\b|\bchas|\bback\b|\bfollow"
            r"|\bmirrors?\b|\bclosed?\b|\bgearbox\b|\bshort of\b",
        ),
        (
            "loss",
            r"\bcosts?\b|\bloss\b|\bloses?\b|\blost\b|\btakes?\b|\bfor (?:the|a) stop\b|\bstop is\b|\brace time\b",
        ),
        ("pace", r"\bquicker\b|\bfaster\b|\bslower\b|\bpace\b"),
    ),
    "position": (
        ("finish", r"\bfinish|\baverage\b|\bhome\b|\bflag\b|\bexpected\b"),
        (
            "rejoin",
            r"\brejoin|\bpit exit\b|\bstop|\bbox|\bcomes? (?:back )?out\b|\bslot|\bdrops?\b|\bfalls?\b|\bputs?\b",
        ),
        (
            "current",
            r"\brun|\bcurrently\b|\bmoment\b|\bright now\b|\bholds?\b|\bour position\b|\bthe car is\b"
            r"|\bat present\b|\bsits?\b|\bon track\b|\b(?:you|we)(?:['’]re| are)\b",
        ),
    ),
    "percent": (
        ("higher", r"\bhigher\b|\bgains? places\b"),
        ("lower", r"\bbehind P\d|\blower\b"),
        ("better", r"\bafter all\b|\b(?:to be|being) (?:the )?(?:best|better)\b|\bbetter (?:of|plan)\b"),
        ("podium", r"\bpodiums?\b"),
        ("win", r"\bvictor|\bwins?\b|\bwinning\b"),
        (
            "outside",
            r"\bnot scor|n['’]t scor|\boutside\b|\bout of the points\b|\bmiss|\bno points\b|\bnothing\b|\bwithout points\b",
        ),
        ("stop", r"\bwithin\b|\bboxing\b(?=.*\bfive\b)|\bnext five\b"),
        ("points", r"\bpoints\b|\bscor"),
        ("rejoin", r"\brejoin|\bposition\b|\bplace\b|\bboxing\b|\blikely\b|\bP\d"),
    ),
    "laps": (
        ("within", r"\bwithin\b|\bnext\b.*\blaps\b|\blater\b"),
        ("ask", r"\basks?\b|\bhas to do\b|\bneeds?\b"),
        ("completed", r"\bleader\b|\bcompleted?\b|\bin the book\b"),
        (
            "life",
            r"\blife\b|\bleft in (?:it|the set|these|them)\b|\blasts?\b|\bgood\b"
            r"|\b(?:set|tyres?)\b.*\bleft\b|\bfrom (?:this|the) set\b|\bfrom these\b|\bgives the set\b",
        ),
        (
            "age",
            r"\bold\b|\bdone\b|\bage\b|\binto this set\b|\bon (?:it|these tyres|this set)\b|\bhas run\b|\bso far\b",
        ),
        ("to go", r"\bto go\b|\bremain|\bleft\b|\bto the flag\b"),
    ),
    "points": (
        (
            "delta",
            r"\bless\b|\bmore\b|\bworse\b|\bbetter\b|\bover\b|\bagainst\b|\bcosts?\b|\bgains?\b|\bloses?\b"
            r"|\bgives? (?:up|away)\b|\bpicks? up\b|\binstead of\b|\brather than\b|\bavoids?\b|\bcosting\b|\bshort\b|\bdown\b|±",
        ),
        ("expected", r"\bworth\b|\baverages?\b|\bexpect|\bbrings?\b|\bscores?\b"),
    ),
    "lap": (
        ("age", r"\blife\b|\bage\b"),
        ("completed", r"\bleader\b|\bcompleted?\b|\bwe are at\b"),
        ("rejoin", r"\brejoin"),
        (
            "stop",
            r"\bbox|\bpits?\b|\bstop|\bcome in\b|\btarget\b|\bcall\b|\bswitch|\bwant\b|\bgo to\b|\bcar in\b|\btyre\b|\btake\b",
        ),
    ),
    "count": (
        ("close", r"\bclose\b|\bnoise\b|\bseparate\b"),
        ("races", r"\brace[sd]?\b|\btimes\b"),
        ("plans", r"\bplans?\b|\bstrateg|\bcandidates?\b|\boptions?\b"),
    ),
}
_COMPILED = {
    kind: tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in topics)
    for kind, topics in _TOPICS.items()
}
_PARTS = re.compile(r"[,:(;]|\b(?:and|but|while)\b")
"""Where another statement of the same clause begins."""
UNSAID = {"percent": frozenset({"rejoin", "stop"}), "position": frozenset({"rejoin"})}
"""What a number of a kind may be of where no word says it; any other kind may then be of anything."""


def topic_of(kind: str, clause: str, at: int) -> str | None:
    """Return the topic of the number of that kind that begins at ``at``, None where no word tells."""
    begin = max((m.end() for m in _PARTS.finditer(clause, 0, at)), default=0)
    following = _PARTS.search(clause, at)
    end = following.start() if following else len(clause)
    for part in (clause[begin:end], clause):
        for name, pattern in _COMPILED.get(kind, ()):
            if pattern.search(part):
                return name
    return None


def same_topic(kind: str, said: str | None, fact: str | None) -> bool:
    """Whether a number said of one thing may rest on a fact about the other."""
    if said is None:
        return fact is None or kind not in UNSAID or fact in UNSAID[kind]
    return fact is None or said == fact


_LAPS_ONLY = re.compile(
    r"\bold\b|\bage\b|\btyre life\b|\bof life\b|\blasts?\b|\bgood for\b|\btyres (?:have|can|should)\b|\binto this set\b"
    r"|\bto go\b|\bleft (?:in|to run)\b|\bhas run\b|\bin the tyres\b|\bto hold\b|\bon these tyres\b|\bfrom (?:this|the) set\b"
    r"|\bof (?:this|the) set\b|\bfrom these tyres\b",
    re.IGNORECASE,
)
_SHARE = re.compile(
    r"\d\s*(?:s|seconds?|laps?|points?)\s+(?:of (?:the |simulated )*(?:races|cases|time|simulations)|chance|likely|sure)\b",
    re.IGNORECASE,
)
_POINTS_A_LAP = re.compile(r"\bpoints? (?:a|per|each|every) lap\b|\bpoints?/lap\b", re.IGNORECASE)
_CHANCE = re.compile(r"\b(?:podium|chance|odds|risk|probability|likely)\b", re.IGNORECASE)


def unit_fits(kind: str, clause: str) -> bool:
    """Whether a number of that kind can stand in such a clause: no age is in seconds, and no chance in points."""
    if kind in ("seconds", "points") and _LAPS_ONLY.search(clause):
        return False
    if kind == "points" and _POINTS_A_LAP.search(clause):
        return False
    if kind not in ("seconds", "laps", "points"):
        return True
    return not _SHARE.search(clause) and ("%" in clause or "per cent" in clause or not _CHANCE.search(clause))
