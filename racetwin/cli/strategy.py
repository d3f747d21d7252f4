"""`racetwin strategy`: one question, one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from racetwin.cli import strategy_questions as ask
from racetwin.cli.cars import car_of
from racetwin.cli.output import console, print_json, table
from racetwin.config import settings
from racetwin.errors import InputError
from racetwin.schemas import COMPOUNDS, BestResponse, DeskAnswer, FollowUp, TeamAnswer, WhatIf

if TYPE_CHECKING:
    from rich.table import Table

    from racetwin.simulation import RaceState, StrategyDesk
    from racetwin.simulation.detail import PlanDetail
    from racetwin.strategist import Situation
    from racetwin.twins import RaceTwin


def strategy(
    race: Annotated[str, typer.Option(help="Race id, as in `racetwin data list`.")],
    lap: Annotated[int, typer.Option(help="Laps completed by the leader at the moment of asking; 0 is the grid.")],
    car: Annotated[str, typer.Option(help="Racing number or driver's code.")],
    races: Annotated[int | None, typer.Option(help="Simulated races per plan.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the simulated races.")] = None,
    objective: Annotated[str, typer.Option(help="What to maximise: points, position, win, podium, ...")] = "points",
    what_if: Annotated[
        str | None,
        typer.Option(help="Ask again with something changed: 'sc@31', 'rain@40:0.6', 'stop:16@25:HARD', 'slow:55+4'."),
    ] = None,
    rival: Annotated[
        list[str] | None, typer.Option(help="Also the gap at the flag to this car; may be repeated.")
    ] = None,
    sensitivity: Annotated[bool, typer.Option(help="Also what would change the ranking.")] = False,
    team: Annotated[bool, typer.Option(help="Plan both cars of the team together instead.")] = False,
    respond: Annotated[
        bool, typer.Option(help="Let the neighbours answer our plan, and answer theirs, instead.")
    ] = False,
    laps: Annotated[bool, typer.Option(help="Also the best plan lap by lap: places and rejoins.")] = False,
    top: Annotated[int, typer.Option(help="Plans in the table (JSON has them all).")] = 12,
    questions: Annotated[
        list[str] | None, typer.Option("--ask", help="A follow-up, such as 'why not lap 27?'; may be given again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: the same question, the same bytes.")] = False,
) -> None:
    """Rank a car's pit plans at one moment of a race, from what was known then.

    Example: `racetwin strategy --race 2023-15-singapore --lap 17 --car 55 --ask "why not lap 27?"`
    """
    from racetwin.runtime.catch_up import twin_at
    from racetwin.simulation import StrategyDesk
    from racetwin.simulation.detail import plan_detail
    from racetwin.strategist import Situation
    from racetwin.strategist.questions import understand
    from racetwin.telemetry.library import RaceLibrary

    own = {"races": races, "seed": seed}
    now = settings().model_copy(update={k: v for k, v in own.items() if v is not None})
    record = RaceLibrary(now).load(race)
    car, rivals = car_of(record, car), tuple(car_of(record, one) for one in rival or ())
    twin = twin_at(record, lap, now.parameters)
    state = twin.race_state()
    if sum((team, respond, what_if is not None)) > 1:
        raise InputError("--team, --respond, --what-if: expected one of them at a time")
    cars = {car_id: one.state() for car_id, one in twin.cars.items()}
    situation = Situation(cars, state.lap, state.total_laps, twin.track_status, twin.rainfall, twin.field.get_state())
    for question in questions or ():
        understand(question, situation, car, None)  # says at once what it does not understand
    desk = StrategyDesk(now)
    asked: TeamAnswer | BestResponse | WhatIf
    if team or respond:
        if team:
            asked = desk.team(state, car, n_races=races, seed=seed)
            shown = ask.team_table(asked, top)
        else:
            asked = desk.best_response(state, car, objective, n_races=races, seed=seed)
            shown = ask.response_table(asked)
        _show(asked, shown, as_json)
        return
    found = desk.explain(state, car, objective, races, seed, rivals=rivals)
    if what_if is not None:
        asked = desk.what_if(state, car, what_if, objective, base=found)
        _show(asked, ask.what_if_table(asked, top), as_json)
        return
    answer = found.answer
    if sensitivity:
        answer = answer.model_copy(update={"sensitivity": desk.sensitivity(state, car, objective, base=found)})
    best, n = found.ranking.scored[0].plan, answer.receipt.n_races
    detail = plan_detail(state, best, n, answer.receipt.seed, car_id=car, parameters=found.parameters) if laps else None
    replies = _replies(desk, state, car, answer, questions, situation) if questions else ()
    if as_json:
        told = [
            {"question": r[0], "error": r[1]}
            if isinstance(r, tuple)
            else r.model_dump(mode="json", exclude={"elapsed_s"})
            for r in replies
        ]
        print_json({**_as_json(answer, detail), **({"follow_ups": told} if questions else {})})
        return
    _print(answer, top, _where(twin, state, car), situation)
    if rival:
        console.print(ask.gaps_table(answer, min(top, 3)))
    if sensitivity:
        console.print(ask.sensitivity_table(answer.sensitivity))
    for extra in ask.laps_table(detail) if detail is not None else ():
        if extra is not None:
            console.print(extra)
    for reply in replies:
        if isinstance(reply, tuple):
            console.print(f"\n[bold]{escape(reply[0])}[/]\n{escape(reply[1])}", highlight=False)
            continue
        console.print(f"\n[bold]{escape(reply.question)}[/]  (about '{reply.call}')", highlight=False)
        console.print(escape(reply.text), highlight=False)


def _show(asked: TeamAnswer | BestResponse | WhatIf, shown: Table, as_json: bool) -> None:
    if as_json:
        out = asked.model_dump(mode="json")
        for answer in (out.get("before"), out.get("after"), out.get("answer")):
            if isinstance(answer, dict):
                answer.pop("elapsed_s", None)
        print_json(out)
    else:
        console.print(shown)


def _replies(
    desk: StrategyDesk, state: RaceState, car: str, answer: DeskAnswer, questions: list[str], situation: Situation
) -> tuple[FollowUp | tuple[str, str], ...]:
    """Answer follow-up questions about the call; of one that asks for what cannot be done, return it and why."""
    from racetwin.runtime.follow_up import follow_up
    from racetwin.strategist import recommend

    said = recommend(answer, situation)
    replies: list[FollowUp | tuple[str, str]] = []
    for question in questions:
        try:
            replies.append(follow_up(desk, state, car, question, situation, said))
        except InputError as error:  # what cannot be done is no reason to keep the other answers back
            replies.append((question, str(error)))
    return tuple(replies)


def _as_json(answer: DeskAnswer, detail: PlanDetail | None = None) -> dict[str, Any]:
    out = answer.model_dump(mode="json", exclude={"elapsed_s"})
    if detail is not None:
        quantiles = detail.position_quantiles(ask.QUANTILES).tolist()
        out["laps"] = {
            "plan": detail.plan.label,
            "first_lap": detail.first_lap,
            "quantiles": list(ask.QUANTILES),
            "position": quantiles,
            "rejoins": detail.rejoins.tolist(),
        }
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


def _print(answer: DeskAnswer, top: int, where: str, situation: Situation) -> None:
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
        from racetwin.strategist.facts import half_within, is_open, neighbours

        near = neighbours(box, situation)
        ahead = f", {near['ahead'][1]:.1f} s behind {near['ahead'][0]}" if "ahead" in near else ""
        behind = f", {near['behind'][1]:.1f} s ahead of {near['behind'][0]}" if "behind" in near else ""
        place = f"P{box.position} ({box.probability:.0%})"
        if is_open(box):
            first, last = half_within(box)
            place = f"P{first} to P{last} in half of cases, P{box.position} the likeliest ({box.probability:.0%})"
        console.print(f"Box now: {place}{ahead}{behind}.")
    receipt = answer.receipt
    console.print(f"'=' is too close to call. {receipt.n_races} races a plan, seed {receipt.seed}, {receipt.backend}.")
