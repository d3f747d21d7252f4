"""How snapshots travel: the whole state first, then what changed, encoded once for everybody.

A message is one JSON object: ``{"type": "full" | "delta", "run_id", "version", "base", "time_s", "lap", "finished", ...parts}``.
The parts are the topics: ``info``, ``frame``, ``cars`` (changed cars only), ``field``, ``events`` and ``laps`` (new rows only),
``followed``, ``answers`` and ``advice`` (changed cars), ``counters``, ``desk``, ``journal``, ``alarms``, ``health``. A delta
applies to a reader whose version is at least ``base``; a reader that was away sends the last version it has and gets a delta
from there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pydantic import BaseModel, TypeAdapter

from racetwin.errors import InputError
from racetwin.runtime.snapshot import (
    EVENTS_KEPT,
    Alarm,
    Counters,
    DeskStatus,
    JournalStatus,
    LapRow,
    RaceInfo,
    RaceSnapshot,
    SystemHealth,
)
from racetwin.schemas import CarTwinState, DeskAnswer, RaceEvent, Recommendation, TelemetryFrame

MAX_RATE_HZ = 60.0
"""Most messages a second that a subscriber may ask for."""
TOPICS = (
    "info",
    "frame",
    "cars",
    "field",
    "events",
    "laps",
    "followed",
    "answers",
    "advice",
    "counters",
    "desk",
    "journal",
    "alarms",
    "health",
)
SINGLE = ("info", "frame", "field", "followed", "counters", "desk", "journal", "alarms", "health")
KEYED = ("cars", "answers", "advice")
ROWS = ("events", "laps")
STATUS_EVERY = 5
"""Counters change with each frame; they travel with every this many versions, or with something that matters."""


_LEAVE_OUT_EMPTY = (TelemetryFrame, LapRow, RaceInfo, Counters, DeskStatus, JournalStatus)


def encode(value: Any) -> bytes:
    """Return a part as compact JSON."""
    if isinstance(value, BaseModel):
        # Empty fields are left out where every field that may be empty has a default: the parts that make up most of the traffic.
        return value.__pydantic_serializer__.to_json(value, exclude_none=isinstance(value, _LEAVE_OUT_EMPTY))
    if isinstance(value, tuple | list):
        return b"[" + b",".join(encode(v) for v in value) + b"]"
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


class Publisher:
    """Takes snapshots in, hands messages out; each part is encoded at most once, each message built at most once.

    Used from one thread (the event loop's).
    """

    def __init__(self) -> None:
        self._reset(0)

    def _reset(self, version: int) -> None:
        """Forget everything; readers that have ``version`` or less start over."""
        self.snapshot: RaceSnapshot | None = None
        self.version = version
        self._restart = version + 1
        self._marked: dict[str, object] = {}  # part -> value at its last change
        self._since: dict[str, int] = {}  # part -> version of its last change
        self._keyed: dict[str, dict[str, int]] = {k: {} for k in KEYED}
        self._rows: dict[str, list[int]] = {k: [] for k in ROWS}  # version at which row i came
        self._rows_base: dict[str, int] = dict.fromkeys(ROWS, 0)  # rows that have left the front
        self._bytes: dict[tuple[str, str], tuple[object, bytes]] = {}
        self._row_bytes: dict[str, list[bytes]] = {k: [] for k in ROWS}
        self._messages: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()
        self._texts: dict[tuple[Any, ...], str] = {}

    def publish(self, new: RaceSnapshot) -> RaceSnapshot:
        """Take the next snapshot, give it its version and return it."""
        old = self.snapshot
        if old is not None and (old.run_id != new.run_id or old.info.race_id != new.info.race_id):
            self._reset(self.version)  # another run, or another session on the same feed
            old = None
        self.version += 1
        v = self.version
        new = new.model_copy(update={"version": v})
        for part in SINGLE:
            value = getattr(new, part)
            before = self._marked.get(part)
            if old is None or (value is not before and value != before):
                if part == "counters" and old is not None and v - self._since[part] < STATUS_EVERY:
                    continue
                self._since[part] = v
                self._marked[part] = value
        for part in KEYED:
            values: Mapping[str, Any] = getattr(new, part)
            before_of: Mapping[str, Any] = getattr(old, part) if old is not None else {}
            if values is not before_of:
                known = self._keyed[part]
                for key, value in values.items():
                    if key not in known or value is not before_of.get(key):
                        known[key] = v
        self._note_rows("laps", new.laps, len(new.laps), v)
        self._note_rows("events", new.events, max(new.counters.events, len(new.events)), v)
        self.snapshot = new
        self._messages.clear()
        self._texts.clear()
        return new

    def _note_rows(self, part: str, rows: Sequence[BaseModel], total: int, version: int) -> None:
        """Encode the rows that are new; ``total`` counts those that have left the front, too."""
        since, encoded = self._rows[part], self._row_bytes[part]
        seen = self._rows_base[part] + len(since)
        fresh = min(max(total - seen, 0), len(rows))
        if total - seen > len(rows):  # more came than is kept: those in between are only in the journal
            self._rows_base[part] = total - len(rows)
            since.clear()
            encoded.clear()
        for row in rows[len(rows) - fresh :] if fresh else ():
            since.append(version)
            encoded.append(encode(row))
        surplus = len(since) - len(rows)
        if surplus > 0:
            del since[:surplus], encoded[:surplus]
            self._rows_base[part] += surplus

    def can_resume(self, run_id: str | None, version: int | None) -> bool:
        """Whether a reader that has ``version`` of ``run_id`` can be served a delta."""
        snapshot = self.snapshot
        return (
            snapshot is not None
            and run_id == snapshot.run_id
            and version is not None
            and self._restart <= version <= self.version
        )

    def message(
        self,
        after: int | None = None,
        topics: frozenset[str] | None = None,
        cars: frozenset[str] | None = None,
    ) -> bytes:
        """Return what a reader at version ``after`` lacks (None: everything).

        ``topics`` limits the parts, ``cars`` the cars whose answers and advice are wanted.
        """
        key = (after, topics, cars)
        built = self._messages.get(key)
        if built is None:
            built = self._messages[key] = self._build(after, topics, cars)
            if len(self._messages) > 64:
                self._messages.popitem(last=False)
        return built

    def text(
        self,
        after: int | None = None,
        topics: frozenset[str] | None = None,
        cars: frozenset[str] | None = None,
    ) -> str:
        """Return :meth:`message` as text, decoded once for all who get the same."""
        key = ("text", after, topics, cars)
        found = self._texts.get(key)
        if found is None:
            found = self._texts[key] = self.message(after, topics, cars).decode()
        return found

    def _build(self, after: int | None, topics: frozenset[str] | None, cars: frozenset[str] | None) -> bytes:
        s = self.snapshot
        if s is None:
            raise InputError("publisher: nothing was published yet")
        if after is not None and after < self._restart:
            after = None
        base = -1 if after is None else after
        head = {
            "type": "full" if after is None else "delta",
            "run_id": s.run_id,
            "version": s.version,
            "base": max(base, 0),
            "time_s": s.time_s,
            "lap": s.lap,
            "finished": s.finished,
        }
        out = [orjson.dumps(head)[:-1]]

        def wanted(part: str) -> bool:
            return topics is None or part in topics

        out.extend(
            b'"%s":%s' % (part.encode(), self._encoded(part, "", getattr(s, part)))
            for part in SINGLE
            if wanted(part) and self._since.get(part, 0) > base
        )
        for part in KEYED:
            if not wanted(part):
                continue
            values = getattr(s, part)
            chosen = [
                k
                for k, v in self._keyed[part].items()
                if v > base and k in values and (part == "cars" or cars is None or k in cars)
            ]
            if chosen or after is None:
                inner = b",".join(b'"%s":%s' % (k.encode(), self._encoded(part, k, values[k])) for k in chosen)
                out.append(b'"%s":{%s}' % (part.encode(), inner))
        for part in ROWS:
            if not wanted(part):
                continue
            since = self._rows[part]
            start = len(since)
            while start and since[start - 1] > base:
                start -= 1
            if start < len(since) or after is None:
                out.append(b'"%s":[%s]' % (part.encode(), b",".join(self._row_bytes[part][start:])))
        return b",".join(out) + b"}"

    def _encoded(self, part: str, key: str, value: object) -> bytes:
        found = self._bytes.get((part, key))
        if found is None or found[0] is not value:
            found = (value, encode(value))
            self._bytes[part, key] = found
        return found[1]


_CARS = TypeAdapter(dict[str, CarTwinState])
_EVENTS = TypeAdapter(tuple[RaceEvent, ...])
_LAPS = TypeAdapter(tuple[LapRow, ...])
_ANSWERS = TypeAdapter(dict[str, DeskAnswer])
_ADVICE = TypeAdapter(dict[str, tuple[Recommendation, ...]])
_ALARMS = TypeAdapter(tuple[Alarm, ...])


class Reader:
    """Puts messages together again: the other end of :class:`Publisher`."""

    def __init__(self) -> None:
        self.snapshot: RaceSnapshot | None = None

    def apply(self, message: bytes | str | Mapping[str, Any]) -> RaceSnapshot:
        """Take one message and return the snapshot that it makes; :class:`InputError` if it does not fit."""
        m = message if isinstance(message, Mapping) else orjson.loads(message)
        kind = m.get("type")
        if kind not in ("full", "delta"):
            raise InputError(f"message: type {kind!r}, expected 'full' or 'delta'")
        old = self.snapshot
        if kind == "full":
            old = None
        elif old is None or old.run_id != m["run_id"] or old.version < m["base"]:
            have = "nothing" if old is None else f"version {old.version} of {old.run_id}"
            raise InputError(f"message: a delta from version {m['base']} of {m['run_id']}, but the reader has {have}")
        u: dict[str, Any] = {k: m[k] for k in ("run_id", "version", "time_s", "lap", "finished")}
        if "info" in m:
            u["info"] = RaceInfo.model_validate(m["info"])
        if "frame" in m and m["frame"] is not None:
            u["frame"] = TelemetryFrame.model_validate(m["frame"])
        if "field" in m:
            u["field"] = m["field"]
        if "followed" in m:
            u["followed"] = tuple(m["followed"])
        for part, model in (
            ("counters", Counters),
            ("desk", DeskStatus),
            ("journal", JournalStatus),
            ("health", SystemHealth),
        ):
            if part in m:
                u[part] = model.model_validate(m[part])
        if "alarms" in m:
            u["alarms"] = _ALARMS.validate_python(m["alarms"])
        for part, adapter in (("cars", _CARS), ("answers", _ANSWERS), ("advice", _ADVICE)):
            if m.get(part):
                u[part] = {**(getattr(old, part) if old else {}), **adapter.validate_python(m[part])}
        if m.get("laps"):
            u["laps"] = (old.laps if old else ()) + _LAPS.validate_python(m["laps"])
        if m.get("events"):
            u["events"] = ((old.events if old else ()) + _EVENTS.validate_python(m["events"]))[-EVENTS_KEPT:]
        if old is None:
            u.setdefault("info", RaceInfo(race_id=""))
            self.snapshot = RaceSnapshot.model_construct(**u)
        else:
            self.snapshot = old.model_copy(update=u)
        followed = self.snapshot.followed
        stale = {p: getattr(self.snapshot, p) for p in ("answers", "advice")}
        if any(k not in followed for values in stale.values() for k in values) and "followed" in m:
            kept = {p: {k: v for k, v in values.items() if k in followed} for p, values in stale.items()}
            self.snapshot = self.snapshot.model_copy(update=kept)
        return self.snapshot
