"""Desk answers and situations to advise on: hand-made for the rules, and many seeded ones for the checker of claims."""

from __future__ import annotations

import random

from racetwin.schemas import (
    CarStatus,
    CarTwinState,
    Compound,
    DeskAnswer,
    Estimate,
    PlannedStop,
    RankedPlan,
    Receipt,
    Recommendation,
    Rejoin,
    TrackStatus,
    Tyre,
)
from racetwin.strategist import Situation, recommend

DRIVERS = ("VER", "NOR", "LEC", "HAM", "RUS", "PIA", "SAI", "ALO", "GAS", "OCO")


def estimate(mean: float, half: float = 1.0) -> Estimate:
    return Estimate(mean=mean, low=mean - half, high=mean + half)


def car(car_id: str, position: int, **changes: object) -> CarTwinState:
    values: dict[str, object] = {
        "car_id": car_id,
        "driver": f"D{car_id}",
        "team": "Team",
        "status": CarStatus.TRACK,
        "lap": 20,
        "position": position,
        "gap_s": 2.0 * position,
        "interval_s": 2.0,
        "tyre": Tyre(compound=Compound.MEDIUM, age=20),
        "stops": 0,
        "last_lap_s": 95.0,
        "best_lap_s": 94.0,
        "fuel_kg": estimate(60.0),
        "pace_s": estimate(0.0, 0.2),
        "wear_s_per_lap": estimate(0.05, 0.02),
    }
    return CarTwinState.model_validate(values | changes)


def plan(rank: int, lap: int | None, points: float, delta: float, se: float = 0.05, **changes: object) -> RankedPlan:
    stops = () if lap is None else (PlannedStop(lap=lap, compound=Compound.HARD),)
    values: dict[str, object] = {
        "plan": "no stop" if lap is None else f"L{lap} HARD",
        "stops": stops,
        "rank": rank,
        "expected_position": 5.0,
        "expected_points": points,
        "p_win": 0.1,
        "p_podium": 0.3,
        "p_points": 0.9,
        "mean_race_time_s": 5800.0,
        "standard_error": 0.05,
        "delta_points": delta,
        "delta_standard_error": 0.0 if rank == 1 else se,
        "too_close": rank > 1 and abs(delta) < 2 * se,
        "p_ahead": 0.0 if rank == 1 else 0.12,
        "p_behind": 0.0 if rank == 1 else 0.31,
        "n_races": 2000,
        "seed": 1,
        "position_probability": (0.1,) * 10,
    }
    return RankedPlan.model_validate(values | changes)


def answer(*plans: RankedPlan, lap: int = 20, box_now: Rejoin | None = None) -> DeskAnswer:
    return DeskAnswer(
        race_id="2024-12-great-britain",
        car_id="4",
        lap=lap,
        time_s=1900.0,
        objective="points",
        plans=plans,
        box_now=box_now,
        receipt=Receipt(
            seed=1, n_races=2000, backend="numba", parameters_hash="p", state_hash="s", code_version="0.1.0"
        ),
    )


def rejoin(gap_ahead: float = 4.0, **changes: object) -> Rejoin:
    values: dict[str, object] = {
        "car_id": "4",
        "lap": 21,
        "track_status": TrackStatus.GREEN,
        "position": 8,
        "probability": 0.7,
        "position_probability": {8: 0.7, 9: 0.3},
        "car_ahead": "11",
        "gap_ahead_s": gap_ahead,
        "car_behind": "16",
        "gap_behind_s": 1.2,
        "pit_loss_s": estimate(20.5),
    }
    return Rejoin.model_validate(values | changes)


def duel(car_id: str, rival_id: str, works: float, gap_s: float = 1.4, gain_s: float = 1.9) -> dict[str, object]:
    """What a car can do to the one ahead of it with its next stop, as the field twin shows it."""
    return {
        "car_id": car_id,
        "rival_id": rival_id,
        "gap_s": gap_s,
        "undercut_probability": works,
        "undercut_gain_s": gain_s,
    }


def field(*duels: dict[str, object], **offers: list[dict[str, object]]) -> dict[str, object]:
    """The field twin's view: duels, and what it offers our car."""
    return {"duels": list(duels), "opportunities": {"4": offers.get("offers", [])}}


def situation(**changes: object) -> Situation:
    cars = {"4": car("4", 3), "16": car("16", 4, stop_probability_next_5=0.1), "11": car("11", 9)}
    values: dict[str, object] = {"cars": cars, "lap": 20, "total_laps": 52}
    return Situation(**(values | changes))


def many_recommendations(n: int, *, slowed: bool = False) -> list[Recommendation]:
    """Advice on ``n`` seeded moments of made-up races, as varied as the rules allow; ``slowed``: behind a safety car in part."""
    rng, chances = random.Random(3), random.Random(4)
    out: list[Recommendation] = []
    for _ in range(n):
        lap, points, loss = rng.randint(5, 45), rng.uniform(0.5, 24), 0.0
        plans: list[RankedPlan] = []
        for _ in range(6):
            stop = PlannedStop(lap=lap + rng.randint(1, 14), compound=rng.choice(list(Compound)[:3]))
            label = f"L{stop.lap} {stop.compound.value}"
            if label in [p.plan for p in plans]:
                continue
            changes = {
                "plan": label,
                "stops": (stop,),
                "p_points": rng.random(),
                "p_podium": rng.random(),
                "expected_position": rng.uniform(1, 15),
            }
            ahead = chances.random()
            changes |= {"p_ahead": ahead, "p_behind": chances.uniform(0, 1 - ahead)} if plans else {}
            plans.append(plan(len(plans) + 1, stop.lap, points + loss, loss, rng.uniform(0.02, 0.2), **changes))
            loss -= rng.uniform(0.02, 0.6)
        names, position = rng.sample(DRIVERS, 3), rng.randint(1, 12)
        cars = {
            "4": car(
                "4",
                position,
                driver=names[0],
                tyre=Tyre(compound=Compound.MEDIUM, age=rng.randint(3, 30)),
                tyre_life_laps=Estimate(mean=rng.uniform(2, 20), low=1, high=25),
            ),
            "16": car(
                "16",
                position + 1,
                driver=names[1],
                interval_s=rng.uniform(0.5, 4),
                stop_probability_next_5=rng.random(),
            ),
            "11": car("11", 14, driver=names[2]),
        }
        box = rejoin(
            rng.uniform(0.3, 6),
            lap=lap + 1,
            position=rng.randint(3, 18),
            probability=rng.uniform(0.3, 1),
            gap_behind_s=rng.uniform(0.3, 6),
            pit_loss_s=estimate(rng.uniform(16, 27)),
        )
        near = (
            duel("16", "4", chances.random(), chances.uniform(0.3, 4), chances.uniform(-0.5, 3)),
            duel("4", "11", chances.random(), chances.uniform(0.3, 4), chances.uniform(-0.5, 3)),
        )
        kinds = ("cheap_free_stop", "cheap_stop") if slowed else ()
        kind = chances.choice(("free_stop", *kinds, "gap_to_drop_into"))
        status = TrackStatus.SC if kind.startswith("cheap") else TrackStatus.GREEN
        seen = field(*near, offers=[{"kind": kind}])
        now = Situation(cars, lap, 60, status, field=seen)
        out += recommend(answer(*plans, lap=lap, box_now=box), now)
    return out
