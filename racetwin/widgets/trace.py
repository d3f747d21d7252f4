"""The race trace: each car's time at the line against a reference pace, lap by lap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from racetwin.schemas import CarStatus
from racetwin.widgets._panel import Panel, pack, script, style
from racetwin.widgets.our_plan import ours_of

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import LapRow, RaceSnapshot
    from racetwin.schemas import PlannedStop, RaceFan

FRONT = 0.5
"""Share of the field, from the front, whose pace is the reference: backmarkers let by would slow it down."""


def line_times(laps: Sequence[LapRow], cars: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return race time at the line, ``(laps, cars)`` seconds; row ``l`` is the end of lap ``l + 1``, NaN where missing."""
    column = {car: i for i, car in enumerate(cars)}
    last = max((row.lap for row in laps), default=0)
    times = np.full((last, len(cars)), np.nan)
    for row in laps:
        if row.lap >= 1 and row.car_id in column:
            times[row.lap - 1, column[row.car_id]] = row.line_time_s
    return times


def reference_times(laps: Sequence[LapRow]) -> npt.NDArray[np.float64]:
    """Return the reference's race time at the end of each lap, ``(laps,)`` seconds.

    The reference drives each lap at the median pace of the front half of the field, cars in or out of the pits left out. So
    a stop shows as the step it costs, and a safety car slows the reference as much as it slows the field.
    """
    by_lap: dict[int, list[tuple[int, float, bool]]] = {}
    for row in laps:
        if row.lap_time_s is not None and row.position is not None:
            by_lap.setdefault(row.lap, []).append((row.position, row.lap_time_s, row.pit))
    last = max((row.lap for row in laps), default=0)
    pace = np.full(last, np.nan)
    for lap, rows in by_lap.items():
        front = sorted(rows)[: max(1, int(np.ceil(FRONT * len(rows))))]
        clean = [t for _, t, pit in front if not pit] or [t for _, t, _ in front]
        pace[lap - 1] = np.median(clean)
    if last and np.isnan(pace).any():
        known = np.flatnonzero(~np.isnan(pace))
        pace = np.interp(np.arange(last), known, pace[known]) if len(known) else np.zeros(last)
    return np.asarray(np.cumsum(pace), dtype=np.float64)


def gaps_to_reference(
    laps: Sequence[LapRow], cars: Sequence[str], reference: str | None = None
) -> npt.NDArray[np.float64]:
    """Return seconds behind the reference at each line, ``(laps, cars)``; negative is ahead, NaN where missing.

    ``reference`` is a car, or None for the pace of the front half of the field (:func:`reference_times`).
    """
    times = line_times(laps, cars)
    if reference is None:
        return times - reference_times(laps)[:, None]
    return times - times[:, list(cars).index(reference)][:, None]


def status_spans(laps: Sequence[LapRow]) -> list[tuple[int, int, str]]:
    """Return ``(first lap, last lap, status)`` of every stretch of laps with the race neutralised."""
    rank = {"RED": 3, "SC": 2, "VSC": 1, "VSC_ENDING": 1}
    worst: dict[int, str] = {}
    for row in laps:
        status = "VSC" if row.track_status.value == "VSC_ENDING" else row.track_status.value
        if rank.get(status, 0) > rank.get(worst.get(row.lap, ""), 0):
            worst[row.lap] = status
    spans: list[tuple[int, int, str]] = []
    for lap in sorted(worst):
        if spans and spans[-1][1] == lap - 1 and spans[-1][2] == worst[lap]:
            spans[-1] = (spans[-1][0], lap, worst[lap])
        else:
            spans.append((lap, lap, worst[lap]))
    return spans


def fan_array(fan: RaceFan, cars: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return a fan as ``(cars, laps, quantiles)`` seconds in the order of ``cars``, NaN where there is no forecast."""
    laps = max((len(rows) for rows in fan.change_s), default=0)
    out = np.full((len(cars), laps, len(fan.quantiles)), np.nan)
    for car, rows in zip(fan.cars, fan.change_s, strict=True):
        if car in cars:
            i = list(cars).index(car)
            for k, row in enumerate(rows):
                if row is not None:
                    out[i, k] = row
    return out


class RaceTrace(Panel):
    """Gaps by lap for the whole field: our car bold, the cars that a stop would put us between in their colours.

    Stops are marked on the line, safety cars shaded; the pointer reads off a car's gap on a lap. With ``fan`` (of
    :meth:`~racetwin.runtime.live.LiveRace.fan`) the gaps to come are drawn too, as 50 and 90 % bands over simulated races. A
    viewer chooses what gaps are taken to and a car to compare; the former also comes as ``{'reference': '1'}`` (None: the
    front half's pace), so that a fan can be raced for it.

    >>> trace = RaceTrace()
    >>> trace.show(live.snapshot, "44", reference="1")  # against car 1  # doctest: +SKIP
    """

    _esm = script("trace")
    _css = style("trace")

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._key: tuple[object, ...] = ()

    def show(
        self,
        snapshot: RaceSnapshot,
        car_id: str | None = None,
        reference: str | None = None,
        *,
        fan: RaceFan | None = None,
        planned: Sequence[PlannedStop] | None = None,
    ) -> None:
        """Draw the laps so far.

        Parameters
        ----------
        reference
            The car that gaps are taken to until a viewer chooses another; None for the front half's pace.
        fan
            The forecast to draw from the last lap on.
        planned
            The stops we intend to make; by default those of the call that stands.
        """
        answer = snapshot.answers.get(car_id or "")
        rejoin = answer.box_now if answer else None
        marks = (rejoin.car_ahead, rejoin.car_behind) if rejoin else (None, None)
        out = tuple(c.car_id for c in snapshot.order if c.status is CarStatus.RETIRED)
        if planned is None:
            ours = ours_of(snapshot, car_id) if car_id else None
            planned = ours.stops if ours else ()
        key = (snapshot.laps, fan, car_id, reference, marks, out, tuple(planned))
        if (
            len(key) == len(self._key)
            and all(a is b for a, b in zip(key[:2], self._key, strict=False))
            and (key[2:] == self._key[2:])
        ):
            return
        self._key = key
        laps = snapshot.laps
        cars = [c.car_id for c in snapshot.order]
        names = {c.car_id: c.driver or c.car_id for c in snapshot.order}
        gaps = gaps_to_reference(laps, cars) if laps else np.zeros((0, len(cars)))
        self.data = pack(
            {
                "car": car_id,
                "cars": cars,
                "names": [names[c] for c in cars],
                "ahead": marks[0],
                "behind": marks[1],
                "out": list(out),
                "down": [c.laps_down or 0 for c in snapshot.order],
                "total_laps": snapshot.info.total_laps,
                "stops": [[cars.index(r.car_id), r.lap] for r in laps if r.pit_in and r.car_id in names],
                "spans": status_spans(laps),
                "planned": [[s.lap, s.compound.value] for s in planned],
                "reference_car": reference if reference in cars else None,
                "fan_car": fan.car_id if fan else None,
                "fan_lap": fan.lap if fan else None,
                "fan_races": fan.n_races if fan else None,
                "fan_reference": fan.reference if fan else None,
            },
            gaps=gaps,
            **({"fan": fan_array(fan, cars)} if fan else {}),
        )
