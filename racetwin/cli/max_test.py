"""`racetwin max-test` tells whether the model server words real advice on a real race, and whether that may be shown."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from racetwin.cli.cars import car_of
from racetwin.cli.output import console, print_json
from racetwin.config import Settings, settings
from racetwin.errors import ConfigurationError, InputError
from racetwin.strategist import Situation
from racetwin.strategist.client import ModelClient, Usage
from racetwin.strategist.wording import Worded, word

if TYPE_CHECKING:
    from racetwin.telemetry.records import RaceRecord

RACES = 500
"""Simulated races a plan: the test is of the model server, not of the desk."""


def max_test(
    race: Annotated[
        str | None, typer.Option(help="Race id; default: the newest at hand, else a simulated one.")
    ] = None,
    lap: Annotated[int | None, typer.Option(help="Laps completed by the leader; default: a third of the race.")] = None,
    car: Annotated[
        str | None, typer.Option(help="Racing number or driver's code; default: the car in third place.")
    ] = None,
    count: Annotated[int, typer.Option(help="How many recommendations to have worded.", min=1, max=20)] = 1,
    deadline: Annotated[
        float | None, typer.Option(help="Seconds to wait for each; default: RACETWIN_LLM_DEADLINE_S.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask the configured model server for advice on a real moment of a race; prints text, timing and the checker's verdict.

    Exit code 0 if the server answered, whether or not its wording may be shown; 2 if there is no server.

    Example: `RACETWIN_LLM_URL=http://127.0.0.1:8000/v1 racetwin max-test --race 2024-12-great-britain --lap 20 --car 4`
    """
    now = settings().model_copy(update={"llm_enabled": True, **({"llm_deadline_s": deadline} if deadline else {})})
    found = asyncio.run(_run(now, race, lap, car, count, quiet=as_json))
    if as_json:
        print_json(found)


async def _run(
    now: Settings, race: str | None, lap: int | None, car: str | None, count: int, *, quiet: bool
) -> dict[str, Any]:
    async with contextlib.AsyncExitStack() as stack:
        client = ModelClient.from_settings(now)
        async with client:
            healthy, why = await client.healthy(), now.llm_url
        if not healthy:
            if not now.llm_embedded:
                raise ConfigurationError(
                    f"no model server answers at {why}; start one (racetwin max start), or set RACETWIN_LLM_EMBEDDED=true"
                )
            from racetwin.servers import SMALL_MODEL, small_model_server

            url = await stack.enter_async_context(small_model_server(now))
            client = ModelClient(url, SMALL_MODEL)
        record = _record(now, race)
        advice, where, retired = _advice(now, record, lap, car)
        if not quiet:
            small = ", a small model" if client.small else ""
            console.print(f"{where}\n{client.model}{small} at {client.url}\n")
        await stack.enter_async_context(client)
        rows = []
        for recommendation in advice[:count]:
            worded = await word(
                client,
                recommendation,
                deadline_s=now.llm_deadline_s,
                retired=retired,
                on_text=None if quiet else _as_it_comes,
            )
            rows.append(_row(worded))
            if not quiet:
                _print(worded)
        if not quiet:
            for name, said in client.given_up.items():
                console.print(f"the server does not take {name} and is asked without: {said}", markup=False)
        return {
            "race": record.race_id,
            "simulated": record.simulated,
            "where": where,
            "url": client.url,
            "model": client.model,
            "small": client.small,
            "takes_schema": client.takes_schema,
            "given_up": client.given_up,
            "usage": _usage(client.usage),
            "advice": rows,
        }


def _record(now: Settings, race: str | None) -> RaceRecord:
    from racetwin.runtime.sources import default_race
    from racetwin.telemetry import TelemetrySimulator
    from racetwin.telemetry.library import RaceLibrary

    chosen = race or default_race(now)
    return TelemetrySimulator(seed=now.seed).record if chosen is None else RaceLibrary(now).load(chosen)


def _advice(now: Settings, record: RaceRecord, lap: int | None, car: str | None) -> tuple[Any, str, tuple[str, ...]]:
    from racetwin.runtime.catch_up import twin_at
    from racetwin.simulation import StrategyDesk
    from racetwin.strategist import recommend

    named = None if car is None else car_of(record, car)
    at = record.total_laps // 3 if lap is None else lap
    twin = twin_at(record, at, now.parameters)
    cars = {car_id: one.state() for car_id, one in twin.cars.items()}
    third = sorted((c.position or 99, c.car_id) for c in cars.values())[min(2, len(cars) - 1)][1]
    chosen = third if named is None else named
    state = twin.race_state()
    answer = StrategyDesk(now).evaluate(state, chosen, n_races=RACES)
    situation = Situation(cars, state.lap, state.total_laps, state.track_status, twin.rainfall, twin.field.get_state())
    advice = recommend(answer, situation)
    if not advice:
        raise InputError(f"car: {chosen} gets no advice after lap {at} of {record.race_id} (out, or at the end)")
    kind = "SIMULATED race" if record.simulated else "race"
    where = f"{kind} {record.race_id}, after lap {at} of {record.total_laps}, car {chosen}"
    return advice, where, situation.retired()


def _as_it_comes(piece: str) -> None:
    console.print(piece, end="", markup=False, highlight=False, soft_wrap=True)


def _row(worded: Worded) -> dict[str, Any]:
    r = worded.recommendation
    return {
        "recommendation": r.model_dump(mode="json", exclude={"facts"}),
        "shown": r.wording,
        "passed": r.wording == "model",
        "share_supported": round(worded.verdict.share, 3),
        "objections": [f"{o.sentence}: {o.claim}: {o.why}" for o in worded.refused],
        "answers": [a.text for a in worded.answers],
        "unavailable": worded.unavailable,
    }


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "requests": usage.requests,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "failures": usage.failures,
    }


def _print(worded: Worded) -> None:
    r = worded.recommendation
    console.print("\n")
    for i, answer in enumerate(worded.answers, start=1):
        first = "" if answer.first_token_s is None else f", first token after {answer.first_token_s:.2f} s"
        tokens = answer.completion_tokens
        writing_s = max(1e-9, answer.elapsed_s - (answer.first_token_s or 0))
        speed = f", {tokens} tokens at {tokens / writing_s:.1f}/s" if tokens else ""
        ended = f", ended early: {answer.cut_short}" if answer.cut_short else ""
        console.print(f"answer {i}: {answer.elapsed_s:.2f} s{first}{speed}{ended}", style="dim", markup=False)
    if worded.unavailable:
        console.print(f"no answer: {worded.unavailable}", markup=False)
    for objection in worded.refused:
        console.print(f"refused: {objection.sentence!r}: {objection.claim}: {objection.why}", markup=False)
    whose = "the model's wording passes and is shown" if r.wording == "model" else "our own wording is shown"
    console.print(f"\nverdict: {whose}; {worded.verdict.supported} of {worded.verdict.claims} claims supported")
    console.print(f"[bold]{r.priority.value.upper()}[/bold]: ", end="")
    for text in (r.title, r.description, r.expected_benefit, r.reasoning, *r.risks):
        console.print(text, markup=False, highlight=False)
    console.print()
