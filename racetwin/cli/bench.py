"""`racetwin bench`: the figures of one suite beside their targets."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer
from rich.console import Console

from racetwin.cli.output import console, print_json, table
from racetwin.evaluation import benchmarks


def bench(
    suite: Annotated[str | None, typer.Argument(help=f"One of: {', '.join(benchmarks.SUITES)}.")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, max=240, help="How long 'dashboard' watches; 30 for the figures of record.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    list_suites: Annotated[bool, typer.Option("--list", help="List the suites and exit.")] = False,
) -> None:
    """Measure one part and print each figure beside what it must and should reach.

    Example: `racetwin bench kernel --json`
    """
    if list_suites or suite is None:
        typer.echo("\n".join(benchmarks.SUITES))
        return
    # What a suite has started is ended on the way out: of a TERM too, which would skip that.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with Console(stderr=True).status(f"Measuring {suite} ..."):
        result = benchmarks.run(suite, minutes)
    if as_json:
        print_json(result)
        return
    rows = [
        (
            f["name"],
            f"{f['value']:,.4g}",
            f["unit"],
            "" if f["must"] is None else f"{f['must']:,.4g}",
            "" if f["aim"] is None else f"{f['aim']:,.4g}",
            {None: "", True: "yes", False: "NO"}[f["met"]],
        )
        for f in result["figures"]
    ]
    console.print(table(f"{suite}", ("figure", "value", "unit", "must", "aim", "met"), rows))
    on = result["machine"]
    console.print(f"{on['cpu']}, {on['cores']} cores, Python {on['python']}, load {on['load_1min']}", style="dim")
