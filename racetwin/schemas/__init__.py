"""The language all parts of racetwin speak.

Everything that passes from one layer to the next is defined here: the telemetry frame, the events derived from it, what the
twins say, ranked pit plans and recommendations. Models are frozen: a value that has been handed on does not change.

Units, everywhere: seconds, metres, kilograms, degrees Celsius, km/h for speed. Laps count from 1. ``time_s`` is race time,
seconds since lights out (negative on the grid). ``car_id`` is the racing number as a string, ``driver`` the three-letter code.
A value that the source does not carry is ``None``; nothing is invented.
"""

from __future__ import annotations

from racetwin.schemas.advice import (
    AdviceLife,
    AdviceTexts,
    Alternative,
    Checked,
    Fact,
    ModelWording,
    Recommendation,
    Sentence,
)
from racetwin.schemas.events import (
    Event,
    FeedGap,
    Finished,
    LapCompleted,
    Overtake,
    PitEntered,
    PitExited,
    RaceControl,
    RaceEvent,
    Rejection,
    Retired,
    TrackStatusChanged,
    TyreChanged,
    Weather,
)
from racetwin.schemas.plans import (
    BestResponse,
    Comparison,
    DeskAnswer,
    PlanChange,
    PlannedStop,
    RankedPlan,
    Receipt,
    Rejoin,
    ResponseRound,
    Sensitivity,
    TeamAnswer,
    TeamPlan,
    WhatIf,
)
from racetwin.schemas.telemetry import (
    FRAME_VERSION,
    CarTelemetry,
    RaceControlMessage,
    TelemetryFrame,
    TrackConditions,
    Tyre,
    TyreSet,
)
from racetwin.schemas.twins import (
    CarTwinState,
    Estimate,
)
from racetwin.schemas.words import (
    COMPOUNDS,
    MAX_CARS,
    CarId,
    CarStatus,
    Compound,
    LapNumber,
    Model,
    Priority,
    TrackStatus,
)

__all__ = [
    "COMPOUNDS",
    "FRAME_VERSION",
    "MAX_CARS",
    "AdviceLife",
    "AdviceTexts",
    "Alternative",
    "BestResponse",
    "CarId",
    "CarStatus",
    "CarTelemetry",
    "CarTwinState",
    "Checked",
    "Comparison",
    "Compound",
    "DeskAnswer",
    "Estimate",
    "Event",
    "Fact",
    "FeedGap",
    "Finished",
    "LapCompleted",
    "LapNumber",
    "Model",
    "ModelWording",
    "Overtake",
    "PitEntered",
    "PitExited",
    "PlanChange",
    "PlannedStop",
    "Priority",
    "RaceControl",
    "RaceControlMessage",
    "RaceEvent",
    "RankedPlan",
    "Receipt",
    "Recommendation",
    "Rejection",
    "Rejoin",
    "ResponseRound",
    "Retired",
    "Sensitivity",
    "Sentence",
    "TeamAnswer",
    "TeamPlan",
    "TelemetryFrame",
    "TrackConditions",
    "TrackStatus",
    "TrackStatusChanged",
    "Tyre",
    "TyreChanged",
    "TyreSet",
    "Weather",
    "WhatIf",
]
