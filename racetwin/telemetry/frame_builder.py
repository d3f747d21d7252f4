"""The latest known state of a session, from which a feed's frames are cut.

Feeds that send changes (the timing topics, OpenF1's records, the game's packets) keep their state here. A car whose values
break the schema does not lose the others: the frame is then handed on as a dictionary, for the ingestor to refuse that car
by name.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from racetwin.schemas import (
    MAX_CARS,
    CarStatus,
    CarTelemetry,
    RaceControlMessage,
    Rejection,
    TelemetryFrame,
    TrackConditions,
)
from racetwin.telemetry.refusals import MAX_TEXT, OnRefusal

RawFrame = TelemetryFrame | dict[str, Any]
"""What a feed yields: a valid frame, or a dictionary in its shape that the ingestor will judge."""

MAX_MESSAGES = 256
"""Most race-control messages waiting for a frame; a subscription's first reply carries a whole session's."""


def value_of(frame: RawFrame, name: str) -> Any:
    """Return a field of a frame in either form."""
    return frame.get(name) if isinstance(frame, dict) else getattr(frame, name)


class FrameBuilder:
    """Collect what a feed says of a session and cut frames from it.

    Parameters
    ----------
    source
        Name of the feed, as it stands in each frame.
    hz
        Most frames a second of source time; ``None`` cuts one for every change, so nothing in between is lost.
    untold
        Status of a car of which none was told yet.

    Attributes
    ----------
    race_id, circuit_id, season, session_type, simulated, lap, total_laps
        Header of the coming frame; to be set through :meth:`head`.
    dirty
        Whether anything changed since the last frame.
    on_refusal
        Called with what is left out: a car too many, track conditions or a message that break the schema.
    """

    def __init__(self, source: str, hz: float | None = None, untold: CarStatus = CarStatus.TRACK) -> None:
        self.source = source
        self._untold = untold
        self.hz = hz
        self.dirty = False
        self._head: dict[str, Any] = {"race_id": f"{source}-session", "session_type": "race", "lap": 0}
        self._track: dict[str, Any] = {}
        self._conditions = TrackConditions()
        self._cars: dict[str, dict[str, Any]] = {}
        self._built: dict[str, CarTelemetry] = {}
        self._messages: list[RaceControlMessage] = []
        self.on_refusal: OnRefusal | None = None
        self._too_many: set[str] = set()
        self._seq = 0
        self._last_cut: float | None = None
        self._last_time = float("-inf")

    # --- what the feed says ---------------------------------------------------------------------------------------

    def head(self, **values: Any) -> None:
        """Set header fields of the frames to come."""
        for name, value in values.items():
            if self._head.get(name) != value:
                self._head[name] = value
                self.dirty = True

    def track(self, **values: Any) -> None:
        """Set track conditions; values that break the schema leave the last good conditions standing."""
        fresh = self._track | values
        if fresh == self._track:
            return
        try:
            self._conditions = TrackConditions(**fresh)
        except ValidationError as error:
            self._refuse("track", error)
            return
        self._track = fresh
        self.dirty = True

    def car(self, car_id: str, **values: Any) -> None:
        """Set fields of one car; a car beyond the most a race can have is left out."""
        known = self._cars.get(car_id)
        if known is None:
            if len(self._cars) >= MAX_CARS:
                self._leave_out(car_id)
                return
            known = self._cars[car_id] = {}
            self.dirty = True
        for name, value in values.items():
            if known.get(name) != value:
                known[name] = value
                self._built.pop(car_id, None)
                self.dirty = True

    def known(self, car_id: str) -> dict[str, Any]:
        """Return what is known of a car; not to be changed."""
        return self._cars.get(car_id, {})

    def header(self, name: str) -> Any:
        """Return a header field as it stands."""
        return self._head.get(name)

    @property
    def cars(self) -> tuple[str, ...]:
        """Ids of the cars seen, in the order they appeared."""
        return tuple(self._cars)

    def message(self, **values: Any) -> None:
        """Queue a race-control message for the next frame; one that breaks the schema is left out."""
        try:
            built = RaceControlMessage(**values)
        except ValidationError as error:
            self._refuse("messages", error)
            return
        self._messages.append(built)
        del self._messages[:-MAX_MESSAGES]
        self.dirty = True

    def _refuse(self, where: str, error: ValidationError) -> None:
        if self.on_refusal is None:
            return
        for e in error.errors(include_url=False, include_context=False)[:8]:
            name = ".".join([where, *(str(p) for p in e["loc"])])[:MAX_TEXT]
            told = Rejection(kind=name, field=name, value=repr(e.get("input"))[:MAX_TEXT], expected=e["msg"][:200])
            self.on_refusal(told.model_copy(update={"source": self.source}))

    def _leave_out(self, car_id: str) -> None:
        """Tell of a car too many, each once."""
        if self.on_refusal is None or car_id in self._too_many or len(self._too_many) >= 1000:
            return
        self._too_many.add(car_id)
        self.on_refusal(
            Rejection(
                kind="cars.too_many",
                field="cars",
                value=car_id[:MAX_TEXT],
                expected=f"at most {MAX_CARS} cars",
                source=self.source,
                car_id=car_id[:MAX_TEXT],
            )
        )

    # --- cutting frames -------------------------------------------------------------------------------------------

    def due(self, time_s: float) -> bool:
        """Whether a frame should be cut at ``time_s``: something changed and the rate allows it."""
        if not (self.dirty and self._cars):
            return False
        if self.hz is None or self._last_cut is None:
            return True
        # A session that began anew counts from there: its clock may stand before the last cut.
        return time_s < self._last_cut or time_s - self._last_cut >= 1.0 / self.hz - 1e-9

    def cut(self, time_s: float, utc: str | None = None) -> RawFrame:
        """Return the frame of this instant. Source time never runs backwards within a session."""
        self._last_cut = time_s
        self._last_time = time_s = max(time_s, self._last_time)
        cars, good = self._build_cars()
        frame: dict[str, Any] = {
            "source": self.source,
            "seq": self._seq,
            "time_s": time_s,
            **self._head,
            "track": self._conditions,
            "messages": tuple(self._messages),
            "utc": utc,
            "cars": cars,
        }
        self._seq += 1
        self._messages.clear()
        self.dirty = False
        if good:
            try:
                return TelemetryFrame(**frame)
            except ValidationError:
                pass
        return plain(frame)

    def _build_cars(self) -> tuple[tuple[CarTelemetry | dict[str, Any], ...], bool]:
        cars: list[CarTelemetry | dict[str, Any]] = []
        good = True
        for car_id, values in self._cars.items():
            built = self._built.get(car_id)
            if built is None:
                try:
                    built = self._built[car_id] = CarTelemetry(car_id=car_id, **{"status": self._untold, **values})
                except ValidationError:
                    good = False
                    cars.append({"car_id": car_id, **values})
                    continue
            cars.append(built)
        return tuple(cars), good

    def restart(self) -> None:
        """Forget cars and clock: another session begins; frames go on being numbered."""
        self._cars.clear()
        self._built.clear()
        self._messages.clear()
        self._track.clear()
        self._conditions = TrackConditions()
        self._last_cut = None
        self._last_time = float("-inf")
        self._head = {"race_id": f"{self.source}-session", "session_type": "race", "lap": 0}


def plain(frame: dict[str, Any]) -> dict[str, Any]:
    """Return a frame's dictionary with its models turned into dictionaries."""

    def flat(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: flat(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [flat(v) for v in value]
        return value.model_dump(mode="json") if hasattr(value, "model_dump") else value

    out: dict[str, Any] = flat(frame)
    return {"version": "racetwin/1", **out}
