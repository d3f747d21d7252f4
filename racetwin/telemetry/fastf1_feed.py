"""Races through FastF1: a loaded session becomes a lap table.

Needs the extra ``[fastf1]``; only :func:`add_race` needs the internet. FastF1's times count from the start of the data stream,
ours from lights out: the start of the first racing lap.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

from racetwin.config import Settings
from racetwin.config import settings as current_settings
from racetwin.errors import ConfigurationError, DataError
from racetwin.schemas import RaceControlMessage, TrackConditions
from racetwin.telemetry.circuits import circuit_id, race_id
from racetwin.telemetry.library import RaceLibrary
from racetwin.telemetry.records import Entry, RaceRecord, Told
from racetwin.telemetry.status import DIGITS, StatusChange

_COLUMNS = {
    "Driver": "driver", "DriverNumber": "driver_number", "Team": "team", "LapNumber": "lap", "Position": "position",
    "Stint": "stint", "Compound": "compound", "TyreLife": "tyre_age", "FreshTyre": "fresh_tyre", "TrackStatus": "track_status",
    "IsAccurate": "accurate", "FastF1Generated": "fastf1_generated",
    "SpeedI1": "speed_i1", "SpeedI2": "speed_i2", "SpeedFL": "speed_fl", "SpeedST": "speed_st",
}  # fmt: skip
_SECTORS = {"Sector1Time": "sector1_s", "Sector2Time": "sector2_s", "Sector3Time": "sector3_s"}
_STARTS_NOT = ("did not start", "withdrew", "did not qualify", "did not prequalify")


def add_race(
    season: int,
    event: str | int,
    *,
    session: str = "R",
    cache: Path | None = None,
    settings: Settings | None = None,
) -> RaceRecord:
    """Load a race through FastF1 and keep it in the user's own library.

    Parameters
    ----------
    season, event
        Which race: ``event`` is a name, a place or a round number, as FastF1 knows it.
    session
        ``R`` for the Grand Prix, ``S`` for the sprint.
    cache
        FastF1's cache folder; default: one beside the library's.

    Raises
    ------
    ConfigurationError
        If FastF1 is not installed.
    DataError
        If FastF1 cannot get the race (no such race, no internet, no timing data).
    """
    now = settings or current_settings()
    kind = session.strip().upper()
    if kind not in ("R", "S"):
        raise DataError(f"session {session!r}: expected R (Grand Prix) or S (sprint)")
    try:
        import fastf1
    except ImportError as e:
        raise ConfigurationError("FastF1 is not installed; install it with: pip install 'racetwin[fastf1]'") from e
    folder = cache or now.cache / "fastf1"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if hasattr(fastf1.Cache, "configure"):  # since FastF1 3.9, where enable_cache is on its way out
            fastf1.Cache.configure(cache_dir=str(folder))
        else:
            fastf1.Cache.enable_cache(str(folder))
        which = int(event) if str(event).strip().isdigit() else str(event)
        loaded = fastf1.get_session(season, which, kind)
        loaded.load(laps=True, telemetry=False, weather=True, messages=True)
        record = record_from_session(loaded)
    except DataError:
        raise
    except Exception as e:  # FastF1 raises whatever its many sources and parsers do
        reason = (str(e) or type(e).__name__).splitlines()[0]
        raise DataError(
            f"FastF1 could not load {season} {event} ({kind}): {reason}; check the name, the internet connection, or try later"
        ) from e
    RaceLibrary(now).add(record)
    return record


def record_from_session(session: Any) -> RaceRecord:
    """Return a loaded FastF1 race or sprint session as a record.

    Parameters
    ----------
    session : fastf1.core.Session
        After ``session.load(...)`` with laps; weather and messages are used where they were loaded.

    Raises
    ------
    DataError
        If it is no race or holds no laps.
    """
    laps = _loaded(session, "laps")
    if laps is None or len(laps) == 0:
        raise DataError(f"FastF1 has no laps of {_title(session)}; its timing data may not be published yet")
    name = str(getattr(session, "name", "Race"))
    event = session.event
    season = int(pd.Timestamp(event["EventDate"]).year)
    sprint = name in ("Sprint", "Sprint Qualifying") and (name == "Sprint" or season == 2021)
    if not sprint and name != "Race":
        raise DataError(f"{_title(session)} is not a race; load the session R (Grand Prix) or S (sprint)")
    table = pd.DataFrame(laps)
    start = _lights_out(session, table)
    out = table[[c for c in _COLUMNS if c in table]].rename(columns=_COLUMNS).reset_index(drop=True)
    table = table.reset_index(drop=True)
    for column, ours in _SECTORS.items():
        if column in table:
            out[ours] = _seconds(table[column])
    out["lap_time_s"] = _seconds(table["LapTime"])
    out["race_time_s"] = _seconds(table["Time"]) - start
    for column, ours in (("PitInTime", "pit_in_time_s"), ("PitOutTime", "pit_out_time_s")):
        out[ours] = _seconds(table[column]) - start
    out["track_status"] = out["track_status"].astype(str)
    results = _loaded(session, "results")
    number = pd.to_numeric(out["driver_number"], errors="coerce")
    out = out[number.notna()].assign(driver_number=number)
    _end_of_race(out, results)
    total = _loaded(session, "total_laps")
    place = str(event.get("Location", ""))
    return RaceRecord.from_laps(
        out,
        race_id=race_id(season, int(event["RoundNumber"]), str(event["EventName"]), "Sprint" if sprint else "Race"),
        season=season,
        round=int(event["RoundNumber"]),
        session="S" if sprint else "R",
        event=str(event["EventName"]) + (" sprint" if sprint else ""),
        circuit_id=_circuit(session, place),
        circuit=place or str(event["EventName"]),
        total_laps=int(total) if total is not None and total == total and int(total) > 0 else None,
        entries=_entries(out, results),
        status=_status(session, start),
        results=None if results is None else _plain_results(results),
        told=_told(session, start),
        source="fastf1",
    )


def _loaded(session: Any, name: str) -> Any:
    """Return what a session has loaded, None where it has not."""
    try:
        return getattr(session, name)
    except Exception:  # fastf1.exceptions.DataNotLoadedError, and AttributeError in older releases
        return None


def _title(session: Any) -> str:
    event = session.event
    return f"{pd.Timestamp(event['EventDate']).year} {event['EventName']} ({getattr(session, 'name', '?')})"


def _seconds(column: pd.Series[Any]) -> pd.Series[float]:
    return pd.to_timedelta(column).dt.total_seconds()


def _second(value: Any) -> float:
    return float(pd.Timedelta(value).total_seconds())


def _lights_out(session: Any, laps: pd.DataFrame) -> float:
    """Session time of lights out, s: the start of lap 1, else when the session was declared started."""
    if "LapStartTime" in laps:
        first = _seconds(laps.loc[laps["LapNumber"] == 1, "LapStartTime"]).dropna()
        if len(first):
            # A car in the pit lane may have a start of its own; the field's is the commonest.
            return float(first.round(3).mode().iloc[0])
    status = _loaded(session, "session_status")
    if status is not None and len(status):
        started = status[status["Status"] == "Started"]
        if len(started):
            return _second(started["Time"].iloc[0])
    raise DataError(f"FastF1 does not say when {_title(session)} started; it cannot be put on a race clock")


def _end_of_race(out: pd.DataFrame, results: Any) -> None:
    """Mark the last laps of cars that retired, and where FastF1 made a lap up for the place where they stopped."""
    out["last_lap_before_retirement"] = False
    generated = out["fastf1_generated"].fillna(False).astype(bool) if "fastf1_generated" in out else False
    out["lap_time_filled"] = out["lap_time_s"].isna() | generated
    if results is None or not len(results):
        return
    out_of_race = {
        str(abbreviation)
        for abbreviation, classified in zip(results["Abbreviation"], results["ClassifiedPosition"], strict=True)
        if not str(classified).replace(".0", "").isdigit()
    }
    last = ~out.duplicated("driver_number", keep="last")
    out["last_lap_before_retirement"] = last & out["driver"].isin(sorted(out_of_race))
    if "Laps" in results:
        official = {str(a): n for a, n in zip(results["Abbreviation"], results["Laps"], strict=True)}
        out["official_laps"] = out["driver"].map(official)


def _entries(out: pd.DataFrame, results: Any) -> tuple[Entry, ...]:
    """Every car that starts, with its grid position; 0 is the pit lane."""
    first = out.drop_duplicates("driver_number")
    cars = {
        str(int(n)): Entry(str(int(n)), str(d), str(t))
        for n, d, t in zip(first["driver_number"], first["driver"], first["team"], strict=True)
    }
    if results is None or not len(results):
        return tuple(cars.values())
    slots: dict[str, int] = {}
    lane: list[str] = []
    for row in pd.DataFrame(results).to_dict(orient="records"):
        car = str(row["DriverNumber"])
        if not car.isdigit():
            continue
        if car not in cars:
            if str(row.get("Status", "")).lower() in _STARTS_NOT or str(row.get("ClassifiedPosition")) in ("W", "F"):
                continue
            cars[car] = Entry(car, str(row["Abbreviation"]), str(row["TeamName"]))
        grid = row.get("GridPosition")
        if isinstance(grid, int | float) and math.isfinite(grid):
            if grid >= 1:
                slots[car] = int(grid)
            else:
                lane.append(car)
    last = max(slots.values(), default=0)
    slots.update({car: last + 1 + i for i, car in enumerate(lane)})
    return tuple(e._replace(grid=slots.get(c), pit_lane_start=c in lane) for c, e in cars.items())


def _status(session: Any, start: float) -> tuple[StatusChange, ...] | None:
    """Track-status changes with the times that the feed gave them; None where they were not loaded."""
    table = _loaded(session, "track_status")
    if table is None or not len(table):
        return None
    changes: list[StatusChange] = []
    for at, code in zip(_seconds(table["Time"]), table["Status"], strict=True):
        status = DIGITS.get(str(code))
        if status is None:
            continue
        change = StatusChange(round(float(at) - start, 3), status, False)
        if change.time_s <= 0:
            changes = [StatusChange(0.0, status, False)]  # only the last before the start matters
        elif not changes or changes[-1].status is not status:
            changes.append(change)
    return tuple(changes)


def _told(session: Any, start: float) -> tuple[Told, ...]:
    """Weather readings and race-control messages since shortly before the start."""
    told: list[Told] = []
    weather = _loaded(session, "weather_data")
    if weather is not None and len(weather):
        for row in pd.DataFrame(weather).to_dict(orient="records"):
            reading = TrackConditions(
                rainfall=bool(row["Rainfall"]),
                air_temperature_c=_number(row.get("AirTemp")),
                track_temperature_c=_number(row.get("TrackTemp")),
                wind_speed_ms=_number(row.get("WindSpeed")),
                wind_direction_deg=_number(row.get("WindDirection")),
                humidity_pct=_number(row.get("Humidity")),
            )
            told.append(Told(round(_second(row["Time"]) - start, 3), reading))
    messages, t0 = _loaded(session, "race_control_messages"), _loaded(session, "t0_date")
    if messages is not None and len(messages) and t0 is not None:
        for row in pd.DataFrame(messages).to_dict(orient="records"):
            at = pd.Timestamp(row["Time"])
            number = str(row.get("RacingNumber") or "")
            lap = _number(row.get("Lap"))
            message = RaceControlMessage(
                message=str(row["Message"]),
                category=_word(row.get("Category")),
                flag=_word(row.get("Flag")),
                scope=_word(row.get("Scope")),
                car_id=number if number.isdigit() else None,
                lap=None if lap is None else int(lap),
                utc=at.isoformat(),
            )
            told.append(Told(round((at - t0).total_seconds() - start, 3), message))
    told.sort(key=lambda x: x.time_s)
    return tuple(x for x in told if x.time_s > -600)


def _number(value: Any) -> float | None:
    ok = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if ok else None


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value and value.lower() != "nan" else None


def _circuit(session: Any, place: str) -> str:
    """Our id of the circuit: by the feed's short name where the session carries it, else by the event's place."""
    info = _loaded(session, "session_info")
    short = info.get("Meeting", {}).get("Circuit", {}).get("ShortName", "") if isinstance(info, dict) else ""
    return circuit_id(str(short)) or circuit_id(place) or "unknown"


def _plain_results(results: Any) -> pd.DataFrame:
    """Results in our words, without FastF1's own types."""
    r = pd.DataFrame(results)
    return pd.DataFrame(
        {
            "driver": r["Abbreviation"].astype(str).to_numpy(),
            "driver_number": pd.to_numeric(r["DriverNumber"], errors="coerce").to_numpy(),
            "team": r["TeamName"].astype(str).to_numpy(),
            "grid": pd.to_numeric(r["GridPosition"], errors="coerce").to_numpy(),
            "position": r["ClassifiedPosition"].astype(str).to_numpy(),
            "points": pd.to_numeric(r["Points"], errors="coerce").to_numpy(),
            "status": r["Status"].astype(str).to_numpy(),
        }
    )
