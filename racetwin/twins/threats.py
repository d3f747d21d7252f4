"""Who may beat us and by which move; what the field offers now."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from racetwin.schemas import CarStatus, TrackStatus
from racetwin.twins.duels import normal_cdf
from racetwin.twins.rivals import virtual_times
from racetwin.twins.synchronous import net_loss_s

if TYPE_CHECKING:
    from racetwin.simulation.results import SimulationResult
    from racetwin.twins.race_twin import RaceTwin

LEVELS = ((0.5, "high"), (0.2, "medium"), (0.0, "low"))
"""Probability from which a threat is called so."""
MOST = 5
"""Threats listed per car."""
CLEAR_AIR_S = 2.0
"""A gap this wide ahead at the rejoin leaves a car in clear air, in seconds."""
RACE_SPREAD_S = 0.12
"""How far two cars' mean lap times stray from what is expected over what is left of a race, in seconds a lap."""


@dataclass(frozen=True, slots=True)
class Threat:
    """A rival behind (or out of step) that may end the race ahead, with the likeliest way."""

    rival_id: str
    probability: float
    move: str
    source: str

    @property
    def level(self) -> str:
        """``high``, ``medium`` or ``low``."""
        return next(name for least, name in LEVELS if self.probability >= least)

    def view(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "rival_id": self.rival_id,
            "probability": self.probability,
            "level": self.level,
            "move": self.move,
            "source": self.source,
        }


def beats(result: SimulationResult, rival_id: str, plan: int = 0) -> float:
    """Share of simulated races in which a rival finishes ahead of the car of the plans, under one of them.

    Race by race where the rival was watched; otherwise from the two cars' finishing distributions as if independent.
    """
    if rival_id in result.watched:
        theirs = result.watched_positions[plan, :, result.watched.index(rival_id)]
        return float((theirs < result.positions[plan]).mean())
    ours, theirs = result.probabilities()[plan], result.probabilities(rival_id)[plan]
    ahead = np.concatenate([[0.0], np.cumsum(theirs)[:-1]])
    apart = 1.0 - float((ours * theirs).sum())  # two cars do not share a place
    return float((ours * ahead).sum()) / apart if apart > 0 else 0.5


def threats(race: RaceTwin, car_id: str, result: SimulationResult | None = None) -> tuple[Threat, ...]:
    """List rivals behind a car that may end the race ahead of it, likeliest first."""
    field, cars = race.field, race.cars
    own = cars[car_id]
    if not own.running or own.status is CarStatus.FINISHED:
        return ()
    times = field.times
    virtual = virtual_times(race, field.outlooks, times)
    left = race.total_laps - race.leader_laps
    found = []
    for rival_id, rival in cars.items():
        behind = times[rival_id] > times[car_id]
        if rival_id == car_id or not rival.running or not behind or times[rival_id] - times[car_id] > REACH_S:
            continue
        probability = beats(result, rival_id) if result is not None else _chance(race, car_id, rival_id, virtual, left)
        if probability >= LEAST:
            found.append(Threat(rival_id, probability, _move(race, car_id, rival_id, virtual, left), _source(result)))
    found.sort(key=lambda t: (-t.probability, t.rival_id))
    return tuple(found[:MOST])


REACH_S = 60.0
"""Rivals further behind than this are left out unless a safety car brings them back, in seconds."""
LEAST = 0.02
"""Threats less likely than this are not listed."""


def _source(result: SimulationResult | None) -> str:
    return f"{result.n_races} simulated races, seed {result.seed}" if result is not None else "pace and stops to come"


def _pace_gain_s(race: RaceTwin, car_id: str, rival_id: str, left: int) -> float:
    """What a rival gains on a car by pace over the rest of the race, in seconds."""
    a, b = race.cars[car_id], race.cars[rival_id]
    return (race.pace.pace(a.index)[0] - race.pace.pace(b.index)[0]) * left


def _chance(race: RaceTwin, car_id: str, rival_id: str, virtual: dict[str, float], left: int) -> float:
    gap = virtual[rival_id] - virtual[car_id]
    gain = _pace_gain_s(race, car_id, rival_id, left)
    a, b = race.cars[car_id], race.cars[rival_id]
    pace_sd = math.hypot(race.pace.pace(a.index)[1], race.pace.pace(b.index)[1], RACE_SPREAD_S)
    spread = math.sqrt((0.3 * pace_sd * left) ** 2 + 2.0 * race.parameters.lap_noise_s**2 * max(1, left) + 1.0)
    # Catching is not passing: what is gained on the road counts in full only beyond the gap at which one is stuck.
    stuck = race.parameters.follow_gap_s if gap > 0 else 0.0
    return normal_cdf((gain - gap - stuck) / spread)


def _move(race: RaceTwin, car_id: str, rival_id: str, virtual: dict[str, float], left: int) -> str:
    """Name the likeliest way a rival gets past: by its stop, by pace, or by a safety car."""
    for d in race.field.duels():
        if d.car_id == rival_id and d.rival_id == car_id and max(d.undercut, d.overcut) >= 0.5:
            return "undercut" if d.undercut >= d.overcut else "overcut"
    if virtual[rival_id] < virtual[car_id]:
        return "stops"
    gap = virtual[rival_id] - virtual[car_id]
    return "pace" if _pace_gain_s(race, car_id, rival_id, left) > 0.3 * gap or gap < 3.0 else "safety car"


def opportunities(race: RaceTwin, car_id: str) -> tuple[dict[str, Any], ...]:
    """List what the field offers a car now: an undercut or overcut, a free stop, a gap to drop into."""
    field, car = race.field, race.cars[car_id]
    left = race.total_laps - race.leader_laps
    if not car.running or car.status is CarStatus.FINISHED or left < 2:
        return ()
    found: list[dict[str, Any]] = []
    for d in field.duels():
        if d.car_id != car_id:
            continue
        moves = (("undercut", d.undercut, d.undercut_gain_s), ("overcut", d.overcut, d.overcut_gain_s))
        for move, chance, gain in moves:
            if chance >= 0.5:
                found.append(
                    {
                        "kind": move,
                        "rival_id": d.rival_id,
                        "probability": chance,
                        "gain_s": gain,
                        "points": chance * d.points,
                    }
                )
    times = field.times
    running = {c: t for c, t in times.items() if race.cars[c].running and c != car_id}
    loss = net_loss_s(race.parameters, race.track_status)
    out = times[car_id] + loss
    ahead = [out - t for t in running.values() if t <= out]
    behind = [t - out for t in running.values() if t > out]
    places = sum(times[car_id] < t <= out for t in running.values())
    to_come = field.outlooks[car_id].stops_to_come > 0
    if to_come and places == 0 and race.leader_laps > 0:
        kind = "free_stop" if race.track_status is TrackStatus.GREEN else "cheap_free_stop"
        found.append({"kind": kind, "loss_s": loss, "places_lost": 0, "gap_behind_s": min(behind, default=None)})
    elif to_come and race.track_status in (TrackStatus.SC, TrackStatus.VSC, TrackStatus.VSC_ENDING):
        saved = net_loss_s(race.parameters, TrackStatus.GREEN) - loss
        found.append({"kind": "cheap_stop", "loss_s": loss, "saved_s": saved, "places_lost": places})
    gap = min(ahead, default=math.inf)
    if to_come and race.leader_laps > 0 and gap > CLEAR_AIR_S:
        found.append(
            {
                "kind": "gap_to_drop_into",
                "places_lost": places,
                "gap_ahead_s": gap if math.isfinite(gap) else None,
                "gap_behind_s": min(behind, default=None),
            }
        )
    return tuple(found)
