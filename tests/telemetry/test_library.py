from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from racetwin.cli import data
from racetwin.cli.app import app
from racetwin.config import Settings
from racetwin.errors import DataError
from racetwin.schemas import RaceControlMessage, TrackConditions
from racetwin.telemetry import RaceLibrary, RaceRecord, frames
from racetwin.telemetry.library import COLUMNS, misfiled
from racetwin.telemetry.records import Told

pytestmark = pytest.mark.unit


@pytest.fixture
def own(tmp_path: Path) -> RaceLibrary:
    return RaceLibrary(Settings(data=None, library=tmp_path / "races"))


def test_a_race_added_comes_back_whole(own: RaceLibrary, record: RaceRecord) -> None:
    told = (Told(1.0, TrackConditions(rainfall=True)), Told(2.0, RaceControlMessage(message="DRS ENABLED")))
    given = RaceRecord.from_laps(
        record.laps,
        race_id="2024-99-test",
        season=2024,
        grid=record.grid,
        told=told,
        results=pd.DataFrame({"driver": ["AAA"]}),
    )
    path = own.add(given)
    got = own.load("2024-99-test")
    assert path.is_file()
    assert list(frames(got, hz=2)) == list(frames(given, hz=2))
    assert (got.entries, got.status, got.told, got.chequered_lap) == (given.entries, given.status, told, 8)
    assert got.results is not None
    assert got.results["driver"].tolist() == ["AAA"]
    table = own.list()
    assert table[["race_id", "season", "total_laps", "source", "winner"]].to_dict("records") == [
        {"race_id": "2024-99-test", "season": 2024, "total_laps": 8, "source": "own library", "winner": "AAA"}
    ]


def test_without_any_data_the_message_says_what_to_do(own: RaceLibrary) -> None:
    assert own.list().empty
    with pytest.raises(DataError, match=r"set RACETWIN_DATA to a folder .* or add a race with 'racetwin data add"):
        own.load("2024-12-great-britain")


def test_a_race_that_is_not_there_names_the_nearest(own: RaceLibrary, record: RaceRecord) -> None:
    own.add(record)
    with pytest.raises(
        DataError, match="there is no race '2024-98-test' among the 1 at hand; did you mean 2024-99-test"
    ):
        own.load("2024-98-test")
    with pytest.raises(DataError, match="no race"):
        own.load("../../etc/passwd")


def test_an_unreadable_folder_is_named(tmp_path: Path) -> None:
    missing = RaceLibrary(Settings(data=tmp_path / "nowhere", library=tmp_path))
    with pytest.raises(DataError, match=r"RACETWIN_DATA=.*nowhere is not a folder"):
        missing.list()
    (tmp_path / "empty").mkdir()
    empty = RaceLibrary(Settings(data=tmp_path / "empty", library=tmp_path))
    with pytest.raises(DataError, match=r"holds no laps\.parquet"):
        empty.load("x")


def test_a_broken_file_is_named(own: RaceLibrary, record: RaceRecord, tmp_path: Path) -> None:
    path = own.add(record)
    path.write_bytes(b"not parquet")
    with pytest.raises(DataError, match=r"cannot read .*2024-99-test.parquet"):
        own.load("2024-99-test")
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "laps.parquet").write_bytes(b"broken")
    (folder / "races.csv").write_text("race_id,season\n2024-01-x,2024\n")
    library = RaceLibrary(Settings(data=folder, library=tmp_path / "none"))
    with pytest.raises(DataError, match=r"cannot read .*laps.parquet"):
        library.load("2024-01-x")
    with pytest.raises(DataError, match="laps_scheduled"):
        library.list()


def test_a_race_id_that_cannot_name_a_file_is_refused(own: RaceLibrary, record: RaceRecord) -> None:
    bad = RaceRecord.from_laps(record.laps, race_id="../escape")
    with pytest.raises(DataError, match="cannot name a file"):
        own.add(bad)


def test_a_sprint_filed_under_another_round_is_found() -> None:
    races = pd.DataFrame(
        [
            ("9", 9, "R", "Austrian Grand Prix"),
            ("9s", 9, "S", "Austrian Grand Prix"),
            ("10", 10, "R", "British Grand Prix"),
            ("10s", 10, "S", "Austrian Grand Prix"),
            ("20s", 20, "S", "Chinese Grand Prix"),  # its Grand Prix is not at hand: nothing speaks against it
            ("21s", 21, "S", "British Grand Prix"),  # the Grand Prix of that name was another round
        ],
        columns=["race_id", "round", "session", "event"],
    ).assign(season=2023)
    found = misfiled(races)
    assert list(found) == ["10s", "21s"]
    assert "of the Austrian Grand Prix, not of the round 10" in found["10s"]
    assert misfiled(races.drop(columns="event")) == {}


def test_the_list_marks_a_misfiled_sprint_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        ("2023-09-austria", 9, "R", "Austrian Grand Prix", 71),
        ("2023-10-britain", 10, "R", "British Grand Prix", 52),
        ("2023-10-britain-sprint", 10, "S", "Austrian Grand Prix", 24),
    ]
    races = pd.DataFrame(rows, columns=["race_id", "round", "session", "event", "laps_scheduled"])
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "laps.parquet").touch()
    other = {c: "" for c in (*COLUMNS, "laps_run") if c not in races}
    races.assign(**{**other, "season": 2023}).drop(columns=["misfiled", "total_laps"]).to_csv(folder / "races.csv")
    monkeypatch.setattr(data, "settings", lambda: Settings(data=folder, library=tmp_path / "none"))
    done = CliRunner().invoke(app, ["data", "list"])
    assert done.exit_code == 0, done.output
    shown = " ".join(done.output.split())
    assert "2023-10-britain-sprint * Austrian" in shown
    assert "* 2023-10-britain-sprint: its laps are of the Austrian Grand Prix, not of the round 10" in shown
    assert shown.count("*") == 2
    listed = json.loads(CliRunner().invoke(app, ["data", "list", "--json"]).output)
    assert [r["misfiled"] is None for r in listed] == [True, True, False]


@pytest.mark.data
@pytest.mark.integration
def test_a_race_under_another_name_is_loaded_with_a_note(race_data: Path, tmp_path: Path) -> None:
    library = RaceLibrary(Settings(data=race_data, library=tmp_path))
    assert any("Austrian Grand Prix" in n for n in library.load("2023-10-great-britain-sprint").notes)
    assert library.load("2023-09-austria-sprint").notes == ()


@pytest.mark.data
@pytest.mark.integration
def test_stored_races_have_their_grid_and_near_misses_are_named(race_data: Path, tmp_path: Path) -> None:
    library = RaceLibrary(Settings(data=race_data, library=tmp_path))
    race = library.load("2023-15-singapore")
    assert race.grid["55"] == 1
    assert (race.total_laps, race.session, race.circuit_id, len(race.entries)) == (62, "R", "marina-bay", 19)
    lane = library.load("2026-02-china-sprint")
    assert any(e.pit_lane_start for e in lane.entries)
    with pytest.raises(DataError, match="2023-15-singapore"):
        library.load("2023-singapore")
    with pytest.raises(DataError, match="great-britain"):
        library.load("2024-great-britain")
