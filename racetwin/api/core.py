"""Answers kept until the state they rest on changes, and what is counted of requests."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.exposition import generate_latest

disable_created_metrics()  # type: ignore[no-untyped-call]  # the Prometheus client has no types there
ROOT = "/api/v1"
"""Where the routes begin; each router has it, so that a request is counted under the whole path of its route."""
LATENCY_BUCKETS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class APICache:
    """Remembers encoded answers by what they rest on: an answer is stale when its state has changed, not when it is old.

    Examples
    --------
    >>> cache = APICache()
    >>> cache.get("environment", version=7, make=lambda: b"{}")[0]
    b'{}'
    >>> cache.hits, cache.misses
    (0, 1)
    """

    def __init__(self, size: int = 512) -> None:
        self.size = size
        self.hits = 0
        self.misses = 0
        self._kept: OrderedDict[Hashable, tuple[Hashable, bytes, str]] = OrderedDict()

    def get(self, key: Hashable, version: Hashable, make: Callable[[], bytes]) -> tuple[bytes, str]:
        """Return the body for ``key`` in ``version`` and its entity tag, made only if it is not known."""
        found = self._kept.get(key)
        if found is not None and found[0] == version:
            self.hits += 1
            self._kept.move_to_end(key)
            return found[1], found[2]
        self.misses += 1
        body = make()
        tag = f'"{zlib.crc32(body):08x}-{len(body):x}"'
        self._kept[key] = (version, body, tag)
        self._kept.move_to_end(key)
        while len(self._kept) > self.size:
            self._kept.popitem(last=False)
        return body, tag


class Shortcut:
    """Answers to exact requests while the published state stands: repeated ones need no routing and no validation.

    ``version`` tells which state is published now; an answer noted under another one is not given any more.
    """

    def __init__(self, version: Callable[[], Hashable], size: int = 1024) -> None:
        self._version = version
        self._size = size
        self._at: Hashable = None
        self._kept: dict[tuple[str, bytes], tuple[str, bytes, str]] = {}
        self.hits = 0

    def note(self, path: str, query: bytes, route: str, body: bytes, tag: str) -> None:
        """Keep the answer to a request for as long as the state stands."""
        self._renew()
        if len(self._kept) < self._size and len(query) <= 200:
            self._kept[path, query] = (route, body, tag)

    def find(self, path: str, query: bytes) -> tuple[str, bytes, str] | None:
        """Return ``(route, body, entity tag)`` of a request that was answered in this state, or None."""
        self._renew()
        found = self._kept.get((path, query))
        self.hits += found is not None
        return found

    def _renew(self) -> None:
        now = self._version()
        if now != self._at:
            self._kept.clear()
            self._at = now


class APIMetrics:
    """Requests by route and status, their latency, and refusals by reason, as Prometheus wants them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "racetwin_http_requests", "Requests by route, method and status", ("route", "method", "status"),
            registry=self.registry,
        )  # fmt: skip
        self.latency = Histogram(
            "racetwin_http_request_seconds", "Time from request to answer", ("route",),
            buckets=LATENCY_BUCKETS, registry=self.registry,
        )  # fmt: skip
        self.refused = Counter(
            "racetwin_refused", "Requests and connections refused before they reached a route", ("reason",),
            registry=self.registry,
        )  # fmt: skip
        self.connections = Counter(
            "racetwin_connections", "Connections by what came of them", ("outcome",), registry=self.registry,
        )  # fmt: skip

    def seen(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request."""
        self.requests.labels(route, method, str(status)).inc()
        self.latency.labels(route).observe(seconds)

    def exposition(self) -> bytes:
        """Return the metrics in Prometheus's text format."""
        return generate_latest(self.registry)
