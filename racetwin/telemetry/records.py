"""One race as a lap table: the form in which races are stored, added and replayed.

A :class:`RaceRecord` is what :class:`racetwin.telemetry.library.RaceLibrary` loads and what
:func:`racetwin.telemetry.laptable.frames` turns into telemetry frames. Its lap table has the columns of :data:`LAP_COLUMNS`;
only ``driver_number``, ``lap`` and one of ``race_time_s`` and ``lap_time_s`` must be there, so that any DataFrame of laps can
be replayed through :meth:`RaceRecord.from_laps`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from racetwin.errors import DataError
from racetwin.schemas import MAX_CARS, RaceControlMessage, TrackConditions
from racetwin.telemetry.status import StatusChange, status_timeline

LAP_COLUMNS: dict[str, str] = {
    "driver_number": "racing number (required)",
    "driver": "three-letter code",
    "team": "name of the team",
    "lap": "lap completed, from 1 (required)",
    "lap_time_s": "lap time, s",
    "race_time_s": "race time at the line, s since lights out (or the sum of lap times where it is missing)",
    "position": "position at the line, 1 first",
    "stint": "number of the stint, from 1",
    "compound": "SOFT, MEDIUM, HARD, INTERMEDIATE, WET",
    "compound_pirelli": "C1..C6",
    "tyre_age": "laps on the set at the end of this lap, laps before the race included",
    "fresh_tyre": "whether the set was new when fitted",
    "track_status": "digits of the statuses seen in the lap: 1 clear, 2 yellow, 4 SC, 5 red, 6 VSC, 7 VSC ending",
    "pit_in_time_s": "race time of entering the pit lane in this lap, s",
    "pit_out_time_s": "race time of leaving the pit lane in this lap, s",
    "pit_stop": "whether the car stopped for service at the end of this lap",
    "pit_lane_s": "time in the pit lane of the visit that began in this lap, s",
    "pit_stationary_s": "time at a standstill in that visit, s",
    "last_lap_before_retirement": "whether the car completed no further lap and did not finish",
    "sector1_s": "sector time, s",
    "sector2_s": "sector time, s",
    "sector3_s": "sector time, s",
}
"""Columns of a lap table and what they hold; further columns are kept and not read.

A lap that was begun and never completed may stand as a row without ``race_time_s``: it tells which tyres the car was on.
"""

_TEXT = ("driver", "team", "compound", "compound_pirelli", "track_status")
_FLAGS = ("fresh_tyre", "pit_stop", "last_lap_before_retirement")
_SLICK_UNKNOWN = {"UNKNOWN", "TEST_UNKNOWN", "", "NAN", "NONE", "<NA>"}

NOMINAL_SPEED_MS = 58.0
"""Race pace that a lap's length is divided by until a car has completed one (about 209 km/h; lap records give 60-72 m/s)."""
NOMINAL_LAP_S = 92.0
"""Lap time assumed where not even the lap's length is known."""


NEVER_BACK_S = 600.0
"""A pit exit this long after the last crossing of the line, on a lap never completed, is a car being wheeled away, s."""


class Entry(NamedTuple):
    """One car that starts a race; ``grid`` is None where unknown. Pit-lane starters come after the last grid slot.

    ``no_lap`` says that it is known to complete no lap.
    """

    car_id: str
    driver: str | None = None
    team: str | None = None
    grid: int | None = None
    pit_lane_start: bool = False
    no_lap: bool = False


class Told(NamedTuple):
    """What was said of the whole race at ``time_s``: a weather reading (its status is not read) or a race-control message."""

    time_s: float
    what: TrackConditions | RaceControlMessage


@dataclass(frozen=True, slots=True)
class RaceRecord:
    """A whole race (or what was known of it at one time, see :func:`racetwin.telemetry.laptable.known_at`).

    Parameters
    ----------
    race_id, season, round, session, event, circuit_id, circuit
        Which race; ``session`` is ``R`` (Grand Prix) or ``S`` (sprint).
    total_laps
        Race distance as scheduled.
    lap_length_km
        None where unknown.
    laps
        Lap table: one row per car and completed lap, sorted by car and lap, with the columns of :data:`LAP_COLUMNS`.
    entries
        Every car that starts, those that complete no lap included.
    status
        Track-status changes in time order.
    chequered_lap
        Laps the winner completed when the flag fell (less than ``total_laps`` if shortened); None while the race is on.
    results
        Official results, where known.
    told
        Weather readings and race-control messages in time order, where the source has them.
    simulated
        True if the race was drawn from a model.
    source
        Where it comes from, as frames name it.
    """

    race_id: str
    season: int
    round: int
    session: str
    event: str
    circuit_id: str
    circuit: str
    total_laps: int
    lap_length_km: float | None
    laps: pd.DataFrame
    entries: tuple[Entry, ...]
    status: tuple[StatusChange, ...] = ()
    chequered_lap: int | None = None
    results: pd.DataFrame | None = None
    simulated: bool = False
    source: str = "lap table"
    notes: tuple[str, ...] = ()
    told: tuple[Told, ...] = ()

    @property
    def grid(self) -> dict[str, int]:
        """Grid position by car, pit-lane starters after the last slot."""
        return {e.car_id: e.grid for e in self.entries if e.grid is not None}

    @property
    def nominal_lap_s(self) -> float:
        """Lap time to expect before any lap of the race is known, s."""
        return self.lap_length_km * 1000.0 / NOMINAL_SPEED_MS if self.lap_length_km else NOMINAL_LAP_S

    @classmethod
    def from_laps(
        cls,
        laps: pd.DataFrame,
        *,
        race_id: str,
        season: int = 0,
        round: int = 0,
        session: str = "R",
        event: str | None = None,
        circuit_id: str = "unknown",
        circuit: str | None = None,
        total_laps: int | None = None,
        lap_length_km: float | None = None,
        grid: Mapping[str, int] | None = None,
        entries: tuple[Entry, ...] | None = None,
        status: tuple[StatusChange, ...] | None = None,
        results: pd.DataFrame | None = None,
        simulated: bool = False,
        finished: bool = True,
        source: str = "lap table",
        notes: tuple[str, ...] = (),
        told: tuple[Told, ...] = (),
    ) -> RaceRecord:
        """Make a record from any lap table.

        Parameters
        ----------
        grid
            Grid position by car; not needed with ``entries``.
        entries
            Every car that starts; default: the cars of the lap table.
        status
            Track-status changes where their times are known; default: placed from the digits of ``track_status``.
        finished
            Whether the table holds the whole race; its last lap is then the winner's last.

        Raises
        ------
        DataError
            If a needed column is missing, the table is empty, or it has too many cars.

        Examples
        --------
        >>> import pandas as pd
        >>> laps = pd.DataFrame({"driver_number": [44, 44], "lap": [1, 2], "lap_time_s": [95.0, 91.5]})
        >>> record = RaceRecord.from_laps(laps, race_id="a-test", grid={"44": 1})
        >>> record.total_laps, float(record.laps["race_time_s"].iloc[-1])
        (2, 186.5)
        """
        table, more = tidy(laps, race_id=race_id, finished=finished)
        if entries is None:
            slots = dict(grid or {})
            first = table.drop_duplicates("car_id")
            entries = tuple(
                Entry(car, _text(driver), _text(team), slots.get(car))
                for car, driver, team in zip(
                    first["car_id"].tolist(), first["driver"].tolist(), first["team"].tolist(), strict=True
                )
            )
            seen = {e.car_id for e in entries}
            entries += tuple(Entry(car, grid=slot) for car, slot in slots.items() if car not in seen)
        if len(entries) > MAX_CARS:
            raise DataError(f"{race_id}: {len(entries)} cars, expected at most {MAX_CARS}")
        if finished:
            with_laps = set(table.loc[table["race_time_s"].notna(), "car_id"])
            entries = tuple(e._replace(no_lap=e.car_id not in with_laps) for e in entries)
        last = int(table.loc[table["race_time_s"].notna(), "lap"].max())
        length = float(lap_length_km) if lap_length_km is not None and lap_length_km > 0 else None
        nominal = length * 1000.0 / NOMINAL_SPEED_MS if length else NOMINAL_LAP_S
        return cls(
            race_id=race_id,
            season=season,
            round=round,
            session=session,
            event=event or race_id,
            circuit_id=circuit_id,
            circuit=circuit or circuit_id,
            total_laps=max(total_laps or last, last),
            lap_length_km=length,
            laps=table,
            entries=tuple(sorted(entries, key=_by_grid)),
            status=status_timeline(table, nominal) if status is None else status,
            chequered_lap=last if finished else None,
            results=results,
            simulated=simulated,
            source=source,
            notes=notes + more,
            told=told,
        )


def _by_grid(entry: Entry) -> tuple[int, int]:
    return (entry.grid if entry.grid is not None else MAX_CARS + 1, int(entry.car_id))


def _text(value: object) -> str | None:
    text = "" if value is None else str(value)
    return None if text.upper() in _SLICK_UNKNOWN else text


def tidy(laps: pd.DataFrame, *, race_id: str, finished: bool = True) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Bring a lap table into the documented form and mend what its sources are known to get wrong.

    Mended, each with a note where it happened: a race clock that is missing, runs backwards or repeats; pit-lane times outside
    the lap they belong to; laps listed twice; tyres unknown on the first lap of a set; the missing retirement mark of a car that
    stopped before the end. Nothing else is changed.

    Returns
    -------
    (DataFrame, tuple of str)
        The table, sorted by car and lap, and what was mended.
    """
    missing = [c for c in ("driver_number", "lap") if c not in laps]
    if "race_time_s" not in laps and "lap_time_s" not in laps:
        missing.append("race_time_s or lap_time_s")
    if missing:
        raise DataError(
            f"{race_id}: the lap table has no column {', '.join(missing)}; it has {', '.join(map(str, laps))}"
        )
    if laps.empty:
        raise DataError(f"{race_id}: the lap table is empty")
    t = pd.DataFrame(index=laps.index)
    for name in LAP_COLUMNS:
        if name in _TEXT:
            values = laps[name] if name in laps else pd.Series([None] * len(laps), index=laps.index)
            t[name] = [None if v is None or v is pd.NA or v != v else str(v) for v in values.astype(object)]
        elif name in _FLAGS:
            t[name] = laps[name].fillna(False).astype(bool) if name in laps else False
        else:
            t[name] = pd.to_numeric(laps[name], errors="coerce").astype("float64") if name in laps else np.nan
    extra = [c for c in laps.columns if c not in t]
    t = pd.concat([t, laps[extra]], axis=1)
    notes: list[str] = []
    t = t[t["driver_number"].notna() & t["lap"].notna() & (t["lap"] >= 1)]
    t["car_id"] = t["driver_number"].astype(int).astype(str)
    t["lap"] = t["lap"].astype(int)
    t = t.sort_values(["driver_number", "lap"], kind="stable").reset_index(drop=True)
    twice = t.duplicated(["car_id", "lap"])
    if twice.any():
        notes.append(f"{int(twice.sum())} laps were listed twice")
        t = t[~twice].reset_index(drop=True)
    begun = _only_begun(t)
    if begun.any():
        notes.append(f"{int(begun.sum())} laps listed with a filled-in time were never completed")
    _mend_clock(t, notes)
    t.loc[begun, ["race_time_s", "lap_time_s", "position"]] = np.nan
    t.loc[begun, "track_status"] = None
    t = t[t["race_time_s"].notna() | begun].reset_index(drop=True)
    if t["race_time_s"].isna().all():
        raise DataError(f"{race_id}: no lap of the lap table has a time")
    _mend_pits(t, notes)
    _mend_tyres(t)
    if finished:
        _mark_retired(t, has_mark="last_lap_before_retirement" in laps)
    return t, tuple(notes)


def _only_begun(t: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Laps that a car began and did not complete.

    FastF1 lists the lap on which a car stopped; with its time filled in it looks complete. It has no position then, or is one
    more than the results (``official_laps``, where the table has it) count.
    """
    filled = (
        t["lap_time_filled"].fillna(False).to_numpy(bool)
        if "lap_time_filled" in t
        else t["lap_time_s"].isna().to_numpy()
    )
    official = pd.to_numeric(t["official_laps"], errors="coerce").to_numpy(float) if "official_laps" in t else np.inf
    unplaced = t["position"].isna().to_numpy()
    odd = unplaced if not unplaced.all() else np.zeros(len(t), dtype=bool)
    begun: npt.NDArray[np.bool_] = np.logical_and(filled, np.logical_or(odd, t["lap"].to_numpy() > official))
    begun &= t["last_lap_before_retirement"].to_numpy(bool)
    return begun


def _mend_clock(t: pd.DataFrame, notes: list[str]) -> None:
    """Fill and straighten the race clock of each car; times are rounded to the millisecond the timing has."""
    clock, lap_s = t["race_time_s"].to_numpy().copy(), t["lap_time_s"].to_numpy().copy()
    cars, lap_no = t["car_id"].to_numpy(), t["lap"].to_numpy()
    lap_s[~(lap_s > 0)] = np.nan
    filled = backwards = 0
    for i in range(len(t)):
        first = i == 0 or cars[i] != cars[i - 1]
        before = 0.0 if first else clock[i - 1]
        consecutive = lap_no[i] == (1 if first else lap_no[i - 1] + 1)
        if np.isnan(clock[i]) and consecutive:
            clock[i] = before + lap_s[i]
            filled += 1
        if clock[i] <= before:
            clock[i] = before + (lap_s[i] if lap_s[i] > 0 else 0.001)
            backwards += 1
    if filled:
        notes.append(f"{filled} times at the line are sums of lap times")
    if backwards:
        notes.append(f"the race clock ran backwards {backwards} times")
    t["race_time_s"] = np.round(clock, 3)
    t["lap_time_s"] = np.round(lap_s, 3)
    for name in ("sector1_s", "sector2_s", "sector3_s"):
        t[name] = t[name].where(t[name] > 0).round(3)


def _mend_pits(t: pd.DataFrame, notes: list[str]) -> None:
    """Keep each pit-lane time within its own lap: sources stamp some just after the line, or by another clock."""
    clock, cars = t["race_time_s"].to_numpy(), t["car_id"].to_numpy()
    start = np.zeros(len(t))
    same = np.zeros(len(t), dtype=bool)
    same[1:] = cars[1:] == cars[:-1]
    start[1:] = np.where(same[1:], clock[:-1], 0.0)
    goes_in, comes_out = t["pit_in_time_s"].to_numpy().copy(), t["pit_out_time_s"].to_numpy().copy()
    first_lap = t["lap"].to_numpy() == 1
    goes_in[first_lap & (goes_in < 0)] = np.nan  # the reconnaissance laps before the grid
    comes_out[first_lap & (comes_out < 0)] = np.nan
    bad_in = (goes_in >= clock) | (goes_in <= start)
    bad_out = (comes_out >= clock) | (comes_out <= start)
    comes_out[np.isnan(clock) & ~(comes_out < start + NEVER_BACK_S)] = np.nan  # of a car that did not come round again
    if bad_in.any() or bad_out.any():
        notes.append(f"{int(bad_in.sum() + bad_out.sum())} pit-lane times lay outside their lap")
    goes_in = np.where(bad_in, np.maximum(clock - 0.5, (start + clock) / 2), goes_in)
    comes_out = np.where(bad_out, np.minimum(start + 20.0, (start + clock) / 2), comes_out)
    t["pit_in_time_s"], t["pit_out_time_s"] = np.round(goes_in, 3), np.round(comes_out, 3)


def _mend_tyres(t: pd.DataFrame) -> None:
    """Fill what a set's own other laps say of it: a compound or an age unknown on some lap of a stint.

    The set on the car is public from the moment it is fitted, so its first lap may be filled from its second.
    """
    for name in ("compound", "compound_pirelli"):
        t[name] = [None if v is None or v.upper() in _SLICK_UNKNOWN else v.upper() for v in t[name]]
    goes_out = t["pit_out_time_s"].notna().to_numpy()
    cars, lap_no = t["car_id"].to_numpy(), t["lap"].to_numpy()
    compound, pirelli = t["compound"].to_numpy(dtype=object).copy(), t["compound_pirelli"].to_numpy(dtype=object).copy()
    age = t["tyre_age"].to_numpy().copy()
    for i in range(len(t) - 2, -1, -1):
        follows = cars[i] == cars[i + 1] and lap_no[i + 1] == lap_no[i] + 1 and not goes_out[i + 1]
        if follows and compound[i] is None and compound[i + 1] is not None and (lap_no[i] == 1 or goes_out[i]):
            compound[i], pirelli[i] = compound[i + 1], pirelli[i + 1]
        if follows and np.isnan(age[i]) and age[i + 1] >= 1 and compound[i] == compound[i + 1]:
            age[i] = age[i + 1] - 1
    t["compound"], t["compound_pirelli"], t["tyre_age"] = compound, pirelli, age


def _mark_retired(t: pd.DataFrame, *, has_mark: bool) -> None:
    """Mark the last lap of cars that neither saw the flag nor are marked: those that stop two laps or more before the end."""
    last = ~t.duplicated("car_id", keep="last")
    done = t[t["race_time_s"].notna()]
    at_flag = done.loc[done["lap"] == done["lap"].max(), "race_time_s"].min()
    usual = t["lap_time_s"].fillna(NOMINAL_LAP_S)
    early = t["race_time_s"] < at_flag - (2.5 if has_mark else 1.5) * usual
    t["last_lap_before_retirement"] |= last & (early | t["race_time_s"].isna())
