"""Shared by the widgets' tests: the hand-made race beside this file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def load(path: Path) -> ModuleType:
    """Import a helper module that lies beside the tests (they are no package)."""
    name = f"racetwin_tests_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


def race_module() -> ModuleType:
    return load(Path(__file__).with_name("snapshots.py"))


@pytest.fixture(scope="session")
def race() -> ModuleType:
    """The hand-made race: `race.snapshot(22)`."""
    return race_module()


@pytest.fixture(scope="session")
def still(race: ModuleType) -> Any:
    """A live race at rest: `still(race.snapshot(22))`."""
    return race.StillRace
