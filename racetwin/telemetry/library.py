"""Where races come from: the data folder that RACETWIN_DATA names, and the user's own library."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from racetwin.config import Settings
from racetwin.config import settings as current_settings
from racetwin.errors import DataError
from racetwin.schemas import RaceControlMessage, TrackConditions, TrackStatus
from racetwin.telemetry.records import Entry, RaceRecord, Told
from racetwin.telemetry.status import StatusChange

COLUMNS = (
    "race_id", "season", "round", "session", "event", "circuit_id", "circuit", "total_laps", "winner", "wet", "source",
    "misfiled",
)  # fmt: skip
"""Columns of :meth:`RaceLibrary.list`; ``misfiled`` says why a session is no race to go by, and is None of all others."""

NO_DATA = (
    "no race data: set RACETWIN_DATA to a folder with laps.parquet and races.csv, "
    "or add a race with 'racetwin data add 2024 Monza'"
)
_TOLD: dict[str, type[TrackConditions] | type[RaceControlMessage]] = {
    "TrackConditions": TrackConditions,
    "RaceControlMessage": RaceControlMessage,
}
_NOT_CLASSIFIED = ("DNS", "DNQ", "WD")


def misfiled(races: pd.DataFrame) -> dict[str, str]:
    """Say by race id which sprints are filed under another event's round, as published tables have them.

    A sprint is of the Grand Prix of its weekend. Where the two names differ, circuit, grid and date are another event's and only
    the laps are its own, so neither replay nor fit nor score means anything.
    """
    if not {"season", "round", "session", "event"} <= set(races.columns):
        return {}
    grands_prix = races[races["session"] == "R"]
    by_round = {(s, r): e for s, r, e in zip(grands_prix.season, grands_prix["round"], grands_prix.event, strict=True)}
    by_event = {(s, e): r for s, r, e in zip(grands_prix.season, grands_prix["round"], grands_prix.event, strict=True)}
    sprints = races[races["session"] == "S"]
    out: dict[str, str] = {}
    for race_id, season, at, event in zip(
        sprints.race_id, sprints.season, sprints["round"], sprints.event, strict=True
    ):
        there, own = by_round.get((season, at), event), by_event.get((season, event), at)
        if there != event or own != at:
            out[str(race_id)] = f"its laps are of the {event}, not of the round {at} that it is filed under"
    return out


class RaceLibrary:
    """All races at hand, by race id such as ``2023-15-singapore``.

    Parameters
    ----------
    settings
        Names the two folders: ``settings.data`` (read only: ``laps.parquet``, ``races.csv``, ``results.csv``) and
        ``settings.library`` (one Parquet file a race, written by :meth:`add`). Default: the process's settings.

    Examples
    --------
    >>> library = RaceLibrary()  # doctest: +SKIP
    >>> record = library.load("2023-15-singapore")  # doctest: +SKIP
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or current_settings()

    # --- what there is --------------------------------------------------------------------------------------------------

    def list(self) -> pd.DataFrame:
        """Return one row per race, oldest first: the columns of :data:`COLUMNS`.

        Raises
        ------
        DataError
            If a folder that is named cannot be read. With no race at all the table is empty.
        """
        races = [self._folder_races(), self._own_races()]
        table = pd.concat([r for r in races if len(r)], ignore_index=True) if any(map(len, races)) else races[0]
        table = table.drop_duplicates("race_id", keep="last")  # the user's own copy wins
        return table.sort_values(["season", "round", "session"], ignore_index=True)

    def load(self, race_id: str) -> RaceRecord:
        """Return one race.

        Raises
        ------
        DataError
            If there is no such race (the message names the nearest ones) or its files cannot be read.
        """
        own = self._own_file(race_id)
        if own is not None and own.is_file():
            return self._read_own(own)
        folder = self._folder()
        if folder is not None:
            races = self._races_csv(folder)
            row = races[races["race_id"] == race_id]
            if len(row):
                return self._read_folder(folder, row.iloc[0], misfiled(races).get(race_id))
        raise DataError(self._unknown(race_id))

    def add(self, record: RaceRecord) -> Path:
        """Keep a race in the user's own library and return its file; a race of the same id is replaced."""
        path = self._own_file(record.race_id)
        if path is None:
            raise DataError(f"race id {record.race_id!r} cannot name a file; use letters, digits and hyphens")
        meta = {
            "race_id": record.race_id, "season": record.season, "round": record.round, "session": record.session,
            "event": record.event, "circuit_id": record.circuit_id, "circuit": record.circuit,
            "total_laps": record.total_laps, "lap_length_km": record.lap_length_km,
            "entries": [list(e) for e in record.entries],
            "status": [[c.time_s, c.status.value, c.inferred] for c in record.status],
            "chequered_lap": record.chequered_lap, "simulated": record.simulated, "source": record.source,
            "told": [[x.time_s, type(x.what).__name__, x.what.model_dump(mode="json", exclude_none=True)] for x in record.told],
            "notes": list(record.notes), "winner": _winner(record),
            "results": None if record.results is None else record.results.to_json(orient="split"),
        }  # fmt: skip
        table = pa.Table.from_pandas(record.laps, preserve_index=False)
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"racetwin": json.dumps(meta).encode()})
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            pq.write_table(table, part, compression="zstd")
            part.replace(path)
        except OSError as e:
            raise DataError(
                f"cannot write {path}: {e.strerror or e}; set RACETWIN_LIBRARY to a folder you can write"
            ) from e
        return path

    # --- the data folder ------------------------------------------------------------------------------------------------

    def _folder(self) -> Path | None:
        folder = self.settings.data
        if folder is None:
            return None
        if not folder.is_dir():
            raise DataError(
                f"RACETWIN_DATA={folder} is not a folder; name one with laps.parquet and races.csv, or unset it"
            )
        for name in ("laps.parquet", "races.csv"):
            if not (folder / name).is_file():
                raise DataError(f"RACETWIN_DATA={folder} holds no {name}; name a folder of race data, or unset it")
        return folder

    def _races_csv(self, folder: Path) -> pd.DataFrame:
        return _read_csv(folder / "races.csv")

    def _folder_races(self) -> pd.DataFrame:
        folder = self._folder()
        if folder is None:
            return pd.DataFrame(columns=list(COLUMNS))
        races = self._races_csv(folder)
        try:
            total = races["laps_scheduled"].fillna(races["laps_run"]).astype(int)
            elsewhere = misfiled(races)
            why = [elsewhere.get(str(r)) for r in races["race_id"]]
            races = races.assign(
                total_laps=total, source="data folder", misfiled=pd.Series(why, races.index, dtype=object)
            )
            return races[list(COLUMNS)]
        except KeyError as e:
            raise DataError(f"{folder / 'races.csv'}: {e.args[0]}") from e

    def _read_folder(self, folder: Path, race: pd.Series[Any], elsewhere: str | None) -> RaceRecord:
        path, race_id = folder / "laps.parquet", str(race["race_id"])
        try:
            table = pq.read_table(path, filters=pc.field("race_id") == race_id)
        except (OSError, pa.ArrowException) as e:
            raise DataError(f"cannot read {path}: {_first_line(e)}") from e
        results = None
        if (folder / "results.csv").is_file():
            results = _read_csv(folder / "results.csv")
            results = results[results["race_id"] == race_id].reset_index(drop=True)
        laps = table.to_pandas()
        if laps.empty:
            raise DataError(f"{path} has no laps of {race_id}")
        if results is not None and len(results):
            absent = results.loc[results["position"].isin(_NOT_CLASSIFIED), "driver"]
            laps = laps[~laps["driver"].isin(absent)].copy()  # timing has a formation lap of a car that never started
            laps["official_laps"] = laps["driver"].map(results.drop_duplicates("driver").set_index("driver")["laps"])
        scheduled, run = race["laps_scheduled"], int(race["laps_run"])
        length = race["lap_length_km"]
        quality = str(race.get("quality", "good"))
        return RaceRecord.from_laps(
            laps,
            race_id=race_id,
            season=int(race["season"]),
            round=int(race["round"]),
            session=str(race["session"]),
            event=str(race["event"]),
            circuit_id=str(race["circuit_id"]),
            circuit=str(race["circuit"]),
            total_laps=run if pd.isna(scheduled) else int(scheduled),
            lap_length_km=None if pd.isna(length) else float(length),
            entries=entries_of(laps, results),
            results=results,
            notes=tuple(n for n in (None if quality == "good" else quality, elsewhere) if n is not None),
        )

    # --- the user's own races ---------------------------------------------------------------------------------------------

    def _own_file(self, race_id: str) -> Path | None:
        plain = race_id and all(c.isalnum() or c in "-_" for c in race_id)
        return self.settings.library / f"{race_id}.parquet" if plain else None

    def _own_races(self) -> pd.DataFrame:
        rows = []
        folder = self.settings.library
        for path in sorted(folder.glob("*.parquet")) if folder.is_dir() else []:
            meta = _own_meta(path)
            rows.append({**{c: meta.get(c) for c in COLUMNS}, "source": "own library"})
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def _read_own(self, path: Path) -> RaceRecord:
        meta = _own_meta(path)
        try:
            laps = pq.read_table(path).to_pandas()
            results = meta["results"]
            return RaceRecord(
                race_id=meta["race_id"], season=meta["season"], round=meta["round"], session=meta["session"],
                event=meta["event"], circuit_id=meta["circuit_id"], circuit=meta["circuit"],
                total_laps=meta["total_laps"], lap_length_km=meta["lap_length_km"], laps=laps,
                entries=tuple(Entry(*e) for e in meta["entries"]),
                status=tuple(StatusChange(t, TrackStatus(s), i) for t, s, i in meta["status"]),
                chequered_lap=meta["chequered_lap"],
                results=None if results is None else pd.DataFrame(**json.loads(results)),
                simulated=meta["simulated"], source=meta["source"], notes=tuple(meta["notes"]),
                told=tuple(Told(t, _TOLD[kind].model_validate(what)) for t, kind, what in meta.get("told", [])),
            )  # fmt: skip
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as e:
            raise DataError(f"cannot read {path}: {_first_line(e)}; add the race again") from e

    def _unknown(self, race_id: str) -> str:
        known = [str(r) for r in self.list()["race_id"]]
        if not known:
            return f"race {race_id!r} is not at hand: {NO_DATA}"
        words = [r for r in known if any(w in r for w in race_id.lower().split("-") if len(w) > 3)]
        near = list(dict.fromkeys(difflib.get_close_matches(race_id.lower(), known, n=3, cutoff=0.5) + words[-3:]))[:4]
        hint = f"did you mean {' or '.join(near)}?" if near else "see 'racetwin data list'"
        return f"there is no race {race_id!r} among the {len(known)} at hand; {hint}"


def entries_of(laps: pd.DataFrame, results: pd.DataFrame | None) -> tuple[Entry, ...]:
    """Return every car that starts: those with laps, and those that the results list as retired without completing one.

    Grid positions come from the results; ``PL`` (pit lane) is placed after the last slot.
    """
    first = laps.drop_duplicates("driver_number")
    numbers = [str(n) for n in first["driver_number"].astype(int).tolist()]
    names = zip(numbers, first["driver"].tolist(), first["team"].tolist(), strict=True)
    cars = {car: Entry(car, str(driver), str(team)) for car, driver, team in names}
    if results is None or results.empty:
        return tuple(cars.values())
    by_driver = {e.driver: c for c, e in cars.items()}
    slots: dict[str, int] = {}
    from_lane: list[str] = []
    for row in results.to_dict(orient="records"):
        driver, number = str(row["driver"]), row["driver_number"]
        car = by_driver.get(driver)
        if car is None:
            if str(row["position"]) in _NOT_CLASSIFIED or pd.isna(number) or str(int(number)) in cars:
                continue
            car = str(int(number))
            cars[car] = Entry(car, driver, str(row.get("team_id") or "") or None)
        grid = str(row.get("grid"))
        if grid.replace(".0", "").isdigit():
            slots[car] = int(float(grid))
        elif grid == "PL":
            from_lane.append(car)
    last = max(slots.values(), default=0)
    for i, car in enumerate(from_lane):
        slots[car] = last + 1 + i
    return tuple(e._replace(grid=slots.get(c), pit_lane_start=c in from_lane) for c, e in cars.items())


def _winner(record: RaceRecord) -> str | None:
    if record.chequered_lap is None:
        return None
    last = record.laps[record.laps["lap"] == record.chequered_lap]
    last = last.sort_values("race_time_s")
    return None if last.empty else str(last["driver"].iloc[0])


def _own_meta(path: Path) -> dict[str, Any]:
    try:
        meta = (pq.read_schema(path).metadata or {}).get(b"racetwin")
        if meta is None:
            raise DataError(f"{path} was not written by 'racetwin data add'; move it out of the library folder")
        found: dict[str, Any] = json.loads(meta)
    except (OSError, pa.ArrowException, ValueError) as e:
        raise DataError(f"cannot read {path}: {_first_line(e)}; remove it and add the race again") from e
    return found


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except (OSError, ValueError, pd.errors.ParserError) as e:
        raise DataError(f"cannot read {path}: {_first_line(e)}") from e


def _first_line(e: BaseException) -> str:
    return (getattr(e, "strerror", None) or str(e) or type(e).__name__).splitlines()[0]
