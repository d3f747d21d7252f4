"""Lap-time forecasts of the live twins against what was then driven.

At every line crossing each car's twin forecasts its next ten laps, from what was known at that moment and nothing later. The laps
scored are racing laps of dry running: on slicks, not lap 1, no pit entry or exit, no SC, VSC or red, faster than 107 % of the
race's median racing lap; the lap forecast from is one too, and the car has not stopped in between. Rules to beat: the last lap
again, and the mean of the last racing laps on the set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from racetwin.schemas import LapCompleted
from racetwin.telemetry.ingestor import TelemetryIngestor
from racetwin.telemetry.laptable import frames
from racetwin.twins import RaceTwin
from racetwin.twins.belief import HORIZON
from racetwin.twins.forecast import LEVELS, Forecast

if TYPE_CHECKING:
    from racetwin.telemetry.ingestor import Ingested
    from racetwin.telemetry.records import RaceRecord

FloatArray = npt.NDArray[np.float64]

SLOW = 1.07
"""A lap slower than this times the race's median racing lap is trouble and not pace; the qualifying rule's 107 %."""
MEAN_LAPS = 3
"""Racing laps on the set, the last one among them, whose mean is a rule to beat."""


class _Lap(NamedTuple):
    event: LapCompleted
    forecast: Forecast


def replayed(record: RaceRecord) -> Iterator[Ingested]:
    """Yield what a live twin would be given of a race."""
    ingestor = TelemetryIngestor()
    for frame in frames(record, hz=None):
        ingested = ingestor.process(frame)
        if ingested is not None:
            yield ingested


def lap_time_forecasts(twin: RaceTwin, stream: Iterable[Ingested]) -> pd.DataFrame:
    """Drive a twin through a race and return one row per lap forecast.

    Returns
    -------
    pandas.DataFrame
        ``race_id, car_id, lap`` (forecast from), ``ahead`` (1 to 10), ``observed_s, repeat_s`` (the last lap), ``mean_s``
        (of the last three racing laps on the set), ``median_s``, ``low_s, high_s`` (90 % interval), ``crps_s``.
    """
    driven: dict[str, dict[int, _Lap]] = {}
    for ingested in stream:
        twin.update(ingested)
        for event in ingested.events:
            if isinstance(event, LapCompleted):
                laps = driven.setdefault(event.car_id, {})
                laps.setdefault(event.lap, _Lap(event, twin.cars[event.car_id].forecast()))
    green = [e.lap_time_s for laps in driven.values() for e, _ in laps.values() if _is_racing(e) and e.lap_time_s]
    if not green:
        return pd.DataFrame(columns=[*_KEYS, *_VALUES])
    limit = SLOW * float(np.median(green))
    rows = [row for car_id in driven for row in _rows(twin.race_id, car_id, driven[car_id], limit)]
    table = pd.DataFrame(rows, columns=[*_KEYS, *_VALUES[:-1]])
    quantiles = Forecast.quantiles_of(table["median_s"].to_numpy(), table["sd_s"].to_numpy(), twin.pace.model.shape)
    table["crps_s"] = crps(table["observed_s"].to_numpy(), quantiles, LEVELS)
    return table[[*_KEYS, *_VALUES]]


_KEYS = ("race_id", "car_id", "lap", "ahead")
_VALUES = ("observed_s", "repeat_s", "mean_s", "median_s", "low_s", "high_s", "sd_s", "traffic_s", "crps_s")


def _is_racing(e: LapCompleted) -> bool:
    slick = e.tyre.compound is not None and e.tyre.compound.is_slick
    return e.lap > 1 and slick and not (e.pit_in or e.pit_out or e.neutralised) and e.lap_time_s is not None


def _rows(race_id: str, car_id: str, laps: dict[int, _Lap], limit: float) -> Iterator[tuple[object, ...]]:
    scored = {n: lap for n, lap in laps.items() if _is_racing(lap.event) and (lap.event.lap_time_s or limit) < limit}
    for n, (e, f) in scored.items():
        low, high = f.interval()
        mean_s = _last_mean(scored, n)
        for k in range(1, HORIZON + 1):
            between = laps.get(n + k)
            if between is None or between.event.pit_out or _younger(between.event, e):
                break  # another set: what was forecast did not come about
            if n + k in scored:
                j = k - 1
                row = (f.median_s[j], low[j], high[j], f.sd_s[j], f.traffic_s[j])
                yield race_id, car_id, n, k, between.event.lap_time_s, e.lap_time_s, mean_s, *row


def _last_mean(scored: dict[int, _Lap], n: int) -> float:
    """Return the mean of the last racing laps on the set, fewer where it is young."""
    times: list[float] = []
    later = scored[n].event
    for k in range(n, 0, -1):
        lap = scored.get(k)
        if lap is None:
            continue
        if _younger(later, lap.event) or len(times) == MEAN_LAPS:
            break
        times.append(lap.event.lap_time_s or 0.0)
        later = lap.event
    return float(np.mean(times))


def _younger(later: LapCompleted, earlier: LapCompleted) -> bool:
    a, b = later.tyre, earlier.tyre
    return a.compound is not b.compound or (a.age is not None and b.age is not None and a.age < b.age)


def crps(observed: FloatArray, quantiles: FloatArray, levels: FloatArray) -> FloatArray:
    """Continuous ranked probability score from quantiles: twice the mean pinball loss over evenly spaced levels.

    Parameters
    ----------
    observed : (n,)
    quantiles : (n, q)
        Forecast quantiles at ``levels``.
    levels : (q,)
        Mid-points of equal shares of probability.

    Notes
    -----
    CRPS = 2 times the integral of the pinball loss over all levels (Gneiting and Raftery, JASA 102, 2007, section 4.2).
    """
    error = observed[:, None] - quantiles
    return np.asarray(2.0 * np.maximum(levels * error, (levels - 1.0) * error).mean(axis=1))


def summarise(table: pd.DataFrame) -> dict[str, float]:
    """Return the scores of a table of forecasts: errors in seconds, cover as a share.

    ``mae_next`` and ``mae_repeat`` are of the next lap (the forecast's and the last lap's), ``crps`` and ``cover`` over all laps
    ahead.
    """
    following = table[table["ahead"] == 1]
    inside = (table["observed_s"] >= table["low_s"]) & (table["observed_s"] <= table["high_s"])
    return {
        "n_next": float(len(following)),
        "mae_next": float((following["observed_s"] - following["median_s"]).abs().mean()),
        "mae_repeat": float((following["observed_s"] - following["repeat_s"]).abs().mean()),
        "n": float(len(table)),
        "crps": float(table["crps_s"].mean()),
        "cover": float(inside.mean()),
    }


def score_race(record: RaceRecord) -> pd.DataFrame:
    """Replay a race through ingestor and twins and return its forecasts beside what was driven."""
    return lap_time_forecasts(RaceTwin(record.race_id), replayed(record))
