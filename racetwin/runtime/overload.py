"""When the machine is short of time: the desk is asked less first, viewers get fewer pictures next, and frames are never dropped.

How late the engine is comes from two places: a replay's feed knows how late its newest frame was by its own clock, and the event
loop how much later it woke than it meant to. What is watched is the worse of the two.
"""

from __future__ import annotations

from dataclasses import dataclass

LEVELS_S = (0.25, 1.0, 2.0)
"""Lateness at which the desk is thinned, viewers are thinned, and both are thinned further; a level is left at half of it."""
DESK_REST_S = (0.0, 2.0, 5.0, 10.0)
"""Pause between two answers of the desk at each level; what is urgent does not wait."""
PATIENCE = (1.0, 1.0, 2.0, 4.0)
"""Intervals that viewers wait for the next picture at each level."""
WORDS = ("ok", "desk thinned", "desk and viewers thinned", "desk and viewers thinned much")
URGENT = ("track ", "rain", "pit window", "tyres changed", "asked")
"""What a reason begins with that must not wait: the coming lap may decide it, or somebody is waiting for the answer."""
CALM_FOR_S = 1.0
"""A level is left when it has been calmer for so long, so that it does not flicker."""


@dataclass(slots=True)
class Overload:
    """The level at hand, from 0 (none) to 3."""

    level: int = 0
    late_s: float = 0.0
    _calm_since: float | None = None

    def watch(self, late_s: float, now: float) -> int:
        """Take how late the engine is at ``now`` (monotonic seconds); returns the level."""
        self.late_s = late_s
        reached = sum(late_s >= limit for limit in LEVELS_S)
        if reached >= self.level:
            self.level = reached
            self._calm_since = None
        elif late_s < LEVELS_S[self.level - 1] / 2:
            if self._calm_since is None:
                self._calm_since = now
            if now - self._calm_since >= CALM_FOR_S:
                self.level -= 1
                self._calm_since = now
        else:
            self._calm_since = None
        return self.level

    @property
    def desk_rest_s(self) -> float:
        """Seconds the desk rests between two answers."""
        return DESK_REST_S[self.level]

    @property
    def patience(self) -> float:
        """Intervals that viewers wait for the next picture."""
        return PATIENCE[self.level]

    @property
    def word(self) -> str:
        """What is done about it."""
        return WORDS[self.level]


def urgent(reasons: tuple[str, ...]) -> bool:
    """Whether a question to the desk must not wait, by what made it worth asking."""
    return any(reason.startswith(URGENT) for reason in reasons)
