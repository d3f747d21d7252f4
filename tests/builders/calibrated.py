"""Drawn races as tables to calibrate on, and the numbers of a parameter file one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from racetwin.calibration.tables import RaceTables, derive
from racetwin.simulation.draw import draw_grand_prix
from racetwin.simulation.parameters import RaceParameters

FITTED = {"fit", "climatology"}
KINDS = {*FITTED, "constant", "rules", "schedule", "tum", "overtakes", "field", "replays"}


def entries(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every number's entry by where it stands."""
    levels = {"defaults": document["defaults"]}
    for level in ("seasons", "circuits", "circuit_seasons", "live", "levels"):
        levels |= {f"{level} {key}": block for key, block in document[level].items()}
    for level, block in levels.items():
        for name, entry in block.items():
            yield f"{level}: {name}", entry


def elements(entry: dict[str, Any]) -> Iterator[tuple[float, str, float, float]]:
    """Value, source, standard error and observations of each number of an entry."""
    value = entry["value"] if isinstance(entry["value"], list) else [entry["value"]]
    told = [entry.get("source", ""), entry.get("sd", 0.0), entry.get("n", 0)]
    columns = [v if isinstance(v, list) else [v] * len(value) for v in told]
    yield from zip(value, *columns, strict=True)


def drawn_races(truth: RaceParameters, seeds: Iterable[int], circuit: str = "catalunya") -> RaceTables:
    """Grands Prix drawn from these numbers at a circuit."""
    races = [draw_grand_prix(circuit, 2024, seed=k, parameters=truth.replace(circuit_id=circuit)) for k in seeds]
    laps = pd.concat([r.laps for r in races], ignore_index=True)
    facts = pd.DataFrame(
        {
            "race_id": [r.race_id for r in races],
            "season": 2024,
            "session": "R",
            "date": [f"2024-01-{k + 1:02d}" for k in range(len(races))],
            "circuit_id": circuit,
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
