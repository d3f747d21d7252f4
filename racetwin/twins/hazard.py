"""When a car stops: the hazard of a pit stop, lap by lap, as the race model has it.

The formula is the simulation's (``RaceParameters.stop_*``); here it is read for one car at one moment, and what its
neighbours do now is held as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from racetwin.schemas import TrackStatus

if TYPE_CHECKING:
    from racetwin.simulation.parameters import RaceParameters

FloatArray = npt.NDArray[np.float64]

MAX_LOG_HAZARD = 1.5
"""Ceiling of the log hazard: above it a stop is as good as certain (99 % a lap)."""
HELD_UP_S = 1.2
"""A car this close behind another at the line is held up."""
UNSEEN = 0.3
"""Log hazard added to laps beyond the next when a stop is forecast: by then a neighbour may have stopped, which calls for one.

Stops of neighbours raise a car's hazard up to fourfold; held as they are now they are left out of every forecast. On forecasts of
2021 to early 2023 with parameters fitted before, stops within five laps came true 1.7 times as often as said without it and 1.3
times with it; the rest is the rules of 2022, which those parameters had not seen.
"""
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
    life_factor
        Life of this set against the compound's usual one, as the wear learnt so far has it.
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
    life_factor: float = 1.0


def owes(p: RaceParameters, stops: int, compounds_used: int) -> bool:
    """Whether a dry race still asks a stop of the car."""
    wet_run = bool(compounds_used >> 3)
    slicks = (compounds_used & 0b111).bit_count()
    return not wet_run and (stops < p.min_stops or (bool(p.two_compounds) and slicks < 2))


def stop_hazard(p: RaceParameters, ctx: StopContext, n: int) -> FloatArray:
    """Probability of stopping at the end of each of the next ``n`` laps, given no stop before it.

    Tyre age counts as it is when the lap begins. What the neighbours do acts on the lap after it, a neutralisation on the next
    two laps; from then on the race is taken to run green. Who still owes a stop makes it while there is a lap left to.
    """
    n = max(0, min(n, ctx.total_laps - ctx.lap - 1))  # nobody stops at the end of the last lap
    if n == 0:
        return np.zeros(0)
    c = ctx.compound if ctx.compound >= 0 else 1
    k = np.arange(1.0, n + 1.0)
    use = (ctx.age + k - 1.0) / (p.life_laps[c] * ctx.life_factor)
    eta = p.stop_intercept + p.stop_age * use + p.stop_overdue * np.maximum(0.0, use - 1.0) + ctx.bias
    if ctx.status in (TrackStatus.SC, TrackStatus.VSC, TrackStatus.VSC_ENDING):
        sc = ctx.status is TrackStatus.SC
        first, later = (p.stop_sc, p.stop_sc_later) if sc else (p.stop_vsc, p.stop_vsc_later)
        bonus = np.where(ctx.status_laps + k <= 1, first, later)
        eta += np.where(k <= STATUS_LAPS, bonus * np.minimum(1.0, use / 0.5), 0.0)
    lap = ctx.lap + k
    if ctx.ahead_stopped:
        eta += np.where(lap == ctx.ahead_stopped + 1, p.stop_undercut, 0.0)
    if ctx.behind_stopped:
        eta += np.where(lap == ctx.behind_stopped + 1, p.stop_cover + ctx.cover_bias, 0.0)
    if ctx.gap_ahead_s < HELD_UP_S:
        eta[0] += p.stop_traffic
    if ctx.gap_behind_s > p.pit_loss_s + p.stationary_s + p.stationary_body_s:
        eta += p.stop_free
    owed = owes(p, ctx.stops, ctx.compounds_used)
    if owed:
        eta += p.stop_owed * lap / ctx.total_laps
    else:
        eta += p.stop_late * np.maximum(0.0, p.stop_late_laps - (ctx.total_laps - lap))
    hazard = np.asarray(1.0 - np.exp(-np.exp(np.minimum(eta, MAX_LOG_HAZARD))))
    if owed and ctx.lap + n == ctx.total_laps - 1:
        hazard[-1] = 1.0
    return hazard


def stop_chance(p: RaceParameters, ctx: StopContext, n: int, running: int = 20) -> FloatArray:
    """Probability of stopping at the end of each of the next ``n`` laps, given no stop before it, whatever the track does.

    :func:`stop_hazard` takes the race to run green; on each coming lap a safety car or virtual safety car may be declared, and
    who has not stopped by then may well take the cheap stop. ``running`` cars may retire and so bring one out.
    """
    green = stop_hazard(p, ctx, n)
    green[1:] = 1.0 - (1.0 - green[1:]) ** math.exp(UNSEEN)
    if not len(green) or ctx.status.is_neutralised:
        return green
    retire = running * (1.0 - (1.0 - p.retirement_rate) ** (1.0 / max(1, ctx.total_laps)))
    c = ctx.compound if ctx.compound >= 0 else 1
    young = np.minimum(1.0, (ctx.age + np.arange(len(green))) / (0.5 * p.life_laps[c] * ctx.life_factor))
    eta = np.log(-np.log1p(-np.minimum(green, 0.999)) + 1e-12)
    out = green.copy()
    for rate, per_retirement, bonus in (
        (p.sc_rate, p.sc_retirement, p.stop_sc),
        (p.vsc_rate, p.vsc_retirement, p.stop_vsc),
    ):
        declared = min(0.5, rate + retire * per_retirement)
        under = 1.0 - np.exp(-np.exp(np.minimum(eta + bonus * young, MAX_LOG_HAZARD)))
        out += declared * (np.maximum(under, green) - green)
    return np.minimum(out, 1.0)


def within(hazard: FloatArray, n: int) -> float:
    """Probability of a stop within the first ``n`` laps of a hazard."""
    return float(1.0 - np.prod(1.0 - hazard[:n]))


def by_lap(hazard: FloatArray) -> FloatArray:
    """Probability that the next stop falls on each lap (sums to at most 1; the rest is no stop)."""
    survive = np.concatenate([[1.0], np.cumprod(1.0 - hazard)[:-1]])
    return survive * hazard
