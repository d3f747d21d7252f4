"""Traffic: what it costs to run behind another car, and when a car gets past.

Learnt from pairs of cars next to each other in race order on laps in which neither stopped and the track was green, with each
car's pace in free air taken from its own race's fit (so that being held up does not make a car look slow).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import nnls

from racetwin.calibration.bayes import Method, Posterior, sample
from racetwin.calibration.choices import ChoiceFit
from racetwin.calibration.evidence import Evidence, of_median

ATTACK_GAP_S = 0.7
"""A lap is an attack if, at its pace in free air, the car behind would end the lap nearer than this to the car ahead.

With the logit of these attacks, simulated races with the true pace of every car have 36 passes each where real ones have 35. A
likelihood of the race model's own lap (which integrates over the lap noise before asking who passes) fits single laps a little
better and gives 55: failures to pass repeat from lap to lap, single laps do not know that.
"""
DRS_FROM = 3
"""Racing lap after a start or restart from which DRS may be used, to 2023; one lap earlier from 2024 [sporting regulations]."""
LAST_DRS_SEASON = 2025
DRAWS = 60
"""Samples of the races that the spread of dirty air is told from."""
LEAST_LAPPED = 30
"""Laps on which cars were lapped that are needed for what that costs."""


@dataclass(frozen=True, slots=True)
class TrafficFit:
    """Dirty air (seconds right behind, and the gap at which it ends), the gap at which cars follow, and the pass probability.

    ``circuit`` maps circuit to log-odds added there, ``drs`` is what DRS adds.
    ``evidence`` is by name of the parameter file.
    """

    dirty_air_s: float
    dirty_range_s: float
    follow_gap_s: float
    intercept: float
    slope: float
    drs: float
    circuit: dict[str, float]
    circuit_sd: float
    n_attacks: int
    pass_share: float
    evidence: dict[str, Evidence]
    circuit_evidence: dict[str, Evidence]
    posterior: Posterior


def pairs(laps: pd.DataFrame, expected_s: npt.NDArray[np.float64]) -> pd.DataFrame:
    """Return one row per car and lap with a car ahead: ``gap`` (start), ``advantage`` (s a lap), ``passed``, ``excess`` (s).

    ``drs`` says whether it was enabled on the lap: from the third racing lap on, and until there was none any more.
    """
    d = laps.assign(expected=expected_s)
    car = [d.race_id, d.driver_number]
    racing = d.groupby([*car, d.neutral.groupby(car, sort=False).cumsum()], sort=False).cumcount() + 1
    racing -= d.neutral.groupby(car, sort=False).cumsum().gt(0)  # the neutralised lap itself begins a run of laps
    d["drs"] = racing.ge(np.where(d.season < 2024, DRS_FROM, DRS_FROM - 1)) & d.season.le(LAST_DRS_SEASON)
    d["order_key"] = d.driver_number.astype(float)
    usable = d[d.clean & d.expected.notna() & ~d.race_wet]
    other = usable[["race_id", "lap", "order_key", "expected", "race_time_s", "lap_time_s"]].rename(
        columns={
            "order_key": "ahead",
            "expected": "ahead_expected",
            "race_time_s": "ahead_time",
            "lap_time_s": "ahead_lap",
        }
    )
    y = usable.merge(other, on=["race_id", "lap", "ahead"], how="inner")
    y["gap"] = y.gap_ahead_s
    y["advantage"] = y.ahead_expected - y.expected
    y["passed"] = y.race_time_s < y.ahead_time
    y["excess"] = y.lap_time_s - y.expected
    y["gap_end"] = y.race_time_s - y.ahead_time
    y["ahead_in_form"] = (y.ahead_lap - y.ahead_expected).abs() < 1.5
    return y[(y.gap > 0) & (y.advantage.abs() < 3) & y.ahead_in_form]


def _model(passed: Any, advantage: Any, drs: Any, circuit: Any, n_circuits: int) -> None:
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    intercept = numpyro.sample("intercept", dist.Normal(-1.9, 1.0))
    slope = numpyro.sample("slope", dist.LogNormal(0.2, 0.5))
    by_drs = numpyro.sample("drs", dist.Normal(0.3, 0.5))
    spread = numpyro.sample("spread", dist.LogNormal(-1.0, 0.5))
    effect = numpyro.sample("circuit", dist.Normal(jnp.zeros(n_circuits), spread).to_event(1))
    logits = intercept + slope * advantage + by_drs * drs + effect[circuit]
    numpyro.sample("passed", dist.Bernoulli(logits=logits), obs=passed)


def fit_dirty_air(y: pd.DataFrame) -> tuple[float, float]:
    """Least squares of the excess on ``1 - gap / range`` over cars not held up; returns seconds at gap 0 and the range."""
    g = y[~y.passed & (y.gap > 0.4) & (y.gap < 4) & y.advantage.between(-0.6, 0.2) & (y.excess.abs() < 1.5)]
    edges = np.array([0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0])
    bins = np.digitize(g.gap.to_numpy(), edges)
    table = g.groupby(bins).agg(gap=("gap", "median"), excess=("excess", "median"), n=("gap", "size"))
    base = float(table.excess[table.gap > 2.5].mean())
    gap, excess, n = table.gap.to_numpy(), table.excess.to_numpy() - base, table.n.to_numpy()
    best, fitted = np.inf, (0.4, 1.8)
    for reach in np.arange(1.0, 3.01, 0.1):
        shape = np.maximum(0, 1 - gap / reach)
        (height,), cost = nnls((shape * np.sqrt(n))[:, None], excess * np.sqrt(n))
        if cost < best and height > 0:
            best, fitted = cost, (float(height), float(reach))
    return fitted


def fit_lapped(laps: pd.DataFrame, expected_s: npt.NDArray[np.float64]) -> ChoiceFit | None:
    """Return what a green lap costs on which a car is lapped (median, s), against its own laps a lap down; None if too few."""
    d = laps.assign(excess=laps.lap_time_s - expected_s)
    before = d.groupby(["race_id", "driver_number"], sort=False).laps_down.shift(1)
    d = d[d.clean & ~d.race_wet & d.excess.notna() & (d.laps_down > 0)]
    before = before.reindex(d.index)
    lapped, usual = d[d.laps_down == before + 1], d[d.laps_down == before]
    if len(lapped) < LEAST_LAPPED or not len(usual):
        return None
    cost = float(lapped.excess.median() - usual.excess.median())
    return ChoiceFit({"cost_s": cost}, {"cost_s": of_median(lapped.excess, lapped.race_id.to_numpy())})


def _dirty_air_evidence(y: pd.DataFrame, seed: int) -> tuple[Evidence, Evidence]:
    """Return the evidence for dirty air and its range: spread over samples of the races."""
    rows = {r: np.asarray(k) for r, k in y.groupby("race_id", sort=False).indices.items()}
    races = list(rows)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(DRAWS):
        drawn = rng.integers(0, len(races), len(races))
        found.append(fit_dirty_air(y.iloc[np.concatenate([rows[races[k]] for k in drawn])]))
    height, reach = np.std(found, axis=0)
    return Evidence(float(height), len(y)), Evidence(float(reach), len(y))


def fit(
    laps: pd.DataFrame,
    expected_s: npt.NDArray[np.float64],
    method: Method = "nuts",
    seed: int = 0,
) -> TrafficFit:
    """Fit dirty air, following gap, and the logistic pass model with DRS and circuit offsets."""
    y = pairs(laps, expected_s)
    dirty, reach = fit_dirty_air(y)
    attack = y[(y.gap - y.advantage < ATTACK_GAP_S) & (y.gap < 2.5)]
    held = attack[~attack.passed]
    circuits = sorted(attack.circuit_id.unique())
    index = attack.circuit_id.map({c: i for i, c in enumerate(circuits)}).to_numpy()
    p = sample(
        "overtaking",
        _model,
        attack.passed.to_numpy(dtype=float),
        attack.advantage.to_numpy(dtype=float),
        attack.drs.to_numpy(dtype=float),
        index,
        len(circuits),
        method=method,
        seed=seed,
    )
    near = y[["race_id", "gap", "excess", "advantage", "passed"]]
    air, air_range = _dirty_air_evidence(near[near.gap.between(0.4, 4)], seed)
    follow = held.gap_end.clip(lower=0)
    n = len(attack)
    evidence = {
        "dirty_air_s": air,
        "dirty_air_range_s": air_range,
        "follow_gap_s": of_median(follow, held.race_id.to_numpy()),
        "pass_intercept": Evidence(float(p.sd("intercept")), n),
        "pass_slope": Evidence(float(p.sd("slope")), n),
        "pass_drs": Evidence(float(p.sd("drs")), int((attack.drs == 0).sum())),
    }
    at = attack.groupby("circuit_id").size()
    own = {c: Evidence(float(sd), int(at[c])) for c, sd in zip(circuits, np.atleast_1d(p.sd("circuit")), strict=True)}
    return TrafficFit(
        dirty,
        reach,
        float(follow.median()),
        float(p.mean("intercept")),
        float(p.mean("slope")),
        float(p.mean("drs")),
        dict(zip(circuits, map(float, p.mean("circuit")), strict=True)),
        float(p.mean("spread")),
        n,
        float(attack.passed.mean()),
        evidence,
        own,
        p,
    )
