"""The cars of a Formula 1 live-timing session: what the timing screen's lines, the stints and the pit times add up to."""

from __future__ import annotations

import math
from typing import Any

from racetwin.schemas import CarStatus, Compound
from racetwin.telemetry.f1_values import boolean, gap, integer, items, lap_time, merge, number, text
from racetwin.telemetry.frame_builder import FrameBuilder

MAX_LINES = 64
"""Most cars followed; a feed that names more is broken."""
_FLAG_TAKEN = 1024
"""Bit of ``TimingData.Lines[].Status`` that is set once a car has taken the chequered flag."""
_AROUND_LINE_S = 3.0
"""How far apart the flag's bit and the lap it ends may come, seconds."""


class F1Cars:
    """Keeps the cars' merged lines and writes what they say to a frame builder.

    Parameters
    ----------
    builder
        Where the cars' values go.

    Attributes
    ----------
    now, time_s
        The moment of the message at hand, on the feed's clock and in race time; set before each message.
    started
        Whether the session has started.
    """

    def __init__(self, builder: FrameBuilder) -> None:
        self._builder = builder
        self.now = 0.0
        self.time_s = -1.0
        self.started = False
        self._lines: dict[str, Any] = {}
        self._stints: dict[str, Any] = {}
        self._series_stints: dict[str, Any] = {}
        self._fitted: dict[str, int] = {}
        self._tyre_told: dict[str, tuple[int, float | None]] = {}
        self._tyre_counted: dict[str, float] = {}
        self._laps_done: dict[str, int] = {}
        self._waiting: dict[str, tuple[int, float, float]] = {}
        self._crossed: dict[str, float] = {}
        self._flag_at: dict[str, float] = {}

    @property
    def racing(self) -> bool:
        """Whether this is a race, where positions are on the road and laps count to the flag."""
        return self._builder.header("session_type") in ("race", "sprint")

    def start(self) -> None:
        """The session starts: cars leave the grid, on lap 1 and without a stop unless something else is known."""
        self.started = True
        for car in self._builder.cars:
            self.status(car)
            if self.racing:  # the feed leaves both out until they are more than this
                known = self._builder.known(car)
                self._builder.car(car, lap=known.get("lap") or 1, stops=known.get("stops") or 0)

    def over(self) -> None:
        """The session is over: in a race, who is still running has finished, also where no line said so."""
        if not self.racing:
            return
        for car in self._builder.cars:
            known = self._builder.known(car)
            if known.get("status") in (CarStatus.TRACK, CarStatus.PIT):
                home = self._lines.get(car, {}).get("Stopped") is not True and car in self._laps_done
                status = CarStatus.FINISHED if home else CarStatus.RETIRED
                self._builder.car(car, status=status, **({"lap": self._laps_done[car]} if home else {}))

    # --- lines of the timing screen -----------------------------------------------------------------------------------

    def timing_data(self, p: dict[str, Any]) -> None:
        """Take ``TimingData``: positions, gaps, laps, sectors, status."""
        lines = p.get("Lines")
        for car, delta in items(lines):
            if isinstance(delta, dict) and car.isdigit() and len(car) <= 3:
                if car not in self._lines and len(self._lines) >= MAX_LINES:
                    continue
                line = self._lines[car] = merge(self._lines.get(car), delta)
                self._timing_line(car, delta, line)

    def _timing_line(self, car: str, delta: dict[str, Any], line: dict[str, Any]) -> None:
        put: dict[str, Any] = {}
        for key in ("Position", "Line"):
            if key in delta and (place := integer(delta[key])) is not None and place > 0:
                put["position"] = place
                break
        if self.racing:
            put |= self._gaps(delta.get("GapToLeader"), delta.get("IntervalToPositionAhead"))
        self._laps(car, delta, put)
        best = delta.get("BestLapTime")
        if isinstance(best, dict) and (found := lap_time(best.get("Value"))) is not None:
            put["best_lap_s"] = found
        if "Sectors" in delta:
            put["sectors_s"] = _sectors(line.get("Sectors"))
        if (stops := integer(delta.get("NumberOfPitStops"))) is not None and stops >= 0:
            put["stops"] = stops
        elif self.racing and self.started and self._builder.known(car).get("stops") is None:
            put["stops"] = 0  # left out until there is one
        self._builder.car(car, **put)
        if not delta.keys().isdisjoint(
            ("InPit", "PitOut", "Retired", "Stopped", "Status", "NumberOfLaps", "LastLapTime")
        ):
            self.status(car)

    def _laps(self, car: str, delta: dict[str, Any], put: dict[str, Any]) -> None:
        known = self._builder.known(car)
        if known.get("status") is CarStatus.FINISHED:
            return  # what is timed after the flag is no lap of the race
        last = delta.get("LastLapTime")
        took = lap_time(last.get("Value")) if isinstance(last, dict) else None
        if took is not None:
            put["last_lap_s"] = took
        laps, at, at_s = integer(delta.get("NumberOfLaps")), self.now, self.time_s
        if laps is None and (waiting := self._waiting.get(car)) is not None:
            if took is not None or self.now - waiting[1] > _AROUND_LINE_S:
                laps, at, at_s = waiting
        elif laps is not None and self.racing and took is None and laps > max(self._laps_done.get(car, 1), 1):
            # In a race count and time of a lap belong together; where the time is late, the count waits for it.
            self._waiting[car] = (laps, self.now, self.time_s)
            return
        if laps is None or not 0 <= laps < 200:
            return
        self._waiting.pop(car, None)
        before = self._laps_done.get(car, 0 if known.get("lap") == 1 else None)
        self._laps_done[car] = laps
        if before is not None and laps > before:
            self._crossed[car] = at
            put["last_line_time_s"] = at_s
            # A line crossing without a time (lap 1, the lap of a red flag): the old time is not this lap's.
            put.setdefault("last_lap_s", None)
            # The feed counts the lap on the tyres some seconds later, or just before; either way it says the same.
            tyre = known.get("tyre")
            counted = self.now - self._tyre_counted.get(car, -math.inf) < _AROUND_LINE_S
            if self.racing and tyre and tyre["age"] is not None and not counted:
                put["tyre"] = tyre | {"age": tyre["age"] + 1}
        put["lap"] = laps + 1
        if self.racing and laps + 1 > (self._builder.header("lap") or 0):
            total = self._builder.header("total_laps")
            self._builder.head(lap=min(laps + 1, total) if total else laps + 1)

    @staticmethod
    def _gaps(to_leader: Any, ahead: Any) -> dict[str, Any]:
        put: dict[str, Any] = {}
        if to_leader is not None:
            seconds, down = gap(to_leader)
            if down is not None:
                put |= {"gap_s": seconds, "laps_down": down}
        if isinstance(ahead, dict):
            ahead = ahead.get("Value")
        if ahead is not None:
            seconds, down = gap(ahead)
            if down is not None:
                put["interval_s"] = None if str(ahead).upper().startswith("LAP") else seconds
        return put

    def status(self, car: str) -> None:
        """Work out where a car is in its race."""
        line = self._lines.get(car)
        if line is None:
            return
        known = self._builder.known(car)
        was = known.get("status")
        if was is CarStatus.FINISHED and self.racing:
            return
        if self.racing and self._home(car, line):
            # A finished car's lap is the last it completed.
            self._builder.car(car, status=CarStatus.FINISHED, lap=self._laps_done.get(car, known.get("lap")))
            return
        if line.get("Retired") is True:
            status = CarStatus.RETIRED
        elif self.racing and not self.started:
            status = CarStatus.GRID
        elif line.get("InPit") is True and was is CarStatus.GRID:
            status = CarStatus.GRID  # starts from the pit lane: that is no stop
        elif line.get("InPit") is True:
            status = CarStatus.PIT
        else:
            status = CarStatus.TRACK
        put: dict[str, Any] = {"status": status}
        if (was, status) == (CarStatus.TRACK, CarStatus.PIT):
            put["pit_in_time_s"] = self.time_s
        elif (was, status) == (CarStatus.PIT, CarStatus.TRACK):
            put["pit_out_time_s"] = self.time_s
        self._builder.car(car, **put)

    def _home(self, car: str, line: dict[str, Any]) -> bool:
        """Whether a car has taken the flag, and its last lap is counted.

        The feed sets the flag's bit some tenths of a second before or after it counts the lap.
        """
        total = self._builder.header("total_laps")
        if total is not None and self._laps_done.get(car, 0) >= total:
            return True
        if not (integer(line.get("Status")) or 0) & _FLAG_TAKEN:
            return False
        if car not in self._flag_at:
            self._flag_at[car] = self.now
        crossed = self._crossed.get(car)
        if crossed is not None and crossed >= self._flag_at[car] - _AROUND_LINE_S:
            return True
        return car not in self._laps_done or self.now > self._flag_at[car] + _AROUND_LINE_S

    def timing_app_data(self, p: dict[str, Any]) -> None:
        """Take ``TimingAppData``: grid and tyres."""
        for car, delta in items(p.get("Lines")):
            if not isinstance(delta, dict) or not car.isdigit() or len(car) > 3:
                continue
            grid = integer(delta.get("GridPos"))
            if grid is not None and grid > 0:
                self._builder.car(car, grid_position=grid)
            if "Stints" in delta and (car in self._stints or len(self._stints) < MAX_LINES):
                self._stints[car] = merge(self._stints.get(car), delta["Stints"])
                self._tyre(car, self._stints[car], delta["Stints"])

    def tyre_stints(self, p: dict[str, Any]) -> None:
        """Take ``TyreStintSeries``, the same sets, for recordings without ``TimingAppData``."""
        for car, delta in items(p.get("Stints")):
            if car.isdigit() and len(car) <= 3 and (car in self._series_stints or len(self._series_stints) < MAX_LINES):
                self._series_stints[car] = merge(self._series_stints.get(car), delta)
                if not self._stints.get(car):  # the same sets, kept for recordings without TimingAppData
                    self._tyre(car, self._series_stints[car], delta)

    def _tyre(self, car: str, stints: Any, delta: Any) -> None:
        sets = [stint if isinstance(stint, dict) else {} for _, stint in items(stints)]
        if not sets:
            return
        if isinstance(delta, dict) and self.started:
            # Whatever counts laps, or appears, during the race is on the car.
            touched = [
                integer(k) for k, v in delta.items() if isinstance(v, dict) and ("TotalLaps" in v or "Compound" in v)
            ]
            if numbers := [t for t in touched if t is not None]:
                self._fitted[car] = max(numbers)
        current = self._fitted.get(car, self._likely_set(car, sets))
        if current is None or current >= len(sets):
            self._builder.car(car, tyre={"compound": None, "age": None, "fresh": None})
            return
        name = str(sets[current].get("Compound", "")).upper()
        age = number(sets[current].get("TotalLaps"))
        if self._tyre_told.get(car) == (current, age):
            # Nothing new about its age: the lap counted at the line stands.
            age = (self._builder.known(car).get("tyre") or {}).get("age", age)
        else:
            self._tyre_told[car] = (current, age)
            self._tyre_counted[car] = self.now
        tyre = {
            "compound": Compound(name) if name in Compound.__members__ else None,
            "age": age if age is not None and age >= 0 else None,
            "fresh": boolean(sets[current].get("New")),
        }
        self._builder.car(car, tyre=tyre)

    def _likely_set(self, car: str, sets: list[dict[str, Any]]) -> int | None:
        """Return which set is on, from a joined state alone.

        On the grid the feed lists sets that are only tried on: a last set without laps counts only after a stop.
        """
        last = len(sets) - 1
        driven = [(number(s.get("TotalLaps")) or 0) > (number(s.get("StartLaps")) or 0) for s in sets]
        stopped = (integer(self._lines.get(car, {}).get("NumberOfPitStops")) or 0) > 0
        if not self.racing or stopped or last == 0 or driven[last]:
            return last
        return max((i for i, d in enumerate(driven) if d), default=None)

    def pit_lane_times(self, p: dict[str, Any]) -> None:
        """Take ``PitLaneTimeCollection``."""
        for car, d in items(p.get("PitTimes")):
            if isinstance(d, dict) and car.isdigit():
                self._pit_times(car, d.get("Duration"), None)

    def pit_stop_series(self, p: dict[str, Any]) -> None:
        """Take ``PitStopSeries``."""
        for car, series in items(p.get("PitTimes")):
            for _, d in items(series):
                if isinstance(d, dict) and car.isdigit() and isinstance(stop := d.get("PitStop"), dict):
                    self._pit_times(car, stop.get("PitLaneTime"), stop.get("PitStopTime"))

    def pit_stop(self, p: dict[str, Any]) -> None:
        """Take ``PitStop``."""
        car = text(p.get("RacingNumber"), 3)
        if car and car.isdigit():
            self._pit_times(car, p.get("PitLaneTime"), p.get("PitStopTime"))

    def _pit_times(self, car: str, lane: Any, stationary: Any) -> None:
        found = {"pit_lane_s": gap(lane)[0], "pit_stationary_s": gap(stationary)[0]}
        self._builder.car(car, **{k: v for k, v in found.items() if v})

    def driver_race_info(self, p: dict[str, Any]) -> None:
        """Take ``DriverRaceInfo``."""
        for car, d in items(p):
            if not isinstance(d, dict) or not car.isdigit() or len(car) > 3:
                continue
            put = self._gaps(d.get("Gap"), d.get("Interval"))
            if (place := integer(d.get("Position"))) is not None and place > 0:
                put["position"] = place
            if (stops := integer(d.get("PitStops"))) is not None and stops >= 0:
                put["stops"] = stops
            self._builder.car(car, **put)
            if d.get("IsOut") is True:
                self._lines[car] = merge(self._lines.get(car), {"Retired": True})
                self.status(car)


def _sectors(sectors: Any) -> tuple[float | None, float | None, float | None] | None:
    values = [lap_time(s.get("Value")) if isinstance(s, dict) else None for _, s in items(sectors)]
    if len(values) != 3 or values == [None, None, None]:
        return None
    return values[0], values[1], values[2]
