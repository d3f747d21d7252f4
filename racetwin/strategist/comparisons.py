"""Whether what a clause says of one plan beside another is so: which is better, by how much, and each number its own plan's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from racetwin.strategist import plan_order, plan_rank
from racetwin.strategist.claims import Claim, claims_in
from racetwin.strategist.known import Known, expected_points
from racetwin.strategist.matching import fits, same_meaning, same_number
from racetwin.strategist.noise import far_apart, gap_and_errors, not_noise, too_close
from racetwin.strategist.plan_order import Order
from racetwin.strategist.plan_talk import CALL, REFERENCE, Plans
from racetwin.strategist.shares import wrong_share
from racetwin.strategist.verdict import Objection


def compared(
    plans: Plans, known: Sequence[Known], clause: str, claims: Sequence[Claim], before: str
) -> list[Objection]:
    """Of two plans the better one must be said to be better, and each number to be its own plan's."""
    found = []
    order = plan_order.order(plans, clause)
    if order is not None and _compares(known, order, clause, claims) and plan_order.contradicted(plans, order):
        found.append(Objection(clause, order.word, "the facts have these plans the other way round"))
    found += _another_difference(plans, known, order, clause, claims)
    by_itself = gap_and_errors(known, clause, claims, claims_in(before)) is not None
    for wrong, why in (
        (plan_rank.wrong_rank, "this is not where the facts rank this plan"),
        (plan_order.unknown_reference, "no plan stops on this lap"),
        (too_close, "these plans are too close to call"),
        (plan_rank.turned_down, "this is the call"),
        (plan_order.wrong_shift, "these laps come the other way round"),
        (plan_rank.old_call, "the call has changed the other way round"),
    ):
        said = None if by_itself and wrong is too_close else wrong(plans, clause)
        found += [Objection(clause, said, why)] if said is not None else []
    for said, why in (
        (plan_order.wrong_time(clause), "these laps come the other way round"),
        (plan_rank.against_the_call(plans, clause), "this is the call"),
        (_wrong_size(clause), "these numbers are the other way round"),
        (
            wrong_share(plans, known, clause, claims),
            "the facts have this share the other way round, or of another plan",
        ),
        (
            not_noise(known, clause, claims, claims_in(before)),
            "by its own error this is no noise, or nothing but noise",
        ),
    ):
        found += [Objection(clause, said, why)] if said is not None else []
    level = far_apart(plans, clause, before)
    if level is not None:
        found.append(Objection(clause, level, "one of these plans is clearly better"))
    return found + _swapped(plans, known, clause, claims)


_SIZE = re.compile(
    r"(?P<one>\d+(?:\.\d+)?)\b[^\d]*?\ba (?P<way>smaller|lower|larger|higher|bigger"
    r"|greater) (?:number|figure|value|share) than"
    r"\b[^\d]*?(?P<other>\d+(?:\.\d+)?)",
    re.IGNORECASE,
)


def _wrong_size(clause: str) -> str | None:
    """Return the word by which a clause calls one of its numbers smaller or larger than another where it is not."""
    found = _SIZE.search(clause)
    if found is None:
        return None
    smaller = found["way"].lower() in ("smaller", "lower")
    return None if (float(found["one"]) < float(found["other"])) == smaller else found["way"]


def _another_difference(
    plans: Plans, known: Sequence[Known], order: Order | None, clause: str, claims: Sequence[Claim]
) -> list[Objection]:
    """A difference must be that of the two plans that it is said of."""
    apart = plan_order.difference(plans, order) if order is not None else None
    if order is None or apart is None:
        return []
    error = plan_order.error(plans, order)
    return [
        Objection(clause, f"{c.value:g}", "this is not the difference of these plans")
        for c in claims
        if c.kind == "points"
        and isinstance(c.value, float)
        and not any(same_number(c, e) for e in expected_points(known))
        if abs(abs(c.value) - apart) > 0.5 * 10.0**-c.decimals + 0.01
    ] + [
        Objection(clause, f"{c.value:g}", "this is not the error of this difference")
        for c in claims
        if c.kind == "error" and error is not None and isinstance(c.value, float) and abs(c.value - error) > 0.006
    ]


def wrong_errors(known: Sequence[Known], clause: str, before: str) -> list[Objection]:
    """An error must be that of the number it stands beside, or of the one in the clause before."""
    errors = [c for c in claims_in(clause) if c.kind == "error"]
    said = [c for part in (clause, before) for c in claims_in(part) if c.kind in ("points", "number") and c.decimals]
    if not errors or not said:
        return []
    beside = [k.claims for k in known if any(c.kind == "points" and same_number(s, c) for c in k.claims for s in said)]
    return [
        Objection(clause, f"{e.value:g}", "this is the error of another number")
        for e in errors
        if beside and not any(c.kind == "error" and same_number(e, c) for claims in beside for c in claims)
    ]


def _compares(known: Sequence[Known], order: Order, clause: str, claims: Sequence[Claim]) -> bool:
    """Whether words of more and less in a clause are about what plans are worth, and not about gaps, places or laps."""
    kinds = {c.kind for c in claims}
    if "points" in kinds or kinds & {"number", "error"}:
        if order.subject != CALL or order.named:
            return True
        apart = [c for k in known if k.difference is not None for c in k.claims if c.kind == "points"]
        return any(c.kind == "points" and any(same_number(c, d) for d in apart) for c in claims) and not any(
            c.kind == "points" and any(same_number(c, e) for e in expected_points(known)) for c in claims
        )
    return order.named and kinds <= {"lap", "compound"}


def _swapped(plans: Plans, known: Sequence[Known], clause: str, claims: Sequence[Claim]) -> list[Objection]:
    """In "15.1 against 14.8 points" and in "lap 27 is worth 14.8, ours 15.1" each number is its own plan's."""
    numbers = [
        c
        for c in claims
        if c.kind in ("points", "percent", "position", "number")
        and c.topics[:1] not in (("delta",), ("ahead",), ("behind",))
    ]
    if len(numbers) != 2:
        return []
    compared = REFERENCE.search(clause)
    sides = (
        plan_order.sides(plans, clause, compared.start()) if compared is not None else plan_order.in_turn(plans, clause)
    )
    if sides is None:
        return []
    out = []
    for claim, key in zip(numbers, sides, strict=True):
        call = plans.labels.get(CALL)
        label = plans.labels[key] if key is not None else None
        of = [k for k in known if k.key in plans.labels]
        own = [
            c
            for k in of
            if (plans.labels[k.key] == label if label is not None else plans.labels[k.key] != call)
            for c in k.claims
        ]
        if not any(fits(claim, c) and same_number(claim, c) and same_meaning(claim, c) for c in own):
            out.append(Objection(clause, f"{claim.value:g}", "the facts say this of another plan"))
    return out
