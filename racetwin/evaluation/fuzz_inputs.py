"""What the fuzzer feeds to parsers: good inputs of every kind, and how they are broken."""

from __future__ import annotations

import bz2
import ctypes
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import orjson

from racetwin.errors import RacetwinError
from racetwin.schemas import CarTelemetry, TelemetryFrame
from racetwin.telemetry.ea_layouts import layout

HOSTILE: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    -(2**63),
    2**64,
    1e308,
    -1e308,
    0.1,
    "",
    " ",
    "0",
    "-1",
    "NaN",
    "inf",
    "1e999",
    "\x00",
    "é" * 300,
    [],
    {},
    [[]],
    {"": None},
    [None] * 50,
    {"_deleted": ["1"]},
    "2025-99-99T99:99:99Z",
    "9" * 400,
    "1:99.999",
    "+1 LAP",
    "LAP 3",
)


def mutated(draw: random.Random, corpus: list[bytes]) -> bytes:
    """Return a broken variant of one or two good inputs."""
    data = draw.choice(corpus)
    if draw.random() < 0.55:
        try:
            tree = orjson.loads(data)
        except orjson.JSONDecodeError:
            pass
        else:
            for _ in range(draw.randint(1, 4)):
                tree = _poke(tree, draw)
            try:
                return orjson.dumps(tree)
            except (TypeError, orjson.JSONEncodeError):
                return data  # a number too big for JSON's writer
    out = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        if not out:
            break
        at, kind = draw.randrange(len(out)), draw.randrange(6)
        if kind == 0:
            out[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            out[at] = draw.randrange(256)
        elif kind == 2:
            del out[at : at + draw.randint(1, 40)]
        elif kind == 3:
            out[at:at] = out[at : at + draw.randint(1, 40)]
        elif kind == 4:
            out = out[:at] if draw.random() < 0.3 else out
        else:
            other = draw.choice(corpus)
            out = out[:at] + bytearray(other[draw.randrange(max(len(other), 1)) :])
    return bytes(out[:200_000])


def _poke(tree: Any, draw: random.Random) -> Any:
    """Swap one value somewhere in a JSON tree for a hostile one, or remove or double it."""
    if isinstance(tree, dict) and tree and draw.random() < 0.9:
        key = draw.choice(list(tree))
        if draw.random() < 0.08:
            return {k: v for k, v in tree.items() if k != key}
        if draw.random() < 0.05:
            return {**tree, draw.choice(["", "x", "99", key + "x"]): tree[key]}
        return {**tree, key: _poke(tree[key], draw)}
    if isinstance(tree, list) and tree and draw.random() < 0.9:
        at = draw.randrange(len(tree))
        if draw.random() < 0.08:
            return tree[:at] + tree[at + 1 :]
        if draw.random() < 0.05:
            return [*tree, tree[at]] * draw.randint(1, 3)
        return [*tree[:at], _poke(tree[at], draw), *tree[at + 1 :]]
    return draw.choice(HOSTILE)


def frames() -> list[bytes]:
    """Return frames of ours and of the original system's schema."""
    made = []
    for seq in range(6):
        cars = tuple(
            CarTelemetry(
                car_id=str(n),
                position=n,
                lap=3 + seq // 3,
                speed_kmh=250.0,
                gap_s=1.5 * (n - 1),
                last_lap_s=91.2,
                sectors_s=(30.0, 31.0, 30.2),
            )
            for n in range(1, 5)
        )
        made.append(
            TelemetryFrame(source="fuzz", seq=seq, time_s=100 + seq / 10, race_id="fuzz", lap=3, cars=cars)
            .model_dump_json()
            .encode()
        )
        made.append(
            orjson.dumps(
                {
                    "timestamp": 1700000000.0 + seq,
                    "lap": 3,
                    "session_type": "race",
                    "track_conditions": {"temperature": 30.0, "weather": "dry", "track_status": "green"},
                    "cars": [
                        {
                            "car_id": "44",
                            "team": "A",
                            "driver": "HAM",
                            "position": 1,
                            "speed": 280.5,
                            "fuel_level": 60.0,
                            "tire": {"compound": "soft", "age": 4, "wear_level": 0.2},
                            "lap_time": "1:31.204",
                            "sector_times": [30.0, 31.0, 30.2],
                        }
                    ],
                }
            )
        )
    return made


def f1_lines() -> list[bytes]:
    """Return messages of Formula 1 live timing, each in the three forms in which recordings keep them."""
    topics: dict[str, Any] = {
        "DriverList": {"44": {"RacingNumber": "44", "Tla": "HAM", "TeamName": "Ferrari"}},
        "SessionInfo": {
            "Meeting": {"Name": "Test Grand Prix", "Circuit": {"ShortName": "Monza"}},
            "Type": "Race",
            "Name": "Race",
        },
        "SessionStatus": {"Status": "Started"},
        "TrackStatus": {"Status": "4", "Message": "SCDeployed"},
        "LapCount": {"CurrentLap": 3, "TotalLaps": 57},
        "TimingData": {
            "Lines": {
                "44": {
                    "Position": "1",
                    "GapToLeader": "LAP 3",
                    "IntervalToPositionAhead": {"Value": "+1.234"},
                    "InPit": False,
                    "NumberOfLaps": 2,
                    "LastLapTime": {"Value": "1:31.204"},
                    "Sectors": {"0": {"Value": "30.0"}},
                    "Retired": False,
                }
            }
        },
        "TimingAppData": {"Lines": {"44": {"Stints": {"0": {"Compound": "SOFT", "New": "true", "TotalLaps": 3}}}}},
        "WeatherData": {"AirTemp": "25.1", "TrackTemp": "40.0", "Rainfall": "0", "WindSpeed": "1.2"},
        "RaceControlMessages": {
            "Messages": {"0": {"Utc": "2025-11-29T14:03:35", "Category": "Flag", "Flag": "YELLOW", "Message": "YELLOW"}}
        },
        "PitLaneTimeCollection": {"PitTimes": {"44": {"RacingNumber": "44", "Duration": "23.4", "Lap": "12"}}},
    }
    lines = []
    for k, (topic, payload) in enumerate(topics.items()):
        utc = f"2025-11-29T14:0{k % 10}:35.123Z"
        lines.append(orjson.dumps({"C": "x", "M": [{"H": "Streaming", "M": "feed", "A": [topic, payload, utc]}]}))
        lines.append(orjson.dumps([topic, payload, utc]))
        lines.append(f"00:0{k % 10}:12.345".encode() + orjson.dumps({"stream": topic, "payload": payload}))
    return lines


def packed_files(lines: list[bytes]) -> list[bytes]:
    """Return whole files: plain, as an array, and in every packing."""
    text = b"\n".join(lines)
    triples = [line for line in lines if line.startswith(b"[")]
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("live.txt", text)
    with tarfile.open(fileobj=tarred, mode="w") as tar:
        member = tarfile.TarInfo("live.txt")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    return [
        text,
        b"[" + b",\n".join(triples) + b"]",
        text.decode().encode("utf-16"),
        gzip.compress(text),
        bz2.compress(text),
        lzma.compress(text),
        zipped.getvalue(),
        tarred.getvalue(),
    ]


def openf1_messages() -> list[bytes]:
    """Return messages of OpenF1's broker: the topic, a space, the record."""
    date, of = "2025-11-29T14:03:35.1Z", {"session_key": 9845, "meeting_key": 1275, "driver_number": 44}
    records: dict[str, dict[str, Any]] = {
        "sessions": {
            "date_start": "2025-11-29T14:00:00Z",
            "session_type": "Race",
            "session_name": "Sprint",
            "year": 2025,
        },
        "drivers": {"name_acronym": "HAM", "team_name": "Ferrari"},
        "position": {"position": 1},
        "intervals": {"gap_to_leader": 1.2, "interval": "+1 LAP"},
        "laps": {"lap_number": 3, "lap_duration": 91.2, "date_start": date, "duration_sector_1": 30.1},
        "pit": {"lap_number": 3, "lane_duration": 23.1, "stop_duration": 2.4},
        "stints": {"stint_number": 1, "compound": "SOFT", "lap_start": 1, "lap_end": 9, "tyre_age_at_start": 2},
        "car_data": {"speed": 300, "n_gear": 8, "throttle": 99, "brake": 0, "rpm": 11000, "drs": 12},
        "location": {"x": 100, "y": -200, "z": 5},
        "race_control": {"message": "GREEN", "flag": "GREEN", "scope": "Track"},
        "weather": {"air_temperature": 25.0, "rainfall": 0, "track_temperature": 40.0},
    }
    return [f"v1/{name} ".encode() + orjson.dumps({"date": date, **of, **values}) for name, values in records.items()]


def datagrams() -> list[bytes]:
    """Return packets of every format and kind, their fields filled with small numbers."""
    made = []
    for fmt in range(2018, 2027):
        for packet in range(17):
            try:
                size = ctypes.sizeof(layout(fmt, packet))
            except RacetwinError:
                continue
            body = bytearray((7 * i + packet) % 5 for i in range(size))
            body[0:2] = fmt.to_bytes(2, "little")
            body[3 if fmt == 2018 else 5 if fmt < 2023 else 6] = packet
            made.append(bytes(body))
    return made


def recorded(folder: Path | None, name: str) -> list[bytes]:
    """Return a sample of the lines of every recording in the data folder."""
    lines: list[bytes] = []
    for path in sorted((folder / name).glob("*.gz")) if folder is not None and (folder / name).is_dir() else []:
        with gzip.open(path) as f:
            lines += [line.rstrip(b"\n")[:50_000] for i, line in enumerate(f) if i % 97 == 0][:80]
    return lines
