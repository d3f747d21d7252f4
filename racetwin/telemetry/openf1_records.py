"""OpenF1's records: dictionaries of its collections in, frames out.

The same records come from the REST history (put in order by :mod:`racetwin.telemetry.openf1_timeline`) and, one by one, from the
live broker.

OpenF1 carries no track status of its own: it is read from race control's messages. The race clock starts with race control's
"SESSION STARTED" or, where that is missing, with the first car's first lap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from racetwin.schemas import CarStatus, Compound
from racetwin.telemetry.circuits import circuit_id, race_id
from racetwin.telemetry.f1_track import OPENF1, Flags, RaceControlReader, car_number, weather
from racetwin.telemetry.f1_values import gap, integer, iso, number, text, utc_seconds
from racetwin.telemetry.frame_builder import FrameBuilder, RawFrame
from racetwin.telemetry.openf1_timeline import STARTED, Record, lights_out, timeline

COLLECTIONS = (
    "car_data",
    "drivers",
    "intervals",
    "laps",
    "location",
    "meetings",
    "pit",
    "position",
    "race_control",
    "session_result",
    "sessions",
    "starting_grid",
    "stints",
    "weather",
)
"""Collections that are understood."""

_KINDS = {"race": "race", "sprint": "sprint", "practice": "practice", "qualifying": "qualifying"}
_DRS_OPEN = (10, 12, 14)


class OpenF1Session:
    """What the records of one session add up to.

    Parameters
    ----------
    hz
        Most frames a second; ``None`` cuts one for every change.
    race_id
        Name of the race, where the caller knows it better.

    Attributes
    ----------
    ignored
        Records that were not understood, counted by collection.
    """

    def __init__(self, *, hz: float | None = None, race_id: str | None = None) -> None:
        self.builder = FrameBuilder("openf1", hz)
        self.ignored: dict[str, int] = {}
        self._race_id = race_id
        self._handlers = {
            "car_data": self._car_data,
            "drivers": self._driver,
            "intervals": self._interval,
            "laps": self._lap,
            "location": self._location,
            "meetings": self._meeting,
            "pit": self._pit,
            "position": self._position,
            "race_control": self._race_control,
            "session_result": self._result,
            "sessions": self._session,
            "starting_grid": self._grid,
            "stints": self._stint,
            "weather": self._weather,
        }
        self._now = 0.0
        self._begin()

    def _begin(self) -> None:
        self._key: int | None = None
        self._started_at: float | None = None
        self._scheduled: float | None = None
        self._session_data: dict[str, Any] = {}
        self._meeting_data: dict[str, Any] = {}
        self._stints: dict[str, dict[str, Any]] = {}
        self._stops: dict[str, set[Any]] = {}
        self._said = RaceControlReader(OPENF1)
        self._flags = Flags()
        self._off = False

    def feed(self, record: Record) -> Iterator[RawFrame]:
        """Take one record; yield the frame it makes due."""
        yield from self._hear(record)
        if self.builder.due(self.race_time(self._now)):
            yield self._cut()

    def catch_up(self, collections: Mapping[str, Iterable[Any]]) -> Iterator[RawFrame]:
        """Take a session's history so far at once; yield the one frame that it adds up to.

        What was known already stays, so that this also fills the gap that a lost connection has left.
        """
        records = timeline(collections)
        began = lights_out(records)
        for record in records:
            yield from self._hear(record)
            if began is not None:
                self.start(began)  # before a lap record makes its own guess; the session's own records come first
        yield from self.flush()

    def _hear(self, record: Record) -> Iterator[RawFrame]:
        """Take one record; yield what was held back of the session before, if it is the first of another."""
        handler = self._handlers.get(record.collection)
        if handler is None or not isinstance(record.data, dict) or not math.isfinite(record.time):
            if record.collection in self.ignored or len(self.ignored) < 100:
                self.ignored[record.collection] = self.ignored.get(record.collection, 0) + 1
            return
        key = integer(record.data.get("session_key"))
        if key is not None and key != self._key:
            if self._key is not None:
                yield from self.flush()
                self._begin()
                self.builder.restart()
            self._key = key
        self._now = max(self._now, record.time) if record.time else self._now
        handler(record.data)
        if not self._off and self._started_at is not None and self._now >= self._started_at:
            self._off = True
            for car in self.builder.cars:
                if self.builder.known(car).get("status") is CarStatus.GRID:
                    self.builder.car(car, status=CarStatus.TRACK)

    def flush(self) -> Iterator[RawFrame]:
        """Yield the last frame, if the rate held it back."""
        if self.builder.dirty and self.builder.cars:
            yield self._cut()

    def _cut(self) -> RawFrame:
        return self.builder.cut(self.race_time(self._now), iso(self._now))

    def race_time(self, at: float) -> float:
        """Return race time at a moment; before lights out it counts down to the scheduled start, and waits at -1 s."""
        if not at:
            return -1.0  # no record has told the time yet
        if self._started_at is not None:
            return round(at - self._started_at, 6)
        return round(min(at - self._scheduled, -1.0), 6) if self._scheduled is not None else -1.0

    def start(self, at: float) -> None:
        """Set lights out, if it is not known yet."""
        if self._started_at is None:
            self._started_at = at

    # --- session and track --------------------------------------------------------------------------------------------

    def _meeting(self, d: dict[str, Any]) -> None:
        self._meeting_data = d
        self._head()

    def _session(self, d: dict[str, Any]) -> None:
        self._session_data = d
        self._scheduled = utc_seconds(d.get("date_start"))
        self._head()

    def _head(self) -> None:
        s, m = self._session_data, self._meeting_data
        name = text(s.get("session_name")) or ""
        kind = (
            "sprint"
            if name.lower() == "sprint"
            else _KINDS.get(str(s.get("session_type", "")).lower().split(" ")[0], "test")
        )
        if "qualifying" in name.lower() or "shootout" in name.lower():
            kind = "qualifying"
        season = integer(s.get("year")) or integer(m.get("year"))
        place = text(m.get("meeting_name")) or text(s.get("country_name")) or text(s.get("location")) or ""
        circuit = text(s.get("circuit_short_name")) or text(m.get("circuit_short_name")) or ""
        self.builder.head(
            race_id=self._race_id or race_id(season, None, place, name or kind),
            circuit_id=circuit_id(circuit),
            season=season,
            session_type=kind,
        )

    @property
    def _racing(self) -> bool:
        return self.builder.header("session_type") in ("race", "sprint")

    def _weather(self, d: dict[str, Any]) -> None:
        self.builder.track(**weather(d, OPENF1))

    def _race_control(self, d: dict[str, Any]) -> None:
        told = self._said.read(d)
        if told is None:
            return
        self.builder.message(**told)
        if STARTED in told["message"].upper():
            self.start(self._now)
        status = self._flags.hear(told)
        if status is not None:
            self.builder.track(status=status)

    # --- cars -----------------------------------------------------------------------------------------------------------

    def _driver(self, d: dict[str, Any]) -> None:
        if (car := car_number(d.get(OPENF1.car))) is not None:
            named = {"driver": text(d.get("name_acronym"), 3), "team": text(d.get("team_name"), 60)}
            self.builder.car(car, **{k: v for k, v in named.items() if v})
            if self._racing and not self._off and "status" not in self.builder.known(car):
                self.builder.car(car, status=CarStatus.GRID)

    def _grid(self, d: dict[str, Any]) -> None:
        car, place = car_number(d.get(OPENF1.car)), integer(d.get("position"))
        if car is not None and place is not None and place > 0:
            self.builder.car(car, grid_position=place)

    def _position(self, d: dict[str, Any]) -> None:
        car, place = car_number(d.get(OPENF1.car)), integer(d.get("position"))
        if car is not None and place is not None and place > 0:
            self.builder.car(car, position=place)

    def _interval(self, d: dict[str, Any]) -> None:
        car = car_number(d.get(OPENF1.car))
        if car is None or not self._racing:
            return
        put: dict[str, Any] = {}
        seconds, down = gap(d.get("gap_to_leader"))
        if down is not None:
            put |= {"gap_s": seconds, "laps_down": down}
        ahead, behind_laps = gap(d.get("interval"))
        if behind_laps is not None:
            leads = put.get("gap_s") == 0.0 and not ahead
            put["interval_s"] = None if leads else ahead
        self.builder.car(car, **put)

    def _lap(self, d: dict[str, Any]) -> None:
        car, lap = car_number(d.get(OPENF1.car)), integer(d.get("lap_number"))
        if car is None or lap is None or not 1 <= lap < 200:
            return
        began, took = utc_seconds(d.get("date_start")), number(d.get("lap_duration"))
        known = self.builder.known(car)
        if lap == 1 and began is not None and self._racing:
            self.start(began)
        elif lap > 1 and began is not None and self._racing and self._started_at is None:
            # Joined under way, and nobody told of the start: as scheduled, so that the race's clock runs at all.
            self.start(began if self._scheduled is None else min(self._scheduled, began))
        if took is None or took <= 0:
            if lap > (known.get("lap") or 0):
                self._line(car, lap, began, None)
        elif lap + 1 > (known.get("lap") or 0):
            self._line(car, lap + 1, None if began is None else began + took, took)
            parts = [number(d.get(f"duration_sector_{i}")) for i in (1, 2, 3)]
            if any(p is not None for p in parts):
                self.builder.car(car, sectors_s=tuple(parts))
        elif lap + 1 == known.get("lap") and took != known.get("last_lap_s"):
            self.builder.car(car, last_lap_s=took)  # a record that was completed later

    def _line(self, car: str, lap: int, at: float | None, took: float | None) -> None:
        """The car begins lap ``lap``: it has crossed the line at ``at``."""
        put: dict[str, Any] = {"lap": lap}
        if lap > 1 or took is not None:
            put["last_lap_s"] = took
        if at is not None and lap > 1:
            put["last_line_time_s"] = self.race_time(at)
        best = self.builder.known(car).get("best_lap_s")
        if took is not None and (best is None or took < best):
            put["best_lap_s"] = took
        self.builder.car(car, **put)
        self._tyre(car)
        if self._racing:
            self.builder.head(lap=max(lap, self.builder.header("lap") or 0))

    def _stint(self, d: dict[str, Any]) -> None:
        car, stint = car_number(d.get(OPENF1.car)), integer(d.get("stint_number"))
        if car is None:
            return
        known = self._stints.get(car)
        if known is None or (stint or 0) >= (integer(known.get("stint_number")) or 0):
            if known is None and len(self._stints) >= 64:
                return
            self._stints[car] = d
            self._tyre(car)

    def _tyre(self, car: str) -> None:
        d = self._stints.get(car)
        if d is None:
            return
        name = str(d.get("compound") or "").upper()
        at_start, first = number(d.get("tyre_age_at_start")), integer(d.get("lap_start"))
        lap = self.builder.known(car).get("lap")
        done = max(0, lap - first) if lap is not None and first is not None else 0
        tyre = {
            "compound": Compound(name) if name in Compound.__members__ else None,
            "age": at_start + done if at_start is not None and at_start >= 0 else None,
            "fresh": at_start == 0 if at_start is not None else None,
        }
        self.builder.car(car, tyre=tyre)

    def _pit(self, d: dict[str, Any]) -> None:
        car = car_number(d.get(OPENF1.car))
        if car is None:
            return
        at = utc_seconds(d.get("date"))
        if d.get("_phase") == "in":
            self.builder.car(car, status=CarStatus.PIT, pit_in_time_s=self.race_time(self._now))
            return
        lane = number(d.get("lane_duration", d.get("pit_duration")))
        stationary = number(d.get("stop_duration"))
        stops = self._stops.setdefault(car, set())
        if len(stops) < 100:
            stops.add(integer(d.get("lap_number")))
        put: dict[str, Any] = {"stops": len(stops)}
        if at is not None and self._started_at is not None:
            put["pit_out_time_s"] = self.race_time(at)
            if lane is not None and 0 < lane < 3600:
                put["pit_in_time_s"] = self.race_time(at - lane)
        if lane is not None and lane > 0:
            put["pit_lane_s"] = lane
        if stationary is not None and stationary > 0:
            put["pit_stationary_s"] = stationary
        self.builder.car(car, **put)
        if self.builder.known(car).get("status") is CarStatus.PIT:
            self.builder.car(car, status=CarStatus.TRACK)

    def _car_data(self, d: dict[str, Any]) -> None:
        car = car_number(d.get(OPENF1.car))
        if car is None:
            return
        named = {"rpm": d.get("rpm"), "speed_kmh": d.get("speed"), "gear": d.get("n_gear")}
        put: dict[str, Any] = {k: n for k, v in named.items() if (n := number(v)) is not None}
        for key in ("throttle", "brake"):
            if (share := number(d.get(key))) is not None:
                put[key] = share / 100 if 0 <= share <= 100 else None
        drs = integer(d.get("drs"))
        put["drs"] = None if drs is None else drs in _DRS_OPEN
        self.builder.car(car, **put, **self._sampled(d))

    def _location(self, d: dict[str, Any]) -> None:
        car = car_number(d.get(OPENF1.car))
        if car is not None:
            place = {f"{axis}_m": number(d.get(axis)) for axis in "xyz"}
            self.builder.car(car, **{k: v / 10 for k, v in place.items() if v is not None}, **self._sampled(d))

    def _sampled(self, d: dict[str, Any]) -> dict[str, float]:
        at = utc_seconds(d.get("date"))
        return {"sampled_s": self.race_time(at)} if at is not None and self._started_at is not None else {}

    def _result(self, d: dict[str, Any]) -> None:
        car = car_number(d.get(OPENF1.car))
        if car is None or not self._racing:
            return
        out = any(d.get(k) is True for k in ("dnf", "dns", "dsq"))
        put: dict[str, Any] = {"status": CarStatus.RETIRED if out else CarStatus.FINISHED}
        place, laps = integer(d.get("position")), integer(d.get("number_of_laps"))
        if place is not None and place > 0:
            put["position"] = place
        if not out and laps is not None and 0 < laps <= 200:
            put["lap"] = laps  # a finished car's lap is the last it completed
        self.builder.car(car, **put)


def history_frames(
    collections: Mapping[str, Iterable[Any]], *, hz: float | None = None, race_id: str | None = None
) -> Iterator[RawFrame]:
    """Yield the frames of a session's collections."""
    session = OpenF1Session(hz=hz, race_id=race_id)
    records = timeline(collections)
    began = lights_out(records)
    if began is not None:
        session.start(began)
    for record in records:
        yield from session.feed(record)
    yield from session.flush()
