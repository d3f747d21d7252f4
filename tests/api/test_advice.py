"""Advice over REST: a strategist decides, everybody sees it, and asks why."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from racetwin.api.security import required_role
from racetwin.schemas import FollowUp, Recommendation, TelemetryFrame

pytestmark = pytest.mark.integration


def test_deciding_needs_the_role_control_and_asking_does_not() -> None:
    assert required_role("POST", "/api/v1/strategy/advice/55-stop-20") == "control"
    assert required_role("POST", "/api/v1/strategy/ask") == "read"


def test_advice_is_pinned_and_the_next_viewer_sees_it(
    race: list[TelemetryFrame], tmp_path: Path, serve_frames: Any
) -> None:
    car = race[-1].cars[2].car_id
    with serve_frames(race, tmp_path, follow=(car,)) as server:
        _pin_and_look(server, car)


def _pin_and_look(served: Any, car: str) -> None:
    for _ in range(600):
        given = served.get("snapshot").json().get("advice", {}).get(car, ())
        if given:
            break
        time.sleep(0.1)
    advice = [Recommendation.model_validate(r) for r in given]
    (stop,) = (r for r in advice if r.kind == "stop")
    assert stop.life is not None
    assert stop.checked is not None
    assert stop.checked.supported == stop.checked.claims > 0
    answer = served.post(f"strategy/advice/{stop.id}", json={"action": "pin", "by": "Anna"})
    assert answer.status_code == 200, answer.text
    for _ in range(100):  # the next snapshot has it
        shown = served.get("strategy-recommendations", params={"car_id": car}).json()
        life = next(r["life"] for r in shown if r["id"] == stop.id)
        if life["pinned"]:
            break
        time.sleep(0.1)
    assert (life["pinned"], life["by"]) == (True, "Anna")


def test_a_decision_about_nothing_or_of_a_wrong_kind_is_refused(served: Any) -> None:
    assert served.post("strategy/advice/99-stop-1", json={"action": "pin"}).status_code == 409
    assert served.post("strategy/advice/99-stop-1", json={"action": "shrug"}).status_code == 422


def test_a_follow_up_is_answered_with_its_facts(served: Any) -> None:
    car = served.get("cars").json()[2]["car_id"]
    answer = served.post("strategy/ask", json={"car_id": car, "question": "can we wait?"})
    assert answer.status_code == 200, answer.text
    found = FollowUp.model_validate(answer.json())
    known = {f.id for f in found.facts}
    assert found.sentences
    assert all(s.facts and set(s.facts) <= known for s in found.sentences)
    assert found.checked.supported == found.checked.claims
    refused = served.post("strategy/ask", json={"car_id": car, "question": "what is the weather like"})
    assert refused.status_code == 409
    assert "why not lap 27?" in refused.json()["detail"]
