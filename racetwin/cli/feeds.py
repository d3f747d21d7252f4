"""`racetwin feeds` and `racetwin record`: where telemetry can come from, and keeping what comes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from racetwin.cli.output import console, print_json, table
from racetwin.config import settings

_MARK = {"ready": "[green]ready[/]", "limited": "[yellow]limited[/]", "unavailable": "[red]unavailable[/]"}


def feeds(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    examples: Annotated[bool, typer.Option("--examples", help="Print how each is used from Python, too.")] = False,
) -> None:
    """List the feeds: what each gives, what it needs, and whether it could start here and now.

    Example: `racetwin feeds --examples`
    """
    from racetwin.telemetry.feeds import FEEDS, feeds_table

    rows = feeds_table()
    if as_json:
        print_json([row | {"example": info.example} for row, info in zip(rows, FEEDS, strict=True)])
        return
    cells = [[r["feed"], _MARK[r["status"]], *(escape(r[k]) for k in ("gives", "needs", "detail"))] for r in rows]
    console.print(table("Feeds", ("feed", "status", "gives", "needs", "here"), cells, left=5))
    if examples:
        for info in FEEDS:
            console.print(f"\n[bold]{info.name}[/] ({info.module})")
            console.print(info.example, markup=False, highlight=False)


def record(
    feed: Annotated[str, typer.Argument(help="A feed that delivers live, as in `racetwin feeds`.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    url: Annotated[str | None, typer.Option(help="Where the feed is, if it needs an address.")] = None,
    to_lap: Annotated[int | None, typer.Option(help="Stop when the leader has completed this lap.")] = None,
) -> None:
    """Write a live feed to one compact file until it ends or Ctrl-C; whatever ends it, the file is whole.

    Example: `racetwin record websocket-client --url ws://127.0.0.1:8765 --out race.parquet`
    """
    from racetwin.telemetry.feeds import open_feed
    from racetwin.telemetry.recorder import Recording
    from racetwin.telemetry.recorder import record as keep

    options: dict[str, Any] = {} if url is None else {"url": url}
    source = open_feed(feed, settings(), **options)
    console.print(f"Recording {feed} to {out}; Ctrl-C ends it.")
    try:
        asyncio.run(keep(source, out, to_lap=to_lap))
    except KeyboardInterrupt:
        console.print("Stopped.")
    if out.exists():
        console.print(f"{out}: {len(Recording(out))} frames, {out.stat().st_size / 1024:,.0f} KiB.")
