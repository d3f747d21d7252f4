"""`racetwin feeds`: where telemetry can come from, and what would start here and now."""

from __future__ import annotations

from typing import Annotated

import typer

from racetwin.cli.output import console, print_json, table

_MARK = {"ready": "[green]ready[/]", "limited": "[yellow]limited[/]", "unavailable": "[red]unavailable[/]"}


def feeds(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    examples: Annotated[bool, typer.Option("--examples", help="Print how each is used from Python, too.")] = False,
) -> None:
    """List the feeds: what each gives, what it needs, and whether it could start here and now."""
    from racetwin.telemetry.feeds import FEEDS, feeds_table

    rows = feeds_table()
    if as_json:
        print_json([row | {"example": info.example} for row, info in zip(rows, FEEDS, strict=True)])
        return
    cells = [[r["feed"], _MARK[r["status"]], r["gives"], r["needs"], r["detail"]] for r in rows]
    console.print(table("Feeds", ("feed", "status", "gives", "needs", "here"), cells, left=5))
    if examples:
        for info in FEEDS:
            console.print(f"\n[bold]{info.name}[/] ({info.module})")
            console.print(info.example, markup=False, highlight=False)
