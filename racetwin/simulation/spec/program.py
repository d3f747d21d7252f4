"""In what order a vector backend runs many plans, so that laps on which plans agree are driven once.

Two plans of a car give the same race until the first lap on which they differ. So the plans of a batch form a tree: a race is
driven along its trunk, put aside where plans part, and taken up again for each. A program is rows of four int32,
``(step, a, b, c)``.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from racetwin.simulation.spec import layout as L

SCENARIO, START, DRIVE, PUT_ASIDE, TAKE_UP, COUNT = range(6)
"""Draw everything no decision changes (a: whose draws); begin; drive under plan a from lap b to before lap c; keep a copy
(a: where); go back to it; count the result for plan a."""
Rows = npt.NDArray[np.int32]
Step = tuple[int, int, int, int]


def plain(n_plans: int, laps: int) -> Rows:
    """Return the program that runs every plan from the start on draws of its own."""
    steps: list[Step] = []
    for p in range(n_plans):
        steps += [(SCENARIO, p, 0, 0), (START, 0, 0, 0), (DRIVE, p, 0, laps), (COUNT, p, 0, 0)]
    return np.array(steps, np.int32)


def tree(plans: Rows, lap0: int, laps: int) -> Rows:
    """Return the program that drives every stretch that plans have in common once.

    Under a red flag a plan's next stop is taken at once, whenever it was due; so only plans that fit the same sets in the same
    order share a trunk. Among those, a stop taken early takes nothing from the argument: whoever took it is next due later still.
    """
    kinds: dict[tuple[int, ...], list[int]] = {}
    rows: list[list[int]] = plans.tolist()
    for p, row in enumerate(rows):
        n = row[0]
        sets = (*row[L.PLAN_COMPOUND : L.PLAN_COMPOUND + n], *row[L.PLAN_AGE : L.PLAN_AGE + n])
        kinds.setdefault((n, *sets), []).append(p)
    steps: list[Step] = [(SCENARIO, 0, 0, 0)]
    for members in kinds.values():
        steps.append((START, 0, 0, 0))
        _branch(rows, members, 0, 0, lap0, laps, 0, steps)
    return np.array(steps, np.int32)


def _action(row: list[int], stop: int, lap0: int, laps: int, plan: int) -> tuple[int, int]:
    """Return when a plan next departs from driving on (laps from the state), and whose alone that is (-1: anybody's)."""
    at = min(row[L.PLAN_LAP + stop] - lap0 - 1, laps) if stop < row[0] else laps
    window = row[L.PLAN_FROM] <= row[L.PLAN_TO] and row[0] > 0
    if window:
        # From the first lap of its window on it may come in whenever there is a safety car: nobody drives with it.
        return min(at, max(row[L.PLAN_FROM] - lap0 - 1, 0)), plan
    return at, -1


def _branch(
    plans: list[list[int]],
    members: Iterable[int],
    stop: int,
    now: int,
    lap0: int,
    laps: int,
    depth: int,
    steps: list[Step],
) -> None:
    """Add the steps for plans that have made the same ``stop`` stops and agree until lap ``now``."""
    groups: dict[tuple[int, int], list[int]] = {}
    for p in members:
        groups.setdefault(_action(plans[p], stop, lap0, laps, p), []).append(p)
    ordered = sorted(groups.items())
    kept = -1
    for k, ((at, alone), group) in enumerate(ordered):
        one = group[0]
        last = k == len(ordered) - 1
        if at > now:
            steps.append((DRIVE, one, now, at))
            now = at
        if not last and kept != now:
            steps.append((PUT_ASIDE, depth, 0, 0))
            kept = now
        if at >= laps or alone >= 0 or len(group) == 1:
            if at < laps:
                steps.append((DRIVE, one, at, laps))
            steps += [(COUNT, p, 0, 0) for p in group]
        else:
            steps.append((DRIVE, one, at, at + 1))
            _branch(plans, group, stop + 1, at + 1, lap0, laps, depth + 1, steps)
        if not last:
            steps.append((TAKE_UP, depth, 0, 0))


def laps_driven(program: Rows) -> int:
    """Return how many laps a program drives: what it costs."""
    drives = program[program[:, 0] == DRIVE]
    return int((drives[:, 3] - drives[:, 2]).sum())
