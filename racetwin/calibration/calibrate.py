"""``racetwin calibrate``: races in, one versioned parameter file out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from racetwin.calibration import (
    car_wear,
    choices,
    habits,
    incidents,
    levels,
    live_stops,
    pace,
    rain,
    rivals,
    set_life,
    starts,
    stops,
    traffic,
)
from racetwin.calibration import form as form_model
from racetwin.calibration.assemble import Fits, document
from racetwin.calibration.bayes import Method, telling
from racetwin.calibration.choices import ChoiceFit
from racetwin.calibration.rivals import RivalFit
from racetwin.calibration.stops import StopFit
from racetwin.calibration.tables import RaceTables, load
from racetwin.errors import DataError
from racetwin.simulation.parameter_file import parameters_of
from racetwin.simulation.parameters import RaceParameters

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and of how much."""
STEPS = (
    "pace, fuel and tyres",
    "stops",
    "traffic",
    "rivals",
    "incidents and starts",
    "form",
    "stops and choices, live",
)
SEASONS_TOLD = 5
"""Seasons that the live factors on stops are fitted to, each with the hazard of a stop fitted on the seasons before it."""
MIN_RACES = 8
"""With fewer dry races than this nothing can be told apart, and the shipped file is the better choice."""


def _silent(_what: str, _done: int, _of: int) -> None:
    pass


def _step(progress: Progress, k: int) -> AbstractContextManager[None]:
    """Tell that a step begins, and how far it is while it samples."""

    def share_done(share: float) -> None:
        progress(STEPS[k], round(100 * (k + share) / len(STEPS)), 100)

    share_done(0.0)
    return telling(share_done)


def fit(
    tables: RaceTables, *, method: Method = "nuts", seed: int = 0, progress: Progress = _silent
) -> tuple[Fits, dict[str, Any], list[str]]:
    """Fit everything on these races; returns the fits, the cars' form and the diagnostics, one line each."""
    laps, results = tables.laps, tables.results
    dry = tables.races[(tables.races.session == "R") & ~tables.races.wet.astype(bool)]
    if len(dry) < MIN_RACES:
        raise DataError(f"calibrate: {len(dry)} dry races before the race named, expected at least {MIN_RACES}")
    step = partial(_step, progress)
    with step(0):
        p, singles = pace.fit(laps, method, seed)
        expected = pace.expected(laps, singles)
    with step(1):
        s = stops.fit(laps, expected, method, seed)
    with step(2):
        t = traffic.fit(laps, expected, method, seed)
    with step(3):
        r = rivals.fit(laps, s.green, s.field, method, seed)
    with step(4):
        n = incidents.fit(laps, results)
        first = starts.fit(laps, results, expected)
    with step(5):
        form = {**form_model.fit(tables, singles), **_habits(laps, s, r)}
    with step(6):
        of_seasons, unknown = levels.fit(p, singles, levels.selections(laps)), car_wear.fit(pd.DataFrame())
        fits = Fits(p, singles, s, n, first, t, r, of_seasons, unknown, {})
        numbers = numbers_of(tables, document(fits, tables, form, []))
        of_cars = car_wear.fit(car_wear.factors(laps, singles, numbers))
        fits = replace(fits, car_wear=of_cars, live=live(tables, singles, numbers))
    progress("done", 100, 100)
    lines = [x.posterior.line for x in (p, s, t, r)]
    return fits, form, lines


def _habits(laps: pd.DataFrame, s: StopFit, r: RivalFit) -> dict[str, Any]:
    """Return the form block's habits: the latest, and by season as they were known before it."""
    t = rivals.hazard_table(laps, r.life, r.circuit_life, s.green, s.field)
    seen = habits.chances(laps, t, habits.hazards(t, r.coefficients, r.circuit_intercept))
    seasons = sorted(map(int, seen.season.unique()))
    before = {str(season): habits.block(seen, season) for season in seasons}
    return {"habits": habits.block(seen, seasons[-1] + 1), "habits_before": before}


def numbers_of(tables: RaceTables, fitted: dict[str, Any]) -> dict[tuple[str, int], RaceParameters]:
    """Return a document's numbers by circuit and season, of those that were raced."""
    seen = tables.laps[["circuit_id", "season"]].drop_duplicates()
    return {(str(c), int(s)): parameters_of(fitted, str(c), int(s)) for c, s in zip(*seen.T.to_numpy(), strict=True)}


def live(
    tables: RaceTables, singles: list[pace.RaceFit], numbers: Mapping[tuple[str, int], RaceParameters]
) -> dict[str, ChoiceFit]:
    """Fit the block ``live``: what the race model with the numbers just fitted leaves of stops, and what teams choose."""
    life, circuit_life = rivals.usual_life(tables.laps)
    grands_prix = tables.laps[tables.laps.session == "R"]
    found = {"stops": live_stops.fit(grands_prix, _told_before(grands_prix, numbers))}
    dry = grands_prix[~grands_prix.race_wet]
    found["next_compound"] = choices.fit_compound(choices.stops_with_choice(dry, circuit_life, life))
    found["set_life"] = set_life.fit(grands_prix, circuit_life, life)
    undercut = choices.fit_undercut(dry)
    if undercut is not None:
        found["undercut"] = undercut
    dry_lap = {
        key: p.reference_lap_s + p.fuel_s_per_kg * p.fuel_start_kg / 2 for key, p in numbers.items()
    }  # half a tank, as over all laps of a race
    wet = rain.fit(grands_prix, dry_lap)
    lapped = traffic.fit_lapped(grands_prix, pace.expected(grands_prix, singles))
    return {**found, **{name: f for name, f in (("lapped", lapped), ("wet", wet)) if f is not None}}


def _told_before(
    laps: pd.DataFrame, numbers: Mapping[tuple[str, int], RaceParameters]
) -> dict[tuple[str, int], RaceParameters]:
    """Return the numbers by circuit and season with hazards of stops fitted on the seasons before, for the seasons of late.

    What a hazard is off by in races it has not seen is more than in those it was fitted on: rules and tyres change. Where there
    are too few seasons to tell, the hazards are those of all races.
    """
    out = {}
    for season in sorted({s for _, s in numbers})[-SEASONS_TOLD:]:
        before = laps[laps.season < season]
        if before[~before.race_wet].race_id.nunique() < MIN_RACES:
            continue
        loss = {c: p.pit_loss_s for (c, _), p in numbers.items()}
        r = rivals.fit(before, loss, sum(loss.values()) / len(loss), method="map")
        terms = {f"stop_{k}": r.coefficients[k] for k in rivals.TERMS}
        for (circuit, of), p in numbers.items():
            if of == season:
                out[circuit, of] = p.replace(
                    **terms,
                    stop_intercept=r.coefficients["intercept"] + r.circuit_intercept.get(circuit, 0.0),
                    life_laps=(*r.circuit_life.get(circuit, r.life), *p.life_laps[3:]),
                )
    return out or dict(numbers)


def calibrate(
    data: Path | RaceTables,
    until: str | None = None,
    out: Path | None = None,
    progress: Progress = _silent,
    *,
    method: Method = "nuts",
    seed: int = 0,
) -> dict[str, Any]:
    """Fit the race model to the races before one and write the parameter file.

    Parameters
    ----------
    data
        Folder of race data, or tables already read from one.
    until
        Only races before this one are used (it is itself unseen, so that its forecast is honest); None for all.
    out
        File to write; None to only return the document.
    progress
        Told each step.
    method
        ``nuts`` samples the posteriors and is what ships; ``laplace`` is quick and tells standard errors too, for an update;
        ``map`` is the modes alone, for walk-forward refits. The file's ``calibration`` block says which it was.
    seed
        Of the samplers.

    Returns
    -------
    dict
        The document as written.
    """
    tables = (load(data) if isinstance(data, Path) else data).before(until)
    fits, form, lines = fit(tables, method=method, seed=seed, progress=progress)
    body = document(fits, tables, form, lines, method, seed)
    if out is not None:
        write(body, out)
    return body


def write(body: Mapping[str, Any], out: Path) -> None:
    """Write a parameter file, one entry a line so that two of them compare well."""

    def block(value: Any, depth: int) -> str:
        if isinstance(value, dict) and value and all(isinstance(v, dict) for v in value.values()):
            inner = ",\n".join(f"{' ' * (depth + 1)}{json.dumps(k)}: {block(v, depth + 1)}" for k, v in value.items())
            return f"{{\n{inner}\n{' ' * depth}}}"
        return json.dumps(value, ensure_ascii=False)

    lines = ",\n".join(f" {json.dumps(k)}: {block(v, 1)}" for k, v in body.items())
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
