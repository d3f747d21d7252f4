from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest

from racetwin.config import Settings
from racetwin.errors import InputError
from racetwin.schemas import CarStatus, LapCompleted, TelemetryFrame
from racetwin.telemetry import TelemetryIngestor, TelemetrySimulator
from racetwin.telemetry.faults import Faults
from racetwin.telemetry.outlines import generate, outline

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> TelemetrySimulator:
    return TelemetrySimulator(
        "monza", 2025, seed=3, settings=Settings(data=None, library=tmp_path_factory.mktemp("own"))
    )


def some(simulator: TelemetrySimulator, n: int, start: int = 0) -> list[TelemetryFrame]:
    return list(itertools.islice(iter(simulator), start, start + n))


def test_every_frame_says_that_it_is_simulated_and_would_pass_validation(simulator: TelemetrySimulator) -> None:
    for f in some(simulator, 1500)[::50]:
        assert f.simulated
        assert f.source == "simulator"
        assert TelemetryFrame.model_validate(f.model_dump()) == f


def test_the_same_seed_gives_the_same_race(simulator: TelemetrySimulator) -> None:
    again = TelemetrySimulator("monza", 2025, seed=3, settings=simulator._settings)
    other = TelemetrySimulator("monza", 2025, seed=4, settings=simulator._settings)
    assert some(again, 300) == some(simulator, 300)
    assert other.record.laps["race_time_s"].tolist() != simulator.record.laps["race_time_s"].tolist()


def test_the_whole_race_goes_through_the_ingestor(simulator: TelemetrySimulator) -> None:
    fast = TelemetrySimulator("monza", 2025, seed=3, hz=None, settings=simulator._settings)
    ingestor = TelemetryIngestor()
    laps = [e for f in fast for e in ingestor.process(f).events if isinstance(e, LapCompleted)]
    assert len(laps) == fast.record.laps["race_time_s"].notna().sum()
    assert ingestor.frame is not None
    assert {c.status for c in ingestor.frame.cars} <= {CarStatus.FINISHED, CarStatus.RETIRED}
    assert len(ingestor.frame.cars) == 20


def test_cars_follow_the_circuit(simulator: TelemetrySimulator) -> None:
    lap = simulator.outline
    seen = some(simulator, 1200, 600)
    leader = [next(c for c in f.cars if c.position == 1) for f in seen]
    moving = [c for c in leader if c.status is CarStatus.TRACK]
    assert len({(c.x_m, c.y_m) for c in moving}) > 500
    steps = [
        math.dist((a.x_m, a.y_m), (b.x_m, b.y_m))
        for a, b in itertools.pairwise(moving)
        if a.car_id == b.car_id and a.lap == b.lap and (b.lap_fraction or 0) < 0.94
    ]
    assert max(steps) < 15.0  # 10 m in a tenth of a second is 360 km/h
    assert all(60 <= (c.speed_kmh or 0) <= 340 for c in moving)
    assert max(c.speed_kmh or 0 for c in moving) > 200
    assert lap.generated


def test_faults_are_survived_and_seeded(simulator: TelemetrySimulator) -> None:
    faults = Faults(drop=0.02, duplicate=0.02, reorder=0.03, nan=0.005, jump=0.002, seed=5)
    first = list(itertools.islice(simulator.faulty(faults), 1500))
    again = list(itertools.islice(simulator.faulty(faults), 1500))
    assert [repr(x) for x in first] == [repr(x) for x in again]
    ingestor = TelemetryIngestor()
    events = [e for raw in first for e in getattr(ingestor.process(raw), "events", ())]
    c = ingestor.counters
    assert c.duplicates > 10
    assert c.missing > 5
    assert {"speed_kmh.not_finite", "position.out_of_range"} <= set(c.rejected)
    assert c.rejected_frames == 0
    assert all(e.lap <= 2 for e in events if isinstance(e, LapCompleted))


def test_a_silence_is_marked(simulator: TelemetrySimulator) -> None:
    ingestor = TelemetryIngestor()
    for raw in itertools.islice(simulator.faulty(Faults(silence=0.002, silence_s=20.0, seed=2)), 1500):
        ingestor.process(raw)
    assert ingestor.counters.gaps >= 1


def test_a_probability_beyond_one_is_refused() -> None:
    with pytest.raises(InputError, match=r"drop: 1.5, expected a probability"):
        Faults(drop=1.5)


def test_a_made_up_outline_is_closed_and_its_own() -> None:
    a, b = generate("monza"), generate("spa-francorchamps")
    assert math.dist(a[0], a[-1]) < 100
    assert a.tolist() != b.tolist()
    assert generate("monza").tolist() == a.tolist()


@pytest.mark.data
@pytest.mark.integration
def test_real_outlines_have_their_length_and_plausible_speeds(race_data: Path) -> None:
    lengths = {"monza": 5793, "monaco": 3337, "silverstone": 5891, "spa-francorchamps": 7004, "marina-bay": 4940}
    for circuit, length in lengths.items():
        lap = outline(circuit, Settings(data=race_data))
        assert not lap.generated, circuit
        assert lap.length_m == pytest.approx(length, rel=0.07)
        assert 55 < lap.lap_s < 130
        assert max(lap.speed_kmh) > 270


@pytest.mark.parametrize("n_cars", [20, 22, 24])
def test_as_many_cars_as_a_feed_can_carry(n_cars: int) -> None:
    frame = next(iter(TelemetrySimulator("monza", 2026, seed=3, hz=None, n_cars=n_cars, settings=Settings(data=None))))
    assert len(frame.cars) == n_cars
    assert len({c.driver for c in frame.cars}) == n_cars
    assert TelemetryFrame.model_validate_json(frame.model_dump_json()) == frame


def test_over_some_races_everything_happens() -> None:
    """Stops, retirements, SC, VSC, red flags and rain are drawn by the race model, so a handful of seeds shows each."""
    seen: set[str] = set()
    for seed in range(1, 41):
        record = TelemetrySimulator(seed=seed, hz=None, settings=Settings(data=None)).record
        seen |= {str(change.status) for change in record.status}
        laps = record.laps
        seen |= {"stop"} if laps["pit_stop"].any() else set()
        seen |= {"retirement"} if laps["last_lap_before_retirement"].any() else set()
        seen |= {"rain"} if laps["compound"].isin(["INTERMEDIATE", "WET"]).any() else set()
        if {"stop", "retirement", "rain", "SC", "VSC", "RED"} <= seen:
            return
    raise AssertionError(f"not seen in 40 races: {{'stop', 'retirement', 'rain', 'SC', 'VSC', 'RED'}} - {seen}")
