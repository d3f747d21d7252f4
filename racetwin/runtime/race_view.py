"""What viewers see of a race: the twins' states, the newest events, every lap, and how it looked at the end of each lap."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from racetwin.runtime.snapshot import EVENTS_KEPT, LapRow, RaceSnapshot
from racetwin.schemas import CarTwinState, DeskAnswer, LapCompleted, RaceEvent
from racetwin.simulation.results import WATCHED_RACES
from racetwin.twins import RaceTwin
from racetwin.twins.threats import Raced

FRESH_LAPS = 1
"""An answer of the desk this many laps old still says who threatens the car; the next one comes at its own line."""
_EVENTS = TypeAdapter(tuple[RaceEvent, ...])


class RaceView:
    """Keeps the parts of a snapshot; what has not changed stays the same object."""

    def __init__(self) -> None:
        self.archive: dict[int, RaceSnapshot] = {}
        self.leader_laps = 0
        self.n_events = 0
        self.cars: Mapping[str, CarTwinState] = {}
        self.field: Mapping[str, Any] = {}
        self._events: deque[RaceEvent] = deque(maxlen=EVENTS_KEPT)
        self._laps: list[LapRow] = []
        self._frozen: dict[str, Any] = {}
        self._stale = False
        self._shown: tuple[Any, Any, Mapping[str, Any]] | None = None

    @property
    def events(self) -> tuple[RaceEvent, ...]:
        """The newest events, oldest first."""
        if "events" not in self._frozen:
            self._frozen["events"] = tuple(self._events)
        events: tuple[RaceEvent, ...] = self._frozen["events"]
        return events

    @property
    def laps(self) -> tuple[LapRow, ...]:
        """Every completed lap of every car."""
        if "laps" not in self._frozen:
            self._frozen["laps"] = tuple(self._laps)
        laps: tuple[LapRow, ...] = self._frozen["laps"]
        return laps

    def touch(self) -> None:
        """Note that the twins may say something else now."""
        self._stale = True

    def note(self, events: Sequence[RaceEvent]) -> bool:
        """Keep what viewers want of these events; returns whether the leader has completed a lap with them."""
        self._events.extend(events)
        self.n_events += len(events)
        before = self.leader_laps
        for event in events:
            if isinstance(event, LapCompleted):
                self._laps.append(_row(event))
                self.leader_laps = max(self.leader_laps, event.lap)
        self._frozen.clear()
        self._stale = True
        return self.leader_laps > before

    def refresh(self, twin: RaceTwin | None) -> None:
        """Take over the twins' states, if anything happened since; equal ones stay the same objects.

        Only when somebody looks: the states follow from the beliefs, and working them out costs more than the rest of a frame.
        """
        if not self._stale or twin is None:
            return
        self._stale = False
        changed = {c: s for c, one in twin.cars.items() if self.cars.get(c) != (s := one.state())}
        if changed:
            self.cars = {**self.cars, **changed}
        view = twin.field.get_state()
        if view != self.field:
            self.field = view

    def field_with(self, answers: Mapping[str, DeskAnswer], twin: RaceTwin | None) -> Mapping[str, Any]:
        """Return the field's view in which followed cars' threats come from the desk's races, where an answer is at hand.

        Made anew only when the field or an answer has changed; equal ones stay the same objects.
        """
        if twin is None or not answers:
            return self.field
        kept = self._shown
        if kept is None or kept[0] is not self.field or kept[1] is not answers:
            raced = {c: _raced(a) for c, a in answers.items() if a.beaten_by and a.lap >= twin.leader_laps - FRESH_LAPS}
            told = {c: [t.view() for t in twin.field.threats(c, r)] for c, r in raced.items() if c in twin.cars}
            shown = {**self.field, "threats": {**self.field.get("threats", {}), **told}}
            same = kept is not None and kept[2] == shown
            kept = self._shown = self.field, answers, kept[2] if same and kept is not None else shown
        return kept[2]

    def dump(self) -> dict[str, Any]:
        """Return what the twins do not know, as plain values for JSON."""
        return {
            "n_events": self.n_events,
            "events": [e.model_dump(mode="json") for e in self._events],
            "laps": [r.model_dump(mode="json", exclude_none=True) for r in self._laps],
            "leader_laps": self.leader_laps,
        }

    @classmethod
    def restore(cls, dump: Mapping[str, Any]) -> RaceView:
        """Return the view that was dumped."""
        view = cls()
        view.n_events, view.leader_laps = dump["n_events"], dump["leader_laps"]
        view._events.extend(_EVENTS.validate_python(dump["events"]))
        view._laps = [LapRow.model_validate(r) for r in dump["laps"]]
        view._stale = True
        return view


def _raced(answer: DeskAnswer) -> Raced:
    races = min(answer.receipt.n_races, WATCHED_RACES)
    return Raced(answer.beaten_by, f"{races} simulated races on our best plan, seed {answer.receipt.seed}")


def _row(e: LapCompleted) -> LapRow:
    return LapRow.model_construct(
        lap=e.lap,
        car_id=e.car_id,
        lap_time_s=e.lap_time_s,
        line_time_s=e.line_time_s,
        gap_s=e.gap_s,
        interval_s=e.interval_s,
        laps_down=e.laps_down,
        position=e.position,
        compound=e.tyre.compound,
        tyre_age=e.tyre.age,
        pit_in=e.pit_in,
        pit_out=e.pit_out,
        track_status=e.track_status,
        neutralised=e.neutralised,
    )
