"""Routes about the engine itself: health, versions, performance, metrics."""

from __future__ import annotations

import math
import platform
import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from racetwin import __version__
from racetwin.api.answers import Answers, encode
from racetwin.api.core import APIMetrics
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
    api = APIRouter(tags=["system"], dependencies=[Depends(only_known_queries)])
    face, cache = answers.face, answers.cache

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
        return Response(metrics.exposition() + gauges(face), media_type=METRICS_TYPE)

    return api


def gauges(face: EngineFace) -> bytes:
    """Return the engine's counters and latencies in Prometheus's text format, read now."""
    registry = CollectorRegistry()
    counters = face.engine.counters()
    for name, value, text in (
        ("frames_in_total", counters.frames_in, "Frames handed over by the feeds"),
        ("frames_processed_total", counters.frames_processed, "Frames that are through"),
        ("frames_accepted_total", counters.frames_accepted, "Frames the twins have seen"),
        ("frames_rejected_total", counters.frames_rejected, "Frames refused"),
        ("events_total", counters.events, "Events derived from frames"),
        ("subscribers", face.subscribers, "Subscribers on the WebSocket"),
        ("subscriber_drops_total", face.drops, "Updates that slow subscribers skipped"),
        ("frame_age_seconds", face.monitor.frame_age_s or 0.0, "Since the newest frame came in"),
        ("desk_answers_total", face.engine.desk_status().answers, "Answers of the strategy desk"),
        ("alarms", len(face.monitor.alarms), "Alarms that are up"),
        ("processor_seconds_total", time.process_time(), "Processor time of the engine's process"),
    ):
        Gauge(f"racetwin_{name}", text, registry=registry).set(value)
    snapshot = face.publisher.snapshot
    if snapshot is not None:
        queues = Gauge("racetwin_queue", "What waits, by what it is", ("queue",), registry=registry)
        for name, depth in snapshot.health.queues.items():
            queues.labels(name).set(depth)
        ages = Gauge("racetwin_feed_age_seconds", "Since a feed last said anything", ("feed",), registry=registry)
        for feed in snapshot.health.feeds:
            ages.labels(feed.name).set(feed.age_s if feed.age_s is not None else math.nan)
    rejected = Gauge("racetwin_rejected_total", "Refused input by what was wrong with it", ("kind",), registry=registry)
    for kind, count in counters.rejected_by_kind.items():
        rejected.labels(kind).set(count)
    stages = Gauge("racetwin_stage_seconds", "Latency of a stage", ("stage", "quantile"), registry=registry)
    for stage, figures in face.monitor.performance().items():
        if isinstance(figures, dict):
            for quantile, key in (("0.5", "p50_ms"), ("0.95", "p95_ms"), ("0.99", "p99_ms")):
                stages.labels(stage, quantile).set(figures[key] / 1000)
        elif stage == "memory_mib" and figures is not None:
            Gauge("racetwin_memory_bytes", "Resident memory", registry=registry).set(figures * 2**20)
    return generate_latest(registry)
