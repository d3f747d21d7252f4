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

from racetwin.schemas import CarStatus, TrackStatus
from racetwin.telemetry.circuits import circuit_id, race_id
from racetwin.telemetry.f1_cars import F1Cars
from racetwin.telemetry.f1_samples import car_samples, channels, position_samples
from racetwin.telemetry.f1_track import LIVE_TIMING, RaceControlReader, weather
from racetwin.telemetry.f1_values import clock_seconds, integer, iso, items, text, utc_seconds
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
_TRACK_NAMES = {
    "AllClear": TrackStatus.GREEN,
    "Yellow": TrackStatus.YELLOW,
    "SCDeployed": TrackStatus.SC,
    "Red": TrackStatus.RED,
    "VSCDeployed": TrackStatus.VSC,
    "VSCEnding": TrackStatus.VSC_ENDING,
}
_SESSIONS = {"race": "race", "sprint": "sprint", "qualifying": "qualifying", "practice": "practice"}
_CAR_TOPICS = {
    "TimingData": F1Cars.timing_data,
    "TimingAppData": F1Cars.timing_app_data,
    "TyreStintSeries": F1Cars.tyre_stints,
    "PitLaneTimeCollection": F1Cars.pit_lane_times,
    "PitStop": F1Cars.pit_stop,
    "PitStopSeries": F1Cars.pit_stop_series,
    "DriverRaceInfo": F1Cars.driver_race_info,
}
"""Topics about cars alone."""
_MARKS = {"race": ("GapToLeader",), "qualifying": ("Stats", "KnockedOut"), "practice": ("TimeDiffToFastest",)}
"""What only the timing screen of a kind of session has."""
_BACK_S = 600.0
"""A step back of the feed's clock that only another session explains, s."""
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
        self.builder = FrameBuilder(source, hz, untold=CarStatus.GRID)
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
            "WeatherData": self._weather,
            "LapCount": self._lap_count,
            "TopThree": self._top_three,
            "ExtrapolatedClock": self._clock,
        }
        self._now = 0.0
        self._begin(started_at)
        self._kind_told = session_type is not None
        given = {"race_id": race_id, "session_type": session_type}
        self.builder.head(**{k: v for k, v in given.items() if v})

    def _begin(self, started_at: float | None = None) -> None:
        self._cars = F1Cars(self.builder)
        self._cars.started = started_at is not None
        self._said = RaceControlReader(LIVE_TIMING)
        self._started_at = started_at
        self._scheduled: float | None = None
        self._duration_s: float | None = None
        self._offset: float | None = None
        self._status = "Inactive"
        self._status_told = started_at is not None
        self._key: Any = None
        self._kind_told = False
        self._track_state: TrackStatus | None = None
        self._track_told = False

    # --- messages in, frames out ----------------------------------------------------------------------------------

    def feed(self, message: TopicMessage) -> Iterator[RawFrame]:
        """Take one message; yield the frames it makes due."""
        if not math.isfinite(message.time):
            return
        if message.time < self._now - _BACK_S and (message.time > _EPOCH) == (self._now > _EPOCH):
            yield from self.flush()
            self._begin()
            self.builder.restart()
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
        if not isinstance(message.payload, dict):
            return
        handler, on_cars = self._topics.get(message.topic), _CAR_TOPICS.get(message.topic)
        if on_cars is not None:
            if message.topic == "TimingData":
                if not self._kind_told:
                    self._kind_untold(message.payload)
                if self._started_at is None and not self._status_told:
                    self._start_untold(message.payload)
            self._moment()
            on_cars(self._cars, message.payload)
        elif handler is not None:
            handler(message.payload)
        else:
            name = message.topic[:60]
            if name in self.ignored or len(self.ignored) < 100:
                self.ignored[name] = self.ignored.get(name, 0) + 1

    def _moment(self) -> None:
        self._cars.now, self._cars.time_s = self._now, self.race_time(self._now)

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
        meeting = p.get("Meeting")
        key = p.get("Key")
        if key is None and isinstance(meeting, dict):  # seasons and recorders that leave it out
            key = [meeting.get("Name"), p.get("Name"), p.get("StartDate")]
        if self._key is not None and key not in (None, self._key):
            self._begin()
            self.builder.restart()
        if key is not None:
            self._key = key
        if not isinstance(meeting, dict):
            return
        start = text(p.get("StartDate"))
        season = integer(start[:4]) if start else None
        name = (text(p.get("Name")) or "").lower()
        kind = "sprint" if name == "sprint" else _SESSIONS.get(str(p.get("Type", "")).lower(), "test")
        if "day" in name and kind == "practice":
            kind = "test"
        self._kind_told = True
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

    def _session_status(self, p: dict[str, Any]) -> None:
        self._set_status(text(p.get("Status")), self._now)

    def _session_data(self, p: dict[str, Any]) -> None:
        for _, entry in items(p.get("StatusSeries")):
            if isinstance(entry, dict) and not self._track_told:
                # The same news as TrackStatus, for feeds and recordings without that topic.
                self._set_track(_TRACK_NAMES.get(str(entry.get("TrackStatus"))))
            if isinstance(entry, dict) and (status := text(entry.get("SessionStatus"))):
                at = utc_seconds(entry.get("Utc"))
                # On a session clock UTC cannot be placed yet; SessionStatus itself will come.
                if at is not None and self._offset is not None:
                    self._set_status(status, at - self._offset)

    def _set_status(self, status: str | None, at: float) -> None:
        if status is None:
            return
        self._status, self._status_told = status, True
        if status == "Started" and self._started_at is None:
            self._start(at)
        elif status in ("Finalised", "Ends") and self._started_at is not None:
            self._moment()
            self._cars.over()

    def _kind_untold(self, p: dict[str, Any]) -> None:
        """Tell what session it is where ``SessionInfo`` does not, by what only its timing screen has."""
        lines = [line for _, line in items(p.get("Lines")) if isinstance(line, dict)]
        for kind, marks in _MARKS.items():
            if any(mark in line for line in lines for mark in marks):
                self._kind_told = kind != "practice"  # a qualifying session has that, too, beside marks of its own
                self.builder.head(session_type=kind)
                return

    def _start_untold(self, p: dict[str, Any]) -> None:
        """Start the clock where no topic tells of the start: when cars are first timed, or as scheduled if that was long ago."""
        laps, timed = 0, False
        for _, line in items(p.get("Lines")):
            if isinstance(line, dict):
                laps = max(laps, integer(line.get("NumberOfLaps")) or 0)
                timed = timed or any(isinstance(s, dict) and s.get("Value") for _, s in items(line.get("Sectors")))
        if laps >= 2 and self._scheduled is not None and self._offset is not None:
            self._start(min(self._scheduled - self._offset, self._now))
        elif laps or timed:
            self._start(self._now)

    def _start(self, at: float) -> None:
        self._started_at = at
        self._moment()
        self._cars.start()

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
                self._start(utc - elapsed - (self._offset or 0.0))

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
        self._track_told = True
        self._set_track(_TRACK.get(str(p.get("Status"))))

    def _set_track(self, status: TrackStatus | None) -> None:
        if status is not None and status is not self._track_state:
            self._track_state = status
            self.builder.track(status=status, status_since_s=self.race_time(self._now))

    def _weather(self, p: dict[str, Any]) -> None:
        self.builder.track(**weather(p, LIVE_TIMING))

    def _race_control(self, p: dict[str, Any]) -> None:
        for _, m in items(p.get("Messages")):
            told = self._said.read(m)
            if told is not None:
                self.builder.message(**told)

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


def session_frames(messages: Iterable[TopicMessage], session: F1Session) -> Iterator[RawFrame]:
    """Yield the frames of a sequence of messages, a recording's for instance."""
    for message in messages:
        yield from session.feed(message)
    yield from session.flush()
