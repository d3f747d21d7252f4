from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from racetwin.simulation.live import LapShape
from racetwin.twins import RaceTwin
from racetwin.twins.sectors import lap_in_progress, learn_shares

pytestmark = pytest.mark.unit


def test_usual_shares_follow_the_laps() -> None:
    shares = learn_shares(None, (30.0, 40.0, 20.0), 90.0)
    assert shares == pytest.approx([1 / 3, 4 / 9])
    assert learn_shares(shares, None, 90.0) == shares
    later = learn_shares(shares, (27.0, 40.0, 23.0), 90.0)
    assert later is not None
    assert 0.3 < later[0] < 1 / 3


def test_a_slow_sector_makes_the_lap_slow_and_more_certain() -> None:
    one = lap_in_progress(90.0, 0.5, [0.3, 0.4], (27.4, None, None), LapShape())
    two = lap_in_progress(90.0, 0.5, [0.3, 0.4], (27.4, 36.0, None), LapShape())
    assert one is not None
    assert two is not None
    assert one.mean > 90.4
    assert two.high - two.low < one.high - one.low


@pytest.mark.parametrize("sectors", [None, (None, None, None), (27.0, 36.0, 27.0)])
def test_without_a_sector_of_this_lap_nothing_is_said(sectors: Any) -> None:
    assert lap_in_progress(90.0, 0.5, [0.3, 0.4], sectors, LapShape()) is None


def test_a_twin_expects_its_lap_from_its_sectors(toy: Any, drive: Callable[..., RaceTwin]) -> None:
    race = toy()
    table = race.table()
    for k, share in enumerate((0.3, 0.4, 0.3), start=1):
        table[f"sector{k}_s"] = table.lap_time_s * share
    twin = drive(race.record(table), to_lap=12)
    car = twin.cars["2"]
    assert car.sector_shares == pytest.approx([0.3, 0.4], abs=1e-4)
    assert car.telemetry is not None
    usual = float(car.forecast().median_s[0])
    car.see(car.telemetry.model_copy(update={"sectors_s": (usual * 0.3 + 0.6, None, None)}))
    now = car.current_lap()
    assert now is not None
    assert now.mean == pytest.approx(usual + 1.0, abs=0.25)
    assert car.get_state()["predictions"]["current_lap_time"] == now.mean
    assert car.state().current_lap_s == now
    car.see(car.telemetry.model_copy(update={"sectors_s": (None, None, None)}))
    assert car.state().current_lap_s is None
