"""The original system's call, as its users wrote it."""

from __future__ import annotations

import pytest

from racetwin import AIStrategist
from racetwin.config import Settings
from racetwin.errors import InputError
from racetwin.runtime.catch_up import twin_at
from racetwin.schemas import Recommendation
from racetwin.strategist.wording import check_own
from racetwin.telemetry import TelemetrySimulator
from racetwin.twins import RaceTwin

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


@pytest.fixture(scope="module")
def mid_race() -> RaceTwin:
    return twin_at(TelemetrySimulator(seed=3).record, 18)


async def test_example_of_the_original_system_runs_as_written() -> None:
    async with AIStrategist() as strategist:
        recommendations = await strategist.generate_recommendations(EXAMPLE)
    (only,) = recommendations
    assert set(only) >= FIELDS
    assert only["priority"] == "moderate", "nothing says that waiting costs anything"
    assert only["execution_lap"] == 24
    assert only["expected_benefit"] == "It finishes P3. It succeeds with a probability of 85%."
    assert only["risks"] == ["It fails with a probability of 15%."]


async def test_every_text_is_checked_and_names_its_facts() -> None:
    rows = [
        {"pit_lap": 24, "final_position": 3, "total_time": 2675.4, "success_probability": 0.85},
        {"pit_lap": 27, "final_position": 5, "success_probability": 0.6},
        {"pit_lap": 30, "final_position": 5.5},
    ]
    advice = await AIStrategist(Settings(llm_enabled=False)).generate_recommendations(
        EXAMPLE | {"simulation_results": rows}
    )
    assert [r["priority"] for r in advice] == ["urgent", "optional", "optional"]
    assert "Waiting for lap 27 costs 2 places." in advice[0]["expected_benefit"]
    for r in advice:
        said = Recommendation.model_validate(r)
        assert said.checked is not None
        assert said.checked.refused == 0
        assert said.checked.claims == said.checked.supported >= 5
        assert check_own(said).passed
        assert all(s.facts for s in said.sentences)
        assert said.reasoning
        assert len(said.alternatives) == 2


async def test_twins_are_taken_as_they_are_and_as_their_state(mid_race: RaceTwin) -> None:
    car = min((c for c in mid_race.cars.values() if c.running and c.position), key=lambda c: c.position or 99)
    field = mid_race.field
    asked = [
        EXAMPLE | {"car_twin": one, "field_twin": seen}
        for one, seen in ((car, field), (car.get_state(), field.get_state()), (car.state(), None))
    ]
    strategist = AIStrategist(Settings(llm_enabled=False))
    first, second, third = [(await strategist.generate_recommendations(a))[0] for a in asked]
    assert first == second
    assert first["car_id"] == car.car_id
    assert f"{car.tyre.compound.value} tyres, {car.tyre.age:.0f} lap" in first["reasoning"]
    threat = field.threats(car.car_id)[0]
    driver = mid_race.cars[threat.rival_id].driver or f"car {threat.rival_id}"
    assert f"{driver} ends the race ahead with a probability of {threat.probability:.0%}." in first["risks"]
    assert len(third["risks"]) == 1
    assert Recommendation.model_validate(first).checked.refused == 0


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
        ({"car_twin": 44}, "car_twin: int, expected a twin"),
        (
            {"car_twin": {"car_id": "44", "current_state": {"tire": {"compound": "slick"}}}},
            "car_twin.compound: 'slick'",
        ),
        ({"field_twin": "all of them"}, "field_twin: str, expected a twin"),
    ],
)
async def test_bad_input_is_named(change: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        await AIStrategist().generate_recommendations(EXAMPLE | change)
