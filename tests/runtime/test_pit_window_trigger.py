"""The desk is asked when a car's pit window opens, in a running engine."""

from __future__ import annotations

import pytest

from racetwin.runtime.desk_queue import DeskQueue, DeskRequest
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.orchestrator import MainOrchestrator
from racetwin.telemetry.laptable import frames
from racetwin.telemetry.records import RaceRecord
from racetwin.telemetry.replay import Replay

pytestmark = pytest.mark.integration

OPENS = "pit window opens"


class Remembering(DeskQueue):
    """The desk's queue, which remembers what it was asked and how the race stood then."""

    def __init__(self, engine: RaceEngine) -> None:
        super().__init__(said=engine.book.said)
        self.put_so_far: list[tuple[int, tuple[int, int] | None, tuple[str, ...]]] = []

    def put(self, request: DeskRequest) -> None:
        car = request.cars[request.car_id]
        self.put_so_far.append((car.lap, car.pit_window, request.reasons))
        super().put(request)


async def test_the_desk_is_asked_once_when_the_window_opens(record: RaceRecord) -> None:
    engine = RaceEngine(races=32)
    engine.queue = queue = Remembering(engine)
    runner = MainOrchestrator(engine, Replay(frames(record, hz=None, to_lap=30), None), in_step=True)
    runner.follow("11")
    await runner.run()

    opened = [n for n, (*_, reasons) in enumerate(queue.put_so_far) if OPENS in reasons]
    assert opened, "no window opened in thirty laps"
    for n in opened:
        lap, window, _ = queue.put_so_far[n]
        assert window is not None
        assert window[0] <= lap + 1
        before = queue.put_so_far[n - 1]
        assert before[1] is None or before[1][0] > before[0] + 1, "it had been open before"
    assert engine.answers["11"].plans
