"""THINKING, the numbers: a race state and candidate pit plans come in, distributions of outcomes and ranked plans go out.

It knows the common language (`schemas`, `config`) and nothing of feeds, twins, screens or clocks: the same state, plans and
seed give the same races.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from racetwin.simulation.plans import PitPlan
from racetwin.simulation.results import SimulationResult
from racetwin.simulation.state import RaceState

if TYPE_CHECKING:
    from racetwin.simulation.candidates import candidate_plans
    from racetwin.simulation.desk import StrategyDesk
    from racetwin.simulation.draw import draw_grand_prix
    from racetwin.simulation.hpc import HPCOrchestrator
    from racetwin.simulation.levers import parse_lever
    from racetwin.simulation.montecarlo import simulate
    from racetwin.simulation.parameter_file import load_parameters
    from racetwin.simulation.parameters import RaceParameters
    from racetwin.simulation.rejoin import box_now, rejoin_window

# Imported on first use: whoever only handles states and plans loads no kernel.
_HOME = {
    "candidate_plans": "candidates",
    "StrategyDesk": "desk",
    "draw_grand_prix": "draw",
    "HPCOrchestrator": "hpc",
    "parse_lever": "levers",
    "simulate": "montecarlo",
    "RaceParameters": "parameters",
    "load_parameters": "parameters",
    "box_now": "rejoin",
    "rejoin_window": "rejoin",
}

__all__ = [
    "HPCOrchestrator",
    "PitPlan",
    "RaceParameters",
    "RaceState",
    "SimulationResult",
    "StrategyDesk",
    "box_now",
    "candidate_plans",
    "draw_grand_prix",
    "load_parameters",
    "parse_lever",
    "rejoin_window",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"racetwin.simulation.{_HOME[name]}"), name)
    raise AttributeError(f"module 'racetwin.simulation' has no attribute {name!r}")
