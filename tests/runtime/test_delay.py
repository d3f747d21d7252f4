"""The race shown late, so that it lines up with a television picture."""

from __future__ import annotations

import time
from typing import Any

import pytest

from racetwin.config import Settings
from racetwin.errors import InputError
from racetwin.runtime.delay import ShownLater
from racetwin.runtime.live import LiveRace
from racetwin.runtime.snapshot import RaceInfo, RaceSnapshot


def snapshot(version: int, speed: float | None = 1.0) -> RaceSnapshot:
    return RaceSnapshot(run_id="r", version=version, info=RaceInfo(race_id="x", speed=speed))


class Screen:
    def __init__(self) -> None:
        self.shown: list[tuple[float, int]] = []

    def __call__(self, s: RaceSnapshot) -> None:
        self.shown.append((time.monotonic(), s.version))

    @property
    def versions(self) -> list[int]:
        return [v for _, v in self.shown]


@pytest.mark.unit
def test_without_a_delay_everything_is_shown_at_once() -> None:
    screen = Screen()
    later = ShownLater(screen)
    later.put(snapshot(1))
    assert screen.versions == [1]
    assert later.held == 0


@pytest.mark.unit
@pytest.mark.parametrize(("speed", "hold_s"), [(1.0, 0.3), (10.0, 0.03)])
def test_each_is_held_for_the_delay_in_race_time_and_keeps_its_order(speed: float, hold_s: float) -> None:
    screen = Screen()
    later = ShownLater(screen)
    later.delay_s = 0.3
    came = []
    for version in range(5):
        came.append(time.monotonic())
        later.put(snapshot(version, speed))
    later.wait()
    assert screen.versions == [0, 1, 2, 3, 4]
    assert all(at - c >= hold_s for (at, _), c in zip(screen.shown, came, strict=True))


@pytest.mark.unit
def test_a_shorter_delay_lets_go_of_what_is_overdue_and_then_nothing_is_held() -> None:
    screen = Screen()
    later = ShownLater(screen)
    later.delay_s = 100
    for version in range(3):
        later.put(snapshot(version))
    assert screen.versions == []
    assert later.held == 3
    later.delay_s = 0
    later.wait()
    later.put(snapshot(3))
    assert screen.versions == [0, 1, 2, 3]


@pytest.mark.unit
def test_a_race_on_its_own_clock_is_not_held_and_a_stopped_one_shows_nothing_more() -> None:
    screen = Screen()
    later = ShownLater(screen)
    later.delay_s = 100
    later.put(snapshot(1, speed=None))
    assert screen.versions == [1]
    later.put(snapshot(2))
    later.drop()
    later.wait()
    assert screen.versions == [1]


@pytest.mark.unit
@pytest.mark.parametrize("seconds", [-1, 301, float("nan"), float("inf"), "30", True])
def test_what_is_no_delay_is_refused_by_name(seconds: Any) -> None:
    with pytest.raises(InputError, match=r"delay_s: .* expected 0 to 300"):
        ShownLater(lambda _: None).delay_s = seconds


@pytest.mark.integration
def test_a_replay_is_shown_late_by_race_time_and_can_be_set_back() -> None:
    with LiveRace.simulate("monza", 2024, seed=5, races=32, speed=20.0, hz=5.0) as live:
        now = live.wait_for(lambda s: s.time_s > 2).time_s
        live.delay_s = 10  # half a second at this speed
        live.wait_for(lambda s: s.time_s > now + 1)
        engine = live._shared.session._engine
        behind = engine.frame.time_s - live.snapshot.time_s
        assert 8 < behind < 20
        live.delay_s = 0
        live.wait_for(lambda s: s.time_s > engine.frame.time_s - 2)
        live.raise_errors()


@pytest.mark.integration
def test_the_setting_is_the_delay_to_begin_with(tmp_path: Any) -> None:
    chosen = Settings(library=tmp_path, data=None, engine=None, delay_s=45)
    assert LiveRace.auto(settings=chosen).delay_s == 45
