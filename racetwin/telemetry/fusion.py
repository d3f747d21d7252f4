"""Several feeds of one race as one state: for every field the best source, and how old what it said is.

A field's value is that of the source with the greatest ``time of the value - handicap of the source``, where a source's
handicap is :data:`RANK_S` seconds for each source preferred to it. So a preferred feed wins while it is fresh, another takes over
when it falls silent, and the state does not depend on the order in which frames arrive.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from racetwin.schemas import MAX_CARS, CarTelemetry, TelemetryFrame, Tyre
from racetwin.telemetry.race_control import RaceControlWords
from racetwin.telemetry.track_fusion import TrackFusion
from racetwin.telemetry.trusted import trusted

RANK_S = 2.0
"""How much newer a value must be to win over one of the next preferred source, s."""

CAR_FIELDS: tuple[str, ...] = tuple(n for n in CarTelemetry.model_fields if n not in ("car_id", "tyre"))
TYRE_FIELDS: tuple[str, ...] = tuple(Tyre.model_fields)

LASTING: tuple[str, ...] = (
    "driver",
    "team",
    "grid_position",
    "stops",
    "best_lap_s",
    "last_lap_s",
    "last_line_time_s",
    "lap",
    "tyre_sets",
)
"""Fields that stay true until something new is said: they are carried on when a feed leaves them out. The others go missing."""
HEAD_FIELDS: tuple[str, ...] = ("circuit_id", "season", "session_type", "total_laps")
"""Fields of the frame itself that the preferred feed that knows them decides."""

# Values that only mean something together: they are taken from the one source that is best for the first of them, where it has
# them; a source that says less of its best leaves the rest to the others.
_TOGETHER = {
    "status": "position",  # a feed that leaves it out reads as "on track": who knows the order knows who is in the pits
    "gap_s": "position",
    "interval_s": "position",
    "laps_down": "position",
    "lap_fraction": "lap",
    "last_lap_s": "last_line_time_s",
    "sectors_s": "last_line_time_s",
    "throttle": "speed_kmh",
    "brake": "speed_kmh",
    "rpm": "speed_kmh",
    "gear": "speed_kmh",
    "y_m": "x_m",
    "z_m": "x_m",
}


_LEADS_FIRST = sorted(CAR_FIELDS, key=lambda name: name in _TOGETHER)


class Known(NamedTuple):
    """The latest known value of a field, the feed it came from, and the race time at which that feed last said it."""

    value: Any
    source: str
    time_s: float

    def age_s(self, now_s: float) -> float:
        """Age of the value at a race time, s."""
        return max(now_s - self.time_s, 0.0)


class _Said:
    """What one source says of one car: its newest words, and older words on what it has since gone silent about."""

    __slots__ = ("car", "older", "time_s")

    def __init__(self, car: CarTelemetry, time_s: float) -> None:
        self.car = car
        self.time_s = time_s
        self.older: dict[str, tuple[Any, float]] = {}

    def hear(self, car: CarTelemetry, time_s: float) -> None:
        """Take newer words; what is left out keeps its old value and time."""
        old, new = self.car.__dict__, car.__dict__
        for name in LASTING:
            if new[name] is None:
                if old[name] is not None:
                    self.older[name] = (old[name], self.time_s)
            elif self.older:
                self.older.pop(name, None)
        if car.tyre is not self.car.tyre:
            was, now = self.car.tyre.__dict__, car.tyre.__dict__
            for name in TYRE_FIELDS:
                if now[name] is None:
                    if was[name] is not None:
                        self.older["tyre." + name] = (was[name], self.time_s)
                elif self.older:
                    self.older.pop("tyre." + name, None)
        self.car, self.time_s = car, time_s

    def fill(self, car: CarTelemetry, time_s: float) -> None:
        """Take older words that came late: only what nothing newer is known of."""
        for name in LASTING:
            value = getattr(car, name)
            if (
                value is not None
                and getattr(self.car, name) is None
                and self.older.get(name, (None, -1e18))[1] < time_s
            ):
                self.older[name] = (value, time_s)

    def get(self, name: str) -> tuple[Any, float] | None:
        """Value and time of a field (``tyre.compound`` for one of the tyre), None if never said."""
        value = getattr(self.car.tyre, name[5:]) if name.startswith("tyre.") else getattr(self.car, name)
        if value is not None:
            return value, self.time_s
        return self.older.get(name)


class Fusion:
    """Latest known state of every car over all feeds.

    Parameters
    ----------
    priority
        Sources from the most to the least preferred; others follow in alphabetical order.
    """

    def __init__(self, priority: tuple[str, ...] = ()) -> None:
        self.priority = priority
        self._said: dict[str, dict[str, _Said]] = {}
        self._sources: list[str] = []
        self._track = TrackFusion()
        self._words = RaceControlWords()
        self._head: dict[str, dict[str, Any]] = {}

    @property
    def sources(self) -> tuple[str, ...]:
        """Feeds heard so far, the preferred first."""
        return tuple(self._sources)

    def take(self, frame: TelemetryFrame) -> TelemetryFrame:
        """Take a frame and return the state it makes, as a frame."""
        source, t = frame.source, frame.time_s
        self._meet(source)
        said = self._said
        silent = False
        for car in frame.cars:
            by_source = said.get(car.car_id)
            if by_source is None:
                by_source = said[car.car_id] = {}
            mine = by_source.get(source)
            if mine is None:
                mine = by_source[source] = _Said(car, t)
            elif mine.car is car:
                mine.time_s = t
            else:
                mine.hear(car, t)
            silent = silent or bool(mine.older)
        self._track.hear(source, frame.track, t)
        self._hear_head(frame)
        frame = self._words.with_news(frame)
        if len(self._sources) == 1:
            if not silent and len(frame.cars) == len(said):
                return frame
            return self._carried_on(frame)
        return self._joined(frame)

    def _meet(self, source: str) -> None:
        if source not in self._sources:
            self._sources.append(source)
            self._sources.sort(key=lambda s: (self.priority.index(s) if s in self.priority else len(self.priority), s))

    def _hear_head(self, frame: TelemetryFrame) -> None:
        """Keep what a feed says of the session; what it leaves out keeps its old value."""
        head = self._head.get(frame.source)
        if head is None:
            head = self._head[frame.source] = dict.fromkeys(HEAD_FIELDS)
        for name in HEAD_FIELDS:
            value = getattr(frame, name)
            if value is not None:
                head[name] = value
        head["simulated"], head["lap"], head["time_s"] = frame.simulated, frame.lap, frame.time_s

    @property
    def overdue(self) -> int:
        """Late messages of race control that no frame has handed on yet."""
        return self._words.waiting

    def with_overdue(self, frame: TelemetryFrame) -> TelemetryFrame:
        """Return a frame with the late messages of race control."""
        return self._words.with_overdue(frame)

    def unbelieved(self, frame: TelemetryFrame) -> None:
        """Take race control's messages of a frame none of whose cars is believed."""
        self._words.late(frame)

    def late(self, frame: TelemetryFrame) -> None:
        """Take what an overtaken frame still adds: it may well be the newest word of its own source."""
        self._meet(frame.source)
        self._track.hear(frame.source, frame.track, frame.time_s)
        self._words.late(frame)
        head = self._head.get(frame.source)
        if head is None or frame.time_s > head["time_s"]:
            self._hear_head(frame)
        for car in frame.cars:
            by_source = self._said.setdefault(car.car_id, {})
            mine = by_source.get(frame.source)
            if mine is None:
                by_source[frame.source] = _Said(car, frame.time_s)
            elif frame.time_s > mine.time_s:
                mine.hear(car, frame.time_s)
            else:
                mine.fill(car, frame.time_s)

    def known(self, car_id: str) -> dict[str, Known]:
        """Return every field known of a car with source and time; ``tyre.compound`` and so on name those of the tyre."""
        found: dict[str, Known] = {}
        by_source = self._said.get(car_id, {})
        for name in (*_LEADS_FIRST, *("tyre." + n for n in TYRE_FIELDS)):
            lead = found.get(_TOGETHER.get(name, ""))
            if lead is not None and (said := by_source.get(lead.source)) is not None:
                value = getattr(said.car, name)
                if value is not None:
                    found[name] = Known(value, lead.source, said.time_s)
                    continue
            best = self._best(by_source, name)
            if best is not None:
                found[name] = best
        return found

    def _best(self, by_source: dict[str, _Said], name: str) -> Known | None:
        best: Known | None = None
        merit = -float("inf")
        for rank, source in enumerate(self._sources):
            said = by_source.get(source)
            word = said.get(name) if said is not None else None
            if word is not None and word[1] - rank * RANK_S > merit:
                merit = word[1] - rank * RANK_S
                best = Known(word[0], source, word[1])
        return best

    def _carried_on(self, frame: TelemetryFrame) -> TelemetryFrame:
        """One feed: fill what lasts and was left out, and keep the cars it left out."""
        cars = []
        seen = set()
        for car in frame.cars:
            seen.add(car.car_id)
            older = self._said[car.car_id][frame.source].older
            cars.append(_filled(car, older) if older else car)
        rest = [by[frame.source].car for number, by in self._said.items() if number not in seen and frame.source in by]
        cars += rest[: MAX_CARS - len(cars)]
        return frame.model_copy(update={"cars": tuple(cars)})

    def _joined(self, frame: TelemetryFrame) -> TelemetryFrame:
        """Several feeds: every field from the source that is best for it."""
        rank = {source: RANK_S * n for n, source in enumerate(self._sources)}
        cars = []
        for car_id, by_source in self._said.items():
            if any(said.older for said in by_source.values()):
                cars.append(self._chosen(car_id, by_source))
                continue
            best = sorted(by_source, key=lambda s: (rank[s] - by_source[s].time_s, rank[s]))
            cars.append(_overlaid([by_source[s].car for s in best]))
        cars.sort(key=lambda c: (c.position is None, c.position or 0, int(c.car_id)))
        return frame.model_copy(
            update={
                "cars": tuple(cars[:MAX_CARS]),
                "track": self._track.chosen(self._sources, RANK_S),
                "source": "+".join(self._sources),
                **self._joined_head(),
            }
        )

    def _chosen(self, car_id: str, by_source: dict[str, _Said]) -> CarTelemetry:
        """One car, field by field from the source that is best for it."""
        chosen: dict[str, str] = {}
        values: dict[str, Any] = {"car_id": car_id}
        for name in _LEADS_FIRST:
            lead = _TOGETHER.get(name)
            said = by_source.get(chosen[lead]) if lead in chosen else None
            if said is not None and (value := getattr(said.car, name)) is not None:
                values[name] = value
                continue
            best = self._best(by_source, name)
            values[name] = None if best is None else best.value
            if best is not None:
                chosen[name] = best.source
        tyre = {n: self._best(by_source, "tyre." + n) for n in TYRE_FIELDS}
        values["tyre"] = trusted(Tyre, {n: None if k is None else k.value for n, k in tyre.items()})
        return trusted(CarTelemetry, values)

    def _joined_head(self) -> dict[str, Any]:
        """What is known of the session: of each field what the most preferred feed says that knows it."""
        heads = [self._head[s] for s in self._sources]
        known = {n: next((h[n] for h in heads if h[n] is not None), None) for n in HEAD_FIELDS}
        lap = max(enumerate(heads), key=lambda item: (item[1]["time_s"] - item[0] * RANK_S, -item[0]))[1]["lap"]
        # One feed that is drawn from a model makes the whole picture one that was not timed on a track.
        return {**known, "simulated": any(h["simulated"] for h in heads), "lap": lap}

    # --- keeping and restoring ----------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Return the state as JSON-able values."""
        return {
            "priority": list(self.priority),
            "sources": list(self._sources),
            "head": {s: dict(h) for s, h in self._head.items()},
            "words": self._words.dump(),
            "track": self._track.dump(),
            "said": {
                car: {
                    s: [
                        said.car.model_dump(mode="json"),
                        said.time_s,
                        {n: [_plain(v), t] for n, (v, t) in said.older.items()},
                    ]
                    for s, said in by.items()
                }
                for car, by in self._said.items()
            },
        }

    @classmethod
    def load(cls, values: dict[str, Any]) -> Fusion:
        """Return what :meth:`dump` gave."""
        made = cls(tuple(values["priority"]))
        made._sources = list(values["sources"])
        made._head = {s: dict(h) for s, h in values["head"].items()}
        made._words = RaceControlWords.load(values["words"])
        made._track = TrackFusion.load(values["track"])
        for car, by in values["said"].items():
            made._said[car] = {}
            for source, (view, t, older) in by.items():
                said = _Said(CarTelemetry.model_validate(view), t)
                for name, (value, at) in older.items():
                    said.older[name] = (_typed(name, value), at)
                made._said[car][source] = said
        return made


def _overlaid(cars: list[CarTelemetry]) -> CarTelemetry:
    """Return what several sources say of a car, the best of them first, none of which has gone silent about anything.

    As :meth:`Fusion._chosen` has it, a hundred times a second.
    """
    first = cars[0]
    if len(cars) == 1:
        return first
    values, tyre = dict(cars[-1].__dict__), dict(cars[-1].tyre.__dict__)
    for car in cars[-2::-1]:
        values.update([(n, v) for n, v in car.__dict__.items() if v is not None])
        if car.tyre is not cars[-1].tyre:
            tyre.update([(n, v) for n, v in car.tyre.__dict__.items() if v is not None])
    leads: dict[str, dict[str, Any]] = {}
    for name, lead in _TOGETHER.items():
        of = leads.get(lead)
        if of is None:
            of = leads[lead] = next((c.__dict__ for c in cars if c.__dict__[lead] is not None), values)
        if of[name] is not None:
            values[name] = of[name]
    values["tyre"] = trusted(Tyre, tyre)
    return trusted(CarTelemetry, values)


def _filled(car: CarTelemetry, older: dict[str, tuple[Any, float]]) -> CarTelemetry:
    """Return the car with what lasts filled in from older words."""
    values = dict(car.__dict__)
    tyre: dict[str, Any] = {}
    for name, (value, _) in older.items():
        if name.startswith("tyre."):
            tyre[name[5:]] = value
        else:
            values[name] = value
    if tyre:
        values["tyre"] = trusted(Tyre, {**car.tyre.__dict__, **tyre})
    return trusted(CarTelemetry, values)


def _plain(value: Any) -> Any:
    return (
        value.model_dump(mode="json")
        if hasattr(value, "model_dump")
        else [_plain(v) for v in value]
        if isinstance(value, tuple)
        else value
    )


def _typed(name: str, value: Any) -> Any:
    """Return a stored value of a field in its own type, by way of the schema."""
    if name.startswith("tyre."):
        return getattr(Tyre.model_validate({name[5:]: value}), name[5:])
    return getattr(CarTelemetry.model_validate({"car_id": "0", name: value}), name)
