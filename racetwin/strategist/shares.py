"""In how many races one plan finishes ahead of another: a share belongs to two plans, and to the way round of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from racetwin.strategist.claims import PLAN, Claim
from racetwin.strategist.known import Known
from racetwin.strategist.plan_talk import Plans

_STATED = re.compile(r"'(?P<one>[^']+)' finishes (?P<way>ahead of|behind) (?:'(?P<other>[^']+)'|the best plan)")
_SAID = re.compile(
    r"\b(?:finish(?:es)?|comes? home|ends?)\b[^,;:%]{0,20}?\b(?P<way>ahead|in front|behind)\b", re.IGNORECASE
)
_OTHERWISE = re.compile(r"\b(?:not|never|no|level|least|most|or)\b|n['’]t\b", re.IGNORECASE)


def wrong_share(plans: Plans, known: Sequence[Known], clause: str, claims: Sequence[Claim]) -> str | None:
    """Return the share of races that a clause has one plan finish ahead of another, or behind it, where no fact has it so."""
    shares = [c for c in claims if c.kind == "percent"]
    said = _SAID.search(clause)
    if said is None or len(shares) != 1 or _OTHERWISE.search(PLAN.sub("", clause)):
        return None
    before = [m[0] for m in PLAN.finditer(clause, 0, said.start("way"))]
    after = [m[0] for m in PLAN.finditer(clause, said.end("way"))]
    if len(before) != 1 or len(after) > 1:
        return None
    one, other = _label(plans, before[0]), _label(plans, after[0]) if after else None
    ahead = said["way"].lower() != "behind"
    stated = [
        (claim, (fact["way"] == "ahead of") == (fact["one"] == one))
        for k in known
        if (fact := _STATED.match(k.fact.text)) is not None
        and (fact["one"] == one or fact["other"] == one)
        and (other is None or other in (fact["one"], fact["other"]))
        for claim in k.claims
        if claim.kind == "percent"
    ]
    share = float(shares[0].value)
    fits = any(way == ahead and abs(float(c.value) - share) <= 0.5 * 10.0 ** -shares[0].decimals for c, way in stated)
    return f"{share:g}" if stated and not fits else None


def _label(plans: Plans, name: str) -> str:
    """A plan as the facts name it."""
    return plans.labels.get(plans.key_of(name) or "", name)
