"""Alarms neither flicker nor hide nor cry wolf, and latencies are those of the newest passes."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.monitor import RULES, Rule, SystemMonitor
from racetwin.runtime.orchestrator import MainOrchestrator
from racetwin.schemas import TelemetryFrame
from racetwin.telemetry.replay import Replay

pytestmark = pytest.mark.unit

HOT = Rule("hot", "warning", 10.0, 5.0, 2.0, "it is at {value:.0f}")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_alarm_is_raised_when_it_lasts_and_cleared_when_it_is_well_below() -> None:
    clock = Clock()
    monitor = SystemMonitor(clock, rules=(HOT,))
    seen = []
    for second, value in enumerate((11, 9, 11, 12, 13, 9, 6, 11, 5, 9, 11)):
        clock.now = 100.0 + second
        seen.append([alarm.text for alarm in monitor.watch({"hot": float(value)})])
    up = ["it is at 13"]
    assert seen == [[], [], [], [], up, up, up, up, [], [], []]


def test_percentiles_are_over_the_newest_passes_and_the_count_over_all() -> None:
    monitor = SystemMonitor(Clock())
    for ms in (500, 500, 1, 2, 3):
        monitor.record("ingest", ms / 1000)
    told = monitor.performance(newest=3)["ingest"]
    assert (told["count"], told["p50_ms"]) == (5, 2.0)
    assert told["p99_ms"] < 3.01
    assert monitor.newest("ingest", 2) == [0.002, 0.003]


class Dawdling(RaceEngine):
    """Takes 0.2 s over some of its frames."""

    def __init__(self, over: Collection[int]) -> None:
        super().__init__(races=32)
        self.over = over

    def ingest(self, raw: Any) -> Any:
        if self.frames_in in self.over:
            time.sleep(0.2)
        return super().ingest(raw)


@pytest.mark.parametrize(
    ("over", "speed", "sought_lap", "raised"),
    [
        ((0, 50), 25.0, None, set()),  # the first frame builds the twins, and is no measure
        ((10,), 5.0, None, set()),  # one of a few
        (range(0, 600, 60), 25.0, 2, set()),  # what comes at once is not late
        (range(0, 600, 60), 25.0, None, {"ingest_slow"}),
    ],
)
async def test_only_frames_of_a_race_that_is_live_are_slow(
    paced_frames: list[TelemetryFrame], over: Collection[int], speed: float, sought_lap: int | None, raised: set[str]
) -> None:
    first = next(n for n, frame in enumerate(paced_frames) if frame.lap >= 2)
    assert first > 600, "the lap that is sought begins after the slow frames"
    last = round(16 * speed) + (0 if sought_lap is None else first)
    feed = Replay(paced_frames[:last], speed=speed)
    if sought_lap is not None:
        feed.seek(sought_lap)
    rules = tuple(replace(rule, above=100.0, for_s=0.0) for rule in RULES if rule.name == "ingest_slow")
    runner = MainOrchestrator(Dawdling(over), feed, monitor=SystemMonitor(rules=rules))
    seen: set[str] = set()
    runner.on_snapshot(lambda snapshot: seen.update(alarm.name for alarm in snapshot.alarms))
    await runner.run()
    assert seen == raised
