"""The race model's numbers on one occasion: under the rules of its session, with what the day has taught."""

from __future__ import annotations

from typing import TYPE_CHECKING

from racetwin.simulation.parameters import RaceParameters, for_race

if TYPE_CHECKING:
    from racetwin.simulation.state import RaceState


def for_state(parameters: RaceParameters, state: RaceState) -> RaceParameters:
    """Return the numbers that hold in a state; whoever simulates or reckons from a state goes through here.

    So the numbers that are handed around (fitted, or perturbed in a review) stay those of the circuit, and a state takes what has
    been learnt today with it wherever it is answered: on the desk, on a cluster, or later from its receipt.
    """
    p = for_race(parameters, state.race_id)
    return p.lane(state.lane_extra_s) if state.lane_extra_s else p
