"""One race in every kind of recording, packing and condition: what is read is the same race, what is missing stays missing."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from builders.f1_race import T0, messages
from hypothesis import given, settings
from hypothesis import strategies as st

from racetwin.errors import DataError
from racetwin.schemas import CarStatus, LapCompleted, PitEntered, Retired, TelemetryFrame, TrackStatusChanged
from racetwin.telemetry import TelemetryIngestor
from racetwin.telemetry.f1_recordings import Recording
from racetwin.telemetry.f1_topics import TOPICS, F1Session, TopicMessage, session_frames

pytestmark = pytest.mark.unit

Messages = list[TopicMessage]


def utc(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(t: float) -> str:
    s = t - T0 + 4000
    return f"{int(s // 3600):02d}:{int(s % 3600 // 60):02d}:{s % 60:06.3f}"


def packed(value: Any) -> str:
    squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return base64.b64encode(squeeze.compress(json.dumps(value).encode()) + squeeze.flush()).decode()


def camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {k[:1].lower() + k[1:]: camel(v) for k, v in value.items()}
    return [camel(v) for v in value] if isinstance(value, list) else value


def event(m: TopicMessage) -> dict[str, str]:
    """A server-sent event carries no time of its own, but a heartbeat does."""
    return {"event": "update", "data": packed(camel({"heartbeat": {"Utc": utc(m.time)}, m.topic: m.payload}))}


KINDS: dict[str, Callable[[Messages], str]] = {
    "jsonStream": lambda ms: "\n".join(
        clock(m.time) + json.dumps({"stream": m.topic, "payload": m.payload}) for m in ms
    ),
    "stamped triples": lambda ms: "\n".join(f"{clock(m.time)} " + json.dumps([m.topic, m.payload]) for m in ms),
    "signalr": lambda ms: "\n".join(
        json.dumps({"C": "d", "M": [{"H": "Streaming", "M": "feed", "A": [m.topic, m.payload, utc(m.time)]}]})
        for m in ms
    ),
    "signalr core": lambda ms: "\n".join(
        json.dumps({"type": 1, "target": "feed", "arguments": [m.topic, m.payload, utc(m.time)]}) for m in ms
    ),
    "signalr core, records in one line": lambda ms: "\x1e".join(
        json.dumps({"type": 1, "target": "feed", "arguments": [m.topic, m.payload, utc(m.time)]}) for m in ms
    ),
    "fastf1": lambda ms: "\n".join(repr([m.topic, m.payload, utc(m.time)]) for m in ms),
    "json triples": lambda ms: "\n".join(json.dumps([m.topic, m.payload, utc(m.time)]) for m in ms),
    "payloads as text": lambda ms: "\n".join(json.dumps([m.topic, json.dumps(m.payload), utc(m.time)]) for m in ms),
    "named triples": lambda ms: "\n".join(
        json.dumps({"type": m.topic, "json": m.payload, "dateTime": utc(m.time)}) for m in ms
    ),
    "named otherwise": lambda ms: "\n".join(
        json.dumps({"topic": m.topic, "data": m.payload, "timestamp": utc(m.time)}) for m in ms
    ),
    "logged": lambda ms: "\n".join(f"{utc(m.time)} " + json.dumps([m.topic, m.payload]) for m in ms),
    "array of triples": lambda ms: json.dumps([[m.topic, m.payload, utc(m.time)] for m in ms]),
    "pretty array": lambda ms: json.dumps([[m.topic, m.payload, utc(m.time)] for m in ms], indent=2),
    "events": lambda ms: "\n".join(json.dumps(event(m)) for m in ms),
    "array of events": lambda ms: json.dumps([event(m) for m in ms], indent=1),
    "event stream": lambda ms: "".join(f"event: update\ndata: {event(m)['data']}\n\n" for m in ms),
}


def result(path: Path) -> tuple[TelemetryFrame, list[Any], Recording]:
    recording, ingestor = Recording(path), TelemetryIngestor()
    events: list[Any] = []
    for frame in recording.frames():
        out = ingestor.process(frame)
        events += out.events if out else ()
    last = ingestor.flush()
    events += last.events if last else ()
    assert ingestor.frame is not None
    return ingestor.frame, events, recording


def story(frame: TelemetryFrame, events: list[Any]) -> tuple[Any, ...]:
    """What is told of the race, to the millisecond where the kind of recording carries them."""
    laps = [(e.car_id, e.lap, e.lap_time_s, round(e.line_time_s, 2)) for e in events if isinstance(e, LapCompleted)]
    stops = [(e.car_id, round(e.time_s, 2)) for e in events if isinstance(e, PitEntered)]
    statuses = [(e.new, round(e.time_s, 2)) for e in events if isinstance(e, TrackStatusChanged)]
    out = [e.car_id for e in events if isinstance(e, Retired)]
    cars = [(c.car_id, c.driver, c.status, c.position, c.lap, c.tyre.compound, c.stops) for c in frame.cars]
    return laps, stops, statuses, out, cars


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ...]:
    path = tmp_path_factory.mktemp("plain") / "race.txt"
    path.write_text(KINDS["signalr"](messages()))
    frame, events, _ = result(path)
    told = story(frame, events)
    assert len(told[0]) == 13
    return told


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_recording_is_the_same_race(kind: str, tmp_path: Path, plain: tuple[Any, ...]) -> None:
    path = tmp_path / "recording"
    path.write_text(KINDS[kind](messages()))
    frame, events, recording = result(path)
    assert story(frame, events) == plain
    assert not recording.skipped


def test_a_topic_a_file_with_keyframes_beside_them(tmp_path: Path, plain: tuple[Any, ...]) -> None:
    for topic in {m.topic for m in messages()}:
        text = "".join(f"{clock(m.time)}{json.dumps(m.payload)}\r\n" for m in messages() if m.topic == topic)
        (tmp_path / f"{topic}.jsonStream").write_text("\ufeff" + text, encoding="utf-8", newline="")
        (tmp_path / f"{topic}.json").write_text(json.dumps({"later": "keyframe"}))
    frame, events, recording = result(tmp_path)
    assert story(frame, events) == plain
    assert not recording.skipped


TEXT = KINDS["fastf1"](messages())


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("season/live.txt", data)
        archive.writestr("season/README", "about")
    return out.getvalue()


def tarred(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        member = tarfile.TarInfo("live.txt")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "gzip in pieces": lambda d: b"".join(gzip.compress(part + b"\n") for part in d.split(b"\n")),
    "gzip twice": lambda d: gzip.compress(gzip.compress(d)),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip": zipped,
    "zip of a gzip": lambda d: zipped(gzip.compress(d)),
    "tar.gz": tarred,
    "utf-8 with a mark": lambda d: b"\xef\xbb\xbf" + d,
    "utf-16": lambda d: d.decode().encode("utf-16"),
    "crlf": lambda d: d.replace(b"\n", b"\r\n"),
    "empty lines and marks": lambda d: d.replace(b"\n", b"\n\n\xef\xbb\xbf \t\x00"),
    "no end of line": lambda d: d.rstrip(b"\n"),
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("name", ["recording.gz", "recording.txt"])
def test_packing_is_told_by_the_content(packing: str, name: str, tmp_path: Path, plain: tuple[Any, ...]) -> None:
    path = tmp_path / name
    path.write_bytes(PACKINGS[packing](TEXT.encode()))
    frame, events, recording = result(path)
    assert story(frame, events) == plain
    assert not recording.skipped


def test_a_file_that_is_cut_off_gives_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    whole = gzip.compress(TEXT.encode(), 0)
    path.write_bytes(whole[: len(whole) * 2 // 3])
    frame, _, recording = result(path)
    assert frame.time_s > 100
    assert recording.skipped["file cut off or damaged"] == 1


def test_an_array_that_is_cut_off_or_damaged_gives_what_is_there(tmp_path: Path) -> None:
    text = KINDS["pretty array"](messages())
    path = tmp_path / "cut.json"
    path.write_text(text[: len(text) // 2])
    frame, _, recording = result(path)
    assert frame.time_s > 50
    assert recording.skipped["not JSON"] >= 1
    path.write_text(text.replace('"NumberOfLaps": 2', '"NumberOfLaps": ?', 1))
    frame, _, recording = result(path)
    assert {c.car_id for c in frame.cars if c.status is CarStatus.FINISHED} == {"1", "2", "4"}
    assert recording.skipped["not JSON"] >= 1


def test_names_in_another_alphabet_do_not_cost_the_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.txt"
    line = json.dumps(["DriverList", {"11": {"Tla": "PER", "TeamName": "Escudería"}}, utc(T0)], ensure_ascii=False)
    timing = json.dumps(["TimingData", {"Lines": {"11": {"Position": "1"}}}, utc(T0 + 1)])
    path.write_bytes(f"{line}\n{timing}".encode("latin-1"))
    (recording := Recording(path)).frames()
    cars = list(recording.frames())[-1].cars
    assert (cars[0].driver, cars[0].team) == ("PER", "Escudería")


JUNK = (
    "",
    "2024-05-18 14:00:00 ERROR connection lost, reconnecting",
    "Traceback (most recent call last):",
    "['TimingData', {'Lines': {'1': {'Position': ",
    '["TimingData"]',
    '["TimingData", null, "2026-07-05T14:04:00Z"]',
    '["CarData.z", "not packed at all", "2026-07-05T14:04:00Z"]',
    "00:00:01.000",
    '00:00:99.000{"Lines":',
    "\x00\x00\x00",
    "}{",
    "[" * 5000,
    '{"M":[5,null,{"A":"x"}]}',
    '{"error":"unauthorized"}',
    "data: %%%",
    "\ud7ff\ue000 \U0001f3ce",
)


@settings(max_examples=25, deadline=None)
@given(junk=st.lists(st.tuples(st.integers(0, 60), st.sampled_from(JUNK)), max_size=40))
def test_junk_between_the_lines_costs_nothing(
    junk: list[tuple[int, str]], tmp_path_factory: Any, plain: tuple[Any, ...]
) -> None:
    lines = TEXT.split("\n")
    for at, line in junk:
        lines.insert(at, line)
    path = tmp_path_factory.mktemp("junk") / "race.txt"
    path.write_text("\n".join(lines))
    frame, events, _ = result(path)
    assert story(frame, events) == plain


@settings(max_examples=25, deadline=None)
@given(
    at=st.integers(0, len(TEXT)), kind=st.sampled_from(["signalr", "json triples", "array of triples", "event stream"])
)
def test_a_recording_may_end_anywhere(at: int, kind: str, tmp_path_factory: Any) -> None:
    text = KINDS[kind](messages())
    path = tmp_path_factory.mktemp("cut") / "race.txt"
    path.write_text(text[: at * len(text) // len(TEXT)])
    for frame in Recording(path).frames():
        assert frame


@pytest.mark.parametrize("gone", [t for t in TOPICS if t in {m.topic for m in messages()}])
def test_a_topic_that_was_not_recorded_is_missed_alone(gone: str, plain: tuple[Any, ...]) -> None:
    ingestor, events = TelemetryIngestor(), []
    for frame in session_frames((m for m in messages() if m.topic != gone), F1Session()):
        out = ingestor.process(frame)
        events += out.events if out else ()
    got = ingestor.frame
    if gone == "TimingData":
        assert got is not None
        assert all(c.position is None for c in got.cars)
        return
    assert got is not None
    laps = {(e.car_id, e.lap) for e in events if isinstance(e, LapCompleted)}
    assert laps == {(car, lap) for car, lap, _, _ in plain[0]}
    finished = {c.car_id for c in got.cars if c.status is CarStatus.FINISHED}
    assert finished == {"1", "2", "4"}
    assert [c.car_id for c in got.cars if c.status is CarStatus.RETIRED] == ["3"]


def test_without_a_start_the_clock_begins_when_cars_are_first_timed() -> None:
    kept = [m for m in messages() if m.topic not in ("SessionStatus", "SessionData", "ExtrapolatedClock")]
    frames = list(session_frames(kept, F1Session()))
    assert frames[-1].time_s == pytest.approx(391.5 - 95, abs=1)
    assert frames[0].time_s < 0


@pytest.mark.parametrize(
    ("marks", "kind"),
    [
        ([{"GapToLeader": "+1.2"}], "race"),
        ([{"TimeDiffToFastest": "+0.1"}], "practice"),
        ([{"TimeDiffToFastest": "+0.1"}, {"Stats": [{}]}], "qualifying"),
    ],
)
def test_without_session_info_the_timing_screen_tells_what_session_it_is(
    marks: list[dict[str, Any]], kind: str
) -> None:
    told = [TopicMessage("TimingData", {"Lines": {"44": {"Position": "1", **m}}}, T0 + i) for i, m in enumerate(marks)]
    frames = list(session_frames(told, F1Session()))
    assert frames[-1].session_type == kind


def test_who_joins_while_cars_stand_in_the_pits_sees_no_stop() -> None:
    state = [
        TopicMessage("SessionInfo", {"Type": "Qualifying", "Name": "Qualifying", "Meeting": {"Name": "x"}}, T0),
        TopicMessage("DriverList", {"44": {"Tla": "HAM"}}, T0),
        TopicMessage("TimingData", {"Lines": {"44": {"InPit": True, "Position": "1", "NumberOfLaps": 3}}}, T0),
    ]
    ingestor, events = TelemetryIngestor(), []
    for frame in session_frames(state, F1Session()):
        out = ingestor.process(frame)
        events += out.events if out else ()
    assert not events
    assert ingestor.frame is not None
    assert ingestor.frame.cars[0].status is CarStatus.PIT


def test_two_sessions_in_one_file_are_two_races(tmp_path: Path) -> None:
    second = [m._replace(time=m.time + 86_400) for m in messages()]
    second[0].payload["Key"] = 78
    second[0].payload["Name"] = "Sprint"
    for name, both in (("with keys", [*messages(), *second]), ("without", [*messages(), *second])):
        for m in both:
            if name == "without" and m.topic == "SessionInfo":
                m.payload.pop("Key", None)
        path = tmp_path / f"{name}.txt"
        path.write_text(KINDS["fastf1"](both))
        ids = list(dict.fromkeys(f.race_id for f in Recording(path).frames()))
        assert ids == ["2026-11-great-britain", "2026-11-great-britain-sprint"], name


def test_two_recordings_on_a_session_clock_one_after_the_other_begin_anew(
    tmp_path: Path, plain: tuple[Any, ...]
) -> None:
    text = KINDS["jsonStream"](messages())
    second = text.replace('"Key": 77', '"Key": 78').replace('"Name": "Race"', '"Name": "Sprint"')
    path = tmp_path / "both.txt"
    path.write_text(text + "\n" + second)
    frame, events, _ = result(path)
    assert frame.race_id.endswith("sprint")
    half = len(events) // 2
    assert story(frame, events[half:]) == plain
    assert len(events) == 2 * half


def test_cars_beyond_the_most_there_can_be_are_told_and_cost_nothing() -> None:
    refused = []
    session = F1Session()
    session.builder.on_refusal = refused.append
    lines = {str(n): {"Position": str(n), "NumberOfLaps": 1} for n in range(1, 28)}
    frames = list(session_frames([*messages()[:7], TopicMessage("TimingData", {"Lines": lines}, T0 + 100)], session))
    assert len(frames[-1].cars) == 24
    assert [r.car_id for r in refused] == ["25", "26", "27"]
    assert refused[0].kind == "cars.too_many"


def test_what_is_no_recording_is_one_clear_line(tmp_path: Path) -> None:
    for name, content in (
        ("a.gz", b"\x1f\x8bnonsense"),
        ("b.zip", b"PK\x03\x04nonsense"),
        ("c.zst", b"\x28\xb5\x2f\xfd123"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DataError, match="cannot be read"):
            list(Recording(path).messages())
    path = tmp_path / "noise"
    path.write_bytes(bytes(range(256)) * 100)
    recording = Recording(path)
    assert list(recording.frames()) == []
    assert sum(recording.skipped.values()) > 0
    assert isinstance(recording.skipped, Counter)


@pytest.mark.parametrize(("at_local", "at_central", "value"), [(8, 10, 99), (4, 6, 84), (6, 8, 1)])
def test_a_zip_of_a_kind_that_cannot_be_unpacked_is_one_clear_line(
    tmp_path: Path, at_local: int, at_central: int, value: int
) -> None:
    """An unknown compression, a later version of the format, an encrypted file."""
    packed = bytearray(zipped(TEXT))
    central = packed.index(b"PK\x01\x02")
    packed[at_local] = packed[central + at_central] = value
    (tmp_path / "live.zip").write_bytes(packed)
    with pytest.raises(DataError, match="cannot be read"):
        list(Recording(tmp_path / "live.zip").frames())
