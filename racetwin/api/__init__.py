"""REST and WebSocket for other teams and for viewers.

In comes an engine's public face (:mod:`racetwin.runtime.face`); out go answers and a stream of what changes. Nothing here
knows how frames become states or states become plans, and nothing here can hold an engine up.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from racetwin.api.app import create_app
    from racetwin.api.core import APICache, APIMetrics

_HOME = {"APICache": "core", "APIMetrics": "core", "create_app": "app"}

__all__ = ["APICache", "APIMetrics", "create_app"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
