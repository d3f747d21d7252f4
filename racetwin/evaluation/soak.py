"""A weekend in one go: race after race through a whole engine, as fast as it goes, watching what it holds and what it loses.

The engine is the one that `racetwin serve --live` runs, with its journal on disk, its API, the desk planning for a car, and
viewers in a process of their own. Memory is compared between the second and the last
quarter of the run: the first is warm-up (compiled kernels, full buffers), and each quarter of a day holds the same circuits.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from racetwin.api.serve import serving
from racetwin.config import Settings
from racetwin.errors import InputError
from racetwin.evaluation.benchmarks import machine
from racetwin.runtime.child import module_running
from racetwin.runtime.monitor import memory_mib
from racetwin.runtime.session import open_session
from racetwin.schemas import TelemetryFrame

CIRCUITS = ("monza", "silverstone", "monaco", "spa")
VIEWERS = 5
IN_FLIGHT = 500
"""Frames ahead of the disk at most: as fast as it goes is as fast as the journal takes them."""
SAMPLE_EVERY_S = 300.0
CLIENTS = "racetwin.evaluation.benchmarks.api_clients"
Progress = Callable[[float], None]


@dataclass(slots=True)
class SoakReport:
    """What a soak has shown; memory in MiB, ``growth`` a share, ``samples`` of ``(simulated hours, MiB)``."""

    hours: float
    hz: float
    wall_s: float = 0.0
    frames: int = 0
    frames_in: int = 0
    accepted: int = 0
    in_journal: int = 0
    dropped: int = 0
    races: int = 0
    answers: int = 0
    growth: float = 0.0
    early_mib: float = 0.0
    late_mib: float = 0.0
    journal_mib_per_hour: float = 0.0
    viewer_messages: int = 0
    alarms: list[str] = field(default_factory=list)
    samples: list[tuple[float, float]] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=machine)

    @property
    def met(self) -> bool:
        """Whether nothing was dropped and memory has grown by less than 5 %."""
        return self.dropped == 0 and self.growth < 0.05

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {**asdict(self), "met": self.met}


def soak(hours: float = 24.0, *, hz: float = 10.0, seed: int = 1, progress: Progress | None = None) -> SoakReport:
    """Run ``hours`` simulated hours through an engine of its own and return what was seen.

    Parameters
    ----------
    hours
        Race time, h.
    hz
        Frames a second of race time.
    seed
        Of the first race; each further one has the next.
    progress
        Told the simulated hours so far.
    """
    if not hours > 0:
        raise InputError(f"hours: {hours!r}, expected a number above 0")
    report = SoakReport(hours, hz)
    with tempfile.TemporaryDirectory(prefix="racetwin-soak-") as folder:
        settings = Settings(
            state=Path(folder),
            library=Path(folder),
            data=None,
            api_port=0,
            telemetry_port=0,
            udp_json_port=0,
            udp_game_port=0,
            races=64,
        )
        asyncio.run(_run(settings, report, seed, progress or (lambda _: None)))
    return report


def _races(hours: float, seed: int, report: SoakReport) -> Iterator[tuple[float, TelemetryFrame]]:
    """Yield ``(race time since the start of it all, frame)``, one Grand Prix after the other."""
    from racetwin.telemetry import TelemetrySimulator

    before = 0.0
    while True:
        report.races += 1
        start = last = None
        for frame in TelemetrySimulator(
            CIRCUITS[(report.races - 1) % len(CIRCUITS)], seed=seed + report.races, hz=report.hz
        ):
            start = frame.time_s if start is None else start
            last = frame.time_s - start
            if before + last > 3600 * hours:
                return
            yield before + last, frame
        before += (last or 0.0) + 1 / report.hz


class _Weekend:
    """The feed: every frame handed over by itself, at the pace of the journal."""

    def __init__(self, report: SoakReport, seed: int, progress: Progress) -> None:
        self.report, self.seed, self.progress = report, seed, progress
        self.done = asyncio.Event()

    async def drive(self, taker: Any) -> None:
        report = self.report
        next_sample = 0.0
        numbers: list[int] = []
        followed = ""
        for at, frame in _races(report.hours, self.seed, report):
            number = taker.ingest(frame)
            report.frames += 1
            if number is None:
                report.dropped += 1
            else:
                numbers.append(number)
            if frame.race_id != followed:
                followed = frame.race_id
                taker.follow(frame.cars[0].car_id)
            if len(numbers) >= IN_FLIGHT:
                await taker.acknowledged(numbers[-1])
                numbers.clear()
            elif report.frames % 20 == 0:
                await asyncio.sleep(0)
            if at >= next_sample:
                next_sample = at + SAMPLE_EVERY_S
                report.samples.append((round(at / 3600, 3), memory_mib() or 0.0))
                self.progress(at / 3600)
        if numbers:
            await taker.acknowledged(numbers[-1])
        report.samples.append((round(report.hours, 3), memory_mib() or 0.0))
        self.progress(report.hours)
        self.done.set()
        await asyncio.Event().wait()


async def _run(settings: Settings, report: SoakReport, seed: int, progress: Progress) -> None:
    begin = time.monotonic()
    weekend = _Weekend(report, seed, progress)
    session = open_session(settings, live=True)
    raised: dict[str, None] = {}
    async with serving(session, settings, wrap=lambda _: weekend) as (url, runner):
        runner.on_snapshot(lambda s: raised.update(dict.fromkeys(a.name for a in s.alarms)))
        async with module_running(CLIENTS, "watch", url, VIEWERS, 0) as viewers:
            await weekend.done.wait()
            counters = runner.engine.counters()
            report.frames_in, report.accepted = counters.frames_in, counters.frames_accepted
            report.answers = runner.engine.desk_status().answers
            report.dropped += counters.frames_in - counters.frames_accepted
            report.in_journal = runner.journal.committed_upto
            report.dropped += report.accepted - report.in_journal + runner.journal.lost
            report.journal_mib_per_hour = round(runner.journal.journal.size / 2**20 / report.hours, 1)
            report.viewer_messages = (await viewers())["messages"]
    report.alarms = list(raised)
    report.wall_s = round(time.monotonic() - begin, 1)
    quarter = report.hours / 4
    early = [m for h, m in report.samples if quarter <= h < 2 * quarter]
    late = [m for h, m in report.samples if h >= 3 * quarter]
    report.early_mib, report.late_mib = max(early, default=0.0), max(late, default=0.0)
    report.growth = round(report.late_mib / report.early_mib - 1, 4) if report.early_mib else 0.0
