"""A language model words the advice of a running engine: ours first, the model's when it may be shown, never a wait."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from builders.model_server import MODEL, Server, honest, running

from racetwin.config import Settings
from racetwin.runtime import wordsmith
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.journal import Journal
from racetwin.runtime.journal_writer import JournalWriter
from racetwin.runtime.orchestrator import MainOrchestrator
from racetwin.runtime.recovery import SystemRecoveryManager
from racetwin.runtime.snapshot import RaceInfo, RaceSnapshot
from racetwin.schemas import CarStatus, Recommendation, TelemetryFrame
from racetwin.strategist.wording import texts_of

pytestmark = pytest.mark.integration

RACES = 32
WITHIN_S = 60.0


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is not there is looked for more often than on a race day."""
    monkeypatch.setattr(wordsmith, "PROBE_EVERY_S", 0.2)


@pytest.fixture(scope="module")
def laps(race_frames: list[TelemetryFrame]) -> list[TelemetryFrame]:
    """Return the first laps: advice is all that is needed of the race."""
    return race_frames[:100]


@pytest.fixture
def server() -> Iterator[tuple[Server, str]]:
    with running() as served:
        served[0].reply = honest
        yield served


class Tap:
    """A feed that gives its frames at once, then waits until more are put in."""

    def __init__(self, frames: list[TelemetryFrame]) -> None:
        self.queue: asyncio.Queue[TelemetryFrame] = asyncio.Queue()
        for frame in frames:
            self.queue.put_nowait(frame)

    async def __aiter__(self) -> AsyncIterator[TelemetryFrame]:
        while True:
            yield await self.queue.get()


def settings_for(url: str, **changes: object) -> Settings:
    return Settings(llm_url=url, llm_model=MODEL, **changes)


@contextlib.asynccontextmanager
async def race(
    frames: list[TelemetryFrame],
    settings: Settings | None,
    journal: JournalWriter | None = None,
    info: RaceInfo | None = None,
) -> AsyncIterator[tuple[MainOrchestrator, Tap, list[RaceSnapshot]]]:
    """Run an engine on these frames, following one car that is in the race."""
    tap, seen = Tap(frames), []
    engine = RaceEngine(info, races=RACES, seed=1, run_id="run")
    runner = MainOrchestrator(engine, tap, journal=journal, settings=settings)
    runner.on_snapshot(seen.append)
    car_id = next(c.car_id for c in frames[-1].cars if c.position == 3 and c.status is CarStatus.TRACK)
    task = asyncio.create_task(runner.run())
    await until(lambda: engine.frames_in == len(frames))
    runner.follow(car_id)
    yield runner, tap, seen
    runner.stop()
    await task


def advice_in(seen: list[RaceSnapshot]) -> tuple[Recommendation, ...]:
    return next(iter(seen[-1].advice.values()), ()) if seen else ()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():
            await asyncio.sleep(0.01)


async def test_our_own_wording_is_there_first_and_the_models_replaces_it_when_it_passes(
    server: tuple[Server, str], laps: list[TelemetryFrame]
) -> None:
    server[0].pause_s = 0.02
    async with race(laps, settings_for(server[1])) as (runner, _, seen):
        await until(lambda: advice_in(seen) and all(r.wording == "model" for r in advice_in(seen)))
    first = next(s for s in seen if s.advice)
    own = next(advice_in([s]) for s in reversed(seen) if all(r.wording == "rules" for r in advice_in([s])))
    assert all(r.title for r in own)
    shown = advice_in(seen)
    for r, before in zip(shown, own, strict=True):
        assert r.worded is not None
        assert (r.worded.state, r.worded.model) == ("shown", MODEL)
        assert r.worded.own is not None
        assert r.worded.own.description == before.description != r.description
        assert (r.priority, r.execution_lap, r.facts) == (before.priority, before.execution_lap, before.facts)
        assert r.worded.claims == r.worded.supported > 0
        assert r.worded.elapsed_s is not None
        assert r.worded.completion_tokens == 3
        assert all(s.facts for s in r.sentences if s.part == "reasoning")
    health = runner.health()["components"]["wording"]
    assert (health["shown"], health["refused"]) == (len(shown), 0)
    assert all(s.advice for s in seen[seen.index(first) :]), "never a blank"


async def test_wording_that_the_facts_do_not_carry_is_never_shown_and_the_objection_is(
    server: tuple[Server, str], laps: list[TelemetryFrame]
) -> None:
    server[0].reply = lambda question: honest(question).replace("laps are left.", "laps are left: the engine is hot.")
    async with race(laps, settings_for(server[1])) as (_, _, seen):
        await until(lambda: any(r.worded and r.worded.state == "refused" for r in advice_in(seen)))
        refused = next(r for r in advice_in(seen) if r.worded and r.worded.state == "refused")
    assert refused.wording == "rules"
    assert refused.worded is not None
    assert refused.worded.attempts == 2
    assert any("hot" in o for o in refused.worded.objections)
    shown = [text for s in seen for r in advice_in([s]) for text in texts_of(r)]
    assert shown
    assert not any("engine is hot" in text for text in shown)


async def test_question_is_dropped_when_the_car_it_is_about_boxes(
    server: tuple[Server, str], laps: list[TelemetryFrame]
) -> None:
    server[0].pause_s, server[0].reply, server[0].words = 0.05, None, ["x"] * 2000
    async with race(laps, settings_for(server[1])) as (runner, tap, seen):
        await until(lambda: server[0].bodies and any(r.worded for r in advice_in(seen)))
        last = laps[-1]
        (car_id,) = seen[-1].advice
        cars = tuple(c.model_copy(update={"status": CarStatus.PIT}) if c.car_id == car_id else c for c in last.cars)
        changes = {"seq": last.seq + 1, "time_s": last.time_s + 1.0, "cars": cars}
        tap.queue.put_nowait(last.model_copy(update=changes))
        await until(lambda: server[0].disconnects)
        assert runner.wordsmith is not None
        assert runner.wordsmith.counts.dropped == 1
    assert server[0].disconnects == 1


async def test_without_a_server_ours_stands_and_those_who_asked_for_a_model_are_told(
    laps: list[TelemetryFrame],
) -> None:
    nowhere = "http://127.0.0.1:9/v1"
    async with race(laps, settings_for(nowhere)) as (_, _, seen):
        await until(lambda: advice_in(seen))
        assert all(r.worded is None for r in advice_in(seen))
    async with race(laps, settings_for(nowhere, llm_enabled=True)) as (runner, _, seen):
        await until(lambda: advice_in(seen) and all(r.worded for r in advice_in(seen)))
        assert {r.worded.state for r in advice_in(seen) if r.worded} == {"unavailable"}
        assert "no model server answers" in runner.health()["components"]["wording"]["error"]


async def test_looking_for_a_server_makes_one_client_and_loads_no_certificates_for_plain_http(
    certificates_loaded: list[str],
) -> None:
    word = wordsmith.Wordsmith(
        settings_for("http://127.0.0.1:9/v1"), advice=dict, retired=tuple, show=lambda car_id, advice: True
    )
    looking = asyncio.create_task(word.run())
    await until(lambda: word.counts.error is not None)
    first = word.client
    await asyncio.sleep(4 * wordsmith.PROBE_EVERY_S)
    assert word.client is first
    assert word.state == "searching"
    assert certificates_loaded == []
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)


async def test_server_that_comes_up_during_the_race_is_found(laps: list[TelemetryFrame]) -> None:
    with running() as (served, url):
        served.reply, served.absent = honest, True
        async with race(laps, settings_for(url)) as (_, _, seen):
            await until(lambda: advice_in(seen))
            served.absent = False
            await until(lambda: any(r.wording == "model" for r in advice_in(seen)))


async def test_advice_that_went_without_a_model_is_worded_when_the_server_is_back(
    server: tuple[Server, str], laps: list[TelemetryFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("racetwin.strategist.client.BREAKER_REST_S", 1.0)
    monkeypatch.setattr(wordsmith, "AGAIN_AFTER_S", 0.1)
    server[0].fail_next = 10_000
    async with race(laps, settings_for(server[1])) as (runner, _, seen):
        await until(lambda: any(r.worded and r.worded.state == "unavailable" for r in advice_in(seen)))
        await until(lambda: "left alone" in str(runner.health()["components"]["wording"]["error"]))
        server[0].fail_next = 0
        await until(lambda: advice_in(seen) and all(r.wording == "model" for r in advice_in(seen)))


async def test_words_of_a_model_change_no_state_and_survive_a_restart(
    server: tuple[Server, str], laps: list[TelemetryFrame], tmp_path: Path
) -> None:
    info = RaceInfo(race_id=laps[0].race_id)
    async with race(laps, None) as (runner, _, seen):
        await until(lambda: advice_in(seen))
        without = runner.engine.hash()
    journal = Journal(tmp_path / "race.journal", write=True)
    journal.begin_run("run", info.race_id, info.model_dump(mode="json"))
    async with race(laps, settings_for(server[1]), JournalWriter(journal, "run"), info) as (runner, _, seen):
        await until(lambda: advice_in(seen) and all(r.wording == "model" for r in advice_in(seen)))
        assert runner.engine.hash() == without
        said = dict(seen[-1].advice)
    with Journal(tmp_path / "race.journal") as kept:
        engine, _ = SystemRecoveryManager(kept).recover("run")
    assert dict(engine.advice) == said
    assert engine.hash() == without
