"""What was refused, read back: from a producer's socket to ``/api/v1/telemetry/rejected``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from racetwin.api.serve import serving
from racetwin.config import Settings
from racetwin.runtime.session import open_session
from racetwin.telemetry.websocket_sender import TelemetrySender

pytestmark = pytest.mark.integration


async def test_one_bad_car_of_twenty_is_told_and_the_other_nineteen_are_in(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, api_port=0, telemetry_port=0, data=None)
    session = open_session(settings, feeds=("websocket-server",))
    cars = [{"car_id": str(n), "position": n, "lap": 5, "speed_kmh": 250.0 + n} for n in range(1, 21)]
    cars[12] |= {"car_id": "thirteen", "position": 13}
    frame = {
        "version": "racetwin/1", "source": "garage", "seq": 0, "time_s": 400.0, "race_id": "demo", "lap": 5, "cars": cars,
    }  # fmt: skip
    async with serving(session, settings) as (url, runner), httpx.AsyncClient(base_url=url, trust_env=False) as api:
        await runner.feed.opened.wait()
        async with TelemetrySender(f"ws://127.0.0.1:{runner.feed.feeds['websocket-server'].port}") as sender:
            answer = await sender.send(frame)
        assert answer.accepted
        assert [(p["field"], p["value"]) for p in answer.rejected] == [("car_id", "thirteen")]
        (told,) = (await api.get("/api/v1/telemetry/rejected")).raise_for_status().json()
        assert (told["field"], told["value"], told["car_id"]) == ("car_id", "thirteen", "thirteen")
        assert "string should match pattern" in told["expected"].lower()
        assert (told["source"], told["seq"], told["time_s"]) == ("garage", 0, 400.0)
        async with asyncio.timeout(30):
            while (seen := await api.get("/api/v1/telemetry")).status_code != 200:
                await asyncio.sleep(0.02)
        there = {c["car_id"]: c["speed_kmh"] for c in seen.json()["cars"]}
    assert there == {str(n): 250.0 + n for n in range(1, 21) if n != 13}
