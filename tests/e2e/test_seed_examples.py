"""What the original system's description showed its users, run as it stands there (with our names and ports)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from racetwin import AIStrategist, CarTwin, FieldTwin, TelemetryIngestor

pytestmark = pytest.mark.integration

TELEMETRY: dict[str, Any] = {
    "timestamp": "2024-07-07T14:31:05Z",
    "lap": 22,
    "session_type": "race",
    "track_conditions": {"temperature": 35.0, "weather": "dry", "track_status": "green"},
    "cars": [
        {
            "car_id": "44",
            "driver": "HAM",
            "team": "Mercedes",
            "position": 3,
            "speed": 287.4,
            "tire": {"compound": "medium", "age": 14, "wear_level": 0.42},
            "fuel_level": 64.0,
            "lap_time": 92.4,
        },
        {
            "car_id": "1",
            "driver": "VER",
            "team": "Red Bull",
            "position": 1,
            "speed": 290.2,
            "tire": {"compound": "hard", "age": 6, "wear_level": 0.12},
            "fuel_level": 63.0,
            "lap_time": 91.8,
        },
    ],
}


def test_twins_from_a_telemetry_dictionary() -> None:
    ingestor = TelemetryIngestor()
    car_twin = CarTwin(car_id="44")
    field_twin = FieldTwin()

    telemetry_data = TELEMETRY
    car_twin.update_state(telemetry_data)
    field_twin.update_state(telemetry_data)

    assert ingestor.process(telemetry_data) is not None
    state = car_twin.get_state()
    assert state["car_id"] == "44"
    assert state["current_state"]["position"] == 3
    assert state["current_state"]["tire"]["compound"] == "medium"
    assert state["current_state"]["speed"] == 287.4
    assert {"predictions", "strategy_metrics"} <= set(state)
    assert set(field_twin.get_state()["cars"]) == {"44", "1"}


@pytest.fixture(scope="module")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of `racetwin serve`, run as a user would."""
    folder = tmp_path_factory.mktemp("serve")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "RACETWIN_STATE": str(folder / "state"),
        "RACETWIN_LIBRARY": str(folder / "races"),
        "RACETWIN_API_PORT": str(port),
        "RACETWIN_RACES": "32",
    }
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("racetwin")), "serve", "--simulated", "--speed", "50"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 180
        while True:
            assert process.poll() is None, process.stdout.read().decode()
            assert time.monotonic() < deadline
            try:
                if requests.get(f"{url}/api/v1/environment", timeout=5).json().get("lap", 0) >= 3:
                    break
            except requests.RequestException:
                pass
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_requests_against_the_api(engine_url: str) -> None:
    # Get car twin state
    response = requests.get(f"{engine_url}/api/v1/car-twin", timeout=10)
    car_data = response.json()

    # Get AI recommendations
    response = requests.get(f"{engine_url}/api/v1/strategy-recommendations", timeout=120)
    recommendations = response.json()

    assert car_data["car_id"]
    assert recommendations
    for recommendation in recommendations:
        assert {
            "title",
            "description",
            "expected_benefit",
            "reasoning",
            "execution_lap",
            "risks",
            "alternatives",
            "priority",
        } <= set(recommendation)


@pytest.mark.parametrize("name", ["car-twin", "field-twin", "telemetry", "environment", "health"])
def test_every_endpoint_of_the_original_answers(engine_url: str, name: str) -> None:
    answer = requests.get(f"{engine_url}/api/v1/{name}", timeout=10)
    assert answer.status_code == 200
    assert answer.json()


async def test_strategist_with_its_example_input() -> None:
    async with AIStrategist() as strategist:
        data = {
            "car_twin": None,  # or actual CarTwin data
            "field_twin": None,
            "simulation_results": [
                {"pit_lap": 24, "final_position": 3, "total_time": 2675.4, "success_probability": 0.85}
            ],
            "race_context": {"lap": 22, "session_type": "race"},
        }

        recommendations = await strategist.generate_recommendations(data)

        # Recommendations are categorized by priority
        urgent = [r for r in recommendations if r["priority"] == "urgent"]
        moderate = [r for r in recommendations if r["priority"] == "moderate"]
        optional = [r for r in recommendations if r["priority"] == "optional"]

    assert len(urgent) + len(moderate) + len(optional) == len(recommendations) > 0
    for recommendation in recommendations:
        for name in ("title", "description", "expected_benefit", "reasoning", "execution_lap", "risks", "alternatives"):
            assert name in recommendation
