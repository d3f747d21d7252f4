"""Habits of teams and drivers: who stops early, answers a rival's stop, undercuts, defends; each drawn to the field's.

Counts of what was done against what the fitted hazard expected of the same laps, seasons fading by half in two. A team decides
stops, a driver defends; each habit is kept by who has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from racetwin.calibration.rivals import HALF_LIFE_SEASONS, TERMS

BY = {"stop": "driver", "cover": "team", "undercut": "driver", "defence": "team"}
"""Whose habit each is: as it foretells the next season better, on 2020 to early 2023 told from the seasons before."""
STRENGTH = {"stop": 60.0, "cover": 30.0, "undercut": 400.0, "defence": 400.0}
"""Expected events (stops, answers), or laps (close behind, attacked), that the field weighs as in one's own habit.

Chosen likewise, of 15 to 1,000 and infinity. Log loss against no habits: stops 0.07 % lower, answers 0.1 %, undercuts 0.2 %,
places defended 0.9 %: habits there are, and they are small.
"""
CLOSE_S, ATTACK_S = 3.0, 1.0
"""Close enough behind for an undercut, and for an attack within a lap: as ``twins.field`` counts them."""


def hazards(t: pd.DataFrame, coefficients: Mapping[str, float], circuit: Mapping[str, float]) -> Any:
    """Return the fitted hazard of each row of :func:`racetwin.calibration.rivals.hazard_table`."""
    eta = coefficients["intercept"] + t.circuit_id.map(circuit).fillna(0.0).to_numpy(dtype=float)
    eta = eta + t[list(TERMS)].to_numpy(dtype=float) @ np.array([coefficients[k] for k in TERMS])
    return -np.expm1(-np.exp(np.minimum(eta, 1.5)))


def chances(laps: pd.DataFrame, t: pd.DataFrame, hazard: Any) -> pd.DataFrame:
    """Return one row per green lap at risk: ``race_id, season, team, driver``, and for each habit what was done and expected.

    ``t`` is the hazard table of these laps, ``hazard`` what was fitted to it.
    """
    green = ~((t.sc > 0) | (t.vsc > 0) | (t.sc_later > 0) | (t.vsc_later > 0)).to_numpy()
    d = laps[["race_id", "driver_number", "lap", "team", "driver", "position", "gap_ahead_s", "gap_ahead_end_s"]].copy()
    order = laps.sort_values(["race_id", "lap", "race_time_s"], kind="stable")
    lap = [order.race_id, order.lap]
    d["behind_end_s"] = (-order.race_time_s.groupby(lap, sort=False).diff(-1)).reindex(d.index)
    d["number_behind"] = order.driver_number.groupby(lap, sort=False).shift(-1).reindex(d.index)
    car = d.groupby(["race_id", "driver_number"], sort=False)
    d["behind_s"], d["attacker"] = car.behind_end_s.shift(1), car.number_behind.shift(1)
    time = pd.Series(
        laps.race_time_s.to_numpy(), index=pd.MultiIndex.from_arrays([laps.race_id, laps.lap, laps.driver_number])
    )
    theirs = time.reindex(pd.MultiIndex.from_arrays([d.race_id, d.lap, d.attacker])).to_numpy()
    d["kept"] = theirs > laps.race_time_s.to_numpy()
    d["raced"] = np.isfinite(theirs)
    out = t[["race_id", "season", "driver_number", "lap", "stop", "undercut", "cover"]].assign(hazard=hazard)[green]
    out = out.merge(
        d[["race_id", "driver_number", "lap", "team", "driver", "gap_ahead_s", "behind_s", "kept", "raced"]],
        on=["race_id", "driver_number", "lap"],
        how="left",
    )
    answering = (out.undercut > 0) | (out.cover > 0)
    close = (out.gap_ahead_s < CLOSE_S) & ~answering
    attacked = (out.behind_s < ATTACK_S) & (out.stop == 0) & out.raced
    return pd.DataFrame(
        {
            "race_id": out.race_id,
            "season": out.season,
            "team": out.team.astype(str),
            "driver": out.driver.astype(str),
            "stop_done": out.stop,
            "stop_expected": out.hazard,
            "cover_done": out.stop * answering,
            "cover_expected": out.hazard * answering,
            "undercut_done": out.stop * close,
            "undercut_expected": close.astype(float),
            "defence_done": (out.kept & attacked).astype(float),
            "defence_expected": attacked.astype(float),
        }
    )


def shrunk(c: pd.DataFrame, habit: str, season: int) -> dict[str, float]:
    """Return a habit by name: what was done over what the field does of the same, drawn to one."""
    name = c[BY[habit]]
    weight = 0.5 ** ((season - c.season) / HALF_LIFE_SEASONS)
    done = (c[f"{habit}_done"] * weight).groupby(name).sum()
    expected = (c[f"{habit}_expected"] * weight).groupby(name).sum()
    usual = done.sum() / max(float(expected.sum()), 1e-9)
    strength = STRENGTH[habit] * (1.0 if habit in ("stop", "cover") else usual)
    factor = (done + strength) / (expected * usual + strength)
    return {str(n): round(float(v), 4) for n, v in factor.items()}


def block(c: pd.DataFrame, season: int) -> dict[str, Any]:
    """Return the habits as known before a season: factors on the field's by name, and the field's own shares."""
    before = c[c.season < season]
    if not len(before):
        return {}
    out: dict[str, Any] = {habit: shrunk(before, habit, season) for habit in STRENGTH}
    field: dict[str, float] = {}
    for habit in ("undercut", "defence"):
        done, of = float(before[f"{habit}_done"].sum()), float(before[f"{habit}_expected"].sum())
        if of > 0:
            field[habit] = round(done / of, 5)
    return {**out, "field": field, "n": {h: int((before[f"{h}_expected"] > 0).sum()) for h in STRENGTH}}
