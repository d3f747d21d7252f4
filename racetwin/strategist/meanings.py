"""What a number is of: words beside it that tell a gap from a pit loss, a podium from points, laps done from laps left.

A kind of number has a few topics; the first whose words stand in the number's own part of the clause is its topic. Facts and
wording are read with the same table, so a number said of one thing cannot rest on a fact about another.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_COMING = r"(?:now )?(?:forecast|expected|projected|predicted|likely|due|set|going)\b"
_EXPECTED = "expected finish"
"""What is expected of a place is the finish, where no other word tells."""
_OWN = (
    r"\b(?:car|we|you|driver) (?:has|have) (?:now |already |so far )?(?:completed|done|run"
    r"|covered)\b(?![^,;]* on (?:it|them|this|these|the (?:set|tyres))\b)"
)
_TOPICS: dict[str, tuple[tuple[str, str], ...]] = {
    "seconds": (
        (
            "gap",
            r"\bahead\b|\bbehind\b|\bfront\b|\bgap\b|\bclears?\b|\btrail|\bleads?\b|\bchas|\bback\b|\bfollow"
            r"|\bup the road\b"
            r"|\bmirrors?\b|\bclosed?\b|\bgearbox\b|\bshort of\b|\bin hand\b|\badrift\b|\bbetween us\b"
            r"|\bmake up\b|\b(?:before|after) us\b",
        ),
        (
            "loss",
            r"\bcosts?\b|\bloss\b|\bloses?\b|\blost\b|\btakes?\b|\bfor (?:the|a) stop\b|\bstop is\b|\brace time\b"
            r"|\b(?:pit|the) lane\b",
        ),
        ("pace", r"\bquicker\b|\bfaster\b|\bslower\b|\bpace\b"),
    ),
    "position": (
        (
            "finish",
            r"\bfinish|\bav(?:erag|g\b)|\bhome\b|\bat the (?:(?:chequered )?flag|end)\b(?! of)"
            r"|\bresult\b|\bends? up\b",
        ),
        (
            "rejoin",
            r"\brejoin|\bexit|\bstop|\bbox|\bcomes? (?:back )?out\b|\bslot|\bdrops?\b|\bfalls?\b|\bputs?\b"
            r"|\bemerg|\bback (?:on|to)\b"
            r"|\bout of the pits\b|\bpit(?:s|ting)?\b|\breturn|\bon the way out\b",
        ),
        (
            "current",
            r"\brun|\bnow\b|\bcurrently\b|\bmoment\b|\bright now\b|\bholds?\b|\bheld by\b|\bour position\b|\bcurrent\b"
            r"|\b(?:car|driver|you|we) (?:is |are )?in (?=P\d)"
            rf"|\bthe car is\b(?! {_COMING})|\blying\b"
            rf"|\bat present\b|\bsits?\b|\bon track\b|\b(?:you|we)(?:['’]re| are)\b(?! {_COMING})",
        ),
        (_EXPECTED, r"\bexpected\b"),
    ),
    "percent": (
        (
            "higher",
            r"\bhigher\b|\b(?:some|any)thing better\b"
            r"|\bfurther (?:forward|up)\b|\b(?:better|gained?) places?\b|\bgain(?:s|ing)? (?:a )?places?\b",
        ),
        (
            "lower",
            r"\b(?:behind|below|lower than) (?:P\d|that\b)|\blower\b|\bfurther (?:back|down)\b|\bworse\b|\bdropping\b"
            r"|\blos(?:e|ing) (?:a "
            r"|more )?places?\b",
        ),
        (
            "off podium",
            r"\b(?:podium|top[- ]three)\b[^,;]*\b(?:miss|fail)\w*|\b(?:miss|fail)\w*[^,;]*\b(?:podium|top[- ]three)\b"
            r"|\boff the podium\b",
        ),
        ("undercut", r"\bundercut"),
        ("ahead", r"\bahead\b|\bin front\b|\bbeats?\b"),
        ("behind", r"\bbehind\b(?! P\d| that\b)"),
        (
            "better",
            r"\bafter all\b|\b(?:to be|being|out|prov\w+) (?:the )?(?:best|better)\b|\bbetter (?:of|plan)\b"
            r"|(?<!next )(?<!next-)(?<!second )(?<!second-)\b(?:best|better|smarter|right|wiser) (?:choice"
            r"|call|option|plan|one|pick)\b",
        ),
        ("podium", r"\bpod(?:ium)?s?\b|\brostrum\b|\btop[- ]three\b"),
        ("win", r"\bvictor|\bwins?\b|\bwinning\b"),
        (
            "outside",
            r"\bnot scor|n['’]t scor|\bfail\w* to scor|\boutside\b|\bout of the points\b|\bmiss|\bno points\b"
            r"|\bnothing\b|\bnone\b(?! of)|\bthat (?:we|you|it) (?:(?:do|does|will|would) not|(?:do|does"
            r"|would)n['’]t|won['’]t)(?=\W*$|[,;])"
            r"|\bwithout (?:any )?points\b|\bempty-handed\b|\bpointless\b|\bscoreless\b",
        ),
        ("stop", r"\bwithin\b|\binside\b|\bboxing\b(?=.*\b5\b)|\bnext (?:five|5)\b"),
        ("points", r"\bpoints\b|\bscor"),
        ("rejoin", r"\brejoin|\bposition\b|\bplace\b|\bboxing\b|\blikely\b|\bP\d"),
    ),
    "laps": (
        ("to go", r"\b(?:end|flag|finish)\b[^,;]*\bin \d+ laps\b"),
        ("life", r"\bto (?:go|run) (?:on|in) (?:it|them|this|these)\b|\bleft on (?:it|them|this|these)\b"),
        ("shift", r"\blaps? (?:earlier|later|sooner|less|fewer)\b"),
        ("until", r"\bin \d+ laps?\b|\blaps? from now\b|\blaps? (?:to|before|until) (?:the|our|we) (?:stop|box|pit)"),
        ("within", r"\bwithin\b|\bin \d+ laps\b|\binside\b|\bnext\b.*\blaps\b"),
        (
            "ask",
            r"\basks?\b|\b(?:must|ha(?:s|ve) to|needs? to) (?:last|do|hold|run|go|cover)\b|\bhas to do\b"
            r"|\bneeds?\b|\brequir\w+|\bdemands?\b",
        ),
        (
            "age",
            r"\b(?:tyres?|set|softs?|mediums?|hards?|intermediates?|wets?)\b[^,;]*\b(?:completed|covered|done|run)\b",
        ),
        ("own", _OWN),
        ("to go", r"\bleader\b[^,;]*\d+ (?:more )?(?:to (?:go|run)|left|remain\w*)\b"),
        (
            "completed",
            r"\bleader\b|\bcompleted\b|\bin the books?\b|\blaps (?:of the race )?behind (?:him|us)\b"
            r"|\bmatters stand after\b",
        ),
        (
            "life",
            r"\blife\b|\bleft in\b(?! the race)|\blasts?\b|\bhold\b"
            r"|\bcan do\b|\bgood\b|\bof running left\b|\banother (?:about |roughly )?\d|\bin (?:it"
            r"|them|(?:the|this) set)\b"
            r"|\b(?:set|tyres?|rubber|softs|mediums|hards)\b.*\bmore laps?\b|\b(?:set|tyres?)\b.*\b(?:left"
            r"|to go)\b|\bfrom (?:this|the) set\b|\bfrom these\b|\bgives the set\b",
        ),
        (
            "age",
            r"\bold\b|\bdone\b|\bage\b|\bused for\b|\blaps? behind (?:it|them)\b|\binto this set\b|\b(?:on"
            r"|under) (?:it|them"
            r"|th(?:ese|is|e) (?:tyre|set"
            r"|soft|medium|hard"
            r"|intermediate|wet)s?)\b|\bhas run\b"
            r"|\bso far\b|\bof wear\b|\bago\b|^tyres?:(?!.*\b(?:left|to go)\b)",
        ),
        (
            "to go",
            r"\bcomplete \d+ more\b|\bto (?:be )?(?:go|do|run|done|driven|completed)\b|\bremain|\bleft\b"
            r"|\bflag\b|\bfrom (?:its|the) end\b"
            r"|\blaps? (?:to|until|before) the (?:finish|end)\b",
        ),
    ),
    "points": (
        (
            "delta",
            r"\bless\b|\bmore\b|\bworse\b|\bbetter\b|\bcosts?\b|\bgains?\b|\bloses?\b|\badditional\b|\bapart\b"
            r"|\bprice\b"
            r"|\bgives? (?:up|away)\b|\bpicks? up\b|\binstead of\b|\brather than\b|\bavoids?\b|\bcosting\b"
            r"|\bshort\b|\bdown\b|±"
            r"|\btrails?\b|\bbeats?\b|\bbenefit\b|\badvantage\b|\b(?:up|down) on\b|\baway\b|\bbuys?\b|\bdifference\b"
            r"|\bgap between\b|\btrade\b|\bdeficit\b|\bsacrific|\breduc|\bdecreas|\bincreas"
            r"|\bby (?:about |around |roughly )?\d",
        ),
        ("expected", r"\bworth\b|(?<!on )\baverages?\b|\bexpect|\bbrings?\b|\bscores?\b|\breturns?\b"),
    ),
    "lap": (
        ("age", r"\blife\b|\bage\b"),
        ("own", _OWN),
        ("completed", r"\bleader\b|\bcompleted?\b|\b(?:lap|L) ?\d+ of \d|\bwe are at\b|\bin the books?\b"),
        (
            "out",
            r"\brejoin|(?<!safety car )(?<!safety-car )(?<!vsc )(?<!sc )(?<!one )\b(?:com\w+|bring\w*|puts?"
            r"|drops?) (?:us |you |it |the car )?(?:back )?out\b(?! (?:\d|in favour|best|better|worse|on top"
            r"|ahead))|\bemerg|\bpit exit\b"
            r"|\bback on (?:the )?track\b|\bP\d+ at the end of lap\b|\b(?:would|will|should|['’](?:d"
            r"|ll)) be (?:in )?P\d",
        ),
        (
            "stop",
            r"\bbox|\bpit(?:s|ting)?\b|\brecommended\b|\bon top\b|\bstop|\bcom(?:e|ing) in\b|\b(?:is the|our) lap\b"
            r"|\btarget\b|\bcall\b|\bswitch"
            r"|\bwant\b|\bgo to\b|\bcar in\b"
            r"|\btyre\b|\btake\b|\b(?:until|till|to) lap\b",
        ),
    ),
    "count": (
        (
            "close",
            r"\bclose\b|\btold (?:from|apart)\b|\bnoise\b|\bseparate\b|\blevel\b|\b(?:margin of|within the"
            r"|inside the) error\b"
            r"|\bas (?:good|well)\b|\bequal\b|\bequivalent\b|\bindistinguish|\bapart\b|\bbetween\b",
        ),
        ("races", r"\braced\b|\btimes\b|\braces\b"),
        ("plans", r"\bplans?\b|\bstrateg|\bcandidates?\b|\boptions?\b"),
    ),
}
_COMPILED = {
    kind: tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in topics)
    for kind, topics in _TOPICS.items()
}
_HEADING = re.compile(r"^(?:tyres?|set|rejoin|finish|stop|pit loss|gap)\w*:", re.IGNORECASE)
"""In notes a word and a colon say what all numbers after them are of."""
_LABEL = re.compile(r"[\w ]{3,40}:(?= \S+$)")
"""'Average finishing position: P5.'"""
_NARROWER = (
    ("off podium", "podium"),
    ("off podium", "outside"),
    ("ask", "life"),
    ("outside", "points"),
    ("own", "completed"),
    ("shift", "ask"),
    ("out", "stop"),
    ("life", "to go"),
    ("ahead", "better"),
    ("behind", "better"),
    ("undercut", "ahead"),
    ("own", "age"),
    ("lower", "rejoin"),
    ("higher", "rejoin"),
)
"""The words of the second stand in sentences about the first, too: "out of the points", "the set has 9 laps left"."""
_PARTS = re.compile(r"[,:(;]|\s[/|]\s|\b(?:and|but|while)\b")
"""Where another statement of the same clause begins."""
_WITH_LAPS = re.compile(
    r"\bwith (?:about |only |just )?(?P<n>\d+) (?:more )?(?:laps? )?(?:to go|to run|left"
    r"|remaining)\b(?! (?:in|on|of)\b)",
    re.IGNORECASE,
)
"""'On medium tyres with 40 laps to go': those are another statement, too."""


def topics_of(kind: str, clause: str, at: int) -> tuple[str, ...]:
    """Return what the number of that kind that begins at ``at`` may be of, likeliest first; nothing where no word tells."""
    begin = max((m.end() for m in _PARTS.finditer(clause, 0, at)), default=0)
    begin = max((m.start("n") for m in _WITH_LAPS.finditer(clause, begin) if m.start("n") == at), default=begin)
    following = _PARTS.search(clause, at)
    end = following.start() if following else len(clause)
    end = min((m.start() for m in _WITH_LAPS.finditer(clause, at, end)), default=end)
    heading = _HEADING.match(clause) or _LABEL.match(clause)
    part = clause[begin:end]
    own = heading[0] + part if heading and heading.end() <= begin else part
    for told in (own, clause) if kind in ("percent", "count", "lap") else (own,):
        found = [name for name, pattern in _COMPILED.get(kind, ()) if pattern.search(told)]
        for narrow, wide in _NARROWER:
            if narrow in found and wide in found:
                found.remove(wide)
        if _EXPECTED in found:
            found = [name for name in found if name != _EXPECTED] or ["finish"]
        if (
            found == ["to go"]
            and kind == "laps"
            and _OF_THE_SET.search(clause[:begin])
            and not _OF_THE_RACE.search(own)
        ):
            return (
                ("life",) if _LEFT.search(own) else ("life", "to go")
            )  # "the set has done 12 laps and should have 2 left"
        if kind == "lap" and told is not own and (not {"stop", "out"} & {*found} or "completed" in found):
            return ()  # the whole clause may tell a stop's lap, and no other
        if found:
            future = "current" in found and (_AFTER_STOP.search(clause, 0, at) or _PERCENT.search(part))
            return ("rejoin",) if kind == "position" and future else tuple(found)
    if kind == "laps" and _LEFT_IN.search(clause):
        return ("life",)
    return ("rejoin",) if kind == "position" and _ONCE_OUT.search(clause, 0, begin) else ()


def same_topic(said: Collection[str], fact: Collection[str]) -> bool:
    """Whether a number said of one thing may rest on a fact about the other; where no word tells, it may be of anything."""
    return not said or not fact or next(iter(fact)) in said


_AFTER_STOP = re.compile(
    r"\b(?:box|pit|stop|com(?:e|es|ing) in|came in)\w* (?:now|this lap|right away)\b|\b(?:if|once|when) (?:we"
    r"|you|he) (?:box|pit|stop|c[oa]me)"
    r"|\b(?:would|['’]d)\b"
    r"|\b(?:after|net of) (?:the|a|this) stop\b",
    re.IGNORECASE,
)
"""'Box now and we are P8' says where the car is after that."""
_LEFT = re.compile(r"\d (?:more )?(?:laps? )?(?:left|remain\w*)\b", re.IGNORECASE)
_LEFT_IN = re.compile(r"\bleft in (?:it|them|these|this set|the (?:set|tyres))\b", re.IGNORECASE)
_ONCE_OUT = re.compile(r"\b(?:exiting|rejoining|emerging|leaving the pits|out of the pits)\b", re.IGNORECASE)
"""'Exiting the pits, we would find ourselves in P8.'"""
_OF_THE_SET = re.compile(r"\b(?:set|tyres?|rubber|softs|mediums|hards|intermediates|wets)\b", re.IGNORECASE)
_OF_THE_RACE = re.compile(r"\b(?:race|flag|end|finish|leader|we|us|you|distance)\b", re.IGNORECASE)
_LAPS_ONLY = re.compile(
    r"\bold\b|\bage\b|\bcompleted\b|\btyre life\b|\bof life\b|\blasts?\b|\b(?:set|tyres?|rubber|softs?|mediums?"
    r"|hards?)\b[^,;]* good for\b|\btyres (?:have|can|should)\b"
    r"|\binto this set\b"
    r"|\bto (?:go|run)\b(?! (?:us|with|for|long|on|ahead)\b)|\bremaining\b|\bleft (?:in|to run)\b"
    r"|\bhas run\b|\bin the tyres\b|\bto hold\b"
    r"|\bon these tyres\b"
    r"|\bfrom (?:this|the) set\b|\bof (?:this|the) set\b|\bfrom these tyres\b|\bare left\b",
    re.IGNORECASE,
)
_SHARE = re.compile(
    r"(?:%|\bper ?cent|\bhundred|\b100)(?: of| out of)?(?: the| all| simulated)* (?:laps|seconds|points)\b"
    r"|\d\s*(?:s|seconds?|laps?|points?)\s+(?:of (?:the |simulated )*(?:races|cases|time(?! lost)|simulations)"
    r"|chance|likely|sure|risk|probability)\b",
    re.IGNORECASE,
)
_POINTS_A_LAP = re.compile(
    r"\b(?:wear|deg|degradation)\b|\b(?:tyres?|set) (?:drop|los|cost|giv|has(?! [\d.]+ expected))|\b(?:each"
    r"|every) lap on\b"
    r"|\bpoints? (?:a|per|each|every) lap\b|\bpoints?/lap\b",
    re.IGNORECASE,
)
_POINTS_TO_A_CAR = re.compile(
    r"(?i:\b(?:gap|rejoin\w*|behind|ahead|mirrors|trail\w*|leads?|chas\w*)\b).*\b(?!VSC)[A-Z]{3}\b"
    r"|\b(?!VSC)[A-Z]{3}\b.*(?i:\b(?:behind|ahead|back)\b)"
)
_LAPS_LOST = re.compile(
    r"\b(?:stop|pit\w*|box\w*)\b.*\b(?:costs?|loses?|lost)\b|\bpit loss\b|\blos\w+ (?:by|in"
    r"|when|from) (?:the )?(?:stop|pit|box)",
    re.IGNORECASE,
)
_WORTH_OF_A_PLAN = re.compile(
    r"\b(?:plan|call|strategy|option|alternative)\b[^,;]*\b(?:worth|bring\w*|yields?|scor\w*"
    r"|averages?|earns?)\b(?![^,;]*\d\d?%)"
    r"[^,;]*\d (?:s|secs?|seconds?)\b(?! (?:quicker|faster|slower|earlier|later|a lap|per lap))",
    re.IGNORECASE,
)
_PER_ANOTHER = re.compile(r"\b(?:per|an?|each|every) (?:minute|hour|race|km|sector|stint)\b", re.IGNORECASE)
_PERCENT = re.compile(r"%|\bper ?cent\b", re.IGNORECASE)
_CHANCE = re.compile(r"\b(?:podium|chance|odds (?:of|are)|probability)\b", re.IGNORECASE)


def unit_fits(kind: str, clause: str) -> bool:
    """Whether a number of that kind can stand in such a clause: no age is in seconds, and no chance in points."""
    if kind in ("seconds", "points") and _LAPS_ONLY.search(clause):
        return False
    if kind == "points" and (_POINTS_A_LAP.search(clause) or _POINTS_TO_A_CAR.search(clause)):
        return False
    if kind == "seconds" and _WORTH_OF_A_PLAN.search(clause):
        return False
    if kind in ("seconds", "laps", "points") and _PER_ANOTHER.search(clause):
        return False
    if kind == "laps" and _LAPS_LOST.search(clause):
        return False
    if kind not in ("seconds", "laps", "points"):
        return kind != "percent" or not _SHARE.search(clause)
    return not _SHARE.search(clause) and (bool(_PERCENT.search(clause)) or not _CHANCE.search(clause))
