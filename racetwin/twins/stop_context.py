"""What a car's decision to stop depends on now: in its race, and as far as the car alone tells."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from racetwin.twins.hazard import StopContext

if TYPE_CHECKING:
    from racetwin.twins.car_twin import CarTwin
    from racetwin.twins.race_twin import RaceTwin


def in_race(race: RaceTwin, twin: CarTwin) -> StopContext:
    """Return it with what the field does and has done today."""
    profile, running = race.field.profile(twin.car_id), race.n_running
    return StopContext(
        lap=twin.laps,
        total_laps=race.total_laps,
        compound=twin.compound,
        age=twin.racing_age,
        stops=twin.stops,
        compounds_used=twin.compounds_used,
        gap_ahead_s=_gap(twin.road_gap_s),
        gap_behind_s=_gap(twin.gap_behind_s),
        ahead_stopped=twin.ahead_stopped,
        behind_stopped=twin.behind_stopped,
        status=race.track_status,
        status_laps=race.status_laps,
        bias=race.field.today_bias + profile.stop_bias,
        cover_bias=profile.cover_bias,
        stopped_of_late=race.stops_today.of_late(twin.car_id, twin.laps) / max(1, running),
        age_today=race.stops_today.usual_age(twin.car_id, twin.compound),
        running=running,
    )


def alone(twin: CarTwin) -> StopContext:
    """Return it for a car of whose rivals nothing is known."""
    return StopContext(
        lap=twin.laps,
        total_laps=twin.pace.model.total_laps,
        compound=twin.compound,
        age=twin.racing_age,
        stops=twin.stops,
        compounds_used=twin.compounds_used,
        gap_ahead_s=_gap(twin.road_gap_s),
        status=twin.track_status,
    )


def _gap(seconds: float | None) -> float:
    return seconds if seconds is not None else math.inf
