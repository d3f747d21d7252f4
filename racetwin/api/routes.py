"""Routes that answer about the race: twins, telemetry, plans, advice, and questions to the desk."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.responses import Response
from pydantic import TypeAdapter

from racetwin.api import examples
from racetwin.api.answers import (
    Answers,
    CarLine,
    Environment,
    KnownField,
    SchemaName,
    car_lines,
    encode,
    environment,
    known_fields,
)
from racetwin.api.core import ROOT
from racetwin.api.problems import NotThereError, UnavailableError
from racetwin.api.queries import only_known_queries
from racetwin.api.questions import (
    ControlCommand,
    Decision,
    DeskQuestion,
    FanQuestion,
    FollowUpQuestion,
    HoldCommand,
    PlanOutcomes,
    PlanQuestion,
    TrialQuestion,
    WhatIfQuestion,
    ask_desk,
    ask_fan,
    ask_pit_window,
    ask_rejoin,
    ask_trial,
    ask_what_if,
    present_state,
    race_plans,
)
from racetwin.errors import InputError
from racetwin.runtime.snapshot import LapRow
from racetwin.schemas import (
    CarTwinState,
    DeskAnswer,
    DeskReply,
    FollowUp,
    PlanTrial,
    RaceEvent,
    RaceFan,
    Recommendation,
    Rejection,
    Rejoin,
    TelemetryFrame,
    TrackStatus,
    WhatIf,
)

Car = Annotated[
    str | None,
    Query(
        pattern=r"^\d{1,3}$", description="racing number; default: the followed car, else the leader", examples=["44"]
    ),
]
At = Annotated[
    str | None,
    Query(
        pattern=r"^(\d{1,3}|-?\d{1,6}(\.\d{1,6})?s)$",
        description="time travel: laps completed by the leader (23) or race time (1820.5s)",
    ),
]
Schema = Annotated[SchemaName, Query(description="v1: the documents of the original system")]
SCHEMAS: dict[str, Any] = {
    "telemetry": TelemetryFrame,
    "event": TypeAdapter(RaceEvent),
    "car-twin": CarTwinState,
    "plans": DeskAnswer,
    "recommendation": Recommendation,
    "rejection": Rejection,
    "rejoin": Rejoin,
    "what-if": WhatIf,
    "follow-up": FollowUp,
    "environment": Environment,
    "lap": LapRow,
}


def _json(model: Any, example: Any = None) -> dict[int | str, dict[str, Any]]:
    content: dict[str, Any] = {} if example is None else {"example": example}
    return {200: {"model": model, "content": {"application/json": content}}, 304: {"description": "Not modified"}}


def router(answers: Answers) -> APIRouter:
    """Return the routes of one engine."""
    api = APIRouter(prefix=ROOT, tags=["race"], dependencies=[Depends(only_known_queries)])
    face = answers.face

    @api.get("/car-twin", responses=_json(CarTwinState | dict[str, Any], examples.CAR_TWIN))
    async def car_twin(request: Request, car_id: Car = None, at: At = None, schema: Schema = "racetwin") -> Response:
        """What is known and believed of one car."""
        snapshot = await answers.snapshot_at(at)
        chosen = answers.car(snapshot, car_id)
        if schema == "v1":
            if at is not None:
                raise InputError("schema: v1 documents are of the present; leave out 'at' or 'schema'")
            twin = face.engine.twin
            if twin is None or chosen not in twin.cars:
                raise UnavailableError("the car's twin has not seen a frame yet")
            return answers.respond(request, ("car-v1", chosen), snapshot.frame, twin.cars[chosen].get_state)
        state = snapshot.cars.get(chosen)
        if state is None:
            raise UnavailableError("the car's twin has not seen a frame yet")
        return answers.respond(request, ("car", chosen, at), state, lambda: state)

    @api.get("/cars", responses=_json(list[CarLine]))
    async def cars(request: Request, at: At = None) -> Response:
        """The cars in race order."""
        snapshot = await answers.snapshot_at(at)
        return answers.respond(request, ("cars", at), snapshot.frame, lambda: car_lines(snapshot))

    @api.get("/field-twin", responses=_json(dict[str, Any]))
    async def field_twin(request: Request, at: At = None, schema: Schema = "racetwin") -> Response:
        """The field: threats, opportunities, who is likely to stop."""
        snapshot = await answers.snapshot_at(at)
        if schema == "v1":
            if at is not None:
                raise InputError("schema: v1 documents are of the present; leave out 'at' or 'schema'")
            twin = face.engine.twin
            if twin is None:
                raise UnavailableError("the field's twin has not seen a frame yet")
            return answers.respond(request, ("field-v1",), snapshot.frame, twin.field.get_state)
        return answers.respond(request, ("field", at), snapshot.field, lambda: dict(snapshot.field))

    @api.get("/telemetry", responses=_json(TelemetryFrame))
    async def telemetry(request: Request, at: At = None) -> Response:
        """The newest frame, as accepted."""
        snapshot = await answers.snapshot_at(at)
        return answers.respond(request, ("telemetry", at), snapshot.frame, lambda: snapshot.frame)

    @api.post(
        "/telemetry",
        status_code=202,
        responses={202: {"content": {"application/json": {"example": {"accepted": 1, "refused": 0, "last": 4711}}}}},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"type": "object"}, "example": examples.FRAME}},
            }
        },
    )
    async def send_telemetry(request: Request) -> dict[str, int | None]:
        """Send a frame, ours or of the original schema; it is acknowledged once it is in the journal."""
        body = await request.body()
        number = face.receive(body)  # whatever it is: what is refused is counted, and kept to be read
        if number is not None:
            await face.acknowledged(number)
        elif not body.lstrip().startswith(b"{"):
            raise HTTPException(422, "body: expected one JSON object, a telemetry frame")
        return {"accepted": int(number is not None), "refused": int(number is None), "last": number}

    @api.get("/telemetry/rejected", responses=_json(list[Rejection]))
    async def rejected() -> Response:
        """What was refused lately: which field, what stood there, what was expected; newest last."""
        body = b"[" + b",".join(r.model_dump_json().encode() for r in face.engine.ingestor.rejected) + b"]"
        return Response(body, media_type="application/json")

    @api.get("/telemetry/known", responses=_json(dict[str, KnownField], examples.KNOWN))
    async def known(request: Request, car_id: Car = None) -> Response:
        """What is known of a car, field by field: the value, the feed it came from, and how old it is (s of race time)."""
        snapshot = answers.snapshot()
        number = answers.car(snapshot, car_id)
        known = face.engine.ingestor.known
        return answers.respond(
            request, ("known", number), snapshot.frame, lambda: known_fields(known(number), snapshot.time_s)
        )

    @api.get("/environment", responses=_json(Environment, examples.ENVIRONMENT))
    async def track(request: Request, at: At = None) -> Response:
        """Track, weather and where the race stands."""
        snapshot = await answers.snapshot_at(at)
        return answers.respond(request, ("environment", at), snapshot.frame, lambda: environment(snapshot))

    @api.get("/laps", responses=_json(list[LapRow]))
    async def laps(request: Request, at: At = None) -> Response:
        """Every completed lap so far."""
        snapshot = await answers.snapshot_at(at)
        return answers.respond(request, ("laps", at), snapshot.laps, lambda: snapshot.laps)

    @api.get("/strategy/plans", responses=_json(DeskAnswer))
    async def plans(request: Request, car_id: Car = None, at: At = None) -> Response:
        """Ranked pit plans of one car; computed now if the car is not followed."""
        snapshot = await answers.snapshot_at(at)
        chosen = answers.car(snapshot, car_id)
        known = snapshot.answers.get(chosen)
        if known is None and at is None:
            advised = await face.plan(chosen)
            known = advised.answer if advised else None
        if known is None:
            raise NotThereError(
                f"car_id: no plan of car {chosen} {'was known then' if at else '(no laps left to plan)'}"
            )
        return answers.respond(request, ("plans", chosen, at), known, lambda: known)

    @api.get("/strategy-recommendations", responses=_json(list[Recommendation]))
    async def recommendations(request: Request, car_id: Car = None, at: At = None) -> Response:
        """Advice to one car, most urgent first; computed now if the car is not followed."""
        snapshot = await answers.snapshot_at(at)
        chosen = answers.car(snapshot, car_id)
        advice = snapshot.advice.get(chosen)
        if advice is None and at is None:
            advised = await face.plan(chosen)
            advice = advised.advice if advised else ()
        return answers.respond(request, ("advice", chosen, at), advice, lambda: list(advice or ()))

    @api.get("/rejoin", responses=_json(Rejoin))
    async def rejoin(
        car_id: Car = None,
        lap: Annotated[
            int | None, Query(ge=1, le=200, description="box at the end of this lap; default: the coming")
        ] = None,
        track_status: Annotated[TrackStatus | None, Query(description="during the stop; default: as it is")] = None,
    ) -> Response:
        """Where a car rejoins if it boxes, and between whom."""
        chosen = answers.car(answers.snapshot(), car_id)
        found = await ask_rejoin(face, chosen, lap, None if track_status is None else track_status.value)
        return Response(found.model_dump_json(), media_type="application/json")

    @api.get("/pit-window", responses=_json(list[Rejoin]))
    async def pit_window(
        car_id: Car = None,
        laps: Annotated[int, Query(ge=1, le=20, description="how many of the coming laps")] = 8,
    ) -> Response:
        """Where a car rejoins for a stop on each of the coming laps, under green, VSC and SC; in order of lap."""
        chosen = answers.car(answers.snapshot(), car_id)
        return Response(encode(await ask_pit_window(face, chosen, laps)), media_type="application/json")

    @api.post("/strategy/ask", responses=_json(FollowUp))
    async def ask(question: FollowUpQuestion) -> Response:
        """A follow-up about the call of a car, answered from facts, with races run for it where they are needed."""
        present_state(face, question.car_id)
        answer = await face.follow_up(question.car_id, question.question)
        return Response(answer.model_dump_json(), media_type="application/json")

    @api.post("/strategy/advice/{advice_id}", responses=_json(Recommendation))
    async def decide(
        advice_id: Annotated[
            str, Path(pattern=r"^\d{1,3}-[a-z]{1,12}-\d{1,3}[a-z]?$", description="as in the advice's `id`")
        ],
        decision: Decision,
    ) -> Response:
        """Accept, reject, pin, unpin or reopen a piece of advice: kept in the journal's audit log, shown on every screen."""
        decided = await face.decide(advice_id, decision.action, decision.by)
        return Response(decided.model_dump_json(), media_type="application/json")

    @api.post("/strategy/what-if", responses=_json(WhatIf))
    async def what_if(question: WhatIfQuestion) -> Response:
        """The same question with one thing changed, on the same simulated races."""
        answer = await ask_what_if(face, question)
        return Response(answer.model_dump_json(), media_type="application/json")

    @api.post("/strategy/desk", responses=_json(DeskReply))
    async def desk(question: DeskQuestion) -> Response:
        """Plans by another objective, what would change their order, both cars of the team, or rivals that answer our plan."""
        answer = await ask_desk(face, question)
        return Response(answer.model_dump_json(), media_type="application/json")

    @api.post("/strategy/try", responses=_json(PlanTrial))
    async def try_plan(question: TrialQuestion) -> Response:
        """A plan of your own beside the one at hand, on the same simulated races."""
        answer = await ask_trial(face, question)
        return Response(answer.model_dump_json(), media_type="application/json")

    @api.post("/race-fan", responses=_json(RaceFan))
    async def race_fan(question: FanQuestion) -> Response:
        """Where every car's gap goes from here: the forecast fan of the race trace."""
        answer = await ask_fan(face, question)
        return Response(answer.model_dump_json(), media_type="application/json")

    @api.post("/simulate", responses=_json(PlanOutcomes))
    async def simulate(question: PlanQuestion) -> PlanOutcomes:
        """Race plans of your own against each other from the present state."""
        return await race_plans(face, question)

    @api.get("/snapshot", responses=_json(dict[str, Any]))
    async def snapshot(at: At = None) -> Response:
        """Everything at once, as the WebSocket's first message has it."""
        from racetwin.runtime.wire import Publisher

        if at is None:
            answers.snapshot()
            return Response(face.publisher.message(), media_type="application/json")
        once = Publisher()
        once.publish(await answers.snapshot_at(at))
        return Response(once.message(), media_type="application/json")

    @api.post("/control", status_code=204, response_class=Response)
    async def control(command: ControlCommand) -> Response:
        """Pause, resume or hasten a replay."""
        face.control(command.action, None if isinstance(command, HoldCommand) else command.value)
        return Response(status_code=204)

    @api.get(
        "/schema/{name}",
        response_class=Response,
        responses={200: {"content": {"application/schema+json": {"schema": {"type": "object"}}}}},
    )
    async def schema_of(name: Annotated[str, Path(pattern="^[a-z-]{1,40}$", examples=["telemetry"])]) -> Response:
        """The JSON Schema of a document."""
        model = SCHEMAS.get(name)
        if model is None:
            raise NotThereError(f"name: {name!r}, expected one of {', '.join(SCHEMAS)}")
        schema = model.json_schema() if isinstance(model, TypeAdapter) else model.model_json_schema()
        return Response(orjson.dumps(schema), media_type="application/schema+json")

    return api
