"""What `racetwin strategy` asks beyond a ranking: a lever, what would change it, both cars, rivals that answer, lap by lap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from racetwin.cli.output import table
from racetwin.schemas import BestResponse, DeskAnswer, Sensitivity, TeamAnswer, WhatIf

if TYPE_CHECKING:
    from racetwin.simulation.detail import PlanDetail

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def what_if_table(found: WhatIf, top: int) -> Table:
    """Return how a lever changes the plans, best under it first."""
    before = {p.plan: p.rank for p in found.before.plans}
    rows = [
        (
            c.plan,
            f"{before.get(c.plan, 0) or '-'}",
            f"{c.before:.2f}",
            f"{c.after:.2f}",
            f"{c.change:+.2f} ± {c.standard_error:.2f}",
        )
        for c in found.changes[:top]
    ]
    title = f"what if: {found.lever}; best then: {found.after.plans[0].plan}"
    return table(title, ("plan", "rank before", "before", "after", "change"), rows)


def sensitivity_table(found: Sequence[Sensitivity]) -> Table:
    """Return what would change the ranking."""
    rows = [
        (
            s.lever,
            s.best,
            f"{s.gain.difference:+.2f} ± {s.gain.standard_error:.2f}",
            "yes" if s.changes_best else "too close" if s.gain.a != s.gain.b and s.gain.too_close else "",
        )
        for s in found
    ]
    return table(
        "what would change it", ("if", "best plan then", "gain over today's best", "another plan"), rows, left=2
    )


def team_table(found: TeamAnswer, top: int) -> Table:
    """Return the pairs of plans of both cars."""
    rows = [
        (
            *p.plans,
            f"{p.expected_points:.2f} ± {p.standard_error:.2f}",
            "" if p.rank == 1 else f"{p.delta_points:+.2f} ± {p.delta_standard_error:.2f}",
            "=" if p.too_close else "",
            "double stack" if p.double_stack else "",
        )
        for p in found.plans[:top]
    ]
    columns = (f"car {found.car_ids[0]}", f"car {found.car_ids[1]}", "points of both", "against the best", "", "")
    return table(f"{found.team}: both cars, after lap {found.lap}", columns, rows, left=2)


def response_table(found: BestResponse) -> Table:
    """Return how plans answered each other, round by round."""
    rows = [
        (f"{k}", r.plan, f"{r.expected_points:.2f}", "; ".join(f"{car}: {plan}" for car, plan in r.rivals.items()))
        for k, r in enumerate(found.rounds, start=1)
    ]
    end = "settled" if found.settled else "not settled"
    title = f"rivals answer ({end}); our plan against theirs: {found.answer.plans[0].plan}"
    return table(title, ("round", "our plan", "points", "theirs"), rows, left=2)


def gaps_table(answer: DeskAnswer, top: int) -> Table:
    """Return the gap at the flag to each rival that was asked for."""
    rows = [
        (
            p.plan,
            g.car_id,
            "" if g.mean_s is None else f"{g.mean_s:+.1f}",
            "" if g.low_s is None or g.high_s is None else f"{g.low_s:+.1f} .. {g.high_s:+.1f}",
            f"{g.p_ahead:.0%}",
        )
        for p in answer.plans[:top]
        for g in p.gaps
    ]
    return table("gap at the flag, s (positive: ahead)", ("plan", "to car", "mean", "5 .. 95 %", "ahead"), rows, left=2)


def laps_table(detail: PlanDetail) -> tuple[Table, Table | None]:
    """Return where a plan has the car run, lap by lap, and where it rejoins after each stop (None: it makes none)."""
    places = detail.position_quantiles(QUANTILES)
    columns = ("lap", *(f"{q:.0%}" for q in QUANTILES))
    rows = [(f"{detail.first_lap + k}", *(f"P{place}" for place in row)) for k, row in enumerate(places.tolist())]
    laps = table(f"{detail.plan.label}: place by lap, in shares of {detail.n_races} races", columns, rows)
    stops = []
    for k, counts in enumerate(detail.rejoins, start=1):
        if counts.sum():
            likely = sorted(range(len(counts)), key=lambda j: -int(counts[j]))[:3]
            chances = ", ".join(f"P{j + 1} {counts[j] / counts.sum():.0%}" for j in likely if counts[j])
            stops.append((f"{k}", f"{counts.sum() / detail.n_races:.0%}", chances))
    return laps, table("rejoins", ("stop", "made", "likeliest places"), stops, left=1) if stops else None
