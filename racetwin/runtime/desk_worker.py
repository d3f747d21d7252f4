"""The desk's thread: one piece of kernel work at a time, equal questions once, short ones beside it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from racetwin.runtime.desk_queue import Advised, DeskQueue, DeskRequest

T = TypeVar("T")

SHARED = 64
"""Answers to viewers' questions that are remembered."""


class DeskWorker:
    """Answers questions to the desk beside the event loop.

    Parameters
    ----------
    queue
        Who answers, and remembers answers.
    deadline_s
        Most seconds an answer may take before the desk returns what it has.
    """

    def __init__(self, queue: DeskQueue, deadline_s: float | None = None) -> None:
        self.queue = queue
        self.waiting = 0
        """Pieces of work that wait for the thread or are in it."""
        self._deadline = deadline_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="racetwin: desk")
        self._questions = ThreadPoolExecutor(1, thread_name_prefix="racetwin: questions")
        self._asked: dict[tuple[Any, ...], asyncio.Future[Advised]] = {}
        self._shared: OrderedDict[Hashable, asyncio.Future[Any]] = OrderedDict()

    async def compute(self, work: Callable[..., T], *args: Any) -> T:
        """Run kernel work in the desk's thread, after what is being worked on."""
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args))
        finally:
            self.waiting -= 1

    async def answer(self, work: Callable[..., T], *args: Any) -> T:
        """Run a viewer's short question in a thread of its own: it must not wait for the plan that is being worked on."""
        return await asyncio.get_running_loop().run_in_executor(self._questions, lambda: work(*args))

    async def once(self, key: Hashable, work: Callable[[], T]) -> T:
        """Answer a viewer's question once for all who ask the same: screens that show the same car ask the same at each lap.

        ``key`` names all that the answer depends on, the state of the race by its hash. A question that failed is asked again.
        """
        answer: asyncio.Future[T] | None = self._shared.get(key)
        if answer is None:
            answer = self._shared[key] = asyncio.ensure_future(self.answer(work))
            answer.add_done_callback(lambda done: self._forget_failed(key, done))
            while len(self._shared) > SHARED:
                self._shared.popitem(last=False)
        else:
            self._shared.move_to_end(key)
        return await asyncio.shield(answer)

    def _forget_failed(self, key: Hashable, done: asyncio.Future[Any]) -> None:
        if (done.cancelled() or done.exception() is not None) and self._shared.get(key) is done:
            del self._shared[key]

    async def ask(self, request: DeskRequest) -> Advised:
        """Return the desk's answer to a request: from memory where it is known, once for all who ask the same."""
        known = self.queue.known(request)
        if known is not None:
            return known
        waiting = self._asked.get(request.key)
        if waiting is None:
            work = self.compute(self.queue.work, request, self._deadline)
            waiting = self._asked[request.key] = asyncio.ensure_future(work)
            waiting.add_done_callback(lambda _: self._asked.pop(request.key, None))
        advised = await asyncio.shield(waiting)
        self.queue.remember(advised)
        return advised

    def close(self) -> None:
        """Let the threads go; what they have not begun is dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._questions.shutdown(wait=False, cancel_futures=True)
