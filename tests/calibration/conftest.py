"""Races drawn by the model itself, as the tables the calibration reads."""

from __future__ import annotations

import pandas as pd
import pytest

from racetwin.calibration.tables import RaceTables, derive
from racetwin.simulation.draw import draw_grand_prix
from racetwin.simulation.parameters import RaceParameters, load_parameters


@pytest.fixture(scope="session")
def truth() -> RaceParameters:
    """What the drawn races were drawn from: wear that can be seen, no rain."""
    p = load_parameters("catalunya", 2024)
    return p.replace(
        wear_s=(0.11, 0.07, 0.05, *p.wear_s[3:]),
        cliff_s=(0.0, 0.0, 0.0, *p.cliff_s[3:]),
        compound_offset_s=(-0.5, 0.0, 0.3, *p.compound_offset_s[3:]),
        track_evolution_s=0.0,
        rain_start=0.0,
        lap_noise_s=0.25,
        pit_loss_s=19.0,
    )


@pytest.fixture(scope="session")
def drawn(truth: RaceParameters) -> RaceTables:
    """Eight Grands Prix."""
    races = [draw_grand_prix("catalunya", 2024, seed=k, parameters=truth) for k in range(1, 9)]
    laps = pd.concat([r.laps for r in races], ignore_index=True)
    facts = pd.DataFrame(
        {
            "race_id": [r.race_id for r in races],
            "season": 2024,
            "session": "R",
            "date": [f"2024-01-{k + 1:02d}" for k in range(len(races))],
            "circuit_id": "catalunya",
            "laps_run": [r.total_laps for r in races],
            "laps_scheduled": [r.total_laps for r in races],
            "wet": False,
        }
    )
    results = pd.concat(
        [r.results.assign(race_id=r.race_id) for r in races if r.results is not None], ignore_index=True
    )
    results["session"] = "R"
    return RaceTables(facts, derive(laps, facts), results)
