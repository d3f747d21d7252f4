"""What a feed could not even read as input: one :class:`racetwin.schemas.Rejection` each, for whoever wants to be told.

A feed that refuses something before there is a frame (junk on a port, a damaged message of a hub) counts it itself and calls its
``on_refusal``. The engine sets that, so that these refusals stand in the same quarantine as those of the ingestor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from racetwin.errors import InputError
from racetwin.schemas import Rejection

MAX_TEXT = 80
"""Characters of a refused value that are kept."""

OnRefusal = Callable[[Rejection], None]


def unreadable(source: str, reason: str, value: Any, expected: str) -> Rejection:
    """Return the refusal of a message; ``reason`` is a word or a few, and becomes part of the kind it is counted under."""
    if isinstance(value, bytes | bytearray | memoryview):
        value = bytes(value[:MAX_TEXT]).decode("utf-8", "replace")
    text = value if isinstance(value, str) else repr(value)
    kind = f"{source}.{'_'.join(reason.lower().split())}"
    return Rejection(
        kind=kind[:MAX_TEXT], field="message", value=text[:MAX_TEXT], expected=expected[:200], source=source
    )


def refused(error: InputError, source: str) -> Rejection:
    """Return the refusal that an error of the form ``field: value, expected ...`` tells of.

    Examples
    --------
    >>> r = refused(InputError("packet_format: 2031, expected 2018 to 2026"), "ea-udp")
    >>> r.kind, r.field, r.value, r.expected
    ('ea-udp.packet_format', 'packet_format', '2031', '2018 to 2026')
    """
    name, _, rest = str(error).partition(": ")
    value, _, expected = rest.partition(", expected ")
    return Rejection(
        kind=f"{source}.{name}"[:MAX_TEXT],
        field=name[:MAX_TEXT],
        value=value[:MAX_TEXT],
        expected=(expected or "what the message says")[:200],
        source=source,
    )
