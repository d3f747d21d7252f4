"""What a stop loses: as it usually is, and as it has shown itself to be today."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from racetwin.schemas import TrackStatus
from racetwin.simulation.rejoin import IN_LAP_SHARE

if TYPE_CHECKING:
    from racetwin.simulation.parameters import RaceParameters

PRIOR_STOPS = 3.0
"""Stops of today that weigh as much as the circuit's usual loss.

A stop's loss strays from its race's median by about a second, a race's median from its circuit's by half of one.
"""
LONGEST_LOSS_S = 45.0
"""A stop that loses more than this is trouble and tells nothing of the lane."""


def net_loss_s(p: RaceParameters, status: TrackStatus) -> float:
    """Expected net loss of a stop under a track status, stationary time included, in seconds."""
    if status is TrackStatus.RED:
        return 0.0
    lane = {
        TrackStatus.SC: p.pit_loss_sc_s,
        TrackStatus.VSC: p.pit_loss_vsc_s,
        TrackStatus.VSC_ENDING: p.pit_loss_vsc_s,
    }.get(status, p.pit_loss_s)
    tail = p.stationary_tail_s * math.exp(-p.stationary_tail_from)
    return lane + p.stationary_s + p.stationary_body_s + tail


@dataclass(slots=True)
class StopLosses:
    """What green stops of today have lost: over in- and out-lap together, and on the in-lap alone, seconds."""

    total_s: list[float] = field(default_factory=list)
    in_lap_s: list[float] = field(default_factory=list)

    def note(self, in_lap_s: float, out_lap_s: float) -> None:
        """Take a stop whose out-lap is complete."""
        total = in_lap_s + out_lap_s
        if 0.0 < total < LONGEST_LOSS_S:
            self.total_s.append(total)
            self.in_lap_s.append(in_lap_s)

    def expected_s(self, p: RaceParameters) -> tuple[float, float]:
        """Return the loss to expect of a stop (median, stationary time included), and the part of it on the in-lap."""
        usual = p.pit_loss_s + p.stationary_s + math.log(2.0) * p.stationary_body_s + p.cold_tyre_s
        n = len(self.total_s)
        if not n:
            return usual, IN_LAP_SHARE * usual
        total = (PRIOR_STOPS * usual + n * float(np.median(self.total_s))) / (PRIOR_STOPS + n)
        return total, float(np.median(self.in_lap_s))

    def beyond_s(self, p: RaceParameters) -> float:
        """Return how much more stops lose today than they usually do here, as far as believed, seconds."""
        return self.expected_s(p)[0] - StopLosses().expected_s(p)[0]

    def snapshot(self) -> list[list[float]]:
        """Return it as JSON-able values."""
        return [list(self.total_s), list(self.in_lap_s)]

    @classmethod
    def restore(cls, saved: Any) -> StopLosses:
        """Return what :meth:`snapshot` was taken of; nothing for a snapshot that has none."""
        return cls(list(saved[0]), list(saved[1])) if saved else cls()
