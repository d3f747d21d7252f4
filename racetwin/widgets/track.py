"""The track map: where everybody is on the road, and where we would be had we boxed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import traitlets

from racetwin.config import settings
from racetwin.schemas import CarStatus, RaceControl, RaceEvent
from racetwin.telemetry.outlines import outline
from racetwin.widgets._panel import Panel, pack, script, style

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot


OUTLINE_POINTS = 256
"""Points of a circuit on the map: finer than its pixels."""
MARSHAL_SECTORS = 20
"""Marshal sectors of a lap where no message has named a higher one: circuits have 15 to 27."""
_SECTOR = re.compile(r"(DOUBLE YELLOW|YELLOW|CLEAR) IN (?:TRACK )?SECTOR (\d+)")
_ALL_CLEAR = re.compile(r"TRACK CLEAR|GREEN (?:FLAG|LIGHT)|ALL CLEAR")


def yellow_sectors(events: Sequence[RaceEvent]) -> tuple[dict[int, int], int]:
    """Return the marshal sectors under yellow (1 single, 2 double) as race control said so, and how many sectors a lap has."""
    flags: dict[int, int] = {}
    sectors = MARSHAL_SECTORS
    said_in_order = sorted((e for e in events if isinstance(e, RaceControl)), key=lambda e: e.time_s)  # some came late
    for event in said_in_order:
        said = event.message.upper()
        found = _SECTOR.search(said)
        if found:
            sector = int(found[2])
            sectors = max(sectors, sector)
            flags.pop(sector, None)
            if found[1] != "CLEAR":
                flags[sector] = 2 if found[1].startswith("DOUBLE") else 1
        elif _ALL_CLEAR.search(said):
            flags.clear()
    return flags, sectors


class TrackMap(Panel):
    """Cars on the circuit, moving smoothly between updates, with our rejoin ghost: where we would be had we boxed.

    Pit lane (beside the line, not to scale), the safety car ahead of the leader, and sectors under yellow are drawn too.

    Without an outline the lap is drawn as a ring. ``outline`` is a closed line of points, metres or any unit, x right, y up.

    >>> track = TrackMap()
    >>> track.draw_outline(np.array([[0, 0], [3, 0], [3, 2], [0, 2]]))
    >>> track.show(live.snapshot, "44")  # doctest: +SKIP
    """

    outline = traitlets.Bytes(b"").tag(sync=True)

    _esm = script("track")
    _css = style("track")

    def draw_outline(self, line: npt.NDArray[np.float64] | None) -> None:
        """Take a circuit's outline, ``(n, 2)``; None for the ring."""
        self.outline = b"" if line is None else pack({}, line=line)

    def show(self, snapshot: RaceSnapshot, car_id: str | None = None) -> None:
        """Draw where the cars are at the snapshot's instant."""
        answer = snapshot.answers.get(car_id or "")
        rejoin = answer.box_now if answer else None
        cars: list[dict[str, Any]] = []
        at: list[float] = []
        for car in snapshot.order:
            if car.status in (CarStatus.RETIRED, CarStatus.FINISHED) or car.lap is None or car.lap_fraction is None:
                continue
            role = None
            if rejoin is not None and car.car_id in (rejoin.car_ahead, rejoin.car_behind):
                role = "ahead" if car.car_id == rejoin.car_ahead else "behind"
            cars.append(
                {
                    "id": car.car_id,
                    "name": car.driver or car.car_id,
                    "position": car.position,
                    "pit": car.status is CarStatus.PIT,
                    "role": role,
                }
            )
            at.append(car.lap + car.lap_fraction)
        flags, sectors = yellow_sectors(snapshot.events)
        self.data = pack(
            {
                "car": car_id,
                "time": round(snapshot.time_s, 1),
                "cars": cars,
                "status": snapshot.track_status.value,
                "ghost": self._ghost(snapshot, car_id, rejoin.pit_loss_s.mean if rejoin else None),
                "circuit": snapshot.info.circuit,
                "yellow": sorted(flags.items()),
                "sectors": sectors,
            },
            at=at,
        )

    @staticmethod
    def _ghost(snapshot: RaceSnapshot, car_id: str | None, pit_loss_s: float | None) -> float | None:
        """Laps that a stop would put us back by: pit loss over lap time."""
        car = snapshot.car(car_id or "")
        lap_s = car.last_lap_s or car.best_lap_s if car else None
        if pit_loss_s is None or car is None or not lap_s or car.status is not CarStatus.TRACK:
            return None
        return min(0.95, pit_loss_s / lap_s)


def circuit_points(circuit_id: str) -> npt.NDArray[np.float64] | None:
    """Points of a circuit, equally spaced in time as lap fractions are; None where its real shape is not at hand."""
    shape = outline(circuit_id, settings())
    if shape.generated:
        return None
    every = slice(None, None, max(1, len(shape.x_m) // OUTLINE_POINTS))
    return np.column_stack([shape.x_m[every], shape.y_m[every]])
