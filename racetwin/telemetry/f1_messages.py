"""Messages of Formula 1 live timing, as hubs send them and people save them: lines in, topic messages out.

========================  =======================================================================
static ``.jsonStream``    ``00:46:00.730{...}``, a topic a file, or all in one
SignalR frames            ``{"C":..,"M":[{"H":"Streaming","M":"feed","A":[topic,data,utc]}]}``, ``{"R":{...}}``
SignalR Core records      ``{"type":1,"target":"feed","arguments":[topic,data,utc]}``, ``{"type":3,"result":{...}}``
FastF1 live recordings    ``['TimingData', {...}, '2021-03-28T14:52:30.4Z']``, Python's or JSON's way of writing
named triples             ``{"type":"TimingData","json":{...},"dateTime":"..."}`` and the like
server-sent events        ``{"event":..,"data":base64(deflate(json))}`` a line, or ``event:``/``data:`` lines; camelCase keys
a Subscribe reply         one JSON object with a topic a key: the state when a client joined
========================  =======================================================================

A line that cannot be read is counted and left out; it never ends the reading.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from racetwin.telemetry.f1_topics import TOPICS, TopicMessage
from racetwin.telemetry.f1_values import clock_seconds, inflate, utc_seconds
from racetwin.telemetry.recording_files import MAX_LINE

_STAMP = re.compile(rb"^(\d{1,3}:\d{2}:\d{2}(?:\.\d{1,7})?)[\s;,]*(?=[\[{\"'])")
_ISO = re.compile(rb"^\[?(\d{4}-\d\d-\d\d[T ][\d:.]{8,20}(?:Z|[+-]\d\d:\d\d)?)\]?[\s;,]+(?=[\[{])")
"""A time that a logger put before each message."""
_NAMED = (
    ("type", "Type", "topic", "Topic", "name", "stream", "category"),
    ("json", "Json", "payload", "Payload", "data", "Data", "content", "message"),
    ("dateTime", "DateTime", "utc", "Utc", "UTC", "timestamp", "Timestamp", "time", "date"),
)
"""Keys under which recorders keep topic, payload and time of a message."""
_FIRST = ("SessionInfo", "SessionData", "ExtrapolatedClock", "SessionStatus")
"""Topics of a joined state that the others are read by."""
_FIXED = ("SessionInfo", "SessionData", "DriverList")
"""Topics of a joined state that hold for the whole session."""
_LATER_S = 60.0
"""A step back in time that no network's disorder explains, seconds."""


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
    size = 0
    event_data: list[bytes] = []
    for raw in _records(lines):
        line = raw.removeprefix(b"\xef\xbb\xbf").strip(b"\r\n\x00 \t")
        if whole is not None:
            whole.append(line)
            size += len(line) + 1
            if size > MAX_LINE:
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
        yield from _whole(b"\n".join(whole), topic, clock, count)


def _records(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines, those of several hub records cut at the byte that ends each."""
    for line in lines:
        if b"\x1e" in line:
            yield from line.split(b"\x1e")
        else:
            yield line


def _whole(data: bytes, topic: str | None, clock: _Clock, count: Counter[str]) -> Iterator[TopicMessage]:
    """Yield the messages of objects written over many lines each; mostly there is one, a Subscribe reply."""
    text, decoder, at = data.decode("utf-8", "replace"), json.JSONDecoder(), 0
    while at < len(text):
        try:
            one, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            count["not JSON"] += 1
            return
        if isinstance(one, dict):
            yield from _object(one, clock, count)
        at = len(text) - len(text[at:].lstrip(" \t\r\n,"))


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
        at = clock_seconds(stamp[1].decode())
        payload = _json(line[stamp.end() :])
        if at is None or payload is None:
            count["not JSON"] += 1
            return
        name = topic or _guess(payload)
        if isinstance(payload, dict) and isinstance(payload.get("stream"), str) and "payload" in payload:
            name, payload = payload["stream"], payload["payload"]
        elif isinstance(payload, list) and len(payload) > 1 and isinstance(payload[0], str):
            name, payload = payload[0], payload[1]
        payload = _packed(payload)
        if name is None:
            count["unknown topic"] += 1
        elif not isinstance(payload, (dict, list)):
            count["payload not readable"] += 1
        else:
            yield TopicMessage(name, payload, at)
        return
    if stamp := _ISO.match(line):
        clock.see(stamp[1].decode().replace(" ", "T"))
        line = line[stamp.end() :]
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
    elif (triple := _named(message)) is not None:
        yield from _triple(triple, clock, count)
    elif message and not message.keys() <= {"C", "S", "G", "I", "type", "error", "invocationId", "H"}:
        count["not a message"] += 1


def _named(message: dict[str, Any]) -> list[Any] | None:
    """Return ``[topic, payload, utc]`` of an object that names them in one of the usual ways."""
    topic, payload, utc = (next((message[k] for k in keys if k in message), None) for keys in _NAMED)
    if not isinstance(topic, str) or payload is None or topic not in TOPICS:
        return None
    return [topic, payload, utc if isinstance(utc, str) else None]


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
    except UnicodeDecodeError:
        pass
    except (ValueError, RecursionError):
        return None
    try:  # saved by a program that wrote its machine's own alphabet
        return json.loads(data.decode("cp1252", "replace"))
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
