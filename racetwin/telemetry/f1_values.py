"""How Formula 1's timing feed writes values: deltas, packed payloads, times, gaps.

Everything here takes what a network sent and returns a value or ``None``; nothing raises on bad input, and nothing grows
without bound.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import zlib
from datetime import UTC, datetime
from typing import Any

import orjson

MAX_INFLATED = 2 * 1024 * 1024
"""Most bytes a packed payload may unfold to; samples stay below 100 kB, a whole joined state below 500 kB."""

MAX_ENTRIES = 4096
"""Most keys or items that one object of the merged state may hold; a whole race stays below 500."""

MAX_DEPTH = 16
"""Deepest nesting that a delta is merged to; the feed's own is 7."""

_GAP = re.compile(r"^\+?(?:(\d{1,3}):)?(\d{1,4}(?:\.\d{1,6})?)$")
_LAPS_DOWN = re.compile(r"^\+?(\d{1,3})\s*L(?:APS?)?$", re.IGNORECASE)
_LAP_TIME = re.compile(r"^(?:(\d{1,3}):)?(\d{1,3}\.\d{1,6})$")


def merge(old: Any, delta: Any, depth: int = 0) -> Any:
    """Return ``old`` with a delta of the timing feed applied.

    Objects merge key by key; an object sent for a list names the items by index (the next index appends); ``_deleted`` lists
    keys to drop; anything else replaces. ``old`` is changed in place where it is a container.
    """
    if not isinstance(delta, dict) or depth > MAX_DEPTH:
        return delta
    if isinstance(old, list):
        return _merge_list(old, delta, depth)
    if not isinstance(old, dict):
        old = {}
    for key, value in delta.items():
        if key == "_deleted":
            for gone in value if isinstance(value, list) else ():
                if isinstance(gone, str):
                    old.pop(gone, None)
        elif key in old or len(old) < MAX_ENTRIES:
            old[key] = merge(old.get(key), value, depth + 1) if isinstance(value, dict) else value
    return old


def _merge_list(old: list[Any], delta: dict[str, Any], depth: int) -> list[Any]:
    for key, value in delta.items():
        if key == "_deleted" or not key.isascii() or not key.isdigit() or len(key) > 6:
            continue
        index = int(key)
        if index < len(old):
            old[index] = merge(old[index], value, depth + 1)
        elif index < MAX_ENTRIES:
            # Items skipped were never sent (a subscription begun late): they stay unknown.
            old.extend({} for _ in range(index - len(old)))
            old.append(merge(None, value, depth + 1))
    return old


def items(value: Any) -> list[tuple[str, Any]]:
    """Return the entries of an object or list of the feed as (key or index, value); empty for anything else."""
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, list):
        return [(str(i), v) for i, v in enumerate(value)]
    return []


def inflate(packed: Any) -> Any:
    """Return the JSON inside a ``.z`` payload (base64 of raw deflate); ``None`` where it is damaged or too large."""
    if not isinstance(packed, str):
        return packed if isinstance(packed, dict) else None
    try:
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        data = unpacker.decompress(base64.b64decode(packed), MAX_INFLATED)
        if unpacker.unconsumed_tail:
            return None
        return orjson.loads(data)
    except (binascii.Error, zlib.error, ValueError):
        return None


def lap_time(text: Any) -> float | None:
    """Return a lap or sector time in seconds.

    Examples
    --------
    >>> lap_time("1:27.608"), lap_time("31.892"), lap_time("")
    (87.608, 31.892, None)
    """
    found = _LAP_TIME.match(text) if isinstance(text, str) else None
    if not found:
        return None
    seconds = 60 * int(found[1] or 0) + float(found[2])
    return round(seconds, 6) if seconds > 0 else None


def gap(text: Any) -> tuple[float | None, int | None]:
    """Return a gap as seconds and laps down; the leader's own ("LAP 19") is zero.

    Examples
    --------
    >>> gap("+4.951"), gap("+1:09.534"), gap("1L"), gap("LAP 19"), gap("")
    ((4.951, 0), (69.534, 0), (None, 1), (0.0, 0), (None, None))
    """
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        return (float(text), 0) if math.isfinite(text) else (None, None)
    if not isinstance(text, str):
        return None, None
    text = text.strip()
    if text.upper().startswith("LAP"):
        return 0.0, 0
    if found := _LAPS_DOWN.match(text):
        return None, int(found[1])
    if found := _GAP.match(text):
        return round(60 * int(found[1] or 0) + float(found[2]), 6), 0
    return None, None


def number(value: Any) -> float | None:
    """Return a finite number from the feed's mix of numbers and strings."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and len(value) > 32:
        return None
    try:
        out = float(value)
    except (ValueError, OverflowError):
        return None
    return out if math.isfinite(out) else None


def integer(value: Any) -> int | None:
    """Return a whole number from the feed's mix of numbers and strings."""
    out = number(value)
    return int(out) if out is not None and out == int(out) and abs(out) < 2**53 else None


def boolean(value: Any) -> bool | None:
    """Return a truth value from ``true``, ``"true"``, ``"1"`` and the like."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, str)):
        return {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())
    return None


def text(value: Any, limit: int = 400) -> str | None:
    """Return a non-empty string, cut at ``limit`` characters."""
    return value[:limit] if isinstance(value, str) and value else None


def utc_seconds(value: Any) -> float | None:
    """Return a UTC time stamp of the feed (ISO 8601, up to 100 ns) as seconds since 1970.

    Examples
    --------
    >>> utc_seconds("2024-05-18T13:59:13.5465874Z")
    1716040753.546587
    """
    if not isinstance(value, str) or not 10 <= len(value) <= 40:
        return None
    head, dot, tail = value.partition(".")
    if dot:  # datetime takes at most microseconds
        digits = re.match(r"\d*", tail)
        end = digits.end() if digits else 0
        value = f"{head}.{tail[:end][:6]}{tail[end:]}" if end else head + tail
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def clock_seconds(value: Any) -> float | None:
    """Return ``H:MM:SS(.mmm)`` as seconds.

    Examples
    --------
    >>> clock_seconds("00:46:00.730"), clock_seconds("01:59:59")
    (2760.73, 7199.0)
    """
    found = re.match(r"^(-?)(\d{1,3}):(\d{2}):(\d{2}(?:\.\d{1,7})?)$", value) if isinstance(value, str) else None
    if not found:
        return None
    total = round(3600 * int(found[2]) + 60 * int(found[3]) + float(found[4]), 7)
    return -total if found[1] else total


def iso(seconds: float) -> str | None:
    """Return seconds since 1970 as an ISO 8601 time stamp with milliseconds; ``None`` where it is no such time."""
    if not 0 < seconds < 4e9:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
