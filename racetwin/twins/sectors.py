"""The lap being driven: its forecast, corrected by the sectors already completed."""

from __future__ import annotations

import math

from racetwin.schemas import Estimate
from racetwin.simulation.live import LapShape

Sectors = tuple[float | None, float | None, float | None]

MEMORY = 0.2
"""Weight of the latest lap in a car's usual shares of the three sectors."""
CARRY = 0.3
"""Share of what a sector was off that the rest of the lap is off too, in proportion: half of it is pace, half a moment."""


def learn_shares(old: list[float] | None, sectors: Sectors | None, lap_time_s: float) -> list[float] | None:
    """Return a car's usual shares of the first two sectors in its lap, with one more lap known."""
    if sectors is None or sectors[0] is None or sectors[1] is None or lap_time_s <= 0:
        return old
    now = [sectors[0] / lap_time_s, sectors[1] / lap_time_s]
    if old is None:
        return now
    return [a + MEMORY * (b - a) for a, b in zip(old, now, strict=True)]


def lap_in_progress(
    median_s: float, sd_s: float, shares: list[float] | None, sectors: Sectors | None, shape: LapShape
) -> Estimate | None:
    """Expect the lap being driven from its sectors so far; None where there are none, or the lap is over.

    Parameters
    ----------
    median_s, sd_s : s
        Forecast of the lap when it began.
    shares
        Usual shares of the first two sectors.
    sectors : s
        Those of this lap; a third one means that the lap is complete.
    shape
        How laps fall around their forecast.

    Examples
    --------
    >>> e = lap_in_progress(90.0, 0.4, [0.3, 0.4], (27.5, None, None), LapShape())
    >>> 90.8 < e.mean < 90.9 and e.low < e.mean < e.high
    True
    """
    if shares is None or sectors is None or sectors[0] is None or sectors[2] is not None:
        return None
    done, share = sectors[0], shares[0]
    if sectors[1] is not None:
        done, share = done + sectors[1], share + shares[1]
    off = done - share * median_s
    left = max(0.0, 1.0 - share)
    mean = median_s + off * (1.0 + CARRY * left / max(share, 0.05))
    spread = sd_s * math.sqrt(left)
    return Estimate(mean=mean, low=mean - shape.low * spread, high=mean + shape.high * spread)
