"""How long each team's car stands at its stops: the field's distribution, moved by what its crew takes longer or less now.

The shape (a body and a heavy tail) is the field's, since no team stops often enough to show a tail of its own. Where it lies is
the team's, shrunk to the field's, and moves with the season, as crews, wheels and guns do. It is told by the quicker stops: what
a crew can do shows in them, while slow ones are waits for traffic and for the team-mate, new front wings and stuck wheel nuts.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]

SEASONS = 3
"""Stops of the current season and those before it, so many in all: older ones tell nothing any more."""
QUICK = 0.3
"""The quantile of the stops that tells of a crew."""
MEMORY_RACES = 10.0
"""Races with timed stops after which a stop weighs half."""
STRENGTH = 10.0
"""Stops of the field that a team's are told among: the fewer it has, the more it is the field; one wheel nut tells nothing."""
FIELD_STRENGTH = 20.0
"""Stops of all three seasons that those of late are told among."""
# All chosen on the 1,166 timed stops of 2020 to early 2023, each told from the races before it. The nominal 90 % interval covers
# 91 %, single teams 78 to 96; its interval score (Gneiting and Raftery, 2007) is 11.57 s. With the median of three seasons
# alike, a strength of 40 and no move of the field's: 90 %, 73 to 98, 11.60 s. With a memory of 7 or 20 races, strengths of 5,
# 20 and 60, a quantile of 0.2, 0.25 or 0.35: 11.57 to 11.58 s. Moved by the median of the season's stops: 86 to 87 %, 11.7 s.


def timed_stops(laps: pd.DataFrame) -> pd.DataFrame:
    """Return ``race_id, season, team, stand_s`` of every stop under green that was timed at a standstill."""
    timed = laps[laps.pit_stationary_s.notna() & (laps.stop_under == "GREEN")]
    return pd.DataFrame(
        {
            "race_id": timed.race_id.astype(str),
            "season": timed.season.astype(int),
            "team": timed.team.astype(str),
            "stand_s": timed.pit_stationary_s.astype(float),
        }
    )


def crews(stops: pd.DataFrame, season: int) -> dict[str, float]:
    """Return by team how much longer its cars stand than the field's, seconds, as these stops (in time order) tell."""
    recent = _recent(stops, season)
    if not len(recent):
        return {}
    stand, weight = recent.stand_s.to_numpy(dtype=float), _weights(recent)
    usual = _quick(stand, weight)
    field = STRENGTH * weight / weight.sum()
    away: dict[str, float] = {}
    for team in sorted(recent.team.unique()):
        own = (recent.team == team).to_numpy()
        away[str(team)] = _quick(np.append(stand[own], stand), np.append(weight[own], field)) - usual
    return away


def move(stops: pd.DataFrame, season: int) -> float:
    """Return how much longer the field stands of late than over the seasons that its shape is fitted to, seconds."""
    recent = _recent(stops, season)
    if not len(recent):
        return 0.0
    stand, weight, alike = recent.stand_s.to_numpy(dtype=float), _weights(recent), np.ones(len(recent))
    late = _quick(np.append(stand, stand), np.append(weight, FIELD_STRENGTH * alike / len(recent)))
    return late - _quick(stand, alike)


def shifts(stops: pd.DataFrame, season: int) -> dict[str, float]:
    """Return by team how much longer its cars stand than the shape says, seconds: its crew's part and the field's move."""
    field = move(stops, season)
    return {team: round(own + field, 3) for team, own in crews(stops, season).items()}


def _recent(stops: pd.DataFrame, season: int) -> pd.DataFrame:
    return stops[stops.season > season - SEASONS]


def _weights(stops: pd.DataFrame) -> FloatArray:
    races = pd.factorize(stops.race_id)[0]
    return np.asarray(0.5 ** ((races.max() - races) / MEMORY_RACES), dtype=np.float64)


def _quick(stand_s: FloatArray, weight: FloatArray) -> float:
    """Return the quantile of weighted stops that tells of a crew."""
    order = np.argsort(stand_s, kind="stable")
    below = np.cumsum(weight[order]) - weight[order] / 2
    return float(np.interp(QUICK, below / weight.sum(), stand_s[order]))


def follow(races: pd.DataFrame, stops: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the shifts as they were known before each race, by its id; ``races`` in time order."""
    known: dict[str, dict[str, float]] = {}
    number = {str(r): k for k, r in enumerate(races.race_id)}
    at = stops.race_id.map(number)
    for race_id, season in zip(races.race_id, races.season, strict=True):
        known[str(race_id)] = shifts(stops[at < number[str(race_id)]], int(season))
    return known
