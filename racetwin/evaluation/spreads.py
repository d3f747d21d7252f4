"""How far laps and stops stray from what the twins expect: blocks of the parameter file that lap tables alone do not tell.

Races are replayed through the live twins, each with parameters fitted on the seasons before it, so that nothing of a race is
known beforehand. ``python -m racetwin.evaluation.spreads --data DIR --first RACE --last RACE`` prints the blocks ``lap_shape``
and ``stop_spread`` as ``racetwin/data/priors.json`` has them; ``racetwin calibrate`` keeps them as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from racetwin.evaluation.in_laps import InLaps
from racetwin.evaluation.lap_times import lap_time_forecasts, replayed
from racetwin.evaluation.outcome import Outcome
from racetwin.evaluation.replays import entry, replays_asked_for
from racetwin.simulation.live import StopSpread
from racetwin.simulation.parameters import RaceParameters, for_race
from racetwin.simulation.rejoin import box_now
from racetwin.twins import RaceTwin
from racetwin.twins.forecast import LEVELS
from racetwin.twins.tyres import Z90

if TYPE_CHECKING:
    from racetwin.simulation.form import Form
    from racetwin.simulation.state import RaceState
    from racetwin.telemetry.ingestor import Ingested
    from racetwin.telemetry.records import RaceRecord

FloatArray = npt.NDArray[np.float64]

EXECUTION_S = (1.4, 1.8, 2.2, 2.6)
LAP_S = (0.55, 0.7, 0.85, 1.05)
"""Spreads tried (s) of the stop, and of a lap: a parabola goes through the log losses."""
LEAST_CHANCE = 1e-3
"""A place that was held impossible counts as told with this chance: half of one of the draws in a thousand."""
SAMPLES = 200
"""Samples of the races that standard errors are told from."""
ENDS = (0.05, 0.95)
BINS = np.linspace(-12.0, 40.0, 26001)
"""Edges between which laps are counted for the spread of the quantiles, in spreads of the forecast."""


def lap_shape(laps: pd.DataFrame, seed: int = 1) -> dict[str, dict[str, Any]]:
    """Return the block ``lap_shape`` from forecasts of laps (:func:`racetwin.evaluation.lap_times.lap_time_forecasts`)."""
    z = ((laps.observed_s - laps.median_s) / laps.sd_s).to_numpy(dtype=float)
    levels = np.r_[LEVELS, ENDS]
    told = np.quantile(z, levels)
    by_race = [np.histogram(z[rows], BINS)[0] for rows in laps.groupby("race_id", sort=False).indices.values()]
    counts = np.cumsum(np.array(by_race), axis=1)
    found = []
    for drawn in _samples(len(counts), seed):
        total = counts[drawn].sum(axis=0)
        found.append(BINS[1:][np.searchsorted(total, levels * total[-1])])
    sd = np.std(found, axis=0)
    low, high = len(LEVELS), len(LEVELS) + 1
    return {
        "quantiles": entry(told[:low], sd[:low], len(z)),
        "low": entry(-told[low], sd[low], len(z)),
        "high": entry(told[high], sd[high], len(z)),
    }


def stop_spread(laps: pd.DataFrame, chances: pd.DataFrame, seed: int = 1) -> dict[str, dict[str, Any]]:
    """Return the block ``stop_spread``.

    The spread of a lap is that of two laps together around their forecast, whose central 90 % it gives as a normal distribution;
    that of the stop is the one under which, given it, the places that stops came out in are told best by page and desk. (Both at
    once are not told: more of one does for less of the other.)

    Parameters
    ----------
    laps
        Forecasts (:func:`racetwin.evaluation.lap_times.lap_time_forecasts`).
    chances
        As :meth:`Stops.chances` has them, of the same races.
    seed
        Of the samples of races that standard errors are told from.
    """
    one, two = (laps.loc[laps.ahead == k].set_index(["race_id", "car_id", "lap"]) for k in (1, 2))
    off = ((one.observed_s - one.median_s) + (two.observed_s - two.median_s)).dropna()
    of_races = [off.to_numpy()[rows] for rows in off.groupby(level="race_id", sort=False).indices.values()]
    lap = _spread(off.to_numpy())
    lap_sd = np.std([_spread(np.concatenate([of_races[k] for k in d])) for d in _samples(len(of_races), seed)])
    losses = chances.assign(loss=-np.log(np.maximum(chances.chance, LEAST_CHANCE)))
    tried = ["execution_s", "lap_s"]
    sums = losses.pivot_table(index="race_id", columns=tried, values="loss", aggfunc="sum").fillna(0.0)
    # Half the width of the middle two thirds: a sample whose losses bend the wrong way has its least anywhere.
    low, high = np.quantile([_least(sums, drawn, lap) for drawn in _samples(len(sums), seed)], [0.16, 0.84])
    execution = _least(sums, np.arange(len(sums)), lap)
    n = len(chances) // sums.shape[1]
    return {
        "execution_s": entry(execution, (high - low) / 2.0, n),
        "lap_s": entry(lap, float(lap_sd), len(off)),
    }


def _spread(two_laps_s: FloatArray) -> float:
    low, high = np.quantile(two_laps_s, ENDS)
    return float((high - low) / (2.0 * Z90 * 2.0**0.5))


def _least(sums: pd.DataFrame, drawn: npt.NDArray[np.int64], lap_s: float) -> float:
    """Return the spread of the stop at which the parabola through the losses of these races is least, given that of a lap."""
    loss = sums.to_numpy()[drawn].sum(axis=0)
    x, y = np.array(list(sums.columns), dtype=float).T
    design = np.column_stack([np.ones(len(x)), x, y, x * x, y * y, x * y])
    _, linear, _, squared, _, both = np.linalg.lstsq(design, loss, rcond=None)[0]
    return float(-(linear + both * lap_s) / (2.0 * squared))


def _samples(n: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    for _ in range(SAMPLES):
        yield rng.integers(0, n, n)


class Stops:
    """Follows a race and keeps what was known of each stop to come when page and desk last told where it would come out."""

    def __init__(self, twin: RaceTwin, outcome: Outcome) -> None:
        self.twin, self.outcome = twin, outcome
        self._in_laps = InLaps(twin, outcome)
        self._states: dict[tuple[str, int], RaceState] = {}

    def watch(self, stream: Iterator[Ingested]) -> Iterator[Ingested]:
        """Pass the stream on, and look once the twin has taken each part of it."""
        for ingested in stream:
            yield ingested
            for car_id, lap, state in self._in_laps.states(ingested):
                self._states[car_id, lap] = state

    def chances(self, p: RaceParameters) -> Iterator[tuple[str, str, int, float, float, float]]:
        """Yield race, car and lap of each stop, the spreads, and the chance that the place it came out in had."""
        for (car_id, lap), state in self._states.items():
            if (car_id, lap + 1) not in self.outcome.times:
                continue
            rivals = [
                c
                for c, on in zip(state.car_id, state.running, strict=True)
                if on and (c, lap + 1) in self.outcome.times
            ]
            actual, _ = self.outcome.place_among(car_id, lap, rivals)
            for execution, other in product(EXECUTION_S, LAP_S):
                tried = p.replace(live=replace(p.live, stop_spread=StopSpread(execution, other)))
                place = box_now(state, car_id, parameters=tried).position_probability
                yield self.twin.race_id, car_id, lap, execution, other, place.get(actual, 0.0)


COLUMNS = ("race_id", "car_id", "lap", "execution_s", "lap_s", "chance")


def replay(record: RaceRecord, p: RaceParameters, form: Form) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Replay a race; returns its forecasts of laps, and the chances of the places that its green stops came out in."""
    p = for_race(p, record.race_id)
    twin, outcome = RaceTwin(record.race_id, p, form), Outcome.of(record)
    stops = Stops(twin, outcome)
    laps = lap_time_forecasts(twin, stops.watch(replayed(record)))
    return laps, pd.DataFrame(stops.chances(p), columns=list(COLUMNS))


def main(argv: Sequence[str] | None = None) -> None:
    """Replay the races named and print the two blocks."""
    told = [replay(record, p, form) for record, p, form in replays_asked_for(__doc__, argv)]
    laps, stops = (pd.concat([t for t in of if len(t)], ignore_index=True) for of in zip(*told, strict=True))
    print(json.dumps({"lap_shape": lap_shape(laps), "stop_spread": stop_spread(laps, stops)}, indent=1))


if __name__ == "__main__":
    main()
