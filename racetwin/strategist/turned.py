"""Sentences that are turned round, told straight before their claims are read: who does what, then to whom, then when.

"It is on lap 24 that the stop is due", "LEC, behind whom the car would return, ...", "Better than lap 27 is the plan" say the
same as "the stop is due on lap 24", "the car would return behind LEC" and "the plan is better than lap 27". Read in that order,
what is subject and what is object is where the grammar looks for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

_CAR = r"(?:(?!(?:VSC|DRS)\b)[A-Z]{3}|car \d{1,3})"
_US = r"(?:the car|our car|we|you|it)"
_BE = r"(?:is|are|was|were|would be|will be)"
_FACTUAL = re.compile(
    r"\d|\b(?-i:[A-Z]{3})\b|\b(?:soft|medium|hard|intermediate|wet|stop|plan|call|set|rejoin)", re.IGNORECASE
)
_SUBJECT = re.compile(rf"(?:we|you|it|they|he|the|a|an|our|this|that|{_CAR})\b")
_ADVERBIAL = re.compile(r"(?:on|at|in|for|from|with|by|until|after|before)\b", re.IGNORECASE)
_CLEFT = re.compile(
    r"^It(?: is| was| will be| would be|['’]s) (?P<x>[^,]{2,60}?)(?:, (?:and )?(?P<not>not [^,]+),)?"
    r" (?P<that>that|who|whom|which|where|when) (?P<rest>[^?]+?)(?P<end>[.!]?)$"
)
_WHAT = re.compile(
    rf"^(?:What|Where|When) (?!(?:is|are|do|does|did|if|about|would|will|can|could|should|shall|[^ ]*['’])\b)"
    rf"(?P<rest>[^,?]+?) {_BE} (?P<x>[^?]+?)(?P<end>[.!]?)$"
)
_IS_WHEN = re.compile(rf"^(?P<x>[Ll]ap \d+) is when (?P<rest>{_US} [^,?.]+)(?P<tail>.*)$")
_IS_WHERE = re.compile(
    rf"^(?P<x>(?:On|In|At|Under|With) [^,.]{{2,40}}?) is (?:where|how) (?P<rest>(?:{_US}"
    rf"|the track) [^,?.]+)(?P<tail>.*)$"
)
_SO_MUCH = re.compile(
    r"^(?P<x>\d[\d.]* (?:s|seconds|points|laps)) (?P<who>an? stop|the (?:stop|set|plan|call|wait)|we|you|it)"
    r" (?P<verb>(?:would |still )?(?!(?:is|are|at|in|on|of)\b)[a-z]+)(?P<tail>[ ,.].*)?$"
)
_WHO = re.compile(
    rf"^Who (?P<aux>are|would|will) (?P<us>we|you) (?P<verb>(?:be )?\w+ing(?: off| back)?): (?P<car>{_CAR})"
)
_COMPARED = re.compile(
    r"^(?P<how>(?:(?:Not|Clearly|Hardly|Easily|Far|Much) )?(?:better|worse|later|earlier|sooner"
    r"|higher|lower|distinguishable|"
    r"different|an? (?:smaller|larger|lower|higher|bigger|greater) (?:number|figure|value"
    r"|share))\b[^,]*? (?:than|from) [^,]+?)"
    rf" (?P<be>{_BE}) (?P<who>(?!where\b|what\b|how\b|not\b)[^,]+?)(?P<tail>,.*|[.!])?$",
    re.IGNORECASE,
)
_PARTICIPLE = re.compile(
    rf"^(?P<how>(?:Not )?[A-Za-z]+(?:ed|en|ne|ht)(?: for| on| out| off)?) (?P<be>{_BE})"
    r" (?P<who>(?:an?|the|one|our|this|that)\b[^,;]+?)(?P<tail>[,;].*|[.!])?$"
)
_PLACED = re.compile(
    r"^(?P<where>(?:(?:Close|Just|Right|Directly|Well) )?(?:behind|ahead|in front)(?: of us)?)"
    r"(?P<by>,? (?:at |by |with )?[\d.]+ (?:s|seconds?)(?: back| adrift| up the road| down the road)?)?,? (?:is|comes"
    r"|sits|would be) "
    rf"(?P<who>{_CAR})\b(?P<tail>.*)$",
    re.IGNORECASE,
)
_WHOM = re.compile(
    rf"^(?P<car>{_CAR}), (?P<where>behind|ahead of|in front of|after|before) whom (?P<who>{_US}\b[^,]*?)"
    r"(?P<when> (?:if|when|once|after)\b[^,]*)?, (?P<rest>.+)$"
)
_OBJECT = re.compile(
    rf"(?P<start>^|[,;] |\band )(?P<car>{_CAR}) (?P<us>you|we)(?P<aux>['’](?:d|ll) be|['’]re| would be| will be| are)"
    r" (?P<verb>\w+ing(?: off| back| up| on)?)\b"
)
_OUT_YOU_STAY = re.compile(r"^(?P<way>Out|In|On) (?P<who>you|we|he|they) (?P<verb>stay|stays|come|comes|go|goes)\b")
_NOT_UNTIL = re.compile(
    r"^Not (?:until|before) (?P<lap>lap \d+) (?P<be>is|are|will|do|does|should) (?P<who>the [^,]*?\b(?:set|stop"
    r"|tyres?|car|plan)|we|you)"
    r" (?P<rest>[^,.]+)(?P<tail>.*)$"
)
_DOES = {
    "beaten": "beats",
    "led": "leads",
    "followed": "follows",
    "chased": "chases",
    "outscored": "outscores",
    "trailed": "trails",
}
_DONE = "|".join(_DOES)
_BY_WHOM = re.compile(
    rf"^(?P<who>[^,;]+?) (?:is|are|was|would be|will be|gets) (?P<done>{_DONE}) by (?P<by>us|{_CAR}|(?:the "
    rf"|our )?[^,;.]+?)(?P<tail>[,;.].*)?$"
)
_DONE_BY = re.compile(
    rf"^(?P<done>{_DONE}) by (?P<by>us|{_CAR}|[^,;.]+?)(?P<when> at the rejoin)? (?:is|are|was|would be|will be) "
    r"(?P<who>[^,;.]+?)(?P<tail>[,;.].*)?$",
    re.IGNORECASE,
)
_MORE_FROM = re.compile(
    r"^(?P<more>More|Fewer|Less) (?P<what>\w+) than (?:from|with|by) (?P<than>[^,]+?) (?:can|could|would|will|is"
    r"|are)(?: be)? \w+"
    r" (?:from|with|by) (?P<who>[^,]+?)(?P<tail>,.*|[.!])?$"
)
_BESIDE = re.compile(
    r"^(?P<how>In place of|Instead of"
    r"|Rather than) (?P<than>[^,]+?)(?:,|(?= (?:we|you"
    r"|the stop)\b))(?P<aside> for which [^,]+,)? (?P<rest>[^,.;]+)(?P<tail>.*)$"
)


def _small(text: str) -> str:
    """A part that began the sentence, with a small letter, unless it begins with a name."""
    return text if re.match(r"[A-Z]{2}|P\d|L\d", text) else text[:1].lower() + text[1:]


def _cleft(m: re.Match[str]) -> str:
    x, rest, end = m["x"], m["rest"], m["end"]
    if not _FACTUAL.search(x):
        return m[0]
    contrast = f", {m['not']}" if m["not"] else ""
    if m["that"] in ("when", "where") or _ADVERBIAL.match(x) or _SUBJECT.match(rest):
        return f"{rest} {x}{contrast}{end}"
    return f"{x} {rest}{contrast}{end}"


def _what(m: re.Match[str]) -> str:
    x, rest = m["x"], m["rest"]
    if not _FACTUAL.match(x) and not re.match(r"(?:about |around |at |on |lap )?\S*\d", x):
        return m[0]
    return f"{rest} {x}{m['end']}" if _SUBJECT.match(rest) else f"{x} {rest}{m['end']}"


def _is_turned(m: re.Match[str]) -> str:
    return f"{m['who']} {m['be']} {_small(m['how'])}{m['tail'] or ''}"


def _whom(m: re.Match[str]) -> str:
    return f"{m['who']} {m['where']} {m['car']}{m['when'] or ''}; {m['car']} {m['rest']}"


def _object(m: re.Match[str]) -> str:
    start = "; " if m["start"][:1] in (",", ";") else m["start"]
    return f"{start}{m['us']}{m['aux']} {m['verb']} {m['car']}"


def _active(m: re.Match[str]) -> str:
    by, when = ("we" if m["by"] == "us" else m["by"]), m.groupdict().get("when") or ""
    who = re.sub(r"^(we|I)$", "us", _small(m["who"]))
    if re.match(r"(?:none|no|nobody|nothing|most|many|some|several|any)\b", by):
        return m[0]
    does = _DOES[m["done"].lower()]
    return f"{by} {does if by != 'we' else does.removesuffix('s')} {who}{when}{m['tail'] or ''}"


def _more_from(m: re.Match[str]) -> str:
    return f"{m['who']} brings {m['more'].lower()} {m['what']} than {m['than']}{m['tail'] or ''}"


_TURNS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (_CLEFT, _cleft),
    (_WHAT, _what),
    (_IS_WHEN, lambda m: f"{m['rest']} on {_small(m['x'])}{m['tail']}"),
    (_IS_WHERE, lambda m: f"{m['rest']} {_small(m['x'])}{m['tail']}"),
    (_SO_MUCH, lambda m: f"{m['who']} {m['verb']} {m['x']}{m['tail'] or ''}"),
    (_WHO, lambda m: f"{m['us']} {m['aux']} {m['verb']} {m['car']}"),
    (_COMPARED, _is_turned),
    (_PARTICIPLE, _is_turned),
    (_PLACED, lambda m: f"{m['who']} is {_small(m['where'])}{m['by'] or ''}{m['tail']}"),
    (_WHOM, _whom),
    (_OBJECT, _object),
    (_OUT_YOU_STAY, lambda m: f"{m['who']} {m['verb']} {m['way'].lower()}"),
    (_NOT_UNTIL, lambda m: f"{m['who']} {m['be']} {m['rest']} on {m['lap']}{m['tail']}"),
    (_MORE_FROM, _more_from),
    (_BY_WHOM, _active),
    (_DONE_BY, _active),
    (_BESIDE, lambda m: f"{m['rest']} {_small(m['how'])} {m['than']}{m['aside'] or ''}{m['tail']}"),
)


@lru_cache(maxsize=4096)
def straight(sentence: str) -> str:
    """Return a sentence with its subject first; one that is not turned round stays as it is.

    Examples
    --------
    >>> straight("It is NOR who is 2.1 s ahead.")
    'NOR is 2.1 s ahead.'
    >>> straight("It is on lap 24, and not on lap 27, that the stop is due.")
    'the stop is due on lap 24, not on lap 27.'
    >>> straight("What a stop costs us is 21 seconds.")
    'a stop costs us 21 seconds.'
    >>> straight("Better by 0.31 points than lap 27 is the plan.")
    'the plan is better by 0.31 points than lap 27.'
    >>> straight("NOR, behind whom we would return if we stopped now, would be 2.1 s clear.")
    'we would return behind NOR if we stopped now; NOR would be 2.1 s clear.'
    """
    for pattern, told in _TURNS:
        sentence = pattern.sub(told, sentence)
    return sentence
