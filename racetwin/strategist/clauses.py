"""A text in sentences and those in clauses, each told as facts are told: one spelling, one order."""

from __future__ import annotations

import re
from functools import lru_cache

from racetwin.strategist.numerals import in_figures
from racetwin.strategist.turned import straight

REMEMBERED = 4096
"""Texts whose claims are remembered: the facts and sentences of one answer are mostly those of the one before."""
SET = re.compile(r"\b(?:set|tyres?|rubber|(?:soft|medium|hard|intermediate|wet)s)\b", re.IGNORECASE)
DIGIT = re.compile(r"\d")

_NO = re.compile(r"(?:no|nope|negative|not)\b", re.IGNORECASE)
_PRONOUN = re.compile(r"(?:it|they|these|those|that)\b(?=.*\b(?:laps?|left|to go)\b)", re.IGNORECASE)
_ONE_COMES = re.compile(r"(With|If|Should|For|Until|Without) one\b", re.IGNORECASE)
_SAFETY_CAR = re.compile(r"\b(?:safety[- ]car|VSC)\b", re.IGNORECASE)
_AMERICAN = re.compile(r"\b([Tt])i(res?)\b")
_BETWEEN = re.compile(
    r"\b[Bb]etween (laps? |L)?(\d+(?:\.\d+)?) and (?:laps? |L)?(\d+(?:\.\d+)?)(?= (?:laps?\b|s\b|seconds\b))",
    re.IGNORECASE,
)
_LAPS_AND = re.compile(r"\b([Ll])aps (\d+) and (\d+)\b(?! (?:laps|s|seconds)\b)")
_FROM_FEW = re.compile(r"\b(?:only |just )?(\d+)(?: more)? laps,? or as many as (\d+)(?: laps)?")
_OPTION = re.compile(r"^(\W*)(?:[Oo]ption|[Pp]lan) [2-9B-D]:")
_TOP_PLANS = re.compile(r"\btop 2 plans\b")
"""One spelling, and one way to tell an interval; the first two plans are no number of plans."""


@lru_cache(maxsize=REMEMBERED)
def clauses(text: str) -> tuple[str, ...]:
    """Split a text into sentences, and those into clauses where a comma or semicolon starts another statement."""
    parts: list[str] = []
    told = _AMERICAN.sub(r"\1y\2", in_figures(text.strip()))
    told = _OPTION.sub(r"\1Alternative:", told.replace("Vs. ", "vs ").replace("vs. ", "vs "))
    told = _BETWEEN.sub(lambda m: f"{m[1] or ''}{m[2]} to {m[3]}", told)
    told = _LAPS_AND.sub(r"\1ap \2 and \1ap \3", told)
    told = _TOP_PLANS.sub("top plans", _FROM_FEW.sub(r"\1 to \2 laps", told))
    sentences = (straight(s) for s in re.split(r"(?<=[.!?])\s+", told))
    for sentence in (part for s in sentences for part in re.split(r"(?<=;)\s+", s)):
        parts += re.split(
            r"(?:,\s+(?:and\s+)?|\s+and\s+)(?=[\d.]+ ?(?:s|secs?|seconds?) (?:ahead of|behind|in front of"
            r"|clear of) (?:[A-Z]{3}\b|car \d))"
            r"|,\s+(?=(?:while|whereas)\b(?=[^,;]*\b(?:lap|alternative|other|next|runner-up)\b)"
            r"|but (?:lap \d|an? (?:stop|plan) |the (?:plan|stop|one) (?:with|on|for|of) ))"
            r"|,\s+(?:and|but|while|with(?! an? \d+ ?%| \d+(?:\.\d+)? (?:[a-z]+ )?(?:as|being) (?:the|our)\b"
            r"| \d+(?:\.\d+)? (?:expected )?points\b))\s+|;\s*|\s\|\s",
            sentence,
        )
    return tuple(p.strip() for p in parts if p and p.strip(" ."))


def headed(clause: str, before: str) -> str:
    """A clause that goes on about the set of tyres of the clause before ("it has 14 laps left"), under that heading."""
    if before.endswith("?") and not DIGIT.search(before) and not _NO.match(clause):
        return straight(f"{before[:-1]}: {clause}")  # a question, and its answer
    goes_on = _PRONOUN.match(clause) and SET.search(before) and not SET.search(clause)
    if _ONE_COMES.match(clause) and _SAFETY_CAR.search(before):
        clause = _ONE_COMES.sub(lambda m: f"{m[1]} a safety car", clause)
    return f"Set: {clause}" if goes_on else clause
