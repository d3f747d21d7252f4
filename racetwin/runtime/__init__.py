"""Joins the layers into one running engine: feeds, twins, desk, journal.

In come frames; out go snapshots, plans and advice, for whoever subscribes. It knows every layer below it and neither the
API nor the widgets, which see it through the names exported here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from racetwin.runtime.engine import RaceEngine
    from racetwin.runtime.live import LiveRace
    from racetwin.runtime.monitor import SystemMonitor
    from racetwin.runtime.orchestrator import MainOrchestrator
    from racetwin.runtime.recovery import SystemRecoveryManager
    from racetwin.runtime.snapshot import RaceSnapshot
    from racetwin.runtime.state_handler import StateHandler

# Imported on first use: a viewer's kernel that only subscribes loads neither the race kernel nor SQLite.
_HOME = {
    "LiveRace": "live",
    "MainOrchestrator": "orchestrator",
    "RaceEngine": "engine",
    "RaceSnapshot": "snapshot",
    "StateHandler": "state_handler",
    "SystemMonitor": "monitor",
    "SystemRecoveryManager": "recovery",
}

__all__ = [
    "LiveRace",
    "MainOrchestrator",
    "RaceEngine",
    "RaceSnapshot",
    "StateHandler",
    "SystemMonitor",
    "SystemRecoveryManager",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
