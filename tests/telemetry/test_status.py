from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from racetwin.schemas import TrackStatus
from racetwin.telemetry.records import RaceRecord
from racetwin.telemetry.status import StatusChange

pytestmark = pytest.mark.unit


def race(
    truth: list[tuple[float, float, str]], slowed: Callable[[float], float], n: int = 20, laps: int = 14
) -> RaceRecord:
    """A race whose status is known: cars go at ``slowed(t)`` of racing pace, and laps list the digits of what they saw."""
    rows = []
    for k in range(n):
        clock, gap = 0.0, 0.9 * k
        for lap in range(1, laps + 1):
            left, t = 90.0 + (gap if lap == 1 else 0.0), clock
            while left > 1e-9:
                step = min(0.1 * slowed(t), left)
                t, left = t + step / slowed(t), left - step
            seen = "1" + "".join(d for on, off, d in truth if on < t and off > clock)
            rows.append(
                {"driver_number": k + 1, "lap": lap, "race_time_s": t, "lap_time_s": t - clock, "track_status": seen}
            )
            clock = t
    table = pd.DataFrame(rows)
    wholly = [
        any(on <= r.race_time_s - r.lap_time_s and off >= r.race_time_s for on, off, _ in truth)
        for r in table.itertuples()
    ]
    if truth:
        table.loc[wholly, "track_status"] = truth[0][2]
    return RaceRecord.from_laps(table, race_id="x", lap_length_km=5.2)


def changes(record: RaceRecord) -> list[tuple[TrackStatus, float]]:
    return [(c.status, c.time_s) for c in record.status]


@pytest.mark.parametrize("on", [385.0, 401.0, 428.0, 449.0])
@pytest.mark.parametrize(("digit", "status", "pace"), [("4", TrackStatus.SC, 0.68), ("6", TrackStatus.VSC, 0.7)])
def test_a_neutralisation_is_placed_within_seconds(on: float, digit: str, status: TrackStatus, pace: float) -> None:
    off = on + 300.0
    found = changes(race([(on, off, digit)], lambda t: pace if on <= t < off else 1.0))
    assert [s for s, _ in found] == [TrackStatus.GREEN, status, TrackStatus.GREEN]
    assert found[1][1] == pytest.approx(on, abs=8.0)
    assert off <= found[2][1] + 1e-6
    assert found[2][1] == pytest.approx(off, abs=75.0)


def test_vsc_then_its_ending() -> None:
    found = changes(race([(410.0, 520.0, "6"), (520.0, 532.0, "7")], lambda t: 0.7 if 410 <= t < 532 else 1.0))
    assert [s for s, _ in found][:3] == [TrackStatus.GREEN, TrackStatus.VSC, TrackStatus.VSC_ENDING]
    assert found[3][0] is TrackStatus.GREEN
    assert found[3][1] - found[2][1] <= 15.0


def test_a_quiet_race_is_green_throughout() -> None:
    assert race([], lambda t: 1.0).status == (StatusChange(0.0, TrackStatus.GREEN),)


def test_a_table_that_says_nothing_of_the_track_gives_no_status() -> None:
    laps = pd.DataFrame({"driver_number": [1, 1], "lap": [1, 2], "lap_time_s": [95.0, 91.0]})
    assert RaceRecord.from_laps(laps, race_id="x").status == ()


def test_a_red_flag_begins_when_cars_come_in_and_ends_when_they_go_out() -> None:
    rows = []
    for k in range(10):
        clock = 0.0
        for lap in range(1, 9):
            took, row = (
                90.0 + (k if lap == 1 else 0.0),
                {"track_status": "1", "pit_in_time_s": np.nan, "pit_out_time_s": np.nan},
            )
            if lap == 4:
                took += 20.0
                row = {"track_status": "15", "pit_in_time_s": clock + took - 3.0, "pit_out_time_s": np.nan}
            if lap == 5:
                took += 1200.0
                row = {"track_status": "51", "pit_in_time_s": np.nan, "pit_out_time_s": clock + 1190.0}
            clock += took
            rows.append({"driver_number": k + 1, "lap": lap, "race_time_s": clock, "lap_time_s": took, **row})
    table = pd.DataFrame(rows)
    found = changes(RaceRecord.from_laps(table, race_id="x", lap_length_km=5.2))
    assert [s for s, _ in found] == [TrackStatus.GREEN, TrackStatus.RED, TrackStatus.GREEN]
    assert found[1][1] <= table["pit_in_time_s"].min()
    assert found[2][1] == pytest.approx(table["pit_out_time_s"].min())


def test_a_stoppage_that_no_lap_lists_is_told_by_its_length() -> None:
    rows = []
    for k in range(10):
        clock = 0.0
        for lap in range(1, 6):
            took = 1500.0 if lap == 2 else 90.0 + k
            out = clock + 1400.0 if lap == 2 else np.nan
            clock += took
            rows.append(
                {"driver_number": k + 1, "lap": lap, "race_time_s": clock, "track_status": "1", "pit_out_time_s": out}
            )
    found = changes(RaceRecord.from_laps(pd.DataFrame(rows), race_id="x", lap_length_km=5.2))
    assert [s for s, _ in found] == [TrackStatus.GREEN, TrackStatus.RED, TrackStatus.GREEN]
    assert 90.0 < found[1][1] < 250.0
    assert found[2][1] == pytest.approx(90.0 + 1400.0, abs=1.0)
