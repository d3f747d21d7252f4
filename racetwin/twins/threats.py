"""Who may beat us and by which move; what the field offers now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from racetwin.schemas import CarStatus, TrackStatus
from racetwin.twins.duels import normal_cdf
from racetwin.twins.losses import net_loss_s

if TYPE_CHECKING:
    from racetwin.twins.race_twin import RaceTwin

FloatArray = npt.NDArray[np.float64]

LEVELS = ((0.5, "high"), (0.2, "medium"), (0.0, "low"))
"""Probability from which a threat is called so."""
MOST = 5
"""Threats listed per car."""
REACH_S = 60.0
"""Rivals further behind than this are left out unless a safety car brings them back, in seconds."""
LEAST = 0.02
"""Threats less likely than this are not listed."""
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


@dataclass(frozen=True, slots=True)
class Standing:
    """Where all cars are and how fast they are at one moment, in the order of the race's cars: what threats are reckoned from.

    Parameters
    ----------
    car_id
    time_s, virtual_s : (n,) s
        Race time at the leader's last line crossing; and once all have made the stops they are expected to make.
    pace_s, pace_sd_s : (n,) s a lap
    running : (n,) bool
    """

    car_id: tuple[str, ...]
    time_s: FloatArray
    virtual_s: FloatArray
    pace_s: FloatArray
    pace_sd_s: FloatArray
    running: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, race: RaceTwin, time_s: Mapping[str, float], virtual_s: Mapping[str, float]) -> Standing:
        """Read it from a race."""
        cars = list(race.cars.values())
        mean, sd = race.pace.paces()
        index = np.array([c.index for c in cars], dtype=np.int64)
        times, virtual = (np.array([t[c.car_id] for c in cars]) for t in (time_s, virtual_s))
        running = np.array([c.running for c in cars], dtype=bool)
        return cls(tuple(race.cars), times, virtual, mean[index], sd[index], running)

    def behind(self, car_id: str) -> npt.NDArray[np.int64]:
        """Return the cars behind one, near enough to matter."""
        gap = self.time_s - self.time_s[self.car_id.index(car_id)]
        return np.flatnonzero(self.running & (gap > 0.0) & (gap <= REACH_S))


@dataclass(frozen=True, slots=True)
class Raced:
    """What simulated races say of a car's rivals: how often each was classified ahead of it, and which races those were."""

    ahead: Mapping[str, float]
    source: str


def threats(race: RaceTwin, car_id: str, raced: Raced | None = None) -> tuple[Threat, ...]:
    """List rivals behind a car that may end the race ahead of it, likeliest first."""
    own = race.cars[car_id]
    if not own.running or own.status is CarStatus.FINISHED:
        return ()
    now = race.field.standing
    rivals = now.behind(car_id)
    ids = [now.car_id[k] for k in rivals.tolist()]
    left = race.total_laps - race.leader_laps
    me = now.car_id.index(car_id)
    gap = now.virtual_s[rivals] - now.virtual_s[me]
    gain = (now.pace_s[me] - now.pace_s[rivals]) * left  # by pace, over the rest of the race
    if raced is not None:
        source = raced.source
        chance = [raced.ahead.get(rival_id, 0.0) for rival_id in ids]
    else:
        source = "pace and stops to come"
        pace_sd = np.sqrt(now.pace_sd_s[me] ** 2 + now.pace_sd_s[rivals] ** 2 + RACE_SPREAD_S**2)
        noise = 2.0 * race.parameters.lap_noise_s**2 * max(1, left)
        spread = np.sqrt((0.3 * pace_sd * left) ** 2 + noise + 1.0)
        # Catching is not passing: what is gained on the road counts in full only beyond the gap at which one is stuck.
        stuck = np.where(gap > 0.0, race.parameters.follow_gap_s, 0.0)
        chance = [normal_cdf(z) for z in ((gain - gap - stuck) / spread).tolist()]
    likely = [found for found in zip(chance, ids, gap.tolist(), gain.tolist(), strict=True) if found[0] >= LEAST]
    likely.sort(key=lambda found: (-found[0], found[1]))
    return tuple(
        Threat(rival_id, p, _move(race, car_id, rival_id, gap_s, gain_s), source)
        for p, rival_id, gap_s, gain_s in likely[:MOST]
    )


def _move(race: RaceTwin, car_id: str, rival_id: str, gap_s: float, gain_s: float) -> str:
    """Name the likeliest way a rival gets past that is ``gap_s`` behind once all have stopped: a stop, pace, a safety car."""
    d = race.field.duel_of(rival_id)
    if d is not None and d.rival_id == car_id and max(d.undercut, d.overcut) >= 0.5:
        return "undercut" if d.undercut >= d.overcut else "overcut"
    if gap_s < 0.0:
        return "stops"
    return "pace" if gain_s > 0.3 * gap_s or gap_s < 3.0 else "safety car"


def opportunities(race: RaceTwin, car_id: str) -> tuple[dict[str, Any], ...]:
    """List what the field offers a car now: an undercut or overcut, a free stop, a gap to drop into."""
    field, car = race.field, race.cars[car_id]
    left = race.total_laps - race.leader_laps
    if not car.running or car.status is CarStatus.FINISHED or left < 2:
        return ()
    found: list[dict[str, Any]] = []
    d = field.duel_of(car_id)
    if d is not None:
        moves = (("undercut", d.undercut, d.undercut_gain_s), ("overcut", d.overcut, d.overcut_gain_s))
        for move, chance, gain in moves:
            found.append(
                {
                    "kind": move,
                    "rival_id": d.rival_id,
                    "probability": chance,
                    "gain_s": gain,
                    "points": chance * d.points,
                }
            )
    now = field.standing
    me = now.car_id.index(car_id)
    running = now.running.copy()
    running[me] = False
    times = now.time_s[running]
    loss = net_loss_s(race.parameters, race.track_status)
    own_s = float(now.time_s[me])
    out = own_s + loss
    is_ahead = times <= out
    ahead, behind = (out - times[is_ahead]).tolist(), (times[~is_ahead] - out).tolist()
    places = int((is_ahead & (times > own_s)).sum())
    to_come = field.outlooks[car_id].stops_to_come > 0
    if to_come and places == 0 and race.leader_laps > 0:
        kind = "free_stop" if race.track_status is TrackStatus.GREEN else "cheap_free_stop"
        found.append({"kind": kind, "loss_s": loss, "places_lost": 0, "gap_behind_s": min(behind, default=None)})
    elif to_come and race.track_status in (TrackStatus.SC, TrackStatus.VSC, TrackStatus.VSC_ENDING):
        saved = net_loss_s(race.parameters, TrackStatus.GREEN) - loss
        found.append({"kind": "cheap_stop", "loss_s": loss, "saved_s": saved, "places_lost": places})
    gap = min(ahead, default=math.inf)
    if to_come and race.leader_laps > 0 and gap > race.parameters.dirty_air_range_s:
        found.append(
            {
                "kind": "gap_to_drop_into",
                "places_lost": places,
                "gap_ahead_s": gap if math.isfinite(gap) else None,
                "gap_behind_s": min(behind, default=None),
            }
        )
    return tuple(found)
