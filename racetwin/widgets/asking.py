"""Questions that take longer than a picture may: asked in a thread of their own, the newest of each kind only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Asker:
    """Runs questions one after the other in a background thread; a newer one of the same kind replaces one that waits.

    The thread ends by itself when there is nothing more to ask, so nothing is left behind by a board that is gone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[Callable[[], Any], Callable[[Any], None], Callable[[Exception], None]]] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def ask(
        self, kind: str, question: Callable[[], Any], then: Callable[[Any], None], failed: Callable[[Exception], None]
    ) -> None:
        """Have ``question()`` answered soon; its result goes to ``then``, an exception to ``failed``."""
        with self._lock:
            if self._closed:
                return
            self._waiting[kind] = (question, then, failed)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="racetwin: questions of the board", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                question, then, failed = self._waiting.pop(next(iter(self._waiting)))
            try:
                then(question())
            except Exception as error:
                failed(error)

    def join(self, timeout: float | None = None) -> None:
        """Wait until everything asked so far has been answered."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def close(self) -> None:
        """Forget what waits and take no more questions."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
