"""What a review finds: the call of each lap, each real stop with what else could have been done, and the verdict in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from racetwin.schemas import Compound, PlannedStop

NOT_JUDGED = "not judged, the weather that followed decides it"
"""Of a stop from or to wet-weather tyres that was not the call: rain that then fell is in no state of that moment."""


@dataclass(frozen=True, slots=True)
class Call:
    """What racetwin would have called in time for the end of lap ``lap``.

    ``box``: whether that was to come in; ``plan``: the best plan in words; ``margin``: points by which boxing beats staying out,
    on the model's own numbers (negative: staying out is better), with ``margin_error``; None where one of the two is no choice.
    """

    lap: int
    track_status: str
    box: bool
    plan: str
    margin: float | None
    margin_error: float | None


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that could have been done, and its worth over the worlds.

    ``points`` and ``place`` are expectations; ``gain`` is in expected points against what was done, ``gain_low``, ``gain_high``
    hold 90 % of the worlds, ``better_in`` is the share of worlds in which it beats what was done.
    """

    name: str
    plan: str
    points: float
    place: float
    gain: float
    gain_low: float
    gain_high: float
    better_in: float


@dataclass(frozen=True, slots=True)
class StopReview:
    """One real stop.

    Parameters
    ----------
    lap, track_status, place_before
        Lap at whose end the car came in, the track as it was when that had to be decided, and its place then.
    from_compound, fitted
        Tyres before and after; None where not known.
    call
        What racetwin would have called for that very lap.
    called_lap
        First lap of the stint, at most ten laps before, from which racetwin called the car in and held to it until
        the stop; None where it did not.
    choices
        What was done first, then the call and other laps, judged on the last lap before the stop.
    early
        The worth of coming in on ``called_lap`` against waiting for the real stop, judged from ``called_lap``; None where that is
        no earlier lap.
    verdict
        In words.
    """

    lap: int
    track_status: str
    place_before: int | None
    from_compound: str | None
    fitted: str | None
    call: Call
    called_lap: int | None
    choices: tuple[Choice, ...]
    early: Choice | None
    verdict: str

    @property
    def judged(self) -> bool:
        """Whether what the choices were worth says anything: not of a stop from or to wet-weather tyres, done or called."""
        wet = (Compound.INTERMEDIATE.value, Compound.WET.value)
        return not (self.verdict.endswith(NOT_JUDGED) or self.from_compound in wet or self.fitted in wet)


@dataclass(frozen=True, slots=True)
class RaceReview:
    """All stops of a car in a race, with the call of every lap.

    ``finish`` is None for a car that was not classified; ``parameters`` says in words which races the race model knew.
    """

    race_id: str
    car_id: str
    driver: str | None
    simulated: bool
    grid: int | None
    finish: int | None
    objective: str
    worlds: int
    races: int
    seed: int
    parameters_hash: str
    parameters: str
    calls: tuple[Call, ...]
    stops: tuple[StopReview, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, as ``--json`` prints it."""
        return asdict(self)


def verdict(lap: int, on: int, fitted: int, called: tuple[PlannedStop, ...], choices: tuple[Choice, ...]) -> str:
    """Say how the call for a stop compares with what was done.

    Parameters
    ----------
    lap
        Of the real stop.
    on, fitted
        Tyres before and after: index into ``schemas.COMPOUNDS``, -1 unknown.
    called
        Stops of the plan called.
    choices
        What was done, and the call, with what they were worth.
    """
    call = choices[1]
    weather = any(k >= Compound.INTERMEDIATE.index for k in (on, fitted, *(s.compound.index for s in called[:1])))
    if called and called[0].lap == lap:
        if fitted < 0 or called[0].compound.index == fitted:
            return "agreed"
        what = f"same lap, on {called[0].compound.value}"
    else:
        what = f"would have waited to lap {called[0].lap}" if called else "would not have stopped"
    if weather:
        return f"{what}: {NOT_JUDGED}"
    if call.gain_low < 0 < call.gain_high:
        return f"{what}: too close to call"
    return f"{what}: {'better' if call.gain > 0 else 'worse'} by {abs(call.gain):.2f} points"
