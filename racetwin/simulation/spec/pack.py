"""A race state, parameters and plans as the flat buffers of :mod:`racetwin.simulation.spec.layout`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from racetwin.errors import InputError
from racetwin.schemas import TrackStatus
from racetwin.simulation.occasion import for_state
from racetwin.simulation.parameters import RaceParameters
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.spec import layout as L
from racetwin.simulation.state import RaceState

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]

LOG2E = math.log2(math.e)
MEDIUM = 1
KIND = {TrackStatus.SC: L.SC, TrackStatus.VSC: L.VSC, TrackStatus.VSC_ENDING: L.VSC, TrackStatus.RED: L.RED}
STOP_CLEARANCE_S = 20.0
"""A gap behind that makes a stop free is at least the green pit loss, or this where none is known."""


@dataclass(frozen=True, slots=True)
class Packed:
    """What a backend runs: float32 and int32 buffers, one row of int32 per plan, and the origin of race time.

    ``start_ms`` is the race time, in whole milliseconds, that ticks count from; ``n`` the number of cars.
    """

    f: Float32Array
    i: Int32Array
    plans: Int32Array
    n: int
    laps: int
    start_ms: int

    def cut(self, laps: int) -> Packed:
        """Return the same race called off after ``laps`` laps: whoever leads then has won."""
        if not 1 <= laps <= self.laps:
            raise InputError(f"laps: {laps}, expected 1 to {self.laps}")
        i = self.i.copy()
        i[L.I_LAPS] = laps
        return replace(self, i=i, laps=laps)

    def field(self) -> Int32Array:
        """Return the integers of the same race with our car deciding for itself like its rivals."""
        i = self.i.copy()
        i[L.I_OWN] = -1
        return i


def ticks(seconds: float) -> int:
    """Return a duration in fixed-point ticks."""
    return round(seconds * L.TICKS)


def pack(
    state: RaceState, parameters: RaceParameters, plans: Sequence[PitPlan], car_id: str | None, seed: int
) -> Packed:
    """Flatten everything a race needs.

    ``car_id`` is the car whose plans vary (None: every car decides for itself, ``plans`` is then ignored).
    """
    _check(state, plans, car_id)
    f, shared, start = _moment(state, parameters, car_id, seed)
    i = shared.copy()
    planned = any(not stop.compound.is_slick for plan in plans for stop in plan.stops)
    i[L.I_WETS] = int(planned or max(state.compound.max(), state.planned_compound.max()) >= 3)
    rows = np.array([_plan_row(p) for p in plans or (PitPlan(),)], np.int32)
    return Packed(f, i, rows, state.n_cars, state.laps_left, start)


_Moment = tuple[Float32Array, Int32Array, int]
_last: tuple[RaceState, RaceParameters, str | None, int, _Moment] | None = None


def _moment(state: RaceState, parameters: RaceParameters, car_id: str | None, seed: int) -> _Moment:
    """Return everything but the plans; that of the last call is kept, since a search packs the same moment round after round."""
    global _last
    known = _last
    if known is not None and known[0] is state and known[1] is parameters and known[2:4] == (car_id, seed):
        return known[4]
    p = for_state(parameters, state)
    f = np.zeros(L.F_SIZE, np.float32)
    i = np.zeros(L.I_SIZE, np.int32)
    _scalars(f, i, state, p, state.index(car_id) if car_id is not None else -1, seed)
    _tables(f, i, state, p)
    _laps(f, i, state, p)
    start = _cars(f, i, state, p)
    f.flags.writeable = i.flags.writeable = False
    _last = state, parameters, car_id, seed, (f, i, start)
    return f, i, start


def _check(state: RaceState, plans: Sequence[PitPlan], car_id: str | None) -> None:
    if state.laps_left > L.LAPS:
        raise InputError(f"total_laps: {state.laps_left} laps to simulate, expected at most {L.LAPS}")
    if car_id is None:
        return
    if car_id not in state.car_id:
        raise InputError(f"car_id: {car_id!r} is not in this race; cars: {', '.join(state.car_id)}")
    i = state.index(car_id)
    if not state.running[i]:
        raise InputError(f"car_id: car {car_id} has retired, there is nothing left to plan")
    none_left = [int(sets) == 0 for sets in state.sets[i]]
    for plan in plans:
        for stop in plan.stops:
            if not state.lap < stop.lap < state.total_laps:
                raise InputError(
                    f"plan {plan.label}: stop on lap {stop.lap}, expected {state.lap + 1} to {state.total_laps - 1}"
                )
            if none_left[stop.compound.index]:
                raise InputError(f"plan {plan.label}: car {car_id} has no set of {stop.compound.value} in hand")


def _plan_row(plan: PitPlan) -> list[int]:
    row = [0] * L.PLAN
    row[0] = len(plan.stops)
    for k, stop in enumerate(plan.stops):
        row[L.PLAN_LAP + k] = stop.lap
        row[L.PLAN_COMPOUND + k] = stop.compound.index
        row[L.PLAN_AGE + k] = round(stop.age * L.AGE_UNITS)
    row[L.PLAN_FROM], row[L.PLAN_TO] = plan.sc_window or (0, -1)
    return row


def _scalars(f: Float32Array, i: Int32Array, state: RaceState, p: RaceParameters, own: int, seed: int) -> None:
    floats = {
        # The pace difference a pass needs, in 1/128 s above -8 s: linear in log2 odds of the draw.
        "F_PASS_B": 128 * math.log(2) / p.pass_slope,
        "F_PASS_A": 1024.5 - 128 * (p.pass_intercept + p.pass_circuit) / p.pass_slope,
        "F_PASS_DRS": -128 * p.pass_drs / p.pass_slope,
        "F_COLD": p.cold_tyre_s,
        "F_STAT": p.stationary_s,
        "F_STAT_BODY": p.stationary_body_s * math.log(2),
        "F_STAT_FROM": p.stationary_tail_from,
        "F_STAT_TAIL": p.stationary_tail_s,
        "F_QUEUE": p.pit_queue_s,
        "F_STACK": p.double_stack_s,
        "F_SC16": p.sc_rate * 65536,
        "F_VSC16": p.vsc_rate * 65536,
        "F_RED16": p.red_rate * 65536,
        "F_SC16_1": (p.sc_lap1 if state.lap == 0 else p.sc_rate) * 65536,
        "F_VSC16_1": (p.vsc_lap1 if state.lap == 0 else p.vsc_rate) * 65536,
        "F_RED16_1": (p.red_lap1 if state.lap == 0 else p.red_rate) * 65536,
        "F_SC16_RET": p.sc_retirement * 65536,
        "F_VSC16_RET": p.vsc_retirement * 65536,
        "F_RED16_RET": p.red_retirement * 65536,
        "F_RAIN_START": p.rain_start,
        "F_RAIN_STOP": p.rain_stop,
        "F_RAIN_GAIN": p.rain_gain,
        "F_RAIN_DRY": p.rain_dry,
        "F_WETNESS": state.wetness,
        "F_RAIN_MIN": state.rain_wetness,
        "F_WET_TRACK": p.wet_track_s,
        "F_SLICK_WET": p.slick_wet_s,
        "F_INTER_DRY": p.inter_dry_s,
        "F_INTER_SLOPE": p.inter_wet_s - p.inter_dry_s,
        "F_WET_DRY": p.wet_dry_s,
        "F_CROSS_SI": p.cross_slick_inter,
        "F_CROSS_IS": p.cross_slick_inter - p.cross_hysteresis,
        "F_CROSS_IW": p.cross_inter_wet,
        "F_CROSS_WI": p.cross_inter_wet - p.cross_hysteresis,
        "F_STOP_WEATHER": p.stop_weather,
        "F_STOP_AGE": p.stop_age * LOG2E,
        "F_STOP_OVERDUE": p.stop_overdue * LOG2E,
        "F_STOP_UNDERCUT": p.stop_undercut * LOG2E,
        "F_STOP_COVER": p.stop_cover * LOG2E,
        "F_STOP_TRAFFIC": p.stop_traffic * LOG2E,
        "F_STOP_FREE": p.stop_free * LOG2E,
        "F_SPREAD": p.choice_spread,
        "F_START_SD": p.start_sd_s,
        "F_STANDING": p.standing_start_s,
        "F_SC_LEN0": _lasted(p.sc_laps, state.status_laps),
        "F_VSC_LEN0": _lasted(p.vsc_laps, state.status_laps),
    }
    for name, value in floats.items():
        f[L.F_INDEX[name]] = value
    integers = {
        "I_N": state.n_cars,
        "I_LAPS": state.laps_left,
        "I_LAP0": state.lap,
        "I_TOTAL": state.total_laps,
        "I_OWN": own,
        "I_SEED": int(np.array(seed % 2**32, np.uint32).view(np.int32)),
        "I_KIND0": KIND.get(state.track_status, L.GREEN),
        "I_KIND0_LAPS": state.status_laps,
        "I_RAIN": int(p.rain_start > 0 or state.wetness > 0 or state.rain_lap > 0),
        "I_MIN_STOPS": p.min_stops,
        "I_TWO": p.two_compounds,
        "I_DIRTY_RANGE": ticks(p.dirty_air_range_s),
        "I_DIRTY_Q": round(65536 * p.dirty_air_s / p.dirty_air_range_s),
        "I_FREE": ticks(p.free_pass_s),
        "I_COVER_GAP": ticks(p.stop_cover_gap_s),
        "I_PIT_GAP": ticks(max(p.pit_loss_s, 0.0) + p.stationary_s + p.stationary_body_s or STOP_CLEARANCE_S),
        "I_STACK": ticks(p.stationary_s + p.stationary_body_s + p.double_stack_s),
        "I_UNLAP": p.unlap,
        "I_DRS": 2 if state.lap >= 2 and state.track_status not in KIND else 0,
        "I_START_GAP": ticks(p.follow_gap_s),
        "I_FORCE_LAP": state.forced_lap - state.lap - 1 if state.forced_lap else -1,
        "I_FORCE_KIND": KIND.get(state.forced_status, L.GREEN),
        "I_RAIN_LAP": state.rain_lap - state.lap - 1 if state.rain_lap else L.LAPS,
    }
    for name, number in integers.items():
        i[L.I_INDEX[name]] = number
    if i[L.I_DIRTY_RANGE] * i[L.I_DIRTY_Q] >= 2**31:
        raise InputError(f"dirty_air_s: {p.dirty_air_s}, expected less than 8 s")


def _lasted(pmf: tuple[float, ...], laps: int) -> float:
    # Share of neutralisations no longer than those already run: what a present one's length is conditioned on.
    return min(sum(pmf[:laps]), 1 - 1e-3)


def _tables(f: Float32Array, i: Int32Array, state: RaceState, p: RaceParameters) -> None:
    codes = {
        "F_PITLOSS": {
            L.GREEN: p.pit_loss_s,
            L.SC: p.pit_loss_sc_s,
            L.VSC: p.pit_loss_vsc_s,
            L.SC_DEPLOYED: p.pit_loss_sc_s,
            L.VSC_DEPLOYED: p.pit_loss_vsc_s,
        },
        "F_AGE": {
            L.GREEN: 1.0,
            L.SC: p.age_factor_sc,
            L.VSC: p.age_factor_vsc,
            L.RED: p.age_factor_sc,
            L.SC_DEPLOYED: (1 + p.age_factor_sc) / 2,
            L.VSC_DEPLOYED: (1 + p.age_factor_vsc) / 2,
        },
        "F_SD": {
            L.GREEN: p.lap_noise_s,
            L.SC: p.lap_noise_s / 4,
            L.VSC: p.lap_noise_s / 2,
            L.RED: 0.0,
            L.SC_DEPLOYED: p.lap_noise_s,
            L.VSC_DEPLOYED: p.lap_noise_s,
        },
        "F_STOP_STATUS": {
            L.SC: p.stop_sc_later * LOG2E,
            L.VSC: p.stop_vsc_later * LOG2E,
            L.SC_DEPLOYED: p.stop_sc * LOG2E,
            L.VSC_DEPLOYED: p.stop_vsc * LOG2E,
        },
    }
    for name, table in codes.items():
        for code, value in table.items():
            f[L.F_INDEX[name] + code] = value
    # Ages are multiples of 1/16 lap in every backend, so that they can be kept as small integers.
    ages = slice(L.F_AGE, L.F_AGE + L.CODES)
    f[ages] = np.round(f[ages] * L.AGE_UNITS) / L.AGE_UNITS
    for name, pmf in (("F_SC_CDF", p.sc_laps), ("F_VSC_CDF", p.vsc_laps)):
        cdf = np.full(10, 2.0)
        cdf[: len(pmf) - 1] = np.cumsum(pmf)[: len(pmf) - 1]
        at = L.F_INDEX[name]
        f[at : at + 10] = cdf
    for name, values in (
        ("F_OFFSET", p.compound_offset_s),
        ("F_WEAR", p.wear_s),
        ("F_CLIFF_AGE", p.cliff_age),
        ("F_CLIFF", p.cliff_s),
        ("F_INVLIFE", tuple(1 / x for x in p.life_laps)),
        ("F_LIFE", p.life_laps),
    ):
        at = L.F_INDEX[name]
        f[at : at + 5] = values
    gaps = (p.follow_gap_s, p.sc_gap_s, p.follow_gap_s, p.red_gap_s, p.sc_gap_s, p.follow_gap_s)
    i[L.I_GAP : L.I_GAP + len(gaps)] = [ticks(g) for g in gaps]


def _laps(f: Float32Array, i: Int32Array, state: RaceState, p: RaceParameters) -> None:
    # Fuel burns evenly to the flag; what a car carries beyond or short of that is part of its base (see _cars).
    left = state.laps_left
    lap = np.arange(left)
    burn = p.fuel_start_kg / state.total_laps
    evolution = p.track_evolution_s * (state.total_laps - (state.lap + lap)) / state.total_laps
    green = p.reference_lap_s - p.fuel_s_per_kg * burn * (lap + 0.5) + evolution
    multiple = {
        L.GREEN: 1.0,
        L.SC: p.sc_catch_pace,
        L.VSC: p.vsc_pace,
        L.RED: 1.0,
        L.SC_DEPLOYED: p.sc_deploy_pace,
        L.VSC_DEPLOYED: (1 + p.vsc_pace) / 2,
    }
    table = np.zeros((left, L.CODES))
    for code, m in multiple.items():
        table[:, code] = green + p.reference_lap_s * (m - 1)
    f[L.F_LAPTIME : L.F_LAPTIME + left * L.CODES] = table.ravel()
    to_go = left - lap - 1
    f[L.F_LATE : L.F_LATE + left] = p.stop_late * LOG2E * np.maximum(p.stop_late_laps - to_go, 0)
    f[L.F_OWED : L.F_OWED + left] = p.stop_owed * LOG2E * (state.lap + lap + 1) / state.total_laps
    i[L.I_SC_FLOOR : L.I_SC_FLOOR + left] = np.round((green + p.reference_lap_s * (p.sc_pace - 1)) * L.TICKS)
    i[L.I_SLOW : L.I_SLOW + left] = np.round(p.reference_lap_s * (p.sc_pace - p.sc_catch_pace) * L.TICKS)
    i[L.I_REF : L.I_REF + left] = np.round(green * L.TICKS)


def _cars(f: Float32Array, i: Int32Array, state: RaceState, p: RaceParameters) -> int:
    n = state.n_cars

    def put(name: str, values: npt.ArrayLike) -> None:
        at = L.F_INDEX.get(name)
        if at is not None:
            f[at : at + n] = values
        else:
            at = L.I_INDEX[name]
            i[at : at + n] = values

    running = state.running
    start = float(state.time_s[running].min()) if running.any() else 0.0
    offset = np.clip(np.round((state.time_s - start) * L.TICKS), 0, 2**24).astype(np.int64)
    if state.track_status is TrackStatus.RED:
        # The cars stand in order in the pit lane; the restart is from the grid.
        place = np.empty(n, np.int64)
        place[state.order()] = np.arange(n)
        offset = place * ticks(p.red_gap_s)
    put("I_TIME", np.where(running, offset, 0))
    put("I_ALIVE", running)
    put("I_DONE", state.laps_completed)
    known = state.compound >= 0
    compound = np.where(known, state.compound, MEDIUM)
    used = np.where(known, state.compounds_used | (1 << compound), 0)
    put("I_COMPOUND", compound)
    put("I_USED", used)
    # An obligation that cannot be known (no tyre data) is taken as met.
    slicks = used & 7
    one = (slicks & (slicks - 1)) == 0
    free = ~known | ((used & 24) != 0)
    owed = np.maximum(p.min_stops - state.stops, np.where(one & (p.two_compounds > 0), 1, 0))
    put("I_OWED", np.where(free, 0, np.clip(owed, 0, 3)))
    put("I_STOPS", state.stops)
    available = ((state.sets != 0) * (1 << np.arange(5))).sum(axis=1)
    put("I_AVAIL", available)
    # Two cars of a team share a box; teams that are not known, or of other than two cars, have no such trouble.
    mate = [
        next(j for j in range(n) if j != k and state.team[j] == t) if t and state.team.count(t) == 2 else -1
        for k, t in enumerate(state.team)
    ]
    put("I_MATE", mate)
    put("I_PLANNED", (state.planned_lap > state.lap).any(axis=1))
    put("I_EXTRA", np.round((state.crew_s + state.stop_extra_s) * L.TICKS))
    put("I_CREW", np.round(state.crew_s * L.TICKS))
    for k in range(n):
        row = i[L.I_PLANS + k * L.PLAN : L.I_PLANS + (k + 1) * L.PLAN]
        stops = [
            (int(lap), max(int(c), 0))
            for lap, c in zip(state.planned_lap[k], state.planned_compound[k], strict=True)
            if state.lap < lap < state.total_laps
        ]
        row[0] = len(stops)
        for s, (lap, c) in enumerate(stops):
            row[L.PLAN_LAP + s], row[L.PLAN_COMPOUND + s] = lap, c
            row[L.PLAN_AGE + s] = round(float(state.set_age[k, c]) * L.AGE_UNITS)
        row[L.PLAN_TO] = -1
    put("F_BASE", state.pace_mean + p.fuel_s_per_kg * state.fuel_kg)
    put("F_PACE_SD", state.pace_sd)
    put("F_WEAR_MEAN", state.wear_mean)
    put("F_WEAR_SD", state.wear_sd)
    put("F_AGE0", np.round(np.clip(state.tyre_age, 0, 120) * L.AGE_UNITS) / L.AGE_UNITS)
    put("F_STOP0", (p.stop_intercept + state.stop_bias) * LOG2E)
    put("F_COVER", (p.stop_cover + state.cover_bias) * LOG2E)
    rate = np.minimum(p.retirement_rate * np.maximum(state.retire_factor, 0), 0.95)
    hazard = -np.log1p(-rate) / state.total_laps
    first = -np.log1p(-p.retirement_lap1) * np.maximum(state.retire_factor, 0) if state.lap == 0 else hazard
    put("F_RET_H1", first)
    put("F_RET_INV", np.where(hazard > 0, 1 / np.maximum(hazard, 1e-12), 1e12))
    at = L.F_SETAGE
    f[at : at + n * 5] = (np.round(state.set_age * L.AGE_UNITS) / L.AGE_UNITS).ravel()
    return round(1000 * start)
