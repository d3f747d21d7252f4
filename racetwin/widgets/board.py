"""The race-day board: all panels of one race for one chosen car, drawn together from one snapshot."""

from __future__ import annotations

import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import ipywidgets

from racetwin.schemas import CarStatus
from racetwin.widgets._panel import Panel, style
from racetwin.widgets.acts import act
from racetwin.widgets.advice import AdvicePanel
from racetwin.widgets.asking import Asker
from racetwin.widgets.conversation import AsksTheDesk
from racetwin.widgets.deck import Deck
from racetwin.widgets.desk import DeskPanel
from racetwin.widgets.instant import ShownInstant
from racetwin.widgets.live_face import Live
from racetwin.widgets.our_plan import Followed, OurPlan, ours_of, stops_made
from racetwin.widgets.page import asked_car, asked_theme
from racetwin.widgets.pit_entry import PitEntry
from racetwin.widgets.plans import PlansPanel, stop_window
from racetwin.widgets.questions import BoardQuestions
from racetwin.widgets.race_over import words_if_over
from racetwin.widgets.rejoin import RejoinPanel
from racetwin.widgets.rivals import RivalsPanel
from racetwin.widgets.scenario import ScenarioBench
from racetwin.widgets.status import StatusPanel
from racetwin.widgets.system import SystemPanel
from racetwin.widgets.timeline import Timeline
from racetwin.widgets.tower import TimingTower
from racetwin.widgets.trace import RaceTrace
from racetwin.widgets.track import TrackMap, circuit_points
from racetwin.widgets.tyres import TyrePanel
from racetwin.widgets.verdict import VerdictStrip
from racetwin.widgets.window import PitWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from racetwin.runtime.channel import Link
    from racetwin.runtime.snapshot import RaceSnapshot

ERRORS_KEPT = 100
VIEWS = {
    "trace": "Race trace",
    "window": "Pit window",
    "rivals": "Rivals",
    "tyres": "Tyres",
    "scenario": "What if",
    "desk": "Desk",
    "system": "System",
    "track": "Track",
}
"""Panels that share one place; the map has one of its own where the screen is wide enough."""


class _Strip(VerdictStrip):
    """The verdict strip that also brings the board's own style sheet into the page."""

    _css = style("verdict", "board")


class RaceDayBoard(AsksTheDesk, ipywidgets.Box):  # type: ignore[misc]  # ipywidgets has no types
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
        self.desk = DeskPanel()
        self.track = TrackMap()
        self.deck = Deck()
        self.status = StatusPanel()
        self.system = SystemPanel()
        self.clock = Timeline()
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
            "desk": self.desk,
            "track": self.track,
            "status": self.status,
            "system": self.system,
            "clock": self.clock,
        }
        for name, panel in areas.items():
            panel.add_class(f"rt-area-{name}")
            panel.on_choice(self._act)
        self.panels = areas
        self._endings: list[Callable[[], object]] = []
        self.deck.offer(VIEWS)
        grid = ipywidgets.Box(children=tuple(areas.values()))
        grid.add_class("rt-board-grid")
        super().__init__(children=(grid,))
        self.add_class("rt-board")

        self._live = live
        self._car_id = car_id = car_id or asked_car()
        self._circuit: str | None = None
        self._reference: str | None = None
        self._asked_for = False
        self._followed: dict[str, Followed] = {}
        self._lock = threading.RLock()
        self._page_takes_bundles = False
        self.on_msg(self._hear_page)
        self.errors: list[Exception] = []
        self._asker = Asker()
        self._patient = Asker()
        self._turns: dict[str, int] = {}
        self._pit_entry = PitEntry()
        self._instant = ShownInstant(live, self._asker, self._redraw, self._not_answered)
        self._questions = BoardQuestions(live, self._asker, self._redraw, self._not_answered, self._instant.known_at)
        self.theme = theme
        if car_id is not None:
            live.follow(car_id)
        unsubscribe = live.subscribe(while_alive(self, RaceDayBoard.draw))
        unlink = live.on_link(while_alive(self, RaceDayBoard.show_link))
        # Jupyter keeps every widget that is not closed, and the panels know the board: they are closed with it.
        self._endings += [grid.close, *(panel.close for panel in areas.values())]
        self._endings += [self._patient.close, self._asker.close, unlink, unsubscribe]
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
            self._redraw()

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
        return self._instant.held

    def hold(self, lap: int | None = None) -> None:
        """Let this screen stand still: at what it shows, or at what was known when the leader had completed ``lap`` laps."""
        self._instant.hold(lap)

    def release(self) -> None:
        """Follow the race again."""
        self._instant.release()

    def follow_plan(self, plan: str | None) -> None:
        """Make a ranked plan of our car (as it is named there) the one we follow; None lets go of it."""
        with self._lock:
            snapshot, car_id = self._instant.snapshot, self._car_id
            if snapshot is None or car_id is None:
                return
            self._followed.pop(car_id, None)
            answer = snapshot.answers.get(car_id)
            found = next((p for p in answer.plans if p.plan == plan), None) if answer else None
            if found is not None:
                self._followed[car_id] = Followed(found, stops_made(snapshot, car_id))
            self._redraw()

    def _redraw(self) -> None:
        with self._lock:
            snapshot = self._instant.snapshot
            if snapshot is not None:
                self._keeping_errors(snapshot)

    def draw(self, snapshot: RaceSnapshot) -> None:
        """Draw one instant on all panels; what goes wrong is kept in ``errors`` and raised, so that no test misses it.

        While the screen is held only its clock goes on.
        """
        with self._lock:
            if self._instant.held is None:
                self._keeping_errors(snapshot)
            elif self._instant.snapshot is not None:
                self._show_clock(self._instant.snapshot)

    def _keeping_errors(self, snapshot: RaceSnapshot) -> None:
        try:
            with self._together():
                self._draw(snapshot)
        except Exception as error:
            self.errors[ERRORS_KEPT - 1 :] = []
            self.errors.append(error)
            raise

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Send the pictures of one instant as one message, to a page that takes them so: ten a second instead of sixty."""
        if not self._page_takes_bundles or self.verdict.outbox is not None:
            yield
            return
        box: dict[str, bytes] = {}
        for panel in self.panels.values():
            panel.outbox = box
        try:
            yield
        finally:
            for panel in self.panels.values():
                panel.outbox = None
            if box:
                self.send({"pictures": list(box)}, list(box.values()))

    def _hear_page(self, _widget: object, content: Any, _buffers: object) -> None:
        self._page_takes_bundles = isinstance(content, dict) and content.get("bundles") is True

    def _draw(self, snapshot: RaceSnapshot) -> None:
        if not snapshot.order:
            return
        if self._car_id is None or snapshot.car(self._car_id) is None:
            racing = [c for c in snapshot.order if c.status is not CarStatus.RETIRED]
            self._car_id = (racing or snapshot.order)[0].car_id
            self._live.follow(self._car_id)
        car = self._car_id
        ours = ours_of(snapshot, car, self._followed.get(car))
        entry = self._pit_entry.share(snapshot)
        self._show_verdict(snapshot, car, ours, entry)
        self.tower.show(snapshot, car)
        self.rejoin.show(snapshot, car)
        self.plans.show(snapshot, car, ours)
        self.advice.show(snapshot, car, entry, ours)
        self._show_trace(snapshot, car, ours)
        self.rivals.show(snapshot, car, ours)
        self.tyres.show(snapshot, car)
        self.scenario.offer(snapshot, car, ours)
        self.desk.offer(snapshot, car)
        self._show_track(snapshot, car)
        self._show_window(snapshot, car, ours)
        # How the machine does is told as of now, also by a screen that stands still: what was known on lap 12 has no journal.
        machine = (self._live.snapshot if self._instant.past else None) or snapshot
        self.status.show(snapshot, car, machine)
        self.system.show(snapshot, self._live.link, skipped=self._live.skipped, machine=machine)
        self._show_clock(snapshot)

    def _show_clock(self, snapshot: RaceSnapshot) -> None:
        newest = self._live.snapshot
        lap = newest.lap if newest else None
        self.clock.show(snapshot, self._car_id, newest=lap, held=self.held, delay_s=self._live.delay_s)

    def show_link(self, _link: Link) -> None:
        """Say that the connection was lost or has come back: on all panels, for a newer picture may have come since the last."""
        self._redraw()

    def _show_verdict(self, snapshot: RaceSnapshot, car_id: str, ours: OurPlan | None, entry: float | None) -> None:
        live = self._live
        self.verdict.show(
            snapshot, car_id, held=self.held, link=live.link, delay_s=live.delay_s, ours=ours, pit_entry=entry
        )

    def _show_trace(self, snapshot: RaceSnapshot, car_id: str, ours: OurPlan | None) -> None:
        stops = ours.stops if ours else None
        fan = None if self._instant.past else self._questions.fan(snapshot, car_id, stops, self._reference)
        self.trace.show(snapshot, car_id, self._reference, fan=fan, planned=stops)

    def _show_track(self, snapshot: RaceSnapshot, car_id: str) -> None:
        if snapshot.info.circuit_id != self._circuit:
            self._circuit = snapshot.info.circuit_id
            self.track.draw_outline(circuit_points(self._circuit) if self._circuit else None)
        self.track.show(snapshot, car_id)

    def _show_window(self, snapshot: RaceSnapshot, car_id: str, ours: OurPlan | None) -> None:
        if self._instant.past:
            self.window.show_window((), why="the pit window is that of the race as it goes on; return to it to see it")
            return
        over = words_if_over(snapshot, car_id)
        if over is not None:
            self.window.show_window((), why=over)
            return
        names = {c.car_id: c.driver or c.car_id for c in snapshot.order}
        car, answer = snapshot.car(car_id), snapshot.answers.get(car_id)
        plan = ours.ranked if ours else None
        best = stop_window(plan, answer.plans) if answer and plan else None
        window = self._questions.window(snapshot, car_id, best[1] if best else None)
        late = "the pit window is shown as late as the race" if answer and self._live.delay_s and not window else None
        self.window.show_window(
            window,
            names,
            position=car.position if car else None,
            best=best,
            stop=ours.stops[0].lap if ours and ours.stops else None,
            why=late,
        )

    def _act(self, message: dict[str, Any]) -> None:
        """Do what a viewer asked for: in the kernel's main thread."""
        self._live.touch()
        act(self, message)

    def refer_to(self, car_id: str | None) -> None:
        """Take the race trace's gaps, and its forecast, to this car; None: to the front half's pace."""
        with self._lock:
            self._reference = car_id
            self._redraw()

    def delay(self, seconds: float) -> None:
        """Show the race so many seconds late."""
        self._live.delay_s = seconds
        self._redraw()

    def put_bench_away(self) -> None:
        """Forget the bench's answer."""
        with self._lock:
            self._turns["bench"] = self._turns.get("bench", 0) + 1  # an answer on its way is not wanted any more
            self.scenario.reset()

    def turn(self) -> None:
        """Turn the light on or off."""
        self.theme = "light" if self.theme == "dark" else "dark"

    def pause(self) -> None:
        """Hold the screen, or let it go on."""
        self._instant.toggle()

    def step_laps(self, laps: int) -> None:
        """Go back or forth so many laps."""
        self._instant.step(laps)

    def opened(self, query: str) -> None:
        """Take what the page's address asks for: the kernel may have been started before it was opened."""
        if self._asked_for or not query:
            return
        self._asked_for = True
        car_id, theme = asked_car({"QUERY_STRING": query.lstrip("?")}), asked_theme(query)
        if theme is not None:
            self.theme = theme
        if car_id is not None:
            self.choose(car_id)

    def close(self) -> None:
        """Stop drawing and free the panels; a second time does nothing."""
        while self._endings:
            self._endings.pop()()
        super().close()

    def __repr__(self) -> str:
        """Name the board, the same each run."""
        return "RaceDayBoard()"


def while_alive(board: RaceDayBoard, do: Callable[[RaceDayBoard, Any], None]) -> Callable[[Any], None]:
    """Act on the board as long as somebody holds it: a subscription must not be what keeps a closed page's board alive."""
    held = weakref.ref(board)

    def call(value: Any) -> None:
        found = held()
        if found is not None:
            do(found, value)

    return call
