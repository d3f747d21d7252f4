"""Three circuits with truths of their own: the hierarchy gives each its own back, with errors that cover it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from builders.calibrated import drawn_races

from racetwin.calibration import pace
from racetwin.calibration.pace import PaceFit
from racetwin.calibration.tables import RaceTables
from racetwin.simulation.parameters import RaceParameters

pytestmark = pytest.mark.integration

CIRCUITS = {
    "catalunya": ((0.13, 0.09, 0.06), (-0.6, 0.4)),
    "monza": ((0.06, 0.04, 0.025), (-0.3, 0.2)),
    "silverstone": ((0.10, 0.06, 0.04), (-0.45, 0.6)),
}
"""Wear of the slicks and offsets of softs and hards against mediums, by circuit."""
CLIFF = (0.004, 0.0, 0.0)
FUEL = 0.035


class Recovered(NamedTuple):
    fit: PaceFit
    truth: dict[str, RaceParameters]


@pytest.fixture(scope="module")
def recovered(truth: RaceParameters) -> Recovered:
    truths = {
        c: truth.replace(
            wear_s=(*wear, *truth.wear_s[3:]),
            compound_offset_s=(soft, 0.0, hard, *truth.compound_offset_s[3:]),
            cliff_s=(*CLIFF, *truth.cliff_s[3:]),
            cliff_age=(12.0, 18.0, 26.0, *truth.cliff_age[3:]),
            fuel_s_per_kg=FUEL,
        )
        for c, (wear, (soft, hard)) in CIRCUITS.items()
    }
    parts = [drawn_races(p, range(10 * k, 10 * k + 5), c) for k, (c, p) in enumerate(truths.items(), start=5)]
    laps = pd.concat([t.laps for t in parts], ignore_index=True)
    tables = RaceTables(pd.concat([t.races for t in parts]), laps, pd.concat([t.results for t in parts]))
    fit, _ = pace.fit(tables.laps, method="laplace")
    return Recovered(fit, truths)


def test_each_circuit_gets_its_own_wear_and_offsets_back(recovered: Recovered) -> None:
    fit, within = recovered.fit, []
    for c, (wear, offsets) in CIRCUITS.items():
        k = fit.circuits.index(c)
        np.testing.assert_allclose(fit.circuit[k, 4:6], wear[1:], atol=0.02, err_msg=c)
        np.testing.assert_allclose(fit.circuit[k, 1:3], offsets, atol=0.25, err_msg=c)
        away = fit.circuit[k, 1:6] - np.array([*offsets, *wear])
        within.extend(np.abs(away) < 3 * fit.circuit_sd[k, 1:6])
    assert np.mean(within) >= 0.85
    medium = {c: fit.circuit[fit.circuits.index(c), 4] for c in CIRCUITS}
    assert medium["catalunya"] > medium["silverstone"] > medium["monza"]


def test_a_cliff_is_found_on_the_compound_that_has_one(recovered: Recovered) -> None:
    fit = recovered.fit
    assert fit.field[6] > 0.5 * CLIFF[0]
    assert fit.field[6] > 2 * max(fit.field[7], fit.field[8])


def test_fuel_moves_from_its_prior_to_the_truth_and_is_surer_than_before(recovered: Recovered) -> None:
    fit = recovered.fit
    assert abs(fit.fuel_s_per_kg - FUEL) < 3 * fit.fuel_sd
    assert pace.FUEL_S_PER_KG[0] < fit.fuel_s_per_kg
    assert fit.fuel_sd < pace.FUEL_S_PER_KG[1]


def test_a_circuit_not_seen_is_less_certain_than_one_that_was(recovered: Recovered) -> None:
    fit = recovered.fit
    assert (fit.field_sd[4:6] > fit.circuit_sd[:, 4:6].max(axis=0)).all()
