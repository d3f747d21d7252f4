"""The timing tower: every car in race order, with what decides the next laps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from racetwin.schemas import CarStatus, CarTelemetry, CarTwinState, Rejoin
from racetwin.widgets._panel import Panel, pack, script, style
from racetwin.widgets.gaps import Gap, gaps_now, place_age

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot


def tower_rows(snapshot: RaceSnapshot, rejoin: Rejoin | None = None, car_id: str | None = None) -> list[dict[str, Any]]:
    """Return one row a car in race order, retired cars last, as the tower shows them (times in seconds).

    ``change`` is places won since the grid. ``net`` is the position after everybody's remaining stops and ``role`` marks the
    cars that a stop now would put us between (``ahead``, ``behind``). ``threat`` is how likely a car is to end the race
    ahead of ``car_id`` that is behind it now: ``high``, ``medium`` or ``low``, with its probability. ``gap`` and ``interval`` are
    those of this instant as far as they can be known; ``known`` and ``gap_age`` say how (:class:`~racetwin.widgets.gaps.Gap`).
    ``place_age`` is how old, in seconds, the place is of a car that has been in the pits since it was timed.
    """
    threats = _threats(snapshot, car_id)
    virtual = _virtual_positions(snapshot)
    gaps = gaps_now(snapshot)
    best = min((c.best_lap_s for c in snapshot.order if c.best_lap_s), default=None)
    rows = []
    before = 0
    for car in _race_order(snapshot):
        twin: CarTwinState | None = snapshot.cars.get(car.car_id)
        retired = car.status is CarStatus.RETIRED
        # A car that the feed names no position for stands behind those that have one, and says so.
        position = None if retired else car.position or before + 1
        before = position or before
        grid = car.grid_position
        gap = gaps.get(car.car_id, Gap(None, None, "timed"))
        age = None if retired else place_age(snapshot, car)
        role = None
        if rejoin is not None and car.car_id in (rejoin.car_ahead, rejoin.car_behind):
            role = "ahead" if car.car_id == rejoin.car_ahead else "behind"
        rows.append(
            {
                "id": car.car_id,
                "driver": car.driver or car.car_id,
                "team": car.team,
                "position": position,
                "place_age": None if age is None else round(age),
                "change": grid - position if grid and position else None,
                "status": car.status.value,
                "lap": car.lap,
                "gap": gap.gap_s,
                "interval": gap.interval_s,
                "known": gap.kind,
                "gap_age": None if gap.age_s is None else round(gap.age_s),
                "laps_down": car.laps_down or 0,
                "last": car.last_lap_s,
                "best": car.best_lap_s,
                "fastest": bool(best and car.last_lap_s and car.last_lap_s <= best),
                "own_best": bool(car.best_lap_s and car.last_lap_s and car.last_lap_s <= car.best_lap_s),
                "compound": car.tyre.compound.value if car.tyre.compound else None,
                "age": car.tyre.age,
                "stops": car.stops if car.stops is not None else (twin.stops if twin else None),
                "net": None if retired else virtual.get(car.car_id),
                "stop_soon": None if retired or twin is None else twin.stop_probability_next_5,
                "role": role,
                "threat": None if retired else threats.get(car.car_id),
            }
        )
    return rows


def _race_order(snapshot: RaceSnapshot) -> list[CarTelemetry]:
    return sorted(snapshot.order, key=lambda c: c.status is CarStatus.RETIRED)


def _virtual_positions(snapshot: RaceSnapshot) -> dict[str, int]:
    """Positions after all remaining stops, as the field twin sees them; empty where it does not."""
    found = snapshot.field.get("virtual_positions", {})
    return {str(k): int(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _threats(snapshot: RaceSnapshot, car_id: str | None) -> dict[str, tuple[str, float]]:
    """Level and probability of each car that threatens ``car_id``."""
    rows = snapshot.field.get("threats", {}).get(car_id, []) if car_id else []
    return {str(row["rival_id"]): (str(row["level"]), float(row["probability"])) for row in rows}


class TimingTower(Panel):
    """Position and change, gap, interval, last and best lap, tyre and age, stops, net position, stop soon, threat.

    A click on a row (or arrow keys) chooses that car: ``tower.on_choice(print)`` prints ``{'choose': '44'}``. A click on a
    column's head sorts by it, a second one the other way round, a third one back to race order; the pin at the left end of a
    row (key ``p``) keeps a car on top. Sorting and pinning are each viewer's own affair.

    >>> tower = TimingTower()
    >>> tower.show(live.snapshot, "44")  # doctest: +SKIP
    """

    _esm = script("tower")
    _css = style("tower")

    def show(self, snapshot: RaceSnapshot, car_id: str | None = None) -> None:
        """Draw the order at the snapshot's instant, ``car_id`` highlighted."""
        answer = snapshot.answers.get(car_id or "")
        rows = tower_rows(snapshot, answer.box_now if answer else None, car_id)
        self.data = pack({"car": car_id, "time": round(snapshot.time_s, 1), "rows": rows})
