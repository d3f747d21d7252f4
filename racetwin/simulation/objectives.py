"""What a strategist wants from the race, as a utility of each simulated race: the search maximises its mean.

An objective is written as a sum of terms, each with an optional weight: ``points``, ``position``, ``win``, ``podium``, ``top6``,
``beat:16``, ``safe`` (risk-averse points), ``bold`` (risk-seeking points), ``team`` (points of both cars), or a blend such as
``0.7*points + 0.3*top10``. Because a utility is a number per race, two plans can be compared race by race on common random
numbers, whatever the objective.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from racetwin.errors import InputError
from racetwin.schemas import MAX_CARS
from racetwin.simulation.results import POINTS, SPRINT_POINTS, SimulationResult
from racetwin.simulation.state import RaceState

FloatArray = npt.NDArray[np.float64]

RISK = 0.08
"""Default risk aversion per point of ``safe``: about the certain 9 points that a gambler's even chance of 0 or 25 is worth."""

_TERM = re.compile(r"^(?:(?P<weight>[+-]?\d+(?:\.\d+)?)\*)?(?P<name>[a-z]+?)(?P<n>\d+)?(?::(?P<arg>[0-9.]+))?$")
_WORDS = "points, position, win, podium, topN, beat:CAR, safe[:RISK], bold[:RISK], team, or a blend like '0.7*points + 0.3*top10'"


@dataclass(frozen=True, slots=True)
class Term:
    """One term of an objective: ``weight`` times the utility ``kind`` with its ``argument`` (a place, a car, a risk)."""

    kind: str
    weight: float = 1.0
    place: int = 0
    rival: str = ""
    risk: float = 0.0


@dataclass(frozen=True, slots=True)
class Objective:
    """A parsed objective.

    Parameters
    ----------
    name
        As written by the user; goes into the answer.
    terms
        Its terms.
    watch
        Cars other than our own whose finishing positions it needs, race by race.
    table
        Championship points by finishing position.
    """

    name: str
    terms: tuple[Term, ...]
    watch: tuple[str, ...] = ()
    table: tuple[int, ...] = POINTS

    @property
    def unit(self) -> str:
        """What one unit of the utility is: points, places, or share of races."""
        kinds = {t.kind for t in self.terms}
        if kinds <= {"points", "team", "safe", "bold"}:
            return "points"
        if kinds == {"position"}:
            return "places"
        return "probability" if kinds <= {"top", "beat"} and len(self.terms) == 1 else "utility"

    def watching(self, rivals: Sequence[str], state: RaceState, car_id: str) -> Objective:
        """Return the same objective with more cars watched."""
        for rival in rivals:
            if rival not in state.car_id or rival == car_id:
                others = ", ".join(c for c in state.car_id if c != car_id)
                raise InputError(f"rivals: {rival!r}, expected other cars of this race: {others}")
        return replace(self, watch=tuple(dict.fromkeys((*self.watch, *rivals))))

    def utility(self, result: SimulationResult) -> FloatArray:
        """Return ``(p, n_races)`` utilities, higher is better, race by race."""
        return self.of_positions(result.positions, result.watched_positions)

    def of_positions(self, positions: npt.NDArray[np.uint8], watched: npt.NDArray[np.uint8]) -> FloatArray:
        """Return the utility of our finishing ``positions``, given those of the watched cars (last axis: car)."""
        total = np.zeros(positions.shape)
        for term in self.terms:
            total += term.weight * self._term(term, positions, watched)
        return total

    def _term(self, term: Term, positions: npt.NDArray[np.uint8], watched: npt.NDArray[np.uint8]) -> FloatArray:
        if term.kind == "position":
            return -positions.astype(np.float64)
        if term.kind == "beat":
            return (positions < watched[..., self.watch.index(term.rival)]).astype(np.float64)
        places = np.arange(256)
        lookup = np.zeros(256)
        if term.kind == "top":
            lookup[(places >= 1) & (places <= term.place)] = 1.0
            return lookup[positions]
        lookup[1 : len(self.table) + 1] = self.table
        if term.kind in ("safe", "bold"):
            # Exponential utility (constant absolute risk aversion), scaled so that 0 and a win keep their points.
            a, best = (term.risk if term.kind == "safe" else -term.risk), float(self.table[0])
            lookup = best * np.expm1(-a * lookup) / np.expm1(-a * best)
        total = lookup[positions]
        if term.kind == "team":
            for k, _ in enumerate(self.watch):
                if self.watch[k] == term.rival:
                    total = total + lookup[watched[..., k]]
        return total


def parse_objective(text: str, state: RaceState, car_id: str) -> Objective:
    """Parse an objective for one car of a race.

    Examples
    --------
    ``"points"``, ``"win"``, ``"top6"``, ``"beat:16"``, ``"safe:0.1"``, ``"0.7*points + 0.3*top10"``.
    """
    terms = []
    watch: list[str] = []
    for piece in re.split(r"\s*\+\s*", text.strip().lower()):
        term = _parse_term(piece.replace(" ", ""), text, state, car_id)
        terms.append(term)
        if term.rival and term.rival not in watch:
            watch.append(term.rival)
    table = SPRINT_POINTS if is_sprint(state) else POINTS
    return Objective(name=text.strip(), terms=tuple(terms), watch=tuple(watch), table=table)


def _parse_term(piece: str, text: str, state: RaceState, car_id: str) -> Term:
    match = _TERM.match(piece)
    if match is None:
        raise InputError(f"objective: {text!r}, expected {_WORDS}")
    weight = float(match["weight"] or 1.0)
    name, number, arg = match["name"], match["n"], match["arg"]
    if name in ("points", "position") and number is None and arg is None:
        return Term(name, weight)
    if name in ("win", "podium") and number is None and arg is None:
        return Term("top", weight, place=1 if name == "win" else 3)
    if name == "top" and number is not None and arg is None:
        if not 1 <= int(number) <= MAX_CARS:
            raise InputError(f"objective: top{number}, expected top1 to top{MAX_CARS}")
        return Term("top", weight, place=int(number))
    if name in ("safe", "bold") and number is None:
        risk = float(arg) if arg else RISK
        if not 0 < risk <= 1:
            raise InputError(f"objective: {name}:{arg}, expected a risk aversion above 0 and up to 1 per point")
        return Term(name, weight, risk=risk)
    if name == "beat" and number is None and arg is not None:
        if arg not in state.car_id or arg == car_id:
            others = ", ".join(c for c in state.car_id if c != car_id)
            raise InputError(f"objective: beat:{arg}, expected another car of this race: {others}")
        return Term("beat", weight, rival=arg)
    if name == "team" and number is None and arg is None:
        mate = team_mate(state, car_id)
        if mate is None:
            raise InputError(f"objective: team, but car {car_id} has no team-mate in this race")
        return Term("team", weight, rival=mate)
    raise InputError(f"objective: {text!r}, expected {_WORDS}")


def team_mate(state: RaceState, car_id: str) -> str | None:
    """Return the other car of the same team, None where there is none or the team is unknown."""
    i = state.index(car_id)
    for j, team in enumerate(state.team):
        if j != i and team and team == state.team[i]:
            return state.car_id[j]
    return None


def is_sprint(state: RaceState) -> bool:
    """Whether this is a sprint: no mandatory stop, and the short points table."""
    return "sprint" in state.race_id
