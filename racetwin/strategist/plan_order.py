"""What a sentence says of one plan beside another: which is worth more and by how much, which is the call, and which was.

Of two plans that it mentions, one is the *subject* of what is said and the other its *reference*: what follows "than", "over",
"against" and the like. A word of more or less then says which of them is better.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from racetwin.strategist.denials import denied_before
from racetwin.strategist.plan_talk import BAD, CALL, REFERENCE, Mention, Plans, first_lap

_GOOD = re.compile(
    r"\b(?:gain(?:s|ed|ing)?|pays?|pockets?|sav(?:es?|ed|ing)|buys?|earn(?:s|ed)?|picks? up|better|more|higher"
    r"|additional"
    r"|extra|ahead|(?<!-)(?<!give )(?<!gives )(?<!giving )up|richer|better off|adds?"
    r"|good for(?! (?:\d+ laps|another))|to the good"
    r"|has it|beats?|wins?|leads?|rewards?|benefits?|profits?|advantage|plus|in hand|improves?|outscores?"
    r"|outperforms?|ris(?:es?|ing)|increas(?:es?|ing)|climbs?"
    r"|worthwhile|right side"
    r"|to our advantage|above)\b|(?:(?<=\s)|^)\+(?=\d)",
    re.IGNORECASE,
)
_WORTH = re.compile(
    r"\b(?:worth|brings?|returns?|yields?|favou?rs?|prefers?|preferred|preference|points? to|suggests?|likes?"
    r"|rather(?! than))\b",
    re.IGNORECASE,
)
"""'Going on lap 24 instead of lap 27 is worth 0.3 points.'"""
_BESIDE_IT = re.compile(r"\b(?:compared (?:to|with)|against|versus|vs\.?|than) (?:the )?\d+\.\d")
"""'Worth 14.8 points, compared to 15.1 for the plan': which is more is told by the numbers."""
_TRANSITIVE = re.compile(
    r"\b(?:beats?|outscores?|outperforms?|tops|leads?|trails?|loses? to|edges?|ahead of"
    r"|behind)\b(?: [\w']+){0,4} '?$",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"'? (?:for [a-z]+ |on [a-z]+ )?(?!(?:and|or|nor|with|then|is|as|was|are|becomes?|to|until|from|not|but|for"
    r"|on|of|was|equals?|match\w*|ties?|replac\w*)\b)"
    r"[a-z]+s (?:(?:out|off|the|a|stop|stopping|on|for)? ?){0,3}'?"
)
_STATEMENT = re.compile(r": |\b(?:because|since) |, as (?=lap|the|our|we|\w+ing\b)", re.IGNORECASE)
"""'The call stays: 'L32 HARD' is better', "don't wait, because lap 24 is better": there another statement begins."""
_THAT_PLAN = re.compile(r"\bthat (?:plan|call|option|one|stop|strategy)\b", re.IGNORECASE)
_EITHER = re.compile(r"\b(?:if|whether|which of) [^,;]*\bor\b", re.IGNORECASE)
_NO_BETTER = re.compile(r"(?:\b(?:not|no|never)|n['’]t)(?: any| much)? (?:better|worse)\b", re.IGNORECASE)
_NONE_OF = re.compile(
    r"\b(?:none|no|neither|not one|nothing|nobody)(?: one)?(?: of)?(?: the| our| all)* $", re.IGNORECASE
)
_ITSELF = re.compile(r"[:,;] (?:it|that|this|which)(?:['’]s| is| comes| would| will|\b)|: ", re.IGNORECASE)
CONDITION = re.compile(r"(?:if|should|unless|when|once)\b[^,;]*,", re.IGNORECASE)
_REFERRED = re.compile(rf"{REFERENCE.pattern}(?: [a-z]+){{0,4}} (?:lap |L)(?P<lap>\d+)\b", re.IGNORECASE)
_PART = re.compile(r"[,;:]|\b(?:and|but|while|whereas)\b")
_TURNS = re.compile(r"\b(?:avoid(?:s|ed|ing)?|spares?|prevent(?:s|ing)?|without)\b", re.IGNORECASE)
"""'We avoid losing 0.3 points' gains them."""
_EARLIER = re.compile(
    r"\b(?:lap |L)(?P<one>\d+)\b[^,;.\d]{0,30}\b(?P<way>earlier|sooner"
    r"|later) than\b[^,;.\d]{0,40}\b(?:lap |L)(?P<other>\d+)\b",
    re.IGNORECASE,
)
_SHIFTED = re.compile(
    r"\b(?:go|going|stop|stopping|box|boxing|pit|pitting|com(?:e|ing) in) (?P<way>earlier|sooner|later),?"
    r" (?:on |at |until |to |with )?(?:lap |L)(?P<lap>\d+)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Order:
    """What a clause says of two plans: the subject is better (``sign`` 1) or worse (-1) than the reference."""

    subject: str | None
    reference: str | None
    sign: int
    word: str
    implicit: bool
    """Whether the reference is not spoken of: it may be the call, or the desk's best where that is another."""
    named: bool
    """Whether both are spoken of, or another than the call is: else it may be something else that is more or less."""
    every: bool = False
    """Whether it is said of every other plan: "none of the others scores more"."""


def order(plans: Plans, clause: str) -> Order | None:
    """Return what a clause says of one plan beside another, None where it says nothing of the kind."""
    begins = [*_STATEMENT.finditer(clause)]
    told = clause[begins[-1].end() :] if begins else ""
    if (_GOOD.search(told) or BAD.search(told)) and plans.mentions(told):
        that = plans.mentions(clause[: -len(told)])
        if that and that[-1].key in plans.labels:  # "... lap 27, because that plan costs 0.3 points"
            told = _THAT_PLAN.sub(f"'{plans.labels[that[-1].key or CALL]}'", told, count=1)
        clause = told
    if _EITHER.search(clause):
        return None
    condition = CONDITION.match(clause)
    if condition is not None and plans.mentions(clause[condition.end() :]):
        clause = clause[condition.end() :]
    found = plans.mentions(clause)
    before: list[Mention | None] = [None, *found]
    references = [m for a, m in zip(before, found, strict=False) if _refers(clause, a, m)]
    subjects = [m for m in found if m not in references]
    if len(references) > 1 or len(subjects) > 2 or not found:
        return None
    rest = _blanked(clause, [(m.start, m.end) for m in found])
    good, bad = _GOOD.search(rest), BAD.search(rest)
    if good is None and bad is None and (references or REFERENCE.search(clause)):
        good = _WORTH.search(rest) if not _BESIDE_IT.search(clause) else None
    word = good or bad or _verb_between(clause, found)
    if word is None or (good is not None and bad is not None):
        return None
    second = references or subjects[1:]
    subject, reference = (subjects[0] if subjects else None), (second[0] if second else None)
    itself = _ITSELF.search(clause, subjects[-1].end) if subjects and not references else None
    if itself is not None and itself.end() <= word.start():
        subject, reference = subjects[-1], None  # "... fall back to lap 27: it is 0.3 points down"
    if subject is not None and reference is not None and subject.key == reference.key:
        return None
    sign = -1 if bad is not None else 1
    none = subject is not None and _NONE_OF.search(clause[: subject.start]) is not None
    if _TURNS.search(rest):
        sign = -sign
    if none:
        sign = -sign
    of = subject.key if subject is not None else (None if reference is not None and reference.key == CALL else CALL)
    beside = reference.key if reference is not None else (None if of == CALL else CALL)
    return Order(of, beside, sign, word[0], reference is None, reference is not None or of != CALL, none)


def denies_rightly(plans: Plans, clause: str) -> bool:
    """Whether what a clause denies is that another plan is better, and the facts have it so.

    "No other plan scores more", "lap 27 is not better, because it is 0.3 points worse".
    """
    said = order(plans, clause)
    if said is not None and said.every:
        return True  # and whether it is so is looked at as a comparison
    because = _STATEMENT.search(clause)
    first = clause[: because.start()] if because is not None else clause
    if _NO_BETTER.search(first) is None:
        return False
    denied = order(plans, first)
    return denied is not None and denied.named and not contradicted(plans, replace(denied, sign=-denied.sign))


def _verb_between(clause: str, mentions: list[Mention]) -> re.Match[str] | None:
    """The word by which one plan does something to another: whatever it is ("trumps", "pips"), that one is the better."""
    if len(mentions) != 2 or mentions[0].end >= mentions[1].start:
        return None
    return _VERB.fullmatch(clause, mentions[0].end, mentions[1].start)


def _refers(clause: str, before: Mention | None, mention: Mention) -> bool:
    """Whether a mention is what another plan is compared with."""
    between = clause[before.end if before is not None else 0 : mention.start]
    found = [*REFERENCE.finditer(between)]
    if found and not re.search(r"[;:]", between[found[-1].end() :]):
        return True
    return _TRANSITIVE.search(between) is not None


def difference(plans: Plans, order: Order) -> float | None:
    """Return by how many points the two plans differ; None where it is not told which they are."""
    if order.subject not in plans.worth or order.reference not in plans.worth:
        return None
    if order.implicit and plans.worth.get(CALL):
        return None
    return abs(plans.worth[order.subject] - plans.worth[order.reference])


def error(plans: Plans, order: Order) -> float | None:
    """Return the standard error of the two plans' difference, None where it is neither's to the desk's best."""
    keys = [k for k in (order.subject, order.reference) if k in plans.errors]
    best = [k for k in keys if k is not None and plans.errors[k] == 0.0 == plans.worth[k]]
    others = [plans.errors[k] for k in keys if k is not None and k not in best]
    return others[0] if len(best) == 1 and len(others) == 1 else None


def contradicted(plans: Plans, order: Order) -> bool:
    """Whether the facts have the two plans the other way round; of plans that none names, any may be meant."""
    if CALL not in plans.labels:
        return False
    pairs = [
        (a, b)
        for a in ([order.subject] if order.subject else [k for k in plans.worth if k != CALL])
        for b in ([order.reference] if order.reference else [k for k in plans.worth if k != CALL])
        if a in plans.worth and b in plans.worth
    ]
    if order.implicit and order.subject in plans.worth and order.subject != CALL:
        beside_best = plans.worth[order.subject]  # said of the desk's best, which may be another plan than the call
        return abs(beside_best) >= 0.01 and (beside_best > 0) != (order.sign > 0)
    said = all if order.every else any
    return bool(pairs) and not said(_has(plans, a, b, order.sign) for a, b in pairs)


def _has(plans: Plans, a: str, b: str, sign: int) -> bool:
    gain = plans.worth[a] - plans.worth[b]
    level = abs(gain) < 0.01 and (
        CALL not in (a, b) or (a == CALL) == (sign > 0)
    )  # of two as good the call is the first
    return level or (abs(gain) >= 0.01 and (gain > 0) == (sign > 0))


def unknown_reference(plans: Plans, clause: str) -> str | None:
    """Return the lap of a stop that something is compared with, where no plan stops on it."""
    known = {lap for label in plans.labels.values() if (lap := first_lap(label)) is not None}
    said = [m["lap"] for m in _REFERRED.finditer(clause)]
    return next((lap for lap in said if int(lap) not in known), None) if known else None


def sides(plans: Plans, clause: str, at: int) -> tuple[str, str] | None:
    """Return the plans left and right of a comparison at ``at``; None where it is not told which they are."""
    found = [m.key for m in plans.mentions(clause)]
    if any(key is None for key in found) or not set(found) - {CALL}:
        return None
    left = [m.key for m in plans.mentions(clause) if m.start < at and m.key is not None]
    right = [m.key for m in plans.mentions(clause) if m.start >= at and m.key is not None]
    if left and right:
        return left[0], right[0]
    both = left or right
    if len(both) == 2:
        return both[0], both[1]
    return (CALL, both[0]) if right and both[0] != CALL else (both[0], CALL) if both[0] != CALL else None


def in_turn(plans: Plans, clause: str) -> tuple[str | None, str | None] | None:
    """Return the two plans that a clause speaks of one after the other, each with a number of its own; None otherwise.

    Beside the call one of them may be any other plan: None stands for that.
    """
    parts = [[m.key for m in plans.mentions(part)] for part in _PART.split(clause) if re.search(r"\d\.\d|%", part)]
    if len(parts) != 2 or any(len(keys) != 1 for keys in parts):
        return None
    first, second = parts[0][0], parts[1][0]
    return (first, second) if first != second and (CALL in (first, second) or None not in (first, second)) else None


def wrong_time(clause: str) -> str | None:
    """Return the word by which a clause puts one lap before or after another where it does not come.

    Examples
    --------
    >>> wrong_time("the alternative on lap 28 is earlier than the recommended lap 23")
    'earlier'
    """
    found = _EARLIER.search(clause)
    if found is None or denied_before(clause, found.start("way")):
        return None
    one, other = int(found["one"]), int(found["other"])
    before = found["way"].lower() in ("earlier", "sooner")
    return None if (one < other) == before and one != other else found["way"]


def wrong_shift(plans: Plans, clause: str) -> str | None:
    """Return the word by which a clause calls another stop than the call's earlier, or later, where it is not."""
    found, call = _SHIFTED.search(clause), first_lap(plans.labels.get(CALL, ""))
    if found is None or call is None or int(found["lap"]) == call or REFERENCE.search(clause, 0, found.start("lap")):
        return None
    before = found["way"].lower() in ("earlier", "sooner")
    return None if (int(found["lap"]) < call) == before else found["way"]


def _blanked(clause: str, spans: list[tuple[int, int]]) -> str:
    """The clause without the plans it mentions, and without the words that only say which of two is compared with which."""
    for start, end in spans:
        clause = clause[:start] + "_" * (end - start) + clause[end:]
    return re.sub(
        r"\b(?:the (?:gain|loss|cost|price) being|instead of|rather than|in place of|give or take"
        r"|plus or minus|up to|no more than|no less than"
        r"|(?:more|less|over|under|fewer) than (?:two|2|three|3|one|1) standard errors?)\b",
        "_",
        clause,
    )
