"""What teams choose: the compound fitted at a stop, and whether an undercut works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize

from racetwin.calibration.evidence import Evidence
from racetwin.twins.stops_today import POPULAR_STRENGTH

FloatArray = npt.NDArray[np.float64]

UNDERCUT_GAP_S = 6.0
"""Cars further apart than this are not in a duel over one stop."""
ANSWERED_LAPS = 3
"""An undercut is one that the car ahead answers within so many laps."""
LEAST_UNDERCUTS = 30
HALF_LIFE_SEASONS = 3.0
"""Choices of a season weigh half as much as those of one so many seasons later: compounds and rules change."""
COMPOUND_TERMS = ("soft", "hard", "too_short", "too_long", "same", "used", "popular")
COMPOUND_SD = 2.0


@dataclass(frozen=True, slots=True)
class ChoiceFit:
    """Values by name with the evidence for each."""

    values: dict[str, float]
    evidence: dict[str, Evidence]


def stops_with_choice(laps: pd.DataFrame, life: dict[str, tuple[float, ...]], usual: tuple[float, ...]) -> pd.DataFrame:
    """Return one row per change from slicks to slicks in a dry Grand Prix, with what was known as the car came in.

    ``compound_index`` (that it comes in on)``, chosen, laps_left, life_0..2, used`` (bit mask), ``owed``, ``popular_0..2``.
    """
    d = laps[(laps.session == "R") & ~laps.race_wet].copy()
    keys = [d.race_id, d.driver_number]
    car = d.groupby(["race_id", "driver_number"], sort=False)
    d["chosen"] = car.compound_index.shift(-1)
    compound = d.compound_index.to_numpy()
    bit = np.where(compound >= 0, 1 << np.maximum(compound, 0), 0)
    d["used"] = pd.Series(bit, index=d.index).groupby(keys, sort=False).transform(lambda v: np.bitwise_or.accumulate(v))
    s = d[d.pit_stop & ~d.is_red & d.compound_index.between(0, 2) & d.chosen.between(0, 2) & (d.lap > 1)].copy()
    s["chosen"] = s.chosen.astype(int)
    s["laps_left"] = (s.total_laps - s.lap).clip(lower=1)
    s["owed"] = s.used.isin([1, 2, 4])
    lives = np.array([life.get(str(c), usual) for c in s.circuit_id], dtype=float).reshape(len(s), 3)
    for k in range(3):
        s[f"life_{k}"] = lives[:, k]
    s = s.sort_values(["race_id", "lap", "driver_number"], kind="stable").reset_index(drop=True)
    popular = np.full((len(s), 3), 1 / 3)
    for _, g in s.groupby("race_id", sort=False):
        at, chosen = g.lap.to_numpy(), g.chosen.to_numpy()
        before = at[None, :] < at[:, None]
        counts = np.stack([(before & (chosen == k)[None, :]).sum(axis=1) for k in range(3)], axis=1)
        total = counts.sum(axis=1, keepdims=True) + POPULAR_STRENGTH
        popular[g.index] = (counts + POPULAR_STRENGTH / 3) / total
    for k in range(3):
        s[f"popular_{k}"] = popular[:, k]
    return s


def compound_terms(s: pd.DataFrame) -> FloatArray:
    """Return ``(n, 3, 7)``: what each utility is multiplied by, of each slick compound."""
    x = np.zeros((len(s), 3, len(COMPOUND_TERMS)))
    for k in range(3):
        over = np.log(s.laps_left.to_numpy(dtype=float) / s[f"life_{k}"].to_numpy())
        x[:, k, 0], x[:, k, 1] = k == 0, k == 2
        x[:, k, 2], x[:, k, 3] = np.maximum(over, 0.0), np.maximum(-over, 0.0)
        x[:, k, 4] = s.compound_index.to_numpy() == k
        x[:, k, 5] = s.owed.to_numpy() & ((s.used.to_numpy() >> k & 1) == 1)
        x[:, k, 6] = s[f"popular_{k}"].to_numpy() - 1 / 3
    return x


def fit_compound(s: pd.DataFrame) -> ChoiceFit:
    """Fit the multinomial logit of the compound fitted to :func:`stops_with_choice`."""
    x, chosen = compound_terms(s), s.chosen.to_numpy()
    weight = 0.5 ** ((s.season.max() - s.season.to_numpy(dtype=float)) / HALF_LIFE_SEASONS)
    rows = np.arange(len(s))

    def cost(b: FloatArray) -> tuple[float, Any]:
        u = x @ b
        log_p = u - np.logaddexp.reduce(u, axis=1, keepdims=True)
        away = x[rows, chosen] - np.einsum("nk,nkj->nj", np.exp(log_p), x)
        return (
            float(-(weight * log_p[rows, chosen]).sum() + 0.5 * (b @ b) / COMPOUND_SD**2),
            -weight @ away + b / COMPOUND_SD**2,
        )

    found = minimize(cost, np.zeros(x.shape[2]), jac=True, method="L-BFGS-B")
    b = np.asarray(found.x, dtype=float)
    u = x @ b
    p = np.exp(u - np.logaddexp.reduce(u, axis=1, keepdims=True))
    centred = x - np.einsum("nk,nkj->nj", p, x)[:, None, :]
    bread = np.linalg.inv(np.einsum("n,nk,nki,nkj->ij", weight, p, centred, centred) + np.eye(len(b)) / COMPOUND_SD**2)
    score = pd.DataFrame(centred[rows, chosen] * weight[:, None]).groupby(s.race_id.to_numpy()).sum().to_numpy()
    sd = np.sqrt(np.diag(bread @ (score.T @ score + np.eye(len(b)) / COMPOUND_SD**2) @ bread))
    return _named(COMPOUND_TERMS, b, sd, len(s))


def undercuts(laps: pd.DataFrame) -> pd.DataFrame:
    """Return one row per undercut under green in a dry Grand Prix that was answered: ``race_id, gap_s, worked``.

    The gap is that at the line two laps before the undercutting car is out again: as it begins the lap at whose end it stops.
    """
    rows: list[tuple[str, float, bool]] = []
    dry = laps[(laps.session == "R") & ~laps.race_wet]
    for race_id, g in dry.groupby("race_id", sort=False):
        time = {(n, lap): t for n, lap, t in zip(g.driver_number, g.lap, g.race_time_s, strict=True)}
        slow = set(zip(g.driver_number[g.neutral], g.lap[g.neutral], strict=True))
        stops: dict[int, list[int]] = {}
        for n, lap in zip(g.driver_number[g.pit_stop], g.lap[g.pit_stop], strict=True):
            stops.setdefault(int(n), []).append(int(lap))
        order = {int(str(lap)): h.sort_values("race_time_s").driver_number.tolist() for lap, h in g.groupby("lap")}
        for car, at in ((c, lap) for c, own in stops.items() for lap in own if lap > 2):
            line = order.get(at - 1, [])
            place = line.index(car) if car in line else 0
            if place == 0 or {(car, at), (car, at + 1)} & slow:
                continue
            rival = line[place - 1]
            gap = time[car, at - 1] - time[rival, at - 1]
            theirs = [lap for lap in stops.get(rival, []) if lap >= at]
            if not (gap < UNDERCUT_GAP_S and theirs and 0 < theirs[0] - at <= ANSWERED_LAPS):
                continue
            mine, their = time.get((car, theirs[0] + 1)), time.get((rival, theirs[0] + 1))
            if mine is not None and their is not None:
                rows.append((str(race_id), float(gap), bool(mine < their)))
    return pd.DataFrame(rows, columns=["race_id", "gap_s", "worked"])


def fit_undercut(laps: pd.DataFrame) -> ChoiceFit | None:
    """Fit the log-odds with which an undercut works to its gap; None where too few were seen."""
    t = undercuts(laps)
    if len(t) < LEAST_UNDERCUTS:
        return None
    x = np.column_stack([np.ones(len(t)), t.gap_s.to_numpy()])
    y = t.worked.to_numpy(dtype=float)
    b = np.zeros(2)
    for _ in range(30):
        p = 1.0 / (1.0 + np.exp(-x @ b))
        bread = np.linalg.inv((x * (p * (1 - p))[:, None]).T @ x + np.eye(2) / 9.0)
        b = b + bread @ (x.T @ (y - p) - b / 9.0)
    return _named(("at_once", "per_s"), b, np.sqrt(np.diag(bread)), len(t))


def _named(names: tuple[str, ...], values: FloatArray, sd: FloatArray, n: int) -> ChoiceFit:
    return ChoiceFit(
        dict(zip(names, map(float, values), strict=True)),
        {k: Evidence(float(v), n) for k, v in zip(names, sd, strict=True)},
    )
