"""Opens what an engine needs to run: its source, its journal, and what the journal still holds of a run that was cut off."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from racetwin import __version__
from racetwin.config import Settings
from racetwin.errors import ConfigurationError
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.journal import Journal
from racetwin.runtime.journal_records import JournalDamagedError, RunInfo
from racetwin.runtime.journal_writer import JournalWriter
from racetwin.runtime.live_feeds import DOORS, LiveFeeds
from racetwin.runtime.orchestrator import MainOrchestrator
from racetwin.runtime.recovery import RecoveryReport, SystemRecoveryManager
from racetwin.runtime.snapshot import RaceInfo
from racetwin.runtime.sources import Source, default_race, library_race, simulated_race
from racetwin.runtime.standby import StandbyFeed
from racetwin.runtime.state_handler import StateHandler
from racetwin.runtime.subscription import endpoints
from racetwin.schemas import TelemetryFrame
from racetwin.telemetry.circuits import slug
from racetwin.telemetry.feed_opening import FeedSpec, feed_spec
from racetwin.telemetry.one_race import Session
from racetwin.tokens import secret_for

LIVE = "live"
"""Name of the journal of live feeds, whose race is known only when the first frame comes."""


@dataclass(slots=True)
class EngineSession:
    """An engine that is ready to run; :meth:`build` makes the orchestrator once there is an event loop."""

    settings: Settings
    engine: RaceEngine
    journal: Journal | None
    source: Source | None
    speed: float
    label: str
    first: int = 1
    report: RecoveryReport | None = None
    notes: list[str] = field(default_factory=list)
    standby_of: str | None = None
    feeds: tuple[FeedSpec, ...] = ()
    say: Callable[[str], None] = print

    def build(self, *, report: Callable[[Exception], None] | None = None, rate_hz: float = 20.0) -> MainOrchestrator:
        """Return the orchestrator; must be called on the event loop that will run it."""
        writer = None
        if self.journal is not None:
            writer = JournalWriter(self.journal, self.engine.run_id, first=self.first, on_error=report)
        return MainOrchestrator(
            self.engine, self._feed(), journal=writer, rate_hz=rate_hz, report=report, settings=self.settings
        )

    def _feed(self) -> Any:
        if self.standby_of is not None:
            token = secret_for(self.settings, "read")
            return StandbyFeed(self.standby_of, self._own_feed, token=token, say=self.say)
        return self._own_feed(None if self.engine.frame is None else self.engine.frame.time_s)

    def _own_feed(self, after_s: float | None) -> Any:
        if self.source is None:
            return live_feeds(self.settings, self.feeds, self.engine)
        from racetwin.telemetry.replay import Replay

        frames: Iterable[TelemetryFrame] = self.source.frames
        if after_s is not None:
            frames = _after(frames, after_s)
        return Replay(frames, self.speed)  # of an engine with a journal: it goes forward only

    def close(self) -> None:
        """Close the journal."""
        if self.journal is not None:
            self.journal.close()


def open_session(
    settings: Settings,
    *,
    race: str | None = None,
    speed: float = 1.0,
    from_lap: int = 1,
    simulated: bool = False,
    live: bool = False,
    feeds: Iterable[str] = (),
    resume: bool | None = None,
    hz: float | None = 10.0,
    keep: bool = True,
    standby_of: str | None = None,
) -> EngineSession:
    """Open a session.

    Parameters
    ----------
    race, speed, from_lap, simulated, live, feeds, resume
        As for :func:`racetwin.api.serve.run_server`.
    hz
        Frames a second of race time of a replay.
    keep
        Whether to keep a journal.
    standby_of
        Address of an engine to follow until it is gone; only then is the race fed from here.

    Raises
    ------
    DataError
        If the race is not in the library.
    ConfigurationError
        If another engine holds the journal, or it cannot be written.
    """
    feeds = tuple(feeds)
    if (feeds or live) and (race is not None or simulated):
        raise ConfigurationError(
            "give either live feeds (--live, --feed) or a race to replay (--race, --simulated), not both"
        )
    if standby_of is not None:
        endpoints(standby_of)  # a wrong address is an error now, and not when it is needed
        resume = False
    source: Source | None = None
    specs = tuple(feed_spec(f) for f in feeds) or (tuple(feed_spec(name) for name in DOORS) if live else ())
    if not specs:
        chosen = race or (None if simulated else default_race(settings))
        if simulated or chosen is None:
            source = simulated_race(settings, speed=speed, hz=hz)
        else:
            source = library_race(chosen, settings, speed=speed, hz=hz, from_lap=from_lap)
    info = source.info if source else RaceInfo(race_id="", source=LIVE)
    recorded = info.source == "recording"
    name = f"recording-{slug(info.race_id)[:80]}" if recorded else info.race_id if source else LIVE
    label = f"{'SIMULATED ' if info.simulated else ''}{info.event or info.race_id}"
    if source is None:
        label = f"live telemetry ({', '.join(s.name for s in specs)})"

    def make(about: RaceInfo) -> RaceEngine:
        only = source.info.race_id if source and not recorded else None  # a recording may hold several sessions
        first = LiveFeeds.priority(specs)
        return RaceEngine(
            about,
            parameters=settings.parameters,
            races=settings.races,
            seed=settings.seed,
            run_id=_run_id(),
            only_race=only,
            priority=first,
        )

    if not keep:
        engine = make(info)
        return EngineSession(settings, engine, None, source, speed, label, standby_of=standby_of, feeds=specs)
    path = StateHandler(settings).path(name)
    notes: list[str] = []

    def with_journal() -> EngineSession:
        opened = _with_journal(settings, path, name, info, source, speed, label, resume, standby_of, make, notes)
        opened.feeds = specs
        return opened

    try:
        return with_journal()
    except JournalDamagedError as error:
        # On race day an engine that runs is worth more than a file that cannot be read: that is kept, beside a new one.
        aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
        notes.append(f"racetwin: {error}: moved to {aside.name}, a new one begun")
        return with_journal()


def live_feeds(settings: Settings, specs: tuple[FeedSpec, ...], engine: RaceEngine) -> LiveFeeds:
    """Return the live feeds for an engine; one that has seen a race goes on with it."""
    about = engine.info
    goes_on = None
    if engine.frame is not None:
        goes_on = Session(about.race_id, about.session_type, about.circuit_id, about.season)
    return LiveFeeds(
        settings, specs or DOORS, goes_on=goes_on, say=lambda line: print(line, file=sys.stderr, flush=True)
    )


def _with_journal(
    settings: Settings,
    path: Path,
    name: str,
    info: RaceInfo,
    source: Source | None,
    speed: float,
    label: str,
    resume: bool | None,
    standby_of: str | None,
    make: Callable[[RaceInfo], RaceEngine],
    notes: list[str],
) -> EngineSession:
    """Open the journal and what it holds of a run that was cut off."""
    journal = Journal(path, write=True)
    try:
        run = _run_to_resume(journal, resume)
        if run is None:
            engine = make(info)
            journal.begin_run(engine.run_id, name, info.model_dump(mode="json"))
            journal.audit("start", f"run {engine.run_id}, racetwin {__version__}")
            gone = journal.retain(keep_runs=settings.journal_runs, max_bytes=settings.journal_mib * 2**20)
            if gone:
                journal.audit("retain", f"deleted {', '.join(gone)}")
            return EngineSession(settings, engine, journal, source, speed, label, notes=notes, standby_of=standby_of)
        engine, report = SystemRecoveryManager(journal).recover(run.run_id, make=make)
        journal.resume_run(run.run_id)
        journal.audit("recover", str(report))
        first = max(journal.last_frame(run.run_id), report.last_frame) + 1
        if speed != engine.info.speed:
            engine.info = engine.info.model_copy(update={"speed": speed})
        return EngineSession(
            settings, engine, journal, source, speed, label, first, report, [*notes, f"racetwin: recovered {report}"]
        )
    except sqlite3.DatabaseError as error:
        journal.close()
        raise journal.damaged(error) from None
    except BaseException:
        journal.close()
        raise


def _run_to_resume(journal: Journal, resume: bool | None) -> RunInfo | None:
    if resume is False:
        return None
    if resume:
        runs = journal.runs()
        return runs[0] if runs and runs[0].frames else None
    return SystemRecoveryManager(journal).interrupted()


def _run_id() -> str:
    return uuid.uuid4().hex[:12]


def _after(frames: Iterable[TelemetryFrame], time_s: float) -> Iterator[TelemetryFrame]:
    """Yield the frames later than ``time_s``: a replay that goes on where it was cut off."""
    return (frame for frame in frames if frame.time_s > time_s)
