"""Events from frames: what happened between two photographs of the race.

The derivation looks at two consecutive frames only through a small memory per car, so a frame that was lost costs nothing but
its detail, and a recovered ingestor goes on where it was. Whatever no source said is marked ``inferred``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from racetwin.schemas import (
    CarStatus,
    CarTelemetry,
    Finished,
    LapCompleted,
    Overtake,
    PitEntered,
    PitExited,
    RaceControl,
    RaceEvent,
    Retired,
    TelemetryFrame,
    TrackConditions,
    TrackStatus,
    TrackStatusChanged,
    Tyre,
    TyreChanged,
    Weather,
)

_OVER = (CarStatus.RETIRED, CarStatus.FINISHED)


@dataclass(slots=True)
class CarMemory:
    """What must be remembered of a car to see what happens to it next.

    ``neutralised``, ``pit_in`` and ``pit_out`` tell of the lap being driven; ``line_s`` is its beginning in race time.
    """

    car: CarTelemetry
    completed: int = 0
    line_s: float = 0.0
    line_known: bool = False
    neutralised: bool = False
    pit_in: bool = False
    pit_out: bool = False
    pit_in_s: float | None = None
    pit_out_s: float | None = None

    def dump(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values["car"] = self.car.model_dump(mode="json")
        return values

    @classmethod
    def load(cls, values: dict[str, Any]) -> CarMemory:
        """Return what :meth:`dump` gave."""
        return cls(**{**values, "car": CarTelemetry.model_validate(values["car"])})


@dataclass(slots=True)
class Happenings:
    """Derives events, frame by frame; its state is the memory of the frame before."""

    track: TrackConditions = field(default_factory=TrackConditions)
    began: bool = False
    cars: dict[str, CarMemory] = field(default_factory=dict)
    time_s: float = 0.0
    places: dict[str, int] = field(default_factory=dict)

    def derive(self, frame: TelemetryFrame) -> list[RaceEvent]:
        """Return what happened since the frame before, in order of time."""
        events: list[RaceEvent] = []
        old, new = self.track, frame.track
        changed_s = frame.time_s
        status_changed = self.began and new is not old and new.status is not old.status
        if status_changed:
            since = new.status_since_s
            changed_s = since if since is not None and since <= frame.time_s else frame.time_s
            events.append(TrackStatusChanged(time_s=changed_s, old=old.status, new=new.status, lap=frame.lap))
        moved = False
        cars = self.cars
        for car in frame.cars:
            memory = cars.get(car.car_id)
            if memory is None:
                cars[car.car_id] = _first_sight(car, frame)
                continue
            was = memory.car
            if car is was:
                pass
            elif (
                car.lap == was.lap
                and car.status is was.status
                and (car.tyre is was.tyre or car.tyre == was.tyre)
                and car.stops == was.stops
                and car.pit_in_time_s == was.pit_in_time_s
                and car.pit_out_time_s == was.pit_out_time_s
            ):
                moved = moved or car.position != was.position
                memory.car = car
            else:
                moved = moved or car.position != was.position
                change = (changed_s, old.status, new.status) if status_changed else None
                _Step(memory, car, frame, change, old.status if status_changed else new.status, events).take()
                memory.car = car
                continue
            if status_changed and new.status.is_neutralised:
                memory.neutralised = True
        if moved and self.began:
            events += _overtakes(self.places, self.time_s, frame, cars)
        if moved or not self.began:
            self.places = {c.car_id: c.position for c in frame.cars if c.position is not None}
        for m in frame.messages:
            late = m.told_s is not None and m.told_s < frame.time_s
            events.append(
                RaceControl(
                    time_s=m.told_s if late and m.told_s is not None else frame.time_s,
                    message=m.message,
                    category=m.category,
                    flag=m.flag,
                    car_id=m.car_id,
                    lap=m.lap,
                    late=late,
                )
            )
        if self.began and new is not old and _weather(new) != _weather(old):
            events.append(Weather(time_s=frame.time_s, track=new))
        self.track, self.began, self.time_s = new, True, frame.time_s
        if len(events) > 1:
            events.sort(key=_when)
        return events

    def dump(self) -> dict[str, Any]:
        """Return the memory as JSON-able values."""
        return {
            "track": self.track.model_dump(mode="json"),
            "began": self.began,
            "time_s": self.time_s,
            "places": dict(self.places),
            "cars": [m.dump() for m in self.cars.values()],
        }

    @classmethod
    def load(cls, values: dict[str, Any]) -> Happenings:
        """Return what :meth:`dump` gave."""
        made = cls(TrackConditions.model_validate(values["track"]), values["began"])
        made.time_s, made.places = values["time_s"], dict(values["places"])
        for m in values["cars"]:
            memory = CarMemory.load(m)
            made.cars[memory.car.car_id] = memory
        return made


def _when(event: RaceEvent) -> float:
    return event.time_s


def _weather(t: TrackConditions) -> tuple[Any, ...]:
    return (
        t.weather,
        t.rainfall,
        t.air_temperature_c,
        t.track_temperature_c,
        t.wind_speed_ms,
        t.wind_direction_deg,
        t.humidity_pct,
    )


def completed_laps(car: CarTelemetry) -> int | None:
    """Laps a car has completed, from the lap it shows."""
    if car.lap is None:
        return None
    return car.lap if car.status is CarStatus.FINISHED else max(car.lap - 1, 0)


def _first_sight(car: CarTelemetry, frame: TelemetryFrame) -> CarMemory:
    """Begin to remember a car: what it did before is unknown, and no event."""
    line = car.last_line_time_s
    return CarMemory(
        car,
        completed=completed_laps(car) or 0,
        line_s=line if line is not None else max(frame.time_s, 0.0),
        line_known=line is not None or frame.time_s <= 0,
        neutralised=frame.track.status.is_neutralised and frame.time_s > 0,
        pit_in_s=car.pit_in_time_s,
        pit_out_s=car.pit_out_time_s,
        pit_out=car.status is CarStatus.PIT,
    )


class _Step:
    """One car from one frame to the next, its doings taken in the order in which they happened."""

    __slots__ = ("change", "crossed", "events", "frame", "memory", "new", "old", "status")

    def __init__(
        self,
        memory: CarMemory,
        new: CarTelemetry,
        frame: TelemetryFrame,
        change: tuple[float, TrackStatus, TrackStatus] | None,
        status: TrackStatus,
        events: list[RaceEvent],
    ) -> None:
        self.memory, self.old, self.new, self.frame = memory, memory.car, new, frame
        self.change, self.status, self.events = change, status, events
        self.crossed = False

    def take(self) -> None:
        """Add this car's events."""
        old, new, memory = self.old, self.new, self.memory
        todo: list[tuple[float, int, Any]] = []
        if self.change is not None:
            todo.append((self.change[0], 0, self._status))
        entered, left = self._pit_times()
        if left is not None:
            todo.append((left[0], 4 if entered is not None and entered[0] == left[0] else 1, lambda: self._exit(*left)))
        done = completed_laps(new)
        if done is not None and done > 1 and old.lap is None and memory.completed == 0:
            # Joined under way: what it did before its lap was first told is unknown, and no event.
            line_s = new.last_line_time_s
            memory.completed, memory.line_known = done, line_s is not None
            memory.line_s = line_s if line_s is not None else max(self.frame.time_s, 0.0)
        if done is not None and done > memory.completed:
            line, known = self._line_time()
            todo.append((line, 2, lambda: self._laps(done, line, known)))
        if entered is not None:
            todo.append((entered[0], 3, lambda: self._enter(*entered)))
        for _, _, act in sorted(todo, key=lambda item: item[:2]):
            act()
        if _other_set(old.tyre, new.tyre):
            self._tyre(left[0] if left is not None else None)
        if new.status is not old.status:
            self._end()

    def _status(self) -> None:
        assert self.change is not None
        self.status = self.change[2]
        if self.status.is_neutralised:
            self.memory.neutralised = True

    def _line_time(self) -> tuple[float, bool]:
        """When the car crossed the line, and whether that is known or concluded."""
        new, memory, now = self.new, self.memory, self.frame.time_s
        line = new.last_line_time_s
        if line is not None and line != self.old.last_line_time_s and line <= now + 1.0:
            return line, True
        if new.last_lap_s is not None and memory.line_known and abs(memory.line_s + new.last_lap_s - now) < 2.0:
            return round(memory.line_s + new.last_lap_s, 3), False
        return now, False

    def _laps(self, done: int, line: float, known: bool) -> None:
        """The car has completed laps: normally one; those in between were not seen and are concluded."""
        memory, old, new = self.memory, self.old, self.new
        first, began = memory.completed, memory.line_s
        fresh = new.last_lap_s is not None and (
            known or new.last_lap_s != old.last_lap_s or abs(line - began - new.last_lap_s) < 2.0
        )
        swapped = _other_set(old.tyre, new.tyre)
        for lap in range(first + 1, done + 1):
            last = lap == done
            at = line if last else round(began + (line - began) * (lap - first) / (done - first), 3)
            tyre = old.tyre if swapped else new.tyre
            if swapped and tyre.age is not None:
                tyre = tyre.model_copy(update={"age": tyre.age + (lap - first)})
            elif not last and tyre.age is not None:
                tyre = tyre.model_copy(update={"age": max(tyre.age - (done - lap), 0.0)})
            self.events.append(
                LapCompleted(
                    time_s=at,
                    inferred=not (last and known),
                    car_id=new.car_id,
                    lap=lap,
                    lap_time_s=new.last_lap_s if last and fresh else None,
                    line_time_s=at,
                    position=new.position if last else None,
                    gap_s=new.gap_s if last else None,
                    interval_s=new.interval_s if last else None,
                    laps_down=new.laps_down or 0,
                    tyre=tyre,
                    track_status=self.status,
                    neutralised=memory.neutralised or self.status.is_neutralised,
                    pit_in=memory.pit_in,
                    pit_out=memory.pit_out,
                    sectors_s=new.sectors_s if last and fresh else None,
                )
            )
            memory.neutralised = self.status.is_neutralised
            memory.pit_in = memory.pit_out = False
        memory.completed, memory.line_s, memory.line_known = done, line, known
        self.crossed = True

    # --- pit lane -----------------------------------------------------------------------------------------------------

    def _pit_times(self) -> tuple[tuple[float, bool] | None, tuple[float, bool] | None]:
        """Entry to and exit from the pit lane between the frames: when, and whether concluded."""
        old, new, memory, now = self.old, self.new, self.memory, self.frame.time_s
        was_in, is_in = old.status is CarStatus.PIT, new.status is CarStatus.PIT
        entered = left = None
        entry_s = new.pit_in_time_s
        if entry_s is not None and entry_s != memory.pit_in_s and entry_s <= now:
            entered = (entry_s, False)
        elif is_in and not was_in and old.status is CarStatus.TRACK and entry_s is None:
            entered = (now, False)
        exit_s = new.pit_out_time_s
        if exit_s is not None and exit_s != memory.pit_out_s and exit_s <= now:
            left = (exit_s, False)
        elif was_in and not is_in and new.status is CarStatus.TRACK and exit_s in (None, memory.pit_out_s):
            left = (now, False)
        stopped = new.stops is not None and old.stops is not None and new.stops > old.stops
        if (
            stopped
            and entered is None
            and left is None
            and not was_in
            and not is_in
            and not (memory.pit_in or memory.pit_out)
        ):
            entered = left = (now, True)  # a stop was counted that no one saw
        return entered, left

    def _enter(self, at: float, inferred: bool) -> None:
        memory = self.memory
        memory.pit_in, memory.pit_in_s = True, self.new.pit_in_time_s
        self.events.append(PitEntered(time_s=at, inferred=inferred, car_id=self.new.car_id, lap=memory.completed + 1))

    def _exit(self, at: float, inferred: bool) -> None:
        memory, new = self.memory, self.new
        memory.pit_out, memory.pit_out_s = True, new.pit_out_time_s
        lane = new.pit_lane_s if new.pit_lane_s != self.old.pit_lane_s else None
        if lane is None and memory.pit_in_s is not None and new.pit_out_time_s is not None:
            lane = round(max(at - memory.pit_in_s, 0.0), 3)
        self.events.append(
            PitExited(time_s=at, inferred=inferred, car_id=new.car_id, lap=memory.completed + 1, pit_lane_s=lane)
        )

    def _tyre(self, left_s: float | None) -> None:
        old, new = self.old.tyre, self.new.tyre
        at = left_s if left_s is not None else self.memory.line_s if self.crossed else self.frame.time_s
        by_age = old.compound is new.compound
        self.events.append(
            TyreChanged(
                time_s=at, inferred=by_age, car_id=self.new.car_id, lap=self.memory.completed + 1, old=old, new=new
            )
        )

    def _end(self) -> None:
        new, memory = self.new, self.memory
        if new.status is CarStatus.RETIRED:
            self.events.append(Retired(time_s=self.frame.time_s, car_id=new.car_id, lap=memory.completed + 1))
        elif new.status is CarStatus.FINISHED and new.position is not None:
            at = memory.line_s if self.crossed else self.frame.time_s
            self.events.append(Finished(time_s=at, car_id=new.car_id, position=new.position, lap=memory.completed))


def _other_set(old: Tyre, new: Tyre) -> bool:
    """Whether these are different sets: another compound, or an age that went back."""
    if old is new:
        return False
    if old.compound is not None and new.compound is not None and old.compound is not new.compound:
        return True
    return old.age is not None and new.age is not None and new.age < old.age - 0.5


def _overtakes(
    before: dict[str, int], since_s: float, frame: TelemetryFrame, cars: dict[str, CarMemory]
) -> list[RaceEvent]:
    """Who took a place from whom. Where a stop, a retirement or the flag did it, it was not on track."""
    found: list[RaceEvent] = []
    now = {c.car_id: c for c in frame.cars if c.position is not None}
    gained = [c for c in now.values() if c.car_id in before and (c.position or 0) < before[c.car_id]]
    if not gained or frame.time_s <= 0:
        return found
    for car in gained:
        was, is_ = before[car.car_id], car.position or 0
        mine = cars[car.car_id]
        at_line = mine.line_known and since_s < mine.line_s <= frame.time_s
        for other_id, other_was in before.items():
            other = now.get(other_id)
            if other is None or other_was >= was or (other.position or 0) <= is_:
                continue
            theirs = cars[other_id]
            pitted = theirs.pit_in or theirs.pit_out or mine.pit_in or mine.pit_out
            on_track = not pitted and car.status is CarStatus.TRACK and other.status is CarStatus.TRACK
            found.append(
                Overtake(
                    time_s=mine.line_s if at_line else frame.time_s, car_id=car.car_id, passed_car_id=other_id,
                    position=is_, lap=mine.completed if at_line and mine.completed else mine.completed + 1,
                    on_track=on_track,
                )
            )  # fmt: skip
    return found
