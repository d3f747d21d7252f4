"""racetwin: telemetry comes in, twins follow, plans are weighed, advice goes out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from racetwin.runtime import (
        LiveRace,
        MainOrchestrator,
        StateHandler,
        SystemMonitor,
        SystemRecoveryManager,
    )
    from racetwin.simulation import HPCOrchestrator, PitPlan, RaceState, StrategyDesk, simulate
    from racetwin.strategist import AIStrategist
    from racetwin.telemetry import LiveTelemetryClient, TelemetryIngestor, TelemetrySimulator
    from racetwin.twins import CarTwin, FieldTwin, RaceTwin

# Imported on first use: `import racetwin` stays fast, and a notebook that only reads races does not compile a kernel.
_HOME = {
    "TelemetryIngestor": "telemetry",
    "TelemetrySimulator": "telemetry",
    "LiveTelemetryClient": "telemetry",
    "CarTwin": "twins",
    "FieldTwin": "twins",
    "RaceTwin": "twins",
    "PitPlan": "simulation",
    "RaceState": "simulation",
    "StrategyDesk": "simulation",
    "simulate": "simulation",
    "HPCOrchestrator": "simulation",
    "AIStrategist": "strategist",
    "LiveRace": "runtime",
    "StateHandler": "runtime",
    "SystemMonitor": "runtime",
    "SystemRecoveryManager": "runtime",
    "MainOrchestrator": "runtime",
}

__all__ = [
    "AIStrategist",
    "CarTwin",
    "FieldTwin",
    "HPCOrchestrator",
    "LiveRace",
    "LiveTelemetryClient",
    "MainOrchestrator",
    "PitPlan",
    "RaceState",
    "RaceTwin",
    "StateHandler",
    "StrategyDesk",
    "SystemMonitor",
    "SystemRecoveryManager",
    "TelemetryIngestor",
    "TelemetrySimulator",
    "__version__",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"racetwin.{_HOME[name]}"), name)
    raise AttributeError(f"module 'racetwin' has no attribute {name!r}")
