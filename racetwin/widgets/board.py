"""The race-day board: all panels of one race for one chosen car, drawn together from one snapshot."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any, Literal, Protocol

import ipywidgets
import numpy as np
import numpy.typing as npt

from racetwin.config import settings
from racetwin.errors import RacetwinError
from racetwin.schemas import CarStatus
from racetwin.telemetry.outlines import outline
from racetwin.widgets._panel import Panel, style
from racetwin.widgets.advice import AdvicePanel
from racetwin.widgets.asking import Asker
from racetwin.widgets.deck import Deck
from racetwin.widgets.page import asked_car
from racetwin.widgets.plans import PlansPanel, plan_families
from racetwin.widgets.rejoin import RejoinPanel
from racetwin.widgets.rivals import RivalsPanel
from racetwin.widgets.scenario import ScenarioBench
from racetwin.widgets.status import StatusPanel
from racetwin.widgets.tower import TimingTower
from racetwin.widgets.trace import RaceTrace
from racetwin.widgets.track import TrackMap
from racetwin.widgets.tyres import TyrePanel
from racetwin.widgets.verdict import VerdictStrip
from racetwin.widgets.window import PitWindow

if TYPE_CHECKING:
    from collections.abc import Callable

    from racetwin.runtime.snapshot import RaceSnapshot
    from racetwin.schemas import Rejoin, WhatIf

ERRORS_KEPT = 100
VIEWS = {
    "trace": "Race trace",
    "window": "Pit window",
    "rivals": "Rivals",
    "tyres": "Tyres",
    "scenario": "What if",
    "track": "Track",
}
"""Panels that share one place; the map has one of its own where the screen is wide enough."""
OUTLINE_POINTS = 256
"""Points of a circuit on the map: finer than its pixels."""


class Live(Protocol):
    """What the board needs of a live race; :class:`racetwin.runtime.live.LiveRace` has it."""

    @property
    def snapshot(self) -> RaceSnapshot | None:
        """The newest snapshot."""

    def subscribe(self, callback: Callable[[RaceSnapshot], None]) -> Callable[[], None]:
        """Call back with each new snapshot, from one background thread."""

    def follow(self, car_id: str) -> None:
        """Ask for plans and advice of this car from now on."""

    def touch(self) -> None:
        """Say that somebody is looking."""

    def at(self, lap: int) -> RaceSnapshot:
        """Return what was known when the leader had completed that many laps."""

    def pit_window(self, car_id: str) -> tuple[Rejoin, ...]:
        """Return the rejoin for a stop on each of the coming laps under green, VSC and SC; may take a while."""

    def what_if(self, car_id: str, lever: str) -> WhatIf:
        """Ask what would be best if one thing were different; may take a while."""


class _Strip(VerdictStrip):
    """The verdict strip that also brings the board's own style sheet into the page."""

    _css = style("verdict", "board")


class RaceDayBoard(ipywidgets.Box):  # type: ignore[misc]
    """The pit wall on one screen: verdict, timing, rejoin, plans, advice, race trace, race control.

    Choose another car in the tower, in the list beside the verdict, with the arrow keys, or with :meth:`choose`: all panels
    follow. Every picture shows one instant: all panels are drawn from the same snapshot, one after the other, under a lock.

    Hold the screen with the space bar, go back and forth a lap with ← and →, return to the race with Escape: only this screen
    stands still, the race and every other screen go on, and the strip says so.

    Parameters
    ----------
    live
        A started or startable :class:`~racetwin.runtime.live.LiveRace`.
    car_id
        The car to begin with; default: the one that the page's address names (``?car=44``), else whoever leads the first
        picture.
    theme
        ``'dark'`` or ``'light'``.

    Examples
    --------
    >>> live = LiveRace.auto().start()  # doctest: +SKIP
    >>> RaceDayBoard(live)  # doctest: +SKIP
    """

    def __init__(self, live: Live, car_id: str | None = None, *, theme: Literal["dark", "light"] = "dark") -> None:
        self.verdict = _Strip()
        self.tower = TimingTower()
        self.rejoin = RejoinPanel()
        self.plans = PlansPanel()
        self.advice = AdvicePanel()
        self.trace = RaceTrace()
        self.window = PitWindow()
        self.rivals = RivalsPanel()
        self.tyres = TyrePanel()
        self.scenario = ScenarioBench()
        self.track = TrackMap()
        self.deck = Deck()
        self.status = StatusPanel()
        areas: dict[str, Panel] = {
            "verdict": self.verdict,
            "tower": self.tower,
            "rejoin": self.rejoin,
            "plans": self.plans,
            "advice": self.advice,
            "deck": self.deck,
            "trace": self.trace,
            "window": self.window,
            "rivals": self.rivals,
            "tyres": self.tyres,
            "scenario": self.scenario,
            "track": self.track,
            "status": self.status,
        }
        for name, panel in areas.items():
            panel.add_class(f"rt-area-{name}")
            panel.on_choice(self._act)
        self.panels = areas
        self.deck.offer(VIEWS)
        grid = ipywidgets.Box(children=tuple(areas.values()))
        grid.add_class("rt-board-grid")
        super().__init__(children=(grid,))
        self.add_class("rt-board")

        self._live = live
        self._car_id = car_id = car_id or asked_car()
        self._circuit: str | None = None
        self._asker = Asker()
        self._window_of: tuple[str, int] | None = None
        self._held: RaceSnapshot | None = None
        self._lock = threading.RLock()
        self.errors: list[Exception] = []
        self.theme = theme
        if car_id is not None:
            live.follow(car_id)
        self._unsubscribe = live.subscribe(_draw_while_alive(self))
        if live.snapshot is not None:
            self.draw(live.snapshot)

    @property
    def car_id(self) -> str | None:
        """The chosen car."""
        return self._car_id

    @property
    def theme(self) -> str:
        """``'dark'`` or ``'light'``, for all panels."""
        return str(self.verdict.theme)

    @theme.setter
    def theme(self, value: str) -> None:
        for panel in self.panels.values():
            panel.theme = value
        (self.add_class if value == "light" else self.remove_class)("rt-light")

    def choose(self, car_id: str) -> None:
        """Make another car ours: plans and advice are asked for it, and every panel follows."""
        with self._lock:
            if car_id == self._car_id:
                return
            self._car_id = car_id
            self._live.follow(car_id)
            snapshot = self._held or self._live.snapshot
            if snapshot is not None:
                self._draw(snapshot)

    def step(self, places: int) -> None:
        """Choose the car that many places behind (negative: ahead of) ours."""
        snapshot = self._live.snapshot
        if snapshot is None:
            return
        order = [c.car_id for c in snapshot.order if c.status is not CarStatus.RETIRED]
        if not order:
            return
        here = order.index(self._car_id) if self._car_id in order else 0
        self.choose(order[min(max(here + places, 0), len(order) - 1)])

    @property
    def held(self) -> int | None:
        """Lap at which this screen stands still, None while it follows the race."""
        return None if self._held is None else self._held.lap

    def hold(self, lap: int | None = None) -> None:
        """Let this screen stand still: at what it shows, or at what was known when the leader had completed ``lap`` laps."""
        if lap is None:
            with self._lock:
                self._held = self._held or self._live.snapshot
                if self._held is not None:
                    self._draw(self._held)
            return
        wanted = max(1, lap)

        def show(found: RaceSnapshot) -> None:
            with self._lock:
                self._held = found
                self._draw(found)

        self._asker.ask("history", lambda: self._live.at(wanted), show, self._not_answered)

    def release(self) -> None:
        """Follow the race again."""
        with self._lock:
            self._held = None
            if self._live.snapshot is not None:
                self._draw(self._live.snapshot)

    def _step_laps(self, laps: int) -> None:
        """Go back or forth from the last lap that this screen's instant knows to be complete; past the newest, to the race."""
        snapshot, live = self._held or self._live.snapshot, self._live.snapshot
        if snapshot is None or live is None:
            return
        wanted = snapshot.lap - 1 + laps
        if self._held is not None and wanted >= live.lap - 1:
            self.release()
        else:
            self.hold(wanted)

    def draw(self, snapshot: RaceSnapshot) -> None:
        """Draw one instant on all panels; what goes wrong is kept in ``errors`` and raised, so that no test misses it.

        While the screen is held nothing is drawn.
        """
        with self._lock:
            if self._held is not None:
                return
            try:
                self._draw(snapshot)
            except Exception as error:
                self.errors[ERRORS_KEPT - 1 :] = []
                self.errors.append(error)
                raise

    def _draw(self, snapshot: RaceSnapshot) -> None:
        if not snapshot.order:
            return
        if self._car_id is None or snapshot.car(self._car_id) is None:
            racing = [c for c in snapshot.order if c.status is not CarStatus.RETIRED]
            self._car_id = (racing or snapshot.order)[0].car_id
            self._live.follow(self._car_id)
        car = self._car_id
        self.verdict.show(snapshot, car, held=self.held)
        self.tower.show(snapshot, car)
        self.rejoin.show(snapshot, car)
        self.plans.show(snapshot, car)
        self.advice.show(snapshot, car)
        self.trace.show(snapshot, car)
        self.rivals.show(snapshot, car)
        self.tyres.show(snapshot, car)
        self.scenario.offer(snapshot, car)
        self._show_track(snapshot, car)
        self._show_window(snapshot, car)
        self.status.show(snapshot, car)

    def _show_track(self, snapshot: RaceSnapshot, car_id: str) -> None:
        if snapshot.info.circuit_id != self._circuit:
            self._circuit = snapshot.info.circuit_id
            self.track.draw_outline(_outline(self._circuit) if self._circuit else None)
        self.track.show(snapshot, car_id)

    def _show_window(self, snapshot: RaceSnapshot, car_id: str) -> None:
        """Have the pit window worked out once for each new answer; until it is there the old one would mislead."""
        answer = snapshot.answers.get(car_id)
        if answer is None:
            if self._window_of is not None and self._window_of[0] != car_id:
                self._window_of = None
                self.window.show_window(())
            return
        if self._window_of == (car_id, answer.lap):
            return
        if self._window_of is None or self._window_of[0] != car_id:
            self.window.show_window(())
        self._window_of = wanted = (car_id, answer.lap)
        names = {c.car_id: c.driver or c.car_id for c in snapshot.order}
        car = snapshot.car(car_id)
        families = plan_families(answer.plans, 1)

        def show(found: tuple[Rejoin, ...]) -> None:
            with self._lock:
                if self._window_of == wanted:
                    self.window.show_window(
                        found,
                        names,
                        position=car.position if car else None,
                        best=families[0][1] if families else None,
                    )

        self._asker.ask("window", lambda: self._live.pit_window(car_id), show, self._not_answered)

    def ask(self, lever: str) -> None:
        """Ask what would be best for our car with one thing changed (``"sc@31"``); the bench shows the answer."""
        with self._lock:
            car_id = self._car_id
            if car_id is None:
                return
            self.scenario.show_asked(lever)

        def show(found: WhatIf) -> None:
            with self._lock:
                if self._car_id == car_id:
                    self.scenario.show_answer(found)

        def refuse(error: Exception) -> None:
            with self._lock:
                self.scenario.show_error(str(error))
            self._not_answered(error)

        self._asker.ask("what if", lambda: self._live.what_if(car_id, lever), show, refuse)

    def _not_answered(self, error: Exception) -> None:
        """Keep what should not happen; a question that makes no sense now (a car that is out) is no error of ours."""
        if not isinstance(error, RacetwinError):
            self.errors.append(error)

    def settle(self, timeout: float | None = None) -> None:
        """Wait until the questions asked so far have been answered."""
        self._asker.join(timeout)

    def _act(self, message: dict[str, Any]) -> None:
        """Do what a viewer asked for: in the kernel's main thread."""
        self._live.touch()
        if "choose" in message:
            self.choose(str(message["choose"]))
        elif "step" in message:
            self.step(int(message["step"]))
        elif "lever" in message:
            self.ask(str(message["lever"]))
        elif message.get("hold"):
            self.release() if self._held is not None else self.hold()
        elif "laps" in message:
            self._step_laps(int(message["laps"]))
        elif message.get("live"):
            self.release()
        elif message.get("toggle") == "theme":
            self.theme = "light" if self.theme == "dark" else "dark"

    def close(self) -> None:
        """Stop drawing and free the panels."""
        self._unsubscribe()
        self._asker.close()
        super().close()

    def __repr__(self) -> str:
        """Name the board, the same each run."""
        return "RaceDayBoard()"


def _outline(circuit_id: str) -> npt.NDArray[np.float64] | None:
    """Points of a circuit, equally spaced in time as lap fractions are; None where its real shape is not at hand."""
    shape = outline(circuit_id, settings())
    if shape.generated:
        return None
    every = slice(None, None, max(1, len(shape.x_m) // OUTLINE_POINTS))
    return np.column_stack([shape.x_m[every], shape.y_m[every]])


def _draw_while_alive(board: RaceDayBoard) -> Callable[[RaceSnapshot], None]:
    """Draw on the board as long as somebody holds it: a subscription must not be what keeps a closed page's board alive."""
    held = weakref.ref(board)

    def draw(snapshot: RaceSnapshot) -> None:
        found = held()
        if found is not None:
            found.draw(snapshot)

    return draw
