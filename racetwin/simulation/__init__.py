"""THINKING, the numbers: a race state and candidate pit plans come in, distributions of outcomes and ranked plans go out.

It knows the common language (`schemas`, `config`) and nothing of feeds, twins, screens or clocks: the same state, plans and
seed give the same races.
"""

from racetwin.simulation.plans import PitPlan
from racetwin.simulation.results import SimulationResult
from racetwin.simulation.state import RaceState

__all__ = ["PitPlan", "RaceState", "SimulationResult"]
