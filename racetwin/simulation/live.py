"""Numbers of the parameter file that the race model does not carry and live estimates read: its block ``live``.

They stand in the same file as the race model's, so that whoever simulates with one file also estimates with it. A file without
the block knows nothing beyond the race model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from statistics import NormalDist
from typing import Any

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class LiveStops:
    """Log factors on the hazard of a stop of what a live race shows and the race model does not carry.

    A regression (complementary log-log, lap by lap for the five laps after each line crossing on slicks in dry Grands Prix);
    :mod:`racetwin.calibration.live_stops` fits it, beside the race model fitted on the same races.

    Parameters
    ----------
    one
        Of every lap.
    later
        Of the laps beyond the next: by then a neighbour may have stopped, which calls for a stop; what neighbours will do is left
        out of every forecast.
    hazard
        Per log hazard of the race model above ``twins.hazard.USUAL``: what it says is drawn together.
    soft, hard
        Of these compounds: their usual lives are ages at stops, and sets that go to the flag have none.
    once, twice
        Of a car that has stopped once, or more often.
    to_go
        Per life of the set that is left to run, above one.
    share
        Per share of the race run, above a half.
    today, beyond_today, known_today
        Per log of the set's age against that at which others changed this compound today, and beyond it; and where that is known.
    of_late
        Per share of the cars that stopped in the last four laps, in the coming five.
    held_up
        Of a car held up now, in the coming five.
    dried
        Of slicks after wet-weather tyres: nothing is owed, and most stay on them.
    """

    one: float = 0.0
    later: float = 0.0
    hazard: float = 0.0
    soft: float = 0.0
    hard: float = 0.0
    once: float = 0.0
    twice: float = 0.0
    to_go: float = 0.0
    share: float = 0.0
    today: float = 0.0
    beyond_today: float = 0.0
    known_today: float = 0.0
    of_late: float = 0.0
    held_up: float = 0.0
    dried: float = 0.0


@dataclass(frozen=True, slots=True)
class Undercut:
    """Log-odds with which an undercut works that is answered within three laps: right behind, and per second of gap."""

    at_once: float = 0.0
    per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class NextCompound:
    """Utilities of the slick compounds at a stop, of a multinomial logit.

    Parameters
    ----------
    soft, hard
        Of these compounds, against mediums.
    too_short, too_long
        Per log of the laps left over the compound's usual life where that is above nought (the set must last longer than usual),
        and per its negative where it is below.
    same
        Of the compound the car comes in on.
    used
        Of one it has used before, while the rules still ask for a second one.
    popular
        Per share of the stops of today that fitted it, above a third.
    """

    soft: float = 0.0
    hard: float = 0.0
    too_short: float = 0.0
    too_long: float = 0.0
    same: float = 0.0
    used: float = 0.0
    popular: float = 0.0

    def utilities(
        self, life: Sequence[float], laps_left: float, compound: int, used: int, owed: bool, popular: Sequence[float]
    ) -> list[float]:
        """Return the utility of each slick compound; ``used`` is a bit mask over compounds, ``popular`` sums to one."""
        found = []
        for k in range(3):
            over = math.log(max(1.0, laps_left) / life[k])
            value = self.soft * (k == 0) + self.hard * (k == 2)
            value += self.too_short * max(over, 0.0) + self.too_long * max(-over, 0.0) + self.same * (k == compound)
            value += self.used * (owed and bool(used >> k & 1)) + self.popular * (popular[k] - 1 / 3)
            found.append(value)
        return found


@dataclass(frozen=True, slots=True)
class Lapped:
    """What a lap costs on which the car is lapped, s."""

    cost_s: float = 1.5


@dataclass(frozen=True, slots=True)
class WetLaps:
    """How much slower laps on intermediates and wets are than the dry reference, and how far a race strays from that; s."""

    intermediate_s: float = 12.0
    wet_s: float = 16.0
    spread_s: float = 6.0


SET_LIFE_EDGES = (0.0, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""Ages, in usual lives of circuit and compound, between which the rate at which sets are changed is taken as constant."""


@dataclass(frozen=True, slots=True)
class SetLife:
    """At what rate sets of slicks are changed under green, by their age; of many sets, and nothing of the race at hand.

    :mod:`racetwin.calibration.set_life` fits it; what stands here is of dry Grands Prix before 2023, for a file without it.

    Parameters
    ----------
    to_050, to_075, to_100, to_125, to_150, to_200, beyond_200 : changes per usual life
        Up to an age of 0.5 usual lives, from there to 0.75, and so on.
    soft, hard
        Log factors on the rates of these compounds: usual lives are ages at stops, and sets that go to the flag have none.
    """

    to_050: float = 0.11
    to_075: float = 0.40
    to_100: float = 1.10
    to_125: float = 1.53
    to_150: float = 1.44
    to_200: float = 1.55
    beyond_200: float = 0.72
    soft: float = 0.36
    hard: float = -0.78

    def rates(self, compound: int) -> tuple[float, ...]:
        """Return the rates of a compound between ``SET_LIFE_EDGES``, per usual life."""
        factor = math.exp(self.soft if compound == 0 else self.hard if compound == 2 else 0.0)
        by_age = (self.to_050, self.to_075, self.to_100, self.to_125, self.to_150, self.to_200, self.beyond_200)
        return tuple(factor * r for r in by_age)


@dataclass(frozen=True, slots=True)
class Together:
    """Log factors on a rival's hazard of a stop, given that a car stops.

    A regression (complementary log-log) on 42,662 chances of rivals to stop on the same lap, or the next, at the green stops of
    75 sessions of 2019 to early 2023, each with parameters fitted on the seasons before it. Fitted on the seasons before, it
    takes the log loss of a rival's stop on the same lap from 0.252 to 0.222 and on the next from 0.271 to 0.242 (2021 to early
    2023), where three times the race model's hazard, twenty times on a damp track, stood before.

    Parameters
    ----------
    one
        Of every rival.
    hazard
        Per log hazard above ``simulation.stops_together.USUAL``, by itself.
    damp, damp_hazard
        While a car is on intermediates or wets, and what that leaves of the hazard's own weight.
    same
        On the same compound as the car that stops.
    age, older
        Per ten laps by which its set is older than that car's (negative: younger), and again where it is older.
    more_stops
        Of a rival that has stopped more often.
    owes
        Of a rival that still owes a stop, which its hazard overstates.
    near, near_ahead, answers
        At no gap, fading with ``simulation.stops_together.NEAR_S``; for a rival ahead on top; and for one ahead on the lap after
        the stop, its answer.
    """

    one: float = -2.748
    hazard: float = 0.886
    damp: float = 1.288
    damp_hazard: float = -0.89
    same: float = 0.449
    age: float = 0.67
    older: float = -0.752
    more_stops: float = -0.825
    owes: float = -0.378
    near: float = 0.507
    near_ahead: float = 0.179
    answers: float = 1.16


@dataclass(frozen=True, slots=True)
class DampDays:
    """By what factor the spread of forecast laps on slicks is wider once the track has been wet.

    From 24,193 forecasts in six Grands Prix of 2019 to 2022, each with parameters of the seasons before: it makes their 90 %
    intervals cover 90 %, where they covered 78 %.
    """

    spread: float = 1.62


@dataclass(frozen=True, slots=True)
class LapShape:
    """How laps fall around their forecast, in its spreads: narrower in the middle than a normal distribution, longer where slow.

    A file without it knows of no lap that goes wrong: the normal distribution.

    Parameters
    ----------
    quantiles
        Of (lap - median) / spread, at the middles of twenty equal shares of probability.
    low, high
        Ends of the central 90 % interval: so far below the median, so far above it.
    """

    quantiles: tuple[float, ...] = tuple(round(_NORMAL.inv_cdf((k + 0.5) / 20), 3) for k in range(20))
    low: float = 1.645
    high: float = 1.645


@dataclass(frozen=True, slots=True)
class StopSpread:
    """How far a stop, and a lap beside it, stray from what is expected of them; s.

    Parameters
    ----------
    execution_s
        In-lap, pit entry, lane, exit and out-lap, beside the stationary time.
    lap_s
        A car's lap around what is expected of it; two of them stray by the root of two as much.
    """

    execution_s: float = 1.83
    lap_s: float = 0.68


@dataclass(frozen=True, slots=True)
class SlowFuel:
    """Fuel burnt on a lap behind the safety car, and on one under a virtual one, against a racing lap."""

    sc: float = 1.0
    vsc: float = 1.0


@dataclass(frozen=True, slots=True)
class Sprint:
    """Log hazard of a stop in a sprint: for damage, and under a safety car."""

    stop_intercept: float = -8.0


@dataclass(frozen=True, slots=True)
class LiveNumbers:
    """The block ``live`` of a parameter file."""

    stops: LiveStops = field(default_factory=LiveStops)
    undercut: Undercut = field(default_factory=Undercut)
    next_compound: NextCompound | None = None
    lapped: Lapped = field(default_factory=Lapped)
    wet: WetLaps = field(default_factory=WetLaps)
    set_life: SetLife = field(default_factory=SetLife)
    together: Together = field(default_factory=Together)
    damp_days: DampDays = field(default_factory=DampDays)
    lap_shape: LapShape = field(default_factory=LapShape)
    stop_spread: StopSpread = field(default_factory=StopSpread)
    slow_fuel: SlowFuel = field(default_factory=SlowFuel)
    sprint: Sprint = field(default_factory=Sprint)
    team_wear: tuple[tuple[str, float], ...] = ()
    """How much more than the field teams wear their tyres, as a share of its wear: of the file's block ``levels``."""

    @classmethod
    def of(cls, block: Mapping[str, Any], levels: Mapping[str, Any] | None = None) -> LiveNumbers:
        """Take the ``live`` block of a parameter file, and of its ``levels`` what is known of teams."""
        made: dict[str, Any] = {}
        kinds = (
            *(LiveStops, Undercut, NextCompound, Lapped, WetLaps, SetLife, Together, DampDays),
            *(LapShape, StopSpread, SlowFuel, Sprint),
        )
        for f, kind in zip(
            fields(cls)[: len(kinds)], kinds, strict=True
        ):  # what comes after the blocks is of the levels
            if f.name in block:
                made[f.name] = kind(**{k: _number(e["value"]) for k, e in block[f.name].items()})
        teams = (levels or {}).get("wear of teams", {})
        return cls(**made, team_wear=tuple((str(k), float(e["value"])) for k, e in teams.items()))

    def wear_of(self, team: str | None) -> float:
        """Return how much more than the field a team wears its tyres, as a share of its wear; 0 of one not known."""
        return dict(self.team_wear).get(team or "", 0.0)


def _number(value: Any) -> float | tuple[float, ...]:
    return tuple(map(float, value)) if isinstance(value, list) else float(value)
