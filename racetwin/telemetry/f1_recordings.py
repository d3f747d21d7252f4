"""Recordings of Formula 1 live timing, as people keep them: any of them in, topic messages or frames out.

Read here, told apart by what is in the file (``.gz`` is unpacked on the way):

========================  =======================================================================
static ``.jsonStream``    ``00:46:00.730{...}``, a topic a file, or all in one
SignalR frames            ``{"C":..,"M":[{"H":"Streaming","M":"feed","A":[topic,data,utc]}]}``, ``{"R":{...}}``
SignalR Core records      ``{"type":1,"target":"feed","arguments":[topic,data,utc]}``, ``{"type":3,"result":{...}}``
FastF1 live recordings    ``['TimingData', {...}, '2021-03-28T14:52:30.4Z']``, Python's or JSON's way of writing
server-sent events        ``{"event":..,"data":base64(deflate(json))}`` a line, or ``event:``/``data:`` lines; camelCase keys
a Subscribe reply         one JSON object with a topic a key: the state when a client joined
========================  =======================================================================

A line that cannot be read is counted and left out; it never ends the reading.
"""

from __future__ import annotations

import ast
import gzip
import json
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import orjson

from racetwin.errors import DataError
from racetwin.telemetry.f1_topics import TOPICS, F1Session, TopicMessage, session_frames
from racetwin.telemetry.f1_values import clock_seconds, inflate, utc_seconds
from racetwin.telemetry.frame_builder import RawFrame

MAX_LINE = 4 * 1024 * 1024
"""Longest line read, in bytes; the longest real one (a Subscribe reply) has 100 kB."""

_STAMP = re.compile(rb"^\d{1,3}:\d{2}:\d{2}\.\d{1,7}(?=[\[{\"'])")
_FIRST = ("SessionInfo", "SessionData", "ExtrapolatedClock", "SessionStatus")
"""Topics of a joined state that the others are read by."""
_FIXED = ("SessionInfo", "SessionData", "DriverList")
"""Topics of a joined state that hold for the whole session."""
_LATER_S = 60.0
"""A step back in time that no network's disorder explains, seconds."""


class Recording:
    """One recorded session, spread over one or more files read one after the other.

    Parameters
    ----------
    *paths
        Files, or one folder of ``.jsonStream`` files (they are merged by time).

    Attributes
    ----------
    read
        Messages read by the last pass, per topic.
    skipped
        Lines and payloads left out by the last pass, counted by reason.

    Examples
    --------
    >>> recording = Recording("2025_qatar_sprint.jsonstream.txt.gz")  # doctest: +SKIP
    >>> for frame in recording.frames(hz=10):                         # doctest: +SKIP
    ...     ingestor.process(frame)
    """

    def __init__(self, *paths: str | PathLike[str]) -> None:
        if not paths:
            raise DataError("no recording named: give at least one file")
        self.paths = tuple(Path(p) for p in paths)
        for path in self.paths:
            if not path.exists():
                raise DataError(
                    f"recording {path} does not exist: give the path of a file or folder of recorded topics"
                )
        self.read: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()

    def messages(self) -> Iterator[TopicMessage]:
        """Yield the topic messages in the order they were received."""
        self.read.clear()
        self.skipped.clear()
        for path in self.paths:
            parts = sorted(path.glob("*.jsonStream*")) if path.is_dir() else [path]
            if path.is_dir() and not parts:
                raise DataError(f"folder {path} holds no .jsonStream file: give a folder of recorded topics")
            if len(parts) == 1:
                yield from self._file(parts[0])
            else:
                merged = [m for part in parts for m in self._file(part)]
                yield from sorted(merged, key=lambda m: m.time)

    def frames(
        self,
        hz: float | None = None,
        race_id: str | None = None,
        *,
        started_at: float | None = None,
        session_type: str | None = None,
    ) -> Iterator[RawFrame]:
        """Yield frames: one for every change, or at most ``hz`` a second; the rest is told to ``F1Session``."""
        session = F1Session(race_id, hz=hz, started_at=started_at, session_type=session_type)
        return session_frames(self.messages(), session)

    def _file(self, path: Path) -> Iterator[TopicMessage]:
        for message in parse_lines(_lines(path), topic=_topic_of(path), skipped=self.skipped):
            self.read[message.topic] += 1
            yield message


def read_recording(
    *paths: str | PathLike[str], hz: float | None = None, race_id: str | None = None
) -> Iterator[RawFrame]:
    """Yield the frames of a recording; see :class:`Recording`."""
    return Recording(*paths).frames(hz, race_id)


def parse_lines(
    lines: Iterable[bytes], *, topic: str | None = None, skipped: Counter[str] | None = None
) -> Iterator[TopicMessage]:
    """Yield the topic messages in the lines of a recording of any kind listed above.

    Parameters
    ----------
    topic
        What a static stream of one topic is of; by default the topic that its objects look like.
    skipped
        Where lines left out are counted by reason.
    """
    count: Counter[str] = Counter() if skipped is None else skipped
    return _in_order(_parse(lines, topic, count))


def _parse(lines: Iterable[bytes], topic: str | None, count: Counter[str]) -> Iterator[TopicMessage]:
    clock = _Clock()
    whole: list[bytes] | None = None
    event_data: list[bytes] = []
    for raw in lines:
        line = raw.removeprefix(b"\xef\xbb\xbf").strip(b"\r\n\x1e \t")
        if whole is not None:
            whole.append(line)
            if sum(map(len, whole[-1:])) + len(whole) > MAX_LINE:
                count["object without an end"] += 1
                return
            continue
        if line.startswith(b"data:"):
            event_data.append(line[5:].strip())
            continue
        if event_data:
            yield from _event(b"".join(event_data), clock, count)
            event_data = []
        if not line or line.startswith((b"event:", b"id:", b"retry:", b":", b"URL:")):
            continue
        if line == b"{":  # an object written over many lines: a Subscribe reply
            whole = [line]
            continue
        yield from _line(line, topic, clock, count)
    if event_data:
        yield from _event(b"".join(event_data), clock, count)
    if whole is not None:
        state = _json(b"\n".join(whole))
        if isinstance(state, dict):
            yield from _state(state, clock)
        else:
            count["not JSON"] += 1


def _in_order(messages: Iterator[TopicMessage]) -> Iterator[TopicMessage]:
    """Put a joined state that was saved after what follows it in its place.

    Some recorders write the state of their latest connection first. Who drives, and in which session, holds from the
    beginning; the rest would be the future, and waits for its time.
    """
    head: list[TopicMessage] = []
    later: list[TopicMessage] = []
    for message in messages:
        head.append(message)
        if message.time < head[0].time - _LATER_S:
            later = [m for m in head if m.time == head[0].time and m.topic not in _FIXED]
            head = [m._replace(time=message.time) for m in head if m not in later]
            break
        if len(head) >= 64:
            break
    yield from head
    for message in messages:
        if later and message.time >= later[0].time:
            yield from later
            later = []
        yield message
    yield from later


class HubReader:
    """Reads the messages of a live subscription one by one; the state of a new subscription is taken in its place.

    Attributes
    ----------
    skipped
        Messages that could not be read, counted by reason.
    """

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()
        self._clock = _Clock()

    def read(self, message: dict[str, Any]) -> Iterator[TopicMessage]:
        """Yield the topic messages in one hub message."""
        return _object(message, self._clock, self.skipped)


class _Clock:
    """Time of messages that carry none: the latest UTC seen in any payload, unless the recording goes back for good."""

    def __init__(self) -> None:
        self.now = 0.0

    def see(self, utc: Any) -> float:
        at = utc_seconds(utc)
        if at is not None and (at > self.now or at < self.now - _LATER_S):
            self.now = at
        return self.now

    def look(self, payload: Any) -> float:
        """Find the time stamps of the payloads that have one."""
        if isinstance(payload, dict):
            self.see(payload.get("Utc"))
            for series in ("Entries", "Position"):
                entries = payload.get(series)
                if isinstance(entries, list) and entries and isinstance(entries[-1], dict):
                    self.see(entries[-1].get("Utc") or entries[-1].get("Timestamp"))
        return self.now


def _line(line: bytes, topic: str | None, clock: _Clock, count: Counter[str]) -> Iterator[TopicMessage]:
    if stamp := _STAMP.match(line):
        at = clock_seconds(stamp[0].decode())
        payload = _json(line[stamp.end() :])
        if at is None or payload is None:
            count["not JSON"] += 1
        elif isinstance(payload, dict) and isinstance(payload.get("stream"), str) and "payload" in payload:
            yield TopicMessage(payload["stream"], _packed(payload["payload"]), at)
        elif (name := topic or _guess(payload)) is not None:
            yield TopicMessage(name, _packed(payload), at)
        else:
            count["unknown topic"] += 1
        return
    message = _json(line)
    if message is None:
        message = _literal(line)
    if isinstance(message, list):
        yield from _triple(message, clock, count)
    elif isinstance(message, dict):
        yield from _object(message, clock, count)
    else:
        count["not JSON" if message is None else "not a message"] += 1


def _object(message: dict[str, Any], clock: _Clock, count: Counter[str]) -> Iterator[TopicMessage]:
    if "event" in message and isinstance(message.get("data"), str):
        yield from _event(message["data"].encode("utf-8", "replace"), clock, count)
    elif isinstance(state := message.get("R", message.get("result")), dict):
        yield from _state(state, clock)
    elif isinstance(message.get("A"), list):
        yield from _triple(message["A"], clock, count)
    elif message.get("target") == "feed" and isinstance(message.get("arguments"), list):
        yield from _triple(message["arguments"], clock, count)
    elif isinstance(inner := message.get("M"), list):
        for one in inner:
            if isinstance(one, dict) and isinstance(one.get("A"), list):
                yield from _triple(one["A"], clock, count)
            else:
                count["not a message"] += 1
    elif not message.keys().isdisjoint(TOPICS):
        yield from _state(message, clock)
    elif message and not message.keys() <= {"C", "S", "G", "I", "type", "error", "invocationId", "H"}:
        count["not a message"] += 1


def _triple(parts: list[Any], clock: _Clock, count: Counter[str]) -> Iterator[TopicMessage]:
    """Yield a message from ``[topic, payload, utc]``."""
    if len(parts) < 2 or not isinstance(parts[0], str):
        count["not [topic, payload, utc]"] += 1
        return
    topic, payload = parts[0], parts[1]
    if isinstance(payload, str) and not topic.endswith(".z"):
        payload = _json(payload.encode("utf-8", "replace"))
    payload = _packed(payload) if topic.endswith(".z") else payload
    if not isinstance(payload, (dict, list)):
        count["payload not readable"] += 1
        return
    utc = parts[2] if len(parts) > 2 else None
    if utc and utc_seconds(utc) is None:
        count["time not readable"] += 1
        return
    yield TopicMessage(topic, payload, clock.see(utc) if utc else clock.look(payload))


def _state(state: dict[str, Any], clock: _Clock) -> Iterator[TopicMessage]:
    """Yield a joined state topic by topic, those first that the others are read by."""
    unpacked = {topic: _packed(payload) for topic, payload in state.items()}
    for payload in unpacked.values():
        clock.look(payload)
    for topic in sorted(unpacked, key=lambda t: _FIRST.index(t) if t in _FIRST else len(_FIRST)):
        if isinstance(unpacked[topic], dict):
            yield TopicMessage(topic, unpacked[topic], clock.now)


def _event(data: bytes, clock: _Clock, count: Counter[str]) -> Iterator[TopicMessage]:
    """Yield the messages of one server-sent event: an object, plain or packed, with a topic a key."""
    content = _json(data) if data[:1] == b"{" else inflate(data.decode("latin-1"))
    if not isinstance(content, dict):
        count["payload not readable"] += 1
        return
    state = {}
    for key, payload in content.items():
        topic = _pascal(key)
        if topic[-1:] == "Z" and topic[:-1] in ("CarData", "Position"):
            topic = f"{topic[:-1]}.z"
        if isinstance(payload, str):
            payload = inflate(payload)
            if payload is None:
                count["payload not readable"] += 1
                continue
        state[topic] = _renamed(payload)
    yield from _state(state, clock)


def _renamed(value: Any, depth: int = 0) -> Any:
    if depth > 32:
        return None
    if isinstance(value, dict):
        return {_pascal(k): _renamed(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [_renamed(v, depth + 1) for v in value]
    return value


def _pascal(key: str) -> str:
    return "_deleted" if key == "deleted" else key[:1].upper() + key[1:]


def _packed(payload: Any) -> Any:
    return inflate(payload) if isinstance(payload, str) else payload


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except ValueError:
        pass
    try:  # numbers and escapes that only the lenient parser takes
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _literal(line: bytes) -> Any:
    if line[:1] not in (b"[", b"{") or len(line) > MAX_LINE // 4:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd escapes and numbers in a damaged line are no news
            return ast.literal_eval(line.decode("utf-8", "replace"))
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def _guess(payload: Any) -> str | None:
    """Name the topic of an object of a static stream whose file name does not tell."""
    if not isinstance(payload, dict):
        return None
    lines = payload.get("Lines")
    if isinstance(lines, dict):
        stints = any(isinstance(v, dict) and ("Stints" in v or "GridPos" in v) for v in lines.values())
        return "TimingAppData" if stints else "TimingData"
    keys = {
        "Messages": "RaceControlMessages",
        "Meeting": "SessionInfo",
        "AirTemp": "WeatherData",
        "CurrentLap": "LapCount",
        "TotalLaps": "LapCount",
        "Remaining": "ExtrapolatedClock",
        "StatusSeries": "SessionData",
        "Stints": "TyreStintSeries",
    }
    return next((topic for key, topic in keys.items() if key in payload), None)


def _topic_of(path: Path) -> str | None:
    stem = path.name.removesuffix(".gz")
    for suffix in (".jsonStream", ".json", ".txt", ".raw"):
        stem = stem.removesuffix(suffix)
    return stem if stem in TOPICS else None


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            while line := file.readline(MAX_LINE):
                yield line
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"recording {path} cannot be read: {error}") from error
