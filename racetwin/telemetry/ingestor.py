"""The door: raw input in, one ordered stream of validated frames and their events out.

The ingestor is a deterministic function of what it is given: it knows no clock, thread, socket or file. Its whole state goes into
:meth:`TelemetryIngestor.snapshot`, so that a recovered engine goes on exactly where it was.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from racetwin.schemas import RaceEvent, Rejection, TelemetryFrame
from racetwin.telemetry.fusion import Fusion, Known
from racetwin.telemetry.happenings import Happenings, completed_laps
from racetwin.telemetry.inbound import read, refusal, validated
from racetwin.telemetry.ordering import WINDOW, Counters, Order

QUARANTINE = 256
"""Refusals kept to be read."""
KINDS, OTHER = 200, "other"
"""Kinds of refusal counted by name; those of a feed that invents ever new field names go under ``OTHER``."""
RELEASE = "racetwin:release"
"""Source of a frame that only says: wait no longer. An input like any other, so that a journal leads to the same state."""
SOURCES = 16
"""Feeds that may be merged."""
LATEST_S = 1e6
"""No race time is further than this from lights out, s."""
LEAP_S = 21_600.0
"""A frame so far ahead of the one before is not believed at once: the longest stoppage so far took two hours."""
PATIENCE = 50
"""Frames in a row in which a car may claim the unbelievable before it is believed."""
FASTEST_LAP_S = 40.0
"""No lap of any circuit is shorter: a car that claims more laps than the time allows is not believed."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What one input led to: the newest frame, and all events since the last.

    ``frames`` holds every frame released, oldest first: more than one where frames had waited for a missing one.
    """

    frame: TelemetryFrame
    events: tuple[RaceEvent, ...] = ()
    frames: tuple[TelemetryFrame, ...] = ()


class TelemetryIngestor:
    """Validate, order, merge and derive: the one way into the twins.

    Parameters
    ----------
    priority
        Sources from the most to the least preferred, where several feeds of one race are merged.
    window
        Frames of one source that wait for a missing one.
    race_id
        Name all frames by this race, whatever their feeds call it: needed where feeds to be merged differ in that.

    Examples
    --------
    >>> ingestor = TelemetryIngestor()
    >>> ingested = ingestor.process({
    ...     "timestamp": 0.0, "lap": 1, "session_type": "race",
    ...     "track_conditions": {"temperature": 31.0, "weather": "dry", "track_status": "green"},
    ...     "cars": [{"car_id": "44", "driver": "HAM", "position": 1, "speed": 298.0,
    ...               "tire": {"compound": "medium", "age": 3, "wear_level": 0.1}, "fuel_level": 96.0, "lap_time": 92.1}],
    ... })
    >>> ingested.frame.cars[0].tyre.compound
    <Compound.MEDIUM: 'MEDIUM'>
    >>> ingestor.process("not telemetry") is None, dict(ingestor.counters.rejected)
    (True, {'frame.not_json': 1})
    """

    def __init__(self, *, priority: tuple[str, ...] = (), window: int = WINDOW, race_id: str | None = None) -> None:
        self.window = window
        self.race_id = race_id
        self.counters = Counters()
        self.rejected: deque[Rejection] = deque(maxlen=QUARANTINE)
        self._refused: list[Rejection] = []
        self._fusion = Fusion(priority)
        self._happenings = Happenings()
        self._order = Order(self.counters, window)
        self._race: str | None = None
        self._now_s = -1e18
        self._origin: float | None = None
        self._doubts: dict[str, int] = {}
        self._last: TelemetryFrame | None = None

    # --- in ---------------------------------------------------------------------------------------------------------

    def process(
        self, raw: TelemetryFrame | Mapping[str, Any] | bytes | str, source: str | None = None
    ) -> Ingested | None:
        """Take one input; return what it led to, or None if it was refused, a duplicate, late or has to wait.

        Parameters
        ----------
        raw
            A frame (trusted to be valid), or a mapping or JSON text in our schema or the original one.
        source
            Name of the feed, where the input does not carry its own.
        """
        frame = self.admit(raw, source)
        return None if frame is None else self.take(frame)

    def admit(
        self, raw: TelemetryFrame | Mapping[str, Any] | bytes | str, source: str | None = None
    ) -> TelemetryFrame | None:
        """Validate one input; return the frame to be taken, None if it was refused.

        What passed, taken in the same order by another ingestor, brings it to the same state: that is what a journal keeps.
        """
        self.counters.received += 1
        self._refused.clear()
        return raw if isinstance(raw, TelemetryFrame) else self._let_in(raw, source)

    def take(self, frame: TelemetryFrame) -> Ingested | None:
        """Take an admitted frame; the second half of :meth:`process`."""
        if self.race_id is not None and frame.race_id != self.race_id:
            frame = frame.model_copy(update={"race_id": self.race_id})
        if frame.source == RELEASE:
            self.counters.releases += 1
            if frame.race_id != self._race:
                return None
            self._order.give_up()
            return self._release(final=True)
        if not self._plausible(frame):
            return None
        if frame.race_id != self._race:
            self._new_race(frame)
        self._order.put(frame)
        return self._release(final=False)

    def flush(self) -> Ingested | None:
        """Release all frames that still wait: the feeds have ended."""
        self._order.flush()
        return self._release(final=True)

    @property
    def priority(self) -> tuple[str, ...]:
        """Sources from the most to the least preferred."""
        return self._fusion.priority

    @property
    def frame(self) -> TelemetryFrame | None:
        """The newest state of the race, all feeds merged."""
        return self._last

    def release(self) -> TelemetryFrame | None:
        """Return the frame that, given to :meth:`process`, lets go those that wait; None if none does.

        Frames wait in source time alone, as the ingestor has no clock: where all feeds have fallen silent, the newest would wait
        for ever. Whoever has a clock bounds that with this.
        """
        newest = self._order.newest_waiting()
        if newest is None and self._fusion.overdue:
            newest = self._last
        return None if newest is None else newest.model_copy(update={"source": RELEASE, "messages": ()})

    def refused_of(self, frame: TelemetryFrame | None) -> tuple[Rejection, ...]:
        """Return what was refused of the input before, ``frame`` being what was admitted of it: all of it, or a car or a field.

        A frame that waits for another is judged against what is known when its turn comes: what is not believed then stands in
        :attr:`rejected` alone.
        """
        mine = self._refused
        if frame is not None:
            mine = [r for r in mine if r.seq is None or (r.source, r.seq) == (frame.source, frame.seq)]
        return tuple(mine)

    @property
    def waiting(self) -> int:
        """Frames taken and not released yet, and messages that came late: they wait for a missing frame, or for the next."""
        return self._order.waiting + self._fusion.overdue

    def known(self, car_id: str) -> dict[str, Known]:
        """Return what is known of a car, field by field: value, source and the race time at which it was last said."""
        return self._fusion.known(car_id)

    def _let_in(self, raw: Mapping[str, Any] | bytes | str, source: str | None) -> TelemetryFrame | None:
        """Decode and validate; everything refused is counted and kept."""
        refused: list[Rejection] = []
        values = read(raw, refused)
        frame = None
        if values is not None:
            if source is not None:
                values.setdefault("source", source)
            original = "version" not in values and "seq" not in values
            if original and isinstance(values.get("time_s"), float):
                if self._origin is None:
                    self._origin = values["time_s"]
                values["time_s"] = round(values["time_s"] - self._origin, 6)
                values["seq"] = 0
            frame = validated(values, refused)
            if frame is not None and original:
                state = self._order.sources.get(frame.source)
                same = state is not None and frame.time_s == state.time_s
                seq = 0 if state is None else state.seq + (0 if same or frame.time_s < state.time_s else 1)
                frame = frame.model_copy(update={"seq": max(seq, 0)})
        self._refuse(refused, frame is None)
        if frame is not None and isinstance(values, dict) and isinstance(values.get("cars"), list | tuple):
            self.counters.rejected_cars += max(len(values["cars"]) - len(frame.cars), 0)
        return frame

    def refuse(self, rejection: Rejection) -> None:
        """Count a whole frame as refused for a reason that its taker has."""
        self._refuse([rejection], whole=True)

    def note(self, rejection: Rejection) -> None:
        """Count and keep what a feed has refused before it was a frame."""
        self._quarantine([rejection])

    def _plausible(self, frame: TelemetryFrame) -> bool:
        """Refuse a frame whose time would put the whole stream behind it in the past, or that comes from one source too many."""
        value: object
        if abs(frame.time_s) > LATEST_S:
            kind, name, value, expected = (
                "time_s.out_of_range",
                "time_s",
                frame.time_s,
                f"race time within {LATEST_S:g} s",
            )
        elif frame.race_id == self._race and frame.time_s > self._now_s + LEAP_S > 0:
            leaps = self._doubts["time_s"] = self._doubts.get("time_s", 0) + 1
            if leaps > PATIENCE:
                return True
            kind, name, value, expected = (
                "time_s.jump",
                "time_s",
                frame.time_s,
                f"at most {LEAP_S:g} s after the last frame",
            )
        elif (
            frame.race_id == self._race
            and frame.source not in self._order.sources
            and len(self._order.sources) >= SOURCES
        ):
            kind, name, value, expected = (
                "source.too_many",
                "source",
                frame.source,
                f"at most {SOURCES} feeds of one race",
            )
        else:
            if self._doubts:
                self._doubts.pop("time_s", None)
            return True
        self._refuse([refusal(kind, name, value, expected, frame)], whole=True)
        return False

    def _refuse(self, refused: list[Rejection], whole: bool) -> None:
        if refused:
            self._refused += refused
            self._quarantine(refused)
        self.counters.rejected_frames += whole

    def _quarantine(self, refused: list[Rejection]) -> None:
        self.rejected.extend(refused)
        for r in refused:
            self.counters.rejected[r.kind] += 1
        if (
            len(self.counters.rejected) > 200
        ):  # kinds are made of field names: a hostile feed could invent them without end
            kinds = self.counters.rejected
            surplus = [k for k in kinds if k != OTHER][KINDS:]
            kinds[OTHER] = kinds.get(OTHER, 0) + sum(kinds.pop(k) for k in surplus)

    def _new_race(self, frame: TelemetryFrame) -> None:
        """Forget the race before: the feed has moved on to another session."""
        if self._race is not None:
            self.counters.late += self._order.waiting  # of a race that is over
            self._fusion = Fusion(self._fusion.priority)
            self._happenings = Happenings()
            self._order = Order(self.counters, self.window)
            self._now_s, self._last = -1e18, None
        self._race = frame.race_id

    def _release(self, *, final: bool) -> Ingested | None:
        """Let go what nothing older can precede any more."""
        order = self._order
        frames: list[TelemetryFrame] = []
        events: list[RaceEvent] = []
        for frame in order.take(final=final):
            self._accept(frame, frames, events)
        if order.late:
            for frame in order.late:
                self._fusion.late(frame)
            order.late.clear()
        if final and not frames and self._fusion.overdue and self._last is not None:
            # No frame will come soon that could bring what race control said: the last one does.
            self._last = self._fusion.with_overdue(self._last.model_copy(update={"messages": ()}))
            events += self._happenings.derive(self._last)
            frames.append(self._last)
        if not frames:
            return None
        self.counters.events += len(events)
        for e in events:
            self.counters.inferred += e.inferred
        return Ingested(frames[-1], tuple(events), tuple(frames))

    # --- out ----------------------------------------------------------------------------------------------------------

    def _accept(self, frame: TelemetryFrame, frames: list[TelemetryFrame], events: list[RaceEvent]) -> None:
        """Merge one frame into the state and derive what happened."""
        if frame.time_s < self._now_s:
            self.counters.late += 1
            self._fusion.late(frame)
            return
        gap = self._order.gap(frame)
        believed = self._believed(frame)
        if believed is None:
            self.counters.rejected_frames += 1
            self._fusion.unbelieved(frame)
            return
        merged = self._fusion.take(believed)
        found = self._happenings.derive(merged)
        if gap is not None:
            found.append(gap)  # last of its time: what came out of the silence happened before its end
            self.counters.gaps += 1
        events += found
        self.counters.accepted += 1
        self._now_s, self._last = merged.time_s, merged
        frames.append(merged)

    def _believed(self, frame: TelemetryFrame) -> TelemetryFrame | None:
        """Refuse what cannot be true after what is known: a car that goes back, or further than the time allows."""
        memory = self._happenings.cars
        doubtful = None
        for car in frame.cars:
            known = memory.get(car.car_id)
            if known is None or car is known.car or car.lap == known.car.lap:
                continue
            done = completed_laps(car)
            if done is None or (known.car.lap is None and known.completed == 0):
                continue  # the first that is told of its laps
            ahead = done - known.completed
            if ahead < 0 or (ahead > 1 and ahead > 1 + (frame.time_s - known.line_s) / FASTEST_LAP_S):
                doubts = self._doubts[car.car_id] = self._doubts.get(car.car_id, 0) + 1
                if doubts > PATIENCE:  # it is we who were wrong: begin anew with this car
                    del memory[car.car_id], self._doubts[car.car_id]
                    continue
                doubtful = doubtful or {}
                kind = "lap.backwards" if ahead < 0 else "lap.jump"
                expected = f"lap {known.completed + 1} or a later one that the time since allows"
                doubtful[car.car_id] = refusal(kind, "lap", car.lap, expected, frame, car.car_id)
        if self._doubts:
            for car in frame.cars:
                if doubtful is None or car.car_id not in doubtful:
                    self._doubts.pop(car.car_id, None)
        if doubtful is None:
            return frame
        self._refuse(list(doubtful.values()), whole=False)
        self.counters.rejected_cars += len(doubtful)
        kept = tuple(c for c in frame.cars if c.car_id not in doubtful)
        return frame.model_copy(update={"cars": kept}) if kept else None

    # --- keeping and restoring ----------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Return the whole state as JSON-able values; :meth:`restore` goes on from it."""
        return {
            "window": self.window,
            "race_id": self.race_id,
            "race": self._race,
            "now_s": self._now_s,
            "origin": self._origin,
            "doubts": dict(self._doubts),
            "counters": {**asdict(self.counters), "rejected": dict(self.counters.rejected)},
            "rejected": [r.model_dump(mode="json") for r in self.rejected],
            "order": self._order.dump(),
            "last": None if self._last is None else self._last.model_dump(mode="json"),
            "fusion": self._fusion.dump(),
            "happenings": self._happenings.dump(),
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> TelemetryIngestor:
        """Return an ingestor that goes on from a :meth:`snapshot`."""
        made = cls(window=state["window"], race_id=state["race_id"])
        made._race, made._now_s, made._origin = state["race"], state["now_s"], state["origin"]
        made._doubts = dict(state["doubts"])
        made.counters = Counters(**{**state["counters"], "rejected": Counter(state["counters"]["rejected"])})
        made.rejected.extend(Rejection.model_validate(r) for r in state["rejected"])
        made._order = Order.load(state["order"], made.counters)
        made._last = None if state["last"] is None else TelemetryFrame.model_validate(state["last"])
        made._fusion = Fusion.load(state["fusion"])
        made._happenings = Happenings.load(state["happenings"])
        return made
