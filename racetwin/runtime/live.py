"""A live race seen from Python: the face that notebooks and widgets use.

A :class:`LiveRace` either subscribes to a running engine or embeds one (a replay, a simulated race). One background thread
receives, another hands on: between them a :class:`~racetwin.runtime.channel.Channel` holds the newest snapshot only, so a slow
screen skips pictures and nobody waits for it. The second thread is the only caller of subscribed callbacks, so whatever they
write to (widgets, files) has a single writer, and never the kernel's main loop. A race on its own clock (``speed=None``) hands
on every snapshot, in step, from the first thread. A callback that raises does not stop the others; what it raised is kept in
:attr:`~LiveRace.errors`.

>>> from racetwin import LiveRace
>>> with LiveRace.replay("2023-15-singapore", speed=None, to_lap=25, follow="55") as live:  # doctest: +SKIP
...     live.join()
...     live.snapshot.answers["55"].plans[0].plan
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Self

from racetwin.config import Settings
from racetwin.config import settings as process_settings
from racetwin.errors import InputError, RacetwinError
from racetwin.runtime.channel import Channel, Link
from racetwin.runtime.live_questions import RaceQuestions
from racetwin.runtime.live_session import Callback, LinkCallback, Session, SharedRace

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot

DEFAULT_SPEED = 20.0


class LiveRace(RaceQuestions):
    """A race as it unfolds. Build one with :meth:`connect`, :meth:`feeds`, :meth:`replay`, :meth:`simulate` or :meth:`auto`.

    Use it as a context manager (``with LiveRace.auto() as live:``) or call :meth:`start` and :meth:`stop`. When the object
    is no longer used, its thread ends by itself.

    Attributes
    ----------
    label
        Where it comes from, in words, for the page.
    """

    def __init__(
        self, session: Session, *, label: str, lease_s: float | None = None, rate_hz: float | None = 10.0
    ) -> None:
        self.label = label
        self._channel = None if rate_hz is None else Channel(rate_hz)
        self._session = session
        self._shared = SharedRace(session, self._channel)
        self._shared.lease_s = lease_s
        self._thread: threading.Thread | None = None
        self._drawer: threading.Thread | None = None
        self._followed: tuple[str, ...] = ()
        self._finalizer = weakref.finalize(self, self._shared.stop)

    # --- where races come from ------------------------------------------------------------------------------------

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        rate_hz: float = 10.0,
        follow: str | Iterable[str] = (),
        token: str | None = None,
        lease_s: float | None = None,
    ) -> LiveRace:
        """Subscribe to a running engine at ``url`` (``ws://host:port/ws``; ``http://host:port`` is taken too).

        A lost connection is tried again until :meth:`stop`, and resumes where it was. Several addresses, separated by commas,
        name an engine and its standby: when one is gone, the next is asked.
        """
        from racetwin.runtime.subscription import Subscription

        live = cls(
            Subscription(url, rate_hz=rate_hz, token=token), label=f"engine at {url}", lease_s=lease_s, rate_hz=rate_hz
        )
        live.follow(follow)
        return live

    @classmethod
    def replay(
        cls,
        race_id: str,
        *,
        speed: float | None = DEFAULT_SPEED,
        hz: float | None = 10.0,
        from_lap: int = 1,
        to_lap: int | None = None,
        follow: str | Iterable[str] = (),
        rate_hz: float = 10.0,
        races: int | None = None,
        settings: Settings | None = None,
        lease_s: float | None = None,
    ) -> LiveRace:
        """Replay a race of the library in an engine of our own.

        Parameters
        ----------
        speed
            Against real time. None: as fast as it goes, on the race's own clock and with the desk in step, so that the
            same call gives the same snapshots each time.
        hz
            Frames a second of race time; None for one frame an event (line crossings, stops, status), which is enough for
            everything but the picture in between.
        from_lap, to_lap
            The replay ends after lap ``to_lap`` (default: at the flag).
        rate_hz
            Most callbacks a second of wall time.
        races
            Races simulated per plan (default: the setting).
        """
        from racetwin.runtime.embedded import embed_replay

        session = embed_replay(
            race_id,
            speed=speed,
            hz=hz,
            from_lap=from_lap,
            to_lap=to_lap,
            rate_hz=rate_hz,
            races=races,
            settings=settings or process_settings(),
        )
        live = cls(session, label=f"replay of {race_id}", lease_s=lease_s, rate_hz=None if speed is None else rate_hz)
        live.follow(follow)
        return live

    @classmethod
    def simulate(
        cls,
        circuit_id: str | None = None,
        season: int | None = None,
        *,
        seed: int = 1,
        speed: float | None = DEFAULT_SPEED,
        hz: float | None = 10.0,
        to_lap: int | None = None,
        follow: str | Iterable[str] = (),
        rate_hz: float = 10.0,
        races: int | None = None,
        settings: Settings | None = None,
        lease_s: float | None = None,
    ) -> LiveRace:
        """Run a Grand Prix drawn from the race model in an engine of our own; parameters as for :meth:`replay`."""
        from racetwin.runtime.embedded import embed_simulation

        session = embed_simulation(
            circuit_id=circuit_id,
            season=season,
            seed=seed,
            speed=speed,
            hz=hz,
            to_lap=to_lap,
            rate_hz=rate_hz,
            races=races,
            settings=settings or process_settings(),
        )
        live = cls(session, label="simulated race", lease_s=lease_s, rate_hz=None if speed is None else rate_hz)
        live.follow(follow)
        return live

    @classmethod
    def feeds(
        cls,
        *feeds: str,
        follow: str | Iterable[str] = (),
        rate_hz: float = 10.0,
        races: int | None = None,
        settings: Settings | None = None,
        lease_s: float | None = None,
    ) -> LiveRace:
        """Follow live feeds in an engine of our own: ``LiveRace.feeds("f1-live", "openf1-live")``.

        Parameters
        ----------
        feeds
            The most preferred first, as :func:`racetwin.telemetry.feed_opening.feed_spec` reads them; several are merged into
            one race. None: the ports of the settings are open, for whoever sends. Tokens come from the settings.
        """
        from racetwin.runtime.embedded import embed_feeds
        from racetwin.runtime.live_feeds import DOORS

        session = embed_feeds(feeds or DOORS, rate_hz=rate_hz, races=races, settings=settings or process_settings())
        live = cls(session, label=f"live: {', '.join(feeds or DOORS)}", lease_s=lease_s)
        live.follow(follow)
        return live

    @classmethod
    def auto(
        cls,
        race_id: str | None = None,
        *,
        speed: float | None = DEFAULT_SPEED,
        follow: str | Iterable[str] = (),
        rate_hz: float = 10.0,
        settings: Settings | None = None,
        lease_s: float | None = None,
    ) -> LiveRace:
        """Subscribe to the engine that the setting ``engine`` names; without one, replay a race; without data, simulate.

        The setting ``delay_s`` is the delay it begins with. With the setting ``rehearse_laps`` it is a rehearsal: that many
        laps in an engine of our own, as fast as it goes, the same each time.
        """
        chosen = settings or process_settings()
        if chosen.engine and not chosen.rehearse_laps:
            token = chosen.token.get_secret_value() if chosen.token else None
            live = cls.connect(chosen.engine, rate_hz=rate_hz, follow=follow, token=token, lease_s=lease_s)
            live.delay_s = chosen.delay_s
            # Voila says so to a kernel that it starts before anybody has opened the page.
            return live.rest() if os.environ.get("VOILA_PREHEAT") == "True" else live
        from racetwin.runtime.sources import default_race

        last = chosen.rehearse_laps
        if last:
            speed = None
        race = race_id or default_race(chosen)
        if race is None:
            live = cls.simulate(
                speed=speed, to_lap=last, follow=follow, rate_hz=rate_hz, settings=chosen, lease_s=lease_s
            )
        else:
            live = cls.replay(
                race, speed=speed, to_lap=last, follow=follow, rate_hz=rate_hz, settings=chosen, lease_s=lease_s
            )
        live.delay_s = chosen.delay_s
        return live

    # --- life -----------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start the background thread; a second call does nothing."""
        if self._thread is None:
            self._shared.touched = time.monotonic()
            if self._channel is not None:
                name = f"racetwin: screens of {self.label}"
                self._drawer = threading.Thread(target=self._shared.draw, name=name, daemon=True)
                self._drawer.start()
            self._thread = threading.Thread(target=self._shared.run, name=f"racetwin: {self.label}", daemon=True)
            self._thread.start()
        return self

    def stop(self, timeout: float | None = 10.0) -> None:
        """End the background threads and wait for them, at most ``timeout`` seconds each; a second call does nothing."""
        self._shared.stop()
        for thread in (self._thread, self._drawer):
            if thread is not None and thread is not threading.current_thread():
                thread.join(timeout)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the race has ended (a replay at its last lap) and tell whether it has."""
        if self._thread is None:
            raise InputError("join: the race was not started; call start() first")
        deadline = None if timeout is None else time.monotonic() + timeout
        self._thread.join(timeout)
        if self._drawer is not None:
            self._drawer.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return not self.running

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"LiveRace({self.label})"

    # --- what it shows --------------------------------------------------------------------------------------------

    @property
    def snapshot(self) -> RaceSnapshot | None:
        """The newest snapshot, None before the first; frozen, and free to read from any thread."""
        return self._shared.snapshot

    @property
    def newest(self) -> RaceSnapshot | None:
        """The last snapshot that came: with a delay, later in the race than the one that is shown."""
        return self._shared.later.newest or self._shared.snapshot

    @property
    def errors(self) -> tuple[Exception, ...]:
        """What callbacks raised and what went wrong in the background, oldest first."""
        return tuple(self._shared.errors)

    @property
    def running(self) -> bool:
        """Whether a background thread is alive."""
        return any(thread is not None and thread.is_alive() for thread in (self._thread, self._drawer))

    def raise_errors(self) -> None:
        """Raise the first kept error, if there is one: how a notebook or a test makes sure that none went unseen."""
        if self._shared.errors:
            raise self._shared.errors[0]

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call ``callback(snapshot)`` in the background thread for each update; returns the function that ends that."""
        return self._shared.callbacks.add(callback)

    @property
    def link(self) -> Link:
        """How it is connected; a lost connection is tried again until :meth:`stop`."""
        return self._shared.link

    def on_link(self, callback: LinkCallback) -> Callable[[], None]:
        """Call ``callback(link)`` when the connection is lost or comes back, from the thread that hands snapshots on."""
        return self._shared.link_callbacks.add(callback)

    @property
    def skipped(self) -> int:
        """Snapshots that gave way to newer ones because a picture was still being drawn (or the delay thins them)."""
        return 0 if self._channel is None else self._channel.skipped

    @property
    def delay_s(self) -> float:
        """How late the race is shown, s, so that it lines up with a television picture that is late; 0 to 300.

        It may be set at any time, live and in a replay (there in seconds of race time): ``live.delay_s = 30``. The engine is
        not held back, and other viewers neither: questions (:meth:`what_if`, :meth:`pit_window`) are about the race as it is.
        """
        return self._shared.later.delay_s

    @delay_s.setter
    def delay_s(self, seconds: float) -> None:
        self._shared.later.delay_s = seconds

    def wait_for(self, condition: Callable[[RaceSnapshot], bool], timeout: float = 60.0) -> RaceSnapshot:
        """Wait for a snapshot that fulfils ``condition`` and return it; `RacetwinError` when the time or the race is over."""
        shared = self._shared
        deadline = time.monotonic() + timeout
        with shared.changed:
            while True:
                if shared.snapshot is not None and condition(shared.snapshot):
                    return shared.snapshot
                left = deadline - time.monotonic()
                if left <= 0 or shared.ended.is_set():
                    why = f"within {timeout:g} s" if left <= 0 else "before the race ended"
                    raise RacetwinError(f"wait_for: the condition was not met {why} ({shared.snapshot!r})")
                shared.changed.wait(min(left, 0.5))

    # --- what it is told -----------------------------------------------------------------------------------------

    def follow(self, car_id: str | Iterable[str], *, only: bool = True) -> None:
        """Ask for plans and advice of these cars; ``only=False`` adds to those followed already."""
        cars = (car_id,) if isinstance(car_id, str) else tuple(car_id)
        self._followed = cars if only else (*self._followed, *(c for c in cars if c not in self._followed))
        self._session.follow(self._followed)

    @property
    def followed(self) -> tuple[str, ...]:
        """The cars whose plans were asked for."""
        return self._followed

    def at(self, lap: int | None = None, *, time_s: float | None = None) -> RaceSnapshot:
        """Return what was known when the leader had completed ``lap`` laps (or at race time ``time_s``): time travel."""
        if (lap is None) == (time_s is None):
            raise InputError("at: give either lap or time_s")
        return self._session.at(lap, time_s)

    def pause(self) -> None:
        """Hold the replay."""
        self._session.control("pause", None)

    def resume(self) -> None:
        """Go on with the replay."""
        self._session.control("resume", None)

    def set_speed(self, speed: float) -> None:
        """Change the speed of the replay (against real time)."""
        if not speed > 0:
            raise InputError(f"speed: {speed!r}, expected a number above 0")
        self._session.control("speed", speed)

    def seek(self, lap: int) -> None:
        """Go to the moment at which the leader begins ``lap``: forwards, or in a replay of our own also backwards.

        What lies between is taken in at once, so the twins know all of it; backwards the race begins anew and comes at once up
        to the lap.
        """
        self._session.control("seek", lap)

    def step(self, frames: int = 1) -> None:
        """Let so many more frames through while the replay is held."""
        self._session.control("step", frames)

    def touch(self) -> None:
        """Say that somebody is looking; with ``lease_s`` the race stops when nobody has for that long."""
        self._shared.touched = time.monotonic()
        if self._shared.resting:
            self._shared.resting = False
            self._rest(False)

    def rest(self) -> Self:
        """Follow the race at a low rate, with the lease not running, until somebody looks (:meth:`touch`).

        That is how a kernel waits that was started before its screen is opened. A race of our own does not rest.
        """
        self._shared.resting = True
        self._rest(True)
        return self

    def _rest(self, resting: bool) -> None:
        rest: Callable[[bool], None] | None = getattr(self._session, "rest", None)
        if rest is not None:
            rest(resting)
