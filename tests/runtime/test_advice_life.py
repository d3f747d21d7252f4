"""The life of advice in the engine: deterministic in frames and the strategist's decisions, and whole again after a kill."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from racetwin.errors import InputError
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.follow_up import follow_up
from racetwin.runtime.journal import Journal
from racetwin.runtime.journal_writer import JournalWriter
from racetwin.runtime.orchestrator import MainOrchestrator
from racetwin.runtime.recovery import SystemRecoveryManager
from racetwin.runtime.snapshot import RaceInfo
from racetwin.schemas import CarStatus, Recommendation, Retired, TelemetryFrame
from racetwin.simulation import StrategyDesk
from racetwin.strategist.checker import Checker
from racetwin.strategist.claims import cars_in
from racetwin.strategist.life import Action, standing

pytestmark = pytest.mark.integration
RACES = 64


class NarrowDesk(StrategyDesk):
    """A desk that carries only its best plan to the end: whatever else is asked about has to be raced."""

    def base(self, *question: Any, **options: Any) -> Any:
        base = super().base(*question, **options)
        return replace(base, answer=base.answer.model_copy(update={"plans": base.answer.plans[:1]}))


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


async def test_a_car_that_is_out_is_asked_about_again_wherever_it_ran_if_the_advice_names_it(
    tmp_path: Path, race_frames: list[TelemetryFrame]
) -> None:
    car = race_frames[0].cars[2].car_id
    engine, _ = await ran(tmp_path / "a.journal", race_frames[:60], {}, car)
    situation = engine.situation()
    assert situation is not None
    advice = engine.advice[car]
    named = {c for r in advice for f in r.facts for c in cars_in(f.text)}
    ids = {situation.name(c): c for c in situation.cars}
    other, nobody = ids[sorted(named)[0]], next(c for name, c in ids.items() if name not in named and c != car)
    far = dict.fromkeys(situation.cars, 20) | {car: 3}  # nobody runs near, so that nearness is no reason
    engine.queue.drop(())
    engine.ask_about((Retired(car_id=nobody, time_s=300.0, lap=3),), far)
    assert engine.queue.take() is None
    engine.ask_about((Retired(car_id=other, time_s=300.0, lap=3),), far)
    request = engine.queue.take()
    assert request is not None
    assert request.reasons == (f"car {other} is out",)
    # What was said of it does not pass any more once it is known to be out.
    out = situation.cars[other].model_copy(update={"status": CarStatus.RETIRED})
    now = replace(situation, cars={**situation.cars, other: out})
    assert now.retired() == (situation.name(other),)
    for r in advice:
        for fact in r.facts:
            before, since = (Checker(r.facts, retired).check(fact.text) for retired in ((), now.retired()))
            if situation.name(other) in cars_in(fact.text):
                assert any(o.why == "this car is out of the race" for o in since.objections), fact.text
            else:
                assert before == since


QUESTIONS = [
    "why not lap 27?",
    "why soft?",
    "why hard?",
    "why not now?",
    "can we wait?",
    "why not one stop?",
    "why not two stops?",
    "why not three stops?",
]


async def test_plans_of_every_kind_that_the_desk_did_not_weigh_are_raced(
    tmp_path: Path, race_frames: list[TelemetryFrame]
) -> None:
    car = race_frames[0].cars[2].car_id
    engine, _ = await ran(tmp_path / "a.journal", race_frames[:60], {}, car)
    assert engine.twin is not None
    state, situation = engine.twin.race_state(), engine.situation()
    assert situation is not None
    desk = NarrowDesk()
    for question in QUESTIONS:
        answer = follow_up(desk, state, car, question, situation, engine.book.said(car))
        assert "plans weighed" not in answer.text, question
        assert answer.simulated is not answer.text.startswith("That is the call"), question
        assert answer.checked.refused == 0, (question, answer.text)
        assert not answer.partial
        assert answer.call in answer.text
    with pytest.raises(InputError, match="cannot be done any more"):
        follow_up(desk, state, car, "why not run to the flag?", situation, engine.book.said(car))


async def test_racing_an_unweighed_plan_keeps_its_deadline(tmp_path: Path, race_frames: list[TelemetryFrame]) -> None:
    car = race_frames[0].cars[2].car_id
    engine, _ = await ran(tmp_path / "a.journal", race_frames[:60], {}, car)
    assert engine.twin is not None
    state, situation = engine.twin.race_state(), engine.situation()
    assert situation is not None
    ticks = iter([0.0, 0.0, *[4.9999999] * 20])  # the call's own answer takes all but an instant of the time
    answer = follow_up(NarrowDesk(), state, car, "why not two stops?", situation, clock=lambda: next(ticks))
    assert answer.partial
    assert answer.text.endswith("it rests on fewer races than usual.")


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
