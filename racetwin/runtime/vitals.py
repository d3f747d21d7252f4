"""A running engine's watch over itself: its gauges twice a second, its alarms, and what it answers when asked how it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from racetwin.runtime.health import health, system_health
from racetwin.runtime.snapshot import Counters, JournalStatus, RaceSnapshot, SystemHealth

if TYPE_CHECKING:
    from racetwin.runtime.orchestrator import MainOrchestrator

WATCH_EVERY_S = 0.5


class Vitals:
    """Reads every part of an engine, and changes none but the alarms and the overload's level."""

    def __init__(self, runner: MainOrchestrator) -> None:
        self._runner = runner
        self._gauges = SystemHealth()

    def look(self) -> RaceSnapshot:
        """Return the race as it is now, with how the engine is doing."""
        runner = self._runner
        return runner.engine.snapshot(
            counters=self._counters(), journal=self._journal(), alarms=runner.monitor.alarms, health=self._gauges
        )

    def health(self) -> Mapping[str, Any]:
        """Return the state of each part, with ages; ``status`` is the worst of them."""
        runner = self._runner
        return health(
            runner.engine,
            runner.publisher.snapshot,
            self._counters(),
            self._journal(),
            runner.monitor.alarms,
            standbys=len(runner.replicas),
            following=bool(getattr(runner.feed, "following", False)),
            ended=runner.feed_ended,
            overload=runner.overload,
            age_s=runner.monitor.age_s,
            feeds=getattr(runner.feed, "report", lambda: None)(),
            wording=self._wording(),
        )

    async def watch(self) -> None:
        """Look at the gauges twice a second, and let viewers see that time passes when no frame comes."""
        runner = self._runner
        while True:
            due = time.monotonic() + WATCH_EVERY_S
            await asyncio.sleep(WATCH_EVERY_S)
            now = time.monotonic()
            runner.overload.watch(max(now - due, getattr(runner.feed, "behind_s", 0.0)), now)
            journal = runner.journal
            if journal is not None and journal.commit_ms:
                runner.monitor.record("journal", journal.commit_ms[-1] / 1000)
            snapshot = runner.publisher.snapshot
            if snapshot is not None:
                lost = journal.lost if journal is not None else 0
                runner.monitor.watch(runner.monitor.readings(snapshot, lost=lost, overload=runner.overload.level))
                self._gauges = system_health(
                    snapshot,
                    runner.monitor,
                    runner.feed,
                    waiting=runner.engine.waiting,
                    ended=runner.feed_ended,
                    wording=self._wording(),
                )
            runner.publishing.changed()

    def _counters(self) -> Counters:
        runner = self._runner
        behind = round(getattr(runner.feed, "behind_s", 0.0), 3)
        return runner.monitor.counters(
            runner.engine.counters(), subscribers=runner.subscribers, drops=runner.drops, behind_s=behind
        )

    def _journal(self) -> JournalStatus:
        journal = self._runner.journal
        return journal.status if journal is not None else JournalStatus()

    def _wording(self) -> Mapping[str, Any] | None:
        wordsmith = self._runner.wordsmith
        return wordsmith.status() if wordsmith is not None else None
