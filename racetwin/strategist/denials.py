"""What a sentence denies and what it calls certain: no fact is a denial, and none is certain."""

from __future__ import annotations

import re

from racetwin.strategist.lexicon import is_known

_CERTAIN = re.compile(
    r"\b(?:promise[sd]?|certain(?:ly|ty)?|guarantee[sd]?|definite(?:ly)?"
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
_SHARE = re.compile(r"%|\bper ?cent\b", re.IGNORECASE)
_NEGATOR = re.compile(
    r"\b(?:not|never|neither|no|cannot|hardly|barely|unlikely|unable|least likely|rules? out|ruled out"
    r"|fails? to|failed to|failing to|(?<=has )yet to|(?<=have )yet to)\b|n['’]t\b",
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
    r"|earlier|sooner|longer(?! (?:under|in|on)\b)"
    r"|than|only|just|least|more"
    r"|fewer|less|near|close|stopping again)\b"
    r"| (?:say|know|judge) (?:if|whether|which)\b|(?<=\bthan not)\b|(?<=\bor not)\b| nothing\b(?! to)"
    r"| (?:why|how|who)\b|(?: \w+){0,2} (?:much|any) more than\b"
    r"|(?<=\bneither)\b.* nor\b.*\b(?:edge|advantage|better|ahead|winner|favou?rite)\b"
    r"|(?<=\bno) (?:need|reason|change|odds|rush|hurry|panic|gap|daylight)\b"
    r"|(?: [\w'’-]+){0,3}? (?:clear|clear-cut|decisive|critical|crucial|vital|important|conclusive|obvious|given"
    r"|separat\w*|split|tell"
    r"|told|distinguish\w*|differ\w*|beaten"
    r"|choose|difference|edge|winner|favou?rite|apart|safe|points|scor\w*|forever"
    r"|matters?)\b"
    r"|(?: \w+ing)?(?: in)? (?:this lap|now)\b|(?: \w+){0,2} surpris\w*\b"
    r"|(?: [\w'’]+){0,3}? (?:stop|box|pit|com(?:e|ing) in)\w* at the end of (?:this|the current) lap\b"
    r"|(?<=\bno)(?: (?:further|more|other|second|pit|extra|additional)){0,3} (?:stops?|visits?)\b"
    r"|(?: [\w'’]+){0,3}? (?:stop|box|pit|com(?:e|ing) in)\w* (?:on )?(?:again|until|till|before|yet|now|this lap)\b",
    re.IGNORECASE,
)
"""What follows a negation that hedges, compares, or is itself a statement the claims carry."""
_NEAR = 3
"""Words between a negation and what it denies."""
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
_NOT_RULED_OUT = re.compile(
    r"\b(?:cannot|can['’]t|not) (?:be |quite |yet )*(?:rul(?:e|ed) out"
    r"|excluded?)\b",
    re.IGNORECASE,
)
_THAT_WE_DO_NOT = re.compile(
    r"\bthat (?:we|you|it) (?:(?:do|does|will|would) not|(?:do|does|would)n['’]t|won['’]t)\W*$", re.IGNORECASE
)
"""After a share this says of what: "a chance of 25 percent that we do not"."""
_ANYTHING_BUT = re.compile(r"\banything but (?:box|pit|stop|come in|stay)\w*", re.IGNORECASE)
_CONDITION_BEFORE = re.compile(r"\b(?:if|unless|whether|in case)\b[^,;:]*$", re.IGNORECASE)


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
    elliptic = _THAT_WE_DO_NOT.search(clause) if _SHARE.search(clause) else None
    for found in _NEGATOR.finditer(clause, 0, elliptic.start() if elliptic is not None else len(clause)):
        if any(m.start() <= found.start() < m.end() for m in _NOT_RULED_OUT.finditer(clause)):
            continue
        if _OF_A_DENIAL.match(clause, found.end()):
            return found[0]
        sure = _CERTAIN.search(clause, found.end())
        if sure is not None and len(clause[found.end() : sure.start()].split()) <= _NEAR:
            continue  # "cannot be guaranteed" hedges
        if _HARMLESS.match(clause, found.end()) or _CONDITION_BEFORE.search(clause[: found.start()]):
            continue
        verb = _VERB.match(clause, found.end()) if found[0].lower() in _BEFORE_A_VERB else None
        if verb is not None and not is_known(verb["verb"].lower()):
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


def denied_before(clause: str, at: int) -> bool:
    """Whether a denial just before turns what a clause says at that place into its opposite."""
    return _FAR_FROM.search(clause[:at]) is not None
