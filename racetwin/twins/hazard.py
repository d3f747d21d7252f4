"""When a car stops: the hazard of a pit stop, lap by lap, as the race model has it.

The formula is the simulation's (``RaceParameters.stop_*``); here it is read for one car at one moment, and what its
neighbours do now is held as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from racetwin.schemas import TrackStatus
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


def stop_hazards(p: RaceParameters, contexts: Sequence[StopContext], n: int) -> FloatArray:
    """Probability of stopping at the end of each of the next ``n`` laps, given no stop before it: ``(contexts, laps)``.

    Tyre age counts as it is when the lap begins. What the neighbours do acts on the lap after it, a neutralisation on the next
    two laps; from then on the race is taken to run green. Who still owes a stop makes it while there is a lap left to.
    Rows of cars that have fewer laps to go than others end in zeros.
    """
    at_risk = [laps_at_risk(ctx, n) for ctx in contexts]
    longest = max(at_risk, default=0)
    if longest == 0:
        return np.zeros((len(contexts), 0))
    k = np.arange(1.0, longest + 1.0)
    life = [p.life_laps[c.compound if c.compound >= 0 else 1] for c in contexts]
    use = (_column(c.age for c in contexts) + k - 1.0) / _column(life)
    eta = p.stop_intercept + p.stop_age * use + p.stop_overdue * np.maximum(0.0, use - 1.0)
    eta += _column(c.bias for c in contexts)
    free_s = p.pit_loss_s + p.stationary_s + p.stationary_body_s
    for i, ctx in enumerate(contexts):
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
    owed = [owes(p, c.stops, c.compounds_used) for c in contexts]
    lap = _column(c.lap for c in contexts) + k
    total = _column(c.total_laps for c in contexts)
    late = p.stop_late * np.maximum(0.0, p.stop_late_laps - (total - lap))
    eta += np.where(np.array(owed)[:, None], p.stop_owed * lap / total, late)
    hazard = np.asarray(1.0 - np.exp(-np.exp(np.minimum(eta, MAX_LOG_HAZARD))))
    for i, (ctx, laps) in enumerate(zip(contexts, at_risk, strict=True)):
        if owed[i] and laps and ctx.lap + laps == ctx.total_laps - 1:
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
    k = np.arange(1.0, hazard.shape[1] + 1.0)
    near = k <= NEAR_LAPS
    compound = _column(c.compound for c in contexts)
    life = _column(p.life_laps[c.compound if c.compound >= 0 else 1] for c in contexts)
    stops, lap = _column(c.stops for c in contexts), _column(c.lap for c in contexts)
    age, total = _column(c.age for c in contexts), _column(c.total_laps for c in contexts)
    today = _column(c.age_today for c in contexts)
    known = today > 0
    against = np.where(
        known, np.clip(np.log(np.maximum(age + k, 0.5) / np.where(known, today, 1.0)), *TODAY_RANGE), 0.0
    )
    log_hazard = np.log(-np.log1p(-np.clip(hazard, 1e-5, 0.99)))
    return log_hazard, [
        np.ones((1, 1)),
        (k > 1.0).astype(float),
        log_hazard - USUAL,
        (compound == 0).astype(float),
        (compound == 2).astype(float),
        (stops == 1).astype(float),
        (stops >= 2).astype(float),
        np.clip((total - lap - k) / life, 0.0, 3.0) - 1.0,
        (lap + k) / total - 0.5,
        against,
        np.maximum(against, 0.0),
        known.astype(float),
        near * _column(c.stopped_of_late for c in contexts),
        near * _column(c.gap_ahead_s < HELD_UP_S for c in contexts),
        _column(bool(c.compounds_used >> 3) for c in contexts),
    ]


def _live(p: RaceParameters, contexts: Sequence[StopContext], hazard: FloatArray) -> FloatArray:
    """Return the hazards with what is known live; a sprint's, wet-weather tyres' and certain stops stay as they are."""
    log_hazard, terms = live_terms(p, contexts, hazard)
    log_hazard = log_hazard + sum(w * x for w, x in zip(astuple(p.live.stops), terms, strict=True))
    told = 1.0 - np.exp(-np.exp(np.minimum(log_hazard, MAX_LOG_HAZARD)))
    compound = _column(c.compound for c in contexts)
    as_it_is = (compound > 2) | (hazard <= 0.0) | (hazard >= 1.0) | (not p.prescribes_stop)
    return np.where(as_it_is, hazard, told)


def _column(values: Iterable[float]) -> FloatArray:
    return np.array(list(values), dtype=np.float64)[:, None]


def stop_chance(p: RaceParameters, ctx: StopContext, n: int) -> FloatArray:
    """Probability of stopping at the end of each of the next ``n`` laps, given no stop before it; see :func:`stop_chances`."""
    return stop_chances(p, [ctx], n)[0, : laps_at_risk(ctx, n)]


def stop_chances(p: RaceParameters, contexts: Sequence[StopContext], n: int) -> FloatArray:
    """Probability of stopping at the end of each of the next ``n`` laps, given no stop before it, whatever the track does.

    :func:`modelled_chances` with what is known live and the race model does not carry; see
    :class:`racetwin.simulation.live.LiveStops`.
    """
    return _live(p, contexts, modelled_chances(p, contexts, n))


def modelled_chances(p: RaceParameters, contexts: Sequence[StopContext], n: int) -> FloatArray:
    """Return what the race model alone says of a stop, whatever the track does: ``(contexts, laps)``.

    :func:`stop_hazards` takes the race to run green; on each coming lap a safety car or virtual safety car may be declared, and
    who has not stopped by then may well take the cheap stop.
    """
    green = stop_hazards(p, contexts, n)
    calm = [i for i, ctx in enumerate(contexts) if not ctx.status.is_neutralised]
    if not calm or not green.shape[1]:
        return green
    quiet = green[calm]
    retire = 1.0 - (1.0 - p.retirement_rate) ** _column(1.0 / max(1, contexts[i].total_laps) for i in calm)
    life = _column(0.5 * p.life_laps[ctx.compound if ctx.compound >= 0 else 1] for ctx in (contexts[i] for i in calm))
    running = _column(contexts[i].running for i in calm)
    young = np.minimum(1.0, (_column(contexts[i].age for i in calm) + np.arange(quiet.shape[1])) / life)
    eta = np.log(-np.log1p(-np.minimum(quiet, 0.999)) + 1e-12)
    out = quiet.copy()
    for rate, per_retirement, bonus in (
        (p.sc_rate, p.sc_retirement, p.stop_sc),
        (p.vsc_rate, p.vsc_retirement, p.stop_vsc),
    ):
        declared = np.minimum(0.5, rate + running * retire * per_retirement)
        under = 1.0 - np.exp(-np.exp(np.minimum(eta + bonus * young, MAX_LOG_HAZARD)))
        out += declared * (np.maximum(under, quiet) - quiet)
    green[calm] = np.where(quiet > 0.0, np.minimum(out, 1.0), 0.0)
    return green


def within(hazard: FloatArray, n: int) -> float:
    """Probability of a stop within the first ``n`` laps of a hazard."""
    return float(1.0 - np.prod(1.0 - hazard[:n]))


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
    """Probability that the next stop falls on each lap (sums to at most 1; the rest is no stop)."""
    survive = np.concatenate([[1.0], np.cumprod(1.0 - hazard)[:-1]])
    return survive * hazard
