"""`racetwin feeds` and `racetwin record`: where telemetry can come from, and keeping what comes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

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
    from racetwin.telemetry.feed_opening import live_feeds
    from racetwin.telemetry.feeds import FEEDS, feeds_table

    rows = feeds_table()
    if as_json:
        print_json([row | {"example": info.example} for row, info in zip(rows, FEEDS, strict=True)])
        return
    cells = [[r["feed"], _MARK[r["status"]], *(escape(r[k]) for k in ("gives", "needs", "detail"))] for r in rows]
    console.print(table("Feeds", ("feed", "status", "gives", "needs", "here"), cells, left=5))
    console.print(
        "Live ones open with --feed in `racetwin serve` and `racetwin race-day`, and in `racetwin record`:"
        f" {', '.join(live_feeds())}.",
        style="dim",
        markup=False,
    )
    if examples:
        for info in FEEDS:
            console.print(f"\n[bold]{info.name}[/] ({info.module})")
            console.print(info.example, markup=False, highlight=False)


def record(
    feed: Annotated[
        list[str],
        typer.Argument(help="Live feeds, NAME[:OPTION,...], the preferred first; `racetwin feeds` lists them."),
    ],
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    to_lap: Annotated[int | None, typer.Option(help="Stop when the leader has completed this lap.", min=1)] = None,
) -> None:
    """Write live feeds to one compact file until they end or Ctrl-C; whatever ends it, what came is kept.

    Examples: `racetwin record websocket-client:ws://127.0.0.1:8765 --out race.parquet`,
    `racetwin record f1-live openf1-live --out race.parquet`; `racetwin replay race.parquet` plays it.
    """
    from racetwin.runtime.record_feeds import record_feeds
    from racetwin.telemetry.feed_opening import feed_spec

    specs = [feed_spec(one) for one in feed]
    with console.status(f"Recording to {out}; Ctrl-C ends it.") as status:
        recorder = asyncio.run(
            record_feeds(
                settings(),
                specs,
                out,
                to_lap=to_lap,
                say=lambda line: console.print(escape(line)),
                tell=lambda n: status.update(f"Recording to {out}: {n:,} frames; Ctrl-C ends it."),
            )
        )
    refused = sum(recorder.rejected.values())
    size = out.stat().st_size / 1024 if out.exists() else 0
    console.print(f"{out}: {recorder.frames:,} frames, {size:,.0f} KiB" + (f", {refused:,} refused" if refused else ""))
    for kind, n in sorted(recorder.rejected.items()):
        console.print(f"  refused {kind}: {n:,}", markup=False)
