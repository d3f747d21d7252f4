"""Races of the user's own library in a fit: in the tables' form, in time order, the folder's first, and told in the file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from racetwin.calibration import calibrate
from racetwin.calibration.own_library import lacking, table_rows, with_own_races
from racetwin.calibration.tables import RaceTables, derive, in_time_order, load
from racetwin.cli import app
from racetwin.config import Settings, settings
from racetwin.schemas import RaceControlMessage
from racetwin.simulation.draw import DrawnRace, draw_grand_prix
from racetwin.simulation.parameters import RaceParameters
from racetwin.telemetry.library import RaceLibrary
from racetwin.telemetry.records import RaceRecord, Told
from racetwin.telemetry.simulator import TelemetrySimulator

OWN = "2024-09-catalunya"


def as_added(race: DrawnRace, race_id: str = OWN, day: str | None = "2024-06-23", **changes: Any) -> RaceRecord:
    """A drawn race as one that FastF1 gives: neither C-codes, nor flags of what its times already tell."""
    laps = race.laps.drop(
        columns=[c for c in race.laps if c.startswith("is_") or c in ("pit_stop", "pit_in", "pit_out", "laps_down")]
    )
    told = () if day is None else (Told(0.0, RaceControlMessage(message="GREEN LIGHT", utc=f"{day}T13:00:00")),)
    record = RaceRecord.from_laps(
        laps,
        race_id=race_id,
        season=2024,
        round=int(race_id.split("-")[1]),
        circuit_id=race.circuit_id,
        total_laps=race.total_laps,
        grid=race.grid,
        told=told,
        results=race.results,
        source="fastf1",
    )
    return dataclasses.replace(record, **changes)


@pytest.fixture(scope="module")
def folder(drawn: RaceTables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight drawn races as a data folder."""
    out = tmp_path_factory.mktemp("races")
    ids = {r: f"2024-{k:02d}-drawn" for k, r in enumerate(drawn.races.race_id, start=1)}
    facts = drawn.races.assign(race_id=drawn.races.race_id.map(ids), round=range(1, len(ids) + 1), event="Drawn")
    facts.to_csv(out / "races.csv", index=False)
    drawn.results.assign(race_id=drawn.results.race_id.map(ids)).to_csv(out / "results.csv", index=False)
    drawn.laps.assign(race_id=drawn.laps.race_id.map(ids)).to_parquet(out / "laps.parquet")
    return out


@pytest.fixture(scope="module")
def more(truth: RaceParameters) -> DrawnRace:
    """A ninth race, with another pit loss and wear."""
    p = truth.replace(circuit_id="catalunya", pit_loss_s=21.0, wear_s=(0.16, 0.11, 0.09, *truth.wear_s[3:]))
    return draw_grand_prix("catalunya", 2024, seed=77, parameters=p)


def library(folder: Path, *records: RaceRecord) -> RaceLibrary:
    found = RaceLibrary(Settings(data=None, library=folder))
    for record in records:
        found.add(record)
    return found


@pytest.mark.unit
def test_a_race_in_the_library_has_the_columns_that_a_folder_has(more: DrawnRace) -> None:
    own = table_rows(as_added(more))
    laps = more.laps.sort_values(["driver_number", "lap"], ignore_index=True)
    assert own.race["date"] == "2024-06-23"
    assert (own.race["wet"], own.race["laps_run"]) == (False, int(laps.lap.max()))
    for column in ("is_sc", "is_vsc", "is_red", "pit_in", "pit_out", "pit_stop", "laps_down", "lap", "driver_number"):
        assert own.laps[column].tolist() == laps[column].tolist(), column
    stops = own.laps[own.laps.pit_stop]
    assert len(stops) > 10
    assert stops.stop_under.tolist() == laps.stop_under[laps.pit_stop].tolist()
    assert own.laps.compound_pirelli.isna().all() == laps.compound_pirelli.isna().all()
    assert own.laps.pit_stationary_s.isna().sum() == more.laps.pit_stationary_s.isna().sum()
    both = [derive(own.laps, pd.DataFrame([own.race])), derive(laps.assign(race_id=OWN), pd.DataFrame([own.race]))]
    for column in ("clean", "neutral", "restart", "compound_index", "road_gap_s", "ahead"):
        assert both[0][column].equals(both[1][column]), column
    assert own.results.set_index("driver_number").position.to_dict() == (
        more.results.set_index("driver_number").position.to_dict()  # type: ignore[union-attr]
    )


@pytest.mark.data
@pytest.mark.unit
@pytest.mark.parametrize("race_id", ["2023-15-singapore", "2023-06-monaco", "2026-03-japan"])
def test_a_real_race_gives_the_folders_own_columns_again(race_data: Path, race_id: str) -> None:
    tables = load(race_data)
    own = table_rows(RaceLibrary(Settings(data=race_data)).load(race_id))
    keys = ["driver_number", "lap"]
    folder, laps = (t.set_index(keys).sort_index() for t in (tables.laps[tables.laps.race_id == race_id], own.laps))
    assert laps.index.isin(folder.index).all()  # the folder also counts the lap on which a car stopped
    folder = folder.loc[laps.index]
    for column in (
        "is_yellow",
        "is_sc",
        "is_vsc",
        "is_red",
        "pit_in",
        "pit_stop",
        "laps_down",
        "last_lap_before_retirement",
    ):
        assert (laps[column] == folder[column]).all(), column
    assert np.allclose(laps.lap_time_s, folder.lap_time_s, atol=0.002)
    facts = tables.races.set_index("race_id").loc[race_id]
    assert (own.race["wet"], own.race["laps_run"]) == (facts.wet, facts.laps_run)
    official = tables.results[tables.results.race_id == race_id].set_index("driver_number").position
    assert own.results.set_index("driver_number").position.to_dict() == official.to_dict()


@pytest.mark.unit
def test_what_a_record_does_not_tell_stays_missing(more: DrawnRace) -> None:
    record = as_added(more, day=None, results=None)
    record.laps["pit_stationary_s"] = np.nan
    own = table_rows(record)
    assert own.race["date"] is None
    assert own.laps.pit_stationary_s.isna().all()
    places = own.results.set_index("driver_number").position
    out = more.laps[more.laps.last_lap_before_retirement].driver_number
    assert set(places) <= {"DNF", ""}
    assert set(out) <= set(places.index[places == "DNF"])
    assert own.results.set_index("driver_number").grid.to_dict() == {int(c): s for c, s in more.grid.items()}
    lost = record.laps.lap_time_s.where(record.laps.lap != 5)
    filled = table_rows(dataclasses.replace(record, laps=record.laps.assign(lap_time_s=lost))).laps
    assert filled.lap_time_filled[filled.lap == 5].all()
    assert np.allclose(filled.lap_time_s, own.laps.lap_time_s, atol=0.002)


@pytest.mark.unit
def test_fastf1s_letters_are_read_as_results_tables_write_them(more: DrawnRace) -> None:
    record = as_added(more)
    numbers = [int(e.car_id) for e in record.entries[:6]]
    told = pd.DataFrame(
        {
            "driver_number": numbers,
            "grid": [1.0, 2.0, 3.0, 4.0, 0.0, 6.0],
            "position": ["1", "2.0", "R", "D", "5", "R"],
            "status": ["Finished", "+1 Lap", "Engine", "Disqualified", "Finished", "Did not start"],
        }
    )
    own = table_rows(dataclasses.replace(record, results=told)).results
    assert own.position.tolist() == ["1", "2", "DNF", "DSQ", "5", "DNS"]
    assert np.isnan(own.grid.iloc[4])  # from the pit lane


@pytest.mark.unit
def test_a_record_that_lacks_what_a_fit_needs_is_left_out_with_its_reason(
    folder: Path, more: DrawnRace, tmp_path: Path
) -> None:
    bare = as_added(more)
    ageless = dataclasses.replace(bare, laps=bare.laps.assign(tyre_age=np.nan), race_id="2024-10-no-ages", round=10)
    silent = dataclasses.replace(bare, laps=bare.laps.assign(track_status=None), race_id="2024-11-silent", round=11)
    drawn = dataclasses.replace(TelemetrySimulator("monza", 2024, seed=3).record, race_id="2024-12-drawn", round=12)
    nowhere = dataclasses.replace(bare, circuit_id="unknown", race_id="2024-13-nowhere", round=13)
    under_way = dataclasses.replace(bare, chequered_lap=None, race_id="2024-14-running", round=14)
    tables = load(folder)
    joined, left_out = with_own_races(tables, library(tmp_path, ageless, silent, drawn, nowhere, under_way))
    assert joined is tables
    assert {k: v.split(":")[0] for k, v in left_out.items()} == {
        "2024-10-no-ages": "no lap on slicks under green with a known tyre age",
        "2024-11-silent": "no lap tells its track status",
        "2024-12-drawn": "it is simulated",
        "2024-13-nowhere": "its circuit is not known",
        "2024-14-running": "it is not over",
    }
    assert lacking(bare) is None


@pytest.mark.unit
def test_the_folders_own_copy_of_a_race_stays_and_others_come_in_their_time(
    folder: Path, more: DrawnRace, tmp_path: Path
) -> None:
    tables = load(folder)
    of_folder = as_added(more, "2024-03-drawn")
    same_round = as_added(more, "2024-04-another-name")
    dated = as_added(more, "2024-30-dated", day="2024-01-05")  # by its date between the folder's
    undated = as_added(more, "2024-09-undated", day=None)
    joined, left_out = with_own_races(tables, library(tmp_path, of_folder, same_round, dated, undated))
    assert left_out == {}
    assert joined.own == ("2024-09-undated", "2024-30-dated")
    order = [r for r in joined.races.race_id if r not in joined.own]
    assert order == list(tables.races.race_id)
    assert joined.races.race_id.iloc[-1] == "2024-09-undated"
    assert pd.isna(joined.races.date.iloc[-1])
    assert joined.before("2024-30-dated").races.date.max() <= "2024-01-05"
    assert joined.before("2024-30-dated").own == ()
    assert joined.before("2024-09-undated").own == ("2024-30-dated",)
    kept = joined.laps[~joined.laps.race_id.isin(joined.own)].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, tables.laps, check_dtype=False)
    assert in_time_order(tables.races).equals(tables.races)


@pytest.mark.backtest
def test_one_race_more_moves_the_fit_and_stands_in_the_file(folder: Path, more: DrawnRace, tmp_path: Path) -> None:
    tables = load(folder)
    joined, left_out = with_own_races(tables, library(tmp_path, as_added(more)))
    assert left_out == {}
    without, with_it = (calibrate(t, None, method="map") for t in (tables, joined))
    assert "own_library" not in without["calibration"]
    assert with_it["calibration"]["own_library"] == [OWN]
    assert with_it["calibration"]["n_races"] == without["calibration"]["n_races"] + 1
    assert with_it["calibration"]["last_race"] == OWN
    assert with_it["calibration"]["last_date"] == "2024-06-23"
    assert with_it["calibration"]["data_hash"] != without["calibration"]["data_hash"]
    loss, more_loss = (d["circuits"]["catalunya"]["pit_loss_s"] for d in (without, with_it))
    assert more_loss["n"] > loss["n"]
    assert more_loss["value"] > loss["value"] + 0.05  # its stops lost 21 s, those of the folder 19 s
    wear, more_wear = (d["circuits"]["catalunya"]["wear_s"]["value"] for d in (without, with_it))
    assert more_wear[1] > wear[1]


@pytest.mark.backtest
def test_the_command_takes_them_says_so_and_can_leave_them_out(
    folder: Path, more: DrawnRace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    races = tmp_path / "own"
    library(races, as_added(more), as_added(more, "2024-10-nowhere", circuit_id="unknown"))
    monkeypatch.setenv("RACETWIN_LIBRARY", str(races))
    monkeypatch.delenv("RACETWIN_DATA", raising=False)
    settings.cache_clear()
    request.addfinalizer(settings.cache_clear)
    out = tmp_path / "p.json"
    command = ["calibrate", "--quick", "--data", str(folder), "--out", str(out)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert f"1 race of your own library: {OWN}" in said
    assert "2024-10-nowhere of your own library is left out: its circuit is not known" in said
    assert json.loads(out.read_text())["calibration"]["own_library"] == [OWN]
    done = CliRunner().invoke(app, [*command, "--no-library"])
    assert done.exit_code == 0, done.output
    assert "own library" not in done.output
    assert "own_library" not in json.loads(out.read_text())["calibration"]
