"""Words for what facts have in figures or in full: "twenty-one seconds", "three tenths", "rejoin eleventh"."""

from __future__ import annotations

import re

_ONES = (
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
    "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES = {"one": 1} | {w: n for n, w in enumerate(_ONES, start=2)} | {w: 10 * n for n, w in enumerate(_TENS, start=2)}
_PLACES = (
    "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth",
    "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth",
)  # fmt: skip
_ORDINALS = {w: n for n, w in enumerate(_PLACES, start=4)}
_CARDINAL = rf"(?:(?:{'|'.join(_TENS)})(?:[- ](?:one|{'|'.join(_ONES[:8])}))?|{'|'.join(_ONES)})"
_COUNTED = re.compile(
    rf"\b(?P<whole>{_CARDINAL})(?: point (?P<tenth>one|{'|'.join(_ONES[:8])}))?"
    r"(?= (?:more |further |other )?(?:s|secs?|seconds?|laps?|points?|pts|percent|per cent|places?|positions?"
    r"|cars|plans|races)\b)",
    re.IGNORECASE,
)
_TENTHS = re.compile(rf"\b(?P<n>{'|'.join(_ONES[:8])}) tenths\b(?: of a second)?", re.IGNORECASE)
_INTERS = re.compile(r"\binters\b", re.IGNORECASE)
_HALF = re.compile(r"\bhalf a second\b", re.IGNORECASE)
_PLACE = re.compile(
    rf"\b(?P<n>{'|'.join(_ORDINALS)})\b(?! (?:plan|option|choice|stop|best|lap|stint|set|time))(?: (?:place"
    rf"|position))?",
    re.IGNORECASE,
)


def in_figures(text: str) -> str:
    """Return a text with its counted numbers and places in figures, and compounds by their names.

    Examples
    --------
    >>> in_figures("We lose twenty-one seconds and rejoin eleventh, three tenths behind NOR")
    'We lose 21 seconds and rejoin P11, 0.3 s behind NOR'
    """
    text = _INTERS.sub("intermediates", text)
    text = _TENTHS.sub(lambda m: f"0.{_VALUES[m['n'].lower()]} s", text)
    text = _HALF.sub("0.5 s", text)
    text = _COUNTED.sub(_figure, text)
    return _PLACE.sub(lambda m: f"P{_ORDINALS[m['n'].lower()]}", text)


def _figure(found: re.Match[str]) -> str:
    whole = sum(_VALUES[word] for word in re.split(r"[- ]", found["whole"].lower()))
    return f"{whole}.{_VALUES[found['tenth'].lower()]}" if found["tenth"] else str(whole)
