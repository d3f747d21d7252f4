"""The heart of the runtime: frames go in, twins follow, triggers are noticed, snapshots come out.

:class:`RaceEngine` is synchronous and deterministic: no clock, thread, socket or file. Its state is a function of the frames it
was given, in order, so an engine restored from a dump that is given the rest of the frames is the very engine it would have been.
Whoever drives it (the orchestrator, a notebook, a test) decides when and where the desk's work is done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from racetwin.errors import DataError, InputError
from racetwin.runtime.advice_book import AdviceBook
from racetwin.runtime.desk_queue import Advised, Desk, DeskQueue, DeskRequest
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
from racetwin.runtime.triggers import PitWindows, reasons_for
from racetwin.schemas import (
    CarStatus,
    DeskAnswer,
    LapCompleted,
    PitEntered,
    RaceEvent,
    Recommendation,
    Rejection,
    Retired,
    TelemetryFrame,
)
from racetwin.strategist import Situation
from racetwin.strategist.life import Action
from racetwin.telemetry import TelemetryIngestor
from racetwin.twins import RaceTwin

if TYPE_CHECKING:
    from racetwin.simulation.parameters import RaceParameters
    from racetwin.simulation.state import RaceState
    from racetwin.telemetry.ingestor import Ingested

DUMP_VERSION = 2
_JSON = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


class RaceEngine:
    """One race, from frames to advice.

    Parameters
    ----------
    info
        What is known of the race before its first frame; the frames fill in the rest.
    parameters
        Race-model parameters (default: those of the circuit and season).
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
        parameters: RaceParameters | None = None,
        desk: Desk | None = None,
        races: int | None = None,
        seed: int | None = None,
        objective: str = "points",
        run_id: str = "run",
        only_race: str | None = None,
        priority: tuple[str, ...] = (),
    ) -> None:
        self.info = info or RaceInfo(race_id="")
        self.run_id = run_id
        self.ingestor = TelemetryIngestor(priority=priority)
        self.twin: RaceTwin | None = None
        self.frame: TelemetryFrame | None = None
        self._parameters = parameters
        self._ask: dict[str, Any] = {"objective": objective, "n_races": races, "seed": seed}
        self.only_race = only_race
        self._frames_in = 0
        self._accepted = 0
        self._view = RaceView()
        self.book = AdviceBook()
        """What was last said of each car."""
        self.queue = DeskQueue(desk, lambda car_id: self.book.said(car_id), races=races, seed=seed)
        self._windows = PitWindows()
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
        self.passed("twins")
        self.frame = frame
        self._accepted += 1
        if len(twin.cars) != len(self._view.cars):
            self._view.touch()
        if ingested.events:
            self._note(ingested.events)
            for car_id in self.followed:
                reasons = reasons_for(car_id, ingested.events, before)
                if reasons:
                    self._view.refresh(twin)
                    state = self._view.cars.get(car_id)
                    if state is not None and self._windows.opens(state):
                        reasons = (*reasons, "pit window opens")
                    self.request(car_id, *reasons)
        return ingested

    def _begin(self, frame: TelemetryFrame) -> RaceTwin:
        """Start a race: from its first frame, or when the feed moves on to another session."""
        if self.twin is not None:  # nothing of the old race may leak into the new one
            self._view = RaceView()
            self.book.clear()
            self._windows = PitWindows()
            self.queue.drop(())
        known = self.info if self.info.race_id in ("", frame.race_id) else RaceInfo(race_id=frame.race_id)
        self.info = known.model_copy(
            update={
                "race_id": frame.race_id,
                "circuit_id": known.circuit_id or frame.circuit_id,
                "season": known.season or frame.season,
                "session_type": frame.session_type,
                "total_laps": frame.total_laps or known.total_laps,
                "simulated": frame.simulated,
                "source": frame.source,
            }
        )
        self.twin = RaceTwin(race_id=frame.race_id, parameters=self._parameters)
        return self.twin

    def rewind(self) -> None:
        """Forget the race: its replay begins anew. Not for an engine whose frames are kept in a journal."""
        self.ingestor = TelemetryIngestor(priority=self.ingestor.priority)
        self.twin = self.frame = None
        self._view = RaceView()
        self.book.clear()
        self._windows = PitWindows()
        self.queue.drop(())

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
            situation = self.situation() if crossed else None
            behind = situation.behind(car_id) if situation is not None else None
            if situation is not None and behind is not None and behind.car_id in crossed:
                self.book.refresh(car_id, situation)
        if completed:
            self.archive()

    def situation(self) -> Situation | None:
        """The race as the rules of advice look at it, now."""
        if self.twin is None or self.info.total_laps is None:
            return None
        self._view.refresh(self.twin)
        return Situation(
            self._view.cars,
            self._view.leader_laps,
            self.info.total_laps,
            self.twin.track_status,
            self.twin.rainfall,
        )

    def archive(self) -> None:
        """Remember what is known now as what was known when the leader completed its last lap."""
        if self._view.leader_laps:
            self._view.archive[self._view.leader_laps] = self.snapshot()

    @property
    def laps_archive(self) -> dict[int, RaceSnapshot]:
        """What was known at the end of each of the leader's laps."""
        return self._view.archive

    # --- plans and advice out -----------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Cars that wait for an answer of the desk."""
        return len(self.queue)

    @property
    def followed(self) -> tuple[str, ...]:
        """The cars whose plans are kept."""
        return self.book.followed

    def follow(self, cars: str | Iterable[str]) -> None:
        """Keep plans and advice of these cars, and of no others; a car not followed before is asked for at once."""
        wanted = (cars,) if isinstance(cars, str) else tuple(dict.fromkeys(cars))
        self.queue.drop(wanted)
        for car_id in self.book.follow(wanted):
            self.request(car_id, "asked")

    def request(self, car_id: str, *reasons: str) -> bool:
        """Queue a plan of ``car_id`` in the present state; False if there is nothing to plan for it."""
        request = self.prepare(car_id, *reasons)
        if request is not None:
            self.queue.put(request)
        return request is not None

    def prepare(self, car_id: str, *reasons: str, **other: Any) -> DeskRequest | None:
        """Return the question to the desk for ``car_id`` in the present state, None if there is nothing to plan.

        ``other`` overrides what the desk is asked with: ``objective``, ``n_races``, ``seed``, or the ``state`` (what if?).
        """
        if not self.can_plan(car_id):
            return None
        assert self.twin is not None
        self._view.refresh(self.twin)
        asked = {**self._ask, **other}
        state = asked.pop("state", None) or self.twin.race_state()
        return DeskRequest(
            car_id=car_id,
            state=state,
            state_hash=state.hash(),
            cars=self._view.cars,
            reasons=reasons or ("asked",),
            rainfall=self.twin.rainfall,
            **asked,
        )

    def present_state(self, car_id: str) -> RaceState:
        """Return the race as the twins see it now, for a question about a car.

        Raises
        ------
        InputError
            If the car is not in this race, or has no laps left to plan.
        """
        if self.twin is None or not self.can_plan(car_id):
            raise InputError(f"car_id: {car_id!r} has no laps left to plan, or is not in this race")
        return self.twin.race_state()

    def question_state(self, car_id: str) -> RaceState:
        """Return the race that a question about a car's plans starts from: that of the plans on show, else the present one.

        What is asked is asked of what is seen, and the desk knows that race already. Plans of another lap, under another status
        of the track or on another wetness are of the past. Raises as :meth:`present_state` does.
        """
        now, shown = self.present_state(car_id), self.book.planned(car_id)
        return now if shown is None or _conditions(shown) != _conditions(now) else shown

    def can_plan(self, car_id: str) -> bool:
        """Whether the car is known, still in the race, and has at least a lap to plan for."""
        if self.twin is None or self.frame is None or car_id not in self.twin.cars:
            return False
        total = self.info.total_laps
        if total is None or self._view.leader_laps >= total:
            return False
        return self.twin.cars[car_id].status not in (CarStatus.RETIRED, CarStatus.FINISHED)

    def accept(self, advised: Advised) -> bool:
        """Take an answer over into the snapshots; False if the car is no longer followed or has a newer one."""
        self.queue.remember(advised)
        return self.book.accept(advised, self.info.race_id)

    @property
    def answers(self) -> Mapping[str, DeskAnswer]:
        """The desk's newest answer, by followed car."""
        return self.book.answers

    @property
    def advice(self) -> Mapping[str, tuple[Recommendation, ...]]:
        """Advice on show, by followed car; another mapping whenever any of it has changed."""
        return self.book.advice

    def decide(self, advice_id: str, action: Action, by: str = "strategist") -> Recommendation:
        """Note that a strategist accepts, rejects, pins, unpins or reopens a piece of advice; returns it as it is then."""
        return self.book.decide(advice_id, action, by, self.situation())

    def settle(self) -> tuple[Advised, ...]:
        """Do all waiting desk work now, in this thread: how a replay on its own clock keeps the desk in step."""
        done: list[Advised] = []
        while (request := self.queue.take()) is not None:
            advised = self.queue.known(request) or self.queue.work(request)
            self.accept(advised)
            done.append(advised)
        return tuple(done)

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
        self.twin = None if dump["twin"] is None else RaceTwin.restore(dump["twin"])
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
            field=view.field,
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


def _conditions(state: RaceState) -> tuple[int, str, float]:
    """Return what plans are made for: the lap, the status of the track, and how wet it is."""
    return state.lap, state.track_status, state.wetness
