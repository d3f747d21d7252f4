"""What a recording of live timing holds, and whether it is the race that the tables say it was."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from racetwin.errors import DataError
from racetwin.schemas import CarStatus, LapCompleted, PitEntered, PitExited, TelemetryFrame, TrackStatusChanged
from racetwin.telemetry import RaceRecord, TelemetryIngestor
from racetwin.telemetry.f1_recordings import Recording
from racetwin.telemetry.f1_samples import car_samples, position_samples
from racetwin.telemetry.f1_topics import F1Session

HALF_MS = 5e-4
SAMPLE_COLUMNS = ("rpm", "speed", "gear", "throttle", "brake", "drs", "status", "x", "y", "z")
_TABLE_NAMES = {"speed_kmh": "speed", "x_dm": "x", "y_dm": "y", "z_dm": "z"}


class Told:
    """A recording, read once: its messages, frames and events counted, and what they add up to."""

    def __init__(self, path: Path) -> None:
        self.recording = Recording(path)
        self.ingestor = TelemetryIngestor()
        self.frames = 0
        self.events: list[Any] = []
        self.samples: dict[str, list[Any]] = {"car": [], "position": []}
        self.races: Counter[str] = Counter()
        self.driver: dict[str, str] = {}
        session = F1Session()
        for message in self.recording.messages():
            if message.topic == "CarData.z":
                self.samples["car"] += [s for group in car_samples(message.payload) for s in group]
            elif message.topic == "Position.z":
                self.samples["position"] += [s for group in position_samples(message.payload) for s in group]
            for raw in session.feed(message):
                self._take(raw)
        for raw in session.flush():
            self._take(raw)
        last = self.ingestor.flush()
        self.events += last.events if last is not None else ()
        if self.ingestor.frame is None:
            raise DataError(f"{path}: no frame can be read from it")
        self.frame: TelemetryFrame = self.ingestor.frame
        self.driver = {c.car_id: c.driver or c.car_id for c in self.frame.cars}

    def _take(self, raw: Any) -> None:
        self.frames += 1
        out = self.ingestor.process(raw)
        if out is not None:
            self.races[out.frame.race_id] += 1
            self.events += out.events

    def of(self, kind: type) -> list[Any]:
        """Return the events of one kind."""
        return [e for e in self.events if isinstance(e, kind)]


def summary(told: Told) -> dict[str, Any]:
    """Return what the recording holds."""
    frame = told.frame
    order = sorted(frame.cars, key=lambda c: (c.position is None, c.position or 0))
    return {
        "race_id": frame.race_id,
        "sessions": dict(told.races),
        "session_type": frame.session_type,
        "circuit_id": frame.circuit_id,
        "cars": len(frame.cars),
        "frames": told.frames,
        "messages": dict(told.recording.read),
        "skipped": dict(told.recording.skipped),
        "refused": dict(told.ingestor.counters.rejected),
        "laps": len(told.of(LapCompleted)),
        "order": [c.driver or c.car_id for c in order],
        "finished": sum(c.status is CarStatus.FINISHED for c in frame.cars),
        "stops": [
            {"driver": told.driver.get(e.car_id, e.car_id), "lap": e.lap, "time_s": e.time_s}
            for e in told.of(PitEntered)
        ],
        "track_status": [{"time_s": e.time_s, "from": e.old, "to": e.new} for e in told.of(TrackStatusChanged)],
        "samples": {name: len(found) for name, found in told.samples.items()},
    }


def against(told: Told, record: RaceRecord) -> dict[str, Any]:
    """Compare a recording with a race of the library: laps to the millisecond, stops, the official order.

    Returns
    -------
    dict
        ``share`` of the table's laps whose time is told to the millisecond, and every other lap by name: ``wrong`` (another
        time), ``without`` (the feed has none), ``unseen``; ``stops`` and ``order`` likewise.
    """
    seen = {(e.car_id, e.lap): e for e in told.of(LapCompleted)}
    code = {e.car_id: e.driver or e.car_id for e in record.entries}
    equal, wrong, without, unseen = 0, [], [], []
    rows = record.laps[record.laps["race_time_s"].notna()]
    for car, lap, official in zip(rows["car_id"], rows["lap"], rows["lap_time_s"], strict=True):
        event = seen.get((car, lap))
        if event is None:
            unseen.append([code.get(car, car), int(lap)])
        elif event.lap_time_s is None or official != official:
            without.append([code.get(car, car), int(lap)])
        elif abs(event.lap_time_s - official) < HALF_MS:
            equal += 1
        else:
            wrong.append([code.get(car, car), int(lap), event.lap_time_s, float(official)])
    official_stops = {(c, int(n)) for c, n in record.laps.loc[record.laps["pit_stop"], ["car_id", "lap"]].to_numpy()}
    told_stops = _stops(told)
    result: dict[str, Any] = {
        "race_id": record.race_id,
        "laps": len(rows),
        "equal": equal,
        "share": equal / len(rows),
        "wrong": wrong,
        "without": without,
        "unseen": unseen,
        "stops": {
            "official": len(official_stops),
            "missed": sorted([code.get(c, c), n] for c, n in official_stops - told_stops),
            "others": sorted([code.get(c, c), n] for c, n in told_stops - official_stops),
        },
    }
    if record.results is not None and "position" in record.results:
        places = record.results.assign(place=pd.to_numeric(record.results["position"], errors="coerce"))
        official_order = places.dropna(subset="place").sort_values("place")["driver"].astype(str).tolist()
        mine = [d for d in summary(told)["order"] if d in official_order]
        result["order"] = {"official": official_order, "told": mine, "equal": mine == official_order}
    return result


def _stops(told: Told) -> set[tuple[str, int]]:
    """Stops: entries that an exit followed; who parks at the end has not stopped."""
    out = {(e.car_id, e.lap - 1) for e in told.of(PitExited)} | {(e.car_id, e.lap) for e in told.of(PitExited)}
    return {(e.car_id, e.lap) for e in told.of(PitEntered) if (e.car_id, e.lap) in out}


def samples_against(told: Told, table: pd.DataFrame) -> dict[str, Any]:
    """Compare the samples of ``CarData.z`` or ``Position.z`` with a decoded table, sample by sample and column by column.

    Parameters
    ----------
    table
        Columns ``utc``, ``driver_number`` and the channels, as in ``telemetry/*.parquet`` of the data folder.
    """
    want = table.rename(columns=_TABLE_NAMES)
    got = pd.DataFrame(told.samples["position" if "x" in want else "car"])
    if got.empty:
        return {"samples": len(want), "found": 0, "equal": False, "differ": {}}
    got = got.assign(
        utc=pd.to_datetime(got["utc"], utc=True, format="ISO8601"), driver_number=got["car_id"].astype(int)
    )
    key = ["utc", "driver_number"]
    got = got[got["utc"] >= want["utc"].min()].drop_duplicates(key)
    both = want.merge(got, on=key, how="outer", suffixes=("", "_told"), indicator=True)
    columns = [c for c in SAMPLE_COLUMNS if c in want]
    matched = both[both["_merge"] == "both"]
    differ = {c: int((matched[c] != matched[f"{c}_told"]).sum()) for c in columns}
    return {
        "samples": len(want),
        "found": len(matched),
        "others": int((both["_merge"] == "right_only").sum()),
        "differ": differ,
        "equal": len(matched) == len(want) == len(both) and not any(differ.values()),
    }
