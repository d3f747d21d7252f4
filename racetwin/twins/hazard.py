"""When a car stops: the hazard of a pit stop, lap by lap, as the race model has it.

The formula is the simulation's (``RaceParameters.stop_*``); here it is read for one car at one moment, and what its
neighbours do now is held as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from racetwin.schemas import TrackStatus
from racetwin.simulation.live import LiveStops
from racetwin.simulation.stops_together import MAX_LOG_HAZARD, owes

if TYPE_CHECKING:
    from racetwin.simulation.parameters import RaceParameters

FloatArray = npt.NDArray[np.float64]

HELD_UP_S = 1.2
"""A car this close behind another at the line is held up."""
NEAR_LAPS = 5
"""What others and the car ahead do now bears on so many coming laps."""
STATUS_LAPS = 2
"""A neutralisation is taken to bear on the decisions of this many coming laps."""


@dataclass(frozen=True, slots=True)
class StopContext:
    """What a car's decision to stop depends on.

    Parameters
    ----------
    lap, total_laps
        Laps the car has completed, and race distance.
    compound, age
        Of its set: index into ``schemas.COMPOUNDS`` (-1 unknown), laps.
    stops, compounds_used
        So far; bit mask over compound indices.
    gap_ahead_s, gap_behind_s : s
        On the road; infinite where there is nobody.
    ahead_stopped, behind_stopped
        Lap at whose end the car that was just ahead (behind), within ``stop_cover_gap_s``, last stopped; 0 for never. It
        moves the decision of the lap after.
    status, status_laps
        Of the track, and how many laps it has lasted (0: declared in the coming lap).
    bias : log hazard
        The car's own habit.
    cover_bias : log hazard
        Its habit of answering a rival's stop.
    stopped_of_late
        Stops that others made in the last four laps, as a share of the cars that run.
    age_today : laps
        Median age at which others changed this compound today; 0 where too few have.
    running
        Cars still in the race: each may retire and so bring out a safety car.
    """

    lap: int
    total_laps: int
    compound: int
    age: float
    stops: int
    compounds_used: int
    gap_ahead_s: float = math.inf
    gap_behind_s: float = math.inf
    ahead_stopped: int = 0
    behind_stopped: int = 0
    status: TrackStatus = TrackStatus.GREEN
    status_laps: int = 0
    bias: float = 0.0
    cover_bias: float = 0.0
    stopped_of_late: float = 0.0
    age_today: float = 0.0
    running: int = 20


def laps_at_risk(ctx: StopContext, n: int) -> int:
    """How many of the next ``n`` laps a stop can fall on: nobody stops at the end of the last one."""
    return max(0, min(n, ctx.total_laps - ctx.lap - 1))


def stop_hazard(p: RaceParameters, ctx: StopContext, n: int) -> FloatArray:
    """Probability of stopping at the end of each of the next ``n`` laps, given no stop before it; see :func:`stop_hazards`."""
    return stop_hazards(p, [ctx], n)[0, : laps_at_risk(ctx, n)]


class _Asked(NamedTuple):
    """The contexts asked about, and what the formulas take from each as a column ``(contexts, 1)``, coming laps being the rows.

    What is true or not is 1 or 0; ``life`` is the compound's usual life here, in laps.
    """

    contexts: Sequence[StopContext]
    lap: FloatArray
    total_laps: FloatArray
    compound: FloatArray
    life: FloatArray
    age: FloatArray
    stops: FloatArray
    bias: FloatArray
    stopped_of_late: FloatArray
    age_today: FloatArray
    running: FloatArray
    held_up: FloatArray
    been_wet: FloatArray
    owed: FloatArray
    neutralised: FloatArray

    @classmethod
    def of(cls, p: RaceParameters, contexts: Sequence[StopContext]) -> _Asked:
        """Read the columns."""
        columns = [
            [c.lap for c in contexts],
            [c.total_laps for c in contexts],
            [c.compound for c in contexts],
            [p.life_laps[c.compound if c.compound >= 0 else 1] for c in contexts],
            [c.age for c in contexts],
            [c.stops for c in contexts],
            [c.bias for c in contexts],
            [c.stopped_of_late for c in contexts],
            [c.age_today for c in contexts],
            [c.running for c in contexts],
            [c.gap_ahead_s < HELD_UP_S for c in contexts],
            [c.compounds_used >> 3 > 0 for c in contexts],
            [owes(p, c.stops, c.compounds_used) for c in contexts],
            [c.status.is_neutralised for c in contexts],
        ]
        return cls(contexts, *np.array(columns, dtype=np.float64)[:, :, None])


def stop_hazards(p: RaceParameters, contexts: Sequence[StopContext], n: int) -> FloatArray:
    """Probability of stopping at the end of each of the next ``n`` laps, given no stop before it: ``(contexts, laps)``.

    Tyre age counts as it is when the lap begins. What the neighbours do acts on the lap after it, a neutralisation on the next
    two laps; from then on the race is taken to run green. Who still owes a stop makes it while there is a lap left to.
    Rows of cars that have fewer laps to go than others end in zeros.
    """
    return _green(p, _Asked.of(p, contexts), n)


def _green(p: RaceParameters, now: _Asked, n: int) -> FloatArray:
    at_risk = [laps_at_risk(ctx, n) for ctx in now.contexts]
    longest = max(at_risk, default=0)
    if longest == 0:
        return np.zeros((len(at_risk), 0))
    k = np.arange(1.0, longest + 1.0)
    use = (now.age + k - 1.0) / now.life
    eta = p.stop_intercept + p.stop_age * use + p.stop_overdue * np.maximum(0.0, use - 1.0)
    eta += now.bias
    free_s = p.pit_loss_s + p.stationary_s + p.stationary_body_s
    for i, ctx in enumerate(now.contexts):
        if ctx.status in (TrackStatus.SC, TrackStatus.VSC, TrackStatus.VSC_ENDING):
            sc = ctx.status is TrackStatus.SC
            first, later = (p.stop_sc, p.stop_sc_later) if sc else (p.stop_vsc, p.stop_vsc_later)
            bonus = np.where(ctx.status_laps + k[:STATUS_LAPS] <= 1, first, later)
            eta[i, :STATUS_LAPS] += bonus * np.minimum(1.0, use[i, :STATUS_LAPS] / 0.5)
        after = ctx.ahead_stopped - ctx.lap  # index of the lap after it
        if ctx.ahead_stopped and 0 <= after < longest:
            eta[i, after] += p.stop_undercut
        after = ctx.behind_stopped - ctx.lap
        if ctx.behind_stopped and 0 <= after < longest:
            eta[i, after] += p.stop_cover + ctx.cover_bias
        if ctx.gap_ahead_s < HELD_UP_S:
            eta[i, 0] += p.stop_traffic
        if ctx.gap_behind_s > free_s:
            eta[i] += p.stop_free
    lap = now.lap + k
    late = p.stop_late * np.maximum(0.0, p.stop_late_laps - (now.total_laps - lap))
    eta += np.where(now.owed, p.stop_owed * lap / now.total_laps, late)
    hazard = np.asarray(1.0 - np.exp(-np.exp(np.minimum(eta, MAX_LOG_HAZARD))))
    for i, (ctx, laps) in enumerate(zip(now.contexts, at_risk, strict=True)):
        if laps and ctx.lap + laps == ctx.total_laps - 1 and now.owed[i, 0]:
            hazard[i, laps - 1] = 1.0
        hazard[i, laps:] = 0.0
    return hazard


USUAL = -3.3
"""Log hazard about which the race model's is drawn together."""
TODAY_RANGE = (-1.5, 1.0)
"""Limits of the log of an age against today's."""


def live_terms(
    p: RaceParameters, contexts: Sequence[StopContext], hazard: FloatArray
) -> tuple[FloatArray, list[FloatArray]]:
    """Return the log of the race model's hazards, and what each number of ``p.live.stops`` is multiplied by, in its order."""
    return _live_terms(_Asked.of(p, contexts), hazard)


def _live_terms(now: _Asked, hazard: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
    k = np.arange(1.0, hazard.shape[1] + 1.0)
    near = k <= NEAR_LAPS
    today = now.age_today
    known = today > 0
    against = np.where(
        known, np.clip(np.log(np.maximum(now.age + k, 0.5) / np.where(known, today, 1.0)), *TODAY_RANGE), 0.0
    )
    log_hazard = np.log(-np.log1p(-np.clip(hazard, 1e-5, 0.99)))
    return log_hazard, [
        np.ones((1, 1)),
        (k > 1.0).astype(float),
        log_hazard - USUAL,
        (now.compound == 0).astype(float),
        (now.compound == 2).astype(float),
        (now.stops == 1).astype(float),
        (now.stops >= 2).astype(float),
        np.clip((now.total_laps - now.lap - k) / now.life, 0.0, 3.0) - 1.0,
        (now.lap + k) / now.total_laps - 0.5,
        against,
        np.maximum(against, 0.0),
        known.astype(float),
        near * now.stopped_of_late,
        near * now.held_up,
        now.been_wet,
    ]


_WEIGHTS = attrgetter(*(f.name for f in fields(LiveStops)))


def _live(p: RaceParameters, now: _Asked, hazard: FloatArray) -> FloatArray:
    """Return the hazards with what is known live; a sprint's, wet-weather tyres' and certain stops stay as they are."""
    if not hazard.size or not p.prescribes_stop:
        return hazard
    log_hazard, terms = _live_terms(now, hazard)
    log_hazard = log_hazard + sum(w * x for w, x in zip(_WEIGHTS(p.live.stops), terms, strict=True))
    told = 1.0 - np.exp(-np.exp(np.minimum(log_hazard, MAX_LOG_HAZARD)))
    return np.where((now.compound > 2) | (hazard <= 0.0) | (hazard >= 1.0), hazard, told)


def stop_chance(p: RaceParameters, ctx: StopContext, n: int) -> FloatArray:
    """Probability of stopping at the end of each of the next ``n`` laps, given no stop before it; see :func:`stop_chances`."""
    return stop_chances(p, [ctx], n)[0, : laps_at_risk(ctx, n)]


def stop_chances(p: RaceParameters, contexts: Sequence[StopContext], n: int) -> FloatArray:
    """Probability of stopping at the end of each of the next ``n`` laps, given no stop before it, whatever the track does.

    :func:`modelled_chances` with what is known live and the race model does not carry; see
    :class:`racetwin.simulation.live.LiveStops`.
    """
    now = _Asked.of(p, contexts)
    return _live(p, now, _modelled(p, now, n))


def modelled_chances(p: RaceParameters, contexts: Sequence[StopContext], n: int) -> FloatArray:
    """Return what the race model alone says of a stop, whatever the track does: ``(contexts, laps)``.

    :func:`stop_hazards` takes the race to run green; on each coming lap a safety car or virtual safety car may be declared, and
    who has not stopped by then may well take the cheap stop.
    """
    return _modelled(p, _Asked.of(p, contexts), n)


def _modelled(p: RaceParameters, now: _Asked, n: int) -> FloatArray:
    green = _green(p, now, n)
    if not green.size:
        return green
    retire = 1.0 - (1.0 - p.retirement_rate) ** (1.0 / np.maximum(1.0, now.total_laps))
    young = np.minimum(1.0, (now.age + np.arange(green.shape[1])) / (0.5 * now.life))
    eta = np.log(-np.log1p(-np.minimum(green, 0.999)) + 1e-12)
    out = green.copy()
    for rate, per_retirement, bonus in (
        (p.sc_rate, p.sc_retirement, p.stop_sc),
        (p.vsc_rate, p.vsc_retirement, p.stop_vsc),
    ):
        declared = np.minimum(0.5, rate + now.running * retire * per_retirement)
        under = 1.0 - np.exp(-np.exp(np.minimum(eta + bonus * young, MAX_LOG_HAZARD)))
        out += declared * (np.maximum(under, green) - green)
    return np.where((green > 0.0) & (now.neutralised == 0.0), np.minimum(out, 1.0), green)


def within(hazard: FloatArray, n: int) -> float:
    """Probability of a stop within the first ``n`` laps of a hazard."""
    return float(1.0 - np.prod(1.0 - hazard[:n]))


def within_each(hazards: FloatArray, n: int) -> FloatArray:
    """:func:`within` of each row of hazards."""
    return np.asarray(1.0 - np.prod(1.0 - hazards[:, :n], axis=1))


STOP_SHARE = 0.5
"""Share of the probability of a next stop that the laps hold whose middle is named.

Within two laps of 1,385 green stops of 2019 to early 2023, told five laps into the stint with parameters of the seasons before:
29.6 % (a quarter 28.8, a third 29.5, two thirds 28.1, three quarters 28.3). The five laps that hold most of it: 23.2 %, 3.8 to
9.1 points less (90 % of bootstrap samples over races); its median 23.8 %; by the race model alone, without what is known live,
28.5, 24.4 and 26.4 %.
"""


def next_stop_lap(chance: FloatArray, first_lap: int) -> int:
    """Lap to name for a stop: the middle of the fewest laps that together hold half of its probability.

    Parameters
    ----------
    chance
        Probability by lap, as :func:`by_lap` gives it.
    first_lap
        Lap that ``chance[0]`` stands for.

    Examples
    --------
    >>> next_stop_lap(np.array([0.3, 0.0, 0.0, 0.0, 0.1, 0.15, 0.15, 0.15, 0.1]), 20)
    25
    """
    so_far = np.concatenate([[0.0], np.cumsum(chance)])
    end = np.searchsorted(so_far, so_far[:-1] + STOP_SHARE * so_far[-1] - 1e-12)
    spans = np.where(end < len(so_far), end - np.arange(len(chance)), len(so_far))
    if not len(spans):
        return first_lap
    start = int(spans.argmin())
    return first_lap + start + (int(spans[start]) - 1) // 2


def by_lap(hazard: FloatArray) -> FloatArray:
    """Probability that the next stop falls on each lap, the last axis (sums to at most 1; the rest is no stop)."""
    survive = np.ones_like(hazard)
    np.cumprod(1.0 - hazard[..., :-1], axis=-1, out=survive[..., 1:])
    return survive * hazard
