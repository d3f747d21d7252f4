"""`racetwin advice`: the advice to a car through a race, beside what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from racetwin.cli.cars import car_of
from racetwin.cli.output import console, print_json, table
from racetwin.config import settings
from racetwin.errors import InputError

BEFORE = 3
"""Laps before the one that is printed in full at which the desk begins to be asked, so that the advice has had a life."""

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress, TaskID

    from racetwin.evaluation.advice_record import AdviceRecord, Told


def advice(
    race: Annotated[list[str], typer.Option(help="Race id, as in `racetwin data list`; may be given again.")],
    car: Annotated[
        list[str] | None, typer.Option(help="Racing number or driver's code; default: --cars of the field.")
    ] = None,
    cars: Annotated[int, typer.Option(min=1, max=24, help="So many cars of each race, spread over the grid.")] = 3,
    lap: Annotated[
        int | None,
        typer.Option(
            help="Print in full what stood last before the car, with this lap done, completed the next one.", min=0
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Replay races and show the advice to their cars: each change with its reason, the real stops, and how often Urgent.

    Example: `racetwin advice --race 2023-15-singapore --car 55`
    """
    from rich.progress import Progress

    from racetwin.evaluation.advice_record import record_advice, summary
    from racetwin.telemetry.library import RaceLibrary

    now = settings()
    library = RaceLibrary(now)
    found: list[AdviceRecord] = []
    with Progress(console=console, transient=True, disable=as_json or not console.is_terminal) as bar:
        for race_id in race:
            record = library.load(race_id)
            if lap is not None and lap >= record.total_laps:
                raise InputError(f"lap: {lap}, expected 0 to {record.total_laps - 1} in {race_id}")
            grid = list(record.grid)
            spread = [grid[i * len(grid) // cars] for i in range(min(cars, len(grid)))]
            chosen = [car_of(record, one) for one in car or ()] or spread
            task = bar.add_task(race_id, total=record.total_laps)
            around = None if lap is None else (max(0, lap - BEFORE), lap + 1)
            found += record_advice(
                record,
                chosen,
                now,
                laps=around,
                progress=_shown_on(bar, task),
            )
    figures = summary(found)
    if as_json:
        print_json({"figures": figures, "cars": [_as_json(r, lap) for r in found]})
        return
    for one in found:
        if lap is not None:
            _print_moment(one, lap)
        elif len(found) <= 3 or car:
            _print(one)
    if lap is None:
        rows = [(k, f"{v:g}") for k, v in figures.items()]
        console.print(table("Advice", ("figure", "value"), rows))


def _shown_on(bar: Progress, task: TaskID) -> Callable[[int, int], None]:
    return lambda done, _of: bar.update(task, completed=done)


def _rows(record: AdviceRecord) -> list[tuple[str, ...]]:
    """One row for each change of the call or its priority, and one for each real stop."""
    from racetwin.evaluation.advice_record import stop_of

    rows: list[tuple[float, tuple[str, ...]]] = []
    before: tuple[str, str] | None = None
    for told in record.told:
        stop = stop_of(told)
        if stop is None or stop.life is None:
            continue
        now = (stop.life.call, stop.priority.value)
        if now == before:
            continue
        before = now
        reason = stop.life.reason or stop.expected_benefit.split(". ")[0]
        where = f"{told.lap + told.fraction:.1f}"
        rows.append((told.time_s, (where, told.track_status.value, stop.priority.value, stop.title, reason)))
    rows += [(time_s, (f"{lap}", "", "", "BOXES", "")) for lap, time_s in record.stops]
    return [row for _, row in sorted(rows, key=lambda r: r[0])]


def _print(record: AdviceRecord) -> None:
    title = f"{record.race_id}, {record.driver}: {len(record.told)} answers"
    console.print(table(title, ("lap", "track", "priority", "advice", "because"), _rows(record), left=5))


def _moment(record: AdviceRecord, lap: int) -> Told | None:
    """Return the last answer that the car got with so many laps done."""
    return next((t for t in reversed(record.told) if t.lap == lap), None)


def _print_moment(record: AdviceRecord, lap: int) -> None:
    told = _moment(record, lap)
    boxed = ", ".join(f"lap {at}" for at, _ in record.stops) or "never"
    end = "retired" if record.retired else f"finished P{record.finish}"
    after = f"{lap} laps" if told is None else f"{told.lap + told.fraction:.1f} laps"
    console.print(f"[bold]{record.race_id}, {record.driver}[/] after {after}", highlight=False)
    console.print(f"What happened: boxed on {boxed}; {end}", highlight=False)
    if told is not None and told.track_status.value != "GREEN":
        console.print(f"Track: {told.track_status.value}", highlight=False)
    if told is None:
        console.print("No advice: the car was not racing, or the desk did not answer on that lap.")
    for r in told.advice if told is not None else ():
        life = f"{r.life.state}" if r.life is not None else ""
        console.print(f"\n({r.priority.value}, {life}) [bold]{escape(r.title)}[/]", highlight=False)
        for text in (r.description, r.expected_benefit, r.reasoning, *r.risks):
            if text:
                console.print(f"  {escape(text)}", highlight=False)
        for other in r.alternatives:
            console.print(f"  instead: {escape(other.text)}", highlight=False)


def _as_json(record: AdviceRecord, lap: int | None) -> dict[str, object]:
    told = None if lap is None else _moment(record, lap)
    moment = (
        None
        if told is None
        else {
            "laps": round(told.lap + told.fraction, 2),
            "track_status": told.track_status.value,
            "advice": [r.model_dump(mode="json") for r in told.advice],
        }
    )
    return {
        **({} if lap is None else {"moment": moment}),
        "race_id": record.race_id,
        "car_id": record.car_id,
        "driver": record.driver,
        "boxed": [lap for lap, _ in record.stops],
        "urgent_laps": record.urgent_laps,
        "changes": record.changes,
        "desk_changes": record.desk_changes,
        "leads": [
            [round(lead.laps, 2), lead.track_status.value, lead.unforeseeable, lead.announced]
            for lead in record.leads()
        ],
        "calls": [list(row) for row in _rows(record)],
    }
