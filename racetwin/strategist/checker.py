"""Does a text say only what its facts say? Sentence by sentence, claim by claim, with a reason for each refusal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from racetwin.schemas import COMPOUNDS, Fact
from racetwin.strategist import plan_order
from racetwin.strategist.assertions import (
    cause_in,
    effect_in,
    gained,
    of_rivals,
    of_the_ranking,
    undercuts_in,
    unstated,
    wrong_likelihood,
    wrong_odds,
)
from racetwin.strategist.claims import PLAN, Claim, cars_in, claims_in
from racetwin.strategist.clauses import clauses, headed
from racetwin.strategist.comparisons import compared, wrong_errors
from racetwin.strategist.decisions import decides, wrong_moment, wrong_sequence, wrong_stops
from racetwin.strategist.denials import certainty_in, denial_in
from racetwin.strategist.known import WORD, Known, read, words_of
from racetwin.strategist.lexicon import IDIOMS, is_invention, is_known
from racetwin.strategist.matching import fits, same_meaning, same_number, same_side, says
from racetwin.strategist.meanings import unit_fits
from racetwin.strategist.plan_talk import CALL, WINDOW, Plans, worth_of
from racetwin.strategist.track_talk import (
    ignores_safety_car,
    other_status,
    states_in,
    supposes_safety_car,
    without_safety_car,
)
from racetwin.strategist.tyre_talk import wrong_tyres
from racetwin.strategist.verdict import Objection, Verdict

_COMPOUND_NAMES = frozenset(c.value for c in COMPOUNDS) | {c.value + "S" for c in COMPOUNDS}
_EXTRA_CAPITALS = frozenset({"SC", "SE", "EOL", "VSC", "P", "L", "S", "E", "OK", "TV"})
_TITLED = re.compile(r"(?<=[a-z0-9,] )(?!(?:and|for|with|the|from|over|than)\b)[a-z]{3,}")
"""Without a longer word in small letters a clause is a title, or shouted: there capitals make no names."""
_WITHIN = re.compile(r"[\w,;'’%)] $")
"""Before a word that stands within a sentence, or in a row of words: there a capital makes a name."""


_SAME_WORDS = 3
"""So many words that are all a fact's say what that fact says: "It is raining"."""


_NOT_THIS_LAP = re.compile(r"(?:^|,? )(?<!why )(?:and )?not (?:on |at the end of )?lap (\d+)\b,?", re.IGNORECASE)
_NOT_STOPPING = re.compile(
    r"\bain['’]t no more stops\b|\b(?:not|never) (?:box|pitt|stopp|com)ing(?: in)?\b", re.IGNORECASE
)
_NOT_THIS_TYRE = re.compile(
    r"(?:,|(?<! is)(?<! are)(?<!['’]s)) (?:(?:and )?not|rather than|instead of) (?:the |on |for )?(soft|medium|hard"
    r"|intermediate|wet)(?:s"
    r"|es)?(?: tyres?)?(?=[.,;!]|$)",
    re.IGNORECASE,
)


_ESTIMATE = re.compile(r"\b(?:estimate|mean|average|central)\b", re.IGNORECASE)


def _carried_on(claims: Sequence[Claim], before: str) -> Sequence[Claim]:
    """In "the chance of a podium is 69% with lap 30; with lap 31, it is 66%" the second is of what the first is of."""
    bare = [c for c in claims if c.kind == "percent" or (c.kind == "laps" and _ESTIMATE.search(c.text))]
    if len(bare) != 1 or bare[0].topics:
        return claims
    of = {c.topics for c in claims_in(before) if c.kind == bare[0].kind}
    return [replace(c, topics=next(iter(of))) if c is bare[0] and len(of) == 1 else c for c in claims]


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
    _known: list[Known] = field(init=False, repr=False)
    _plans: Plans = field(init=False, repr=False)
    _lap: int | None = field(init=False, repr=False)
    _status: str | None = field(init=False, repr=False)
    _states: frozenset[str] = field(init=False, repr=False)
    _window: frozenset[float] = field(init=False, repr=False)
    _stops: frozenset[float] = field(init=False, repr=False)
    _words: frozenset[str] = field(init=False, repr=False)
    _cars: frozenset[str] = field(init=False, repr=False)
    _retired: frozenset[str] = field(init=False, repr=False)
    _chances: dict[str, float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        named = {f.name: f.value for f in self.facts}
        # A car that is not a lap down has done the laps that the leader has.
        own = [
            f.model_copy(update={"text": f"The car has completed lap {f.value}."})
            for f in self.facts
            if f.name == "lap" and "car_lap" not in named
        ]
        self._known = [read(f) for f in (*self.facts, *own)]
        labels = {k.key: str(k.fact.value) for k in self._known if k.fact.name.endswith(".plan")}
        differences = {k.key: k.difference for k in self._known if k.fact.name.endswith(".delta_points")}
        ranked = {k.key for k in self._known if k.fact.name.endswith(".expected_points")}
        self._plans = Plans(labels, *worth_of(differences, [key for key in labels if key in ranked]))
        lap = named.get("car_lap", named.get("lap"))
        self._lap = int(lap) if lap is not None else None
        self._status = str(named["track_status"]) if "track_status" in named else None
        self._states = frozenset().union(*(states_in(f.text) for f in self.facts))
        self._words = frozenset().union(*(words_of(f.text) for f in self.facts))
        window = next((k for k in self._known if k.fact.name == f"{CALL}.window"), None)
        stops = re.findall(r"L(\d+) ", labels.get(CALL, ""))
        self._window = frozenset(map(float, str(window.fact.value).split("-"))) if window else frozenset()
        self._stops = frozenset(map(float, stops))
        self._cars = frozenset().union(*(cars_in(f.text) for f in self.facts))
        self._retired = frozenset(self.retired)
        chances = {"points": f"{CALL}.p_points", "podium": f"{CALL}.p_podium"}
        self._chances = {of: float(named[name]) for of, name in chances.items() if name in named}

    def check(self, *texts: str) -> Verdict:
        """Check texts that stand together (a title, a description, the reasoning)."""
        total = 0
        objections: list[Objection] = []
        for text in texts:
            before = ""
            for part in clauses(text):
                clause = headed(self._without_contrast(self._plans.with_laps_named(part)), before)
                count, found = self._clause(clause, self._plans.continued(clause, before), before)
                found += wrong_errors(self._known, clause, before)
                before = clause
                total += max(count, 1 if found else 0)
                objections += found
        bad = min(total, len(objections))
        return Verdict(claims=total, supported=total - bad, objections=tuple(objections))

    def evidence(self, text: str) -> tuple[int, ...]:
        """Return the numbers of the facts that a text rests on: those that say what it says, in a claim, a plan or in words."""
        found: set[int] = set()
        for clause in clauses(text):
            pool = self._pool(clause)
            for claim in claims_in(clause):
                found |= {k.fact.id for k in pool if any(says(c, claim) for c in k.claims)}
            states, plans = states_in(clause), {self._plans.key_of(name) for name in PLAN.findall(clause)}
            words = {w.lower() for w in WORD.findall(clause)}
            found |= {
                k.fact.id
                for k in pool
                if (states and k.fact.name == "track_status" and states_in(k.fact.text) <= states)
                or (k.key in plans and k.fact.name.endswith(".plan"))
                or (len(words) >= _SAME_WORDS and words <= words_of(k.fact.text))
            }
        return tuple(sorted(found))

    # --- one clause ---------------------------------------------------------------------------------------------

    def _clause(self, clause: str, about: str, before: str) -> tuple[int, list[Objection]]:
        """Check one clause; ``about`` is it with the plan that it goes on to speak of, where it names none."""
        objections = [Objection(clause, word, why) for word, why in self._inventions(clause)]
        pool = self._pool(about)
        claims = _carried_on(claims_in(about), before)
        for claim in claims:
            why = self._refute(claim, pool)
            if why:
                objections.append(Objection(clause, str(claim.value), why))
        objections += self._named_plans(clause)
        objections += self._tyres(clause, pool)
        objections += self._cause(clause, pool)
        objections += compared(self._plans, self._known, about, claims, before)
        objections += self._assertions(clause, claims, before)
        return len(claims) or int(self._asserts(about)), objections

    def _asserts(self, clause: str) -> bool:
        """Whether a clause without a number, a car or a tyre says something that is looked at: plans, the track, a cause."""
        return bool(
            PLAN.search(clause)
            or states_in(clause)
            or cause_in(clause)
            or self._plans.mentions(clause)
            or plan_order.order(self._plans, clause)
        )

    def _inventions(self, clause: str) -> Iterator[tuple[str, str]]:
        """Words for what no fact is about, and names, each with what is wrong with it."""
        text = IDIOMS.sub(" ", PLAN.sub(" ", clause))
        titled = _TITLED.search(text) is None
        for found in WORD.finditer(text):
            word, plain = found[0], re.sub(r"['’]s?$", "", found[0].lower())
            if word in self._cars or word in _EXTRA_CAPITALS or word.upper() in _COMPOUND_NAMES or plain in self._words:
                continue
            if is_invention(plain):
                yield word, "no fact is about this"
            elif (
                word[0].isupper()
                and not titled
                and _WITHIN.search(text[: found.start()])
                and not is_known(word.lower())
            ):
                yield word, "this may be a name, and no fact has it"

    def _pool(self, clause: str) -> list[Known]:
        """The facts a clause may rest on: those of the plans it speaks of, and those that belong to no plan."""
        keys = self._plans.spoken_of(clause)
        of_safety_car = bool(states_in(clause))
        named = frozenset(self._plans.labels[k] for k in keys if k in self._plans.labels)
        keys = {k for k, label in self._plans.labels.items() if label in named} | keys
        explicit = {self._plans.labels.get(self._plans.key_of(name) or "") for name in PLAN.findall(clause)}
        return [
            k
            for k in self._known
            if (of_safety_car or not k.fact.name.endswith(".window"))
            and (
                k.key in keys
                or (k.key not in self._plans.labels and not (explicit and k.about and not k.about & explicit))
            )
        ]

    def _refute(self, claim: Claim, pool: Sequence[Known]) -> str | None:
        known = [c for k in pool for c in k.claims]
        if claim.kind == "car":
            return self._refute_car(claim, known)
        if not unit_fits(claim.kind, claim.text):
            return "this cannot be counted in that unit"
        if claim.kind == "compound":
            return None if any(c.kind == "compound" and c.value == claim.value for c in known) else "no fact names it"
        if self._lap is not None and claim.kind == "laps":
            away = self._plans.laps_away(self._lap)
            if any(claim.value in away.get(topic, ()) for topic in claim.topics):
                return None
        # A bare number may be any fact's; one with a meaning only a fact's with that meaning.
        same_kind = [c for c in known if fits(claim, c)]
        if (
            claim.beyond
            and claim.kind != "position"
            and not any(o != claim and o.kind == claim.kind for o in claims_in(claim.text))
        ):
            return "the facts say this number, and not more or less"
        equal = [c for c in same_kind if same_number(claim, c) and same_meaning(claim, c)]
        if not equal:
            return "no fact has this number with this meaning"
        about = [c for c in equal if not c.cars or not claim.cars or c.cars & claim.cars]
        if not about:
            return "the facts say this of another car"
        if any(same_side(claim, c) for c in about):
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
        unknown = (m[0] for m in PLAN.finditer(clause) if self._plans.key_of(m[0]) is None)
        return [Objection(clause, name, "no fact has this plan") for name in unknown]

    def _tyres(self, clause: str, pool: Sequence[Known]) -> list[Objection]:
        """A compound to fit must be one a plan fits, on that plan's lap; one to be on must be the present one."""
        said = {str(c.value) for c in claims_in(clause) if c.kind == "compound"}
        if not said:
            return []
        stops = frozenset().union(*(k.stops for k in pool))
        present = {str(k.fact.value) for k in pool if k.fact.name == "compound"}
        others = (k for k in pool if k.fact.name != "compound" and not k.fact.name.endswith(".plan"))
        elsewhere = (
            {str(c.value) for k in others for c in k.claims if c.kind == "compound"}
            if "cars" in clause.lower()
            else set()
        )
        told = WINDOW.sub("", clause) if states_in(clause) else clause  # no stop is on the laps of a window
        return [Objection(clause, what, why) for what, why in wrong_tyres(told, said, stops, present, elsewhere)]

    def _cause(self, clause: str, pool: Sequence[Known]) -> list[Objection]:
        """What is given as a cause must itself be a stated fact, with its number."""
        where = cause_in(clause)
        if where is None:
            return []
        told = clause[where.end() :]
        after = [c for c in claims_in(told) if c.kind not in ("car", "compound")]
        if after and not any(self._refute(c, pool) for c in after):
            return []
        # "Losing 0.05 s a lap due to wear": the fact that has the number has its cause, too.
        before = claims_in(clause[: where.start()])
        if of_the_ranking(told):
            return []
        words = {w.lower() for w in WORD.findall(told)} - {"the", "tyre"}
        if words and any(
            words <= words_of(k.fact.text) for k in pool if any(says(c, b) for c in k.claims for b in before)
        ):
            return []
        return [Objection(clause, where[0].strip(), "no fact states this cause")]

    def _is_loss(self, claim: Claim) -> bool:
        """Whether a number is what a stop or the wear of a set costs."""
        if claim.kind not in ("seconds", "seconds_a_lap") or claim.cars:
            return False
        losses = [c for k in self._known if k.fact.name in ("pit_loss", "wear") for c in k.claims]
        return any(c.kind == claim.kind and same_number(claim, c) for c in losses)

    def _assertions(self, clause: str, claims: Sequence[Claim], before: str) -> list[Objection]:
        """What is denied or certain has no fact; the track is in one state; the plan has its stops, and its moment."""
        found = []
        bare = PLAN.sub("it", clause)
        turned_down = self._plans.without_what_is_not_called(clause, any(c.kind == "points" for c in claims))
        names_car = any(c.kind == "car" for c in claims)
        kinds = {c.kind for c in claims}
        decided = "lap" in kinds <= {"lap", "compound"} and self._plans.spoken_of(clause) == {CALL} and decides(bare)
        lost = gained(clause) and any(self._is_loss(c) for c in claims)
        for said, why in (
            (
                None if plan_order.denies_rightly(self._plans, clause) else denial_in(turned_down),
                "this denies what the facts say",
            ),
            (None if decided else certainty_in(bare), "no fact is certain of this"),
            ("gain" if lost else None, "the facts say that this is lost"),
            (other_status(bare, self._status, self._states), "the track is in another state"),
            (self._unless_stated(unstated(bare)), "no fact states this"),
            (
                None
                if kinds & {"percent", "points"}
                else self._unless_stated(effect_in(bare, has_number=bool(kinds - {"car", "compound"}))),
                "no fact states this effect",
            ),
            (None if "percent" in kinds else wrong_likelihood(bare, self._chances), "this is not how likely it is"),
            (
                wrong_odds(f"{before} {bare}", [float(c.value) for c in claims if c.kind == "percent"]),
                "this is not how likely it is",
            ),
            (of_rivals(bare, names_car), "no fact says this of a rival"),
            (self._turned_undercut(clause), "the facts have this undercut the other way round"),
            *self._decided(clause, bare, before),
        ):
            if said is not None:
                found.append(Objection(clause, said, why))
        if self._window and supposes_safety_car(bare):
            laps = {c.value for c in claims if c.kind == "lap"}
            to_the_stop = bool(laps & self._window) or "before lap" in bare or without_safety_car(bare)
            known = self._window | self._stops if to_the_stop else self._window
            found += [Objection(clause, f"lap {n}", "no fact has this lap") for n in laps - known]
            if ignores_safety_car(bare):
                found.append(Objection(clause, "safety car", "the plan boxes then"))
        return found

    def _turned_undercut(self, clause: str) -> str | None:
        """An undercut by a rival must not be said to be ours, nor the other way round."""
        said = undercuts_in(clause)
        known = frozenset().union(*(undercuts_in(f.text) for f in self.facts)) if said else frozenset()
        return next((f"{way} {car}" for way, car in said - known if any(car == of for _, of in known)), None)

    def _without_contrast(self, clause: str) -> str:
        """A clause without the denials that say what the call says: a compound that it does not fit, stops where it has none."""
        call = self._plans.labels.get(CALL)
        if call is None:
            return clause
        if call == "no stop":
            clause = _NOT_STOPPING.sub("staying out", clause)
        clause = _NOT_THIS_LAP.sub(lambda m: m[0] if f"L{m[1]} " in call else "", clause)
        return _NOT_THIS_TYRE.sub(lambda m: m[0] if m[1].upper() in call else "", clause)

    def _unless_stated(self, said: str | None) -> str | None:
        """Return what no fact ever says, unless one of these facts says just that."""
        stated = said is not None and any(said.lower() in k.fact.text.lower() for k in self._known)
        return None if stated else said

    def _decided(self, clause: str, bare: str, before: str) -> Iterator[tuple[str | None, str]]:
        """What a clause about the call says wrongly of its stops and of when the next one is, each with why it is wrong."""
        call = self._plans.labels.get(CALL)
        because = cause_in(bare)
        if because is not None and because.start() > 0:  # the decision is what stands before its reason
            bare = bare[: because.start()]
            clause = clause[: len(clause) - len(clause[clause.find(because[0]) :])]
        if call is not None and self._plans.spoken_of(clause) == {CALL}:
            yield wrong_stops(bare, call), "the call has other stops"
            yield wrong_sequence(before, clause, call), "the stops come in another order"
            if self._lap is not None and not supposes_safety_car(bare):
                yield wrong_moment(bare, call, self._lap), "the next stop is at another time"
