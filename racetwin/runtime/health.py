"""How the engine is doing: the state of each part and the worst of them, and the gauges that the system page shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from racetwin import __version__
from racetwin.config import settings
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.monitor import SystemMonitor, memory_mib
from racetwin.runtime.overload import Overload
from racetwin.runtime.snapshot import Alarm, Counters, FeedAge, JournalStatus, RaceSnapshot, SystemHealth

SILENT_S = 5.0
"""A feed that has not sent for so long is silent."""


def health(
    engine: RaceEngine,
    snapshot: RaceSnapshot | None,
    counters: Counters,
    journal: JournalStatus,
    alarms: tuple[Alarm, ...],
    *,
    standbys: int = 0,
    following: bool = False,
    ended: bool = False,
    overload: Overload | None = None,
    age_s: Callable[[str], float | None] = lambda stage: None,
    feeds: Sequence[Mapping[str, Any]] | None = None,
    wording: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    """Return the state of each part, with ages; ``status`` is ``degraded`` if any of them is.

    Parameters
    ----------
    standbys
        Engines that follow this one.
    following
        Whether this one follows another.
    ended
        Whether the feed has nothing more to give.
    overload
        What is being done about a machine that is short of time.
    age_s
        Seconds since a stage was last passed.
    feeds
        How each live feed is doing, where there are any.
    wording
        How the wording by a language model stands; None where none is wanted.
    """
    c = counters
    desk = engine.desk_status()
    finished = bool(snapshot and snapshot.finished) or ended
    silent = c.frame_age_s is not None and c.frame_age_s > SILENT_S and not finished
    feed = "ended" if finished else ("silent" if silent else ("ok" if c.frames_in else "waiting"))
    degraded = silent or journal.state == "degraded" or desk.state == "failed" or bool(alarms)
    return {
        "status": "degraded" if degraded else "ok",
        "version": __version__,
        "run_id": engine.run_id,
        "race_id": engine.info.race_id or None,
        "frames_in": c.frames_in,
        "frames_processed": c.frames_processed,
        "components": {
            "feed": {
                "status": "standby" if following else feed,
                "age_s": c.frame_age_s,
                "frames_per_s": c.frames_per_s,
                "behind_s": c.behind_s,
                "feeds": feeds,
            },
            "ingestor": {
                "status": "ok",
                "accepted": c.frames_accepted,
                "rejected": c.frames_rejected,
                "waiting": c.frames_waiting,
            },
            "twins": {
                "status": "ok" if engine.twin else "waiting",
                "age_s": age_s("twins"),
                "cars": len(snapshot.cars) if snapshot else 0,
            },
            "desk": {"status": desk.state, "age_s": age_s("desk"), "answers": desk.answers, "error": desk.error},
            "wording": dict(wording) if wording is not None else {"status": "off"},
            "journal": {
                "status": journal.state,
                "age_s": age_s("journal"),
                "pending": journal.pending,
                "error": journal.error,
            },
            "time": {"status": overload.word, "late_s": round(overload.late_s, 3)} if overload else {"status": "ok"},
            "standby": {"status": "ok" if standbys else "none", "engines": standbys},
            "viewers": {
                "status": "ok",
                "age_s": age_s("viewer"),
                "subscribers": c.subscribers,
                "drops": c.subscriber_drops,
            },
        },
        "alarms": [a.model_dump() for a in alarms],
    }


def system_health(
    snapshot: RaceSnapshot,
    monitor: SystemMonitor,
    feed: object,
    *,
    waiting: int,
    ended: bool,
    wording: Mapping[str, Any] | None = None,
) -> SystemHealth:
    """Read the gauges.

    Parameters
    ----------
    feed
        Where frames come from; one that looks after several tells their ages itself (``ages()``).
    waiting
        Questions that wait for the desk.
    ended
        Whether the feed has nothing more to give.
    wording
        State of the language model that words the advice; None where none is used.
    """
    c = snapshot.counters
    ages: Callable[[], tuple[FeedAge, ...]] | None = getattr(feed, "ages", None)
    if ages is not None:
        feeds = ages()
    else:
        age = None if monitor.frame_age_s is None else round(monitor.frame_age_s, 1)
        state = "waiting" if age is None else "silent" if age > SILENT_S else "ok"
        state = "ended" if ended or snapshot.finished else state
        feeds = (FeedAge(name=snapshot.info.source or "feed", state=state, age_s=age, frames=c.frames_in),)
    return SystemHealth(
        stages=monitor.stages(),
        queues={
            "frames held back": c.frames_waiting,
            "frames to commit": snapshot.journal.pending,
            "questions to the desk": waiting,
            "updates skipped": c.subscriber_drops,
        },
        refused=dict(c.rejected_by_kind),
        feeds=feeds,
        memory_mib=memory_mib(),
        uptime_s=round(monitor.clock() - monitor.started),
        backend=next((a.receipt.backend for a in snapshot.answers.values()), None),
        threads=settings().threads,
        model="off" if wording is None else ": ".join(str(w) for w in (wording["status"], wording.get("model")) if w),
    )
