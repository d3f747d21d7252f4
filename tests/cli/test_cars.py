"""A car is named by its number or by its driver's code, wherever a command takes one."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from racetwin.cli import app
from racetwin.cli.cars import Named, car_of, cars_to_run, pick
from racetwin.config import Settings
from racetwin.errors import InputError
from racetwin.telemetry.laptable import frames
from racetwin.telemetry.library import RaceLibrary
from racetwin.telemetry.recorder import Recorder
from racetwin.telemetry.simulator import TelemetrySimulator

pytestmark = pytest.mark.integration

CARS = [Named("55", "SAI"), Named("16", "LEC"), Named("7", None)]
RACE = "2023-15-singapore"


@pytest.mark.parametrize("named", ["55", "SAI", "sai", " Sai "])
def test_a_number_or_a_code_in_either_case_names_a_car(named: str) -> None:
    assert pick(named, CARS, "a race") == "55"


def test_an_unknown_car_is_told_who_is_there() -> None:
    with pytest.raises(InputError, match=r"'VER' is not in a race; cars: 55 SAI, 16 LEC, 7$"):
        pick("VER", CARS, "a race")


def test_a_code_that_two_cars_share_names_neither() -> None:
    with pytest.raises(InputError, match="1 MSC, 2 MSC"):
        pick("MSC", [Named("1", "MSC"), Named("2", "MSC")], "a race")


def test_cars_of_a_simulated_race_are_those_it_will_have() -> None:
    settings = Settings(data=None, seed=3)
    driver, number = next((e.driver, e.car_id) for e in TelemetrySimulator(seed=3).record.entries)
    assert driver is not None
    assert cars_to_run([driver.lower()], settings, race=None, simulated=True, elsewhere=False) == (number,)
    with pytest.raises(InputError, match=f"{number} {driver}"):
        cars_to_run(["XXX"], settings, race=None, simulated=True, elsewhere=False)


def test_who_is_in_a_live_race_is_not_known_yet() -> None:
    settings = Settings(data=None)
    assert cars_to_run(["55"], settings, race=None, simulated=False, elsewhere=True) == ("55",)
    with pytest.raises(InputError, match="'SAI', expected a racing number"):
        cars_to_run(["SAI"], settings, race=None, simulated=False, elsewhere=True)


@pytest.mark.data
def test_cars_of_a_recording_are_those_in_its_first_frame(race_data: Path, tmp_path: Path) -> None:
    settings = Settings(data=race_data)
    record = RaceLibrary(settings).load(RACE)
    recording = tmp_path / "race.parquet"
    with Recorder(recording) as recorder:
        for frame in frames(record, hz=None, to_lap=1):
            recorder.write(frame)
    found = cars_to_run(["lec", "99"], settings, race=str(recording), simulated=False, elsewhere=False)
    assert found == ("16", "99")
    assert car_of(record, "lec") == "16"


COMMANDS = [
    ("strategy", "--race", RACE, "--lap", "17", "--car", "NOB"),
    ("strategy", "--race", RACE, "--lap", "17", "--car", "SAI", "--rival", "NOB"),
    ("advice", "--race", RACE, "--car", "NOB"),
    ("review", RACE, "NOB", "--shipped"),
    ("race-day", "--race", RACE, "--car", "NOB"),
    ("serve", "--race", RACE, "--follow", "NOB"),
]


@pytest.mark.data
@pytest.mark.parametrize("command", COMMANDS, ids=[" ".join(c[:1] + c[-2:]) for c in COMMANDS])
def test_a_command_that_takes_a_car_lists_the_codes(race_data: Path, command: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, InputError)
    assert "'NOB' is not in" in str(done.exception)
    assert "55 SAI, 63 RUS" in str(done.exception)


@pytest.mark.data
def test_a_code_asks_the_same_question_as_the_number(race_data: Path) -> None:
    question = ("strategy", "--race", RACE, "--lap", "17", "--races", "64", "--json", "--rival")
    by_code = CliRunner().invoke(app, (*question, "lec", "--car", "sai"))
    by_number = CliRunner().invoke(app, (*question, "16", "--car", "55"))
    assert by_code.exit_code == 0, by_code.exception
    assert by_code.output == by_number.output
