"""Form: what is known of each car's pace before the first lap, from the parameter file.

The ``form`` block of the file holds how fast each team and each driver within it have been of late, and the weights with which
that and the grid have forecast race pace; ``racetwin calibrate`` fits it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from racetwin.simulation.parameter_file import file_in_use, read_document

FloatArray = npt.NDArray[np.float64]


UNKNOWN_SD_S = 0.6
"""Spread of a car's race pace where nothing is known of it, seconds a lap: about the spread of the field itself."""


def features(team: npt.ArrayLike, driver: npt.ArrayLike, grid: npt.ArrayLike) -> FloatArray:
    """Return ``(n, 4)`` regressors: one, form of team and driver, grid place against the middle in tens (unknown: 0)."""
    t, d = np.asarray(team, dtype=float), np.asarray(driver, dtype=float)
    g = np.asarray(grid, dtype=float)
    known = np.isfinite(g) & (g > 0)
    middle = float(g[known].mean()) if known.any() else 0.0
    place = np.where(known, (g - middle) / 10.0, 0.0)
    return np.column_stack([np.ones(len(t)), t, d, place])


class Habits(NamedTuple):
    """How a car's team and driver use to behave before anything of the day is seen.

    ``stop`` and ``cover`` are factors on the hazard of a stop, and of answering a rival's; ``undercut`` the share of laps close
    behind a rival that end in a stop ahead of it, ``defence`` that of attacked laps after which the place was kept.
    """

    stop: float = 1.0
    cover: float = 1.0
    undercut: float = 0.02
    defence: float = 0.8


@dataclass(frozen=True, slots=True)
class Form:
    """Pace before the first lap, seconds a lap against the field (negative: faster).

    Parameters
    ----------
    weights : (4,)
        Of one, the team's form, the driver's form, and the grid place.
    sd_s : s a lap
        How far race pace has strayed from this forecast.
    teams, drivers
        Form by team name and by three-letter code; an unknown one counts as the field.
    standing : s
        How much longer a team's cars stand at a stop than the field's, by team name.
    habits
        By habit, factors on the field's by team name or driver's code; ``field`` has the field's shares.
    """

    weights: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    sd_s: float = UNKNOWN_SD_S
    teams: Mapping[str, float] = field(default_factory=dict)
    drivers: Mapping[str, float] = field(default_factory=dict)
    standing: Mapping[str, float] = field(default_factory=dict)
    habits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def pace(self, teams: Sequence[str], drivers: Sequence[str], grid: npt.ArrayLike) -> FloatArray:
        """Return the expected pace of each car against the median of these cars, seconds a lap.

        Examples
        --------
        >>> form = Form(weights=(0.0, 1.0, 1.0, 0.4), teams={"Ferrari": -0.6}, drivers={"LEC": -0.05})
        >>> form.pace(["Ferrari", "Unheard of"], ["LEC", "NEW"], [1, 2]).round(3).tolist()
        [-0.345, 0.345]
        """
        team = [self.teams.get(t, 0.0) for t in teams]
        driver = [self.drivers.get(d, 0.0) for d in drivers]
        mean = features(team, driver, grid) @ np.array(self.weights)
        return np.asarray(mean - np.median(mean), dtype=float) if len(mean) else np.zeros(0)

    def spread(self, teams: Sequence[str], drivers: Sequence[str]) -> FloatArray:
        """Return how far each car may stray from :meth:`pace`, seconds a lap: more where neither team nor driver is known."""
        known = [t in self.teams or d in self.drivers for t, d in zip(teams, drivers, strict=True)]
        return np.where(known, self.sd_s, max(self.sd_s, UNKNOWN_SD_S))

    def standing_s(self, teams: Sequence[str | None]) -> FloatArray:
        """Return how much longer each car stands at a stop than the field's usual, seconds; 0 where none is known."""
        return np.array([self.standing.get(t or "", 0.0) for t in teams])

    def habits_of(self, team: str | None, driver: str | None) -> Habits:
        """Return the habits of a car before the day; who is not known behaves as the field does."""
        own = {
            habit: by.get(driver or "", by.get(team or "", 1.0))
            for habit, by in self.habits.items()
            if habit != "field"
        }
        shares = {**Habits()._asdict(), **self.habits.get("field", {})}
        return Habits(
            own.get("stop", 1.0),
            own.get("cover", 1.0),
            min(1.0, shares["undercut"] * own.get("undercut", 1.0)),
            min(1.0, shares["defence"] * own.get("defence", 1.0)),
        )

    @classmethod
    def of(cls, block: Mapping[str, Any], race_id: str = "") -> Form:
        """Take the ``form`` block of a parameter file as it stood before a race.

        ``history`` in the block has form before each race it was fitted on, by race id (ids of one season sort by round). A race
        among or between them gets what was known then; one after them, or no race at all, the latest; one before them, nothing.
        """
        w = block["weights"]
        history = block.get("history") or {}
        if race_id and history and race_id <= max(history):
            earlier = [k for k in history if k <= race_id]
            if not earlier:
                return cls()
            then = (block.get("habits_before") or {}).get(race_id[:4], {})
            block = {**block, "habits": then, **history[max(earlier)]}
        return cls(
            (float(w["one"]), float(w["team"]), float(w["driver"]), float(w["grid"])),
            float(block["sd_s"]),
            {str(k): float(v) for k, v in block["teams"].items()},
            {str(k): float(v) for k, v in block["drivers"].items()},
            {str(k): float(v) for k, v in block.get("standing", {}).items()},
            {h: {str(k): float(v) for k, v in by.items()} for h, by in block.get("habits", {}).items() if h != "n"},
        )


def load_form(race_id: str = "", path: Path | str | None = None) -> Form:
    """Return form before a race from a parameter file (default: the one in use); a file without knows nothing of any car."""
    block = read_document(file_in_use(path)).get("form")
    return Form.of(block, race_id) if block else Form()
