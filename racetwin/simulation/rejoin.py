"""Box now: where is the car once it has stopped and done its out-lap, and between whom.

Every car is carried to the end of that lap from its pace and wear. The pit loss is the circuit's net loss for the track status
plus a heavy-tailed stationary time. Rivals may stop as well: on the laps before, on the same one or on the next, each by the
chance that the twins give it and by what the stop of this car tells of it (:mod:`racetwin.simulation.stops_together`). All of it
is drawn many times; place, neighbours and gaps are of the same draws. What it says during
an in-lap is what the scoreboard's rows "rejoin" score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from racetwin.errors import InputError
from racetwin.schemas import Compound, Estimate, Rejoin, TrackStatus
from racetwin.simulation.candidates import check_car
from racetwin.simulation.occasion import for_state
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.parameters import RaceParameters
from racetwin.simulation.state import RaceState
from racetwin.simulation.stops_together import chance, log_hazard, stop_too

FloatArray = npt.NDArray[np.float64]

DRAWS = 2000
IN_LAP_SHARE = 0.3
"""Share of a stop's loss that falls on the in-lap where it cannot be measured: the pit entry, before the line."""
STATUSES = (TrackStatus.GREEN, TrackStatus.VSC, TrackStatus.SC)


def box_now(
    state: RaceState,
    car_id: str,
    *,
    lap: int | None = None,
    parameters: RaceParameters | None = None,
    track_status: TrackStatus | None = None,
    seed: int = 1,
    n: int = DRAWS,
) -> Rejoin:
    """Return where a car is after its out-lap if it boxes at the end of lap ``lap`` (default: the coming lap).

    Parameters
    ----------
    state, car_id
        The race and a running car.
    lap
        From the coming lap (:func:`coming_lap`, by default that) to the last but one.
    parameters
        Race-model numbers; by default those of the state's circuit and season.
    track_status
        Status during the stop; by default what it is now.
    seed, n
        Of the draws; the same seed gives the same draws for every lap and status, so answers compare without noise.
    """
    rejoins = _Rejoins(state, car_id, parameters, seed, n)
    return rejoins.at(rejoins.first if lap is None else lap, track_status or state.track_status)


def rejoin_window(
    state: RaceState,
    car_id: str,
    laps: int = 10,
    *,
    parameters: RaceParameters | None = None,
    statuses: Sequence[TrackStatus] = STATUSES,
    seed: int = 1,
    n: int = DRAWS,
) -> tuple[Rejoin, ...]:
    """Return the rejoin for each of the coming ``laps`` laps under each track status, in order of lap, then status."""
    if laps < 1:
        raise InputError(f"laps: {laps}, expected at least 1")
    rejoins = _Rejoins(state, car_id, parameters, seed, n)
    last = min(rejoins.first + laps - 1, state.total_laps - 1)
    return tuple(rejoins.at(lap, status) for lap in range(rejoins.first, last + 1) for status in statuses)


def coming_lap(state: RaceState, car: int, p: RaceParameters) -> int:
    """Return the lap that a car is driving or about to begin: the leader's coming one, but for a lapped car the leader's last."""
    behind_s = state.time_s[car] - state.time_s[state.running].min()
    lapped = state.laps_completed[car] < state.lap and behind_s > p.reference_lap_s
    return state.lap if lapped else state.lap + 1


def lane_loss(p: RaceParameters, status: TrackStatus) -> float:
    """Return the net loss of the pit lane under a track status, without the stationary time (s)."""
    if status is TrackStatus.SC:
        return p.pit_loss_sc_s
    if status is TrackStatus.VSC:
        return p.pit_loss_vsc_s
    # VSC ending: the field is up to speed again before a car is through the lane. Red: the field waits in the lane with it.
    return 0.0 if status is TrackStatus.RED else p.pit_loss_s


def stationary(p: RaceParameters, w: FloatArray) -> FloatArray:
    """Return stationary times (s) from standard exponential draws ``w``: the race model's heavy-tailed distribution."""
    return p.stationary_s + p.stationary_body_s * w + p.stationary_tail_s * np.maximum(0.0, w - p.stationary_tail_from)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The draws of a seed: pace, noise, stationary time and stop or not of every car, and the execution of our own stop."""

    pace: FloatArray
    noise: FloatArray
    stop: FloatArray
    chance: FloatArray
    execution: FloatArray


@lru_cache(maxsize=4)
def _draws(seed: int, n: int, cars: int) -> _Drawn:
    draw = np.random.Generator(np.random.Philox(key=seed))
    pace, noise = draw.standard_normal((n, cars)), draw.standard_normal((n, cars))
    stop, execution = draw.standard_exponential((n, cars)), draw.standard_normal(n)
    drawn = _Drawn(pace, noise, stop, draw.random((n, cars)), execution)
    for values in (drawn.pace, drawn.noise, drawn.stop, drawn.chance, drawn.execution):
        values.flags.writeable = False
    return drawn


def _compound(state: RaceState) -> npt.NDArray[np.int64]:
    """Compound index of every car; mediums where unknown."""
    return np.where(state.compound >= 0, state.compound, Compound.MEDIUM.index)


class _Rejoins:
    """The draws of one state, shared by all laps and track statuses asked about."""

    def __init__(self, state: RaceState, car_id: str, parameters: RaceParameters | None, seed: int, n: int) -> None:
        if n < 1:
            raise InputError(f"n: {n} draws, expected at least 1")
        self.i = check_car(state, car_id)
        self.state, self.car_id = state, car_id
        self.p = for_state(parameters or load_parameters(state.circuit_id, state.season), state)
        self.first = coming_lap(state, self.i, self.p)
        self.drawn = _draws(seed, n, state.n_cars)
        self.own_pace = state.pace_mean + np.array(self.p.compound_offset_s)[_compound(state)]

    def at(self, lap: int, status: TrackStatus) -> Rejoin:
        state, p, i = self.state, self.p, self.i
        if not self.first <= lap < state.total_laps:
            raise InputError(f"lap: {lap}, expected {self.first} to {state.total_laps - 1}")
        ahead = lap - state.lap
        racing = np.ones(ahead + 1)  # pace differences count only while there is racing
        if status.is_neutralised:
            racing[0 if status is state.track_status else max(0, ahead - 1) :] = 0.0
        lane = lane_loss(p, status)
        free = status is TrackStatus.RED  # the field waits in the lane
        cold = 0.0 if status.is_neutralised else p.cold_tyre_s
        standing = np.zeros_like(self.drawn.stop) if free else stationary(p, self.drawn.stop) + cold + state.crew_s
        old, new = self._laps(racing)
        laps = np.concatenate([np.arange(ahead + 2), [ahead + 1]])  # on the set the car has now, by the stop it makes
        stop = self._stops(ahead, status)
        # Who stops on the lap after the stop asked about has paid the pit entry by the line, who does not pays nothing.
        share = np.array([1.0] * (ahead + 1) + [IN_LAP_SHARE, 0.0])
        loss = np.array([p.pit_loss_s] * ahead + [lane] * 2 + [0.0])
        cars = np.arange(state.n_cars)
        known = old[:, laps] + new[:, ahead + 1 - laps] + share * loss
        at_line = state.time_s + known[cars, stop] + share[stop] * standing
        spread = p.live.stop_spread
        noise = racing.sum() * state.pace_sd * self.drawn.pace + math.sqrt(ahead + 1) * spread.lap_s * self.drawn.noise
        at_line = at_line + noise
        own = at_line[:, i]
        if not free:
            own = own + state.stop_extra_s[i] + spread.execution_s * self.drawn.execution
        rivals = state.running.copy()
        rivals[i] = False
        return self._answer(lap, status, own, np.where(rivals, at_line, np.inf), rivals, lane)

    def _laps(self, racing: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what 0, 1, ... first laps of each car take on its set, and so many last ones on another, against new mediums."""
        state, p = self.state, self.p
        c = _compound(state)
        age = state.tyre_age[:, None] + np.arange(len(racing))
        beyond = np.maximum(0.0, age - np.array(p.cliff_age)[c][:, None])
        wear = np.array(p.wear_s)[c][:, None] * age + np.array(p.cliff_s)[c][:, None] * beyond**2
        nothing = np.zeros((state.n_cars, 1))
        old = racing * (self.own_pace[:, None] + state.wear_mean[:, None] * wear)
        # Which set is fitted is not known, and what it wears in these few laps is little.
        new = racing[::-1] * self.own_pace[:, None]
        return np.hstack([nothing, old.cumsum(axis=1)]), np.hstack([nothing, new.cumsum(axis=1)])

    def _stops(self, ahead: int, status: TrackStatus) -> npt.NDArray[np.int64]:
        """Return the lap after the state's at whose end each draw has each car stop; ``ahead + 2`` for none."""
        hazard = self._hazards(ahead, status)
        by_then = 1.0 - np.cumprod(1.0 - hazard, axis=1)
        stop = np.zeros(self.drawn.chance.shape, dtype=np.int64)
        for k in range(ahead + 2):
            stop += self.drawn.chance >= by_then[:, k]
        stop[:, self.i] = ahead
        return stop

    def _hazards(self, ahead: int, status: TrackStatus) -> FloatArray:
        """Return each car's chance of a stop at the end of laps 0 to ``ahead + 1`` after the state's, given none before."""
        state, p, i = self.state, self.p, self.i
        last = state.stop_chance.shape[1] - 1
        hazard = state.stop_chance[:, np.minimum(np.arange(ahead + 2), last)].copy()
        if status is TrackStatus.RED:
            hazard[:, ahead:] = 0.0
        elif status in (TrackStatus.SC, TrackStatus.VSC, TrackStatus.VSC_ENDING):
            first, later = (p.stop_sc, p.stop_sc_later) if status is TrackStatus.SC else (p.stop_vsc, p.stop_vsc_later)
            lasts = status is state.track_status
            at = min(1, ahead) if lasts else ahead
            young = np.minimum(1.0, state.tyre_age / (0.5 * np.array(p.life_laps)[_compound(state)]))
            for k, bonus in ((at, later if lasts and state.status_laps else first), (at + 1, later)):
                more = chance(log_hazard(hazard[:, k]) + bonus * young)
                hazard[:, k] = np.where(hazard[:, k] > 0.0, more, 0.0)
        else:
            for k in range(max(0, ahead - 1), ahead + 2):
                hazard[:, k] = stop_too(state, i, hazard[:, k], p, answering=k > ahead)
        known = (state.planned_lap > 0).any(axis=1)
        hazard[known] = 0.0
        for k in range(ahead + 2):
            hazard[known & (state.planned_lap == state.lap + k).any(axis=1), k] = 1.0
        return hazard

    def _answer(
        self,
        lap: int,
        status: TrackStatus,
        own: FloatArray,
        others: FloatArray,
        rivals: npt.NDArray[np.bool_],
        lane: float,
    ) -> Rejoin:
        state, p, n = self.state, self.p, len(own)
        is_ahead = others < own[:, None]
        position = 1 + is_ahead.sum(axis=1)
        counts = np.bincount(position, minlength=2)
        most = int(counts.argmax())
        typical = position == most
        (ahead, gap_ahead), (behind, gap_behind) = _neighbours(
            np.where(is_ahead, own[:, None] - others, np.inf)[typical],
            np.where(is_ahead | ~rivals, np.inf, others - own[:, None])[typical],
        )
        red = status is TrackStatus.RED
        quantile = np.zeros(2) if red else stationary(p, -np.log([0.95, 0.05]))
        mean = (
            0.0
            if red
            else float(p.stationary_s + p.stationary_body_s + p.stationary_tail_s * math.exp(-p.stationary_tail_from))
        )
        lane += 0.0 if red else float(state.crew_s[self.i] + state.stop_extra_s[self.i])
        return Rejoin(
            car_id=self.car_id,
            lap=lap,
            track_status=status,
            position=most,
            probability=float(counts[most] / n),
            position_probability={int(k): float(counts[k] / n) for k in np.flatnonzero(counts)},
            car_ahead=None if ahead is None else state.car_id[ahead],
            gap_ahead_s=gap_ahead,
            car_behind=None if behind is None else state.car_id[behind],
            gap_behind_s=gap_behind,
            traffic=gap_ahead is not None and gap_ahead < p.dirty_air_range_s,
            pit_loss_s=Estimate(mean=lane + mean, low=lane + float(quantile[0]), high=lane + float(quantile[1])),
        )


def _neighbours(ahead: FloatArray, behind: FloatArray) -> tuple[tuple[int | None, float | None], ...]:
    """Return the cars just ahead and just behind with their gaps, from ``(draws, cars)`` gaps; no car is on both sides."""
    a, b = _neighbour(ahead), _neighbour(behind)
    if a[0] is not None and a[0] == b[0]:  # it is named where it is more often, and the next one on the other side
        more_behind = (behind.argmin(axis=1) == b[0]).sum() > (ahead.argmin(axis=1) == a[0]).sum()
        other = (ahead if more_behind else behind).copy()
        other[:, a[0]] = np.inf
        a, b = (_neighbour(other), b) if more_behind else (a, _neighbour(other))
    return a, b


def _neighbour(gaps: FloatArray) -> tuple[int | None, float | None]:
    """Return the car that is nearest most often, and its mean gap in the draws in which it is."""
    nearest = gaps.argmin(axis=1)
    least = gaps[np.arange(len(gaps)), nearest]
    there = np.isfinite(least)
    if not there.any():
        return None, None
    car = int(np.bincount(nearest[there]).argmax())
    return car, float(least[there & (nearest == car)].mean())
