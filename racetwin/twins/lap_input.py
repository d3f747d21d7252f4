"""What a completed lap tells of its car's pace, and how much it is to be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from racetwin.schemas import TRAFFIC_S, LapCompleted, TrackStatus
from racetwin.twins.pace_filter import LapInput

if TYPE_CHECKING:
    from racetwin.twins.car_twin import CarTwin


def lap_input(twin: CarTwin, e: LapCompleted, gap_before_s: float | None, traffic_s: float) -> LapInput | None:
    """Return what the filter may learn from a lap; None for one that tells nothing: the start, the pits, a neutralisation.

    Parameters
    ----------
    twin
        The car, its tyres and its gap on the road as they are at the end of the lap.
    e
        The lap.
    gap_before_s
        Gap on the road at the end of the lap before.
    traffic_s
        What traffic was expected to add to the lap.
    """
    if e.lap <= 1 or e.pit_in or e.pit_out or e.neutralised:
        return None
    m, factor = twin.pace.model, 1.0
    if e.track_status is TrackStatus.YELLOW:
        factor *= m.yellow_factor
    if twin.since_neutralised == 1:
        factor *= m.restart_factor
    if _close(gap_before_s) and _close(twin.road_gap_s):
        factor *= m.traffic_factor
    if abs(twin.traffic.lapping_s - m.blue_gap_s) < 2.0 * m.blue_width_s:
        factor *= m.blue_factor
    return LapInput(lap=e.lap, compound=twin.compound, age=twin.racing_age, traffic_s=traffic_s, variance_factor=factor)


def _close(gap_s: float | None) -> bool:
    return gap_s is not None and gap_s < TRAFFIC_S
