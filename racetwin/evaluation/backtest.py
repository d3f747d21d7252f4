"""``racetwin backtest``: race after race, forecast from what was known then, with parameters fitted on the races before it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from racetwin.calibration import form as form_model
from racetwin.calibration import pace as pace_model
from racetwin.calibration import standing
from racetwin.calibration.assemble import priors
from racetwin.calibration.bayes import ConvergenceError
from racetwin.calibration.calibrate import MIN_RACES, write
from racetwin.calibration.tables import RaceTables, load
from racetwin.config import Settings, settings
from racetwin.errors import DataError, InputError
from racetwin.evaluation.climatology import Climatology, before_each
from racetwin.evaluation.forecasts import N_RACES, RaceForecasts, forecast_race
from racetwin.evaluation.parameters_before import fitted
from racetwin.evaluation.scores import Row, note_row, score
from racetwin.simulation.form import Form
from racetwin.simulation.parameter_file import load_parameters, read_document
from racetwin.telemetry.library import RaceLibrary

Refit = Literal["never", "season", "race"]
Progress = Callable[[str, int, int], None]
REFITS: tuple[Refit, ...] = ("never", "season", "race")


@dataclass(frozen=True, slots=True)
class Backtest:
    """Rows of the scoreboard, and the forecasts they come from, race by race.

    ``skipped`` says by race why it was not scored; ``unfitted`` holds the races forecast with the priors of literature and rules
    alone, as too few dry ones come before them to fit anything; ``refused`` says of fits that did not converge what was taken
    instead, with the races that were forecast so; ``ahead`` says of blocks that no fit here replaces up to which race they were
    fitted, with the races scored that are no later.
    """

    rows: list[Row]
    races: list[RaceForecasts]
    skipped: dict[str, str]
    unfitted: list[str]
    refused: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ahead: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def notes(self) -> list[str]:
        """Return what a reader of the rows must know: races not scored, and what parameters others were forecast with."""
        out = [f"skipped: {race}: {why}" for race, why in self.skipped.items()]
        if self.unfitted:
            out.append(
                f"warning: parameters not fitted, priors alone, for {', '.join(self.unfitted)}: "
                f"fewer than {MIN_RACES} dry races before"
            )
        out += [f"warning: {what} {', '.join(races)}" for what, races in self.refused.items()]
        out += [f"warning: {len(races)} of {len(self.races)} races scored {what}" for what, races in self.ahead.items()]
        return out

    def as_json(self) -> list[dict[str, Any]]:
        """Return one row per forecast, as ``--json`` writes it; then each note as the name of a row that scores nothing."""
        return [*(r.as_dict() for r in self.rows), *(note_row(n).as_dict() for n in self.notes())]


def choose_races(tables: RaceTables, races: Sequence[str] | None, until: str | None) -> list[str]:
    """Return the races to score, in time order: those named, up to and including ``until``; see :func:`_named`.

    By default every race that has enough history before it. Sessions of the folder that the tables leave out may be named too,
    and are none of them.
    """
    ids = [str(r) for r in tables.races.race_id]
    if until is not None:
        if until not in ids:
            raise InputError(f"until: race {until!r} is not among the {len(ids)} races of the data folder")
        ids = ids[: ids.index(until) + 1]
    if races:
        unknown = [r for r in races if not any(k.startswith(r) for k in (*ids, *tables.left_out))]
        if unknown:
            raise InputError(f"races: {unknown[0]!r} is no race (or beginning of a race id) of the data folder")
        named = _named(tables, races)
        return [k for k in ids if k in named]
    dry = (tables.races.session == "R") & ~tables.races.wet.astype(bool)
    enough = dry.shift(1, fill_value=False).cumsum() >= MIN_RACES
    return [k for k, ok in zip(tables.races.race_id, enough, strict=True) if ok and k in ids]


def _named(tables: RaceTables, races: Sequence[str]) -> set[str]:
    """Return what names stand for, sessions left out among them: an id for that session alone, else all whose ids begin so.

    So a Grand Prix can be named whose sprint's id begins as its own.
    """
    ids = [*map(str, tables.races.race_id), *tables.left_out]
    return {k for r in races for k in ([r] if r in ids else ids) if k.startswith(r)}


def backtest(
    data: Path,
    races: Sequence[str] | None = None,
    until: str | None = None,
    refit: Refit = "season",
    progress: Progress | None = None,
    *,
    workers: int | None = None,
    seed: int = 1,
    n: int = N_RACES,
    oracle: bool = False,
) -> Backtest:
    """Score forecasts of real races against what happened.

    Parameters
    ----------
    data
        Folder of race data; races not scored are history.
    races
        Race ids, each for that session alone, or beginnings of ids (``2023``, ``2024-12``) for all that begin so; None: all that
        have enough history.
    until
        Last race scored.
    refit
        When parameters are fitted again on all races before: before each ``race``, before the first scored race of each
        ``season``, or ``never`` (the shipped parameters, or those of the setting ``parameters``; they may have seen the races).
    progress
        Told each race.
    workers
        Processes; by default the setting ``threads``.
    seed, n
        Of the simulations, and races simulated per question.
    oracle
        Also forecast places with every stop that was still to come: the floor of those rows, in rows of their own.

    Returns
    -------
    Backtest
        Rows by forecast, with what could not be scored and why.
    """
    if refit not in REFITS:
        raise InputError(f"refit: {refit!r}, expected one of {', '.join(REFITS)}")
    tables = load(data)
    chosen = choose_races(tables, races, until)
    skipped = _left_out(tables, races, until)
    if not chosen and skipped:
        raise InputError(f"races: none to score; {'; '.join(f'{race}: {why}' for race, why in skipped.items())}")
    if not chosen:
        raise InputError("races: none to score; the folder needs races with at least 8 dry races before them")
    source = settings().model_copy(update={"data": data})
    tell = progress or (lambda _what, _done, _of: None)
    done: dict[str, RaceForecasts] = {}
    unfitted: list[str] = []
    refused: dict[str, list[str]] = {}
    ahead: dict[str, list[str]] = {}
    day = tables.races.set_index("race_id").date
    with tempfile.TemporaryDirectory(prefix="racetwin-backtest-") as folder, _pool(workers) as pool:
        forms = forms_before(tables)
        said = before_each(tables)
        total = len(chosen)
        waiting: list[tuple[str, Future[RaceForecasts]]] = []
        tell("fitting parameters", 0, total)
        plan = _parameter_files(tables, chosen, refit, Path(folder), pool, refused)
        for race_id, (file, history) in plan:
            form = form_of(file, history.get("form"), forms.get(race_id))
            if not history.get("calibration") and not any(race_id in races for races in refused.values()):
                unfitted.append(race_id)
            later = saw_later(history, str(day[race_id]))
            if later is not None:
                ahead.setdefault(later, []).append(race_id)
            waiting.append(
                (race_id, pool.submit(_score_one, source, race_id, file, form, seed, n, said[race_id], oracle))
            )
        for k, (race_id, future) in enumerate(waiting):
            tell(race_id, k, total)
            try:
                done[race_id] = future.result()
            except DataError as error:
                skipped[race_id] = str(error)
        tell("done", total, total)
    ordered = [done[r] for r in chosen if r in done]
    ahead = {what: scored for what, of in ahead.items() if (scored := [r for r in of if r in done])}
    return Backtest(score(ordered, seed), ordered, skipped, unfitted, refused, ahead)


def saw_later(document: Mapping[str, Any], day: str) -> str | None:
    """Say what of a parameter file was fitted to races of this day or later though the fits before a race do not replace it.

    Those are the blocks of ``live`` fitted from replays, which calibrations keep: the file marks the last race that they saw.
    None where there are none, or only earlier races.
    """
    blocks = [
        name
        for name, block in document.get("live", {}).items()
        if any(isinstance(e, dict) and e.get("source") == "replays" for e in block.values())
    ]
    last = document.get("replays")
    if not blocks or last is None or day > last["last_date"]:
        return None
    return (
        f"are no later than {last['last_race']} and no true forecast in all: numbers of {', '.join(blocks)} were fitted once, on "
        "replays up to that race, and not again before each"
    )


def _left_out(tables: RaceTables, races: Sequence[str] | None, until: str | None) -> dict[str, str]:
    """Return what was asked for and is in the folder, but under another event's name, with the reason; ids are in time order."""
    named = _named(tables, races) if races else set(tables.left_out)
    asked = {r: why for r, why in tables.left_out.items() if r in named}
    return {r: why for r, why in asked.items() if until is None or r <= until}


def _pool(workers: int | None) -> Executor:
    # Spawned, not forked: the sampler's and the kernels' threads do not survive a fork.
    return ProcessPoolExecutor(workers or settings().threads, mp_context=get_context("spawn"))


def _parameter_files(
    tables: RaceTables,
    chosen: list[str],
    refit: Refit,
    folder: Path,
    pool: Executor,
    refused: dict[str, list[str]] | None = None,
) -> Iterator[tuple[str, tuple[str | None, Mapping[str, Any]]]]:
    """Yield each race with the parameter file that knew only races before it.

    Where a fit does not converge it is the one of the latest fit before it that did, else the priors; ``refused`` is told which
    races those are, under what was taken instead.
    """
    if refit == "never":
        named = settings().parameters
        file = str(named) if named else None
        document = read_document(file)
        yield from ((r, (file, document)) for r in chosen)
        return
    season = tables.races.set_index("race_id").season
    heads: dict[Any, str] = {}
    for r in chosen:
        heads.setdefault(r if refit == "race" else int(season[r]), r)
    fits = {k: pool.submit(_fit_before, tables.before(r), folder / f"{r}.json") for k, r in heads.items()}
    files: dict[Any, str] = {}
    said: dict[Any, str] = {}
    earlier: tuple[str, str] | None = None
    for r in chosen:
        key = r if refit == "race" else int(season[r])
        if key not in files:
            try:
                files[key] = fits[key].result()
                if read_document(files[key]).get("calibration"):
                    earlier = heads[key], files[key]
            except ConvergenceError as error:
                instead, files[key] = earlier or ("", str(folder / "priors.json"))
                if not earlier:
                    write(priors(), Path(files[key]))
                taken = f"parameters fitted on those before {instead}" if earlier else "priors alone"
                said[key] = f"the fit on the races before {heads[key]} did not converge ({error}), {taken}, for"
        if key in said and refused is not None:
            refused.setdefault(said[key], []).append(r)
        yield r, (files[key], read_document(files[key]))


def _fit_before(tables: RaceTables, out: Path) -> str:
    dry = (tables.races.session == "R") & ~tables.races.wet.astype(bool) if len(tables.races) else pd.Series(dtype=bool)
    if int(dry.sum()) < MIN_RACES:
        write(priors(), out)
        return str(out)
    return str(fitted(tables, settings().cache))


def forms_before(tables: RaceTables) -> dict[str, Mapping[str, Mapping[str, float]]]:
    """Return form of teams and drivers before each race: a running state, so it knows the season's races so far."""
    dry = tables.laps[~tables.laps.race_wet & (tables.laps.session == "R")]
    singles = [f for _, g in dry.groupby("race_id", sort=False) if (f := pace_model.fit_race(g)) is not None]
    rows = form_model.follow_all(tables, singles)
    stood = standing.follow(tables.races, standing.timed_stops(tables.laps))
    return {
        str(race): {
            "standing": stood[str(race)],
            "teams": {str(t): float(f) for t, f in zip(g.team, g.team_form, strict=True) if f},
            "drivers": {str(d): float(f) for d, f in zip(g.driver, g.driver_form, strict=True) if f},
        }
        for race, g in rows.groupby("race_id", sort=False)
    }


def form_of(file: str | None, block: Any, before: Mapping[str, Any] | None) -> Form:
    """Return form before a race: the weights of a file's ``form`` block with what :func:`forms_before` has of that race."""
    if not block or before is None:
        return Form()
    return Form.of({**{k: v for k, v in block.items() if k != "history"}, **before})


def _score_one(
    source: Settings, race_id: str, file: str | None, form: Form, seed: int, n: int, before: Climatology, oracle: bool
) -> RaceForecasts:
    record = RaceLibrary(source).load(race_id)
    p = load_parameters(record.circuit_id, record.season, file)
    return forecast_race(record, p, form, seed=seed, n=n, before=before, oracle=oracle)
