"""Who stops when a car stops: the block ``together`` of the parameter file, which lap tables alone do not tell.

Races are replayed through the live twins, each with parameters fitted on the seasons before it. At each green stop, as page and
desk last told where it would come out, every rival is asked about that could stop on the same lap, or, if it did not, on the
next. ``python -m racetwin.evaluation.together --data DIR --first RACE --last RACE`` prints the block as
``racetwin/data/priors.json`` has it; ``racetwin calibrate`` keeps it as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize

from racetwin.evaluation.in_laps import InLaps
from racetwin.evaluation.lap_times import replayed
from racetwin.evaluation.outcome import Outcome
from racetwin.evaluation.replays import entry, replays_asked_for
from racetwin.simulation.form import Form
from racetwin.simulation.parameters import RaceParameters, for_race
from racetwin.simulation.state import RaceState
from racetwin.simulation.stops_together import HAZARD_RANGE, MAX_LOG_HAZARD, TERMS, terms
from racetwin.telemetry.records import RaceRecord
from racetwin.twins import RaceTwin

FloatArray = npt.NDArray[np.float64]

PRIOR_SD = 3.0
"""Standard deviation of a normal prior of each log factor around none: next to nothing beside so many rivals."""


def rows_of(state: RaceState, car_id: str, lap: int, stopped: set[tuple[str, int]], p: RaceParameters) -> Iterator[Any]:
    """Yield what the log factors are of, and whether a rival stopped, for the lap of a stop and the next.

    Rivals on the leader's lap whose stop is not certain one way or the other; ``stopped`` has cars and laps of all stops.
    """
    i, ahead = state.index(car_id), lap - state.lap
    asked = state.running & (state.laps_completed == state.lap) & ~(state.planned_lap > 0).any(axis=1)
    asked[i] = False
    for k, answering in ((ahead, False), (ahead + 1, True)):
        hazard = state.stop_chance[:, min(k, state.stop_chance.shape[1] - 1)]
        x = terms(state, i, hazard, p, answering=answering)
        did = np.array([(c, state.lap + k) in stopped for c in state.car_id])
        here = asked & (hazard > HAZARD_RANGE[0])
        yield from zip(x[here], did[here], strict=True)
        asked &= ~did


def replay(record: RaceRecord, p: RaceParameters, form: Form) -> pd.DataFrame:
    """Replay a race; one row per rival and lap asked about: the terms, whether it ``stopped``, and ``race_id``."""
    p = for_race(p, record.race_id)
    twin, outcome = RaceTwin(record.race_id, p, form), Outcome.of(record)
    in_laps, told = InLaps(twin, outcome), {}
    for ingested in replayed(record):
        twin.update(ingested)
        for car_id, lap, state in in_laps.states(ingested):
            told[car_id, lap] = state
    stopped = {(c, lap) for c, stops in outcome.stops.items() for lap, _ in stops}
    rows = [row for (car_id, lap), state in told.items() for row in rows_of(state, car_id, lap, stopped, p)]
    table = pd.DataFrame(np.array([x for x, _ in rows]).reshape(-1, len(TERMS)), columns=list(TERMS))
    return table.assign(stopped=np.array([did for _, did in rows], dtype=float), race_id=record.race_id)


def fit(t: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the block from :func:`replay` tables: a complementary log-log regression, with errors by race."""
    x, y = t[list(TERMS)].to_numpy(dtype=float), t.stopped.to_numpy(dtype=float)

    def parts(b: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        hazard = np.exp(np.clip(x @ b, -20.0, MAX_LOG_HAZARD))
        loss = np.where(y > 0, -np.log(-np.expm1(-hazard)), hazard)
        return hazard, loss, np.where(y > 0, -hazard / np.expm1(hazard), hazard)

    def cost(b: FloatArray) -> tuple[float, FloatArray]:
        _, loss, slope = parts(b)
        return float(loss.sum() + 0.5 * (b @ b) / PRIOR_SD**2), x.T @ slope + b / PRIOR_SD**2

    b = np.asarray(minimize(cost, np.zeros(len(TERMS)), jac=True, method="BFGS").x)
    hazard, _, slope = parts(b)
    prior = np.eye(len(b)) / PRIOR_SD**2
    bread = np.linalg.inv((x * hazard[:, None]).T @ x + prior)
    score = pd.DataFrame(x * slope[:, None]).groupby(t.race_id.to_numpy()).sum().to_numpy()
    sd = np.sqrt(np.diag(bread @ (score.T @ score + prior) @ bread))
    return {name: entry(float(v), float(e), len(t)) for name, v, e in zip(TERMS, b, sd, strict=True)}


def main(argv: Sequence[str] | None = None) -> None:
    """Replay the races named and print the block."""
    told = [replay(record, p, form) for record, p, form in replays_asked_for(__doc__, argv)]
    print(json.dumps({"together": fit(pd.concat(told, ignore_index=True))}, indent=1))


if __name__ == "__main__":
    main()
