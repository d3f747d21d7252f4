"""`racetwin data`: which races there are, and bringing in more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from racetwin.cli.output import console, print_json, table
from racetwin.config import settings

app = typer.Typer(help="Race data: list what there is, add more.", no_args_is_help=True)


@app.command("list")
def list_races(
    season: Annotated[int | None, typer.Option(help="Only this season.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the races in RACETWIN_DATA and in your own library.

    Example: `racetwin data list --season 2024`
    """
    from racetwin.telemetry.library import RaceLibrary

    races = RaceLibrary(settings()).list()
    if season is not None:
        races = races[races["season"] == season]
    if as_json:
        print_json(races.astype(object).where(races.notna(), None).to_dict(orient="records"))
        return
    columns = [c for c in ("race_id", "event", "circuit", "total_laps", "source") if c in races]
    rows = [["" if v is None or v != v else str(v) for v in row] for row in races[columns].itertuples(index=False)]
    console.print(table(f"{len(rows)} races", columns, rows, left=len(columns)))


@app.command("add")
def add(
    season: Annotated[int, typer.Argument(help="Season, e.g. 2024.")],
    event: Annotated[str, typer.Argument(help="Event as FastF1 knows it: a name, a place or a round number.")],
    session: Annotated[str, typer.Option(help="R for the Grand Prix, S for the sprint.")] = "R",
    cache: Annotated[Path | None, typer.Option(help="FastF1's cache folder.")] = None,
) -> None:
    """Bring a race into your own library through FastF1 (needs the extra [fastf1] and the internet).

    Example: `racetwin data add 2024 Monza`
    """
    from racetwin.telemetry.fastf1_feed import add_race

    with console.status(f"Loading {season} {event} through FastF1 ..."):
        record = add_race(season, event, session=session, cache=cache, settings=settings())
    console.print(f"Added {record.race_id}: {record.event}, {record.total_laps} laps, {len(record.grid)} cars.")
