"""A seeded mutation fuzzer over the parsers of wire formats alone, byte by byte: no crash, no hang, no growth.

Each parser gets real input (where RACETWIN_DATA has some) and small made-up input, mutated: bytes flipped, cut, doubled, spliced;
numbers replaced by what no parser expects; objects nested deeply. ``RACETWIN_FUZZ_S`` sets the seconds for each parser (default
1.5; 75 makes it ten minutes for all).
"""

# ruff: noqa: E501 - lines of the wire stand as they are sent

from __future__ import annotations

import base64
import contextlib
import gzip
import itertools
import json
import os
import random
import resource
import sys
import time
import zlib
from collections import Counter
from pathlib import Path

import pytest

from racetwin.errors import InputError
from racetwin.telemetry.connection import FeedLostError
from racetwin.telemetry.f1_live import HubRecords
from racetwin.telemetry.f1_messages import HubReader, parse_lines
from racetwin.telemetry.f1_topics import F1Session, TopicMessage
from racetwin.telemetry.f1_values import inflate
from racetwin.telemetry.openf1 import parse_message
from racetwin.telemetry.openf1_records import OpenF1Session, history_frames
from racetwin.telemetry.udp_json import parse_datagram
from racetwin.telemetry.websocket_client import LiveTelemetryClient

pytestmark = [pytest.mark.unit, pytest.mark.timeout(900)]

SECONDS = float(os.environ.get("RACETWIN_FUZZ_S", "1.5"))
SLOWEST_S = 2.0
GROWTH = 24 * 1024 * 1024
WORDS = [
    b"NaN", b"-1", b"1e400", b"99999999999999999999", b"null", b"true", b'""', b"{}", b"[]", b"[[[[[[[[", b'{"0":{"0":{"0":',
    b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b'"_deleted":["Lines"]', b"4096", b"1L", b"LAP 0", b"+1:00.000", b"0000-00-00T00:00:00Z",
    b"9999-12-31T23:59:59.9999999Z", b"\x1e", b"'", b"\\u0000",
]  # fmt: skip


def peak_memory() -> int:
    """Return the most memory this process ever had, bytes: what grows shows in it, and measuring costs nothing."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def packed(value) -> str:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return base64.b64encode(packer.compress(json.dumps(value).encode()) + packer.flush()).decode()


CAR_DATA = packed(
    {
        "Entries": [
            {
                "Utc": "2026-07-05T14:03:01.5Z",
                "Cars": {"44": {"Channels": {"0": 11000, "2": 310, "3": 8, "4": 99, "5": 0, "45": None}}},
            }
        ]
    }
)
POSITION = packed(
    {
        "Position": [
            {"Timestamp": "2026-07-05T14:03:01.5Z", "Entries": {"44": {"Status": "OnTrack", "X": 1, "Y": -2, "Z": 3}}}
        ]
    }
)
TOPIC_LINES = [
    b'["SessionInfo",{"Key":1,"Type":"Race","Name":"Race","StartDate":"2026-07-05T15:00:00","EndDate":"2026-07-05T17:00:00",'
    b'"GmtOffset":"01:00:00","Meeting":{"Name":"British Grand Prix","Number":11,"Circuit":{"ShortName":"Silverstone"}}},"2026-07-05T13:00:00Z"]',
    b'["SessionStatus",{"Status":"Started"},"2026-07-05T14:03:00Z"]',
    b'["TimingData",{"Lines":{"44":{"Position":"1","GapToLeader":"LAP 1","NumberOfLaps":1,"Sectors":[{"Value":"30.1"},{"Value":""},{"Value":""}],'
    b'"InPit":false,"Status":64,"LastLapTime":{"Value":"1:31.2"},"NumberOfPitStops":1}}},"2026-07-05T14:03:01Z"]',
    b'["TimingAppData",{"Lines":{"44":{"GridPos":"1","Stints":{"0":{"Compound":"SOFT","New":"true","TotalLaps":1,"StartLaps":0}}}}},"2026-07-05T14:03:02Z"]',
    b'["RaceControlMessages",{"Messages":{"0":{"Utc":"2026-07-05T14:03:00","Message":"GREEN","Category":"Flag","Flag":"GREEN","Lap":1}}},"2026-07-05T14:03:02Z"]',
    b'["TrackStatus",{"Status":"4"},"2026-07-05T14:03:02Z"]',
    b'["PitStopSeries",{"PitTimes":{"44":[{"PitStop":{"PitLaneTime":"22.1","PitStopTime":"2.4","Lap":"3"}}]}},"2026-07-05T14:03:02Z"]',
    b'["DriverRaceInfo",{"44":{"Gap":"+1.2","Interval":"+0.3","Position":"2","PitStops":1,"IsOut":false}},"2026-07-05T14:03:02Z"]',
    b'["WeatherData",{"AirTemp":"20.1","Rainfall":"1"},"2026-07-05T14:03:02Z"]',
    b'00:46:00.730{"stream":"LapCount","payload":{"CurrentLap":3,"TotalLaps":52}}',
    b'{"type":3,"result":{"DriverList":{"44":{"Tla":"HAM","TeamName":"Ferrari"}},"ExtrapolatedClock":{"Utc":"2026-07-05T14:03:01Z","Remaining":"01:59:59","Extrapolating":true}}}',
    f'["CarData.z","{CAR_DATA}","2026-07-05T14:03:03Z"]'.encode(),
    f'["Position.z","{POSITION}","2026-07-05T14:03:03Z"]'.encode(),
    b"['Heartbeat', {'Utc': '2026-07-05T14:03:00Z', '_kf': True}, '2026-07-05T14:03:00Z']",
]  # fmt: skip

OPENF1_LINES = [
    ("v1/laps", b'{"session_key":1,"driver_number":1,"lap_number":2,"date_start":"2026-07-05T14:05:00+00:00","lap_duration":95.1,"is_pit_out_lap":false}'),
    ("v1/pit", b'{"session_key":1,"driver_number":1,"lap_number":2,"date":"2026-07-05T14:06:00+00:00","lane_duration":22.1,"stop_duration":2.2}'),
    ("v1/stints", b'{"session_key":1,"driver_number":1,"stint_number":2,"lap_start":3,"compound":"HARD","tyre_age_at_start":0}'),
    ("v1/race_control", b'{"session_key":1,"date":"2026-07-05T14:06:00+00:00","message":"SAFETY CAR DEPLOYED","flag":null,"scope":null,"lap_number":3}'),
    ("v1/car_data", b'{"session_key":1,"driver_number":1,"date":"2026-07-05T14:06:00+00:00","speed":300,"rpm":11000,"n_gear":8,"throttle":99,"brake":0,"drs":12}'),
    ("v1/sessions", b'{"session_key":1,"session_name":"Race","session_type":"Race","year":2026,"circuit_short_name":"Spa","date_start":"2026-07-05T14:00:00+00:00"}'),
    ("v1/intervals", b'{"session_key":1,"driver_number":1,"date":"2026-07-05T14:06:00+00:00","gap_to_leader":"+1 LAP","interval":1.2}'),
]  # fmt: skip


def mutants(seeds: list[bytes], seed: int):
    """Yield mutated input for ever, the same for the same seed."""
    rng = random.Random(seed)
    while True:
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((0, 1, 1, 2, 4, 16))):
            at = rng.randrange(len(data) + 1)
            kind = rng.randrange(7)
            if kind == 0 and data:
                data[at % len(data)] = rng.randrange(256)
            elif kind == 1:
                del data[at : at + rng.choice((1, 2, 8, 64, 1024))]
            elif kind == 2:
                data[at:at] = rng.choice(WORDS)
            elif kind == 3:
                data[at : at + rng.choice((1, 2, 4, 8))] = rng.choice(WORDS)
            elif kind == 4:
                data[at:at] = data[at : at + rng.choice((1, 16, 256))] * rng.choice((1, 2, 20))
            elif kind == 5:
                other = rng.choice(seeds)
                data[at:] = other[rng.randrange(len(other) + 1) :]
            else:  # a number becomes another
                digits = [i for i, b in enumerate(data) if 48 <= b <= 57]
                if digits:
                    i = rng.choice(digits)
                    data[i : i + 1] = str(rng.choice((0, 1, 9, 99, 10**6, 2**63))).encode()
        yield bytes(data[:100_000])


def fuzz(name: str, seeds: list[bytes], take, reset=None) -> None:
    """Feed mutants for the time set; fail on a crash, on one input that takes too long, and on memory that goes on growing."""
    source = mutants(seeds, 20261122)
    for data in itertools.islice(source, 300):  # caches warm, tables built
        take(data)
    began, count, worst, early = time.perf_counter(), 0, 0.0, None
    for data in source:
        t = time.process_time()  # not the clock on the wall: other processes may be busy
        try:
            take(data)
        except Exception as error:
            raise AssertionError(f"{name}: {type(error).__name__} on {data[:300]!r}") from error
        took, now = time.process_time() - t, time.perf_counter()
        worst = max(worst, took)
        count += 1
        assert took < SLOWEST_S, f"{name}: {took:.1f} s for {len(data)} bytes: {data[:300]!r}"
        if early is None and now - began > SECONDS / 2:
            early = peak_memory()
        if now - began > SECONDS:
            break
    grew = peak_memory() - (early or 0)
    print(f"{name}: {count} inputs, slowest {1e3 * worst:.1f} ms, second half grew by {grew / 1e6:.1f} MB")
    assert grew < GROWTH, f"{name}: grew by {grew / 1e6:.0f} MB"


def real(path: str, count: int) -> list[bytes]:
    """Return lines spread over a recording, none where there is no data."""
    folder = os.environ.get("RACETWIN_DATA")
    file = Path(folder) / path if folder else None
    if file is None or not file.is_file():
        return []
    with gzip.open(file, "rb") as lines:
        everything = [line[:20_000] for line in lines]
    return everything[:3] + everything[:: max(1, len(everything) // count)]


def test_recordings_line_by_line():
    seeds = TOPIC_LINES + [
        line
        for name in ("2025_qatar_sprint.jsonstream.txt", "2023_monaco_fp2.signalr_frames.jsonl", "2024_us_sprint_qualifying.sse.jsonl",
                     "fastf1_livedata_with_errors.txt", "2024_imola_qualifying.signalr_feed.jsonl")
        for line in real(f"streams/{name}.gz", 60)
    ]  # fmt: skip

    def take(data):
        for _ in parse_lines(data.splitlines(keepends=True), skipped=Counter()):
            pass

    fuzz("recordings", seeds, take)


def test_a_session_that_hears_nothing_but_mutants():
    seeds = TOPIC_LINES + real("streams/2025_qatar_sprint.jsonstream.txt.gz", 200)
    seeds += real("streams/2023_monaco_fp2.signalr_frames.jsonl.gz", 100)
    for hz in (None, 10.0):
        session = F1Session(hz=hz)

        def take(data, session=session):
            for message in parse_lines([data]):
                for _ in session.feed(message):
                    pass
            for _ in session.flush():
                pass

        fuzz(f"f1 session at {hz}", seeds, take)


def test_topics_with_the_wrong_payload():
    payloads = [
        json.loads(line.replace(b"'", b'"').replace(b"True", b"true"))[1]
        for line in TOPIC_LINES
        if line[:2] in (b'["',)
    ]
    topics = [json.loads(line)[0] for line in TOPIC_LINES if line[:2] == b'["']
    session = F1Session()
    for topic, payload in itertools.product(
        [*topics, "Nothing", ""], [*payloads, {}, {"Lines": []}, {"Lines": {"44": []}}, {"Messages": [1, None]}]
    ):
        for _ in session.feed(TopicMessage(topic, payload, 1e9)):
            pass
    assert session.ignored["Nothing"]


def test_hub_records():
    whole = [line + b"\x1e" for line in TOPIC_LINES if line[:1] in b"[{"]
    reader, records = HubReader(), HubRecords()

    def take(data):
        try:
            for message in records.feed(data):
                for _ in reader.read(message):
                    pass
        except FeedLostError:
            pass

    fuzz("hub records", [*whole, b'{"type":6}\x1e', b'{"type":7,"error":"x"}\x1e'], take)


def test_packed_payloads():
    fuzz("packed payloads", [CAR_DATA.encode(), POSITION.encode()], lambda data: inflate(data.decode("latin-1")))


def test_game_datagrams():
    pytest.importorskip("f1.packets", reason="the EA game feed needs the extra [feeds]")
    from racetwin.telemetry.ea_layouts import layout
    from racetwin.telemetry.ea_session import GameSession

    seeds = []
    for fmt, packet_id in itertools.product(range(2018, 2027), range(17)):
        try:
            structure = layout(fmt, packet_id)()
        except InputError:
            continue
        structure.header.packet_format, structure.header.packet_id = fmt, packet_id
        seeds.append(bytes(structure))
    for line in real("udp/udp_packets.jsonl.gz", 400):
        try:
            seeds.append(base64.b64decode(json.loads(line)["payload_b64"]))
        except ValueError:  # a line that was cut to length
            continue
    rng = random.Random(1)
    session = GameSession()

    def take(data):
        # Datagrams have one length each: bytes change where they stand.
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((0, 1, 4, 32))):
            data[rng.randrange(min(len(data), 40) if rng.random() < 0.2 else len(data))] = rng.choice(
                (0, 1, 2, 127, 128, 255, rng.randrange(256))
            )
        for _ in session.feed(bytes(data)):
            pass

    fuzz("game datagrams", seeds, take)

    def cut(data):
        for _ in session.feed(data):
            pass

    fuzz("game datagrams of any length", seeds, cut)


def test_json_datagrams_and_client_messages():
    frame = b'{"version":"racetwin/1","source":"a","seq":1,"time_s":0.1,"race_id":"x","lap":1,"cars":[{"car_id":"44"}]}'
    client = LiveTelemetryClient()

    def take(data):
        with contextlib.suppress(InputError):
            parse_datagram(data)
        client._read(data)

    seeds = [
        frame,
        b'{"type":"frame","n":3,"frame":' + frame + b"}",
        b'{"type":"hello","stream":"a","next":4,"resumed":false}',
        b'{"type":"gap","after":1,"before":9}',
    ]
    fuzz("json frames", seeds, take)


def test_openf1_records():
    session = OpenF1Session(hz=None)
    topics = itertools.cycle([topic for topic, _ in OPENF1_LINES])

    def take(data):
        record = parse_message(next(topics), data)
        if record is not None:
            for _ in session.feed(record):
                pass
            for _ in history_frames({record.collection: [record.data]}):
                pass

    fuzz("openf1 records", [line for _, line in OPENF1_LINES], take)
