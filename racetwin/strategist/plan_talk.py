"""Which plans a sentence speaks of, and as what.

A plan is *mentioned* by its name ('L24 HARD'), by the lap of its first stop ("lap 24 for hard tyres"), or by a word ("the plan",
"the alternative"). The call may be spoken of in any way; another plan only as another: by a word that marks it as one, beside the
call, or by what it costs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from racetwin.strategist.claims import PLAN
from racetwin.strategist.differences import Difference
from racetwin.strategist.track_talk import states_in

CALL = "best"
"""The key of the call's facts."""
BEFORE = "before"

_COMPOUND = r"(?:SOFT|MEDIUM|HARD|INTERMEDIATE|WET)S?"
_LAP = re.compile(r"\b(?:laps? |L)(?P<lap>\d+)\b", re.IGNORECASE)
_COMPOUND_BESIDE = re.compile(rf"^[^.;:]{{0,28}}?\b(?P<compound>{_COMPOUND})\b", re.IGNORECASE)
_COMPOUND_BEFORE = re.compile(
    rf"\b(?P<compound>{_COMPOUND})\b(?: (?:tyres|stop|on|at|the|end|of|from|in|set|and"
    rf"|stint)){{0,6}} $",
    re.IGNORECASE,
)
_THE_CALL = re.compile(
    r"\b(?:the|our|this|that) (?:(?:best|current|preferred|recommended|chosen|first) )*(?:plan|call|strategy"
    r"|choice|pick|option|one)\b|\bours\b",
    re.IGNORECASE,
)
_AS_BEST = re.compile(r"\b(?:be|being) $", re.IGNORECASE)
_ANOTHER = re.compile(
    r"\b(?:alternative(?:s|ly)?|(?:top|best two) plans|(?:nearest|closest|main|next) (?:rival|challenger"
    r"|contender|competitor|option|plan)"
    r"|(?:second|third|next)[- ](?:ranked|placed|best|choice|option|on the list|in line)|next[- ]best|plan b"
    r"|alt|the other|another (?:plan|option"
    r"|choice)|other plans?"
    r"|fall(?:s|ing)? back|fallback|runner-up|(?<!tyres )(?<!set )waiting|waits?|hold(?:s|ing)? (?:on|off|out)"
    r"|hang(?:s|ing)? on"
    r"|delay(?:s|ed|ing)?"
    r"|instead(?! of)|otherwise|any later|postpon\w+|staying out|going longer|go longer|stretch\w*)\b",
    re.IGNORECASE,
)
_BEATS = re.compile(r"\bbeats (?:stopping|boxing|pitting|waiting|lap|the)\b", re.IGNORECASE)
_SUPPOSED = re.compile(
    r"^(?:and |so |but )?(?:could|should|would|can|what|why|how|do|does|is|are|shall)\b.*\?|^[^,;]{0,40}\?$"
    r"|\b(?:if|beats|versus"
    r"|vs|against|compared|rather|instead|chance|probability|argue|as (?:well|good)|in it|apart|level|equal\w*"
    r"|no worse|(?:within|inside) (?:the )?(?:noise|error))\b",
    re.IGNORECASE,
)
"""With one of these a clause weighs what it speaks of and does not call it."""
REFERENCE = re.compile(
    r"\b(?:over|(?<!smaller )(?<!larger )(?<!bigger )than|against|versus|vs|compared (?:with|to)|instead of"
    r"|rather than|relative to|in place of|(?<=difference )to|(?<=preferred )to|(?<=preferable )to"
    r"|(?<=superior )to|(?<=inferior )to"
    r"|beside|short of|to the (?=plan|one|strategy|option)|(?:up|down|gains?) on)\b",
    re.IGNORECASE,
)
BAD = re.compile(
    r"\b(?:los(?:es?|ing|s)|lost|costs?|costing|giv(?:es?|ing) (?:up|away)|worse|less|fewer|lower"
    r"|short|(?<!come )(?<!comes )down|behind|trail(?:s|ing)?"
    r"|drop(?:s|ping)?|surrender(?:s|ing)?|sacrific\w+|price|deficit|minus|wrong side|poorer|forgo\w*"
    r"|forfeit\w*|throw\w* away|concede[sd]?"
    r"|on the table|shy|lags?|bad for|burn(?:s|ing)?|wast(?:es?|ing)|bleed(?:s|ing)?|below|expense"
    r"|loses? out|disadvantage|drawback|reduc(?:es?|ing)|decreas(?:es?|ing)|fall(?:s"
    r"|ing)?(?! back))\b|(?:(?<=\s)|^)[-−](?=\d)",
    re.IGNORECASE,
)
_BARE_LAP = re.compile(
    r"\b(on|for|pit|box|stop|alt|forget|scrap|than|versus|vs|over|until|till|stay|call|not)\s(\d{1,2})\b"
    r"(?!\.\d|\s?(?:%|[-–±]|to \d|per\b|s\b|secs?\b|(?:[a-z]+ )?(?:laps?|seconds?|points?|pts|places?|cars|plans"
    r"|races)\b|in a\b|of the\b))",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"(?:on average,? |and |but )?(?:yes|it|that|this|at|which|for)\b", re.IGNORECASE)
_THIS_ONE = re.compile(r"(?:this|that) (?:option|alternative|plan|one|strategy|choice)\b", re.IGNORECASE)
_WE_THEN = re.compile(r"we (?:gain|lose|bleed|drop|give|pick)\b", re.IGNORECASE)
_WOULD = re.compile(r"[^,;:]{0,25}?\b(?:would|could|might)\b", re.IGNORECASE)
WINDOW = re.compile(
    r"\b(?:(?:from |between )?laps? |L)\d+(?: (?:to|through|and|until|up to(?: and including)?"
    r"|and \w+ (?:on|at|with|after)) "
    r"| ?[-–] ?)(?:laps? |L)?\d+",
    re.IGNORECASE,
)
"""The laps on which a safety car would bring a stop forward are no stops."""
_ITS_STOP = re.compile(
    r"(?: (?:that|which|stops|boxes|pits|boxing|for|of|with|on|at|to|a|the|stop|stopping|box|boxing|pit|pitting"
    r"|in|end))+ '?",
    re.IGNORECASE,
)
"""'The plan with a stop on lap 27' is the one that is named, and not the call."""
_WITH_A_STOP = re.compile(r" (?:with|of) (?:a|one|another) (?:further )?stop\b", re.IGNORECASE)
_A_STOP_FOR = re.compile(
    r"\b(?:an?|another|one) (?:further |pit )?stop (?:for|onto) (?:the |a set of )?(?P<compound>SOFT"
    r"|MEDIUM|HARD|INTERMEDIATE|WET)S?\b"
    r"(?: tyres)?",
    re.IGNORECASE,
)
"""A stop for a compound that the call does not fit is another plan's."""
_UNTIL = re.compile(r" (?:on )?(?:until|till|for|to)(?: the)?(?: end of)? '?", re.IGNORECASE)
_TURNED_DOWN = re.compile(
    r"\b(?:not|no|never|do not|don['’]t|cannot|won['’]t)\b(?= (?:[\w'’]+ ){0,4}?(?:lap \d|L\d|wait|hold"
    r"|hang|delay|stretch|go(?:ing)? long))",
    re.IGNORECASE,
)
_NOT_WAITING = re.compile(
    r"(?<!by )(?:do )?(?:not|never|don['’]t|won['’]t)(?: to)? (?:wait|hold|hang|delay|stretch|go long"
    r"|run on|box|stop)(?:ing)?\b(?![^,;]*\bcost)",
    re.IGNORECASE,
)
"""What is not done is then the waiting, whatever is said of its price."""
_ONLY_SECOND = re.compile(r"\b(?:is|comes?|came|ranks?|only|a close) (?:in )?(?:second|third|last)\b", re.IGNORECASE)
_WHEREAS = re.compile(r"(?:while|whereas|but) |(?:with|for|on) (?:lap |L)\d+[^,;]*, (?:it|that|they)\b", re.IGNORECASE)
_NOT_CALLED = re.compile(
    r"[^,;:]{0,30}?\b(?:is|are|was|would be)(?: not|n['’]t) (?:\w+ly )?(?:recommended|advised|advisable"
    r"|preferred|favou?red|chosen|called|the call|our call"
    r"|worth it|what we want|as good)\b",
    re.IGNORECASE,
)
OLD = (
    r"cancel\w*|scrub|scrap\w*|forget|abandon\w*|bin"
    r"|(?:mov\w+|swap\w*|switch\w*|chang\w*|shift\w*)(?: (?:away|on|off|over))? from"
    r"|(?<!is )(?<!now )called|(?:was|were)(?! (?:\w+ )?(?:\w+(?:ed|en)|run)\b)|had(?! better)"
    r"|used to|(?:earlier|previous"
    r"|former|original|old) (?:call|plan|target|idea|strategy"
    r"|one)|no longer"
)
NEW = r"(?<=\d )to|replaced by|it['’]s|is now|now|new|next|target|current|prefers?|becomes?|think|going to"
GOVERNS = re.compile(rf"\b(?:(?P<old>{OLD})|(?P<new>{NEW}))\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mention:
    """A plan spoken of at a place of a clause; ``key`` is None for another plan than the call that no lap or name tells."""

    start: int
    end: int
    key: str | None


@dataclass(slots=True)
class Plans:
    """The plans that the facts speak of, by the keys of their facts ("best", "plan2"), and what each is worth.

    ``worth`` is in points, beside the desk's best; ``errors`` are the standard errors of that.
    """

    labels: Mapping[str, str]
    worth: dict[str, float] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    _found: dict[str, list[Mention]] = field(default_factory=dict, init=False, repr=False)

    def mentions(self, clause: str) -> list[Mention]:
        """Find the plans that a clause mentions, in order; said twice in a row, a plan is mentioned once."""
        known = self._found.get(clause)
        if known is None:  # each clause is asked about again and again
            known = self._found[clause] = self._mentions(clause)
        return known

    def _mentions(self, clause: str) -> list[Mention]:
        found = self.by_stop(clause)
        if all(m.key in (None, CALL) for m in found):  # else the words are about the plan that is named
            waited_for = [m.start for m in found]
            found += [
                Mention(*m.span(), None)
                for m in _ANOTHER.finditer(clause)
                if not any(_UNTIL.fullmatch(clause[m.end() : at]) for at in waited_for if at >= m.end())
            ]
        no_stop = self.labels.get(CALL) == "no stop"
        if not found:
            call = self.labels.get(CALL, "")
            found += [
                Mention(*m.span(), None) for m in _A_STOP_FOR.finditer(clause) if m["compound"].upper() not in call
            ]
        if no_stop:
            found = [
                Mention(m.start, m.end, CALL)
                if m.key is None and clause[m.start : m.end].lower() == "staying out"
                else m
                for m in found
            ]
        for match in _THE_CALL.finditer(clause):
            if _AS_BEST.search(clause, 0, match.start()) and "best" in match[0].lower():
                continue  # "a 33% probability of being the best plan" speaks of no other
            if no_stop and _WITH_A_STOP.match(clause, match.end()):
                found.append(Mention(*match.span(), None))
            elif not _within(match, found) and not any(
                _ITS_STOP.fullmatch(clause[match.end() : m.start]) for m in found
            ):
                best = "best" in match[0].lower() and "desk" in self.labels
                found.append(Mention(*match.span(), "desk" if best else CALL))
        found.sort(key=lambda m: m.start)
        self._tell_apart(clause, found)
        return [m for a, m in zip([None, *found], found, strict=False) if a is None or a.key != m.key]

    def _tell_apart(self, clause: str, found: list[Mention]) -> None:
        """In "the plan with lap 20 is better than our call" the first is another than the call, whose lap may be 20, too."""
        for i, (m, after) in enumerate(pairwise(found)):
            lap = _LAP.fullmatch(clause, m.start, m.end)
            both = m.key == CALL == after.key and lap is not None and not _LAP.fullmatch(clause, after.start, after.end)
            if both and lap is not None and REFERENCE.search(clause, m.end, after.start):
                others = (k for k, label in self.labels.items() if k != CALL and first_lap(label) == int(lap["lap"]))
                found[i] = Mention(m.start, m.end, next(others, CALL))

    def with_laps_named(self, clause: str) -> str:
        """A clause whose plans are called by the numbers of their laps ("forget 28, it's 30 now"), with "lap" before those."""
        if not _BARE_LAP.search(clause):
            return clause
        laps = {str(lap) for label in self.labels.values() if (lap := first_lap(label)) is not None}
        return _BARE_LAP.sub(lambda m: f"{m[1]} lap {m[2]}" if m[2] in laps else m[0], clause)

    def continued(self, clause: str, before: str) -> str:
        """A clause that names no plan and goes on about the one of the clause before, with that plan's name put before it."""
        goes_on = (
            _GOES_ON.match(clause) or before.endswith("?") or (_WE_THEN.match(clause) and not REFERENCE.search(before))
        )
        this = _THIS_ONE.match(clause)
        if this is not None and CALL not in self.spoken_of(before):  # "Alternatively, lap 27; this option ..."
            clause, goes_on = f"it{clause[this.end() :]}", _GOES_ON.match("it")
        if not before or not goes_on or self.mentions(clause):
            return clause
        found = [(m.start, m.key) for m in self.mentions(before) if m.key is not None and m.key in self.labels]
        compared = REFERENCE.search(before)
        than = next((key for start, key in found if compared is not None and start > compared.start()), None)
        if compared is not None and than is not None and CALL in self.labels:
            # "Box now rather than on lap 27, and that is worth 0.3 points": that is the first, beside the second
            of = next((key for start, key in reversed(found) if start < compared.start()), CALL)
            return f"'{self.labels[of]}' rather than '{self.labels[than]}' {clause}"
        return f"'{self.labels[found[-1][1]]}': {clause}" if found else clause

    def by_stop(self, clause: str) -> list[Mention]:
        """The plans that a clause mentions by their names or the laps of their first stops."""
        found = [Mention(*m.span(), self.key_of(m[0])) for m in PLAN.finditer(clause)]
        for match in _LAP.finditer(clause):
            key = self._stopping(int(match["lap"]), clause, match)
            if key is not None and not _within(match, found) and not (states_in(clause) and WINDOW.search(clause)):
                found.append(Mention(*match.span(), key))
        return found

    def key_of(self, name: str) -> str | None:
        """Return the key of the plan of that name; one may be called by its stops or its first stop alone."""
        names = [(key, label, label.removesuffix(" (or SC)")) for key, label in self.labels.items()]
        fitting = (
            [key for key, label, _ in names if label == name],
            [key for key, _, bare in names if bare == name],
            [key for key, _, bare in names if bare.partition(",")[0] == name],
        )
        return next((keys[0] for keys in fitting if keys), None)

    def _stopping(self, lap: int, clause: str, at: re.Match[str]) -> str | None:
        """The plan whose first stop is on that lap: the call where it is, else the first; of the compound named beside it."""
        keys = [k for k in (CALL, *self.labels) if k in self.labels and first_lap(self.labels[k]) == lap]
        beside = _COMPOUND_BESIDE.search(clause[at.end() :]) or _COMPOUND_BEFORE.search(clause[: at.start()])
        if beside is not None:
            compound = beside["compound"].upper().removesuffix("S")
            keys = [k for k in keys if self.labels[k].partition(",")[0].split(" ")[1] == compound] or keys
        return keys[0] if keys else None

    def spoken_of(self, clause: str) -> set[str]:
        """Return the keys of the plans that a clause may take its numbers from.

        Another plan than the call is only spoken of as another: else it would be an alternative told as the call.
        """
        mentions = self.mentions(clause)
        named = {m.key for m in mentions}
        others = {key for key in named if key not in (None, CALL)}
        no_stop = self.labels.get(CALL) == "no stop"
        marked = any(not (no_stop and m[0].lower() == "staying out") for m in _ANOTHER.finditer(clause))
        marked = marked or (not no_stop and None in named) or _A_STOP_FOR.search(clause) is not None
        compared = REFERENCE.search(clause) is not None or _BEATS.search(clause) is not None
        if others:
            old = BEFORE in others and any(m["old"] for m in GOVERNS.finditer(clause))
            supposed = any(m.key != CALL and _WOULD.match(clause, m.end) for m in mentions)
            weighed = (
                supposed
                or _SUPPOSED.search(clause)
                or _ONLY_SECOND.search(clause)
                or _WHEREAS.match(clause)
                or BAD.search(clause)
                or PLAN.search(clause)
            )
            told = marked or compared or old or weighed or CALL in named
            return ({*others, CALL} if compared or CALL in named else others) if told else {CALL}
        if named == {CALL} and _WHEREAS.match(clause):  # two plans may stop on one lap
            call = first_lap(self.labels.get(CALL, ""))
            return {k for k, label in self.labels.items() if call is not None and first_lap(label) == call}
        if marked:
            return set(self.labels) if compared or CALL in named else set(self.labels) - {CALL}
        return {CALL}

    def laps_away(self, done: int) -> dict[str, set[int]]:
        """Return how many laps it is to the call's stop, and how many other stops are away from it."""
        firsts = {key: lap for key, label in self.labels.items() if (lap := first_lap(label)) is not None}
        at = firsts.get(CALL)
        if at is None:
            return {}
        return {"until": {at - done, at - done - 1}, "shift": {abs(lap - at) for lap in firsts.values()}}

    def without_what_is_not_called(self, clause: str, in_points: bool) -> str:
        """The clause without "don't wait" and "not lap 27": to turn down what is not called denies no fact."""
        if self.labels.get(CALL) is None:
            return clause
        for m in self.mentions(clause):
            if m.key == CALL:
                continue
            after = _NOT_CALLED.match(clause, m.end)
            if after is not None:
                return clause[: m.start] + clause[after.end() :]
            found = [
                t for t in _TURNED_DOWN.finditer(clause[: m.end]) if not REFERENCE.search(clause[t.end() : m.start])
            ]
            directly = found and _NOT_WAITING.match(clause, found[-1].start())
            if found and (not in_points or directly or re.match(r" ?[:;–-] ?(?:that|it|this)\b", clause[m.end :])):
                return clause[: found[-1].start()] + clause[m.end :]
        return clause


def _within(match: re.Match[str], found: list[Mention]) -> bool:
    return any(m.start <= match.start() < m.end for m in found)


def first_lap(label: str) -> int | None:
    """Return the lap of the first stop of a plan by its name, None without a stop."""
    found = re.match(r"L(\d+) ", label)
    return int(found[1]) if found else None


def worth_of(
    differences: Mapping[str, Difference | None], keys: Iterable[str]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return what each plan is worth beside the desk's best, and the standard error of that, by the keys of their facts."""
    found = {key: differences.get(key) for key in keys}
    return {k: d.value if d else 0.0 for k, d in found.items()}, {k: d.error if d else 0.0 for k, d in found.items()}
