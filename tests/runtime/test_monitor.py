"""Alarms neither flicker nor hide, and latencies are those of the newest passes."""

from __future__ import annotations

import pytest

from racetwin.runtime.monitor import Rule, SystemMonitor

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
