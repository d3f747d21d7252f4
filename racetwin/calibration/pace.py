"""Pace, fuel and tyres: what a lap costs, by circuit and compound, over the whole field.

Within one stint tyre age and fuel burn rise together and cannot be told apart. They can be over a field that stops on different
laps: first each race by itself (robust regression on laps in free air, one intercept per car), then all races together (a
hierarchical model by circuit with the fuel prior), so that a thin race leans on its circuit and a new circuit on the field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from racetwin.calibration.bayes import Method, Posterior, sample

FREE_AIR_S = 2.0
"""A car further than this behind the car on the road before it is in free air (dirty air fades out at about 2 s)."""
FUEL_S_PER_KG = (0.031, 0.005)
"""Prior of fuel sensitivity, mean and standard deviation: TUM parameters 2014-2019, and a published fit of 2022-24."""
AUTOCORRELATION_INFLATION = 3.0
"""Residuals of one stint are correlated (0.47 a lap, measured): (1 + r) / (1 - r) times fewer effective laps."""
N_EFFECTS = 9
EFFECTS = ("trend", "soft", "hard", "lin_soft", "lin_medium", "lin_hard", "cliff_soft", "cliff_medium", "cliff_hard")
"""Effects of one race: seconds per lap of race, offsets against MEDIUM at age 0, wear ``lin age + cliff (age - from)+^2``."""
CLIFF_FROM = np.array([12.0, 18.0, 26.0])
"""Age in laps after which wear may turn convex, by slick compound: two thirds of a usual stint."""
_PRIOR_SD = np.array([0.2, 2.0, 2.0, 0.3, 0.3, 0.3, 0.05, 0.02, 0.02])
_STUDENT_DF = 4.0


@dataclass(frozen=True, slots=True)
class RaceFit:
    """Effects of one race and what each car added to them.

    Parameters
    ----------
    effects, covariance
        In the order of ``EFFECTS``; the covariance is inflated for autocorrelation.
    cars, intercepts
        Racing numbers and their lap time at mid-distance on fresh mediums, seconds.
    noise_s
        Robust standard deviation of the residual, seconds.
    """

    race_id: str
    circuit_id: str
    season: int
    total_laps: int
    n_laps: int
    effects: npt.NDArray[np.float64]
    covariance: npt.NDArray[np.float64]
    cars: npt.NDArray[np.int64]
    intercepts: npt.NDArray[np.float64]
    noise_s: float


def design(laps: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the ``(n, 9)`` regressors of ``EFFECTS`` for laps on slicks."""
    compound = laps.compound_index.to_numpy()
    age = laps.age.to_numpy(dtype=float)
    x = np.zeros((len(laps), N_EFFECTS))
    x[:, 0] = laps.lap.to_numpy() - laps.total_laps.to_numpy() / 2
    x[:, 1] = compound == 0
    x[:, 2] = compound == 2
    for k in range(3):
        on = compound == k
        x[:, 3 + k] = np.where(on, age, 0.0)
        x[:, 6 + k] = np.where(on, np.maximum(age - CLIFF_FROM[k], 0.0) ** 2, 0.0)
    return x


def fit_race(laps: pd.DataFrame, min_laps: int = 150) -> RaceFit | None:
    """Fit one race robustly (Student-t errors by iterated weights) on clean laps in free air; None if there are too few."""
    g = laps[laps.clean & ((laps.road_gap_start_s > FREE_AIR_S) | (laps.position == 1))]
    if len(g) < min_laps:
        return None
    cars, code = np.unique(g.driver_number.to_numpy(), return_inverse=True)
    n, d = len(g), len(cars)
    x = np.zeros((n, d + N_EFFECTS))
    x[np.arange(n), code] = 1.0
    x[:, d:] = design(g)
    y = g.lap_time_s.to_numpy(dtype=float)
    centre = float(np.median(y))
    y = y - centre
    precision = np.diag(np.r_[np.full(d, 1 / 5.0**2), 1 / _PRIOR_SD**2])
    weight, scale = np.ones(n), 0.5
    for _ in range(15):
        a = x.T @ (x * weight[:, None]) / scale**2 + precision
        beta = np.linalg.solve(a, x.T @ (weight * y) / scale**2)
        residual = y - x @ beta
        scale = max(float(1.4826 * np.median(np.abs(residual))), 0.05)
        weight = (_STUDENT_DF + 1) / (_STUDENT_DF + (residual / scale) ** 2)
    covariance = np.linalg.inv(a)[d:, d:] * AUTOCORRELATION_INFLATION
    first = g.iloc[0]
    return RaceFit(
        str(first.race_id),
        str(first.circuit_id),
        int(first.season),
        int(first.total_laps),
        n,
        beta[d:],
        covariance,
        cars,
        beta[:d] + centre,
        scale,
    )


@dataclass(frozen=True, slots=True)
class PaceFit:
    """Posterior over circuits of the effects, and over the field for circuits never seen.

    Parameters
    ----------
    circuits : tuple of str
    field, field_sd : (9,)
        Effects of a circuit of which nothing is known, and the spread of circuits around it.
    circuit, circuit_sd : (n_circuits, 9)
        Effects of each circuit with posterior standard deviations.
    race_sd : (9,)
        Spread of races at one circuit around the circuit's effects.
    fuel_s_per_kg, fuel_sd : float
    noise_s, noise_by_circuit
        Robust lap noise in free air, seconds.
    n_laps, n_by_circuit
        Laps fitted.
    """

    circuits: tuple[str, ...]
    field: npt.NDArray[np.float64]
    field_sd: npt.NDArray[np.float64]
    circuit: npt.NDArray[np.float64]
    circuit_sd: npt.NDArray[np.float64]
    race_sd: npt.NDArray[np.float64]
    fuel_s_per_kg: float
    fuel_sd: float
    noise_s: float
    noise_by_circuit: dict[str, float]
    noise_sd: float
    n_laps: int
    n_by_circuit: dict[str, int]
    posterior: Posterior


FUEL_SHARE = 0.97
"""Share of the fuel load that is burnt by the flag."""
SCALE = np.array([0.02, 0.5, 0.4, 0.05, 0.04, 0.03, 0.01, 0.005, 0.003])
"""Usual size of each effect: fits work in these units."""


def _model(estimate: Any, covariance: Any, circuit: Any, fuel_per_lap: Any, n_circuits: int) -> None:
    """Effects of race r: field + circuit + race, seen through the race's own covariance. All in units of ``SCALE``.

    The circuits' effects are integrated out (everything is normal given the spreads), so that only 28 numbers are sampled.
    """
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    from jax.ops import segment_sum

    fuel = numpyro.sample("fuel", dist.Normal(*FUEL_S_PER_KG))
    centre = jnp.array([0.0, -0.8, 0.8, 1.2, 1.0, 1.0, 0.4, 0.4, 0.4])
    width = jnp.array([0.3, 1.0, 1.0, 0.7, 0.7, 0.7, 0.5, 0.5, 0.5])
    field = numpyro.sample("field", dist.Normal(centre, width).to_event(1))
    between = numpyro.sample("between", dist.HalfNormal(jnp.full(N_EFFECTS, 0.7)).to_event(1))
    within = numpyro.sample("within", dist.HalfNormal(jnp.full(N_EFFECTS, 0.7)).to_event(1))
    weight = jnp.linalg.inv(covariance + jnp.diag(within**2 + 1e-4))
    residual = (estimate - field).at[:, 0].add(fuel * fuel_per_lap / SCALE[0])
    pull = jnp.einsum("rij,rj->ri", weight, residual)
    total = segment_sum(weight, circuit, n_circuits)
    pulled = segment_sum(pull, circuit, n_circuits)
    prior = between**2 + 1e-4
    precision = total + jnp.diag(1 / prior)
    shift = jnp.linalg.solve(precision, pulled[..., None])[..., 0]
    log_likelihood = 0.5 * (
        jnp.linalg.slogdet(weight)[1].sum()
        - (residual * pull).sum()
        + (pulled * shift).sum()
        - n_circuits * jnp.log(prior).sum()
        - jnp.linalg.slogdet(precision)[1].sum()
    )
    numpyro.factor("races", log_likelihood)
    numpyro.deterministic("shift", shift)
    numpyro.deterministic("shift_variance", jnp.diagonal(jnp.linalg.inv(precision), axis1=1, axis2=2))


def fuel_load_kg(season: int) -> float:
    """Race fuel at the start: 110 kg to 2025 (105 kg in 2018, as then allowed), about 70 kg from 2026."""
    return 70.0 if season >= 2026 else 105.0 if season == 2018 else 110.0


def fit(laps: pd.DataFrame, method: Method = "nuts", seed: int = 0) -> tuple[PaceFit, list[RaceFit]]:
    """Fit every dry race, then all of them together; returns the hierarchical fit and the single ones."""
    dry = laps[~laps.race_wet & (laps.session == "R")]
    singles = [f for _, g in dry.groupby("race_id", sort=False) if (f := fit_race(g)) is not None]
    circuits = tuple(sorted({f.circuit_id for f in singles}))
    index = np.array([circuits.index(f.circuit_id) for f in singles])
    estimate = np.array([f.effects for f in singles]) / SCALE
    covariance = np.array([f.covariance for f in singles]) / np.outer(SCALE, SCALE)
    fuel_per_lap = np.array([FUEL_SHARE * fuel_load_kg(f.season) / f.total_laps for f in singles])
    p = sample(
        "pace, fuel and tyres",
        _model,
        estimate,
        covariance,
        index,
        fuel_per_lap,
        len(circuits),
        method=method,
        seed=seed,
        draws=2000,  # spreads that may be nil mix slowest: of 800 a chain 407 are effective
    )
    noise = {c: float(np.median([f.noise_s for f in singles if f.circuit_id == c])) for c in circuits}
    field = p.mean("field")
    circuit = field + p.mean("shift")
    circuit_sd = np.sqrt((p.draws["field"][:, None] + p.draws["shift"]).var(axis=0) + p.mean("shift_variance"))
    return (
        PaceFit(
            circuits,
            field * SCALE,
            p.mean("between") * SCALE,
            circuit * SCALE,
            circuit_sd * SCALE,
            p.mean("within") * SCALE,
            float(p.mean("fuel")),
            float(p.sd("fuel")),
            float(np.median([f.noise_s for f in singles])),
            noise,
            float(np.std([f.noise_s for f in singles])),
            sum(f.n_laps for f in singles),
            {c: sum(f.n_laps for f in singles if f.circuit_id == c) for c in circuits},
            p,
        ),
        singles,
    )


def expected(laps: pd.DataFrame, singles: list[RaceFit]) -> npt.NDArray[np.float64]:
    """Return what each lap should have taken in free air on a green track, by its own race's fit; NaN where that has none."""
    out = np.full(len(laps), np.nan)
    rows = laps.groupby("race_id", sort=False).indices
    for f in singles:
        at = rows.get(f.race_id)
        if at is None:
            continue
        g = laps.iloc[at]
        own = pd.Series(f.intercepts, index=f.cars)
        value = g.driver_number.map(own).to_numpy(dtype=float) + design(g) @ f.effects
        known = g.compound_index.between(0, 2).to_numpy()
        out[at] = np.where(known, value, np.nan)
    return out
