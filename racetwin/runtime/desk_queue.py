"""What the desk has to work out: one request a car, the newest state wins."""

from __future__ import annotations

import dataclasses
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from racetwin.config import settings
from racetwin.runtime.overload import urgent
from racetwin.schemas import CarTwinState, Checked, DeskAnswer, Recommendation
from racetwin.strategist import Situation, recommend
from racetwin.strategist.calls import call_of
from racetwin.strategist.wording import carried, check_own

if TYPE_CHECKING:
    from racetwin.simulation.state import RaceState

CACHE = 128
"""Answers remembered by what they were computed from."""


Key = tuple[str, str, str, int | None, int | None]


class Desk(Protocol):
    """What the queue needs of a strategy desk; :class:`racetwin.simulation.StrategyDesk` is one."""

    def evaluate(
        self,
        state: RaceState,
        car_id: str,
        objective: str = "points",
        n_races: int | None = None,
        seed: int | None = None,
        deadline_s: float | None = None,
        *,
        kept: Sequence[str] = (),
    ) -> DeskAnswer:
        """Rank the pit plans of a car in a state; those that ``kept`` calls for are raced to the end."""


@dataclass(frozen=True, slots=True)
class DeskRequest:
    """One car in one state; ``reasons`` say what made it worth asking.

    ``kept`` are calls, or plans by label, that the answer must know as well as the best: what stands in the advice.
    """

    car_id: str
    state: RaceState
    state_hash: str
    cars: Mapping[str, CarTwinState]
    reasons: tuple[str, ...]
    objective: str = "points"
    n_races: int | None = None
    seed: int | None = None
    rainfall: bool | None = None
    kept: tuple[str, ...] = ()
    field: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def situation(self) -> Situation:
        """The race as the rules of advice look at it."""
        s = self.state
        return Situation(self.cars, s.lap, s.total_laps, s.track_status, self.rainfall, self.field)

    @property
    def key(self) -> Key:
        """Everything the answer depends on; ``kept`` only says which plans it must know well, see :func:`knows`."""
        return self.state_hash, self.car_id, self.objective, self.n_races, self.seed


@dataclass(frozen=True, slots=True)
class Advised:
    """An answer of the desk and the advice that follows from it and from ``basis``, what had been said before.

    ``answered_at`` is when the desk was done, s of :func:`time.perf_counter`; the advice was worked out after that.
    """

    request: DeskRequest
    answer: DeskAnswer
    advice: tuple[Recommendation, ...]
    basis: tuple[Recommendation, ...] = ()
    answered_at: float = dataclasses.field(default=0.0, compare=False)


def knows(advised: Advised, kept: Sequence[str]) -> bool:
    """Whether an answer has raced the best plan of each of these calls as often as its own best."""
    plans = advised.answer.plans
    full = {name for p in plans if p.n_races == plans[0].n_races for name in (call_of(p), p.plan)}
    return all(call in full or call in advised.request.kept for call in kept)


def advise(answer: DeskAnswer, situation: Situation, said: tuple[Recommendation, ...]) -> tuple[Recommendation, ...]:
    """Return the advice on an answer, each piece with the checker's verdict on its wording."""
    return with_verdicts(recommend(answer, situation, said), situation, said)


def with_verdicts(
    advice: tuple[Recommendation, ...], situation: Situation, said: tuple[Recommendation, ...]
) -> tuple[Recommendation, ...]:
    """Return advice with the checker's verdict on each text that has none yet; what was withdrawn advises nothing.

    Advice that was ``said`` in a model's words keeps them while they hold.
    """
    retired = situation.retired()
    before = {r.id: r for r in said}

    def one(r: Recommendation) -> Recommendation:
        if r.life is not None and r.life.state == "withdrawn":
            return r
        kept = carried(before[r.id], r, retired) if r.id in before else None
        return kept or (r if r.checked is not None else _checked(r, retired))

    return tuple(one(r) for r in advice)


def _checked(r: Recommendation, retired: tuple[str, ...]) -> Recommendation:
    verdict = check_own(r, retired)
    return r.model_copy(update={"checked": Checked(claims=verdict.claims, supported=verdict.supported)})


class DeskQueue:
    """Remembers which cars wait for an answer, and answers; not thread-safe except :meth:`work`.

    ``said`` returns what was last said of a car, for the advice to go on from. Without a ``desk``,
    a :class:`racetwin.simulation.StrategyDesk` is made when it is first needed, where :meth:`work` runs; it answers with so many
    ``races`` from that ``seed`` where a question says nothing else, by that file of ``parameters``.

    An answer is a function of its request alone, so equal requests are answered from memory.
    """

    def __init__(
        self,
        desk: Desk | None = None,
        said: Callable[[str], tuple[Recommendation, ...]] = lambda _: (),
        *,
        races: int | None = None,
        seed: int | None = None,
        parameters: Path | None = None,
    ) -> None:
        self._desk = desk
        self._said = said
        asks: dict[str, Any] = {"races": races, "seed": seed, "parameters": parameters}
        self._asks = {name: value for name, value in asks.items() if value is not None}
        self.superseded = 0
        self.cached = 0
        self._due: OrderedDict[str, DeskRequest] = OrderedDict()
        self._answers: OrderedDict[Key, Advised] = OrderedDict()

    def __len__(self) -> int:
        return len(self._due)

    @property
    def urgent(self) -> bool:
        """Whether something waits that must not wait for long."""
        return any(urgent(request.reasons) for request in self._due.values())

    def put(self, request: DeskRequest) -> None:
        """Queue a request; one of the same car that still waits is replaced and keeps its turn."""
        old = self._due.get(request.car_id)
        if old is not None:
            self.superseded += old.state_hash != request.state_hash
            merged = old.reasons + tuple(r for r in request.reasons if r not in old.reasons)
            request = replace(request, reasons=merged)
        self._due[request.car_id] = request

    def drop(self, keep: tuple[str, ...]) -> None:
        """Forget what waits for cars other than these."""
        for car_id in [c for c in self._due if c not in keep]:
            del self._due[car_id]

    def take(self) -> DeskRequest | None:
        """Return the request that has waited longest, an urgent one first; None if nothing waits."""
        if not self._due:
            return None
        first = next((car for car, request in self._due.items() if urgent(request.reasons)), next(iter(self._due)))
        return self._due.pop(first)

    def known(self, request: DeskRequest) -> Advised | None:
        """Return the remembered answer to an equal request, or None."""
        found = self._answers.get(request.key)
        if found is not None and not knows(found, request.kept):
            return None
        if found is not None:
            self.cached += 1
            self._answers.move_to_end(request.key)
        return found

    @property
    def desk(self) -> Desk:
        """Who ranks the plans."""
        if self._desk is None:
            from racetwin.simulation import StrategyDesk

            self._desk = StrategyDesk(settings().model_copy(update=self._asks))
        return self._desk

    def work(self, request: DeskRequest, deadline_s: float | None = None) -> Advised:
        """Answer a request; touches nothing of the queue, so it may run in a thread of its own."""
        answer = self.desk.evaluate(
            request.state,
            request.car_id,
            objective=request.objective,
            n_races=request.n_races,
            seed=request.seed,
            deadline_s=deadline_s,
            kept=request.kept,
        )
        answered_at = time.perf_counter()
        said = self._said(request.car_id)
        return Advised(request, answer, advise(answer, request.situation, said), said, answered_at)

    def remember(self, advised: Advised) -> None:
        """Keep an answer for equal requests."""
        self._answers[advised.request.key] = advised
        while len(self._answers) > CACHE:
            self._answers.popitem(last=False)
