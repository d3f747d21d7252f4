"""A simulated race laid out as timing would have seen it: one row per car and completed lap.

The race model is lap-synchronous and puts a stop's whole loss on the lap that ends with it; timing sees the car cross the line
in the pit lane, part of the loss before it and the rest after. Everything else follows from the times at the line.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from racetwin.schemas import COMPOUNDS, TrackStatus
from racetwin.simulation.parameters import RaceParameters
from racetwin.simulation.rejoin import lane_loss
from racetwin.simulation.state import RaceState
from racetwin.simulation.trace import RaceTrace

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

DIGIT = {TrackStatus.GREEN: "1", TrackStatus.SC: "4", TrackStatus.VSC: "6", TrackStatus.RED: "5"}
BEFORE_LINE = 0.25
"""Share of a visit to the pit lane that lies before the line (Singapore 2023: 7.9 of 29.5 s)."""
LANE_AT_SPEED_S = 3.0
"""What the stretch beside the pit lane takes at racing speed: time in the lane minus net loss."""
RED_VISIT_S = 20.0
"""Time in the lane under a red flag; the race clock stands while the field waits."""
ONSET = {TrackStatus.SC: 0.6, TrackStatus.VSC: 0.5, TrackStatus.RED: 0.5}
"""Share of the lap that is run before a neutralisation comes: what the model's first neutralised lap amounts to."""

Changes = tuple[tuple[float, TrackStatus], ...]


def status_changes(trace: RaceTrace, p: RaceParameters) -> Changes:
    """Return when the track status changed, by the leader's laps: from lights out, each change once."""
    line = np.nanmin(np.where(trace.running, trace.time_s, np.nan), axis=1)  # first car to complete each lap
    began = np.concatenate([[0.0], line[:-1]])
    changes: list[tuple[float, TrackStatus]] = [(0.0, TrackStatus.GREEN)]
    for k, status in enumerate(trace.track_status):
        if status is changes[-1][1]:
            continue
        onset = 0.0 if status is TrackStatus.GREEN else ONSET[status] * min(p.reference_lap_s, line[k] - began[k])
        if k and status is TrackStatus.GREEN and trace.track_status[k - 1] is TrackStatus.RED:
            onset = BEFORE_LINE  # the pit exit opens as the restart begins
        changes.append((round(float(began[k] + onset), 3), status))
    return tuple(changes)


def lap_table(trace: RaceTrace, state: RaceState, p: RaceParameters, status: Changes) -> pd.DataFrame:
    """Return the lap table of a race from the grid, in the columns of a real one, sorted by car and lap."""
    laps, n = trace.time_s.shape
    red = trace.track_status == TrackStatus.RED
    changed = _changed(trace)
    visits = (trace.pit | (red[:, None] & trace.running)) & (np.arange(laps) < laps - 1)[:, None]
    lane = np.array([lane_loss(p, s) for s in trace.track_status])[:, None] + LANE_AT_SPEED_S + trace.stationary_s
    lane = np.where(red[:, None], RED_VISIT_S, lane)
    line = np.round(_line_times(trace, visits & ~red[:, None], lane, p), 3)
    start = np.vstack([np.zeros(n), line[:-1]])
    flag = np.nanmin(line[-1])
    there = trace.running & ~(start >= flag)
    line = np.where(there, line, np.nan)
    start = np.where(there, start, np.nan)
    goes_in = np.where(visits & there, line - BEFORE_LINE * lane, np.nan)
    goes_out = np.full((laps, n), np.nan)
    goes_out[1:] = np.where(there[1:], (goes_in + lane)[:-1], np.nan)
    goes_out = np.minimum(goes_out, line - 1.0)  # out before the lap is over, whatever the rounding
    first = np.nanmin(line, axis=1)
    rank = np.argsort(np.argsort(np.where(there, line, np.inf), axis=1, kind="stable"), axis=1) + 1
    ordered = np.sort(np.where(there, line, np.inf), axis=1)
    ahead = np.take_along_axis(np.hstack([np.full((laps, 1), np.nan), ordered[:, :-1]]), rank - 1, axis=1)
    stint, age = _stints(changed, state.tyre_age)
    new = np.where(stint == 1, state.tyre_age == 0, True)
    seen = _seen(start, line, status)
    last = there & ~np.vstack([there[1:], np.zeros((1, n), dtype=bool)])
    retired = last & (line < flag)
    number = np.array([int(c) for c in state.car_id])
    driver, team = np.array(state.driver, dtype=object), np.array(state.team, dtype=object)
    lap_no = np.broadcast_to(np.arange(1, laps + 1)[:, None], (laps, n))
    compound = np.array([c.value for c in COMPOUNDS], dtype=object)[_driven(trace, changed, state.compound)]
    stop = visits & changed
    columns = {
        "driver": np.broadcast_to(driver, (laps, n)),
        "driver_number": np.broadcast_to(number, (laps, n)),
        "team": np.broadcast_to(team, (laps, n)),
        "lap": lap_no,
        "lap_time_s": np.round(line - start, 3),
        "race_time_s": line,
        "position": rank,
        "stint": stint,
        "compound": compound,
        "compound_pirelli": np.full((laps, n), None, dtype=object),
        "tyre_age": age,
        "fresh_tyre": new,
        "track_status": seen,
        "is_yellow": np.zeros((laps, n), dtype=bool),
        "is_sc": _has(seen, "4"),
        "is_red": _has(seen, "5"),
        "is_vsc": _has(seen, "6"),
        "pit_in": visits & there,
        "pit_out": ~np.isnan(goes_out),
        "pit_in_time_s": np.round(goes_in, 3),
        "pit_out_time_s": np.round(goes_out, 3),
        "accurate": np.ones((laps, n), dtype=bool),
        "lap_time_filled": np.zeros((laps, n), dtype=bool),
        "gap_to_leader_s": np.round(line - first[:, None], 3),
        "interval_s": np.round(line - ahead, 3),
        "laps_down": np.searchsorted(first, np.where(there, line, 0.0), side="right") - lap_no,
        "pit_lane_s": np.where(visits & there, np.round(lane, 3), np.nan),
        "pit_lane_fia_s": np.full((laps, n), np.nan),
        "pit_stop": stop & there,
        "pit_stationary_s": np.where(stop & there & ~red[:, None], np.round(trace.stationary_s, 2), np.nan),
        "last_lap_before_retirement": retired,
        "stop_under": _stop_under(trace, stop & there),
        "sector1_s": np.full((laps, n), np.nan),
        "sector2_s": np.full((laps, n), np.nan),
        "sector3_s": np.full((laps, n), np.nan),
    }
    flat = {name: np.asarray(values).T[there.T] for name, values in columns.items()}
    return pd.DataFrame(flat).sort_values(["driver_number", "lap"], kind="stable").reset_index(drop=True)


def _stop_under(trace: RaceTrace, stop: BoolArray) -> npt.NDArray[np.object_]:
    """Return the track status of each stop by name, None where there is none."""
    under = np.full(stop.shape, None, dtype=object)
    for k, status in enumerate(trace.track_status):
        under[k, stop[k]] = status.value
    return under


def _line_times(trace: RaceTrace, visits: BoolArray, lane: FloatArray, p: RaceParameters) -> FloatArray:
    """Return times at the line as timing sees them: on an in-lap the larger part of the loss is still to come."""
    line = trace.time_s.copy()
    after = (1 - BEFORE_LINE) * (lane - LANE_AT_SPEED_S)
    for k in range(len(line)):
        began = line[k - 1] if k else np.zeros(line.shape[1])
        earliest = np.minimum(line[k], began + 0.97 * p.reference_lap_s)
        line[k] = np.where(visits[k], np.maximum(line[k] - after[k], earliest), line[k])
    return line


def _changed(trace: RaceTrace) -> BoolArray:
    """Return whether a car left each lap on another set: after a stop, or the free change under a red flag."""
    changed = trace.pit.copy()
    for k in np.flatnonzero(trace.track_status == TrackStatus.RED):
        if k + 1 < len(changed):
            changed[k] = trace.running[k] & ~(changed[k - 1] if k else False)
    return changed


def _driven(trace: RaceTrace, changed: BoolArray, start: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the compound of the set on the car at the line; the trace names the new set on the lap of a red flag."""
    compound = trace.compound.copy()
    for k in np.flatnonzero(trace.track_status == TrackStatus.RED):
        compound[k] = np.where(changed[k], compound[k - 1] if k else start, compound[k])
    return compound


def _stints(changed: BoolArray, age0: FloatArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return stint number and age of the set in whole laps at the end of each lap."""
    laps, n = changed.shape
    stint, age = np.empty((laps, n), dtype=np.int64), np.empty((laps, n), dtype=np.int64)
    number, old = np.ones(n, dtype=np.int64), np.round(age0).astype(np.int64)
    for k in range(laps):
        old = old + 1
        stint[k], age[k] = number, old
        number, old = number + changed[k], np.where(changed[k], 0, old)
    return stint, age


def _seen(start: FloatArray, line: FloatArray, status: Changes) -> npt.NDArray[np.object_]:
    """Return the digits of the statuses in force at any time of each lap, in order of the digits."""
    seen = np.full(line.shape, "", dtype=object)
    ends = [t for t, _ in status[1:]] + [np.inf]
    with np.errstate(invalid="ignore"):
        for digit in "1456":
            hit = np.zeros(line.shape, dtype=bool)
            for (on, s), off in zip(status, ends, strict=True):
                if DIGIT[s] == digit:
                    hit |= (start < off) & (line > on)
            seen = np.where(hit, seen + digit, seen)
    return seen


def _has(seen: npt.NDArray[np.object_], digit: str) -> BoolArray:
    return np.array([[digit in text for text in row] for row in seen], dtype=bool)
