"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Whether an example is right does not depend on how busy the machine is; speed is the benchmarks' business.
settings.register_profile("racetwin", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("racetwin")


@pytest.fixture(scope="session")
def race_data() -> Path:
    """The folder of real race data that RACETWIN_DATA names."""
    named = os.environ.get("RACETWIN_DATA")
    if not named:
        pytest.skip("RACETWIN_DATA is not set: no real race data to test with")
    folder = Path(named)
    if not (folder / "laps.parquet").is_file():
        pytest.skip(f"RACETWIN_DATA={named} holds no laps.parquet: no real race data to test with")
    return folder


@pytest.fixture(autouse=True, scope="session")
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep journals and the user's library of races out of the real home folder."""
    base = tmp_path_factory.mktemp("racetwin")
    os.environ.setdefault("RACETWIN_STATE", str(base / "state"))
    os.environ.setdefault("RACETWIN_LIBRARY", str(base / "races"))
