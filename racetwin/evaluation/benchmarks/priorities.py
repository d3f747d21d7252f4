"""How often something Urgent stands through real races, and how early it comes: replays with the desk in step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from rich.progress import track

from racetwin.config import Settings
from racetwin.evaluation.advice_record import AdviceRecord, record_advice, summary
from racetwin.evaluation.benchmarks import Figure
from racetwin.evaluation.parameters_before import parameters_before
from racetwin.telemetry.library import RaceLibrary

SEASONS = range(2019, 2023)
"""Seasons that the races are from: later ones are what forecasts are judged on, and earlier ones have nothing to be fitted on."""
RACES, CARS = 8, 5
MOST_URGENT = 5
"""Laps with something Urgent a car and race, median: it must be fewer."""


def priorities(now: Settings) -> list[Figure]:
    """Replay eight real races, each with parameters of the seasons before its own, and count what was Urgent to 40 cars.

    Without race data there is nothing to replay and no figure.
    """
    listed = RaceLibrary(now).list()
    found: list[AdviceRecord] = []
    for race_id, first in track(chosen(listed), description="priorities", transient=True):
        file, _ = parameters_before(first, now)
        found += followed(now.model_copy(update={"parameters": file}), race_id)
    return figures(found) if found else []


def chosen(listed: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the races to replay, spread over :data:`SEASONS`, each with the first race of its season."""
    if listed.empty:
        return []
    races = listed[(listed["session"] == "R") & listed["season"].isin(list(SEASONS))].sort_values(["season", "round"])
    every = [str(r) for r in races["race_id"]]
    first = races.groupby("season")["race_id"].first()
    season = dict(zip(every, races["season"], strict=True))
    ids = [every[int(i)] for i in np.linspace(0, len(every) - 1, min(RACES, len(every)))]
    return [(race_id, str(first[season[race_id]])) for race_id in ids]


def followed(now: Settings, race_id: str, cars: int = CARS) -> list[AdviceRecord]:
    """Return the advice to some cars of a race, spread over its grid."""
    record = RaceLibrary(now).load(race_id)
    grid = list(record.grid)
    return record_advice(record, [grid[i * len(grid) // cars] for i in range(cars)], now)


def figures(found: Sequence[AdviceRecord]) -> list[Figure]:
    """Return the figures of these cars and races beside their targets.

    What nobody can call a lap before is counted by itself: a stop under a safety car that came less than a lap before.
    """
    counted = summary(found)
    early = "of those a lap or more before the pit entry"
    return [
        Figure("priorities: cars followed through real races", len(found), "count", 40),
        Figure("priorities: races they are from", len({r.race_id for r in found}), "count", 8),
        Figure(
            "priorities: laps with something urgent a car and race, median",
            counted["urgent laps a car and race, median"],
            "laps",
            MOST_URGENT - 1,
            None,
            False,
        ),
        Figure("priorities: the most of a car", counted["urgent laps a car and race, most"], "laps"),
        Figure("priorities: urgent stops called under green", counted["urgent stops called under green"], "count"),
        Figure(f"priorities: {early}", 100 * counted[early], "%", None, 100.0),
        Figure(
            "priorities: later ones, on news of that very lap",
            counted["of the later ones on news of that very lap"],
            "count",
        ),
        Figure(
            "priorities: urgent stops under a safety car or VSC that came less than a lap before",
            counted["of those neutralised less than a lap before the pit entry"],
            "count",
        ),
        Figure(
            "priorities: of these announced a lap or more before, as a condition",
            counted["of these announced a lap or more before, as a condition"],
            "count",
        ),
    ]
