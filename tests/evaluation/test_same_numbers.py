"""What page and API tell is what the scoreboard scores: the same number at the same moment of the same race."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from racetwin.config import Settings
from racetwin.evaluation.climatology import Climatology
from racetwin.evaluation.forecasts import _Questions
from racetwin.evaluation.outcome import Outcome
from racetwin.runtime.engine import RaceEngine
from racetwin.simulation.draw import draw_grand_prix
from racetwin.telemetry.laptable import frames
from racetwin.telemetry.library import RaceLibrary
from racetwin.telemetry.records import RaceRecord

pytestmark = pytest.mark.integration
RACES = 16


def drawn(folder: Path) -> RaceRecord:
    race = draw_grand_prix("monza", 2024, seed=5)
    return RaceRecord.from_laps(
        race.laps,
        race_id=race.race_id,
        season=2024,
        circuit_id="monza",
        total_laps=race.total_laps,
        grid=race.grid,
        simulated=True,
    )


def recorded(folder: Path) -> RaceRecord:
    return RaceLibrary(Settings(data=folder)).load("2022-13-hungary")


def told(record: RaceRecord, to_lap: int) -> dict[str, list[tuple[float, float]]]:
    """Follow a race with an engine, and pair what its snapshots tell with the scoreboard's rows of the same moments."""
    outcome = Outcome.of(record)
    followed = next(c for c, lap in sorted(outcome.green_stops, key=lambda s: s[1]) if 5 < lap < to_lap)
    engine = RaceEngine(races=RACES)
    asked: _Questions | None = None
    pairs: dict[str, list[tuple[float, float]]] = {"stop_within": [], "next_stop": [], "undercut": [], "box_now": []}
    seen = dict.fromkeys(pairs, 0)
    for frame in frames(record, hz=None, to_lap=to_lap):
        ingested = engine.ingest(frame)
        if ingested is None or engine.twin is None:
            continue
        if asked is None:
            engine.follow(followed)
            asked = _Questions(engine.twin, outcome, engine.parameters, 1, 2, Climatology(), False)
        before = dict(asked.boxed)
        asked.after(ingested)
        new = {k: asked.rows.get(k, [])[seen[k] :] for k in seen}
        seen = {k: len(asked.rows.get(k, [])) for k in seen}
        if not any(new.values()) and before == asked.boxed:
            continue
        engine.settle()
        now = engine.snapshot()
        field = now.field
        for row in new["stop_within"]:
            pairs["stop_within"].append((row["p"], field["cars"][row["car_id"]]["stop_probability_next_5"]))
            pairs["stop_within"].append((row["p"], now.cars[row["car_id"]].stop_probability_next_5 or 0.0))
        for row in new["next_stop"]:
            if strategy := field["cars"][row["car_id"]]["predicted_strategy"]:
                pairs["next_stop"].append((row["told"], strategy[0]["lap"]))
        for row in new["undercut"]:
            for d in field["duels"]:
                if d["car_id"] == row["car_id"] and d["rival_id"] == row["rival_id"]:
                    pairs["undercut"].append((row["p"], d["undercut_probability"]))
        for car_id, scored in ((c, t.position) for (c, lap), t in asked.boxed.items() if before.get((c, lap)) is not t):
            box_now = now.answers[car_id].box_now if car_id in now.answers else None
            if box_now is not None:
                pairs["box_now"].append((scored, box_now.position))
    return pairs


@pytest.mark.parametrize(("race", "least"), [(drawn, (100, 10, 1, 1)), (recorded, (100, 5, 1, 1))])
def test_snapshot_and_scoreboard_give_the_same_numbers(
    race: Callable[[Path], RaceRecord], least: tuple[int, int, int, int], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    folder = request.getfixturevalue("race_data") if race is recorded else tmp_path
    pairs = told(race(folder), to_lap=32)
    for (what, both), n in zip(pairs.items(), least, strict=True):
        assert len(both) >= n, what
        for scored, shown in both:
            assert shown == pytest.approx(scored, abs=1e-9), what
