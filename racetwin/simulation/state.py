"""The race at one moment, as arrays: what the Monte Carlo kernel starts from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from racetwin.errors import InputError
from racetwin.schemas import MAX_CARS, TrackStatus

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RaceState:
    """All cars of a race when its leader has completed ``lap`` laps (0: on the grid).

    The race is lap-synchronous: ``time_s[i]`` is the race time at which car ``i`` completes (or is expected to complete)
    lap ``lap``, so a lapped car is simply more than a lap late. ``lap == 0`` is the grid; ``time_s`` is then the standing
    order's offset (grid slot times seconds per slot) and starts and lap 1 are simulated.

    Parameters
    ----------
    race_id, circuit_id, season
        Which race; ``circuit_id`` and ``season`` choose the model parameters.
    lap, total_laps
        Laps completed by the leader, and race distance.
    track_status, status_laps
        State of the track and how many laps it has lasted (0 in the lap it was declared).
    wetness
        0 dry .. 1 soaked.
    car_id, driver, team : tuple of str, length n
        In any order; ``team`` pairs the cars that share a pit box.
    time_s : (n,) seconds
    running : (n,) bool
        False once retired; a retired car keeps its place in the arrays.
    laps_completed : (n,) int
        ``lap`` less the laps that it is down at the line; of a retired car what it has done.
    grid : (n,) int
        Grid position, 1-based; 0 where unknown.
    compound : (n,) int
        Index into ``schemas.COMPOUNDS``; -1 where unknown.
    tyre_age : (n,) laps
    stops : (n,) int
        Pit stops with a tyre change so far.
    compounds_used : (n,) int
        Bit mask over compound indices, the current set included.
    pace_mean, pace_sd : (n,) seconds per lap
        The twin's posterior of lap time against the field's reference (negative is faster).
    wear_mean, wear_sd : (n,)
        Posterior of the factor on the compound's wear (1 is the field's).
    fuel_kg : (n,) kilograms
    stop_bias : (n,)
        Log-odds added to the rival's hazard of stopping (habit: late negative, early positive).
    cover_bias : (n,)
        Log-odds added when a direct rival has just stopped (undercut cover).
    retire_factor : (n,)
        Factor on the field's retirement rate.
    sets : (n, 5) int
        Sets in hand by compound, new or used; -1 where unknown (then any is allowed).
    set_age : (n, 5) laps
        Age of the freshest set in hand by compound.
    planned_lap, planned_compound : (n, 4) int
        Stops still to come if a car's plan is known or assumed (0 / -1 padded); empty for a rival that decides for itself.
    stop_chance : (n, k)
        Chance of a stop at the end of lap ``lap`` (of a car that has yet to complete it), of ``lap + 1``, and so on, given none
        before it, while the track stays green: as the twins see it. Zeros where they know nothing. For where a car comes out
        of a stop (:mod:`racetwin.simulation.rejoin`); simulated cars decide by the race model.
    crew_s : (n,) seconds
        Added to each of the car's stops: what its crew usually takes longer (negative: less) than others.
    stop_extra_s : (n,) seconds
        Added to the car's next stop alone: a slow stop that is known, or one asked "what if".
    lane_extra_s
        What a green stop loses more (negative: less) in the lane today than the parameters say, in seconds: learnt from the stops
        that have been made. Under a safety car the lane's loss changes by the same share.
    forced_status, forced_lap
        What if: ``SC``, ``VSC`` or ``RED`` declared in lap ``forced_lap`` (counted from 1) in every race, whatever the draws;
        lap 0 for none. All other draws stay as they are.
    rain_lap, rain_wetness
        What if: the track's wetness becomes at least ``rain_wetness`` from lap ``rain_lap`` on, in every race; lap 0 for none.
    """

    race_id: str
    circuit_id: str
    season: int
    lap: int
    total_laps: int
    car_id: tuple[str, ...]
    driver: tuple[str, ...]
    team: tuple[str, ...]
    time_s: FloatArray
    running: BoolArray
    laps_completed: IntArray
    grid: IntArray
    compound: IntArray
    tyre_age: FloatArray
    stops: IntArray
    compounds_used: IntArray
    pace_mean: FloatArray
    pace_sd: FloatArray
    wear_mean: FloatArray
    wear_sd: FloatArray
    fuel_kg: FloatArray
    track_status: TrackStatus = TrackStatus.GREEN
    status_laps: int = 0
    wetness: float = 0.0
    stop_bias: FloatArray = field(default_factory=lambda: np.zeros(0))
    cover_bias: FloatArray = field(default_factory=lambda: np.zeros(0))
    retire_factor: FloatArray = field(default_factory=lambda: np.zeros(0))
    sets: IntArray = field(default_factory=lambda: np.zeros((0, 5), dtype=np.int64))
    set_age: FloatArray = field(default_factory=lambda: np.zeros((0, 5)))
    planned_lap: IntArray = field(default_factory=lambda: np.zeros((0, 4), dtype=np.int64))
    planned_compound: IntArray = field(default_factory=lambda: np.zeros((0, 4), dtype=np.int64))
    stop_chance: FloatArray = field(default_factory=lambda: np.zeros((0, 1)))
    crew_s: FloatArray = field(default_factory=lambda: np.zeros(0))
    stop_extra_s: FloatArray = field(default_factory=lambda: np.zeros(0))
    lane_extra_s: float = 0.0
    forced_status: TrackStatus = TrackStatus.GREEN
    forced_lap: int = 0
    rain_lap: int = 0
    rain_wetness: float = 0.0

    def __post_init__(self) -> None:
        n = len(self.car_id)
        fill: dict[str, Any] = {
            "stop_bias": np.zeros(n),
            "cover_bias": np.zeros(n),
            "retire_factor": np.ones(n),
            "sets": np.full((n, 5), -1, dtype=np.int64),
            "set_age": np.zeros((n, 5)),
            "planned_lap": np.zeros((n, 4), dtype=np.int64),
            "planned_compound": np.full((n, 4), -1, dtype=np.int64),
            "stop_chance": np.zeros((n, 1)),
            "crew_s": np.zeros(n),
            "stop_extra_s": np.zeros(n),
        }
        for name, default in fill.items():
            if len(getattr(self, name)) == 0 and n:
                object.__setattr__(self, name, default)
        self._check()

    def _check(self) -> None:
        n = len(self.car_id)
        if not 1 <= n <= MAX_CARS:
            raise InputError(f"car_id: {n} cars, expected 1 to {MAX_CARS}")
        if len(set(self.car_id)) != n:
            raise InputError(f"car_id: {list(self.car_id)} has a car twice")
        if not 0 <= self.lap < self.total_laps:
            raise InputError(f"lap: {self.lap}, expected 0 to {self.total_laps - 1} of {self.total_laps}")
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, np.ndarray):
                if len(value) != n:
                    raise InputError(f"{f.name}: {len(value)} values, expected one for each of {n} cars")
                if value.dtype.kind == "f" and not np.isfinite(value).all():
                    bad = self.car_id[int(np.argwhere(~np.isfinite(value))[0][0])]
                    raise InputError(f"{f.name}: not a finite number for car {bad}")
                value.flags.writeable = False
            elif isinstance(value, tuple) and len(value) != n:
                raise InputError(f"{f.name}: {len(value)} values, expected one for each of {n} cars")

    @property
    def n_cars(self) -> int:
        """Number of cars in the arrays, retired ones included."""
        return len(self.car_id)

    @property
    def laps_left(self) -> int:
        """Laps the leader still has to complete."""
        return self.total_laps - self.lap

    def index(self, car_id: str) -> int:
        """Return the array index of a car; ``KeyError`` names the cars there are."""
        try:
            return self.car_id.index(car_id)
        except ValueError:
            raise KeyError(f"car {car_id!r} is not in this race; cars: {', '.join(self.car_id)}") from None

    def order(self) -> IntArray:
        """Indices in race order: running cars by laps and time, then the retired by laps completed."""
        late = np.where(self.running, 0, 1)
        return np.lexsort((self.time_s, np.where(self.running, 0, -self.laps_completed), late))

    def replace(self, **changes: Any) -> RaceState:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    def hash(self) -> str:
        """Return a short hash of every value: equal states, equal hashes."""
        h = hashlib.blake2b(digest_size=12)
        for f in fields(self):
            value = getattr(self, f.name)
            h.update(f.name.encode())
            h.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
        return h.hexdigest()
