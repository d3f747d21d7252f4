"""Formula 1 live timing and OpenF1 of one race, over real sockets, merged in one engine."""

from __future__ import annotations

import asyncio
import json

import pytest
from builders.f1_hub import Hub
from builders.openf1_broker import TOKEN, Broker

from racetwin.config import Settings
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.live_feeds import LiveFeeds
from racetwin.runtime.orchestrator import MainOrchestrator

F1_SECRET = "f1tv-secret-token"


@pytest.mark.integration
async def test_two_live_feeds_of_one_race_are_one_and_no_token_is_shown(serve, caplog, capfd):
    pytest.importorskip("aiomqtt", reason="OpenF1's live feed needs the extra [feeds]")
    caplog.set_level("DEBUG")
    hub = Hub(
        [
            ("LapCount", {"CurrentLap": 12, "TotalLaps": 52}, "2026-07-05T14:20:01Z"),
            ("WeatherData", {"AirTemp": "21.0"}, "2026-07-05T14:20:03Z"),
        ],
        token=F1_SECRET,
    )
    of = {"session_key": 1, "driver_number": 44}
    session = {"session_key": 1, "session_name": "Race", "session_type": "Race", "year": 2026}
    broker = Broker(
        [
            ("sessions", {**session, "circuit_short_name": "Silverstone", "date_start": "2026-07-05T14:00:00Z"}),
            ("drivers", {**of, "name_acronym": "HAM"}),
            ("laps", {**of, "lap_number": 1, "date_start": "2026-07-05T14:03:00Z"}),
            (
                "car_data",
                {**of, "date": "2026-07-05T14:20:00.2Z", "speed": 301, "n_gear": 8, "throttle": 99, "brake": 0},
            ),
        ]
    )
    mqtt = await asyncio.start_server(broker.tcp, "127.0.0.1", 0)
    specs = (
        f"f1-live:ws://127.0.0.1:{serve(hub.app).port}/hub",
        f"openf1-live:mqtt://127.0.0.1:{mqtt.sockets[0].getsockname()[1]},api=",
    )
    feeds = LiveFeeds(Settings(f1tv_token=F1_SECRET, openf1_token=TOKEN), specs)
    engine = RaceEngine(priority=LiveFeeds.priority(specs))
    runner = MainOrchestrator(engine, feeds)
    running = asyncio.create_task(runner.run())
    try:
        async with asyncio.timeout(20):
            while not {"speed_kmh", "position"} <= (known := engine.ingestor.known("44")).keys():
                await asyncio.sleep(0.02)
        health = json.dumps(runner.health())
    finally:
        runner.stop()
        await asyncio.gather(running, return_exceptions=True)
        mqtt.close()
    assert (known["position"].value, known["position"].source) == (2, "f1")
    assert (known["speed_kmh"].value, known["speed_kmh"].source) == (301.0, "openf1")
    frame = engine.ingestor.frame
    assert frame is not None
    assert frame.circuit_id == "silverstone"
    assert frame.source == "f1+openf1"
    assert {one["feed"] for one in feeds.report()} == {"f1-live", "openf1-live"}
    out = capfd.readouterr()
    for secret in (F1_SECRET, TOKEN):
        assert secret not in caplog.text + out.out + out.err + health + json.dumps(engine.dump())
