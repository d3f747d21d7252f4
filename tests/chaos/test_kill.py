"""Kill the engine at random moments of a race: no acknowledged frame may be lost, no state may differ after recovery.

``RACETWIN_CHAOS_KILLS`` says how often (default 20; the figure in docs/figures.md is from 200).
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import random
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.journal import Journal
from racetwin.runtime.journal_writer import JournalWriter
from racetwin.runtime.orchestrator import MainOrchestrator
from racetwin.runtime.recovery import SystemRecoveryManager
from racetwin.runtime.snapshot import RaceInfo
from racetwin.schemas import TelemetryFrame
from racetwin.simulation.draw import draw_grand_prix
from racetwin.telemetry.laptable import frames
from racetwin.telemetry.records import RaceRecord

pytestmark = pytest.mark.chaos

ACKNOWLEDGING: set[asyncio.Task[None]] = set()
KILLS = int(os.environ.get("RACETWIN_CHAOS_KILLS", "20"))
PACE_S = 0.001
"""A hundred times the pace of a live feed: the more frames, the more moments to be killed in."""


@pytest.fixture(scope="module")
def race() -> list[TelemetryFrame]:
    drawn = draw_grand_prix(circuit_id="monza", season=2024, seed=8)
    record = RaceRecord.from_laps(
        drawn.laps, race_id=drawn.race_id, season=2024, circuit_id="monza", total_laps=drawn.total_laps, grid=drawn.grid
    )
    return list(frames(record, hz=10.0, to_lap=4))


class Silent:
    async def __aiter__(self):
        await asyncio.Event().wait()
        yield


def engine_process(path: Path, race: list[TelemetryFrame], told: Connection, snapshot_every: int) -> None:
    """Run an engine that acknowledges frames over a pipe, as it would over a socket."""

    async def run() -> None:
        journal = Journal(path, write=True)
        runs = journal.runs()
        if runs:
            engine, _ = SystemRecoveryManager(journal).recover()
            first = journal.last_frame("run") + 1
        else:
            info = RaceInfo(race_id=race[0].race_id)
            journal.begin_run("run", info.race_id, info.model_dump(mode="json"))
            engine, first = RaceEngine(info), 1
        writer = JournalWriter(journal, "run", first=first)
        runner = MainOrchestrator(engine, Silent(), journal=writer)
        task = asyncio.create_task(runner.run())
        told.send(("up", first))
        for frame in race[first - 1 :]:
            number = runner.ingest(frame)
            if number is not None:
                ACKNOWLEDGING.add(asyncio.create_task(acknowledge(writer, number)))
            if writer.last % snapshot_every == 0:
                await runner.take_snapshot()
            await asyncio.sleep(PACE_S)
        await writer.committed(writer.last)
        told.send(("done", writer.last))
        await asyncio.sleep(60)
        task.cancel()

    async def acknowledge(writer: JournalWriter, number: int) -> None:
        await writer.committed(number)
        told.send(("ack", number))

    asyncio.run(run())


@pytest.mark.timeout(1800)
def test_killed_at_random_moments_it_loses_nothing(race: list[TelemetryFrame], tmp_path: Path) -> None:
    draw = random.Random(20240707)
    context = multiprocessing.get_context("fork")
    kills = lost = differ = 0
    restarts: list[float] = []
    differences: list[str] = []
    began = time.monotonic()
    while kills < KILLS:
        path = tmp_path / f"race-{kills}.sqlite"
        acknowledged = 0
        finished = False
        while not finished and kills < KILLS:
            mine, theirs = context.Pipe(duplex=False)
            process = context.Process(target=engine_process, args=(path, race, theirs, draw.choice([7, 40, 10_000])))
            start = time.monotonic()
            process.start()
            theirs.close()
            assert mine.poll(60)
            assert mine.recv()[0] == "up"
            restarts.append(time.monotonic() - start)
            moment = time.monotonic() + draw.uniform(0.0, 0.8)
            while time.monotonic() < moment and not finished:
                if mine.poll(max(moment - time.monotonic(), 0)):
                    what, number = mine.recv()
                    finished = what == "done"
                    acknowledged = max(acknowledged, number)
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            kills += 1
            with contextlib.suppress(EOFError):
                while mine.poll(0):  # acknowledged before it died, read after
                    acknowledged = max(acknowledged, mine.recv()[1])
            mine.close()
            with Journal(path, write=True) as journal:
                kept = journal.last_frame("run")
                lost += max(acknowledged - kept, 0)
                recovered, report = SystemRecoveryManager(journal).recover()
                assert report.problems == []
                assert report.last_frame == kept
            whole = RaceEngine(RaceInfo(race_id=race[0].race_id))
            for frame in race[:kept]:
                whole.ingest(frame)
            if recovered.hash() != whole.hash() or recovered.snapshot().laps != whole.snapshot().laps:
                differ += 1
                differences.append(
                    f"after frame {kept} (snapshot {report.snapshot_frame}): {_difference(recovered, whole)}"
                )
    print(
        f"\n{kills} kills in {time.monotonic() - began:.0f} s: {lost} acknowledged frames lost, {differ} states differ, "
        f"restart {max(restarts):.2f} s at most"
    )
    assert (lost, differ) == (0, 0), differences


def _difference(one: RaceEngine, other: RaceEngine) -> str:
    """Say where two engines differ first."""

    def walk(a: object, b: object, where: str) -> str | None:
        if isinstance(a, dict) and isinstance(b, dict):
            for key in sorted(set(a) | set(b)):
                found = walk(a.get(key), b.get(key), f"{where}.{key}")
                if found:
                    return found
            return None
        if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            return next(
                (f for i, (x, y) in enumerate(zip(a, b, strict=True)) if (f := walk(x, y, f"{where}[{i}]"))), None
            )
        return None if a == b and type(a) is type(b) else f"{where}: {a!r} != {b!r}"

    return walk(one.dump(), other.dump(), "") or "their hashes only"
