"""`racetwin journal`: what engines have kept of their races."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from racetwin.cli.output import console, print_json, table
from racetwin.config import settings

app = typer.Typer(help="Journals: what engines have kept of their races.", no_args_is_help=True)
Race = Annotated[str, typer.Argument(help="Race id, as `racetwin journal ls` lists it ('live' for live feeds).")]
Run = Annotated[str | None, typer.Option("--run", help="Run id; default: the newest.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("ls")
def ls(as_json: Json = False) -> None:
    """List the runs in all journals, newest first.

    Example: `racetwin journal ls`
    """
    from racetwin.runtime import StateHandler

    runs = StateHandler(settings()).journals()
    if as_json:
        typer.echo(runs.to_json(orient="records", date_format="iso"))
        return
    columns = ("race_id", "run_id", "started", "closed", "frames", "bytes")
    rows = [tuple("" if v is None or v != v else str(v)[:19] for v in row) for row in runs[list(columns)].to_numpy()]
    console.print(table(f"{len(rows)} runs", columns, rows, left=4))


@app.command("show")
def show(
    race: Race,
    run: Run = None,
    lap: Annotated[int | None, typer.Option(help="As it was known when the leader had completed this lap.")] = None,
    as_json: Json = False,
) -> None:
    """Recover a run from its journal and show where the race stood.

    Example: `racetwin journal show 2023-15-singapore --lap 23`
    """
    from racetwin.cli.tower import tower
    from racetwin.runtime import StateHandler, SystemRecoveryManager

    state = StateHandler(settings())
    if lap is not None:
        snapshot = state.snapshot(race, run, lap=lap)
    else:
        with state.open(race) as journal:
            engine, report = SystemRecoveryManager(journal).recover(run)
        snapshot = engine.snapshot()
        if not as_json:
            console.print(str(report), style="dim")
    if as_json:
        print_json(orjson.loads(snapshot.model_dump_json()))
    else:
        console.print(tower(snapshot))


@app.command("replay")
def replay(race: Race, run: Run = None) -> None:
    """Print the frames of a run as they were accepted, one JSON a line.

    Example: `racetwin journal replay live > frames.jsonl`
    """
    from racetwin.runtime import StateHandler

    for frame in StateHandler(settings()).frames(race, run):
        typer.echo(frame.model_dump_json(exclude_none=True))


@app.command("export")
def export(
    race: Race,
    out: Annotated[Path, typer.Option(help="Folder for the Parquet files.")],
    run: Run = None,
) -> None:
    """Write a run as Parquet: frames, events, advice.

    Example: `racetwin journal export 2023-15-singapore --out exported`
    """
    from racetwin.runtime import StateHandler

    for path in StateHandler(settings()).export(race, out, run):
        typer.echo(str(path))


@app.command("audit")
def audit(race: Race, limit: Annotated[int, typer.Option(min=1, help="Newest lines.")] = 50) -> None:
    """Print the audit log of a race's journal: starts, stops, recoveries.

    Example: `racetwin journal audit live`
    """
    from datetime import UTC, datetime

    from racetwin.runtime import StateHandler

    with StateHandler(settings()).open(race) as journal:
        for at, actor, action, detail in journal.audit_log(limit):
            typer.echo(f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}  {actor}  {action}  {detail}")


@app.command("compact")
def compact(
    race: Race,
    keep: Annotated[int, typer.Option(min=0, help="Newest runs to keep.")] = 10,
    days: Annotated[float | None, typer.Option(min=0, help="Keep no run older than this.")] = None,
) -> None:
    """Delete all but the newest runs of a race and give the space back.

    Example: `racetwin journal compact live --keep 3 --days 30`
    """
    from racetwin.runtime import StateHandler

    older_than_s = None if days is None else 86_400 * days
    gone = StateHandler(settings()).compact(race, keep_runs=keep, older_than_s=older_than_s)
    typer.echo(f"{len(gone)} runs deleted")
