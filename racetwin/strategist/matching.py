"""Whether what a sentence claims is what a fact claims: the number as it was rounded, its meaning, the side of a car."""

from __future__ import annotations

from racetwin.strategist.claims import Claim
from racetwin.strategist.meanings import same_topic


def says(fact: Claim, said: Claim) -> bool:
    """Whether a claim of a fact is the claim that was said."""
    if said.kind in ("car", "compound"):
        return fact.kind == said.kind and fact.value == said.value and same_side(said, fact)
    same = fits(said, fact) and same_number(said, fact) and same_meaning(said, fact)
    return same and same_side(said, fact) and (not fact.cars or not said.cars or bool(fact.cars & said.cars))


def laps_done(said: Claim, fact: Claim) -> bool:
    """'The leader has done 12 laps' says that lap 12 is completed."""
    if said.kind != "laps" or fact.kind != "lap":
        return False
    return any(done in fact.topics and done in said.topics for done in ("completed", "own"))


_IN_RANGES = ("number", "laps", "seconds", "seconds_a_lap", "lap")


def fits(said: Claim, fact: Claim) -> bool:
    """Whether a number of the one's kind may be one of the other's: one without a unit may be any."""
    return said.kind in (fact.kind, "number") or laps_done(said, fact)


def same_number(said: Claim, fact: Claim) -> bool:
    """Whether ``said`` is the fact's number, possibly rounded to fewer digits; half may go either way."""
    if not isinstance(said.value, float) or not isinstance(fact.value, float):
        return False
    if said.kind == "number" and said.decimals == 0 and fact.decimals:
        return False  # a bare number is not rounded: it would be near something
    if said.decimals > fact.decimals:
        return False
    a = abs(said.value) if not (said.signed and fact.signed) else said.value
    b = abs(fact.value) if not (said.signed and fact.signed) else fact.value
    return abs(a - b) <= 0.5 * 10.0**-said.decimals + 1e-9 if said.decimals < fact.decimals else abs(a - b) < 1e-9


def same_side(said: Claim, fact: Claim) -> bool:
    """Whether neither puts the car where the other does not."""
    return said.side is None or fact.side is None or said.side == fact.side


def same_meaning(said: Claim, fact: Claim) -> bool:
    """Whether both numbers are of the same thing, and not one a mean and the other the end of an interval."""
    as_said = (
        said.bound == fact.bound or said.bound == "either" or (said.bound is not None and said.kind not in _IN_RANGES)
    )
    if not as_said and not (said.kind == "lap" and said.bound is None):
        return False
    return same_topic(said.topics, fact.topics)
