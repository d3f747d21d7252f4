"""What else can be wrong with a model's wording than its claims: another decision, unknown facts, repetition."""

from __future__ import annotations

import re

from racetwin.schemas import Recommendation
from racetwin.strategist.model_question import Wording
from racetwin.strategist.verdict import Objection


def other_faults(wording: Wording, recommendation: Recommendation) -> tuple[Objection, ...]:
    """Return what is wrong with a wording although each of its claims may be supported."""
    return (
        *_unknown_facts(wording, recommendation),
        *_another_decision(wording, recommendation),
        *_said_twice(wording),
    )


def _unknown_facts(wording: Wording, recommendation: Recommendation) -> tuple[Objection, ...]:
    """Object to sentences that name facts which are not there."""
    known = {fact.id for fact in recommendation.facts}
    sentences = (*wording.description, *wording.expected_benefit, *wording.reasoning, *wording.risks)
    return tuple(
        Objection(s.text, f"fact {number}", "there is no fact with this number")
        for s in sentences
        for number in s.facts
        if number not in known
    )


_DECISIONS = (
    ("stay out", re.compile(r"\bstay(?:s|ing)? out\b|\bno stop\b|\bstop (?:plan )?(?:is )?withdrawn\b", re.IGNORECASE)),
    ("box", re.compile(r"\bbox\b|\bpit\b|\bstop\b|\bcome in\b", re.IGNORECASE)),
    ("cover", re.compile(r"\bcover\b", re.IGNORECASE)),
    ("manage", re.compile(r"\bmanag", re.IGNORECASE)),
    ("mind", re.compile(r"\bmind\b", re.IGNORECASE)),
)
_AT_ONCE = re.compile(r"\b(?:box|pit|come in|stop) (?:now|this lap|immediately)\b", re.IGNORECASE)


def _decision(title: str) -> str | None:
    """What a title decides: the first decision that it names."""
    found = [(m.start(), name) for name, pattern in _DECISIONS if (m := pattern.search(title))]
    return min(found)[1] if found else None


def _another_decision(wording: Wording, r: Recommendation) -> tuple[Objection, ...]:
    """Object to a wording that decides something else than what was decided, or leaves it out of the title."""
    ours = _decision(r.title)
    out = []
    if ours is not None and _decision(wording.title) != ours:
        out.append(Objection(wording.title, "title", f"the decision is {r.title!r}"))
    now, stays = bool(_AT_ONCE.search(r.title)), ours == "stay out"
    out += [
        Objection(sentence.text, "decision", f"the decision is {r.title!r}")
        for sentence in wording.description
        if (_AT_ONCE.search(sentence.text) and not now) or (not stays and _decision(sentence.text) == "stay out")
    ]
    return tuple(out)


def _said_twice(wording: Wording) -> tuple[Objection, ...]:
    """Object to the same sentence in two places: it fills the form and says nothing."""
    sentences = [s.text for s in (*wording.description, *wording.expected_benefit, *wording.reasoning, *wording.risks)]
    return tuple(
        Objection(text, "repeated", "this sentence was said before")
        for i, text in enumerate(sentences)
        if text in sentences[:i]
    )
