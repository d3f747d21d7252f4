"""Formula 1 live timing: topics in, frames out.

The feed sends, topic by topic, changes to a large object. :class:`F1Session` keeps what they add up to and cuts
:data:`~racetwin.telemetry.frame_builder.RawFrame` from it; it knows nothing of sockets or files, so live subscriptions and every
kind of recording go through the same code.

Race time counts from the first ``SessionStatus: Started`` (lights out). Before that it is negative and counts down to the
scheduled start; a late start holds it at -1 s, because nobody can know it yet. Frames carry the time the message came with, not
the time a car-data sample was taken: that one is in ``CarTelemetry.sampled_s``, so no frame shows what was not known yet.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from racetwin.schemas import CarStatus, Compound, TrackStatus
from racetwin.telemetry.circuits import circuit_id, race_id
from racetwin.telemetry.f1_samples import car_samples, channels, position_samples
from racetwin.telemetry.f1_values import (
    boolean,
    clock_seconds,
    gap,
    integer,
    iso,
    items,
    lap_time,
    merge,
    number,
    text,
    utc_seconds,
)
from racetwin.telemetry.frame_builder import FrameBuilder, RawFrame

TOPICS = (
    "Heartbeat",
    "DriverList",
    "SessionInfo",
    "SessionStatus",
    "SessionData",
    "TrackStatus",
    "RaceControlMessages",
    "TimingData",
    "TimingAppData",
    "TyreStintSeries",
    "WeatherData",
    "LapCount",
    "CarData.z",
    "Position.z",
    "PitLaneTimeCollection",
    "PitStop",
    "PitStopSeries",
    "TopThree",
    "ExtrapolatedClock",
    "DriverRaceInfo",
)
"""Topics that are understood, and that a live subscription asks for."""

_TRACK = {
    "1": TrackStatus.GREEN,
    "2": TrackStatus.YELLOW,
    "4": TrackStatus.SC,
    "5": TrackStatus.RED,
    "6": TrackStatus.VSC,
    "7": TrackStatus.VSC_ENDING,
}
_SESSIONS = {"race": "race", "sprint": "sprint", "qualifying": "qualifying", "practice": "practice"}
_FLAG_TAKEN = 1024
"""Bit of ``TimingData.Lines[].Status`` that is set once a car has taken the chequered flag."""
_AROUND_LINE_S = 3.0
"""How far apart the flag's bit and the lap it ends may come, seconds."""
_EPOCH = 1e8
"""Clocks below this count seconds of a session, those above seconds since 1970."""


class TopicMessage(NamedTuple):
    """One message of the feed: topic, its payload, and its time (seconds, of the session or since 1970)."""

    topic: str
    payload: Any
    time: float


class F1Session:
    """What the topics of one session add up to.

    Parameters
    ----------
    race_id
        Name of the race, where the caller knows it better than ``SessionInfo`` tells it.
    hz
        Most frames a second; ``None`` cuts one for every change and every car-data sample.
    source
        Name of the feed in the frames.
    started_at
        When the session started, on the feed's clock, where the topics at hand do not tell (a recording of ``TimingData`` alone).
    session_type
        What session it is, likewise.

    Attributes
    ----------
    ignored
        Messages per topic that were not understood, counted.
    """

    def __init__(
        self,
        race_id: str | None = None,
        *,
        hz: float | None = None,
        source: str = "f1",
        started_at: float | None = None,
        session_type: str | None = None,
    ) -> None:
        self.builder = FrameBuilder(source, hz)
        self.ignored: dict[str, int] = {}
        self._race_id = race_id
        self._topics: dict[str, Callable[[Any], None]] = {
            "Heartbeat": lambda _: None,
            "DriverList": self._driver_list,
            "SessionInfo": self._session_info,
            "SessionStatus": self._session_status,
            "SessionData": self._session_data,
            "TrackStatus": self._track_status,
            "RaceControlMessages": self._race_control,
            "TimingData": self._timing_data,
            "TimingAppData": self._timing_app_data,
            "TyreStintSeries": self._tyre_stints,
            "WeatherData": self._weather,
            "LapCount": self._lap_count,
            "PitLaneTimeCollection": self._pit_lane_times,
            "PitStop": self._pit_stop,
            "PitStopSeries": self._pit_stop_series,
            "TopThree": self._top_three,
            "ExtrapolatedClock": self._clock,
            "DriverRaceInfo": self._driver_race_info,
        }
        self._now = 0.0
        self._begin(started_at)
        given = {"race_id": race_id, "session_type": session_type}
        self.builder.head(**{k: v for k, v in given.items() if v})

    def _begin(self, started_at: float | None = None) -> None:
        self._lines: dict[str, Any] = {}
        self._stints: dict[str, Any] = {}
        self._series_stints: dict[str, Any] = {}
        self._fitted: dict[str, int] = {}
        self._tyre_told: dict[str, tuple[int, float | None]] = {}
        self._tyre_counted: dict[str, float] = {}
        self._laps_done: dict[str, int] = {}
        self._crossed: dict[str, float] = {}
        self._flag_at: dict[str, float] = {}
        self._messages_seen: dict[tuple[str | None, str], None] = {}
        self._started_at = started_at
        self._scheduled: float | None = None
        self._duration_s: float | None = None
        self._offset: float | None = None
        self._status = "Inactive"
        self._key: Any = None
        self._track_state: TrackStatus | None = None

    # --- messages in, frames out ----------------------------------------------------------------------------------

    def feed(self, message: TopicMessage) -> Iterator[RawFrame]:
        """Take one message; yield the frames it makes due."""
        if not math.isfinite(message.time):
            return
        self._now = message.time
        if message.time > _EPOCH:
            self._offset = 0.0
        if message.topic in ("CarData.z", "Position.z"):
            yield from self._samples(message)
        else:
            self.apply(message)
        if self.builder.due(self.race_time(self._now)):
            yield self._cut()

    def apply(self, message: TopicMessage) -> None:
        """Take one message into the state without cutting a frame."""
        handler = self._topics.get(message.topic)
        if handler is None:
            name = message.topic[:60]
            if name in self.ignored or len(self.ignored) < 100:
                self.ignored[name] = self.ignored.get(name, 0) + 1
        elif isinstance(message.payload, dict):
            handler(message.payload)

    def flush(self) -> Iterator[RawFrame]:
        """Yield the last frame, if the rate held it back."""
        if self.builder.dirty and self.builder.cars:
            yield self._cut()

    def _cut(self) -> RawFrame:
        utc = None if self._offset is None else iso(self._now + self._offset)
        return self.builder.cut(self.race_time(self._now), utc)

    def race_time(self, clock: float) -> float:
        """Return race time at a moment of the feed's clock; see the module's notes on what stands before lights out."""
        if self._started_at is not None:
            return round(clock - self._started_at, 6)
        if self._scheduled is not None and self._offset is not None:
            return round(min(clock + self._offset - self._scheduled, -1.0), 6)
        return -1.0

    # --- session ----------------------------------------------------------------------------------------------------

    def _session_info(self, p: dict[str, Any]) -> None:
        if self._key is not None and p.get("Key") not in (None, self._key):
            self._begin()
            self.builder.restart()
        if "Key" in p:
            self._key = p["Key"]
        meeting = p.get("Meeting")
        if not isinstance(meeting, dict):
            return
        start = text(p.get("StartDate"))
        season = integer(start[:4]) if start else None
        name = (text(p.get("Name")) or "").lower()
        kind = "sprint" if name == "sprint" else _SESSIONS.get(str(p.get("Type", "")).lower(), "test")
        if "day" in name and kind == "practice":
            kind = "test"
        circuit = meeting.get("Circuit")
        built = race_id(season, integer(meeting.get("Number")), text(meeting.get("Name")) or "", name or kind)
        self.builder.head(
            race_id=self._race_id or built,
            circuit_id=circuit_id(text(circuit.get("ShortName")) or "") if isinstance(circuit, dict) else None,
            season=season,
            session_type=kind,
        )
        local, zone = utc_seconds(start), clock_seconds(p.get("GmtOffset"))
        if local is not None and zone is not None:
            self._scheduled = local - zone
            end = utc_seconds(p.get("EndDate"))
            self._duration_s = end - local if end is not None else None

    @property
    def _racing(self) -> bool:
        return self.builder.header("session_type") in ("race", "sprint")

    def _session_status(self, p: dict[str, Any]) -> None:
        self._set_status(text(p.get("Status")), self._now)

    def _session_data(self, p: dict[str, Any]) -> None:
        for _, entry in items(p.get("StatusSeries")):
            if isinstance(entry, dict) and (status := text(entry.get("SessionStatus"))):
                at = utc_seconds(entry.get("Utc"))
                # On a session clock UTC cannot be placed yet; SessionStatus itself will come.
                if at is not None and self._offset is not None:
                    self._set_status(status, at - self._offset)

    def _set_status(self, status: str | None, at: float) -> None:
        if status is None:
            return
        self._status = status
        if status == "Started" and self._started_at is None:
            self._started_at = at
            for car in self.builder.cars:
                self._car_status(car)
                if self._racing:  # the feed leaves both out until they are more than this
                    known = self.builder.known(car)
                    self.builder.car(car, lap=known.get("lap") or 1, stops=known.get("stops") or 0)

    def _clock(self, p: dict[str, Any]) -> None:
        utc, remaining = utc_seconds(p.get("Utc")), clock_seconds(p.get("Remaining"))
        if utc is None:
            return
        if self._offset is None and self._now < _EPOCH:
            self._offset = utc - self._now
        # Joined under way, and nobody said when it started: the running clock tells, if not to the second after a red flag.
        if self._started_at is None and p.get("Extrapolating") is True and remaining is not None and self._duration_s:
            elapsed = self._duration_s - remaining
            if 0 <= elapsed <= self._duration_s:
                self._started_at = utc - elapsed - (self._offset or 0.0)

    def _lap_count(self, p: dict[str, Any]) -> None:
        current, total = integer(p.get("CurrentLap")), integer(p.get("TotalLaps"))
        if current is not None:
            self.builder.head(lap=max(current, self.builder.header("lap") or 0))
        if total is not None:
            self.builder.head(total_laps=total)

    def _driver_list(self, p: dict[str, Any]) -> None:
        for car, d in items(p):
            if isinstance(d, dict) and car.isdigit():
                found = {"driver": text(d.get("Tla"), 3), "team": text(d.get("TeamName"), 60)}
                self.builder.car(car, **{k: v for k, v in found.items() if v})

    def _top_three(self, p: dict[str, Any]) -> None:
        for _, d in items(p.get("Lines")):
            # A delta without the number cannot be told whose it is, once two cars have swapped.
            car = text(d.get("RacingNumber"), 3) if isinstance(d, dict) else None
            if car is not None and car.isdigit():
                found = {"driver": text(d.get("Tla"), 3), "team": text(d.get("Team"), 60)}
                for name, value in found.items():
                    if value and not self.builder.known(car).get(name):
                        self.builder.car(car, **{name: value})

    # --- track ------------------------------------------------------------------------------------------------------

    def _track_status(self, p: dict[str, Any]) -> None:
        status = _TRACK.get(str(p.get("Status")))
        if status is not None and status is not self._track_state:
            self._track_state = status
            self.builder.track(status=status, status_since_s=self.race_time(self._now))

    def _weather(self, p: dict[str, Any]) -> None:
        found = {
            "air_temperature_c": number(p.get("AirTemp")),
            "track_temperature_c": number(p.get("TrackTemp")),
            "wind_speed_ms": number(p.get("WindSpeed")),
            "wind_direction_deg": number(p.get("WindDirection")),
            "humidity_pct": number(p.get("Humidity")),
            "rainfall": boolean(p.get("Rainfall")),
        }
        self.builder.track(**{k: v for k, v in found.items() if v is not None})

    def _race_control(self, p: dict[str, Any]) -> None:
        for _, m in items(p.get("Messages")):
            said = text(m.get("Message")) if isinstance(m, dict) else None
            if said is None:
                continue
            # A new subscription repeats the whole session's messages.
            key = (text(m.get("Utc"), 40), said)
            if key in self._messages_seen or len(self._messages_seen) >= 10_000:
                continue
            self._messages_seen[key] = None
            lap, car = integer(m.get("Lap")), text(m.get("RacingNumber"), 3)
            self.builder.message(
                message=said,
                category=text(m.get("Category"), 40),
                flag=text(m.get("Flag"), 40),
                scope=text(m.get("Scope"), 40),
                sector=integer(m.get("Sector")),
                car_id=car if car and car.isdigit() else None,
                lap=lap if lap is not None and 0 <= lap <= 200 else None,
                utc=key[0],
            )

    # --- cars ---------------------------------------------------------------------------------------------------------

    def _timing_data(self, p: dict[str, Any]) -> None:
        lines = p.get("Lines")
        for car, delta in items(lines):
            if isinstance(delta, dict) and car.isdigit() and len(car) <= 3:
                if car not in self._lines and len(self._lines) >= 64:
                    continue
                line = self._lines[car] = merge(self._lines.get(car), delta)
                self._timing_line(car, delta, line)

    def _timing_line(self, car: str, delta: dict[str, Any], line: dict[str, Any]) -> None:
        put: dict[str, Any] = {}
        for key in ("Position", "Line"):
            if key in delta and (place := integer(delta[key])) is not None and place > 0:
                put["position"] = place
                break
        if self._racing:
            put |= self._gaps(delta.get("GapToLeader"), delta.get("IntervalToPositionAhead"))
        self._laps(car, delta, put)
        best = delta.get("BestLapTime")
        if isinstance(best, dict) and (found := lap_time(best.get("Value"))) is not None:
            put["best_lap_s"] = found
        if "Sectors" in delta:
            put["sectors_s"] = _sectors(line.get("Sectors"))
        if (stops := integer(delta.get("NumberOfPitStops"))) is not None and stops >= 0:
            put["stops"] = stops
        self.builder.car(car, **put)
        if not delta.keys().isdisjoint(("InPit", "PitOut", "Retired", "Stopped", "Status", "NumberOfLaps")):
            self._car_status(car)

    def _laps(self, car: str, delta: dict[str, Any], put: dict[str, Any]) -> None:
        last = delta.get("LastLapTime")
        told = lap_time(last.get("Value")) if isinstance(last, dict) else None
        if told is not None:
            put["last_lap_s"] = told
        laps = integer(delta.get("NumberOfLaps"))
        finished = self.builder.known(car).get("status") is CarStatus.FINISHED
        if laps is None or not 0 <= laps < 200 or finished:
            return
        before = self._laps_done.get(car, 0 if self.builder.known(car).get("lap") == 1 else None)
        self._laps_done[car] = laps
        if before is not None and before != laps:
            self._crossed[car] = self._now
            put["last_line_time_s"] = self.race_time(self._now)
            # A line crossing without a time (lap 1, the lap of a red flag): the old time is not this lap's.
            put.setdefault("last_lap_s", None)
            # The feed counts the lap on the tyres some seconds later, or just before; either way it says the same.
            tyre = self.builder.known(car).get("tyre")
            told = self._now - self._tyre_counted.get(car, -math.inf) < _AROUND_LINE_S
            if self._racing and tyre and tyre["age"] is not None and not told:
                put["tyre"] = tyre | {"age": tyre["age"] + 1}
        put["lap"] = laps + 1
        if self._racing and laps + 1 > (self.builder.header("lap") or 0):
            total = self.builder.header("total_laps")
            self.builder.head(lap=min(laps + 1, total) if total else laps + 1)

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

    def _car_status(self, car: str) -> None:
        line = self._lines.get(car)
        if line is None:
            return
        known = self.builder.known(car)
        was = known.get("status")
        if was is CarStatus.FINISHED and self._racing:
            return
        if self._racing and self._home(car, line):
            # A finished car's lap is the last it completed.
            self.builder.car(car, status=CarStatus.FINISHED, lap=self._laps_done.get(car, known.get("lap")))
            return
        if line.get("Retired") is True:
            status = CarStatus.RETIRED
        elif self._racing and self._started_at is None:
            status = CarStatus.GRID
        elif line.get("InPit") is True and was is CarStatus.GRID:
            status = CarStatus.GRID  # starts from the pit lane: that is no stop
        elif line.get("InPit") is True:
            status = CarStatus.PIT
        else:
            status = CarStatus.TRACK
        put: dict[str, Any] = {"status": status}
        if (was, status) == (CarStatus.TRACK, CarStatus.PIT):
            put["pit_in_time_s"] = self.race_time(self._now)
        elif (was, status) == (CarStatus.PIT, CarStatus.TRACK):
            put["pit_out_time_s"] = self.race_time(self._now)
        self.builder.car(car, **put)

    def _home(self, car: str, line: dict[str, Any]) -> bool:
        """Whether a car has taken the flag, and its last lap is counted.

        The feed sets the flag's bit some tenths of a second before or after it counts the lap.
        """
        total = self.builder.header("total_laps")
        if total is not None and self._laps_done.get(car, 0) >= total:
            return True
        if not (integer(line.get("Status")) or 0) & _FLAG_TAKEN:
            return False
        if car not in self._flag_at:
            self._flag_at[car] = self._now
        crossed = self._crossed.get(car)
        if crossed is not None and crossed >= self._flag_at[car] - _AROUND_LINE_S:
            return True
        return car not in self._laps_done or self._now > self._flag_at[car] + _AROUND_LINE_S

    def _timing_app_data(self, p: dict[str, Any]) -> None:
        for car, delta in items(p.get("Lines")):
            if not isinstance(delta, dict) or not car.isdigit() or len(car) > 3:
                continue
            grid = integer(delta.get("GridPos"))
            if grid is not None and grid > 0:
                self.builder.car(car, grid_position=grid)
            if "Stints" in delta and (car in self._stints or len(self._stints) < 64):
                self._stints[car] = merge(self._stints.get(car), delta["Stints"])
                self._tyre(car, self._stints[car], delta["Stints"])

    def _tyre_stints(self, p: dict[str, Any]) -> None:
        for car, delta in items(p.get("Stints")):
            if car.isdigit() and len(car) <= 3 and (car in self._series_stints or len(self._series_stints) < 64):
                self._series_stints[car] = merge(self._series_stints.get(car), delta)
                if not self._stints.get(car):  # the same sets, kept for recordings without TimingAppData
                    self._tyre(car, self._series_stints[car], delta)

    def _tyre(self, car: str, stints: Any, delta: Any) -> None:
        sets = [stint if isinstance(stint, dict) else {} for _, stint in items(stints)]
        if not sets:
            return
        if isinstance(delta, dict) and self._started_at is not None:
            # Whatever counts laps, or appears, during the race is on the car.
            touched = [
                integer(k) for k, v in delta.items() if isinstance(v, dict) and ("TotalLaps" in v or "Compound" in v)
            ]
            if numbers := [t for t in touched if t is not None]:
                self._fitted[car] = max(numbers)
        current = self._fitted.get(car, self._likely_set(car, sets))
        if current is None or current >= len(sets):
            self.builder.car(car, tyre={"compound": None, "age": None, "fresh": None})
            return
        name = str(sets[current].get("Compound", "")).upper()
        age = number(sets[current].get("TotalLaps"))
        if self._tyre_told.get(car) == (current, age):
            # Nothing new about its age: the lap counted at the line stands.
            age = (self.builder.known(car).get("tyre") or {}).get("age", age)
        else:
            self._tyre_told[car] = (current, age)
            self._tyre_counted[car] = self._now
        tyre = {
            "compound": Compound(name) if name in Compound.__members__ else None,
            "age": age if age is not None and age >= 0 else None,
            "fresh": boolean(sets[current].get("New")),
        }
        self.builder.car(car, tyre=tyre)

    def _likely_set(self, car: str, sets: list[dict[str, Any]]) -> int | None:
        """Return which set is on, from a joined state alone.

        On the grid the feed lists sets that are only tried on: a last set without laps counts only after a stop.
        """
        last = len(sets) - 1
        driven = [(number(s.get("TotalLaps")) or 0) > (number(s.get("StartLaps")) or 0) for s in sets]
        stopped = (integer(self._lines.get(car, {}).get("NumberOfPitStops")) or 0) > 0
        if not self._racing or stopped or last == 0 or driven[last]:
            return last
        return max((i for i, d in enumerate(driven) if d), default=None)

    def _pit_lane_times(self, p: dict[str, Any]) -> None:
        for car, d in items(p.get("PitTimes")):
            if isinstance(d, dict) and car.isdigit():
                self._pit_times(car, d.get("Duration"), None)

    def _pit_stop_series(self, p: dict[str, Any]) -> None:
        for car, series in items(p.get("PitTimes")):
            for _, d in items(series):
                if isinstance(d, dict) and car.isdigit() and isinstance(stop := d.get("PitStop"), dict):
                    self._pit_times(car, stop.get("PitLaneTime"), stop.get("PitStopTime"))

    def _pit_stop(self, p: dict[str, Any]) -> None:
        car = text(p.get("RacingNumber"), 3)
        if car and car.isdigit():
            self._pit_times(car, p.get("PitLaneTime"), p.get("PitStopTime"))

    def _pit_times(self, car: str, lane: Any, stationary: Any) -> None:
        found = {"pit_lane_s": gap(lane)[0], "pit_stationary_s": gap(stationary)[0]}
        self.builder.car(car, **{k: v for k, v in found.items() if v})

    def _driver_race_info(self, p: dict[str, Any]) -> None:
        for car, d in items(p):
            if not isinstance(d, dict) or not car.isdigit() or len(car) > 3:
                continue
            put = self._gaps(d.get("Gap"), d.get("Interval"))
            if (place := integer(d.get("Position"))) is not None and place > 0:
                put["position"] = place
            if (stops := integer(d.get("PitStops"))) is not None and stops >= 0:
                put["stops"] = stops
            self.builder.car(car, **put)
            if d.get("IsOut") is True:
                self._lines[car] = merge(self._lines.get(car), {"Retired": True})
                self._car_status(car)

    # --- car data and positions ---------------------------------------------------------------------------------------

    def _samples(self, message: TopicMessage) -> Iterator[RawFrame]:
        groups: Iterable[list[Any]] = (
            car_samples(message.payload) if message.topic == "CarData.z" else position_samples(message.payload)
        )
        for group in groups:
            for sample in group:
                if sample.car_id.isdigit() and len(sample.car_id) <= 3:
                    self.builder.car(sample.car_id, **channels(sample), **self._sampled(sample.utc))
            if self.builder.hz is None and self.builder.due(0.0):
                yield self._cut()

    def _sampled(self, utc: str) -> dict[str, float]:
        at = utc_seconds(utc)
        if at is None or self._offset is None:
            return {}
        return {"sampled_s": self.race_time(at - self._offset)} if self._started_at is not None else {}


def _sectors(sectors: Any) -> tuple[float | None, float | None, float | None] | None:
    values = [lap_time(s.get("Value")) if isinstance(s, dict) else None for _, s in items(sectors)]
    if len(values) != 3 or values == [None, None, None]:
        return None
    return values[0], values[1], values[2]


def session_frames(messages: Iterable[TopicMessage], session: F1Session) -> Iterator[RawFrame]:
    """Yield the frames of a sequence of messages, a recording's for instance."""
    for message in messages:
        yield from session.feed(message)
    yield from session.flush()
