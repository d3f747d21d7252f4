"""When a race asks for a new look at the plans: what has changed since the last one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from racetwin.schemas import TrackStatus
from racetwin.simulation.candidates import check_car, legal
from racetwin.simulation.occasion import for_state
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.parameters import RaceParameters
from racetwin.simulation.state import RaceState

WINDOW = 0.6
"""The pit window opens at this share of a set's usual life ..."""
CLIFF_LAPS = 3
"""... and tyres are watched closely from so many laps before they fall off."""
UNDERCUT_S = 3.0
"""A car this close behind on tyres past half their life can undercut."""
WET_STEP = 0.1
"""A change of wetness that is news."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A reason to simulate now: ``kind`` for programs, ``reason`` for people; ``urgent`` if the coming lap may decide it."""

    kind: str
    reason: str
    urgent: bool = False


def triggers(
    state: RaceState, car_id: str, previous: RaceState | None = None, parameters: RaceParameters | None = None
) -> tuple[Trigger, ...]:
    """Return what calls for a new look at a car's plans, most urgent first.

    Parameters
    ----------
    state, previous
        The race now, and when it was last looked at (None: never, which is itself a reason).
    """
    i = check_car(state, car_id)
    p = for_state(parameters or load_parameters(state.circuit_id, state.season), state)
    found: list[Trigger] = []
    if previous is None:
        found.append(Trigger("first", "first look at this race"))
    before = previous or state
    found += _track(state, before, p)
    found += _rivals(state, before, i, p)
    found += _tyres(state, before if previous is not None else None, i, p)
    return tuple(sorted(found, key=lambda t: not t.urgent))


def _track(state: RaceState, before: RaceState, p: RaceParameters) -> list[Trigger]:
    found = []
    now, was = state.track_status, before.track_status
    if now is not was and (now.is_neutralised or was.is_neutralised):
        words = {TrackStatus.SC: "safety car", TrackStatus.VSC: "VSC", TrackStatus.RED: "red flag"}
        reason = words.get(now, "racing again" if not now.is_neutralised else "VSC ending")
        found.append(Trigger("track_status", reason, urgent=now.is_neutralised))
    crossed = any(
        min(state.wetness, before.wetness) < w <= max(state.wetness, before.wetness)
        for w in (p.cross_slick_inter, p.cross_inter_wet)
    )
    if crossed or abs(state.wetness - before.wetness) >= WET_STEP:
        word = "wetter" if state.wetness > before.wetness else "drier"
        found.append(Trigger("weather", f"the track is getting {word}", urgent=crossed))
    return found


def _rivals(state: RaceState, before: RaceState, i: int, p: RaceParameters) -> list[Trigger]:
    found = []
    reach = p.pit_loss_s + p.stationary_s
    for j in state.order():
        if j == i or not state.running[j] or state.car_id[j] not in before.car_id:
            continue
        gap = float(state.time_s[j] - state.time_s[i])
        then = before.index(state.car_id[j])
        if int(state.stops[j]) > int(before.stops[then]) and abs(gap) <= reach + UNDERCUT_S:
            found.append(Trigger("rival_stopped", f"car {state.car_id[j]} has stopped", urgent=abs(gap) <= reach))
        elif 0 < gap <= UNDERCUT_S and int(state.stops[j]) == int(state.stops[i]) and _age(state, j, p) > 0.5:
            found.append(Trigger("undercut", f"car {state.car_id[j]} is {gap:.1f} s behind and can undercut"))
    return found


def _tyres(state: RaceState, before: RaceState | None, i: int, p: RaceParameters) -> list[Trigger]:
    found = []
    compound = int(state.compound[i])
    car = state.car_id[i]
    if before is not None and car in before.car_id and int(state.stops[i]) > int(before.stops[before.index(car)]):
        found.append(Trigger("own_stop", "new tyres are on"))
    if pit_window_open(state, car, p) and (before is None or not pit_window_open(before, car, p)):
        found.append(Trigger("pit_window", "the pit window is open"))
    if compound >= 0 and state.tyre_age[i] >= p.cliff_age[compound] - CLIFF_LAPS:
        laps = max(0, int(np.ceil(p.cliff_age[compound] - state.tyre_age[i])))
        found.append(Trigger("tyre_cliff", f"tyres fall off in {laps} laps" if laps else "tyres are falling off"))
    return found


def _age(state: RaceState, i: int, p: RaceParameters) -> float:
    compound = int(state.compound[i])
    return float(state.tyre_age[i]) / p.life_laps[compound if compound >= 0 else 1]


def pit_window_open(state: RaceState, car_id: str, parameters: RaceParameters) -> bool:
    """Whether a stop is near: tyres past 60 % of their usual life with laps left for others to pay, or a stop owed late on."""
    i = state.index(car_id) if car_id in state.car_id else -1
    if i < 0 or not state.running[i] or state.lap + 1 >= state.total_laps:
        return False
    owed = not legal(state, car_id, (), parameters)
    late = state.laps_left <= 0.5 * state.total_laps
    return (_age(state, i, parameters) >= WINDOW and (owed or state.laps_left >= 10)) or (owed and late)
