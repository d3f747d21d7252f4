"""A question about a call, understood by its words: "why not lap 27?", "what if they cover?", "and with a safety car?"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from racetwin.errors import InputError
from racetwin.schemas import Compound
from racetwin.strategist.lexicon import is_known
from racetwin.strategist.situation import RACING, Situation

Kind = Literal["lap", "compound", "stops", "now", "later", "flag", "rejoin", "lever"]

EXAMPLES = (
    "why not lap 27?",
    "why hard?",
    "why not now?",
    "can we wait?",
    "why not two stops?",
    "what if they cover?",
    "what if NOR boxes on lap 25?",
    "and with a safety car?",
    "where do we rejoin?",
)
SLOW_STOP_S = 4.0
MORE_WEAR = 1.3

_COMPOUNDS = {
    "soft": Compound.SOFT,
    "medium": Compound.MEDIUM,
    "hard": Compound.HARD,
    "inter": Compound.INTERMEDIATE,
    "intermediate": Compound.INTERMEDIATE,
    "wet": Compound.WET,
}
_COMPOUND = re.compile(r"\b(soft|medium|hard|inter(?:mediate)?|wet)s?\b")
_LAP = re.compile(r"\b(?:lap|l)\s?(\d{1,3})\b")
_STOPS = re.compile(r"\b(one|two|three|1|2|3)[- ]?stops?\b|\b(?:one|two|three|1|2|3)[- ]?stopper\b")
_COUNTS = {"one": 1, "two": 2, "three": 3, "1": 1, "2": 2, "3": 3}
_ENGLISH = frozenset(
    "car the and lap not why had has was are can did for now box pit run our out who how one two all any".split()  # noqa: SIM905
)
"""Words of a question that may be a driver's code: in small letters they are not meant as one."""
_DENIED = re.compile(
    r"(?<!why )\b(?:not|no|never|without|doesn t|don t|won t|isn t)\b|\bstays (?:dry|out|green)\b|\b(?:they|them) stay out\b"
)
"""What is supposed not to happen; "why not box if a safety car comes?" supposes that it does."""
_SECONDS = re.compile(r"\b(\d{1,2}(?:\.\d)?)\s?(?:s|sec|seconds?)\b")


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it was understood.

    ``lever`` is the desk's short word for the thing that is different, ``stops`` the further stops asked about.
    """

    kind: Kind
    understood: str
    lap: int | None = None
    compound: Compound | None = None
    stops: int | None = None
    lever: str | None = None


def understand(text: str, situation: Situation, car_id: str, call_lap: int | None) -> Question:
    """Read a question about the call of a car.

    Parameters
    ----------
    text
        In a strategist's words; capitals and punctuation do not matter, except in a driver's code.
    situation, car_id
        The race, for who is meant.
    call_lap
        Lap of the stop that is called, for "what if they cover?".

    Raises
    ------
    InputError
        If it is not understood; the error names questions that are.
    """
    low = " ".join(text.lower().replace("?", " ").replace("'", " ").split())
    if not low:
        raise _not_understood(text)
    lap = int(m[1]) if (m := _LAP.search(low)) else None
    compound = _COMPOUNDS[m[1]] if (m := _COMPOUND.search(low)) else None
    if re.search(r"\bundercut\b", low) and not re.search(r"\b(they|them|us|behind)\b|\bif (?!we\b)", low):
        return Question("now", "a stop this lap")  # an undercut of ours is a stop before the rival's
    lever = _lever(text, low, situation, car_id, lap, call_lap)
    if lever is not None and _DENIED.search(low):
        raise InputError(
            f"question: {text!r} supposes that something does not happen; racetwin races what does: "
            f"ask for instance: {' · '.join(EXAMPLES)}"
        )
    if lever is not None:
        return Question("lever", lever[1], lap=lap, lever=lever[0])
    count = _STOPS.search(low)
    if re.search(r"\brejoin|\bcome out\b|\btraffic\b|\bcome back out\b", low):
        return Question("rejoin", "where the car rejoins")
    if lap is not None:
        fit = f" for {compound.value}" if compound else ""
        return Question("lap", f"a stop on lap {lap}{fit}", lap=lap, compound=compound)
    if count is not None:
        n = _COUNTS[(count[1] or count[0].replace("-", " ").split()[0]).lower()]
        return Question("stops", f"{n} further {'stop' if n == 1 else 'stops'}", stops=n)
    if compound is not None:
        return Question("compound", f"a stop for {compound.value}", compound=compound)
    if re.search(r"\b(no stop|no more stops|to the (end|flag)|not stop|without (a )?stop)", low):
        return Question("flag", "no further stop")
    if re.search(r"\b(now|this lap)\b.*\bor\b|\bor\b.*\b(now|this lap)\b", low):
        return Question("now", "a stop this lap")
    if re.search(r"\b(wait|later|stay out|longer|extend|stay)\b", low) or re.search(
        r"\bwhy (box )?(now|this lap)\b", low
    ):
        return Question("later", "a later stop")
    if re.search(r"\b(now|this lap|earlier|sooner|box)\b", low):
        return Question("now", "a stop this lap")
    raise _not_understood(text)


def _lever(
    text: str, low: str, situation: Situation, car_id: str, lap: int | None, call_lap: int | None
) -> tuple[str, str] | None:
    """The thing that is different, as the desk's short word and in words; None if nothing is."""
    at = f"@{lap}" if lap is not None else ""
    when = f" in lap {lap}" if lap is not None else " now"
    if re.search(r"\b(vsc|virtual)\b", low):
        return f"vsc{at}", f"a VSC{when}"
    if re.search(r"\bsafety car\b|\bsc\b", low):
        return f"sc{at}", f"a safety car{when}"
    if re.search(r"\bred\b(?! bull)", low):
        return f"red{at}", f"a red flag{when}"
    if re.search(r"\brain|\bshower|\bwet track\b", low):
        return f"rain{at}", f"rain{f' from lap {lap}' if lap is not None else ' now'}"
    seconds = _SECONDS.search(low)
    if re.search(r"\b(slow|bad|botched) (pit )?stop\b", low):
        late = float(seconds[1]) if seconds else SLOW_STOP_S
        return f"slow:{car_id}+{late:g}", f"a stop that is {late:g} s slower"
    if re.search(r"\b(wear|degradation|deg|tyres? (go|fall)|graining)\b", low):
        return f"wear:{car_id}x{MORE_WEAR:g}", f"wear {MORE_WEAR:g} times as fast"
    rival = _rival(text, low, situation, car_id)
    asked = re.search(r"\bif\b|\bwhen\b|\bcovers?\b|\bundercuts?\b|\bthey\b", low)
    if rival is not None and asked:
        own = situation.laps_done(car_id)
        cover = re.search(r"\bcovers?\b|\brespond|\breacts?\b|\bfollows?\b", low)
        stop = lap if lap is not None else max(own, call_lap or own) + 1 if cover else own + 1
        if lap is None:  # a lapped car is asked of in the leader's laps
            stop = max(stop, situation.lap + 1)
        stop = min(stop, situation.total_laps - 1)
        return f"stop:{rival}@{stop}", f"{situation.name(rival)} boxes on lap {stop}"
    return None


def _rival(text: str, low: str, situation: Situation, car_id: str) -> str | None:
    """The other car that a question speaks of: by code or number, or the nearest one for "they"."""
    named = {situation.name(c): c for c in situation.cars if c != car_id}
    words = re.findall(r"[A-Za-zÀ-ÿ]+", text)
    for word in words:
        if len(word) == 3 and word.upper() in named and (word.isupper() or word.lower() not in _ENGLISH):
            return named[word.upper()]
    for word in words[1:]:  # a code is how a surname begins: "Norris", and "norris", but not "normal"
        code = word[:3].upper()
        if len(word) > 3 and code in named and (word[0].isupper() or not is_known(word.lower())):
            return named[code]
    of_team = [c for c in situation.cars.values() if c.car_id != car_id and _team_in(c.team, low)]
    if of_team:
        own = situation.cars.get(car_id)
        place = own.position if own is not None and own.position is not None else 0
        racing = [c for c in of_team if c.status in RACING] or of_team
        return min(racing, key=lambda c: abs((c.position or 99) - place)).car_id
    number = re.search(r"\bcar (\d{1,3})\b", low)
    if number and number[1] in situation.cars and number[1] != car_id:
        return number[1]
    if not re.search(r"\bthey\b|\bthem\b|\bcovers?\b|\brivals?\b|\bahead\b|\bbehind\b|\bundercuts?\b", low):
        return None
    own = situation.cars.get(car_id)
    if own is None or own.position is None:
        return None
    near = {c.position: c for c in situation.cars.values() if c.status in RACING and c.position is not None}
    ahead, behind = near.get(own.position - 1), near.get(own.position + 1)
    if re.search(r"\bahead\b", low):
        behind = None
    if re.search(r"\bbehind\b|\bundercuts?\b", low) and behind is not None:
        ahead = None
    gaps = [
        (g, c.car_id) for g, c in ((own.interval_s, ahead), (behind.interval_s if behind else None, behind)) if c and g
    ]
    if gaps:
        return min(gaps)[1]
    either = ahead or behind
    return None if either is None else either.car_id


def _team_in(team: str | None, low: str) -> bool:
    """Whether a question (in lower case) names a team: by its name, or by the part of it that is used ("Haas", "Red Bull")."""
    parts = [w for w in (team or "").lower().split() if w not in ("f1", "team", "racing", "sauber", "kick")]
    named = " ".join(parts)
    return bool(named) and (re.search(rf"\b{re.escape(named)}s?\b", low) is not None)


def _not_understood(text: str) -> InputError:
    return InputError(f"question: {text!r} is not understood; ask for instance: {' · '.join(EXAMPLES)}")
