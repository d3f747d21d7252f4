"""Rain, as far as lap tables tell it: how much slower laps on intermediates and wets are than the circuit's dry ones.

Tables do not say how wet the track was, so losses by wetness cannot be fitted: any of them can be had by another scale of
wetness.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from racetwin.calibration.choices import ChoiceFit
from racetwin.calibration.evidence import Evidence

LEAST_LAPS = 40
"""Laps of a race on a kind of tyre that are needed for its level there."""
RACES_PRIOR = 2.0
"""Races that the constants of before weigh as in a level."""


def _clean(laps: pd.DataFrame) -> pd.DataFrame:
    """Return racing laps with ``kind``: 0 slicks, 1 intermediates, 2 wets."""
    ok = ~laps.neutral & ~laps.restart & ~laps.pit_in & ~laps.pit_out & (laps.lap > 1) & laps.lap_time_s.gt(30)
    d = laps[ok & ~laps.lap_time_filled & (laps.compound_index >= 0)]
    return d.assign(kind=np.maximum(d.compound_index - 2, 0))


def levels(laps: pd.DataFrame, reference: Mapping[tuple[str, int], float]) -> pd.DataFrame:
    """Return by Grand Prix and kind of wet-weather tyre how much its median lap is above the circuit's dry reference, s."""
    d = _clean(laps)
    d = d[d.kind > 0]
    t = d.groupby(["race_id", "circuit_id", "season", "kind"], observed=True).lap_time_s.agg(["median", "size"])
    t = t[t["size"] >= LEAST_LAPS].reset_index()
    dry = [reference[str(c), int(s)] for c, s in zip(t.circuit_id, t.season, strict=True)]
    return t.assign(level_s=t["median"] - np.array(dry))


def fit(laps: pd.DataFrame, reference: Mapping[tuple[str, int], float]) -> ChoiceFit | None:
    """Fit the levels, and how far a race's lies from them; None if no race was wet.

    ``reference`` has dry laps by circuit and season.
    """
    t = levels(laps, reference)
    if not len(t):
        return None
    away = t.level_s - t.groupby("kind").level_s.transform("mean")
    spread = max(float(away.std(ddof=0)) if len(t) > 2 else 6.0, 1.0)
    found: dict[str, float] = {}
    told: dict[str, Evidence] = {}
    for kind, name, prior in ((1, "intermediate_s", 12.0), (2, "wet_s", 16.0)):
        own = t.level_s[t.kind == kind]
        if len(own):
            found[name] = float((own.sum() + RACES_PRIOR * prior) / (len(own) + RACES_PRIOR))
            told[name] = Evidence(spread / (len(own) + RACES_PRIOR) ** 0.5, len(own))
    found["spread_s"], told["spread_s"] = spread, Evidence(spread / (2 * len(t)) ** 0.5, len(t))
    return ChoiceFit(found, told)
