"""Write ``racetwin/api/examples.json``: questions put to a simulated race and its answers, cut to a length that can be read.

Run it after a route or a model has changed: ``python tests/api/refresh_examples.py``.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))
TARGET = ROOT / "racetwin" / "api" / "examples.json"
MOST = 2
"""Elements of a list, and cars of a mapping, that an example shows."""


def short(value: Any) -> Any:
    """Return a value with its lists and its mappings by car cut short."""
    if isinstance(value, list):
        return [short(v) for v in value[:MOST]]
    if isinstance(value, dict):
        items = list(value.items())
        if len(items) > MOST and all(k.isdigit() for k in value):
            items = items[:MOST]
        return {k: short(v) for k, v in items}
    return value


def first_lines(text: str) -> str:
    """Return the beginning of a text."""
    return "\n".join(text.splitlines()[:6]) + "\n"


def main() -> int:
    from builders.engines import engine, free_port, wait

    from racetwin import LiveRace

    port = free_port()
    root = f"http://127.0.0.1:{port}/api/v1"
    questions: dict[str, Any] = {}
    answers: dict[str, Any] = {}
    failed = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        engine(Path(folder), port, "--simulated", "--speed", "60"),
        contextlib.ExitStack() as stack,
    ):
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=180, trust_env=False)
        wait(lambda: client.get("/api/v1/environment").json()["lap"] >= 6, 300, "a few laps are run")
        client.post("/api/v1/control", json={"action": "pause"})
        car = client.get("/api/v1/cars").json()[0]["car_id"]
        live = stack.enter_context(LiveRace.connect(f"http://127.0.0.1:{port}", follow=car))
        live.wait_for(lambda s: bool(s.advice.get(car)), timeout=300)
        client.post("/api/v1/telemetry", content=b'{"lap": "many"}')
        frame = short(client.get("/api/v1/telemetry").json())
        schema = client.get("/openapi.json").json()
        plans = client.get("/api/v1/strategy/plans", params={"car_id": car}).json()
        advice = live.wait_for(lambda s: bool(s.advice.get(car))).advice[car][0].id
        stops = [{"lap": s["lap"], "compound": s["compound"]} for s in plans["plans"][0]["stops"]]
        bodies: dict[str, Any] = {
            "/api/v1/strategy/what-if": {"car_id": car, "lever": "sc"},
            "/api/v1/simulate": {"car_id": car, "plans": [stops]},
            "/api/v1/strategy/try": {"car_id": car, "stops": stops, "against": []},
            "/api/v1/strategy/ask": {"car_id": car, "question": "why not now?"},
            "/api/v1/strategy/advice/{advice_id}": {"action": "accept"},
            "/api/v1/strategy/desk": {"car_id": car, "kind": "sensitivity"},
            "/api/v1/race-fan": {"car_id": car},
            "/api/v1/telemetry": {
                name: frame[name] for name in ("version", "source", "seq", "time_s", "race_id", "lap", "cars")
            },
            "/api/v1/control": {"action": "pause"},
        }
        places = {"advice_id": advice, "name": "rejoin"}
        for path, methods in schema["paths"].items():
            for method, operation in methods.items():
                name = f"{method.upper()} {path}"
                body = bodies[path] if "requestBody" in operation else None
                answer = client.request(method.upper(), path.format(**places), json=body)
                if not answer.is_success:
                    print(f"{name}: {answer.status_code} {answer.text[:300]}", file=sys.stderr)
                    failed += 1
                    continue
                used = {k: v for k, v in places.items() if "{" + k + "}" in path}
                asked = {"path": used, "body": body}
                if any(asked.values()):
                    questions[name] = {k: v for k, v in asked.items() if v}
                if answer.content:
                    kind = answer.headers["content-type"]
                    answers[name] = short(answer.json()) if "json" in kind else first_lines(answer.text)
    told = {"questions": questions, "answers": answers}
    TARGET.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(answers)} answers in {TARGET.relative_to(ROOT)}, {failed} failed; {root} is gone")
    return failed


if __name__ == "__main__":
    sys.exit(main())
