"""`racetwin backtest`: forecasts of real races, from what was known then, against what happened."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from racetwin.cli.output import console, table, write_figures
from racetwin.config import settings
from racetwin.errors import DataError, InputError

if TYPE_CHECKING:
    from racetwin.evaluation.scores import Row


def backtest(
    more: Annotated[list[str] | None, typer.Argument(help="Further races to score.", metavar="[RACE]...")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of race data; default: RACETWIN_DATA.")] = None,
    races: Annotated[
        list[str] | None,
        typer.Option(
            help="Races to score, several by comma: an id is that race alone, the beginning of ids (2023) is all that begin "
            "so; the others are history."
        ),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Last race to score.")] = None,
    refit: Annotated[str, typer.Option(help="When parameters are fitted anew: never, season or race.")] = "season",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the rows to this file ('-': print).")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default: one a core.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulations.")] = 1,
    oracle: Annotated[
        bool, typer.Option(help="Also forecast places with all stops still to come, which nobody knows: their floor.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="Write reliability plots, and what was tried for rows not met, to this HTML file."),
    ] = None,
) -> None:
    """Score forecasts race by race with parameters fitted only on the races before.

    Example: `racetwin backtest --data races --races 2024 --json rows.json --plot reliability.html`
    """
    from racetwin.evaluation.backtest import REFITS
    from racetwin.evaluation.backtest import backtest as run
    from racetwin.evaluation.measure_words import INTERVAL, meanings

    folder = data or settings().data
    if folder is None:
        raise DataError("no race data: give --data or set RACETWIN_DATA")
    known = next((r for r in REFITS if r == refit), None)
    if known is None:
        raise InputError(f"refit: {refit!r}, expected one of {', '.join(REFITS)}")
    named = [r.strip() for entry in [*(races or []), *(more or [])] for r in entry.split(",") if r.strip()]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading the races", total=None)
        result = run(
            folder,
            named or None,
            until,
            known,
            lambda what, done, of: bar.update(task, description=what, completed=done, total=of),
            workers=workers,
            seed=seed,
            oracle=oracle,
        )
    if plot is not None:
        from racetwin.evaluation.scoreboard_plots import reliability_plot, tried_plot

        write_figures(plot, "racetwin backtest", [reliability_plot(result.races, seed=seed), tried_plot()])
    rows = result.as_json()
    if json_file is not None and str(json_file) == "-":
        typer.echo(json.dumps(rows, indent=1))
        return
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    console.print(scoreboard(result.rows, len(result.races)))
    for line in (f"{INTERVAL}.", *meanings(r.name for r in result.rows)):
        console.print(line, highlight=False)
    for note in result.notes():
        console.print(note)
    if plot is not None:
        console.print(f"Wrote {plot}.")


def scoreboard_page(
    rows: Annotated[Path, typer.Argument(help="What `racetwin backtest --json` wrote.")],
    page: Annotated[
        Path, typer.Argument(help="Markdown page with the lines `<!-- table NAME -->` and `<!-- end NAME -->`.")
    ],
    name: Annotated[str, typer.Option(help="Which of the page's tables.")] = "validation",
) -> None:
    """Write a scoreboard's rows into a page as a table, so that no figure of it is copied by hand.

    Example: `racetwin scoreboard rows.json docs/scoreboard.md`
    """
    from racetwin.evaluation.scoreboard_page import write_table

    try:
        found = json.loads(rows.read_text(encoding="utf-8"))
        text = page.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DataError(f"scoreboard: {error}") from error
    page.write_text(write_table(text, name, found), encoding="utf-8")
    console.print(f"{page}: table {name}, {len(found)} rows")


def scoreboard(rows: list[Row], n_races: int) -> object:
    """Return the rows as a table for the terminal."""

    def show(value: float | list[float] | None) -> str:
        if value is None:
            return ""
        return "-".join(f"{v:g}" for v in value) if isinstance(value, list) else f"{value:.3f}"

    lines = [
        (
            r.name,
            f"{r.value:.3f}",
            f"{r.low:.3f} to {r.high:.3f}" if math.isfinite(r.low) else "too few races",
            f"{r.n}",
            show(r.baseline),
            show(r.must),
            show(r.aim),
            {None: "", True: "yes", False: "NO"}[r.met],
        )
        for r in rows
    ]
    return table(f"{n_races} races", ("forecast", "score", "90 %", "n", "rule", "must", "aim", "met"), lines)
