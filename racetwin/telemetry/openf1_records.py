"""OpenF1's records: dictionaries of its collections in, frames out.

The same records come from the REST history and, one by one, from the live broker. A finished lap, a stop and a stint are each one
record that says afterwards what happened; :func:`timeline` puts a history's records where they could first be known.

OpenF1 carries no track status of its own: it is read from race control's messages. The race clock starts with race control's
"SESSION STARTED" or, where that is missing, with the first car's first lap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from racetwin.schemas import CarStatus, Compound, TrackStatus
from racetwin.telemetry.circuits import circuit_id, race_id
from racetwin.telemetry.f1_values import boolean, gap, integer, iso, number, text, utc_seconds
from racetwin.telemetry.frame_builder import FrameBuilder, RawFrame

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


class Record(NamedTuple):
    """One record: its collection, its fields, and when it could first be known (seconds since 1970)."""

    collection: str
    data: dict[str, Any]
    time: float


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
        self._messages_seen: dict[tuple[str | None, str], None] = {}
        self._yellow: set[int] = set()
        self._neutral: TrackStatus | None = None
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
        found = {
            "air_temperature_c": number(d.get("air_temperature")),
            "track_temperature_c": number(d.get("track_temperature")),
            "wind_speed_ms": number(d.get("wind_speed")),
            "wind_direction_deg": number(d.get("wind_direction")),
            "humidity_pct": number(d.get("humidity")),
            "rainfall": boolean(d.get("rainfall")),
        }
        self.builder.track(**{k: v for k, v in found.items() if v is not None})

    def _race_control(self, d: dict[str, Any]) -> None:
        said = text(d.get("message"))
        key = (text(d.get("date"), 40), said or "")
        if said is None or key in self._messages_seen or len(self._messages_seen) >= 10_000:
            return
        self._messages_seen[key] = None
        lap = integer(d.get("lap_number"))
        self.builder.message(
            message=said,
            category=text(d.get("category"), 40),
            flag=text(d.get("flag"), 40),
            scope=text(d.get("scope"), 40),
            sector=integer(d.get("sector")),
            car_id=_car_id(d),
            lap=lap if lap is not None and 0 <= lap <= 200 else None,
            utc=key[0],
        )
        if "SESSION STARTED" in said.upper():
            self.start(self._now)
        self._flags(said.upper(), str(d.get("flag") or "").upper(), str(d.get("scope") or ""), integer(d.get("sector")))

    def _flags(self, said: str, flag: str, scope: str, sector: int | None) -> None:
        virtual = "VIRTUAL SAFETY CAR" in said or "VSC" in said
        if flag == "RED":
            self._neutral = TrackStatus.RED
        elif virtual and "ENDING" in said:
            self._neutral = TrackStatus.VSC_ENDING
        elif virtual and "DEPLOYED" in said:
            self._neutral = TrackStatus.VSC
        elif "SAFETY CAR" in said and "DEPLOYED" in said:
            self._neutral = TrackStatus.SC
        elif flag in ("GREEN", "CLEAR") and scope != "Sector":
            self._neutral = None
            self._yellow.clear()
        elif flag in ("YELLOW", "DOUBLE YELLOW"):
            self._yellow.add(sector if sector is not None and 0 <= sector < 200 else 0)
        elif flag == "CLEAR" and sector is not None:
            self._yellow.discard(sector)
        else:
            return
        status = self._neutral or (TrackStatus.YELLOW if self._yellow else TrackStatus.GREEN)
        self.builder.track(status=status)

    # --- cars -----------------------------------------------------------------------------------------------------------

    def _driver(self, d: dict[str, Any]) -> None:
        if (car := _car_id(d)) is not None:
            named = {"driver": text(d.get("name_acronym"), 3), "team": text(d.get("team_name"), 60)}
            self.builder.car(car, **{k: v for k, v in named.items() if v})
            if self._racing and not self._off and "status" not in self.builder.known(car):
                self.builder.car(car, status=CarStatus.GRID)

    def _grid(self, d: dict[str, Any]) -> None:
        car, place = _car_id(d), integer(d.get("position"))
        if car is not None and place is not None and place > 0:
            self.builder.car(car, grid_position=place)

    def _position(self, d: dict[str, Any]) -> None:
        car, place = _car_id(d), integer(d.get("position"))
        if car is not None and place is not None and place > 0:
            self.builder.car(car, position=place)

    def _interval(self, d: dict[str, Any]) -> None:
        car = _car_id(d)
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
        car, lap = _car_id(d), integer(d.get("lap_number"))
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
        car, stint = _car_id(d), integer(d.get("stint_number"))
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
        car = _car_id(d)
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
        car = _car_id(d)
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
        car = _car_id(d)
        if car is not None:
            place = {f"{axis}_m": number(d.get(axis)) for axis in "xyz"}
            self.builder.car(car, **{k: v / 10 for k, v in place.items() if v is not None}, **self._sampled(d))

    def _sampled(self, d: dict[str, Any]) -> dict[str, float]:
        at = utc_seconds(d.get("date"))
        return {"sampled_s": self.race_time(at)} if at is not None and self._started_at is not None else {}

    def _result(self, d: dict[str, Any]) -> None:
        car = _car_id(d)
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


def _car_id(d: dict[str, Any]) -> str | None:
    found = integer(d.get("driver_number"))
    return str(found) if found is not None and 0 <= found <= 999 else None


def timeline(collections: Mapping[str, Iterable[Any]]) -> list[Record]:
    """Return a history's records in the order in which they could be known.

    A lap stands at its beginning without, and at its end with its time; a stop at pit entry and at pit exit; a stint at the
    beginning of its first lap; a result at the end.
    """
    out: list[Record] = []
    begins: dict[tuple[int | None, int | None], float] = {}
    for lap in _dicts(collections.get("laps")):
        began = utc_seconds(lap.get("date_start"))
        if began is None:
            continue
        begins[integer(lap.get("driver_number")), integer(lap.get("lap_number"))] = began
        out.append(Record("laps", lap | {"lap_duration": None}, began))
        took = number(lap.get("lap_duration"))
        if took is not None and took > 0:
            out.append(Record("laps", lap, began + took))
    for stop in _dicts(collections.get("pit")):
        at = utc_seconds(stop.get("date"))
        if at is not None:
            lane = number(stop.get("lane_duration", stop.get("pit_duration")))
            if lane is not None and 0 < lane < 3600:
                out.append(Record("pit", stop | {"_phase": "in"}, at - lane))
            out.append(Record("pit", stop, at))
    for name in ("position", "intervals", "race_control", "weather", "car_data", "location"):
        for item in _dicts(collections.get(name)):
            at = utc_seconds(item.get("date"))
            if at is not None:
                out.append(Record(name, item, at))
    first = min((r.time for r in out), default=0.0)
    last = max((r.time for r in out), default=0.0)
    for stint in _dicts(collections.get("stints")):
        key = integer(stint.get("driver_number")), integer(stint.get("lap_start"))
        opening = integer(stint.get("lap_start")) in (None, 0, 1)
        at = begins.get(key, first if opening else None)
        if at is not None:
            out.append(Record("stints", stint, at))
    head = [
        Record(name, item, first)
        for name in ("meetings", "sessions", "drivers", "starting_grid")
        for item in _dicts(collections.get(name))
    ]
    tail = [Record("session_result", item, last) for item in _dicts(collections.get("session_result"))]
    # Equal times: a lap ends on the tyres it was driven on; sorting is stable.
    order = {"laps": 0, "stints": 2}
    out.sort(key=lambda r: (r.time, order.get(r.collection, 1)))
    return head + out + tail


def lights_out(records: Iterable[Record]) -> float | None:
    """Return when a history's session started, seconds since 1970: its clock need not wait for the record that says so."""
    first: float | None = None
    for record in records:
        if record.collection == "race_control" and "SESSION STARTED" in str(record.data.get("message", "")).upper():
            return record.time
        if record.collection == "laps" and record.data.get("lap_number") == 1 and record.data.get("date_start"):
            first = record.time if first is None else min(first, record.time)
    return first


def _dicts(value: Iterable[Any] | None) -> Iterator[dict[str, Any]]:
    return (item for item in value or () if isinstance(item, dict))


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
