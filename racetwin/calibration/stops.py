"""Pit stops: what the lane costs at each circuit under each track status, and how long cars stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize

from racetwin.calibration import standing
from racetwin.calibration.bayes import Method, Posterior, sample
from racetwin.calibration.evidence import Evidence, of_median

COLD_TYRE_S = 1.0
"""Loss on the first lap of a cold set [TUM]: timed as one with the lane's, so it is taken from the literature."""
LEAST_TIMED = 60
"""Fewer stops than this timed at a standstill say nothing of the tail; the distribution then stays as it was before."""
UNTIMED_S = 2.5
"""Time at a standstill that is taken off a stop's loss where no stop was timed, s [TUM]."""
STATIONARY = ("stationary_s", "stationary_body_s", "stationary_tail_from", "stationary_tail_s")
DRAWS = 30
"""Samples of the stops that the spread of the stationary time's numbers is told from."""
LEAST_NEUTRALISED = 20
"""Stops under SC or VSC that are needed for what one costs against green."""
_STRENGTH = 8.0
"""Stops under SC or VSC that weigh as much as the pooled ratio when a circuit's own ratio is shrunk to it."""


@dataclass(frozen=True, slots=True)
class StopFit:
    """Net loss by circuit and the stationary-time distribution.

    ``green`` maps circuit to seconds without stationary time and cold tyres; ``field`` is the field's median and ``field_sd`` the
    spread of circuits. ``sc_ratio`` and ``vsc_ratio`` are the losses under SC and VSC against green, the lane alone.
    ``stationary`` holds ``(s, body, from, tail)`` of the formula in :class:`racetwin.simulation.parameters.RaceParameters`; None
    where too few stops were timed at a standstill (before 2019 none were). ``evidence`` is by name of the parameter file;
    ``circuit_evidence`` by that and circuit.
    """

    green: dict[str, float]
    green_sd: dict[str, float]
    field: float
    field_sd: float
    sc_ratio: float | None
    vsc_ratio: float | None
    sc: dict[str, float]
    vsc: dict[str, float]
    stationary: tuple[float, float, float, float] | None
    n_stops: int
    evidence: dict[str, Evidence]
    circuit_evidence: dict[str, dict[str, Evidence]]
    posterior: Posterior


def losses(laps: pd.DataFrame, expected_s: npt.NDArray[np.float64]) -> pd.DataFrame:
    """Return one row per stop of a dry race with its loss over in- and out-lap, seconds.

    Under green the loss is against the car's own expectation in free air; under SC and VSC against the median of the cars that
    did not stop in the same two laps.
    """
    d = laps.assign(expected=expected_s)
    car = d.groupby(["race_id", "driver_number"], sort=False)
    d["two"] = d.lap_time_s + car.lap_time_s.shift(-1)
    d["two_expected"] = d.expected + car.expected.shift(-1)
    d["neutral_next"] = car.neutral.shift(-1)
    d["clear"] = ~(d.pit_in | car.pit_in.shift(-1, fill_value=False).astype(bool) | d.pit_out)
    staying = d[d.clear & ~d.is_red].groupby(["race_id", "lap"]).two.median().rename("two_staying")
    again = car.pit_in.shift(-1, fill_value=True).astype(bool)
    s = d[d.pit_stop & ~d.race_wet & ~again & (d.lap > 1)].merge(staying, on=["race_id", "lap"], how="left")
    green = (s.stop_under == "GREEN") & ~s.neutral & (s.neutral_next == False)  # noqa: E712 - object column with NaN
    s["under"] = np.where(green, "GREEN", np.where(s.stop_under == "GREEN", "", s.stop_under.astype(str)))
    s["loss"] = np.where(green, s.two - s.two_expected, s.two - s.two_staying)
    return s[(s.under != "") & s.loss.between(-5, 60)]


def _model(loss: Any, circuit: Any, n_circuits: int) -> None:
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    field = 19.5 + 3.0 * numpyro.sample("field_z", dist.Normal(0.0, 1.0))
    numpyro.deterministic("field", field)
    spread = numpyro.sample("spread", dist.LogNormal(1.0, 0.4))
    scale = numpyro.sample("scale", dist.LogNormal(0.0, 0.7))
    away = numpyro.sample("away", dist.Normal(jnp.zeros(n_circuits), spread).to_event(1))
    effect = numpyro.deterministic("circuit", field + away)
    numpyro.sample("loss", dist.StudentT(2.5, effect[circuit], scale), obs=loss)


def stationary_quantile(p: npt.ArrayLike, s: float, body: float, start: float, tail: float) -> npt.NDArray[np.float64]:
    """Return quantiles of the stationary time, seconds."""
    w = -np.log1p(-np.asarray(p, dtype=float))
    return np.asarray(s + body * w + tail * np.maximum(w - start, 0.0), dtype=float)


def fit_stationary(times: npt.NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Fit ``(s, body, from, tail)`` by quantiles, the ends of the central 90 % weighing most."""
    p = np.array([0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98])
    weight = np.array([1.0, 3.0, 2.0, 2.0, 3.0, 2.0, 1.0, 1.0, 0.3])
    observed = np.quantile(times, p)

    def cost(v: npt.NDArray[np.float64]) -> float:
        q = stationary_quantile(p, v[0], np.exp(v[1]), np.exp(v[2]), np.exp(v[3]))
        return float((weight * (np.log(q) - np.log(observed)) ** 2).sum() if q[0] > 0 else 1e6)

    start = np.array([2.1, np.log(1.0), np.log(2.0), np.log(4.0)])
    found = minimize(cost, start, method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-5, "fatol": 1e-9})
    body, from_, tail = (float(v) for v in np.exp(found.x[1:]))
    return float(found.x[0]), body, from_, tail


def fit(laps: pd.DataFrame, expected_s: npt.NDArray[np.float64], method: Method = "nuts", seed: int = 0) -> StopFit:
    """Fit losses of all circuits together (Student-t errors) and the stationary time of late, teams' shifts off."""
    s = losses(laps, expected_s)
    timed_stops = standing.timed_stops(laps)
    last = int(laps.season.max())
    recent = timed_stops[timed_stops.season > last - standing.SEASONS]
    timed_s = (recent.stand_s - recent.team.map(standing.crews(recent, last))).to_numpy(dtype=float)
    stationary = fit_stationary(timed_s) if len(timed_s) >= LEAST_TIMED else None
    usual = float(stationary_quantile(0.5, *stationary)) if stationary is not None else UNTIMED_S
    stood = s.pit_stationary_s.astype(float).fillna(usual)
    s = s.assign(lane=s.loss - stood - COLD_TYRE_S)
    green = s[s.under == "GREEN"]
    circuits = sorted(green.circuit_id.unique())
    index = green.circuit_id.map({c: i for i, c in enumerate(circuits)}).to_numpy()
    p = sample(
        "pit loss",
        _model,
        green.lane.to_numpy(dtype=float),
        index,
        len(circuits),
        method=method,
        seed=seed,
    )
    mean, sd = p.mean("circuit"), p.sd("circuit")
    by_circuit = dict(zip(circuits, map(float, mean), strict=True))
    field = float(p.mean("field"))
    n_at = green.groupby("circuit_id").size()
    evidence = {"pit_loss_s": Evidence(float(p.mean("spread")), len(green))}
    own_evidence = {
        "pit_loss_s": {c: Evidence(float(v), int(n_at[c])) for c, v in zip(circuits, np.atleast_1d(sd), strict=True)}
    }
    ratios: dict[str, float | None] = {}
    by_status: dict[str, dict[str, float]] = {}
    for under, name in (("SC", "pit_loss_sc_s"), ("VSC", "pit_loss_vsc_s")):
        g = s[s.under == under]
        ratio = g.lane / g.circuit_id.map(by_circuit).fillna(field)
        if len(g) <= LEAST_NEUTRALISED:
            ratios[under], by_status[under] = None, {}
            continue
        pooled = float(np.clip(ratio.median(), 0.25, 0.9))
        ratios[under] = pooled
        own = ratio.groupby(g.circuit_id).agg(["median", "size", "std"])
        shrunk = (own["size"] * own["median"] + _STRENGTH * pooled) / (own["size"] + _STRENGTH)
        by_status[under] = {
            c: by_circuit[c] * float(np.clip(shrunk.get(c, pooled), 0.7 * pooled, 1.3 * pooled)) for c in circuits
        }
        of_field = of_median(ratio, g.race_id.to_numpy())
        spread = float((own["median"] - pooled).abs().median()) if len(own) > 1 else 0.1
        evidence[name] = Evidence(float(field * np.asarray(of_field.sd)), len(g))
        # Of a circuit: how far circuits' own ratios lie from the pooled one, less what its own stops say.
        own_evidence[name] = {
            c: Evidence(by_circuit[c] * max(spread, 0.02) * (_STRENGTH / (_STRENGTH + k)) ** 0.5, int(k) or len(g))
            for c, k in ((c, float(own["size"].get(c, 0))) for c in circuits)
        }
    if stationary is not None:
        evidence |= _stationary_evidence(timed_s, seed)
    return StopFit(
        by_circuit,
        dict(zip(circuits, map(float, np.atleast_1d(sd)), strict=True)),
        field,
        float(p.mean("spread")),
        ratios["SC"],
        ratios["VSC"],
        by_status["SC"],
        by_status["VSC"],
        stationary,
        len(green),
        evidence,
        own_evidence,
        p,
    )


def _stationary_evidence(times: npt.NDArray[np.float64], seed: int) -> dict[str, Evidence]:
    """Return the evidence for the four numbers of the stationary time: their spread over samples of the stops."""
    rng = np.random.default_rng(seed)
    found = np.array([fit_stationary(rng.choice(times, len(times))) for _ in range(DRAWS)])
    low, high = np.quantile(found, [0.16, 0.84], axis=0)  # a sample without slow stops has no tail to tell
    return {name: Evidence(float(v), len(times)) for name, v in zip(STATIONARY, (high - low) / 2, strict=True)}
