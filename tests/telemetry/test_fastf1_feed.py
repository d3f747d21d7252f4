"""FastF1 sessions, built from the objects of FastF1 itself: its types and column rules are the real ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from racetwin.config import Settings
from racetwin.errors import ConfigurationError, DataError
from racetwin.schemas import CarStatus, LapCompleted, RaceControl, TelemetryFrame, TrackStatus, TrackStatusChanged
from racetwin.telemetry import RaceLibrary, TelemetryIngestor, frames
from racetwin.telemetry.fastf1_feed import add_race, record_from_session

pytestmark = pytest.mark.unit

fastf1 = pytest.importorskip("fastf1", reason="the extra [fastf1] is not installed")
START = 3600.0  # session time of lights out, s


def td(seconds: float) -> pd.Timedelta:
    return pd.NaT if seconds is None or np.isnan(seconds) else pd.Timedelta(seconds=seconds)


def laps_of(session: Any) -> Any:
    from fastf1.core import Laps

    rows = []
    for number, driver, team, pace in (
        ("1", "VER", "Red Bull", 81.0),
        ("16", "LEC", "Ferrari", 81.4),
        ("63", "RUS", "Mercedes", 82.0),
    ):
        clock = START
        for lap in range(1, 7):
            if number == "63" and lap > 4:
                break
            took = pace + (5.0 if lap == 1 else 0.0)
            goes_in = comes_out = np.nan
            if number == "16" and lap == 3:
                took += 4.0
                goes_in = clock + took - 1.5
            if number == "16" and lap == 4:
                comes_out = clock + 21.0
                took += 18.0
            made_up = number == "63" and lap == 4
            rows.append(
                {
                    "Time": td(clock + took), "Driver": driver, "DriverNumber": number,
                    "LapTime": td(np.nan if lap == 1 or made_up else took), "LapNumber": float(lap),
                    "Stint": 2.0 if number == "16" and lap > 3 else 1.0, "PitOutTime": td(comes_out), "PitInTime": td(goes_in),
                    "Sector1Time": td(26.0), "Sector2Time": td(27.5), "Sector3Time": td(took - 53.5),
                    "SpeedST": 330.0, "IsPersonalBest": False,
                    "Compound": "HARD" if number == "16" and lap > 3 else "MEDIUM",
                    "TyreLife": float(lap - 3 if number == "16" and lap > 3 else lap), "FreshTyre": True, "Team": team,
                    "LapStartTime": td(clock), "TrackStatus": "1", "Position": np.nan if made_up else 1.0,
                    "Deleted": None, "DeletedReason": "", "FastF1Generated": made_up, "IsAccurate": not made_up,
                }
            )  # fmt: skip
            clock += took
    return Laps(pd.DataFrame(rows), session=session, _force_default_cols=True)


@pytest.fixture
def session() -> Any:
    from fastf1.core import Session, SessionResults
    from fastf1.events import Event

    event = Event(
        {
            "EventName": "Italian Grand Prix", "Location": "Monza", "Country": "Italy", "RoundNumber": 16,
            "EventDate": pd.Timestamp("2024-09-01"), "EventFormat": "conventional",
            "Session1": "Practice 1", "Session2": "Practice 2", "Session3": "Practice 3",
            "Session4": "Qualifying", "Session5": "Race",
            "Session5Date": pd.Timestamp("2024-09-01 15:00:00"), "Session5DateUtc": pd.Timestamp("2024-09-01 13:00:00"),
        },
        year=2024,
    )  # fmt: skip
    made = Session(event, "Race", f1_api_support=True)
    made._laps = laps_of(made)
    made._results = SessionResults(
        pd.DataFrame(
            {
                "DriverNumber": ["1", "16", "63", "18"], "Abbreviation": ["VER", "LEC", "RUS", "STR"],
                "TeamName": ["Red Bull", "Ferrari", "Mercedes", "Aston Martin"],
                "GridPosition": [1.0, 2.0, 0.0, 3.0], "Position": [1.0, 2.0, 3.0, 4.0],
                "ClassifiedPosition": ["1", "2", "R", "R"], "Status": ["Finished", "Finished", "Retired", "Retired"],
                "Points": [25.0, 18.0, 0.0, 0.0], "Laps": [6.0, 6.0, 3.0, 0.0],
            }
        ),
        _force_default_cols=True,
    )  # fmt: skip
    made._total_laps = 6
    made._session_status = pd.DataFrame({"Time": [td(10.0), td(START)], "Status": ["Inactive", "Started"]})
    made._track_status = pd.DataFrame(
        {
            "Time": [td(5.0), td(START - 100), td(START + 200.25), td(START + 290.5)],
            "Status": ["2", "1", "4", "1"], "Message": ["Yellow", "AllClear", "SCDeployed", "AllClear"],
        }
    )  # fmt: skip
    made._weather_data = pd.DataFrame(
        {
            "Time": [td(START - 30), td(START + 30)], "AirTemp": [29.1, 29.3], "Humidity": [40.0, 41.0],
            "Pressure": [1001.0, 1001.0],
            "Rainfall": [False, True], "TrackTemp": [45.0, 44.0], "WindDirection": [180, 190], "WindSpeed": [1.2, 1.4],
        }
    )  # fmt: skip
    made._t0_date = pd.Timestamp("2024-09-01 12:00:00")
    made._race_control_messages = pd.DataFrame(
        {
            "Time": [made._t0_date + td(START + 199.0)], "Category": ["SafetyCar"], "Message": ["SAFETY CAR DEPLOYED"],
            "Status": ["DEPLOYED"], "Flag": [None], "Scope": [None], "Sector": [np.nan], "RacingNumber": [None], "Lap": [3.0],
        }
    )  # fmt: skip
    made._session_info = {"Meeting": {"Circuit": {"ShortName": "Monza"}}}
    return made


def test_a_session_becomes_a_record(session: Any) -> None:
    record = record_from_session(session)
    assert (record.race_id, record.season, record.round, record.session) == ("2024-16-italy", 2024, 16, "R")
    assert (record.circuit_id, record.total_laps, record.chequered_lap, record.source) == ("monza", 6, 6, "fastf1")
    assert record.grid == {"1": 1, "16": 2, "18": 3, "63": 4}
    assert [e.car_id for e in record.entries if e.pit_lane_start] == ["63"]
    assert [e.car_id for e in record.entries if e.no_lap] == ["18"]
    assert [(c.time_s, c.status, c.inferred) for c in record.status] == [
        (0.0, TrackStatus.GREEN, False),
        (200.25, TrackStatus.SC, False),
        (290.5, TrackStatus.GREEN, False),
    ]
    first = record.laps.iloc[0]
    assert (first["race_time_s"], first["sector1_s"]) == (86.0, 26.0)


def test_its_frames_tell_the_race(session: Any) -> None:
    record = record_from_session(session)
    ingestor, events, last = TelemetryIngestor(), [], None
    for last in frames(record, hz=None):
        TelemetryFrame.model_validate(last.model_dump())
        events += getattr(ingestor.process(last), "events", ())
    assert last is not None
    assert {c.driver: c.status for c in last.cars} == {
        "VER": CarStatus.FINISHED, "LEC": CarStatus.FINISHED, "RUS": CarStatus.RETIRED, "STR": CarStatus.RETIRED,
    }  # fmt: skip
    assert sum(isinstance(e, LapCompleted) and e.car_id == "63" for e in events) == 3
    assert [e.time_s for e in events if isinstance(e, TrackStatusChanged)] == [200.25, 290.5]
    assert [(e.message, e.lap) for e in events if isinstance(e, RaceControl)] == [("SAFETY CAR DEPLOYED", 3)]
    assert last.track.rainfall is True
    stop = [e for e in events if e.kind in ("pit_entered", "pit_exited", "tyre_changed") and e.car_id == "16"]
    assert [e.kind for e in stop] == ["pit_entered", "pit_exited", "tyre_changed"]


def test_what_was_not_loaded_is_done_without(session: Any) -> None:
    for name in (
        "_weather_data",
        "_race_control_messages",
        "_track_status",
        "_results",
        "_total_laps",
        "_session_info",
    ):
        delattr(session, name)
    record = record_from_session(session)
    assert (record.circuit_id, record.told, record.total_laps) == ("monza", (), 6)
    assert record.grid == {}


def test_no_laps_and_no_race_are_refused(session: Any) -> None:
    session.name = "Qualifying"
    with pytest.raises(DataError, match=r"2024 Italian Grand Prix .* is not a race"):
        record_from_session(session)
    del session._laps
    with pytest.raises(DataError, match="FastF1 has no laps of 2024 Italian Grand Prix"):
        record_from_session(session)


def test_data_add_keeps_the_race_in_the_own_library(
    session: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(fastf1, "get_session", lambda *a: asked.append(a) or session)
    monkeypatch.setattr(type(session), "load", lambda self, **_: None)
    now = Settings(data=None, library=tmp_path / "races", cache=tmp_path / "cache")
    record = add_race(2024, "Monza", settings=now)
    assert asked == [(2024, "Monza", "R")]
    assert RaceLibrary(now).load(record.race_id).laps.equals(record.laps)
    add_race(2024, "16", session="s", settings=now)
    assert asked[-1] == (2024, 16, "S")


def test_failures_say_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = Settings(data=None, library=tmp_path / "races", cache=tmp_path / "cache")

    def broken(*_: Any) -> Any:
        raise OSError("Name or service not known\nmore")

    monkeypatch.setattr(fastf1, "get_session", broken)
    with pytest.raises(
        DataError, match=r"could not load 2024 Monza \(R\): Name or service not known; check the name, the internet"
    ):
        add_race(2024, "Monza", settings=now)
    with pytest.raises(DataError, match="expected R"):
        add_race(2024, "Monza", session="Q", settings=now)
    monkeypatch.setitem(sys.modules, "fastf1", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'racetwin\[fastf1\]'"):
        add_race(2024, "Monza", settings=now)
