"""Does a text say only what its facts say? Sentence by sentence, claim by claim, with a reason for each refusal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from racetwin.schemas import COMPOUNDS, Fact
from racetwin.strategist.claims import LOOSE_TOPICS, Claim, cars_in, claims_in, clauses
from racetwin.strategist.lexicon import CAUSAL, DOWN, UP, WORDS

_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")
_PLAN = re.compile(
    r"(?:L\d+ (?:SOFT|MEDIUM|HARD|INTERMEDIATE|WET)(?:, L\d+ (?:SOFT|MEDIUM|HARD|INTERMEDIATE|WET))*|no stop\b)"
    r"(?: \(sooner under SC L\d+-\d+\))?"
)
_FITTED = re.compile(
    r"\b(?:for|fit|fits|fitting|onto|to|take|takes|new|fresh|L\d+)\s+(?:(?:a|the|new|fresh|set|of|used)\s+)*"
    r"(SOFT|MEDIUM|HARD|INTERMEDIATE|WET)S?\b",
    re.IGNORECASE,
)
_WORN = re.compile(
    r"\b(?:on|these|current|old|worn|present)\s+(?:(?:the|its|our|old|worn|used|current)\s+)*"
    r"(SOFT|MEDIUM|HARD|INTERMEDIATE|WET)S?\b",
    re.IGNORECASE,
)
_STOP_PAIR = re.compile(r"\b(?:lap |L)(\d+)\b[^.;]{0,24}?\b(SOFT|MEDIUM|HARD|INTERMEDIATE|WET)S?\b", re.IGNORECASE)
_OTHER_PLAN = re.compile(r"\b(?:alternative|instead|waiting|wait|rather|otherwise|second-best)\b", re.IGNORECASE)
_COMPARED = re.compile(r"\b(?:over|than|against|compared)\b", re.IGNORECASE)
_COMPOUND_NAMES = frozenset(c.value for c in COMPOUNDS) | {c.value + "S" for c in COMPOUNDS}
_EXTRA_CAPITALS = frozenset({"SC", "VSC", "DRS", "P", "L", "S"})


@dataclass(frozen=True, slots=True)
class Objection:
    """One thing in a text that its facts do not carry."""

    sentence: str
    claim: str
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checker found: ``supported`` of ``claims`` claims, and an objection for each other one."""

    claims: int
    supported: int
    objections: tuple[Objection, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing was objected to."""
        return not self.objections

    @property
    def share(self) -> float:
        """Share of claims that are supported; 1 for a text that claims nothing."""
        return 1.0 if not self.claims else self.supported / self.claims


@dataclass(slots=True)
class Checker:
    """Checks texts against one set of facts.

    Parameters
    ----------
    facts
        What may be said.
    retired
        Drivers and ``car N`` that are out of the race: nothing may be said of them as if they raced.
    """

    facts: Sequence[Fact]
    retired: Iterable[str] = ()
    _claims: dict[int, list[Claim]] = field(init=False, repr=False)
    _words: frozenset[str] = field(init=False, repr=False)
    _cars: frozenset[str] = field(init=False, repr=False)
    _retired: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._claims = {f.id: claims_in(f.text) for f in self.facts}
        self._words = WORDS | {w.lower() for f in self.facts for w in _WORD.findall(f.text)}
        self._cars = frozenset(c for f in self.facts for c in cars_in(f.text))
        self._retired = frozenset(self.retired)

    def check(self, *texts: str) -> Verdict:
        """Check texts that stand together (a title, a description, the reasoning)."""
        total = 0
        objections: list[Objection] = []
        for text in texts:
            for clause in clauses(text):
                count, found = self._clause(clause)
                total += count
                objections += found
        bad = min(total, len(objections))
        return Verdict(claims=total, supported=total - bad, objections=tuple(objections))

    def evidence(self, text: str) -> tuple[int, ...]:
        """Return the numbers of the facts that a text rests on: those that say what one of its claims says."""
        found: set[int] = set()
        for clause in clauses(text):
            pool = self._pool(clause)
            for claim in claims_in(clause):
                found |= {f.id for f in pool if any(_says(c, claim) for c in self._claims[f.id])}
        return tuple(sorted(found))

    # --- one clause ---------------------------------------------------------------------------------------------

    def _clause(self, clause: str) -> tuple[int, list[Objection]]:
        objections = [Objection(clause, w, "this word is not in the facts") for w in self._unknown_words(clause)]
        pool = self._pool(clause)
        claims = claims_in(clause)
        for claim in claims:
            why = self._refute(claim, pool)
            if why:
                objections.append(Objection(clause, str(claim.value), why))
        objections += self._tyres(clause, pool)
        objections += self._cause(clause, claims)
        objections += self._comparison(clause, claims, pool)
        return max(1, len(claims)), objections

    def _unknown_words(self, clause: str) -> list[str]:
        text = _PLAN.sub(" ", clause)
        unknown = []
        for word in _WORD.findall(text):
            if word in self._cars or word in _EXTRA_CAPITALS or word.upper() in _COMPOUND_NAMES:
                continue
            plain = re.sub(r"['’]s?$", "", word.lower())
            if plain not in self._words and not all(p in self._words for p in plain.split("-")):
                unknown.append(word)
        return unknown

    def _pool(self, clause: str) -> list[Fact]:
        """The facts a clause may rest on: those of the plan it speaks of, and those that belong to no plan.

        A clause that names a plan speaks of that plan; one that says "instead", "waiting" or the like of another than the
        best; any other of the best plan.
        """
        plans = {f.name.partition(".")[0] for f in self.facts if f.name.endswith(".plan")}
        named = set(_PLAN.findall(clause))
        keys = {f.name.partition(".")[0] for f in self.facts if f.name.endswith(".plan") and str(f.value) in named}
        if not keys:
            keys = plans - {"best"} if _OTHER_PLAN.search(clause) else {"best"}
        elif _COMPARED.search(clause):
            keys |= {"best"}
        return [f for f in self.facts if f.name.partition(".")[0] not in plans or f.name.partition(".")[0] in keys]

    def _refute(self, claim: Claim, pool: Sequence[Fact]) -> str | None:
        known = [c for f in pool for c in self._claims[f.id]]
        if claim.kind == "car":
            return self._refute_car(claim, known)
        if claim.kind == "compound":
            return None if any(c.kind == "compound" and c.value == claim.value for c in known) else "no fact names it"
        # A bare number may be any fact's; one with a meaning only a fact's with that meaning.
        same_kind = [c for c in known if claim.kind in (c.kind, "number")]
        equal = [c for c in same_kind if _same_number(claim, c) and _same_topic(claim, c)]
        if not equal:
            return "no fact has this number with this meaning"
        about = [c for c in equal if not c.cars or not claim.cars or c.cars & claim.cars]
        if not about:
            return "the facts say this of another car"
        if any(_same_side(claim, c) for c in about):
            return None
        return "the facts say ahead where this says behind, or the other way round"

    def _refute_car(self, claim: Claim, known: Sequence[Claim]) -> str | None:
        if claim.value in self._retired:
            return "this car is out of the race"
        same = [c for c in known if c.kind == "car" and c.value == claim.value]
        if not same:
            return "no fact speaks of this car"
        if not any(_same_side(claim, c) for c in same):
            return "the facts have this car on the other side"
        return None

    def _tyres(self, clause: str, pool: Sequence[Fact]) -> list[Objection]:
        """A compound to fit must be one a plan fits, on that plan's lap; one to be on must be the present one."""
        stops = {
            (int(lap), compound.upper())
            for f in pool
            if f.name.endswith(".plan")
            for lap, compound in re.findall(r"L(\d+) ([A-Z]+)", str(f.value))
        }
        present = {str(f.value) for f in pool if f.name == "compound"}
        found = []
        for lap, compound in _STOP_PAIR.findall(clause):
            if stops and (int(lap), compound.upper()) not in stops:
                found.append(Objection(clause, f"lap {lap} {compound}", "no plan spoken of fits that on that lap"))
        fitted = {c for _, c in stops}
        found += [
            Objection(clause, c, "no plan spoken of fits it")
            for c in _FITTED.findall(clause)
            if stops and c.upper() not in fitted
        ]
        found += [
            Objection(clause, c, "the car is not on it")
            for c in _WORN.findall(clause)
            if present and c.upper() not in present
        ]
        return found

    def _cause(self, clause: str, claims: Sequence[Claim]) -> list[Objection]:
        lower = clause.lower()
        for marker in CAUSAL:
            where = re.search(rf"\b{marker}\b", lower)
            if where is None:
                continue
            after = claims_in(clause[where.end() :])
            if not any(c.kind not in ("car",) for c in after) and not any(c.kind != "car" for c in claims):
                return [Objection(clause, marker, "no fact states this cause")]
            if not any(c.kind != "car" for c in after):
                return [Objection(clause, marker, "the cause itself is no stated fact")]
        return []

    def _comparison(self, clause: str, claims: Sequence[Claim], pool: Sequence[Fact]) -> list[Objection]:
        """A difference in points must point the way the facts have it."""
        differences = {
            abs(c.value): f
            for f in self.facts
            if f.name.endswith(".delta_points")
            for c in self._claims[f.id]
            if c.kind == "points" and isinstance(c.value, float)
        }
        words = {w.lower() for w in _WORD.findall(clause)}
        up, down = bool(words & UP), bool(words & DOWN)
        found = []
        for claim in claims:
            if claim.kind not in ("points", "number") or not isinstance(claim.value, float):
                continue
            if abs(claim.value) not in differences:
                continue
            fact = differences[abs(claim.value)]
            subject_is_other = self._subject_is_other(clause, fact)
            negative = claim.value < 0 or (down and not up)
            positive = (claim.signed and claim.value > 0) or (up and not down)
            if (subject_is_other and positive) or (not subject_is_other and negative):
                found.append(Objection(clause, claim.text, "the difference points the other way"))
        return found

    def _subject_is_other(self, clause: str, fact: Fact) -> bool:
        key = fact.name.partition(".")[0]
        plan = next((str(f.value) for f in self.facts if f.name == f"{key}.plan"), None)
        compared = _COMPARED.search(clause)
        subject = clause[: compared.start()] if compared else clause
        named = _PLAN.search(subject)
        if named:
            return named[0] == plan
        return bool(_OTHER_PLAN.search(subject))


def _says(fact: Claim, said: Claim) -> bool:
    """Whether a claim of a fact is the claim that was said."""
    if said.kind in ("car", "compound"):
        return fact.kind == said.kind and fact.value == said.value and _same_side(said, fact)
    same = said.kind in (fact.kind, "number") and _same_number(said, fact) and _same_topic(said, fact)
    return same and _same_side(said, fact) and (not fact.cars or not said.cars or bool(fact.cars & said.cars))


def _same_number(said: Claim, fact: Claim) -> bool:
    """Whether ``said`` is the fact's number, possibly rounded to fewer digits; half may go either way."""
    if not isinstance(said.value, float) or not isinstance(fact.value, float):
        return False
    if said.decimals > fact.decimals and said.value != fact.value:
        return False
    a = abs(said.value) if not (said.signed and fact.signed) else said.value
    b = abs(fact.value) if not (said.signed and fact.signed) else fact.value
    return abs(a - b) <= 0.5 * 10.0**-said.decimals + 1e-9 if said.decimals < fact.decimals else abs(a - b) < 1e-9


def _same_side(said: Claim, fact: Claim) -> bool:
    return said.side is None or fact.side is None or said.side == fact.side


def _same_topic(said: Claim, fact: Claim) -> bool:
    if not said.topic or said.topic & fact.topic:
        return True
    return not fact.topic and said.topic <= LOOSE_TOPICS
