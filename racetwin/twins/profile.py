"""How a rival behaves: habits learnt from what it does in this race, shrunk to what its team and driver are known for.

Each habit starts at what the parameter file has of the races before (itself shrunk to the field's) and moves as evidence comes: a
count of what was done against what the race model expected, with ``PRIOR`` expected events' worth of belief in what it was (a
gamma-Poisson posterior mean).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from racetwin.simulation.form import Habits

PRIOR = 25.0
"""Weight of the habits of before, in expected events. A race shows one to three stops of a car, so one race moves its habit
little: smaller weights forecast stops worse (log loss of a stop within five laps, 15 races of 2020 to 2022)."""
FIELD_PRIOR = 18.0
"""The same for the field as a whole: whether today everyone stops earlier or later than usual, best from the same races."""

LAPS_CLOSE, LAPS_ATTACKED = 25.0, 10.0
"""The same in laps, for what is counted by lap: close behind, and attacked."""


@dataclass(slots=True)
class Profile:
    """Counts behind one car's habits, and the habits.

    Parameters
    ----------
    stops, stops_expected
        Green-flag stops made, and the summed hazard of the race model, no habit in it, over the laps at risk, those that
        ended in a stop among them.
    answers, answers_expected
        Stops made within two laps of a direct rival's, and what the race model expected of those laps.
    attacks, attack_chances
        Stops made while close behind a car that had not stopped, and laps spent so.
    defended, attacked
        Laps with a car within a second behind at the line, and those of them after which it was still behind.
    attacker
        Who was so close behind at the car's last line, on the same lap.
    before
        Habits of the team and driver before the day; no part of what was seen.
    """

    stops: int = 0
    stops_expected: float = 0.0
    answers: int = 0
    answers_expected: float = 0.0
    attacks: int = 0
    attack_chances: int = 0
    defended: int = 0
    attacked: int = 0
    attacker: str | None = None
    before: Habits = field(default=Habits(), compare=False)

    @property
    def stop_bias(self) -> float:
        """Log factor on the field's hazard of stopping: positive stops early."""
        return math.log((PRIOR * self.before.stop + self.stops) / (PRIOR + self.stops_expected))

    @property
    def cover_bias(self) -> float:
        """Log factor on the hazard of answering a rival's stop."""
        return math.log((PRIOR * self.before.cover + self.answers) / (PRIOR + self.answers_expected))

    @property
    def undercut_tendency(self) -> float:
        """Share of laps close behind a rival that end in a stop ahead of it, shrunk to what it was before."""
        return (self.attacks + self.before.undercut * LAPS_CLOSE) / (self.attack_chances + LAPS_CLOSE)

    @property
    def defence(self) -> float:
        """Share of attacked laps after which the place was kept, shrunk to what it was before."""
        return (self.defended + self.before.defence * LAPS_ATTACKED) / (self.attacked + LAPS_ATTACKED)

    def view(self, tyre_management_s: float | None) -> dict[str, float | None]:
        """Return the habits as numbers; ``tyre_management_s`` is the car's wear against the compound's, s per lap."""
        return {
            "stop_bias": self.stop_bias,
            "cover_bias": self.cover_bias,
            "undercut_tendency": self.undercut_tendency,
            "defence": self.defence,
            "tyre_management_s": tyre_management_s,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return the counts."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "before"}
