"""How often something Urgent stands through a real race, as `racetwin bench strategist` counts it."""

from __future__ import annotations

import pandas as pd
import pytest

from racetwin.config import settings
from racetwin.evaluation.advice_record import summary
from racetwin.evaluation.benchmarks.priorities import CARS, MOST_URGENT, RACES, SEASONS, chosen, figures, followed


@pytest.mark.unit
def test_races_are_spread_over_the_seasons_and_know_none_of_their_own() -> None:
    rows = [(f"{s}-{r:02}-x", "R", s, r) for s in range(2018, 2026) for r in range(1, 21)]
    listed = pd.DataFrame([*rows, ("2020-00-x", "S", 2020, 0)], columns=["race_id", "session", "season", "round"])
    races = chosen(listed)
    assert len(races) == RACES == len({race for race, _ in races})
    assert {int(race[:4]) for race, _ in races} == set(SEASONS)
    assert all(first == f"{race[:4]}-01-x" for race, first in races)
    assert chosen(listed.iloc[:0]) == []


@pytest.mark.backtest
@pytest.mark.data
def test_urgent_is_rare_in_a_real_race() -> None:
    found = followed(settings().model_copy(update={"races": 200}), "2022-04-emilia-romagna")
    assert len(found) == CARS
    assert all(len(r.told) > 5 for r in found)
    assert summary(found)["urgent laps a car and race, median"] < MOST_URGENT
    assert all(stop.laps >= 0 for r in found for stop in r.leads()), "never for a pit entry that has passed"
    told = {f.name: f for f in figures(found)}
    assert told["priorities: laps with something urgent a car and race, median"].met
