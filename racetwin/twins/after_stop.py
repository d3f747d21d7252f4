"""Where a car that stops at the end of the coming lap is once it has crossed the line twice more.

Every car is carried two laps on from what was known when it last crossed the line: its forecast, what a stop that is under way
still costs, and the chance that it stops too. The car itself loses what stops lose here: the circuit's usual loss, drawn towards
what the stops of today have lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from racetwin.schemas import LapCompleted
from racetwin.simulation.live import StopSpread, Together
from racetwin.simulation.stops_together import given_a_stop, owes
from racetwin.twins.hazard import stop_chance
from racetwin.twins.synchronous import likely_next

if TYPE_CHECKING:
    from racetwin.twins.car_twin import CarTwin
    from racetwin.twins.race_twin import RaceTwin

FloatArray = npt.NDArray[np.float64]

DRAWS = 240


@dataclass(frozen=True, slots=True)
class Intent:
    """What bears on whether a car stops on one of its next two laps.

    Parameters
    ----------
    hazard : (now, later)
        Chance of a stop at the end of the next lap, and of the one after if not of that, whatever others do
        (:func:`racetwin.twins.hazard.stop_chances`); zeros of a car that is in the lane already.
    compound, age, stops
        Of its set: index into ``schemas.COMPOUNDS``, laps; stops so far.
    owes
        Whether a dry race still asks a stop of it.
    damp
        Whether a car of the field is on intermediates or wets.
    """

    hazard: tuple[float, float]
    compound: int = 1
    age: float = 0.0
    stops: int = 0
    owes: bool = False
    damp: bool = False


@dataclass(frozen=True, slots=True)
class LineNote:
    """What is known of a car when it crosses the line.

    Parameters
    ----------
    time_s
        Race time at the line.
    ahead_s
        Expected time of its next two laps together without a stop, what a stop under way still costs included.
    stopping_s
        The same of the in-lap, and of the out-lap on the set it would likely fit, without the loss of a stop.
    intent
        What bears on whether it stops on one of the two laps.
    loss_s
        Expected loss of a stop, and the part of it on the in-lap.
    stationary
        Of the stationary time's distribution: body, start of the tail, tail.
    """

    time_s: float
    ahead_s: float
    stopping_s: float
    intent: Intent
    loss_s: tuple[float, float]
    stationary: tuple[float, float, float]


def line_note(race: RaceTwin, car: CarTwin, e: LapCompleted) -> LineNote:
    """Note what is known of a car that has just completed a lap."""
    p = race.parameters
    usual, on_in_lap = race.stop_losses.expected_s(p)
    loss = usual + float(race.form.standing_s([car.team])[0]), on_in_lap
    coming = car.forecast().median_s
    first, second = float(coming[0]), float(coming[min(1, len(coming) - 1)])
    left = race.total_laps - e.lap
    wetness = race.wetness
    fitted = likely_next(p, car, max(1, left - 1), wetness, race.stops_today.popular)
    out, _ = race.pace.ahead(car.index, e.lap + 1, fitted, 0.0, 1)
    ctx = race.stop_context(car)
    hazard = (0.0, 0.0)
    ahead = first + second
    if e.pit_in:  # both laps are on the new set, which no source may have told of yet
        paid = car.in_lap_loss_s if car.in_lap_loss_s is not None and not e.neutralised else loss[1]
        new, _ = race.pace.ahead(car.index, e.lap, fitted, 0.0, 2)
        ahead = float(new.sum()) + loss[0] - min(loss[0], max(0.0, paid))
    else:
        chance = stop_chance(p, ctx, 2)
        hazard = (float(chance[0]) if chance.size else 0.0, float(chance[1]) if chance.size > 1 else 0.0)
    intent = Intent(hazard, ctx.compound, ctx.age, ctx.stops, owes(p, ctx.stops, ctx.compounds_used), wetness > 0.0)
    stationary = (p.stationary_body_s, p.stationary_tail_from, p.stationary_tail_s)
    return LineNote(e.line_time_s, ahead, first + float(out[0]), intent, loss, stationary)


def place_after_stop(
    notes: Mapping[str, LineNote],
    car_id: str,
    rivals: Iterable[str],
    together: Together | None = None,
    spread: StopSpread | None = None,
) -> FloatArray:
    """Return the probability of each place (index 0: first) two lines after a stop at the end of the coming lap.

    Parameters
    ----------
    notes
        Of every car as it completed the lap before the stop.
    car_id, rivals
        The car that stops, and the cars it may come out among.
    together
        Weights of who else stops; by default the shipped regression's.
    spread
        How far stop and laps stray from what is expected; by default what is taken where no file tells.

    Notes
    -----
    Given the time the car needs, rivals are ahead independently of each other, so its place has a Poisson-binomial distribution;
    that is averaged over the car's own loss, which is common to all of them.
    """
    own, spread = notes[car_id], spread or StopSpread()
    two_laps_s = math.sqrt(2.0) * spread.lap_s
    body, start, tail = own.stationary
    draw = np.random.Generator(np.random.Philox(key=1))
    w = draw.standard_exponential(DRAWS)
    standing = body * (w - math.log(2.0)) + tail * np.maximum(0.0, w - start)
    mine = own.time_s + own.stopping_s + own.loss_s[0] + standing + spread.execution_s * draw.standard_normal(DRAWS)
    others = [notes[c] for c in rivals if c != car_id and c in notes]
    same_lap, next_lap = (stop_too(own, others, together or Together(), answering=k) for k in (False, True))
    chance = np.zeros((DRAWS, len(others) + 1))
    chance[:, 0] = 1.0
    for k, o in enumerate(others, start=1):
        stays = o.time_s + o.ahead_s
        now = same_lap[k - 1]
        later = next_lap[k - 1] * (1.0 - now)
        ahead = (
            (1.0 - now - later) * _cdf((mine - stays) / two_laps_s)
            + now * _cdf((mine - o.time_s - o.stopping_s - o.loss_s[0]) / (2.0 * two_laps_s))
            + later * _cdf((mine - stays - o.loss_s[1]) / two_laps_s)
        )
        chance[:, 1 : k + 1] = chance[:, 1 : k + 1] * (1.0 - ahead[:, None]) + chance[:, :k] * ahead[:, None]
        chance[:, 0] *= 1.0 - ahead
    return np.asarray(chance.mean(axis=0))


def stop_too(car: LineNote, rivals: Sequence[LineNote], w: Together, *, answering: bool) -> FloatArray:
    """Return each rival's chance of a stop on the lap at whose end ``car`` stops (``answering``: on the next, if not on that)."""
    a, all_of = car.intent, [r.intent for r in rivals]
    return given_a_stop(
        w,
        np.array([r.hazard[int(answering)] for r in all_of]),
        gap_s=np.array([r.time_s - car.time_s for r in rivals]),
        older=np.array([(r.age - a.age) / 10.0 for r in all_of]),
        same=np.array([r.compound == a.compound for r in all_of], dtype=bool),
        more_stops=np.array([r.stops > a.stops for r in all_of], dtype=bool),
        owing=np.array([r.owes for r in all_of], dtype=bool),
        damp=np.array([r.damp for r in all_of], dtype=bool),
        answering=answering,
    )


def _cdf(x: FloatArray) -> FloatArray:
    """Logistic approximation of the normal distribution, wide enough in the tails for the odd slow lap."""
    return np.asarray(1.0 / (1.0 + np.exp(-1.702 * np.clip(x, -30.0, 30.0))))
