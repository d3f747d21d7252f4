"""What is counted of the advice through a race."""

from __future__ import annotations

import pytest
from builders.advice import answer, car, plan, situation

from racetwin.evaluation.advice_record import AdviceRecord, Told, summary
from racetwin.schemas import TrackStatus
from racetwin.strategist import recommend

pytestmark = pytest.mark.unit


def told(lap: int, fraction: float, first: int, said: tuple = (), status: TrackStatus = TrackStatus.GREEN) -> Told:
    cars = {"4": car("4", 3, lap=lap), "16": car("16", 4, lap=lap)}
    desk = answer(plan(1, first, 15.0, 0.0), plan(2, 40, 13.0, -2.0), lap=lap)
    given = recommend(desk, situation(lap=lap, cars=cars, track_status=status), said)
    return Told(lap, fraction, 90.0 * lap, status, (), given, f"L{first} HARD", 0.01)


def record() -> AdviceRecord:
    first = told(20, 0.0, 30)
    second = told(21, 0.0, 23, first.advice)
    third = told(22, 0.0, 23, second.advice)
    sc = told(23, 0.6, 24, third.advice, TrackStatus.SC)
    return AdviceRecord("2024-12-great-britain", "4", "NOR", [first, second, third, sc], stops=[(24, 2160.0)])


def test_urgent_laps_changes_and_leads_are_counted() -> None:
    one = record()
    assert one.urgent_laps == 3
    assert one.changes == 1, "a lap that passed without a stop is no change of mind"
    assert one.desk_changes == 2
    assert [(lead.laps, lead.track_status) for lead in one.leads()] == [(2.0, TrackStatus.GREEN)], (
        "one call, first made two laps before its pit entry"
    )


def test_stop_that_is_called_off_is_urgent_and_no_call_to_stop() -> None:
    called = told(21, 0.0, 23)
    desk = answer(plan(1, 40, 15.0, 0.0), plan(2, 23, 13.0, -2.0), lap=22)
    off = recommend(desk, situation(lap=22, cars={"4": car("4", 3, lap=22), "16": car("16", 4, lap=22)}), called.advice)
    after = Told(22, 0.0, 1980.0, TrackStatus.GREEN, (), off, "L40 HARD", 0.01)
    assert after.urgent is not None
    assert after.urgent.execution_lap == 40
    one = AdviceRecord("2024-12-great-britain", "4", "NOR", [called, after])
    assert [lead.laps for lead in one.leads()] == [2.0], "the stop that was called, not the one that takes its place"


def test_the_summary_is_over_cars_and_races() -> None:
    figures = summary([record(), record(), AdviceRecord("2024-12-great-britain", "63", "RUS")])
    assert figures["cars and races"] == 3
    assert figures["urgent laps a car and race, median"] == 3
    assert figures["urgent stops called under green"] == 2
    assert figures["of those a lap or more before the pit entry"] == 1.0
