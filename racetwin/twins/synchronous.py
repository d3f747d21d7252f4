"""From what the twins know at any instant to a lap-synchronous race state: every car at the leader's last line crossing.

Cars that have not crossed the line yet are carried there by their forecast; a stop that is under way is completed with what is
expected of the rest of it, so that the simulation neither forgets it nor lets it happen twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from racetwin.errors import InputError
from racetwin.schemas import CarStatus, TrackStatus
from racetwin.simulation.rejoin import IN_LAP_SHARE
from racetwin.simulation.state import RaceState
from racetwin.simulation.stops_together import owes
from racetwin.twins.coming import coming_s
from racetwin.twins.hazard import stop_chances, within
from racetwin.twins.losses import net_loss_s
from racetwin.twins.tyres import LEAST_WEAR_S

if TYPE_CHECKING:
    from racetwin.simulation.parameters import RaceParameters
    from racetwin.twins.car_twin import CarTwin
    from racetwin.twins.race_twin import RaceTwin

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int_]

MAX_PACE_SD_S = 0.15
"""Most that a car's mean pace over the rest of a race is taken to be uncertain by, in seconds a lap."""
PACE_TODAY_SD_S = 0.3
"""How far pace over the rest of a race strays from pace of late; form before the race pulls it back accordingly.

Chosen, like the next two, on the first two thirds of the shared races by the error of the finishing position.
"""
WEAR_TRUST = 0.5
"""Share of what a car's wear has shown against the usual that is expected to go on."""
MAX_WEAR_SD = 0.2
"""Most that a car's wear factor is taken to be uncertain by."""
WEAR_FACTOR = (0.3, 2.5)
"""Range of the factor on the compound's wear."""
HABIT_LIMIT = 1.5
"""Largest log-odds by which a habit moves a rival's hazard of stopping."""
NOSE_S = 0.05
"""How far behind it a car is put at least that has not crossed the line where another has, in seconds: a car's length."""
CHANCE_LAPS = 12
"""Coming laps for which the chance of a stop is in the race state: a pit window's ten, and the laps about them."""


EVEN = (1 / 3, 1 / 3, 1 / 3)


def likely_next(
    p: RaceParameters, twin: CarTwin, laps_left: int, wetness: float, popular: Sequence[float] = EVEN
) -> int:
    """Compound a car is most likely to fit now, of those that leave it owing nothing; ``popular`` as today's stops have it.

    By the multinomial choice that the parameter file holds; without one, the shortest usual life that covers what is left.
    """
    if wetness >= p.cross_inter_wet:
        return 4
    if wetness >= p.cross_slick_inter:
        return 3
    used = twin.compounds_used
    owed = owes(p, 1, used)
    allowed = [c for c in range(3) if not (owed and used >> c & 1)] or [2]
    if p.live.next_compound is not None:
        utility = p.live.next_compound.utilities(p.life_laps, laps_left, twin.compound, used, owed, popular)
        return max(allowed, key=lambda c: utility[c])
    fits = [c for c in allowed if p.life_laps[c] >= laps_left]
    return min(fits, key=lambda c: p.life_laps[c]) if fits else max(allowed, key=lambda c: p.life_laps[c])


@dataclass(frozen=True, slots=True)
class _AtLine:
    """Every car at the leader's last line crossing, as the fields of :class:`RaceState` of the same names have it."""

    time_s: FloatArray
    tyre_age: FloatArray
    compound: IntArray
    stops: IntArray
    compounds_used: IntArray
    planned_lap: IntArray
    planned_compound: IntArray


def line_times(race: RaceTwin) -> dict[str, float]:
    """Race time of every car at the leader's last line crossing, as the race state has it, in seconds."""
    cars, lap = _asked(race)
    return dict(zip(race.cars, _at_line(race, cars, _today(race), lap).time_s.tolist(), strict=True))


def race_state(race: RaceTwin) -> RaceState:
    """Return the state the simulation starts from; see :meth:`racetwin.twins.RaceTwin.race_state`."""
    cars, lap = _asked(race)
    total, now = race.total_laps, _at_line(race, cars, _today(race), lap)
    pace, pace_sd, wear, wear_sd = _beliefs(race, cars, race.parameters, total - lap)
    return RaceState(
        race_id=race.race_id,
        circuit_id=race.circuit_id or "",
        season=race.season,
        lap=lap,
        total_laps=total,
        track_status=race.track_status,
        status_laps=race.status_laps,
        wetness=race.wetness,
        car_id=tuple(c.car_id for c in cars),
        driver=tuple(c.driver or c.car_id for c in cars),
        team=tuple(c.team or f"car {c.car_id}" for c in cars),
        time_s=now.time_s,
        running=np.array([c.running for c in cars]),
        laps_completed=_laps_completed(race, cars, now.time_s, lap),
        grid=np.array([c.grid or 0 for c in cars]),
        compound=now.compound,
        tyre_age=now.tyre_age,
        stops=now.stops,
        compounds_used=now.compounds_used,
        pace_mean=pace,
        pace_sd=pace_sd,
        wear_mean=wear,
        wear_sd=wear_sd,
        fuel_kg=np.full(len(cars), race.pace.model.fuel_kg(lap)),
        stop_bias=np.array([race.field.stop_bias(c.car_id) for c in cars]).clip(-HABIT_LIMIT, HABIT_LIMIT),
        cover_bias=np.array([race.field.profile(c.car_id).cover_bias for c in cars]).clip(-HABIT_LIMIT, HABIT_LIMIT),
        crew_s=race.form.standing_s([c.team for c in cars]),
        lane_extra_s=race.stop_losses.beyond_s(race.parameters),
        planned_lap=now.planned_lap,
        planned_compound=now.planned_compound,
        stop_chance=_stop_chance(race, cars, lap),
    )


def _stop_chance(race: RaceTwin, cars: list[CarTwin], lap: int) -> FloatArray:
    """Chance of a stop by the end of ``lap`` and at that of each coming lap, the track staying green.

    A car that is in the lane or on its out-lap does not come in again.
    """
    out = np.zeros((len(cars), 1 + CHANCE_LAPS))
    asked = [(i, c) for i, c in enumerate(cars) if c.running and not _stop_under_way(c, lap)]
    contexts = [replace(race.stop_context(c), status=TrackStatus.GREEN, status_laps=0) for _, c in asked]
    behind = [max(0, lap - c.laps) for _, c in asked]
    chances = stop_chances(race.parameters, contexts, CHANCE_LAPS + max(behind, default=0))
    for (i, _), late, chance in zip(asked, behind, chances, strict=True):
        out[i, 0] = within(chance, late)
        coming = chance[late : late + CHANCE_LAPS]
        out[i, 1 : 1 + len(coming)] = coming
    return out


def _today(race: RaceTwin) -> RaceParameters:
    """Return the parameters with what stops lose today: for the stops that are under way."""
    beyond = race.stop_losses.beyond_s(race.parameters)
    return race.parameters.lane(beyond) if beyond else race.parameters


def _asked(race: RaceTwin) -> tuple[list[CarTwin], int]:
    """Return the cars, and the leader's last line crossing; raise where neither can be known yet."""
    if not race.cars:
        raise InputError("race state: no frame has been seen yet; give the twin a frame first")
    if race.total_laps < 1:
        raise InputError("race state: total_laps is not known; the frames must carry it")
    return list(race.cars.values()), min(race.leader_laps, race.total_laps - 1)


def _at_line(race: RaceTwin, cars: list[CarTwin], p: RaceParameters, lap: int) -> _AtLine:
    total = race.total_laps
    n = len(cars)
    wetness, popular = race.wetness, race.stops_today.popular
    time, age = np.zeros(n), np.zeros(n)
    compound, stops, used = np.zeros(n, int), np.zeros(n, int), np.zeros(n, int)
    planned_lap, planned_compound = np.zeros((n, 4), int), np.full((n, 4), -1)
    start_s = _start_s(race, cars) if lap == 1 else 0.0
    for i, car in enumerate(cars):
        compound[i], age[i], stops[i], used[i] = car.compound, car.racing_age, car.stops, car.compounds_used
        if lap == 0 and car.laps == 0:
            slot = car.grid or car.position or i + 1
            time[i] = (slot - 1) * p.grid_slot_s
            if car.age is None:
                age[i] = 0.0
            continue
        if car.laps > lap:  # only at the flag, where the state stays on the last lap there is to run
            time[i] = (car.line_time_s or 0.0) - (car.last_lap_s or p.reference_lap_s)
            continue
        behind = lap - car.laps if car.running else 0
        time[i] = _line_time(race, car, i) + coming_s(race, car, behind) + (start_s if behind else 0.0)
        age[i] += behind * race.ageing
        if car.running and car.status is not CarStatus.FINISHED:
            left = total - lap
            if _stop_under_way(car, lap):
                entered = car.in_pit_lap if car.in_pit_lap is not None else car.laps
                extra, pending = _rest_of_stop(race, car, p, entered)
                time[i] += extra
                if pending:
                    compound[i], age[i] = likely_next(p, car, left, wetness, popular), float(max(0, lap - entered))
                    stops[i] += 1
                    used[i] |= 1 << int(compound[i])
            elif car.in_pit_lap is not None and car.in_pit_lap == lap + 1 and lap + 1 < total:
                planned_lap[i, 0] = lap + 1
                planned_compound[i, 0] = likely_next(p, car, left - 1, wetness, popular)
    _behind_who_crossed(time, cars, lap)
    _in_order(time, cars, lap)
    return _AtLine(time, age, compound, stops, used, planned_lap, planned_compound)


def _start_s(race: RaceTwin, cars: list[CarTwin]) -> float:
    """What the first lap takes longer than a forecast knows, from a standstill and in a queue, as who led it has shown (s)."""
    crossed = [c for c in cars if c.laps == 1 and c.line_time_s is not None and c.running]
    if not crossed or race.slow_lap.lap:  # behind a safety car a lap is told by those who have done it
        return 0.0
    leader = min(crossed, key=lambda c: c.line_time_s or 0.0)
    slot = leader.grid or leader.position or 1
    expected = (slot - 1) * race.parameters.grid_slot_s + coming_s(race, leader, 1)
    return max(0.0, (leader.line_time_s or 0.0) - expected)


def _behind_who_crossed(time: FloatArray, cars: list[CarTwin], lap: int) -> None:
    """Put cars that have yet to cross the line of a lap behind whoever has crossed it first, in the order forecast."""
    # When it crossed, not what it then loses in the lane: others may well pass a leader that boxes.
    crossed = [c.line_time_s for c in cars if c.running and c.laps == lap and c.line_time_s is not None]
    if lap == 0 or not crossed:
        return
    first = min(crossed)
    early = [i for i, c in enumerate(cars) if c.running and c.laps < lap and time[i] <= first]
    for k, i in enumerate(sorted(early, key=lambda i: float(time[i])), start=1):
        time[i] = first + k * NOSE_S


def _in_order(time: FloatArray, cars: list[CarTwin], lap: int) -> None:
    """Keep cars in the order they run in: a forecast knows no passing, and to pass is for the race model to say.

    A stop that is under way on either side lets cars by each other.
    """
    if lap == 0:
        return
    racing = [
        i
        for i, c in enumerate(cars)
        if c.running and c.status is not CarStatus.FINISHED and c.position is not None and not _stop_under_way(c, lap)
    ]
    racing.sort(key=lambda i: (cars[i].position or 0, -cars[i].laps, cars[i].line_time_s or 0.0))
    for ahead, behind in pairwise(racing):
        if cars[behind].laps < lap and cars[behind].laps <= cars[ahead].laps:
            time[behind] = max(time[behind], time[ahead] + NOSE_S)


def _laps_completed(race: RaceTwin, cars: list[CarTwin], time: FloatArray, lap: int) -> IntArray:
    """Return ``lap`` less the laps that a car is down; one that has yet to cross the line on the leader's lap is not down."""
    done = np.array([min(c.laps, lap) for c in cars])
    running = np.array([c.running for c in cars])
    if not running.any():
        return done
    down = ((time - time[running].min()) / race.parameters.reference_lap_s).astype(int)
    return np.where(running, np.maximum(done, lap - down), done)


def _line_time(race: RaceTwin, car: CarTwin, slot: int) -> float:
    """Race time at which a car last crossed the line; where no source tells, its gap, or its place in the queue."""
    if car.line_time_s is not None:
        return car.line_time_s
    if car.gap_s is not None:
        return car.gap_s
    place = car.grid if car.laps == 0 and car.grid is not None else car.position
    return ((place or slot + 1) - 1) * race.parameters.grid_slot_s


def _stop_under_way(car: CarTwin, lap: int) -> bool:
    """Whether a stop that began by the state's lap is not over: in the lane, or on the out-lap."""
    return car.on_in_lap or (car.in_pit_lap is not None and car.in_pit_lap <= lap)


def _rest_of_stop(race: RaceTwin, car: CarTwin, p: RaceParameters, entered: int) -> tuple[float, bool]:
    """Return the time a stop under way still costs (s), and whether the new set is not known yet."""
    loss = net_loss_s(p, race.status_at_pit(car))
    if car.on_in_lap and car.laps == entered:
        paid = car.in_lap_loss_s if car.since_neutralised > 0 else None
        loss -= min(loss, max(0.0, paid)) if paid is not None else IN_LAP_SHARE * loss
    return loss, car.tyre_pending or not car.on_in_lap


def _beliefs(
    race: RaceTwin, cars: list[CarTwin], p: RaceParameters, left: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pace against the reference of ``p`` and the factor on its wear, mean and standard deviation by car."""
    f = race.pace
    offsets, _ = f.compounds()
    pace, pace_sd, wear, wear_sd = (np.zeros(len(cars)) for _ in range(4))
    for i, car in enumerate(cars):
        mean, sd = f.pace(car.index)
        c = car.compound if 0 <= car.compound < 3 else 1
        pace[i] = mean + offsets[c] - p.compound_offset_s[c]
        # Pace wanders: over the rest of a race its mean is less certain than it is now.
        pace_sd[i] = min(MAX_PACE_SD_S, math.hypot(sd, f.model.pace_walk_s * math.sqrt(left / 3.0)))
        k, k_sd = f.wear(car.index, c)
        usual = max(p.wear_s[c], LEAST_WEAR_S * 2)
        wear[i] = 1.0 + WEAR_TRUST * (min(max(k / usual, WEAR_FACTOR[0]), WEAR_FACTOR[1]) - 1.0)
        wear_sd[i] = min(k_sd / usual, MAX_WEAR_SD)
    return _with_form(race, cars, pace), pace_sd, wear, wear_sd


def _with_form(race: RaceTwin, cars: list[CarTwin], pace: np.ndarray) -> np.ndarray:
    """Pull pace of late towards form before the race, each by how far it strays from pace over the rest of a race."""
    before, spread = (np.array(v) for v in race.pace_before())
    running = np.array([c.running for c in cars])
    if not before.any() or not running.any():
        return pace
    level = float(np.median(pace[running]))
    before = before - float(np.median(before[running])) + level
    today, form = 1.0 / PACE_TODAY_SD_S**2, 1.0 / spread**2
    return np.asarray((today * pace + form * before) / (today + form))
