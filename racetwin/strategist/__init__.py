"""EXPLAINING: ranked plans and twin states come in, Urgent / Moderate / Optional recommendations go out.

Every number in a recommendation is one of its facts. The strategist decides nothing that the simulation has not weighed, and it
knows the common language (`schemas`, `config`) only: not how the numbers were made, nor who reads the advice.
"""

from racetwin.strategist.ai_strategist import AIStrategist
from racetwin.strategist.rules import recommend
from racetwin.strategist.situation import Situation

__all__ = ["AIStrategist", "Situation", "recommend"]
