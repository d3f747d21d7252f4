"""The advice to cars through real races: its life beside their real stops, how often Urgent, how early, how often it changed."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from racetwin.config import Settings
from racetwin.errors import InputError
from racetwin.runtime.engine import RaceEngine
from racetwin.schemas import PitEntered, Priority, Recommendation, Retired, TrackStatus
from racetwin.strategist.calls import call_of
from racetwin.strategist.life import standing
from racetwin.strategist.rules import URGENT_LAPS
from racetwin.telemetry.laptable import frames
from racetwin.telemetry.records import RaceRecord

FULL_LAP = 0.95
"""A call made as the lap begins comes a lap before its pit entry, but for the few per cent from there to the line."""


@dataclass(frozen=True, slots=True)
class Told:
    """What stood after one answer of the desk: the car had completed ``lap`` laps and ``fraction`` of the next."""

    lap: int
    fraction: float
    time_s: float
    track_status: TrackStatus
    reasons: tuple[str, ...]
    advice: tuple[Recommendation, ...]
    desk_call: str
    seconds: float

    @property
    def urgent(self) -> Recommendation | None:
        """The urgent advice, None if there is none."""
        return next((r for r in self.advice if r.priority is Priority.URGENT), None)

    @property
    def urgent_stop(self) -> Recommendation | None:
        """The urgent call to stop; one that calls a stop off is urgent, too, and its own stop is further away."""
        due = self.lap + URGENT_LAPS
        urgent = self.urgent
        return urgent if urgent is not None and (urgent.execution_lap or due + 1) <= due else None


@dataclass(frozen=True, slots=True)
class Lead:
    """How early an urgent stop was called: ``laps`` before its pit entry.

    ``unforeseeable``: the track was neutralised less than a lap before that pit entry, so nobody could call it a lap before;
    ``announced``: the advice had then said, a lap or more before, to box if a safety car comes on that lap; ``on_news``:
    something of that very lap called for it, a rival's stop as a rule.
    """

    laps: float
    track_status: TrackStatus
    unforeseeable: bool = False
    announced: bool = False
    on_news: bool = False


@dataclass(slots=True)
class AdviceRecord:
    """One car's advice through one race; ``stops`` are the laps it really boxed on, with the time of its pit entry."""

    race_id: str
    car_id: str
    driver: str
    told: list[Told] = field(default_factory=list)
    stops: list[tuple[int, float]] = field(default_factory=list)
    retired: bool = False
    finish: int | None = None

    @property
    def urgent_laps(self) -> int:
        """Laps on which something urgent stood."""
        return len({t.lap for t in self.told if t.urgent is not None})

    @property
    def changes(self) -> int:
        """How often the call changed for another reason than that its lap had passed."""
        seen = {
            (r.id, r.life.revision)
            for t in self.told
            for r in t.advice
            if r.kind == "stop" and r.life and r.life.state == "changed" and "has passed" not in r.life.reason
        }
        return len(seen)

    @property
    def desk_changes(self) -> int:
        """How often the desk's best plan began with another stop than the answer before."""
        calls = [t.desk_call for t in self.told]
        return sum(a != b for a, b in itertools.pairwise(calls))

    def leads(self) -> list[Lead]:
        """How many laps before its pit entry each urgent stop was first called, and what could be known before."""
        found, before = [], None
        for i, t in enumerate(self.told):
            urgent = t.urgent_stop
            if urgent is not None and urgent.id != before and urgent.execution_lap is not None:
                since = self._slowed_since(i)
                found.append(
                    Lead(
                        laps=urgent.execution_lap - t.lap - t.fraction,
                        track_status=t.track_status,
                        unforeseeable=since is not None and urgent.execution_lap - since < FULL_LAP,
                        announced=since is not None and self._announced(i, urgent.execution_lap),
                        on_news=bool(t.reasons) and not {"lap completed", "asked"} & set(t.reasons),
                    )
                )
            before = urgent.id if urgent is not None else None
        return found

    def _slowed_since(self, i: int) -> float | None:
        """Laps that the car had driven when the track was neutralised that was so at answer ``i``; None under green."""
        since = None
        for t in reversed(self.told[: i + 1]):
            if not t.track_status.is_neutralised:
                break
            since = t.lap + t.fraction
        return since

    def _announced(self, i: int, lap: int) -> bool:
        """Whether a stop under a safety car on ``lap`` was advised, as a condition, a lap or more before its pit entry."""
        ready = (
            tuple(int(n) for n in str(f.value).split("-"))
            for t in self.told[:i]
            if lap - t.lap - t.fraction >= FULL_LAP
            for r in t.advice
            if r.life is not None and r.life.state != "withdrawn" and r.kind in ("stop", "condition")
            for f in r.facts
            if f.name == "best.window"
        )
        return any(low <= lap <= high for low, high in ready)


def record_advice(
    record: RaceRecord,
    cars: Sequence[str],
    settings: Settings,
    *,
    laps: tuple[int, int] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[AdviceRecord]:
    """Replay a race with the desk in step and keep every piece of advice to these cars.

    Parameters
    ----------
    record, cars
        A race, and racing numbers in it.
    settings
        With how many races, and which seed, the desk is asked.
    laps
        Ask the desk only while the leader drives these laps, first and last; default: all.
    progress
        Told the leader's lap and the race distance.

    Raises
    ------
    InputError
        For a car that is not in the race.
    """
    for car in cars:
        if car not in record.grid:
            raise InputError(f"car: {car!r} is not in {record.race_id}; cars: {', '.join(record.grid)}")
    engine = RaceEngine(parameters=settings.parameters, races=settings.races, seed=settings.seed)
    out = {car: AdviceRecord(record.race_id, car, car) for car in cars}
    first, last = laps or (0, record.total_laps)
    lap = -1
    for frame in frames(record, hz=None):
        ingested = engine.ingest(frame)
        if ingested is None:
            continue
        if frame.lap != lap:
            lap = frame.lap
            progress(lap, record.total_laps)
            if first <= lap <= last and not engine.followed:
                engine.follow(cars)
            if lap > last:
                engine.follow(())
        for event in ingested.events:
            if isinstance(event, PitEntered) and event.car_id in out:
                out[event.car_id].stops.append((event.lap, event.time_s))
            elif isinstance(event, Retired) and event.car_id in out:
                out[event.car_id].retired = True
        while (request := engine.queue.take()) is not None:
            advised = engine.queue.known(request) or engine.queue.work(request)
            began = time.perf_counter()
            taken = engine.accept(advised)
            seconds = time.perf_counter() - began
            if taken:
                _note(out[request.car_id], engine, call_of(advised.answer.plans[0]), request.reasons, seconds)
    for at_end in engine.frame.cars if engine.frame is not None else ():
        if at_end.car_id in out:
            out[at_end.car_id].finish = at_end.position
    return list(out.values())


def _note(record: AdviceRecord, engine: RaceEngine, desk_call: str, reasons: tuple[str, ...], seconds: float) -> None:
    frame, situation = engine.frame, engine.situation()
    assert frame is not None
    assert situation is not None
    car = next(c for c in frame.cars if c.car_id == record.car_id)
    twin = situation.cars[record.car_id]
    record.driver = twin.driver or record.driver
    fraction = 0.0
    if car.last_line_time_s is not None and twin.last_lap_s:
        fraction = min(1.0, max(0.0, (frame.time_s - car.last_line_time_s) / twin.last_lap_s))
    record.told.append(
        Told(
            lap=twin.lap,
            fraction=fraction,
            time_s=frame.time_s,
            track_status=situation.track_status,
            reasons=reasons,
            advice=engine.book.said(record.car_id),
            desk_call=desk_call,
            seconds=seconds,
        )
    )


def summary(records: Iterable[AdviceRecord]) -> dict[str, float | int]:
    """Return the figures over many cars and races."""
    every = list(records)
    leads = [lead for r in every for lead in r.leads()]
    green = [lead.laps for lead in leads if not lead.track_status.is_neutralised]
    late = [lead for lead in leads if not lead.track_status.is_neutralised and lead.laps < FULL_LAP]
    slowed = [lead for lead in leads if lead.track_status.is_neutralised]
    sudden = [lead for lead in slowed if lead.unforeseeable]
    answers = sum(len(r.told) for r in every)
    seconds = sorted(t.seconds for r in every for t in r.told)

    def share(values: list[float]) -> float:
        return round(sum(v >= FULL_LAP for v in values) / len(values), 3) if values else 1.0

    return {
        "cars and races": len(every),
        "answers": answers,
        "urgent laps a car and race, median": statistics.median(r.urgent_laps for r in every),
        "urgent laps a car and race, most": max(r.urgent_laps for r in every),
        "urgent stops called under green": len(green),
        "of those a lap or more before the pit entry": share(green),
        "of the later ones on news of that very lap": sum(lead.on_news for lead in late),
        "urgent stops called under SC, VSC or red": len(slowed),
        "of those neutralised less than a lap before the pit entry": len(sudden),
        "of these announced a lap or more before, as a condition": sum(lead.announced for lead in sudden),
        "of the others a lap or more before the pit entry": share([s.laps for s in slowed if not s.unforeseeable]),
        "changes of the desk's first stop a car and race, mean": round(
            statistics.fmean(r.desk_changes for r in every), 1
        ),
        "changes of the call a car and race, mean": round(statistics.fmean(r.changes for r in every), 1),
        "advice after the desk's answer, longest (s)": round(seconds[-1], 4) if seconds else 0.0,
    }


def stop_of(told: Told) -> Recommendation | None:
    """Return the call that stood."""
    return standing(told.advice, "stop")
