"""The timing tower as a terminal table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from racetwin.schemas import CarStatus, CarTelemetry

if TYPE_CHECKING:
    from racetwin.runtime import RaceSnapshot

TYRE_STYLE = {"SOFT": "red", "MEDIUM": "yellow", "HARD": "white", "INTERMEDIATE": "green", "WET": "blue"}


def tower(snapshot: RaceSnapshot) -> Table:
    """Draw one snapshot: positions, gaps, tyres and their age, last lap, stops."""
    frame = snapshot.frame
    if frame is None:
        return Table(title="waiting for the first frame", box=None)
    mark = "  SIMULATED" if frame.simulated else ""
    out = Table(
        title=f"{frame.race_id}  lap {frame.lap}/{frame.total_laps or '?'}  {frame.track.status.value}{mark}",
        title_justify="left",
        box=None,
        header_style="bold",
    )
    out.add_column("P", justify="right")
    out.add_column("car")
    for name in ("gap", "interval", "last", "tyre", "age", "stops"):
        out.add_column(name, justify="right")
    for car in snapshot.order:
        out.add_row(*_row(car), style="dim" if car.status is CarStatus.RETIRED else "")
    return out


def _row(car: CarTelemetry) -> tuple[str, ...]:
    compound = car.tyre.compound
    tyre = "" if compound is None else f"[{TYRE_STYLE[compound.value]}]{compound.letter}[/]"
    where = {CarStatus.PIT: "IN PIT", CarStatus.RETIRED: "OUT"}.get(car.status)
    gap = f"+{car.laps_down} lap" if car.laps_down else _seconds(car.gap_s)
    return (
        "" if car.position is None else str(car.position),
        car.driver or car.car_id,
        where or gap,
        _seconds(car.interval_s),
        _lap_time(car.last_lap_s),
        tyre,
        "" if car.tyre.age is None else f"{car.tyre.age:.0f}",
        "" if car.stops is None else str(car.stops),
    )


def _seconds(value: float | None) -> str:
    return "" if value is None or value == 0 else f"+{value:.1f}"


def _lap_time(value: float | None) -> str:
    return "" if value is None else f"{int(value // 60)}:{value % 60:06.3f}"
