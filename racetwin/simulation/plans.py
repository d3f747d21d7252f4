"""Pit plans: what a car may still do with its stops."""

from __future__ import annotations

from dataclasses import dataclass

from racetwin.errors import InputError
from racetwin.schemas import Compound, PlannedStop

MAX_STOPS = 4
"""Most further stops a plan can hold."""


@dataclass(frozen=True, slots=True)
class PitPlan:
    """The stops a car still intends to make, in lap order; no stops means to run to the flag on the present set.

    ``sc_window`` makes it reactive: if a safety car (or VSC) comes between those laps (both included), the next planned stop is
    taken at once.
    """

    stops: tuple[PlannedStop, ...] = ()
    sc_window: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if len(self.stops) > MAX_STOPS:
            raise InputError(f"stops: {len(self.stops)}, expected at most {MAX_STOPS}")
        laps = [s.lap for s in self.stops]
        if laps != sorted(set(laps)):
            raise InputError(f"stops: laps {laps}, expected each later than the one before")

    @classmethod
    def of(cls, *stops: tuple[int, str] | tuple[int, str, float]) -> PitPlan:
        """Build from ``(lap, compound[, age])`` tuples: ``PitPlan.of((24, "HARD"))``."""
        return cls(
            tuple(PlannedStop(lap=s[0], compound=Compound(s[1]), age=s[2] if len(s) > 2 else 0.0) for s in stops)
        )

    @property
    def label(self) -> str:
        """The plan as spoken on the pit wall: ``L24 HARD``, ``L18 MEDIUM, L39 HARD``, ``no stop``."""
        text = ", ".join(f"L{s.lap} {s.compound.value}" for s in self.stops) or "no stop"
        return text + (f" (sooner under SC L{self.sc_window[0]}-{self.sc_window[1]})" if self.sc_window else "")

    @property
    def call(self) -> str:
        """What the plan comes down to next, its first stop: ``L24 HARD``, or ``no stop``."""
        return f"L{self.stops[0].lap} {self.stops[0].compound.value}" if self.stops else "no stop"
