"""A notebook's own cells and the board go on beside each other: in a real kernel, with a cell that blocks its main thread."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

RACE = """
import time
from racetwin import LiveRace
from racetwin.widgets import RaceDayBoard
live = LiveRace.simulate("silverstone", 2024, seed=3, speed=5.0, races=50).start()
live.wait_for(lambda s: s.lap >= 1 and s.order, timeout=90)
board = RaceDayBoard(live)
"""
BLOCKED = {
    "asleep": "time.sleep(3)",
    "busy": "until = time.monotonic() + 3\nwhile time.monotonic() < until: pass",
}
PICTURES = 8
"""Of about thirty that come in three seconds: on a machine that is short of time some are skipped."""


@pytest.fixture(scope="module")
def kernel() -> Iterator[Any]:
    manager_module = pytest.importorskip("jupyter_client.manager")
    manager, client = manager_module.start_new_kernel(kernel_name="python3")
    try:
        run(client, RACE)
        yield client
        run(client, "board.close(); live.stop(); live.raise_errors(); assert not board.errors")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(client: Any, code: str) -> tuple[float, Counter[str]]:
    """Run a cell; returns the seconds it took and how many pictures each panel sent meanwhile."""
    asked = client.execute(code)
    began: float | None = None
    pictures: Counter[str] = Counter()
    while True:
        message = client.get_iopub_msg(timeout=120)
        kind, content = message["msg_type"], message["content"]
        ours = message["parent_header"].get("msg_id") == asked
        assert not (ours and kind == "error"), "\n".join(content["traceback"])
        if ours and kind == "status" and content["execution_state"] == "busy":
            began = time.monotonic()
        elif ours and kind == "status" and content["execution_state"] == "idle" and began is not None:
            return time.monotonic() - began, pictures
        elif kind == "comm_msg" and ["data"] in content["data"].get("buffer_paths", []):
            pictures[content["comm_id"]] += 1


@pytest.mark.parametrize("how", BLOCKED)
def test_a_blocked_cell_does_not_stop_the_board_and_the_board_not_the_cell(kernel: Any, how: str) -> None:
    took, pictures = run(kernel, BLOCKED[how])
    assert pictures.most_common(1)[0][1] >= PICTURES
    assert took < 6  # three seconds of its own
