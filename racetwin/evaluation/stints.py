"""One stint as the live twin saw it, beside what then happened: wear believed lap by lap, laps forecast, laps driven."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from racetwin.errors import InputError
from racetwin.evaluation.lap_times import replayed
from racetwin.schemas import Estimate, LapCompleted
from racetwin.twins import RaceTwin

if TYPE_CHECKING:
    from racetwin.telemetry.records import RaceRecord

LEAST_LAPS = 5
"""A trend is fitted to at least this many racing laps."""


@dataclass(frozen=True, slots=True)
class Stint:
    """What was believed at each line crossing of a stint, and the laps.

    Parameters
    ----------
    car_id, driver
        Whose stint it is.
    beliefs : DataFrame, one row per lap
        ``lap, compound, age``; ``wear_s, wear_low_s, wear_high_s`` (s per lap of age, 90 % interval); ``life_laps, life_low,
        life_high``: ages by which half of such sets are changed, and 5 and 95 %; ``racing``: whether the lap tells of pace;
        ``lap_time_s, no_fuel_s``: as driven, and with the fuel's share taken off.
    forecasts : DataFrame, one row per lap forecast
        ``lap`` (forecast from), ``target`` (lap forecast), ``median_s, low_s, high_s, driven_s``; laps driven in the stint only.
    """

    car_id: str
    driver: str | None
    beliefs: pd.DataFrame
    forecasts: pd.DataFrame

    def trend(self) -> tuple[float, float]:
        """Return what the laps of the whole stint say wear was, in s per lap, and its standard error (Theil-Sen slope).

        The slope of lap time without fuel against the tyres' age: the median over all pairs of laps, which a lap lost in traffic
        does not move; its error from the median absolute residual.
        """
        t = self.beliefs[self.beliefs["racing"]]
        if len(t) < LEAST_LAPS:
            raise InputError(f"stint: {len(t)} racing laps, expected at least {LEAST_LAPS} for a trend")
        x, y = t["age"].to_numpy(dtype=float), t["no_fuel_s"].to_numpy(dtype=float)
        i, j = np.triu_indices(len(x), k=1)
        slope = float(np.median((y[j] - y[i]) / (x[j] - x[i])))
        residual = y - slope * x
        spread = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
        return slope, spread / float(np.sqrt(((x - x.mean()) ** 2).sum()))


def longest_stint(record: RaceRecord) -> tuple[str, int, int]:
    """Return car, first and last lap of the race's longest stint on one set."""
    laps = record.laps
    stopped = laps["pit_stop"].fillna(False).astype(int)
    number = stopped.groupby(laps["car_id"]).cumsum() - stopped  # the in-lap still belongs to the old set
    stints = laps.groupby([laps["car_id"], number.rename("set")])["lap"].agg(["size", "min", "max"]).reset_index()
    best = stints.sort_values("size", kind="stable").iloc[-1]
    return str(best["car_id"]), int(best["min"]), int(best["max"])


def follow_stint(
    record: RaceRecord, car_id: str, first_lap: int, last_lap: int, *, parameters: Path | str | None = None
) -> Stint:
    """Replay a race and note what its live twin believes of one car's set after each lap of a stint.

    ``parameters`` is the twin's parameter file; a real race is told honestly with one fitted on the races before it.
    """
    twin = RaceTwin(record.race_id, file=parameters)
    rows, told = [], []
    driven: dict[int, float | None] = {}
    for ingested in replayed(record):
        twin.update(ingested)
        for e in ingested.events:
            if isinstance(e, LapCompleted) and e.car_id == car_id and first_lap <= e.lap <= last_lap:
                state = twin.cars[car_id].state()
                driven[e.lap] = e.lap_time_s
                rows.append(_belief(twin, e, state.wear_s_per_lap, state.tyre_life_laps))
                told += [(e.lap, e.lap + k, f.mean, f.low, f.high) for k, f in enumerate(state.next_laps_s, start=1)]
    if not rows:
        raise InputError(f"car {car_id!r} completes no lap from {first_lap} to {last_lap} in {record.race_id}")
    forecasts = pd.DataFrame(told, columns=["lap", "target", "median_s", "low_s", "high_s"])
    forecasts["driven_s"] = forecasts["target"].map(driven)
    beliefs = pd.DataFrame(rows)
    return Stint(car_id, twin.cars[car_id].driver, beliefs, forecasts[forecasts["target"] <= last_lap])


def _belief(twin: RaceTwin, e: LapCompleted, wear: Estimate, life: Estimate | None) -> dict[str, object]:
    car, m = twin.cars[e.car_id], twin.pace.model
    fuel_s = m.fuel_s_per_kg * m.fuel_kg(e.lap - 0.5)
    age = car.racing_age
    return {
        "lap": e.lap,
        "compound": e.tyre.compound.value if e.tyre.compound is not None else None,
        "age": age,
        "wear_s": wear.mean,
        "wear_low_s": wear.low,
        "wear_high_s": wear.high,
        "life_laps": age + life.mean if life is not None else None,
        "life_low": age + life.low if life is not None else None,
        "life_high": age + life.high if life is not None else None,
        "racing": not (e.pit_in or e.pit_out or e.neutralised) and e.lap > 1 and e.lap_time_s is not None,
        "lap_time_s": e.lap_time_s,
        "no_fuel_s": e.lap_time_s - fuel_s if e.lap_time_s is not None else None,
    }
