"""Tyres: lap times of the set by its age, what the coming laps will take, and how long it lasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from racetwin.schemas import CarStatus, CarTwinState, Estimate
from racetwin.simulation.parameter_file import load_parameters
from racetwin.strategist.facts import is_life_known
from racetwin.wear import FUEL_S_PER_LAP, WearFit, fit_wear
from racetwin.widgets._panel import Panel, pack, script, style

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot


def clean_stint(snapshot: RaceSnapshot, car_id: str) -> list[tuple[int, float, float]]:
    """Return ``(lap, tyre age, lap time)`` of a car's present set: laps at racing speed, the one out of the pits left out."""
    stint: list[tuple[int, float, float]] = []
    before = None
    for row in (r for r in snapshot.laps if r.car_id == car_id):
        if row.pit_out or (before is not None and row.compound is not before):
            stint = []
        before = row.compound
        if row.pit or row.neutralised or row.lap == 1 or row.lap_time_s is None or row.tyre_age is None:
            continue
        stint.append((row.lap, row.tyre_age, row.lap_time_s))
    # A set that was fitted since the last line has no laps yet: those there are were driven on the one before.
    car = snapshot.car(car_id)
    if car is not None and stint and car.tyre.age is not None and car.tyre.age < stint[-1][1]:
        return []
    return stint


def fuel_per_lap_s(snapshot: RaceSnapshot, twin: CarTwinState | None) -> float:
    """Return by how much a car's laps get quicker with each lap's fuel burnt, s, from what its twin holds to be aboard."""
    info = snapshot.info
    left = (info.total_laps or 0) - (twin.lap if twin else 0)
    if twin is None or info.season is None or left <= 0:
        return FUEL_S_PER_LAP
    return load_parameters(info.circuit_id, info.season).fuel_s_per_kg * twin.fuel_kg.mean / left


def _ends(value: Estimate | None) -> dict[str, float] | None:
    return None if value is None else value.model_dump()


def _life(snapshot: RaceSnapshot, twin: CarTwinState | None) -> Estimate | None:
    """Return what is left in a set, as far as the flag."""
    life, total = twin.tyre_life_laps if twin else None, snapshot.info.total_laps
    return life if life is None or twin is None or not total else life.up_to(max(0, total - twin.lap))


def _slope(fit: WearFit | None) -> dict[str, float] | None:
    return None if fit is None else {"mean": fit.slope, "low": fit.low, "high": fit.high}


class TyrePanel(Panel):
    """Sets compared: laps driven with the wear fit and its interval, the forecast band, the life left, the crossover.

    All lap times are shown as with the fuel that is aboard now, past and coming ones alike, so that what is left is wear (and
    traffic, and the track). ``wear`` is the twin's, which has learnt from every car and every set of the compound; ``slope`` is
    that of the line through this set's own laps.

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
            burn = fuel_per_lap_s(snapshot, twin)
            done = car.lap - 1 if car.lap is not None else snapshot.lap - 1
            stint = [(age, time - burn * (done - lap)) for lap, age, time in clean_stint(snapshot, car.car_id)]
            fit = fit_wear([age for age, _ in stint], [time for _, time in stint])
            arrays[f"laps{k}"] = np.array(stint, dtype=np.float32).reshape(-1, 2)
            arrays[f"fit{k}"] = fit.line if fit else np.zeros((0, 4))
            coming = [(e.mean + burn * n, e.low + burn * n, e.high + burn * n) for n, e in enumerate(forecast, start=1)]
            arrays[f"next{k}"] = np.array(coming, dtype=np.float32).reshape(-1, 3)
            life = _life(snapshot, twin)
            cars.append(
                {
                    "id": car.car_id,
                    "name": car.driver or car.car_id,
                    "position": car.position,
                    "role": roles.get(car.car_id),
                    "compound": car.tyre.compound.value if car.tyre.compound else None,
                    "age": car.tyre.age,
                    "wear": _ends(twin.wear_s_per_lap if twin else None),
                    "slope": _slope(fit),
                    "life": _ends(life),
                    "life_known": life is None or is_life_known(life),
                    "usual_life": twin.usual_life_laps if twin else None,
                    "pace": _ends(twin.pace_s if twin else None),
                    "crossover": field.get(car.car_id, {}).get("crossover", []),
                }
            )
        self.data = pack({"car": car_id, "lap": snapshot.lap, "cars": cars}, **arrays)
