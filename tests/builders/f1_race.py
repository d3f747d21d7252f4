"""A made-up race of four laps with everything in it, as the topics of Formula 1 live timing tell it."""

# ruff: noqa: E501 - messages stand as they are sent

from __future__ import annotations

import copy

from racetwin.telemetry.f1_topics import TopicMessage

T0 = 1783260180.0  # 2026-07-05 14:03:00 UTC, lights out

INFO = {
    "Key": 77,
    "Type": "Race",
    "Name": "Race",
    "StartDate": "2026-07-05T15:00:00",
    "EndDate": "2026-07-05T17:00:00",
    "GmtOffset": "01:00:00",
    "Meeting": {"Name": "British Grand Prix", "Number": 11, "Circuit": {"ShortName": "Silverstone"}},
}


def lines(**cars):
    return {"Lines": {number.removeprefix("c"): values for number, values in cars.items()}}


def race():
    """Messages of the race: (topic, payload, race time).

    Car 1 wins. Car 2 stops in lap 2. Car 3 retires in lap 3. Car 4 is lapped and takes the flag after three laps. Safety car in
    lap 2, red flag in lap 3.
    """
    start = {
        "RacingNumber": "",
        "InPit": False,
        "PitOut": False,
        "Retired": False,
        "Stopped": False,
        "Status": 64,
        "Sectors": [{"Value": ""}, {"Value": ""}, {"Value": ""}],
        "LastLapTime": {"Value": ""},
    }
    return [
        ("SessionInfo", INFO, -3600),
        ("DriverList", {n: {"Tla": t, "TeamName": t} for n, t in zip("1234", ("AAA", "BBB", "CCC", "DDD"), strict=True)}, -3600),
        ("TimingData", lines(**{f"c{n}": start | {"Position": str(n), "InPit": True, "Status": 80} for n in range(1, 5)}), -3599),
        ("TimingAppData", lines(**{f"c{n}": {"GridPos": str(n), "Stints": [{"Compound": "MEDIUM", "New": "true", "TotalLaps": 0, "StartLaps": 0}]} for n in range(1, 5)}), -3000),
        ("LapCount", {"CurrentLap": 1, "TotalLaps": 4}, -2000),
        ("TimingData", lines(c1={"InPit": False, "Status": 64}, c2={"InPit": False, "Status": 64}, c3={"InPit": False, "Status": 64}), -1000),
        ("SessionStatus", {"Status": "Started", "Started": "Started"}, 0),
        ("TimingData", lines(c4={"InPit": False, "Status": 64}), 8),
        ("TimingData", lines(c1={"NumberOfLaps": 1, "GapToLeader": "LAP 2"}), 95),
        ("LapCount", {"CurrentLap": 2}, 95),
        ("TimingData", lines(c2={"NumberOfLaps": 1, "GapToLeader": "+1.0", "IntervalToPositionAhead": {"Value": "+1.0"}}), 96),
        ("TimingData", lines(c3={"NumberOfLaps": 1}), 97),
        ("TimingData", lines(c4={"NumberOfLaps": 1, "GapToLeader": "+35.000"}), 130),
        ("TrackStatus", {"Status": "4", "Message": "SCDeployed"}, 140),
        ("RaceControlMessages", {"Messages": [{"Utc": "2026-07-05T14:05:20", "Message": "SAFETY CAR DEPLOYED", "Category": "SafetyCar", "Lap": 2}]}, 140),
        ("TimingData", lines(c2={"InPit": True, "NumberOfPitStops": 1, "Status": 80}), 183),
        # The count of the lap first, its time a moment later.
        ("TimingData", lines(c1={"NumberOfLaps": 2}), 187.0),
        ("TimingData", lines(c1={"LastLapTime": {"Value": "1:32.000"}}), 187.3),
        ("TimingData", lines(c2={"NumberOfLaps": 2, "LastLapTime": {"Value": "1:34.000"}}), 190),
        ("TimingData", lines(c3={"NumberOfLaps": 2, "LastLapTime": {"Value": "1:33.000"}, "Position": "2"}, c2={"Position": "3"}), 190.5),
        ("TimingData", lines(c2={"InPit": False, "PitOut": True, "Status": 608}), 207),
        ("TimingAppData", lines(c2={"Stints": {"1": {"Compound": "HARD", "New": "false", "TotalLaps": 3, "StartLaps": 3}}}), 208),
        ("PitStopSeries", {"PitTimes": {"2": [{"Timestamp": "x", "PitStop": {"PitLaneTime": "24.1", "PitStopTime": "2.4", "Lap": "2"}}]}}, 208),
        ("TrackStatus", {"Status": "1", "Message": "AllClear"}, 210),
        ("TrackStatus", {"Status": "5", "Message": "Red"}, 220),
        ("SessionStatus", {"Status": "Aborted"}, 221),
        ("SessionStatus", {"Status": "Started"}, 240),
        ("TrackStatus", {"Status": "1", "Message": "AllClear"}, 240),
        ("TimingData", lines(c3={"Retired": True, "Status": 84}), 250),
        ("TimingData", lines(c4={"NumberOfLaps": 2, "LastLapTime": {"Value": "2:05.000"}}), 255),
        ("TimingData", lines(c1={"NumberOfLaps": 3, "LastLapTime": {"Value": "1:31.000"}}), 278),
        ("TimingData", lines(c2={"NumberOfLaps": 3, "LastLapTime": {"Value": "1:50.000"}}), 300),
        ("TimingData", lines(c4={"GapToLeader": "1L", "IntervalToPositionAhead": {"Value": "1L"}}), 301),
        # The flag's bit before the lap it ends (winner), after it (lapped car).
        ("TimingData", lines(c1={"Status": 1088}), 368.8),
        ("TimingData", lines(c1={"NumberOfLaps": 4, "LastLapTime": {"Value": "1:31.000"}}), 369),
        ("TimingData", lines(c4={"NumberOfLaps": 3, "LastLapTime": {"Value": "2:00.000"}}), 375),
        ("TimingData", lines(c4={"Status": 1088}), 375.2),
        ("TimingData", lines(c2={"NumberOfLaps": 4, "LastLapTime": {"Value": "1:31.500"}}), 391.5),
        ("SessionStatus", {"Status": "Finished"}, 400),
        ("TimingData", lines(c1={"InPit": True, "Status": 1104}), 500),
        ("SessionStatus", {"Status": "Finalised"}, 600),
    ]  # fmt: skip


def messages(shift=T0):
    return [TopicMessage(topic, copy.deepcopy(payload), shift + at) for topic, payload, at in race()]
