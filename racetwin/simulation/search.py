"""Sequential halving on common random numbers: most races go to the plans that could still be the best.

All plans are run on the same first few races; the better half stays and gets as many races again, until few are left. Two plans
are always compared race by race on the races both have run, which removes most of the luck from their difference.

Reference: Karnin, Koren & Somekh, "Almost optimal exploration in multi-armed bandits", ICML 2013 (sequential halving).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from racetwin.errors import InputError
from racetwin.simulation.objectives import Objective
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.results import SimulationResult
from racetwin.simulation.sharding import Simulate, merge, select
from racetwin.simulation.state import RaceState

FloatArray = npt.NDArray[np.float64]

FIRST_RACES = 64
"""Races every plan gets before the first half is dropped; 128 cost 40 % more and left the same regret (0.006 points)."""
CLEAR = 4.0
"""A plan this many standard errors behind the best is known well enough: it gets no further races, whatever it stands for."""
CLOSE = 2.0
"""Two plans closer than this many standard errors of their difference are too close to call (about 95 %)."""
FEW = 6
"""Plans that are run on to a wanted standard error once the halving is over."""
FURTHER = 8
"""How many times the asked-for races those few may get at most."""

OutOfTime = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Scored:
    """One plan after the search: its own result (one plan) and its utility, race by race."""

    plan: PitPlan
    result: SimulationResult
    utility: FloatArray

    @property
    def mean(self) -> float:
        """Mean utility."""
        return float(self.utility.mean())


@dataclass(frozen=True, slots=True)
class Ranking:
    """Plans, best first; ``partial`` where time ran out before all rounds were run; ``candidate_races`` is what it cost."""

    scored: tuple[Scored, ...]
    partial: bool
    candidate_races: int


@dataclass(frozen=True, slots=True)
class Question:
    """What stays the same through a search: the race, the car, the objective, the seed, and who runs the races.

    ``group`` sorts plans by the decision they stand for (box now, wait, ...): the best of each group is dropped only once it is
    clearly (``CLEAR``) behind, so that what can be told of every decision is told.
    """

    state: RaceState
    car_id: str
    objective: Objective
    seed: int
    run: Simulate
    options: dict[str, Any]
    group: Callable[[PitPlan], object] = lambda plan: None

    def under(self, state: RaceState) -> Question:
        """Return the same question asked of another state."""
        return replace(self, state=state)

    def races(self, plans: Sequence[PitPlan], n_races: int, first_race: int = 0) -> SimulationResult:
        """Run races ``first_race ..`` for some plans."""
        return self.run(
            self.state,
            tuple(plans),
            n_races,
            self.seed,
            car_id=self.car_id,
            first_race=first_race,
            watch=self.objective.watch,
            **self.options,
        )


def difference(a: FloatArray, b: FloatArray) -> tuple[float, float]:
    """Return mean and standard error of ``a - b`` over the races both have run (they begin with the same race).

    Examples
    --------
    >>> difference(np.array([3.0, 1.0, 2.0, 2.0]), np.array([1.0, 1.0, 1.0]))
    (1.0, 0.5773502691896258)
    """
    n = min(len(a), len(b))
    d = a[:n] - b[:n]
    return float(d.mean()), (float(d.std(ddof=1) / np.sqrt(n)) if n > 1 else float("inf"))


def schedule(n_plans: int, n_races: int, final_plans: int) -> tuple[tuple[int, int], ...]:
    """Return the rounds as ``(plans running, races each has by its end)``: plans halve while races double.

    The last plans stop half-way once, so that those which are clearly behind by then need not go on.

    Examples
    --------
    >>> schedule(200, 2000, 16)
    ((200, 64), (100, 128), (50, 256), (25, 512), (16, 1000), (16, 2000))
    >>> schedule(12, 500, 16)
    ((12, 500),)
    """
    rounds = []
    plans, races = n_plans, min(FIRST_RACES, n_races)
    while plans > final_plans and races < n_races:
        rounds.append((plans, races))
        plans, races = max(final_plans, -(-plans // 2)), min(n_races, 2 * races)
    if rounds and n_races // 2 > rounds[-1][1]:
        rounds.append((plans, n_races // 2))
    rounds.append((plans, n_races))
    return tuple(rounds)


def search(
    question: Question,
    plans: Sequence[PitPlan],
    n_races: int,
    *,
    final_plans: int = 16,
    standard_error: float | None = None,
    out_of_time: OutOfTime = lambda: False,
    kept: Sequence[str] = (),
) -> Ranking:
    """Rank plans by mean utility.

    Parameters
    ----------
    question
        The race, car, objective, seed and runner.
    plans
        Candidates; their order only breaks exact ties.
    n_races
        Races the last ``final_plans`` plans get (all plans get them where ``final_plans`` is as large as their number).
    standard_error
        Where given, the best few go on until the differences between them are known this well (or to 8 times the races).
    out_of_time
        Asked between rounds; once true, what is known is returned, marked partial. The first round is always run.
    kept
        Calls (``'L24 HARD'``, ``'no stop'``) or plans by label: the best plan of each gets all the races, however far behind.
    """
    if not plans:
        raise InputError("plans: none, expected at least one candidate")
    alive = list(range(len(plans)))
    done: list[tuple[int, SimulationResult]] = []
    so_far: SimulationResult | None = None
    cost, partial = 0, False
    for keep, races in schedule(len(plans), n_races, final_plans):
        if so_far is not None:
            if out_of_time():
                partial = True
                break
            utility = question.objective.utility(so_far)
            order = _order(utility.mean(axis=1))
            must = first_of(kept, [plans[i] for i in alive], order)
            groups = [question.group(plans[i]) for i in alive]
            stay = survivors(_hopeful(utility, order), keep, groups, must)
            done = [(alive[i], select(so_far, [i])) for i in order if i not in stay] + done
            alive, so_far = [alive[i] for i in stay], select(so_far, stay)
        have = 0 if so_far is None else so_far.n_races
        more = question.races([plans[i] for i in alive], races - have, first_race=have)
        cost += len(alive) * (races - have)
        so_far = more if so_far is None else merge((so_far, more))
    assert so_far is not None
    order = _order(question.objective.utility(so_far).mean(axis=1))
    ranked = [(alive[i], select(so_far, [i])) for i in order] + done
    scored = [Scored(plans[i], r, question.objective.utility(r)[0]) for i, r in ranked]
    if standard_error is not None and not partial:
        scored, extra, partial = _sharpen(question, scored, n_races, standard_error, out_of_time)
        cost += extra
    return Ranking(tuple(scored), partial, cost)


def _hopeful(utility: FloatArray, order: list[int]) -> list[int]:
    """Return, in order, the best plan and all that are not clearly behind it."""
    behind = utility[order[0]] - utility[order]
    error = behind.std(axis=1, ddof=1) / np.sqrt(utility.shape[1])
    clear = behind.mean(axis=1) > CLEAR * error
    return [k for k, out in zip(order, clear.tolist(), strict=True) if not out or k == order[0]]


def survivors(order: list[int], keep: int, groups: list[object], must: Sequence[int] = ()) -> list[int]:
    """Return, sorted, ``must``, the best of each group, then the best of all; ``keep`` in all, or more if those are more."""
    best: dict[object, int] = {}
    for i in order:
        best.setdefault(groups[i], i)
    leaders = list(dict.fromkeys([*must, *best.values()]))
    others = [i for i in order if i not in leaders]
    return sorted(leaders + others[: max(0, keep - len(leaders))])


def first_of(kept: Sequence[str], plans: Sequence[PitPlan], order: Sequence[int]) -> list[int]:
    """Return, for each call or plan in ``kept``, which of ``plans`` is the first in ``order`` that it names."""
    first = (next((i for i in order if wanted in (plans[i].call, plans[i].label)), None) for wanted in kept)
    return [i for i in first if i is not None]


def _order(means: FloatArray) -> list[int]:
    return [int(i) for i in np.argsort(-means, kind="stable")]


def _sharpen(
    question: Question, scored: list[Scored], n_races: int, wanted: float, out_of_time: OutOfTime
) -> tuple[list[Scored], int, bool]:
    """Run the best few that have run equally far on until each of their differences to the best is known to ``wanted``."""
    cost = 0
    few = sum(len(s.utility) == len(scored[0].utility) for s in scored[:FEW])
    while few > 1:
        top, rest = scored[:few], scored[few:]
        worst = max(difference(s.utility, top[0].utility)[1] for s in top[1:])
        have = min(len(s.utility) for s in top)
        if worst <= wanted or have >= FURTHER * n_races:
            break
        if out_of_time():
            return scored, cost, True
        # What the standard error asks for, at most doubled at a time: the estimate of the variance improves as we go.
        need = min(2 * have, FURTHER * n_races, max(have + FIRST_RACES, int(have * (worst / wanted) ** 2)))
        more = question.races([s.plan for s in top], need - have, first_race=have)
        cost += few * (need - have)
        grown = [merge((s.result, select(more, [i]))) for i, s in enumerate(top)]
        top = [Scored(s.plan, r, question.objective.utility(r)[0]) for s, r in zip(top, grown, strict=True)]
        scored = [top[i] for i in _order(np.array([s.mean for s in top]))] + rest
    return scored, cost, False
