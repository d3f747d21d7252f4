"""`racetwin calibrate` and `racetwin schema`: the model's numbers, and the form of what passes in and out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from racetwin import schemas
from racetwin.cli.output import console, print_json
from racetwin.config import settings
from racetwin.errors import DataError, InputError
from racetwin.telemetry.original_schema import ORIGINAL_SCHEMA

SCHEMAS: dict[str, type[schemas.Model]] = {
    "telemetry": schemas.TelemetryFrame,
    "car-twin": schemas.CarTwinState,
    "plan": schemas.RankedPlan,
    "answer": schemas.DeskAnswer,
    "rejoin": schemas.Rejoin,
    "recommendation": schemas.Recommendation,
}

ORIGINAL = "telemetry-original"


def schema(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join((*SCHEMAS, ORIGINAL))}.")],
) -> None:
    """Print the JSON Schema of what racetwin takes and gives.

    Example: `racetwin schema telemetry > telemetry.schema.json`
    """
    if name == ORIGINAL:
        print_json(ORIGINAL_SCHEMA)
        return
    if name not in SCHEMAS:
        raise InputError(f"schema: {name!r}, expected one of {', '.join((*SCHEMAS, ORIGINAL))}")
    print_json(SCHEMAS[name].model_json_schema())


def calibrate(
    out: Annotated[Path, typer.Option(help="Parameter file to write.")],
    data: Annotated[Path | None, typer.Option(help="Folder of race data; default: RACETWIN_DATA.")] = None,
    until: Annotated[str | None, typer.Option(help="Use only races before this one.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the samplers.")] = 0,
    quick: Annotated[
        bool, typer.Option(help="Normal approximations, no sampling: an update after one more race.")
    ] = False,
) -> None:
    """Fit the race model to lap tables and write a parameter file with its provenance.

    Example: `racetwin calibrate --data races --until 2024-12-great-britain --out parameters.json`
    """
    from racetwin.calibration import calibrate as fit

    folder = data or settings().data
    if folder is None:
        raise DataError("no race data: give --data or set RACETWIN_DATA")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("reading the races", total=None)
        body = fit(
            folder,
            until,
            out,
            lambda what, done, of: bar.update(task, description=what, completed=done, total=of),
            seed=seed,
            method="laplace" if quick else "nuts",
        )
    for line in body["calibration"]["diagnostics"]:
        console.print(line)
    console.print(f"Wrote {out}: {len(body.get('circuits', {}))} circuits, {len(body.get('seasons', {}))} seasons.")
