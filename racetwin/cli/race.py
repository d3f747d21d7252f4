"""Commands that run a race: `race-day`, `serve`, `replay`, `simulate`."""

from __future__ import annotations

import difflib
import time
from pathlib import Path
from typing import Annotated

import typer

from racetwin.cli.cars import cars_to_run
from racetwin.cli.output import console, print_json, table
from racetwin.cli.tower import tower
from racetwin.config import settings
from racetwin.errors import InputError

Race = Annotated[
    str | None,
    typer.Option(
        "--race", help="Race id, as in `racetwin data list`, or the path of a recording; default: the newest race."
    ),
]
Live = Annotated[
    bool, typer.Option("--live", help="Take telemetry on this machine's ports (WebSocket, UDP JSON, the EA game).")
]
Feed = Annotated[
    list[str] | None,
    typer.Option(
        "--feed",
        help="A live feed, NAME[:OPTION,...]; may be given again, the preferred first, and they are merged. "
        "`racetwin feeds` lists them.",
    ),
]
Speed = Annotated[float, typer.Option("--speed", help="Against real time.", min=0.1, max=1000)]
FromLap = Annotated[int, typer.Option("--from-lap", help="Begin when the leader starts this lap.", min=1)]


def race_day(
    race: Race = None,
    speed: Speed = 20.0,
    car: Annotated[str | None, typer.Option(help="Racing number or driver's code to show first.")] = None,
    from_lap: FromLap = 1,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="A simulated race, even where data are there.")
    ] = False,
    delay: Annotated[
        float | None, typer.Option(help="Show the race so many seconds late, to match the TV picture.", min=0, max=300)
    ] = None,
    live: Live = False,
    feed: Feed = None,
    engine: Annotated[
        str | None,
        typer.Option(help="Show an engine that runs already (and its standby: URL,URL) instead of starting one."),
    ] = None,
) -> None:
    """Watch a Grand Prix unfold with live advice: engine, API and dashboard in one go; Ctrl-C stops it all.

    Settings in the environment choose the ports: RACETWIN_VOILA_PORT (the page, 8866), RACETWIN_API_PORT (REST and WebSocket,
    8080) and, with --live or a feed that listens, RACETWIN_TELEMETRY_PORT (8765), RACETWIN_UDP_JSON_PORT (8766) and
    RACETWIN_UDP_GAME_PORT (20777). In the background, `kill` with its process id (SIGTERM) stops it all, too.

    Examples: `racetwin race-day --race 2024-12-great-britain --speed 20`, `racetwin race-day --feed f1-live --feed openf1-live`
    """
    from racetwin.runtime.race_day import run_race_day

    elsewhere = live or bool(feed) or engine is not None
    for found in cars_to_run([car] if car else [], settings(), race=race, simulated=simulated, elsewhere=elsewhere):
        car = found
    chosen = settings() if delay is None else settings().model_copy(update={"delay_s": delay})
    run_race_day(
        race=race,
        speed=speed,
        car=car,
        from_lap=from_lap,
        simulated=simulated,
        live=live,
        feeds=tuple(feed or ()),
        engine=engine,
        settings=chosen,
    )


def serve(
    race: Race = None,
    speed: Speed = 1.0,
    from_lap: FromLap = 1,
    simulated: Annotated[bool, typer.Option("--simulated", help="Feed from the simulator.")] = False,
    live: Live = False,
    feed: Feed = None,
    follow: Annotated[
        list[str] | None, typer.Option(help="Keep plans for this car, by number or driver's code; may be given again.")
    ] = None,
    resume: Annotated[
        bool | None, typer.Option("--resume/--fresh", help="Go on with the journal's run; default: if it was cut off.")
    ] = None,
    standby_of: Annotated[
        str | None, typer.Option(help="Follow the engine at this address, and take over when it is gone.")
    ] = None,
) -> None:
    """Run the engine with its REST and WebSocket API, fed live, from a replay or from the simulator.

    Examples: `racetwin serve --race 2024-12-great-britain --speed 5`, `racetwin serve --feed f1-live --feed websocket-server`
    """
    from racetwin.api.serve import run_server

    now, elsewhere = settings(), live or bool(feed) or standby_of is not None
    followed = cars_to_run(follow or (), now, race=race, simulated=simulated, elsewhere=elsewhere)
    run_server(
        race=race,
        speed=speed,
        from_lap=from_lap,
        simulated=simulated,
        live=live,
        feeds=tuple(feed or ()),
        follow=followed,
        resume=resume,
        standby_of=standby_of,
        settings=now,
    )


def replay(
    race: Annotated[str, typer.Argument(help="Race id, as in `racetwin data list`, or the path of a recording.")],
    speed: Speed = 20.0,
    from_lap: FromLap = 1,
    to_lap: Annotated[int | None, typer.Option(help="Stop when the leader has completed this lap.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each frame as a line of JSON, as fast as it goes.")
    ] = False,
) -> None:
    """Replay a race in the terminal: the timing tower, lap by lap.

    Examples: `racetwin replay 2023-15-singapore --speed 60 --from-lap 18`, `racetwin replay race.parquet`
    """
    from rich.live import Live

    from racetwin.runtime import LiveRace
    from racetwin.runtime.sources import library_race

    if as_json:
        for frame in library_race(race, settings(), speed=None, from_lap=from_lap, to_lap=to_lap).frames:
            typer.echo(frame.model_dump_json(exclude_none=True))
        return
    with LiveRace.replay(race, speed=speed, from_lap=from_lap, to_lap=to_lap) as live, Live(console=console) as screen:
        while live.running:
            if live.snapshot is not None:
                screen.update(tower(live.snapshot))
            time.sleep(0.1)
    live.raise_errors()


def simulate(
    circuit: Annotated[str | None, typer.Option(help="Circuit id, e.g. 'monza'; default: drawn by the seed.")] = None,
    season: Annotated[int | None, typer.Option(help="Season whose rules apply.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same race.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Write the lap table to this Parquet file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Draw one whole Grand Prix from the race model and print its classification.

    Example: `racetwin simulate --circuit silverstone --seed 7 --out race.parquet`
    """
    from racetwin.simulation.draw import CIRCUITS, classification, draw_grand_prix

    if circuit is not None and circuit not in CIRCUITS:
        near = difflib.get_close_matches(circuit, CIRCUITS, n=3, cutoff=0.4) or CIRCUITS
        raise InputError(f"circuit: {circuit!r} is not known; did you mean {' or '.join(near)}?")
    race = draw_grand_prix(circuit_id=circuit, season=season, seed=seed)
    rows = classification(race)
    if out is not None:
        race.laps.to_parquet(out, index=False)
    if as_json:
        print_json({"race_id": race.race_id, "simulated": True, "seed": seed, "classification": rows})
        return
    columns = tuple(rows[0])
    text = [["" if v is None else str(v) for v in row.values()] for row in rows]
    console.print(table(f"SIMULATED: {race.race_id}, {race.total_laps} laps", columns, text, left=3))
