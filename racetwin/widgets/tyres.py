"""Tyres: lap times of the set by its age, what the coming laps will take, and how long it lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from racetwin.schemas import CarStatus, Estimate
from racetwin.widgets._panel import Panel, pack, script, style

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot


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


class TyrePanel(Panel):
    """Our set against those of the cars ahead and behind: laps driven, the forecast with its 90 % band, and the life left.

    >>> panel = TyrePanel()
    >>> panel.show(live.snapshot, "44")  # doctest: +SKIP
    """

    _esm = script("tyres")
    _css = style("tyres")

    def show(self, snapshot: RaceSnapshot, car_id: str) -> None:
        """Draw the tyres of ``car_id`` and of the cars next to it on the road."""
        running = [c for c in snapshot.order if c.status is not CarStatus.RETIRED]
        here = next((i for i, c in enumerate(running) if c.car_id == car_id), None)
        shown: list[tuple[str, Any]] = []
        if here is not None:
            shown = [("ours", running[here])]
            shown += [("ahead", running[here - 1])] if here > 0 else []
            shown += [("behind", running[here + 1])] if here + 1 < len(running) else []
        cars: list[dict[str, Any]] = []
        arrays: dict[str, Any] = {}
        for k, (role, car) in enumerate(shown):
            twin = snapshot.cars.get(car.car_id)
            forecast = twin.next_laps_s if twin else ()
            arrays[f"laps{k}"] = np.array(clean_stint(snapshot, car.car_id), dtype=np.float32).reshape(-1, 2)
            arrays[f"next{k}"] = np.array([(e.mean, e.low, e.high) for e in forecast], dtype=np.float32).reshape(-1, 3)
            cars.append(
                {
                    "id": car.car_id,
                    "name": car.driver or car.car_id,
                    "role": role,
                    "compound": car.tyre.compound.value if car.tyre.compound else None,
                    "age": car.tyre.age,
                    "wear": _ends(twin.wear_s_per_lap if twin else None),
                    "life": _ends(twin.tyre_life_laps if twin else None),
                    "pace": _ends(twin.pace_s if twin else None),
                }
            )
        self.data = pack({"car": car_id, "cars": cars}, **arrays)
