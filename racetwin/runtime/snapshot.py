"""Everything viewers need of one instant of a race, as one frozen value.

An engine publishes a new :class:`RaceSnapshot` after each frame; whoever shows the race reads the newest one and never
waits for the engine. Parts that did not change are the same objects as in the snapshot before, so ``is`` tells a viewer
cheaply what to draw again: ``new.laps is not old.laps``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from racetwin.schemas import (
    CarId,
    CarTelemetry,
    CarTwinState,
    Compound,
    DeskAnswer,
    Model,
    RaceEvent,
    Recommendation,
    TelemetryFrame,
    TrackStatus,
)

if TYPE_CHECKING:
    import pandas as pd

EVENTS_KEPT = 400
"""Events a snapshot carries, newest last; the journal has all of them."""


class RaceInfo(Model):
    """What race this is. ``speed`` is replay speed against real time (1 for a live feed, None: as fast as it goes).

    ``replay`` tells a race that was timed on another day from one that goes on now.
    """

    race_id: str
    event: str | None = None
    circuit_id: str | None = None
    circuit: str | None = None
    season: int | None = None
    session_type: str = "race"
    total_laps: int | None = None
    simulated: bool = False
    source: str = ""
    speed: float | None = 1.0
    replay: bool = False
    parameters_hash: str | None = None


class LapRow(Model):
    """One completed lap of one car: a row of the race trace. Times in seconds, ``tyre_age`` in laps."""

    lap: int
    car_id: CarId
    lap_time_s: float | None = None
    line_time_s: float
    gap_s: float | None = None
    interval_s: float | None = None
    laps_down: int = 0
    position: int | None = None
    compound: Compound | None = None
    tyre_age: float | None = None
    pit_in: bool = False
    pit_out: bool = False
    track_status: TrackStatus = TrackStatus.GREEN
    neutralised: bool = False

    @property
    def pit(self) -> bool:
        """Whether the car was in the pit lane at either end of this lap."""
        return self.pit_in or self.pit_out


class Counters(Model):
    """What went in and what came of it. ``frames_in == frames_processed`` while the engine keeps up."""

    frames_in: int = Field(default=0, description="frames the feeds handed over")
    frames_processed: int = Field(default=0, description="frames that are through: accepted, or refused and counted")
    frames_waiting: int = Field(default=0, description="frames held back until a missing one comes or is given up")
    frames_accepted: int = 0
    frames_rejected: int = 0
    rejected_by_kind: Mapping[str, int] = Field(default={}, description="refused input by what was wrong with it")
    duplicates: int = 0
    late: int = 0
    events: int = 0
    frames_per_s: float | None = None
    frame_age_s: float | None = Field(default=None, description="wall time since the newest frame came in")
    behind_s: float = Field(default=0.0, description="how late a replay's newest frame was by its own clock")
    ingest_ms: float | None = Field(default=None, description="median time of frame in -> twins updated")
    ingest_p99_ms: float | None = None
    subscribers: int = 0
    subscriber_drops: int = Field(default=0, description="updates a slow subscriber skipped for newer ones")


class DeskStatus(Model):
    """What the strategy desk is doing."""

    state: Literal["off", "idle", "running", "failed"] = "idle"
    car_id: str | None = Field(default=None, description="the car being evaluated")
    answers: int = 0
    superseded: int = Field(default=0, description="requests dropped because a newer state had come")
    cached: int = 0
    last_s: float | None = Field(default=None, description="compute time of the last answer")
    error: str | None = None


class JournalStatus(Model):
    """Whether what came in is safe on disk. ``degraded``: the disk refuses, frames are kept in memory until it works."""

    state: Literal["off", "ok", "degraded"] = "off"
    frames: int = 0
    pending: int = Field(default=0, description="accepted frames not committed yet")
    bytes: int = 0
    snapshots: int = 0
    error: str | None = None


class Alarm(Model):
    """Something an operator should look at, raised and cleared with hysteresis."""

    name: str
    level: Literal["warning", "critical"] = "warning"
    text: str
    since: float = Field(description="UNIX time at which it was raised")


class StageTimes(Model):
    """Latency of one stage over its newest passes, in milliseconds."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


class FeedAge(Model):
    """One feed: how long ago it last said anything, None before it has."""

    name: str
    state: str = Field(default="waiting", description="ok, silent, waiting, ended, standby, ...")
    age_s: float | None = None
    frames: int | None = None


class SystemHealth(Model):
    """How the engine itself is doing, read twice a second: what the system page shows.

    ``queues`` counts what waits (frames held back for a missing one, frames not committed yet, questions to the desk, updates
    that slow screens skipped); ``refused`` and ``feeds`` say what came in and how long ago; ``backend`` runs the races, and
    ``model`` is the state of the language model.
    """

    stages: Mapping[str, StageTimes] = {}
    queues: Mapping[str, int] = {}
    refused: Mapping[str, int] = {}
    feeds: tuple[FeedAge, ...] = ()
    memory_mib: float | None = None
    uptime_s: float | None = None
    backend: str | None = None
    threads: int | None = None
    model: str = "off"


class RaceSnapshot(Model):
    """One instant of a race: what viewers draw and the API answers with.

    ``version`` grows by one with each published snapshot of one ``run_id``. Mappings are keyed by ``car_id``. ``answers``
    and ``advice`` hold the followed cars only, each as of its newest answer (see ``answers[car].lap``).
    """

    run_id: str
    version: int = 0
    time_s: float = 0.0
    lap: int = Field(default=0, description="the leader's current lap")
    finished: bool = False
    info: RaceInfo
    frame: TelemetryFrame | None = None
    cars: Mapping[str, CarTwinState] = {}
    field: Mapping[str, Any] = Field(default={}, description="the FieldTwin's view, ready for JSON")
    events: tuple[RaceEvent, ...] = ()
    laps: tuple[LapRow, ...] = ()
    followed: tuple[str, ...] = ()
    answers: Mapping[str, DeskAnswer] = {}
    advice: Mapping[str, tuple[Recommendation, ...]] = {}
    counters: Counters = Counters()
    desk: DeskStatus = DeskStatus()
    journal: JournalStatus = JournalStatus()
    alarms: tuple[Alarm, ...] = ()
    health: SystemHealth = SystemHealth()

    @property
    def track_status(self) -> TrackStatus:
        """State of the track at this instant."""
        return self.frame.track.status if self.frame else TrackStatus.GREEN

    @property
    def order(self) -> tuple[CarTelemetry, ...]:
        """The cars of the frame in race order, those without a position last."""
        if self.frame is None:
            return ()
        return tuple(sorted(self.frame.cars, key=lambda c: (c.position is None, c.position or 0)))

    def car(self, car_id: str) -> CarTelemetry | None:
        """Return a car's telemetry in the newest frame, or None if it is not in it."""
        return next((c for c in self.frame.cars if c.car_id == car_id), None) if self.frame else None

    def lap_table(self) -> pd.DataFrame:
        """Return the laps so far, a row a car and lap, columns as in :class:`LapRow` (times in seconds)."""
        import pandas as pd

        return pd.DataFrame([r.model_dump(mode="json") for r in self.laps], columns=list(LapRow.model_fields))

    def __repr__(self) -> str:
        """Say which instant of which race; the contents are far too long."""
        total = f"/{self.info.total_laps}" if self.info.total_laps else ""
        return f"RaceSnapshot({self.info.race_id!r}, lap {self.lap}{total}, {self.time_s:.1f} s)"

    __str__ = __repr__
