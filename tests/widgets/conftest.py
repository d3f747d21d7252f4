"""Shared by the widgets' tests: the hand-made race beside this file, and a live race that only hands out what it is given."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from racetwin.errors import InputError
from racetwin.runtime.snapshot import RaceSnapshot
from racetwin.schemas import Rejoin, WhatIf


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

    def at(self, lap: int) -> RaceSnapshot:
        if self.snapshot is None or lap >= self.snapshot.lap:
            raise InputError(f"lap: {lap} is not complete yet")
        return race_module().snapshot(lap)

    def pit_window(self, car_id: str) -> tuple[Rejoin, ...]:
        return () if self.snapshot is None else race_module().pit_window(car_id, self.snapshot.lap)

    def what_if(self, car_id: str, lever: str) -> WhatIf:
        if lever == "nonsense":
            raise InputError("lever: 'nonsense', expected sc@31")
        return race_module().what_if(car_id, 22)

    def publish(self, snapshot: RaceSnapshot) -> None:
        self.snapshot = snapshot
        for callback in list(self.callbacks):
            callback(snapshot)


@pytest.fixture(scope="session")
def race() -> ModuleType:
    """The hand-made race: `race.snapshot(22)`."""
    return race_module()


@pytest.fixture
def still() -> type[StillRace]:
    return StillRace
