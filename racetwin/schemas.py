"""The language all parts of racetwin speak.

Everything that passes from one layer to the next is defined here: the telemetry frame, the events derived from it, what the
twins say, ranked pit plans and recommendations. Models are frozen: a value that has been handed on does not change.

Units, everywhere: seconds, metres, kilograms, degrees Celsius, km/h for speed. Laps count from 1. ``time_s`` is race time,
seconds since lights out (negative on the grid). ``car_id`` is the racing number as a string, ``driver`` the three-letter code.
A value that the source does not carry is ``None``; nothing is invented.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

FRAME_VERSION: Literal["racetwin/1"] = "racetwin/1"
"""Version field of :class:`TelemetryFrame`; tells our frame from the original telemetry schema, which has none."""

MAX_CARS = 24
"""Most cars a race can have: the entry limit of the sporting regulations rounded up to what feeds carry (EA format 2026)."""


class Compound(StrEnum):
    """Tyre compound as the broadcast names it."""

    SOFT = "SOFT"
    MEDIUM = "MEDIUM"
    HARD = "HARD"
    INTERMEDIATE = "INTERMEDIATE"
    WET = "WET"

    @property
    def index(self) -> int:  # type: ignore[override]  # nobody looks for a substring in a compound
        """Position in ``SOFT, MEDIUM, HARD, INTERMEDIATE, WET``: how arrays name a compound."""
        return COMPOUNDS.index(self)

    @property
    def letter(self) -> str:
        """``S``, ``M``, ``H``, ``I`` or ``W``."""
        return self.value[0]

    @property
    def is_slick(self) -> bool:
        """Whether it is one of the three dry compounds."""
        return self in COMPOUNDS[:3]


COMPOUNDS: tuple[Compound, ...] = tuple(Compound)


class TrackStatus(StrEnum):
    """State of the track, as race control declares it."""

    GREEN = "GREEN"
    YELLOW = "YELLOW"
    SC = "SC"
    VSC = "VSC"
    VSC_ENDING = "VSC_ENDING"
    RED = "RED"

    @property
    def is_neutralised(self) -> bool:
        """Whether overtaking is forbidden and the field is slowed."""
        return self in (TrackStatus.SC, TrackStatus.VSC, TrackStatus.VSC_ENDING, TrackStatus.RED)


class CarStatus(StrEnum):
    """Where a car is in its race."""

    GRID = "GRID"
    TRACK = "TRACK"
    PIT = "PIT"
    RETIRED = "RETIRED"
    FINISHED = "FINISHED"


class Priority(StrEnum):
    """How soon a recommendation must be acted on."""

    URGENT = "urgent"
    MODERATE = "moderate"
    OPTIONAL = "optional"


class Model(BaseModel):
    """Frozen base of every model; an unknown field is an error, so a misspelt one cannot pass unseen."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


CarId = Annotated[str, Field(pattern=r"^\d{1,3}$", description="racing number, as a string")]
LapNumber = Annotated[int, Field(ge=0, le=200)]


# --- telemetry ------------------------------------------------------------------------------------------------------


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
    """A message of race control as a feed carries it, verbatim; ``utc`` is when race control timed it."""

    message: str
    category: str | None = None
    flag: str | None = None
    scope: str | None = None
    sector: int | None = None
    car_id: CarId | None = None
    lap: LapNumber | None = None
    utc: str | None = None


class TrackConditions(Model):
    """Track status and weather; temperatures in degrees Celsius, wind in m/s and degrees."""

    status: TrackStatus = TrackStatus.GREEN
    status_since_s: float | None = Field(default=None, description="race time at which the status was declared")
    weather: str | None = Field(default=None, description="as the source words it: dry, light rain, ...")
    rainfall: bool | None = None
    air_temperature_c: float | None = None
    track_temperature_c: float | None = None
    wind_speed_ms: float | None = None
    wind_direction_deg: float | None = None
    humidity_pct: float | None = None


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
    gap_s: float | None = None
    interval_s: float | None = None
    laps_down: Annotated[int, Field(ge=0)] | None = None
    last_lap_s: Annotated[float, Field(gt=0)] | None = None
    best_lap_s: Annotated[float, Field(gt=0)] | None = None
    last_line_time_s: float | None = None
    sectors_s: tuple[float | None, float | None, float | None] | None = None
    tyre: Tyre = Tyre()
    stops: Annotated[int, Field(ge=0)] | None = None
    pit_lane_s: float | None = Field(default=None, description="time in the pit lane of the last visit")
    pit_in_time_s: float | None = Field(default=None, description="race time of last entering the pit lane")
    pit_out_time_s: float | None = Field(default=None, description="race time of last leaving the pit lane")
    fuel_kg: Annotated[float, Field(ge=0, le=120)] | None = None
    speed_kmh: Annotated[float, Field(ge=0, le=450)] | None = None
    rpm: Annotated[float, Field(ge=0, le=20000)] | None = None
    gear: Annotated[int, Field(ge=-1, le=9)] | None = None
    throttle: Annotated[float, Field(ge=0, le=1)] | None = None
    brake: Annotated[float, Field(ge=0, le=1)] | None = None
    drs: bool | None = None
    x_m: float | None = None
    y_m: float | None = None
    z_m: float | None = None
    sampled_s: float | None = Field(
        default=None,
        description="race time at which speed ... z were sampled, where the feed carries it; else the frame's",
    )
    pit_stationary_s: float | None = Field(default=None, description="stationary time of the last stop, as timed")
    overtake_mode: bool | None = Field(default=None, description="the extra electric power of the 2026 rules is in use")
    active_aero: bool | None = Field(default=None, description="wings in straight-line mode (2026 rules)")
    ers_store_j: Annotated[float, Field(ge=0)] | None = Field(default=None, description="energy in the battery, joules")
    tyre_sets: tuple[TyreSet, ...] | None = Field(default=None, description="sets in hand, where a source lists them")


class TelemetryFrame(Model):
    """Everything known of a session at one instant: what a feed hands to the ingestor, and the ingestor to the twins.

    ``seq`` counts frames of one source from 0 without gaps. ``lap`` is the leader's current lap. ``simulated`` says that the
    race was drawn from a model and not timed on a track; whoever shows the frame must show that too. ``messages`` are those of
    race control since the source's previous frame; ``utc`` is the source's wall-clock time (ISO 8601) where it has one.
    """

    version: Literal["racetwin/1"] = FRAME_VERSION
    source: str
    seq: Annotated[int, Field(ge=0)]
    time_s: float
    race_id: str
    circuit_id: str | None = None
    season: int | None = None
    session_type: Literal["race", "sprint", "qualifying", "practice", "test"] = "race"
    simulated: bool = False
    lap: LapNumber
    total_laps: LapNumber | None = None
    track: TrackConditions = TrackConditions()
    messages: tuple[RaceControlMessage, ...] = ()
    utc: str | None = None
    cars: Annotated[tuple[CarTelemetry, ...], Field(min_length=1, max_length=MAX_CARS)]


# --- events: derived once, by the ingestor ----------------------------------------------------------------------------


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
    """A message of race control, verbatim."""

    kind: Literal["race_control"] = "race_control"
    message: str
    category: str | None = None
    flag: str | None = None
    car_id: CarId | None = None
    lap: LapNumber | None = None


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


# --- twins: what the cars are believed to be --------------------------------------------------------------------------


class Estimate(Model):
    """A number with its uncertainty: mean and the ends of the central 90 % interval."""

    mean: float
    low: float
    high: float


class CarTwinState(Model):
    """What is known and believed of one car after its last completed lap.

    ``pace_s`` is lap time on fresh mediums with no fuel aboard, minus the field's reference; ``wear_s_per_lap`` the extra time
    each further lap on this set costs; ``next_laps_s`` the forecast of the coming laps if the car stays out.
    """

    car_id: CarId
    driver: str | None
    team: str | None
    status: CarStatus
    lap: LapNumber = Field(description="laps completed")
    position: int | None
    gap_s: float | None
    interval_s: float | None
    laps_down: int = 0
    tyre: Tyre
    stops: int
    last_lap_s: float | None
    best_lap_s: float | None
    fuel_kg: Estimate
    pace_s: Estimate
    wear_s_per_lap: Estimate
    next_laps_s: tuple[Estimate, ...] = ()
    tyre_life_laps: Estimate | None = None
    pit_window: tuple[int, int] | None = Field(default=None, description="first and last sensible lap of the next stop")
    performance_delta_s: float | None = Field(default=None, description="last lap minus what was expected of it")
    stop_probability_next_lap: float | None = None
    stop_probability_next_5: float | None = None


# --- decisions --------------------------------------------------------------------------------------------------------


class PlannedStop(Model):
    """Box at the end of lap ``lap`` for ``compound``; ``age`` is the set's age in laps when fitted."""

    lap: Annotated[int, Field(ge=1, le=200)]
    compound: Compound
    age: Annotated[float, Field(ge=0, le=60)] = 0.0


class RankedPlan(Model):
    """One candidate pit plan of a car with its simulated outcome.

    ``position_probability[i]`` is the probability of finishing in position ``i + 1``, retirements counted in the place they
    are classified in. ``standard_error`` is that of ``expected_points``; ``delta_points`` is expected points minus those of the
    best plan on the same races, with its own standard error ``delta_standard_error``; ``too_close`` says that the data do not
    tell it from the best. Where the objective is not expected points, ``utility`` is what was maximised, and ``delta_utility``
    and ``too_close`` are by it.
    """

    plan: str = Field(description="as spoken, e.g. 'L24 HARD' or 'L18 MEDIUM, L39 HARD'; 'no stop' for none")
    stops: tuple[PlannedStop, ...]
    rank: int
    expected_position: float
    expected_points: float
    p_win: float
    p_podium: float
    p_points: float
    mean_race_time_s: float | None = Field(description="over the races the car finished")
    standard_error: float
    delta_points: float = 0.0
    delta_standard_error: float = 0.0
    too_close: bool = False
    n_races: int
    seed: int
    position_probability: tuple[float, ...]
    utility: float | None = Field(default=None, description="mean of the objective; higher is better")
    delta_utility: float = 0.0
    delta_utility_standard_error: float = 0.0


class Rejoin(Model):
    """Where a car comes out if it boxes at the end of lap ``lap``, and how sure that is.

    ``position_probability`` maps a position to its probability. ``car_ahead``/``car_behind`` are the likeliest neighbours
    at pit exit, with the mean gaps to them in seconds (positive).
    """

    car_id: CarId
    lap: int
    track_status: TrackStatus
    position: int
    probability: float
    position_probability: dict[int, float]
    car_ahead: CarId | None
    gap_ahead_s: float | None
    car_behind: CarId | None
    gap_behind_s: float | None
    pit_loss_s: Estimate


class Receipt(Model):
    """What is needed to compute a result again, bit for bit."""

    seed: int
    n_races: int
    backend: str
    parameters_hash: str
    state_hash: str
    code_version: str


class Comparison(Model):
    """Plan ``a`` over plan ``b`` on the same races: mean difference of the objective with its standard error."""

    a: str
    b: str
    difference: float
    standard_error: float
    unit: str = "points"
    too_close: bool = Field(default=False, description="the difference is within two standard errors of nothing")


class Sensitivity(Model):
    """What a change in the race would do to the ranking: the best plan then, and what it would gain over today's best."""

    lever: str
    best: str
    gain: Comparison = Field(
        description="the best plan under the lever over the plan that is best without it, under the lever"
    )
    changes_best: bool = Field(description="another plan would be best, beyond the noise")


class DeskAnswer(Model):
    """What the strategy desk says of one car at one moment: the ranked plans, best first, and what they rest on."""

    race_id: str
    car_id: CarId
    lap: int = Field(description="laps completed by the leader when the state was taken")
    time_s: float
    objective: str
    plans: tuple[RankedPlan, ...]
    box_now: Rejoin | None
    receipt: Receipt
    waiting: Comparison | None = Field(
        default=None, description="the value of waiting: the best plan that stays out this lap over the best that boxes"
    )
    sensitivity: tuple[Sensitivity, ...] = ()
    candidate_races: int | None = Field(default=None, description="races times plans simulated for this answer")
    partial: bool = Field(default=False, description="the deadline came before the search was done")
    elapsed_s: float | None = Field(
        default=None, description="compute time; not part of the answer, so None when comparing"
    )


class PlanChange(Model):
    """What a lever does to one plan: mean change of the objective, race by race, with its standard error."""

    plan: str
    before: float
    after: float
    change: float
    standard_error: float


class WhatIf(Model):
    """The same question asked of a race with one thing changed, on the same random numbers."""

    lever: str
    before: DeskAnswer
    after: DeskAnswer
    changes: tuple[PlanChange, ...] = Field(description="plans run under both, in the order of the answer after")


class TeamPlan(Model):
    """A pair of plans for the two cars of a team, best first by the points of both together."""

    rank: int
    plans: tuple[str, str]
    stops: tuple[tuple[PlannedStop, ...], tuple[PlannedStop, ...]]
    expected_points: float
    standard_error: float
    each: tuple[float, float] = Field(description="expected points of either car")
    delta_points: float = 0.0
    delta_standard_error: float = 0.0
    too_close: bool = False
    double_stack: bool = Field(default=False, description="both cars box on the same lap")


class TeamAnswer(Model):
    """Pairs of plans for both cars of a team."""

    race_id: str
    car_ids: tuple[CarId, CarId]
    team: str
    lap: int
    plans: tuple[TeamPlan, ...]
    receipt: Receipt


class ResponseRound(Model):
    """One round of answering each other: our best plan against what rivals planned, then theirs against ours."""

    plan: str
    expected_points: float
    rivals: dict[CarId, str]


class BestResponse(Model):
    """Where answering each other ends: ``settled`` where the last round changed nothing."""

    answer: DeskAnswer
    rounds: tuple[ResponseRound, ...]
    settled: bool


class Fact(Model):
    """One numbered statement that advice may rest on."""

    id: int
    name: str
    value: float | int | str | bool
    unit: str = ""
    low: float | None = None
    high: float | None = None
    source: str
    text: str = Field(description="the fact as a sentence")


class Alternative(Model):
    """What else could be done, and how likely it is to be the better choice."""

    plan: str
    probability_better: float | None = None
    text: str


class Sentence(Model):
    """One sentence of advice and the numbers of the facts that it rests on; ``part`` is the field that it stands in."""

    part: Literal["title", "description", "expected_benefit", "reasoning", "risks", "alternatives"]
    text: str
    facts: tuple[int, ...] = ()


class Checked(Model):
    """What the checker of claims found in a shown text: ``supported`` of its ``claims`` claims are its facts'."""

    claims: Annotated[int, Field(ge=0)]
    supported: Annotated[int, Field(ge=0)]
    refused: int = Field(default=0, description="claims of a model's wording that was not shown")

    @property
    def share(self) -> float:
        """Share of claims that are supported; 1 for a text that claims nothing."""
        return 1.0 if not self.claims else self.supported / self.claims


class AdviceLife(Model):
    """What became of a piece of advice since it was first given.

    ``call`` is what it comes down to, so that two equal calls read the same: ``'L24 HARD'``, ``'no stop'``, a rival's number.
    ``contender`` is another call that the newest answer preferred beyond noise, not yet often enough to change the call.
    """

    state: Literal["new", "confirmed", "changed", "withdrawn"] = "new"
    reason: str = Field(default="", description="why it changed or was withdrawn, or what keeps it")
    call: str = ""
    since_lap: LapNumber = Field(default=0, description="laps completed by the leader when it was first given")
    changed_lap: LapNumber = Field(default=0, description="... and when it last changed")
    revision: Annotated[int, Field(ge=0)] = 0
    handling: Literal["open", "accepted", "rejected"] = "open"
    pinned: bool = Field(default=False, description="stays as it is, whatever the desk says, until it cannot be done")
    by: str | None = Field(default=None, description="who accepted, rejected or pinned it")
    contender: str | None = None
    contender_lap: LapNumber | None = None
    rejected: tuple[str, ...] = Field(default=(), description="calls that the strategist has turned down")


class Recommendation(Model):
    """One piece of advice to the engineer of ``car_id``; the field names of the original system are kept."""

    id: str
    car_id: CarId
    lap: int
    priority: Priority
    title: str
    description: str
    expected_benefit: str
    reasoning: str
    execution_lap: int | None
    risks: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    facts: tuple[Fact, ...] = ()
    wording: Literal["rules", "model"] = "rules"
    expected_benefit_points: float | None = None
    expected_benefit_standard_error: float | None = None
    kind: str = Field(default="", description="what it is about: stop, cover, traffic, tyres, rain")
    sentences: tuple[Sentence, ...] = Field(default=(), description="its sentences with the facts behind each")
    checked: Checked | None = Field(default=None, description="the checker's verdict on what is shown")
    life: AdviceLife | None = Field(default=None, description="None where nothing was said before")
