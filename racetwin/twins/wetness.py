"""How wet the track is, as far as the tyres that cars have chosen tell: no source measures it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from racetwin.schemas import CarStatus, Compound

if TYPE_CHECKING:
    from racetwin.simulation.parameters import RaceParameters
    from racetwin.twins.car_twin import CarTwin


def on_wets(cars: Iterable[CarTwin]) -> int:
    """Return how many cars in the race are on wet-weather tyres."""
    wet = (Compound.INTERMEDIATE, Compound.WET)
    return sum(c.running and c.tyre.compound in wet for c in cars)


def wetness(cars: Iterable[CarTwin], rainfall: bool | None, p: RaceParameters) -> float:
    """Return how wet the track is, 0..1; rain on a field on slicks counts as damp."""
    running = [c for c in cars if c.status in (CarStatus.TRACK, CarStatus.PIT, CarStatus.GRID)]
    if not running:
        return 0.0
    inter = sum(c.tyre.compound is Compound.INTERMEDIATE for c in running) / len(running)
    wet = sum(c.tyre.compound is Compound.WET for c in running) / len(running)
    believed = inter * (p.cross_slick_inter + p.cross_inter_wet) / 2 + wet * (p.cross_inter_wet + 1.0) / 2
    if rainfall:
        believed = max(believed, p.cross_slick_inter / 2)
    return min(1.0, believed)
