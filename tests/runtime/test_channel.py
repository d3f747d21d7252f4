"""Between receiving and drawing: one place, the newest snapshot wins, nobody waits."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from racetwin.runtime.channel import Channel, Link
from racetwin.runtime.live import LiveRace
from racetwin.runtime.snapshot import RaceInfo, RaceSnapshot


def snapshot(version: int) -> RaceSnapshot:
    return RaceSnapshot(run_id="r", version=version, info=RaceInfo(race_id="x", speed=1.0))


class Stub:
    """A session that publishes what it is told to."""

    def __init__(self) -> None:
        self.on_link: Callable[[Link], None] | None = None
        self.publish: Callable[[RaceSnapshot], None] | None = None
        self.ready, self.stopped = threading.Event(), threading.Event()
        self.resting: list[bool] = []

    def run(self, publish: Callable[[RaceSnapshot], None], report: Callable[[Exception], None]) -> None:
        self.publish = publish
        self.ready.set()
        self.stopped.wait()

    def stop(self) -> None:
        self.stopped.set()

    def follow(self, cars: tuple[str, ...]) -> None:
        pass

    def rest(self, resting: bool) -> None:
        self.resting.append(resting)


def running(**options: Any) -> tuple[LiveRace, Any]:
    session: Any = Stub()
    live = LiveRace(session, label="stub", **options).start()
    assert session.ready.wait(10)
    return live, session


@pytest.mark.unit
def test_newest_takes_the_place_of_one_that_was_not_fetched() -> None:
    channel = Channel()
    for version in range(100):
        channel.put(snapshot(version))
    taken = channel.take(timeout=0)
    assert taken is not None
    assert taken.version == 99
    assert channel.skipped == 99
    assert channel.take(timeout=0) is None


@pytest.mark.unit
def test_at_most_the_configured_rate_is_handed_on() -> None:
    now = 0.0
    channel = Channel(rate_hz=10, clock=lambda: now)
    taken = []
    for k in range(1000):  # a source at 100 Hz for ten seconds
        now = k / 100
        channel.put(snapshot(k))
        found = channel.take(timeout=0)
        if found is not None:
            taken.append(found.version)
    assert 95 <= len(taken) <= 126  # 10 Hz, a fifth early at most
    assert taken[-1] >= 990


@pytest.mark.unit
def test_the_last_one_comes_out_of_a_closed_channel_and_then_nothing() -> None:
    channel = Channel(rate_hz=0.001)
    channel.put(snapshot(1))
    assert channel.take(timeout=0) is not None
    channel.put(snapshot(2))
    assert channel.take(timeout=0) is None  # not due for a long time
    channel.close()
    last = channel.take()
    assert last is not None
    assert last.version == 2
    assert channel.take() is None


@pytest.mark.integration
def test_a_slow_screen_holds_up_nobody_and_skips_pictures() -> None:
    live, session = running(rate_hz=50)
    drawn: list[int] = []

    def slow(s: RaceSnapshot) -> None:
        time.sleep(0.1)
        drawn.append(s.version)

    live.subscribe(slow)
    took = []
    for version in range(200):
        began = time.perf_counter()
        session.publish(snapshot(version))
        took.append(time.perf_counter() - began)
        time.sleep(0.005)
    live.wait_for(lambda s: s.version == 199, 10)
    live.stop()
    assert sorted(took)[190] < 0.05  # who publishes never waits for the picture, which takes 0.1 s
    assert len(drawn) < 60
    assert drawn == sorted(drawn)
    assert drawn[-1] == 199
    assert live.skipped >= 100


@pytest.mark.integration
def test_the_kernels_main_thread_is_never_the_one_that_draws() -> None:
    live, session = running()
    threads: set[threading.Thread] = set()
    live.subscribe(lambda _: threads.add(threading.current_thread()))
    session.publish(snapshot(1))
    live.wait_for(lambda s: s.version == 1, 10)
    time.sleep(0.05)
    live.stop()
    assert len(threads) == 1
    assert threading.main_thread() not in threads


@pytest.mark.integration
def test_a_change_of_the_connection_is_told_by_the_thread_that_draws() -> None:
    live, session = running()
    told: list[tuple[str, str]] = []
    drawer: list[str] = []
    live.subscribe(lambda _: drawer.append(threading.current_thread().name))
    live.on_link(lambda link: told.append((link.state, threading.current_thread().name)))
    session.publish(snapshot(1))
    live.wait_for(lambda s: s.version == 1, 10)
    session.on_link(Link("lost", 1.0, "nobody answers"))
    deadline = time.monotonic() + 5
    while not any(state == "lost" for state, _ in told) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert live.link.text == "nobody answers"
    live.stop()
    assert "lost" in [state for state, _ in told]
    assert {name for _, name in told} == set(drawer)
    assert told[-1][0] == "ended"


@pytest.mark.integration
def test_no_thread_is_left_by_stop_nor_by_being_forgotten() -> None:
    before = set(threading.enumerate())
    live, _ = running()
    live.stop()
    assert set(threading.enumerate()) <= before
    live, session = running()
    del live
    gc.collect()
    assert session.stopped.is_set()
    deadline = time.monotonic() + 10
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert set(threading.enumerate()) <= before


@pytest.mark.integration
def test_a_resting_race_keeps_its_lease_until_somebody_looks() -> None:
    live, session = running(lease_s=0.2)
    live.rest()
    time.sleep(0.4)
    session.publish(snapshot(1))
    assert live.running
    assert not session.stopped.is_set()
    live.touch()
    assert session.resting == [True, False]
    time.sleep(0.4)
    session.publish(snapshot(2))
    assert live.join(10)
