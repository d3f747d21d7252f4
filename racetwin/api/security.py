"""Who may do what: loopback without a token, everything wider with one; origins, body sizes and rates are limited.

Which secrets there are and what each allows is in :mod:`racetwin.tokens`.
"""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from racetwin.api.core import APIMetrics, Shortcut
from racetwin.api.problems import problem
from racetwin.config import Settings
from racetwin.errors import ConfigurationError
from racetwin.telemetry.datagrams import is_loopback
from racetwin.tokens import RANK, Role, tokens_of

OPEN_PATHS = frozenset({"/api/v1/version", "/healthz"})
"""Answered without a token: they say nothing of the race."""

MAX_BODY = 1 << 20
REQUESTS_PER_S = 2000.0
BURST = 4000.0
CLIENTS_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one server: tokens by secret, and whether it listens on loopback only."""

    tokens: tuple[tuple[bytes, Role], ...] = ()
    loopback: bool = True
    hosts: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """Read the policy from the settings; wider than loopback without a token is refused."""
        loopback = is_loopback(settings.host)
        tokens = tuple((word.encode(), role) for word, role in tokens_of(settings))
        if not loopback and not tokens:
            raise ConfigurationError(
                f"host: {settings.host} can be reached from other machines; set RACETWIN_TOKEN (or use 127.0.0.1)"
            )
        return cls(tokens, loopback, frozenset({settings.host}))

    def role(self, headers: Headers, query: bytes = b"") -> Role | None:
        """Return the role a request comes with, None if it has none."""
        if not self.tokens:
            return "control"
        given = headers.get("authorization", "")
        scheme, _, secret = given.partition(" ")
        if scheme.lower() != "bearer" or not secret:
            return None
        offered = secret.strip().encode()
        granted: Role | None = None
        for known, role in self.tokens:  # each is compared, so that timing tells nothing
            if hmac.compare_digest(known, offered):
                granted = role
        return granted

    def host_allowed(self, headers: Headers) -> bool:
        """Whether the Host header names this server: a page that was re-bound to our address names another."""
        if not self.loopback:
            return True
        try:
            host = urlsplit(f"//{headers.get('host', '')}").hostname
        except ValueError:
            return False
        return host is None or is_loopback(host) or host in self.hosts or host == "testserver"

    def origin_allowed(self, headers: Headers) -> bool:
        """Whether a browser page of this origin may talk to us; programs send no origin."""
        origin = headers.get("origin")
        if origin is None:
            return True
        try:
            page = urlsplit(origin).hostname
            own = urlsplit(f"//{headers.get('host', '')}").hostname
        except ValueError:
            return False
        return page is not None and (page == own or (self.loopback and is_loopback(page)))


def required_role(method: str, path: str) -> Role:
    """Return what a request must be allowed to do."""
    if path.startswith(("/api/v1/control", "/api/v1/strategy/advice")):
        return "control"
    if method == "POST" and path.rstrip("/") == "/api/v1/telemetry":
        return "ingest"
    return "read"


class Buckets:
    """A token bucket for each client: so many requests a second, so many at once."""

    def __init__(
        self, rate: float = REQUESTS_PER_S, burst: float = BURST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rate, self.burst, self.clock = rate, burst, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> bool:
        """Take one from the client's bucket; False if it is empty."""
        now = self.clock()
        left, then = self._left.pop(client, (self.burst, now))
        left = min(self.burst, left + (now - then) * self.rate)
        self._left[client] = (max(left - 1.0, 0.0), now)
        while len(self._left) > CLIENTS_REMEMBERED:
            self._left.popitem(last=False)
        return left >= 1.0


class Guard:
    """ASGI middleware: host, origin, token, rate and body size are checked before anything else; every request is counted."""

    def __init__(
        self,
        app: ASGIApp,
        policy: Policy,
        metrics: APIMetrics,
        shortcut: Shortcut | None = None,
        buckets: Buckets | None = None,
    ) -> None:
        self.app = app
        self.shortcut = shortcut
        self.policy = policy
        self.metrics = metrics
        self.buckets = buckets or Buckets()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            status, reason, detail = refusal
            self.metrics.refused.labels(reason).inc()
            if scope["type"] == "websocket":
                await receive()  # the handshake; refused with 403 before it is accepted
                await send({"type": "websocket.close", "code": 1008, "reason": detail})
            else:
                headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
                await problem(status, detail, headers=headers)(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
        elif not await self._short(scope, send):
            await self._measured(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        headers = Headers(scope=scope)
        policy = self.policy
        client = scope.get("client")
        if not self.buckets.take(client[0] if client else "local"):
            return 429, "rate", "too many requests; try again in a second"
        if not policy.host_allowed(headers):
            return 421, "host", "this server is not known by that name"
        if not policy.origin_allowed(headers):
            return 403, "origin", f"pages from {headers.get('origin', '')[:100]} may not use this engine"
        path = scope["path"]
        if path not in OPEN_PATHS:
            role = policy.role(headers)
            if role is None:
                return 401, "token", "a token is needed: 'Authorization: Bearer ...'"
            needed = required_role(scope.get("method", "GET"), path)
            if RANK[role] < RANK[needed]:
                return 403, "role", f"this needs the role '{needed}'; the token has '{role}'"
            scope.setdefault("state", {})["role"] = role
        length = headers.get("content-length")
        if length is not None and (not length.isdigit() or int(length) > MAX_BODY):
            return 413, "body", f"the body may have at most {MAX_BODY} bytes"
        return None

    async def _short(self, scope: Scope, send: Send) -> bool:
        """Answer a request that was answered before in this state; False if it was not."""
        if self.shortcut is None or scope["method"] != "GET":
            return False
        began = time.perf_counter()
        found = self.shortcut.find(scope["path"], scope["query_string"])
        if found is None:
            return False
        route, body, tag = found
        headers = [(b"etag", tag.encode()), (b"cache-control", b"no-cache"), (b"x-content-type-options", b"nosniff")]
        known = next((v for k, v in scope["headers"] if k == b"if-none-match"), b"").decode("latin-1")
        status = 304 if tag in [t.strip().removeprefix("W/") for t in known.split(",")] else 200
        if status == 200:
            headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body if status == 200 else b""})
        self.metrics.seen(route, "GET", status, time.perf_counter() - began)
        return True

    async def _measured(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        status = 500
        received = 0
        too_long = False

        async def limited() -> Message:
            nonlocal received, too_long
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > MAX_BODY:  # chunked: no Content-Length to go by
                    too_long = True
                    return {"type": "http.disconnect"}
            return message

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-content-type-options", b"nosniff")]
            await send(message)

        try:
            await self.app(scope, limited, watched)
        except Exception as error:
            if too_long:
                self.metrics.refused.labels("body").inc()
                await problem(413, f"the body may have at most {MAX_BODY} bytes")(scope, receive, watched)
            elif isinstance(error, ClientDisconnect):
                self.metrics.refused.labels("left").inc()  # in the middle of its own request
            else:
                raise
        finally:
            route = scope.get("route")
            name = getattr(route, "path", "other")
            self.metrics.seen(name, scope["method"], status, time.perf_counter() - began)
