from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from racetwin.config import settings
from racetwin.schemas import (
    CarTwinState,
    DeskAnswer,
    DeskReply,
    LapCompleted,
    PlannedStop,
    PlanTrial,
    RaceFan,
    Recommendation,
    Rejoin,
    TelemetryFrame,
)
from racetwin.simulation.deliberation import deliberate
from racetwin.simulation.desk import StrategyDesk
from racetwin.simulation.fan import race_fan
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.trial import try_plan

pytestmark = pytest.mark.integration

RACES = 32
"""What the served engine's desk asks with."""


def test_telemetry_is_the_frame_as_accepted(served: Any, race: list[TelemetryFrame]) -> None:
    got = TelemetryFrame.model_validate_json(served.get("telemetry").content)
    assert (got.seq, got.time_s, len(got.cars)) == (race[-1].seq, race[-1].time_s, len(race[-1].cars))


def test_car_twin_of_every_car(served: Any) -> None:
    cars = served.get("cars").json()
    assert len(cars) >= 18
    for car in cars:
        state = CarTwinState.model_validate_json(served.get("car-twin", params={"car_id": car["car_id"]}).content)
        assert state.car_id == car["car_id"]


def test_a_misspelt_parameter_is_refused_and_named(served: Any) -> None:
    refused = served.get("car-twin", params={"car": "44"})
    assert refused.status_code == 422
    assert refused.json()["detail"] == "query.car: unknown parameter, expected at, car_id, schema"
    assert served.get("health", params={"car_id": "44"}).json()["detail"].endswith("expected none")


def test_without_a_car_the_leader_is_meant(served: Any) -> None:
    assert served.get("car-twin").json()["position"] == 1


def test_original_schema_is_answered_on_request(served: Any) -> None:
    car = served.get("car-twin", params={"schema": "v1"}).json()
    assert {"current_state", "predictions", "strategy_metrics"} <= set(car)
    assert "tire" in car["current_state"]
    assert served.get("field-twin", params={"schema": "v1"}).status_code == 200


def test_environment_says_what_is_simulated(served: Any) -> None:
    found = served.get("environment").json()
    assert found["simulated"] is True
    assert found["lap"] == 9
    assert found["circuit_id"] == "monza"


def test_plans_and_advice_of_a_car_that_nobody_follows(served: Any) -> None:
    car = served.get("cars").json()[4]["car_id"]
    answer = DeskAnswer.model_validate_json(served.get("strategy/plans", params={"car_id": car}).content)
    assert answer.car_id == car
    assert answer.plans[0].rank == 1
    assert answer.receipt.state_hash
    advice = [
        Recommendation.model_validate(r) for r in served.get("strategy-recommendations", params={"car_id": car}).json()
    ]
    assert advice
    assert {r.priority.value for r in advice} <= {"urgent", "moderate", "optional"}


@pytest.mark.parametrize(
    ("kind", "aim"), [("plans", "win"), ("sensitivity", "points"), ("team", "points"), ("responses", "position")]
)
def test_the_desk_answers_longer_questions_as_it_does_at_home(served: Any, kind: Any, aim: str) -> None:
    car = served.get("cars").json()[2]["car_id"]
    answer = served.post("strategy/desk", json={"car_id": car, "kind": kind, "objective": aim})
    assert answer.status_code == 200, answer.text
    state = served.call(lambda: served.runner.engine.twin.race_state())
    desk = StrategyDesk(settings().model_copy(update={"races": RACES}))
    home = deliberate(desk, state, car, kind, aim)
    assert _timeless(DeskReply.model_validate_json(answer.content)) == _timeless(home)
    refused = served.post("strategy/desk", json={"car_id": car, "kind": kind, "objective": "glory"})
    assert kind == "team" or (refused.status_code, "glory" in refused.json()["detail"]) == (409, True)


def test_the_fan_and_a_plan_of_ones_own_are_those_of_the_race_model(served: Any) -> None:
    car, rival = (c["car_id"] for c in served.get("cars").json()[2:4])
    state = served.call(lambda: served.runner.engine.twin.race_state())
    stops, against = [{"lap": 25, "compound": "HARD"}], [{"lap": 30, "compound": "HARD"}]
    ours, theirs = (PitPlan((PlannedStop(**s[0]),)) for s in (stops, against))
    fan = served.post("race-fan", json={"car_id": car, "stops": stops, "reference": rival})
    assert RaceFan.model_validate_json(fan.content) == race_fan(state, car, ours, reference=rival)
    question = {"car_id": car, "stops": stops, "against": against, "lever": "sc@20"}
    trial = PlanTrial.model_validate_json(served.post("strategy/try", json=question).content)
    assert trial == try_plan(state, car, ours, theirs, lever="sc@20")
    assert served.post("race-fan", json={"car_id": "99"}).status_code == 404
    past = served.post("strategy/try", json=question | {"stops": [{"lap": 2, "compound": "HARD"}]})
    assert past.status_code == 409, past.text


def _timeless(reply: DeskReply) -> dict[str, Any]:
    """Return an answer without what it took to compute."""
    whole = reply.model_dump()
    for answer in (whole["answer"], (whole["responses"] or {}).get("answer")):
        if answer:
            answer.pop("elapsed_s")
    return whole


def test_same_question_same_bytes(served: Any) -> None:
    car = served.get("cars").json()[2]["car_id"]
    one = served.get("strategy/plans", params={"car_id": car})
    other = served.get("strategy/plans", params={"car_id": car})
    assert one.content == other.content
    assert one.headers["etag"] == other.headers["etag"]


def test_nothing_new_costs_nothing(served: Any) -> None:
    first = served.get("field-twin")
    again = served.get("field-twin", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert served.get("field-twin", headers={"If-None-Match": '"other"'}).status_code == 200


def test_cache_follows_the_state_not_the_clock(race: list[TelemetryFrame], tmp_path: Path, serve_frames: Any) -> None:
    with serve_frames(race[:60], tmp_path) as server:
        before = server.get("telemetry")
        number = server.call(lambda: server.runner.ingest(race[60]))
        server.call(server.runner.publish)
        after = server.get("telemetry")
        assert number is not None
        assert after.json()["seq"] == race[60].seq != before.json()["seq"]
        assert after.headers["etag"] != before.headers["etag"]


def test_time_travel(served: Any) -> None:
    then = served.get("environment", params={"at": "5"}).json()
    assert then["lap"] == 6
    assert then["time_s"] < served.get("environment").json()["time_s"]
    assert max(r["lap"] for r in served.get("laps", params={"at": "5"}).json()) == 5
    at_time = served.get("telemetry", params={"at": f"{then['time_s']:.3f}s"}).json()
    assert at_time["time_s"] == pytest.approx(then["time_s"])
    assert served.get("environment", params={"at": "40"}).status_code == 404
    assert served.get("environment", params={"at": "yesterday"}).status_code == 422


def test_rejoin_between_whom(served: Any) -> None:
    car = served.get("cars").json()[3]["car_id"]
    found = Rejoin.model_validate_json(served.get("rejoin", params={"car_id": car}).content)
    assert found.car_id == car
    assert sum(found.position_probability.values()) == pytest.approx(1.0)
    sc = served.get("rejoin", params={"car_id": car, "track_status": "SC"}).json()
    assert sc["pit_loss_s"]["mean"] < found.pit_loss_s.mean


def test_pit_window_is_a_rejoin_for_each_lap_and_status(served: Any) -> None:
    car = served.get("cars").json()[3]["car_id"]
    window = [Rejoin.model_validate(r) for r in served.get("pit-window", params={"car_id": car, "laps": 3}).json()]
    now = Rejoin.model_validate_json(served.get("rejoin", params={"car_id": car}).content)
    assert [r.lap for r in window] == [now.lap + k for k in range(3) for _ in range(3)]
    assert window[0] == now
    assert served.get("pit-window", params={"car_id": car, "laps": 0}).status_code == 422


def test_what_if(served: Any) -> None:
    car = served.get("cars").json()[3]["car_id"]
    answer = served.post("strategy/what-if", json={"car_id": car, "lever": "sc"})
    assert answer.status_code == 200
    assert answer.json()["lever"]
    shown = served.get("strategy/plans", params={"car_id": car}).json()
    assert answer.json()["before"]["plans"] == shown["plans"]  # laid beside what is seen
    wrong = served.post("strategy/what-if", json={"car_id": car, "lever": "meteor@3"})
    assert wrong.status_code == 422
    assert "lever" in wrong.json()["detail"]
    assert served.post("strategy/what-if", json={"car_id": car, "lever": "sc@2"}).status_code == 409


def test_own_plans_are_raced(served: Any) -> None:
    car = served.get("cars").json()[0]["car_id"]
    question = {"car_id": car, "plans": [[{"lap": 25, "compound": "HARD"}], []], "n_races": 64, "seed": 3}
    one, other = served.post("simulate", json=question), served.post("simulate", json=question)
    assert one.status_code == 200
    assert one.json() == other.json()
    for outcome in one.json()["outcomes"]:
        assert sum(outcome["position_probability"]) == pytest.approx(1.0)
    late = served.post("simulate", json={**question, "plans": [[{"lap": 190, "compound": "HARD"}]]})
    assert late.status_code == 409


def test_unknown_car_names_the_cars(served: Any) -> None:
    answer = served.get("car-twin", params={"car_id": "999"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert "cars:" in answer.json()["detail"]


def test_before_the_first_frame_it_says_so(empty: Any) -> None:
    for path in ("car-twin", "field-twin", "telemetry", "environment", "strategy/plans", "laps", "snapshot"):
        answer = empty.get(path)
        assert answer.status_code == 503, path
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert "retry-after" in answer.headers
    assert empty.get("health").json()["components"]["twins"]["status"] == "waiting"


def test_health_counts_what_came_in(served: Any, race: list[TelemetryFrame]) -> None:
    health = served.get("health").json()
    assert health["frames_in"] == health["frames_processed"] >= len(race)
    assert health["components"]["feed"]["status"] == "ended"
    assert health["components"]["journal"]["status"] == "ok"


def test_sent_telemetry_is_acknowledged_once_it_is_kept(
    race: list[TelemetryFrame], tmp_path: Path, serve_frames: Any
) -> None:
    with serve_frames(race[:20], tmp_path, journal=True) as server:
        answer = server.post("telemetry", content=race[20].model_dump_json(exclude_none=True))
        assert answer.status_code == 202
        assert answer.json() == {"accepted": 1, "refused": 0, "last": 21}
        assert server.call(lambda: server.runner.journal.committed_upto) >= 21
        refused = server.post("telemetry", content=b"rubbish")
        assert refused.status_code == 422
        assert "one JSON object" in refused.json()["detail"]
        kinds = [r["kind"] for r in server.get("telemetry/rejected").json()]
        assert kinds == ["frame.not_json"]


def test_what_is_known_of_a_car_has_its_source_and_age(tmp_path: Path, race: list[Any], serve_frames: Any) -> None:
    with serve_frames(race[:30], tmp_path) as server:
        fuel = {**json.loads(race[29].model_dump_json()), "source": "garage", "seq": 0}
        fuel["cars"] = [{"car_id": fuel["cars"][0]["car_id"], "fuel_kg": 61.2}]
        assert server.post("telemetry", content=json.dumps(fuel)).json()["accepted"] == 1
        known = server.get("telemetry/known", params={"car_id": fuel["cars"][0]["car_id"]}).json()
        assert known["fuel_kg"]["value"] == 61.2
        assert known["fuel_kg"]["source"] == "garage"
        assert known["lap"]["source"] == race[0].source
        assert all(entry["age_s"] >= 0 for entry in known.values())
        assert "ers_store_j" not in known, "what nobody said is not there"
        assert server.get("telemetry/known", params={"car_id": "999"}).status_code == 404


def test_original_telemetry_is_taken_at_the_door(tmp_path: Path, serve_frames: Any) -> None:
    message = {
        "timestamp": 0.0,
        "lap": 12,
        "session_type": "race",
        "track_conditions": {"temperature": 31.0, "weather": "dry", "track_status": "green"},
        "cars": [
            {
                "car_id": "44",
                "driver": "HAM",
                "position": 1,
                "speed": 298.0,
                "tire": {"compound": "medium", "age": 11, "wear_level": 0.3},
                "fuel_level": 71.0,
                "lap_time": 92.1,
            }
        ],
    }
    with serve_frames([], tmp_path) as server:
        assert server.post("telemetry", json=message).json()["accepted"] == 1
        server.call(server.runner.publish)
        assert server.get("telemetry").json()["cars"][0]["tyre"]["compound"] == "MEDIUM"
        assert server.get("car-twin").json()["car_id"] == "44"


def test_schemas_are_published(served: Any) -> None:
    assert "cars" in served.get("schema/telemetry").json()["properties"]
    assert "car_id" in served.get("schema/car-twin").json()["properties"]
    kinds = served.get("schema/event").json()
    assert LapCompleted.__name__ in kinds["$defs"]
    assert served.get("schema/nonsense").status_code == 404


def test_everything_is_documented_with_examples(served: Any) -> None:
    spec = served.client.get("/openapi.json").json()
    paths = spec["paths"]
    for name in ("car-twin", "field-twin", "telemetry", "environment", "strategy-recommendations", "health"):
        assert f"/api/v1/{name}" in paths
    assert paths["/api/v1/car-twin"]["get"]["responses"]["200"]["content"]["application/json"]["example"]


def test_every_operation_shows_what_is_asked_and_what_is_answered(served: Any) -> None:
    bare = []
    for path, methods in served.client.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            shown = [*operation.get("requestBody", {}).get("content", {}).values()]
            shown += [p for p in operation.get("parameters", ()) if p["in"] == "path"]
            good = [r for status, r in operation["responses"].items() if status.startswith("2")]
            assert good
            shown += [content for r in good for content in r.get("content", {}).values()]
            if not all("example" in one or "examples" in one for one in shown):
                bare.append(f"{method.upper()} {path}")
    assert not bare, "run tests/api/refresh_examples.py"


def test_examples_are_what_they_say() -> None:
    from racetwin.api import examples
    from racetwin.api.answers import Environment

    CarTwinState.model_validate(examples.CAR_TWIN)
    Environment.model_validate(examples.ENVIRONMENT)
    TelemetryFrame.model_validate(examples.FRAME)


def test_control_of_a_replay(race: list[TelemetryFrame], tmp_path: Path, serve_frames: Any) -> None:
    with serve_frames(race, tmp_path, speed=50.0) as server:
        assert server.post("control", json={"action": "pause"}).status_code == 204
        assert server.call(lambda: server.runner.feed.paused)
        assert server.post("control", json={"action": "resume"}).status_code == 204
        assert server.post("control", json={"action": "speed", "value": 90}).status_code == 204
        assert server.call(lambda: server.runner.feed.speed) == 90
        assert server.post("control", json={"action": "speed"}).status_code == 422
        assert server.post("control", json={"action": "explode"}).status_code == 422


def test_telemetry_of_another_race_is_refused(race: list[TelemetryFrame], tmp_path: Path, serve_frames: Any) -> None:
    with serve_frames(race[:30], tmp_path) as server:
        other = race[30].model_copy(update={"race_id": "another-race"})
        assert server.post("telemetry", content=other.model_dump_json(exclude_none=True)).json()["refused"] == 1
        assert [r["kind"] for r in server.get("telemetry/rejected").json()] == ["race_id.other_race"]
        assert server.get("environment").json()["race_id"] == race[0].race_id
        health = server.get("health").json()
        assert health["frames_in"] == health["frames_processed"] == 31
