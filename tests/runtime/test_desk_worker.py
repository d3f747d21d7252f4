"""Questions that several screens ask at once are worked out once."""

from __future__ import annotations

import asyncio
import threading

import pytest

from racetwin.runtime.desk_queue import DeskQueue
from racetwin.runtime.desk_worker import SHARED, DeskWorker

pytestmark = pytest.mark.unit


async def test_the_same_question_of_several_screens_is_worked_out_once() -> None:
    worker, go, done = DeskWorker(DeskQueue()), threading.Event(), []

    def work() -> str:
        go.wait(10)
        done.append(1)
        return "P7"

    asked = [asyncio.create_task(worker.once(("state", "window"), work)) for _ in range(4)]
    await asyncio.sleep(0)
    go.set()
    assert await asyncio.gather(*asked) == ["P7"] * 4
    assert await worker.once(("state", "window"), work) == "P7"
    assert len(done) == 1
    assert await worker.once(("another state", "window"), work) == "P7"
    assert len(done) == 2
    worker.close()


async def test_a_screen_that_leaves_takes_no_answer_from_the_others() -> None:
    worker, go = DeskWorker(DeskQueue()), threading.Event()

    def work() -> bool:
        return go.wait(10)

    leaves, stays = (asyncio.create_task(worker.once("key", work)) for _ in range(2))
    await asyncio.sleep(0.05)
    leaves.cancel()
    go.set()
    assert await stays
    worker.close()


async def test_a_question_that_failed_is_asked_again() -> None:
    worker, tries = DeskWorker(DeskQueue()), []

    def work() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("not now")
        return 7

    with pytest.raises(ValueError, match="not now"):
        await worker.once("key", work)
    assert await worker.once("key", work) == 7
    worker.close()


async def test_old_answers_are_forgotten() -> None:
    worker, tries = DeskWorker(DeskQueue()), []
    for k in [*range(SHARED + 1), 0, SHARED]:
        await worker.once(k, lambda k=k: tries.append(k))
    assert tries == [*range(SHARED + 1), 0]
    worker.close()
