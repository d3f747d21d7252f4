"""A race by hand: snapshots with every kind of car state, built from the public models only, the same each time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from racetwin.errors import InputError
from racetwin.runtime.channel import Link
from racetwin.runtime.snapshot import (
    Counters,
    DeskStatus,
    FeedAge,
    JournalStatus,
    LapRow,
    RaceInfo,
    RaceSnapshot,
    StageTimes,
    SystemHealth,
)
from racetwin.schemas import (
    BestResponse,
    CarStatus,
    CarTelemetry,
    CarTwinState,
    Comparison,
    Compound,
    Deliberation,
    DeskAnswer,
    DeskReply,
    Estimate,
    Fact,
    PlanChange,
    PlannedStop,
    PlanTrial,
    Priority,
    RaceControl,
    RaceFan,
    RankedPlan,
    Receipt,
    Recommendation,
    Rejoin,
    ResponseRound,
    Retired,
    Sensitivity,
    TeamAnswer,
    TeamPlan,
    TelemetryFrame,
    TrackConditions,
    TrackStatus,
    TrackStatusChanged,
    TriedPlan,
    Tyre,
    TyreChanged,
    WhatIf,
)
from racetwin.simulation.results import POINTS

DRIVERS = (
    ("44", "HAM", "Mercedes"),
    ("1", "VER", "Red Bull"),
    ("4", "NOR", "McLaren"),
    ("81", "PIA", "McLaren"),
    ("55", "SAI", "Ferrari"),
    ("16", "LEC", "Ferrari"),
    ("63", "RUS", "Mercedes"),
    ("27", "HUL", "Haas"),
    ("18", "STR", "Aston Martin"),
    ("14", "ALO", "Aston Martin"),
    ("23", "ALB", "Williams"),
    ("22", "TSU", "RB"),
    ("20", "MAG", "Haas"),
    ("3", "RIC", "RB"),
    ("2", "SAR", "Williams"),
    ("10", "GAS", "Alpine"),
    ("31", "OCO", "Alpine"),
    ("77", "BOT", "Sauber"),
    ("24", "ZHO", "Sauber"),
    ("11", "PER", "Red Bull"),
)
TOTAL = 52
PIT_LOSS_S = 20.5


def stop_lap(i: int) -> int:
    """Lap at the end of which the car that started in place ``i + 1`` stops."""
    return 17 + (7 * i) % 13


def lap_rows(laps: int) -> tuple[LapRow, ...]:
    """Laps of the whole field with one stop each and a safety car on laps 11 to 13."""
    rng = np.random.default_rng(7)
    rows: list[LapRow] = []
    clock = np.arange(20) * 0.35
    for lap in range(1, laps + 1):
        sc = 11 <= lap <= 13
        times = 91.0 + 0.055 * np.arange(20) + rng.normal(0, 0.25, 20) - 0.03 * lap
        for i in range(20):
            age = lap - (stop_lap(i) if lap > stop_lap(i) else 0)
            times[i] += 0.05 * age + (30.0 if sc else 0.0)
            times[i] += PIT_LOSS_S * 0.25 * (lap == stop_lap(i)) + PIT_LOSS_S * 0.75 * (lap == stop_lap(i) + 1)
        clock = clock + times
        if sc:
            order = np.argsort(clock)
            for k in range(1, 20):
                clock[order[k]] = min(clock[order[k]], clock[order[k - 1]] + 0.9)
        order = np.argsort(clock)
        for place, i in enumerate(order):
            if i == 19 and lap > 14:
                continue
            rows.append(
                LapRow(
                    lap=lap,
                    car_id=DRIVERS[i][0],
                    lap_time_s=round(float(times[i]), 3),
                    line_time_s=round(float(clock[i]), 3),
                    gap_s=float(clock[i] - clock[order[0]]),
                    position=place + 1,
                    compound=Compound.MEDIUM if lap <= stop_lap(i) else Compound.HARD,
                    tyre_age=float(lap - (stop_lap(i) if lap > stop_lap(i) else 0)),
                    pit_in=lap == stop_lap(i),
                    pit_out=lap == stop_lap(i) + 1,
                    track_status=TrackStatus.SC if sc else TrackStatus.GREEN,
                    neutralised=sc,
                )
            )
    return tuple(rows)


def ranked(plan_stops: tuple[tuple[int, str], ...], rank: int, mean: float, delta: float, **changes: Any) -> RankedPlan:
    """One plan whose finishing positions are spread around ``mean``."""
    weights = np.array([math.exp(-0.5 * ((p - mean) / 1.7) ** 2) for p in range(1, 21)])
    weights[19] += 0.06 * weights.sum()
    p = weights / weights.sum()
    values: dict[str, Any] = {
        "plan": ", ".join(f"L{lap} {c}" for lap, c in plan_stops) or "no stop",
        "stops": tuple(PlannedStop(lap=lap, compound=Compound(c)) for lap, c in plan_stops),
        "rank": rank,
        "expected_position": float((p * np.arange(1, 21)).sum()),
        "expected_points": float((p[:10] * np.array(POINTS)).sum()),
        "p_win": float(p[0]),
        "p_podium": float(p[:3].sum()),
        "p_points": float(p[:10].sum()),
        "mean_race_time_s": 5000.0 + 2 * rank,
        "standard_error": 0.11,
        "delta_points": delta,
        "delta_standard_error": 0.0 if rank == 1 else 0.06,
        "too_close": rank > 1 and abs(delta) < 0.12,
        "n_races": 2000,
        "seed": 1,
        "position_probability": tuple(float(v) for v in p),
    }
    return RankedPlan(**(values | changes))


def answer(car_id: str, lap: int, *, box: bool = True) -> DeskAnswer:
    """Ranked plans after ``lap`` laps; with ``box`` the best of them stops on the next one."""
    first = lap + 1 if box else lap + 5
    plans = [ranked(((first, "HARD"),), 1, 3.4, 0.0)]
    for k, (stops, mean, delta) in enumerate(
        [
            (((first + 1, "HARD"),), 3.5, -0.08),
            (((first + 2, "HARD"),), 3.6, -0.1),
            (((first + 3, "HARD"),), 3.9, -0.55),
            (((first + 1, "MEDIUM"),), 4.1, -0.8),
            (((first + 7, "MEDIUM"),), 4.4, -1.1),
            (((first + 9, "SOFT"),), 4.7, -1.6),
            (((first, "MEDIUM"), (first + 14, "SOFT")), 5.3, -2.4),
            (((first, "HARD"), (first + 12, "SOFT")), 5.6, -2.9),
            (((first + 2, "SOFT"), (first + 12, "MEDIUM")), 6.4, -4.0),
            (((lap + 1, "SOFT"),), 6.8, -4.4),
            ((), 9.1, -7.2),
        ],
        start=2,
    ):
        plans.append(ranked(stops, k, mean, delta))
    places = {5: 0.04, 6: 0.17, 7: 0.22, 8: 0.41, 9: 0.12, 10: 0.04}
    return DeskAnswer(
        race_id="2024-12-great-britain",
        car_id=car_id,
        lap=lap,
        time_s=90.0 * lap,
        objective="points",
        plans=tuple(plans),
        box_now=Rejoin(
            car_id=car_id,
            lap=lap + 1,
            track_status=TrackStatus.GREEN,
            position=8,
            probability=0.41,
            position_probability=places,
            car_ahead="18",
            gap_ahead_s=1.2,
            car_behind="14",
            gap_behind_s=3.9,
            traffic=True,
            pit_loss_s=Estimate(mean=20.9, low=19.6, high=23.1),
        ),
        receipt=Receipt(
            seed=1, n_races=2000, backend="numba", parameters_hash="p", state_hash=f"s{lap}", code_version="0"
        ),
        elapsed_s=0.412,
    )


def advice(car_id: str, lap: int) -> tuple[Recommendation, ...]:
    """Three recommendations, the least urgent first: a panel has to sort them."""
    fact = Fact(id=1, name="gap", value=1.2, unit="s", source="twin", text="The gap to STR at pit exit is 1.2 s.")
    common: dict[str, Any] = {"car_id": car_id, "lap": lap, "facts": (fact,)}
    return (
        Recommendation(
            id=f"{car_id}-tyre",
            priority=Priority.OPTIONAL,
            title="Watch the rears",
            description="Wear is above the field's.",
            expected_benefit="",
            reasoning="Wear is 0.08 s a lap against 0.05 s.",
            execution_lap=None,
            **common,
        ),
        Recommendation(
            id=f"{car_id}-undercut",
            priority=Priority.MODERATE,
            title="VER is in undercut range",
            description="VER is 1.9 s behind and likely to stop within three laps.",
            expected_benefit="",
            reasoning="A fresh set gains 1.8 s on its out-lap.",
            execution_lap=lap + 3,
            risks=("Stopping early costs tyre life.",),
            **common,
        ),
        Recommendation(
            id=f"{car_id}-stop",
            priority=Priority.URGENT,
            title="Box this lap for HARD",
            description=f"Pit at the end of lap {lap + 1} and fit HARD tyres.",
            expected_benefit="+0.55 ± 0.06 points against waiting until lap 27",
            reasoning="It rejoins P8 with 41 %, 1.2 s behind STR, whose tyres are 14 laps older.",
            execution_lap=lap + 1,
            risks=("41 % only for the likeliest place: traffic of five cars.",),
            **common,
        ),
    )


def field_view(cars: list[CarTelemetry], after: int) -> dict[str, Any]:
    """What a field twin says, in its own form, for the cars that run."""
    laps = range(after + 1, after + 15)
    return {
        "virtual_positions": {c.car_id: i for i, c in enumerate(cars, start=1)},
        "cars": {
            c.car_id: {
                "compound": c.tyre.compound,
                "tyre_age": c.tyre.age,
                "stop_probability_by_lap": {
                    str(lap): round(0.02 + 0.012 * ((7 * i + 3 * lap) % 11), 3) for lap in laps
                },
                "predicted_strategy": [{"lap": after + 6 + i % 5, "compound": "HARD"}],
                "crossover": [
                    {"compound": "SOFT", "gain_s": 0.42, "lap": after + 1},
                    {"compound": "MEDIUM", "gain_s": -0.21, "lap": after + 6},
                    {"compound": "HARD", "gain_s": -0.83, "lap": None},
                ],
            }
            for i, c in enumerate(cars)
        },
        "threats": {
            c.car_id: [
                {"rival_id": "1", "probability": 0.62, "level": "high", "move": "undercut", "source": "duel"},
                {"rival_id": "14", "probability": 0.23, "level": "medium", "move": "pace", "source": "pace"},
            ]
            for c in cars
        },
        "opportunities": {
            c.car_id: [
                {"kind": "overcut", "rival_id": "18", "probability": 0.44, "gain_s": 0.6, "points": 2.0},
                {"kind": "gap_to_drop_into", "places_lost": 3, "gap_ahead_s": 4.2, "gap_behind_s": 2.9},
            ]
            for c in cars
        },
        "duels": [
            {
                "car_id": b.car_id,
                "rival_id": a.car_id,
                "gap_s": 1.4,
                "undercut_probability": 0.57,
                "undercut_gain_s": 0.9,
                "undercut_points": 1.1,
                "overcut_probability": 0.31,
                "overcut_gain_s": -0.4,
                "overcut_points": 0.6,
            }
            for a, b in itertools.pairwise(cars)
        ],
    }


def snapshot(after: int = 22, *, box: bool = True, car_id: str = "63", **changes: Any) -> RaceSnapshot:
    """The race when its leader has completed ``after`` laps: one car in the pits, one out, two lapped."""
    rows = lap_rows(after)
    last = {r.car_id: r for r in rows if r.lap == after}
    best = {c: min(r.lap_time_s or 1e9 for r in rows if r.car_id == c) for c, _, _ in DRIVERS}
    cars, twins = [], {}
    previous = 0.0
    for place, row in enumerate(sorted(last.values(), key=lambda r: r.line_time_s), start=1):
        grid, (car, driver, team) = next((g, d) for g, d in enumerate(DRIVERS, start=1) if d[0] == row.car_id)
        gap = row.gap_s or 0.0
        status = CarStatus.PIT if row.pit_in else CarStatus.TRACK
        cars.append(
            CarTelemetry(
                car_id=car,
                driver=driver,
                team=team,
                status=status,
                position=place,
                grid_position=grid,
                lap=after + 1,
                lap_fraction=max(0.02, 0.8 - gap / 91.0),
                gap_s=gap,
                interval_s=gap - previous if place > 1 else None,
                laps_down=1 if place >= 18 else 0,
                last_lap_s=row.lap_time_s,
                best_lap_s=best[car],
                last_line_time_s=row.line_time_s,
                tyre=Tyre(compound=row.compound, age=row.tyre_age),
                stops=int(after > stop_lap(grid - 1)),
            )
        )
        previous = gap
        twins[car] = CarTwinState(
            car_id=car,
            driver=driver,
            team=team,
            status=status,
            lap=after,
            position=place,
            gap_s=gap,
            interval_s=None,
            tyre=cars[-1].tyre,
            stops=cars[-1].stops or 0,
            last_lap_s=row.lap_time_s,
            best_lap_s=best[car],
            fuel_kg=Estimate(mean=60, low=55, high=65),
            pace_s=Estimate(mean=0.1, low=0, high=0.2),
            next_laps_s=tuple(Estimate(mean=91 + 0.05 * k, low=90.4, high=91.8 + 0.1 * k) for k in range(10)),
            tyre_life_laps=Estimate(mean=9, low=4, high=15),
            usual_life_laps=27.6,
            wear_s_per_lap=Estimate(mean=0.05, low=0.03, high=0.07),
            stop_probability_next_lap=0.1,
            stop_probability_next_5=min(0.95, 0.06 * (row.tyre_age or 0)) if (row.tyre_age or 0) > 3 else 0.02,
        )
    cars.append(
        CarTelemetry(
            car_id="11", driver="PER", team="Red Bull", status=CarStatus.RETIRED, lap=15, grid_position=20, tyre=Tyre()
        )
    )
    track = TrackConditions(
        weather="dry",
        rainfall=False,
        air_temperature_c=17.8,
        track_temperature_c=28.4,
        wind_speed_ms=3.1,
        humidity_pct=61,
    )
    frame = TelemetryFrame(
        source="replay",
        seq=24310,
        time_s=2050.4,
        race_id="2024-12-great-britain",
        season=2024,
        lap=after + 1,
        total_laps=TOTAL,
        track=track,
        cars=tuple(cars),
    )
    values: dict[str, Any] = {
        "run_id": "hand",
        "version": 1,
        "time_s": 2050.4,
        "lap": after + 1,
        "info": RaceInfo(
            race_id="2024-12-great-britain",
            event="British Grand Prix",
            circuit_id="silverstone",
            season=2024,
            total_laps=TOTAL,
            source="replay",
            speed=20.0,
            replay=True,
        ),
        "frame": frame,
        "cars": twins,
        "field": field_view(cars[:19], after),
        "health": SystemHealth(
            stages={
                "ingest": StageTimes(count=24311, p50_ms=1.1, p95_ms=3.9, p99_ms=12.9),
                "desk": StageTimes(count=44, p50_ms=163.0, p95_ms=457.0, p99_ms=512.0),
            },
            queues={"frames held back": 0, "frames to commit": 3, "questions to the desk": 1, "updates skipped": 2},
            refused={"position.out_of_range": 5, "time.backwards": 2},
            feeds=(FeedAge(name="replay", state="ok", age_s=0.1, frames=24311),),
            memory_mib=271.0,
            uptime_s=3723,
            backend="mojo",
            threads=2,
            model="off",
        ),
        "events": (
            TrackStatusChanged(time_s=1010, old=TrackStatus.GREEN, new=TrackStatus.SC, lap=11),
            Retired(time_s=1005, car_id="11", lap=15),
            TrackStatusChanged(time_s=1320, old=TrackStatus.SC, new=TrackStatus.GREEN, lap=14),
            RaceControl(time_s=1700, message="CAR 18 (STR) TIME 1:31.402 DELETED - TRACK LIMITS AT TURN 9", lap=19),
            TyreChanged(
                time_s=2010,
                car_id="63",
                lap=22,
                old=Tyre(compound=Compound.MEDIUM),
                new=Tyre(compound=Compound.HARD, fresh=True),
            ),
        ),
        "laps": rows,
        "followed": (car_id,),
        "answers": {car_id: answer(car_id, after, box=box)},
        "advice": {car_id: advice(car_id, after)},
        "counters": Counters(
            frames_in=24311,
            frames_processed=24311,
            frames_accepted=24310,
            frames_rejected=1,
            frames_per_s=200.0,
            frame_age_s=0.04,
            ingest_ms=0.8,
        ),
        "desk": DeskStatus(state="idle", answers=23, last_s=0.412),
        "journal": JournalStatus(state="ok", frames=24310),
    }
    return RaceSnapshot(**(values | changes))


def pit_window(car_id: str, lap: int, laps: int = 6) -> tuple[Rejoin, ...]:
    """Rejoins for so many laps, better the later and the slower the field."""
    out = []
    for k in range(laps):
        for j, status in enumerate((TrackStatus.GREEN, TrackStatus.VSC, TrackStatus.SC)):
            place = max(1, 9 - k // 2 - 2 * j)
            out.append(
                Rejoin(
                    car_id=car_id,
                    lap=lap + k,
                    track_status=status,
                    position=place,
                    probability=0.5 + 0.3 * k / laps,
                    position_probability={place: 0.5 + 0.3 * k / laps, place + 1: 0.5 - 0.3 * k / laps},
                    car_ahead="18",
                    gap_ahead_s=0.8 + 0.4 * k,
                    car_behind="14",
                    gap_behind_s=3.0,
                    traffic=k < 3,
                    pit_loss_s=Estimate(mean=20.9 - 4 * j, low=19.0, high=23.0),
                )
            )
    return tuple(out)


def what_if(car_id: str, lap: int) -> WhatIf:
    """An answer that a safety car turns from waiting to boxing."""
    before, after = answer(car_id, lap, box=False), answer(car_id, lap, box=True)
    changes = tuple(
        PlanChange(
            plan=p.plan,
            before=p.expected_points - 1 + 0.3 * i,
            after=p.expected_points,
            change=1 - 0.3 * i,
            standard_error=0.1,
            races=1000,
        )
        for i, p in enumerate(after.plans)
    )
    return WhatIf(lever="safety car in lap 23", before=before, after=after, changes=changes)


def fan(car_id: str, lap: int, stops: Sequence[PlannedStop] = (), reference: str | None = None) -> RaceFan:
    """Gaps that open by 0.1 s a lap for each place on the grid, 1 s wide a lap; a planned stop costs its time."""
    quantiles = (0.05, 0.25, 0.5, 0.75, 0.95)

    def row(i: int, k: int) -> tuple[float, ...]:
        lost = PIT_LOSS_S * sum(s.lap <= lap + k for s in stops) if DRIVERS[i][0] == car_id else 0.0
        return tuple(round(0.01 * i * k + lost + w * k, 2) for w in (-0.2, -0.1, 0.0, 0.1, 0.2))

    return RaceFan(
        car_id=car_id,
        lap=lap,
        plan=", ".join(f"L{s.lap} {s.compound.value}" for s in stops) or "no stop",
        reference=reference,
        cars=tuple(d[0] for d in DRIVERS),
        quantiles=quantiles,
        change_s=tuple(
            tuple(None if i == 19 else row(i, k) for k in range(1, TOTAL - lap + 1)) for i in range(len(DRIVERS))
        ),
        n_races=160,
        seed=1,
    )


def trial(
    car_id: str, lap: int, stops: Sequence[PlannedStop], against: Sequence[PlannedStop], lever: str | None
) -> PlanTrial:
    """Every lap later than the plan at hand costs 0.4 points."""

    def tried(plan: Sequence[PlannedStop], mean: float) -> TriedPlan:
        r = ranked(tuple((s.lap, s.compound.value) for s in plan), 1, mean, 0.0)
        return TriedPlan(
            plan=r.plan,
            stops=r.stops,
            expected_points=r.expected_points,
            standard_error=r.standard_error,
            expected_position=r.expected_position,
            p_podium=r.p_podium,
            p_points=r.p_points,
            position_probability=r.position_probability,
        )

    later = sum(s.lap for s in stops) - sum(s.lap for s in against)
    gain = Comparison(a="yours", b="now", difference=-0.4 * later, standard_error=0.08, too_close=later == 0)
    receipt = Receipt(seed=1, n_races=2000, backend="numba", parameters_hash="p", state_hash="s", code_version="0")
    return PlanTrial(
        car_id=car_id,
        lap=lap,
        lever=lever,
        now=tried(against, 3.4),
        tried=tried(stops, 3.4 + 0.1 * later),
        gain=gain,
        receipt=receipt,
    )


def desk_reply(kind: Deliberation, car_id: str, lap: int) -> DeskReply:
    """What the desk says to a longer question, made up: two levers, two pairs, one round."""
    answer = what_if(car_id, lap).before
    best, other = answer.plans[:2]
    if kind == "sensitivity":
        gain = Comparison(a=other.plan, b=best.plan, difference=0.62, standard_error=0.08)
        same = Comparison(a=best.plan, b=best.plan, difference=0.0, standard_error=0.0, too_close=True)
        levers = (
            Sensitivity(lever="safety car in lap 26", best=other.plan, gain=gain, changes_best=True),
            Sensitivity(lever="wear x1.3 on car 63", best=best.plan, gain=same, changes_best=False),
        )
        return DeskReply(kind=kind, answer=answer.model_copy(update={"sensitivity": levers}))
    if kind == "team":
        pairs = tuple(
            TeamPlan(
                rank=rank,
                plans=(best.plan, mate.plan),
                stops=(best.stops, mate.stops),
                expected_points=points,
                standard_error=0.11,
                each=(points - 18.0, 18.0),
                delta_points=points - 33.4,
                delta_standard_error=0.0 if rank == 1 else 0.05,
                double_stack=mate is best,
            )
            for rank, mate, points in ((1, other, 33.4), (2, best, 31.9))
        )
        return DeskReply(
            kind=kind,
            team=TeamAnswer(
                race_id=answer.race_id,
                car_ids=(car_id, "44"),
                team="Mercedes",
                lap=answer.lap,
                plans=pairs,
                receipt=answer.receipt,
            ),
        )
    if kind == "responses":
        told = ResponseRound(plan=best.plan, expected_points=best.expected_points, rivals={"1": other.plan})
        return DeskReply(kind=kind, responses=BestResponse(answer=answer, rounds=(told,), settled=True))
    return DeskReply(kind=kind, answer=answer)


class StillRace:
    """A live race at rest: `publish` is the feed thread's call, `lose` that of its connection."""

    def __init__(self, snapshot: RaceSnapshot | None = None) -> None:
        self.snapshot = self.newest = snapshot
        self.link = Link("up")
        self.skipped = 0
        self.delay_s = 0.0
        self.callbacks: list[Callable[[RaceSnapshot], None]] = []
        self.link_callbacks: list[Callable[[Link], None]] = []
        self.followed: list[str] = []
        self.asked: list[tuple[str, ...]] = []
        self.touched = 0

    def subscribe(self, callback: Callable[[RaceSnapshot], None]) -> Callable[[], None]:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    def on_link(self, callback: Callable[[Link], None]) -> Callable[[], None]:
        self.link_callbacks.append(callback)
        return lambda: self.link_callbacks.remove(callback)

    def follow(self, car_id: str) -> None:
        self.followed.append(car_id)

    def touch(self) -> None:
        self.touched += 1

    def at(self, lap: int) -> RaceSnapshot:
        if self.snapshot is None or lap >= self.snapshot.lap:
            raise InputError(f"lap: {lap} is not complete yet")
        return snapshot(lap)

    def pit_window(self, car_id: str, laps: int) -> tuple[Rejoin, ...]:
        self.asked.append(("window", car_id, str(laps)))
        return () if self.newest is None else pit_window(car_id, self.newest.lap, laps)

    def fan(self, car_id: str, stops: Sequence[PlannedStop], *, reference: str | None) -> RaceFan:
        self.asked.append(("fan", car_id, reference or ""))
        assert self.newest is not None
        return fan(car_id, self.newest.lap - 1, stops, reference)

    def what_if(self, car_id: str, lever: str) -> WhatIf:
        self.asked.append(("what if", car_id, lever))
        if lever == "nonsense":
            raise InputError("lever: 'nonsense', expected sc@31")
        return what_if(car_id, 22)

    def try_plan(
        self, car_id: str, stops: Sequence[PlannedStop], against: Sequence[PlannedStop], *, lever: str | None
    ) -> PlanTrial:
        self.asked.append(("try", car_id, lever or ""))
        assert self.snapshot is not None
        return trial(car_id, self.snapshot.lap - 1, stops, against, lever)

    def deliberate(self, car_id: str, kind: Deliberation, objective: str) -> DeskReply:
        self.asked.append((kind, car_id, objective))
        if objective == "nonsense":
            raise InputError("objective: 'nonsense', expected points")
        return desk_reply(kind, car_id, 22)

    def publish(self, snapshot: RaceSnapshot, newest: RaceSnapshot | None = None) -> None:
        """Show a snapshot; ``newest`` is where the race is, if that is further on."""
        self.snapshot, self.newest = snapshot, newest or snapshot
        for callback in list(self.callbacks):
            callback(snapshot)

    def lose(self, link: Link) -> None:
        self.link = link
        for callback in list(self.link_callbacks):
            callback(link)
