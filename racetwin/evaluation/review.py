"""After the race: for each real stop, what racetwin would have called from what it knew then, and what each choice was worth.

The race is replayed through the same ingestor and twins as a live one. On every lap the strategy desk is asked for its call, from
the last moment at which the coming stop could still be decided; nothing from later is known to it. Then each real stop is set
beside the call and other laps in worlds whose parameters and beliefs are drawn anew (:mod:`racetwin.evaluation.worlds`), all
choices on the same races, so that the model is not its own judge and luck is shared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from racetwin.config import Settings
from racetwin.config import settings as process_settings
from racetwin.errors import InputError
from racetwin.evaluation.lap_times import replayed
from racetwin.evaluation.outcome import Outcome
from racetwin.evaluation.parameters_before import parameters_before
from racetwin.evaluation.review_findings import Call, Choice, RaceReview, StopReview, verdict
from racetwin.evaluation.worlds import worlds
from racetwin.schemas import COMPOUNDS, LapCompleted, PitEntered, PlannedStop, TrackStatusChanged
from racetwin.simulation.answers import Evaluation
from racetwin.simulation.desk import StrategyDesk
from racetwin.simulation.montecarlo import simulate
from racetwin.simulation.objectives import parse_objective
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.parameters import RaceParameters, for_race
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.state import RaceState
from racetwin.twins import RaceTwin

if TYPE_CHECKING:
    from racetwin.telemetry.records import RaceRecord

Progress = Callable[[str, int, int], None]
FloatArray = npt.NDArray[np.float64]

CALL_RACES = 400
"""Races a plan gets while the calls are worked out lap by lap."""
WORLDS = 24
"""Worlds in which choices are judged."""
WORLD_RACES = 320
"""Races a choice gets in each world."""
LATER = (1, 2, 3, 5, 8)
"""Stopping so many laps later than was done is judged too."""
EARLIER = 10
"""A call at most this many laps before the real stop is judged against waiting for it."""
LEVEL_90 = (5.0, 95.0)


def review(
    record: RaceRecord,
    car_id: str,
    *,
    objective: str = "points",
    settings: Settings | None = None,
    call_races: int = CALL_RACES,
    n_worlds: int = WORLDS,
    races: int = WORLD_RACES,
    seed: int = 1,
    call_window: int | None = None,
    fit_before: bool = True,
    progress: Progress | None = None,
) -> RaceReview:
    """Review the stops of one car.

    Parameters
    ----------
    record
        A real or simulated race.
    car_id
        Racing number of a car that started.
    objective
        What calls maximise; choices are judged by expected points and places whatever it is.
    settings
        Parameter file, backend and threads; by default the process's.
    call_races, n_worlds, races
        Races a plan gets for a call, worlds, and races a choice gets in each.
    seed
        Of calls, worlds and their races; those of the worlds are not those of the calls.
    call_window
        Work out calls only for so many laps up to each real stop; by default for every lap of the race.
    fit_before
        Fit the race model on the races before a real one first (kept in the cache), unless a parameter file is set.
    progress
        Told what comes next, how much is done and of how much.

    Raises
    ------
    InputError
        For a car that did not start.
    """
    if car_id not in {e.car_id for e in record.entries}:
        raise InputError(
            f"car: {car_id!r} is not in {record.race_id}; cars: {', '.join(e.car_id for e in record.entries)}"
        )
    if n_worlds < 2 or races < 16:
        raise InputError(f"review: {n_worlds} worlds of {races} races, expected at least 2 of 16")
    now, known = settings or process_settings(), "parameters in use"
    tell = progress or (lambda _what, _done, _of: None)
    if record.simulated:
        known = "a race drawn from the race model itself"
    elif fit_before:
        file, known = parameters_before(record.race_id, now, tell)
        now = now.model_copy(update={"parameters": file})
    p = for_race(load_parameters(record.circuit_id, record.season, now.parameters), record.race_id)
    reviewing = _Reviewing(now, p, car_id, objective, call_races, n_worlds, races, seed)
    outcome = Outcome.of(record)
    stops = outcome.stops.get(car_id, [])
    tell("replaying the race", 0, record.total_laps + len(stops))
    twin, moments = _moments(record, car_id, p, now)
    if call_window is not None:
        near = {lap - k for lap, _ in stops for k in range(1, call_window + 1)}
        moments = {lap: state for lap, state in moments.items() if lap in near}
    total = len(moments) + len(stops)
    asked: dict[int, Evaluation] = {}
    for k, (lap, state) in enumerate(sorted(moments.items())):
        tell(f"call for lap {lap + 1}", k, total)
        asked[lap] = reviewing.ask(state)
    calls = {lap: _call(found) for lap, found in asked.items()}
    reviews = []
    for k, (lap, fitted) in enumerate(stops):
        tell(f"stop on lap {lap}", len(moments) + k, total)
        if lap - 1 in moments:
            since = max((at for at, _ in stops if at < lap), default=0)
            reviews.append(reviewing.stop(lap, fitted, since, moments, asked, calls))
    tell("done", total, total)
    car = twin.cars[car_id]
    return RaceReview(
        race_id=record.race_id,
        car_id=car_id,
        driver=car.driver,
        simulated=record.simulated,
        grid=car.grid,
        finish=outcome.final.get(car_id),
        objective=objective,
        worlds=n_worlds,
        races=races,
        seed=seed,
        parameters_hash=p.hash(),
        parameters=known,
        calls=tuple(calls[lap] for lap in sorted(calls)),
        stops=tuple(reviews),
    )


def _moments(
    record: RaceRecord, car_id: str, p: RaceParameters, now: Settings
) -> tuple[RaceTwin, dict[int, RaceState]]:
    """Return by laps done the last state in which the next lap's stop could still be decided, and the twin at the flag."""
    twin = RaceTwin(record.race_id, p, file=now.parameters)
    moments: dict[int, RaceState] = {}
    for ingested in replayed(record):
        twin.update(ingested)
        car = twin.cars.get(car_id)
        telling = any(isinstance(e, LapCompleted | PitEntered | TrackStatusChanged) for e in ingested.events)
        if car is None or not car.running or not twin.total_laps or car.in_pit_lap is not None:
            continue
        lap = twin.leader_laps
        # The state carries a lapped car on to the leader's lap, so laps are counted alike for both.
        if (telling or not moments) and lap < twin.total_laps - 1 and not car.on_in_lap:
            state = twin.race_state()
            if state.running[state.index(car_id)]:
                moments[lap] = state
    return twin, moments


def _call(found: Evaluation) -> Call:
    answer = found.answer
    best = answer.plans[0]
    waiting = answer.waiting
    return Call(
        lap=answer.lap + 1,
        track_status=found.question.state.track_status.value,
        box=bool(best.stops) and best.stops[0].lap == answer.lap + 1,
        plan=best.plan,
        margin=None if waiting is None else -waiting.difference,
        margin_error=None if waiting is None else waiting.standard_error,
    )


@dataclass(frozen=True, slots=True)
class _Reviewing:
    """What stays the same through a review."""

    settings: Settings
    p: RaceParameters
    car_id: str
    objective: str
    call_races: int
    n_worlds: int
    races: int
    seed: int

    def ask(self, state: RaceState) -> Evaluation:
        """Ask the desk for its call."""
        desk = StrategyDesk(self.settings)
        return desk.explain(state, self.car_id, self.objective, self.call_races, self.seed, parameters=self.p)

    def stop(
        self,
        lap: int,
        fitted: int,
        since: int,
        moments: dict[int, RaceState],
        asked: dict[int, Evaluation],
        calls: dict[int, Call],
    ) -> StopReview:
        """Review one stop."""
        state, found = moments[lap - 1], asked[lap - 1]
        i = state.index(self.car_id)
        done = _as_driven(found, lap, fitted)
        options = [("as driven", done)]
        call = found.answer.plans[0]
        options.append(("racetwin's call", PitPlan(call.stops, _window(found))))
        for later in LATER:
            plan = _best(found, _first_stop_on(lap + later))
            if plan is not None:
                options.append((f"{later} lap{'s' * (later > 1)} later", plan))
        none = _best(found, lambda q: not q.stops)
        if none is not None:
            options.append(("no stop", none))
        choices = self.judge(state, options)
        called = _held_from(lap, since, calls)
        early = None
        if called is not None and called < lap and called - 1 in moments:
            then = asked[called - 1]
            waited = _as_driven(then, lap, fitted)
            box = PitPlan(then.answer.plans[0].stops, _window(then))
            early = self.judge(moments[called - 1], [("as driven", waited), (f"on lap {called}", box)])[1]
        order = state.order()
        return StopReview(
            lap=lap,
            track_status=state.track_status.value,
            place_before=int(np.flatnonzero(order == i)[0]) + 1,
            from_compound=COMPOUNDS[state.compound[i]].value if state.compound[i] >= 0 else None,
            fitted=COMPOUNDS[fitted].value if fitted >= 0 else None,
            call=calls[lap - 1],
            called_lap=called,
            choices=choices,
            early=early,
            verdict=verdict(lap, int(state.compound[i]), fitted, call.stops, choices),
        )

    def judge(self, state: RaceState, options: list[tuple[str, PitPlan]]) -> tuple[Choice, ...]:
        """Return the worth of each choice over the worlds, against the first of them."""
        plans = list(dict.fromkeys(plan for _, plan in options))
        table = parse_objective("points", state, self.car_id).table
        points, place = [], []
        drawn = worlds(self.p, state, self.n_worlds, self.seed, self.settings.parameters)
        for k, (p, believed) in enumerate(drawn):
            result = simulate(
                believed,
                plans,
                self.races,
                self.seed,
                self.settings.backend,
                car_id=self.car_id,
                parameters=p,
                threads=self.settings.threads,
                first_race=(k + 1) * 1_000_000,
            )
            points.append(result.points(table).mean(axis=1))
            place.append(result.positions.mean(axis=1))
        worth, places = np.array(points), np.array(place)
        gains = worth - worth[:, [0]]
        low, high = np.percentile(gains, LEVEL_90, axis=0)
        at = {plan: k for k, plan in enumerate(plans)}
        return tuple(
            Choice(
                name=name,
                plan=plan.label,
                points=float(worth[:, k].mean()),
                place=float(places[:, k].mean()),
                gain=float(gains[:, k].mean()),
                gain_low=float(low[k]),
                gain_high=float(high[k]),
                better_in=float((gains[:, k] > 0).mean()),
            )
            for name, plan in options
            for k in (at[plan],)
        )


def _plans(found: Evaluation) -> list[PitPlan]:
    """Return the plans of an answer, best first by what was maximised."""
    named = {s.plan.label: s.plan for s in found.ranking.scored}
    return [named[r.plan] for r in found.answer.plans]


def _best(found: Evaluation, wanted: Callable[[PitPlan], bool]) -> PitPlan | None:
    return next((q for q in _plans(found) if q.sc_window is None and wanted(q)), None)


def _first_stop_on(lap: int) -> Callable[[PitPlan], bool]:
    return lambda q: bool(q.stops) and q.stops[0].lap == lap


def _window(found: Evaluation) -> tuple[int, int] | None:
    return _plans(found)[0].sc_window


def _as_driven(found: Evaluation, lap: int, fitted: int) -> PitPlan:
    """Return the plan that begins with the real stop and goes on as is best from what was known; later stops are not told."""
    plans = [q for q in _plans(found) if q.stops and q.sc_window is None]
    near = [q for q in plans if fitted in (-1, q.stops[0].compound.index)]
    exact = next((q for q in near if q.stops[0].lap == lap), None)
    if exact is not None:
        return exact
    fits = [q for q in near if len(q.stops) == 1 or q.stops[1].lap > lap]
    after = min(fits, key=lambda q: abs(q.stops[0].lap - lap), default=None)
    unknown = after.stops[0].compound if after is not None else COMPOUNDS[2]
    first = PlannedStop(lap=lap, compound=COMPOUNDS[fitted] if fitted >= 0 else unknown)
    return PitPlan((first, *(after.stops[1:] if after is not None else ())))


def _held_from(lap: int, since: int, calls: dict[int, Call]) -> int | None:
    """Return the first lap from which the car was called in on every lap up to the real stop."""
    first = None
    for at in range(lap, max(since, lap - EARLIER - 1), -1):
        call = calls.get(at - 1)
        if call is None or not call.box:
            break
        first = at
    return first
