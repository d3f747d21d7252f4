"""All commands, gathered."""

from __future__ import annotations

from typing import Annotated

import typer

from racetwin import __version__
from racetwin.cli import (
    advice,
    backtest,
    bench,
    data,
    feeds,
    journal,
    max,
    max_test,
    model,
    race,
    review,
    soak,
    status,
    strategy,
    validate,
)

app = typer.Typer(
    name="racetwin",
    help="Real-time Formula 1 race strategy: telemetry in, twins, Monte Carlo pit plans, advice out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"racetwin {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Real-time Formula 1 race strategy."""


app.command("race-day")(race.race_day)
app.command("serve")(race.serve)
app.command("replay")(race.replay)
app.command("simulate")(race.simulate)
app.command("strategy")(strategy.strategy)
app.command("advice")(advice.advice)
app.command("validate")(validate.validate)
app.command("bench")(bench.bench)
app.command("soak")(soak.soak)
app.command("feeds")(feeds.feeds)
app.command("record")(feeds.record)
app.command("calibrate")(model.calibrate)
app.command("backtest")(backtest.backtest)
app.command("scoreboard")(backtest.scoreboard_page)
app.command("review")(review.review)
app.command("schema")(model.schema)
app.add_typer(data.app, name="data")
app.command("status")(status.status)
app.add_typer(journal.app, name="journal")
app.add_typer(max.app, name="max")
app.command("max-test")(max_test.max_test)
