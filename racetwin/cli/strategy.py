"""`racetwin strategy`: one question, one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from racetwin.cli.output import console, print_json, table
from racetwin.config import settings
from racetwin.errors import InputError
from racetwin.schemas import COMPOUNDS, DeskAnswer

if TYPE_CHECKING:
    from racetwin.simulation import RaceState
    from racetwin.twins import RaceTwin


def strategy(
    race: Annotated[str, typer.Option(help="Race id, as in `racetwin data list`.")],
    lap: Annotated[int, typer.Option(help="Laps completed by the leader at the moment of asking; 0 is the grid.")],
    car: Annotated[str, typer.Option(help="Racing number.")],
    races: Annotated[int | None, typer.Option(help="Simulated races per plan.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the simulated races.")] = None,
    objective: Annotated[str, typer.Option(help="What to maximise: points, position, win, podium, ...")] = "points",
    top: Annotated[int, typer.Option(help="Plans in the table (JSON has them all).")] = 12,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: the same question, the same bytes.")] = False,
) -> None:
    """Rank a car's pit plans at one moment of a race, from what was known then.

    Example: `racetwin strategy --race 2023-15-singapore --lap 20 --car 55`
    """
    from racetwin.runtime.catch_up import twin_at
    from racetwin.simulation import StrategyDesk
    from racetwin.telemetry.library import RaceLibrary

    now = settings()
    twin = twin_at(RaceLibrary(now).load(race), lap)
    state = twin.race_state()
    if car not in state.car_id:
        raise InputError(f"car: {car!r} is not in {race}; cars: {', '.join(state.car_id)}")
    answer = StrategyDesk(now).evaluate(state, car, objective=objective, n_races=races, seed=seed)
    if as_json:
        print_json(_as_json(answer))
    else:
        _print(answer, top, _where(twin, state, car))


def _as_json(answer: DeskAnswer) -> dict[str, Any]:
    out = answer.model_dump(mode="json", exclude={"elapsed_s"})
    for plan, ranked in zip(out["plans"], answer.plans, strict=True):
        plan["position_probability"] = [round(p, 6) for p in ranked.position_probability]
    return out


def _where(twin: RaceTwin, state: RaceState, car_id: str) -> str:
    """Say where the car is at that moment: its place, tyre and stops, and the state of the track."""
    car = twin.cars[car_id].state()
    tyre = "tyre unknown"
    if car.tyre.compound is not None:
        age = "" if car.tyre.age is None else f", {car.tyre.age:.0f} laps old"
        tyre = f"on {car.tyre.compound.value}{age}"
    stops = f"{car.stops} {'stop' if car.stops == 1 else 'stops'} made"
    i = state.index(car_id)
    if state.stops[i] > car.stops:  # it crossed the line in the pit lane: the plans begin after this stop
        tyre, stops = f"in the pits now, likely for {COMPOUNDS[state.compound[i]].value}", f"{stops} before it"
    return f"{car.driver or car_id} P{car.position}, {tyre}, {stops}, track {twin.track_status.value}"


def _print(answer: DeskAnswer, top: int, where: str) -> None:
    rows = [
        (
            f"{p.rank}",
            p.plan,
            f"{p.expected_points:.2f} ± {p.standard_error:.2f}",
            "" if p.rank == 1 else f"{p.delta_points:+.2f} ± {p.delta_standard_error:.2f}",
            "=" if p.too_close and p.rank > 1 else "",
            f"{p.expected_position:.1f}",
            f"{p.p_win:.0%}",
            f"{p.p_podium:.0%}",
            f"{p.p_points:.0%}",
        )
        for p in answer.plans[:top]
    ]
    title = f"{answer.race_id}, car {answer.car_id}, after lap {answer.lap}: {len(answer.plans)} plans"
    if answer.screened_out:
        title += f" of {len(answer.plans) + answer.screened_out} candidates"
    columns = ("#", "plan", "points", "against the best", "", "position", "win", "podium", "in points")
    console.print(where)
    console.print(table(title, columns, rows, left=2))
    box = answer.box_now
    if box is not None:
        ahead = f", {box.gap_ahead_s:.1f} s behind car {box.car_ahead}" if box.gap_ahead_s is not None else ""
        behind = f", {box.gap_behind_s:.1f} s ahead of car {box.car_behind}" if box.gap_behind_s is not None else ""
        console.print(f"Box now: P{box.position} ({box.probability:.0%}){ahead}{behind}.")
    receipt = answer.receipt
    console.print(f"'=' is too close to call. {receipt.n_races} races a plan, seed {receipt.seed}, {receipt.backend}.")
