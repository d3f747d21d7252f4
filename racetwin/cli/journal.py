"""`racetwin journal`: what the engine has kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from racetwin.cli.output import console, print_json, table
from racetwin.cli.tower import tower
from racetwin.config import settings

app = typer.Typer(help="The journal: runs that the engine has kept.", no_args_is_help=True)


@app.command("ls")
def ls(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the races there are journals of.

    Example: `racetwin journal ls`
    """
    from racetwin.runtime import StateHandler

    journals = StateHandler(settings()).journals()
    if as_json:
        print_json(journals.astype(object).where(journals.notna(), None).to_dict(orient="records"))
        return
    rows = [["" if v is None or v != v else str(v) for v in row] for row in journals.itertuples(index=False)]
    console.print(table(f"{len(rows)} journals", list(journals.columns), rows, left=2))


@app.command("show")
def show(
    race: Annotated[str, typer.Argument(help="Race id.")],
    lap: Annotated[int, typer.Option(help="As known when the leader had completed this lap.")],
    run: Annotated[str | None, typer.Option(help="Which run; default: the newest.")] = None,
) -> None:
    """Show the timing tower as it was known at a lap.

    Example: `racetwin journal show 2024-12-great-britain --lap 30`
    """
    from racetwin.runtime import StateHandler

    console.print(tower(StateHandler(settings()).snapshot(race, run, lap=lap)))


@app.command("export")
def export(
    race: Annotated[str, typer.Argument(help="Race id.")],
    out: Annotated[Path, typer.Option(help="Folder for the Parquet files.")],
    run: Annotated[str | None, typer.Option(help="Which run; default: the newest.")] = None,
) -> None:
    """Write a run's frames, events and advice as Parquet files.

    Example: `racetwin journal export 2024-12-great-britain --out export`
    """
    from racetwin.runtime import StateHandler

    for path in StateHandler(settings()).export(race, out, run):
        console.print(str(path))


@app.command("compact")
def compact(
    race: Annotated[str, typer.Argument(help="Race id.")],
    keep: Annotated[int, typer.Option(help="Newest runs to keep.", min=1)] = 10,
) -> None:
    """Remove the oldest runs and give their space back.

    Example: `racetwin journal compact 2024-12-great-britain --keep 3`
    """
    from racetwin.runtime import StateHandler

    removed = StateHandler(settings()).compact(race, keep_runs=keep)
    console.print(f"Removed {len(removed)} runs.")
