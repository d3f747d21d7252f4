"""One car as it is believed to be: what was seen of it, and what the filter makes of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from racetwin.schemas import (
    CarStatus,
    CarTelemetry,
    CarTwinState,
    Estimate,
    Finished,
    LapCompleted,
    PitEntered,
    PitExited,
    RaceEvent,
    Retired,
    TelemetryFrame,
    TrackStatus,
    Tyre,
    TyreChanged,
)
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.parameters import RaceParameters
from racetwin.telemetry.ingestor import TelemetryIngestor
from racetwin.twins.belief import HORIZON, Belief, car_state
from racetwin.twins.forecast import Forecast, Traffic, forecast
from racetwin.twins.hazard import StopContext
from racetwin.twins.lap_input import lap_input
from racetwin.twins.pace_filter import MEDIUM, PaceFilter
from racetwin.twins.pace_model import PaceModel
from racetwin.twins.sectors import lap_in_progress, learn_shares
from racetwin.twins.seed_schema import car_twin_document
from racetwin.twins.stop_context import alone
from racetwin.twins.tyres import SetBelief

UNKNOWN_AGE = 8.0
"""Age taken for a set whose age no source tells, in laps: the middle of a stint's first half."""
DEFAULT_SEASON = 2025
"""Season whose parameters are taken where nothing says which season it is."""

VIRTUAL = (TrackStatus.VSC, TrackStatus.VSC_ENDING)

_PLAIN = (
    "driver",
    "team",
    "grid",
    "laps",
    "position",
    "line_time_s",
    "gap_s",
    "interval_s",
    "road_gap_s",
    "laps_down",
    "age",
    "stops",
    "compounds_used",
    "last_lap_s",
    "best_lap_s",
    "since_neutralised",
    "in_pit_lap",
    "on_in_lap",
    "set_laps",
    "tyre_pending",
    "performance_delta_s",
    "in_lap_loss_s",
    "ahead_id",
    "behind_id",
    "gap_behind_s",
    "ahead_stopped",
    "behind_stopped",
    "red_lap",
    "sector_shares",
)


class CarTwin:
    """Digital twin of one car.

    Parameters
    ----------
    car_id
        Racing number.
    parameters
        Race-model parameters of the circuit and season; by default those of the first frame's circuit.
    pace
        The filter it shares with the rest of the field; by default one of its own.

    Examples
    --------
    >>> twin = CarTwin(car_id="44")
    >>> twin.state().lap
    0
    """

    def __init__(
        self, car_id: str = "44", parameters: RaceParameters | None = None, *, pace: PaceFilter | None = None
    ) -> None:
        self.car_id = car_id
        self.parameters = parameters or load_parameters(None, DEFAULT_SEASON)
        self.pace = pace or PaceFilter(PaceModel.of(self.parameters))
        self.index = self.pace.add(car_id)
        self.driver: str | None = None
        self.team: str | None = None
        self.grid: int | None = None
        self.status = CarStatus.GRID
        self.laps = 0
        self.position: int | None = None
        self.line_time_s: float | None = None
        self.gap_s: float | None = None
        self.interval_s: float | None = None
        self.road_gap_s: float | None = None
        self.laps_down = 0
        self.tyre = Tyre()
        self.age: float | None = None
        """Age of the set in racing laps: laps behind a safety car count for less than one."""
        self.stops = 0
        self.compounds_used = 0
        self.last_lap_s: float | None = None
        self.best_lap_s: float | None = None
        self.since_neutralised = 99
        self.in_pit_lap: int | None = None
        """Lap on which the car entered the pit lane, while it is there."""
        self.on_in_lap = False
        """Whether the last lap completed ended in the pit lane."""
        self.set_laps = 0
        self.tyre_pending = False
        """Whether the car has been to the pits and its new set is not known yet."""
        self.performance_delta_s: float | None = None
        self.telemetry: CarTelemetry | None = None
        self.track_status = TrackStatus.GREEN
        self.traffic = Traffic()
        self.in_lap_loss_s: float | None = None
        """What the in-lap just completed cost against the lap expected of it."""
        self.ahead_id: str | None = None
        self.behind_id: str | None = None
        self.gap_behind_s: float | None = None
        self.ahead_stopped = 0
        self.behind_stopped = 0
        """Laps at whose end the cars just ahead and just behind last stopped."""
        self.red_lap = 0
        """Lap that the car begins from the lane, where it has waited for the end of a red flag: on what set is free."""
        self.sector_shares: list[float] | None = None
        """Usual shares of the first two sectors in the car's lap."""
        self.surroundings: Callable[[CarTwin], StopContext] | None = None
        """How a race twin tells the car what its rivals do."""
        self._state: CarTwinState | None = None
        self._belief: Belief | None = None
        self._own_door: TelemetryIngestor | None = None

    # --- what is seen ------------------------------------------------------------------------------------------------

    def update_state(self, telemetry: TelemetryFrame | Mapping[str, Any] | bytes | str) -> None:
        """Take one telemetry frame, ours or of the original schema, as it comes; refused input changes nothing."""
        if self._own_door is None:
            self._own_door = TelemetryIngestor()
        ingested = self._own_door.process(telemetry)
        if ingested is not None:
            self.observe(ingested.frame, ingested.events)

    def observe(self, frame: TelemetryFrame, events: Iterable[RaceEvent] = ()) -> None:
        """Take a validated frame and the events derived from it; a twin by itself looks at its own car only."""
        self.track_status = frame.track.status
        for car in frame.cars:
            if car.car_id == self.car_id:
                self.see(car)
        for event in sorted(events, key=event_time):
            if isinstance(event, LapCompleted) and event.car_id == self.car_id:
                self.pace.start_lap(event.lap)
                if event.neutralised and event.lap > self.laps:
                    self.pace.slow_lap(event.lap, virtual=event.track_status in VIRTUAL)
            self.apply(event)

    def see(self, car: CarTelemetry) -> None:
        """Take the latest telemetry of the car; beliefs change by events only, whatever the frame rate."""
        first = self.telemetry is None
        if self.telemetry is not None and self.telemetry.sectors_s != car.sectors_s:
            self._state = None  # a sector more of the lap being driven; what is believed of the car stays
        self.telemetry = car
        if self.driver is None and car.driver is not None:
            self.driver, self._state = car.driver, None
        if self.team is None and car.team is not None:
            self.team, self._state = car.team, None
        if self.grid is None and car.grid_position is not None:
            self.grid = car.grid_position
        if self.laps == 0 and self.set_laps == 0 and (first or (car.lap or 0) <= 1):
            self._take_first(car)
            if first and car.lap is not None and car.lap > 1:
                self.join(car)

    def _take_first(self, car: CarTelemetry) -> None:
        """Before the first lap is complete: the tyres and the place the car starts with."""
        if car.tyre != self.tyre or car.position != self.position or car.status is not self.status:
            self.tyre, self.position, self._state = car.tyre, car.position, None
            self.age = car.tyre.age
            if self.status is CarStatus.GRID:
                self.status = car.status

    def join(self, car: CarTelemetry) -> None:
        """The race was under way when the car was first seen: what it did before is known only as far as the frame says."""
        self.laps = (car.lap or 1) - 1
        self.line_time_s = car.last_line_time_s
        self.gap_s, self.interval_s, self.laps_down = car.gap_s, car.interval_s, car.laps_down or 0
        self.last_lap_s, self.best_lap_s = car.last_lap_s, car.best_lap_s
        self.stops = car.stops or 0
        self._note_compound()
        self._state = None

    def apply(self, event: RaceEvent) -> None:
        """Take an event; those of other cars are passed over."""
        if getattr(event, "car_id", None) != self.car_id:
            return
        self._state = None
        if isinstance(event, LapCompleted):
            self.complete_lap(event)
            self.settle(Traffic(self.road_gap_s if self.road_gap_s is not None else math.inf))
        elif isinstance(event, TyreChanged):
            self.fit(event.new, red=self.track_status is TrackStatus.RED or self.red_lap == self.laps + 1)
            self.settle(Traffic())
        elif isinstance(event, PitEntered):
            self.status, self.in_pit_lap = CarStatus.PIT, event.lap
        elif isinstance(event, PitExited):
            self.in_pit_lap = None
            if self.status is CarStatus.PIT:
                self.status = CarStatus.TRACK
        elif isinstance(event, Retired):
            self.status, self.in_pit_lap = CarStatus.RETIRED, None
        elif isinstance(event, Finished):
            self.status, self.position = CarStatus.FINISHED, event.position

    def fit(self, tyre: Tyre, *, red: bool = False) -> None:
        """Another set of tyres is on the car; under a red flag that is no stop."""
        if not red:
            self.stops += 1
        self.tyre = tyre
        self.age = tyre.age if tyre.age is not None else 0.0
        self.set_laps = 0
        self.tyre_pending = False
        self._note_compound()
        self.pace.new_set(self.index, self.usual_wear_s)

    def _note_compound(self) -> None:
        if self.tyre.compound is not None:
            self.compounds_used |= 1 << self.tyre.compound.index

    def complete_lap(self, e: LapCompleted, *, road_gap_s: float | None = None) -> None:
        """Take a completed lap: the row the filter learns from.

        Parameters
        ----------
        e
            The lap.
        road_gap_s
            Time since any other car crossed the line, lapped or not; by default the interval to the car ahead.
        """
        expected_traffic = self.expected_traffic_s()
        self._tyre_of_lap(e)
        gap_before = self.road_gap_s
        gap = road_gap_s if road_gap_s is not None else e.interval_s
        self.road_gap_s = gap if gap is not None and math.isfinite(gap) else None
        self.in_lap_loss_s = None
        if e.pit_in and e.lap_time_s is not None:
            usual, _ = self.pace.ahead(self.index, e.lap - 1, self.compound, self.racing_age - 1.0, 1)
            self.in_lap_loss_s = e.lap_time_s - float(usual[0])
        self.pace.car_lap(self.index)
        self.since_neutralised = 0 if e.neutralised else self.since_neutralised + 1
        self.performance_delta_s = None
        told = lap_input(self, e, gap_before, expected_traffic)
        if e.lap_time_s is not None and told is not None:
            self.performance_delta_s = self.pace.learn(self.index, e.lap_time_s, told)
            self.sector_shares = learn_shares(self.sector_shares, e.sectors_s, e.lap_time_s)
        self.laps, self.line_time_s = e.lap, e.line_time_s
        self.position = e.position if e.position is not None else self.position
        self.gap_s, self.interval_s, self.laps_down = e.gap_s, e.interval_s, e.laps_down
        self.last_lap_s = e.lap_time_s
        if e.lap_time_s is not None and (self.best_lap_s is None or e.lap_time_s < self.best_lap_s):
            self.best_lap_s = e.lap_time_s
        self.on_in_lap = e.pit_in
        if e.pit_in:
            self.tyre_pending = True
        if self.status is CarStatus.GRID:
            self.status = CarStatus.TRACK

    def _tyre_of_lap(self, e: LapCompleted) -> None:
        """Age the set by the lap, and notice a change that no event told of."""
        old, new = self.tyre, e.tyre
        if self.set_laps == 0 and self.laps == 0 and old.compound is None:
            self.tyre, self.age = new, (max(0.0, new.age - 1.0) if new.age is not None else None)
        changed = old.compound is not None and new.compound is not None and new.compound is not old.compound
        younger = old.age is not None and new.age is not None and new.age < old.age
        if self.set_laps > 0 and (changed or younger or (self.tyre_pending and e.pit_out)):
            told = new.model_copy(update={"age": max(0.0, new.age - 1.0)}) if new.age is not None else new
            self.fit(told, red=self.red_lap == e.lap)
        self.set_laps += 1
        factor = 1.0
        if e.neutralised:
            virtual = e.track_status in VIRTUAL
            factor = self.parameters.age_factor_vsc if virtual else self.parameters.age_factor_sc
        self.age = (self.age if self.age is not None else UNKNOWN_AGE) + factor
        if new.compound is not None or new.age is not None:
            self.tyre = new
        self._note_compound()

    def expected_traffic_s(self) -> float:
        """What traffic was expected to add to the lap now being driven, in seconds."""
        return float(self._belief.forecast.traffic_s[0]) if self._belief is not None else 0.0

    def settle(self, traffic: Traffic) -> None:
        """Draw the conclusions of the last event: what is believed and forecast until the next one, whoever asks and when."""
        self.traffic = traffic
        self._belief = self._conclude()
        self._state = None

    def _conclude(self) -> Belief:
        f = self.pace
        return Belief(
            f.pace(self.index),
            SetBelief.of(f, self.index, self.compound, self.racing_age),
            forecast(f, self.index, self.laps, self.compound, self.racing_age, HORIZON, self.traffic),
        )

    # --- what is believed --------------------------------------------------------------------------------------------

    @property
    def compound(self) -> int:
        """Index of the compound on the car; -1 where unknown."""
        return self.tyre.compound.index if self.tyre.compound is not None else -1

    @property
    def racing_age(self) -> float:
        """Age of the set in racing laps; a typical one where no source tells."""
        return self.age if self.age is not None else UNKNOWN_AGE

    @property
    def usual_wear_s(self) -> float:
        """What the car's team wears mediums beyond the field, in seconds a lap per lap of age."""
        return self.parameters.live.wear_of(self.team) * self.pace.model.wear_s[MEDIUM]

    @property
    def running(self) -> bool:
        """Whether the car is still in the race."""
        return self.status is not CarStatus.RETIRED

    @property
    def belief(self) -> Belief:
        """What was believed when the car last crossed the line or changed tyres."""
        return self._belief if self._belief is not None else self._conclude()

    def forecast(self) -> Forecast:
        """Forecast of the next laps if the car stays out and the track is green, as of its last completed lap."""
        return self.belief.forecast

    def current_lap(self) -> Estimate | None:
        """The lap being driven, from its sectors so far (seconds); None before the first sector, in the pits, behind an SC."""
        seen = self.telemetry
        if seen is None or self.status is not CarStatus.TRACK or self.track_status.is_neutralised or self.on_in_lap:
            return None
        f = self.forecast()
        return lap_in_progress(float(f.median_s[0]), float(f.sd_s[0]), self.sector_shares, seen.sectors_s, f.shape)

    def context(self) -> StopContext:
        """What the decision to stop depends on, as far as the car alone tells."""
        return self.surroundings(self) if self.surroundings is not None else alone(self)

    def invalidate(self) -> None:
        """What surrounds the car has changed: work its state out anew when asked."""
        self._state = None

    @property
    def changed(self) -> bool:
        """Whether something has happened since :meth:`state` was last asked for."""
        return self._state is None

    def state(self) -> CarTwinState:
        """Return what is known and believed, as of the last completed lap, and of the lap being driven its sectors."""
        if self._state is None:
            self._state = car_state(self)
        return self._state

    def get_state(self) -> dict[str, Any]:
        """Return the state in the original CarTwin schema: current_state, predictions, strategy_metrics."""
        return car_twin_document(self)

    # --- snapshot ----------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Everything of the car but the filter, as JSON-able values."""
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "status": self.status.value,
            "tyre": self.tyre.model_dump(mode="json"),
            "traffic": self.traffic.snapshot(),
            "belief": self._belief.snapshot() if self._belief is not None else None,
        }

    def take_up(self, saved: Mapping[str, Any]) -> None:
        """Go on from where :meth:`snapshot` left it."""
        for name in _PLAIN:
            setattr(self, name, saved.get(name, getattr(self, name)))
        self.status = CarStatus(saved["status"])
        self.tyre = Tyre.model_validate(saved["tyre"])
        self.traffic = Traffic.restore(saved["traffic"])
        self._belief = Belief.restore(saved["belief"], self.pace.model.shape) if saved["belief"] is not None else None
        self.invalidate()


def event_time(event: RaceEvent) -> float:
    """When an event counts: a lap at its line crossing, all else at its time."""
    return event.line_time_s if isinstance(event, LapCompleted) else event.time_s
