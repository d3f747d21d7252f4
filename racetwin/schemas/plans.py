"""Decisions: ranked pit plans, what they rest on, and what would change them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from racetwin.schemas.twins import Estimate
from racetwin.schemas.words import CarId, Compound, Model, TrackStatus


class PlannedStop(Model):
    """Box at the end of lap ``lap`` for ``compound``; ``age`` is the set's age in laps when fitted."""

    lap: Annotated[int, Field(ge=1, le=200)]
    compound: Compound
    age: Annotated[float, Field(ge=0, le=60)] = 0.0


class RivalGap(Model):
    """How far ahead of a rival a plan brings the car at the flag, in s (negative: behind), over the races both finish."""

    car_id: CarId
    mean_s: float | None = Field(description="None where the two never finish together")
    low_s: float | None = Field(description="5 % quantile")
    high_s: float | None = Field(description="95 % quantile")
    p_ahead: float = Field(description="probability of being classified ahead, retirements of either included")


class RankedPlan(Model):
    """One candidate pit plan of a car with its simulated outcome.

    All plans of an answer are comparable. Of one that ran fewer races (``n_races``) than the best, means are the best plan's plus
    the difference race by race over the races both have run, and shares count each of these races as often as the best plan's
    place in it comes up over all of its own. ``standard_error`` is that of ``expected_points``; ``delta_points`` is expected
    points minus those of the best plan, with the standard error of the paired difference; ``too_close`` says that the data do not
    tell it from the best. ``position_probability[i]`` is the probability of finishing in position ``i + 1``, retirements counted
    in the place they are classified in. Where the objective is not expected points, ``utility`` is what was maximised, and
    ``delta_utility`` and ``too_close`` are by it.
    """

    plan: str = Field(description="as spoken, e.g. 'L24 HARD' or 'L18 MEDIUM, L39 HARD'; 'no stop' for none")
    stops: tuple[PlannedStop, ...]
    rank: int
    expected_position: float = Field(
        description="mean place in the plan's races, retirements of all cars in it: no forecast of the place on its own, which "
        "the scoreboard makes of races that all come through, drawn towards the order as it is"
    )
    expected_points: float
    p_win: float
    p_podium: float
    p_points: float
    mean_race_time_s: float | None = Field(
        description="over its own races that the car finished: no comparison of plans"
    )
    standard_error: float
    delta_points: float = 0.0
    delta_standard_error: float = 0.0
    too_close: bool = False
    p_ahead: float = Field(
        default=0.0, description="share of the races both have run in which it finishes ahead of the best"
    )
    p_behind: float = Field(default=0.0, description="... and behind it; in the others it finishes in the same place")
    n_races: int
    seed: int
    position_probability: tuple[float, ...]
    utility: float | None = Field(default=None, description="mean of the objective; higher is better")
    delta_utility: float = 0.0
    delta_utility_standard_error: float = 0.0
    gaps: tuple[RivalGap, ...] = Field(default=(), description="to the rivals that were asked for, over its own races")


class Rejoin(Model):
    """Where a car is, once it has done its out-lap, if it boxes at the end of lap ``lap``, and how sure that is.

    Rivals may stop on the same laps. ``position_probability`` maps a position to its probability. ``car_ahead``/``car_behind``
    are the likeliest neighbours where the car is in the likeliest position, with the mean gaps to them in seconds (positive).
    """

    car_id: CarId
    lap: int
    track_status: TrackStatus
    position: int
    probability: float
    position_probability: dict[int, float]
    car_ahead: CarId | None
    gap_ahead_s: float | None
    car_behind: CarId | None
    gap_behind_s: float | None
    traffic: bool = Field(default=False, description="the car ahead is so near that its dirty air costs lap time")
    pit_loss_s: Estimate


class Receipt(Model):
    """What is needed to compute a result again, bit for bit."""

    seed: int
    n_races: int
    backend: str
    parameters_hash: str
    state_hash: str
    code_version: str


class Comparison(Model):
    """Plan ``a`` over plan ``b`` on the same races: mean difference of the objective with its standard error."""

    a: str
    b: str
    difference: float
    standard_error: float
    unit: str = "points"
    too_close: bool = Field(default=False, description="the difference is within two standard errors of nothing")


class Sensitivity(Model):
    """What a change in the race would do to the ranking: the best plan then, and what it would gain over today's best."""

    lever: str
    best: str
    gain: Comparison = Field(
        description="the best plan under the lever over the plan that is best without it, under the lever"
    )
    changes_best: bool = Field(description="another plan would be best, beyond the noise")


class DeskAnswer(Model):
    """What the strategy desk says of one car at one moment: the ranked plans, best first, and what they rest on."""

    race_id: str
    car_id: CarId
    lap: int = Field(description="laps completed by the leader when the state was taken")
    time_s: float
    objective: str
    plans: tuple[RankedPlan, ...]
    box_now: Rejoin | None
    receipt: Receipt
    waiting: Comparison | None = Field(
        default=None, description="the value of waiting: the best plan that stays out this lap over the best that boxes"
    )
    beaten_by: dict[CarId, float] = Field(
        default={},
        description="share of the best plan's races in which each other running car is classified ahead of this one",
    )
    sensitivity: tuple[Sensitivity, ...] = ()
    candidate_races: int | None = Field(default=None, description="races times plans simulated for this answer")
    screened_out: int = Field(
        default=0, description="candidates that the own-car screen left out; plans are the others"
    )
    partial: bool = Field(default=False, description="the deadline came before the search was done")
    elapsed_s: float | None = Field(
        default=None, description="compute time; not part of the answer, so None when comparing"
    )


class PlanChange(Model):
    """What a lever does to one plan: mean change of the objective, race by race, with its standard error."""

    plan: str
    before: float
    after: float
    change: float
    standard_error: float
    races: int = Field(
        description="races run both with and without the lever; plans of few are less sure than their order"
    )


class TriedPlan(Model):
    """How one plan came out over the simulated races."""

    plan: str
    stops: tuple[PlannedStop, ...]
    expected_points: float
    standard_error: float
    expected_position: float
    p_podium: float
    p_points: float
    position_probability: tuple[float, ...]
    legal: bool = Field(default=True, description="whether it meets the rules on compounds and stops")


class PlanTrial(Model):
    """A plan of one's own (``tried``, in the race as ``lever`` makes it) beside the one at hand (``now``, as the race is)."""

    car_id: CarId
    lap: int
    lever: str | None = None
    now: TriedPlan
    tried: TriedPlan
    gain: Comparison = Field(description="expected points of what is tried over what is at hand, race by race")
    receipt: Receipt


class RaceFan(Model):
    """Where the gaps go from here: ``change_s[car][lap]`` holds the quantiles of how a car's gap changes until that lap.

    Row ``k`` is the end of lap ``lap + 1 + k``; None where the car is out in most of the races. Gaps are to ``reference``, or
    (None) to the pace of the front half of the field; positive: the car loses ground. ``car_id`` follows ``plan``, all others
    decide for themselves.
    """

    car_id: CarId
    lap: int
    plan: str
    reference: CarId | None = None
    cars: tuple[CarId, ...]
    quantiles: tuple[float, ...]
    change_s: tuple[tuple[tuple[float, ...] | None, ...], ...]
    n_races: int
    seed: int


class WhatIf(Model):
    """The same question asked of a race with one thing changed, on the same random numbers."""

    lever: str
    before: DeskAnswer
    after: DeskAnswer
    changes: tuple[PlanChange, ...] = Field(description="plans run under both, in the order of the answer after")


class TeamPlan(Model):
    """A pair of plans for the two cars of a team, best first by the points of both together."""

    rank: int
    plans: tuple[str, str]
    stops: tuple[tuple[PlannedStop, ...], tuple[PlannedStop, ...]]
    expected_points: float
    standard_error: float
    each: tuple[float, float] = Field(description="expected points of either car")
    delta_points: float = 0.0
    delta_standard_error: float = 0.0
    too_close: bool = False
    double_stack: bool = Field(default=False, description="both cars box on the same lap")


class TeamAnswer(Model):
    """Pairs of plans for both cars of a team."""

    race_id: str
    car_ids: tuple[CarId, CarId]
    team: str
    lap: int
    plans: tuple[TeamPlan, ...]
    receipt: Receipt


Deliberation = Literal["plans", "sensitivity", "team", "responses"]
"""What takes the desk longer than a ranking: plans by another objective, what would change the ranking, both cars of the team,
rivals that answer our plan."""


class ResponseRound(Model):
    """One round of answering each other: our best plan against what rivals planned, then theirs against ours."""

    plan: str
    expected_points: float
    rivals: dict[CarId, str]


class BestResponse(Model):
    """Where answering each other ends: ``settled`` where the last round changed nothing."""

    answer: DeskAnswer
    rounds: tuple[ResponseRound, ...]
    settled: bool


class DeskReply(Model):
    """What the desk says to a deliberation: the one of its fields that belongs to ``kind``, the others None."""

    kind: Deliberation
    answer: DeskAnswer | None = Field(default=None, description="of 'plans' and, with its ``sensitivity``, of that")
    team: TeamAnswer | None = None
    responses: BestResponse | None = None
