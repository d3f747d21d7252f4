"""`racetwin data`: which races there are, and bringing in more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
    elsewhere = races[races["misfiled"].notna()]
    races = races.assign(race_id=races["race_id"] + races["misfiled"].notna().map({True: " *", False: ""}))
    columns = [c for c in ("race_id", "event", "circuit", "total_laps", "source") if c in races]
    rows = [["" if v is None or v != v else str(v) for v in row] for row in races[columns].itertuples(index=False)]
    console.print(table(f"{len(rows)} races", columns, rows, left=len(columns)))
    for race_id, why in zip(elsewhere["race_id"], elsewhere["misfiled"], strict=True):
        console.print(f"* {race_id}: {why}; it is neither fitted nor scored.", highlight=False)


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


@app.command("check")
def check(
    recording: Annotated[Path, typer.Argument(help="A recording of live timing: a file, an archive or a folder.")],
    against: Annotated[
        str | None,
        typer.Option(help="Race id to compare with; default: the one it says it is, where the library has it."),
    ] = None,
    table_file: Annotated[
        list[Path] | None,
        typer.Option("--table", help="Decoded car data or positions (Parquet) to compare with; may be given again."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a recording holds, and whether it is the race that the tables say it was, lap by lap.

    Example: `racetwin data check qatar.jsonstream.txt.gz --against 2025-23-qatar-sprint`
    """
    import pandas as pd

    from racetwin.errors import DataError
    from racetwin.evaluation import recordings
    from racetwin.telemetry.library import RaceLibrary

    with console.status(f"Reading {recording} ..."):
        told = recordings.Told(recording)
    found = recordings.summary(told)
    library = RaceLibrary(settings())
    try:
        found["against"] = recordings.against(told, library.load(against or found["race_id"]))
    except DataError:
        if against is not None:
            raise
    found["tables"] = {str(p.name): recordings.samples_against(told, pd.read_parquet(p)) for p in table_file or ()}
    if as_json:
        print_json(found)
        return
    _print_check(found)


def _print_check(found: dict[str, Any]) -> None:
    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    say(
        f"{found['race_id']} ({found['session_type']}, {found['circuit_id'] or 'circuit not told'}): {found['cars']} cars, "
        f"{found['laps']:,} laps, {found['frames']:,} frames, {found['finished']} finished"
    )
    say("messages: " + ", ".join(f"{topic} {n:,}" for topic, n in sorted(found["messages"].items())))
    say("skipped: " + (", ".join(f"{why} {n:,}" for why, n in found["skipped"].items()) or "nothing"))
    say("refused: " + (", ".join(f"{kind} {n:,}" for kind, n in found["refused"].items()) or "nothing"))
    say("order: " + " ".join(found["order"]))
    say("stops: " + (", ".join(f"{s['driver']} L{s['lap']} ({s['time_s']:.1f} s)" for s in found["stops"]) or "none"))
    changes = (f"{c['from']} to {c['to']} at {c['time_s']:.1f} s" for c in found["track_status"])
    say("track status: " + (", ".join(changes) or "no change"))
    if (race := found.get("against")) is not None:
        say(
            f"lap times equal to the millisecond to those of {race['race_id']}: {race['equal']} of {race['laps']} "
            f"({race['share']:.1%}); wrong: {len(race['wrong'])}"
        )
        for name, what in (("wrong", "another time"), ("without", "no time in the feed"), ("unseen", "not seen")):
            if race[name]:
                say(f"  {what}: " + ", ".join(" ".join(map(str, [r[0], f"L{r[1]}", *r[2:]])) for r in race[name]))
        stops = race["stops"]
        say(
            f"stops of the table: {stops['official']}, missed {stops['missed'] or 'none'}, others {stops['others'] or 'none'}"
        )
        if (order := race.get("order")) is not None:
            say("official order: " + ("the same" if order["equal"] else " ".join(order["official"])))
    for name, t in found["tables"].items():
        say(
            f"{name}: {t['found']:,} of {t['samples']:,} samples found, values that differ: "
            f"{sum(t['differ'].values())}, {'equal' if t['equal'] else 'NOT equal'}"
        )
