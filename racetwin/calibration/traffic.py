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

ATTACK_GAP_S = 0.7
"""A lap is an attack if, at its pace in free air, the car behind would end the lap nearer than this to the car ahead.

With the logit of these attacks, simulated races with the true pace of every car have 36 passes each where real ones have 35. A
likelihood of the race model's own lap (which integrates over the lap noise before asking who passes) fits single laps a little
better and gives 55: failures to pass repeat from lap to lap, single laps do not know that.
"""


@dataclass(frozen=True, slots=True)
class TrafficFit:
    """Dirty air (seconds right behind, and the gap at which it ends), the gap at which cars follow, and the pass probability.

    ``circuit`` maps circuit to log-odds added there.
    """

    dirty_air_s: float
    dirty_range_s: float
    follow_gap_s: float
    intercept: float
    slope: float
    circuit: dict[str, float]
    circuit_sd: float
    n_attacks: int
    pass_share: float
    posterior: Posterior


def pairs(laps: pd.DataFrame, expected_s: npt.NDArray[np.float64]) -> pd.DataFrame:
    """Return one row per car and lap with a car ahead: ``gap`` (start), ``advantage`` (s a lap), ``passed``, ``excess`` (s)."""
    d = laps.assign(expected=expected_s)
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


def _model(passed: Any, advantage: Any, circuit: Any, n_circuits: int) -> None:
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    intercept = numpyro.sample("intercept", dist.Normal(-1.9, 1.0))
    slope = numpyro.sample("slope", dist.LogNormal(0.2, 0.5))
    spread = numpyro.sample("spread", dist.LogNormal(-1.0, 0.5))
    effect = numpyro.sample("circuit", dist.Normal(jnp.zeros(n_circuits), spread).to_event(1))
    logits = intercept + slope * advantage + effect[circuit]
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


def fit(
    laps: pd.DataFrame,
    expected_s: npt.NDArray[np.float64],
    method: Method = "nuts",
    seed: int = 0,
) -> TrafficFit:
    """Fit dirty air, following gap and the logistic pass model with circuit offsets."""
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
        index,
        len(circuits),
        method=method,
        seed=seed,
    )
    return TrafficFit(
        dirty,
        reach,
        float(held.gap_end.clip(lower=0).median()),
        float(p.mean("intercept")),
        float(p.mean("slope")),
        dict(zip(circuits, map(float, p.mean("circuit")), strict=True)),
        float(p.mean("spread")),
        len(attack),
        float(attack.passed.mean()),
        p,
    )
