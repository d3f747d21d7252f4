"""Who else stops when a car stops: a rival's chance on the same lap and on the next, given the stop.

Teams see the same tyres, windows and gaps, so stops come in bunches; whoever runs just ahead of a car that stops answers on the
lap after it, and a damp track calls in the whole field.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from racetwin.twins.hazard import MAX_LOG_HAZARD


@dataclass(frozen=True, slots=True)
class Intent:
    """What bears on whether a car stops on one of its next two laps.

    Parameters
    ----------
    hazard : (now, later)
        Chance of a stop at the end of the next lap, and of the one after if not of that, whatever others do
        (:func:`racetwin.twins.hazard.stop_chances`); zeros of a car that is in the lane already.
    compound, age, stops
        Of its set: index into ``schemas.COMPOUNDS``, laps; stops so far.
    owes
        Whether a dry race still asks a stop of it.
    damp
        Whether a car of the field is on intermediates or wets.
    """

    hazard: tuple[float, float]
    compound: int = 1
    age: float = 0.0
    stops: int = 0
    owes: bool = False
    damp: bool = False


class Together(NamedTuple):
    """Log factors on a rival's hazard of a stop, given that a car stops.

    A regression (complementary log-log) on what 26,567 rivals did at 1,598 green stops of Grands Prix of 2019 to early 2023,
    each with parameters fitted on the seasons before it. Fitted on the seasons before, it takes the log loss of a rival's stop on
    the same lap from 0.252 to 0.222 and on the next from 0.271 to 0.242 (2021 to early 2023), where three times
    the race model's hazard, twenty times on a damp track, stood before.

    Parameters
    ----------
    one
        Of every rival.
    hazard
        Per log hazard above ``USUAL``, by itself.
    damp, damp_hazard
        While a car is on intermediates or wets, and what that leaves of the hazard's own weight.
    same
        On the same compound as the car that stops.
    age, older
        Per ten laps by which its set is older than that car's (negative: younger), and again where it is older.
    more_stops
        Of a rival that has stopped more often.
    owes
        Of a rival that still owes a stop, which its hazard overstates.
    near, near_ahead, answers
        At no gap, fading with ``NEAR_S``; for a rival ahead on top; and for one ahead on the lap after the stop, its answer.
    """

    one: float = -2.609
    hazard: float = 0.950
    damp: float = 1.151
    damp_hazard: float = -1.007
    same: float = 0.409
    age: float = 0.769
    older: float = -0.803
    more_stops: float = -0.778
    owes: float = -0.566
    near: float = 0.528
    near_ahead: float = 0.257
    answers: float = 0.837


TOGETHER = Together()
USUAL = -3.3
"""Log hazard against which ``hazard`` counts."""
NEAR_S = 3.0
"""Gap over which ``near`` fades to a third, s."""
HAZARD_RANGE = (1e-4, 0.98)
AGE_RANGE = (-3.0, 3.0)
"""Limits of the difference in age, in ten laps."""


def stop_too(car: Intent, rival: Intent, gap_s: float) -> tuple[float, float]:
    """Return the chance that a rival stops at the end of the lap at which ``car`` does, and of the next if not of that.

    Parameters
    ----------
    gap_s : s
        Time of the rival at its last line less the car's: negative for a rival ahead.
    """
    w = TOGETHER
    older = min(max((rival.age - car.age) / 10.0, AGE_RANGE[0]), AGE_RANGE[1])
    eta = w.one + w.damp * rival.damp + w.same * (rival.compound == car.compound)
    eta += w.age * older + w.older * max(0.0, older)
    eta += w.more_stops * (rival.stops > car.stops) + w.owes * rival.owes
    near = math.exp(-abs(gap_s) / NEAR_S)
    ahead = near * (gap_s < 0)
    eta += w.near * near + w.near_ahead * ahead
    weight = w.hazard + w.damp_hazard * rival.damp
    now, later = (
        _chance(eta + answer + weight * _above_usual(hazard)) if hazard > 0 else 0.0
        for hazard, answer in zip(rival.hazard, (0.0, w.answers * ahead), strict=True)
    )
    return now, later


def _above_usual(hazard: float) -> float:
    low, high = HAZARD_RANGE
    return math.log(-math.log1p(-min(max(hazard, low), high))) - USUAL


def _chance(eta: float) -> float:
    return 1.0 - math.exp(-math.exp(min(eta, MAX_LOG_HAZARD)))
