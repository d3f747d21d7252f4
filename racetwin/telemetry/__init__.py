"""SENSING: feeds come in, one ordered stream of validated frames and events goes out.

What comes in: live feeds (:mod:`f1_live`, :mod:`openf1`, :mod:`ea_udp`, :mod:`websocket_server`), recordings, stored races
(:mod:`library`, :mod:`laptable`) and simulated ones (:mod:`simulator`). What goes out: :class:`Ingested`, from the one
:class:`TelemetryIngestor`. This layer knows nothing of twins, plans or viewers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from racetwin.telemetry.ingestor import Ingested, TelemetryIngestor
    from racetwin.telemetry.laptable import frames
    from racetwin.telemetry.library import RaceLibrary
    from racetwin.telemetry.recorder import Recorder, Recording
    from racetwin.telemetry.records import RaceRecord
    from racetwin.telemetry.replay import Replay
    from racetwin.telemetry.simulator import TelemetrySimulator
    from racetwin.telemetry.websocket_client import LiveTelemetryClient

# Imported on first use: reading a race needs no sockets, and a socket needs no pandas.
_HOME = {
    "Ingested": "ingestor",
    "LiveTelemetryClient": "websocket_client",
    "RaceLibrary": "library",
    "RaceRecord": "records",
    "Recorder": "recorder",
    "Recording": "recorder",
    "Replay": "replay",
    "TelemetryIngestor": "ingestor",
    "TelemetrySimulator": "simulator",
    "frames": "laptable",
}

__all__ = [
    "Ingested",
    "LiveTelemetryClient",
    "RaceLibrary",
    "RaceRecord",
    "Recorder",
    "Recording",
    "Replay",
    "TelemetryIngestor",
    "TelemetrySimulator",
    "frames",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"racetwin.telemetry.{_HOME[name]}"), name)
    raise AttributeError(f"module 'racetwin.telemetry' has no attribute {name!r}")
