"""How the engine is doing: latencies by stage, ages, memory, and alarms that neither flicker nor hide."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from racetwin.runtime.snapshot import Alarm, Counters, RaceSnapshot, StageTimes

STAGES = (
    "feed", "ingestor", "twins", "ingest", "publish", "frame_to_publish", "journal", "desk", "advice", "viewer",
)  # fmt: skip
"""What is measured, in the order a frame goes: how late it came to us; through the ingestor; through the twins; both together;
encoding for viewers; from frame in to published; to disk; one car's plans; their advice; published to handed to a viewer."""
ENOUGH = 100
"""Measurements below which a 99th percentile is nothing but the slowest of them, and no reason for an alarm."""
WINDOW = 4096
"""Newest measurements of each stage that the percentiles are taken over."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When an alarm goes up and when it comes down again: different limits, so that it does not flicker.

    ``value`` reads the watched number from the readings; the alarm is raised above ``above`` after ``for_s`` seconds and
    cleared below ``clear``.
    """

    name: str
    level: Literal["warning", "critical"]
    above: float
    clear: float
    for_s: float
    text: str


RULES: tuple[Rule, ...] = (
    Rule("feed_silent", "critical", 5.0, 1.0, 0.0, "no frame for {value:.0f} s: what is shown is what was last known"),
    Rule("ingest_slow", "warning", 20.0, 10.0, 5.0, "frames take {value:.0f} ms (p99) from arrival to the twins"),
    Rule("journal_degraded", "critical", 0.5, 0.5, 0.0, "the journal's disk refuses; frames are kept in memory"),
    Rule(
        "journal_lost",
        "critical",
        0.5,
        0.5,
        0.0,
        "{value:.0f} frames were lost for recovery: the disk refused too long",
    ),
    Rule(
        "engine_fault",
        "critical",
        0.5,
        0.5,
        0.0,
        "{value:.0f} frames in the last minute met a fault in the engine itself",
    ),
    Rule("desk_failed", "warning", 0.5, 0.5, 0.0, "the strategy desk failed; plans are those of the last answer"),
    Rule("overloaded", "warning", 0.5, 0.5, 3.0, "short of time: the desk is asked less (level {value:.0f} of 3)"),
    Rule("rejecting", "warning", 0.05, 0.01, 2.0, "{value:.0%} of what the feed sends is refused"),
    Rule("memory", "warning", 2048.0, 1800.0, 30.0, "the engine holds {value:.0f} MiB"),
)


class SystemMonitor:
    """Measures the engine and raises alarms.

    Parameters
    ----------
    clock
        Monotonic seconds; injected so that tests need not wait.

    Examples
    --------
    >>> monitor = SystemMonitor()
    >>> monitor.record("ingest", 0.002)
    >>> monitor.performance()["ingest"]["count"]
    1
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, rules: tuple[Rule, ...] = RULES) -> None:
        self.clock = clock
        self.rules = rules
        self.started = clock()
        self._seconds: dict[str, deque[float]] = {s: deque(maxlen=WINDOW) for s in STAGES}
        self._count = dict.fromkeys(STAGES, 0)
        self._total = dict.fromkeys(STAGES, 0.0)
        self._at: dict[str, float] = {}
        self._last_frame: float | None = None
        self._rate: deque[tuple[float, int, int]] = deque(maxlen=64)
        self._raised: dict[str, Alarm] = {}
        self._above_since: dict[str, float] = {}
        self._faults: deque[float] = deque(maxlen=1000)
        self.ended = False

    def fault(self) -> None:
        """Note that a frame met a fault in the engine itself."""
        self._faults.append(self.clock())

    def record(self, stage: str, seconds: float) -> None:
        """Note how long one pass of a stage took."""
        self._seconds[stage].append(seconds)
        self._count[stage] += 1
        self._total[stage] += seconds
        self._at[stage] = self.clock()

    def age_s(self, stage: str) -> float | None:
        """Return the seconds since a stage was last passed, None if it never was."""
        at = self._at.get(stage)
        return None if at is None else round(self.clock() - at, 2)

    def frame(self) -> None:
        """Note that a frame has come in."""
        self._last_frame = self.clock()

    @property
    def frame_age_s(self) -> float | None:
        """Seconds since the newest frame came in, None before the first."""
        return None if self._last_frame is None else self.clock() - self._last_frame

    def count(self, stage: str) -> int:
        """Return how many passes of a stage were measured."""
        return self._count[stage]

    def newest(self, stage: str, n: int) -> list[float]:
        """Return the newest ``n`` measurements of a stage (as many of them as are kept), in seconds."""
        return list(self._seconds[stage])[-n:] if n > 0 else []

    def percentile(self, stage: str, q: float) -> float | None:
        """Return a percentile of a stage's newest measurements, in seconds."""
        window = self._seconds[stage]
        return float(np.percentile(np.fromiter(window, float), q)) if window else None

    def counters(self, base: Counters, *, subscribers: int = 0, drops: int = 0, behind_s: float = 0.0) -> Counters:
        """Complete the engine's counters with what a clock is needed for."""
        now = self.clock()
        if not self._rate or now - self._rate[-1][0] >= 0.25:
            self._rate.append((now, base.frames_in, base.frames_rejected))
        rate = None
        first = next((r for r in self._rate if now - r[0] <= 5.0), None)
        if first is not None and now - first[0] > 0.2:
            rate = round((base.frames_in - first[1]) / (now - first[0]), 1)
        p50, p99 = self.percentile("ingest", 50), self.percentile("ingest", 99)
        age = self.frame_age_s
        return base.model_copy(
            update={
                "frames_per_s": rate,
                "frame_age_s": None if age is None else round(age, 2),
                "ingest_ms": None if p50 is None else round(1000 * p50, 3),
                "ingest_p99_ms": None if p99 is None else round(1000 * p99, 3),
                "subscribers": subscribers,
                "subscriber_drops": drops,
                "behind_s": behind_s,
            }
        )

    def readings(self, snapshot: RaceSnapshot, *, lost: int = 0, overload: int = 0) -> dict[str, float]:
        """Return the numbers that the alarm rules look at."""
        recent = [r for r in self._rate if self.clock() - r[0] <= 10.0]
        refused = 0.0
        if len(recent) >= 2 and recent[-1][1] > recent[0][1]:
            refused = (recent[-1][2] - recent[0][2]) / (recent[-1][1] - recent[0][1])
        p99 = self.percentile("ingest", 99) if self.count("ingest") >= ENOUGH else None
        silent = 0.0 if self.ended or snapshot.finished else (self.frame_age_s or 0.0)
        return {
            "feed_silent": silent,
            "ingest_slow": 1000 * (p99 or 0.0),
            "journal_degraded": float(snapshot.journal.state == "degraded"),
            "journal_lost": float(lost),
            "engine_fault": float(sum(self.clock() - at < 60.0 for at in self._faults)),
            "desk_failed": float(snapshot.desk.state == "failed"),
            "overloaded": float(overload),
            "rejecting": refused,
            "memory": memory_mib() or 0.0,
        }

    def watch(self, readings: dict[str, float]) -> tuple[Alarm, ...]:
        """Raise and clear alarms by their rules; returns those that are up, the oldest first."""
        now = self.clock()
        for rule in self.rules:
            value = readings.get(rule.name, 0.0)
            if rule.name in self._raised:
                if value <= rule.clear:
                    del self._raised[rule.name]
                    self._above_since.pop(rule.name, None)
            elif value > rule.above:
                since = self._above_since.setdefault(rule.name, now)
                if now - since >= rule.for_s:
                    self._raised[rule.name] = Alarm(
                        name=rule.name,
                        level=rule.level,
                        text=rule.text.format(value=value),
                        since=round(time.time(), 1),
                    )
            else:
                self._above_since.pop(rule.name, None)
        return tuple(self._raised.values())

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """The alarms that are up."""
        return tuple(self._raised.values())

    def stages(self) -> dict[str, StageTimes]:
        """Return the latencies of the stages that have been passed."""
        out = {}
        for stage, window in self._seconds.items():
            if window:
                p50, p95, p99 = 1000 * np.percentile(np.fromiter(window, float), (50, 95, 99))
                out[stage] = StageTimes(
                    count=self._count[stage], p50_ms=round(p50, 2), p95_ms=round(p95, 2), p99_ms=round(p99, 2)
                )
        return out

    def performance(self, newest: int | None = None) -> dict[str, Any]:
        """Return count, median and tail of each stage in milliseconds, memory and uptime.

        ``newest`` takes the percentiles over that many of the newest passes (as many of them as are kept).
        """
        out: dict[str, Any] = {}
        for stage in STAGES:
            if not self._count[stage]:
                continue
            window = self.newest(stage, WINDOW if newest is None else newest) or [0.0]
            p50, p95, p99 = (float(v) for v in 1000 * np.percentile(window, (50, 95, 99)))
            out[stage] = {
                "count": self._count[stage],
                "mean_ms": round(1000 * self._total[stage] / self._count[stage], 3),
                "p50_ms": round(p50, 3),
                "p95_ms": round(p95, 3),
                "p99_ms": round(p99, 3),
            }
        out["memory_mib"] = memory_mib()
        out["uptime_s"] = round(self.clock() - self.started, 1)
        return out


def memory_mib() -> float | None:
    """Return the process's resident memory in MiB, None where the system does not say."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return round(int(line.split()[1]) / 1024, 1)
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return None
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 1)  # macOS counts bytes
