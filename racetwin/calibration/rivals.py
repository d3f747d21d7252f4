"""How rivals decide: the hazard of a stop each lap, in the terms the race model uses.

``P(stop in the lap) = 1 - exp(-exp(eta))`` with ``eta`` linear in tyre age against the usual life of the set, track status, what
the cars just ahead and behind did, the gap behind, what is still owed and how many laps are left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from racetwin.calibration.bayes import Method, Posterior, sample
from racetwin.calibration.evidence import Evidence

COVER_GAP_S = 3.0
"""How near the cars just ahead and behind are for their stops to matter."""
HELD_UP_S = 1.2
"""A car nearer than this to the one ahead is held up."""
LATE_LAPS = 12.0
"""In this many last laps a stop pays less and less."""
LIFE_STRENGTH = 12.0
"""Stints that the field's life (scaled to the circuit) weighs as in a circuit's and compound's own."""
UNKNOWN_LIFE, AGE_SD = 20.0, 8.0
"""Usual life of a compound on which nobody has been seen to stop, and the spread of ages at stops where one stop tells none."""
HALF_LIFE_SEASONS = 2.0
"""Stops of a season weigh half as much as those of one so many seasons later: rules and tyres change how often cars stop."""
TERMS = ("age", "overdue", "sc", "vsc", "sc_later", "vsc_later", "undercut", "cover", "traffic", "free", "owed", "late")


@dataclass(frozen=True, slots=True)
class RivalFit:
    """Coefficients by name (``intercept`` and ``TERMS``), the usual life of each compound and the circuits' offsets."""

    coefficients: dict[str, float]
    life: tuple[float, ...]
    circuit_life: dict[str, tuple[float, ...]]
    circuit_intercept: dict[str, float]
    n_laps: int
    n_stops: int
    evidence: dict[str, Evidence]
    circuit_evidence: dict[str, dict[str, Evidence]]
    posterior: Posterior


def _green_stops(laps: pd.DataFrame) -> pd.DataFrame:
    """Return the green stops of dry Grands Prix that ended a stint on slicks."""
    s = laps[laps.pit_stop & (laps.stop_under == "GREEN") & ~laps.race_wet & (laps.session == "R") & laps.age.ge(5)]
    return s[s.compound_index.between(0, 2)]


def usual_life(laps: pd.DataFrame) -> tuple[tuple[float, ...], dict[str, tuple[float, ...]]]:
    """Return the median age at a green stop by slick compound, of the field and of each circuit shrunk to the field."""
    s = _green_stops(laps)
    field = s.groupby("compound_index").age.median().reindex(range(3)).fillna(UNKNOWN_LIFE)
    relative = s.age / s.compound_index.map(field)
    scale = relative.groupby(s.circuit_id).agg(["median", "size"])
    own = s.groupby(["circuit_id", "compound_index"]).age.agg(["median", "size"]).reset_index()
    circuits = {}
    for c, row in scale.iterrows():
        shared = (row["median"] * row["size"] + 10.0) / (row["size"] + 10.0)
        life = []
        for k in range(3):
            prior = field[k] * shared
            here = own[(own.circuit_id == c) & (own.compound_index == k)]
            if len(here):
                median, n = float(here["median"].iloc[0]), int(here["size"].iloc[0])
                prior = (median * n + LIFE_STRENGTH * prior) / (n + LIFE_STRENGTH)
            life.append(float(prior))
        circuits[str(c)] = tuple(life)
    return tuple(float(v) for v in field), circuits


def life_evidence(laps: pd.DataFrame) -> tuple[Evidence, dict[str, Evidence]]:
    """Return the evidence for :func:`usual_life`, of the field and by circuit."""
    s = _green_stops(laps)
    slicks = range(3)

    def told(g: pd.DataFrame, strength: float) -> Evidence:
        by = g.groupby("compound_index").age
        n, spread = by.size().reindex(slicks, fill_value=0), by.std().reindex(slicks).fillna(AGE_SD)
        sd = tuple(float(1.25 * spread[k] / (n[k] + strength + 1) ** 0.5) for k in slicks)
        # A compound nobody stopped on here has the field's life, scaled by what all stops here tell.
        return Evidence(sd, tuple(int(n[k]) or len(g) for k in slicks))

    return told(s, 0.0), {str(c): told(g, LIFE_STRENGTH) for c, g in s.groupby("circuit_id")}


def hazard_table(
    laps: pd.DataFrame,
    life: tuple[float, ...],
    circuit_life: dict[str, tuple[float, ...]],
    pit_loss: dict[str, float],
    field_loss: float,
) -> pd.DataFrame:
    """Return one row per car and lap of dry Grands Prix with the ``TERMS`` as known when the lap begins, and ``stop``."""
    d = laps[(laps.session == "R") & ~laps.race_wet & ~laps.is_red].copy()
    car = d.groupby(["race_id", "driver_number"], sort=False)
    stopped = d.pit_stop.astype(float)
    d["stop"] = stopped
    before = d.sort_values(["race_id", "lap", "race_time_s"], kind="stable")
    same_ahead = before.race_id.eq(before.race_id.shift(1)) & before.lap.eq(before.lap.shift(1))
    same_behind = before.race_id.eq(before.race_id.shift(-1)) & before.lap.eq(before.lap.shift(-1))
    d["gap_ahead_now"] = before.race_time_s.diff().where(same_ahead).reindex(d.index)
    d["gap_behind_now"] = (-before.race_time_s.diff(-1)).where(same_behind).reindex(d.index)
    d["number_ahead"] = before.driver_number.shift(1).where(same_ahead).reindex(d.index)
    d["number_behind"] = before.driver_number.shift(-1).where(same_behind).reindex(d.index)
    key = pd.MultiIndex.from_arrays([d.race_id, d.lap, d.driver_number])
    stop_of = pd.Series(stopped.to_numpy(), index=key)

    def neighbour_stops(number: pd.Series, gap: pd.Series) -> pd.Series:
        """Whether the neighbour two laps ago (before it stopped) stopped on the lap before this one."""
        who, near = car_shift(number, 2), car_shift(gap, 2) < COVER_GAP_S
        look = pd.MultiIndex.from_arrays([d.race_id, d.lap - 1, who])
        return pd.Series(stop_of.reindex(look).fillna(0.0).to_numpy(), index=d.index) * near

    def car_shift(column: pd.Series, k: int) -> pd.Series:
        return column.groupby([d.race_id, d.driver_number], sort=False).shift(k)

    undercut = neighbour_stops(d.number_ahead, d.gap_ahead_now)
    cover = neighbour_stops(d.number_behind, d.gap_behind_now)
    age = (d.age - 1).clip(lower=0)
    rows = [circuit_life.get(c, life) for c in d.circuit_id]
    table = np.array(rows, dtype=float).reshape(len(d), 3)
    k = d.compound_index.clip(0, 2).to_numpy()
    share = age.to_numpy() / table[np.arange(len(d)), k]
    loss = d.circuit_id.map(pit_loss).fillna(field_loss).to_numpy() + 2.5
    slick = d.compound_index.between(0, 2).to_numpy()
    used = pd.Series(np.where(slick, 1 << k, 0), index=d.index)
    seen = used.groupby([d.race_id, d.driver_number], sort=False).transform(lambda v: np.bitwise_or.accumulate(v))
    owed = np.isin(seen, [1, 2, 4]).astype(float)
    to_go = (d.total_laps - d.lap).to_numpy(dtype=float)
    young = np.minimum(1.0, share / 0.5)
    slowed = car.neutral.shift(1, fill_value=False).astype(bool)
    out = pd.DataFrame(
        {
            "race_id": d.race_id,
            "circuit_id": d.circuit_id,
            "season": d.season,
            "driver_number": d.driver_number,
            "lap": d.lap,
            "compound_index": d.compound_index,
            "age_laps": age,
            "stint": d.stint,
            "age": share,
            "overdue": np.maximum(share - 1, 0),
            "sc": (d.is_sc & ~slowed).to_numpy() * young,
            "vsc": (d.is_vsc & ~d.is_sc & ~slowed).to_numpy() * young,
            "sc_later": (d.is_sc & slowed).to_numpy() * young,
            "vsc_later": (d.is_vsc & ~d.is_sc & slowed).to_numpy() * young,
            "undercut": undercut,
            "cover": cover,
            "traffic": (car_shift(d.gap_ahead_now, 1) < HELD_UP_S).astype(float),
            "free": (car_shift(d.gap_behind_now, 2) > loss).astype(float),
            "owed": owed * (d.lap / d.total_laps),
            "late": np.where(owed > 0, 0.0, np.maximum(LATE_LAPS - to_go, 0)),
            "to_go": to_go,
            "stop": d.stop,
        }
    )
    usable = (d.lap > 2) & d.compound_index.between(0, 2) & d.age.notna() & ~d.last_lap_before_retirement
    usable &= ~car.pit_stop.shift(1, fill_value=False).astype(bool)
    return out[usable].reset_index(drop=True)


def _model(x: Any, stop: Any, weight: Any, circuit: Any, n_circuits: int) -> None:
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    centre = jnp.array([4.0, 0.0, 2.0, 1.5, 1.0, 0.0, 0.4, 0.4, 0.2, 0.2, 0.8, -0.3])
    width = jnp.array([2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 1.0, 0.3])
    intercept = numpyro.sample("intercept", dist.Normal(-6.5, 1.5))
    b = numpyro.sample("b", dist.Normal(centre, width).to_event(1))
    spread = numpyro.sample("spread", dist.LogNormal(-1.5, 0.5))
    effect = numpyro.sample("circuit", dist.Normal(jnp.zeros(n_circuits), spread).to_event(1))
    hazard = jnp.exp(jnp.clip(intercept + x @ b + effect[circuit], -20.0, 3.0))
    log_stop = jnp.log(-jnp.expm1(-hazard))
    numpyro.factor("stops", (weight * jnp.where(stop > 0, log_stop, -hazard)).sum())


def fit(
    laps: pd.DataFrame,
    pit_loss: dict[str, float],
    field_loss: float,
    method: Method = "nuts",
    seed: int = 0,
) -> RivalFit:
    """Fit the hazard on all dry Grands Prix."""
    life, circuit_life = usual_life(laps)
    t = hazard_table(laps, life, circuit_life, pit_loss, field_loss)
    circuits = sorted(t.circuit_id.unique())
    index = t.circuit_id.map({c: i for i, c in enumerate(circuits)}).to_numpy()
    p = sample(
        "rivals' stops",
        _model,
        t[list(TERMS)].to_numpy(dtype=float),
        t.stop.to_numpy(dtype=float),
        0.5 ** ((t.season.max() - t.season.to_numpy(dtype=float)) / HALF_LIFE_SEASONS),
        index,
        len(circuits),
        method=method,
        seed=seed,
    )
    b = p.mean("b")
    at = t.groupby("circuit_id").size()
    apart = np.atleast_1d(p.sd("circuit"))
    evidence = {
        f"stop_{k}": Evidence(float(v), len(t))
        for k, v in zip(("intercept", *TERMS), (p.sd("intercept"), *p.sd("b")), strict=True)
    }
    own = {"stop_intercept": {c: Evidence(float(v), int(at[c])) for c, v in zip(circuits, apart, strict=True)}}
    evidence["life_laps"], own["life_laps"] = life_evidence(laps)
    return RivalFit(
        {"intercept": float(p.mean("intercept")), **{k: float(v) for k, v in zip(TERMS, b, strict=True)}},
        life,
        circuit_life,
        dict(zip(circuits, map(float, p.mean("circuit")), strict=True)),
        len(t),
        int(t.stop.sum()),
        evidence,
        own,
        p,
    )
