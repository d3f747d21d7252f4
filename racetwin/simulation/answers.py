"""From races to an answer: what the desk says of each plan, and of one plan over another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

import numpy as np

from racetwin.schemas import Comparison, DeskAnswer, RankedPlan, Receipt, RivalGap
from racetwin.simulation.objectives import Objective
from racetwin.simulation.parameters import RaceParameters
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.results import SimulationResult
from racetwin.simulation.search import CLOSE, Question, Ranking, Scored, difference
from racetwin.simulation.state import RaceState


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


def ranked_plans(
    scored: Sequence[Scored], goal: Objective, seed: int, rivals: Sequence[str] = ()
) -> tuple[RankedPlan, ...]:
    """Return the rows of an answer, best first, with the gaps to ``rivals`` (which the races must have watched)."""
    best = scored[0]
    alone = [t.kind for t in goal.terms] == ["points"] and goal.terms[
        0
    ].weight == 1.0  # then utility and points are one
    best_points = best.utility if alone else best.result.points(goal.table)[0]
    rows = []
    for rank, s in enumerate(scored, start=1):
        n = s.result.n_races
        chance = s.result.probabilities()[0]
        places = np.arange(1, len(chance) + 1)
        worth = np.zeros(len(chance))
        worth[: len(goal.table)] = goal.table[: len(chance)]
        points = float(chance @ worth)
        spread = float(chance @ (worth - points) ** 2) * n / max(1, n - 1)
        gap, gap_se = difference(s.utility, best.utility) if rank > 1 else (0.0, 0.0)
        delta, delta_se = gap, gap_se
        if rank > 1 and not alone:
            delta, delta_se = difference(s.result.points(goal.table)[0], best_points)
        rows.append(
            RankedPlan(
                plan=s.plan.label,
                stops=s.plan.stops,
                rank=rank,
                expected_position=float(chance @ places),
                expected_points=points,
                p_win=float(chance[0]),
                p_podium=float(chance[:3].sum()),
                p_points=float(chance[: len(goal.table)].sum()),
                mean_race_time_s=float(s.result.time_s[0]) if s.result.finished[0] else None,
                standard_error=float(np.sqrt(spread / n)),
                delta_points=delta,
                delta_standard_error=delta_se,
                too_close=rank > 1 and abs(gap) <= CLOSE * gap_se,
                n_races=n,
                seed=seed,
                position_probability=tuple(chance.tolist()),
                utility=s.mean,
                delta_utility=gap,
                delta_utility_standard_error=gap_se,
                gaps=tuple(rival_gap(s.result, rival) for rival in rivals),
            )
        )
    # Plans that were let go early have run fewer races: their own means are not comparable, their paired differences are.
    others = sorted(rows[1:], key=lambda r: -r.delta_utility)
    return (*rows[:1], *(r.model_copy(update={"rank": i}) for i, r in enumerate(others, start=2)))


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
