"""`racetwin review`: a race that is over, its stops judged from what was known then."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from racetwin.cli.cars import car_of
from racetwin.cli.output import console, print_json, table, write_figures
from racetwin.config import settings
from racetwin.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from racetwin.evaluation.review_findings import RaceReview, StopReview
    from racetwin.telemetry.records import RaceRecord


def review(
    race: Annotated[
        str, typer.Argument(help="Race id, as in `racetwin data list`; 'simulated' with --circuit and --draw.")
    ],
    car: Annotated[str, typer.Argument(help="Racing number or driver's code.")],
    circuit: Annotated[str | None, typer.Option(help="Circuit of a simulated race, e.g. 'monza'.")] = None,
    draw: Annotated[int, typer.Option(help="Seed of a simulated race.")] = 1,
    objective: Annotated[str, typer.Option(help="What calls maximise: points, position, win, podium, ...")] = "points",
    worlds: Annotated[int, typer.Option(help="Worlds with other parameters in which choices are judged.", min=2)] = 24,
    races: Annotated[int, typer.Option(help="Simulated races per choice and world.", min=16)] = 320,
    seed: Annotated[int, typer.Option(help="Seed of calls and worlds.")] = 1,
    shipped: Annotated[
        bool,
        typer.Option(
            help="Use the parameters in use, which may know this race, and fit none on those before it: "
            "does without the extra [calibrate]."
        ),
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Write both plots to this HTML file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Judge each real stop of a car: what racetwin would have called from what it knew then, and what each choice was worth.

    The race model is fitted on the races before it (once, about half a minute), which needs the extra [calibrate];
    --shipped does without. Choices are judged in worlds whose parameters were drawn anew, so that the model is not its own judge.

    Example: `racetwin review 2023-15-singapore 55`
    """
    from racetwin.evaluation.review import review as judge

    record = _record(race, circuit, draw)
    car = car_of(record, car)
    if not shipped and not record.simulated:
        _need_fit()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=as_json or not console.is_terminal) as bar:
        task = bar.add_task("replaying the race", total=None)
        found = judge(
            record,
            car,
            objective=objective,
            n_worlds=worlds,
            races=races,
            seed=seed,
            fit_before=not shipped,
            progress=lambda what, done, of: bar.update(task, description=what, completed=done, total=of),
        )
    if plot is not None:
        from racetwin.plots import review_calls, review_choices

        write_figures(plot, f"{found.race_id}, car {found.car_id}", [review_calls(found), review_choices(found)])
    if as_json:
        print_json(found.as_dict())
        return
    _print(found)
    if plot is not None:
        console.print(f"Wrote {plot}.")


def _record(race: str, circuit: str | None, draw: int) -> RaceRecord:
    if race != "simulated":
        if circuit is not None:
            raise InputError("--circuit: only for a simulated race; give 'simulated' as the race")
        from racetwin.telemetry.library import RaceLibrary

        return RaceLibrary(settings()).load(race)
    from racetwin.telemetry.simulator import TelemetrySimulator

    return TelemetrySimulator(circuit, seed=draw).record


def _need_fit() -> None:
    """Say now, and not after the race has been read, that what fits the race model on the races before is missing."""
    if settings().data is None or settings().parameters is not None:
        return  # nothing is fitted
    try:
        import racetwin.calibration  # noqa: F401
    except MissingExtraError as error:
        raise MissingExtraError(f"{error}, or use --shipped") from None


def _print(found: RaceReview) -> None:
    who = found.driver or f"car {found.car_id}"
    kind = "SIMULATED: " if found.simulated else ""
    place = f"P{found.finish}" if found.finish is not None else "not classified"
    console.print(f"{kind}{found.race_id}, {who} ({found.car_id}): from P{found.grid or '?'} to {place}")
    if not found.stops:
        console.print("No stop to review.")
    for s in found.stops:
        _print_stop(s)
        console.print()
    if not all(s.judged for s in found.stops):
        console.print(
            "What the choices of a stop for rain were worth is not told: they are raced in the weather as it was then, and what "
            "fell after that is not known."
        )
    console.print(
        f"{found.worlds} worlds, {found.races} races each, seed {found.seed}; later stops are planned, not known. "
        f"Race model: {found.parameters}."
    )


def _print_stop(s: StopReview) -> None:
    fitted = f"{s.from_compound or '?'} to {s.fitted or '?'}"
    title = f"Lap {s.lap}, {fitted}, from P{s.place_before}, track {s.track_status}: {s.verdict}"
    if not s.judged:
        console.print(table(title, ("choice", "plan"), [(c.name, c.plan) for c in s.choices], left=2))
        if s.early is not None:
            console.print(f"Called in since lap {s.called_lap}.")
        return
    rows = [
        (
            c.name,
            c.plan,
            f"{c.points:.2f}",
            f"{c.place:.1f}",
            "" if c.name == "as driven" else f"{c.gain:+.2f}",
            "" if c.name == "as driven" else f"{c.gain_low:+.2f} to {c.gain_high:+.2f}",
            "" if c.name == "as driven" else f"{c.better_in:.0%}",
        )
        for c in s.choices
    ]
    columns = ("choice", "plan", "points", "place", "against as driven", "90 % of worlds", "better in")
    console.print(table(title, columns, rows, left=2))
    if s.early is not None:
        e = s.early
        console.print(
            f"Called in since lap {s.called_lap}: coming in then was worth {e.gain:+.2f} points "
            f"({e.gain_low:+.2f} to {e.gain_high:+.2f}, better in {e.better_in:.0%} of the worlds) against waiting."
        )
