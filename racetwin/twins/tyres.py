"""What a set of tyres still has in it, and when to change it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from racetwin.schemas import Estimate
from racetwin.simulation.live import SET_LIFE_EDGES

if TYPE_CHECKING:
    from racetwin.simulation.parameters import RaceParameters
    from racetwin.twins.pace_filter import PaceFilter

FloatArray = npt.NDArray[np.float64]

Z90 = 1.6449
"""Half-width of a central 90 % interval in standard deviations of a normal distribution."""
MAX_LIFE = 90.0
"""Most laps that a set is said to have left: more than any race distance."""
WINDOW_COST_S = 1.5
"""A stop lap is sensible if it costs less than this against the best one: what one lap of traffic costs."""
LEAST_WEAR_S = 0.004
"""Wear below this, in s per lap, is not told from none by any race."""
LEAST_STINT = 4
"""Nobody plans a stint shorter than this, in laps."""


@dataclass(frozen=True, slots=True)
class SetBelief:
    """What is believed of one car's tyres: the linear wear of its present set, and of what it could fit.

    Parameters
    ----------
    compound, age
        Of the present set; index into ``schemas.COMPOUNDS`` (-1 unknown), laps.
    wear_s, wear_sd_s : s per lap
        Linear wear of the present set.
    offsets_s, wears_s
        New-tyre offset (s) and linear wear (s per lap) of the three slick compounds today.
    """

    compound: int
    age: float
    wear_s: float
    wear_sd_s: float
    offsets_s: tuple[float, ...]
    wears_s: tuple[float, ...]

    @classmethod
    def of(cls, pace: PaceFilter, car: int, compound: int, age: float) -> SetBelief:
        """Read it from the filter."""
        wear, sd = pace.wear(car, compound)
        offsets, wears = pace.compounds()
        return cls(compound, age, wear, sd, offsets[:3], wears[:3])


def life_left(belief: SetBelief, p: RaceParameters) -> Estimate:
    """Laps until sets of this compound at this circuit that have reached this age are changed: the middle one, and 90 %.

    A set's own wear is not in it: of two sets of a compound in a race, the one that wears less is not the one that is changed
    later (docs/scoreboard.md).
    """
    c = belief.compound if belief.compound >= 0 else 1
    life = p.life_laps[c]
    rates = p.live.set_life.rates(c)
    age = max(belief.age, 0.0) / life
    low, middle, high = (min(life * _lives_until(rates, age, q), MAX_LIFE) for q in (0.05, 0.5, 0.95))
    return Estimate(mean=middle, low=low, high=high)


def _lives_until(rates: tuple[float, ...], age: float, share: float) -> float:
    """Return within what further age, in usual lives, such a share of the sets that have reached ``age`` are changed."""
    left = -math.log(1.0 - share)
    ends = (*SET_LIFE_EDGES[1:], math.inf)
    at = age
    for rate, end in zip(rates, ends, strict=True):
        if end <= at:
            continue
        if rate > 0.0 and left <= rate * (end - at):
            return at + left / rate - age
        left -= rate * (end - at)
        at = end
    return math.inf


def pit_window(
    belief: SetBelief, p: RaceParameters, *, lap: int, total_laps: int, compounds_used: int
) -> tuple[int, int] | None:
    """First and last sensible lap of the next stop in clear air; None where no further stop pays or is owed.

    Every stop lap is costed with the best one or two further sets, today's wear, and the green pit loss; the window holds
    the laps within ``WINDOW_COST_S`` of the best. Traffic and rivals are the simulation's business.
    """
    n = total_laps - lap
    c = belief.compound
    if c > 2 or n < 2:
        return None
    c = c if c >= 0 else 1
    loss = p.pit_loss_s + p.stationary_s + 0.7 * p.stationary_body_s + p.cold_tyre_s
    stints = _stints_s(belief, p, n, c)
    stay, fresh = stints[0], stints[1:]
    slicks = [k for k in range(3) if compounds_used >> k & 1]
    wet_run = compounds_used >> 3
    owed = bool(p.two_compounds) and len(slicks) < 2 and not wet_run
    best = fresh.min(axis=0)
    other = fresh[[k for k in range(3) if k not in slicks]].min(axis=0) if owed else best
    # rest[m]: least cost of m laps after the stop, with at most one stop more; a compound still owed is fitted in one of them.
    rest = np.minimum(other, _split_s(best, other) + loss)
    stops = np.arange(1, n)
    cost = stay[stops] + loss + rest[n - stops]
    cheapest = float(cost.min())
    if not owed and float(stay[n]) <= cheapest:
        return None
    sensible = stops[cost <= cheapest + WINDOW_COST_S]
    return lap + int(sensible[0]), lap + int(sensible[-1])


def _stints_s(belief: SetBelief, p: RaceParameters, n: int, compound: int) -> FloatArray:
    """Return what 0, 1, .. ``n`` laps cost: on the set that is on the car, of this compound, and on new ones of each slick."""
    laps = np.arange(n + 1.0)
    sets = zip((compound, 0, 1, 2), (belief.wear_s, *belief.wears_s), (belief.age, 0.0, 0.0, 0.0), strict=True)
    told = [(max(wear, 0.0), age, belief.offsets_s[c], p.cliff_age[c], p.cliff_s[c]) for c, wear, age in sets]
    wear, age_before, offset, cliff_age, cliff = np.array(told).T[:, :, None]
    age = age_before + laps
    over = np.maximum(0.0, age - cliff_age)
    lost = wear * age + cliff * over * over
    lost[:, 0] = 0.0
    return np.asarray(offset * laps + np.cumsum(lost, axis=1))


def _split_s(first_s: FloatArray, second_s: FloatArray) -> FloatArray:
    """Return the least cost of 0, 1, .. laps in two stints, of at least ``LEAST_STINT`` laps each; infinite where too few."""
    laps = np.arange(len(first_s))
    second = laps[:, None] - laps  # by laps in all, and laps of the first
    cost = np.where(second >= LEAST_STINT, first_s + second_s[second], math.inf)
    return np.asarray(cost[:, LEAST_STINT:].min(axis=1, initial=math.inf))
