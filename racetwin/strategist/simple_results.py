"""Advice on simulation results in the original system's form: one row a pit lap, with a success probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from racetwin.errors import InputError
from racetwin.schemas import AdviceLife, CarId, CarTwinState, Compound, Priority, Recommendation
from racetwin.strategist.draft import Draft
from racetwin.strategist.facts import laps
from racetwin.strategist.rules import MODERATE_LAPS, URGENT_LAPS

URGENT_PLACES = 1.0
"""A stop that cannot wait is urgent if waiting is known to cost at least so many places."""
SHOWN = 3
"""Pit laps that are advised on, best first."""


class PitLapResult(BaseModel):
    """One simulated pit lap; fields that other tools add are let through."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    pit_lap: int = Field(ge=1, le=200)
    final_position: float = Field(ge=1, le=24)
    total_time: float | None = Field(default=None, gt=0)
    success_probability: float | None = Field(default=None, ge=0, le=1)


class CarAtHand(BaseModel):
    """What is read of a car twin, in whatever form it is handed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    car_id: CarId = "0"
    compound: Compound | None = None
    tyre_age: float | None = Field(default=None, ge=0, le=200)


def recommend_from_results(
    results: Sequence[Any], context: Mapping[str, Any], car_twin: object = None, field_twin: object = None
) -> tuple[Recommendation, ...]:
    """Rank pit laps by finishing position, then success probability, then race time, and word the outcome.

    Parameters
    ----------
    car_twin, field_twin
        A :class:`racetwin.CarTwin`, a :class:`racetwin.FieldTwin`, what their ``get_state`` returns, or None. Of the car its
        number and tyres are used; of the field who threatens it most.

    Raises
    ------
    InputError
        Naming the row, the field, the value and what was expected.
    """
    rows = sorted((_parse(i, r) for i, r in enumerate(results)), key=_merit)
    lap = context.get("lap", 0)
    if not isinstance(lap, int) or isinstance(lap, bool) or not 0 <= lap <= 200:
        raise InputError(f"race_context.lap: {lap!r}, expected a whole number from 0 to 200")
    car, threat = _car(car_twin), _threat(field_twin, car_twin)
    possible = [r for r in rows if r.pit_lap > lap]
    return tuple(_word(i, possible, car, threat, lap) for i in range(len(possible[:SHOWN])))


def _state(twin: object, name: str) -> Mapping[str, Any]:
    """Return a twin's state, whether it is handed over as such or as the twin."""
    look = getattr(twin, "get_state", None)
    state = look() if callable(look) else twin
    if isinstance(state, CarTwinState):
        state = {
            "car_id": state.car_id,
            "current_state": {"tire": {"compound": state.tyre.compound, "age": state.tyre.age}},
        }
    if state is None:
        return {}
    if not isinstance(state, Mapping):
        raise InputError(f"{name}: {type(twin).__name__}, expected a twin, its get_state(), or None")
    return state


def _car(twin: object) -> CarAtHand:
    state = _state(twin, "car_twin")
    tyre = (state.get("current_state") or {}).get("tire") or {}
    compound, number = tyre.get("compound"), state.get("car_id")
    try:
        return CarAtHand(
            car_id="0" if number is None else str(number),
            compound=Compound(str(compound).upper()) if compound is not None else None,
            tyre_age=tyre.get("age"),
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"car_twin.{first['loc'][0]}: {first.get('input')!r}, {first['msg'].lower()}") from None
    except ValueError:
        known = ", ".join(c.value.lower() for c in Compound)
        raise InputError(f"car_twin.compound: {compound!r}, expected one of {known}") from None


def _threat(field_twin: object, car_twin: object) -> tuple[str, float] | None:
    """Return who is likeliest to end the race ahead of the car, and how likely; None where the field does not say."""
    field, car = _state(field_twin, "field_twin"), _state(car_twin, "car_twin")
    listed = (field.get("threats") or {}).get(str(car.get("car_id"))) or ()
    if not listed:
        return None
    rival = str(listed[0]["rival_id"])
    driver = ((field.get("cars") or {}).get(rival) or {}).get("driver")
    return driver or f"car {rival}", float(listed[0]["probability"])


def _parse(i: int, row: Any) -> PitLapResult:
    try:
        return PitLapResult.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in (f"simulation_results[{i}]", *first["loc"]))
        raise InputError(f"{where}: {first.get('input')!r}, {first['msg'].lower()}") from None


def _merit(r: PitLapResult) -> tuple[float, float, float]:
    return (r.final_position, -(r.success_probability or 0.0), r.total_time or float("inf"))


def _word(
    place: int, rows: Sequence[PitLapResult], car: CarAtHand, threat: tuple[str, float] | None, lap: int
) -> Recommendation:
    row, to_go = rows[place], rows[place].pit_lap - lap
    out = Draft("stop", f"L{row.pit_lap}")
    sheet, given = out.sheet, "simulation results as given"
    position = f"P{row.final_position:g}"
    sheet.add("lap", lap, f"The race is on lap {lap}.", unit="laps", source="race context as given")
    sheet.add("pit_lap", row.pit_lap, f"The stop is on lap {row.pit_lap}.", unit="laps", source=given)
    sheet.add("laps_to_stop", to_go, f"The stop is {laps(to_go)} from now.", unit="laps", source=given)
    sheet.add("final_position", row.final_position, f"It finishes {position}.", source=given)
    ranks = f"Of {len(rows)} simulated stops, that on lap {row.pit_lap} ranks {place + 1}."
    if len(rows) == 1:
        ranks = f"A stop on lap {row.pit_lap} is the only one simulated."
    sheet.add("rank", place + 1, ranks, source=given)
    out.execution_lap = row.pit_lap
    out.priority = Priority.MODERATE if place == 0 and to_go <= MODERATE_LAPS else Priority.OPTIONAL
    out.say("title", f"{'Box' if place == 0 else 'Alternative: box'} on lap {row.pit_lap}", "pit_lap")
    out.say("description", f"Stop at the end of lap {row.pit_lap}, {laps(to_go)} from now.", "pit_lap", "laps_to_stop")
    out.say("expected_benefit", f"It finishes {position}.", "final_position")
    out.say("reasoning", ranks, "rank", "pit_lap")
    if row.success_probability is not None:
        works, fails = row.success_probability, 1.0 - row.success_probability
        text = f"It succeeds with a probability of {works:.0%}."
        sheet.add("success_probability", works, text, source=given)
        out.say("expected_benefit", text, "success_probability")
        if works < 1:
            text = f"It fails with a probability of {fails:.0%}."
            sheet.add("failure_probability", round(fails, 4), text, source=given)
            out.say("risks", text, "failure_probability")
    if row.total_time is not None:
        sheet.add("total_time", row.total_time, f"The race takes {row.total_time:.1f} s.", unit="s", source=given)
    if car.compound is not None and car.tyre_age is not None:
        text = f"On {car.compound.value} tyres, {laps(round(car.tyre_age))} old."
        sheet.add("tyre_age", round(car.tyre_age), text, unit="laps", source="car twin as given")
        out.say("reasoning", text, "tyre_age")
    if threat is not None:
        text = f"{threat[0]} ends the race ahead with a probability of {threat[1]:.0%}."
        sheet.add("threat", round(threat[1], 4), text, source="field twin as given")
        out.say("risks", text, "threat")
    for i, other in enumerate((o for o in rows if o is not row), start=2):
        text = f"A stop on lap {other.pit_lap} finishes P{other.final_position:g}."
        sheet.add(f"alternative{i}", other.final_position, text, source=given)
        out.alternative(f"L{other.pit_lap}", text, f"alternative{i}")
    _urge(out, place, rows, lap)
    life = AdviceLife(call=out.call, since_lap=lap, changed_lap=lap)
    return out.finish(f"{car.car_id}-lap{row.pit_lap}", car.car_id, lap, life, out.check())


def _urge(out: Draft, place: int, rows: Sequence[PitLapResult], lap: int) -> None:
    """Make the first advice urgent where waiting is known to cost a place."""
    later = next((r for r in rows if r.pit_lap > lap + URGENT_LAPS), None)
    if place > 0 or later is None or rows[0].pit_lap > lap + URGENT_LAPS:
        return
    loss = later.final_position - rows[0].final_position
    if loss < URGENT_PLACES:
        return
    text = f"Waiting for lap {later.pit_lap} costs {loss:g} {'place' if loss == 1 else 'places'}."
    out.sheet.add("waiting", loss, text, unit="places", source="simulation results as given")
    out.priority = Priority.URGENT
    out.say("expected_benefit", text, "waiting")
