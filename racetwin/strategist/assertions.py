"""What a sentence asserts beside its numbers: what is not so, what is certain, what state the track is in, and why."""

from __future__ import annotations

import re
from collections.abc import Collection

from racetwin.strategist.lexicon import is_known

_CERTAIN = re.compile(
    r"\b(?:certain(?:ly|ty)?|guarantee[sd]?|definite(?:ly)?"
    r"|(?<!pretty )(?<!fairly )(?<!quite )(?<!reasonably )(?<!how )sure(?:ly)?"
    r"|undoubtedly|no doubt|without (?:a "
    r"|any )?doubt|bound to"
    r"|inevitabl[ey]|exactly|precisely|always|every time|without fail|no matter what|in the bag|out of reach"
    r"|off the table|locked in|nailed on|beyond (?:any |all )?(?:doubt|question|dispute)|(?:it['’]s"
    r"|is) a (?:lock|given|certainty|banker|fact)|done deal"
    r"|sure thing|dead cert|slam dunk|foregone conclusion|to the bank|(?:set|carved) in stone|can(?:no"
    r"|['’])t (?:miss|fail|go wrong)"
    r"|no question|for sure|100 ?(?:%|per ?cent)(?= (?:sure|certain))|assured|home and dry|as good as done"
    r"|sewn up|(?:is|are) ours|(?:you|we) can bank on|off the (?:menu|cards)|nothing can|full stop"
    r"|every (?:single )?(?:race|time)|in (?:all|none) of the (?:simulated )?races|chances?[^,;\d]* (?:is"
    r"|are) (?:nil|zero|none|gone|dead)|(?:no|zero|nil) chance"
    r"|in the (?:bank|books already)|money in the bank|nailed (?:down|on)|formality|safe as houses|wrapped up"
    r"|(?:a|dead) cert"
    r"|only one (?:way|outcome)|for granted|for the taking|hands down|walk in the park|piece of cake"
    r"|baked[- ]in|shoo[- ]in"
    r"|whatever happens|come what may|no ifs|no two ways|rock[- ]solid|beyond reach|pipe dream|mark my words"
    r"|(?:rest|be) assured|believe me|trust me|no (?:way|hope|doubting|danger|risk)(?= (?:of|we|that|they|it|here|you))"
    r"|absolutely|categorically|unquestionably|indisputabl[ey]|unfailingly|invariably|infallible|foolproof|bulletproof"
    r"|hundred (?:percent|per ?cent)|(?:we|you|it) (?:can|could)(?:not|['’]t) lose|cannot lose|count on (?:it"
    r"|points|a|the|that)"
    r"|(?:have|['’]ve got) (?:it|this|that) (?:won|in hand|covered|sorted|done)|all (?:but )?(?:over|sewn"
    r"|done)(?: and dusted)?"
    r"|done and dusted|home (?:free|safe)|period(?=\W*$)|easy (?:points|podium|win)|gift[- ]wrapped|a gimme|sealed"
    r"|as good as (?:ours|won|there|in)|without exception|come home with us|(?:we"
    r"|you)['’]ll be (?:on the podium|in the points)"
    r"|doomed|hopeless|lost cause|dead in the water|written off|out of the question"
    r"|will (?:finish|score)(?![^.]*(?:\b(?:average|around|about|roughly)\b|%|per ?cent))|impossible|is safe"
    r"|are safe)\b",
    re.IGNORECASE,
)
_HOW_SURE = re.compile(r"(?:%|per ?cent) $", re.IGNORECASE)
"""'70% sure' says how sure, and that is checked as a number."""
_NEGATOR = re.compile(
    r"\b(?:not|never|neither|no|cannot|hardly|barely|unlikely|unable|least likely|rules? out|ruled out"
    r"|fails? to|failed to|failing to)\b|n['’]t\b",
    re.IGNORECASE,
)
_FAR_FROM = re.compile(
    r"(?:\b(?:far from|less than|anything but|nothing|none|nobody(?:['’]s)?|no one)\b|"
    + _NEGATOR.pattern
    + r")(?: [\w'’-]+){0,4} $|\bneither\b.*\bnor\b.* $",
    re.IGNORECASE,
)
_CHECKABLE = re.compile(
    r"\d|\b(?-i:[A-Z]{3}\b)|\b(?:soft|medium|hard|intermediate|wet|dry|rain\w*|yellow|red|green|flag"
    r"|safety[- ]car|sc|vsc)s?\b"
    r"|\b(?:box|pit|stop|stay|com(?:e|es|ing) (?:in|out)|call|plan|strateg|choice|alternative|option|wait|extend"
    r"|go long|undercut|cover"
    r"|better|best|worse|worst|worth|more|less|gain|los[et]|cost|win|beat|ahead|behind|in front|lead|trail|chas"
    r"|follow|clear(?! air)"
    r"|point|podium|scor|finish|rejoin|place|position|tyre|set|wear|life|left|old|last|close|apart|level"
    r"|separat|threat|risk|danger"
    r"|traffic|chance|likely|safe|track|race|lap|run|leader|leading|end|home)\w*\b",
    re.IGNORECASE,
)
"""What a denial can be of: without any of this a clause says nothing that facts could carry, denied or not."""
_PART = re.compile(r"[,:;]|\b(?:and|but)\b")
_HARMLESS = re.compile(
    r" (?:so |too |very |that |by |an? |any )*(?:real|huge|great|major|far|much|lot|big|enough|yet|until|before|later"
    r"|earlier|sooner|longer"
    r"|than|only|just|least|more"
    r"|fewer|less|near|close|stopping again)\b"
    r"|(?<=\bor not)\b| nothing\b(?! to)| (?:why|how|who)\b|(?: \w+){0,2} (?:much|any) more than\b"
    r"|(?<=\bneither)\b.* nor\b.*\b(?:edge|advantage|better|ahead|winner|favou?rite)\b"
    r"|(?<=\bno) (?:need|reason|change|odds|rush|hurry|panic|gap|daylight)\b"
    r"|(?: [\w'’-]+){0,3}? (?:clear|clear-cut|decisive|critical|crucial|vital|important|conclusive|obvious|given"
    r"|separat\w*|split|tell"
    r"|told|distinguish\w*|differ\w*|beaten"
    r"|choose|difference|edge|winner|favou?rite|apart|guarantee\w*|certain\w*|sure|safe|points|scor\w*|forever"
    r"|matters?)\b"
    r"|(?: \w+ing)?(?: in)? (?:this lap|now)\b|(?: \w+){0,2} surpris\w*\b"
    r"|(?: [\w'’]+){0,3}? (?:stop|box|pit|com(?:e|ing) in)\w* at the end of (?:this|the current) lap\b"
    r"|(?<=\bno)(?: (?:further|more|other|second|pit|extra|additional)){0,3} (?:stops?|visits?)\b"
    r"|(?: [\w'’]+){0,3}? (?:stop|box|pit|com(?:e|ing) in)\w* (?:on )?(?:again|until|till|before|yet|now|this lap)\b",
    re.IGNORECASE,
)
"""What follows a negation that hedges, compares, or is itself a statement the claims carry."""
_SHORT = 2
"""Words after a negation that say so little that it is of what stands before it: "lap 27 is not on"."""
_OF_A_DENIAL = re.compile(
    r"(?: [\w'’]+){0,3}? (?:outside|miss|fail|without)\w*\b",
    re.IGNORECASE,
)
"""To deny a denial asserts what it denies."""
_AFTER_IS = re.compile(
    r"\b(?:is|are|was|were|be|['’]s|['’]re|(?:is|are|was|were)n['’]t) ?(?:not|n['’]t)?$", re.IGNORECASE
)
_IS_NOT = re.compile(
    r"(?:(?! (?:and|but)\b)[ '’][\w'’-]+){0,2}?[ '’](?:[\w.+-]*\d|(?-i:[A-Z]{3}\b)|(?:soft|medium|hard"
    r"|intermediate|wet|dry|rain\w*|green"
    r"|red|yellow|safety|sc|vsc|better|best|worth|call|plan|strategy|choice|ahead|behind|front|likely|expect\w*"
    r"|recommend\w*|advis\w*"
    r"|minded|what|currently|first|top|under|stop\w*|box\w*|pit\w*|com(?:e|ing)|go(?:ing)?|look(?:ing)?"
    r"|rejoin\w*|scor\w*|losing"
    r"|gaining|wait\w*|stay\w*)\b)",
    re.IGNORECASE,
)
"""After 'is not' something is denied only if it is one of these; "isn't on" and "isn't a big ask" deny no fact."""
_VERB = re.compile(
    r" (?:(?:\w+ly|even|quite|now|still|ever|yet|really|just|be|have|been"
    r"|to) )*(?P<verb>[a-z]+)",
    re.IGNORECASE,
)
_BEFORE_A_VERB = frozenset({"not", "never", "n't", "n’t", "cannot", "no", "hardly", "barely"})
_SAID_SOON = re.compile(
    r"(?! (?:about|of|from|for)\b)(?: [\w'’-]+){0,2}? (?:[\w.+-]*\d|(?-i:[A-Z]{3})\b|(?:soft|medium|hard|intermediate"
    r"|wet)s?\b)",
    re.IGNORECASE,
)
_NOT_RULED_OUT = re.compile(
    r"\b(?:cannot|can['’]t|not) (?:be |quite |yet )*(?:rul(?:e|ed) out"
    r"|excluded?)\b",
    re.IGNORECASE,
)
_ANYTHING_BUT = re.compile(r"\banything but (?:box|pit|stop|come in|stay)\w*", re.IGNORECASE)
_NEVER_MIND = re.compile(
    r"\W*(?:please |and |but |so )?(?:do not|don['’]t) (?:forget|worry|panic|get|let|bother|read|underestimate"
    r"|overthink|fret|be)\b",
    re.IGNORECASE,
)
"""What one is told not to do, and that is nothing a plan does."""
_CONDITION_BEFORE = re.compile(r"\b(?:if|unless|whether|in case)\b[^,;:]*$", re.IGNORECASE)
_CAR = r"(?P<car>(?-i:[A-Z]{3})\b|car \d{1,3}\b)"
_UNDERCUT = re.compile(rf"\bundercut(?:ting)?(?: attempt)? (?P<way>by|from|on|of|against) {_CAR}", re.IGNORECASE)
_WE_UNDERCUT = re.compile(rf"\b(?:we|you|to)(?: (?:can|could|would|might|may))? undercut {_CAR}", re.IGNORECASE)
_UNDERCUTS_US = re.compile(rf"{_CAR}(?: (?:can|could|would|might|may))? undercuts? (?:us|you)\b", re.IGNORECASE)
_GAINED = re.compile(
    r"\b(?:gain|sav|earn|find|win|won|improv)(?:s|es|e|ed|ing)?\b|\b(?:picks?|picking) up\b|\bgives? (?:us"
    r"|you)\b|\bquicker by\b",
    re.IGNORECASE,
)
_LOST = re.compile(r"\b(?:los\w+|lost|cost\w*|gives? (?:up|away)|bleed\w*)\b", re.IGNORECASE)
_IS_OUT = re.compile(
    r"^(?:(?!\b(?:if|should|once|when|until|unless)\b).)*\b(?:safety[- ]car|(?-i:SC)|vsc) (?:is|was|has)\b",
    re.IGNORECASE,
)
_NO_STOP_THEN = re.compile(
    r"\b(?:not|never|n['’]t)\b[^,;]*\b(?:box|pit|stop|in)\b|n['’]t (?:\w+ )?(?:box|pit|stop|duck|dive|come)\b"
    r"|\bas (?:scheduled|planned)\b|\bput off\b|\bgoes ahead\b|\bstay(?:s|ing)? out\b|\blater\b|\bdelay\w*|\bpostpon\w*"
    r"|\b(?:push\w*|put\w*|mov\w+) [^,;]*\bback\b"
    r"|\bkeep going\b|\bhold (?:the|our|off|on)\b",
    re.IGNORECASE,
)
_UNLESS = re.compile(r"\b(?:unless|until|if no|no|without)\b[^,;]*\b(?:safety[- ]car|(?-i:SC)|vsc)\b", re.IGNORECASE)
_UNSTATED = re.compile(
    r"\b(?:quicker|faster|slower|grippier|fresher|stronger|weaker|(?:more|less) durable)\b"
    r"|\b(?:places?|positions?) (?:or (?:two|more) )?(?:higher|better|up|gained|won)\b|\bgain\w* (?:a "
    r"|some |more )?(?:places?|positions?)\b"
    r"|^(?:(?!\b(?:if|should|when|unless|in case)\b).)*\b(?:safety[- ]car|vsc|red flag)"
    r" (?:will (?:be|come)|is (?:expected|coming|due|likely|bound))\b|\bteam(?:[- ]mates?| orders?)\b|\bfastest lap\b"
    r"|\blasts? longer\b"
    r"|\b(?:set|tyres?) (?:is|are) (?:\w+ )?(?:fresh|new|gone|dead|finished|through)\b"
    r"|\bdriver (?:\w+ )?(?:wants?|feels?|says?|asks?|asked|thinks?|reports?|likes?|prefers?)\b"
    r"|\b(?:leader|rivals?|field|others|everyone|everybody|nobody|teams)\b[^,;]*\b(?:pits?|stops?|box(?:es)?"
    r"|pitt(?:ed|ing)|stopp(?:ed|ing))\b"
    r"|\b(?:is|are|it['’]s|track['’]s|stays?|remains?|turn\w*|gett?\w*) (?:\w+ )?(?:dry|wet|damp)\b(?! (?:tyre"
    r"|set|weather))"
    r"|\b(?:undercut|overcut|overtaking|passing|deg|degradation) (?:here )?(?:is|looks|seems) (?:\w+ )?(?:powerful"
    r"|strong|weak|easy|hard"
    r"|difficult|impossible|possible|high\w*|low\w*|worse|better|huge|big|tough)\b"
    r"|\b(?:been|made|heavy|slight) contact\b|\b(?:fastest|quickest|slowest|best) (?:car|man|driver)\b"
    r"|\bworks? better\b"
    r"|\b(?:set|tyres?|rubber|softs|mediums|hards|front left|front right|rear left|rear right) (?:is|are|has"
    r"|have) (?:\w+ )?(?:shot|going off|had it|fallen)\b"
    r"|\b(?:lost|losing|gained|gaining) time (?:in|at|on)\b|\b(?:more|less|better|no) pace than\b|\bat turn\b"
    r"|\b(?:ran|went|goes|going) wide\b"
    r"|\b(?:pit ?lane|pit exit) (?:is|has|was) (?:\w+ )?(?:open|closed|shut)\w*\b|\b(?:has"
    r"|have) made a mistake\b|\blift(?:ing)? and coast"
    r"|\b(?:not |un|very |so )happy\b|\b(?:saving|managing|nursing) his\b|\brace is over\b|\bbunching\b|\b(?:is"
    r"|are|got) stuck in\b"
    r"|\bthan (?:we )?expected\b|\b(?:crew|stop) (?:is|was|has been) (?:slow|quick|fast|poor)\b"
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
    r"|\bbeaten by (?:most|all|many|some|several)\b|\bsimulated (?:laps|seconds)\b|\b(?:twice|double|triple"
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
_SUPPOSED = re.compile(
    r"\b(?:if|should|in case|whenever|when|any|were|would|could|might|may|contingency|scenario|in the event"
    r"|unless|until|chance"
    r"|risk|possible|ready|option|applies|shows up|up to|anywhere|between|from (?:lap |L)?\d+|on laps?|on L\d+"
    r"|any lap|before|throws?|for a|brings?|window"
    r"|in the event)\b|\bSC L\d",
    re.IGNORECASE,
)
"""A clause with one of these speaks of what may come."""
CAUSAL = re.compile(
    r"\b(?:because|(?<!has )(?<!have )(?<!'s )since|due to|owing to|thanks to|caused by|driven by|on account of"
    r"|in view of|seeing that|now that"
    r"|so that|which means|(?<!be )(?<!been )(?<!is )(?<!are )(?<!was )given|after the (?!stop\b|rejoin\b)"
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
    r"^\W*(?:(?:the|this|that|these|those|all|our|current|present|as|it|things|of|at|in|how|what|we|know"
    r"|here|above|now|and|have|is|are)\W+)*(?:(?:talked|speak|go|said|discussed|planned|agreed|thought|spoke)\b|"
    r"(?:state|situation|picture|numbers|data|facts|evidence|model|simulations?|race|circumstances|position"
    r"|stands?|uncertainty|analysis)\b)"
    r"(?: (?:of|in) the (?:race|simulation|numbers))?",
    re.IGNORECASE,
)
"""'Given the current state of the race' names no cause."""


def denial_in(clause: str) -> str | None:
    """Return the word by which a clause denies what it says, None if it denies nothing.

    A denial turns a claim into its opposite, and no fact is a denial: "does not cost 0.31 points" has the fact's number and
    says the contrary.

    Examples
    --------
    >>> denial_in("Waiting does not cost 0.31 points")
    'not'
    >>> denial_in("Box no later than lap 24") is None
    True
    >>> denial_in("It is not clear-cut") is None
    True
    """
    anything_but = _ANYTHING_BUT.search(clause)
    if anything_but is not None:
        return anything_but[0]
    for found in _NEGATOR.finditer(clause):
        if _NEVER_MIND.match(clause) and found.end() < len("and please do not "):
            continue
        if any(m.start() <= found.start() < m.end() for m in _NOT_RULED_OUT.finditer(clause)):
            continue
        if _OF_A_DENIAL.match(clause, found.end()):
            return found[0]
        if _HARMLESS.match(clause, found.end()) or _CONDITION_BEFORE.search(clause[: found.start()]):
            continue
        verb = _VERB.match(clause, found.end()) if found[0].lower() in _BEFORE_A_VERB else None
        if verb is not None and not is_known(verb["verb"].lower()) and not _SAID_SOON.match(clause, verb.end()):
            continue  # "you won't hear from us": whatever that is, no fact says it
        if _AFTER_IS.search(clause[: found.end()]) and not _IS_NOT.match(clause, found.end()):
            continue
        scope, *_ = _PART.split(clause[found.end() :], maxsplit=1)
        said = scope if len(scope.split()) > _SHORT else _PART.split(clause[: found.start()])[-1] + scope
        if _CHECKABLE.search(said):
            return found[0]
    return None


def certainty_in(clause: str) -> str | None:
    """Return the word by which a clause says that something is certain, None if it does not, or says that it is not.

    Examples
    --------
    >>> certainty_in("This is guaranteed to score")
    'guaranteed'
    >>> certainty_in("It is likely, though far from guaranteed") is None
    True
    """
    for found in _CERTAIN.finditer(clause):
        if not denied_before(clause, found.start()) and not _HOW_SURE.search(clause[: found.start()]):
            return found[0]
    return None


def supposes_safety_car(clause: str) -> bool:
    """Whether a clause speaks of a safety car that may come."""
    return bool(_SUPPOSED.search(clause) and states_in(clause))


def ignores_safety_car(clause: str) -> bool:
    """Whether a clause supposes a safety car and does not stop at once then."""
    return supposes_safety_car(clause) and _NO_STOP_THEN.search(clause) is not None and _UNLESS.search(clause) is None


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
    if found is None and names_car and _SUPPOSED.search(clause):
        found = _ANSWERED_BEFORE.search(clause)
    return found[0] if found is not None else None


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


def denied_before(clause: str, at: int) -> bool:
    """Whether a denial just before turns what a clause says at that place into its opposite."""
    return _FAR_FROM.search(clause[:at]) is not None


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
    supposed = _SUPPOSED.search(clause) is not None and _IS_OUT.search(clause) is None
    for match in _STATUS.finditer(clause):
        said = _states(match["status"])
        if not any(state in said for state in (*(spoken_of if supposed else ()), status)):
            return match[0]
    return None


def _states(word: str) -> tuple[str, ...]:
    return _STATES[
        re.split(r"[- ]", word.lower())[0].removesuffix("s") if not word.lower().startswith("yellow") else "yellow"
    ]


def cause_in(clause: str) -> re.Match[str] | None:
    """Return the words that announce a cause, None where there are none or what follows is no cause."""
    found = CAUSAL.search(clause) or _FIRST.match(clause)
    return None if found is None or _NO_CAUSE.search(clause[found.end() :]) else found


def of_the_ranking(told: str) -> bool:
    """Whether a cause is only where the plan ranks ("because it is the best of them"): that is looked at as what it is."""
    return _OF_THE_RANKING.fullmatch(told) is not None
