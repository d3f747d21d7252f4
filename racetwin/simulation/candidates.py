"""All pit plans a strategist would consider for one car, from 0 to 4 further stops.

Every sequence of compounds in hand and every pit lap is laid out, the rules are applied (two slick compounds, least number
of stops), and the plans are sorted by their time on a clear track: pit losses plus tyre wear, nothing else. That sum is too
simple to choose by, since it knows no other car, so it only sets the width of the net: what it finds hopeless is left out,
everything near the best is kept, and the decision of *this* lap (box now, for each compound, or not) is always among them.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise, product
from typing import Any

import numpy as np
import numpy.typing as npt

from racetwin.errors import InputError
from racetwin.schemas import COMPOUNDS, Compound, PlannedStop, TrackStatus
from racetwin.simulation.objectives import is_sprint
from racetwin.simulation.occasion import for_state
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.parameters import RaceParameters
from racetwin.simulation.plans import MAX_STOPS, PitPlan
from racetwin.simulation.state import RaceState

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Key = tuple[tuple[int, int], ...]
"""Pit laps and compound indices of a plan: what plans are while there are thousands of them."""
Window = tuple[int, int]

LIMIT = 256
"""Most candidates for one car."""
SHORTEST_STINT = 5
"""Laps; a shorter stint on slicks is planned only where the flag leaves no other."""
FIRST_STEP = (1, 1, 1, 2, 3)
STEP = (1, 1, 2, 4, 7)
"""Grids in laps of the first and of the later stops, by the number of stops in the plan."""
SHARE = (1.0, 0.42, 0.30, 0.10, 0.03)
"""Share of the candidates a number of stops may take; what one leaves free the next best plans of any kind take."""
REACTIVE = 0.15
"""Share of the candidates that wait for a safety car."""
HOPELESS_S = 32.0
"""A plan that loses more than this on a clear track, about a stop and a half, is not worth a simulation."""
NEUTRALISED_LAPS = 8
"""Laps after which a safety car that is out now will be in again."""
OPEN_WINDOW = 8
"""Laps ahead for which "box now, in one lap, in two ..." is always asked, whatever the clear-track time says."""


def candidate_plans(
    state: RaceState,
    car_id: str,
    parameters: RaceParameters | None = None,
    *,
    limit: int = LIMIT,
    at_once: int | None = None,
) -> tuple[PitPlan, ...]:
    """Return the candidate plans of a car in a fixed order, no plan twice.

    Parameters
    ----------
    state
        The race; ``sets`` says what tyres the car has (unknown: any).
    car_id
        A running car; ``InputError`` otherwise.
    parameters
        Race-model numbers; by default those of the state's circuit and season.
    limit
        Most plans to return, at least 8.
    at_once
        Where given, only plans that stop on the coming lap, at most so often: few, and found in a fraction of the time.
    """
    check_car(state, car_id)
    if limit < 8:
        raise InputError(f"limit: {limit} candidates, expected at least 8")
    p = for_state(parameters or load_parameters(state.circuit_id, state.season), state)
    garage = _Garage.of(state, car_id, p)
    if garage.first > garage.last:
        return (PitPlan(),)
    if at_once is not None:
        return tuple(garage.plan(key, None) for key in sorted(garage.regrets(at_once, now=True), key=_order)[:limit])
    regret = garage.regrets()
    if not regret:  # no plan satisfies the rules any more: running to the flag is what is left
        return (PitPlan(),)
    best_first = [key for _, _, key in sorted((r, _order(key), key) for key, r in regret.items())]
    n_reactive = round(REACTIVE * limit)
    quota = [max(1, round(share * (limit - n_reactive))) for share in SHARE]
    kept = {key: None for key in best_first if garage.must_ask(key)}
    for key in best_first:
        if quota[len(key)] > 0:
            quota[len(key)] -= 1
            kept[key] = None
    waiting = garage.reactive(best_first)[:n_reactive]
    for key in best_first:
        if len(kept) >= limit - len(waiting):
            break
        kept[key] = None
    fixed = [(_order(key), key, None) for key in list(kept)[: limit - len(waiting)]]
    reactive = [(_order(key, window), key, window) for key, window in waiting]
    return tuple(garage.plan(key, window) for _, key, window in sorted([*fixed, *reactive], key=lambda x: x[0]))


LOOKED_AT = (
    "lap", "total_laps", "track_status", "status_laps", "wetness", "rain_lap", "rain_wetness", "lane_extra_s", "laps_completed",
    "compound", "tyre_age", "stops", "compounds_used", "wear_mean", "sets", "set_age",
)  # fmt: skip
"""All that the candidates of a car depend on beside the parameters."""


def same_candidates(a: RaceState, b: RaceState) -> bool:
    """Whether two states of a race have the same candidates for certain: a slow stop, a rival's plan or pace change none."""
    return a.race_id == b.race_id and all(
        x is y or (not isinstance(x, np.ndarray) and x == y)
        for x, y in ((getattr(a, name), getattr(b, name)) for name in LOOKED_AT)
    )


def check_car(state: RaceState, car_id: str) -> int:
    """Return the array index of a car that is still racing; ``InputError`` otherwise."""
    if car_id not in state.car_id:
        raise InputError(f"car: {car_id!r} is not in this race; cars: {', '.join(state.car_id)}")
    i = state.index(car_id)
    if not state.running[i]:
        raise InputError(f"car: {car_id} has retired; there is no plan for it")
    return i


def check_plan(state: RaceState, car_id: str, plan: PitPlan) -> None:
    """Raise ``InputError`` where a car cannot carry out a plan: a stop in the past or after the flag, a set not in hand."""
    i = check_car(state, car_id)
    for stop in plan.stops:
        if not state.lap < stop.lap < state.total_laps:
            raise InputError(
                f"plan {plan.label}: a stop on lap {stop.lap}, expected lap {state.lap + 1} to {state.total_laps - 1}"
            )
    for compound in {s.compound for s in plan.stops}:
        have = int(state.sets[i, compound.index])
        need = sum(s.compound == compound for s in plan.stops)
        if 0 <= have < need:
            raise InputError(f"plan {plan.label}: {need} set(s) of {compound.value}, car {car_id} has {have} in hand")
    if plan.sc_window is not None:
        a, b = plan.sc_window
        if not plan.stops or not state.lap < a <= b < state.total_laps:
            raise InputError(
                f"plan {plan.label}: waits for a safety car in laps {a} to {b}, expected coming laps and a stop"
            )


def legal(state: RaceState, car_id: str, compounds: Iterable[Compound], parameters: RaceParameters) -> bool:
    """Whether fitting ``compounds`` from here on satisfies the rules: two slick compounds, least number of stops.

    A race in which the car has used (or will use) wet-weather tyres, and a sprint, prescribe nothing. A compound that is not
    known counts as one of its own.
    """
    i, fitted = state.index(car_id), list(compounds)
    if is_sprint(state):
        return True
    on = int(state.compound[i])  # on the grid, and on an out-lap, no lap on the set that is on has been counted yet
    raced = int(state.compounds_used[i]) | (1 << on if on >= 0 else 0)
    used = {COMPOUNDS[c] for c in range(5) if raced >> c & 1} | set(fitted)
    if any(not c.is_slick for c in used):
        return True
    unknown = raced == 0
    enough = not parameters.two_compounds or len(used) + unknown >= 2
    return enough and int(state.stops[i]) + len(fitted) >= parameters.min_stops


def _order(key: Key, window: Window | None = None) -> tuple[Any, ...]:
    """Fixed order of plans: fewer stops first, then earlier, then softer; reactive after those that are not."""
    return len(key), window is not None, tuple(lap for lap, _ in key), key, window or (0, 0)


class _Garage:
    """One car's tyres, window and clear-track arithmetic."""

    def __init__(
        self, state: RaceState, car_id: str, p: RaceParameters, compounds: tuple[Compound, ...], first: int, last: int
    ) -> None:
        self.state, self.car_id, self.p = state, car_id, p
        self.i = state.index(car_id)
        self.compounds, self.first, self.last = compounds, first, last
        self.finish = last + 1
        self.sets = [int(n) for n in state.sets[self.i]]
        self.ages = [float(a) for a in state.set_age[self.i]]
        on = int(state.compound[self.i])
        self.on = on if on >= 0 else Compound.MEDIUM.index
        laps, wear = self.finish - state.lap, float(state.wear_mean[self.i])
        self.worn = np.stack([_wear_cost(p, c, self.ages[c], laps, wear) for c in range(5)])
        self.wet = any(not c.is_slick for c in compounds)  # whether wet-weather tyres come into question
        self._stops: dict[tuple[int, int], PlannedStop] = {}
        self.present = _wear_cost(p, self.on, float(state.tyre_age[self.i]), laps, wear)

    @classmethod
    def of(cls, state: RaceState, car_id: str, p: RaceParameters) -> _Garage:
        """Find out which compounds and which laps come into question."""
        i = state.index(car_id)
        behind = max(0, state.lap - int(state.laps_completed[i]))  # a lapped car sees the flag so many laps earlier
        wettest = max(state.wetness, state.rain_wetness if state.rain_lap else 0.0)
        kinds: tuple[Compound, ...] = COMPOUNDS[:3]
        if wettest > p.cross_slick_inter - 2 * p.cross_hysteresis or int(state.compound[i]) >= 3:
            kinds = COMPOUNDS if wettest > p.cross_inter_wet - 4 * p.cross_hysteresis else COMPOUNDS[:4]
        in_hand = tuple(c for c in kinds if int(state.sets[i, c.index]) != 0)
        return cls(state, car_id, p, in_hand, state.lap + 1, state.total_laps - 1 - behind)

    def weathers(self) -> list[FloatArray]:
        """Return possible courses of the track's wetness over the coming laps: it stays, it dries, it gets wetter."""
        state, p = self.state, self.p
        laps = np.arange(self.first, self.finish + 1)
        now = np.full(len(laps), state.wetness)
        if state.rain_lap:
            now = np.where(laps >= state.rain_lap, np.maximum(now, state.rain_wetness), now)
        if not self.wet:
            return [now]
        since = laps - max(self.first, state.rain_lap) + 1
        return [now, np.clip(now - p.rain_dry * np.maximum(since, 0), 0, 1), np.clip(now + p.rain_gain * since, 0, 1)]

    def loss(self, laps: IntArray) -> FloatArray:
        """Net loss of stopping at the end of given laps: cheap on the coming lap while the field is neutralised."""
        p = self.p
        standing = p.stationary_s + p.stationary_body_s + p.cold_tyre_s
        now = {
            TrackStatus.SC: p.pit_loss_sc_s,
            TrackStatus.VSC: p.pit_loss_vsc_s,
            TrackStatus.RED: -standing,
        }.get(self.state.track_status, p.pit_loss_s)
        return np.where(laps <= self.first, now, p.pit_loss_s) + standing

    def sequences(self, n_stops: int) -> list[tuple[Compound, ...]]:
        """Compound sequences that the sets in hand and the rules allow."""
        allowed: dict[
            frozenset[Compound], bool
        ] = {}  # the rules ask which compounds and how many stops, not in which order
        found = []
        for s in product(self.compounds, repeat=n_stops):
            kinds = frozenset(s)
            if kinds not in allowed:
                allowed[kinds] = legal(self.state, self.car_id, s, self.p)
            if allowed[kinds] and all(self.sets[c.index] < 0 or s.count(c) <= self.sets[c.index] for c in kinds):
                found.append(s)
        return found

    def regrets(self, most: int = MAX_STOPS, *, now: bool = False) -> dict[Key, float]:
        """Return all plans with the seconds each loses on a clear track to the best one, in the weather that suits it best.

        Plans of up to ``most`` stops; with ``now`` only those that stop on the coming lap, against the best of all.
        """
        regret: dict[Key, float] = {}
        grids = [self._grid(n) for n in range(most + 1)]
        sequences = [self.sequences(n) for n in range(most + 1)]
        fitted = [[tuple(c.index for c in s) for s in some] for some in sequences]
        weathers = self.weathers()
        driest = np.minimum.reduce(weathers)
        for wetness in weathers:
            wrong = np.stack([np.concatenate([[0.0], np.cumsum(_wrong_tyre(self.p, c, wetness))]) for c in range(5)])
            tables = [
                (*self._costs(laps, wanted, wrong), laps)
                for laps, wanted in zip(grids, sequences, strict=True)
                if len(laps) and wanted
            ]
            if not tables:
                break
            least = min(float(cost.min()) for cost, *_ in tables)
            for cost, row, laps in tables:
                near = cost - least < HOPELESS_S
                if laps.shape[1] == 0:
                    near[:] = True  # running to the flag is always a choice, where the rules leave it
                elif laps.shape[1] == 1:
                    near |= laps[row, 0] < self.first + OPEN_WINDOW
                if now:
                    near &= laps.shape[1] > 0 and laps[row, 0] == self.first
                at = np.argwhere(near)
                pit_laps = laps[row[near]].tolist()
                for (s, _), pits, lost in zip(at.tolist(), pit_laps, (cost[near] - least).tolist(), strict=True):
                    key = tuple(zip(pits, fitted[len(pits)][s], strict=True))
                    if not (self.wet and self._drowned(key, driest)):
                        regret[key] = min(regret.get(key, np.inf), lost)
        return regret

    def _drowned(self, key: Key, driest: FloatArray) -> bool:
        """Whether slicks would be fitted on a track that is wet for certain: no team does, nor does the race model."""
        return any(c < 3 and driest[lap - self.first] >= self.p.cross_slick_inter for lap, c in key)

    def must_ask(self, key: Key) -> bool:
        """Whether a plan is one of the decisions of the coming laps: one stop, from now to the end of the open window."""
        return len(key) == 1 and key[0][0] < self.first + OPEN_WINDOW

    def reactive(self, best_first: list[Key]) -> list[tuple[Key, Window]]:
        """Return good plans made reactive: stop sooner if a safety car comes before the first stop.

        For each number of stops and first compound the best few, spread over different first laps.
        """
        chosen: list[tuple[Key, Window]] = []
        taken: dict[tuple[int, int], list[int]] = {}
        state = self.state
        # To wait for a safety car while one is out means the next one; "box under this one" is a plan for the coming lap.
        wait = max(NEUTRALISED_LAPS - state.status_laps, 2) if state.track_status.is_neutralised else 0
        for key in best_first:
            if not key or key[0][0] < self.first + wait + 2:
                continue
            first, compound = key[0]
            laps = taken.setdefault((len(key), compound), [])
            if len(laps) < 6 and all(abs(first - other) >= 2 for other in laps):
                laps.append(first)
                chosen.append((key, (self.first + wait, first - 1)))
        return chosen

    def _grid(self, n_stops: int) -> IntArray:
        """Return ``(m, n_stops)`` pit laps, sorted by the first, with stints of a sensible length."""
        if n_stops == 0:
            return np.zeros((1, 0), dtype=np.int64)
        first, last = self.first, self.last
        shortest = min(SHORTEST_STINT, max(1, (self.finish - first) // (n_stops + 1)))
        if self.wet:
            shortest = min(shortest, 3)
        columns = np.arange(first, last + 1, FIRST_STEP[n_stops])[:, None]
        following = np.arange(0, last + 1 - first, STEP[n_stops])
        for _ in range(n_stops - 1):
            later = np.repeat(columns[:, -1], len(following)) + shortest + np.tile(following, len(columns))
            columns = np.column_stack([np.repeat(columns, len(following), axis=0), later])[later <= last]
        tail = 1 if n_stops == 1 else shortest  # one late stop to satisfy the rules may come on any lap
        return columns[self.finish - columns[:, -1] >= tail]

    def _costs(
        self, laps: IntArray, sequences: list[tuple[Compound, ...]], wrong: FloatArray
    ) -> tuple[FloatArray, IntArray]:
        """Return clear-track times and rows of ``laps``, both by sequence and first lap: the best choice of the later laps.

        The later stops can still be re-planned; the first is what is being decided.
        """
        n_stops, flag = laps.shape[1], self.finish - self.state.lap
        if n_stops == 0:
            return np.array([[self.present[flag] + wrong[self.on, flag]]]), np.zeros((1, 1), dtype=np.int64)
        start = laps - self.state.lap  # laps from now until each stop
        end = np.column_stack([start[:, 1:], np.full(len(laps), flag)])
        base = self.present[start[:, 0]] + wrong[self.on, start[:, 0]]
        base += self.loss(laps[:, 0]) + (n_stops - 1) * float(self.loss(np.array([self.finish]))[0])
        index = np.array([[c.index for c in s] for s in sequences])
        cost = np.broadcast_to(base, (len(sequences), len(laps))).copy()
        for k in range(n_stops):
            a, b = start[:, k], end[:, k]
            cost += (self.worn[:, b - a] + wrong[:, b] - wrong[:, a])[index[:, k]]
        edges = np.flatnonzero(np.diff(laps[:, 0], prepend=-1, append=-1))
        row = np.column_stack([a + np.argmin(cost[:, a:b], axis=1) for a, b in pairwise(edges)])
        return np.take_along_axis(cost, row, axis=1), row

    def plan(self, key: Key, window: Window | None) -> PitPlan:
        """Return the plan that a key stands for."""
        return PitPlan(tuple(self._stop(lap, c) for lap, c in key), window)

    def _stop(self, lap: int, compound: int) -> PlannedStop:
        stop = self._stops.get((lap, compound))
        if stop is None:
            stop = PlannedStop(lap=lap, compound=COMPOUNDS[compound], age=self.ages[compound])
            self._stops[lap, compound] = stop
        return stop


def _wear_cost(p: RaceParameters, compound: int, age: float, laps: int, factor: float) -> FloatArray:
    """Return the time a stint of 0, 1, ... ``laps`` laps costs against new mediums, by compound offset and wear."""
    lap_age = age + np.arange(laps)
    beyond = np.maximum(0.0, lap_age - p.cliff_age[compound])
    wear = factor * (p.wear_s[compound] * lap_age + p.cliff_s[compound] * beyond**2)
    return np.concatenate([[0.0], np.cumsum(p.compound_offset_s[compound] + wear)])


def _wrong_tyre(p: RaceParameters, compound: int, wetness: FloatArray) -> FloatArray:
    """Return the time a lap costs on a kind of tyre at each wetness, against the track's own loss."""
    if compound < Compound.INTERMEDIATE.index:
        return p.slick_wet_s * wetness
    if compound == Compound.INTERMEDIATE.index:
        return p.inter_dry_s + (p.inter_wet_s - p.inter_dry_s) * wetness
    return p.wet_dry_s * (1.0 - wetness)
