from __future__ import annotations

import gc
import threading
import time
from typing import Any

import pytest

from racetwin.config import Settings
from racetwin.errors import DataError, InputError, RacetwinError
from racetwin.runtime.live import LiveRace
from racetwin.runtime.snapshot import RaceSnapshot

pytestmark = pytest.mark.integration


def simulated(**options: Any) -> LiveRace:
    return LiveRace.simulate("monza", 2024, seed=5, races=32, **{"speed": None, "hz": None, "to_lap": 6, **options})


def test_race_on_its_own_clock_ends_by_itself_and_is_the_same_each_time() -> None:
    def watch() -> tuple[RaceSnapshot, list[int]]:
        seen: list[int] = []
        with simulated(follow="16") as live:
            live.subscribe(lambda s: seen.append(s.lap))
            assert live.join(120)
            live.raise_errors()
            assert live.snapshot is not None
            return live.snapshot, seen

    one, laps = watch()
    other, again = watch()
    assert laps == again
    for part in ("frame", "cars", "field", "events", "laps", "advice", "version"):
        assert getattr(one, part) == getattr(other, part), part
    strip = {"elapsed_s": None}
    assert {c: a.model_copy(update=strip) for c, a in one.answers.items()} == {
        c: a.model_copy(update=strip) for c, a in other.answers.items()
    }
    assert one.info.simulated


def test_background_thread_is_the_only_caller() -> None:
    callers: set[str] = set()
    with simulated() as live:
        live.subscribe(lambda _: callers.add(threading.current_thread().name))
        live.join(60)
    assert callers == {"racetwin: simulated race"}


def test_error_of_one_callback_is_kept_and_stops_nobody() -> None:
    calls: list[int] = []

    def fails(_: RaceSnapshot) -> None:
        raise ValueError("no screen")

    with simulated() as live:
        live.subscribe(fails)
        live.subscribe(lambda s: calls.append(s.version))
        live.join(60)
    assert len(calls) > 3
    assert all(isinstance(e, ValueError) for e in live.errors)
    with pytest.raises(ValueError, match="no screen"):
        live.raise_errors()


def test_no_thread_is_left_behind() -> None:
    before = set(threading.enumerate())
    live = simulated(speed=50.0).start()
    live.wait_for(lambda s: s.frame is not None)
    live.stop()
    assert not live.running
    assert set(threading.enumerate()) <= before


def test_forgotten_race_ends_by_itself() -> None:
    live = simulated(speed=5.0).start()
    live.wait_for(lambda s: s.frame is not None)
    thread = live._thread
    assert thread is not None
    del live
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()


def test_race_that_nobody_looks_at_ends_when_its_lease_is_over() -> None:
    live = simulated(speed=5.0, lease_s=0.3).start()
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        live.touch()
        time.sleep(0.05)
    assert live.running
    assert live.join(10)


def test_pause_and_resume() -> None:
    with simulated(speed=20.0, hz=10.0) as live:
        live.wait_for(lambda s: s.time_s > 3)
        live.pause()
        time.sleep(0.3)
        there = live.snapshot.time_s
        time.sleep(0.4)
        assert live.snapshot.time_s == there
        live.resume()
        live.wait_for(lambda s: s.time_s > there)


def test_time_travel_and_its_limits() -> None:
    with simulated() as live:
        live.join(60)
        then = live.at(lap=3)
        assert max(r.lap for r in then.laps) == 3
        with pytest.raises(InputError, match="laps 1 to 6"):
            live.at(lap=30)
        with pytest.raises(InputError, match="either lap or time_s"):
            live.at()


def test_waiting_for_what_does_not_come_ends_in_one_clear_line() -> None:
    with simulated(to_lap=2) as live, pytest.raises(RacetwinError, match="before the race ended"):
        live.wait_for(lambda s: s.lap > 40)


def test_race_that_is_not_there_is_an_error_at_once(tmp_path: Any) -> None:
    with pytest.raises(DataError, match="1999"):
        LiveRace.replay("1999-01-nowhere", settings=Settings(library=tmp_path, data=None))


def test_without_data_or_engine_auto_simulates(tmp_path: Any) -> None:
    live = LiveRace.auto(settings=Settings(library=tmp_path, data=None, engine=None))
    assert live.label == "simulated race"


@pytest.mark.parametrize("url", ["nonsense", "ftp://host/x", ""])
def test_address_that_is_none(url: str) -> None:
    with pytest.raises(RacetwinError, match="no address"):
        LiveRace.connect(url)


@pytest.mark.data
def test_replay_of_a_real_race_keeps_up(race_data: Any, tmp_path: Any) -> None:
    settings = Settings(data=race_data, library=tmp_path)
    with LiveRace.replay("2023-15-singapore", speed=60.0, to_lap=4, settings=settings, races=32) as live:
        snapshot = live.wait_for(lambda s: s.lap >= 3, 60)
    assert snapshot.counters.frames_in == snapshot.counters.frames_processed > 1000
    assert not snapshot.info.simulated
    assert len(snapshot.order) == 19
