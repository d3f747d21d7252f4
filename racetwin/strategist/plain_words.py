"""A language model may say things only in the words of this moment: a fact's, or our own sentence's, with words left out.

The checker reads what a sentence claims by a grammar of how such things are said. A turn that the grammar has not met it may take
for something else, and then a false sentence is shown. In a model's wording that is the dear mistake: a true sentence that is
refused costs only its own turn of phrase, for ours stands in its place. So each part of a model's sentence (between commas,
colons, brackets and "and") must be told by *one* fact, or by *one* sentence of ours:

- each of its words is a word of that fact, in the same order; between them may stand only words without a meaning of their own;
- what the fact denies, compares, orders, supposes, and whom and which share of races it speaks of, is neither left out nor added.

It is asked of a model's wording only, beside the checker, which still reads what numbers and names then say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from racetwin.schemas import AdviceTexts, Fact
from racetwin.strategist.claims import PLAN, cars_in
from racetwin.strategist.numerals import in_figures
from racetwin.strategist.verdict import Objection

_EMPTY = frozenset({
    "a", "an", "the", "this", "that", "these", "those", "it", "its", "he", "his", "him", "she", "her", "they",
    "their", "them", "we", "our", "us", "is", "are", "am", "was", "were", "be", "been", "being", "has", "have", "had",
    "having", "do", "does", "did", "of", "in", "on", "at", "to", "for", "from", "with", "by", "into", "as", "or",
    "here", "there",
})  # fmt: skip
"""Articles, pronouns, the forms of be, have and do, and the prepositions that only join: they say nothing by themselves."""
_KEPT = frozenset({
    "not", "no", "never", "none", "nothing", "nobody", "neither", "nor", "without", "cannot", "only", "more", "less",
    "most", "least", "better", "worse", "best", "worst", "fewer", "than", "other", "another", "instead", "too",
    "apart", "level", "before", "after", "behind", "ahead", "outside", "inside", "over", "above", "below", "if",
    "unless", "until", "except", "percent", "leader", "cars",
})  # fmt: skip
"""What denies, compares, orders or supposes; a share, and who a fact is about where that is not our car."""
_NOTATION = (
    (re.compile(r"\bL(?=\d)"), "lap "),
    (re.compile(r"\bSC\b"), "safety car"),
    (re.compile(r"(?<=\d) ?(?:%|per cent\b)"), " percent"),
    (re.compile(r"(?<=\d) s\b"), " seconds"),
    (re.compile(r"±"), "standard error"),
    (re.compile(r"\b(SOFT|MEDIUM|HARD|INTERMEDIATE|WET) tyres?\b", re.IGNORECASE), r"\1"),
)
"""The facts' short forms; and a compound is a tyre: "on HARD" and "on HARD tyres" are one thing."""
_IT = re.compile(r"\bit\b", re.IGNORECASE)
_OWNED = re.compile(r"(?<=\w)['’]s\b")
_SUPPOSED = re.compile(r"\b(?:if|boxing|stopping)\b|^to\b", re.IGNORECASE)
"""What these begin holds for every part of their sentence: "Boxing now: P8", "To undercut, box this lap"."""
_STOP = frozenset({"boxing", "stopping"})
"""Of a stop a fact may say "then" for itself: "NOR is then 0.9 s ahead"."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_JOINT = re.compile(r"[,;:!?()]|\.(?!\d)|\b(?:and|but|while)\b", re.IGNORECASE)
_WORD = re.compile(r"\d+(?:\.\d+)?|[A-Za-z]+")
_S = re.compile(r"(?<=x)es$|(?<=ch)es$|(?<=sh)es$|(?<=ss)es$|(?<=[^s])s$")
"""The s of a plural or a verb is no other word. Other forms are: "box" commands what "boxing" supposes."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a sentence: its words in order, and of what it says that which may neither be left out nor added."""

    words: tuple[str, ...]
    kept: frozenset[str]
    text: str = field(compare=False)

    def has(self, said: _Part) -> bool:
        """Whether the words of another part are words of this one, in the same order."""
        left = iter(self.words)
        return all(word in left for word in said.words)


def _plain_name(plan: str) -> str:
    """A plan's name without what would part a sentence or deny something in it."""
    return re.sub(r"[^\w ]", " ", plan).replace("no stop", "nostop")


def _parts(text: str, *, of_source: bool = False) -> Iterator[_Part]:
    """The parts of a text; a source has each sentence whole, too, and "plan" or "car" for what it calls by its name or "it"."""
    for sentence in _SENTENCE.split(text):
        told = _OWNED.sub("", in_figures(sentence))
        told = PLAN.sub(lambda m: ("plan " if of_source else "") + _plain_name(m[0]), told)
        if of_source:
            told = _IT.sub("it car", told)
        for short, long in _NOTATION:
            told = short.sub(long, told)
        supposed = {found.lower() for found in _SUPPOSED.findall(told)}
        for part in (*_JOINT.split(told), *((told,) if of_source else ())):
            cars = cars_in(part)  # NOR is a driver, "nor" is none
            said = [w if w in cars else w.lower() for w in _WORD.findall(part)]
            words = tuple(w if w in cars else _S.sub("", w) for w in said if of_source or w not in _EMPTY)
            if words:
                on = supposed - _STOP if "then" in words else supposed
                yield _Part(words, frozenset(on | _KEPT.intersection(said) | cars), part.strip())


class PlainWords:
    """The words of one moment, and what in a text is not told in them.

    Parameters
    ----------
    facts
        The facts of the moment.
    own
        Our own wording of the same advice.

    Examples
    --------
    >>> from racetwin.schemas import AdviceTexts, Fact
    >>> gap = Fact(id=1, name="behind.gap", text="NOR is 1.4 s behind.", value=1.4, source="twin")
    >>> own = AdviceTexts(title="Be ready to cover NOR", description="", expected_benefit="", reasoning="")
    >>> words = PlainWords((gap,), own)
    >>> [[o.claim for o in words.objections(t)] for t in ("NOR is 1.4 s behind us.", "NOR trails by 1.4 s.", "1.4 s behind.")]
    [[], ['trails'], ['NOR']]
    """

    def __init__(self, facts: Sequence[Fact], own: AdviceTexts) -> None:
        ours = (own.title, own.description, own.expected_benefit, own.reasoning, *own.risks)
        texts = (*(f.text for f in facts), *ours)
        self._sources = tuple(dict.fromkeys(part for text in texts for part in _parts(text, of_source=True)))
        self._words = frozenset(word for source in self._sources for word in source.words)

    def objections(self, *texts: str) -> tuple[Objection, ...]:
        """Return an objection for each part of the texts that no single source tells."""
        return tuple(
            Objection(text, *why) for text in texts for part in _parts(text) if (why := self._untold(part)) is not None
        )

    def _untold(self, part: _Part) -> tuple[str, str] | None:
        """What of a part is not told, and why; None if a source tells it."""
        for word in part.words:
            if word not in self._words:
                told = next(w for w in _WORD.findall(part.text) if w.lower().startswith(word.lower()))
                return told, "this is no word of the facts: use their words"
        near = [source for source in self._sources if source.has(part)]
        if not near:
            return part.text, "no single fact says this: keep to the words and the order of one"
        if any(source.kept == part.kept for source in near):
            return None
        missing = min((source.kept - part.kept for source in near), key=len)
        if missing:
            return ", ".join(sorted(missing)), "the fact says this, too: do not leave it out"
        return part.text, "the fact supposes nothing"
