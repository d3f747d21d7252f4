"""What a sentence asserts beside its numbers: causes, effects, undercuts, and what no fact ever says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from racetwin.strategist.denials import denied_before
from racetwin.strategist.track_talk import SUPPOSED

_CAR = r"(?P<car>(?-i:[A-Z]{3})\b|car \d{1,3}\b)"
_UNDERCUT = re.compile(rf"\bundercut(?:ting)?(?: attempt)? (?P<way>by|from|on|of|against) {_CAR}", re.IGNORECASE)
_WE_UNDERCUT = re.compile(rf"\b(?:we|you|to)(?: (?:can|could|would|might|may))? undercut {_CAR}", re.IGNORECASE)
_UNDERCUTS_US = re.compile(rf"{_CAR}(?: (?:can|could|would|might|may))? undercuts? (?:us|you)\b", re.IGNORECASE)
_GAINED = re.compile(
    r"\b(?:gain|sav|earn|find|win|won|improv)(?:s|es|e|ed|ing)?\b|\b(?:picks?|picking) up\b"
    r"|\bgives?\b(?! (?:up|away|back|out))"
    r"|\bquicker by\b",
    re.IGNORECASE,
)
_LOST = re.compile(r"\b(?:los\w+|lost|cost\w*|gives? (?:up|away)|bleed\w*)\b", re.IGNORECASE)
_UNSTATED = re.compile(
    r"\b(?:quicker|faster|slower|grippier|fresher|stronger|weaker|(?:more|less) durable)\b"
    r"|\b(?:places?|positions?) (?:or (?:two|more) )?(?:higher|better|up|gained|won)\b|\bgain\w* (?:a "
    r"|some |more )?(?:places?|positions?)\b"
    r"|^(?:(?!\b(?:if|should|when|unless|in case)\b).)*\b(?:safety[- ]car|vsc|red flag)"
    r" (?:will (?:be|come)|is (?:expected|coming|due|likely|bound))\b|\bteam(?:[- ]mates?| orders?)\b|\bfastest lap\b"
    r"|\blasts? longer\b"
    r"|\b(?:set|tyres?) (?:is|are) (?:\w+ )?(?:fresh|new|gone|dead|finished|through)\b"
    r"|\bdriver (?:\w+ )?(?:wants?|feels?|says?|asks?|asked|thinks?|reports?|likes?|prefers?)\b"
    r"|\b(?:leader|rivals?|field(?! (?:model|twin)\b)|others|everyone|everybody|nobody"
    r"|teams)\b[^,;]*\b(?:pits?|stops?|box(?:es)?"
    r"|pitt(?:ed|ing)|stopp(?:ed|ing))\b"
    r"|\b(?:is|are|it['’]s|track['’]s|stays?|remains?|turn\w*|gett?\w*) (?:\w+ )?(?:dry|wet|damp)\b(?! (?:tyre"
    r"|set|weather))"
    r"|\b(?:undercut|overcut|overtaking|passing|deg|degradation) (?:here )?(?:is|looks|seems) (?:\w+ )?(?:powerful"
    r"|strong|weak|easy|hard"
    r"|difficult|impossible|possible|high\w*|low\w*|worse|better|huge|big|tough)\b"
    r"|\bthe (?:worst|weakest|poorest) (?:plan|call|option|choice|strategy)\b"
    r"|\b(?:been|made|heavy|slight) contact\b|\b(?:fastest|quickest|slowest|best) (?:car|man|driver)\b"
    r"|\bworks? better\b"
    r"|\b(?:set|tyres?|rubber|softs|mediums|hards|front left|front right|rear left|rear right) (?:is|are|has"
    r"|have) (?:\w+ )?(?:shot|going off|had it|fallen)\b"
    r"|\b(?:lost|losing|gained|gaining) time (?:in|at|on)\b|\b(?:more|less|better|no) pace than\b|\bat turn\b"
    r"|\b(?:ran|went|goes|going) wide\b"
    r"|\b(?:pit ?lane|pit exit) (?:is|has|was|will be|gets) (?:\w+ )?(?:open|closed|shut)\w*\b|\b(?:has"
    r"|have) made a mistake\b|\blift(?:ing)? and coast"
    r"|\b(?:not |un|very |so )happy\b|\b(?:saving|managing|nursing) his\b|\brace is over\b|\bbunching\b|\b(?:is"
    r"|are|got) stuck in\b"
    r"|^(?:(?!\b(?:may|might|could)\b).)*\bthan (?:we )?expected\b|\b(?:crew|stop) (?:is|was"
    r"|has been) (?:slow|quick|fast|poor)\b"
    r"|\b(?:agreed|approved|confirmed|checked|signed off|cleared) (?:with|by) (?:the|our"
    r"|his) (?!numbers|simulat|desk|model|facts)\w+"
    r"|\breal races\b|\bfree stop\b|\bstop (?:is|comes|would be) (?:for )?free\b|\b(?:win|wins|winning) by\b"
    r"|\b(?-i:[A-Z]{3})(?:['’]s| is| runs| has been| stays)(?: still| now)? on (?:the |a set of |old |new "
    r"|worn )?(?:soft|medium|hard|intermediate|wet)"
    r"|\b(?:this|our|the) (?:\w+ )?(?:has|have|had|gives?|brings?|scores?|achiev\w+|got|gets|yield\w*|return\w*"
    r"|produc\w+) the (?:lowest|fewest"
    r"|least|worst|smallest)\b"
    r"|\b(?:power unit|flat spot|lock(?:ed|s|ing)? up|fall(?:s|ing)? apart|running (?:hot|lean|low)"
    r"|track limits|blue flag|black flag"
    r"|drive through|jump(?:ed)? (?:the )?start|let (?:him|them|her|[A-Z]{3}) (?:by|past|through)|slow zone)"
    r"|\b\d+ laps? (?:behind|ahead|down|in front|adrift)\b(?! (?:it|them|this|these)\b)"
    r"|\bleader(?:['’]s)?\b[^,;]*\bon (?:the |a set of |old |new |worn )?(?:soft|medium|hard|intermediate|wet)s?\b"
    r"|\bbeaten by (?:most|all|many|some|several)\b|\bby (?:most|many|some|several"
    r"|half) of the (?:\d+ )?(?:other )?plans\b|\bsimulat\w+ (?:\d+ )?(?:laps|seconds)\b|\b(?:twice|double|triple"
    r"|half) (?:as|the)\b|\b(?:half|thirds?"
    r"|quarters?) of (?:the |all )?(?:\w+ )?(?:races"
    r"|simulations|cases|time)\b"
    r"|\b(?:one|two|three) (?:in|out of) (?:two|three|four|five|ten)\b",
    re.IGNORECASE,
)
_EFFECT = re.compile(
    r"\b(?!tak\w+ place\b)(?:keep|hold|retain|protect|defend|maintain|preserv|secur|sav|gain|improv|strengthen"
    r"|regain|recover|tak|win)"
    r"(?:e|es|s|ed|ing)? (?:on to )?(?:the |our |a |its |his |your |their |this )?(?:current )?(?:track position"
    r"|places?|positions?|lead|advantage|momentum|rhythm|pace|initiative|status)\b"
    r"|\b(?:gives?|giving|get|gets|ensur\w+|provid\w+|finds?) (?:us |you |it )?(?:a |an |the )?(?:clean|clear"
    r"|free) (?:air"
    r"|track|run)\b"
    r"|\b(?:ensur|guarante|maximi[sz]|minimi[sz]|optimi[sz]|mitigat|prevent|eliminat|boost|enhanc)\w*"
    r"|\b(?:mak\w+ the most|mak\w+ (?:good |full )?use|tak\w+ (?:full )?advantage|capitali[sz]\w*"
    r"|exploit\w*) (?:of|on|the|any"
    r"|our|their)\b|\b(?:benefit|profit)(?:s|ed|t?ing)? from\b"
    r"|\b(?:avoid|reduc|lower)\w* (?:the |any |our )?(?:risk|traffic|chance|wear|danger)\w*",
    re.IGNORECASE,
)
"""What a decision is said to bring: a fact would have it as a number."""
_AID = re.compile(r"\b(?:allow|enabl|help)\w* (?:us|the car|you|it|the team|him) (?:to )?\w+", re.IGNORECASE)
"""... and what it is said to help with, where no number says how."""
_ANSWERED_BEFORE = re.compile(r"\blap before\b|\bearlier\b|\bbefore (?:him|them|they)\b|\bsame lap\b", re.IGNORECASE)
_WISHES = re.compile(
    r"\b(?-i:[A-Z]{3}) (?:\w+ )?(?:wants?|told|said|says|asked|asks|thinks|feels|complain\w*"
    r"|hopes?|plans?)\b",
    re.IGNORECASE,
)
_STAYS_OUT = re.compile(r"\bstays? out\b(?! (?:now|until|to|;|and))", re.IGNORECASE)
_WILL_STOP = re.compile(
    r"\bwill (?:\w+ly )?(?:stop|pit|box|come in|try|undercut|cover)\b|\bis (?:planning|going to(?! be)"
    r"|about to|trying|set to|preparing)\b",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"%|\bper ?cent\b", re.IGNORECASE)
_RIVALS = re.compile(r"\b(?:both|they|their|them|everyone|everybody|rivals?|the others)\b", re.IGNORECASE)
_THEIRS = re.compile(
    r"\b(?:(?:worn|old|older|new|newer|fresh|fresher|used|better|softer|harder|same) (?:tyres?|rubber"
    r"|sets?|softs?|mediums?|hards?)"
    r"|(?:one|two|three)[- ]stop(?:per)?s?|strategy|pace|speed|(?:better|quick|slow|strong) out-lap)\b"
    r"|\b(?:is|are|looks?|seems?|['’]s)(?: (?!not\b)\w+)? (?:slow|fast|quick|strong|weak|stuck|vulnerable"
    r"|struggl\w+|suffer\w+|limping|fading"
    r"|flying|nursing|saving|managing|hurting|catching|closing|pulling away|dropping (?:back|away|off)|gaining"
    r"|finished|beaten)\b",
    re.IGNORECASE,
)
_EVEN = 50.0
_LIKELY = re.compile(
    r"\b(?<!more )(?<!less )(?<!most )(?<!least )(?<!as )(?<!not )(?<!how )(?P<un>un|im)?(?:likely" r"|probable)\b",
    re.IGNORECASE,
)
_OUTCOMES = (
    ("podium", re.compile(r"\bpodium|\btop[- ]three\b", re.IGNORECASE)),
    (
        "points",
        re.compile(r"\bscor\w+ points\b|\bpoints (?:finish|are)\b|\bin the points\b|\bto score\b", re.IGNORECASE),
    ),
)
_THAN_NOT = re.compile(r"\b(?:more likely|likelier|(?P<less>less likely)) than not\b", re.IGNORECASE)
CAUSAL = re.compile(
    r"\b(?:because|(?<!has )(?<!have )(?<!'s )since|due to|owing to|thanks to|caused by|driven by|on account of"
    r"|in view of|seeing that|now that"
    r"|so that|(?<!be )(?<!been )(?<!is )(?<!are )(?<!was )given|after the (?!stop\b|rejoin\b)"
    r"|as (?:the|our|we|it|they|he|she|his|their|there|[A-Z]{3}|car)\b(?=(?: [\w-]+){0,2}?(?:['’](?:s|re|ve)"
    r"| (?:is|are|was|were|has|have|had"
    r"|will|would|can(?:not)?|could|needs?|wants?|does|do|did|gets?|los\w+|degrad\w*|drops?|wears?|gains?))\b)"
    r"|with the \w+ \w+ing\b)",
)
"""What claims a cause: what follows must be a fact."""
_FIRST = re.compile(r"(?:Because|Since|Due to|Owing to|Thanks to|Given|Now that|On account of|In view of)\b")
_OF_THE_RANKING = re.compile(
    r"(?:\W*(?:it|that|this|is|are|our|the|plan|call|option|strategy|best|better|worth|scor(?:es?|ing)|most"
    r"|more|highest|expected"
    r"|points|average|on|in|of|all|them|top|ranks?|ranked|first|we|weighed|simulated|races|simulations|numbers"
    r"|say|model|likes|prefers"
    r"|has|have|higher|lower|scored|ran|tried|as|well|good|no|any|other|nothing|else|comes?|close|to|came|out|so|and"
    r"|s)\b)+\W*",
    re.IGNORECASE,
)
_NO_CAUSE = re.compile(
    r"^\W*(?:it|that|this|they) (?:is|are|can)(?:not| not)(?: to)? be (?:relied|counted|banked|taken)\b"
    r"|^\W*(?:(?:the|this|that|these|those|all|our|current|present|as|it|things|of|at|in|how|what|we|know"
    r"|here|above|now|and|have|is|are)\W+)*(?:(?:talked|speak|go|said|discussed|planned|agreed|thought|spoke)\b|"
    r"(?:state|situation|picture|numbers|data|facts|evidence|model|simulations?|race|circumstances|position"
    r"|stands?|uncertainty|analysis)\b)"
    r"(?: (?:of|in) the (?:race|simulation|numbers))?",
    re.IGNORECASE,
)
"""'Given the current state of the race' names no cause."""


def of_rivals(clause: str, names_car: bool) -> str | None:
    """Return what a clause says of rivals that no fact is ever about: their tyres, their plan, how they drive."""
    if not names_car and _RIVALS.search(clause) is None:
        return None
    found = _THEIRS.search(clause)
    if found is None and names_car:
        found = (
            _WISHES.search(clause)
            or _STAYS_OUT.search(clause)
            or (_WILL_STOP.search(clause) if not _PERCENT.search(clause) else None)
        )
    if found is None and names_car and SUPPOSED.search(clause):
        found = _ANSWERED_BEFORE.search(clause)
    return found[0] if found is not None else None


def wrong_odds(clause: str, percents: Sequence[float]) -> str | None:
    """Return the words by which a clause says that its own probability is above a half where it is below, or the reverse.

    Examples
    --------
    >>> wrong_odds("Points are less likely than not, at 75%", [75.0])
    'less likely than not'
    """
    found = _THAN_NOT.search(clause)
    if found is None or len(percents) != 1 or percents[0] == _EVEN:
        return None
    return None if (found["less"] is None) == (percents[0] > _EVEN) else found[0]


def wrong_likelihood(clause: str, chances: Mapping[str, float]) -> str | None:
    """Return the word by which a clause calls likely, or unlikely, what by its chance is not; 0.5 is neither.

    Examples
    --------
    >>> wrong_likelihood("It is unlikely that we score points", {"points": 0.75, "podium": 0.1})
    'unlikely'
    """
    found = _LIKELY.search(clause)
    of = next((name for name, pattern in _OUTCOMES if pattern.search(clause)), None)
    chance = chances.get(of or "")
    if found is None or chance is None or chance == _EVEN / 100:
        return None
    return None if (found["un"] is None) == (chance > _EVEN / 100) else found[0]


def unstated(clause: str) -> str | None:
    """Return what a clause says that no fact ever states: which tyre or car is faster, places won, shares in words."""
    found = _UNSTATED.search(clause)
    return found[0] if found is not None else None


def undercuts_in(text: str) -> frozenset[tuple[str, str]]:
    """Return the undercuts that a text speaks of: ``("by", "NOR")`` where NOR undercuts us, ``("on", "NOR")`` where we do it.

    Examples
    --------
    >>> sorted(undercuts_in("An undercut by NOR works, and we could undercut LEC"))
    [('by', 'NOR'), ('on', 'LEC')]
    """
    found = {("by" if m["way"].lower() in ("by", "from") else "on", m["car"]) for m in _UNDERCUT.finditer(text)}
    found |= {("on", m["car"]) for m in _WE_UNDERCUT.finditer(text)}
    return frozenset(found | {("by", m["car"]) for m in _UNDERCUTS_US.finditer(text)})


def effect_in(clause: str, *, has_number: bool = False) -> str | None:
    """Return what a clause says that the decision brings, without the number that a fact would give it, None if nothing.

    Examples
    --------
    >>> effect_in("Keeps the place if they stop first")
    'Keeps the place'
    >>> effect_in("We keep P5") is None
    True
    """
    found = _EFFECT.search(clause) or (None if has_number else _AID.search(clause))
    return found[0] if found is not None and not denied_before(clause, found.start()) else None


def gained(clause: str) -> bool:
    """Whether a clause speaks of time that is won, and of none that is lost."""
    return _GAINED.search(clause) is not None and _LOST.search(clause) is None


def cause_in(clause: str) -> re.Match[str] | None:
    """Return the words that announce a cause, None where there are none or what follows is no cause."""
    found = CAUSAL.search(clause) or _FIRST.match(clause)
    return None if found is None or _NO_CAUSE.search(clause[found.end() :]) else found


def of_the_ranking(told: str) -> bool:
    """Whether a cause is only where the plan ranks ("because it is the best of them"): that is looked at as what it is."""
    return _OF_THE_RANKING.fullmatch(told) is not None
