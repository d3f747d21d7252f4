"""From drawn or real races to a parameter file, and nothing of the future in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from racetwin.calibration import calibrate
from racetwin.calibration.tables import RaceTables, load
from racetwin.errors import DataError, InputError
from racetwin.simulation.parameters import load_parameters


@pytest.mark.unit
def test_too_few_races_are_refused(drawn: RaceTables) -> None:
    with pytest.raises(DataError, match="dry races"):
        calibrate(drawn, str(drawn.races.race_id[2]))


@pytest.mark.unit
def test_an_unknown_race_is_named(drawn: RaceTables) -> None:
    with pytest.raises(InputError, match="2099-01-moon"):
        calibrate(drawn, "2099-01-moon")


@pytest.mark.unit
def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"laps\.parquet"):
        load(tmp_path)


@pytest.mark.integration
def test_drawn_races_give_a_file_the_model_can_read(drawn: RaceTables, tmp_path: Path) -> None:
    out = tmp_path / "p.json"
    steps: list[str] = []
    body = calibrate(drawn, None, out, lambda what, _done, _of: steps.append(what), method="map")
    assert json.loads(out.read_text()) == body
    assert steps[-1] == "done"
    p = load_parameters("catalunya", 2024, out)
    assert p.wear_s[1] == pytest.approx(0.07, abs=0.03)
    assert p.pit_loss_s == pytest.approx(19.0, abs=1.5)
    assert body["calibration"]["last_race"] == drawn.races.race_id.iloc[-1]


@pytest.mark.data
@pytest.mark.unit
def test_races_before_one_do_not_hold_it_or_any_later(race_data: Path) -> None:
    tables = load(race_data)
    named = str(tables.races.race_id[40])
    before = tables.before(named)
    assert len(before.races) == 40
    assert named not in set(before.laps.race_id)
    assert before.races.date.max() <= tables.races.date[40]
    assert set(before.results.race_id) <= set(before.races.race_id)
