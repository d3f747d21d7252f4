"""At what age sets of slicks are changed under green: the rates of :class:`racetwin.simulation.live.SetLife`.

Changes over the laps on which a change could have been seen, by age in usual lives: sets that go to the flag, retire or are
changed behind a safety car only say that they lived so long, and a used set was at risk from the age at which it was fitted.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from racetwin.calibration.choices import ChoiceFit
from racetwin.calibration.evidence import Evidence
from racetwin.calibration.live_stops import racing_age
from racetwin.simulation.live import SET_LIFE_EDGES, SetLife

RATES = tuple(SetLife.__slots__)[: len(SET_LIFE_EDGES)]
CHANGES_PRIOR = 2.0
"""Changes at the rate of all ages that a rate is drawn to it by."""
FACTOR_PRIOR = 5.0
"""Changes as expected that a compound's factor is drawn to none by."""
ROUNDS = 10
"""Of rates given the factors and factors given the rates: they have converged to four digits by then."""


def sets(laps: pd.DataFrame) -> pd.DataFrame:
    """Return one row per set of slicks of a dry Grand Prix: ``compound_index``, age when fitted and at the end, ``changed``."""
    d = laps[(laps.session == "R") & ~laps.race_wet].copy()
    d["racing_age"] = racing_age(d)
    d = d[d.compound_index.between(0, 2) & np.isfinite(d.racing_age)]
    # Behind a red flag sets are changed for nothing.
    d["changed"] = d.pit_stop & (d.stop_under == "GREEN")
    last = d.groupby(["race_id", "driver_number", "stint"], sort=False)
    out = last.agg(
        circuit_id=("circuit_id", "first"),
        compound_index=("compound_index", "first"),
        fitted=("racing_age", "first"),
        age=("racing_age", "last"),
        changed=("changed", "last"),
    ).reset_index()
    out["fitted"] = (out.fitted - 1.0).clip(lower=0.0)
    usable: pd.DataFrame = out[out.age > out.fitted]
    return usable


def fit(laps: pd.DataFrame, circuit_life: Mapping[str, tuple[float, ...]], life: tuple[float, ...]) -> ChoiceFit:
    """Fit the rates by age and the factors of the compounds to all sets; their errors are those of counts."""
    return regress(sets(laps), circuit_life, life)


def regress(s: pd.DataFrame, circuit_life: Mapping[str, tuple[float, ...]], life: tuple[float, ...]) -> ChoiceFit:
    """Fit them to :func:`sets`."""
    k = s.compound_index.to_numpy()
    usual = np.array([circuit_life.get(str(c), life)[i] for c, i in zip(s.circuit_id, k, strict=True)])
    begin, end = s.fitted.to_numpy() / usual, s.age.to_numpy() / usual
    low, high = np.array(SET_LIFE_EDGES), np.array([*SET_LIFE_EDGES[1:], np.inf])
    at_risk = np.clip(np.minimum(end[:, None], high) - np.maximum(begin[:, None], low), 0.0, None)
    in_bin = (end[:, None] > low) & (end[:, None] <= high) & s.changed.to_numpy(dtype=bool)[:, None]
    changes = in_bin.sum(axis=0)
    of_all = max(changes.sum(), 1.0) / at_risk.sum()
    factor = np.zeros(3)
    rates = np.full(len(low), of_all)
    by_set = in_bin.sum(axis=1)
    for _ in range(ROUNDS):
        exposure = (at_risk * np.exp(factor)[k][:, None]).sum(axis=0)
        rates = (changes + CHANGES_PRIOR) / (exposure + CHANGES_PRIOR / of_all)
        expected = at_risk @ rates
        for c in (0, 2):
            own = k == c
            factor[c] = np.log((by_set[own].sum() + FACTOR_PRIOR) / (expected[own].sum() + FACTOR_PRIOR))
    seen = {c: int(by_set[k == c].sum()) for c in range(3)}
    values = dict(zip(RATES, map(float, rates), strict=True))
    told = {
        name: Evidence(float(r / np.sqrt(n + CHANGES_PRIOR)), max(int(n), 1))
        for name, r, n in zip(RATES, rates, changes, strict=True)
    }
    for c, name in ((0, "soft"), (2, "hard")):
        values[name] = float(factor[c])
        # Against mediums, whose own changes are counted too.
        error = (1.0 / (seen[c] + FACTOR_PRIOR) + 1.0 / (seen[1] + FACTOR_PRIOR)) ** 0.5
        told[name] = Evidence(error, max(seen[c], 1))
    return ChoiceFit(values, told)
