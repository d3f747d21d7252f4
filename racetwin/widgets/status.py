"""Race control, weather and the system's own health."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from racetwin.schemas import (
    FeedGap,
    Finished,
    PitExited,
    RaceControl,
    RaceEvent,
    Retired,
    TrackStatus,
    TrackStatusChanged,
    TyreChanged,
)
from racetwin.widgets._panel import Panel, pack, script, style

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from racetwin.runtime.snapshot import RaceSnapshot

MACHINE = {
    "feed_silent": "no timing comes in",
    "ingest_slow": "timing comes through late",
    "journal_degraded": "the race is not being saved",
    "journal_lost": "part of the race was not saved",
    "engine_fault": "some timing could not be used",
    "desk_failed": "no new plans",
    "overloaded": "plans come less often",
    "rejecting": "the feed sends wrong values",
    "memory": "short of memory",
}
"""What an alarm of the machine means to a strategist; the words with the figures are on the system page."""
SHOWN = 40
"""Messages kept on the panel, newest first."""
_STATUS = {
    TrackStatus.GREEN: "Track clear",
    TrackStatus.YELLOW: "Yellow flag",
    TrackStatus.SC: "Safety car deployed",
    TrackStatus.VSC: "Virtual safety car deployed",
    TrackStatus.VSC_ENDING: "Virtual safety car ending",
    TrackStatus.RED: "Red flag",
}


def message(event: RaceEvent, names: Mapping[str, str]) -> dict[str, Any] | None:
    """Word one event for the race feed; None for those that would only fill it (laps, overtakes, readings)."""
    text: str | None = None
    kind: str = event.kind
    lap = getattr(event, "lap", None)
    car = names.get(getattr(event, "car_id", None) or "", getattr(event, "car_id", None))
    match event:
        case RaceControl():
            text = event.message + (" (came late)" if event.late else "")
        case TrackStatusChanged():
            text = _STATUS[event.new]
            kind = "status:" + event.new.value.lower()
        case TyreChanged():
            new = event.new.compound.value.lower() if event.new.compound else "unknown tyres"
            text = f"{car} on {new}" + (" (new)" if event.new.fresh else "")
        case PitExited() if event.pit_lane_s is not None:
            text = f"{car} out of the pits, {event.pit_lane_s:.1f} s in the lane"
        case Retired():
            text = f"{car} is out"
        case Finished():
            text = f"{car} finishes P{event.position}"
        case FeedGap():
            text = f"Feed silent for {event.time_s - event.since_s:.1f} s"
    if text is None:
        return None
    return {"time": round(event.time_s, 1), "lap": lap, "kind": kind, "text": text, "inferred": event.inferred}


def messages(events: Sequence[RaceEvent], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the race feed, newest first, at most :data:`SHOWN` messages."""
    worded = (message(event, names) for event in reversed(events))
    return [m for m in worded if m is not None][:SHOWN]


class StatusPanel(Panel):
    """What race control says, the weather as last measured, and apart from them whether feed, desk and journal work.

    >>> panel = StatusPanel()
    >>> panel.show(live.snapshot)  # doctest: +SKIP
    """

    _esm = script("status")
    _css = style("status")

    def show(self, snapshot: RaceSnapshot, car_id: str | None = None, machine: RaceSnapshot | None = None) -> None:
        """Draw messages and readings as of the snapshot; messages of ``car_id`` stand out.

        ``machine`` is the newest snapshot, where another is shown: how the machine does is told as of now.
        """
        machine = machine or snapshot
        frame = snapshot.frame
        names = {c.car_id: c.driver or c.car_id for c in snapshot.order}
        counters, desk, journal = machine.counters, machine.desk, machine.journal
        self.data = pack(
            {
                "time": round(snapshot.time_s, 1),
                "driver": names.get(car_id or ""),
                "messages": messages(snapshot.events, names),
                "track": frame.track.model_dump(mode="json") if frame else None,
                "health": {
                    "source": snapshot.info.source,
                    "speed": snapshot.info.speed,
                    "frames_per_s": counters.frames_per_s,
                    "ingest_ms": counters.ingest_ms,
                    "rejected": counters.frames_rejected,
                    "desk": desk.state,
                    "desk_s": desk.last_s,
                    "desk_error": desk.error,
                    "answers": desk.answers,
                    "journal": journal.state,
                    "journal_frames": journal.frames,
                    "backend": machine.health.backend,
                    "feed_age": counters.frame_age_s,
                },
                "alarms": [
                    {"level": a.level, "text": a.text, "means": MACHINE.get(a.name, a.text)}
                    for a in sorted(machine.alarms, key=lambda a: a.level != "critical")
                ],
            }
        )
