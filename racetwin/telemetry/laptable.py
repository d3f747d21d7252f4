"""Lap-level timing turned into telemetry frames, as a timing screen would have shown them.

Everything a frame says was known at its time: positions, gaps and lap times change when a car crosses the line, the pit status at
the pit-lane lines, the tyre when the car leaves the pits. Only ``lap_fraction`` is an estimate: where the car is on a lap it has
not completed yet follows from its own last clean lap and the track status, never from the lap time to come. :func:`known_at`
returns what was known of a race at one time; its frames up to then are those of the whole race.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from racetwin.errors import InputError
from racetwin.schemas import (
    CarStatus,
    CarTelemetry,
    RaceControlMessage,
    TelemetryFrame,
    TrackConditions,
    TrackStatus,
    Tyre,
)
from racetwin.telemetry.moments import Kind, Moment, first_sets, moments
from racetwin.telemetry.records import Entry, RaceRecord
from racetwin.telemetry.status import StatusChange
from racetwin.telemetry.trusted import trusted

GRID_S = 5.0
"""How long before lights out the frames begin, s."""

PACE: dict[TrackStatus, float] = {
    TrackStatus.GREEN: 1.0,
    TrackStatus.YELLOW: 1.0,
    TrackStatus.SC: 0.68,
    TrackStatus.VSC: 0.7,
    TrackStatus.VSC_ENDING: 0.7,
    TrackStatus.RED: 0.05,
}
"""Share of racing speed under each status, for placing cars on their lap (median lap times of 2018-2026: SC 1.48, VSC 1.42)."""


Dress = Callable[[dict[str, Any], TrackStatus], None]
"""Fills in channels of one car (its fields by name) that lap-level timing does not have."""


def frames(
    record: RaceRecord,
    hz: float | None = 10.0,
    from_lap: int = 1,
    to_lap: int | None = None,
    dress: Dress | None = None,
) -> Iterator[TelemetryFrame]:
    """Iterate over the frames of a race.

    Parameters
    ----------
    record
        The race.
    hz
        Frames per second of race time; None for one frame per line crossing, pit entry or exit, retirement and track-status
        change, which carries the same lap-level facts in far fewer frames.
    from_lap, to_lap
        First lap of the leader to show (1: from the grid), and the lap after whose completion to stop.
    dress
        Called for every car of every frame, to add what the lap table does not say (the simulator's speeds and positions).

    Examples
    --------
    >>> import pandas as pd
    >>> laps = pd.DataFrame({"driver_number": [44, 44], "lap": [1, 2], "lap_time_s": [95.0, 91.5]})
    >>> record = RaceRecord.from_laps(laps, race_id="a-test", grid={"44": 1})
    >>> [f.time_s for f in frames(record, hz=None)]
    [-5.0, 0.0, 95.0, 186.5]
    """
    if hz is not None and not 0 < hz <= 1000:
        raise InputError(f"hz: {hz}, expected more than 0 and at most 1000, or None for one frame per happening")
    if not 1 <= from_lap <= record.total_laps:
        raise InputError(f"from_lap: {from_lap}, expected 1 to {record.total_laps} in {record.race_id}")
    if to_lap is not None and not from_lap <= to_lap:
        raise InputError(f"to_lap: {to_lap}, expected {from_lap} or later")
    return _frames(record, hz, from_lap, to_lap, dress)


def _frames(
    record: RaceRecord, hz: float | None, from_lap: int, to_lap: int | None, dress: Dress | None
) -> Iterator[TelemetryFrame]:
    todo = moments(record)
    screen = TimingScreen(record, dress)
    n, seq = 0, 0
    for t in _instants([m.time_s for m in todo], hz):
        while n < len(todo) and todo[n].time_s <= t:
            screen.take(todo[n])
            n += 1
        over = to_lap is not None and screen.leader_laps >= to_lap
        if screen.leader_laps + 1 >= from_lap or over:
            yield screen.frame(t, seq)
            seq += 1
        if over:
            return


def _instants(happenings: list[float], hz: float | None) -> Iterator[float]:
    """Times of the frames: a steady grid in whole steps, or wherever something happens."""
    if hz is None:
        yield from sorted({-GRID_S, 0.0, *(t for t in happenings if t > -GRID_S)})
        return
    last = max(happenings, default=0.0)
    for i in range(-math.floor(GRID_S * hz), math.ceil(last * hz) + 1):
        yield round(i / hz, 6)


_AT_THE_LINE = (
    "race_time_s", "lap_time_s", "position", "pit_lane_s", "pit_stationary_s", "sector1_s", "sector2_s", "sector3_s",
)  # fmt: skip


def known_at(record: RaceRecord, time_s: float) -> RaceRecord:
    """Return what was known of a race at a race time: its frames up to then are those of the whole race.

    Laps completed later are gone; of the laps being driven, only pit-lane times already passed and the tyres already fitted stay.
    Later status changes, retirements, the chequered flag and the results are unknown.
    """
    t = record.laps.copy()
    later = (t["race_time_s"] > time_s).to_numpy() | t["race_time_s"].isna().to_numpy()
    first_later = later & ~t.assign(later=later).groupby("car_id")["later"].shift(fill_value=False).to_numpy()
    start = t.groupby("car_id")["race_time_s"].shift(fill_value=0.0).to_numpy()
    driven = first_later & (start <= time_s)
    for name in ("pit_in_time_s", "pit_out_time_s"):
        t[name] = t[name].where(~(t[name] > time_s))
    whole = record.laps
    waits = driven & whole["pit_out_time_s"].notna().to_numpy() & t["pit_out_time_s"].isna().to_numpy()
    lane = {e.car_id for e in record.entries if e.pit_lane_start}  # what these start on is known
    waits &= ~(t["car_id"].isin(lane) & (t["lap"] == 1)).to_numpy()
    t.loc[later, list(_AT_THE_LINE)] = np.nan
    t.loc[later, ["track_status"]] = None
    t.loc[waits, ["compound", "compound_pirelli"]] = None
    t.loc[waits, ["tyre_age", "stint"]] = np.nan
    retired_later = {m.car_id for m in moments(record) if m.kind is Kind.RETIRED and m.time_s > time_s}
    entries = tuple(e._replace(no_lap=e.no_lap and e.car_id not in retired_later) for e in record.entries)
    t.loc[t["car_id"].isin(retired_later) | (record.laps["race_time_s"] > time_s), "last_lap_before_retirement"] = False
    flag = record.laps.loc[record.laps["lap"] == (record.chequered_lap or 0), "race_time_s"].min()
    over = record.chequered_lap is not None and flag <= time_s
    return replace(
        record,
        laps=t[~later | driven].reset_index(drop=True),
        entries=entries,
        status=tuple(c for c in record.status if c.time_s <= time_s),
        told=tuple(x for x in record.told if x.time_s <= time_s),
        chequered_lap=record.chequered_lap if over else None,
        results=None,
    )


class _Car:
    """What the screen shows of one car, and what its place on the lap is estimated from."""

    __slots__ = ("base", "crossed_s", "done", "from_u", "grid_order", "key", "lap_u", "out", "unclean", "view")

    def __init__(self, entry: Entry, lap_u: float, tyre: Tyre, order: int) -> None:
        self.done = 0
        self.crossed_s = 0.0
        self.from_u = 0.0
        self.lap_u = lap_u
        self.unclean = False
        self.out = False
        self.grid_order = order
        self.base: dict[str, Any] = {name: f.default for name, f in CarTelemetry.model_fields.items()}
        self.base.update(
            car_id=entry.car_id, driver=entry.driver, team=entry.team, status=CarStatus.GRID, grid_position=entry.grid,
            position=entry.grid, lap=1, lap_fraction=0.0, stops=0, tyre=tyre,
        )  # fmt: skip
        self.view: CarTelemetry | None = None

    def show(self, **changes: Any) -> None:
        self.base.update(changes)
        self.view = None


class TimingScreen:
    """State of the timing screen, moved on moment by moment; :meth:`frame` photographs it."""

    def __init__(self, record: RaceRecord, dress: Dress | None = None) -> None:
        self.record = record
        self._dress = dress
        self.leader_laps = 0
        self._cars: dict[str, _Car] = {}
        slots = len(record.entries)
        fitted = first_sets(record)
        for i, entry in enumerate(record.entries):
            order = entry.grid or slots + 1 + i
            self._cars[entry.car_id] = _Car(entry, record.nominal_lap_s, fitted.get(entry.car_id, Tyre()), order)
        self._order = sorted(self._cars.values(), key=lambda c: c.grid_order)
        self._reposition()
        self._first: dict[int, float] = {}
        self._previous: dict[int, float] = {}
        self._status = StatusChange(0.0, TrackStatus.GREEN)
        self._track = TrackConditions()
        self._messages: list[RaceControlMessage] = []
        self._u = 0.0
        self._u_at = 0.0
        self._head: dict[str, Any] = {name: f.default for name, f in TelemetryFrame.model_fields.items()}
        self._head.update(
            source=record.source,
            race_id=record.race_id,
            circuit_id=record.circuit_id,
            season=record.season,
            session_type="sprint" if record.session == "S" else "race",
            simulated=record.simulated,
            total_laps=record.total_laps,
        )
        self._flag = False

    # --- moving on --------------------------------------------------------------------------------------------------

    def take(self, m: Moment) -> None:
        """Let one moment happen."""
        if m.kind is Kind.STATUS:
            assert m.change is not None
            self._u, self._u_at = self._green_s(m.time_s), m.time_s
            self._status = m.change
            self._track = self._track.model_copy(update={"status": m.change.status, "status_since_s": m.change.time_s})
            return
        if m.kind is Kind.TOLD:
            if isinstance(m.told, RaceControlMessage):
                self._messages.append(m.told)
            elif m.told is not None:
                keep = {"status": self._track.status, "status_since_s": self._track.status_since_s}
                self._track = m.told.model_copy(update=keep)
            return
        if m.kind is Kind.START:
            for car in self._cars.values():
                car.show(status=CarStatus.TRACK)
            return
        car = self._cars[m.car_id]
        if car.out:
            return
        if m.kind is Kind.LINE:
            self._cross(car, m)
        elif m.kind is Kind.PIT_IN:
            car.unclean = True
            car.show(status=CarStatus.PIT, pit_in_time_s=m.pit_s, lap_fraction=0.99 if m.pit_s is not None else 0.0)
        elif m.kind is Kind.PIT_OUT:
            car.unclean = True
            tyre = m.tyre if m.tyre is not None else car.base["tyre"]
            car.show(
                status=CarStatus.TRACK, pit_out_time_s=m.pit_s, pit_lane_s=m.pit_lane_s,
                pit_stationary_s=m.stationary_s, tyre=tyre,
                stops=car.base["stops"] + int(m.stopped),
            )  # fmt: skip
        elif m.kind is Kind.TYRE:
            assert m.tyre is not None
            car.show(tyre=m.tyre)
        elif m.kind is Kind.RETIRED:
            self._retire(car)
        elif m.kind is Kind.FINISHED:
            self._finish(car)

    def _cross(self, car: _Car, m: Moment) -> None:
        """A car completes lap ``m.lap``: the moment at which most of what a screen shows is learnt."""
        lap, t = m.lap, m.time_s
        first = self._first.setdefault(lap, t)
        if lap > self.leader_laps:
            self.leader_laps = lap
            self._flag = self._flag or lap == self.record.chequered_lap
        ahead = self._previous.get(lap)
        self._previous[lap] = t
        u = self._green_s(t)
        if not car.unclean and lap == car.done + 1 and u > car.from_u:
            car.lap_u = u - car.from_u if car.done else min(car.lap_u, u - car.from_u)
        car.unclean = car.base["status"] is CarStatus.PIT or m.pit_in_lap
        car.done, car.crossed_s, car.from_u = lap, t, u
        best = car.base["best_lap_s"]
        car.show(
            lap=lap + 1,
            lap_fraction=0.0,
            gap_s=round(t - first, 3),
            interval_s=None if ahead is None else round(t - ahead, 3),
            laps_down=self.leader_laps - lap,
            last_lap_s=m.lap_time_s,
            best_lap_s=m.lap_time_s if best is None or (m.lap_time_s or math.inf) < best else best,
            last_line_time_s=t,
            sectors_s=m.sectors_s,
            tyre=m.tyre if m.tyre is not None else car.base["tyre"],
        )
        order = self._order
        order.remove(car)
        place = next((i for i, c in enumerate(order) if c.out or c.done < lap), len(order))
        order.insert(place, car)
        self._reposition()
        if self._flag:
            self._finish(car)

    def _finish(self, car: _Car) -> None:
        car.show(status=CarStatus.FINISHED, lap=car.done, lap_fraction=None, laps_down=self.leader_laps - car.done)

    def _retire(self, car: _Car) -> None:
        car.out = True
        car.show(status=CarStatus.RETIRED, lap_fraction=None, gap_s=None, interval_s=None)
        self._order.remove(car)
        place = next((i for i, c in enumerate(self._order) if c.out and c.done <= car.done), len(self._order))
        self._order.insert(place, car)
        self._reposition()

    def _reposition(self) -> None:
        for i, car in enumerate(self._order, start=1):
            known = i if car.done or car.base["grid_position"] is not None or car.out else None
            if car.base["position"] != known:
                car.show(position=known)

    # --- photographs ----------------------------------------------------------------------------------------------------

    def _green_s(self, t: float) -> float:
        """Race time counted at racing pace: a second under the safety car counts for as far as cars get in it."""
        return self._u + (t - self._u_at) * PACE[self._status.status] if t > 0 else 0.0

    def frame(self, time_s: float, seq: int) -> TelemetryFrame:
        """Return the screen at ``time_s``, as frame number ``seq`` of its source."""
        u, dress = self._green_s(time_s), self._dress
        cars = []
        for car in self._order:
            base = car.base
            moving = base["status"] is CarStatus.TRACK
            if moving or car.view is None:
                values = base.copy()
                if moving:
                    values["lap_fraction"] = lap_share((u - car.from_u) / car.lap_u)
                if dress is not None:
                    dress(values, self._status.status)
                car.view = trusted(CarTelemetry, values)
            cars.append(car.view)
        lap = self.leader_laps if self._flag else self.leader_laps + 1
        values = self._head.copy()
        values.update(seq=seq, time_s=time_s, lap=lap, track=self._track, cars=tuple(cars))
        if self._messages:
            values["messages"] = tuple(self._messages)
            self._messages.clear()
        return trusted(TelemetryFrame, values)


def lap_share(x: float) -> float:
    """Share of the lap covered after ``x`` of the expected lap time: never reaches 1 before the car crosses the line."""
    if x < 0.95:
        return round(x, 4) if x > 0 else 0.0
    return min(round(1.0 - 0.05 * math.exp(-min(x - 0.95, 1.0) / 0.05), 4), 0.9999)
