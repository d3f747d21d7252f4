"""A toy race with known pace and wear, as a lap table that goes through the real frames and the real ingestor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.parameters import RaceParameters
from racetwin.telemetry.ingestor import Ingested, TelemetryIngestor
from racetwin.telemetry.laptable import frames
from racetwin.telemetry.records import RaceRecord
from racetwin.twins import RaceTwin

LOSS_S = 22.0
OFFSET_S = {"SOFT": -0.5, "MEDIUM": 0.0, "HARD": 0.5}


@dataclass
class Toy:
    """A race to be made: cars ``1..n`` start in that order; ``stops`` is ``{car: {lap: compound}}``."""

    n_cars: int = 6
    laps: int = 30
    pace_s: dict[int, float] = field(default_factory=dict)
    wear_s: dict[str, float] = field(default_factory=lambda: {"SOFT": 0.09, "MEDIUM": 0.06, "HARD": 0.03})
    stops: dict[int, dict[int, str]] = field(default_factory=dict)
    start: dict[int, str] = field(default_factory=dict)
    neutralised: range = range(0)
    digit: str = "4"
    noise_s: float = 0.1
    base_s: float = 90.0
    retire: dict[int, int] = field(default_factory=dict)
    session: str = "R"
    seed: int = 1

    def table(self) -> pd.DataFrame:
        rng = np.random.default_rng(self.seed)
        rows = []
        for car in range(1, self.n_cars + 1):
            clock, age, compound = 0.0, 0, self.start.get(car, "MEDIUM")
            out = False
            for lap in range(1, self.laps + 1):
                if lap > self.retire.get(car, 999):
                    break
                age += 1
                fuel = 0.031 * 110 * (1 - (lap - 0.5) / self.laps)
                time = self.base_s + self.pace_s.get(car, 0.0) + fuel + OFFSET_S.get(compound, 12.0)
                time += self.wear_s.get(compound, 0.05) * age + self.noise_s * rng.standard_normal()
                if lap == 1:
                    time += 5.0 + 1.2 * car  # spread out: traffic is tested by itself
                if lap in self.neutralised:
                    time *= 1.45
                stop = self.stops.get(car, {}).get(lap)
                begun = clock
                if out:
                    time += 0.7 * LOSS_S
                if stop is not None:
                    time += 0.3 * LOSS_S
                clock += time
                rows.append(
                    {
                        "driver_number": car,
                        "driver": f"D{car:02d}",
                        "team": f"T{(car + 1) // 2}",
                        "lap": lap,
                        "lap_time_s": time,
                        "race_time_s": clock,
                        "compound": compound,
                        "tyre_age": age,
                        "fresh_tyre": True,
                        "track_status": self.digit if lap in self.neutralised else "1",
                        "pit_in_time_s": clock - 6.0 if stop is not None else np.nan,
                        "pit_out_time_s": begun + 16.0 if out else np.nan,
                        "pit_stop": stop is not None,
                        "last_lap_before_retirement": lap == self.retire.get(car),
                    }
                )
                out = stop is not None
                if stop is not None:
                    compound, age = stop, 0
        table = pd.DataFrame(rows)
        table["position"] = table.groupby("lap")["race_time_s"].rank(method="first").astype(int)
        return table

    def record(self, table: pd.DataFrame | None = None, **more: object) -> RaceRecord:
        return RaceRecord.from_laps(
            self.table() if table is None else table,
            race_id="toy",
            season=2024,
            session=self.session,
            total_laps=self.laps,
            grid={str(c): c for c in range(1, self.n_cars + 1)},
            **more,
        )


def stream(record: RaceRecord, hz: float | None = None, to_lap: int | None = None) -> Iterator[Ingested]:
    ingestor = TelemetryIngestor()
    for frame in frames(record, hz=hz, to_lap=to_lap):
        ingested = ingestor.process(frame)
        if ingested is not None:
            yield ingested


@pytest.fixture(scope="session")
def toy() -> type[Toy]:
    return Toy


@pytest.fixture(scope="session")
def replay() -> Callable[..., Iterator[Ingested]]:
    return stream


@pytest.fixture(scope="session")
def parameters() -> RaceParameters:
    return load_parameters(None, 2024).replace(reference_lap_s=90.0, total_laps=30)


@pytest.fixture
def drive(parameters: RaceParameters) -> Callable[..., RaceTwin]:
    """Replay a toy race (or a record) into a twin, up to a lap of the leader."""

    def run(race: Toy | RaceRecord, to_lap: int | None = None, hz: float | None = None) -> RaceTwin:
        record = race.record() if isinstance(race, Toy) else race
        twin = RaceTwin("toy", parameters)
        for ingested in stream(record, hz):
            twin.update(ingested)
            if to_lap is not None and twin.leader_laps >= to_lap:
                break
        return twin

    return run
