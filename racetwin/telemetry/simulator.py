"""A whole Grand Prix as telemetry, drawn from the race model and labelled as simulated.

The race itself (stops, traffic, safety cars, rain, retirements) is that of :mod:`racetwin.simulation.draw`: there is no second
model here. This module only turns its lap table into frames and adds the channels that follow a circuit's outline.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from racetwin.config import Settings
from racetwin.config import settings as current_settings
from racetwin.schemas import CarStatus, TelemetryFrame, TrackStatus
from racetwin.telemetry.faults import Faults, Raw, with_faults
from racetwin.telemetry.laptable import PACE, frames
from racetwin.telemetry.outlines import N, Outline, outline
from racetwin.telemetry.records import Entry, RaceRecord
from racetwin.telemetry.status import StatusChange

PIT_LIMIT_KMH = 80.0
GRID_SLOT_S = 0.12
"""Grid slots are 8 m apart: what a slot is worth at racing pace, s."""


class TelemetrySimulator:
    """Iterate over the frames of a Grand Prix that was never run.

    Parameters
    ----------
    circuit_id, season
        Where and under whose rules; by default drawn by the seed, and the latest rules.
    seed
        Same seed, same race, same frames.
    hz
        Frames per second of race time; None for one per happening (then without car channels).
    n_cars
        Cars on the grid; by default what the season has.
    from_lap, to_lap
        First lap of the leader to show, and the lap after whose completion to stop.

    Examples
    --------
    >>> frame = next(iter(TelemetrySimulator("monza", seed=7)))  # doctest: +SKIP
    >>> frame.simulated  # doctest: +SKIP
    True
    """

    def __init__(
        self,
        circuit_id: str | None = None,
        season: int | None = None,
        seed: int = 1,
        hz: float | None = 10.0,
        *,
        n_cars: int | None = None,
        from_lap: int = 1,
        to_lap: int | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.circuit_id, self.season, self.seed, self.hz = circuit_id, season, seed, hz
        self.n_cars, self.from_lap, self.to_lap = n_cars, from_lap, to_lap
        self._settings = settings or current_settings()

    @cached_property
    def record(self) -> RaceRecord:
        """The drawn race as a lap table."""
        from racetwin.simulation.draw import draw_grand_prix  # here: drawing compiles the race model, reading does not

        race = draw_grand_prix(self.circuit_id, self.season, self.seed, self.n_cars)
        entries = tuple(
            Entry(car, e.driver, e.team, race.grid.get(car))
            for car, e in sorted(race.entrants.items(), key=lambda x: int(x[0]))
        )
        return RaceRecord.from_laps(
            race.laps,
            race_id=race.race_id,
            season=race.season,
            event=race.event,
            circuit_id=race.circuit_id,
            circuit=race.circuit,
            total_laps=race.total_laps,
            lap_length_km=race.lap_length_km,
            entries=entries,
            status=tuple(StatusChange(float(t), TrackStatus(s), False) for t, s in race.status),
            results=race.results,
            simulated=True,
            source="simulator",
        )

    @cached_property
    def outline(self) -> Outline:
        """The circuit that positions and speeds follow."""
        return outline(self.record.circuit_id, self._settings)

    def __iter__(self) -> Iterator[TelemetryFrame]:
        dress = None if self.hz is None else Channels(self.outline)
        return frames(self.record, hz=self.hz, from_lap=self.from_lap, to_lap=self.to_lap, dress=dress)

    def faulty(self, faults: Faults) -> Iterable[Raw]:
        """Return the same race as a failing feed would deliver it."""
        return with_faults(iter(self), faults)


class Channels:
    """Adds speed, pedals, gear and position to a car from its place on the lap."""

    def __init__(self, lap: Outline) -> None:
        self._lap = lap
        self._slot = GRID_SLOT_S / lap.lap_s

    def __call__(self, car: dict[str, Any], track: TrackStatus) -> None:
        """Fill in the channels of one car; a car that stands or is out has a place and no speed."""
        lap, status = self._lap, car["status"]
        if status is CarStatus.RETIRED or status is CarStatus.FINISHED:
            return
        share = car["lap_fraction"] or 0.0
        if status is CarStatus.GRID or (car["lap"] == 1 and share == 0.0):
            share = 1.0 - self._slot * (car["grid_position"] or 24)
        i = int(share * N) % N
        car["x_m"], car["y_m"], car["z_m"] = lap.x_m[i], lap.y_m[i], lap.z_m[i]
        if status is CarStatus.TRACK:
            pace = PACE[track]
            car["speed_kmh"] = round(lap.speed_kmh[i] * pace, 1)
            car["throttle"], car["brake"], car["gear"] = round(lap.throttle[i] * pace, 2), lap.brake[i], lap.gear[i]
        elif status is CarStatus.PIT:
            car["speed_kmh"], car["throttle"], car["brake"], car["gear"] = PIT_LIMIT_KMH, 0.2, 0.0, 2
        else:
            car["speed_kmh"], car["throttle"], car["brake"], car["gear"] = 0.0, 0.0, 1.0, 1
