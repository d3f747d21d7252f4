"""From races to an answer: what the desk says of each plan, and of one plan over another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from racetwin.schemas import Comparison, DeskAnswer, RankedPlan, Receipt, RivalGap
from racetwin.simulation.objectives import Objective
from racetwin.simulation.parameters import RaceParameters
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.results import WATCHED_RACES, SimulationResult
from racetwin.simulation.search import CLOSE, Question, Ranking, Scored, difference
from racetwin.simulation.state import RaceState

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A desk's answer with the races behind it: ``ranking`` has every plan's result by race, ``candidates`` all plans."""

    answer: DeskAnswer
    ranking: Ranking
    question: Question
    parameters: RaceParameters
    candidates: tuple[PitPlan, ...] = ()


@cache
def _version() -> str:
    return version("racetwin")


def receipt(state: RaceState, p: RaceParameters, ranking: Ranking, seed: int) -> Receipt:
    """Return what is needed to compute a ranking again."""
    best = ranking.scored[0].result
    return Receipt(
        seed=seed,
        n_races=best.n_races,
        backend=best.backend,
        parameters_hash=p.hash(),
        state_hash=state.hash(),
        code_version=_version(),
    )


def rival_gap(result: SimulationResult, rival: str) -> RivalGap:
    """Return the gap at the flag between our car and a watched one, from the result of one plan."""
    gap = result.gaps_s(rival)[0]
    gap = gap[~np.isnan(gap)]
    low, high = np.quantile(gap, [0.05, 0.95]).tolist() if len(gap) else (None, None)
    ahead = result.positions[0] < result.watched_positions[0, :, result.watched.index(rival)]
    return RivalGap(
        car_id=rival,
        mean_s=float(gap.mean()) if len(gap) else None,
        low_s=low,
        high_s=high,
        p_ahead=float(ahead.mean()),
    )


def beaten_by(question: Question, plan: PitPlan, n_races: int) -> dict[str, float]:
    """Return the share of a plan's races in which each other running car is classified ahead, race by race."""
    state = question.state
    others = [c for c, runs in zip(state.car_id, state.running, strict=True) if runs and c != question.car_id]
    watching = replace(question, objective=question.objective.watching(others, state, question.car_id))
    result = watching.races([plan], min(n_races, WATCHED_RACES))
    ahead = (result.watched_positions[0] < result.positions[0][:, None]).mean(axis=0)
    return {c: float(ahead[result.watched.index(c)]) for c in others}


def ranked_plans(
    scored: Sequence[Scored], goal: Objective, seed: int, rivals: Sequence[str] = ()
) -> tuple[RankedPlan, ...]:
    """Return the rows of an answer, best first, with the gaps to ``rivals`` (which the races must have watched).

    Plans that were let go early have run fewer races than the best, and other races are easier or harder. So what is told of a
    plan is told as over the best plan's races: means are the best plan's plus the paired difference (a control variate), shares
    count each race as often as the best plan's place in it comes up over all of them (post-stratification).
    """
    best = scored[0]
    alone = [t.kind for t in goal.terms] == ["points"] and goal.terms[
        0
    ].weight == 1.0  # then utility and points are one
    top = _Reference(best, goal)
    rows = []
    for rank, s in enumerate(scored, start=1):
        n = s.result.n_races
        own = s.result.positions[0]
        chance = s.result.probabilities()[0] if rank == 1 else top.shares(own)
        gap, gap_se = difference(s.utility, best.utility) if rank > 1 else (0.0, 0.0)
        delta, delta_se, spread = gap, gap_se, top.points_error
        if rank > 1:
            points = s.utility if alone else s.result.points(goal.table)[0]
            delta, delta_se = (gap, gap_se) if alone else difference(points, top.points)
            spread = top.error(points)
        further = own.astype(np.int64) - top.positions[:n]
        rows.append(
            RankedPlan(
                plan=s.plan.label,
                stops=s.plan.stops,
                rank=rank,
                expected_position=top.place + float(further.mean()),
                expected_points=top.points_mean + delta,
                p_win=float(chance[0]),
                p_podium=float(chance[:3].sum()),
                p_points=float(chance[: len(goal.table)].sum()),
                mean_race_time_s=float(s.result.time_s[0]) if s.result.finished[0] else None,
                standard_error=spread,
                delta_points=delta,
                delta_standard_error=delta_se,
                too_close=rank > 1 and abs(gap) <= CLOSE * gap_se,
                p_ahead=float((further < 0).mean()),
                p_behind=float((further > 0).mean()),
                n_races=n,
                seed=seed,
                position_probability=tuple(chance.tolist()),
                utility=best.mean + gap,
                delta_utility=gap,
                delta_utility_standard_error=gap_se,
                gaps=tuple(rival_gap(s.result, rival) for rival in rivals),
            )
        )
    others = sorted(rows[1:], key=lambda r: -r.delta_utility)
    return (*rows[:1], *(r.model_copy(update={"rank": i}) for i, r in enumerate(others, start=2)))


class _Reference:
    """The best plan's races: what the numbers of plans that ran fewer of them are carried over by."""

    def __init__(self, best: Scored, goal: Objective) -> None:
        self.positions = best.result.positions[0]
        self.place = float(self.positions.mean())
        self.points = best.result.points(goal.table)[0]
        self.points_mean = float(self.points.mean())
        self.variance = float(self.points.var(ddof=1))
        self.points_error = float(np.sqrt(self.variance / len(self.points)))
        self.chance = best.result.probabilities()[0]
        self._weights: dict[int, FloatArray] = {}

    def shares(self, places: npt.NDArray[np.uint8]) -> FloatArray:
        """Return the shares of a plan's finishing ``places``, carried over to all races of the best plan."""
        n, every = len(places), len(self.positions)
        if n not in self._weights:
            self._weights[n] = self._weight(n) if n < every else np.ones(n)
        counts = np.bincount(places, weights=self._weights[n], minlength=len(self.chance) + 1)
        return np.asarray(counts[1:] / n, dtype=np.float64)

    def _weight(self, n: int) -> FloatArray:
        """Return what each of the first ``n`` races counts: how often the best plan's place in it comes up in all races."""
        first = np.bincount(self.positions[:n], minlength=len(self.chance) + 1)[1:]
        seen = np.flatnonzero(first)
        whole = np.zeros(len(self.chance))
        # A place that the best plan takes in none of them counts with the nearest that it takes.
        nearest = seen[np.abs(seen[:, None] - np.arange(len(self.chance))).argmin(axis=0)]
        np.add.at(whole, nearest, self.chance)
        weight = whole[seen] * n / first[seen]
        return np.asarray(weight[np.searchsorted(seen, self.positions[:n] - 1)], dtype=np.float64)

    def error(self, points: FloatArray) -> float:
        """Return the standard error of this plan's mean plus that of the paired difference of a plan with ``points``.

        The two are not independent: the races of the difference are among those of the mean. With all races run it is the plain
        standard error of the plan's own mean.
        """
        n, every = len(points), len(self.points)
        if n == every:
            return float(points.std(ddof=1) / np.sqrt(n))
        apart = points - self.points[:n]
        together = np.cov(self.points[:n], apart)
        variance = self.variance / every + together[1, 1] / n + 2.0 * together[0, 1] / every
        return float(np.sqrt(max(0.0, variance)))


def compare(a: Scored, b: Scored, goal: Objective) -> Comparison:
    """Return plan ``a`` over plan ``b`` on the races both have run."""
    gap, error = difference(a.utility, b.utility)
    return Comparison(
        a=a.plan.label,
        b=b.plan.label,
        difference=gap,
        standard_error=error,
        unit=goal.unit,
        too_close=abs(gap) <= CLOSE * error,
    )


def waiting(scored: Sequence[Scored], lap: int, goal: Objective) -> Comparison | None:
    """Return the value of waiting: the best plan that stays out over the best that boxes at the end of ``lap``."""
    now = next((s for s in scored if s.plan.stops and s.plan.stops[0].lap == lap), None)
    later = next((s for s in scored if not (s.plan.stops and s.plan.stops[0].lap == lap)), None)
    return compare(later, now, goal) if now and later else None
