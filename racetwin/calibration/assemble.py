"""All fits as one parameter file, with where every number comes from.

Every entry names its source, and a number of a tuple its own: what was fitted carries its standard error and the observations it
was fitted on, what was chosen says why.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from racetwin import __version__
from racetwin.calibration.bayes import Method
from racetwin.calibration.car_wear import CarWear
from racetwin.calibration.choices import ChoiceFit
from racetwin.calibration.evidence import Evidence
from racetwin.calibration.incidents import IncidentFit
from racetwin.calibration.levels import NAMES, Levels
from racetwin.calibration.pace import CLIFF_FROM, PaceFit, RaceFit, fuel_load_kg
from racetwin.calibration.rivals import COVER_GAP_S, LATE_LAPS, TERMS, RivalFit
from racetwin.calibration.starts import SLOT_S, StartFit
from racetwin.calibration.stops import COLD_TYRE_S, STATIONARY, StopFit
from racetwin.calibration.tables import RaceTables
from racetwin.calibration.traffic import TrafficFit

Entry = dict[str, Any]
FIT = "fit"
"""Source of every value fitted from the races that the file's ``calibration`` block names."""
CLIMATOLOGY = "climatology"
CONSTANT = "constant"
NO_WET_LAPS = "not fitted: lap tables do not say how wet the track was; see docs/calibration.md"


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
    levels: Levels
    car_wear: CarWear
    live: Mapping[str, ChoiceFit]


def priors() -> dict[str, Any]:
    """Return the literature and rule values that fits replace: the file ``racetwin/data/priors.json``."""
    document: dict[str, Any] = json.loads(files("racetwin").joinpath("data/priors.json").read_text(encoding="utf-8"))
    return document


def _number(value: Any, digits: int = 5) -> Any:
    if isinstance(value, (list, tuple, np.ndarray)):
        return [round(float(v), digits) for v in value]
    return int(value) if isinstance(value, (int, np.integer)) else round(float(value), digits)


def _fit(value: Any, evidence: Evidence, source: str = FIT) -> Entry:
    """Return the entry of a fitted number, or tuple; a mode alone (``--quick``'s walk-forward kin) tells no standard error."""
    entry: Entry = {"value": _number(value)}
    if np.any(np.asarray(evidence.sd) > 0):
        entry["sd"] = _number(evidence.sd, 6)
    entry["n"] = list(evidence.n) if isinstance(evidence.n, tuple) else evidence.n
    entry["source"] = source
    return entry


def _constant(value: Any, why: str) -> Entry:
    """Return the entry of a number that was chosen, with why."""
    return {"value": _number(value), "source": CONSTANT, "why": why}


def _from(value: Any, source: str) -> Entry:
    """Return the entry of a number that stands elsewhere: in the rules, the literature or the tables of races."""
    return {"value": _number(value), "source": source}


def _elements(entries: Sequence[Entry]) -> Entry:
    """Return one entry of a tuple whose numbers have sources of their own."""
    out: Entry = {"value": [e["value"] for e in entries]}
    if any("sd" in e for e in entries):
        out["sd"] = [e.get("sd", 0.0) for e in entries]
    out["n"] = [e.get("n", 0) for e in entries]
    out["source"] = [e["source"] for e in entries]
    why = "; ".join(dict.fromkeys(e["why"] for e in entries if "why" in e))
    return {**out, "why": why} if why else out


def _tuple(value: Sequence[float], evidence: Evidence, rest: Sequence[Entry]) -> Entry:
    """Return the entry of a tuple whose first numbers are fitted, and whose others are ``rest``."""
    sd = np.broadcast_to(np.asarray(evidence.sd, dtype=float), len(value))
    n = np.broadcast_to(np.asarray(evidence.n), len(value))
    return _elements([*(_fit(v, Evidence(float(e), int(k))) for v, e, k in zip(value, sd, n, strict=True)), *rest])


def _wets(prior: Mapping[str, Any], name: str) -> list[Entry]:
    """Return the entries of the two wet compounds, as they were before any fit."""
    return [_constant(v, NO_WET_LAPS) for v in prior[name]["value"][3:]]


def tyres(effects: Any, sd: Any, n: int, prior: Mapping[str, Any]) -> dict[str, Entry]:
    """Return offsets, wear and cliff of five compounds from the nine effects; wear never falls, so it is kept above zero."""
    medium = _constant(0.0, "mediums are what the other compounds are measured on")
    offsets = [_fit(effects[k], Evidence(float(sd[k]), n)) for k in (1, 2)]
    return {
        "compound_offset_s": _elements([offsets[0], medium, offsets[1], *_wets(prior, "compound_offset_s")]),
        "wear_s": _tuple(np.maximum(effects[3:6], 0.002), Evidence(tuple(sd[3:6]), n), _wets(prior, "wear_s")),
        "cliff_s": _tuple(np.maximum(effects[6:9], 0.0), Evidence(tuple(sd[6:9]), n), _wets(prior, "cliff_s")),
    }


@dataclass(frozen=True, slots=True)
class ReferenceLaps:
    """Reference laps, seconds: by circuit (as of the latest season), by ``circuit/season`` and of the field, with evidence."""

    circuits: dict[str, Entry]
    seasons: dict[str, Entry]
    field: Entry


def reference_laps(singles: list[RaceFit]) -> ReferenceLaps:
    """Return the reference laps.

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
    laps = rows.groupby("circuit").size()
    # How far a circuit's lap lies from what its other seasons and the other circuits say: what a new season may bring.
    away = (rows.log - rows.season.map(effect)) - rows.circuit.map(level)
    spread = float(np.sqrt((away**2).sum() / max(len(rows) - len(level), 1))) if len(rows) > len(level) else 0.01
    circuits = {}
    for c, season, log in zip(last.circuit, last.season, last.log, strict=True):
        lap = float(np.exp(float(log) + effect[latest] - effect[season]))
        circuits[str(c)] = _fit(lap, Evidence(spread * lap, int(laps[c])))
    seasons = {}
    for key, (f, lap) in own.items():
        among = float(np.std(f.intercepts)) / len(f.intercepts) ** 0.5 if len(f.intercepts) > 1 else 0.1
        drift = float(np.sqrt(f.covariance[0, 0])) * f.total_laps / 2
        seasons[key] = _fit(lap, Evidence(float(np.hypot(1.25 * among, drift)), f.n_laps))
    values = [e["value"] for e in circuits.values()]
    field = Evidence(float(np.std(values)) if len(values) > 1 else 10.0, len(values))
    return ReferenceLaps(circuits, seasons, _fit(float(np.median(values)), field))


def document(
    fits: Fits,
    tables: RaceTables,
    form: Mapping[str, Any],
    diagnostics: list[str],
    method: Method = "nuts",
    seed: int = 0,
) -> dict[str, Any]:
    """Return the parameter file of these fits."""
    base = priors()
    prior = base["defaults"]
    laps = reference_laps(fits.singles)
    defaults = {**prior, **_defaults(fits, tables, prior, laps)}
    circuits = {c: {**base["circuits"].get(c, {}), **e} for c, e in _circuits(fits, tables, prior, laps).items()}
    for c, e in base["circuits"].items():
        circuits.setdefault(c, e)
    seasons = _seasons(base["seasons"])
    circuit_seasons: dict[str, dict[str, Entry]] = {k: dict(v) for k, v in base["circuit_seasons"].items()}
    for key, entry in laps.seasons.items():
        circuit_seasons.setdefault(key, {})["reference_lap_s"] = entry
    last = tables.races.iloc[-1]
    calibration: dict[str, Any] = {
        "code_version": __version__,
        "commit": commit(),
        "method": method,
        "seed": seed,
        "n_races": len(tables.races),
        "last_race": str(last.race_id),
        "last_date": str(tables.races.date.dropna().iloc[-1]),
        "races": [str(r) for r in tables.races.race_id],
        "laps": len(tables.laps),
        "data_hash": data_hash(tables),
        "diagnostics": diagnostics,
    }
    if tables.own:
        calibration["own_library"] = list(tables.own)  # others cannot fit these again from the data folder alone
    body = {
        "format": "racetwin-parameters/1",
        "provenance": {
            **base["provenance"],
            FIT: f"racetwin calibrate on {len(tables.races)} races to {last.date}; see the block 'calibration'",
            CLIMATOLOGY: "share of races in which it happened, over the races of 'calibration', with a weak prior",
            "schedule": "scheduled distance of the circuit's last race in 'calibration'; the field's is the median",
        },
        "replays": base["replays"],
        "calibration": calibration,
        "form": form,
        "live": base["live"]
        | {
            block: {name: _fit(value, f.evidence[name]) for name, value in f.values.items()}
            for block, f in fits.live.items()
        },
        "levels": _levels(fits.levels) | wear_levels(fits.car_wear),
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


def data_hash(tables: RaceTables) -> str:
    """Return a hash over the tables that a calibration read: equal tables, equal hashes, wherever they lie."""
    of = hashlib.blake2b(digest_size=12)
    for table in (tables.races, tables.laps, tables.results):
        plain = table.astype({c: str for c, kind in table.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)})
        of.update(",".join(map(str, plain.columns)).encode())
        of.update(pd.util.hash_pandas_object(plain, index=False).to_numpy().tobytes())
    return of.hexdigest()


def commit() -> str | None:
    """Return the git commit of the code, with ``+`` where files differ from it; None where it does not run from a checkout."""
    root = Path(str(files("racetwin"))).parent
    if not (root / ".git").exists():
        return None
    told = []
    for question in (("rev-parse", "--short=12", "HEAD"), ("status", "--porcelain", "--", "racetwin")):
        try:
            answer = subprocess.run(
                ["git", *question], cwd=root, capture_output=True, text=True, timeout=20, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        told.append(answer.stdout.strip())
    return told[0] + ("+" if told[1] else "")


def _levels(f: Levels) -> dict[str, dict[str, Entry]]:
    """Return what tyres of seasons, and of harder selections, have beside the circuits'."""

    def named(values: Sequence[float], sd: Sequence[float], n: int) -> dict[str, Entry]:
        return {k: _fit(v, Evidence(float(e), n)) for k, v, e in zip(NAMES, values, sd, strict=True)}

    return {
        "spread of seasons": named(list(f.spread), list(f.spread_sd), len(f.seasons)),
        **{str(s): named(list(v), list(e), n) for s, (v, e, n) in f.seasons.items()},
        "one step harder": named(list(f.harder), list(f.harder_sd), max(f.n_selections, 1)),
    }


def wear_levels(f: CarWear) -> dict[str, dict[str, Entry]]:
    """Return the wear factors of teams and drivers, against one, and their spreads; nothing where no car told any."""
    if not f.n:
        return {}
    teams, drivers, races = f.spread
    of = {"teams": (teams, len(f.teams)), "drivers": (drivers, len(f.drivers)), "races of a car": (races, f.n)}
    return {
        "wear of teams": {k: _fit(v.effect, Evidence(v.sd, v.n)) for k, v in sorted(f.teams.items())},
        "wear of drivers": {k: _fit(v.effect, Evidence(v.sd, v.n)) for k, v in sorted(f.drivers.items())},
        "spread of wear": {k: _fit(s, Evidence(s / (2.0 * (n + 1)) ** 0.5, n)) for k, (s, n) in of.items()},
    }


KINDS = (("SC", "sc"), ("VSC", "vsc"), ("RED", "red"))


def _defaults(fits: Fits, tables: RaceTables, prior: Mapping[str, Any], laps: ReferenceLaps) -> dict[str, Entry]:
    p, s, n, t, r = fits.pace, fits.stops, fits.incidents, fits.traffic, fits.rivals
    gp = tables.races[tables.races.session == "R"]
    total = int(gp.laps_scheduled.fillna(gp.laps_run).median())
    told = {**s.evidence, **n.evidence, **t.evidence, **r.evidence, **fits.starts.evidence}
    cliff = [_constant(v, "about two thirds of a usual stint; where wear may turn convex") for v in CLIFF_FROM]
    out = {
        "total_laps": _from(total, "schedule"),
        "reference_lap_s": laps.field,
        "fuel_s_per_kg": _fit(p.fuel_s_per_kg, Evidence(p.fuel_sd, p.n_laps)),
        "track_evolution_s": _fit(-p.field[0] * total, Evidence(float(p.field_sd[0]) * total, p.n_laps)),
        "lap_noise_s": _fit(p.noise_s, Evidence(p.noise_sd, p.n_laps)),
        "cliff_age": _elements([*cliff, *_wets(prior, "cliff_age")]),
        "life_laps": _tuple(r.life, told["life_laps"], _wets(prior, "life_laps")),
        "cold_tyre_s": _from(COLD_TYRE_S, "tum"),
        "grid_slot_s": _constant(
            SLOT_S, "0.13 s from slot to slot [TUM]; the first corners string the field out as far again"
        ),
        "pass_circuit": _fit(0.0, Evidence(t.circuit_sd, t.n_attacks)) | {"why": "circuits are measured on their mean"},
        "stop_cover_gap_s": _constant(
            COVER_GAP_S, "within this a car ahead or behind is raced for the place in the stops"
        ),
        "stop_late_laps": _constant(LATE_LAPS, "about what a fresh set needs to win back what a stop loses"),
    }
    values: dict[str, Any] = {
        "start_sd_s": fits.starts.start_sd_s,
        "standing_start_s": fits.starts.standing_start_s,
        "dirty_air_s": t.dirty_air_s,
        "dirty_air_range_s": t.dirty_range_s,
        "follow_gap_s": t.follow_gap_s,
        "pass_intercept": t.intercept,
        "pass_slope": t.slope,
        "pass_drs": t.drs,
        "pit_loss_s": s.field,
        **n.paces,
        "retirement_rate": n.retirement_rate,
        "retirement_lap1": n.retirement_lap1,
        **{f"stop_{k}": r.coefficients[k] for k in ("intercept", *TERMS)},
        **dict(zip(STATIONARY, s.stationary or (), strict=False)),
    }
    if s.sc_ratio is not None:
        values["pit_loss_sc_s"] = s.field * s.sc_ratio
    if s.vsc_ratio is not None:
        values["pit_loss_vsc_s"] = s.field * s.vsc_ratio
    lengths = {"sc_laps": n.sc_laps, "vsc_laps": n.vsc_laps}
    values |= {name: shares for name, shares in lengths.items() if told[name].n}
    for kind, word in KINDS:
        values |= {
            f"{word}_lap1": n.lap1[kind],
            f"{word}_rate": n.rate[kind],
            f"{word}_retirement": n.per_retirement[kind],
        }
    counted = {f"{word}_{what}" for _, word in KINDS for what in ("lap1", "rate", "retirement")}
    counted |= {"retirement_rate", "retirement_lap1"}
    for name, value in values.items():
        if value is not None:
            out[name] = _fit(value, told[name], CLIMATOLOGY if name in counted else FIT)
    return {**out, **tyres(p.field, p.field_sd, p.n_laps, prior)}


def _circuits(
    fits: Fits, tables: RaceTables, prior: Mapping[str, Any], laps: ReferenceLaps
) -> dict[str, dict[str, Entry]]:
    p, s, n, t, r = fits.pace, fits.stops, fits.incidents, fits.traffic, fits.rivals
    gp = tables.races[tables.races.session == "R"]
    total = gp.laps_scheduled.fillna(gp.laps_run).groupby(gp.circuit_id).last().astype(int)
    out: dict[str, dict[str, Entry]] = {}
    for c in sorted(gp.circuit_id.unique()):
        e: dict[str, Entry] = {"total_laps": _from(int(total[c]), "schedule")}
        if c in laps.circuits:
            e["reference_lap_s"] = laps.circuits[c]
        if c in p.circuits:
            k, seen = p.circuits.index(c), p.n_by_circuit[c]
            evolution = Evidence(float(p.circuit_sd[k, 0]) * int(total[c]), seen)
            e["track_evolution_s"] = _fit(-p.circuit[k, 0] * total[c], evolution)
            e |= tyres(p.circuit[k], p.circuit_sd[k], seen, prior)
            e["lap_noise_s"] = _fit((3 * p.noise_by_circuit[c] + 2 * p.noise_s) / 5, Evidence(0.4 * p.noise_sd, seen))
        for name, values in (("pit_loss_s", s.green), ("pit_loss_sc_s", s.sc), ("pit_loss_vsc_s", s.vsc)):
            if c in values:
                e[name] = _fit(values[c], s.circuit_evidence[name][c])
        if c in t.circuit:
            e["pass_circuit"] = _fit(t.circuit[c], t.circuit_evidence[c])
        if c in r.circuit_life:
            e["life_laps"] = _tuple(r.circuit_life[c], r.circuit_evidence["life_laps"][c], _wets(prior, "life_laps"))
        if c in r.circuit_intercept:
            intercept = r.coefficients["intercept"] + r.circuit_intercept[c]
            e["stop_intercept"] = _fit(intercept, r.circuit_evidence["stop_intercept"][c])
        for kind, word in KINDS:
            factor, of_factor = n.circuit_factor[kind].get(c, 1.0), n.circuit_evidence[kind].get(c)
            for what, usual in (("lap1", n.lap1), ("rate", n.rate), ("retirement", n.per_retirement)):
                if of_factor is not None:
                    told = Evidence(usual[kind] * float(np.asarray(of_factor.sd)), of_factor.n)
                    e[f"{word}_{what}"] = _fit(usual[kind] * factor, told, CLIMATOLOGY)
        out[c] = e
    return out


def _seasons(base: Mapping[str, Any]) -> dict[str, dict[str, Entry]]:
    out: dict[str, dict[str, Entry]] = {k: dict(v) for k, v in base.items()}
    for season in out:
        out[season]["fuel_start_kg"] = _from(fuel_load_kg(int(season)), "rules")
    if "2018" in out:
        out.setdefault("2019", {})["fuel_start_kg"] = _from(fuel_load_kg(2019), "rules")
    return out
