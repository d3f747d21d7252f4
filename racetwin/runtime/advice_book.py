"""What was last said of each followed car: the desk's answer, the advice, and what has overtaken them since."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from racetwin.runtime.desk_queue import Advised, DeskQueue, advise, with_verdicts
from racetwin.runtime.snapshot import DeskStatus
from racetwin.schemas import DeskAnswer, PitEntered, Recommendation, Retired
from racetwin.strategist import Situation
from racetwin.strategist.claims import cars_in
from racetwin.strategist.life import Action, boxed, decide
from racetwin.strategist.rules import refresh
from racetwin.strategist.wording import content, reworded

if TYPE_CHECKING:
    from racetwin.simulation.state import RaceState


class AdviceBook:
    """Keeps the newest answer and the advice a car, with its life; mappings are replaced, never changed, as snapshots hold them.

    What was said to a car is remembered when nobody follows it any more, so that what a strategist accepted, rejected or pinned
    is still so when somebody looks again.
    """

    def __init__(self) -> None:
        self.followed: tuple[str, ...] = ()
        self.answers: Mapping[str, DeskAnswer] = {}
        self.advice: Mapping[str, tuple[Recommendation, ...]] = {}
        self._said: dict[str, tuple[Recommendation, ...]] = {}
        self._planned: dict[str, RaceState] = {}
        self._changes: dict[str, tuple[str, ...]] = {}
        self._stopped_s: dict[str, float] = {}
        self._given = 0
        self._error: str | None = None
        self._last_s: float | None = None
        self._working: str | None = None

    def clear(self) -> None:
        """Forget what was said: it was of another race."""
        self.answers, self.advice, self._said, self._stopped_s = {}, {}, {}, {}
        self._changes.clear()
        self._planned.clear()

    def follow(self, wanted: tuple[str, ...]) -> list[str]:
        """Keep these cars and no others; returns those that were not followed before."""
        new = [c for c in wanted if c not in self.followed]
        self.followed = wanted
        self.answers = {c: a for c, a in self.answers.items() if c in wanted}
        self.advice = {c: a for c, a in self.advice.items() if c in wanted}
        return new

    def planned(self, car_id: str) -> RaceState | None:
        """Return the race that the newest answer about a car is of, if there is one and it was worked out here."""
        return self._planned.get(car_id)

    def names(self, car_id: str, driver: str) -> bool:
        """Whether the advice on show to a car rests on a fact that names a driver."""
        return any(driver in cars_in(f.text) for r in self.advice.get(car_id, ()) for f in r.facts)

    def said(self, car_id: str) -> tuple[Recommendation, ...]:
        """Return what was last said of a car, followed or not."""
        return self._said.get(car_id, ())

    def everything(self) -> Mapping[str, tuple[Recommendation, ...]]:
        """Return what was last said of every car, followed or not."""
        return dict(self._said)

    def take_changes(self) -> Mapping[str, tuple[str, ...]]:
        """Return the cars whose advice changed since the last call, and why: what belongs in a journal."""
        changes, self._changes = self._changes, {}
        return changes

    def withdraw(self, event: PitEntered | Retired) -> None:
        """Take back what was said to a car that has boxed or retired since: it advises nobody any more."""
        car_id = event.car_id
        self._stopped_s[car_id] = math.inf if isinstance(event, Retired) else event.time_s
        self.answers = {c: a for c, a in self.answers.items() if c != car_id}
        self._planned.pop(car_id, None)
        if self._said.get(car_id):
            gone = () if isinstance(event, Retired) else boxed(self._said[car_id], event.lap)
            self._say(car_id, gone, event.kind)

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
        said = self._said.get(car_id, ())
        if any(r.lap > answer.lap for r in said):
            return False  # another engine, which this one stands by, is a lap on
        self.answers = {**self.answers, car_id: answer}
        self._planned[car_id] = advised.request.state
        if old is not None and said and old.receipt == answer.receipt:
            self.advice = {**self.advice, car_id: said}  # the same answer once more is no new evidence
        else:
            # Worked out beside the event loop, unless something was said in between.
            same = advised.basis == said
            advice = advised.advice if same else advise(answer, advised.request.situation, said)
            self._say(car_id, advice, *advised.request.reasons)
        return True

    def refresh(self, car_id: str, situation: Situation) -> None:
        """Look at the advice that hangs on gaps again, after the car behind has crossed the line, too."""
        answer, said = self.answers.get(car_id), self._said.get(car_id, ())
        if answer is None or not said:
            return
        fresh = with_verdicts(refresh(answer, situation, said), situation, said)
        if fresh != said:
            self._say(car_id, fresh, "gap timed")

    def decide(self, advice_id: str, action: Action, by: str, situation: Situation | None) -> Recommendation:
        """Note what a strategist does with a piece of advice; a call that is rejected makes way for the next best at once."""
        car_id = advice_id.partition("-")[0]
        said = decide(self._said.get(car_id, ()), advice_id, action, by)
        decided = next(r for r in said if r.id == advice_id)
        answer = self.answers.get(car_id)
        if action == "reject" and decided.kind == "stop" and answer is not None and situation is not None:
            said = advise(answer, situation, said)
        self._say(car_id, said, f"{action} by {by}")
        return decided

    def recall(self, car_id: str, answer: DeskAnswer | None, advice: tuple[Recommendation, ...]) -> None:
        """Take an answer (None: it was overtaken) and the advice as what was last said of a car."""
        self._said[car_id] = advice
        if car_id in self.followed:
            if answer is not None:
                self.answers = {**self.answers, car_id: answer}
                self._planned.pop(car_id, None)
            self.advice = {**self.advice, car_id: advice}

    def adopt(self, car_id: str, advice: tuple[Recommendation, ...]) -> None:
        """Go on from what another engine has said of a car."""
        self._say(car_id, advice, "said by the first engine")

    def _say(self, car_id: str, advice: tuple[Recommendation, ...], *reasons: str) -> None:
        self._said[car_id] = advice
        self._changes[car_id] = (*self._changes.get(car_id, ()), *reasons)
        rest = {c: a for c, a in self.advice.items() if c != car_id}
        self.advice = {**rest, car_id: advice} if advice and car_id in self.followed else rest

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
        self._said[car_id] = changed
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
