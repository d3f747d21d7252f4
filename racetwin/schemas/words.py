"""Words of the field that everything else is said in: tyres, flags, where a car is, and what a model is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MAX_CARS = 24
"""Most cars a race can have: the entry limit of the sporting regulations rounded up to what feeds carry (EA format 2026)."""
TRAFFIC_S = 1.5
"""A car closer than this behind another one is in its traffic: its laps tell of that car's pace as much as of its own, s."""


class Compound(StrEnum):
    """Tyre compound as the broadcast names it."""

    SOFT = "SOFT"
    MEDIUM = "MEDIUM"
    HARD = "HARD"
    INTERMEDIATE = "INTERMEDIATE"
    WET = "WET"

    @property
    def index(self) -> int:  # type: ignore[override]  # nobody looks for a substring in a compound
        """Position in ``SOFT, MEDIUM, HARD, INTERMEDIATE, WET``: how arrays name a compound."""
        return COMPOUNDS.index(self)

    @property
    def letter(self) -> str:
        """``S``, ``M``, ``H``, ``I`` or ``W``."""
        return self.value[0]

    @property
    def is_slick(self) -> bool:
        """Whether it is one of the three dry compounds."""
        return self in COMPOUNDS[:3]


COMPOUNDS: tuple[Compound, ...] = tuple(Compound)


class TrackStatus(StrEnum):
    """State of the track, as race control declares it."""

    GREEN = "GREEN"
    YELLOW = "YELLOW"
    SC = "SC"
    VSC = "VSC"
    VSC_ENDING = "VSC_ENDING"
    RED = "RED"

    @property
    def is_neutralised(self) -> bool:
        """Whether overtaking is forbidden and the field is slowed."""
        return self in (TrackStatus.SC, TrackStatus.VSC, TrackStatus.VSC_ENDING, TrackStatus.RED)


class CarStatus(StrEnum):
    """Where a car is in its race."""

    GRID = "GRID"
    TRACK = "TRACK"
    PIT = "PIT"
    RETIRED = "RETIRED"
    FINISHED = "FINISHED"


class Priority(StrEnum):
    """How soon a recommendation must be acted on."""

    URGENT = "urgent"
    MODERATE = "moderate"
    OPTIONAL = "optional"


class Model(BaseModel):
    """Frozen base of every model; an unknown field is an error, so a misspelt one cannot pass unseen."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


CarId = Annotated[str, Field(pattern="^[0-9]{1,3}$", description="racing number, as a string")]
LapNumber = Annotated[int, Field(ge=0, le=200)]
Seconds = Annotated[float, Field(ge=-1e10, le=1e10)]
"""A time or a difference of two: three centuries either way, so that it fits any source's clock and, in ms, a machine word."""
Reading = Annotated[float, Field(ge=-1e9, le=1e9)]
"""What a sensor says, or a place in metres: more than anything that is measured at a race."""
