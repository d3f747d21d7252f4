"""Tyres: lap times of the set by its age, what the coming laps will take, and how long it lasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from racetwin.schemas import CarStatus, Estimate
from racetwin.widgets._panel import Panel, pack, script, style

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot

LEAST_LAPS = 4
"""Laps that make a line."""
SLOW_S = 2.5
"""A lap further from the stint's median says nothing about wear."""


def clean_stint(snapshot: RaceSnapshot, car_id: str) -> list[tuple[float, float]]:
    """Return ``(tyre age, lap time)`` of a car's present set: laps at racing speed, the one out of the pits left out."""
    stint: list[tuple[float, float]] = []
    before = None
    for row in (r for r in snapshot.laps if r.car_id == car_id):
        if row.pit_out or (before is not None and row.compound is not before):
            stint = []
        before = row.compound
        if row.pit or row.neutralised or row.lap == 1 or row.lap_time_s is None or row.tyre_age is None:
            continue
        stint.append((row.tyre_age, row.lap_time_s))
    return stint


def _ends(value: Estimate | None) -> dict[str, float] | None:
    return None if value is None else value.model_dump()


def wear_fit(stint: Sequence[tuple[float, float]]) -> npt.NDArray[np.float64]:
    """Return a straight line through a stint's laps with its central 90 % interval: ``(n, 4)`` age, low, middle, high.

    Laps as timed: what fuel burn gains is in them. Laps more than :data:`SLOW_S` off the stint's median (rain, mistakes,
    traffic) are left out; fewer than four laps make no line. The interval is that of the line by Student's t.
    """
    if len(stint) < LEAST_LAPS:
        return np.zeros((0, 4))
    age, time = np.array(stint, dtype=np.float64).T
    kept = np.abs(time - np.median(time)) <= SLOW_S
    age, time = age[kept], time[kept]
    n = len(age)
    if n < LEAST_LAPS or np.ptp(age) == 0:
        return np.zeros((0, 4))
    middle = age.mean()
    square = ((age - middle) ** 2).sum()
    slope = ((age - middle) * (time - time.mean())).sum() / square
    rest = time - time.mean() - slope * (age - middle)
    sigma = np.sqrt((rest**2).sum() / (n - 2))
    t90 = 1.645 * (1 + (1.645**2 + 1) / (4 * (n - 2)))  # Student's t by its expansion in 1/(n - 2)
    x = np.linspace(age.min(), age.max(), 12)
    fit = time.mean() + slope * (x - middle)
    half = t90 * sigma * np.sqrt(1 / n + (x - middle) ** 2 / square)
    return np.column_stack([x, fit - half, fit, fit + half])


class TyrePanel(Panel):
    """Sets compared: laps driven with the wear fit and its interval, the forecast band, the life left, the crossover.

    Ours and our neighbours' sets are shown at first; a viewer switches any car on and off in the list below the chart.

    >>> panel = TyrePanel()
    >>> panel.show(live.snapshot, "44")  # doctest: +SKIP
    """

    _esm = script("tyres")
    _css = style("tyres")

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._key: tuple[object, ...] = ()

    def show(self, snapshot: RaceSnapshot, car_id: str) -> None:
        """Draw the tyres of all cars that run, those of ``car_id`` first."""
        running = [c for c in snapshot.order if c.status is not CarStatus.RETIRED]
        key = (snapshot.laps, car_id, tuple((c.car_id, c.tyre.age, c.tyre.compound) for c in running))
        if self._key and key[0] is self._key[0] and key[1:] == self._key[1:]:
            return
        self._key = key
        here = next((i for i, c in enumerate(running) if c.car_id == car_id), None)
        roles = {car_id: "ours"}
        if here is not None and here > 0:
            roles[running[here - 1].car_id] = "ahead"
        if here is not None and here + 1 < len(running):
            roles[running[here + 1].car_id] = "behind"
        field: Mapping[str, Any] = snapshot.field.get("cars", {})
        cars: list[dict[str, Any]] = []
        arrays: dict[str, Any] = {}
        for k, car in enumerate(running):
            twin = snapshot.cars.get(car.car_id)
            forecast = twin.next_laps_s if twin else ()
            stint = clean_stint(snapshot, car.car_id)
            arrays[f"laps{k}"] = np.array(stint, dtype=np.float32).reshape(-1, 2)
            arrays[f"fit{k}"] = wear_fit(stint)
            arrays[f"next{k}"] = np.array([(e.mean, e.low, e.high) for e in forecast], dtype=np.float32).reshape(-1, 3)
            cars.append(
                {
                    "id": car.car_id,
                    "name": car.driver or car.car_id,
                    "position": car.position,
                    "role": roles.get(car.car_id),
                    "compound": car.tyre.compound.value if car.tyre.compound else None,
                    "age": car.tyre.age,
                    "wear": _ends(twin.wear_s_per_lap if twin else None),
                    "life": _ends(twin.tyre_life_laps if twin else None),
                    "pace": _ends(twin.pace_s if twin else None),
                    "crossover": field.get(car.car_id, {}).get("crossover", []),
                }
            )
        self.data = pack({"car": car_id, "lap": snapshot.lap, "cars": cars}, **arrays)
