"""`racetwin data check`: what a recording holds, and whether it is the race that the tables say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from racetwin.cli.app import app
from racetwin.evaluation import recordings

pytestmark = [pytest.mark.integration, pytest.mark.data]


def checked(*arguments: str) -> dict[str, Any]:
    told = CliRunner().invoke(app, ["data", "check", *arguments, "--json"])
    assert told.exit_code == 0, told.output
    found: dict[str, Any] = json.loads(told.output)
    return found


@pytest.fixture
def settings_of(race_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from racetwin.config import settings

    monkeypatch.setenv("RACETWIN_DATA", str(race_data))
    settings.cache_clear()
    return race_data


def test_the_sprint_is_the_race_of_the_tables(settings_of: Path) -> None:
    found = checked(str(settings_of / "streams/2025_qatar_sprint.jsonstream.txt.gz"))
    race = found["against"]
    assert (race["equal"], race["laps"], race["wrong"], race["unseen"]) == (360, 380, [], [])
    assert {lap for _, lap in race["without"]} == {1}, "only lap 1 has no time in the feed"
    assert race["order"]["equal"]
    assert race["stops"] == {"official": 3, "missed": [], "others": []}
    assert [c["to"] for c in found["track_status"]] == ["GREEN", "YELLOW", "GREEN"]
    assert found["refused"] == found["skipped"] == {}


@pytest.mark.parametrize(
    ("stream", "table"),
    [
        ("2023_monaco_fp2.signalr_frames.jsonl.gz", "2023_monaco_fp2"),
        ("2024_us_sprint_qualifying.sse.jsonl.gz", "2024_us_sprint_qualifying"),
    ],
)
def test_samples_are_those_of_the_decoded_tables(stream: str, table: str, settings_of: Path) -> None:
    tables = [settings_of / f"telemetry/{table}_{kind}.parquet" for kind in ("car", "position")]
    found = checked(str(settings_of / "streams" / stream), *(f"--table={t}" for t in tables))
    assert [t["equal"] for t in found["tables"].values()] == [True, True]
    assert found["refused"] == {}, "who joins under way refuses nothing"


def test_what_differs_is_named(settings_of: Path) -> None:
    from racetwin.telemetry.library import RaceLibrary

    told = recordings.Told(settings_of / "streams/2025_qatar_sprint.jsonstream.txt.gz")
    record = RaceLibrary().load("2025-23-qatar-sprint")
    record.laps.loc[record.laps.index[7], "lap_time_s"] += 0.002
    assert len(recordings.against(told, record)["wrong"]) == 1
    table = pd.read_parquet(settings_of / "telemetry/2023_monaco_fp2_car.parquet")
    assert not recordings.samples_against(told, table)["equal"], "this recording holds no car data"
