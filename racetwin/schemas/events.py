"""What happened, derived from frames once, by the ingestor; and what of the input was refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from racetwin.schemas.telemetry import TrackConditions, Tyre
from racetwin.schemas.words import CarId, LapNumber, Model, TrackStatus


class Event(Model):
    """Something that happened at ``time_s``; ``inferred`` where no source said so and the ingestor concluded it."""

    time_s: float
    inferred: bool = False


class LapCompleted(Event):
    """A car crossed the line: the row that lap-based models learn from. ``lap`` is the lap completed."""

    kind: Literal["lap_completed"] = "lap_completed"
    car_id: CarId
    lap: LapNumber
    lap_time_s: float | None
    line_time_s: float
    position: int | None
    gap_s: float | None
    interval_s: float | None
    laps_down: int = 0
    tyre: Tyre = Tyre()
    track_status: TrackStatus = TrackStatus.GREEN
    neutralised: bool = Field(default=False, description="SC, VSC or red at any time during the lap")
    pit_in: bool = False
    pit_out: bool = False
    sectors_s: tuple[float | None, float | None, float | None] | None = None


class PitEntered(Event):
    """A car left the track for the pit lane, on lap ``lap``."""

    kind: Literal["pit_entered"] = "pit_entered"
    car_id: CarId
    lap: LapNumber


class PitExited(Event):
    """A car is back on track; ``pit_lane_s`` is its time between the pit-lane lines, where known."""

    kind: Literal["pit_exited"] = "pit_exited"
    car_id: CarId
    lap: LapNumber
    pit_lane_s: float | None = None


class TyreChanged(Event):
    """A car carries another set than before."""

    kind: Literal["tyre_changed"] = "tyre_changed"
    car_id: CarId
    lap: LapNumber
    old: Tyre
    new: Tyre


class Overtake(Event):
    """``car_id`` took ``position`` from ``passed_car_id``; ``on_track`` is false where a stop or a retirement did it."""

    kind: Literal["overtake"] = "overtake"
    car_id: CarId
    passed_car_id: CarId
    position: int
    lap: LapNumber
    on_track: bool = True


class TrackStatusChanged(Event):
    """Race control changed the state of the track."""

    kind: Literal["track_status_changed"] = "track_status_changed"
    old: TrackStatus
    new: TrackStatus
    lap: LapNumber


class Retired(Event):
    """A car is out of the race."""

    kind: Literal["retired"] = "retired"
    car_id: CarId
    lap: LapNumber


class Finished(Event):
    """A car took the chequered flag in ``position``."""

    kind: Literal["finished"] = "finished"
    car_id: CarId
    position: int
    lap: LapNumber


class RaceControl(Event):
    """A message of race control, verbatim; ``late`` where it came when its time, ``time_s``, had passed."""

    kind: Literal["race_control"] = "race_control"
    message: str
    category: str | None = None
    flag: str | None = None
    car_id: CarId | None = None
    lap: LapNumber | None = None
    late: bool = False


class Weather(Event):
    """The weather readings changed."""

    kind: Literal["weather"] = "weather"
    track: TrackConditions


class FeedGap(Event):
    """A feed was silent from ``since_s`` to ``time_s``; what happened in between is unknown."""

    kind: Literal["feed_gap"] = "feed_gap"
    source: str
    since_s: float


RaceEvent = Annotated[
    LapCompleted
    | PitEntered
    | PitExited
    | TyreChanged
    | Overtake
    | TrackStatusChanged
    | Retired
    | Finished
    | RaceControl
    | Weather
    | FeedGap,
    Field(discriminator="kind"),
]


class Rejection(Model):
    """One refused piece of input: which field, what stood there, what was expected."""

    kind: str = Field(description="short name it is counted under, e.g. 'position.out_of_range'")
    field: str
    value: str
    expected: str
    source: str | None = None
    seq: int | None = None
    car_id: str | None = None
    time_s: float | None = None
