"""One spelling for what people write in several: "twenty-one seconds", "three tenths", "rejoin eleventh", "tires", "inters"."""

from __future__ import annotations

import re

_UNITS = {
    w: n
    for n, w in enumerate(
        (
            "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
            "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
        ),
        start=1,
    )
}  # fmt: skip
_TENS = {
    w: 10 * n
    for n, w in enumerate(("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=2)
}
_VALUES = _UNITS | _TENS | {"zero": 0, "nought": 0, "oh": 0}
_ORDINALS = {
    w: n
    for n, w in enumerate(
        (
            "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth", "thirteenth",
            "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth",
        ),
        start=4,
    )
}  # fmt: skip
_ONES = "|".join([*_UNITS][:9])
_DIGIT = f"{_ONES}|zero|nought|oh"
_TEENS = "|".join(sorted(_UNITS, key=len, reverse=True))
_BELOW_100 = rf"(?:(?:{'|'.join(_TENS)})(?:[- ](?:{_ONES}))?|{_TEENS})"
_CARDINAL = re.compile(
    rf"(?P<before>\b(?:laps?|number|position) )?"
    rf"\b(?:(?P<hundreds>{_ONES}) hundred(?: and)?(?: (?P<rest>{_BELOW_100}))?"
    rf"|(?P<whole>{_BELOW_100}|zero|nought))"
    rf"(?: point (?P<part>(?:{_DIGIT})(?: (?:{_DIGIT}))*))?\b"
    r"(?P<unit>(?= (?:more |further |other |and a half )?(?:s|secs?|seconds?|minutes?|hours?|metres?|laps?"
    r"|points?|pts|percent|per cent"
    r"|places?|positions?"
    r"|cars|plans|races|in (?:a|every) hundred|to go|to run|left|remaining|times out)\b))?",
    re.IGNORECASE,
)
_PLAIN_FROM = 11
"""A number in words from here on is always one; "one", "two" or "three" by themselves may only point at things."""
_SPELLED = re.compile(rf"\b(?P<lap>laps? )(?P<digits>(?:{_DIGIT}) (?:{_DIGIT}))\b", re.IGNORECASE)
"""Over the radio lap 24 is "lap two four"."""
_TENTHS = re.compile(rf"\b(?P<n>{_ONES}|[1-9]) tenths\b(?: of a second)?", re.IGNORECASE)
_NUMBER_OF = re.compile(
    rf"(?P<of>\bnumber of [^.,;\d]*? (?:is|are|at)(?: now| currently)? )(?P<n>{_BELOW_100})\b", re.IGNORECASE
)
_ADJECTIVE = re.compile(rf"\b(?P<n>{_BELOW_100})-(?P<unit>second|lap|point|minute|place|position)\b", re.IGNORECASE)
"""'A two-second service' takes 2 seconds."""
_THE_TWO = re.compile(
    r"\b(?:the|these|those) two(?= (?:plans|options|calls|strategies|alternatives|stops"
    r"|laps)\b)",
    re.IGNORECASE,
)
"""'The two plans' counts nothing."""
_PLACE = re.compile(
    rf"\b(?:(?P<word>{'|'.join(_ORDINALS)})|(?P<n>\d+)(?:st|nd|rd|th))\b"
    r"(?! (?:plan|option|choice|stop|best|lap|stint|set|time))(?: (?:place|position))?",
    re.IGNORECASE,
)
_SPELLINGS = (
    (re.compile(r"\binters\b", re.IGNORECASE), "intermediates"),
    (re.compile(r"\b(t)ire(?=s?\b)", re.IGNORECASE), r"\1yre"),
    (re.compile(r"\brunners\b", re.IGNORECASE), "cars"),
    (
        re.compile(
            r"\bhard(?= to (?:tell|say|separate|split|call|see|know|judge|distinguish|choose)\b)", re.IGNORECASE
        ),
        "difficult",
    ),
    (re.compile(r"\bcheckered\b", re.IGNORECASE), "chequered"),
    (re.compile(r"\b(?:rain|rain-weather|wet-weather) tyres\b", re.IGNORECASE), "intermediate or wet tyres"),
    (re.compile(r"\b90 ?(?:%|per ?cent) (?=range|interval|confidence|credible|band)", re.IGNORECASE), ""),
    (
        re.compile(
            r"\b(?:safety car|SC|VSC|rain),? or (?:no|not)\b(?: (?:safety car|SC|VSC"
            r"|rain)\b)?",
            re.IGNORECASE,
        ),
        "Either way",
    ),
    (re.compile(r"[\[(](\d+(?:\.\d+)?), ?(\d+(?:\.\d+)?)[\])]"), r"(\1 to \2)"),
    (re.compile(r"\+ ?/ ?[-−] ?"), "± "),
    (re.compile(r"(?<=[A-Z\d]) > (?=L\d|lap )"), " beats "),
    (re.compile(r"\bhalf a second\b", re.IGNORECASE), "0.5 s"),
)
_ANY = re.compile(
    "|".join(
        (
            "inter",
            "tire",
            "check",
            "rain",
            "wet-w",
            "runner",
            "hard to",
            "half",
            " > ",
            "90 ?[%p]",
            " or no",
            r"[\[(]\d",
            r"\+ ?/",
            r"\d[snrt]",
            *_VALUES,
            *_ORDINALS,
        )
    ),
    re.IGNORECASE,
)
"""A text with none of this is written as the facts are: looking is cheap."""


def in_figures(text: str) -> str:
    """Return a text with its numbers and places in figures, tyres by their names, in British spelling.

    Examples
    --------
    >>> in_figures("We lose twenty-one seconds and rejoin eleventh, three tenths behind NOR")
    'We lose 21 seconds and rejoin P11, 0.3 s behind NOR'
    >>> in_figures("Target lap thirty-eight, gap one point oh five seconds, two hundred and five plans")
    'Target lap 38, gap 1.05 seconds, 205 plans'
    """
    if not _ANY.search(text):
        return text
    for pattern, spelling in _SPELLINGS:
        text = pattern.sub(spelling, text)
    text = _THE_TWO.sub("both", text)
    text = _NUMBER_OF.sub(lambda m: f"{m['of']}{_cardinal(m['n'])}", text)
    text = _ADJECTIVE.sub(lambda m: f"{_cardinal(m['n'])} {m['unit']}s", text)
    text = _TENTHS.sub(lambda m: f"0.{_VALUES.get(m['n'].lower(), m['n'])} s", text)
    text = _SPELLED.sub(lambda m: m["lap"] + _digits(m["digits"]), text)
    text = _CARDINAL.sub(_figure, text)
    return _PLACE.sub(lambda m: f"P{_ORDINALS[m['word'].lower()] if m['word'] else m['n']}", text)


def _figure(found: re.Match[str]) -> str:
    number = 100 * _VALUES[(found["hundreds"] or "zero").lower()] + _cardinal(found["whole"] or found["rest"] or "")
    sure = found["part"] is not None or number >= _PLAIN_FROM
    one = (
        number == 1
        and found["before"] is None
        and not re.match(r" (?:seconds|laps|points|per ?cent)", found.string[found.end() :])
    )
    if not sure and (one or (found["unit"] is None and found["before"] is None)):
        return found[0]
    digits = _digits(found["part"] or "")
    return f"{found['before'] or ''}{number}{'.' if digits else ''}{digits}"


def _cardinal(words: str) -> int:
    return sum(_VALUES[word] for word in re.split(r"[- ]", words.lower()) if word)


def _digits(words: str) -> str:
    return "".join(str(_VALUES[digit.lower()]) for digit in words.split())
