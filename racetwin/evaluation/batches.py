"""Sentences as engineers say them and language models write them, each beside false ones: the batches in ``texts/``.

A batch was written before the checker's code was read, and kept before it was tried: what the checker makes of it at first
contact says what to expect of texts never seen. Each true sentence is followed by errors, as such texts go wrong::

    > Box on lap {L} for {C}.
    lap: {L} -> {L_x}                             one part replaced by another
    cause: + because the brakes are overheating   added before the last full stop
    call: = Box on lap {L2} for {C2}.             another sentence

Names in braces stand for values of a recommendation's facts (:mod:`racetwin.evaluation.spoken`):

- ``L C`` lap and compound of the call's first stop (``c`` in lower case), ``n2L n2C`` of its second and last; ``L2 C2`` of the
  next best call (``L2_later``: and that comes later); ``bL bC`` of what was called before;
- ``total done next`` the laps of the race, those that the car has done, and the one at whose end it would rejoin; ``plan`` the
  call's name; ``ask`` the laps that the call asks of the set;
- ``lap left pos comp age life life_lo life_hi wear`` the car; ``status`` the track, ``neutral`` if that is a safety car or VSC;
- ``pts epos ppts nopts pod`` what the call is worth (``ptsr`` in whole points); ``gain se oL oC`` its gain over another, where
  that is beyond noise, ``tie tse tL`` where it is not; ``wlo whi`` the laps on which it goes at once if a safety car comes;
- ``d2 b2 pts2 pod2`` the next best call: what it costs, how likely it is to be best; ``plans races close`` the search;
- ``rpos rprob lower A ga B gb`` the rejoin: position, chances, car ahead and behind with gaps;
- ``loss loss_lo loss_hi lossr`` the stop; ``R rg rc`` a rival close behind: gap, chance of a stop; ``wet`` cars on wet tyres;
- empty, and only there where it is so: the points are ``unsure`` or ``likely``; the rejoin is ``open``, a place can be lost in it
  (``drop``), a car is close ahead in it (``tight``); the stop is ``near`` (this lap) or ``far``; there is none (``flag``); the
  call is ``first`` of all; ``rain``; the call goes ``sooner`` behind a safety car; the set is ``worn``;
- ``X`` a driver of whom nothing is known, ``Z`` one who has retired; a name with ``_x`` is a false value of that quantity, and
  ``{L:w}`` is a number in words.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import NamedTuple

BATCHES = (
    "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth", "thirteenth",
    "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "model",
)  # fmt: skip
KINDS = {
    "number": "number", "bound": "number of another quantity", "lap": "lap", "compound": "compound", "driver": "driver",
    "roles": "roles exchanged", "direction": "direction", "denial": "denial", "certain": "false certainty",
    "cause": "invented cause", "call": "an alternative as the call", "unit": "unit", "retired": "retired car",
    "status": "track status", "invented": "invented detail",
}  # fmt: skip
"""Kinds of errors by their names in the files."""


class Case(NamedTuple):
    """A true sentence and false ones, each with the kind of its error."""

    right: str
    wrong: tuple[tuple[str, str], ...]


@cache
def cases(batch: str) -> tuple[Case, ...]:
    """Return the sentences of a batch."""
    out: list[Case] = []
    lines = (files("racetwin.evaluation") / "texts" / f"{batch}.txt").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        if line.startswith("> "):
            out.append(Case(line[2:], ()))
        elif line.strip() and not line.startswith("#"):
            kind, _, change = line.partition(": ")
            false = _changed(out[-1].right, change)
            if kind not in KINDS or false == out[-1].right:
                raise ValueError(f"{batch}.txt, line {number}: no error of a known kind: {line!r}")
            out[-1] = Case(out[-1].right, (*out[-1].wrong, (KINDS[kind], false)))
    return tuple(out)


def _changed(right: str, change: str) -> str:
    if change.startswith("= "):
        return change[2:]
    if change.startswith("+ "):
        end = max(right.rfind(c) for c in ".?")
        glue = "" if change[2] in ",;" else " "
        return f"{right[:end]}{glue}{change[2:].rstrip('.')}{right[end:]}"
    old, _, new = change.partition(" -> ")
    return right.replace(old, new, 1)
