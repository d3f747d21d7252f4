"""`racetwin soak`: a weekend of races through a whole engine, as fast as it goes."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from racetwin.cli.output import console, print_json, table


def soak(
    hours: Annotated[float, typer.Option(min=0.01, help="Simulated hours.")] = 24.0,
    hz: Annotated[float, typer.Option(min=0.1, max=60, help="Frames a second of race time.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Of the first race.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run race after race through an engine of its own, and say whether it lost a frame or grew; ends with 1 if it did.

    Example: `racetwin soak --hours 24`
    """
    from racetwin.evaluation import soak as run

    with Progress(
        TextColumn("{task.completed:.1f} of {task.total:g} h"),
        BarColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=as_json,
    ) as bar:
        task = bar.add_task("soak", total=hours)
        report = run.soak(hours, hz=hz, seed=seed, progress=lambda done: bar.update(task, completed=done))
    if as_json:
        print_json(report.as_dict())
    else:
        rows = [
            ("frames", f"{report.frames:,}"),
            ("dropped", f"{report.dropped:,}"),
            (
                "memory, second quarter to last",
                f"{report.early_mib:.0f} to {report.late_mib:.0f} MiB ({report.growth:+.1%})",
            ),
            ("answers of the desk", f"{report.answers:,}"),
            ("journal", f"{report.journal_mib_per_hour:.1f} MiB an hour"),
            ("races", f"{report.races}"),
            ("took", f"{report.wall_s / 60:.1f} min"),
            ("alarms seen", ", ".join(report.alarms) or "none"),
        ]
        console.print(table(f"{hours:g} simulated hours at {hz:g} frames a second", ("what", "value"), rows))
    if not report.met:
        raise typer.Exit(1)
