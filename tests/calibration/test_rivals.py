"""Rivals' stops: what is known when a lap begins, and a hazard that comes back from drawn decisions."""

from __future__ import annotations

import numpy as np
import pytest

from racetwin.calibration import rivals
from racetwin.calibration.tables import RaceTables
from racetwin.simulation.parameters import RaceParameters


@pytest.mark.unit
def test_the_table_knows_nothing_of_the_lap_it_asks_about(drawn: RaceTables) -> None:
    life, circuits = rivals.usual_life(drawn.laps)
    table = rivals.hazard_table(drawn.laps, life, circuits, {}, 19.0)
    assert set(rivals.TERMS) <= set(table.columns)
    assert table.stop.sum() > 50
    race = drawn.races.race_id[0]
    laps = drawn.laps.copy()
    # A different present: nothing that happens in lap 20 or later may change a row of lap 20, but the track status.
    later = (laps.race_id == race) & (laps.lap >= 20)
    laps.loc[later, "race_time_s"] += np.arange(later.sum()) * 0.37
    changed = rivals.hazard_table(laps, life, circuits, {}, 19.0)
    upto = (table.race_id == race) & (table.lap <= 20)
    columns = [c for c in rivals.TERMS if not c.startswith(("sc", "vsc"))]
    np.testing.assert_allclose(table.loc[upto, columns], changed.loc[upto, columns])


@pytest.mark.unit
def test_a_safety_car_counts_once_as_new(drawn: RaceTables) -> None:
    life, circuits = rivals.usual_life(drawn.laps)
    table = rivals.hazard_table(drawn.laps, life, circuits, {}, 19.0)
    assert not ((table.sc > 0) & (table.sc_later > 0)).any()
    assert not ((table.sc > 0) & (table.vsc > 0)).any()


@pytest.mark.unit
def test_who_has_met_the_rules_owes_nothing(drawn: RaceTables) -> None:
    life, circuits = rivals.usual_life(drawn.laps)
    table = rivals.hazard_table(drawn.laps, life, circuits, {}, 19.0)
    first = table[table.lap == 3]
    assert (first.owed > 0).all()
    assert (table[table.late > 0].owed == 0).all()


@pytest.mark.integration
def test_the_hazard_comes_back_from_drawn_decisions(drawn: RaceTables, truth: RaceParameters) -> None:
    fit = rivals.fit(drawn.laps, {"catalunya": truth.pit_loss_s}, truth.pit_loss_s, method="map")
    b = fit.coefficients
    assert b["age"] > 0
    assert b["sc"] > 0.5
    # What the fit says of a car on a set at its usual age, against what it was drawn from.
    fitted = np.exp(b["intercept"] + fit.circuit_intercept["catalunya"] + b["age"])
    assert 0.2 < fitted / np.exp(truth.stop_intercept + truth.stop_age) < 6.0
