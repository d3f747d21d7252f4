"""Whether a difference is noise or clear: what a sentence calls level must be so by its error, and what it calls clear, too."""

from __future__ import annotations

import re
from collections.abc import Sequence

from racetwin.strategist.claims import Claim
from racetwin.strategist.denials import denied_before
from racetwin.strategist.known import Known
from racetwin.strategist.plan_talk import BEFORE, CALL, Plans

CLEARLY = re.compile(
    r"\bclearly(?= (?:\w+ )?(?:better|worse|ahead|behind|best|beats?|beaten|superior|faster|apart|distinguishable"
    r"|different|beyond|wins?"
    r"|preferable|favou?r\w*|outside|the)\b)"
    r"|\b(?:easily|comfortably|obviously|decisively|by far|no contest|hands down|well clear|is clear-cut"
    r"|clear winner"
    r"|(?:is|are|the difference) decisive|conclusive|eas(?:y|ily) (?:to tell|told) apart|far apart|worlds apart"
    r"|clear favou?rite|(?:clear|significant|decisive|real|measurable|meaningful) (?:difference|gap|advantage|benefit)"
    r"|can (?:be )?separated?|easy (?:call|choice|decision)|no-brainer|not even close"
    r"|(?:more than|over|beyond) (?:two|2|three|3) standard errors|tells? (?:them|the two|these|both) apart|with ease"
    r"|(?:more|larger|greater|bigger) than (?:the |its |their )?(?:own )?(?:noise|(?:standard )?error|margin of error)"
    r"|(?:far|much|way|streets) (?:better|worse|ahead)|head and shoulders"
    r"|one-sided|enough to (?:call|tell|decide)|(?:outside"
    r"|beyond) (?:the )?(?:margin of )?(?:error|noise)|(?:real"
    r"|clear|big|decisive) edge|significant(?:ly)?)\b",
    re.IGNORECASE,
)
LEVEL = re.compile(
    r"\b(?:coin[- ](?:flip|toss)|toss-up|nothing (?:\w+ )?(?:in it|between)|neither\b.*\bnor|level|a wash"
    r"|(?:flip|toss) (?:of )?a coin|identical|interchangeable|six of one|(?:lost"
    r"|buried|drowned) in (?:the )?noise|(?:within|inside) (?:the )?noise|dead[- ]heat"
    r"|too close|(?:nothing but|just|only|mere(?:ly)?) noise"
    r"|(?:less than|under|within) (?:two|2) standard errors|inseparable|equal|equivalent|(?:not"
    r"|n['’]t|cannot|no) (?:\w+ ){0,3}(?:separat|split|difference|tell|(?:say|know|judge) (?:if"
    r"|whether|which))"
    r"|(?:less|smaller) than (?:the |its |their )?(?:own )?(?:noise|(?:standard )?error|margin of error))",
    re.IGNORECASE,
)
CLEAR_ERRORS, _NOISE_ERRORS, _CLEAR_POINTS = 3.0, 2.0, 0.1
"""Plans that differ by more than so many standard errors and so many points are not level."""
_OF_NOISE = re.compile(r"\bnoise\b|\bstandard errors?\b|\bmargin of error\b", re.IGNORECASE)
_SAME = 0.005
"""Points by which a difference may be off and still be the one that was said."""


def far_apart(plans: Plans, clause: str, before: str = "") -> str | None:
    """Return the word by which a clause calls plans level that are not: the facts have one clearly better than the other.

    Where it mentions no plan, it speaks of those of the clause ``before``.
    """
    found = LEVEL.search(clause)
    mentions = plans.mentions(clause) or plans.mentions(before)
    others = [m.key for m in mentions if m.key not in (None, CALL) and m.key in plans.worth]
    if found is None or not others or CALL not in plans.worth:
        return None
    of = [(abs(plans.worth[k] - plans.worth[CALL]), max(plans.errors[k], plans.errors[CALL])) for k in others if k]
    errors = _NOISE_ERRORS if "noise" in found[0].lower() else CLEAR_ERRORS
    return found[0] if all(gap > max(errors * error, _CLEAR_POINTS) for gap, error in of) else None


def too_close(plans: Plans, clause: str) -> str | None:
    """Return the word by which a clause calls clear what is not: the plans it compares are within their noise."""
    found = CLEARLY.search(clause)
    if found is None or denied_before(clause, found.start()):
        return None
    named = [m.key for m in plans.mentions(clause) if m.key is not None and m.key in plans.worth]
    others = [k for k in named if k != CALL] or [k for k in plans.worth if k not in (CALL, BEFORE)]
    gaps = [
        (abs(plans.worth[k] - plans.worth.get(CALL, 0.0)), max(plans.errors.get(k, 0.0), plans.errors.get(CALL, 0.0)))
        for k in others
    ]
    close = [gap <= 2 * error for gap, error in gaps]
    return found[0] if close and (any(close) if len(named) < 2 else close[0]) else None


def gap_and_errors(
    known: Sequence[Known], clause: str, claims: Sequence[Claim], before: Sequence[Claim]
) -> tuple[float, list[float]] | None:
    """Return the difference that a clause speaks of and its error, as told or, where it speaks of noise, by the facts."""
    gaps = [abs(c.value) for c in claims if c.kind == "points" and isinstance(c.value, float)] or [
        abs(c.value) for c in before if c.kind == "points" and isinstance(c.value, float)
    ]
    errors = [c.value for c in claims if c.kind == "error" and isinstance(c.value, float)]
    if not errors and len(gaps) == 1 and _OF_NOISE.search(clause):  # the facts have the error of this difference
        differences = [k.difference for k in known if k.difference is not None]
        errors = list({d.error for d in differences if abs(abs(d.value) - gaps[0]) < _SAME})
    return (gaps[0], errors) if len(gaps) == 1 and errors else None


def not_noise(known: Sequence[Known], clause: str, claims: Sequence[Claim], before: Sequence[Claim]) -> str | None:
    """Return the word by which a clause calls a difference noise, or clear, that by its error is not."""
    told = gap_and_errors(known, clause, claims, before)
    if told is None:
        return None
    gap, errors = told
    noise, clear = LEVEL.search(clause), CLEARLY.search(clause)
    beyond = gap > 2 * max(errors) + 0.02
    if noise is not None and beyond and not denied_before(clause, noise.start()):
        return noise[0]
    if clear is not None and beyond and denied_before(clause, clear.start()):
        return clear[0]
    too_small = clear is not None and gap <= 2 * min(errors) and not denied_before(clause, clear.start())
    return clear[0] if too_small and clear is not None else None
