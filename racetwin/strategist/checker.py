"""Does a text say only what its facts say? Sentence by sentence, claim by claim, with a reason for each refusal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from racetwin.schemas import COMPOUNDS, Fact
from racetwin.strategist.assertions import denial_in, other_status
from racetwin.strategist.claims import PLAN, Claim, cars_in, claims_in, clauses, plan_claims
from racetwin.strategist.differences import Difference, difference_in, wrong_order
from racetwin.strategist.lexicon import CAUSAL, DOWN, UP, WORDS
from racetwin.strategist.meanings import same_topic, unit_fits

_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")
_FITTED = re.compile(
    r"\b(?:for|fit|fits|fitting|onto|to|take|takes|new|fresh|L\d+)\s+(?:(?:a|the|new|fresh|set|of|used)\s+)*"
    r"(SOFT|MEDIUM|HARD|INTERMEDIATE|WET)S?\b",
    re.IGNORECASE,
)
_TO_FIT = re.compile(
    r"\b(?:box|boxes|boxing|pit|pits|stop|stops|stopping|fit|fits|take|takes|switch|onto|next|for|lap|laps|want|target|call|then|"
    r"prefer|plan|waits?|waiting)\b",
    re.IGNORECASE,
)
"""A clause without any of these speaks of the tyres that are on the car."""
_STOP_PAIR = re.compile(r"\b(?:lap |L)(\d+)\b[^.;]{0,24}?\b(SOFT|MEDIUM|HARD|INTERMEDIATE|WET)S?\b", re.IGNORECASE)
_PAIR_STOP = re.compile(r"\b(SOFT|MEDIUM|HARD|INTERMEDIATE|WET)S?\b[^.;]{0,40}?\b(?:lap |L)(\d+)\b", re.IGNORECASE)
_OTHER_PLAN = re.compile(
    r"\b(?:alternative|instead|waiting|wait|rather|otherwise|second-best|next best|next-best|fall back|plan b)\b",
    re.IGNORECASE,
)
_BOTH_PLANS = re.compile(r"\b(?:instead of|rather than|fall back)\b", re.IGNORECASE)
_COMPARED = re.compile(r"\b(?:over|than|against|compared)\b", re.IGNORECASE)
_COMPOUND_NAMES = frozenset(c.value for c in COMPOUNDS) | {c.value + "S" for c in COMPOUNDS}
_COMPOUND_NAME = re.compile(r"\b(?:SOFT|MEDIUM|HARD|INTERMEDIATE|WET)S?\b", re.IGNORECASE)
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


@dataclass(frozen=True, slots=True)
class _Known:
    """A fact as it is read: ``key`` is the plan it belongs to, if it belongs to one, ``about`` the plans that it names."""

    fact: Fact
    key: str
    claims: tuple[Claim, ...]
    about: frozenset[str]
    difference: Difference | None
    stops: frozenset[tuple[int, str]]


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
    _known: list[_Known] = field(init=False, repr=False)
    _plans: dict[str, str] = field(init=False, repr=False)
    _worth: dict[str, float] = field(init=False, repr=False)
    _status: str | None = field(init=False, repr=False)
    _words: frozenset[str] = field(init=False, repr=False)
    _cars: frozenset[str] = field(init=False, repr=False)
    _retired: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._known = [_read(f.name, f) for f in self.facts]
        self._plans = {k.key: str(k.fact.value) for k in self._known if k.fact.name.endswith(".plan")}
        ranked = {k.key for k in self._known if k.fact.name.endswith(".expected_points") and k.key in self._plans}
        behind = {k.key: float(k.fact.value) for k in self._known if k.fact.name.endswith(".delta_points")}
        self._worth = {self._plans[key]: behind.get(key, 0.0) for key in ranked}
        self._status = next((str(f.value) for f in self.facts if f.name == "track_status"), None)
        self._words = frozenset().union(*(_words_of(f.text) for f in self.facts)) | WORDS
        self._cars = frozenset().union(*(cars_in(f.text) for f in self.facts))
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
                found |= {k.fact.id for k in pool if any(_says(c, claim) for c in k.claims)}
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
        objections += self._named_plans(clause)
        objections += self._tyres(clause, pool)
        objections += self._cause(clause)
        objections += self._comparison(clause, claims, pool)
        objections += self._assertions(clause)
        return max(1, len(claims)), objections

    def _unknown_words(self, clause: str) -> list[str]:
        text = PLAN.sub(" ", clause)
        unknown = []
        for word in _WORD.findall(text):
            if word in self._cars or word in _EXTRA_CAPITALS or word.upper() in _COMPOUND_NAMES:
                continue
            plain = re.sub(r"['’]s?$", "", word.lower())
            if plain not in self._words and not all(p in self._words for p in plain.split("-")):
                unknown.append(word)
        return unknown

    def _pool(self, clause: str) -> list[_Known]:
        """The facts a clause may rest on: those of the plan it speaks of, and those that belong to no plan.

        A clause that names a plan speaks of that plan; one that says "instead", "waiting" or the like of another than the
        best; any other of the best plan.
        """
        named = frozenset(PLAN.findall(clause))
        keys = {key for key, plan in self._plans.items() if plan in named}
        if not keys:
            keys = set(self._plans) - {"best"} if _OTHER_PLAN.search(clause) else {"best"}
            stops = {f"L{lap} {compound.upper()}" for lap, compound in _STOP_PAIR.findall(clause)}
            keys = {k for k in keys if self._plans.get(k, "").partition(",")[0] in stops} or keys
            if _BOTH_PLANS.search(clause):
                keys.add("best")
        elif _COMPARED.search(clause):
            keys |= {"best"}
        return [
            k
            for k in self._known
            if k.key in keys or (k.key not in self._plans and not (named and k.about and not k.about & named))
        ]

    def _refute(self, claim: Claim, pool: Sequence[_Known]) -> str | None:
        known = [c for k in pool for c in k.claims]
        if claim.kind == "car":
            return self._refute_car(claim, known)
        if not unit_fits(claim.kind, claim.text):
            return "this cannot be counted in that unit"
        if claim.kind == "compound":
            return None if any(c.kind == "compound" and c.value == claim.value for c in known) else "no fact names it"
        # A bare number may be any fact's; one with a meaning only a fact's with that meaning.
        same_kind = [c for c in known if claim.kind in (c.kind, "number") or _laps_done(claim, c)]
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
        sides = {c.side for c in same if c.side is not None}
        if claim.side is not None and sides and claim.side not in sides:
            return "the facts have this car on the other side"
        return None

    def _named_plans(self, clause: str) -> list[Objection]:
        """A plan that is named must be one that was weighed."""
        known = self._plans.values()
        return [Objection(clause, m[0], "no fact has this plan") for m in PLAN.finditer(clause) if m[0] not in known]

    def _tyres(self, clause: str, pool: Sequence[_Known]) -> list[Objection]:
        """A compound to fit must be one a plan fits, on that plan's lap; one to be on must be the present one."""
        if not _COMPOUND_NAME.search(clause):
            return []
        stops = frozenset().union(*(k.stops for k in pool))
        present = {str(k.fact.value) for k in pool if k.fact.name == "compound"}
        found = []
        pairs = _STOP_PAIR.findall(clause) or [(lap, compound) for compound, lap in _PAIR_STOP.findall(clause)]
        for lap, compound in pairs:
            if stops and (int(lap), compound.upper()) not in stops:
                found.append(Objection(clause, f"lap {lap} {compound}", "no plan spoken of fits that on that lap"))
        fitted = {c for _, c in stops}
        found += [
            Objection(clause, c, "no plan spoken of fits it")
            for c in _FITTED.findall(clause)
            if stops and c.upper() not in fitted
        ]
        elsewhere = {
            c.value
            for k in pool
            if k.fact.name != "compound" and not k.fact.name.endswith(".plan")
            for c in k.claims
            if c.kind == "compound"
        }
        if present and not _TO_FIT.search(clause):
            found += [
                Objection(clause, str(c.value), "the car is not on it")
                for c in claims_in(clause)
                if c.kind == "compound" and c.value not in (present | elsewhere if "cars" in clause else present)
            ]
        return found

    def _cause(self, clause: str) -> list[Objection]:
        """What is given as a cause must itself be a stated fact, with its number."""
        where = CAUSAL.search(clause)
        if where is None:
            return []
        after = claims_in(clause[where.end() :])
        if any(c.kind not in ("car", "compound") for c in after):
            return []
        return [Objection(clause, where[0].strip(), "no fact states this cause")]

    def _comparison(self, clause: str, claims: Sequence[Claim], pool: Sequence[_Known]) -> list[Objection]:
        """A difference in points must point the way the facts have it."""
        if not any(c.kind in ("points", "number") for c in claims):
            return []
        deltas = [k.difference for k in pool if k.difference is not None]
        others = [c for k in pool if k.difference is None for c in k.claims]
        words = {w.lower() for w in _WORD.findall(PLAN.sub(" ", clause))}
        up, down = bool(words & UP), bool(words & DOWN) or "give up" in clause or "gives up" in clause
        found = []
        for claim in claims:
            if claim.kind not in ("points", "number") or not isinstance(claim.value, float):
                continue
            about = [d for d in deltas if any(c.kind == "points" and _same_number(claim, c) for c in claims_in(d.text))]
            stated = any(c.kind == "points" and c.topic != "delta" and _same_number(claim, c) for c in others)
            if not about or (stated and claim.topic != "delta" and not claim.signed):
                continue
            if claim.signed:
                sign = 1 if claim.value > 0 else -1
            elif up != down:
                sign = 1 if up else -1
            else:
                continue
            if not any(d.points(sign if self._subject_is_other(clause, d) else -sign) for d in about):
                found.append(Objection(clause, f"{claim.value:g}", "the difference points the other way"))
        return found

    def _assertions(self, clause: str) -> list[Objection]:
        """What is denied has no fact; the track is in one state; of two plans one is worth more."""
        found = []
        denied = denial_in(clause)
        if denied is not None:
            found.append(Objection(clause, denied, "this denies what the facts say"))
        status = other_status(PLAN.sub(" ", clause), self._status)
        if status is not None:
            found.append(Objection(clause, status, "the track is in another state"))
        order = wrong_order(clause, self._worth)
        if order is not None:
            found.append(Objection(clause, order, "the facts have these plans the other way round"))
        return found

    def _subject_is_other(self, clause: str, difference: Difference) -> bool:
        """Whether the clause says the difference of the other plan ('X loses ...'), not of the best one ('... over X')."""
        compared = re.search(r"\b(?:over|than|against|compared)\b", clause)
        subject = clause[: compared.start()] if compared else clause
        named = PLAN.search(subject)
        if named:
            return named[0] == difference.other
        return bool(_OTHER_PLAN.search(subject))


def _read(name: str, fact: Fact) -> _Known:
    plan = str(fact.value) if name.endswith(".plan") else None
    return _Known(
        fact=fact,
        key=name.partition(".")[0],
        claims=claims_in(fact.text) if plan is None else plan_claims(plan),
        about=frozenset(PLAN.findall(fact.text)),
        difference=difference_in(name, fact.text),
        stops=frozenset() if plan is None else frozenset((int(n), c) for n, c in re.findall(r"L(\d+) ([A-Z]+)", plan)),
    )


@lru_cache(maxsize=4096)
def _words_of(text: str) -> frozenset[str]:
    return frozenset(w.lower() for w in _WORD.findall(text))


def _says(fact: Claim, said: Claim) -> bool:
    """Whether a claim of a fact is the claim that was said."""
    if said.kind in ("car", "compound"):
        return fact.kind == said.kind and fact.value == said.value and _same_side(said, fact)
    same = said.kind in (fact.kind, "number") and _same_number(said, fact) and _same_topic(said, fact)
    return same and _same_side(said, fact) and (not fact.cars or not said.cars or bool(fact.cars & said.cars))


def _laps_done(said: Claim, fact: Claim) -> bool:
    """'The leader has done 12 laps' says that lap 12 is completed."""
    return said.kind == "laps" and fact.kind == "lap" and said.topic == fact.topic == "completed"


def _same_number(said: Claim, fact: Claim) -> bool:
    """Whether ``said`` is the fact's number, possibly rounded to fewer digits; half may go either way."""
    if not isinstance(said.value, float) or not isinstance(fact.value, float):
        return False
    if said.decimals > fact.decimals:
        return False
    a = abs(said.value) if not (said.signed and fact.signed) else said.value
    b = abs(fact.value) if not (said.signed and fact.signed) else fact.value
    return abs(a - b) <= 0.5 * 10.0**-said.decimals + 1e-9 if said.decimals < fact.decimals else abs(a - b) < 1e-9


def _same_side(said: Claim, fact: Claim) -> bool:
    return said.side is None or fact.side is None or said.side == fact.side


def _same_topic(said: Claim, fact: Claim) -> bool:
    """Whether both numbers are of the same thing, and not one a mean and the other the end of an interval."""
    if said.bound != fact.bound and not (said.bound == "either" and fact.bound):
        return False
    return same_topic(said.kind, said.topic, fact.topic)
