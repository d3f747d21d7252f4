"""Undercut and overcut: two cars, two stops, one place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from racetwin.schemas import TrackStatus
from racetwin.simulation.results import POINTS, SPRINT_POINTS
from racetwin.twins.synchronous import likely_next

if TYPE_CHECKING:
    from racetwin.simulation.parameters import RaceParameters
    from racetwin.twins.car_twin import CarTwin
    from racetwin.twins.race_twin import RaceTwin

RANGE_S = 6.0
"""Cars further apart than this are not in a duel over one stop, in seconds."""
LATE_ANSWER_S = 0.5
"""What the second to stop loses on average beyond one lap, by answering late and out-laps in traffic.

Checked on the races before 2023-05, each with parameters of the seasons before it: of 102 undercuts of 2021 to early 2023 37 %
worked; with this and a spread of a second the model's gains make it 38 %, with 0.25 and two seconds, or 0 and three, the same.
"""
LEAST_AGE = 6.0
"""Nobody undercuts with a set younger than this, in laps."""


@dataclass(frozen=True, slots=True)
class Duel:
    """What ``car_id`` can do about the car ahead with its next stop.

    Parameters
    ----------
    gap_s : s
        Between them when ``car_id`` last crossed the line.
    undercut
        Probability of being ahead once both have stopped, if ``car_id`` stops now and is answered within three laps: as such
        undercuts have come out (:func:`undercut_worked_chance`), which is what the scoreboard scores.
    overcut
        The same if it stops a lap after the other, by the race model's gain over that lap; not scored.
    undercut_gain_s, overcut_gain_s : s
        What the race model expects to be gained over the lap between the two stops.
    points
        Championship points between the two places.
    """

    car_id: str
    rival_id: str
    gap_s: float
    undercut: float
    undercut_gain_s: float
    overcut: float
    overcut_gain_s: float
    points: float

    def view(self) -> dict[str, float | str]:
        """Return it as plain values, with the points each move is worth."""
        return {
            "car_id": self.car_id,
            "rival_id": self.rival_id,
            "gap_s": self.gap_s,
            "undercut_probability": self.undercut,
            "undercut_gain_s": self.undercut_gain_s,
            "undercut_points": self.undercut * self.points,
            "overcut_probability": self.overcut,
            "overcut_gain_s": self.overcut_gain_s,
            "overcut_points": self.overcut * self.points,
        }


def ahead_after(p: RaceParameters, lead_s: float, variance: float) -> float:
    """Probability that a car expected ``lead_s`` ahead once both have stopped is ahead.

    Two stops differ by their bodies (exponential, nearly normal as a difference) and, now and then, by a slow one of either car:
    the heavy tail would drown all else in one variance, so it is counted by itself.
    """
    spread = math.sqrt(2.0 * (p.stationary_body_s**2 + p.lap_noise_s**2) + variance)
    slow = math.exp(-p.stationary_tail_from)
    usual = normal_cdf(lead_s / spread)
    own, theirs = (normal_cdf((lead_s + k * p.stationary_tail_s) / spread) for k in (-1.0, 1.0))
    return (1.0 - 2.0 * slow) * usual + slow * own + slow * theirs


def undercut_worked_chance(p: RaceParameters, gap_s: float, wetness: float = 0.0) -> float:
    """Return the probability that a car ``gap_s`` behind is ahead once both have stopped: it stops now and is soon answered.

    While the track is wet it is even: who comes in first drives the laps between the two stops on another kind of tyre, and what
    that is worth has nothing to do with the gap.
    """
    if wetness > 0.0:
        return 0.5
    return 1.0 / (1.0 + math.exp(-(p.live.undercut.at_once + p.live.undercut.per_s * gap_s)))


def points_between(position: int, sprint: bool = False) -> float:
    """Points gained by moving up from ``position`` to the place before it."""
    table = SPRINT_POINTS if sprint else POINTS
    worth = [*table, *[0] * 30]
    return float(worth[position - 2] - worth[position - 1]) if position >= 2 else 0.0


def normal_cdf(z: float) -> float:
    """Cumulative distribution of the standard normal."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def line_gap_s(car: CarTwin, ahead: CarTwin) -> float | None:
    """Gap to a car ahead when ``car`` last crossed the line, in seconds; None where the other was not on that lap or the next."""
    if car.line_time_s is None or ahead.line_time_s is None:
        return None
    if ahead.laps == car.laps:
        return car.line_time_s - ahead.line_time_s
    if ahead.laps == car.laps + 1 and ahead.last_lap_s is not None:
        return car.line_time_s - (ahead.line_time_s - ahead.last_lap_s)
    return None


def duels(race: RaceTwin, times: Mapping[str, float]) -> tuple[Duel, ...]:
    """Undercut and overcut of every car on the one ahead of it, by race time (s), where that can be asked."""
    cars, wetness = race.cars, race.wetness
    order = [c for c in sorted(times, key=lambda c: (times[c], c)) if cars[c].running]
    pairs = zip(order[1:], order[:-1], strict=True)
    found = (duel(race, cars[a], cars[b], gap_now(cars[a], cars[b], times), wetness) for a, b in pairs)
    return tuple(d for d in found if d is not None)


def gap_now(car: CarTwin, ahead: CarTwin, times: Mapping[str, float]) -> float:
    """Gap by which a duel goes, in seconds: at the line; between cars that have swapped places since, by race time (s)."""
    at_line = line_gap_s(car, ahead)
    return at_line if at_line is not None and at_line >= 0.0 else times[car.car_id] - times[ahead.car_id]


def duel(race: RaceTwin, car: CarTwin, rival: CarTwin, gap_s: float, wetness: float) -> Duel | None:
    """Weigh ``car``'s next stop against that of ``rival``, ``gap_s`` ahead; None where there is nothing to weigh.

    With one lap between the two stops, both drive an in-lap and an out-lap; what differs is one lap that the first to stop does
    on its new tyres, warm by then, and the other on its old ones. Answers that come later give away more.
    """
    p, f = race.parameters, race.pace
    left = race.total_laps - race.leader_laps
    out = race.track_status.is_neutralised or race.track_status is TrackStatus.RED
    young = car.racing_age < LEAST_AGE or rival.racing_age < LEAST_AGE
    if out or young or not 0 <= gap_s <= RANGE_S or left < LEAST_AGE or car.compound > 2 or rival.compound > 2:
        return None
    lap = race.leader_laps + 2
    popular = race.stops_today.popular
    ours, theirs = (likely_next(p, c, left, wetness, popular) for c in (car, rival))
    new_ours = f.expect_s(car.index, lap, ours, 1.0)
    new_theirs, var2 = f.expect(rival.index, lap, theirs, 1.0)
    old_ours, old_theirs = float(car.forecast().median_s[1]), float(rival.forecast().median_s[1])
    under = old_theirs - new_ours + LATE_ANSWER_S
    over = new_theirs - old_ours - LATE_ANSWER_S
    return Duel(
        car_id=car.car_id,
        rival_id=rival.car_id,
        gap_s=gap_s,
        undercut=undercut_worked_chance(p, gap_s, wetness),
        undercut_gain_s=under,
        overcut=ahead_after(p, over - gap_s, var2 / 4),
        overcut_gain_s=over,
        points=points_between(car.position or 99, race.is_sprint),
    )
