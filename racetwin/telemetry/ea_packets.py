"""One datagram of the EA game in, one checked packet out."""

from __future__ import annotations

import ctypes
import struct
from typing import Any, NamedTuple

from racetwin.errors import InputError
from racetwin.telemetry.ea_layouts import PACKETS, header_layout, layout

MAX_DATAGRAM = 2048
"""Longest datagram looked at; the longest of any format has 1,470 bytes."""

MOTION, SESSION, LAP_DATA, EVENT, PARTICIPANTS, SETUPS, TELEMETRY, STATUS, CLASSIFICATION, LOBBY = range(10)
DAMAGE, HISTORY, TYRE_SETS, MOTION_EX, TIME_TRIAL, LAP_POSITIONS, TELEMETRY_2 = range(10, 17)

EVENT_DETAILS = {
    "FTLP": "fastest_lap",
    "RTMT": "retirement",
    "DRSD": "drs_disabled",
    "TMPT": "team_mate_in_pits",
    "RCWN": "race_winner",
    "PENA": "penalty",
    "SPTP": "speed_trap",
    "STLG": "start_lights",
    "DTSV": "drive_through_penalty_served",
    "SGSV": "stop_go_penalty_served",
    "FLBK": "flashback",
    "BUTN": "buttons",
    "OVTK": "overtake",
    "SCAR": "safety_car",
    "COLL": "collision",
}
"""Member of the details' union that each event code uses; codes not listed carry none."""


class Packet(NamedTuple):
    """A decoded datagram: format, packet id, and the whole structure (``body.header`` is the header)."""

    format: int
    id: int
    body: Any

    @property
    def name(self) -> str:
        """Name of the packet."""
        return PACKETS[self.id]

    @property
    def event(self) -> str:
        """Four-letter code of an event packet; empty for any other."""
        return bytes(self.body.event_string_code).decode("latin-1") if self.id == EVENT else ""

    @property
    def details(self) -> Any:
        """Details of an event packet; ``None`` for a code that has none."""
        member = EVENT_DETAILS.get(self.event)
        union = getattr(self.body, "event_details", None)
        return getattr(union, member, None) if member and union is not None else None

    def as_dict(self) -> dict[str, Any]:
        """Return every field as plain values; of an event's details only those its code means."""
        out: dict[str, Any] = plain(self.body)
        if self.id == EVENT:
            out["event_string_code"] = self.event
            out.pop("event_details", None)
            if self.details is not None:
                out["event_details"] = plain(self.details)
        return out


def decode(datagram: bytes) -> Packet:
    """Return the packet in a datagram.

    Raises
    ------
    InputError
        With the field, its value and what was expected: no game datagram, a format or packet that there is not, a size that is
        not this packet's. An event may be shorter or longer than the room its format reserves; what it lacks reads as zero.
    """
    if not 6 <= len(datagram) <= MAX_DATAGRAM:
        raise InputError(f"datagram: {len(datagram)} bytes, expected a packet of the game (25 to 1470)")
    fmt = struct.unpack_from("<H", datagram)[0]
    # The header grew over the years; the packet id moved with it (2018: no game version; 2023: the game's year).
    at = 3 if fmt == 2018 else 5 if fmt < 2023 else 6
    if len(datagram) <= at:
        raise InputError(f"datagram: {len(datagram)} bytes are no header of format {fmt}")
    packet_id = datagram[at]
    structure = layout(fmt, packet_id)
    size = ctypes.sizeof(structure)
    if packet_id == EVENT:
        if len(datagram) < ctypes.sizeof(header_layout(fmt)) + 4:
            raise InputError(f"datagram: {len(datagram)} bytes are too few for an event of format {fmt}")
        datagram = datagram[:size].ljust(size, b"\0")
    elif len(datagram) != size:
        raise InputError(f"datagram: {len(datagram)} bytes, expected {size} for {PACKETS[packet_id]} of format {fmt}")
    return Packet(fmt, packet_id, structure.from_buffer_copy(datagram))


def plain(value: Any) -> Any:
    """Return a structure as dictionaries, lists, numbers and strings."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, ctypes.Array):
        return [plain(v) for v in value]
    fields = getattr(value, "_fields_", None)
    return {name: plain(getattr(value, name)) for name, *_ in fields} if fields else value
