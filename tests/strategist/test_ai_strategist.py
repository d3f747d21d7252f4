"""The original system's call, as its users wrote it."""

from __future__ import annotations

import pytest

from racetwin import AIStrategist
from racetwin.errors import InputError

pytestmark = pytest.mark.unit

EXAMPLE = {
    "car_twin": None,
    "field_twin": None,
    "simulation_results": [{"pit_lap": 24, "final_position": 3, "total_time": 2675.4, "success_probability": 0.85}],
    "race_context": {"lap": 22, "session_type": "race"},
}
FIELDS = {
    "priority",
    "title",
    "description",
    "expected_benefit",
    "reasoning",
    "execution_lap",
    "risks",
    "alternatives",
}


async def test_example_of_the_original_system_runs_as_written() -> None:
    async with AIStrategist() as strategist:
        recommendations = await strategist.generate_recommendations(EXAMPLE)
    urgent = [r for r in recommendations if r["priority"] == "urgent"]
    assert len(urgent) == 1
    assert set(urgent[0]) >= FIELDS
    assert urgent[0]["execution_lap"] == 24
    assert "P3" in urgent[0]["expected_benefit"]
    assert "85%" in urgent[0]["expected_benefit"]


async def test_pit_lap_that_finishes_better_is_recommended_first() -> None:
    rows = [{"pit_lap": 26, "final_position": 5}, {"pit_lap": 30, "final_position": 4}]
    advice = await AIStrategist().generate_recommendations(
        {"simulation_results": rows, "race_context": {"lap": 20, "session_type": "race"}}
    )
    assert [r["execution_lap"] for r in advice] == [30, 26]
    assert [r["priority"] for r in advice] == ["optional", "optional"]


async def test_pit_lap_that_has_passed_is_not_recommended() -> None:
    late = dict(EXAMPLE, race_context={"lap": 24, "session_type": "race"})
    assert await AIStrategist().generate_recommendations(late) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"simulation_results": None}, "simulation_results"),
        (
            {"simulation_results": [{"pit_lap": "soon", "final_position": 3}]},
            r"simulation_results\[0\].pit_lap: 'soon'",
        ),
        ({"simulation_results": [{"pit_lap": 24, "final_position": 0}]}, r"simulation_results\[0\].final_position: 0"),
        ({"race_context": {"lap": -1}}, "race_context.lap: -1"),
        ({"car_twin": {"car_id": "Lewis"}}, "car_twin.car_id: 'Lewis'"),
    ],
)
async def test_bad_input_is_named(change: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        await AIStrategist().generate_recommendations(EXAMPLE | change)
