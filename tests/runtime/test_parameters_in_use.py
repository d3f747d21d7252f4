"""One parameter file for everything: twins, form, desk, simulation, API and a restored engine go by the one that is set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from racetwin import config
from racetwin.api.questions import PlanQuestion, TrialQuestion, ask_rejoin, ask_trial, race_plans
from racetwin.config import Settings
from racetwin.errors import DataError
from racetwin.runtime.catch_up import twin_at
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.journal import Journal
from racetwin.runtime.journal_writer import JournalWriter
from racetwin.runtime.live import LiveRace
from racetwin.runtime.orchestrator import MainOrchestrator
from racetwin.runtime.recovery import SystemRecoveryManager
from racetwin.runtime.session import open_session
from racetwin.runtime.snapshot import RaceInfo
from racetwin.runtime.state_handler import StateHandler
from racetwin.schemas import PlannedStop, TelemetryFrame
from racetwin.simulation.form import load_form
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.rejoin import box_now
from racetwin.telemetry.records import RaceRecord
from racetwin.twins import RaceTwin
from racetwin.twins.car_twin import DEFAULT_SEASON, CarTwin

RACES = 32
pytestmark = pytest.mark.integration


@pytest.fixture
def other_file(tmp_path: Path) -> Path:
    """Return a parameter file whose every circuit takes 8 s longer in the lane, and whose form knows other teams."""
    document = json.loads(files("racetwin").joinpath("data/parameters.json").read_text())
    for level in (document["defaults"], *document["circuits"].values(), *document["circuit_seasons"].values()):
        if "pit_loss_s" in level:
            level["pit_loss_s"]["value"] += 8.0
    document["form"] |= {"teams": {"Nobody": -1.5}, "drivers": {}, "standing": {"Nobody": 4.0}, "history": {}}
    path = tmp_path / "other.json"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def set_for_the_process(other_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Set it as whoever starts a process would."""
    monkeypatch.setenv("RACETWIN_PARAMETERS", str(other_file))
    config.settings.cache_clear()
    yield other_file
    monkeypatch.undo()
    config.settings.cache_clear()


def hashes(file: Path) -> tuple[str, str]:
    """Return the hashes of the shipped numbers for Monza and of the file's."""
    return load_parameters("monza", 2024).hash(), load_parameters("monza", 2024, file).hash()


def fed(engine: RaceEngine, race: list[TelemetryFrame]) -> RaceEngine:
    for frame in race:
        engine.ingest(frame)
    return engine


class Asked(SimpleNamespace):
    """An engine's face that answers in this thread."""

    async def compute(self, work: Any) -> Any:
        return work()

    async def once(self, key: Any, work: Any) -> Any:
        return work()


async def test_settings_reach_twin_desk_simulation_and_api(other_file: Path, race_frames: list[TelemetryFrame]) -> None:
    shipped, other = hashes(other_file)
    assert shipped != other
    engine = fed(RaceEngine(parameters=other_file, races=RACES), race_frames)
    assert engine.twin is not None
    car = next(iter(engine.twin.cars))
    engine.follow(car)
    engine.settle()
    assert engine.twin.parameters.hash() == engine.snapshot().info.parameters_hash == other
    answer = engine.answers[car]
    assert answer.receipt.parameters_hash == other
    face: Any = Asked(engine=engine)
    state = engine.present_state(car)
    stops = [PlannedStop(lap=state.lap + 3, compound="HARD")]
    raced = await race_plans(face, PlanQuestion(car_id=car, plans=[stops], n_races=16))
    trial = await ask_trial(face, TrialQuestion(car_id=car, stops=stops, against=stops))
    assert raced.receipt.parameters_hash == trial.receipt.parameters_hash == other
    asked = await ask_rejoin(face, car, None, None)
    assert asked == box_now(state, car, parameters=load_parameters("monza", 2024, other_file)) == answer.box_now
    assert asked.pit_loss_s.mean == pytest.approx(box_now(state, car).pit_loss_s.mean + 8.0, abs=1e-6)


@pytest.mark.parametrize("snapshot_at", [0, 120])
async def test_restored_engine_goes_by_the_same_file(
    tmp_path: Path, other_file: Path, race_frames: list[TelemetryFrame], snapshot_at: int
) -> None:
    path, info = tmp_path / "race.sqlite", RaceInfo(race_id=race_frames[0].race_id)
    shipped, other = hashes(other_file)
    journal = Journal(path, write=True)
    journal.begin_run("run", info.race_id, info.model_dump(mode="json"))
    writer = JournalWriter(journal, "run")
    engine = RaceEngine(info, parameters=other_file, races=RACES)
    runner = MainOrchestrator(engine, SimpleNamespace(), journal=writer)  # type: ignore[arg-type]
    for n, frame in enumerate(race_frames, 1):
        runner.ingest(frame)
        if n == snapshot_at:
            await runner.take_snapshot()
    await writer.close()
    journal.close()

    with Journal(path) as kept:
        recover = SystemRecoveryManager(kept).recover
        again, report = recover(make=lambda about: RaceEngine(about, parameters=other_file, races=RACES))
        usual, told = recover(make=lambda about: RaceEngine(about, races=RACES))
    assert report.snapshot_frame == snapshot_at
    assert again.hash() == engine.hash()
    assert again.twin is not None
    assert again.twin.parameters.hash() == other
    car = next(iter(again.twin.cars))
    again.follow(car)
    again.settle()
    assert again.answers[car].receipt.parameters_hash == again.snapshot().info.parameters_hash == other
    # With another file in use, what was learnt with this one is not taken over: every frame is gone through anew.
    assert usual.twin is not None
    assert usual.twin.parameters.hash() == shipped
    assert told.snapshot_frame == 0
    assert usual.hash() == fed(RaceEngine(info), race_frames).hash()
    assert usual.snapshot().info.parameters_hash == shipped
    assert bool(snapshot_at) == any("learnt with parameters" in p for p in told.problems)


def test_sessions_of_a_settings_object(tmp_path: Path, other_file: Path) -> None:
    own = Settings(
        state=tmp_path / "state", library=tmp_path, data=None, api_port=0, races=RACES, parameters=other_file
    )
    _, other = hashes(other_file)
    options = {"speed": None, "hz": None, "to_lap": 6, "races": RACES}
    with LiveRace.simulate("monza", 2024, seed=5, settings=own, **options) as live:
        live.join(120)
        live.raise_errors()
        assert live.snapshot is not None
        assert live.snapshot.info.parameters_hash == other
        stops = [PlannedStop(lap=20, compound="HARD")]
        car = next(c.car_id for c in live.snapshot.cars.values() if c.position == 1)
        assert live.try_plan(car, stops, stops).receipt.parameters_hash == other
        assert live.what_if(car, "sc@10").before.receipt.parameters_hash == other
    session = open_session(own, simulated=True, hz=None, keep=False)
    assert session.source is not None
    session.engine.ingest(next(iter(session.source.frames)))
    twin = session.engine.twin
    assert twin is not None
    assert twin.parameters.hash() == load_parameters(twin.circuit_id, twin.season, other_file).hash()
    assert StateHandler(own)._parameters == other_file


def test_whatever_is_not_told_goes_by_the_process_setting(
    set_for_the_process: Path, record: RaceRecord, race_frames: list[TelemetryFrame]
) -> None:
    other = load_parameters("monza", 2024, set_for_the_process).hash()
    assert load_parameters("monza", 2024).hash() == other
    assert twin_at(record, 3).parameters.hash() == other
    assert CarTwin("44").parameters.hash() == load_parameters(None, DEFAULT_SEASON, set_for_the_process).hash()
    engine = fed(RaceEngine(races=RACES), race_frames)
    assert engine.twin is not None
    assert engine.twin.parameters.hash() == other


def test_form_comes_from_the_file_and_survives_a_restore(other_file: Path, race_frames: list[TelemetryFrame]) -> None:
    first = race_frames[0].model_copy(update={"simulated": False})  # a drawn race has cars that nobody has seen before
    twin = RaceTwin(first.race_id, file=other_file)
    twin.observe(first)
    assert twin.form == load_form("", other_file) != load_form("")
    assert twin.form.standing == {"Nobody": 4.0}
    saved = json.loads(json.dumps(twin.snapshot()))
    assert RaceTwin.restore(saved, file=other_file).form == twin.form
    with pytest.raises(DataError, match="learnt with parameters"):
        RaceTwin.restore(saved)
    own = RaceTwin(first.race_id, twin.parameters, twin.form)
    own.observe(first)
    assert RaceTwin.restore(own.snapshot(), own.parameters, own.form).form == own.form
