"""The life of advice in the engine: deterministic in frames and the strategist's decisions, and whole again after a kill."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from racetwin.errors import InputError
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.follow_up import follow_up
from racetwin.runtime.journal import Journal
from racetwin.runtime.journal_writer import JournalWriter
from racetwin.runtime.orchestrator import MainOrchestrator
from racetwin.runtime.recovery import SystemRecoveryManager
from racetwin.runtime.snapshot import RaceInfo
from racetwin.schemas import Recommendation, TelemetryFrame
from racetwin.simulation import StrategyDesk
from racetwin.strategist.life import Action, standing

pytestmark = pytest.mark.integration
RACES = 64


class Feed:
    """Frames, and at some of them a strategist who decides something; remembers what was said after each frame."""

    def __init__(self, frames: Sequence[TelemetryFrame], decisions: dict[int, Action]) -> None:
        self.frames, self.decisions = frames, decisions
        self.runner: MainOrchestrator | None = None
        self.said: dict[int, tuple[Recommendation, ...]] = {}

    async def __aiter__(self) -> AsyncIterator[TelemetryFrame]:
        assert self.runner is not None
        (car,) = self.runner.engine.followed
        for n, frame in enumerate(self.frames, start=1):
            yield frame
            action = self.decisions.get(n)
            if action is not None:
                stop = standing(self.runner.engine.book.said(car), "stop")
                assert stop is not None
                await self.runner.decide(stop.id, action, "Anna")
            self.said[n] = self.runner.engine.book.said(car)


async def ran(
    path: Path, frames: Sequence[TelemetryFrame], decisions: dict[int, Action], car: str
) -> tuple[RaceEngine, Feed]:
    journal = Journal(path, write=True)
    info = RaceInfo(race_id=frames[0].race_id).model_dump(mode="json")
    journal.begin_run("run", frames[0].race_id, info)
    engine = RaceEngine(races=RACES, run_id="run")
    engine.follow(car)
    feed = Feed(frames, decisions)
    runner = feed.runner = MainOrchestrator(engine, feed, journal=JournalWriter(journal, "run"), in_step=True)
    await runner.run()
    journal.close()
    return engine, feed


DECISIONS: dict[int, Action] = {70: "accept", 90: "reject", 110: "pin"}


async def test_state_after_kill_equals_state_without(tmp_path: Path, race_frames: list[TelemetryFrame]) -> None:
    car = race_frames[0].cars[2].car_id
    engine, feed = await ran(tmp_path / "a.journal", race_frames[:130], DECISIONS, car)
    told = set()
    with Journal(tmp_path / "a.journal") as journal:
        for cut in range(40, 130, 7):  # all that a kill after this frame would have left
            back, _ = SystemRecoveryManager(journal).recover(upto=cut)
            assert back.book.said(car) == feed.said[cut]
            told |= {(r.life.handling, r.life.pinned) for r in back.book.said(car) if r.life and r.kind == "stop"}
        back, _ = SystemRecoveryManager(journal).recover(make=lambda info: RaceEngine(info, races=RACES))
        assert back.snapshot().advice == engine.snapshot().advice
        back.settle()  # it asks the desk again ...
        said = back.book.said(car)
        back.request(car)
        back.settle()
        assert back.book.said(car) == said  # ... and the same answer once more is no new evidence
        log = [(row[1], row[2]) for row in reversed(journal.audit_log())]
    assert told >= {("open", False), ("accepted", False), ("open", True)}
    assert [line for line in log if line[0] == "Anna"] == [("Anna", f"advice {a}") for a in DECISIONS.values()]


async def test_what_was_decided_outlives_the_last_viewer(tmp_path: Path, race_frames: list[TelemetryFrame]) -> None:
    car, other = (c.car_id for c in race_frames[0].cars[2:4])
    engine, _ = await ran(tmp_path / "a.journal", race_frames[:60], {50: "pin"}, car)
    engine.follow(other)
    assert car not in engine.snapshot().advice
    engine.follow(car)
    engine.settle()
    stop = standing(engine.snapshot().advice[car], "stop")
    assert stop is not None
    assert stop.life is not None
    assert stop.life.pinned
    with pytest.raises(InputError, match="is not given now"):
        engine.decide(f"{other}-stop-1", "accept")


async def test_a_follow_up_is_answered_from_the_advice_that_stands(
    tmp_path: Path, race_frames: list[TelemetryFrame]
) -> None:
    car = race_frames[0].cars[2].car_id
    engine, _ = await ran(tmp_path / "a.journal", race_frames[:60], {}, car)
    runner = MainOrchestrator(engine, Feed([], {}))
    engine.queue._desk = StrategyDesk()
    stop: Recommendation | None = standing(engine.book.said(car), "stop")
    assert stop is not None
    answer = await runner.follow_up(car, "and with a safety car?")
    assert answer.simulated
    assert answer.checked.supported == answer.checked.claims > 0
    assert answer.checked.refused == 0
    assert answer.text.startswith("What if a safety car now?")
    assert not answer.partial
    wait = await runner.follow_up(car, "can we wait?")
    assert stop.life is not None
    assert wait.call == stop.life.call
    with pytest.raises(InputError, match="not understood"):
        await runner.follow_up(car, "what is the weather like")


async def test_a_follow_up_without_time_says_that_it_is_not_all(
    tmp_path: Path, race_frames: list[TelemetryFrame]
) -> None:
    car = race_frames[0].cars[2].car_id
    engine, _ = await ran(tmp_path / "a.journal", race_frames[:60], {}, car)
    state, situation = engine.twin.race_state() if engine.twin else None, engine.situation()
    assert state is not None
    assert situation is not None
    question = "and with a safety car?"
    answer = follow_up(StrategyDesk(), state, car, question, situation, engine.book.said(car), deadline_s=1e-6)
    assert answer.partial
    assert answer.text.startswith("What if a safety car now?")
    assert answer.text.endswith("Cut short by its deadline: it rests on fewer races than usual.")
