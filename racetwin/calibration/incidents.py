"""Safety cars, red flags and retirements: how often, where, for how long, and what the field does meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from racetwin.calibration.evidence import Evidence, of_median, of_share
from racetwin.simulation.parameters import MAX_NEUTRALISED_LAPS

CIRCUIT_STRENGTH = 4.0
"""Expected events that the field's rate weighs as when a circuit's own is shrunk to it (gamma prior with mean 1)."""
LENGTH_STRENGTH = 6.0
"""Neutralisations that the smoothed shape weighs as in a length distribution."""
RETIREMENT_HALF_LIFE = 3.0
"""Seasons after which a retirement counts half: cars have become more reliable."""


@dataclass(frozen=True, slots=True)
class IncidentFit:
    """Rates per lap and per retirement, by kind (``SC``, ``VSC``, ``RED``), and each circuit's factor on them.

    ``paces`` lacks what no lap shows. ``evidence`` is by name of the parameter file;
    ``circuit_evidence`` by kind and circuit: of the factor.
    """

    lap1: dict[str, float]
    rate: dict[str, float]
    per_retirement: dict[str, float]
    circuit_factor: dict[str, dict[str, float]]
    sc_laps: tuple[float, ...]
    vsc_laps: tuple[float, ...]
    paces: dict[str, float]
    retirement_rate: float
    retirement_lap1: float
    n_races: int
    evidence: dict[str, Evidence]
    circuit_evidence: dict[str, dict[str, Evidence]]


def leader_laps(laps: pd.DataFrame) -> pd.DataFrame:
    """Return one row per race and lap, of the first car to complete it, with the status ``code`` G, SC, VSC or RED."""
    lead = (
        laps.sort_values(["race_id", "lap", "race_time_s"], kind="stable")
        .groupby(["race_id", "lap"], sort=False)
        .head(1)
    )
    lead = lead.sort_values(["race_id", "lap"], kind="stable").reset_index(drop=True)
    code = np.where(lead.is_red, "RED", np.where(lead.is_sc, "SC", np.where(lead.is_vsc, "VSC", "G")))
    lead["code"] = code
    same = lead.race_id.eq(lead.race_id.shift(1))
    lead["code_before"] = lead.code.shift(1).where(same, "")
    return lead


def retirements(laps: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Return one row per starter of a Grand Prix: ``retired`` and the last lap it completed."""
    r = results[(results.session == "R") & (results.position.astype(str) != "DNS")].copy()
    last = laps.groupby(["race_id", "driver_number"]).lap.max().rename("last")
    r = r.merge(last.reset_index(), on=["race_id", "driver_number"], how="left")
    r["last"] = r["last"].fillna(0).astype(int)
    r["retired"] = r.position.astype(str).eq("DNF")
    return r


def length_distribution(lengths: npt.NDArray[np.int64], mean_prior: float) -> tuple[float, ...]:
    """Smooth observed lengths (laps after the lap of deployment) towards a Poisson shape of the same mean."""
    k = np.arange(1, MAX_NEUTRALISED_LAPS + 1)
    counts = np.bincount(np.clip(lengths, 1, MAX_NEUTRALISED_LAPS), minlength=MAX_NEUTRALISED_LAPS + 1)[1:]
    mean = (lengths.sum() + LENGTH_STRENGTH * mean_prior) / (len(lengths) + LENGTH_STRENGTH)
    rate = max(mean - 1, 0.05)
    log_shape = (k - 1) * np.log(rate) - np.cumsum(np.log(np.maximum(k - 1, 1)))
    shape = np.exp(log_shape - log_shape.max())
    pmf = counts + LENGTH_STRENGTH * shape / shape.sum()
    pmf = np.round(pmf / pmf.sum(), 5)
    pmf[np.argmax(pmf)] += 1.0 - pmf.sum()
    return tuple(float(v) for v in pmf)


def _lengths(lead: pd.DataFrame, kind: str) -> npt.NDArray[np.int64]:
    new_run = (lead.code != lead.code_before) | (lead.race_id != lead.race_id.shift(1))
    run = new_run.cumsum()
    sizes = lead[lead.code == kind].groupby(run[lead.code == kind]).size()
    return np.asarray(sizes.to_numpy(), dtype=np.int64) - 1


def fit(laps: pd.DataFrame, results: pd.DataFrame) -> IncidentFit:
    """Count events and exposures; a neutralisation within a lap after a retirement is put down to it."""
    d = laps[laps.session == "R"]
    lead = leader_laps(d)
    starters = retirements(d, results)
    n_races = int(lead.race_id.nunique())
    out = starters[starters.retired].groupby(["race_id", "last"]).size()
    entered = pd.MultiIndex.from_arrays([lead.race_id, lead.lap - 1])
    lead["out_in_lap"] = out.reindex(entered, fill_value=0).to_numpy(dtype=float)
    before = lead.groupby("race_id").out_in_lap
    lead["out_near"] = lead.out_in_lap + before.shift(1, fill_value=0.0)
    later = lead[(lead.lap > 1)]
    free = later[later.code_before.isin(["G"])]
    n_out = float(free.out_in_lap.sum())
    lap1, rate, per, factor = {}, {}, {}, {}
    evidence: dict[str, Evidence] = {}
    own: dict[str, dict[str, Evidence]] = {}
    at = lead.groupby("circuit_id").race_id.nunique()
    for kind in ("SC", "VSC", "RED"):
        start = (lead.code == kind) & (lead.code_before != kind)
        origin = free if kind != "RED" else later
        begun = origin[start.reindex(origin.index)]
        linked = int((begun.out_near > 0).sum())
        exposure = float((origin.out_near == 0).sum())
        rate[kind] = (len(begun) - linked + 0.5) / (exposure + 100.0)
        chance = 2 * rate[kind] * float((origin.out_near > 0).sum()) / 2
        per[kind] = max(linked - chance, 0.25) / max(n_out, 1.0)
        on_first = int((start & (lead.lap == 1)).sum())
        lap1[kind] = (on_first + 0.5) / (n_races + 4.0)
        word = kind.lower()
        evidence[f"{word}_rate"] = of_share(len(begun) - linked, exposure)
        evidence[f"{word}_retirement"] = of_share(linked, n_out)
        evidence[f"{word}_lap1"] = of_share(on_first, n_races)
        events = lead[start].groupby("circuit_id").size()
        mean = float(start.sum()) / max(n_races, 1)
        factor[kind] = {
            str(c): float((events.get(c, 0) + CIRCUIT_STRENGTH) / (n * mean + CIRCUIT_STRENGTH)) for c, n in at.items()
        }
        own[kind] = {
            str(c): Evidence(
                float((events.get(c, 0) + CIRCUIT_STRENGTH) ** 0.5 / (n * mean + CIRCUIT_STRENGTH)), int(n)
            )
            for c, n in at.items()
        }
    paces, seen = _paces(d, lead)
    season = starters.race_id.map(d.groupby("race_id").season.first()).fillna(int(d.season.max()))
    age = int(d.season.max()) - season
    weight = 0.5 ** (age / RETIREMENT_HALF_LIFE)
    first = starters.retired & (starters["last"] == 0)
    on = weight * ~first  # the first lap has a chance of its own; the rate is of those who come through it
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    retirement_rate = float((on * starters.retired).sum() / on.sum())
    retirement_lap1 = float((weight * first).sum() / weight.sum())
    lengths = {"sc_laps": _lengths(lead, "SC"), "vsc_laps": _lengths(lead, "VSC")}
    pmf = {k: length_distribution(v, {"sc_laps": 3.2, "vsc_laps": 1.3}[k]) for k, v in lengths.items()}
    for name, shares in pmf.items():
        n = len(lengths[name])
        sd = tuple(float(((q + 0.5 / (n + 1)) * (1 - q) / (n + LENGTH_STRENGTH + 1)) ** 0.5) for q in shares)
        evidence[name] = Evidence(sd, n)
    return IncidentFit(
        lap1,
        rate,
        per,
        factor,
        pmf["sc_laps"],
        pmf["vsc_laps"],
        paces,
        retirement_rate=retirement_rate,
        retirement_lap1=retirement_lap1,
        n_races=n_races,
        evidence={
            **evidence,
            **seen,
            "retirement_rate": of_share(retirement_rate * effective, effective),
            "retirement_lap1": of_share(retirement_lap1 * effective, effective),
        },
        circuit_evidence=own,
    )


def _paces(d: pd.DataFrame, lead: pd.DataFrame) -> tuple[dict[str, float], dict[str, Evidence]]:
    """Lap time as a multiple of a racing lap behind the SC, catching it, on deployment and under VSC; the gap in its train."""
    usual = d[d.clean].groupby("race_id").lap_time_s.median()
    ratio = lead.lap_time_s / lead.race_id.map(usual)
    after = lead.groupby("race_id").code.shift(-1)
    mid = (lead.code == "SC") & (lead.code_before == "SC") & (after == "SC")
    deploy = (lead.code == "SC") & (lead.code_before == "G")
    vsc = d[(d.track_status == "6") & ~d.pit_in & ~d.pit_out]
    train = d.merge(lead.loc[mid, ["race_id", "lap"]], on=["race_id", "lap"])
    catching = train[(train.gap_ahead_s > 6) & (train.gap_ahead_s < 60) & ~train.pit_in & ~train.pit_out]
    last = (lead.code == "SC") & (lead.code_before == "SC") & (after == "G")
    lined_up = d.merge(lead.loc[last, ["race_id", "lap"]], on=["race_id", "lap"])
    lined_up = lined_up[(lined_up.laps_down == 0) & lined_up.gap_ahead_end_s.notna()]
    seen = {
        "sc_pace": (ratio[mid], lead.race_id[mid]),
        "sc_catch_pace": (catching.lap_time_s / catching.race_id.map(usual), catching.race_id),
        "sc_deploy_pace": (ratio[deploy], lead.race_id[deploy]),
        "vsc_pace": (vsc.lap_time_s / vsc.race_id.map(usual), vsc.race_id),
        "sc_gap_s": (lined_up.gap_ahead_end_s, lined_up.race_id),
    }
    known = {name: (v.dropna(), race[v.notna()]) for name, (v, race) in seen.items() if v.notna().any()}
    paces = {name: float(v.median()) for name, (v, _) in known.items()}
    return paces, {name: of_median(v, race.to_numpy()) for name, (v, race) in known.items()}
