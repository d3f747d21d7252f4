"""The telemetry frame: all cars and the track at one instant."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from racetwin.schemas.words import (
    MAX_CARS,
    CarId,
    CarStatus,
    Compound,
    LapNumber,
    Model,
    Reading,
    Seconds,
    TrackStatus,
)

FRAME_VERSION: Literal["racetwin/1"] = "racetwin/1"
"""Version field of :class:`TelemetryFrame`; tells our frame from the original telemetry schema, which has none."""


class Tyre(Model):
    """The set on a car: ``age`` in laps including laps before this race, ``wear`` in 0..1 where a source measures it."""

    compound: Compound | None = None
    age: Annotated[float, Field(ge=0, le=120)] | None = None
    fresh: bool | None = None
    pirelli: str | None = Field(default=None, description="C-code (C1..C6), where known")
    wear: Annotated[float, Field(ge=0, le=1)] | None = None


class TyreSet(Model):
    """One set of tyres allotted to a car, where a source lists them; ``usable_laps`` as the source estimates it."""

    compound: Compound | None = None
    pirelli: str | None = None
    wear: Annotated[float, Field(ge=0, le=1)] | None = None
    usable_laps: Annotated[int, Field(ge=0, le=255)] | None = None
    available: bool = True
    fitted: bool = False


class RaceControlMessage(Model):
    """A message of race control as a feed carries it, verbatim; ``utc`` is when race control timed it.

    ``told_s`` is the race time of the frame that brought it, where that came late and a later frame hands it on.
    """

    message: str
    category: str | None = None
    flag: str | None = None
    scope: str | None = None
    sector: Annotated[int, Field(ge=0, le=255)] | None = None
    car_id: CarId | None = None
    lap: LapNumber | None = None
    utc: str | None = None
    told_s: Seconds | None = None


class TrackConditions(Model):
    """Track status and weather; temperatures in degrees Celsius, wind in m/s and degrees."""

    status: TrackStatus = TrackStatus.GREEN
    status_since_s: Seconds | None = Field(default=None, description="race time at which the status was declared")
    weather: str | None = Field(default=None, description="as the source words it: dry, light rain, ...")
    rainfall: bool | None = None
    air_temperature_c: Reading | None = None
    track_temperature_c: Reading | None = None
    wind_speed_ms: Reading | None = None
    wind_direction_deg: Reading | None = None
    humidity_pct: Reading | None = None


class CarTelemetry(Model):
    """One car at the frame's instant.

    ``lap`` is the lap being driven (laps completed + 1), ``lap_fraction`` the share of it covered, ``last_line_time_s`` the
    race time at which the car last crossed the line. ``gap_s`` is to the leader and ``interval_s`` to the car ahead, both as
    time; a lapped car also carries ``laps_down``.
    """

    car_id: CarId
    driver: str | None = None
    team: str | None = None
    status: CarStatus = CarStatus.TRACK
    position: Annotated[int, Field(ge=1, le=MAX_CARS)] | None = None
    grid_position: Annotated[int, Field(ge=1, le=MAX_CARS)] | None = None
    lap: LapNumber | None = None
    lap_fraction: Annotated[float, Field(ge=0, le=1)] | None = None
    gap_s: Seconds | None = None
    interval_s: Seconds | None = None
    laps_down: Annotated[int, Field(ge=0, le=200)] | None = None
    last_lap_s: Annotated[float, Field(gt=0, le=86_400)] | None = None
    best_lap_s: Annotated[float, Field(gt=0, le=86_400)] | None = None
    last_line_time_s: Seconds | None = None
    sectors_s: tuple[Seconds | None, Seconds | None, Seconds | None] | None = None
    tyre: Tyre = Tyre()
    stops: Annotated[int, Field(ge=0, le=200)] | None = None
    pit_lane_s: Seconds | None = Field(default=None, description="time in the pit lane of the last visit")
    pit_in_time_s: Seconds | None = Field(default=None, description="race time of last entering the pit lane")
    pit_out_time_s: Seconds | None = Field(default=None, description="race time of last leaving the pit lane")
    fuel_kg: Annotated[float, Field(ge=0, le=120)] | None = None
    speed_kmh: Annotated[float, Field(ge=0, le=450)] | None = None
    rpm: Annotated[float, Field(ge=0, le=20000)] | None = None
    gear: Annotated[int, Field(ge=-1, le=9)] | None = None
    throttle: Annotated[float, Field(ge=0, le=1)] | None = None
    brake: Annotated[float, Field(ge=0, le=1)] | None = None
    drs: bool | None = None
    x_m: Reading | None = None
    y_m: Reading | None = None
    z_m: Reading | None = None
    sampled_s: Seconds | None = Field(
        default=None,
        description="race time at which speed ... z were sampled, where the feed carries it; else the frame's",
    )
    pit_stationary_s: Seconds | None = Field(default=None, description="stationary time of the last stop, as timed")
    overtake_mode: bool | None = Field(default=None, description="the extra electric power of the 2026 rules is in use")
    active_aero: bool | None = Field(default=None, description="wings in straight-line mode (2026 rules)")
    ers_store_j: Annotated[float, Field(ge=0, le=1e9)] | None = Field(
        default=None, description="energy in the battery, joules"
    )
    tyre_sets: tuple[TyreSet, ...] | None = Field(default=None, description="sets in hand, where a source lists them")


class TelemetryFrame(Model):
    """Everything known of a session at one instant: what a feed hands to the ingestor, and the ingestor to the twins.

    ``seq`` counts frames of one source from 0 without gaps. ``lap`` is the leader's current lap. ``simulated`` says that the
    race was drawn from a model and not timed on a track; whoever shows the frame must show that too. ``messages`` are those of
    race control since the source's previous frame; ``utc`` is the source's wall-clock time (ISO 8601) where it has one.
    """

    version: Literal["racetwin/1"] = FRAME_VERSION
    source: str
    seq: Annotated[int, Field(ge=0, lt=2**63)]
    time_s: Seconds
    race_id: str
    circuit_id: str | None = None
    season: Annotated[int, Field(ge=1950, le=2200)] | None = None
    session_type: Literal["race", "sprint", "qualifying", "practice", "test"] = "race"
    simulated: bool = False
    lap: LapNumber
    total_laps: LapNumber | None = None
    track: TrackConditions = TrackConditions()
    messages: tuple[RaceControlMessage, ...] = ()
    utc: str | None = None
    cars: Annotated[tuple[CarTelemetry, ...], Field(min_length=1, max_length=MAX_CARS)]
