"""Teams and drivers that were given wear of their own get it back, drawn to the field as far as their races tell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from racetwin.calibration import car_wear
from racetwin.calibration.assemble import wear_levels
from racetwin.calibration.pace import N_EFFECTS, RaceFit
from racetwin.simulation.parameter_file import load_parameters

pytestmark = pytest.mark.unit

TEAMS = {f"team {k}": 0.2 * (k - 2) for k in range(5)}


def seen(seed: int, teams: dict[str, float], error: float, races: int = 40) -> pd.DataFrame:
    """Factors of two drivers a team in so many races of two seasons."""
    rng = np.random.default_rng(seed)
    rows = []
    for race in range(races):
        for team, effect in teams.items():
            for seat in range(2):
                driver = f"{team}/{seat}"
                own = effect + 0.1 * (2 * seat - 1) + rng.normal(0.0, 0.2) + rng.normal(0.0, error)
                rows.append((f"r{race}", 2022 + race * 2 // races, team, driver, own, error))
    return pd.DataFrame(rows, columns=["race_id", "season", "team", "driver", "factor", "sd"])


def test_what_teams_and_drivers_were_given_comes_back() -> None:
    found = car_wear.fit(seen(1, TEAMS, 0.3))
    for team, effect in TEAMS.items():
        assert (
            found.teams[team].effect * effect >= 0.0
        )  # how much of it is the drivers' that never changed team, none can tell
        assert found.teams[team].n == 80
        for seat in range(2):
            told = found.teams[team].effect + found.drivers[f"{team}/{seat}"].effect
            assert told == pytest.approx(effect + 0.1 * (2 * seat - 1), abs=0.15)
    assert found.spread[2] == pytest.approx(0.2, abs=0.06)


def test_where_all_are_alike_nobody_is_given_anything() -> None:
    rng = np.random.default_rng(2)
    rows = seen(2, dict.fromkeys(TEAMS, 0.0), 0.8)
    found = car_wear.fit(rows.assign(factor=rng.normal(0.0, 0.8, len(rows))))
    assert max(abs(level.effect) for level in (*found.teams.values(), *found.drivers.values())) < 0.12
    assert max(found.spread[:2]) < 0.12


def test_few_races_are_drawn_to_the_field() -> None:
    rows = seen(3, TEAMS, 1.0)
    once = rows.iloc[:1].assign(team="new", driver="NEW", factor=2.0)
    found = car_wear.fit(pd.concat([rows, once], ignore_index=True))
    assert 0.0 < found.teams["new"].effect + found.drivers["NEW"].effect < 0.3


def test_a_cars_factor_is_the_slope_within_its_sets_on_usual_wear() -> None:
    p = load_parameters("catalunya", 2024)
    rng = np.random.default_rng(4)
    given, rows = {1: 0.6, 2: 1.0, 3: 1.4}, []
    effects = np.zeros(N_EFFECTS)
    effects[3:6] = p.wear_s[:3]
    effects[6:9] = p.cliff_s[:3]
    for car, factor in given.items():
        for stint, compound in ((1, 1), (2, 2)):
            for age in range(1, 26):
                beyond = max(0.0, age - p.cliff_age[compound])
                wear = p.wear_s[compound] * age + p.cliff_s[compound] * beyond**2
                time = 80.0 + 0.2 * car + 0.3 * stint + factor * wear + 0.1 * rng.standard_normal()
                rows.append((car, stint, 25 * (stint - 1) + age, compound, float(age), time))
    laps = pd.DataFrame(rows, columns=["driver_number", "stint", "lap", "compound_index", "age", "lap_time_s"])
    laps = laps.assign(
        race_id="r",
        season=2024,
        circuit_id="catalunya",
        total_laps=50,
        team="t",
        position=5,
        driver=laps.driver_number.astype(str),
        clean=True,
        road_gap_start_s=9.0,
    )
    single = RaceFit(
        *("r", "catalunya", 2024, 50, len(laps), effects, np.eye(N_EFFECTS)),
        *(np.array([1, 2, 3]), np.array([80.2, 80.4, 80.6]), 0.5),
    )
    found = car_wear.factors(laps, [single], {("catalunya", 2024): p}).set_index("driver_number")
    for car, factor in given.items():
        assert found.factor[car] == pytest.approx(factor - 1.0, abs=0.2)
    assert (found.sd > 0.0).all()


def test_every_level_in_the_file_has_its_evidence_and_no_races_give_none() -> None:
    block = wear_levels(car_wear.fit(seen(1, TEAMS, 0.3)))
    assert block.keys() == {"wear of teams", "wear of drivers", "spread of wear"}
    for entries in block.values():
        for entry in entries.values():
            assert entry["source"] == "fit"
            assert entry["sd"] > 0
            assert entry["n"] > 0
    assert wear_levels(car_wear.fit(pd.DataFrame())) == {}
