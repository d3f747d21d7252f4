"""Routes about the engine itself: health, versions, performance, metrics."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from racetwin import __version__
from racetwin.api.answers import Answers, encode
from racetwin.api.core import ROOT, APIMetrics
from racetwin.api.queries import only_known_queries
from racetwin.runtime.face import EngineFace
from racetwin.schemas import FRAME_VERSION, Model

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Version(Model):
    """Versions of what answers."""

    racetwin: str
    api: str
    frame: str
    python: str


class Health(Model):
    """State of each part; ``frames_in == frames_processed`` while the engine keeps up."""

    status: str
    version: str
    run_id: str
    race_id: str | None
    frames_in: int
    frames_processed: int
    components: dict[str, dict[str, Any]]
    alarms: list[dict[str, Any]]


def router(answers: Answers, metrics: APIMetrics) -> APIRouter:
    """Return the routes about one engine."""
    api = APIRouter(prefix=ROOT, tags=["system"], dependencies=[Depends(only_known_queries)])
    face, cache = answers.face, answers.cache
    engine = CollectorRegistry()
    engine.register(_Now(face))

    @api.get("/health", responses={200: {"model": Health}})
    async def health() -> Response:
        """State of each part, with ages; ``status`` is ``ok`` or ``degraded``."""
        return Response(encode(dict(face.health())), media_type="application/json")

    @api.get("/version", responses={200: {"model": Version}})
    async def version() -> Version:
        """Versions of what answers."""
        return Version(racetwin=__version__, api="v1", frame=FRAME_VERSION, python=platform.python_version())

    @api.get("/system/performance", responses={200: {"model": dict[str, Any]}})
    async def performance(
        newest: Annotated[
            int | None, Query(ge=1, le=100_000, description="percentiles over so many of the newest passes only")
        ] = None,
    ) -> Response:
        """Latency by stage, memory, cache."""
        kept = {"hits": cache.hits, "misses": cache.misses}
        return Response(encode({**face.monitor.performance(newest), "cache": kept}), media_type="application/json")

    @api.get("/metrics", response_class=Response, responses={200: {"content": {METRICS_TYPE: {}}}})
    async def prometheus() -> Response:
        """Everything that is counted, for Prometheus."""
        return Response(metrics.exposition() + generate_latest(engine), media_type=METRICS_TYPE)

    return api


def families(face: EngineFace) -> Iterator[Metric]:
    """Yield the engine's counters, gauges and latencies as Prometheus understands them, read now."""
    counters, monitor = face.engine.counters(), face.monitor
    for name, value, text in (
        ("frames_in", counters.frames_in, "Frames handed over by the feeds"),
        ("frames_processed", counters.frames_processed, "Frames that are through"),
        ("frames_accepted", counters.frames_accepted, "Frames the twins have seen"),
        ("frames_rejected", counters.frames_rejected, "Frames refused"),
        ("events", counters.events, "Events derived from frames"),
        ("subscriber_drops", face.drops, "Updates that slow subscribers skipped"),
        ("desk_answers", face.engine.desk_status().answers, "Answers of the strategy desk"),
        ("processor_seconds", time.process_time(), "Processor time of the engine's process"),
    ):
        yield CounterMetricFamily(f"racetwin_{name}", text, value=value)
    rejected = CounterMetricFamily("racetwin_rejected", "Refused input by what was wrong with it", labels=("kind",))
    for kind, count in counters.rejected_by_kind.items():
        rejected.add_metric((kind,), count)
    yield rejected
    for name, gauge, text in (
        ("subscribers", face.subscribers, "Subscribers on the WebSocket"),
        ("frame_age_seconds", monitor.frame_age_s or 0.0, "Since the newest frame came in"),
        ("alarms", len(monitor.alarms), "Alarms that are up"),
    ):
        yield GaugeMetricFamily(f"racetwin_{name}", text, value=gauge)
    snapshot = face.publisher.snapshot
    if snapshot is not None:
        queues = GaugeMetricFamily("racetwin_queue", "What waits, by what it is", labels=("queue",))
        for name, depth in snapshot.health.queues.items():
            queues.add_metric((name,), depth)
        yield queues
        ages = GaugeMetricFamily("racetwin_feed_age_seconds", "Since a feed last said anything", labels=("feed",))
        for feed in snapshot.health.feeds:
            ages.add_metric((feed.name,), feed.age_s if feed.age_s is not None else math.nan)
        yield ages
    performance = monitor.performance()
    stages = Metric("racetwin_stage_seconds", "Latency of a stage; quantiles are of the newest passes", "summary")
    for stage, figures in performance.items():
        if isinstance(figures, dict):
            for quantile, key in (("0.5", "p50_ms"), ("0.95", "p95_ms"), ("0.99", "p99_ms")):
                stages.add_sample(stages.name, {"stage": stage, "quantile": quantile}, figures[key] / 1000)
            stages.add_sample(f"{stages.name}_count", {"stage": stage}, figures["count"])
            stages.add_sample(f"{stages.name}_sum", {"stage": stage}, figures["mean_ms"] * figures["count"] / 1000)
    yield stages
    if performance["memory_mib"] is not None:
        yield GaugeMetricFamily("racetwin_memory_bytes", "Resident memory", value=performance["memory_mib"] * 2**20)


class _Now:
    """The engine as it is when it is scraped."""

    def __init__(self, face: EngineFace) -> None:
        self._face = face

    def collect(self) -> Iterable[Metric]:
        return families(self._face)
