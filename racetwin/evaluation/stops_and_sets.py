"""How long sets of tyres live and how long cars stand at their stops, as told before, beside what came.

A set's life is seen to its end only where it is changed under green; a race that ends, a retirement or a safety car that makes
the stop cheap only say that it lived at least so long. Such sets are censored and not left out: those that last are among them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from racetwin.calibration.stops import stationary_quantile
from racetwin.evaluation.measures import FloatArray, Score, per_row
from racetwin.evaluation.outcome import Outcome
from racetwin.schemas import LapCompleted
from racetwin.simulation.form import Form
from racetwin.simulation.parameters import RaceParameters
from racetwin.telemetry.records import RaceRecord
from racetwin.twins.car_twin import CarTwin

LIFE_LAP = 10
"""A set's life is told so many laps into its stint, when its wear has shown itself."""
STEPS = 20
"""Steps from one end of a told interval to the other, and up to it, in which lives are counted."""


@dataclass(slots=True)
class Sets:
    """What was told of each set, and how old it grew; ages in racing laps, as the twin counts them."""

    told: dict[tuple[str, int], dict[str, float]] = field(default_factory=dict)
    grown: dict[tuple[str, int], float] = field(default_factory=dict)

    def at_line(self, car: CarTwin, event: LapCompleted, outcome: Outcome, p: RaceParameters) -> None:
        """Take a completed lap of a running car."""
        began = outcome.stint_start(car.car_id, event.lap - 1)
        self.grown[car.car_id, began] = car.racing_age
        if event.lap - began != LIFE_LAP or event.pit_in:
            return
        life = car.state().tyre_life_laps
        if life is None:
            return
        usual = p.life_laps[max(car.compound, 0)]
        ages = {k: car.racing_age + v for k, v in (("told", life.mean), ("low", life.low), ("high", life.high))}
        self.told[car.car_id, began] = {"lap": event.lap, "from_age": car.racing_age, "usual": usual, **ages}

    def rows(self, outcome: Outcome) -> list[dict[str, Any]]:
        """Return a row a set: what was told, its age at the end, and whether that end was its life's."""
        out = []
        for (car_id, began), told in self.told.items():
            end = outcome.next_stop(car_id, int(told["lap"]) - 1)
            changed = end is not None and (car_id, end) in outcome.green_stops
            out.append({"car_id": car_id, **told, "age": self.grown[car_id, began], "changed": int(changed)})
        return out


def concordance(column: str) -> Score:
    """Score: of all pairs of sets of a race of which it is known which lived longer, per cent where the one told to did.

    Harrell's C: a pair counts where the shorter life was seen to its end; equal forecasts count half.
    """

    def of_race(g: pd.DataFrame) -> tuple[float, float]:
        age, told = g.age.to_numpy(dtype=float), g[column].to_numpy(dtype=float)
        known = (age[:, None] < age[None, :]) & (g.changed.to_numpy() > 0)[:, None]
        right = (told[:, None] < told[None, :]) + 0.5 * (told[:, None] == told[None, :])
        return float((known * right).sum()), float(known.sum())

    def by_race(t: pd.DataFrame) -> FloatArray:
        return np.array([of_race(g) for _, g in t.groupby("race_id", sort=True)])

    return Score(by_race, lambda s: 100.0 * float(s[0] / s[1]) if s[1] else float("nan"))


def _lives(t: pd.DataFrame) -> FloatArray:
    """Return ``(sets, 2 x steps)``: in which step each set was changed, and in which it was still there or was changed.

    Half of the steps lead from the age at which the set was told of to the interval told, half through that.
    """
    age, from_age, low, high = (t[k].to_numpy(dtype=float) for k in ("age", "from_age", "low", "high"))
    before = (age - from_age) / np.maximum(low - from_age, 1e-9)
    inside = 1.0 + (age - low) / np.maximum(high - low, 1e-9)
    step = np.floor(STEPS * np.where(age < low, before, inside)).clip(0, 2 * STEPS)
    # A set told of when it was in its interval already was never at risk before it.
    first = np.where(from_age < low, 0, STEPS)
    k = np.arange(2 * STEPS)
    changed = (step[:, None] == k) & (t.changed.to_numpy() > 0)[:, None]
    there = (k >= first[:, None]) & ((k < step[:, None]) | changed)
    return np.concatenate([changed, there], axis=1).astype(float)


def _covered(s: FloatArray) -> float:
    changed, there = np.split(s, 2)
    stays = np.cumprod(1.0 - changed / np.maximum(there, 1.0))
    return 100.0 * float(stays[STEPS - 1] - stays[-1])


life_cover = per_row(_lives, _covered)
"""Score: per cent of lives inside the nominal 90 % interval, by the product-limit estimator (Kaplan and Meier, 1958)."""


def stood(record: RaceRecord, p: RaceParameters, form: Form) -> list[dict[str, Any]]:
    """Return every timed green stop with the 90 % interval of the stationary time that was told before the race."""
    laps = record.laps
    if "pit_stationary_s" not in laps:
        return []
    text = laps.track_status.fillna("").astype(str)
    timed = laps[laps.pit_stationary_s.notna() & ~text.str.contains("[4567]")]
    team_of = {e.car_id: e.team for e in record.entries}
    shape = (p.stationary_s, p.stationary_body_s, p.stationary_tail_from, p.stationary_tail_s)
    low, high = stationary_quantile([0.05, 0.95], *shape)
    return [_stop(str(c), team_of.get(str(c)), float(s), low, high, form) for c, s in _each(timed)]


def _each(timed: pd.DataFrame) -> Iterable[tuple[Any, Any]]:
    return zip(timed.car_id, timed.pit_stationary_s, strict=True)


def _stop(car_id: str, team: str | None, stood_s: float, low: float, high: float, form: Form) -> dict[str, Any]:
    later = float(form.standing_s([team])[0])
    return {
        "car_id": car_id,
        "team": team or "",
        "observed_s": stood_s,
        "low_s": low + later,
        "high_s": high + later,
        "field_low_s": low,
        "field_high_s": high,
    }
