"""Where a car comes out of a stop as the scoreboard tells it: who is still in the lane, and who stops too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from racetwin.schemas import Compound, LapCompleted, Tyre
from racetwin.simulation.live import Together
from racetwin.twins import RaceTwin
from racetwin.twins.after_stop import Intent, LineNote, line_note, place_after_stop, stop_too

pytestmark = pytest.mark.unit

Drive = Callable[..., RaceTwin]


def _note(time_s: float, *, ahead_s: float = 180.0, hazard: tuple[float, float] = (0.0, 0.0)) -> LineNote:
    return LineNote(time_s, ahead_s, 179.0, Intent(hazard), (22.0, 6.0), (0.9, 2.2, 5.0))


def test_a_stop_costs_the_places_within_its_loss() -> None:
    notes = {str(k): _note(1000.0 + 8.0 * k) for k in range(6)}
    chance = place_after_stop(notes, "1", notes)
    assert chance.sum() == pytest.approx(1.0)
    assert chance.argmax() + 1 == 4  # from second: behind cars 0, 2 and 3, about 21 s further on


def test_rivals_that_may_stop_too_make_the_place_better_and_less_sure() -> None:
    stay = {str(k): _note(1000.0 + 8.0 * k) for k in range(6)}
    may = {c: n if c == "1" else _note(n.time_s, hazard=(0.3, 0.1)) for c, n in stay.items()}
    places = np.arange(1, 7)
    a, b = place_after_stop(stay, "1", stay), place_after_stop(may, "1", may)
    assert a @ places > b @ places + 0.5
    assert a.max() > b.max() + 0.2


def test_a_car_that_is_still_in_the_lane_has_the_rest_of_its_stop_to_pay() -> None:
    out = {"1": _note(1000.0), "2": _note(1004.0)}
    lane = {"1": _note(1000.0), "2": _note(1004.0, ahead_s=180.0 + 20.0)}
    assert place_after_stop(out, "1", out).argmax() == 1
    assert place_after_stop(lane, "1", lane).argmax() == 0


def test_who_else_stops_follows_the_weights_that_were_fitted() -> None:
    notes = {str(k): _note(1000.0 + 8.0 * k, hazard=(0.1, 0.1)) for k in range(6)}
    places = np.arange(1, 7)
    alone = place_after_stop(notes, "1", notes, Together(one=-12.0))
    many = place_after_stop(notes, "1", notes, Together(one=1.0))
    assert alone @ places > many @ places + 0.5


def test_a_damp_track_calls_the_others_in_too(toy: Any, drive: Drive) -> None:
    twin = drive(toy(n_cars=8), to_lap=12)
    car = twin.cars["2"]
    lap = LapCompleted(
        time_s=1000.0,
        car_id="2",
        lap=car.laps,
        lap_time_s=90.0,
        line_time_s=1000.0,
        position=2,
        gap_s=1.0,
        interval_s=1.0,
        tyre=car.tyre,
    )
    dry = line_note(twin, car, lap)
    twin.cars["8"].tyre = Tyre(compound=Compound.INTERMEDIATE)
    damp = line_note(twin, car, lap)
    assert (dry.intent.damp, damp.intent.damp) == (False, True)
    for answering in (False, True):
        here, there = (
            stop_too(
                n,
                [replace(n, time_s=n.time_s - 10.0, intent=replace(n.intent, hazard=(0.03, 0.03)))],
                Together(),
                answering=answering,
            )[0]
            for n in (dry, damp)
        )
        assert there > 3 * here > 0
