"""What seasons and selections were given comes back, beside circuits and races that differ more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from racetwin.calibration import levels
from racetwin.calibration.pace import FUEL_SHARE, SCALE, PaceFit, RaceFit, fuel_load_kg
from racetwin.simulation.parameter_file import load_parameters, parameters_of, read_document
from racetwin.twins.pace_model import PaceModel

pytestmark = pytest.mark.unit

FUEL = 0.031


def races(seed: int, harder: np.ndarray, spread: np.ndarray) -> tuple[PaceFit, list[RaceFit], dict[str, float], Any]:
    """Single races of 20 circuits in 8 seasons, seen with little error."""
    rng = np.random.default_rng(seed)
    circuit, race = 0.6 * SCALE, 0.4 * SCALE
    of_circuit = rng.normal(0.0, circuit, (20, 9))
    of_season = {s: rng.normal(0.0, spread) for s in range(2018, 2026)}
    fits, softer = [], {}
    for season, own in of_season.items():
        for c in range(20):
            name, step = f"{season}-{c:02d}", float(rng.integers(-1, 2))
            effects = SCALE + of_circuit[c] + rng.normal(0.0, race)
            effects[levels.TYRES] += own - step * harder
            effects[0] -= FUEL * FUEL_SHARE * fuel_load_kg(season) / 60
            covariance = np.diag((0.3 * SCALE) ** 2)
            effects = effects + rng.normal(0.0, 0.3 * SCALE)
            seen = (np.arange(2), np.zeros(2), 0.3)
            fits.append(RaceFit(name, f"c{c}", season, 60, 500, effects, covariance, *seen))
            softer[name] = step
    p = cast(PaceFit, SimpleNamespace(field_sd=circuit, race_sd=race, fuel_s_per_kg=FUEL))
    return p, fits, softer, of_season


def test_effects_of_seasons_and_selections_come_back() -> None:
    scale = SCALE[levels.TYRES]
    harder, spread = np.array([0.1, -0.1, -0.2, -0.3, 0.2]) * scale, 0.4 * scale
    p, fits, softer, true = races(1, harder, spread)
    found = levels.fit(p, fits, softer)
    assert (np.abs(found.harder - harder) < 4 * found.harder_sd).all()
    assert (found.harder_sd < 0.1 * scale).all()
    assert (found.spread > 0.15 * scale).all()
    assert (found.spread < 0.9 * scale).all()
    middle = np.mean(list(true.values()), axis=0)
    for season, (effect, sd, n) in found.seasons.items():
        # What all seasons share is the field's.
        assert (np.abs(effect - (true[season] - middle)) < 4 * np.hypot(sd, spread / 8**0.5)).all()
        assert n == 20


def test_where_seasons_do_not_differ_hardly_any_spread_is_found() -> None:
    scale = SCALE[levels.TYRES]
    p, fits, softer, _ = races(2, np.zeros(5), np.zeros(5))
    assert (levels.fit(p, fits, softer).spread < 0.15 * scale).all()


def test_a_selection_is_told_by_the_codes_of_its_compounds() -> None:
    laps = pd.DataFrame(
        {
            "race_id": ["a", "a", "a", "b", "b", "c"],
            "compound_index": [0, 1, 2, 0, 1, 1],
            "compound_pirelli": ["C3", "C2", "C1", "C5", "C4", "SUPERSOFT"],
        }
    )
    assert levels.selections(laps) == {"a": -1.0, "b": 1.0}


def test_less_is_known_of_the_tyres_of_a_season_that_nobody_has_raced_in() -> None:
    document = {**read_document(None)}
    values = {name: {"value": 0.03} for name in levels.NAMES}
    document["levels"] = {"spread of seasons": values, "2024": values}
    known, unseen = (parameters_of(document, "monza", season) for season in (2024, 2040))
    for name in ("wear_s", "compound_offset_s"):
        assert unseen.errors[name][0] == pytest.approx(np.hypot(known.errors[name][0], 0.03), rel=1e-6)
    assert unseen.errors["compound_offset_s"][1] == known.errors["compound_offset_s"][1]


def test_a_season_that_nobody_has_raced_in_widens_what_the_twins_begin_with_at_any_circuit() -> None:
    """Also where a circuit is so well known that its own errors are below what races stray by anyway."""
    for circuit in ("monza", "monaco", None):
        known, new = (PaceModel.of(load_parameters(circuit, season)) for season in (2024, 2031))
        assert new.wear_sd_s > 1.05 * known.wear_sd_s
        assert new.offset_sd_s > 1.05 * known.offset_sd_s
