"""How fast and how well the strategy desk decides: latency of an answer, regret of the search, cost of a what-if.

Moments come from simulated races, so the suite runs without data. Regret is measured against an exhaustive run of every candidate
on other random numbers than the search has seen: what the chosen plan is worth there, less than the best plan.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np

from racetwin.config import settings
from racetwin.evaluation.benchmarks import Figure
from racetwin.runtime.catch_up import twin_at
from racetwin.simulation.candidates import candidate_plans
from racetwin.simulation.desk import FINAL_PLANS, StrategyDesk
from racetwin.simulation.montecarlo import simulate
from racetwin.simulation.objectives import parse_objective
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.search import Question, difference, search
from racetwin.simulation.shortlist import shortlist
from racetwin.simulation.state import RaceState
from racetwin.telemetry.simulator import TelemetrySimulator

MOMENTS = (("bahrain", 2024, 5, 14, 4), ("monza", 2024, 7, 22, 6), ("silverstone", 2026, 9, 30, 9))
"""Circuit, season, seed, lap, and position of the car that asks."""
TRUTH_RACES = 3072
"""Races per candidate of the exhaustive run: with about 250 candidates three quarters of a million."""
SEARCHES = 4
"""Searches per moment and budget."""
REPEATS = 15
"""Answers timed."""
CLUSTER_RACES = 8192
"""Races per plan of a batch on the cluster, which takes a worker one to two seconds."""
CLUSTER_ROUNDS = 10
"""Times one and two workers are timed in turn, the best of each counting: two busy cores are seldom left alone together."""
HOUSEKEEPING = {
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.worker.profile.enabled": False,
}
"""What Dask does of itself many times a second, 6 % of a core by default: on two cores it would be measured, too."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A car at one moment of a race, and the candidates it has."""

    state: RaceState
    car_id: str
    plans: tuple[PitPlan, ...]


def decision() -> list[Figure]:
    """Measure the search: latency, regret against an exhaustive run, what-if levers, common random numbers, cluster."""
    moments = [_moment(*m) for m in MOMENTS]
    simulate(moments[0].state, moments[0].plans[:2], 64, 1, car_id=moments[0].car_id)  # the kernel is built and loaded
    return [*_latency(moments), *_regret(moments), *_cluster(moments[0])]


def _moment(circuit: str, season: int, seed: int, lap: int, place: int) -> Moment:
    state = twin_at(TelemetrySimulator(circuit, season, seed).record, lap).race_state()
    running = [int(i) for i in state.order() if state.running[i]]
    car_id = state.car_id[running[min(place, len(running)) - 1]]
    return Moment(state, car_id, candidate_plans(state, car_id))


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _latency(moments: list[Moment]) -> list[Figure]:
    desk = StrategyDesk()
    most = max(moments, key=lambda m: len(m.plans))
    sixty = most.plans[:: max(1, len(most.plans) // 60)][:60]
    whole = min(
        _timed(lambda: desk.evaluate(most.state, most.car_id, n_races=2000, plans=sixty, exhaustive=True))
        for _ in range(3)
    )
    answers, levers, cpu = [], [], 0.0
    for m in moments:
        began = time.process_time()
        answers += [_timed(partial(desk.evaluate, m.state, m.car_id)) for _ in range(REPEATS)]
        cpu += time.process_time() - began
        base = desk.explain(m.state, m.car_id)
        for lever in ("sc", f"slow:{m.car_id}+4", f"wear:{m.car_id}x1.3"):
            ask = partial(desk.what_if, m.state, m.car_id, lever, base=base)
            levers += [_timed(ask) for _ in range(REPEATS // 3)]
    ms = 1000.0
    return [
        Figure(f"{len(sixty)} plans x 2000 races, exhaustive", whole, "s", must=2.0, higher_is_better=False),
        Figure("candidates", float(len(most.plans)), "plans", must=60),
        Figure(
            "all candidates ranked, p95",
            ms * float(np.percentile(answers, 95)), "ms", must=150, aim=40, higher_is_better=False,
        ),
        Figure("all candidates ranked, CPU time", ms * cpu / len(answers), "ms", higher_is_better=False),
        Figure("all candidates ranked, median", ms * float(np.median(answers)), "ms", higher_is_better=False),
        Figure(
            "what-if lever after that, p95",
            ms * float(np.percentile(levers, 95)), "ms", must=60, aim=20, higher_is_better=False,
        ),
        Figure("what-if lever after that, median", ms * float(np.median(levers)), "ms", higher_is_better=False),
    ]  # fmt: skip


def _regret(moments: list[Moment]) -> list[Figure]:
    budgets = (125, 250, 500, 1000, settings().races)
    regret: dict[int, list[float]] = {b: [] for b in budgets}
    cost: dict[int, list[int]] = {b: [] for b in budgets}
    sharper = []
    desk = StrategyDesk()
    for m in moments:
        goal = parse_objective("points", m.state, m.car_id)
        truth_question = desk.question(m.state, m.car_id, goal, seed=10_000)
        truth = truth_question.races(m.plans, TRUTH_RACES)
        worth = dict(zip(m.plans, goal.utility(truth).mean(axis=1), strict=True))
        best = max(worth.values())
        for budget in dict.fromkeys(budgets):
            for seed in range(1, SEARCHES + 1):
                # As the desk does: screened, then halved.
                question = _seeded(truth_question, seed)
                ranking = search(question, shortlist(question, m.plans, simulate), budget, final_plans=FINAL_PLANS)
                regret[budget].append(best - worth[ranking.scored[0].plan])
                cost[budget].append(ranking.candidate_races)
        first, second = ranking.scored[:2]
        paired = difference(first.utility, second.utility)[1]
        n = min(len(first.utility), len(second.utility))
        sharper.append((np.hypot(first.utility.std(), second.utility.std()) / np.sqrt(n) / paired) ** 2)
    last = budgets[-1]
    curve = [
        Figure(
            f"regret with {int(np.mean(cost[b])):,} candidate races", float(np.mean(regret[b])), "points",
            higher_is_better=False,
        )
        for b in budgets[:-1]
    ]  # fmt: skip
    return [
        Figure(
            "mean regret against an exhaustive run", float(np.mean(regret[last])), "points",
            must=0.03, aim=0.01, higher_is_better=False,
        ),
        Figure("... with candidate races", float(np.mean(cost[last])), "races", higher_is_better=False),
        Figure("... of an exhaustive run", float(np.mean([len(m.plans) * TRUTH_RACES for m in moments])), "races", must=260_000),
        *curve,
        Figure("variance of a difference, independent over common random numbers", float(np.median(sharper)), "x", aim=2.0),
    ]  # fmt: skip


def _seeded(question: Question, seed: int) -> Question:
    return Question(
        question.state, question.car_id, question.objective, seed, question.run, question.options, question.group
    )


def _cluster(moment: Moment) -> list[Figure]:
    """Time a batch on one and on two Dask workers; nothing where dask.distributed is not installed."""
    if find_spec("distributed") is None:
        return []
    import dask
    from distributed import Client, LocalCluster

    from racetwin.simulation.cluster import work
    from racetwin.simulation.sharding import shards

    took: dict[int, float] = {}
    options = {"car_id": moment.car_id, "threads": 1, "backend": "auto"}
    with (
        dask.config.set(HOUSEKEEPING),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None, silence_logs=50
        ) as local,
        Client(local, set_as_default=False) as client,
    ):
        workers = sorted(client.nthreads())
        arguments = (moment.state, moment.plans[:64], 1)
        client.gather(
            [client.submit(work, simulate, (0, 64), arguments, options, workers=[w], pure=False) for w in workers]
        )
        for n in (1, 2) * CLUSTER_ROUNDS:
            parts = shards(CLUSTER_RACES, 4)

            def batch(n: int = n, parts: tuple[tuple[int, int], ...] = parts) -> None:
                client.gather(
                    [
                        client.submit(work, simulate, s, arguments, options, workers=workers[:n], pure=False)
                        for s in parts
                    ]
                )

            took[n] = min(took.get(n, np.inf), _timed(batch))
    return [Figure("Dask, 2 workers over 1", took[1] / took[2], "x", must=1.8, aim=1.95)]
