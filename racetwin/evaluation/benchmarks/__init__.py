"""Speed, shown: each suite returns figures beside what they must and should reach.

A suite is a module of this package with a function of the same name that returns its figures. These machines are noisy, so
figures that compare are ratios taken within one run.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from racetwin.errors import InputError

SUITES = ("kernel", "decision", "ingest", "twins", "api", "dashboard", "strategist")
WATCHING = ("dashboard",)
"""Suites that watch for as long as they are told."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number: ``must`` is the least that is acceptable, ``aim`` what is striven for (None: no target)."""

    name: str
    value: float
    unit: str
    must: float | None = None
    aim: float | None = None
    higher_is_better: bool = True

    @property
    def met(self) -> bool | None:
        """Whether ``must`` is reached; None where there is no target."""
        if self.must is None:
            return None
        return self.value >= self.must if self.higher_is_better else self.value <= self.must


def machine() -> dict[str, Any]:
    """Return what a reader of the figures must know of the machine they come from."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass  # not Linux: the platform's own word has to do
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_1min": None if load is None else round(load, 2),
    }


def run(suite: str, minutes: float | None = None) -> dict[str, Any]:
    """Run one suite and return ``{"suite", "machine", "figures"}``, ready for JSON.

    ``minutes`` is how long a suite watches that can watch for long (``dashboard``).
    """
    if suite not in SUITES:
        raise InputError(f"suite: {suite!r}, expected one of {', '.join(SUITES)}")
    measure: Callable[..., list[Figure]] = getattr(import_module(f"{__name__}.{suite}"), suite)
    options = {"minutes": minutes} if suite in WATCHING and minutes is not None else {}
    before = machine()
    figures = [
        {k: v for k, v in asdict(f).items() if k != "higher_is_better"} | {"met": f.met} for f in measure(**options)
    ]
    return {"suite": suite, "machine": before, "figures": figures}
