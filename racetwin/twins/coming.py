"""How long a car's next laps will take under the present track status; behind a safety car, as those ahead have shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from racetwin.schemas import LapCompleted, TrackStatus
from racetwin.simulation.rejoin import IN_LAP_SHARE
from racetwin.twins.losses import net_loss_s

if TYPE_CHECKING:
    from racetwin.simulation.parameters import RaceParameters
    from racetwin.twins.car_twin import CarTwin
    from racetwin.twins.race_twin import RaceTwin


@dataclass(slots=True)
class SlowLap:
    """The quickest time (s) so far of the newest neutralised lap: what cars that are still on it will need; lap 0 for none."""

    lap: int = 0
    time_s: float = 0.0

    def note(self, e: LapCompleted, p: RaceParameters, status: TrackStatus) -> None:
        """Take a completed lap."""
        if not e.neutralised or e.lap_time_s is None or e.pit_out:
            if e.lap > self.lap:
                self.lap = 0
            return
        lap_time = e.lap_time_s
        if e.pit_in:
            lap_time -= IN_LAP_SHARE * net_loss_s(p, status)
        if e.lap > self.lap or lap_time < self.time_s:
            self.lap, self.time_s = e.lap, lap_time

    def snapshot(self) -> list[float] | None:
        """Return it as JSON-able values."""
        return [self.lap, self.time_s] if self.lap else None

    @classmethod
    def restore(cls, saved: Any) -> SlowLap:
        """Return what :meth:`snapshot` was taken of."""
        return cls(int(saved[0]), float(saved[1])) if saved is not None else cls()


def coming_s(race: RaceTwin, twin: CarTwin, laps: int) -> float:
    """Expected time of a car's next laps under the present track status, in seconds."""
    if laps <= 0:
        return 0.0
    if race.slow_lap.lap > twin.laps:
        # Behind a safety car everyone does the laps that those ahead have just done: gaps shrink, they do not grow.
        return race.slow_lap.time_s * laps
    coming = twin.forecast().median_s
    time = float(coming[:laps].sum()) + max(0, laps - len(coming)) * float(coming[-1])
    if race.track_status is TrackStatus.SC:
        return time * race.parameters.sc_deploy_pace
    if race.track_status in (TrackStatus.VSC, TrackStatus.VSC_ENDING):
        return time * race.parameters.vsc_pace
    return time
