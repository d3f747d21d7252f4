"""Hundreds of candidates down to a few dozen by the own-car screen, before any of them is raced in full.

The screen (``simulate(mode="screen")``) records the field once a race and drives our car alone through it. It is biased, since
rivals do not answer, so no number of it is ever shown: it only says which plans are worth whole races. On moments of real and
simulated races the plan that an exhaustive run finds best is kept, or one within 0.01 points of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from racetwin.simulation.plans import PitPlan
from racetwin.simulation.search import Question, first_of, survivors
from racetwin.simulation.sharding import Simulate

SCREEN_RACES = 128
"""Recorded races a plan is screened in."""
SHORTLIST = 64
"""Plans that are raced in full, beside the best of each decision."""


def shortlist(
    question: Question,
    plans: Sequence[PitPlan],
    screen: Simulate,
    keep: int = SHORTLIST,
    always: Collection[PitPlan] = (),
    kept: Sequence[str] = (),
) -> tuple[PitPlan, ...]:
    """Return the plans worth racing, in the order given.

    They are ``always``, the best by the objective, by place, of each decision, and of each call (or plan) in ``kept``.

    Places are asked beside the objective because few points (or wins) fall to a car at the back: there nearly all plans score the
    same in so few races, and the place still tells them apart.
    """
    if len(plans) <= keep:
        return tuple(plans)
    result = screen(
        question.state,
        tuple(plans),
        SCREEN_RACES,
        question.seed,
        car_id=question.car_id,
        watch=question.objective.watch,
        mode="screen",
        **question.options,
    )
    place = result.positions.mean(axis=1)
    worth = question.objective.utility(result).mean(axis=1)
    by_worth = [int(k) for k in np.lexsort((place, -worth))]
    by_place = [int(k) for k in np.lexsort((-worth, place))]
    turns = [k for both in zip(by_worth, by_place, strict=True) for k in both]
    asked = [k for k, plan in enumerate(plans) if plan in always]
    order = list(dict.fromkeys(asked + turns))
    groups = [("asked", k) if k in asked else question.group(plan) for k, plan in enumerate(plans)]
    return tuple(plans[k] for k in survivors(order, keep, groups, first_of(kept, plans, order)))
