"""Gaps as they stand now: what a feed that times cars at the line alone says of them is up to a lap old."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from racetwin.schemas import CarStatus, CarTelemetry, TrackStatus

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot

SAME_S = 0.002
"""A gap that differs by no more from the one at the car's last line is that one."""
SETTLED = 0.04
"""Share of a lap from which the leader's own progress says how long its lap will be."""
LATE = 1.3
"""A car that has not crossed the line for so many of its laps has a gap that says nothing."""


@dataclass(frozen=True)
class Gap:
    """A car's gap, s, and how it is known.

    ``kind`` is ``timed`` (by the feed, as it stands), ``between`` (worked out between two crossings of the line: good to half a
    second in the mean), or as it was at the line of a car that is in the pits or has been there since (``pit``) or that should
    have crossed the line by now (``late``); ``age_s`` is how long ago the car was timed, where it was at the line.
    """

    gap_s: float | None
    interval_s: float | None
    kind: str
    age_s: float | None = None


def gaps_now(snapshot: RaceSnapshot) -> dict[str, Gap]:
    """Return each car's gap to the leader and to the car ahead at the snapshot's instant.

    Where the gap is the one of the car's last line and it has run freely since, it is the time since the leader was where the
    car is now. Its place follows from ``lap_fraction``, the leader's time there from the leader's own crossings. Against laps of
    eight races of 2021 and 2022 this halves the error of the gaps at the line, from 1.26 to 0.58 s in the mean. Under a safety
    car, or while the leader stops, gaps stay as timed.
    """
    now = snapshot.time_s
    lines = {(r.car_id, r.lap): r for r in snapshot.laps}
    order = [c for c in snapshot.order if c.status is not CarStatus.RETIRED]
    leader = order[0] if order else None
    green = snapshot.track_status in (TrackStatus.GREEN, TrackStatus.YELLOW)
    free = leader is not None and green and _runs_freely(leader, now)
    led = {lap: r.line_time_s for (car_id, lap), r in lines.items() if leader is not None and car_id == leader.car_id}
    out: dict[str, Gap] = {}
    before: float | None = 0.0
    for car in order:
        row = lines.get((car.car_id, (car.lap or 0) - 1))
        timed = row.gap_s if row is not None else None
        at_line = timed is not None and car.gap_s is not None and abs(car.gap_s - timed) <= SAME_S
        age = None if car.last_line_time_s is None or not at_line else max(0.0, now - car.last_line_time_s)
        found = Gap(car.gap_s, car.interval_s, "timed", age)
        late = age is not None and car.last_lap_s is not None and green and age > LATE * car.last_lap_s
        stopped = car.status is CarStatus.PIT or _stopped_since(car)
        if stopped or late:
            found = Gap(car.gap_s, car.interval_s, "pit" if stopped else "late", age)
            before = None
        elif car is leader:
            before = 0.0
        elif at_line and free and leader is not None and _runs_freely(car, now) and not car.laps_down:
            there = _leader_at(leader, car, led, now)
            if there is not None:
                # Cars keep their order on this screen until the line says otherwise: an interval is never negative.
                gap = max(now - there, before or 0.0)
                found = Gap(gap, None if before is None else gap - before, "between", age)
            before = found.gap_s
        else:
            before = found.gap_s if not car.laps_down else None
        out[car.car_id] = found
    return out


def place_age(snapshot: RaceSnapshot, car: CarTelemetry) -> float | None:
    """Return how long ago, s, the place was timed that the feed still gives a car which has been in the pits since.

    A feed that times cars at the line alone keeps the place from before the stop until the next line; one that goes by sectors
    moves the gap as well as the place. None: the place is of now, or as good as that.
    """
    line = car.last_line_time_s
    if line is None or not (car.status is CarStatus.PIT or _stopped_since(car)):
        return None
    row = next((r for r in reversed(snapshot.laps) if r.car_id == car.car_id), None)
    timed = row.gap_s if row is not None and row.lap == (car.lap or 0) - 1 else None
    if timed is None or car.gap_s is None or abs(car.gap_s - timed) > SAME_S:
        return None
    return max(0.0, snapshot.time_s - line)


def _stopped_since(car: CarTelemetry) -> bool:
    """Whether a car has been in the pits since it was last timed at the line."""
    line = car.last_line_time_s
    return line is not None and any(t is not None and t > line for t in (car.pit_in_time_s, car.pit_out_time_s))


def _runs_freely(car: CarTelemetry, now: float) -> bool:
    """Whether a car's place on its lap follows from how long ago it crossed the line."""
    return (
        car.status is CarStatus.TRACK
        and not _stopped_since(car)
        and car.lap is not None
        and car.lap > 1
        and car.lap_fraction is not None
        and car.last_line_time_s is not None
        and car.last_line_time_s <= now
    )


def _leader_at(leader: CarTelemetry, car: CarTelemetry, lines: dict[int, float], now: float) -> float | None:
    """Race time at which the leader was where ``car`` is now."""
    assert car.lap is not None
    assert car.lap_fraction is not None
    began, ended = lines.get(car.lap - 1), lines.get(car.lap)
    if began is None:
        return None
    if ended is None:
        share = leader.lap_fraction or 0.0
        lap_s = (now - began) / share if share > SETTLED else leader.last_lap_s
        if lap_s is None or leader.lap != car.lap:
            return None
        return began + car.lap_fraction * lap_s
    return began + car.lap_fraction * (ended - began)
