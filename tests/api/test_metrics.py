"""What Prometheus makes of ``/api/v1/metrics``, read with the parser of its own client library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from racetwin.schemas import TelemetryFrame

pytestmark = pytest.mark.integration


def scraped(server: Any) -> dict[str, Metric]:
    answer = server.get("metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = list(text_string_to_metric_families(answer.text))
    names = [family.name for family in families]
    assert sorted(set(names)) == sorted(names), "a family is told twice"
    return {family.name: family for family in families}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    (found,) = (s.value for f in families.values() for s in f.samples if s.name == name and s.labels == labels)
    return float(found)


def test_names_and_types_are_as_prometheus_wants_them(served: Any) -> None:
    served.get("environment")
    families = scraped(served)
    asked = [s for s in families["racetwin_http_requests"].samples if s.labels["route"] == "/api/v1/environment"]
    assert ("GET", "200") in [(s.labels["method"], s.labels["status"]) for s in asked]
    for family in families.values():
        assert family.documentation, family.name
        assert family.type in ("counter", "gauge", "histogram", "summary"), family.name
        seen = set()
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter"), sample.name
            assert "quantile" not in sample.labels or family.type == "summary", sample.name
            assert (sample.name, *sample.labels.items()) not in seen, sample
            seen.add((sample.name, *sample.labels.items()))


def test_a_summary_is_whole(served: Any) -> None:
    stages = scraped(served)["racetwin_stage_seconds"]
    of = {s.labels["stage"] for s in stages.samples}
    assert {"ingest", "publish"} <= of
    for stage in of:
        low, mid, high = (value({"": stages}, stages.name, stage=stage, quantile=q) for q in ("0.5", "0.95", "0.99"))
        assert 0 <= low <= mid <= high
        n, total = (value({"": stages}, f"{stages.name}_{part}", stage=stage) for part in ("count", "sum"))
        assert n >= 1
        assert total >= 0


def test_counters_are_those_of_the_engine_and_only_grow(
    race: list[TelemetryFrame], tmp_path: Path, serve_frames: Any
) -> None:
    with serve_frames(race[:40], tmp_path) as server:
        first = scraped(server)
        assert value(first, "racetwin_frames_in_total") == 40
        server.post("telemetry", json={"nonsense": 1})
        server.call(lambda: server.runner.ingest(race[40]))
        later = scraped(server)
        assert value(later, "racetwin_frames_in_total") == server.get("health").json()["frames_in"] > 40
        kinds = {s.labels["kind"]: s.value for s in later["racetwin_rejected"].samples}
        assert sum(kinds.values()) == value(later, "racetwin_frames_rejected_total") == 1
        for family in first.values():
            if family.type == "counter":
                for sample in family.samples:
                    assert value(later, sample.name, **sample.labels) >= sample.value
