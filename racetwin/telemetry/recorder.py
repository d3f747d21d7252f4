"""Any feed into one compact Parquet file, and back.

One row per frame and car, so that a recording is also a table for pandas, DuckDB or Polars. Columns:

- of the frame (the same in all its rows): ``n`` (number of the frame in the file, from 0), ``source``, ``seq``, ``time_s``,
  ``race_id``, ``circuit_id``, ``season``, ``session_type``, ``simulated``, ``leader_lap``, ``total_laps``, ``utc``, ``track_*``
  (track conditions), ``messages`` (race control, as JSON; null where there are none);
- of the car: the fields of :class:`racetwin.schemas.CarTelemetry` by their names and in their units, ``sector1_s`` to
  ``sector3_s``, ``tyre_*`` (the set), ``tyre_sets`` (JSON).

A row group holds :data:`FRAMES_PER_GROUP` frames. The file's metadata carry ``racetwin_recording`` (version of this layout).

Until the file is whole every frame stands in a log beside it (:mod:`racetwin.telemetry.recording_log`), which :class:`Recording`
reads as well, and which a :class:`Recorder` of the same name goes on from.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from racetwin.errors import DataError, InputError
from racetwin.schemas import (
    CarStatus,
    CarTelemetry,
    Compound,
    RaceControlMessage,
    Rejection,
    TelemetryFrame,
    TrackConditions,
    TrackStatus,
    Tyre,
    TyreSet,
)
from racetwin.telemetry.inbound import read, validated
from racetwin.telemetry.recording_log import FrameLog, beside, is_log, logged_frames, put_in_place
from racetwin.telemetry.trusted import trusted

LAYOUT = "1"
FRAMES_PER_GROUP = 600
"""A minute at 10 Hz."""

_TEXT, _INT, _REAL, _FLAG = pa.string(), pa.int32(), pa.float64(), pa.bool_()
_WORD = pa.dictionary(pa.int16(), pa.string())

_FRAME: dict[str, pa.DataType] = {
    "n": pa.int64(), "source": _WORD, "seq": pa.int64(), "time_s": _REAL, "race_id": _WORD, "circuit_id": _WORD, "season": _INT,
    "session_type": _WORD, "simulated": _FLAG, "leader_lap": _INT, "total_laps": _INT, "utc": _TEXT, "messages": _TEXT,
}  # fmt: skip
_TRACK: dict[str, pa.DataType] = {
    "status": _WORD, "status_since_s": _REAL, "weather": _WORD, "rainfall": _FLAG, "air_temperature_c": _REAL,
    "track_temperature_c": _REAL, "wind_speed_ms": _REAL, "wind_direction_deg": _REAL, "humidity_pct": _REAL,
}  # fmt: skip
_CAR: dict[str, pa.DataType] = {
    "car_id": _WORD, "driver": _WORD, "team": _WORD, "status": _WORD, "position": _INT, "grid_position": _INT, "lap": _INT,
    "lap_fraction": _REAL, "gap_s": _REAL, "interval_s": _REAL, "laps_down": _INT, "last_lap_s": _REAL, "best_lap_s": _REAL,
    "last_line_time_s": _REAL, "stops": _INT, "pit_lane_s": _REAL, "pit_in_time_s": _REAL, "pit_out_time_s": _REAL,
    "fuel_kg": _REAL, "speed_kmh": _REAL, "rpm": _REAL, "gear": _INT, "throttle": _REAL, "brake": _REAL, "drs": _FLAG,
    "x_m": _REAL, "y_m": _REAL, "z_m": _REAL, "sampled_s": _REAL, "pit_stationary_s": _REAL, "overtake_mode": _FLAG,
    "active_aero": _FLAG, "ers_store_j": _REAL,
}  # fmt: skip
_TYRE: dict[str, pa.DataType] = {"compound": _WORD, "age": _REAL, "fresh": _FLAG, "pirelli": _WORD, "wear": _REAL}
_SECTORS = ("sector1_s", "sector2_s", "sector3_s")

SCHEMA = pa.schema(
    [
        *((n, t) for n, t in _FRAME.items()),
        *(("track_" + n, t) for n, t in _TRACK.items()),
        *((n, t) for n, t in _CAR.items()),
        *((n, _REAL) for n in _SECTORS),
        *(("tyre_" + n, t) for n, t in _TYRE.items()),
        ("tyre_sets", _TEXT),
    ]
).with_metadata({"racetwin_recording": LAYOUT})
"""Arrow schema of a recording."""


class Recorder:
    """Writes frames to a recording; a context manager, as the table is complete only once it is closed.

    Parameters
    ----------
    path
        File to write. It is written beside it (``.part``) and takes its name when closed, so an existing recording is
        replaced only by a whole one. Until then every frame stands in ``.unfinished``, too: a process that is killed loses
        none, a power cut costs the last second at most, and the next recorder of this name begins with them.

    Attributes
    ----------
    frames, resumed
        Frames in the recording, and how many of them a killed recorder had left.
    rejected
        What was refused, counted by kind.

    Raises
    ------
    DataError
        If it cannot be written, or another process is writing it.

    Examples
    --------
    >>> with Recorder(Path("race.parquet")) as recorder:  # doctest: +SKIP
    ...     for frame in feed:
    ...         recorder.write(frame)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.frames = 0
        self.rejected: dict[str, int] = {}
        self._part = path.with_name(path.name + ".part")
        self._rows: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._log = FrameLog(beside(path))
            self._writer = pq.ParquetWriter(self._part, SCHEMA, compression="zstd", compression_level=7)
        except OSError as e:
            raise DataError(f"cannot write {path}: {e.strerror or e}; choose a folder you can write") from e
        try:
            for frame in self._log.left():
                self._add(frame)
        except DataError:
            self._writer.close()
            self._part.unlink()
            self._log.close(remove=False)
            raise
        self.resumed = self.frames

    def write(
        self, raw: TelemetryFrame | Mapping[str, Any] | bytes | str, refused: list[Rejection] | None = None
    ) -> bool:
        """Write one frame; false if the input is no frame (counted by kind in :attr:`rejected`, added to ``refused``)."""
        frame = raw if isinstance(raw, TelemetryFrame) else self._let_in(raw, [] if refused is None else refused)
        if frame is None:
            return False
        self._log.write(frame)
        self._add(frame)
        return True

    def _add(self, frame: TelemetryFrame) -> None:
        """Add a frame's rows to the table."""
        rows = self._rows
        k = len(frame.cars)
        said = (
            orjson.dumps([m.model_dump(mode="json", exclude_none=True) for m in frame.messages]).decode()
            if frame.messages
            else None
        )
        head = {
            "n": self.frames, "source": frame.source, "seq": frame.seq, "time_s": frame.time_s, "race_id": frame.race_id,
            "circuit_id": frame.circuit_id, "season": frame.season, "session_type": frame.session_type,
            "simulated": frame.simulated, "leader_lap": frame.lap, "total_laps": frame.total_laps, "utc": frame.utc,
            "messages": said,
        }  # fmt: skip
        for name, value in head.items():
            rows[name] += [value] * k
        for name in _TRACK:
            rows["track_" + name] += [getattr(frame.track, name)] * k
        for car in frame.cars:
            values = car.__dict__
            for name in _CAR:
                rows[name].append(values[name])
            for name, s in zip(_SECTORS, car.sectors_s or (None, None, None), strict=True):
                rows[name].append(s)
            tyre = car.tyre.__dict__
            for name in _TYRE:
                rows["tyre_" + name].append(tyre[name])
            sets = car.tyre_sets
            rows["tyre_sets"].append(
                None if sets is None else orjson.dumps([s.model_dump(mode="json") for s in sets]).decode()
            )
        self.frames += 1
        if self.frames % FRAMES_PER_GROUP == 0:
            self._flush()

    def count(self, rejection: Rejection) -> None:
        """Count something refused; kinds beyond the hundredth together."""
        kind = rejection.kind if rejection.kind in self.rejected or len(self.rejected) < 100 else "other"
        self.rejected[kind] = self.rejected.get(kind, 0) + 1

    def _let_in(self, raw: Mapping[str, Any] | bytes | str, refused: list[Rejection]) -> TelemetryFrame | None:
        values = read(raw, refused)
        if values is not None and "seq" not in values:
            values["seq"] = self.frames  # the original schema has none
        frame = None if values is None else validated(values, refused)
        for r in refused:
            self.count(r)
        return frame

    def _flush(self) -> None:
        if self._rows["n"]:
            self._writer.write_table(
                pa.table({n: pa.array(v, SCHEMA.field(n).type) for n, v in self._rows.items()}, schema=SCHEMA)
            )
            self._rows = {name: [] for name in SCHEMA.names}

    def close(self) -> None:
        """Write what is left and give the file its name."""
        if self._writer.is_open:
            self._flush()
            self._writer.close()
            put_in_place(self._part, self.path)
            self._log.close(remove=True)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


async def record(feed: AsyncIterable[TelemetryFrame | dict[str, Any]], path: Path, *, to_lap: int | None = None) -> int:
    """Record a live feed until it ends, its leader has completed ``to_lap``, or the task is cancelled; return the frames written.

    Whatever ends it, the file is whole.
    """
    with Recorder(path) as recorder:
        async for raw in feed:
            recorder.write(raw)
            lap = raw.lap if isinstance(raw, TelemetryFrame) else raw.get("lap")
            if to_lap is not None and isinstance(lap, int) and lap > to_lap:
                break
    return recorder.frames


class Recording:
    """A recording on disk: iterate over its frames, from any lap.

    Parameters
    ----------
    path
        A recording, or the name of one that is being written or whose recorder was killed: then what is in its log is read.

    Raises
    ------
    DataError
        If the file is missing, broken or no recording.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log: Path | None = None
        unfinished = beside(path) if not path.exists() else path
        if unfinished.is_file() and is_log(unfinished):
            self._log = unfinished
            return
        try:
            self._file = pq.ParquetFile(path)
        except FileNotFoundError as e:
            raise DataError(f"there is no recording {path}") from e
        except (OSError, pa.ArrowException) as e:
            raise DataError(f"{path} cannot be read as a recording: {str(e).splitlines()[0]}") from e
        meta = self._file.schema_arrow.metadata or {}
        if meta.get(b"racetwin_recording") != LAYOUT.encode():
            raise DataError(f"{path} is no recording of layout {LAYOUT}; make one with 'racetwin record'")

    def __len__(self) -> int:
        """Count its frames."""
        if self._log is not None:
            return sum(1 for _ in logged_frames(self._log))
        groups = self._file.metadata.num_row_groups
        if not groups:
            return 0
        return int(self._file.read_row_group(groups - 1, columns=["n"])["n"][-1].as_py()) + 1

    def __iter__(self) -> Iterator[TelemetryFrame]:
        return self.frames()

    def frames(self, from_lap: int = 1, to_lap: int | None = None) -> Iterator[TelemetryFrame]:
        """Yield its frames in the order in which they were recorded, from the leader's lap ``from_lap`` on."""
        if from_lap < 1:
            raise InputError(f"from_lap: {from_lap}, expected 1 or later")
        return self._frames(from_lap, to_lap) if self._log is None else self._logged(self._log, from_lap, to_lap)

    @property
    def finished(self) -> bool:
        """Whether its recorder has closed it."""
        return self._log is None

    @staticmethod
    def _logged(log: Path, from_lap: int, to_lap: int | None) -> Iterator[TelemetryFrame]:
        for frame in logged_frames(log):
            if frame.lap >= from_lap or from_lap == 1:
                yield frame
                if to_lap is not None and frame.lap > to_lap:
                    return

    def _frames(self, from_lap: int, to_lap: int | None) -> Iterator[TelemetryFrame]:
        seen: dict[Any, Tyre] = {}
        for group in range(self._file.metadata.num_row_groups):
            if from_lap > 1 and self._last_lap(group) < from_lap:
                continue
            columns = self._file.read_row_group(group).to_pydict()
            n = columns["n"]
            at = 0
            while at < len(n):
                end = at + 1
                while end < len(n) and n[end] == n[at]:
                    end += 1
                lap = columns["leader_lap"][at]
                if from_lap == 1 or lap >= from_lap:
                    yield _frame(columns, at, end, seen)
                    if to_lap is not None and lap > to_lap:
                        return
                at = end

    def _last_lap(self, group: int) -> int:
        column = self._file.metadata.row_group(group).column(SCHEMA.names.index("leader_lap"))
        return int(column.statistics.max) if column.statistics is not None and column.statistics.has_min_max else 10_000


def _frame(c: dict[str, list[Any]], at: int, end: int, seen: dict[Any, Tyre]) -> TelemetryFrame:
    """Put a frame together again; what was written was valid."""
    track = trusted(
        TrackConditions,
        {n: c["track_" + n][at] for n in TrackConditions.model_fields} | {"status": TrackStatus(c["track_status"][at])},
    )
    cars = []
    for i in range(at, end):
        values = {n: c[n][i] for n in _CAR}
        values["status"] = CarStatus(values["status"])
        sectors = tuple(c[n][i] for n in _SECTORS)
        values["sectors_s"] = None if all(s is None for s in sectors) else sectors
        key = tuple(c["tyre_" + n][i] for n in _TYRE)
        tyre = seen.get(key)
        if tyre is None:
            compound = None if key[0] is None else Compound(key[0])
            tyre = seen[key] = trusted(Tyre, {**dict(zip(_TYRE, key, strict=True)), "compound": compound})
        values["tyre"] = tyre
        sets = c["tyre_sets"][i]
        values["tyre_sets"] = None if sets is None else tuple(TyreSet.model_validate(s) for s in orjson.loads(sets))
        cars.append(trusted(CarTelemetry, values))
    said = c["messages"][at]
    messages = () if said is None else tuple(RaceControlMessage.model_validate(m) for m in orjson.loads(said))
    return trusted(
        TelemetryFrame,
        {
            "version": "racetwin/1", "source": c["source"][at], "seq": c["seq"][at], "time_s": c["time_s"][at],
            "race_id": c["race_id"][at], "circuit_id": c["circuit_id"][at], "season": c["season"][at],
            "session_type": c["session_type"][at], "simulated": c["simulated"][at], "lap": c["leader_lap"][at],
            "total_laps": c["total_laps"][at], "track": track, "messages": messages, "utc": c["utc"][at], "cars": tuple(cars),
        },
    )  # fmt: skip
