"""How a rival behaves: habits learnt from what it does in this race, shrunk to the field's.

Each habit starts at the field's and moves as evidence comes: a count of what was done against what the race model expected, with
``PRIOR`` expected events' worth of belief in the field (a gamma-Poisson posterior mean).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

PRIOR = 25.0
"""Weight of the field's habits, in expected events. A race shows one to three stops of a car, so one race moves its habit little:
smaller weights forecast stops worse (log loss of a stop within five laps, 15 races of 2020 to 2022)."""
FIELD_PRIOR = 18.0
"""The same for the field as a whole: whether today everyone stops earlier or later than usual, best from the same races."""


@dataclass(slots=True)
class Profile:
    """Counts behind one car's habits, and the habits.

    Parameters
    ----------
    stops, stops_expected
        Green-flag stops made, and the summed hazard of the race model over the laps at risk.
    answers, answers_expected
        Stops made within two laps of a direct rival's, and what the race model expected of those laps.
    attacks, attack_chances
        Stops made while close behind a car that had not stopped, and laps spent so.
    defended, attacked
        Laps with a car within a second behind at the line, and those of them after which it was still behind.
    """

    stops: int = 0
    stops_expected: float = 0.0
    answers: int = 0
    answers_expected: float = 0.0
    attacks: int = 0
    attack_chances: int = 0
    defended: int = 0
    attacked: int = 0

    @property
    def stop_bias(self) -> float:
        """Log factor on the field's hazard of stopping: positive stops early."""
        return math.log((PRIOR + self.stops) / (PRIOR + self.stops_expected))

    @property
    def cover_bias(self) -> float:
        """Log factor on the hazard of answering a rival's stop."""
        return math.log((PRIOR + self.answers) / (PRIOR + self.answers_expected))

    @property
    def undercut_tendency(self) -> float:
        """Share of laps close behind a rival that end in a stop ahead of it, shrunk to the field's 4 %."""
        return (self.attacks + 0.04 * 25) / (self.attack_chances + 25)

    @property
    def defence(self) -> float:
        """Share of attacked laps after which the place was kept, shrunk to the field's 80 %."""
        return (self.defended + 0.8 * 10) / (self.attacked + 10)

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
        return asdict(self)
