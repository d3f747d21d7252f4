"""Races drawn by the model itself, as the tables the calibration reads."""

from __future__ import annotations

import pytest
from builders.calibrated import drawn_races

from racetwin.calibration.tables import RaceTables
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.parameters import RaceParameters


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
    return drawn_races(truth, range(1, 9))
