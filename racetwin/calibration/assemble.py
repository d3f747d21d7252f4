"""All fits as one parameter file, with where every number comes from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from racetwin import __version__
from racetwin.calibration.incidents import IncidentFit
from racetwin.calibration.pace import CLIFF_FROM, PaceFit, RaceFit, fuel_load_kg
from racetwin.calibration.rivals import COVER_GAP_S, LATE_LAPS, TERMS, RivalFit
from racetwin.calibration.starts import SLOT_S, StartFit
from racetwin.calibration.stops import COLD_TYRE_S, StopFit
from racetwin.calibration.tables import RaceTables
from racetwin.calibration.traffic import TrafficFit

Entry = dict[str, Any]
FIT = "fit"
"""Source of every value fitted from the races that the file's ``calibration`` block names."""


@dataclass(frozen=True, slots=True)
class Fits:
    """Every fit of one calibration."""

    pace: PaceFit
    singles: list[RaceFit]
    stops: StopFit
    incidents: IncidentFit
    starts: StartFit
    traffic: TrafficFit
    rivals: RivalFit


def priors() -> dict[str, Any]:
    """Return the literature and rule values that fits replace: the file ``racetwin/data/priors.json``."""
    document: dict[str, Any] = json.loads(files("racetwin").joinpath("data/priors.json").read_text(encoding="utf-8"))
    return document


def _number(value: Any, digits: int = 5) -> Any:
    if isinstance(value, (list, tuple, np.ndarray)):
        return [round(float(v), digits) for v in value]
    return int(value) if isinstance(value, (int, np.integer)) else round(float(value), digits)


def _entry(value: Any, sd: Any = None, source: str = FIT) -> Entry:
    entry: Entry = {"value": _number(value)}
    if sd is not None:
        entry["sd"] = _number(sd)
    entry["source"] = source
    return entry


def _wet(prior: Mapping[str, Any], name: str) -> list[float]:
    """Return the two wet compounds of a five-compound prior."""
    return [float(v) for v in prior[name]["value"][3:]]


def tyres(effects: Any, prior: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return offsets, wear and cliff of five compounds from the nine effects; wear never falls, so it is kept above zero."""
    return {
        "compound_offset_s": [effects[1], 0.0, effects[2], *_wet(prior, "compound_offset_s")],
        "wear_s": [*np.maximum(effects[3:6], 0.002), *_wet(prior, "wear_s")],
        "cliff_s": [*np.maximum(effects[6:9], 0.0), *_wet(prior, "cliff_s")],
    }


def reference_laps(singles: list[RaceFit]) -> tuple[dict[str, float], dict[str, float], float]:
    """Return the reference lap by circuit (as of the latest season), by ``circuit/season`` and of the field, seconds.

    A circuit's lap in a season it was not raced in follows from how much faster or slower the other circuits became.
    """
    own = {
        f"{f.circuit_id}/{f.season}": (f, float(np.median(f.intercepts) + f.effects[0] * f.total_laps / 2))
        for f in singles
    }
    rows = pd.DataFrame(
        [(f.circuit_id, f.season, np.log(v)) for f, v in own.values()], columns=["circuit", "season", "log"]
    )
    effect = dict.fromkeys(sorted(rows.season.unique()), 0.0)
    for _ in range(30):
        level = (rows.log - rows.season.map(effect)).groupby(rows.circuit).mean()
        left = rows.log - rows.circuit.map(level)
        n = left.groupby(rows.season).size()
        new = left.groupby(rows.season).sum() / (n + 2.0)
        effect = {s: float(new[s] - new.iloc[0]) for s in effect}
    latest = max(effect)
    last = rows.sort_values("season").groupby("circuit").tail(1)
    circuits = {
        str(c): float(np.exp(float(log) + effect[latest] - effect[season]))
        for c, season, log in zip(last.circuit, last.season, last.log, strict=True)
    }
    return circuits, {k: v for k, (_, v) in own.items()}, float(np.median(list(circuits.values())))


def document(fits: Fits, tables: RaceTables, form: Mapping[str, Any], diagnostics: list[str]) -> dict[str, Any]:
    """Return the parameter file of these fits."""
    base = priors()
    prior = base["defaults"]
    defaults = {**prior, **_defaults(fits, tables, prior)}
    circuits = {c: {**base["circuits"].get(c, {}), **e} for c, e in _circuits(fits, tables, prior).items()}
    for c, e in base["circuits"].items():
        circuits.setdefault(c, e)
    seasons = _seasons(base["seasons"])
    circuit_seasons: dict[str, dict[str, Entry]] = {k: dict(v) for k, v in base["circuit_seasons"].items()}
    for key, lap in reference_laps(fits.singles)[1].items():
        circuit_seasons.setdefault(key, {})["reference_lap_s"] = _entry(lap)
    last = tables.races.iloc[-1]
    calibration: dict[str, Any] = {
        "code_version": __version__,
        "n_races": len(tables.races),
        "last_race": str(last.race_id),
        "last_date": str(last.date),
        "races": [str(r) for r in tables.races.race_id],
        "laps": len(tables.laps),
        "diagnostics": diagnostics,
    }
    body = {
        "format": "racetwin-parameters/1",
        "provenance": {
            **{k: v for k, v in base["provenance"].items() if k != "quick"},
            FIT: f"racetwin calibrate on {len(tables.races)} races to {last.date}; see the block 'calibration'",
            "climatology": "share of races in which it happened, over the races of 'calibration', with a weak prior",
        },
        "calibration": calibration,
        "form": form,
        "defaults": defaults,
        "seasons": seasons,
        "circuits": dict(sorted(circuits.items())),
        "circuit_seasons": dict(sorted(circuit_seasons.items())),
    }
    calibration["hash"] = digest(body)
    return body


def digest(body: Mapping[str, Any]) -> str:
    """Return a hash over everything in the file but itself."""
    calibration = {k: v for k, v in body["calibration"].items() if k != "hash"}
    text = json.dumps({**body, "calibration": calibration}, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _defaults(fits: Fits, tables: RaceTables, prior: Mapping[str, Any]) -> dict[str, Entry]:
    p, s, n, t, r = fits.pace, fits.stops, fits.incidents, fits.traffic, fits.rivals
    gp = tables.races[tables.races.session == "R"]
    total = int(gp.laps_scheduled.fillna(gp.laps_run).median())
    _, _, reference = reference_laps(fits.singles)
    b = r.coefficients
    out = {
        "total_laps": _entry(total),
        "reference_lap_s": _entry(reference),
        "fuel_s_per_kg": _entry(p.fuel_s_per_kg, p.fuel_sd),
        "track_evolution_s": _entry(-p.field[0] * total, p.field_sd[0] * total),
        "lap_noise_s": _entry(p.noise_s),
        "cliff_age": _entry([*CLIFF_FROM, *_wet(prior, "cliff_age")]),
        "life_laps": _entry([*r.life, *_wet(prior, "life_laps")]),
        "cold_tyre_s": _entry(COLD_TYRE_S, source="tum"),
        "grid_slot_s": _entry(SLOT_S),
        "standing_start_s": _entry(fits.starts.standing_start_s),
        "start_sd_s": _entry(fits.starts.start_sd_s),
        "dirty_air_s": _entry(t.dirty_air_s),
        "dirty_air_range_s": _entry(t.dirty_range_s),
        "follow_gap_s": _entry(t.follow_gap_s),
        "pass_intercept": _entry(t.intercept),
        "pass_slope": _entry(t.slope),
        "pass_circuit": _entry(0.0, t.circuit_sd),
        "pass_drs": _entry(0.0),
        "pit_loss_s": _entry(s.field, s.field_sd),
        "pit_loss_sc_s": _entry(s.field * s.sc_ratio),
        "pit_loss_vsc_s": _entry(s.field * s.vsc_ratio),
        "sc_laps": _entry(n.sc_laps),
        "vsc_laps": _entry(n.vsc_laps),
        "sc_pace": _entry(n.sc_pace),
        "sc_catch_pace": _entry(n.sc_catch_pace),
        "sc_deploy_pace": _entry(n.sc_deploy_pace),
        "vsc_pace": _entry(n.vsc_pace),
        "sc_gap_s": _entry(n.sc_gap_s),
        "retirement_rate": _entry(n.retirement_rate, source="climatology"),
        "retirement_lap1": _entry(n.retirement_lap1, source="climatology"),
        "stop_intercept": _entry(b["intercept"]),
        "stop_cover_gap_s": _entry(COVER_GAP_S),
        "stop_late_laps": _entry(LATE_LAPS),
        "choice_spread": _entry(r.choice_spread),
    }
    for name, values in tyres(p.field, prior).items():
        out[name] = _entry(values)
    for name, value in zip(
        ("stationary_s", "stationary_body_s", "stationary_tail_from", "stationary_tail_s"),
        s.stationary or (),
        strict=False,
    ):
        out[name] = _entry(value)
    for kind, word in (("SC", "sc"), ("VSC", "vsc"), ("RED", "red")):
        out[f"{word}_lap1"] = _entry(n.lap1[kind], source="climatology")
        out[f"{word}_rate"] = _entry(n.rate[kind], source="climatology")
        out[f"{word}_retirement"] = _entry(n.per_retirement[kind], source="climatology")
    for term in TERMS:
        out[f"stop_{term}"] = _entry(b[term])
    return out


def _circuits(fits: Fits, tables: RaceTables, prior: Mapping[str, Any]) -> dict[str, dict[str, Entry]]:
    p, s, n, t, r = fits.pace, fits.stops, fits.incidents, fits.traffic, fits.rivals
    gp = tables.races[tables.races.session == "R"]
    total = gp.laps_scheduled.fillna(gp.laps_run).groupby(gp.circuit_id).last().astype(int)
    reference, _, _ = reference_laps(fits.singles)
    out: dict[str, dict[str, Entry]] = {}
    for c in sorted(gp.circuit_id.unique()):
        e: dict[str, Entry] = {"total_laps": _entry(int(total[c]))}
        if c in reference:
            e["reference_lap_s"] = _entry(reference[c])
        if c in p.circuits:
            k = p.circuits.index(c)
            e["track_evolution_s"] = _entry(-p.circuit[k, 0] * total[c], p.circuit_sd[k, 0] * total[c])
            sd = tyres(p.circuit_sd[k], prior)
            for name, values in tyres(p.circuit[k], prior).items():
                e[name] = _entry(values, [*sd[name][:3], 0.0, 0.0])
            e["lap_noise_s"] = _entry((3 * p.noise_by_circuit[c] + 2 * p.noise_s) / 5)
        if c in s.green:
            e["pit_loss_s"] = _entry(s.green[c], s.green_sd[c])
            e["pit_loss_sc_s"] = _entry(s.sc[c])
            e["pit_loss_vsc_s"] = _entry(s.vsc[c])
        if c in t.circuit:
            e["pass_circuit"] = _entry(t.circuit[c])
        if c in r.circuit_life:
            e["life_laps"] = _entry([*r.circuit_life[c], *_wet(prior, "life_laps")])
        if c in r.circuit_intercept:
            e["stop_intercept"] = _entry(r.coefficients["intercept"] + r.circuit_intercept[c])
        for kind, word in (("SC", "sc"), ("VSC", "vsc"), ("RED", "red")):
            factor = n.circuit_factor[kind].get(c, 1.0)
            e[f"{word}_lap1"] = _entry(n.lap1[kind] * factor, source="climatology")
            e[f"{word}_rate"] = _entry(n.rate[kind] * factor, source="climatology")
            e[f"{word}_retirement"] = _entry(n.per_retirement[kind] * factor, source="climatology")
        out[c] = e
    return out


def _seasons(base: Mapping[str, Any]) -> dict[str, dict[str, Entry]]:
    out: dict[str, dict[str, Entry]] = {k: dict(v) for k, v in base.items()}
    for season in out:
        out[season]["fuel_start_kg"] = _entry(fuel_load_kg(int(season)), source="rules")
    if "2018" in out:
        out.setdefault("2019", {})["fuel_start_kg"] = _entry(fuel_load_kg(2019), source="rules")
    return out
