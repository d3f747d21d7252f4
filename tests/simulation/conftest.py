"""States and a toy race that the tests of the simulation share."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from racetwin.simulation.plans import PitPlan
from racetwin.simulation.results import SimulationResult
from racetwin.simulation.state import RaceState


def mid_race(lap: int = 20, total_laps: int = 57, n: int = 20, **changes: Any) -> RaceState:
    """A plausible dry race under way: nobody has stopped, cars are 2.2 s apart in order of pace."""
    values: dict[str, Any] = {
        "race_id": "2024-01-made-up",
        "circuit_id": "bahrain",
        "season": 2024,
        "lap": lap,
        "total_laps": total_laps,
        "car_id": tuple(str(i + 1) for i in range(n)),
        "driver": tuple(f"D{i:02d}" for i in range(n)),
        "team": tuple(f"Team {i // 2}" for i in range(n)),
        "time_s": lap * 95.0 + 2.2 * np.arange(n),
        "running": np.ones(n, dtype=bool),
        "laps_completed": np.full(n, lap),
        "grid": np.arange(1, n + 1),
        "compound": np.array([2 if i % 3 == 0 else 1 for i in range(n)]),
        "tyre_age": np.full(n, float(lap)),
        "stops": np.zeros(n, dtype=np.int64),
        "compounds_used": np.array([4 if i % 3 == 0 else 2 for i in range(n)]),
        "pace_mean": np.linspace(-0.8, 1.0, n),
        "pace_sd": np.full(n, 0.15),
        "wear_mean": np.ones(n),
        "wear_sd": np.full(n, 0.15),
        "fuel_kg": np.full(n, 110.0 * (1 - lap / total_laps)),
    }
    return RaceState(**(values | changes))


@pytest.fixture(scope="session")
def make_state() -> Callable[..., RaceState]:
    """Factory of mid-race states."""
    return mid_race


class ToyRace:
    """A race whose best plan is known: place 1 + |first stop - 30| / 4 + 3 per stop beyond the first, plus shared luck.

    Luck is drawn by (seed, race number), so every plan sees the same in the same race, however races are batched.
    """

    def __init__(self, luck: float = 3.0, own_luck: float = 0.8) -> None:
        self.luck, self.own_luck = luck, own_luck
        self.calls: list[tuple[int, int, int]] = []

    def truth(self, plan: PitPlan) -> float:
        """Mean place before rounding."""
        first = plan.stops[0].lap if plan.stops else 60
        return 3.0 + abs(first - 30) / 4 + 3.0 * max(0, len(plan.stops) - 1)

    def __call__(
        self, state: RaceState, plans: Sequence[PitPlan], n_races: int, seed: int, /, **options: Any
    ) -> SimulationResult:
        first_race, watch = options.get("first_race", 0), tuple(options.get("watch", ()))
        self.calls.append((len(plans), first_race, n_races))
        n, i = state.n_cars, state.index(options["car_id"])
        shared = np.array(
            [
                np.random.Generator(np.random.Philox(key=[seed, r])).normal()
                for r in range(first_race, first_race + n_races)
            ]
        )
        positions = np.zeros((len(plans), n_races), dtype=np.uint8)
        for k, plan in enumerate(plans):
            key = [seed, 1 + zlib.crc32(plan.label.encode())]
            own = np.random.Generator(np.random.Philox(key=key)).normal(size=first_race + n_races)[first_race:]
            place = self.truth(plan) + self.luck * shared + self.own_luck * own
            positions[k] = np.clip(np.rint(place), 1, n).astype(np.uint8)
        histogram = np.zeros((len(plans), n, n), dtype=np.int64)
        others = [j for j in range(n) if j != i]
        watched = np.zeros((len(plans), n_races, len(watch)), dtype=np.uint8)
        for k in range(len(plans)):
            histogram[k, i] = np.bincount(positions[k] - 1, minlength=n)
            for place, j in enumerate(others, start=1):  # the others keep their order around us
                where = np.where(positions[k] <= place, place + 1, place)
                histogram[k, j] = np.bincount(where - 1, minlength=n)
                if state.car_id[j] in watch:
                    watched[k, :, watch.index(state.car_id[j])] = where
        return SimulationResult(
            car_id=options["car_id"],
            cars=state.car_id,
            plans=tuple(plans),
            positions=positions,
            histogram=histogram,
            time_s=positions.astype(np.int64).mean(axis=1) + 5400.0,
            n_races=n_races,
            seed=seed,
            backend="toy",
            first_race=first_race,
            finished=np.full(len(plans), n_races, dtype=np.int64),
            watched=watch,
            watched_positions=watched,
        )


@pytest.fixture
def toy() -> ToyRace:
    """A race with a known best plan: the first stop on lap 30."""
    return ToyRace()
