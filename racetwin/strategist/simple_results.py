"""Advice on simulation results in the original system's form: one row a pit lap, with a success probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from racetwin.errors import InputError
from racetwin.schemas import Alternative, Priority, Recommendation
from racetwin.strategist.facts import FactSheet
from racetwin.strategist.rules import MODERATE_LAPS, URGENT_LAPS


class PitLapResult(BaseModel):
    """One simulated pit lap; fields that other tools add are let through."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    pit_lap: int = Field(ge=1, le=200)
    final_position: float = Field(ge=1, le=24)
    total_time: float | None = Field(default=None, gt=0)
    success_probability: float | None = Field(default=None, ge=0, le=1)


def recommend_from_results(
    results: Sequence[Any], context: Mapping[str, Any], car_twin: Mapping[str, Any] | None
) -> tuple[Recommendation, ...]:
    """Rank pit laps by finishing position, then success probability, then race time, and word the outcome.

    Raises
    ------
    InputError
        Naming the row, the field, the value and what was expected.
    """
    rows = sorted((_parse(i, r) for i, r in enumerate(results)), key=_merit)
    lap = context.get("lap", 0)
    if not isinstance(lap, int) or isinstance(lap, bool) or not 0 <= lap <= 200:
        raise InputError(f"race_context.lap: {lap!r}, expected a whole number from 0 to 200")
    car_id = str((car_twin or {}).get("car_id", "0"))
    if not car_id.isdigit():
        raise InputError(f"car_twin.car_id: {car_id!r}, expected a racing number")
    possible = [r for r in rows if r.pit_lap > lap]
    return tuple(_word(r, i, possible, car_id, lap) for i, r in enumerate(possible[:3]))


def _parse(i: int, row: Any) -> PitLapResult:
    try:
        return PitLapResult.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in (f"simulation_results[{i}]", *first["loc"]))
        raise InputError(f"{where}: {first.get('input')!r}, {first['msg'].lower()}") from None


def _merit(r: PitLapResult) -> tuple[float, float, float]:
    return (r.final_position, -(r.success_probability or 0.0), r.total_time or float("inf"))


def _word(row: PitLapResult, place: int, rows: Sequence[PitLapResult], car_id: str, lap: int) -> Recommendation:
    sheet = FactSheet()
    source = "simulation results as given"
    position = f"P{row.final_position:g}"
    sheet.add("lap", lap, f"The race is on lap {lap}.", unit="laps", source="race context as given")
    sheet.add("pit_lap", row.pit_lap, f"The stop is on lap {row.pit_lap}.", unit="laps", source=source)
    sheet.add("final_position", row.final_position, f"It finishes {position}.", source=source)
    sure = ""
    if row.success_probability is not None:
        sheet.add(
            "success_probability",
            row.success_probability,
            f"It succeeds with a probability of {row.success_probability:.0%}.",
            source=source,
        )
        sure = f", with a success probability of {row.success_probability:.0%}"
    if row.total_time is not None:
        sheet.add("total_time", row.total_time, f"The race takes {row.total_time:.1f} s.", unit="s", source=source)
    to_go = row.pit_lap - lap
    if place > 0:
        priority = Priority.OPTIONAL
    elif to_go <= URGENT_LAPS:
        priority = Priority.URGENT
    else:
        priority = Priority.MODERATE if to_go <= MODERATE_LAPS else Priority.OPTIONAL
    risks: tuple[str, ...] = ()
    if row.success_probability is not None and row.success_probability < 1:
        risks = (f"It fails with a probability of {1 - row.success_probability:.0%}.",)
    return Recommendation(
        id=f"{car_id}-lap{row.pit_lap}",
        car_id=car_id,
        lap=lap,
        priority=priority,
        title=f"Box on lap {row.pit_lap}" if place == 0 else f"Alternative: box on lap {row.pit_lap}",
        description=f"Stop at the end of lap {row.pit_lap}, {to_go} {'lap' if to_go == 1 else 'laps'} from now.",
        expected_benefit=f"{position} at the flag{sure}.",
        reasoning=(
            f"Of {len(rows)} simulated pit {'lap' if len(rows) == 1 else 'laps'} still to come, "
            f"lap {row.pit_lap} ranks {place + 1}: {position}{sure}."
        ),
        execution_lap=row.pit_lap,
        risks=risks,
        alternatives=tuple(
            Alternative(
                plan=f"L{o.pit_lap}",
                text=f"Lap {o.pit_lap}: P{o.final_position:g}.",
            )
            for o in rows
            if o is not row
        ),
        facts=sheet.all(),
    )
