"""The whole race as it is believed to be: all cars, the track, and where everyone is."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from racetwin.errors import DataError
from racetwin.schemas import (
    CarStatus,
    LapCompleted,
    PitEntered,
    RaceEvent,
    TelemetryFrame,
    TrackStatus,
    TrackStatusChanged,
    Weather,
)
from racetwin.simulation.form import Form, load_form
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.parameters import RaceParameters, for_race
from racetwin.twins.car_twin import DEFAULT_SEASON, VIRTUAL, CarTwin, event_time
from racetwin.twins.coming import SlowLap
from racetwin.twins.field import Field
from racetwin.twins.forecast import Traffic
from racetwin.twins.hazard import StopContext, stop_hazard
from racetwin.twins.losses import StopLosses
from racetwin.twins.pace_filter import PaceFilter
from racetwin.twins.pace_model import PaceModel
from racetwin.twins.road import LapNote, surroundings
from racetwin.twins.stop_context import in_race
from racetwin.twins.stops_today import StopsToday
from racetwin.twins.synchronous import race_state
from racetwin.twins.wetness import on_wets, wetness

if TYPE_CHECKING:
    from racetwin.simulation.state import RaceState

SNAPSHOT_VERSION = 1


class Frames(Protocol):
    """What the ingestor hands on: a frame and the events derived from it."""

    @property
    def frame(self) -> TelemetryFrame:
        """The frame."""

    @property
    def events(self) -> tuple[RaceEvent, ...]:
        """What it brought that is new."""


class RaceTwin:
    """Twin of a whole race: a :class:`CarTwin` per car on one shared filter, the field, the track.

    Beliefs change by events only, so the state after a lap does not depend on how many frames were seen in between.

    Parameters
    ----------
    race_id
        Taken from the first frame where empty.
    parameters
        Race-model parameters; by default those of the first frame's circuit and season in the file.
    form
        What is known of the cars before the race; by default what the file knows.
    file
        Parameter file; by default the one in use (:func:`racetwin.simulation.parameter_file.file_in_use`).

    Examples
    --------
    >>> twin = RaceTwin(race_id="2024-12-great-britain")
    >>> twin.leader_laps
    0
    """

    def __init__(
        self,
        race_id: str = "",
        parameters: RaceParameters | None = None,
        form: Form | None = None,
        *,
        file: Path | str | None = None,
    ) -> None:
        self.race_id = race_id
        self.circuit_id: str | None = parameters.circuit_id if parameters else None
        self.season = parameters.season if parameters else DEFAULT_SEASON
        self.total_laps = 0
        self.simulated = False
        self.frame: TelemetryFrame | None = None
        self.cars: dict[str, CarTwin] = {}
        self.history: list[LapNote] = []
        self.leader_laps = 0
        self.track_status = TrackStatus.GREEN
        self.status_since_lap = 0
        self.rainfall: bool | None = None
        self.field = Field(self)
        self._given = parameters
        self._form = form
        self._file = file
        self.form = form or Form()
        self._begun = False
        self._first_line: dict[int, float] = {}
        self._crossed: tuple[float, str] | None = None
        self.slow_lap = SlowLap()
        self._status_of_stop: dict[str, str] = {}
        self.stop_losses = StopLosses()
        """What green stops have lost so far."""
        self.stops_today = StopsToday()

    # --- what is seen ------------------------------------------------------------------------------------------------

    def update(self, ingested: Frames) -> None:
        """Take a frame and its events from the ingestor."""
        self.observe(ingested.frame, ingested.events)

    def observe(self, frame: TelemetryFrame, events: Iterable[RaceEvent] = ()) -> None:
        """Take a validated frame and the events derived from it."""
        first = not self._begun
        if first:
            self._begin(frame)
        self.frame = frame
        for car in frame.cars:
            twin = self.cars.get(car.car_id) or self._enter(car.car_id)
            twin.see(car)
        if first and self.leader_laps == 0:
            for twin, pace, sd in zip(self.cars.values(), *self.pace_before(), strict=True):
                self.pace.expect_pace(twin.index, pace, sd, twin.usual_wear_s)
            joined = max((c.laps for c in self.cars.values()), default=0)
            self.leader_laps = self.status_since_lap = self.pace.lap = (
                joined  # more than 0 where the race was under way
            )
        if frame.total_laps and frame.total_laps != self.total_laps:
            self._set_distance(frame.total_laps)
        for event in sorted(events, key=event_time):
            self._apply(event)

    def _begin(self, frame: TelemetryFrame) -> None:
        self._begun = True
        self.race_id = self.race_id or frame.race_id
        self.circuit_id = frame.circuit_id or self.circuit_id
        self.season = frame.season or self.season
        self.simulated = frame.simulated
        self.form = self._known_form()
        self.parameters = self._known_parameters()
        self.total_laps = frame.total_laps or self.parameters.total_laps
        self.track_status = frame.track.status
        self.rainfall = frame.track.rainfall
        self.pace = PaceFilter(PaceModel.of(self.parameters, self.total_laps))

    def _enter(self, car_id: str) -> CarTwin:
        self.cars[car_id] = CarTwin(car_id, self.parameters, pace=self.pace)
        self.cars[car_id].track_status = self.track_status
        self.cars[car_id].surroundings = self.stop_context
        return self.cars[car_id]

    def _known_parameters(self) -> RaceParameters:
        """Numbers of the race model under the rules of this race."""
        given = self._given or load_parameters(self.circuit_id, self.season, self._file)
        return for_race(given, self.race_id)

    def _known_form(self) -> Form:
        """Form before the race; a race drawn from the model has cars that nobody has seen before."""
        if self._form is not None:
            return self._form
        return Form() if self.simulated else load_form(self.race_id, self._file)

    def pace_before(self) -> tuple[list[float], list[float]]:
        """Pace of each car before its first lap, from form and grid, and how far it may stray: seconds a lap."""
        cars = list(self.cars.values())
        teams, drivers = [c.team or "" for c in cars], [c.driver or "" for c in cars]
        pace = self.form.pace(teams, drivers, [float(c.grid or 0) for c in cars])
        return pace.tolist(), self.form.spread(teams, drivers).tolist()

    def _set_distance(self, total_laps: int) -> None:
        """The race distance became known, or race control changed it: fuel was still loaded for the old one."""
        self.total_laps = total_laps
        if self.leader_laps == 0:
            self.pace.model = PaceModel.of(self.parameters, total_laps)
        for car in self.cars.values():
            car.invalidate()

    def _apply(self, event: RaceEvent) -> None:
        if isinstance(event, LapCompleted):
            self._lap(event)
        elif isinstance(event, TrackStatusChanged):
            self.track_status, self.status_since_lap = event.new, self.leader_laps
            for car in self.cars.values():
                in_lap = car.laps if car.on_in_lap else car.in_pit_lap
                if event.old is TrackStatus.RED and in_lap is not None:
                    car.red_lap = in_lap + 1
                car.track_status = event.new
                car.invalidate()
        elif isinstance(event, Weather):
            self.rainfall = event.track.rainfall if event.track.rainfall is not None else self.rainfall
        else:
            car_id = getattr(event, "car_id", None)
            if car_id is None or car_id not in self.cars:
                return
            twin = self.cars[car_id]
            if isinstance(event, PitEntered):
                self._note_stop(twin, event)
            twin.apply(event)
        self.field.invalidate()

    def _note_stop(self, twin: CarTwin, event: PitEntered) -> None:
        """A car comes in: its neighbours may answer, and it may itself be answering."""
        self.field.note_stop(twin, event, answering=self._answering(twin))
        self._status_of_stop[twin.car_id] = self.track_status.value
        cover = self.parameters.stop_cover_gap_s
        ahead = self.cars.get(twin.ahead_id or "")
        if ahead is not None and twin.road_gap_s is not None and twin.road_gap_s < cover:
            ahead.behind_stopped = event.lap
            ahead.invalidate()
        behind = self.cars.get(twin.behind_id or "")
        if behind is not None and twin.gap_behind_s is not None and twin.gap_behind_s < cover:
            behind.ahead_stopped = event.lap
            behind.invalidate()

    def _answering(self, twin: CarTwin) -> bool:
        """Whether a direct rival of a car has just stopped."""
        return twin.laps > 0 and twin.laps in (twin.ahead_stopped, twin.behind_stopped)

    def _lap(self, e: LapCompleted) -> None:
        twin = self.cars.get(e.car_id) or self._enter(e.car_id)
        if e.lap <= twin.laps:
            return  # seen already
        if e.lap > self.leader_laps:
            self.leader_laps = e.lap
            self.pace.wet = on_wets(self.cars.values()) > 0
            self.pace.been_wet |= self.pace.wet
            self.pace.start_lap(e.lap)
            if e.neutralised:
                self.pace.slow_lap(e.lap, virtual=e.track_status in VIRTUAL)
        self.slow_lap.note(e, self.parameters, self.track_status)
        first = self._first_line.setdefault(e.lap, e.line_time_s)
        ahead = self._crossed
        road_gap = e.line_time_s - ahead[0] if ahead is not None and ahead[1] != e.car_id else math.inf
        if twin.laps > 0 and not (e.pit_out or e.neutralised):
            # What the race model expects of anybody: with the habits learnt so far they would be learnt from themselves.
            unbiased = replace(self.stop_context(twin), bias=0.0, cover_bias=0.0)
            at_risk = stop_hazard(self.parameters, unbiased, 1)
            note = self.field.note_at_risk if e.pit_in else self.field.note_lap
            note(twin, float(at_risk[0]) if len(at_risk) else 0.0, self._answering(twin))
        self.field.note_line(e.car_id)
        near = ahead is not None and math.isfinite(road_gap)
        paid = twin.in_lap_loss_s if e.lap == twin.laps + 1 and twin.since_neutralised > 0 else None
        twin.complete_lap(e, road_gap_s=road_gap)
        if paid is not None and e.pit_out and not (e.pit_in or e.neutralised) and e.lap_time_s is not None:
            usual, _ = self.pace.ahead(twin.index, e.lap - 1, twin.compound, twin.racing_age - 1.0, 1)
            self.stop_losses.note(paid, e.lap_time_s - float(usual[0]))
        twin.settle(Traffic())
        traffic = surroundings(self, ahead, road_gap, e)
        if not traffic.is_free:
            twin.settle(traffic)
        twin.ahead_id = ahead[1] if ahead is not None and near else None
        if not e.pit_in:
            self._crossed = (e.line_time_s, e.car_id)
        if ahead is not None and near and (before := self.cars.get(ahead[1])) is not None:
            before.behind_id, before.gap_behind_s = e.car_id, road_gap  # only now is it known how near this one came
            before.invalidate()
            if before.laps == e.lap:
                self.field.note_behind(before.car_id, e.car_id, road_gap)
        gap = e.gap_s if e.gap_s is not None and e.laps_down == 0 else e.line_time_s - first
        self.history.append(LapNote.of(e, gap))
        self.stops_today.note(self.history[-1])

    # --- what surrounds a car ----------------------------------------------------------------------------------------

    def stop_context(self, twin: CarTwin) -> StopContext:
        """What a car's decision to stop depends on now."""
        return in_race(self, twin)

    def status_at_pit(self, twin: CarTwin) -> TrackStatus:
        """Track status when a car last entered the pit lane."""
        return TrackStatus(self._status_of_stop.get(twin.car_id, self.track_status.value))

    @property
    def ageing(self) -> float:
        """What a lap ages tyres under the present track status, in racing laps."""
        if self.track_status is TrackStatus.SC:
            return self.parameters.age_factor_sc
        if self.track_status in VIRTUAL:
            return self.parameters.age_factor_vsc
        return 1.0

    @property
    def is_sprint(self) -> bool:
        """Whether the session is a sprint."""
        return self.frame is not None and self.frame.session_type == "sprint"

    @property
    def status_laps(self) -> int:
        """Laps the leader has completed since the track status changed."""
        return max(0, self.leader_laps - self.status_since_lap)

    @property
    def n_running(self) -> int:
        """Cars still in the race."""
        return len(self.cars) - [c.status for c in self.cars.values()].count(CarStatus.RETIRED)

    @property
    def wetness(self) -> float:
        """How wet the track is, 0..1, as far as the tyres chosen tell; rain on a field on slicks counts as damp."""
        return wetness(self.cars.values(), self.rainfall, self.parameters)

    # --- what is believed --------------------------------------------------------------------------------------------

    def race_state(self) -> RaceState:
        """Return the race at the leader's last line crossing, as arrays for the simulation, with what stops lose today.

        Raises
        ------
        InputError
            Before the first frame, or where the race distance is not known.
        """
        return race_state(self)

    # --- snapshot ----------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Everything there is to go on from, as JSON-able values; :meth:`restore` gives the very same twin."""
        return {
            "version": SNAPSHOT_VERSION,
            "race_id": self.race_id,
            "given": self._given is not None,
            "begun": self._begun,
            "parameters_hash": self.parameters.hash() if self._begun else None,
            "frame": self.frame.model_dump(mode="json", exclude_defaults=True) if self.frame is not None else None,
            **self._learnt(),
        }

    def _learnt(self) -> dict[str, Any]:
        return {
            "circuit_id": self.circuit_id,
            "season": self.season,
            "total_laps": self.total_laps,
            "fuelled_for": self.pace.model.total_laps if self._begun else 0,
            "simulated": self.simulated,
            "leader_laps": self.leader_laps,
            "track_status": self.track_status.value,
            "status_since_lap": self.status_since_lap,
            "rainfall": self.rainfall,
            "first_line": {str(k): v for k, v in self._first_line.items()},
            "crossed": list(self._crossed) if self._crossed is not None else None,
            "slow_lap": self.slow_lap.snapshot(),
            "status_of_stop": self._status_of_stop,
            "stop_losses": self.stop_losses.snapshot(),
            "pace": self.pace.snapshot() if self._begun else None,
            "cars": {k: c.snapshot() for k, c in self.cars.items()},
            "profiles": self.field.snapshot(),
            "history": [list(asdict(note).values()) for note in self.history],
        }

    @classmethod
    def restore(
        cls,
        saved: Mapping[str, Any],
        parameters: RaceParameters | None = None,
        form: Form | None = None,
        *,
        file: Path | str | None = None,
    ) -> RaceTwin:
        """Return the twin that :meth:`snapshot` was taken of; one given parameters, form or a file needs them again.

        Raises
        ------
        DataError
            If the snapshot was taken with other parameters: what was learnt is told against those.
        """
        twin = cls(str(saved["race_id"]), parameters, form, file=file)
        twin.circuit_id, twin.season = saved["circuit_id"], int(saved["season"])
        twin.total_laps, twin.simulated = int(saved["total_laps"]), bool(saved["simulated"])
        twin.leader_laps, twin.status_since_lap = int(saved["leader_laps"]), int(saved["status_since_lap"])
        twin.track_status, twin.rainfall = TrackStatus(saved["track_status"]), saved["rainfall"]
        twin.frame = TelemetryFrame.model_validate(saved["frame"]) if saved["frame"] is not None else None
        twin._first_line = {int(k): v for k, v in saved["first_line"].items()}
        twin._crossed = (saved["crossed"][0], saved["crossed"][1]) if saved["crossed"] is not None else None
        twin.slow_lap = SlowLap.restore(saved["slow_lap"])
        twin._status_of_stop = dict(saved["status_of_stop"])
        twin.stop_losses = StopLosses.restore(saved.get("stop_losses"))
        twin._begun = bool(saved["begun"])
        if twin._begun:
            twin.form = twin._known_form()
            twin.parameters = twin._known_parameters()
            learnt_with = saved.get("parameters_hash")
            if learnt_with not in (None, twin.parameters.hash()):
                raise DataError(
                    f"twin: learnt with parameters {learnt_with}, those in use are {twin.parameters.hash()}"
                )
            model = PaceModel.of(twin.parameters, int(saved["fuelled_for"]))
            twin.pace = PaceFilter.restore(model, saved["pace"])
        for car_id, car in saved["cars"].items():
            twin._enter(car_id).take_up(car)
        if twin.frame is not None:
            for seen in twin.frame.cars:
                twin.cars[seen.car_id].telemetry = seen
        twin.field.take_up(saved["profiles"])
        names = [f.name for f in fields(LapNote)]
        twin.history = [LapNote(**dict(zip(names, row, strict=True))) for row in saved["history"]]
        twin.stops_today = StopsToday(twin.history)
        for car_twin in twin.cars.values():
            car_twin.invalidate()
        return twin

    def hash(self) -> str:
        """Return a short hash of everything learnt lap by lap; the frame rate does not change it."""
        text = json.dumps(self._learnt(), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
