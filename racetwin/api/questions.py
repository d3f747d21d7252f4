"""What clients may ask of the desk, and how the question is put."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from racetwin.api.problems import NotThereError, UnavailableError
from racetwin.errors import InputError
from racetwin.schemas import CarId, Deliberation, Model, PlannedStop, Receipt
from racetwin.strategist.life import Action

if TYPE_CHECKING:
    from racetwin.runtime.face import EngineFace
    from racetwin.simulation.state import RaceState

LEVER = r"^(sc|vsc|red|rain|stop|wear|slow|pace)[0-9A-Za-z@:.+&-]*$"
"""How a lever's word begins and what it may be made of; the desk says what is wrong with the rest."""
MAX_LEVER = 160
"""Several levers joined by ``&`` fit, a novel does not."""
MAX_PLANS = 64
MAX_STOPS = 6
MAX_RACES = 20_000


class WhatIfQuestion(Model):
    """A question with one thing changed.

    Levers: ``sc@31``, ``vsc``, ``rain@40:0.6``, ``stop:16@25:HARD``, ``wear:55x1.3``, ``slow:55+4``.
    """

    car_id: CarId
    lever: Annotated[str, Field(pattern=LEVER, max_length=MAX_LEVER, examples=["sc@31"])]
    objective: Annotated[str, Field(min_length=1, max_length=100)] = "points"


class PlanQuestion(Model):
    """Plans to be raced against each other; each is its stops in lap order, none for running to the flag."""

    car_id: CarId
    plans: Annotated[list[list[PlannedStop]], Field(min_length=1, max_length=MAX_PLANS)]
    n_races: Annotated[int, Field(ge=16, le=MAX_RACES)] = 2000
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1


class FanQuestion(Model):
    """Where the gaps go from here if a car makes these stops; to ``reference``, or to the pace of the front half."""

    car_id: CarId
    stops: Annotated[list[PlannedStop], Field(max_length=MAX_STOPS, default_factory=list)]
    reference: CarId | None = None


class TrialQuestion(Model):
    """A plan of one's own (with ``lever``, in the race as that makes it) beside the plan ``against`` in the race as it is."""

    car_id: CarId
    stops: Annotated[list[PlannedStop], Field(max_length=MAX_STOPS)]
    against: Annotated[list[PlannedStop], Field(max_length=MAX_STOPS)]
    lever: Annotated[str, Field(pattern=LEVER, max_length=MAX_LEVER)] | None = None


class PlanOutcome(Model):
    """How one plan came out over the simulated races."""

    plan: str
    stops: tuple[PlannedStop, ...]
    expected_position: float
    expected_points: float
    standard_error: float
    mean_race_time_s: float | None = Field(description="None if the car finished in none of the races")
    position_probability: tuple[float, ...]


class PlanOutcomes(Model):
    """Outcomes of the plans asked about, in the order they were asked, all on the same races."""

    car_id: CarId
    lap: int
    outcomes: tuple[PlanOutcome, ...]
    receipt: Receipt


class FollowUpQuestion(Model):
    """A follow-up about the call of a car: ``why not lap 27?``, ``what if they cover?``, ``and with a safety car?``."""

    car_id: CarId
    question: Annotated[str, Field(min_length=3, max_length=200, examples=["why not lap 27?"])]


class DeskQuestion(Model):
    """A question that takes the desk longer than a ranking."""

    car_id: CarId
    kind: Deliberation
    objective: Annotated[str, Field(min_length=1, max_length=100, examples=["points"])] = "points"


class Decision(Model):
    """What a strategist does with a piece of advice, and who it is."""

    action: Action
    by: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[\w .-]+$")] = "strategist"


class HoldCommand(Model):
    """Hold a replay, or go on with it."""

    action: Literal["pause", "resume"]


class SpeedCommand(Model):
    """Run a replay at ``value`` times real time."""

    action: Literal["speed"]
    value: Annotated[float, Field(gt=0, le=10_000)]


class MoveCommand(Model):
    """Go forward to where the leader begins lap ``value``, or let ``value`` more frames through while the replay is held."""

    action: Literal["seek", "step"]
    value: Annotated[int, Field(ge=1, le=10_000)]


ControlCommand = Annotated[HoldCommand | SpeedCommand | MoveCommand, Field(discriminator="action")]


def present_state(face: EngineFace, car_id: str) -> RaceState:
    """Return the race as the twins see it now, for a question about ``car_id``."""
    _check(face, car_id)
    return face.engine.present_state(car_id)


def question_state(face: EngineFace, car_id: str) -> RaceState:
    """Return the race that a question about the plans of ``car_id`` starts from: see ``RaceEngine.question_state``."""
    _check(face, car_id)
    return face.engine.question_state(car_id)


def _check(face: EngineFace, car_id: str) -> None:
    if face.engine.twin is None:
        raise UnavailableError("no frame has come in yet; there is no race to plan in")
    if car_id not in face.engine.twin.cars:
        cars = ", ".join(face.engine.twin.cars)
        raise NotThereError(f"car_id: {car_id!r} is not in this race; cars: {cars}")
    if not face.engine.can_plan(car_id):
        raise InputError(f"car_id: {car_id} has no laps left to plan")


def _key(state: RaceState, question: Model | tuple[Any, ...]) -> Hashable:
    """Return all that an answer depends on: equal keys, equal answers."""
    asked = (type(question).__name__, question.model_dump_json()) if isinstance(question, Model) else question
    return state.hash(), asked


async def ask_what_if(face: EngineFace, question: WhatIfQuestion) -> Any:
    """Return the desk's answer with the lever beside the one without."""
    state = question_state(face, question.car_id)
    desk: Any = face.engine.queue.desk
    return await face.once(
        _key(state, question), lambda: desk.what_if(state, question.car_id, question.lever, question.objective)
    )


async def ask_desk(face: EngineFace, question: DeskQuestion) -> Any:
    """Return what the desk says to a question that takes it longer than a ranking."""
    from racetwin.simulation.deliberation import deliberate

    state = question_state(face, question.car_id)
    desk: Any = face.engine.queue.desk
    return await face.once(
        _key(state, question), lambda: deliberate(desk, state, question.car_id, question.kind, question.objective)
    )


async def ask_rejoin(face: EngineFace, car_id: str, lap: int | None, status: str | None) -> Any:
    """Return where a car rejoins if it boxes."""
    from racetwin.schemas import TrackStatus
    from racetwin.simulation.rejoin import box_now

    state, p = present_state(face, car_id), face.engine.parameters
    return await face.compute(
        lambda: box_now(
            state, car_id, lap=lap, track_status=None if status is None else TrackStatus(status), parameters=p
        )
    )


async def ask_pit_window(face: EngineFace, car_id: str, laps: int) -> Any:
    """Return where a car rejoins for a stop on each of the coming laps, under green, VSC and SC."""
    from racetwin.simulation.rejoin import rejoin_window

    state, p = present_state(face, car_id), face.engine.parameters
    return await face.once(
        _key(state, ("pit window", car_id, laps)), lambda: list(rejoin_window(state, car_id, laps, parameters=p))
    )


async def ask_fan(face: EngineFace, question: FanQuestion) -> Any:
    """Return how every car's gap changes from here."""
    from racetwin.simulation.fan import race_fan
    from racetwin.simulation.plans import PitPlan

    state, plan = question_state(face, question.car_id), PitPlan(tuple(question.stops))
    p = face.engine.parameters
    return await face.once(
        _key(state, question),
        lambda: race_fan(state, question.car_id, plan, reference=question.reference, parameters=p),
    )


async def ask_trial(face: EngineFace, question: TrialQuestion) -> Any:
    """Return one plan beside another."""
    from racetwin.simulation.plans import PitPlan
    from racetwin.simulation.trial import try_plan

    state = question_state(face, question.car_id)
    plan, against = PitPlan(tuple(question.stops)), PitPlan(tuple(question.against))
    p = face.engine.parameters
    return await face.once(
        _key(state, question),
        lambda: try_plan(state, question.car_id, plan, against, lever=question.lever, parameters=p),
    )


async def race_plans(face: EngineFace, question: PlanQuestion) -> PlanOutcomes:
    """Race the plans against each other and return how they came out."""
    from racetwin import __version__
    from racetwin.simulation import PitPlan, simulate
    from racetwin.simulation.candidates import check_plan

    state = present_state(face, question.car_id)
    try:
        plans = [PitPlan(tuple(stops)) for stops in question.plans]
    except ValueError as error:
        raise InputError(str(error)) from None
    for plan in plans:
        check_plan(state, question.car_id, plan)
    parameters = face.engine.parameters
    result = await face.compute(
        lambda: simulate(state, plans, question.n_races, question.seed, car_id=question.car_id, parameters=parameters)
    )
    points = result.points()
    probabilities = result.probabilities()
    places = np.arange(1, probabilities.shape[1] + 1)
    standard_error = points.std(axis=1, ddof=1) / np.sqrt(result.n_races)
    outcomes = tuple(
        PlanOutcome(
            plan=plan.label,
            stops=plan.stops,
            expected_position=float(probabilities[i] @ places),
            expected_points=float(points[i].mean()),
            standard_error=float(standard_error[i]),
            mean_race_time_s=float(result.time_s[i]) if np.isfinite(result.time_s[i]) else None,
            position_probability=tuple(float(p) for p in probabilities[i]),
        )
        for i, plan in enumerate(plans)
    )
    receipt = Receipt(
        seed=result.seed,
        n_races=result.n_races,
        backend=result.backend,
        parameters_hash=parameters.hash(),
        state_hash=state.hash(),
        code_version=__version__,
    )
    return PlanOutcomes(car_id=question.car_id, lap=state.lap, outcomes=outcomes, receipt=receipt)
