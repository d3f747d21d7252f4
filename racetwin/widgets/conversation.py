"""What a board asks and tells for its viewer: each question in a thread of its own, its answer on the panel it belongs to."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from racetwin.errors import RacetwinError
from racetwin.widgets.our_plan import Followed, OurPlan, ours_of

if TYPE_CHECKING:
    import threading

    from racetwin.schemas import Deliberation, DeskReply, PlannedStop, PlanTrial
    from racetwin.strategist.life import Action
    from racetwin.widgets.advice import AdvicePanel
    from racetwin.widgets.asking import Asker
    from racetwin.widgets.desk import DeskPanel
    from racetwin.widgets.instant import ShownInstant
    from racetwin.widgets.live_face import Live
    from racetwin.widgets.scenario import ScenarioBench

T = TypeVar("T")


class Answers(Protocol):
    """A panel that a question is asked from."""

    def show_asked(self, asked: str, /) -> None:
        """Say that the answer is being worked out."""

    def show_error(self, text: str, /) -> None:
        """Say why there is none."""


class AsksTheDesk:
    """The part of a board that asks about its car; the board has the parts named here."""

    scenario: ScenarioBench
    desk: DeskPanel
    advice: AdvicePanel
    errors: list[Exception]
    _live: Live
    _lock: threading.RLock
    _car_id: str | None
    _followed: dict[str, Followed]
    _asker: Asker
    _patient: Asker
    _instant: ShownInstant
    _turns: dict[str, int]

    @property
    def our_plan(self) -> OurPlan | None:
        """The plan that every panel takes for ours: the one that we follow, else the call that stands."""
        snapshot, car_id = self._instant.snapshot, self._car_id
        return ours_of(snapshot, car_id, self._followed.get(car_id)) if snapshot is not None and car_id else None

    def ask(self, lever: str) -> None:
        """Ask what would be best for our car with something changed (``"sc@31"``); the bench shows the answer."""
        bench, live = self.scenario, self._live
        self._ask("bench", lever, bench, lambda car: live.what_if(car, self._to_come(lever)), bench.show_answer)

    def _to_come(self, lever: str) -> str:
        """Return a lever with what was to happen on a lap that is over by now happening on the one being driven."""
        newest = self._live.newest
        return lever if newest is None else re.sub(r"@(\d+)", lambda m: f"@{max(int(m[1]), newest.lap)}", lever)

    def try_plan(self, stops: Sequence[PlannedStop], lever: str | None = None) -> None:
        """Race a plan of our own (with ``lever``, in the race as that makes it) beside the one at hand, on the bench."""
        ours, bench, live = self.our_plan, self.scenario, self._live
        if ours is not None:
            against = ours.stops
            asked = lever or "your plan"

            def race(car: str) -> PlanTrial:
                return live.try_plan(car, stops, against, lever=lever and self._to_come(lever))

            self._ask("bench", asked, bench, race, bench.show_trial)

    def deliberate(self, kind: str, aim: str) -> None:
        """Ask the desk what takes longer than a ranking: see :meth:`racetwin.runtime.live.LiveRace.deliberate`."""
        wanted = cast("Deliberation", kind)  # what is none is refused where it is answered

        def show(found: DeskReply) -> None:
            if self._instant.snapshot is not None:
                self.desk.show_answer(found, self._instant.snapshot)

        self._ask("desk", kind, self.desk, lambda car: self._live.deliberate(car, wanted, aim), show)

    def follow_up(self, question: str) -> None:
        """Ask a follow-up about the call of our car; the advice panel shows the answer."""
        self._ask("follow-up", question, self.advice, lambda car: self._live.ask(car, question), self.advice.show_reply)

    def _ask(
        self, kind: str, asked: str, panel: Answers, question: Callable[[str], T], show: Callable[[T], None]
    ) -> None:
        """Ask about our car in the asking thread; a newer question of a kind takes the place of one that waits.

        The answer is shown if the car is still ours when it comes, and nothing was asked or put away meanwhile.
        """
        with self._lock:
            car_id = self._car_id
            if car_id is None:
                return
            turn = self._turns[kind] = self._turns.get(kind, 0) + 1
            why_not = self._instant.why_not_now(car_id)
            panel.show_asked(asked)
            if why_not is not None:
                panel.show_error(why_not)
                return

        def then(found: T) -> None:
            with self._lock:
                if self._car_id == car_id and self._turns[kind] == turn:
                    show(found)

        def failed(error: Exception) -> None:
            with self._lock:
                if self._car_id == car_id and self._turns[kind] == turn:
                    panel.show_error(str(error))
            self._not_answered(error)

        # What takes a second must not hold up a lever that is let go of meanwhile.
        asker = self._patient if kind == "desk" else self._asker
        asker.ask(kind, lambda: question(car_id), then, failed)

    def _not_answered(self, error: Exception) -> None:
        """Keep what should not happen; a question that makes no sense now (a car that is out) is no error of ours."""
        if not isinstance(error, RacetwinError) and all(error is not kept for kept in self.errors):
            self.errors.append(error)

    def settle(self, timeout: float | None = None) -> None:
        """Wait until the questions asked so far have been answered."""
        self._asker.join(timeout)
        self._patient.join(timeout)

    def decide(self, advice_id: str, action: str) -> None:
        """Accept, reject, pin, unpin or reopen a piece of advice; what comes of it is drawn with the next snapshot."""

        def refuse(error: Exception) -> None:
            with self._lock:
                self.advice.show_refusal(action.capitalize(), str(error))
            self._not_answered(error)

        wanted = cast("Action", action)  # what is none is refused where it is carried out
        self._asker.ask(f"decision {advice_id}", lambda: self._live.decide(advice_id, wanted), lambda _: None, refuse)
