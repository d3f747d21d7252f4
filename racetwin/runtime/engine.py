"""The heart of the runtime: frames go in, twins follow, triggers are noticed, snapshots come out.

:class:`RaceEngine` is synchronous and deterministic: no clock, thread, socket or file. Its state is a function of the frames it
was given, in order, so an engine restored from a dump that is given the rest of the frames is the very engine it would have been.
Whoever drives it (the orchestrator, a notebook, a test) decides when and where the desk's work is done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from racetwin.errors import DataError
from racetwin.runtime.advice_book import AdviceBook
from racetwin.runtime.desk_queue import Desk
from racetwin.runtime.engine_plans import EnginePlans
from racetwin.runtime.race_view import RaceView
from racetwin.runtime.snapshot import (
    Alarm,
    Counters,
    DeskStatus,
    JournalStatus,
    RaceInfo,
    RaceSnapshot,
    SystemHealth,
)
from racetwin.schemas import (
    CarStatus,
    LapCompleted,
    PitEntered,
    RaceEvent,
    Rejection,
    Retired,
    TelemetryFrame,
)
from racetwin.strategist.situation import RACING
from racetwin.telemetry import TelemetryIngestor
from racetwin.twins import RaceTwin

if TYPE_CHECKING:
    from racetwin.telemetry.ingestor import Ingested

DUMP_VERSION = 2
_JSON = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


class RaceEngine(EnginePlans):
    """One race, from frames to advice.

    Parameters
    ----------
    info
        What is known of the race before its first frame; the frames fill in the rest.
    parameters
        Race-model parameter file that twins and desk go by; by default the one in use
        (:func:`racetwin.simulation.parameter_file.file_in_use`).
    desk
        Who ranks plans; None for a :class:`racetwin.simulation.StrategyDesk`.
    races, seed, objective
        What the desk is asked with.
    priority
        Names of sources from the most to the least preferred, where several feeds of one race are merged.
    only_race
        Refuse frames of any other race: what a replay is fed by other doors must not replace it. None: the feed may move on to
        the next session.

    Examples
    --------
    >>> engine = RaceEngine()  # doctest: +SKIP
    >>> engine.follow("55")
    >>> for frame in frames(record, hz=None, to_lap=20):
    ...     engine.ingest(frame)
    >>> engine.settle()
    >>> engine.snapshot().answers["55"].plans[0].plan
    """

    def __init__(
        self,
        info: RaceInfo | None = None,
        *,
        parameters: Path | None = None,
        desk: Desk | None = None,
        races: int | None = None,
        seed: int | None = None,
        objective: str = "points",
        run_id: str = "run",
        only_race: str | None = None,
        priority: tuple[str, ...] = (),
    ) -> None:
        super().__init__(desk, races=races, seed=seed, objective=objective, parameters=parameters)
        self.info = info or RaceInfo(race_id="")
        self.run_id = run_id
        self.ingestor = TelemetryIngestor(priority=priority)
        self.twin: RaceTwin | None = None
        self.frame: TelemetryFrame | None = None
        self.only_race = only_race
        self._frames_in = 0
        self._accepted = 0
        self._view = RaceView()
        self.passed: Callable[[str], None] = lambda stage: None
        """Told of each stage that a frame has passed, for whoever has a clock."""
        self.admitted: TelemetryFrame | None = None

    # --- frames in --------------------------------------------------------------------------------------------------

    def ingest(self, raw: TelemetryFrame | Mapping[str, Any] | bytes | str) -> Ingested | None:
        """Take one frame through ingestor and twins; None if it was refused, is a duplicate, late, or waits for another.

        :attr:`admitted` is then the frame as it passed the door: given again in the same order, these make the same engine.
        """
        self._frames_in += 1
        self.admitted = frame = self.ingestor.admit(raw)
        if frame is None:
            return None
        if self.only_race is not None and frame.race_id != self.only_race:
            self.admitted = None
            self.ingestor.refuse(
                Rejection(
                    kind="race_id.other_race",
                    field="race_id",
                    value=frame.race_id[:80],
                    expected=f"{self.only_race}, the race that this engine runs",
                    source=frame.source,
                    seq=frame.seq,
                    time_s=frame.time_s,
                )
            )
            return None
        ingested = self.ingestor.take(frame)
        self.passed("ingestor")
        if ingested is None:
            return None
        frame = ingested.frame
        twin = self.twin
        if twin is None or (twin.race_id != frame.race_id):
            twin = self._begin(frame)
        before = {c.car_id: c.position for c in self.frame.cars} if ingested.events and self.frame else {}
        twin.update(ingested)
        if self.info.parameters_hash is None:
            self.info = self.info.model_copy(update={"parameters_hash": twin.parameters.hash()})
        self.passed("twins")
        self.frame = frame
        self._accepted += 1
        if len(twin.cars) != len(self._view.cars):
            self._view.touch()
        if ingested.events:
            self._note(ingested.events)
            self.ask_about(ingested.events, before)
        elif any(car.changed for car in twin.cars.values()):
            self._view.touch()  # a car has completed a sector
        return ingested

    def _begin(self, frame: TelemetryFrame) -> RaceTwin:
        """Start a race: from its first frame, or when the feed moves on to another session."""
        if self.twin is not None:  # nothing of the old race may leak into the new one
            self._view = RaceView()
            self.forget_plans()
        known = self.info
        if known.race_id not in ("", frame.race_id):  # the next session of the same recording
            known = RaceInfo(race_id=frame.race_id, speed=known.speed, replay=known.replay)
        self.info = known.model_copy(
            update={
                "race_id": frame.race_id,
                "circuit_id": known.circuit_id or frame.circuit_id,
                "season": known.season or frame.season,
                "session_type": frame.session_type,
                "total_laps": frame.total_laps or known.total_laps,
                "simulated": frame.simulated,
                "source": frame.source,
                "parameters_hash": None,  # known once the twin has seen the frame
            }
        )
        self.twin = RaceTwin(race_id=frame.race_id, file=self.parameter_file)
        return self.twin

    def rewind(self) -> None:
        """Forget the race: its replay begins anew. Not for an engine whose frames are kept in a journal."""
        self.ingestor = TelemetryIngestor(priority=self.ingestor.priority)
        self.twin = self.frame = None
        self._view = RaceView()
        self.forget_plans()

    def note_speed(self, speed: float | None) -> None:
        """Note the pace of the replay that feeds it."""
        self.info = self.info.model_copy(update={"speed": speed})

    def _note(self, events: tuple[RaceEvent, ...]) -> None:
        """Keep what viewers want of these events, and take back what they have overtaken."""
        for event in events:
            if isinstance(event, PitEntered | Retired):
                self.book.withdraw(event)
        completed = self._view.note(events)
        crossed = {e.car_id for e in events if isinstance(e, LapCompleted)}
        for car_id in self.book.answers:
            # What the rules look at costs more than the rest of a frame: it is made for the one car whose crossing they wait for.
            if self._behind(car_id) in crossed and (now := self.situation()) is not None:
                self.book.refresh(car_id, now)
        if completed:
            self.archive()

    def _behind(self, car_id: str) -> str | None:
        """Return the car that runs one place behind, None if there is none."""
        cars = self.twin.cars if self.twin is not None else {}
        place = cars[car_id].position if car_id in cars else None
        if place is None:
            return None
        return next((c for c, one in cars.items() if one.position == place + 1 and one.status in RACING), None)

    def archive(self) -> None:
        """Remember what is known now as what was known when the leader completed its last lap."""
        if self._view.leader_laps:
            self._view.archive[self._view.leader_laps] = self.snapshot()

    @property
    def laps_archive(self) -> dict[int, RaceSnapshot]:
        """What was known at the end of each of the leader's laps."""
        return self._view.archive

    # --- what it is now -----------------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether no car is still racing."""
        if self.frame is None:
            return False
        over = (CarStatus.FINISHED, CarStatus.RETIRED)
        return any(c.status is CarStatus.FINISHED for c in self.frame.cars) and all(
            c.status in over for c in self.frame.cars
        )

    @property
    def frames_in(self) -> int:
        """Frames given to the engine so far."""
        return self._frames_in

    @property
    def frames_accepted(self) -> int:
        """Frames that the twins have seen."""
        return self._accepted

    def hash(self) -> str:
        """Return a short hash of everything that the coming frames will be judged and understood by."""
        h = hashlib.blake2b(digest_size=12)
        door = self.ingestor.snapshot()
        for tally in ("counters", "rejected"):  # what was refused is no part of what is known
            del door[tally]
        h.update(orjson.dumps(door, option=_JSON))
        h.update(self.twin.hash().encode() if self.twin is not None else b"-")
        return h.hexdigest()

    def dump(self) -> dict[str, Any]:
        """Return the whole engine as plain values for JSON; what the desk said is left to the journal."""
        return {
            "dump": DUMP_VERSION,
            "info": self.info.model_dump(mode="json"),
            "followed": list(self.followed),
            "ingestor": self.ingestor.snapshot(),
            "twin": None if self.twin is None else self.twin.snapshot(),
            "frame": None if self.frame is None else self.frame.model_dump(mode="json", exclude_none=True),
            "frames_in": self._frames_in,
            "accepted": self._accepted,
            **self._view.dump(),
        }

    def restore(self, dump: Mapping[str, Any]) -> None:
        """Become the engine that was dumped; :class:`DataError` if the dump is of another version."""
        if dump.get("dump") != DUMP_VERSION:
            raise DataError(f"engine dump: version {dump.get('dump')!r}, expected {DUMP_VERSION}")
        self.info = RaceInfo.model_validate(dump["info"])
        self.ingestor = TelemetryIngestor.restore(dump["ingestor"])
        self.twin = None if dump["twin"] is None else RaceTwin.restore(dump["twin"], file=self.parameter_file)
        self.frame = None if dump["frame"] is None else TelemetryFrame.model_validate(dump["frame"])
        self._frames_in, self._accepted = dump["frames_in"], dump["accepted"]
        self._view = RaceView.restore(dump)
        self.book = AdviceBook()
        self.follow(dump["followed"])

    def counters(self) -> Counters:
        """What went in and what came of it; the parts a clock is needed for are left to the monitor."""
        c = self.ingestor.counters
        return Counters(
            frames_in=self._frames_in,
            frames_processed=c.accepted + c.rejected_frames + c.duplicates + c.late + c.releases,
            frames_waiting=self.ingestor.waiting,
            frames_accepted=c.accepted,
            frames_rejected=c.rejected_frames,
            rejected_by_kind=dict(c.rejected),
            duplicates=c.duplicates,
            late=c.late,
            events=self._view.n_events,
        )

    def desk_status(self) -> DeskStatus:
        """What the desk is doing."""
        return self.book.status(self.queue)

    def snapshot(
        self,
        version: int = 0,
        *,
        counters: Counters | None = None,
        journal: JournalStatus | None = None,
        alarms: tuple[Alarm, ...] = (),
        health: SystemHealth | None = None,
    ) -> RaceSnapshot:
        """Return the race as it is now; parts that have not changed are the same objects as last time."""
        view, book = self._view, self.book
        view.refresh(self.twin)
        frame = self.frame
        # The parts are validated models already; checking them again at 10 Hz would cost more than all the rest.
        return RaceSnapshot.model_construct(
            run_id=self.run_id,
            version=version,
            time_s=frame.time_s if frame else 0.0,
            lap=frame.lap if frame else 0,
            finished=self.finished,
            info=self.info,
            frame=frame,
            cars=view.cars,
            field=view.field_with(book.answers, self.twin),
            events=view.events,
            laps=view.laps,
            followed=book.followed,
            answers=book.answers,
            advice=book.advice,
            counters=counters or self.counters(),
            desk=self.desk_status(),
            journal=journal or JournalStatus(),
            alarms=alarms,
            health=health or SystemHealth(),
        )
