"""What if: a safety car now, rain from lap 40, they stop first, the tyres fade faster, a slow stop.

A lever changes the race state and nothing of the random draws, so the change it makes is shown race by race and is its alone.
Each is also written as a short word, for the command line and for controls: ``sc@31``, ``vsc``, ``red@20``, ``rain@40:0.6``,
``stop:16@25:HARD``, ``wear:55x1.3``, ``wear:x1.2`` (all cars), ``slow:55+4.0``, ``pace:55-0.2``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Protocol

from racetwin.errors import InputError
from racetwin.schemas import COMPOUNDS, Compound, PlannedStop, TrackStatus
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.state import RaceState

DEFAULT_WETNESS = 0.5
"""Wetness of rain that is asked about without saying how much: clearly intermediates."""
FORCEABLE = (TrackStatus.SC, TrackStatus.VSC, TrackStatus.RED)


class Lever(Protocol):
    """Something that could be different about the race."""

    @property
    def label(self) -> str:
        """As spoken: ``safety car in lap 31``."""

    def apply(self, state: RaceState) -> RaceState:
        """Return the state with the change made; ``InputError`` where it makes no sense."""


def _coming_lap(state: RaceState, lap: int | None, what: str) -> int:
    lap = state.lap + 1 if lap is None else lap
    if not state.lap < lap <= state.total_laps:
        raise InputError(f"{what}: lap {lap}, expected {state.lap + 1} to {state.total_laps}")
    return lap


def _car(state: RaceState, car_id: str, what: str) -> int:
    if car_id not in state.car_id:
        raise InputError(f"{what}: car {car_id!r} is not in this race; cars: {', '.join(state.car_id)}")
    i = state.index(car_id)
    if not state.running[i]:
        raise InputError(f"{what}: car {car_id} has retired")
    return i


def _finite(value: float, low: float, high: float, what: str) -> float:
    if not (math.isfinite(value) and low <= value <= high):
        raise InputError(f"{what}: {value}, expected {low:g} to {high:g}")
    return value


@dataclass(frozen=True, slots=True)
class Neutralisation:
    """A safety car, VSC or red flag in lap ``lap``; None: it is declared now, as the coming lap begins."""

    status: TrackStatus = TrackStatus.SC
    lap: int | None = None

    @property
    def label(self) -> str:
        """As spoken."""
        words = {TrackStatus.SC: "safety car", TrackStatus.VSC: "VSC", TrackStatus.RED: "red flag"}
        return f"{words.get(self.status, self.status.value)} {'now' if self.lap is None else f'in lap {self.lap}'}"

    def apply(self, state: RaceState) -> RaceState:
        """Declare it."""
        if self.status not in FORCEABLE:
            raise InputError(f"what if: status {self.status}, expected {', '.join(FORCEABLE)}")
        if self.lap is None:
            return state.replace(track_status=self.status, status_laps=0)
        return state.replace(forced_status=self.status, forced_lap=_coming_lap(state, self.lap, "what if"))


@dataclass(frozen=True, slots=True)
class Rain:
    """Rain that makes the track ``wetness`` wet (0..1) from lap ``lap`` on; None: from the coming lap."""

    lap: int | None = None
    wetness: float = DEFAULT_WETNESS

    @property
    def label(self) -> str:
        """As spoken."""
        return f"rain {'now' if self.lap is None else f'from lap {self.lap}'} (wetness {self.wetness:g})"

    def apply(self, state: RaceState) -> RaceState:
        """Let it rain."""
        wetness = _finite(self.wetness, 0.0, 1.0, "what if: wetness")
        return state.replace(rain_lap=_coming_lap(state, self.lap, "what if"), rain_wetness=wetness)


@dataclass(frozen=True, slots=True)
class RivalStops:
    """Another car boxes at the end of lap ``lap`` (None: the coming lap), then decides for itself no more.

    ``compound`` None: the hardest slick it has in hand that it is not on; intermediates on a wet track.
    """

    car_id: str
    lap: int | None = None
    compound: Compound | None = None

    @property
    def label(self) -> str:
        """As spoken."""
        when = "next lap" if self.lap is None else f"on lap {self.lap}"
        return f"car {self.car_id} boxes {when}{f' for {self.compound.value}' if self.compound else ''}"

    def apply(self, state: RaceState) -> RaceState:
        """Put the stop into the rival's plan."""
        i = _car(state, self.car_id, "what if")
        lap = _coming_lap(state, self.lap, "what if")
        if lap >= state.total_laps:
            raise InputError(f"what if: car {self.car_id} stops on lap {lap}, expected before the flag (lap {lap})")
        compound = self.compound or self._likely(state, i)
        return with_plan(state, self.car_id, PitPlan((PlannedStop(lap=lap, compound=compound),)))

    def _likely(self, state: RaceState, i: int) -> Compound:
        if state.wetness >= DEFAULT_WETNESS / 2 and int(state.compound[i]) != Compound.INTERMEDIATE.index:
            return Compound.INTERMEDIATE
        slicks = (Compound.HARD, Compound.MEDIUM, Compound.SOFT)
        there = [c for c in slicks if int(state.sets[i, c.index]) != 0 and c.index != int(state.compound[i])]
        return there[0] if there else Compound.HARD


@dataclass(frozen=True, slots=True)
class Wear:
    """Tyres wear ``factor`` times as fast as believed, on one car or (``car_id`` None) on all."""

    factor: float
    car_id: str | None = None

    @property
    def label(self) -> str:
        """As spoken."""
        return f"wear x{self.factor:g} on {'all cars' if self.car_id is None else f'car {self.car_id}'}"

    def apply(self, state: RaceState) -> RaceState:
        """Scale the posterior of the wear factor."""
        factor = _finite(self.factor, 0.0, 5.0, "what if: wear factor")
        who = slice(None) if self.car_id is None else _car(state, self.car_id, "what if")
        mean, sd = state.wear_mean.copy(), state.wear_sd.copy()
        mean[who] *= factor
        sd[who] *= factor
        return state.replace(wear_mean=mean, wear_sd=sd)


@dataclass(frozen=True, slots=True)
class Pace:
    """A car is ``seconds`` a lap slower (positive) or faster (negative) than believed."""

    car_id: str
    seconds: float

    @property
    def label(self) -> str:
        """As spoken."""
        return f"car {self.car_id} {abs(self.seconds):g} s a lap {'slower' if self.seconds > 0 else 'faster'}"

    def apply(self, state: RaceState) -> RaceState:
        """Shift the posterior of the pace."""
        i = _car(state, self.car_id, "what if")
        mean = state.pace_mean.copy()
        mean[i] += _finite(self.seconds, -5.0, 5.0, "what if: pace")
        return state.replace(pace_mean=mean)


@dataclass(frozen=True, slots=True)
class SlowStop:
    """A car's next stop takes ``seconds`` longer."""

    car_id: str
    seconds: float

    @property
    def label(self) -> str:
        """As spoken."""
        return f"car {self.car_id}'s next stop {self.seconds:g} s slower"

    def apply(self, state: RaceState) -> RaceState:
        """Add the seconds to the next stop."""
        i = _car(state, self.car_id, "what if")
        extra = state.stop_extra_s.copy()
        extra[i] += _finite(self.seconds, -5.0, 120.0, "what if: seconds")
        return state.replace(stop_extra_s=extra)


@dataclass(frozen=True, slots=True)
class Together:
    """Several levers at once, in order."""

    levers: tuple[Lever, ...]

    @property
    def label(self) -> str:
        """As spoken."""
        return " and ".join(lever.label for lever in self.levers)

    def apply(self, state: RaceState) -> RaceState:
        """Make one change after the other."""
        for lever in self.levers:
            state = lever.apply(state)
        return state


def with_plan(state: RaceState, car_id: str, plan: PitPlan) -> RaceState:
    """Return the state in which a car's plan is known: it makes these stops and decides nothing for itself.

    A plan without stops is written as a stop on the last lap, which is never made.
    """
    i = _car(state, car_id, "plan")
    laps, compounds = state.planned_lap.copy(), state.planned_compound.copy()
    laps[i], compounds[i] = 0, -1
    if not plan.stops:
        laps[i, 0], compounds[i, 0] = state.total_laps, max(0, int(state.compound[i]))
    for k, stop in enumerate(plan.stops):
        laps[i, k], compounds[i, k] = stop.lap, stop.compound.index
    return state.replace(planned_lap=laps, planned_compound=compounds)


_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_PATTERNS = {
    "status": re.compile(r"^(?P<status>sc|vsc|red)(?:@(?P<lap>\d+))?$"),
    "rain": re.compile(rf"^rain(?:@(?P<lap>\d+))?(?::(?P<wetness>{_NUMBER}))?$"),
    "stop": re.compile(r"^stop:(?P<car>\d+)(?:@(?P<lap>\d+))?(?::(?P<compound>[a-z]+))?$"),
    "wear": re.compile(rf"^wear:(?P<car>\d+)?x(?P<factor>{_NUMBER})$"),
    "pace": re.compile(r"^pace:(?P<car>\d+)(?P<seconds>[+-]\d+(?:\.\d+)?)$"),
    "slow": re.compile(rf"^slow:(?P<car>\d+)\+(?P<seconds>{_NUMBER})$"),
}
_EXAMPLES = "sc@31, vsc, red@20, rain@40:0.6, stop:16@25:HARD, wear:55x1.3, pace:55-0.2 or slow:55+4"


def parse_lever(text: str) -> Lever:
    """Parse a lever, or several joined by ``&``.

    Examples
    --------
    >>> parse_lever("sc@31").label
    'safety car in lap 31'
    >>> parse_lever("rain@40:0.6 & stop:16@25:HARD").label
    'rain from lap 40 (wetness 0.6) and car 16 boxes on lap 25 for HARD'
    """
    levers = tuple(_parse_one(piece.strip().lower(), text) for piece in text.split("&"))
    return levers[0] if len(levers) == 1 else Together(levers)


def _parse_one(piece: str, text: str) -> Lever:
    for kind, pattern in _PATTERNS.items():
        match = pattern.match(piece)
        if match is None:
            continue
        g = match.groupdict()
        lap = int(g["lap"]) if g.get("lap") else None
        if kind == "status":
            return Neutralisation(TrackStatus(g["status"].upper()), lap)
        if kind == "rain":
            return Rain(lap, float(g["wetness"] or DEFAULT_WETNESS))
        if kind == "stop":
            return RivalStops(g["car"], lap, _compound(g["compound"], text) if g["compound"] else None)
        if kind == "wear":
            return Wear(float(g["factor"]), g["car"])
        if kind == "pace":
            return Pace(g["car"], float(g["seconds"]))
        return SlowStop(g["car"], float(g["seconds"]))
    raise InputError(f"what if: {text!r}, expected for instance {_EXAMPLES}")


def _compound(word: str, text: str) -> Compound:
    for compound in COMPOUNDS:
        if word.upper() in (compound.value, compound.letter):
            return compound
    raise InputError(f"what if: {text!r} names compound {word!r}, expected one of {', '.join(COMPOUNDS)}")


__all__ = [
    "FORCEABLE",
    "Lever",
    "Neutralisation",
    "Pace",
    "Rain",
    "RivalStops",
    "SlowStop",
    "Together",
    "Wear",
    "parse_lever",
    "with_plan",
]
