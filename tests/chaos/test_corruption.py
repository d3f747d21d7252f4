"""Damage a journal anywhere: recovery either says that it cannot be read, or gives a state that was, and never another one.

``RACETWIN_CHAOS_WOUNDS`` says how often (default 60).
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from pathlib import Path

import pytest

from racetwin.errors import DataError
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

WOUNDS = int(os.environ.get("RACETWIN_CHAOS_WOUNDS", "60"))


class Silent:
    async def __aiter__(self):
        await asyncio.Event().wait()
        yield


@pytest.fixture(scope="module")
def race() -> list[TelemetryFrame]:
    drawn = draw_grand_prix(circuit_id="monza", season=2024, seed=8)
    record = RaceRecord.from_laps(
        drawn.laps, race_id=drawn.race_id, season=2024, circuit_id="monza", total_laps=drawn.total_laps, grid=drawn.grid
    )
    return list(frames(record, hz=None, to_lap=12))


@pytest.fixture(scope="module")
def journal_file(race: list[TelemetryFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "race.sqlite"

    async def write() -> None:
        journal = Journal(path, write=True)
        info = RaceInfo(race_id=race[0].race_id)
        journal.begin_run("run", info.race_id, info.model_dump(mode="json"))
        writer = JournalWriter(journal, "run")
        runner = MainOrchestrator(RaceEngine(info), Silent(), journal=writer)
        for i, frame in enumerate(race, 1):
            runner.ingest(frame)
            if i % 10 == 0:
                await writer.flush()
            if i % 45 == 0:
                await runner.take_snapshot()
        await writer.close()
        journal.close()

    asyncio.run(write())
    return path


@pytest.fixture(scope="module")
def hashes(race: list[TelemetryFrame]) -> list[str]:
    """Return the hash of the engine after each frame."""
    engine = RaceEngine(RaceInfo(race_id=race[0].race_id))
    found = [engine.hash()]
    for frame in race:
        engine.ingest(frame)
        found.append(engine.hash())
    return found


@pytest.mark.timeout(900)
def test_damaged_anywhere_it_never_gives_a_state_that_never_was(
    journal_file: Path, hashes: list[str], tmp_path: Path
) -> None:
    draw = random.Random(7)
    size = journal_file.stat().st_size
    refused = whole = short = 0
    for wound in range(WOUNDS):
        path = tmp_path / f"wound-{wound}.sqlite"
        shutil.copy(journal_file, path)
        with path.open("r+b") as file:
            kind = draw.choice(["flip", "page", "truncate"])
            at = draw.randrange(size)
            if kind == "truncate":
                file.truncate(at)
            else:
                file.seek(at if kind == "flip" else at // 4096 * 4096)
                file.write(draw.randbytes(16 if kind == "flip" else 4096))
        try:
            with Journal(path, write=True) as journal:
                engine, report = SystemRecoveryManager(journal).recover()
        except DataError:
            refused += 1
            continue
        assert engine.hash() == hashes[report.last_frame], (wound, kind, at, str(report))
        whole += report.last_frame == len(hashes) - 1
        short += report.last_frame < len(hashes) - 1
        if report.last_frame < len(hashes) - 1 and report.last_frame:
            assert report.problems or kind == "truncate", (wound, kind, at, str(report))
    print(f"\n{WOUNDS} wounds: {whole} healed whole, {short} up to the wound, {refused} said to be unreadable")
    assert whole > 0
