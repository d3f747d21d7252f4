"""The system page: latency of each stage, what waits, what was refused, feeds, memory, and what runs the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from racetwin.widgets._panel import Panel, pack, script, style

if TYPE_CHECKING:
    from racetwin.runtime.channel import Link
    from racetwin.runtime.snapshot import RaceSnapshot

STAGES = {
    "feed": "Feed to frame in",
    "ingestor": "Ingestor",
    "twins": "Twins",
    "ingest": "Frame in to twins",
    "publish": "Publishing",
    "frame_to_publish": "Frame in to published",
    "viewer": "Published to viewer",
    "journal": "Journal commit",
    "desk": "Plans of one car",
    "advice": "Advice on them",
}
"""Stages in the order they are shown, and their names."""


class SystemPanel(Panel):
    """How the engine is doing, part by part, and how this screen is connected to it.

    >>> panel = SystemPanel()
    >>> panel.show(live.snapshot, live.link)  # doctest: +SKIP
    """

    _esm = script("system")
    _css = style("system")

    def show(
        self, snapshot: RaceSnapshot, link: Link | None = None, *, skipped: int = 0, machine: RaceSnapshot | None = None
    ) -> None:
        """Draw the gauges; ``skipped`` counts the pictures this screen let go for newer ones.

        ``machine`` is the newest snapshot, where an older one is shown: how the machine does is told as of now.
        """
        machine = machine or snapshot
        health, counters, desk, journal = machine.health, machine.counters, machine.desk, machine.journal
        queues = {**health.queues, "pictures skipped here": skipped}
        self.data = pack(
            {
                "time": round(snapshot.time_s, 1),
                "stages": [
                    {"name": name, **health.stages[key].model_dump()}
                    for key, name in STAGES.items()
                    if key in health.stages
                ],
                "queues": queues,
                "refused": dict(sorted(health.refused.items(), key=lambda item: -item[1])),
                "frames": {
                    "in": counters.frames_in,
                    "processed": counters.frames_processed,
                    "accepted": counters.frames_accepted,
                    "refused": counters.frames_rejected,
                    "duplicates": counters.duplicates,
                    "late": counters.late,
                    "per_s": counters.frames_per_s,
                    "behind_s": counters.behind_s,
                },
                "feeds": [feed.model_dump() for feed in health.feeds],
                "memory_mib": health.memory_mib,
                "uptime_s": health.uptime_s,
                "backend": health.backend,
                "threads": health.threads,
                "model": health.model,
                "desk": desk.model_dump(),
                "journal": journal.model_dump(),
                "viewers": counters.subscribers,
                "link": None
                if link is None
                else {"state": link.state, "since": link.since, "text": link.text, "reconnects": link.reconnects},
                "alarms": [{"level": a.level, "text": a.text} for a in machine.alarms],
            }
        )
