"""What an engine asks its desk, and what it keeps of the answers.

The questions are about the race as the twins see it at that moment; the state that each is asked with is made here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from racetwin.errors import InputError
from racetwin.runtime.advice_book import AdviceBook
from racetwin.runtime.desk_queue import Advised, Desk, DeskQueue, DeskRequest
from racetwin.runtime.race_view import RaceView
from racetwin.runtime.snapshot import RaceInfo
from racetwin.runtime.triggers import CarsBehind, PitWindows, reasons_for
from racetwin.schemas import CarStatus, DeskAnswer, RaceEvent, Recommendation, Retired, TelemetryFrame
from racetwin.strategist import Situation
from racetwin.strategist.life import Action, standing
from racetwin.strategist.situation import call_sign

if TYPE_CHECKING:
    from racetwin.simulation.parameters import RaceParameters
    from racetwin.simulation.state import RaceState
    from racetwin.twins import RaceTwin


class EnginePlans:
    """Plans and advice: the part of :class:`racetwin.runtime.engine.RaceEngine` that asks the desk. The engine has the race."""

    info: RaceInfo
    twin: RaceTwin | None
    frame: TelemetryFrame | None
    _view: RaceView

    def __init__(
        self, desk: Desk | None, *, races: int | None, seed: int | None, objective: str, parameters: Path | None
    ) -> None:
        self.parameter_file = parameters
        self._ask: dict[str, Any] = {"objective": objective, "n_races": races, "seed": seed}
        self.book = AdviceBook()
        """What was last said of each car."""
        self.queue = DeskQueue(
            desk, lambda car_id: self.book.said(car_id), races=races, seed=seed, parameters=parameters
        )
        self._windows = PitWindows()
        self._cars_behind = CarsBehind()

    def forget_plans(self) -> None:
        """Let go of everything that was asked and said: another race begins."""
        self.book.clear()
        self._windows = PitWindows()
        self._cars_behind = CarsBehind()
        self.queue.drop(())

    def ask_about(self, events: tuple[RaceEvent, ...], before: Mapping[str, int | None]) -> None:
        """Ask for a new plan of each followed car that these events give a reason for; ``before`` are the positions so far."""
        for car_id in self.followed:
            reasons = reasons_for(car_id, events, before)
            if self.twin is not None:
                loss_s, _ = self.twin.stop_losses.expected_s(self.twin.parameters)
                if self._cars_behind.is_known(car_id, events, loss_s):
                    reasons = (*reasons, "cars behind have crossed the line")
            # A car near or far that is out must not stand in the advice for as much as a lap.
            out = {e.car_id: f"car {e.car_id} is out" for e in events if isinstance(e, Retired)}
            named = (why for other, why in out.items() if self.book.names(car_id, self._call_sign(other)))
            reasons = tuple(dict.fromkeys((*reasons, *named)))
            if reasons:
                self._view.refresh(self.twin)
                state = self._view.cars.get(car_id)
                if state is not None and self._windows.opens(state):
                    reasons = (*reasons, "pit window opens")
                self.request(car_id, *reasons)

    def _call_sign(self, car_id: str) -> str:
        return call_sign(car_id, self._view.cars)

    def situation(self) -> Situation | None:
        """The race as the rules of advice look at it, now."""
        if self.twin is None or self.info.total_laps is None:
            return None
        self._view.refresh(self.twin)
        return Situation(
            self._view.cars,
            self._view.leader_laps,
            self.info.total_laps,
            self.twin.track_status,
            self.twin.rainfall,
            self._view.field,
        )

    @property
    def parameters(self) -> RaceParameters:
        """Numbers of the race model that twins and desk go by; for a race that has begun."""
        if self.twin is None or self.frame is None:
            raise InputError("no frame has come in yet; there is no race")
        return self.twin.parameters

    @property
    def waiting(self) -> int:
        """Cars that wait for an answer of the desk."""
        return len(self.queue)

    @property
    def followed(self) -> tuple[str, ...]:
        """The cars whose plans are kept."""
        return self.book.followed

    def follow(self, cars: str | Iterable[str]) -> None:
        """Keep plans and advice of these cars, and of no others; a car not followed before is asked for at once."""
        wanted = (cars,) if isinstance(cars, str) else tuple(dict.fromkeys(cars))
        self.queue.drop(wanted)
        for car_id in self.book.follow(wanted):
            self.request(car_id, "asked")

    def request(self, car_id: str, *reasons: str) -> bool:
        """Queue a plan of ``car_id`` in the present state; False if there is nothing to plan for it."""
        request = self.prepare(car_id, *reasons)
        if request is not None:
            self.queue.put(request)
        return request is not None

    def prepare(self, car_id: str, *reasons: str, **other: Any) -> DeskRequest | None:
        """Return the question to the desk for ``car_id`` in the present state, None if there is nothing to plan.

        ``other`` overrides what the desk is asked with: ``objective``, ``n_races``, ``seed``, or the ``state`` (what if?).
        """
        if not self.can_plan(car_id):
            return None
        assert self.twin is not None
        self._view.refresh(self.twin)
        asked = {**self._ask, **other}
        state = asked.pop("state", None) or self.twin.race_state()
        return DeskRequest(
            car_id=car_id,
            state=state,
            state_hash=state.hash(),
            cars=self._view.cars,
            reasons=reasons or ("asked",),
            rainfall=self.twin.rainfall,
            kept=self._kept(car_id),
            field=self._view.field,
            **asked,
        )

    def _kept(self, car_id: str) -> tuple[str, ...]:
        """Return the call that stands in the advice to a car: the answer must know it as well as its best plan."""
        stop = standing(self.book.said(car_id), "stop")
        return (stop.life.call,) if stop is not None and stop.life is not None else ()

    def present_state(self, car_id: str) -> RaceState:
        """Return the race as the twins see it now, for a question about a car.

        Raises
        ------
        InputError
            If the car is not in this race, or has no laps left to plan.
        """
        if self.twin is None or not self.can_plan(car_id):
            raise InputError(f"car_id: {car_id!r} has no laps left to plan, or is not in this race")
        return self.twin.race_state()

    def question_state(self, car_id: str) -> RaceState:
        """Return the race that a question about a car's plans starts from: that of the plans on show, else the present one.

        What is asked is asked of what is seen, and the desk knows that race already. Plans of another lap, under another status
        of the track or on another wetness are of the past. Raises as :meth:`present_state` does.
        """
        now, shown = self.present_state(car_id), self.book.planned(car_id)
        return now if shown is None or _conditions(shown) != _conditions(now) else shown

    def can_plan(self, car_id: str) -> bool:
        """Whether the car is known, still in the race, and has at least a lap to plan for."""
        if self.twin is None or self.frame is None or car_id not in self.twin.cars:
            return False
        total = self.info.total_laps
        if total is None or self._view.leader_laps >= total:
            return False
        return self.twin.cars[car_id].status not in (CarStatus.RETIRED, CarStatus.FINISHED)

    def accept(self, advised: Advised) -> bool:
        """Take an answer over into the snapshots; False if the car is no longer followed or has a newer one."""
        self.queue.remember(advised)
        return self.book.accept(advised, self.info.race_id)

    @property
    def answers(self) -> Mapping[str, DeskAnswer]:
        """The desk's newest answer, by followed car."""
        return self.book.answers

    @property
    def advice(self) -> Mapping[str, tuple[Recommendation, ...]]:
        """Advice on show, by followed car; another mapping whenever any of it has changed."""
        return self.book.advice

    def decide(self, advice_id: str, action: Action, by: str = "strategist") -> Recommendation:
        """Note that a strategist accepts, rejects, pins, unpins or reopens a piece of advice; returns it as it is then."""
        return self.book.decide(advice_id, action, by, self.situation())

    def settle(self) -> tuple[Advised, ...]:
        """Do all waiting desk work now, in this thread: how a replay on its own clock keeps the desk in step."""
        done: list[Advised] = []
        while (request := self.queue.take()) is not None:
            advised = self.queue.known(request) or self.queue.work(request)
            self.accept(advised)
            done.append(advised)
        return tuple(done)


def _conditions(state: RaceState) -> tuple[int, str, float]:
    """Return what plans are made for: the lap, the status of the track, and how wet it is."""
    return state.lap, state.track_status, state.wetness
