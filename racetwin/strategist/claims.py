"""What a sentence claims: its numbers with their meaning, the cars it speaks of, tyres, and who is ahead of whom.

Facts and wording are read by the same reader. A sentence is then supported exactly if each of its claims is a claim of the
facts it rests on, whatever words it uses around them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from racetwin.schemas import COMPOUNDS
from racetwin.strategist.clauses import DIGIT, REMEMBERED, SET, clauses
from racetwin.strategist.meanings import topics_of
from racetwin.strategist.sides import Side, side_of

Kind = Literal[
    "lap",
    "laps",
    "position",
    "percent",
    "seconds",
    "seconds_a_lap",
    "points",
    "error",
    "count",
    "foreign",
    "number",
    "compound",
    "car",
]

_NUMBER = r"(?P<sign>[+\-−])?(?P<value>\d+(?:\.\d+)?)"
_MORE = r"(?: more| further| remaining| other| good| extra| full| different)?"
_WHOLE = r"(?P<sign>[+\-−])?(?P<value>\d+)(?!\.?\d)"
_PLANS = r"(?:plans?|strateg(?:y|ies)|candidates?|options?|ways?|alternatives?)"
_RACES = r"(?:races?|simulations?|sims?|runs?|times?|scenarios?)"
_OF_ALL = r" (?:out )?of (?:the |its |his |our )?"
_FOREIGN = (
    r"(?:minutes?|mins?|hours?|days?|hundredths|thousandths|tenths|milliseconds?|ms|km|kilomet(?:re"
    r"|er)s?|miles?|met(?:re|er)s?"
    r"|feet|yards?|kg|kilo(?:gram)?s?|litres?|liters?|degrees?|places?|positions?|spots?|sectors?"
    r"|corners?|turns?|kph|mph|bar|psi"
    r"|sets?|stints?|overtakes?|passes|victories|podiums|titles|dollars|euros)"
)
# Tried in order at each number: the first pattern that fits says what the number means.
_SOURCES: tuple[tuple[Kind, str, tuple[str, ...]], ...] = (
    ("position", rf"\b(?:P|pos(?:ition)?:? (?:is |of )?|place ){_NUMBER}\b(?!\s?(?:%|per ?cent))", ("p",)),
    ("laps", rf"\b(?:lap |L)\d+ (?:out )?of {_WHOLE}(?! (?:plans|races))", (" of ",)),
    ("laps", rf"{_WHOLE}{_OF_ALL}\d+ laps\b", (" of ",)),
    ("laps", rf"(?:\b\d+{_OF_ALL}|\bof the ){_WHOLE} laps\b(?! (?:left|remain|to go|of life))", ("of ",)),
    ("laps", rf"\blaps?\b[a-z ]{{0,20}}\bout of (?:the )?{_WHOLE}\b(?! (?:plans|races))", ("out of ",)),
    ("lap", rf"\b(?:lap |(?<!\d )laps |L){_NUMBER}\b(?! of the|\s?%)", ("l",)),
    (
        "lap",
        rf"\b(?:in|box|boxing|pit|pitting|stop|stopping) (?:on|at) {_WHOLE}(?! ?(?:s|laps?|seconds?|points?|%)\b)",
        (" on ", " at "),
    ),
    (
        "lap",
        rf"\blap(?:\b[a-z ]{{0,24}}\bis|['’]s) (?:lap )?{_WHOLE}(?! ?(?:s|laps?|seconds?|points?|%)\b)",
        (" is ", "’s ", "'s "),
    ),
    ("lap", rf"(?<![\w.]){_WHOLE} is the (?:lap|call|target)\b", (" is the ",)),
    (
        "error",
        rf"(?:±\s?|plus or minus |give or take |(?:error|uncertainty|\bSE)(?: (?:on|of) (?:it|that|this"
        rf"|the)(?: (?:difference|value|estimate|mean|figure))?)?(?:['’]s| is| of"
        rf"| to| at|:)?(?: just"
        rf"| only| about| around)? ){_NUMBER}",
        ("±", "plus", "give", "error", "uncertainty", "se "),
    ),
    ("percent", rf"{_NUMBER}\s*(?:%|per ?cent)", ("%", "cent")),
    ("percent", rf"{_WHOLE} ?/ ?100\b", ("100",)),
    (
        "percent",
        rf"{_WHOLE} (?:[a-z]+ ){{0,2}}?(?:in|out of|from|of) (?:(?:a|every|each) )?(?:hundred|100)\b",
        ("hundred", "100"),
    ),
    (
        "foreign",
        rf"{_NUMBER}{_MORE}\s*{_FOREIGN}\b",
        ("",),
    ),
    (
        "count",
        rf"\bnumber of (?:the )?(?P<noun>cars|plans|races|simulations)\b[^,;.\d]*?(?:\b(?:is|are|stands at"
        rf"|at)(?: now| currently)?|:) {_WHOLE}(?! of\b)",
        ("number of",),
    ),
    ("count", rf"\b(?P<noun>cars|plans|races)\b[^,;:.\d]*: {_WHOLE}(?=\W*$)", (": ",)),
    ("seconds_a_lap", rf"{_NUMBER}{_MORE}\s*(?:s|sec|seconds?)(?: (?:a|per|each|every) lap|/lap)", ("lap",)),
    ("seconds_a_lap", r"(?P<sign>[+\-−])?(?P<value>\d*\.\d+) (?:a|per|each|every) lap\b", ("lap",)),
    ("seconds", rf"{_NUMBER}(?! others\b){_MORE}\s*(?:s|sec|seconds?)\b", ("s",)),
    (
        "seconds",
        r"(?P<sign>[+\-−])?(?P<value>\d+\.\d+) (?:ahead|behind|in front|back|clear|adrift|up the road"
        r"|down the road|in it)\b",
        ("ahead", "behind", "front", "back", "clear", "adrift", "road", "in it"),
    ),
    ("laps", rf"{_NUMBER}{_MORE}(?:\s*|-)laps?\b", ("lap",)),
    ("count", rf"{_NUMBER}(?: of the \d+)? cars?\b", ("car",)),
    ("points", rf"{_NUMBER}{_MORE}(?: expected| championship)?\s*(?:points?|pts?)\b", ("point", "pt")),
    ("points", rf"{_NUMBER}(?=\s?±\s?\d)", ("±",)),
    (
        "laps",
        rf"{_WHOLE} (?:(?:are|is|still) )?(?:more(?: to (?:go|run))?|to go|to run|remain|remaining"
        rf"|left)\b(?! (?:{_PLANS}"
        rf"|{_RACES}|stops?)\b)",
        ("more", "to go", "to run", "remain", "left"),
    ),
    (
        "count",
        rf"{_NUMBER}{_MORE}(?: of (?:the|our|all)(?: other)?)?(?: (?!cars\b)[a-z]+)? (?:{_PLANS}|{_RACES}"
        rf"|stops?|others)\b",
        (
            "plan",
            "race",
            "stop",
            "strateg",
            "candidate",
            "option",
            "way",
            "alternative",
            "time",
            "simulation",
            "run",
            "scenario",
            "others",
        ),
    ),
    ("laps", rf"{_WHOLE} (?:left |more )?in (?:it|them|these|this set)\b", (" in ",)),
    ("laps", rf"\b(?:another|good for) {_WHOLE}(?! (?:points?|pts|seconds?|s|sec|%|per)\b)", ("another", "good for")),
    (
        "laps",
        rf"\b(?:age|life(?: left| remaining)?|laps (?:remaining|left|to go))(?: is| of"
        rf"|:)? ~?{_WHOLE}\b",
        ("age", "life", "laps "),
    ),
    ("number", rf"(?<![A-Za-z\d.]){_NUMBER}", ("",)),
)
_PATTERNS = tuple((kind, re.compile(pattern, re.IGNORECASE), words) for kind, pattern, words in _SOURCES)
"""With each pattern the letters of which one must stand in a clause for it to fit: looking for those is cheap."""
_RANGE = re.compile(
    r"(?P<low>\d+(?:\.\d+)?)(?:(?: (?:laps?|s|seconds?|points?))?\s?(?: to | up to | through | until "
    r"|-|–)\s?(?:lap |L)?(?=\d)"
    r"| and (?:lap )?(?=\d))(?P<high>\d+(?:\.\d+)?)"
)
_LIMIT = re.compile(
    r"\b(?:at (?:least|most)|(?:best|worst|good|bad)[- ]case|optimistically|pessimistically|maybe(?: even)?"
    r"|perhaps|stretch\w*(?: (?:it|them))? to"
    r"|up to|until|as (?:many|few|much|little) as|(?:maximum|minimum) of|before the end of"
    r"|no (?:more|less|fewer) than)"
    r",?\s+(?:lap |L)?$"
)
_END = r"(?: (?:bound|end|limit|estimate|side|edge|figure))"
_BEYOND = re.compile(
    r"(?<!\bno )(?<!\bnot )(?<!\bmuch )(?<!\bany )\b(?:more|less|fewer|better|worse|higher|lower"
    r"|greater) than\s+P?$",
    re.IGNORECASE,
)
_LOW = re.compile(
    rf"\b(?:as (?:few|little|low|short) as|at least|minimum of)\s+$|^low:? $|\b(?:lower?|bottom"
    rf"|pessimistic){_END}[^,;\d]{{0,25}}$",
    re.IGNORECASE,
)
_HIGH = re.compile(
    rf"\b(?:as (?:many|much|high|long) as|at (?:the )?most|up to|maximum of)\s+$|^high:? $"
    rf"|\b(?:upper{_END}?|(?:high|higher|top"
    rf"|optimistic){_END})[^,;\d]{{0,25}}$",
    re.IGNORECASE,
)
_IS_END = r"(?:,? (?:is|are|being|as|at))? (?:the|its|their)"
_LOW_AFTER = re.compile(
    rf"(?: laps?| s| seconds?)?(?: at (?:the )?(?:very )?least\b|{_IS_END} (?:lower|low(?:est)?"
    rf"|minimum|bottom|smaller)\b)"
)
_HIGH_AFTER = re.compile(
    rf"(?: laps?| s| seconds?)?(?: at (?:the )?(?:outside|very most|most)\b|{_IS_END} (?:upper"
    rf"|high(?:est)?|maximum|top|larger)\b"
    r"|[^,;.\d]{0,30} at the (?:high|upper|top) end\b)"
)
_LIMIT_AFTER = re.compile(
    r"^(?: laps?| s| seconds?)? (?:at (?:the (?:outside|very most|most|least)|best|worst|most|least)|tops"
    r"|or (?:more|fewer|less)|in the (?:best|worst) case|with (?:some |any |a bit of )?luck|on a (?:good"
    r"|bad) day|at a (?:push|pinch|stretch)"
    r"|if (?:we(?:['’]re| are) (?:un)?lucky|all goes|things go|they hold|it holds))\b"
)
_CASE = re.compile(
    r"\b(?:in|on|with) (?:a|an|the) (?:(?P<bad>slow|bad|poor|worst|pessimistic|unlucky)|(?:quick|fast"
    r"|good|best|optimistic|lucky))"
    r" (?:case|scenario|stop|one|day)\b[^;]*$",
    re.IGNORECASE,
)
"""'In a slow case the stop costs 33.8 s': the end of the interval that is the worse for us."""
_PLACED = re.compile(r"\b(?:ahead|behind|in front|gap|car|rival|mirrors?|us)\b", re.IGNORECASE)
_EACH_LAP = re.compile(r"\b(?:every|each)(?: [a-z]+)? (?:lap|tour|time (?:round|around|by))\b", re.IGNORECASE)
_CODE = re.compile(r"\b[A-Z]{3}\b")
_CAR_NUMBER = re.compile(r"\bcar (\d{1,3})\b", re.IGNORECASE)
_ANY_CAR = re.compile(r"\b(?:[A-Z]{3}|car \d{1,3})\b")
_ANOTHER_PART = re.compile(r"[,;:]|\band\b|\bwith\b|\bwhile\b|\d")
_FIGURE = re.compile(r"[\d.]*")
_COMPOUND = re.compile(r"\b(" + "|".join(c.value for c in COMPOUNDS) + r")S?\b(?!-)", re.IGNORECASE)
_NOT_DRIVERS = frozenset({
    "VSC", "DRS", "AND", "THE", "NOT", "WET", "OUT", "BOX", "NOW", "PIT", "LAP", "RED",
    "ALT", "PTS", "AVG", "GAP", "SET", "AGE", "EOL",
})  # fmt: skip
PLAN = re.compile(
    r"(?:L\d+ (?:SOFT|MEDIUM|HARD|INTERMEDIATE|WET)(?:, L\d+ (?:SOFT|MEDIUM|HARD|INTERMEDIATE|WET))*|\bno stop\b)"
    r"(?: \(sooner under SC L\d+-\d+\)| \(or SC\))?"
)
"""A plan as the desk names it, ``L24 HARD, L40 SOFT (sooner under SC L20-23)``, or as advice does, ``L24 HARD (or SC)``."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing a clause says.

    ``value`` is the number, upper-case compound or car; ``decimals`` how many digits after the point were written, so that
    rounding can be judged; ``cars`` the car that the number is about; ``side`` whether that rival is ``ahead`` or ``behind`` of
    our car, where the clause says so; ``topics`` what the number may be of ("podium", "life"), likeliest first, where words near
    it tell; ``bound`` which end of an interval it is.
    """

    kind: Kind
    value: float | str
    decimals: int = 0
    signed: bool = False
    cars: frozenset[str] = frozenset()
    side: str | None = None
    topics: tuple[str, ...] = ()
    bound: Literal["low", "high", "either"] | None = None
    text: str = ""
    beyond: bool = False
    """Said to be more or less than the number."""


def cars_in(clause: str) -> frozenset[str]:
    """Return the drivers' codes and ``car N`` that a clause names."""
    codes = {c for c in _CODE.findall(clause) if c not in _NOT_DRIVERS}
    return frozenset(codes | {f"car {n}" for n in _CAR_NUMBER.findall(clause)})


@lru_cache(maxsize=REMEMBERED)
def claims_in(text: str) -> tuple[Claim, ...]:
    """Read every claim of a text, clause by clause; the names of plans are no claims."""
    found: list[Claim] = []
    for clause in clauses(PLAN.sub(lambda m: "_" * len(m[0]), text)):
        cars = {car: side_of(clause, car) for car in sorted(cars_in(clause))}
        found += _numbers(clause, cars)
        found += [Claim("compound", m[1].upper(), text=clause) for m in _COMPOUND.finditer(clause)]
        found += [Claim("car", car, side=side, text=clause) for car, side in cars.items()]
    return tuple(found)


@lru_cache(maxsize=REMEMBERED)
def plan_claims(label: str) -> tuple[Claim, ...]:
    """Read the stops of a plan: laps and compounds."""
    found: list[Claim] = []
    for lap, compound in re.findall(r"L(\d+) ([A-Z]+)", label):
        found += [Claim("lap", float(lap), topics=("stop",), text=label), Claim("compound", compound, text=label)]
    return tuple(found)


def _numbers(clause: str, cars: dict[str, Side | None]) -> list[Claim]:
    found: list[tuple[int, Claim]] = []
    taken: list[tuple[int, int]] = [m.span() for m in _CAR_NUMBER.finditer(clause)]
    small = clause.lower()
    for kind, pattern, words in _PATTERNS if DIGIT.search(clause) else ():
        if not any(word in small for word in words):
            continue
        for match in pattern.finditer(clause):
            span = match.span("value")
            if any(a < span[1] and span[0] < b for a, b in taken):
                continue
            taken.append(match.span() if kind == "percent" else span)  # the hundred in "12 out of 100" is no number
            digits = match["value"]
            sign = -1.0 if match["sign"] in ("-", "−") else 1.0
            meant: Kind = "seconds_a_lap" if kind == "seconds" and _EACH_LAP.search(clause) else kind
            car = _nearest(clause, span[0], cars)
            claim = Claim(
                meant,
                sign * float(digits),
                len(digits.partition(".")[2]),
                match["sign"] is not None,
                frozenset() if car is None else frozenset({car}),
                None if car is None else cars[car],
                _topics(meant, match, clause),
                _bound(clause, *span, meant),
                clause,
                _BEYOND.search(clause, 0, span[0]) is not None,
            )
            found.append((span[0], claim))
    return _ranges(clause, _elliptic(dict(sorted(found, key=lambda f: f[0]))))


def _bound(clause: str, start: int, end: int, kind: Kind) -> Literal["low", "high", "either"] | None:
    """Which end of an interval a number is said to be."""
    if _LOW.search(clause, 0, start) or _LOW_AFTER.match(clause, end):
        return "low"
    if _HIGH.search(clause, 0, start) or _HIGH_AFTER.match(clause, end):
        return "high"
    case = _CASE.search(clause, 0, start) if kind in ("seconds", "laps") else None
    if case is not None:
        return "high" if (case["bad"] is not None) == (kind == "seconds") else "low"
    return "either" if _LIMIT.search(clause[:start]) or _LIMIT_AFTER.search(clause[end:]) else None


def _elliptic(claims: dict[int, Claim]) -> dict[int, Claim]:
    """In "call it 9 laps, 13 at the outside" the second number is of what the first is of."""
    before: Claim | None = None
    for at, claim in claims.items():
        if claim.kind == "number" and claim.bound is not None and before is not None:
            claims[at] = replace(claim, kind=before.kind, topics=before.topics)
        elif claim.kind == "number" and not claim.decimals and before is not None and before.kind == "percent":
            # "points 12 times in a hundred, a podium 5"
            told = topics_of("percent", re.split(r"[,;]", claim.text[:at])[-1] + claim.text[at:][:3], 0)
            claims[at] = replace(claim, kind="percent", topics=told) if told in (("podium",), ("points",)) else claim
        elif claim.kind == "number" and before is not None and before.kind == "laps" and SET.search(claim.text):
            # "19 laps in, the set should do 9"
            told = topics_of("laps", claim.text, at) or ("life", "age")
            claims[at] = replace(claim, kind="laps", topics=told) if not claim.decimals else claim
        before = claim
    return claims


def _topics(kind: Kind, match: re.Match[str], clause: str) -> tuple[str, ...]:
    """What a number may be of; a place in fractions is an average, and so of the finish."""
    if kind == "count":
        return _counted(match, clause)
    if kind == "laps" and re.search(r"\bof\b\D*$", match[0][: match.start("value") - match.start()], re.IGNORECASE):
        return ("total",)
    told = topics_of(kind, clause, match.start("value"))
    if kind == "seconds" and told == ("gap",) and not (_CODE.search(clause) or _PLACED.search(clause)):
        return ()  # "the stop gives back 21 s" is no gap to anybody
    return ("finish",) if not told and kind == "position" and "." in match["value"] else told


def _counted(match: re.Match[str], clause: str) -> tuple[str, ...]:
    """What is counted, by the noun after the number."""
    noun = match.groupdict().get("noun")
    if noun is not None:
        return (noun.lower() if noun.lower() in ("cars", "plans") else "races",)
    if re.search(rf" {_PLANS}$", match[0], re.IGNORECASE):
        return ("close",) if "close" in topics_of("count", clause, match.start("value")) else ("plans",)
    if match[0].lower().endswith(" others"):
        return ("close",) if "close" in topics_of("count", clause, match.start("value")) else ()
    if re.search(r" cars?$", match[0], re.IGNORECASE):
        return ("cars",)
    return ("races",) if re.search(rf" {_RACES}$", match[0], re.IGNORECASE) else ()


def _nearest(clause: str, at: int, cars: dict[str, Side | None]) -> str | None:
    """The car that a number is about: the one named nearest to it."""
    if len(cars) < 2:
        return next(iter(cars), None)
    for match in _ANY_CAR.finditer(clause, at):  # "2.7 s ahead of HAM": the next one, if nothing else begins before it
        if match[0] in cars:
            begin = _FIGURE.match(clause, at)
            if begin is not None and not _ANOTHER_PART.search(clause, begin.end(), match.start()):
                return match[0]
            break
    return min(
        cars, key=lambda car: min(abs(m.start() - at) for m in re.finditer(re.escape(car), clause, re.IGNORECASE))
    )


def _ranges(clause: str, claims: dict[int, Claim]) -> list[Claim]:
    """In "about 5 laps (3 to 8)" and "3 to 8 laps" the ends mean what the number beside them means."""
    for match in _RANGE.finditer(clause):
        low, high = match.start("low"), match.start("high")
        if low not in claims or high not in claims:
            continue
        if " and " in match[0] and not re.search(r"\bbetween\s+(?:laps? |L)?$", clause[:low], re.IGNORECASE):
            continue
        model = claims[high]
        if model.kind == "number":
            earlier = [c for at, c in claims.items() if at < low and c.kind not in ("number", "error")]
            model = claims[low] if claims[low].kind != "number" else (earlier[-1] if earlier else model)
        if model.kind == "lap" and not re.search(r"\bsafety[- ]car\b|\bSC\b", clause, re.IGNORECASE):
            continue  # two stops, and not a range of laps
        claims[low] = replace(claims[low], kind=model.kind, topics=model.topics, bound="low")
        claims[high] = replace(claims[high], kind=model.kind, topics=model.topics, bound="high")
    return list(claims.values())
