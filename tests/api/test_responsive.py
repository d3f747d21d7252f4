"""What CPython does that would hold up viewers is kept short while a server runs, and only then."""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from racetwin.api.responsive import SWITCH_S
from racetwin.schemas import TelemetryFrame

pytestmark = pytest.mark.integration


def test_loaded_objects_are_set_aside_while_serving_and_the_first_advice_adds_to_them(
    race: list[TelemetryFrame], tmp_path: Path, serve_frames: Any
) -> None:
    before = sys.getswitchinterval()
    car = race[-1].cars[0].car_id
    with serve_frames(race[:400], tmp_path, follow=(car,)) as server:
        first = gc.get_freeze_count()
        assert first > 50_000
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
        deadline = time.monotonic() + 60
        while not server.get("snapshot").json().get("answers") and time.monotonic() < deadline:
            time.sleep(0.1)
        while gc.get_freeze_count() <= first and time.monotonic() < deadline:
            time.sleep(0.1)
        assert gc.get_freeze_count() > first
    assert gc.get_freeze_count() == 0
    assert sys.getswitchinterval() == before
