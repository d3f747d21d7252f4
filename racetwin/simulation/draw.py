"""A whole Grand Prix drawn from the race model: a lap table that looks like a real one, and says that it is not.

The same circuit, season and seed give the same race. Drivers and teams are made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from racetwin.errors import InputError
from racetwin.schemas import MAX_CARS, Compound, TrackStatus
from racetwin.simulation.draw_table import lap_table, status_changes
from racetwin.simulation.entrants import ENTRANTS, Entrant
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.parameters import RaceParameters
from racetwin.simulation.results import POINTS
from racetwin.simulation.state import RaceState
from racetwin.simulation.trace import trace_race

FloatArray = npt.NDArray[np.float64]

CIRCUITS = (
    "austin", "bahrain", "baku", "catalunya", "hungaroring", "imola", "interlagos", "jeddah", "las-vegas", "lusail",
    "marina-bay", "melbourne", "mexico-city", "miami", "monaco", "montreal", "monza", "shanghai", "silverstone",
    "spa-francorchamps", "spielberg", "suzuka", "yas-marina", "zandvoort",
)  # fmt: skip
"""Circuits a race may be drawn at when none is asked for."""
SEASON = 2026
"""Season whose rules apply when none is asked for: 22 cars, no DRS."""

# Spread of the field in s a lap: between cars, between team-mates, from qualifying to race. Close to the model's own prior of
# car pace; the slowest of 22 cars then loses some 1.5 s a lap to the fastest.
TEAM_SPREAD_S, DRIVER_SPREAD_S, QUALIFYING_SPREAD_S = 0.42, 0.14, 0.22
START_SHARE = {Compound.SOFT: 0.18, Compound.MEDIUM: 0.6, Compound.HARD: 0.22}
"""Share of the field that starts a dry race on each compound."""


@dataclass(frozen=True, slots=True)
class DrawnRace:
    """A race that was never run.

    Parameters
    ----------
    race_id, season, round, session, event, circuit_id, circuit, total_laps, lap_length_km
        As of a real race; ``round`` is 0, and the lap length is not part of the race model.
    laps : DataFrame
        One row per car and completed lap, in the columns of a real lap table.
    grid
        Grid position by car.
    entrants
        Drivers and teams by car.
    status
        Track-status changes, ``(time_s, status)``, from lights out.
    seed
        What it was drawn with.
    simulated
        Always True.
    """

    race_id: str
    season: int
    round: int
    session: str
    event: str
    circuit_id: str
    circuit: str
    total_laps: int
    lap_length_km: float | None
    laps: pd.DataFrame
    grid: dict[str, int]
    entrants: dict[str, Entrant]
    status: tuple[tuple[float, TrackStatus], ...]
    seed: int
    results: pd.DataFrame | None = None
    simulated: bool = True


def draw_grand_prix(
    circuit_id: str | None = None,
    season: int | None = None,
    seed: int = 1,
    n_cars: int | None = None,
    *,
    parameters: RaceParameters | None = None,
) -> DrawnRace:
    """Draw one race, lights out to flag.

    Parameters
    ----------
    circuit_id
        f1db identifier; None draws one by the seed.
    season
        Whose rules and car numbers apply; default 2026.
    seed
        0 to 2**32 - 1.
    n_cars
        2 to 24; by default 22 from 2026, 20 before.
    parameters
        Race-model numbers; by default those of the circuit and season.

    Examples
    --------
    >>> race = draw_grand_prix("monza", 2024, seed=7)  # doctest: +SKIP
    >>> race.laps.groupby("driver").lap.max()  # doctest: +SKIP
    """
    season = SEASON if season is None else season
    n = (22 if season >= 2026 else 20) if n_cars is None else n_cars
    if not 2 <= n <= min(len(ENTRANTS), MAX_CARS):
        raise InputError(f"n_cars: {n}, expected 2 to {min(len(ENTRANTS), MAX_CARS)}")
    if not 0 <= seed < 2**32:
        raise InputError(f"seed: {seed}, expected 0 to 4294967295")
    draw = np.random.Generator(np.random.Philox(key=[seed, n]))
    chosen = CIRCUITS[int(draw.integers(len(CIRCUITS)))]
    circuit_id = chosen if circuit_id is None else circuit_id
    p = parameters or load_parameters(circuit_id, season)
    race_id = f"simulated-{season}-{circuit_id}-{seed}"
    entrants = ENTRANTS[:n]
    state = _grid(draw, p, race_id, circuit_id, season, entrants)
    trace = trace_race(state, seed, parameters=p)
    status = status_changes(trace, p)
    name = circuit_id.replace("-", " ").title()
    laps = lap_table(trace, state, p, status)
    laps.insert(0, "race_id", race_id)
    laps.insert(1, "season", season)
    laps.insert(2, "round", 0)
    laps.insert(3, "session", "R")
    grid = {car: int(g) for car, g in sorted(zip(state.car_id, state.grid, strict=True), key=lambda x: x[1])}
    by_car = {str(e.number): e for e in entrants}
    return DrawnRace(
        race_id=race_id,
        season=season,
        round=0,
        session="R",
        event=f"Simulated Grand Prix, {name}",
        circuit_id=circuit_id,
        circuit=name,
        total_laps=state.total_laps,
        lap_length_km=None,
        laps=laps,
        grid=grid,
        entrants=by_car,
        status=status,
        seed=seed,
        results=_results(laps, grid, by_car, state.total_laps),
    )


def classification(race: DrawnRace) -> list[dict[str, Any]]:
    """Return the race's result, one dictionary per car: position, driver, team, grid, laps, time or gap, stops, points."""
    table = _results(race.laps, race.grid, race.entrants, race.total_laps)
    return [{str(k): (None if v is None or v != v else v) for k, v in row.items()} for row in table.to_dict("records")]


def _grid(
    draw: np.random.Generator,
    p: RaceParameters,
    race_id: str,
    circuit_id: str,
    season: int,
    entrants: tuple[Entrant, ...],
) -> RaceState:
    """Draw the cars and their places on the grid."""
    n = len(entrants)
    teams = list(dict.fromkeys(e.team for e in entrants))
    strength = dict(zip(teams, TEAM_SPREAD_S * draw.standard_normal(len(teams)), strict=True))
    pace = np.array([strength[e.team] for e in entrants]) + DRIVER_SPREAD_S * draw.standard_normal(n)
    pace -= np.median(pace)
    qualifying = pace + QUALIFYING_SPREAD_S * draw.standard_normal(n)
    grid = np.empty(n, dtype=np.int64)
    grid[np.argsort(qualifying, kind="stable")] = np.arange(1, n + 1)
    compounds, shares = list(START_SHARE), np.array(list(START_SHARE.values()))
    start = np.array([compounds[k].index for k in draw.choice(len(compounds), size=n, p=shares)])
    return RaceState(
        race_id=race_id,
        circuit_id=circuit_id,
        season=season,
        lap=0,
        total_laps=p.total_laps,
        car_id=tuple(str(e.number) for e in entrants),
        driver=tuple(e.driver for e in entrants),
        team=tuple(e.team for e in entrants),
        time_s=np.asarray(p.grid_slot_s * (grid - 1), dtype=np.float64),
        running=np.ones(n, dtype=bool),
        laps_completed=np.zeros(n, dtype=np.int64),
        grid=grid,
        compound=start,
        tyre_age=np.zeros(n),
        stops=np.zeros(n, dtype=np.int64),
        compounds_used=1 << start,
        pace_mean=pace,
        pace_sd=np.full(n, 0.05),
        wear_mean=np.clip(1.0 + 0.12 * draw.standard_normal(n), 0.6, 1.5),
        wear_sd=np.full(n, 0.05),
        fuel_kg=np.full(n, p.fuel_start_kg),
    )


def _results(laps: pd.DataFrame, grid: dict[str, int], entrants: dict[str, Entrant], total_laps: int) -> pd.DataFrame:
    """Return the classification: by laps, then time at the flag; the retired after all others, those with most laps first."""
    rows = []
    for car, e in entrants.items():
        own = laps[laps["driver_number"] == e.number]
        done = len(own)
        out = not done or bool(own["last_lap_before_retirement"].iloc[-1])
        time = float("nan") if out else round(float(own["race_time_s"].iloc[-1]), 3)
        rows.append((out, -done, time, grid[car], e, int(own["pit_stop"].sum())))
    rows.sort(key=lambda r: (r[0], r[1], 0.0 if r[0] else r[2], r[3]))
    best = rows[0][2]
    table: list[dict[str, Any]] = []
    for place, (out, fewer, time, slot, e, stops) in enumerate(rows, start=1):
        behind = total_laps + fewer
        gap = f"+{behind} lap{'s' if behind > 1 else ''}" if behind else f"+{time - best:.3f}"
        table.append(
            {
                "position": "DNF" if out else str(place),
                "driver": e.driver,
                "driver_number": e.number,
                "team": e.team,
                "grid": slot,
                "laps": -fewer,
                "race_time_s": None if out else time,
                "gap": None if out or place == 1 else gap,
                "n_stops": stops,
                "points": 0 if out or place > len(POINTS) else POINTS[place - 1],
            }
        )
    return pd.DataFrame(table)
