"""`racetwin calibrate` and `racetwin schema`: the model's numbers, and the form of what passes in and out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from racetwin import schemas
from racetwin.cli.output import console, print_json
from racetwin.config import settings
from racetwin.errors import DataError, InputError
from racetwin.telemetry.original_schema import ORIGINAL_SCHEMA

if TYPE_CHECKING:
    from racetwin.calibration.tables import RaceTables

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
    library: Annotated[
        bool,
        typer.Option(help="Take the races of your own library (`racetwin data add`) that the folder does not have."),
    ] = True,
) -> None:
    """Fit the race model to lap tables and write a parameter file with its provenance.

    Races are those of the data folder and, beside them, those that you added to your own library; the file names the latter.

    Example: `racetwin calibrate --data races --until 2024-12-great-britain --out parameters.json`

    After one more race: `racetwin data add 2024 Monza`, then `racetwin calibrate --quick --out parameters.json`
    """
    from racetwin.calibration import calibrate as fit
    from racetwin.calibration.tables import load

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
        tables = load(folder)
        if library:
            tables = _with_own_races(tables)
        tables = tables.before(until)
        if tables.own:
            count = f"{len(tables.own)} race{'s' if len(tables.own) > 1 else ''}"
            console.print(f"{count} of your own library: {', '.join(tables.own)}", highlight=False)
        body = fit(
            tables,
            None,
            out,
            lambda what, done, of: bar.update(task, description=what, completed=done, total=of),
            seed=seed,
            method="laplace" if quick else "nuts",
        )
    for line in body["calibration"]["diagnostics"]:
        console.print(line)
    console.print(f"Wrote {out}: {len(body.get('circuits', {}))} circuits, {len(body.get('seasons', {}))} seasons.")


def _with_own_races(tables: RaceTables) -> RaceTables:
    """Return the tables with the races of the user's own library; say why one of them is not taken."""
    from racetwin.calibration.own_library import with_own_races
    from racetwin.telemetry.library import RaceLibrary

    joined, left_out = with_own_races(tables, RaceLibrary(settings().model_copy(update={"data": None})))
    for race_id, why in left_out.items():
        console.print(f"{race_id} of your own library is left out: {why}", highlight=False)
    return joined
