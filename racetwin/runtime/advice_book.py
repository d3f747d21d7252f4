"""What was last said of each followed car: the desk's answer, the advice, and what has overtaken them since."""

from __future__ import annotations

import math
from collections.abc import Mapping

from racetwin.runtime.desk_queue import Advised, DeskQueue
from racetwin.runtime.snapshot import DeskStatus
from racetwin.schemas import DeskAnswer, PitEntered, Recommendation, Retired
from racetwin.strategist.wording import content, reworded


class AdviceBook:
    """Keeps the newest answer and its advice a car; mappings are replaced, never changed, as snapshots hold them."""

    def __init__(self) -> None:
        self.followed: tuple[str, ...] = ()
        self.answers: Mapping[str, DeskAnswer] = {}
        self.advice: Mapping[str, tuple[Recommendation, ...]] = {}
        self._stopped_s: dict[str, float] = {}
        self._given = 0
        self._error: str | None = None
        self._last_s: float | None = None
        self._working: str | None = None

    def clear(self) -> None:
        """Forget what was said: it was of another race."""
        self.answers, self.advice, self._stopped_s = {}, {}, {}

    def follow(self, wanted: tuple[str, ...]) -> list[str]:
        """Keep these cars and no others; returns those that were not followed before."""
        new = [c for c in wanted if c not in self.followed]
        self.followed = wanted
        self.answers = {c: a for c, a in self.answers.items() if c in wanted}
        self.advice = {c: a for c, a in self.advice.items() if c in wanted}
        return new

    def withdraw(self, event: PitEntered | Retired) -> None:
        """Take back what was said to a car that has boxed or retired since: it advises nobody any more."""
        self._stopped_s[event.car_id] = math.inf if isinstance(event, Retired) else event.time_s
        self.answers = {c: a for c, a in self.answers.items() if c != event.car_id}
        self.advice = {c: a for c, a in self.advice.items() if c != event.car_id}

    def accept(self, advised: Advised, race_id: str) -> bool:
        """Take an answer over; False if the car is no longer followed, has boxed since, or has a newer one."""
        answer = advised.answer
        self._working = None
        self._last_s = answer.elapsed_s
        self._error = None
        self._given += 1
        car_id = advised.request.car_id
        old = self.answers.get(car_id)
        if car_id not in self.followed or (old is not None and old.time_s > answer.time_s):
            return False
        if answer.race_id != race_id:
            return False
        if answer.time_s < self._stopped_s.get(car_id, -math.inf):
            return False  # it was asked before the car boxed
        self.recall(car_id, answer, advised.advice)
        return True

    def recall(self, car_id: str, answer: DeskAnswer, advice: tuple[Recommendation, ...]) -> None:
        """Take an answer and its advice as what was last said of a car."""
        self.answers = {**self.answers, car_id: answer}
        self.advice = {**self.advice, car_id: advice}

    def reword(self, car_id: str, worded: Recommendation) -> bool:
        """Show a recommendation in a model's words, or note what became of them; False if it is no longer on show.

        Only texts change: what is advised, how urgent it is and what became of it since stay as they are.
        """
        of_one = self.advice.get(car_id, ())
        key = content(worded)
        changed = tuple(reworded(r, worded) if content(r) == key else r for r in of_one)
        if changed == of_one:
            return False
        self.advice = {**self.advice, car_id: changed}
        return True

    def failed(self, error: Exception) -> None:
        """Note that the desk could not answer; the next trigger asks again."""
        self._working = None
        self._error = f"{type(error).__name__}: {error}"

    def working_on(self, car_id: str | None) -> None:
        """Note which car the desk is busy with."""
        self._working = car_id

    def status(self, queue: DeskQueue) -> DeskStatus:
        """Return what the desk is doing."""
        return DeskStatus(
            state="running" if self._working else ("failed" if self._error else "idle"),
            car_id=self._working,
            answers=self._given,
            superseded=queue.superseded,
            cached=queue.cached,
            last_s=self._last_s,
            error=self._error,
        )
