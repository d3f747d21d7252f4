"""THINKING, the beliefs: frames and events come in, the state of every car with its uncertainty goes out.

:class:`RaceTwin` holds the whole race: a :class:`CarTwin` per car on one shared filter, and the :class:`FieldTwin`. It may use
the race model's parameters and the simulation's state, and knows nothing of feeds, clocks, files or viewers.
"""

from racetwin.twins.car_twin import CarTwin
from racetwin.twins.field_twin import FieldTwin
from racetwin.twins.race_twin import RaceTwin

__all__ = ["CarTwin", "FieldTwin", "RaceTwin"]
