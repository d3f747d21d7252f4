"""Shared by the widgets' tests: the hand-made race beside this file, and a live race that only hands out what it is given."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from racetwin.runtime.snapshot import RaceSnapshot


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


class StillRace:
    """A live race at rest: `publish` is the feed thread's call."""

    def __init__(self, snapshot: RaceSnapshot | None = None) -> None:
        self.snapshot = snapshot
        self.callbacks: list[Callable[[RaceSnapshot], None]] = []
        self.followed: list[str] = []
        self.touched = 0

    def subscribe(self, callback: Callable[[RaceSnapshot], None]) -> Callable[[], None]:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    def follow(self, car_id: str) -> None:
        self.followed.append(car_id)

    def touch(self) -> None:
        self.touched += 1

    def publish(self, snapshot: RaceSnapshot) -> None:
        self.snapshot = snapshot
        for callback in list(self.callbacks):
            callback(snapshot)


@pytest.fixture(scope="session")
def race() -> ModuleType:
    """The hand-made race: `race.snapshot(22)`."""
    return load(Path(__file__).with_name("snapshots.py"))


@pytest.fixture
def still() -> type[StillRace]:
    return StillRace
